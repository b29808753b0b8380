/* The canvas on which a reader draws: pixels as the models see them, and over them the shapes as things
   that can be dragged, sized and reached by keyboard. */
import { contextOf } from "../site/attention-tools.js";
import { GRID, PATCH, SIZE } from "./scene.js";
import { moved, sized, wordsFor } from "./state.js";

/** @typedef {import("./scene.js").Shape} Shape */
/** @typedef {import("./state.js").State} State */

const SVG = "http://www.w3.org/2000/svg";
const GRIP = 5; // half the side of what can be gripped to size a shape, in pixels of the image
const KEY_STEP = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * What the editor asks for. A gesture names what belongs together when it is undone.
 *
 * @typedef {object} Wishes
 * @property {() => State} state
 * @property {(next: State, gesture: string) => void} change
 * @property {(number: number) => void} remove
 * @property {(patch: number) => void} ask
 */

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @returns {SVGElement}
 */
function drawn(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/**
 * @param {Wishes} wishes
 */
export function makeEditor(wishes) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  canvas.className = "lab__pixels";
  canvas.setAttribute("aria-hidden", "true");
  const pixels = new ImageData(SIZE, SIZE);
  const over = drawn("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "lab__shapes", role: "group", tabindex: -1 });
  over.setAttribute("aria-label", "Your drawing. Tab reaches each shape; arrow keys move it, with shift they size it");
  const grid = drawn("g", { class: "lab__grid" });
  for (let line = 1; line < GRID; line++) {
    const at = line * PATCH;
    grid.append(drawn("path", { d: `M${at} 0V${SIZE}M0 ${at}H${SIZE}` }));
  }
  const asking = drawn("rect", { class: "lab__asking", width: PATCH, height: PATCH });
  const grip = drawn("circle", { class: "lab__grip", r: 3.2 });
  over.append(grid, asking);
  const badge = document.createElement("p");
  badge.className = "lab__badge";
  const root = document.createElement("div");
  root.className = "lab__canvas";
  root.append(canvas, over, badge);

  /** @type {SVGElement[]} */
  const nodes = [];
  let gestures = 0;
  /**
   * What a pointer has in hand. A shape that something else changes or takes away meanwhile is no longer in it: each
   * change makes it anew, whatever its number.
   * @type {{pointer: number, shape: Shape, x: number, y: number, size: boolean, gesture: string} | null}
   */
  let drag = null;
  let onShape = false; // where the pointer went down: a click that ends a drag asks for no patch

  /** @param {PointerEvent} event */
  function place(event) {
    const bounds = over.getBoundingClientRect();
    const scale = SIZE / bounds.width;
    return { x: (event.clientX - bounds.left) * scale, y: (event.clientY - bounds.top) * scale };
  }

  /** @param {State} state @param {number} x @param {number} y */
  function gripped({ shapes, selected }, x, y) {
    if (selected < 0) return false;
    const [, , right, bottom] = shapes[selected].box;
    return Math.abs(x - right) <= GRIP && Math.abs(y - bottom) <= GRIP;
  }

  /** @param {PointerEvent} event */
  function down(event) {
    if (event.button || (drag && drag.pointer !== event.pointerId)) return;
    const state = wishes.state();
    const { x, y } = place(event);
    const size = gripped(state, x, y);
    const target = /** @type {Element} */ (event.target).closest("[data-shape]");
    const number = size ? state.selected : target ? Number(target.getAttribute("data-shape")) : -1;
    onShape = number >= 0;
    if (!onShape) return;
    event.preventDefault();
    const shape = state.shapes[number];
    const [x0, y0, x1, y1] = shape.box;
    const [left, top] = size ? [x1, y1] : [x0, y0];
    drag = { pointer: event.pointerId, shape, size, x: x - left, y: y - top, gesture: `drag ${++gestures}` };
    over.setPointerCapture(event.pointerId);
    if (state.selected !== number) wishes.change({ ...state, selected: number, patch: -1 }, drag.gesture);
    nodes[number]?.focus({ preventScroll: true });
  }

  /**
   * A finger on a shape drags it; on the ground beside it, it scrolls the page. (No `touch-action`: browsers
   * do not heed it inside a drawing.)
   * @param {TouchEvent} event
   */
  function touch(event) {
    if (drag && event.cancelable) event.preventDefault();
  }

  /** @param {PointerEvent} event */
  function move(event) {
    if (drag?.pointer !== event.pointerId) return;
    const state = wishes.state();
    const number = state.shapes.indexOf(drag.shape);
    if (number < 0) {
      drag = null;
      return;
    }
    const { x, y } = place(event);
    const [x0, y0] = drag.shape.box;
    const next = drag.size
      ? sized(state, number, x - drag.x - x0, y - drag.y - y0)
      : moved(state, number, Math.round(x - drag.x), Math.round(y - drag.y));
    wishes.change(next, drag.gesture);
    drag.shape = wishes.state().shapes[number];
  }

  /** @param {PointerEvent} event */
  function up(event) {
    if (drag?.pointer === event.pointerId) drag = null;
  }

  /** @param {MouseEvent} event */
  function click(event) {
    if (onShape) return;
    const { x, y } = place(/** @type {PointerEvent} */ (event));
    wishes.ask(Math.min(GRID - 1, Math.floor(y / PATCH)) * GRID + Math.min(GRID - 1, Math.floor(x / PATCH)));
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const node = /** @type {Element} */ (event.target).closest("[data-shape]");
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const number = Number(node.getAttribute("data-shape"));
    const state = wishes.state();
    const [x0, y0, x1, y1] = state.shapes[number].box;
    const step = KEY_STEP[/** @type {keyof typeof KEY_STEP} */ (event.key)];
    if (step) {
      const [x, y] = step.map((way) => 2 * way);
      const next = event.shiftKey
        ? sized(state, number, x1 - x0 + x, y1 - y0 + y)
        : moved(state, number, x0 + x, y0 + y);
      wishes.change(next, `${event.shiftKey ? "size" : "move"} ${number} by keys`);
    } else if (event.key === "Delete" || event.key === "Backspace") wishes.remove(number);
    else return;
    event.preventDefault();
    event.stopPropagation(); // the page has uses of its own for some keys
  }

  /** @param {FocusEvent} event */
  function focus(event) {
    const node = /** @type {Element} */ (event.target).closest("[data-shape]");
    const state = wishes.state();
    const number = node ? Number(node.getAttribute("data-shape")) : -1;
    if (number < 0 || number === state.selected || drag) return;
    wishes.change({ ...state, selected: number, patch: -1 }, `select ${number}`);
  }

  over.addEventListener("pointerdown", down);
  over.addEventListener("touchstart", touch, { passive: false });
  over.addEventListener("pointermove", move);
  over.addEventListener("lostpointercapture", up); // after a pointer is up, is cancelled, or is taken from us
  over.addEventListener("click", click);
  over.addEventListener("keydown", key);
  over.addEventListener("focusin", focus);

  /** @param {State} state @param {boolean[]} kept */
  function outline(state, kept) {
    while (nodes.length > state.shapes.length) nodes.pop()?.remove();
    state.shapes.forEach(({ box: [x0, y0, x1, y1] }, number) => {
      if (!nodes[number]) {
        nodes[number] = drawn("rect", {
          "data-shape": number,
          class: "lab__shape",
          tabindex: 0,
          role: "button",
          rx: 1,
        });
        nodes[number].setAttribute("aria-roledescription", "shape");
        over.insertBefore(nodes[number], asking);
      }
      const at = { x: x0 - 1, y: y0 - 1, width: x1 - x0 + 2, height: y1 - y0 + 2 };
      for (const [name, value] of Object.entries(at)) nodes[number].setAttribute(name, String(value));
      nodes[number].setAttribute("aria-label", wordsFor(state, number, kept));
      nodes[number].setAttribute("aria-pressed", String(number === state.selected));
      nodes[number].classList.toggle("lab__shape--hidden", state.hidden.includes(number));
    });
    if (state.selected < 0) grip.remove();
    else {
      const [, , right, bottom] = state.shapes[state.selected].box;
      grip.setAttribute("cx", String(right + 1));
      grip.setAttribute("cy", String(bottom + 1));
      if (!grip.isConnected) over.append(grip);
    }
  }

  return {
    root,
    /**
     * @param {State} state
     * @param {Uint8Array} image the shapes, drawn
     * @param {boolean[]} kept
     * @param {number} patch the patch that asks
     * @param {string} note said on the picture
     */
    show(state, image, kept, patch, note) {
      putPixels(canvas, pixels, image);
      outline(state, kept);
      asking.setAttribute("x", String((patch % GRID) * PATCH));
      asking.setAttribute("y", String(Math.floor(patch / GRID) * PATCH));
      badge.textContent = note;
      badge.hidden = !note;
    },
    /** Where there is no such shape the whole drawing takes the keyboard. @param {number} number */
    focus: (number) => (nodes[number] ?? over).focus({ preventScroll: true }),
  };
}

/**
 * Put an image [3, size, size] onto a canvas of its size.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {ImageData} pixels
 * @param {ArrayLike<number>} image levels 0-255
 */
export function putPixels(canvas, pixels, image) {
  const area = SIZE * SIZE;
  const whole = new Uint32Array(pixels.data.buffer); // red is the lowest byte, as processors with a screen have it
  const level = (/** @type {number} */ at) => (image[at] + 0.5) | 0;
  for (let i = 0; i < area; i++) {
    whole[i] = 0xff000000 | (level(2 * area + i) << 16) | (level(area + i) << 8) | level(i);
  }
  contextOf(canvas).putImageData(pixels, 0, 0);
}
