/* A series in which one token asks: curves show whose answers it gathers, and below stands what the network redraws.
   Data: shapes_of_attention.figures.series_results.asking_view. */
import {
  alongLine,
  decimals,
  element,
  follow,
  massOn,
  panel,
  percent,
  rowOf,
  stepper,
  styled,
  surface,
  unpack,
  wornBy,
} from "./attention-tools.js";
import { drawLine } from "./series-drawing.js";

/**
 * @typedef {object} Data
 * @property {number} token its length in samples
 * @property {string} signal thousandths, as 16 bits each
 * @property {string} redrawn likewise
 * @property {number[]} owner the shape that each token lies in, or -1
 * @property {{kind: string, number: number, span: [number, number], amplitude: number, mean: number}[]} shapes
 * @property {string[]} colours of kinds
 * @property {string} between the colour of the series between shapes
 * @property {string} weights of one head [query, key]
 * @property {number} query who asks at first
 */

const LEAST = 0.02; // weights below get no curve
const WIDEST = 9; // pixels of a curve
const SHARES = { curves: 0.26, given: 0.39, drawn: 0.35 }; // of the height

/**
 * Say who asks, and where its attention goes.
 * @param {Data} data
 * @param {Float32Array} row [keys]
 * @param {number} query
 */
export function told(data, row, query) {
  const owner = data.owner[query];
  if (owner < 0) return "A piece between the shapes asks. It has nothing to redraw, and its attention is of no use.";
  const { kind, amplitude, mean } = data.shapes[owner];
  const same = (/** @type {number} */ key) => data.owner[key] >= 0 && data.shapes[data.owner[key]].kind === kind;
  const number = data.shapes.filter((shape) => shape.kind === kind).length;
  const share = percent(massOn(row, same));
  return (
    `A ${kind} of height ${amplitude.toFixed(2)} asks. ${share} of the attention goes to the ` +
    `${number > 1 ? `${number} ${kind}s` : `only ${kind}`}, whose mean is ${mean.toFixed(2)}.`
  );
}

/**
 * @param {HTMLElement} box
 * @param {Data} data
 */
async function mountAsking(box, data) {
  const [signal, redrawn] = [data.signal, data.redrawn].map((text) => decimals(text, 1000));
  const tokens = signal.length / data.token;
  const weights = unpack(data.weights, tokens);
  let query = data.query;
  /** @type {number | null} */
  let hover = null;

  const view = panel("steps", "");
  view.frame.classList.add("asking__frame");
  const words = element("p", { class: "steps__words", "aria-live": "polite" });
  box.append(element("div", { class: "steps steps--line" }, view.root, words));
  const tone = wornBy(box);

  function draw() {
    const { context, width, height } = surface(view.canvas);
    const asks = hover ?? query;
    const row = rowOf(weights, asks, tokens);
    const x = (/** @type {number} */ sample) => (sample / signal.length) * width;
    const middle = (/** @type {number} */ token) => x((token + 0.5) * data.token);
    const lanes = [
      { samples: signal, top: SHARES.curves * height, high: SHARES.given * height, name: "given" },
      { samples: redrawn, top: (1 - SHARES.drawn) * height, high: SHARES.drawn * height, name: "redrawn" },
    ];
    context.fillStyle = tone("panel");
    context.fillRect(x(asks * data.token), lanes[0].top, x(data.token), height - lanes[0].top);
    context.font = `12px ${tone("sans")}`;
    context.textBaseline = "top";
    for (const { samples, top, high, name } of lanes) {
      drawLine(context, samples, data, { width, top, high });
      context.fillStyle = tone("muted");
      context.fillText(name, 0, top + high - 14);
    }
    const foot = lanes[0].top + 2;
    const highest = foot - WIDEST / 2 - 1; // the widest curve stays whole at its top
    row.forEach((weight, key) => {
      if (weight < LEAST || key === asks) return;
      const owner = data.owner[key];
      context.strokeStyle = owner < 0 ? data.between : data.colours[data.shapes[owner].number];
      context.lineWidth = Math.max(1, Math.min(WIDEST, 36 * weight));
      context.globalAlpha = 0.8;
      context.beginPath();
      context.moveTo(middle(key), foot);
      const up = highest * Math.min(1, 0.35 + Math.abs(key - asks) / tokens);
      context.quadraticCurveTo((middle(key) + middle(asks)) / 2, foot - 2 * up, middle(asks), foot);
      context.stroke();
      context.globalAlpha = 1;
    });
    context.fillStyle = tone("accent");
    context.beginPath();
    context.moveTo(middle(asks) - 6, foot - 5);
    context.lineTo(middle(asks) + 6, foot - 5);
    context.lineTo(middle(asks), foot + 6);
    context.fill();
    words.textContent = told(data, row, asks);
  }

  /** @param {number} to */
  function go(to) {
    query = to;
    hover = null;
    view.frame.setAttribute("aria-valuenow", String(query + 1));
    view.frame.setAttribute("aria-valuetext", told(data, rowOf(weights, query, tokens), query));
    box.dataset.state = String(query);
    draw();
  }

  /** @param {import("./attention-tools.js").Cell | null} cell */
  function point(cell) {
    hover = cell && cell.column;
    draw();
  }

  follow(view.canvas, tokens, point, ({ column }) => go(column));
  const label = "The piece that asks; arrow keys move it";
  stepper(view.frame, { label, places: tokens, place: () => query, steps: alongLine(1), go });

  await styled(box, new URL("steps.css", import.meta.url));
  go(query);
  return { retheme: draw, resize: draw };
}

window.notebookEmbed.register("asking", mountAsking);
