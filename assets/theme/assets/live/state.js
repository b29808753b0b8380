/* What a reader has drawn and changed, how it is written in an address, and what keeps it to what the
   models were trained on. */
import { KINDS, PATCHES, SIZE, isCircle, isHollow, patchCover } from "./scene.js";

/** @typedef {import("./scene.js").Shape} Shape */
/** @typedef {[number, number, number, number]} Box */

/**
 * @typedef {object} State
 * @property {Shape[]} shapes
 * @property {number} selected a shape, -1 for none
 * @property {number} patch the patch that asks; -1 follows the selected shape
 * @property {string} model
 * @property {string} module the attention that is shown, as in an address: e1, d2, t1
 * @property {number} head
 * @property {number[]} hidden shapes that no cross-attention may look at
 * @property {Record<string, number[]>} stilled heads by module
 * @property {Record<string, number[]>} replaced heads by module
 * @property {boolean} unturned
 * @property {boolean} free the reader has left the training set
 */

/** What the training images keep to, in pixels and shapes, and what the canvas can bear. */
export const TRAINED = { least: 16, most: 40, gap: 2, shapes: 8 };
const BEARABLE = { least: 4, most: 100, shapes: 16 };
const LINE = 4; // width of a new hollow shape's line
const LETTERS = "corb"; // of the kinds, in an address
const COLOURS = ["#e2604a", "#4aa3e2", "#e2b13c", "#8d6be0", "#56b870", "#e07fb1", "#d98a3a", "#5fc2c0"];

/** @param {boolean} free */
export const limitsOf = (free) => (free ? BEARABLE : TRAINED);

/* ---- addresses ---- */

/**
 * encoder.0.attention is e1, decoder.1.cross_attention d2, decoder.1.self_attention t2.
 *
 * @param {string} module
 */
export function shortName(module) {
  const [side, number, kind] = module.split(".");
  return `${side === "encoder" ? "e" : kind === "self_attention" ? "t" : "d"}${Number(number) + 1}`;
}

/** @param {string} short */
export function longName(short) {
  const number = Number(short.slice(1)) - 1;
  if (short[0] === "e") return `encoder.${number}.attention`;
  return `decoder.${number}.${short[0] === "t" ? "self" : "cross"}_attention`;
}

/** @param {string} short */
export function titleOf(short) {
  const side = { e: "encoder", d: "decoder", t: "decoder" }[short[0]];
  const kind = { e: "", d: ", cross", t: ", self" }[short[0]];
  return `${side} ${short.slice(1)}${kind}`;
}

/** @param {readonly number[]} colour */
export const hex = (colour) => colour.map((level) => Math.round(level).toString(16).padStart(2, "0")).join("");

/** @param {number} value */
const short = (value) => String(Number(value.toFixed(1)));

/** @param {Shape} shape */
function writeShape({ kind, box: [x0, y0, x1, y1], stroke, colour }) {
  const numbers = [x0, y0, x1 - x0, y1 - y0, stroke].map(short).join("_");
  return `${LETTERS[kind]}${numbers}_${hex(colour)}`;
}

/**
 * Write a state in letters that an address need not escape.
 *
 * @param {State} state
 */
export function write(state) {
  /** @param {string} letter @param {Record<string, number[]>} list */
  const heads = (letter, list) =>
    Object.entries(list).flatMap(([module, chosen]) => chosen.map((head) => `${letter}${module}.${head + 1}`));
  return [
    ...state.shapes.map(writeShape),
    ...(state.selected >= 0 ? [`v${state.selected + 1}`] : []),
    ...(state.patch >= 0 ? [`p${state.patch + 1}`] : []),
    `a${state.module}.${state.head + 1}`,
    ...(state.model === "flagship" ? [] : [`m${state.model}`]),
    ...state.hidden.map((shape) => `k${shape + 1}`),
    ...heads("s", state.stilled),
    ...heads("i", state.replaced),
    ...(state.unturned ? ["u"] : []),
    ...(state.free ? ["f"] : []),
  ].join("*");
}

/**
 * Read a state; what makes no sense is left out.
 *
 * @param {string} text
 * @param {string[]} models
 * @returns {State}
 */
export function read(text, models) {
  /** @type {State} */
  const state = {
    shapes: [],
    selected: -1,
    patch: -1,
    model: "flagship",
    module: "d2",
    head: 0,
    hidden: [],
    stilled: {},
    replaced: {},
    unturned: false,
    free: false,
  };
  for (const token of text.split("*")) {
    const [, letter, rest] = token.match(/^([a-z])(.*)$/s) ?? [];
    if (letter && LETTERS.includes(letter)) {
      const shape = readShape(letter, rest);
      if (shape) state.shapes.push(shape);
    } else if (letter === "v") state.selected = whole(rest);
    else if (letter === "p") state.patch = whole(rest);
    else if (letter === "m" && models.includes(rest)) state.model = rest;
    else if (letter === "k") state.hidden.push(whole(rest));
    else if (letter === "u") state.unturned = true;
    else if (letter === "f") state.free = true;
    else if (letter && "asi".includes(letter)) readHead(state, letter, rest);
  }
  return sound(state);
}

/** @param {string} text */
const whole = (text) => (/^\d{1,3}$/.test(text) ? Number(text) - 1 : -1);

/**
 * @param {string} letter
 * @param {string} rest
 * @returns {Shape | null}
 */
function readShape(letter, rest) {
  const number = String.raw`-?\d{1,4}(?:\.\d+)?`;
  const found = rest.match(new RegExp(`^(${number})_(${number})_(${number})_(${number})_(${number})_([0-9a-f]{6})$`));
  if (!found) return null;
  const [x, y, width, height, stroke] = found.slice(1, 6).map(Number);
  const kind = LETTERS.indexOf(letter);
  const side = (/** @type {number} */ value) => Math.min(BEARABLE.most, Math.max(BEARABLE.least, value));
  const [across, down] = [side(width), isCircle(kind) ? side(width) : side(height)];
  const line = Math.min(Math.max(stroke, 1), Math.min(across, down) / 2);
  return {
    kind,
    box: inSight([x, y, x + across, y + down]),
    stroke: isHollow(kind) ? line : 0,
    colour: coloured(found[6]),
  };
}

/** @param {string} text @returns {[number, number, number]} */
function coloured(text) {
  const level = (/** @type {number} */ at) => parseInt(text.slice(at, at + 2), 16);
  return [level(0), level(2), level(4)];
}

/** @param {State} state @param {string} letter @param {string} rest */
function readHead(state, letter, rest) {
  const [, module, digit] = rest.match(/^([edt][1-9])\.([1-4])$/) ?? [];
  if (!module) return;
  const head = Number(digit) - 1;
  if (letter === "a") Object.assign(state, { module, head });
  else (state[letter === "s" ? "stilled" : "replaced"][module] ??= []).push(head);
}

/**
 * Keep numbers of shapes and patches to those that exist.
 *
 * @param {State} state
 * @returns {State}
 */
export function sound(state) {
  const shapes = state.shapes.slice(0, BEARABLE.shapes);
  const exists = (/** @type {number} */ shape) => shape >= 0 && shape < shapes.length;
  return {
    ...state,
    shapes,
    selected: exists(state.selected) ? state.selected : -1,
    patch: state.patch >= 0 && state.patch < PATCHES ? state.patch : -1,
    hidden: [...new Set(state.hidden.filter(exists))],
    free: state.free || strays(shapes).length > 0,
  };
}

/* ---- the training set ---- */

/**
 * Say in words how shapes leave what the models were trained on; nothing where they do not.
 *
 * @param {Shape[]} shapes
 * @returns {string[]}
 */
export function strays(shapes) {
  const { least, most, gap } = TRAINED;
  const slack = 0.11; // an address keeps one decimal
  const sides = shapes.flatMap(({ box: [x0, y0, x1, y1] }) => [x1 - x0, y1 - y0]);
  const edge = shapes.some(({ box }) => box.some((v) => v < gap - slack || v > SIZE - gap + slack));
  const close = shapes.some(({ box }, i) =>
    shapes.some((other, j) => j < i && !apart(box, other.box, gap - 2 * slack)),
  );
  return [
    ...(shapes.length > TRAINED.shapes ? [`more than ${TRAINED.shapes} shapes`] : []),
    ...(sides.some((side) => side < least - slack) ? [`sides below ${least} pixels`] : []),
    ...(sides.some((side) => side > most + slack) ? [`sides above ${most} pixels`] : []),
    ...(close ? ["shapes that touch"] : []),
    ...(edge ? ["a shape at the edge"] : []),
  ];
}

/** @param {Box} a @param {Box} b @param {number} gap */
const apart = (a, b, gap) => a[0] >= b[2] + gap || b[0] >= a[2] + gap || a[1] >= b[3] + gap || b[1] >= a[3] + gap;

/**
 * Move a box so that its middle stays on the canvas.
 *
 * @param {Box} box
 * @returns {Box}
 */
function inSight([x0, y0, x1, y1]) {
  const back = (/** @type {number} */ low, /** @type {number} */ high) => {
    const middle = (low + high) / 2;
    return Math.min(Math.max(middle, 0), SIZE) - middle;
  };
  const [x, y] = [back(x0, x1), back(y0, y1)];
  return [x0 + x, y0 + y, x1 + x, y1 + y];
}

/** @param {Box} box @returns {Box} */
function inside([x0, y0, x1, y1]) {
  const { gap } = TRAINED;
  const back = (/** @type {number} */ low, /** @type {number} */ high) =>
    Math.max(0, gap - low) - Math.max(0, high - (SIZE - gap));
  const [x, y] = [back(x0, x1), back(y0, y1)];
  return [x0 + x, y0 + y, x1 + x, y1 + y];
}

/**
 * Take the wished box of a shape as far as its neighbours allow: whole, along one axis, or not at all.
 *
 * @param {State} state
 * @param {number} number
 * @param {Box} wish
 * @returns {Box}
 */
export function settled({ shapes, free }, number, wish) {
  if (free) return inSight(wish);
  const now = shapes[number].box;
  const [x0, y0, x1, y1] = inside(wish);
  const clear = (/** @type {Box} */ box) =>
    shapes.every((other, i) => i === number || apart(box, other.box, TRAINED.gap));
  /** @type {Box[]} */
  const tries = [
    [x0, y0, x1, y1],
    [x0, now[1], x1, now[3]],
    [now[0], y0, now[2], y1],
  ];
  return tries.find(clear) ?? now;
}

/* ---- changes ---- */

/**
 * @param {State} state
 * @param {number} number
 * @param {Partial<Shape>} change
 * @returns {State}
 */
export const withShape = (state, number, change) => ({
  ...state,
  shapes: state.shapes.map((shape, i) => (i === number ? { ...shape, ...change } : shape)),
});

/** @param {State} state @param {number} number @param {number} x @param {number} y */
export function moved(state, number, x, y) {
  const [x0, y0, x1, y1] = state.shapes[number].box;
  return withShape(state, number, { box: settled(state, number, [x, y, x + x1 - x0, y + y1 - y0]) });
}

/** @param {State} state @param {number} number @param {number} width @param {number} height */
export function sized(state, number, width, height) {
  const { least, most } = limitsOf(state.free);
  const { kind, box, stroke } = state.shapes[number];
  const side = (/** @type {number} */ value) => Math.min(most, Math.max(least, Math.round(value)));
  const [across, down] = isCircle(kind)
    ? [side(Math.max(width, height)), side(Math.max(width, height))]
    : [side(width), side(height)];
  const [x0, y0] = box;
  /** @type {Box} */
  const wish = [x0, y0, x0 + across, y0 + down];
  const got = settled(state, number, wish);
  const fits = got[2] - got[0] === across && got[3] - got[1] === down;
  if (!fits) return state;
  return withShape(state, number, { box: got, stroke: Math.min(stroke, Math.min(across, down) / 2) });
}

/** @param {State} state @param {number} number @param {number} kind */
export function turnedInto(state, number, kind) {
  const [x0, y0, x1, y1] = state.shapes[number].box;
  const side = isCircle(kind) ? Math.min(x1 - x0, y1 - y0) : 0;
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  /** @type {Box} */
  const box = side ? [x - side / 2, y - side / 2, x + side / 2, y + side / 2] : [x0, y0, x1, y1];
  return withShape(state, number, { kind, box, stroke: isHollow(kind) ? LINE : 0 });
}

/**
 * Add a shape of a kind where there is room, and select it; null where there is none.
 *
 * @param {State} state
 * @param {number} kind
 * @returns {State | null}
 */
export function added(state, kind) {
  const { shapes, free } = state;
  if (shapes.length >= limitsOf(free).shapes) return null;
  const colour = coloured(COLOURS[(shapes.length + kind) % COLOURS.length].slice(1));
  for (const side of [26, 20, TRAINED.least]) {
    const step = 6;
    for (let y = TRAINED.gap; y + side <= SIZE - TRAINED.gap; y += step) {
      for (let x = TRAINED.gap; x + side <= SIZE - TRAINED.gap; x += step) {
        /** @type {Box} */
        const box = [x, y, x + side, y + side];
        if (!shapes.every((other) => apart(box, other.box, TRAINED.gap))) continue;
        const shape = { kind, box, stroke: isHollow(kind) ? LINE : 0, colour };
        return { ...state, shapes: [...shapes, shape], selected: shapes.length, patch: -1 };
      }
    }
  }
  return null;
}

/** @param {State} state @param {number} number @returns {State} */
export function removed(state, number) {
  const left = (/** @type {number} */ shape) => (shape > number ? shape - 1 : shape);
  return {
    ...state,
    shapes: state.shapes.filter((_, i) => i !== number),
    selected: Math.min(state.selected, state.shapes.length - 2),
    hidden: state.hidden.filter((shape) => shape !== number).map(left),
    patch: -1,
  };
}

/**
 * @param {Record<string, number[]>} heads
 * @param {string} module
 * @param {number} head
 */
export function toggled(heads, module, head) {
  const chosen = heads[module] ?? [];
  const next = chosen.includes(head) ? chosen.filter((other) => other !== head) : [...chosen, head].sort();
  const others = Object.fromEntries(Object.entries(heads).filter(([name]) => name !== module));
  return next.length ? { ...others, [module]: next } : others;
}

/**
 * Find the patch that asks: the chosen one, else where the selected shape is largest.
 *
 * @param {State} state
 * @returns {number}
 */
export function askingPatch({ shapes, selected, patch }) {
  if (patch >= 0) return patch;
  if (selected < 0) return 0;
  const row = patchCover([shapes[selected]]);
  return row.indexOf(Math.max(...row));
}

/* ---- words ---- */

/**
 * @param {State} state
 * @param {number} number
 * @param {boolean[]} kept
 */
export function wordsFor({ shapes, hidden }, number, kept) {
  const { kind, colour } = shapes[number];
  const alike = shapes.flatMap((shape, i) => (shape.kind === kind ? [i] : []));
  const [red, green, blue] = colour.map(Math.round);
  return [
    `${KINDS[kind]} ${alike.indexOf(number) + 1} of ${alike.length}`,
    `red ${red}, green ${green}, blue ${blue}`,
    kept[number] ? "kept" : "left out, for its red does not lead",
    ...(hidden.includes(number) ? ["hidden from the keys"] : []),
  ].join(", ");
}
