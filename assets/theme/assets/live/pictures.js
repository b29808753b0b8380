/* The pictures beside the canvas: images as they are, attention laid over an image, and its matrix. */
import { contextOf, picture, viridis } from "../site/attention-tools.js";
import { putPixels } from "./editor.js";
import { GRID, PATCHES, SIZE } from "./scene.js";

const GLOW = 0.75; // how bright the strongest attention is, beneath the image
const IMAGE = 0.6; // how bright the image is above it
const FULL = 0.35; // the weight that is brightest in a matrix

/**
 * A picture with its title; `frame` takes the keyboard where something can be chosen in it.
 *
 * @param {string} title
 * @param {Record<string, string>} [role] attributes of the frame
 */
export function makePicture(title, role = {}) {
  const root = document.createElement("div");
  root.className = "lab__picture";
  const heading = document.createElement("p");
  heading.className = "lab__title";
  heading.textContent = title;
  const frame = document.createElement("div");
  frame.className = "lab__frame";
  for (const [name, value] of Object.entries(role)) frame.setAttribute(name, value);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  canvas.className = "lab__pixels";
  canvas.setAttribute("aria-hidden", "true");
  frame.append(canvas);
  root.append(heading, frame);
  const pixels = new ImageData(SIZE, SIZE);
  return {
    root,
    heading,
    frame,
    canvas,
    cells: document.createElement("canvas"),
    pixels,
    /** @param {ArrayLike<number>} image [3, size, size], levels 0-255 */
    image: (image) => putPixels(canvas, pixels, image),
  };
}

/** @typedef {ReturnType<typeof makePicture>} Picture */

/**
 * How far two images are apart, made visible: four times the difference, on black.
 *
 * @param {ArrayLike<number>} one
 * @param {ArrayLike<number>} other
 */
export function difference(one, other) {
  const apart = new Uint8ClampedArray(one.length); // filled by hand: `from` with a function takes fifteen milliseconds
  for (let i = 0; i < apart.length; i++) apart[i] = 4 * Math.abs(one[i] - other[i]);
  return apart;
}

/**
 * Lay one query's weights over an image.
 *
 * @param {Picture} picture
 * @param {ArrayLike<number>} image [3, size, size]
 * @param {Float32Array} weights [patches]
 * @param {number} query framed
 */
export function overlay({ canvas, pixels }, image, weights, query) {
  const most = Math.max(...weights, 1e-9);
  const area = SIZE * SIZE;
  const side = SIZE / GRID;
  const { data } = pixels;
  for (let patch = 0; patch < PATCHES; patch++) {
    const glow = viridis(Math.sqrt(weights[patch] / most)).map((level) => level * GLOW);
    const corner = Math.floor(patch / GRID) * side * SIZE + (patch % GRID) * side;
    for (let y = 0; y < side; y++) {
      for (let at = corner + y * SIZE, end = at + side; at < end; at++) {
        data[4 * at] = glow[0] + IMAGE * image[at];
        data[4 * at + 1] = glow[1] + IMAGE * image[area + at];
        data[4 * at + 2] = glow[2] + IMAGE * image[2 * area + at];
        data[4 * at + 3] = 255;
      }
    }
  }
  const context = contextOf(canvas);
  context.putImageData(pixels, 0, 0);
  const [x, y] = [(query % GRID) * side, Math.floor(query / GRID) * side];
  for (const [colour, width, inset] of /** @type {const} */ ([
    ["#000", 3, 1.5],
    ["#fff", 1, 1.5],
  ])) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x + inset, y + inset, side - 2 * inset, side - 2 * inset);
  }
}

/**
 * Show in one picture what another one shows.
 *
 * @param {Picture} one
 * @param {Picture} other
 */
export const copy = (one, other) => contextOf(one.canvas).drawImage(other.canvas, 0, 0);

/**
 * Draw the weights of all queries, the row of one framed.
 *
 * @param {Picture} picture
 * @param {Float32Array} weights [query, key]
 * @param {number} query
 */
export function drawMatrix({ canvas, cells }, weights, query) {
  const still = picture(PATCHES, (cell) => viridis(Math.sqrt(weights[cell] / FULL)), cells);
  const context = contextOf(canvas);
  const scale = SIZE / PATCHES;
  context.imageSmoothingEnabled = false;
  context.drawImage(still, 0, 0, SIZE, SIZE);
  context.strokeStyle = "#fff";
  context.lineWidth = 1;
  context.strokeRect(0.5, query * scale - 0.5, SIZE - 1, scale + 1);
}
