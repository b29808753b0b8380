/* What the attention views share: weights as they travel, their colours, a canvas to draw on, and small pieces of a
   page. */

// prettier-ignore
const VIRIDIS = [
  [68, 1, 84], [72, 26, 108], [71, 47, 125], [65, 68, 135], [57, 86, 140], [49, 104, 142],
  [42, 120, 142], [35, 136, 142], [31, 152, 139], [34, 168, 132], [53, 183, 121], [84, 197, 104],
  [122, 209, 81], [165, 219, 54], [210, 226, 27], [253, 231, 37],
];

/* ---- numbers ---- */

/** @param {string} text base64 */
function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/**
 * Unpack numbers that travel as 16 bits each: hundredths, thousandths.
 * @param {string} text
 * @param {number} parts of one
 */
export function decimals(text, parts) {
  const raw = new DataView(bytes(text).buffer);
  return Array.from({ length: raw.byteLength / 2 }, (_, i) => raw.getInt16(2 * i, true) / parts);
}

/** @param {string} text bits, the first in the highest bit of the first byte */
export function flags(text) {
  const packed = bytes(text);
  return (/** @type {number} */ index) => Boolean(packed[index >> 3] & (128 >> (index & 7)));
}

/**
 * Unpack [..., keys] into rows that add up to one (or stay zero).
 * @param {string} text
 * @param {number} keys
 */
export function unpack(text, keys) {
  const levels = bytes(text);
  const weights = new Float32Array(levels.length);
  for (let start = 0; start < levels.length; start += keys) {
    let sum = 0;
    for (let k = start; k < start + keys; k++) sum += levels[k];
    if (sum) for (let k = start; k < start + keys; k++) weights[k] = levels[k] / sum;
  }
  return weights;
}

/**
 * Give the row of one query: of a matrix [query, key], [keys].
 * @type {(matrix: Float32Array, query: number, keys: number) => Float32Array}
 */
export const rowOf = (matrix, query, keys) => matrix.subarray(query * keys, (query + 1) * keys);

/**
 * Add up the weights of a row [keys] on those keys that are members.
 * @type {(row: Float32Array, member: (key: number) => boolean) => number}
 */
export const massOn = (row, member) => row.reduce((sum, weight, key) => (member(key) ? sum + weight : sum), 0);

/** The mass that attention to all keys alike would put on the members. @type {typeof massOn} */
export const uniformOn = (row, member) => row.reduce((sum, _, key) => (member(key) ? sum + 1 : sum), 0) / row.length;

export const percent = (/** @type {number} */ share, digits = 0) => `${(100 * share).toFixed(digits)}%`;

/** A percentage, with a digit after the point where it is below ten. */
export const finePercent = (/** @type {number} */ part) => percent(part, part < 0.0995 ? 1 : 0);

/* ---- words about an image ---- */

/** Say where a patch lies in an image with `grid` of them a row. @type {(patch: number, grid: number) => string} */
export const placeOf = (patch, grid) => `row ${Math.floor(patch / grid) + 1}, column ${(patch % grid) + 1}`;

/**
 * Say what the patch that asks shows, and how much of its attention goes where it should.
 * @param {string} place
 * @param {{kind: string, kept: boolean} | undefined} shape none on background
 * @param {number} size how many shapes are in its group
 * @param {{group: number, others: number, uniform: number}} masses on its group, on the other shapes in there, and on
 *   its group where attention is uniform
 */
export function whoAsks(place, shape, size, { group, others, uniform }) {
  const start = `The patch in ${place} asks. It shows`;
  if (!shape) return `${start} background, which asks for no colour.`;
  if (!shape.kept) return `${start} a ${shape.kind} whose red does not lead: it must turn black.`;
  const [company, apart] =
    size > 1 ? [`one of ${size}`, `, of which ${finePercent(others)} on the other shapes`] : ["alone of its kind", ""];
  return (
    `${start} a ${shape.kind}, ${company}. On patches of its group: ${finePercent(group)}${apart}. ` +
    `Uniform attention would put ${finePercent(uniform)} there.`
  );
}

/* ---- colours and canvases ---- */

/** Give what looks up the site's colours and fonts, as a view wears them. @param {Element} box */
export const wornBy = (box) => (/** @type {string} */ name) =>
  getComputedStyle(box).getPropertyValue(`--nb-${name}`).trim();

/** The colours of shares from 0 to 1, made once: a dragged shape asks for thousands of them in each frame. */
const STEPS = 1023;
const RAMP = Array.from({ length: STEPS + 1 }, (_, step) => {
  const place = (step / STEPS) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return Object.freeze(VIRIDIS[low].map((v, i) => Math.round(v + (place - low) * (VIRIDIS[low + 1][i] - v))));
});

/**
 * Give the colour [red, green, blue] of a share from 0 to 1.
 * @param {number} share
 */
export const viridis = (share) => RAMP[Math.round(STEPS * Math.min(Math.max(share, 0), 1))];

/** @param {HTMLCanvasElement} canvas */
export const contextOf = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));

/**
 * Make a picture of one pixel a cell; drawn large, without smoothing, it has no seams.
 * @param {number} side
 * @param {(cell: number) => readonly number[]} colour red, green, blue, and where it is not 255 how opaque
 * @param {HTMLCanvasElement} still what it is put on
 */
export function picture(side, colour, still = element("canvas")) {
  const pixels = new ImageData(side, side);
  for (let cell = 0; cell < side * side; cell++) {
    const [red, green, blue, opaque = 255] = colour(cell);
    pixels.data[4 * cell] = red;
    pixels.data[4 * cell + 1] = green;
    pixels.data[4 * cell + 2] = blue;
    pixels.data[4 * cell + 3] = opaque;
  }
  if (still.width !== side || still.height !== side) Object.assign(still, { width: side, height: side });
  contextOf(still).putImageData(pixels, 0, 0);
  return still;
}

/**
 * Give an empty canvas as dense as the screen, measured in CSS pixels.
 * @param {HTMLCanvasElement} canvas
 */
export function surface(canvas) {
  const dense = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.max(1, canvas.clientWidth);
  const height = Math.max(1, canvas.clientHeight);
  const pixels = { width: Math.round(width * dense), height: Math.round(height * dense) };
  if (canvas.width !== pixels.width || canvas.height !== pixels.height) Object.assign(canvas, pixels);
  const context = contextOf(canvas);
  context.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  return { context, width, height };
}

/**
 * Tell which cell of a canvas a pointer is on.
 * @param {MouseEvent} event
 * @param {Element} canvas
 * @param {number} cells along either side
 */
export function cellAt(event, canvas, cells) {
  const bounds = canvas.getBoundingClientRect();
  const at = (/** @type {number} */ value, /** @type {number} */ size) =>
    Math.min(cells - 1, Math.max(0, Math.floor((cells * value) / size)));
  return {
    row: at(event.clientY - bounds.top, bounds.height),
    column: at(event.clientX - bounds.left, bounds.width),
  };
}

/* ---- pointer and keys ---- */

/** @typedef {ReturnType<typeof cellAt>} Cell */

/**
 * Follow a pointer over a canvas: the cell that it is on, none as it leaves, and the one that it clicks.
 * @param {HTMLCanvasElement} canvas
 * @param {number} cells along either side
 * @param {(cell: Cell | null) => void} point
 * @param {(cell: Cell) => void} choose
 */
export function follow(canvas, cells, point, choose) {
  canvas.addEventListener("pointermove", (event) => point(cellAt(event, canvas, cells)));
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", (event) => choose(cellAt(event, canvas, cells)));
}

/**
 * Let keys move along the places of a frame, as along a slider; Home and End lead to the first and the last.
 * @param {HTMLElement} frame
 * @param {object} way
 * @param {string} way.label
 * @param {number} way.places
 * @param {() => number} way.place that is chosen, from 0
 * @param {(from: number) => Record<string, number>} way.steps how many places keys lead on
 * @param {(place: number) => void} way.go
 */
export function stepper(frame, { label, places, place, steps, go }) {
  const range = { "aria-valuemin": 1, "aria-valuemax": places, "aria-valuenow": place() + 1 };
  describe(frame, { role: "slider", tabindex: 0, "aria-label": label, ...range });
  frame.addEventListener("keydown", (event) => {
    const by = { ...steps(place()), Home: -places, End: places }[event.key];
    // With another key held an arrow is the browser's, as Alt and the left one go back.
    if (by === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    go(Math.min(Math.max(place() + by, 0), places - 1));
  });
}

/** Along a line; arrows up lead on where `up` is 1, and back where it is -1. */
export const alongLine = (/** @type {1 | -1} */ up) => () => ({
  ArrowRight: 1,
  ArrowLeft: -1,
  ArrowUp: up,
  ArrowDown: -up,
  PageUp: 5 * up,
  PageDown: -5 * up,
});

/** Over a square of places: to a neighbour, never out of it. */
export const overGrid = (/** @type {number} */ side) => (/** @type {number} */ from) => ({
  ArrowRight: Number(from % side < side - 1),
  ArrowLeft: -Number(from % side > 0),
  ArrowUp: from < side ? 0 : -side,
  ArrowDown: from < side ** 2 - side ? side : 0,
});

/* ---- controls that do nothing for now ---- */

/** @param {Event} event */
function stopIdle(event) {
  if (/** @type {Element} */ (event.currentTarget).getAttribute("aria-disabled") !== "true") return;
  event.preventDefault(); // a box would be ticked
  event.stopImmediatePropagation();
}

/**
 * Let a control do nothing for now, or act again. Whoever is on it by keyboard stays there: from one that is `disabled`
 * the browser takes the keyboard back to the beginning of the page.
 * @param {HTMLElement} control
 * @param {boolean} idle
 */
export function setIdle(control, idle) {
  control.setAttribute("aria-disabled", String(idle));
  control.addEventListener("click", stopIdle, true); // before what it does; added twice it is there once
}

/* ---- pieces of a page ---- */

/** @param {Element} made @param {Record<string, string | number>} attributes */
function describe(made, attributes) {
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string | number>} attributes
 * @param {(Node | string)[]} children
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  describe(made, attributes);
  made.append(...children);
  return made;
}

/**
 * Give a view's box a style sheet of its own, and wait for it: what is measured must have its size. Where it does not
 * come, neither does the view: the picture is better than a heap of controls, and can be tried again.
 * @param {HTMLElement} box
 * @param {URL} sheet
 */
export function styled(box, sheet) {
  const look = element("link", { rel: "stylesheet", href: sheet.href });
  const there = new Promise((resolve, reject) => {
    look.addEventListener("load", resolve);
    look.addEventListener("error", () => reject(new TypeError(`${look.href} could not be loaded`)));
  });
  box.prepend(look);
  return there;
}

/** @typedef {ReturnType<typeof panel>} Panel */

/**
 * Make a canvas in a frame, with a title above it.
 * @param {string} block what its classes begin with
 * @param {string} title none where it is empty
 * @param {Record<string, string | number>} role of the frame, for assistive technology
 */
export function panel(block, title, role = {}) {
  const canvas = element("canvas", { class: `${block}__canvas`, "aria-hidden": "true" });
  const frame = element("div", { class: `${block}__frame`, ...role }, canvas);
  const heading = element("div", { class: "explorer__title" }, title);
  const root = element("div", { class: `${block}__panel` }, ...(title ? [heading] : []), frame);
  return { root, heading, frame, canvas };
}

/**
 * Make a labelled choice; `fill` gives it [key, title] pairs and the key that is chosen.
 * @param {string} label
 * @param {(key: string) => void} change
 */
export function chooser(label, change) {
  const select = element("select", { class: "explorer__select" });
  select.addEventListener("change", () => change(select.value));
  let shown = "";
  const fill = (/** @type {[string | number, string][]} */ options, /** @type {string | number} */ value) => {
    if (shown !== String(options)) {
      shown = String(options);
      select.replaceChildren(...options.map(([key, title]) => element("option", { value: key }, title)));
    }
    select.value = String(value);
  };
  const name = element("span", { class: "explorer__name" }, label);
  return { root: element("label", { class: "explorer__choice" }, name, select), fill };
}

/**
 * Offer numbers from 1, whose keys count from 0.
 * @param {number} count
 * @returns {[number, string][]}
 */
export const numbers = (count) => Array.from({ length: count }, (_, i) => [i, String(i + 1)]);
