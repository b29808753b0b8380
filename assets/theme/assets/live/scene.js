/* Scenes: the shapes that a reader draws, how they become an image, and the truth about it.

   A port of shapes_of_attention.data (render, rules) and measure (regions, ideal). Images come out
   equal to the bit: `Math.fround` stands wherever numpy rounds to a float32. */

/**
 * A shape, lengths in pixels, colours in levels 0-255.
 *
 * @typedef {object} Shape
 * @property {number} kind an index into `KINDS`
 * @property {[number, number, number, number]} box x0, y0, x1, y1; pixel i spans i to i + 1
 * @property {number} stroke width of a hollow shape's line, 0 for filled ones
 * @property {[number, number, number]} colour red, green, blue
 */

/**
 * What a scene asks for and where attention should go.
 *
 * @typedef {object} Truth
 * @property {boolean[]} kept for each shape, whether it has a vote
 * @property {([number, number, number] | null)[]} means for each shape, its group's mean; null where not kept
 * @property {Float32Array} cover [shapes, patches], pixels that each shape covers
 * @property {Float32Array} ideal [query, key]; a row adds up to one, or to zero where nothing is asked
 * @property {Int8Array} owner [patches], the shape that a patch mostly shows, -1 on background
 */

export const KINDS = ["filled circle", "hollow circle", "filled rectangle", "hollow rectangle"];
export const SIZE = 128;
export const PATCH = 16;
export const GRID = SIZE / PATCH;
export const PATCHES = GRID * GRID;
const FILLED_CIRCLE = 0;
const QUERY_COVER = 1 / 16; // the least share of its patch that a shape covers to ask through it
const KEY_PIXELS = 1; // the least pixels of a patch that a shape covers to be looked for there
const WHOLE = 0.999; // pixels covered by less than this are a shape's edge

const f32 = Math.fround;
/** @param {number} value */
const unit = (value) => Math.min(1, Math.max(0, value));
/** @param {number} kind */
export const isCircle = (kind) => kind < 2;
/** @param {number} kind */
export const isHollow = (kind) => kind % 2 === 1;

/* ---- drawing ---- */

/** @typedef {{left: number, top: number, side: number, cover: Float32Array}} Window cover is [side, side] */

/** A shape never changes, another takes its place; each is drawn and measured several times. */
/** @type {WeakMap<Shape, Window>} */
const covers = new WeakMap();

/**
 * Give the covered share of each pixel in a window around a shape.
 *
 * @param {Shape} shape
 */
export function coverage(shape) {
  let found = covers.get(shape);
  if (!found) covers.set(shape, (found = rasterised(shape)));
  return found;
}

/**
 * Coordinates are taken relative to the window first, as numpy's are: its float32 values then have
 * the same digits.
 *
 * @param {Shape} shape
 * @returns {Window}
 */
function rasterised({ kind, box, stroke }) {
  const [x0, y0, x1, y1] = box.map(f32);
  const side = Math.ceil(Math.max(f32(x1 - x0), f32(y1 - y0))) + 2;
  const left = Math.min(Math.floor(x0), SIZE - side);
  const top = Math.min(Math.floor(y0), SIZE - side);
  const low = [f32(x0 - left), f32(y0 - top)];
  const high = [f32(x1 - left), f32(y1 - top)];
  const line = f32(stroke);
  const cover = isCircle(kind) ? disc(low, high, line, side) : rectangle(low, high, line, side);
  return { left, top, side, cover };
}

/**
 * A pixel whose centre lies d outside an edge is covered by about 1/2 - d, within one pixel.
 *
 * @param {number[]} low
 * @param {number[]} high
 * @param {number} line
 * @param {number} side
 */
function disc(low, high, line, side) {
  const cover = new Float32Array(side * side);
  const radius = f32(f32(high[0] - low[0]) / 2);
  const outer = f32(radius + 0.5);
  const inner = line > 0 ? f32(f32(radius - line) + 0.5) : 0;
  const [across, down] = [0, 1].map((axis) => {
    const centre = f32(f32(low[axis] + high[axis]) / 2);
    return Float32Array.from({ length: side }, (_, i) => f32(i + 0.5 - centre) ** 2);
  });
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const distance = f32(Math.sqrt(f32(across[x] + down[y])));
      cover[y * side + x] = unit(f32(outer - distance)) - unit(f32(inner - distance));
    }
  }
  return cover;
}

/**
 * @param {number[]} low
 * @param {number[]} high
 * @param {number} line
 * @param {number} side
 */
function rectangle(low, high, line, side) {
  const width = line > 0 ? line : Math.max(...high);
  const outer = solid(low, high, side);
  const inner = solid(
    low.map((v) => f32(v + width)),
    high.map((v) => f32(v - width)),
    side,
  );
  return outer.map((value, i) => value - inner[i]);
}

/**
 * Cover of an upright rectangle, exact: the product of the covers along x and along y.
 *
 * @param {number[]} low
 * @param {number[]} high
 * @param {number} side
 */
function solid(low, high, side) {
  const [across, down] = [0, 1].map((axis) =>
    Float32Array.from({ length: side }, (_, i) =>
      Math.max(0, f32(Math.min(i + 1, high[axis]) - Math.max(i, low[axis]))),
    ),
  );
  const cover = new Float32Array(side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) cover[y * side + x] = across[x] * down[y];
  }
  return cover;
}

/**
 * Draw shapes on black, each over those before it.
 *
 * @param {Shape[]} shapes
 * @param {(readonly number[] | null)[]} colours one a shape; null leaves it out
 * @returns {Uint8Array} [3, size, size]
 */
export function paint(shapes, colours = shapes.map(({ colour }) => colour)) {
  const image = new Uint8Array(3 * SIZE * SIZE);
  shapes.forEach((shape, number) => {
    const colour = colours[number];
    if (!colour) return;
    const levels = colour.map(f32);
    eachPixel(shape, (at, cover) => {
      for (let channel = 0; channel < 3; channel++) {
        const place = channel * SIZE * SIZE + at;
        const below = image[place];
        const level = Math.trunc(f32(f32(cover * levels[channel]) + 0.5));
        image[place] = below ? Math.trunc((1 - cover) * below + cover * levels[channel] + 0.5) : level;
      }
    });
  });
  return image;
}

/**
 * Visit the pixels of the image that a shape covers.
 *
 * @param {Shape} shape
 * @param {(at: number, cover: number) => void} visit
 */
function eachPixel(shape, visit) {
  const { left, top, side, cover } = coverage(shape);
  for (let y = Math.max(0, -top); y < side && top + y < SIZE; y++) {
    for (let x = Math.max(0, -left); x < side && left + x < SIZE; x++) {
      const share = cover[y * side + x];
      if (share > 0) visit((top + y) * SIZE + left + x, share);
    }
  }
}

/* ---- rules ---- */

/** @param {readonly number[]} colour */
export const redDominant = ([red, green, blue]) => red > green && red > blue;

/** @param {Shape} shape */
export const isKept = ({ kind, colour }) => kind !== FILLED_CIRCLE || redDominant(colour);

/**
 * Give each shape the mean colour of the kept shapes of its kind, null where it is not kept itself.
 *
 * @param {Shape[]} shapes
 * @param {boolean[]} kept
 * @returns {([number, number, number] | null)[]}
 */
export function groupMeans(shapes, kept) {
  return shapes.map(({ kind }, number) => {
    if (!kept[number]) return null;
    const members = shapes.filter((other, i) => kept[i] && other.kind === kind);
    /** @param {number} channel */
    const mean = (channel) => {
      const total = members.reduce((sum, { colour }) => f32(sum + f32(colour[channel])), 0);
      return f32(total / members.length);
    };
    return [mean(0), mean(1), mean(2)];
  });
}

/**
 * Say what the rule predicts when some shapes are hidden from who looks for colours: they have no vote,
 * and take the mean of the others of their kind, or black where there are none.
 *
 * @param {Shape[]} shapes
 * @param {boolean[]} kept
 * @param {number[]} hidden
 * @returns {([number, number, number] | null)[]}
 */
export function meansWithout(shapes, kept, hidden) {
  const voting = kept.map((counts, i) => counts && !hidden.includes(i));
  const means = groupMeans(shapes, voting);
  return shapes.map(({ kind }, i) => {
    if (!kept[i] || voting[i]) return means[i];
    const other = shapes.findIndex((shape, j) => voting[j] && shape.kind === kind);
    return other < 0 ? [0, 0, 0] : means[other];
  });
}

/* ---- the truth ---- */

/**
 * Count the pixels that each shape covers in each patch.
 *
 * @param {Shape[]} shapes
 * @returns {Float32Array} [shapes, patches], patches in reading order
 */
export function patchCover(shapes) {
  const cover = new Float32Array(shapes.length * PATCHES);
  shapes.forEach((shape, number) => {
    eachPixel(shape, (at, covered) => {
      const patch = Math.floor(at / SIZE / PATCH) * GRID + Math.floor((at % SIZE) / PATCH);
      cover[number * PATCHES + patch] += covered;
    });
  });
  return cover;
}

/**
 * Work out a scene's target, and the attention that would paint it.
 *
 * A query asks for the mean of the shape that fills most of its patch. Every kept shape of that kind
 * gets an equal part of the weight, spread over its patches by the pixels that it covers.
 *
 * @param {Shape[]} shapes
 * @returns {Truth}
 */
export function truthOf(shapes) {
  const kept = shapes.map(isKept);
  const means = groupMeans(shapes, kept);
  const cover = patchCover(shapes);
  const owner = new Int8Array(PATCHES).fill(-1);
  for (let patch = 0; patch < PATCHES; patch++) {
    let most = QUERY_COVER * PATCH * PATCH;
    shapes.forEach((_, number) => {
      const covered = cover[number * PATCHES + patch];
      if (covered > most || (covered === most && owner[patch] < 0)) {
        most = covered;
        owner[patch] = number;
      }
    });
  }
  const totals = shapes.map((_, i) => {
    const row = cover.subarray(i * PATCHES, (i + 1) * PATCHES);
    return Math.max(
      1,
      row.reduce((sum, covered) => sum + covered, 0),
    );
  });
  const ideal = new Float32Array(PATCHES * PATCHES);
  for (let query = 0; query < PATCHES; query++) {
    const members = membersOf(shapes, kept, owner[query]);
    for (const member of members) {
      for (let key = 0; key < PATCHES; key++) {
        ideal[query * PATCHES + key] += cover[member * PATCHES + key] / totals[member] / members.length;
      }
    }
  }
  return { kept, means, cover, ideal, owner };
}

/**
 * List the shapes whose mean a patch that shows shape `number` asks for.
 *
 * @param {Shape[]} shapes
 * @param {boolean[]} kept
 * @param {number} number
 */
export function membersOf(shapes, kept, number) {
  if (number < 0 || !kept[number]) return [];
  return shapes.flatMap(({ kind }, i) => (kept[i] && kind === shapes[number].kind ? [i] : []));
}

/**
 * Say which patches a shape touches as a key.
 *
 * @param {Truth} truth
 * @param {number} number
 * @returns {boolean[]} [patches]
 */
export const touchedBy = (truth, number) =>
  Array.from(truth.cover.subarray(number * PATCHES, (number + 1) * PATCHES), (v) => v >= KEY_PIXELS);

/**
 * Average an image's colour over the interior of each shape.
 *
 * @param {ArrayLike<number>} image [3, size, size]
 * @param {Shape[]} shapes
 * @returns {([number, number, number] | null)[]} null where a shape has no whole pixel in the image
 */
export function interiorMeans(image, shapes) {
  return shapes.map((shape) => {
    const total = [0, 0, 0];
    let inside = 0;
    eachPixel(shape, (at, cover) => {
      if (cover < WHOLE) return;
      inside += 1;
      for (let channel = 0; channel < 3; channel++) total[channel] += image[channel * SIZE * SIZE + at];
    });
    return inside ? [total[0] / inside, total[1] / inside, total[2] / inside] : null;
  });
}
