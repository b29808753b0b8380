/* How attention over a series is drawn: the series with a band of weights for learned and ideal attention under it,
   and their matrices. */
import { picture, rowOf, surface, viridis, wornBy } from "./attention-tools.js";

/**
 * @typedef {import("./series-attention.js").Data} Data
 * @typedef {import("./series-attention.js").Numbers} Numbers
 * @typedef {{query: number, key: number | null}} Pointed what the pointer is on; over the series it is on no key
 *
 * @typedef {object} Canvases
 * @property {HTMLCanvasElement} line
 * @property {HTMLCanvasElement} learned
 * @property {HTMLCanvasElement} ideal
 */

const REACH = 1.8; // the series is drawn from -REACH to REACH
const BAND = 14; // height of a band of weights under the series, in CSS pixels
const LABEL = 17;

/**
 * Draw a series, its shapes in the colours of their kinds.
 * @param {CanvasRenderingContext2D} context
 * @param {readonly number[]} samples
 * @param {Pick<Data, "between" | "shapes" | "colours">} data
 * @param {{width: number, top: number, high: number}} room
 */
export function drawLine(context, samples, { between, shapes, colours }, { width, top, high }) {
  /** @type {(from: number, to: number, stroke: string, wide: number) => void} */
  function trace(from, to, stroke, wide) {
    context.strokeStyle = stroke;
    context.lineWidth = wide;
    context.beginPath();
    for (let i = from; i < to; i++)
      context.lineTo(((i + 0.5) / samples.length) * width, top + (high / 2) * (1 - samples[i] / REACH));
    context.stroke();
  }

  trace(0, samples.length, between, 1.5);
  for (const { span, number } of shapes) {
    trace(Math.max(0, Math.floor(span[0])), Math.min(samples.length, Math.ceil(span[1])), colours[number], 2.25);
  }
}

/**
 * Give what draws the learned weights [query, key] of a head, asked by one token.
 * @param {HTMLElement} box whose colours the drawing wears
 * @param {Data} data
 * @param {Numbers} numbers
 * @param {Canvases} canvases
 */
export function painter(box, data, { signal, tokens, ideal }, canvases) {
  const colour = wornBy(box);

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Float32Array} weights [query, key]
   * @param {number} query
   * @param {number | null} key
   * @param {(query: number) => boolean} empty whether a row asks for nothing
   */
  function drawMatrix(canvas, weights, query, key, empty) {
    const { context, width, height } = surface(canvas);
    const sorted = Float32Array.from(weights).sort();
    const most = sorted[Math.floor(data.quantile * (sorted.length - 1))] || 1;
    const still = picture(tokens, (place) => [
      ...viridis(Math.sqrt(weights[place] / most)),
      empty(Math.floor(place / tokens)) ? 0 : 255,
    ]);
    context.fillStyle = colour("panel");
    context.fillRect(0, 0, width, height);
    context.drawImage(still, 0, 0, width, height);
    const cell = width / tokens;
    context.lineWidth = 1.25;
    context.strokeStyle = "#fff";
    context.strokeRect(0.5, query * cell, width - 1, cell);
    if (key != null) context.strokeRect(key * cell, 0.5, cell, height - 1);
  }

  /** @type {(context: CanvasRenderingContext2D, name: string, row: Float32Array, top: number, width: number) => void} */
  function drawBand(context, name, row, top, width) {
    context.fillStyle = colour("muted");
    context.fillText(name, 0, top + LABEL / 2 + 1);
    const most = Math.max(...row);
    row.forEach((weight, key) => {
      context.fillStyle = most > 1e-8 ? `rgb(${viridis(Math.sqrt(weight / most))})` : colour("panel");
      context.fillRect((key * width) / tokens, top + LABEL, width / tokens + 0.5, BAND);
    });
  }

  /** @type {(learned: Float32Array, query: number, key: number | null) => void} */
  function drawSeries(learned, query, key) {
    const { context, width, height } = surface(canvases.line);
    const high = height - 2 * (BAND + LABEL) - 2;
    const x = (/** @type {number} */ sample) => (sample / signal.length) * width;
    context.font = `12px ${colour("sans") || "sans-serif"}`;
    context.textBaseline = "middle";
    context.fillStyle = colour("panel");
    context.fillRect(x(query * data.token), 0, x(data.token), high);
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, high / 2);
    context.lineTo(width, high / 2);
    context.stroke();
    drawLine(context, signal, data, { width, top: 0, high });
    context.lineWidth = 2;
    context.strokeStyle = colour("accent");
    context.strokeRect(x(query * data.token), 1, x(data.token), high - 2);
    if (key != null) {
      context.setLineDash([4, 3]);
      context.strokeStyle = colour("ink");
      context.strokeRect(x(key * data.token), 1, x(data.token), high - 2);
      context.setLineDash([]);
    }
    drawBand(context, "learned", rowOf(learned, query, tokens), high, width);
    drawBand(context, "ideal", rowOf(ideal, query, tokens), high + BAND + LABEL, width);
  }

  /** @type {(learned: Float32Array, asked: Pointed) => void} */
  return function paint(learned, { query, key }) {
    drawSeries(learned, query, key);
    drawMatrix(canvases.learned, learned, query, key, () => false);
    drawMatrix(canvases.ideal, ideal, query, key, (row) => data.owner[row] < 0);
  };
}
