// What every part of the page uses: elements, and questions to the endpoints under api/.

export const $ = (id) => document.getElementById(id);
const turns = {};

export function make(tag, properties = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
}

export const uri = (png) => `data:image/png;base64,${png}`;
export const image = (png, alt) => make("img", { src: uri(png), alt });

export function tell(text) {
  $("status").textContent = text;
}

export async function ask(path, body, method = "POST") {
  for (let attempt = 0; ; attempt++) {
    const sent = { method, headers: { "content-type": "application/json" } };
    if (body) sent.body = JSON.stringify(body);
    let answer;
    try {
      answer = await fetch(`api/${path}`, sent);
    } catch {
      throw { error: "the server does not answer" };
    }
    if (answer.status === 503 && attempt < 3) {
      await new Promise((resolve) => setTimeout(resolve, 500 * (attempt + 1)));
      continue;
    }
    if (answer.status === 204) return null;
    const content = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
    if (!answer.ok) throw content;
    return content;
  }
}

// An answer, or undefined where a newer question of the same kind was asked meanwhile or it was refused.
export async function latest(kind, path, body, refused = (failure) => tell(failure.error)) {
  const turn = (turns[kind] = (turns[kind] ?? 0) + 1);
  try {
    const answer = await ask(path, body);
    if (turn !== turns[kind]) return undefined;
    tell("");
    return answer;
  } catch (failure) {
    if (turn === turns[kind]) refused(failure);
    return undefined;
  }
}

// A newer question of the same kind than any that is under way: their answers come too late.
export function outdate(kind) {
  turns[kind] = (turns[kind] ?? 0) + 1;
}

const base64 = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject({ error: `${file.name} cannot be read` });
    reader.readAsDataURL(file);
  });

// The content of a file that a person chose.
export async function upload(file) {
  const most = Number(document.body.dataset.maxBytes);
  if (file.size * 1.34 > most) throw { error: `${file.name} is too large: at most ${Math.floor(most / 1.4e6)} MB` };
  return base64(file);
}
