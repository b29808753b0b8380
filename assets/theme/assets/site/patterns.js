/* Who may look at whom: a pattern of pairs, a token that asks, and what reaches it through one layer after another.
   Data: shapes_of_attention.figures.attention_patterns.pattern_view. */
import {
  alongLine,
  element,
  flags,
  follow,
  panel,
  percent,
  stepper,
  styled,
  surface,
  wornBy,
} from "./attention-tools.js";

/**
 * @typedef {object} Data
 * @property {number} tokens
 * @property {{name: string, bits: string, about: string}[]} patterns bits [query, key], packed, rows first
 * @property {number} start the pattern that is shown first
 * @property {number} query the token that asks at first
 */

/**
 * Count for each token through how many layers it takes to reach the one that asks; Infinity where it never does.
 * @param {readonly boolean[]} mask [query, key]
 * @param {number} query
 */
export function layersTo(mask, query) {
  const n = Math.sqrt(mask.length);
  const layers = Array.from({ length: n }, () => Infinity);
  let edge = [query];
  for (let layer = 1; edge.length; layer++) {
    const next = [];
    for (const q of edge)
      for (let k = 0; k < n; k++)
        if (mask[q * n + k] && layers[k] === Infinity) {
          layers[k] = layer;
          next.push(k);
        }
    edge = next;
  }
  return layers;
}

/**
 * @param {HTMLElement} box
 * @param {Data} data
 */
async function mountPatterns(box, data) {
  const n = data.tokens;
  const patterns = data.patterns.map((one) => {
    const kept = flags(one.bits);
    return { ...one, mask: Array.from({ length: n * n }, (_, i) => kept(i)) };
  });
  let chosen = data.start;
  let query = data.query;
  /** @type {number | null} */
  let hover = null;

  const grid = panel("steps", "");
  const buttons = patterns.map(({ name }, i) => {
    const button = element("button", { type: "button", class: "steps__button", "aria-pressed": "false" }, name);
    button.addEventListener("click", () => go({ pattern: i }));
    return button;
  });
  const words = element("p", { class: "steps__words", "aria-live": "polite" });
  const about = element("p", { class: "steps__words" });
  const row = element("div", { class: "steps__buttons" }, ...buttons);
  box.append(
    element(
      "div",
      { class: "steps steps--wide" },
      grid.root,
      element("div", { class: "steps__aside" }, row, about, words),
    ),
  );
  const tone = wornBy(box);

  function draw() {
    const { context, width } = surface(grid.canvas);
    const { mask } = patterns[chosen];
    const asks = hover ?? query;
    const layers = layersTo(mask, asks);
    const cell = width / n;
    context.fillStyle = tone("panel");
    context.fillRect(0, 0, width, width);
    const [pale, strong] = [tone("muted"), tone("accent")];
    for (let q = 0; q < n; q++)
      for (let k = 0; k < n; k++) {
        const kept = mask[q * n + k];
        if (!kept && (q !== asks || layers[k] === Infinity)) continue;
        // In the row that asks, what needs more layers is fainter.
        context.fillStyle = q === asks ? strong : pale;
        context.globalAlpha = q === asks ? 1 / Math.min(layers[k], 5) : 0.55;
        context.fillRect(k * cell, q * cell, cell - 0.5, cell - 0.5);
      }
    context.globalAlpha = 1;
    context.strokeStyle = strong;
    context.lineWidth = 1.5;
    context.strokeRect(0.75, asks * cell, width - 1.5, cell);
    const [one, two] = [1, 2].map((most) => layers.filter((layer) => layer <= most).length);
    const reached = layers.filter((layer) => layer < Infinity);
    const all = reached.length === n ? "all" : `all ${reached.length} that it may ever hear of`;
    const number = Math.max(...reached);
    words.textContent =
      `Token ${asks + 1} looks at ${one} of ${n}. Through two layers ${two} have reached it, and ${all} ` +
      `after ${number} layer${number > 1 ? "s" : ""}.`;
  }

  /** @param {{pattern?: number, token?: number}} change */
  function go({ pattern = chosen, token = query }) {
    chosen = pattern;
    query = token;
    hover = null;
    const { mask, about: text } = patterns[chosen];
    about.textContent = `${percent(mask.filter(Boolean).length / mask.length)} of all pairs are computed. ${text}`;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
    draw();
    grid.frame.setAttribute("aria-valuenow", String(query + 1));
    grid.frame.setAttribute("aria-valuetext", words.textContent ?? "");
    box.dataset.state = `${chosen}~${query}`;
  }

  /** @param {import("./attention-tools.js").Cell | null} cell */
  function point(cell) {
    hover = cell && cell.row;
    draw();
  }

  const ask = (/** @type {number} */ token) => go({ token });
  follow(grid.canvas, n, point, ({ row: token }) => ask(token));
  const label = "The token that asks; arrow keys move it";
  stepper(grid.frame, { label, places: n, place: () => query, steps: alongLine(-1), go: ask });

  await styled(box, new URL("steps.css", import.meta.url));
  go({});
  return { retheme: draw, resize: draw };
}

window.notebookEmbed.register("patterns", mountPatterns);
