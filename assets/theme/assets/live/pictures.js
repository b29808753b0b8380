/* The pictures beside the canvas: images as they are, attention laid over an image, and its matrix. */
import { contextOf, picture as cells, viridis } from "../site/attention-tools.js";
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
export function overlay(picture, image, weights, query) {
  const most = Math.max(...weights, 1e-9);
  const glow = Array.from(weights, (weight) => viridis(Math.sqrt(weight / most)).map((v) => v * GLOW));
  const area = SIZE * SIZE;
  const side = SIZE / GRID;
  const mixed = new Uint8ClampedArray(3 * area);
  for (let i = 0; i < area; i++) {
    const patch = Math.floor(i / SIZE / side) * GRID + Math.floor((i % SIZE) / side);
    for (let channel = 0; channel < 3; channel++) {
      mixed[channel * area + i] = glow[patch][channel] + IMAGE * image[channel * area + i];
    }
  }
  picture.image(mixed);
  const context = contextOf(picture.canvas);
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
 * Draw the weights of all queries, the row of one framed.
 *
 * @param {Picture} picture
 * @param {Float32Array} weights [query, key]
 * @param {number} query
 */
export function drawMatrix({ canvas }, weights, query) {
  const still = cells(PATCHES, (cell) => viridis(Math.sqrt(weights[cell] / FULL)));
  const context = contextOf(canvas);
  const scale = SIZE / PATCHES;
  context.imageSmoothingEnabled = false;
  context.drawImage(still, 0, 0, SIZE, SIZE);
  context.strokeStyle = "#fff";
  context.lineWidth = 1;
  context.strokeRect(0.5, query * scale - 0.5, SIZE - 1, scale + 1);
}
