// The page of `scan serve`: the parts "Imagine", "Hierarchy" and "Teach", and what a person does.

import { choose, current, drop, show, slide, undo } from "./picture.js";
import { $, ask, image, latest, make, outdate, tell, upload, uri } from "./requests.js";

// The concept that the expression `text` means; `plain` where it has no operator.
const state = { text: "", items: {}, plain: true, here: null, gathered: [] };

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

function showMeaning(answer, expression) {
  Object.assign(state, { items: answer.items, plain: answer.plain, text: expression });
  $("meaning").textContent = answer.plain || !Object.keys(answer.items).length ? answer.concept : `= ${answer.concept}`;
  for (const word of document.querySelectorAll(".word[data-value]")) {
    word.setAttribute("aria-pressed", String(answer.items[word.dataset.attribute] === word.dataset.value));
  }
}

let typing; // a check that waits until no key was pressed for a while

function checkLater() {
  clearTimeout(typing);
  typing = setTimeout(check, 250);
}

async function check() {
  const expression = $("expression").value;
  const answer = await latest("check", "parse", { expression }, showMistake);
  if (!answer) return;
  showMistake(null);
  showMeaning(answer, expression);
}

async function imagine() {
  clearTimeout(typing);
  outdate("check");
  const expression = $("expression").value;
  const isShown = () => $("expression").value === expression;
  const way = $("way").value;
  const seed = Number($("seed").value) || 0;
  const body = { expression, n: 16, seed, complete: way !== "learned", mean: way === "means" };
  const answer = await latest("imagine", "sym2img", body, (failure) => isShown() && showMistake(failure));
  if (!answer) return;
  if (isShown()) {
    showMistake(null);
    showMeaning(answer, expression);
  }
  const buttons = answer.images.map((png, i) => {
    const alt = `sample ${i + 1} of ${answer.concept}`;
    const title = Object.entries(answer.completions[i] ?? {}).map((item) => item.join(": ")).join(", ");
    return make("button", { type: "button", title, onclick: () => choose(png) }, image(png, alt));
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
  if (attribute && state.plain && state.text === field.value) {
    const items = { ...state.items };
    if (items[attribute] === value) delete items[attribute];
    else items[attribute] = value;
    const texts = [];
    for (const other of document.querySelectorAll(".word[data-value]")) {
      if (items[other.dataset.attribute] === other.dataset.value) texts.push(other.dataset.text);
    }
    field.value = texts.join(", ");
    Object.assign(state, { items, text: field.value });
  } else if (!typed || /(\(|,|\bAND|\bIN COMMON|\bIGNORE|\bOR|\bNOT|\*)$/i.test(typed)) {
    field.value = `${typed}${typed && !/[(*]$/.test(typed) ? " " : ""}${text}`;
  } else {
    const joined = typed.endsWith(")") || !state.plain || word.closest("#taught"); // a comma joins plain words
    field.value = `${typed}${joined ? " AND " : ", "}${text}`;
  }
  imagine();
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
  const note = answer.note && make("p", { textContent: answer.note });
  $("learned").replaceChildren(make("p", { textContent: `“${answer.name}”: ${answer.meaning}` }), note, row);
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
$("expression").addEventListener("input", checkLater);
$("seed").addEventListener("change", imagine);
$("way").addEventListener("change", imagine);
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
$("keep").addEventListener("click", () => keep(current(), "the picture"));
$("save").addEventListener("click", () => make("a", { href: uri(current()), download: "picture.png" }).click());
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
