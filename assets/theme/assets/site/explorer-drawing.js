/* How the attention explorer draws a view: the image under its weights, and the matrix of all queries. */
import { contextOf, element, picture, surface, viridis } from "./attention-tools.js";
import { written } from "./explorer-state.js";

/**
 * @typedef {{query: number, key: number}} Pointed what the pointer is on
 * @typedef {import("./attention-tools.js").Panel} Panel
 * @typedef {import("./explorer-state.js").View} View
 * @typedef {{image: HTMLImageElement, planes: HTMLCanvasElement[]}} Picture an image, and its channels in grey
 */

const GLOW = 0.75; // how bright a weight is under the image
const SHADE = 0.6; // how strong the image is over it

/**
 * Load an image, and take it apart.
 * @param {string} address
 * @param {number} channels
 * @returns {Promise<Picture>}
 */
export async function pictureOf(address, channels) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return { image, planes: Array.from({ length: channels }, (_, channel) => planeOf(image, channel)) };
}

/** @type {(image: HTMLImageElement, channel: number) => HTMLCanvasElement} */
function planeOf(image, channel) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const plane = element("canvas", { width, height });
  const context = contextOf(plane);
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, width, height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    pixels.data.fill(pixels.data[i + channel], i, i + 3);
  }
  context.putImageData(pixels, 0, 0);
  return plane;
}

/**
 * Give what draws a view into three panels.
 * @param {import("./explorer-state.js").Data} data
 * @param {Panel[]} panels learned, ideal and matrix; or a channel each
 */
export function painter({ grid, full, channels }, panels) {
  const patches = grid ** 2;
  const [learned, ideal, matrix] = panels;
  let still = element("canvas"); // the matrix, a pixel a weight
  let stillOf = "";

  /** The canvas of a panel, measured in rows of the matrix; a patch of the image is `grid` of them wide. */
  function surfaceOf(/** @type {Panel} */ { canvas }) {
    const { context, width, height } = surface(canvas);
    context.scale(width / patches, height / patches);
    return context;
  }

  /** @type {(context: CanvasRenderingContext2D, patch: number, width: number, dashes?: number[]) => void} */
  function frame(context, patch, width, dashes = []) {
    const at = /** @type {const} */ ([(patch % grid) * grid, Math.floor(patch / grid) * grid, grid, grid]);
    context.setLineDash([]);
    context.lineWidth = width + 0.8;
    context.strokeStyle = "#000";
    context.strokeRect(...at);
    context.setLineDash(dashes);
    context.lineWidth = width;
    context.strokeStyle = "#fff";
    context.strokeRect(...at);
    context.setLineDash([]);
  }

  /**
   * @param {Panel} where
   * @param {Float32Array} weights of `query`, on the patches
   * @param {number} query
   * @param {Pointed | null} hover
   * @param {CanvasImageSource} image
   * @param {number} brightest the weight that is drawn so, where none of these is larger
   */
  function overlay(where, weights, query, hover, image, brightest = 1e-9) {
    const context = surfaceOf(where);
    const most = Math.max(...weights, brightest);
    const glow = picture(grid, (patch) => viridis(Math.sqrt(weights[patch] / most)).map((v) => v * GLOW));
    context.drawImage(glow, 0, 0, patches, patches);
    context.globalCompositeOperation = "lighter";
    context.globalAlpha = SHADE;
    context.drawImage(image, 0, 0, patches, patches);
    context.globalCompositeOperation = "source-over";
    context.globalAlpha = 1;
    frame(context, query, 1.1);
    if (!hover) return;
    if (hover.query !== query) frame(context, hover.query, 0.5);
    frame(context, hover.key, 0.5, [1, 1]);
  }

  /** @type {(view: View, hover: Pointed | null) => void} */
  function drawMatrix({ state, onPatches }, hover) {
    const shown = written({ ...state, patch: 0 });
    if (stillOf !== shown) {
      const rows = Array.from({ length: patches }, (_, query) => onPatches(query));
      still = picture(patches, (cell) => viridis(Math.sqrt(rows[Math.floor(cell / patches)][cell % patches] / full)));
      stillOf = shown;
    }
    const context = surfaceOf(matrix);
    context.drawImage(still, 0, 0);
    context.lineWidth = 0.35;
    context.strokeStyle = "#fff";
    context.strokeRect(0, state.patch, patches, 1);
    if (!hover) return;
    context.strokeRect(0, hover.query, patches, 1);
    context.strokeRect(hover.key, 0, 1, patches);
  }

  /** @type {(view: View, picture: Picture, hover: Pointed | null) => void} */
  return function paint(view, { image, planes }, hover) {
    const query = hover?.query ?? view.state.patch;
    if (view.state.keys === "apart") {
      const parts = channels.map((channel) => view.onPatches(query, channel));
      const most = Math.max(...parts.flatMap((part) => [...part]));
      parts.forEach((part, i) => overlay(panels[i], part, query, hover, planes[i], most));
      return;
    }
    overlay(learned, view.onPatches(query), query, hover, image);
    overlay(ideal, view.ideal(query), query, hover, image);
    drawMatrix(view, hover);
  };
}
