/* FlashAttention, tile by tile: a grid of scores in which one tile at a time is in fast memory, and what one query
   keeps from tile to tile. Data: shapes_of_attention.figures.tiled_attention.tile_steps. */
import {
  cellAt,
  contextOf,
  decimals,
  element,
  overGrid,
  panel,
  setIdle,
  stepper,
  styled,
  surface,
  viridis,
  wornBy,
} from "./attention-tools.js";

/**
 * @typedef {object} Data
 * @property {string} scores hundredths, 16 bits each [queries, keys]
 * @property {number[]} values [keys]
 * @property {number} tile queries and keys taken at a time
 * @property {number} query who is followed in each block, counted from its first
 * @property {{tiles: number[], steps: number[]}} moved numbers moved after each tile, and at the end step by step
 *
 * @typedef {{largest: number, total: number, mix: number}} Kept
 */

/** What a query keeps before the first tile. @type {Kept} */
export const NOTHING = { largest: -Infinity, total: 0, mix: 0 };

/**
 * Meet one tile: scores [keys] of the query followed, values [keys].
 *
 * @param {Kept} kept
 * @param {readonly number[]} scores
 * @param {readonly number[]} values
 * @returns {Kept}
 */
export function meet(kept, scores, values) {
  const largest = Math.max(kept.largest, ...scores);
  const shrink = Math.exp(kept.largest - largest);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = (/** @type {number[]} */ list) => list.reduce((all, one) => all + one, 0);
  return {
    largest,
    total: shrink * kept.total + sum(powers),
    mix: shrink * kept.mix + sum(powers.map((power, i) => power * values[i])),
  };
}

/** @param {number} value */
const shown = (value) => (Number.isFinite(value) ? value.toFixed(2).replace("-", "\u2212") : "\u2212\u221e");

/**
 * @param {HTMLElement} box
 * @param {Data} data
 */
async function mountTiles(box, data) {
  const scores = decimals(data.scores, 100);
  const n = data.values.length;
  const across = Math.ceil(n / data.tile);
  const last = across * across;
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  let step = 1;

  const grid = panel("steps", "");
  const back = element("button", { type: "button", class: "steps__button" }, "\u2039 Back");
  const next = element("button", { type: "button", class: "steps__button" }, "Next tile \u203a");
  const rows = ["largest score", "sum of exponentials", "mix of values", "answer, mix / sum"].map((name) => {
    const number = element("dd");
    return { parts: [element("dt", {}, name), number], number };
  });
  const words = element("p", { class: "steps__words", "aria-live": "polite" });
  const list = element("dl", { class: "steps__kept" }, ...rows.flatMap(({ parts }) => parts));
  const buttons = element("div", { class: "steps__buttons" }, back, next);
  const aside = element("div", { class: "steps__aside" }, buttons, list, words);
  box.append(element("div", { class: "steps" }, grid.root, aside));

  const tone = wornBy(box);

  /** @param {number} to */
  function go(to) {
    step = to;
    draw();
    const block = Math.floor((step - 1) / across);
    const tile = (step - 1) % across;
    const from = (block * data.tile + data.query) * n;
    let kept = NOTHING;
    for (let t = 0; t <= tile; t++) {
      const [start, stop] = [t * data.tile, Math.min((t + 1) * data.tile, n)];
      kept = meet(kept, scores.slice(from + start, from + stop), data.values.slice(start, stop));
    }
    const numbers = [kept.largest, kept.total, kept.mix, kept.mix / kept.total];
    rows.forEach(({ number }, i) => (number.textContent = shown(numbers[i])));
    const end = tile === across - 1;
    words.textContent =
      `Queries ${block * data.tile + 1} to ${Math.min((block + 1) * data.tile, n)} meet keys ${tile * data.tile + 1} to ` +
      `${Math.min((tile + 1) * data.tile, n)}. The numbers are those of query ${block * data.tile + data.query + 1}` +
      `${end ? ": its answer is exact" : ""}. Moved so far: ${data.moved.tiles[step - 1]} numbers; ` +
      `step by step it would be ${data.moved.steps[0]} in all.`;
    grid.frame.setAttribute("aria-valuenow", String(step));
    grid.frame.setAttribute("aria-valuetext", `Tile ${step} of ${last}`);
    setIdle(back, step === 1);
    setIdle(next, step === last);
  }

  function draw() {
    const { context, width } = surface(grid.canvas);
    const cell = width / n;
    for (let t = 0; t < last; t++) {
      const [top, left] = [Math.floor(t / across) * data.tile, (t % across) * data.tile];
      const size = { x: left * cell, y: top * cell, w: Math.min(data.tile, n - left) * cell };
      const tall = Math.min(data.tile, n - top) * cell;
      if (t === step - 1) {
        for (let q = top; q < Math.min(top + data.tile, n); q++)
          for (let k = left; k < Math.min(left + data.tile, n); k++) {
            context.fillStyle = `rgb(${viridis((scores[q * n + k] - low) / (high - low)).join(" ")})`;
            context.fillRect(k * cell, q * cell, cell + 0.5, cell + 0.5);
          }
      } else {
        context.fillStyle = t < step ? tone("line") : tone("panel");
        context.fillRect(size.x, size.y, size.w, tall);
      }
      context.strokeStyle = tone("paper");
      context.lineWidth = 2;
      context.strokeRect(size.x, size.y, size.w, tall);
    }
    const block = Math.floor((step - 1) / across);
    context.strokeStyle = tone("accent");
    context.lineWidth = 2;
    const y = (block * data.tile + data.query) * cell;
    context.strokeRect(1, y + 1, width - 2, cell - 2);
  }

  stepper(grid.frame, {
    label: "Tiles done; arrow keys go from tile to tile",
    places: last,
    place: () => step - 1,
    // Sideways from row to row, as the tiles come; up and down to a neighbour.
    steps: (from) => ({ ...overGrid(across)(from), ArrowRight: 1, ArrowLeft: -1 }),
    go: (tile) => go(tile + 1),
  });
  grid.canvas.addEventListener("click", (event) => {
    const { row, column } = cellAt(event, grid.canvas, n);
    go(Math.floor(row / data.tile) * across + Math.floor(column / data.tile) + 1);
  });
  back.addEventListener("click", () => go(step - 1));
  next.addEventListener("click", () => go(step + 1));

  await styled(box, new URL("steps.css", import.meta.url));
  go(1);
  return { retheme: draw, resize: draw, purge: () => contextOf(grid.canvas).reset?.() };
}

window.notebookEmbed.register("tiles", mountTiles);
