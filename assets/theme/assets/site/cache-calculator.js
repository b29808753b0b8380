/* A calculator of caches: the reader's own model, and what each kind of attention keeps of its texts.

   `data` (made by shapes_of_attention.figures.cache_calculator): models to begin with, titles, tokens, sequences, bytes. */
import { chooser, element, styled } from "./attention-tools.js";

/** @typedef {Record<string, number>} Sizes */

/**
 * @typedef {object} Data
 * @property {({name: string} & Sizes)[]} models
 * @property {[string, string][]} titles of the kinds, in order
 * @property {number} tokens
 * @property {number} sequences
 * @property {number} bytes
 */

/**
 * Count the bytes that each kind of attention keeps, as shapes_of_attention.language_model.cache_size does.
 *
 * @param {Sizes} s
 * @returns {Record<string, number>}
 */
export function cacheBytes(s) {
  const pair = 2 * s.head_dim;
  const factor = s.layers * s.sequences * s.bytes;
  return {
    "multi-head": s.heads * pair * s.tokens * factor,
    "grouped-query": s.groups * pair * s.tokens * factor,
    "multi-query": pair * s.tokens * factor,
    latent: (s.latent_dim + s.rotary_dim) * s.tokens * factor,
    window: s.heads * pair * Math.min(s.tokens, s.window) * factor,
  };
}

/**
 * Write bytes with three digits or more, in the largest binary unit of which there is one once it is rounded. The
 * still picture's twin is shapes_of_attention.figures.cache_calculator.binary.
 *
 * @param {number} count
 */
export function binary(count) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const rounded = (/** @type {number} */ digits) => Number(count.toFixed(digits));
  let unit = 0;
  for (; rounded(0) >= 1024 && unit < units.length - 1; unit++) count /= 1024;
  const digits = unit === 0 || rounded(1) >= 100 ? 0 : rounded(2) >= 10 ? 1 : 2;
  const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return `${rounded(digits).toLocaleString("en", fixed)} ${units[unit]}`;
}

/** The fields, as readers call them; those of the second list matter to one kind of attention each. */
const FIELDS = {
  layers: "Layers",
  heads: "Heads",
  head_dim: "Width of a head",
  tokens: "Tokens of a text",
  sequences: "Texts at once",
};
const MORE = {
  groups: "Heads with keys (grouped)",
  latent_dim: "Width of the latent",
  rotary_dim: "Width of its rotary key",
  window: "Tokens in the window",
};
/** @type {[number, string][]} */
const PRECISIONS = [
  [4, "32 bits"],
  [2, "16 bits"],
  [1, "8 bits"],
  [0.5, "4 bits"],
];
const LARGEST = 1e9;

/**
 * @param {HTMLElement} box
 * @param {Data} data
 */
async function mountCalculator(box, data) {
  /** @type {Sizes} */
  const sizes = { tokens: data.tokens, sequences: data.sequences, bytes: data.bytes };
  /** @type {Map<string, HTMLInputElement>} */
  const inputs = new Map();

  const field = (/** @type {[string, string]} */ [key, title]) => {
    const input = element("input", { type: "number", min: 1, max: LARGEST, step: 1, inputmode: "numeric" });
    input.addEventListener("input", () => {
      // What is no number of at least one changes nothing; the field says so.
      const right = input.value !== "" && input.validity.valid;
      input.setAttribute("aria-invalid", String(!right));
      if (right) sizes[key] = input.valueAsNumber;
      show();
    });
    inputs.set(key, input);
    return element("label", { class: "calculator__field" }, element("span", {}, title), input);
  };

  const models = chooser("Begin with", (key) => take(data.models[Number(key)]));
  models.fill(
    data.models.map(({ name }, i) => [i, name]),
    0,
  );
  const precision = chooser("Precision", (key) => {
    sizes.bytes = Number(key);
    show();
  });
  precision.fill(PRECISIONS, data.bytes);
  const bars = data.titles.map(([kind, title]) => {
    const [bar, count, less] = [element("span", { class: "calculator__bar" }), element("b"), element("small")];
    const number = element("span", { class: "calculator__count" }, count, " ", less);
    const row = element("div", { class: "calculator__row" }, element("span", {}, title), bar, number);
    return { kind, row, bar, count, less };
  });
  const note = element("p", { class: "calculator__note", role: "status" });
  const more = element("details", { class: "calculator__more" }, element("summary", {}, "Groups, latent, window"));
  more.append(element("div", { class: "calculator__fields" }, ...Object.entries(MORE).map(field)));
  const fields = element("div", { class: "calculator__fields" }, ...Object.entries(FIELDS).map(field));
  const choices = element("div", { class: "calculator__choices" }, models.root, precision.root);
  const rows = element("div", { class: "calculator__rows" }, ...bars.map(({ row }) => row));
  box.append(element("div", { class: "calculator view-panel" }, choices, fields, more, rows, note));

  /** @param {{name: string} & Sizes} model */
  function take(model) {
    for (const [key, input] of inputs) {
      sizes[key] = model[key] ?? sizes[key]; // a model says nothing of texts
      input.value = String(sizes[key]);
      input.setAttribute("aria-invalid", "false");
    }
    show();
  }

  function show() {
    const found = cacheBytes(sizes);
    const whole = found["multi-head"];
    const most = Math.max(...Object.values(found));
    for (const { kind, bar, count, less } of bars) {
      bar.style.setProperty("--share", String(found[kind] / most));
      count.textContent = binary(found[kind]);
      const times = whole / found[kind];
      less.textContent = times > 1.05 ? `${times.toFixed(times < 9.95 ? 1 : 0)} times less` : "";
    }
    const wrong = [...inputs.values()].some((input) => input.getAttribute("aria-invalid") === "true");
    const uneven = sizes.heads % sizes.groups !== 0;
    note.textContent = wrong
      ? "Whole numbers from 1, please; until then the last good ones hold."
      : uneven
        ? `${sizes.heads} heads do not fall into ${sizes.groups} equal groups.`
        : "";
  }

  take(data.models[0]);
  await styled(box, new URL("cache-calculator.css", import.meta.url));
  return { purge: () => {} };
}

window.notebookEmbed.register("cache-calculator", mountCalculator);
