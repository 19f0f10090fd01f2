// The page of `scan serve`: asks the endpoints under api/ and shows what they answer.

const $ = (id) => document.getElementById(id);
const state = { items: {}, plain: true, picture: null, past: [], here: null, gathered: [] };
const turns = {};

function make(tag, properties = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
}

const uri = (png) => `data:image/png;base64,${png}`;
const image = (png, alt) => make("img", { src: uri(png), alt });

function tell(text) {
  $("status").textContent = text;
}

async function ask(path, body, method = "POST") {
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
async function latest(kind, path, body, refused = (failure) => tell(failure.error)) {
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

// Imagine

function showMistake(failure) {
  const text = $("expression").value;
  const box = $("mistake");
  box.replaceChildren();
  box.hidden = !failure;
  $("expression").setAttribute("aria-invalid", String(Boolean(failure)));
  if (!failure) return;
  if (failure.start !== undefined) {
    // positions count characters, JavaScript's strings count UTF-16 units
    const characters = [...text];
    const part = (from, to) => characters.slice(from, to).join("");
    const wrong = part(failure.start, failure.end) || " ";
    const marked = make("mark", { textContent: wrong });
    box.append(make("pre", {}, part(0, failure.start), marked, part(failure.end)));
  }
  box.append(failure.error);
}

function showMeaning(answer) {
  state.items = answer.items;
  state.plain = answer.plain;
  $("meaning").textContent = answer.plain ? answer.concept : `= ${answer.concept}`;
  for (const word of document.querySelectorAll(".word[data-value]")) {
    word.setAttribute("aria-pressed", String(answer.items[word.dataset.attribute] === word.dataset.value));
  }
}

async function check() {
  const answer = await latest("ask", "parse", { expression: $("expression").value }, showMistake);
  if (!answer) return;
  showMistake(null);
  showMeaning(answer);
}

async function imagine() {
  const body = { expression: $("expression").value, n: 16, seed: Number($("seed").value) || 0 };
  const answer = await latest("ask", "sym2img", body, showMistake);
  if (!answer) return;
  showMistake(null);
  showMeaning(answer);
  const buttons = answer.images.map((png, i) => {
    const alt = `sample ${i + 1} of ${answer.concept}`;
    return make("button", { type: "button", onclick: () => choose(png) }, image(png, alt));
  });
  $("samples").replaceChildren(...buttons);
}

function again() {
  $("seed").value = (Number($("seed").value) || 0) + 1;
  imagine();
}

function insert(text) {
  const field = $("expression");
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.focus();
  check();
}

function press(word) {
  const field = $("expression");
  const { attribute, value, text } = word.dataset;
  const typed = field.value.trimEnd();
  if (attribute && state.plain && $("mistake").hidden) {
    const items = { ...state.items };
    if (items[attribute] === value) delete items[attribute];
    else items[attribute] = value;
    const texts = [];
    for (const other of document.querySelectorAll(".word[data-value]")) {
      if (items[other.dataset.attribute] === other.dataset.value) texts.push(other.dataset.text);
    }
    field.value = texts.join(", ");
  } else if (!typed || /(\(|,|\bAND|\bIN COMMON|\bIGNORE|\bOR|\bNOT|\*)$/i.test(typed)) {
    field.value = `${typed}${typed && !/[(*]$/.test(typed) ? " " : ""}${text}`;
  } else {
    field.value = `${typed}${typed.endsWith(")") ? " AND " : ", "}${text}`;
  }
  imagine();
}

// Describe and change

const base64 = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject({ error: `${file.name} cannot be read` });
    reader.readAsDataURL(file);
  });

async function upload(file) {
  const most = Number(document.body.dataset.maxBytes);
  if (file.size * 1.34 > most) throw { error: `${file.name} is too large: at most ${Math.floor(most / 1.4e6)} MB` };
  return base64(file);
}

async function drop(files) {
  if (!files.length) return;
  try {
    await choose(await upload(files[0]));
  } catch (failure) {
    tell(failure.error);
  }
}

async function choose(encoded) {
  const answer = await latest("picture", "img2sym", { image: encoded });
  if (!answer) return;
  state.past = [];
  state.picture = null;
  show(answer, answer.note);
}

function show(answer, note) {
  if (state.picture) state.past.push(state.picture);
  state.picture = answer;
  draw(note);
}

function draw(note = "") {
  const picture = state.picture;
  $("chosen").hidden = false;
  $("start").hidden = true;
  $("shown").src = uri(picture.image);
  $("rebuilt").src = uri(picture.reconstruction);
  $("note").textContent = note;
  $("undo").disabled = !state.past.length;
  const named = Object.entries(picture.concepts).map(([name, p]) => `${name} (${p.toFixed(2)})`);
  $("named").textContent = named.length ? `That is: ${named.join(", ")}` : "";
  for (const slider of document.querySelectorAll("[data-latent]")) {
    if (slider === document.activeElement && turns.sliding) continue;
    setSlider(slider, picture.latents[slider.dataset.latent]);
  }
  const open = new Set([...$("reading").querySelectorAll("details[open]")].map((d) => d.dataset.attribute));
  const focused = document.activeElement?.dataset?.key;
  $("reading").replaceChildren(...Object.keys(picture.probabilities).map((name) => attributeRow(name, open.has(name))));
  if (focused) [...$("reading").querySelectorAll("[data-key]")].find((e) => e.dataset.key === focused)?.focus();
}

function setSlider(slider, value) {
  slider.min = Math.min(-3, Math.floor(value));
  slider.max = Math.max(3, Math.ceil(value));
  slider.value = value;
  slider.nextElementSibling.value = Number(value).toFixed(2);
}

function attributeRow(name, open) {
  const { description, probabilities } = state.picture;
  const values = probabilities[name];
  const best = description[name] ?? "no";
  const p = values[best] ?? 1 - Math.max(...Object.values(values));
  const summary = make("summary", {}, `${name}:`, make("b", { textContent: best }));
  summary.dataset.key = name;
  summary.append(p.toFixed(2), make("meter", { value: p, min: 0, max: 1, ariaLabel: `probability of ${best}` }));
  const buttons = Object.entries(values).map(([value, chance]) => {
    const change = () => edit($("words").querySelector(selector(name, value)).dataset.text);
    const button = make("button", { type: "button", onclick: change }, `${value} `);
    button.append(make("small", { textContent: chance.toFixed(2) }));
    button.dataset.key = `${name}\n${value}`;
    button.setAttribute("aria-pressed", String(description[name] === value));
    return button;
  });
  const row = make("details", { open }, summary, make("div", { className: "values" }, ...buttons));
  row.dataset.attribute = name;
  return row;
}

function selector(attribute, value) {
  return `[data-attribute="${CSS.escape(attribute)}"][data-value="${CSS.escape(value)}"]`;
}

async function edit(expression) {
  const answer = await latest("picture", "edit", { image: state.picture.image, expression });
  if (!answer) return;
  const moved = answer.changes.map((m) => `${m.attribute}: ${m.before} → ${m.after}${m.asked ? "" : " (not asked for)"}`);
  show(answer, moved.length ? `Changed: ${moved.join("; ")}` : `“${expression}” changed no attribute of the description`);
}

let sliding = false;
async function slide(slider) {
  slider.nextElementSibling.value = Number(slider.value).toFixed(2);
  if (sliding) return; // the newest values are sent when the answer is there
  sliding = true;
  if (state.picture && !state.picture.slid) state.past.push(state.picture);
  for (let sent = null; sent !== positions().join(); ) {
    const latents = positions();
    sent = latents.join();
    const answer = await latest("picture", "decode", { latents });
    if (!answer) break;
    state.picture = { ...answer, slid: true };
    turns.sliding = sent !== positions().join();
    draw("Moved by hand");
  }
  turns.sliding = false;
  sliding = false;
}

function positions() {
  const latents = [...(state.picture?.latents ?? [])];
  for (const slider of document.querySelectorAll("[data-latent]")) latents[slider.dataset.latent] = Number(slider.value);
  return latents;
}

function undo() {
  if (!state.past.length) return;
  turns.picture = (turns.picture ?? 0) + 1;
  state.picture = state.past.pop();
  draw();
}

// Hierarchy

async function walk(expression) {
  const answer = await latest("walk", "hierarchy", { expression });
  if (!answer) return;
  state.here = answer;
  $("walked").hidden = false;
  $("use").disabled = false;
  $("here").textContent = answer.concept;
  $("here-samples").replaceChildren(...answer.images.map((png) => image(png, `a sample of ${answer.concept}`)));
  $("parents").replaceChildren(...answer.parents.map((n) => neighbour(n, `without ${n.attribute}`)));
  if (!answer.parents.length) $("parents").textContent = "This is the top.";
  const groups = Map.groupBy(answer.children, (n) => n.attribute);
  const parts = [...groups].map(([attribute, all]) => {
    const row = make("div", { className: "neighbours" }, ...all.map((n) => neighbour(n, n.value)));
    return make("fieldset", {}, make("legend", { textContent: attribute }), row);
  });
  $("children").replaceChildren(...parts);
  if (!parts.length) $("children").textContent = "Every attribute has a value.";
  $("here").focus({ preventScroll: true });
}

function neighbour(one, label) {
  const button = make("button", { type: "button", title: one.concept, onclick: () => walk(one.concept) });
  if (one.image) button.append(image(one.image, ""));
  button.append(make("span", { textContent: label }));
  return button;
}

// Teach

async function gather(files) {
  for (const file of files) {
    try {
      const answer = await ask("img2sym", { image: await upload(file) });
      keep(answer.image, file.name);
      tell("");
    } catch (failure) {
      tell(`${file.name}: ${failure.error}`);
    }
  }
}

function keep(png, name) {
  const entry = { png };
  entry.button = make("button", { type: "button", title: "remove" }, image(png, `${name}: remove`));
  entry.button.onclick = () => {
    state.gathered = state.gathered.filter((other) => other !== entry);
    entry.button.remove();
  };
  state.gathered.push(entry);
  $("gathered").append(entry.button);
}

async function teach() {
  const images = state.gathered.map((entry) => entry.png);
  if (!images.length) return tell("Teach: add a picture first");
  const answer = await latest("teach", "concepts", { name: $("name").value.trim(), images });
  if (!answer) return;
  const row = make("div", { className: "row" }, ...answer.images.map((png) => image(png, `a sample of ${answer.name}`)));
  $("learned").replaceChildren(make("p", { textContent: `“${answer.name}”: ${answer.meaning}` }), row);
  for (const entry of state.gathered) entry.button.remove();
  state.gathered = [];
  $("name").value = "";
  await showTaught();
}

async function showTaught() {
  const { taught } = await ask("model", null, "GET");
  const names = Object.keys(taught);
  const box = $("taught");
  box.hidden = !names.length;
  for (const old of box.querySelectorAll("button")) old.remove();
  for (const name of names) {
    const word = make("button", { type: "button", className: "word", textContent: name, title: taught[name] });
    word.dataset.text = name;
    box.append(word);
  }
  const entries = names.map((name) => {
    const forget = async () => {
      await ask(`concepts/${encodeURIComponent(name)}`, null, "DELETE").catch((failure) => tell(failure.error));
      await showTaught();
    };
    const button = make("button", { type: "button", textContent: "Forget", ariaLabel: `Forget ${name}`, onclick: forget });
    return make("li", {}, make("b", { textContent: name }), taught[name], button);
  });
  $("taught-list").replaceChildren(...entries);
}

// What a person does

$("ask").addEventListener("submit", (event) => (event.preventDefault(), imagine()));
let typing;
$("expression").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(check, 250);
});
$("seed").addEventListener("change", imagine);
$("again").addEventListener("click", again);
$("clear").addEventListener("click", () => (($("expression").value = ""), imagine()));
$("words").addEventListener("click", (event) => {
  const word = event.target.closest(".word");
  if (word) press(word);
});
for (const button of document.querySelectorAll("[data-insert]")) {
  button.addEventListener("click", () => insert(button.dataset.insert));
}
for (const slider of document.querySelectorAll("[data-latent]")) {
  slider.addEventListener("input", () => slide(slider));
}
$("undo").addEventListener("click", undo);
$("keep").addEventListener("click", () => keep(state.picture.image, "the picture"));
$("save").addEventListener("click", () => make("a", { href: uri(state.picture.image), download: "picture.png" }).click());
const latentCount = Number($("latents").dataset.count);
$("zero").addEventListener("click", async () => {
  const answer = await latest("picture", "decode", { latents: Array(latentCount).fill(0) });
  if (answer) show(answer, "The middle of the prior");
  $("latents").open = true;
});
$("walk").addEventListener("click", () => walk($("expression").value));
$("root").addEventListener("click", () => walk(""));
$("use").addEventListener("click", () => {
  $("expression").value = state.here.concept;
  imagine();
  $("expression").focus();
});
$("lesson").addEventListener("submit", (event) => (event.preventDefault(), teach()));

const receivers = { file: drop, examples: gather };
for (const [id, receive] of Object.entries(receivers)) {
  $(id).addEventListener("change", async () => {
    await receive([...$(id).files]);
    $(id).value = "";
  });
}
for (const zone of document.querySelectorAll("[data-drop]")) {
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragenter" || kind === "dragover");
      if (kind === "drop") receivers[zone.dataset.drop]([...event.dataTransfer.files]);
    });
  }
}
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
document.addEventListener("paste", (event) => drop([...(event.clipboardData?.files ?? [])]));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input:not([type=range])")) return;
  if (event.key === "n") again();
  if (event.key === "u") undo();
});

showTaught().catch((failure) => tell(failure.error));
imagine();
