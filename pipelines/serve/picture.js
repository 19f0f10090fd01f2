// The part "Describe and change": one picture, its description, its latents.

import { $, latest, make, outdate, tell, upload, uri } from "./requests.js";

const state = { picture: null, past: [] };
let sliding = false;
let behind = false; // whether sliders have moved on since the latents that are shown

export async function drop(files) {
  if (!files.length) return;
  try {
    await choose(await upload(files[0]));
  } catch (failure) {
    tell(failure.error);
  }
}

export async function choose(encoded) {
  const answer = await latest("picture", "img2sym", { image: encoded });
  if (!answer) return;
  state.past = [];
  state.picture = null;
  show(answer, answer.note);
}

export function show(answer, note) {
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
    if (slider === document.activeElement && behind) continue;
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
  const changed = moved.length ? `Changed: ${moved.join("; ")}` : "No attribute of the description changed";
  show(answer, answer.reached === false ? `${changed}. It is not described as “${expression}”` : changed);
}

export async function slide(slider) {
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
    behind = sent !== positions().join();
    draw("Moved by hand");
  }
  behind = false;
  sliding = false;
}

function positions() {
  const latents = [...(state.picture?.latents ?? [])];
  for (const slider of document.querySelectorAll("[data-latent]")) latents[slider.dataset.latent] = Number(slider.value);
  return latents;
}

export function undo() {
  if (!state.past.length) return;
  outdate("picture");
  state.picture = state.past.pop();
  draw();
}

// The PNG of the picture.
export function current() {
  return state.picture.image;
}
