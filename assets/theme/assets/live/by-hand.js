/* Attention by hand: one query, three tokens, and two sliders that change what it finds.

   `data` (made by shapes_of_attention.figures.attention_by_hand): query, keys, values, names, length to begin with. */
import { element, styled } from "../site/attention-tools.js";

/**
 * @typedef {object} Data
 * @property {[number, number]} query
 * @property {[number, number][]} keys
 * @property {number[]} values
 * @property {string[]} names
 * @property {number} length
 */

/** @param {number} value @param {number} digits */
const fixed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");

/**
 * Attend: scores, weights, and the mean that they make of the values.
 *
 * @param {readonly number[]} query
 * @param {readonly (readonly number[])[]} keys
 * @param {readonly number[]} values
 */
export function attend(query, keys, values) {
  const scores = keys.map((key) => key.reduce((sum, part, i) => sum + part * query[i], 0));
  const powers = scores.map((score) => Math.exp(score - Math.max(...scores)));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const weights = powers.map((power) => power / total);
  return { scores, weights, mix: weights.reduce((sum, weight, i) => sum + weight * values[i], 0) };
}

/** @param {string} words @param {number} least @param {number} most @param {number} value @param {() => void} change */
function slider(words, least, most, value, change) {
  const range = { type: "range", min: String(least), max: String(most), step: "0.1", value: String(value) };
  const input = /** @type {HTMLInputElement} */ (element("input", range));
  const shown = element("output", {});
  input.addEventListener("input", change);
  return {
    root: element("label", { class: "by-hand__slider" }, element("span", {}, words), input, shown),
    input,
    shown,
  };
}

/**
 * @param {HTMLElement} box
 * @param {Data} data
 */
async function mountByHand(box, data) {
  const last = data.keys.length - 1;
  const loudness = slider("Length of the query", 0, 4, data.length, show);
  const key = slider(`Key of the last ${data.names[last]}`, -2, 4, data.keys[last][0], show);
  const columns = data.names.map((name, i) => {
    const [keyText, score, weight] = [element("span"), element("span"), element("span")];
    const bar = element("span", { class: "by-hand__bar" });
    const value = element("span", {}, String(data.values[i]));
    return { keyText, score, weight, bar, cells: [element("b", {}, name), keyText, score, weight, bar, value] };
  });
  const rows = ["", "key", "score", "weight", "", "value"].map((name, row) =>
    element(
      "div",
      { class: "by-hand__row" },
      element("span", { class: "by-hand__name" }, name),
      ...columns.map(({ cells }) => cells[row]),
    ),
  );
  const answer = element("p", { class: "by-hand__answer", "aria-live": "polite" });
  box.append(
    element(
      "div",
      { class: "by-hand view-panel" },
      loudness.root,
      key.root,
      element("div", { class: "by-hand__table" }, ...rows),
      answer,
    ),
  );

  function show() {
    const long = Number(loudness.input.value);
    const query = data.query.map((part) => part * long);
    const keys = data.keys.map((one, i) => (i === last ? [Number(key.input.value), one[1]] : one));
    const { scores, weights, mix } = attend(query, keys, data.values);
    loudness.shown.textContent = `\u00d7\u2009${fixed(long, 1)}`;
    key.shown.textContent = `(${fixed(keys[last][0], 1)}, ${keys[last][1]})`;
    columns.forEach((column, i) => {
      column.keyText.textContent = `(${fixed(keys[i][0], i === last ? 1 : 0)}, ${keys[i][1]})`;
      column.score.textContent = fixed(scores[i], 1);
      column.weight.textContent = fixed(weights[i], 3);
      column.bar.style.setProperty("--share", String(weights[i]));
    });
    answer.textContent = `The answer: ${fixed(mix, 2)}`;
  }

  show();
  await styled(box, new URL("by-hand.css", import.meta.url));
  return { purge: () => {} };
}

window.notebookEmbed.register("by-hand", mountByHand);
