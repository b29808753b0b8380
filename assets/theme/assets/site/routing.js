/* Routing, step by step: a patch of an image, the router's scores, the choice, the weights, the sum.

   `data` (made by shapes_of_attention.figures.experts): image, grid, patch, probabilities, bias, chosen, colours. */
import { cellAt, element, overGrid, percent, placeOf, stepper, styled } from "./attention-tools.js";

/**
 * @typedef {object} Data
 * @property {string} image
 * @property {number} grid
 * @property {number} patch
 * @property {number[][]} probabilities [patches, experts]
 * @property {number[]} bias
 * @property {number} chosen
 * @property {string[]} colours
 */

/**
 * Choose experts by probability and bias, best first, and weigh them by probability alone.
 *
 * @param {readonly number[]} probabilities
 * @param {readonly number[]} bias
 * @param {number} count
 */
export function choose(probabilities, bias, count) {
  const order = probabilities
    .map((share, expert) => ({ expert, share, sum: share + bias[expert] }))
    .sort((a, b) => b.sum - a.sum)
    .slice(0, count);
  const total = order.reduce((sum, { share }) => sum + share, 0);
  return order.map(({ expert, share }) => ({ expert, weight: share / total }));
}

const STEPS = ["1 Score", "2 Choose", "3 Weigh", "4 Work and add"];

/**
 * @param {HTMLElement} box
 * @param {Data} data
 */
async function mountRouting(box, data) {
  const { grid, colours } = data;
  const patches = data.probabilities.length;
  const none = data.bias.map(() => 0);
  let [patch, step] = [data.patch, 0];

  const marker = element("span", { class: "routing__patch" });
  const image = element("img", { src: data.image, alt: "", width: 256, height: 256 });
  const frame = element("div", { class: "routing__image" }, image, marker);
  const rows = data.bias.map((_, expert) => {
    const [bar, share, weight] = [element("span", { class: "routing__bar" }), element("span"), element("span")];
    bar.style.setProperty("--colour", colours[expert]);
    const name = element("span", {}, `Expert ${expert + 1}`);
    return { bar, share, weight, root: element("div", { class: "routing__row" }, name, bar, share, weight) };
  });
  const biased = element("input", { type: "checkbox" });
  biased.checked = true;
  const buttons = STEPS.map((title, number) => {
    const button = element("button", { class: "routing__step", type: "button" }, title);
    button.addEventListener("click", () => show({ step: number }));
    return button;
  });
  const words = element("p", { class: "routing__words", "aria-live": "polite" });
  const bias = element("label", { class: "routing__bias" }, biased, " Choose with the balancing bias");
  box.append(
    element(
      "div",
      { class: "routing view-panel" },
      element("div", { class: "routing__steps", role: "group", "aria-label": "Steps" }, ...buttons),
      frame,
      element("div", { class: "routing__experts" }, ...rows.map(({ root }) => root)),
      words,
      bias,
    ),
  );

  frame.addEventListener("click", (event) => {
    const { row, column } = cellAt(event, frame, grid);
    show({ patch: grid * row + column });
  });
  stepper(frame, {
    label: "Patch",
    places: patches,
    place: () => patch,
    steps: overGrid(grid),
    go: (to) => show({ patch: to }),
  });
  biased.addEventListener("change", () => show({}));

  /** @param {{patch?: number, step?: number}} change */
  function show(change) {
    ({ patch, step } = { patch, step, ...change });
    const shares = data.probabilities[patch];
    const picked = choose(shares, biased.checked ? data.bias : none, data.chosen);
    frame.setAttribute("aria-valuenow", String(patch + 1));
    frame.setAttribute("aria-valuetext", placeOf(patch, grid));
    marker.style.setProperty("--row", String(Math.floor(patch / grid)));
    marker.style.setProperty("--column", String(patch % grid));
    buttons.forEach((button, number) => button.setAttribute("aria-pressed", String(number === step)));
    rows.forEach(({ root, bar, share, weight }, expert) => {
      const found = picked.find((one) => one.expert === expert);
      bar.style.setProperty("--share", String(step >= 2 ? (found?.weight ?? 0) : shares[expert]));
      share.textContent = percent(shares[expert]);
      weight.textContent = step >= 2 && found ? `\u00d7 ${found.weight.toFixed(2)}` : "";
      root.classList.toggle("routing__row--left-out", step >= 1 && !found);
    });
    const names = picked.map(({ expert }) => expert + 1);
    const favourites = choose(shares, none, data.chosen).map(({ expert }) => expert + 1);
    const same = names.every((name) => favourites.includes(name));
    const why = same
      ? "They have the largest shares."
      : "Without the bias they would not be: it helps those with little work.";
    words.textContent = [
      "The router scores all experts for this patch. Softmax makes shares of the scores.",
      `Experts ${names.join(" and ")} are chosen. ${why}`,
      "Softmax again, over the chosen alone: their weights add up to one, without any bias.",
      `Experts ${names.join(" and ")} work on the patch; ` +
        `${picked.map(({ expert, weight }) => `${weight.toFixed(2)} \u00d7 E${expert + 1}`).join(" + ")} goes on. ` +
        `The other ${shares.length - names.length} do nothing.`,
    ][step];
  }

  show({});
  await styled(box, new URL("routing.css", import.meta.url));
  return { purge: () => {} };
}

window.notebookEmbed.register("routing", mountRouting);
