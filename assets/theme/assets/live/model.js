/* The trained models, run forward: each layer is a function that reads like its formula in the post.

   The functions mirror shapes_of_attention.models. One image at a time; its 64 patches are the tokens,
   in reading order, and a matrix has one token a row. */
import { columnsOf, matrix, panels, wholePanels } from "./products.js";
import { GRID, PATCH, PATCHES, SIZE } from "./scene.js";

/** @typedef {import("./products.js").Matrix} Matrix */
/** @typedef {import("./products.js").Panels} Panels */
/** @typedef {import("./products.js").Products} Products */

/**
 * A file of weights.
 *
 * @typedef {object} Weights
 * @property {string} model "encoder-decoder" or "encoder-only"
 * @property {Record<string, number>} options in which it differs from the default
 * @property {Record<string, {shape: number[], values: Float32Array}>} tensors
 */

/**
 * What is changed inside a model while it runs. Heads are given as lists by attention module.
 *
 * @typedef {object} Changes
 * @property {boolean[]} [hidden] [patches], keys that no cross-attention may look at
 * @property {Record<string, number[]>} [stilled] heads that give their average output everywhere
 * @property {Record<string, number[]>} [replaced] heads that get the weights `ideal`
 * @property {Float32Array} [ideal] [query, key]; rows of zeros leave the learned weights
 * @property {boolean} [unturned] leave queries and keys unturned: no positions
 */

/**
 * @typedef {object} Painting
 * @property {Float32Array} painted [3, size, size], 0 ... 1 and a little beyond
 * @property {Record<string, Float32Array>} attention by module: [heads, query, key]
 */

/**
 * An image as the encoder has read it, and what it was read with.
 *
 * @typedef {object} Encoded
 * @property {Uint8Array} image
 * @property {string} key names the changes that reach the encoder
 * @property {Matrix} patches
 * @property {Matrix} memory
 * @property {number} mark where the memory ends
 * @property {Painting["attention"]} attention
 */

const DIM = 128;
const HEADS = 4;
const HEAD_DIM = DIM / HEADS;
const EPSILON = 1e-5; // of layer norm, as in torch
const BASE = 100; // of rotary angles
const PASS = 2_500_000; // numbers that a pass through the deepest model leaves in memory, and some more
const DEPTH = { encoder_layers: 2, decoder_layers: 2, layers: 4 };

/* ---- weights ---- */

/**
 * Undo gzip, where a host that takes it for its own compression has not left it to the browser.
 *
 * @param {ArrayBuffer} buffer
 * @returns {Promise<ArrayBuffer>}
 */
export async function unpacked(buffer) {
  if (new DataView(buffer).getUint16(0) !== 0x1f8b) return buffer;
  const stream = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (new Response(buffer).body);
  return new Response(stream.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/**
 * Read a safetensors file of float16 numbers.
 *
 * @param {ArrayBuffer} buffer
 * @returns {Weights}
 */
export function readWeights(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const halves = new Uint16Array(buffer.slice(8 + length));
  const value = Float32Array.from({ length: 2 ** 16 }, (_, bits) => fromHalf(bits));
  /** @type {Weights["tensors"]} */
  const tensors = {};
  for (const [name, { shape, data_offsets: place }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const values = new Float32Array((place[1] - place[0]) / 2);
    for (let i = 0; i < values.length; i++) values[i] = value[halves[place[0] / 2 + i]];
    tensors[name] = { shape, values };
  }
  const { model, options } = JSON.parse(header.__metadata__.note);
  return { model, options, tensors };
}

/** @param {number} bits */
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 0) return sign * fraction * 2 ** -14;
  return exponent === 31 ? NaN : sign * (1 + fraction) * 2 ** (exponent - 15);
}

/**
 * Count the numbers that a model needs room for: its weights in panels, and one pass.
 *
 * @param {Weights} weights
 */
export function roomFor({ tensors }) {
  const sizes = Object.values(tensors).map(({ shape: [rows, columns = 1] }) => wholePanels(rows) * columns);
  return sizes.reduce((sum, size) => sum + size, 0) + PASS;
}

/* ---- the network ---- */

export class Network {
  /**
   * @param {Products} products
   * @param {Weights} weights
   * @param {Record<string, Float32Array>} averages by module: [dim], what its heads give on average
   */
  constructor(products, { model, options, tensors }, averages) {
    this.products = products;
    this.averages = averages;
    this.config = { ...DEPTH, decoder_self_attention: 0, palette: 4, ...options };
    this.encoderOnly = model === "encoder-only";
    /** @type {Record<string, Panels>} */
    this.factors = {};
    /** @type {Record<string, Float32Array>} */
    this.vectors = {};
    for (const [name, { shape, values }] of Object.entries(tensors)) {
      if (shape.length === 2) {
        // torch keeps [outputs, inputs]; x W^T needs [inputs, outputs].
        const [outputs, inputs] = shape;
        this.factors[name] = panels(products, inputs, outputs, values, { down: 1, across: inputs });
      } else {
        this.vectors[name] = products.allocate(wholePanels(values.length)).fill(0);
        this.vectors[name].set(values);
      }
    }
    this.angles = rotaryAngles();
    this.start = products.mark();
    /** @type {Encoded | null} */
    this.encoded = null;
    /** @type {Changes} */
    this.changes = {};
    /** @type {Painting["attention"]} */
    this.attention = {};
  }

  /** @returns {string[]} the attention modules in the order in which they run */
  get modules() {
    const names = Object.keys(this.factors).filter((name) => name.endsWith(".query.weight"));
    const order = (/** @type {string} */ name) => (name.startsWith("encoder") ? 0 : 1);
    return names.map((name) => name.replace(".query.weight", "")).sort((a, b) => order(a) - order(b));
  }

  /**
   * Paint an image [3, size, size], levels 0-255.
   *
   * @param {Uint8Array} image
   * @param {Changes} [changes]
   * @returns {Painting}
   */
  run(image, changes = {}) {
    this.changes = changes;
    const painted = this.encoderOnly ? this.rewrite(image) : this.decode(this.encode(image));
    return { painted, attention: this.attention };
  }

  /**
   * Read the image. The memory of it is kept: hiding keys or changing the decoder needs no encoder.
   *
   * @param {Uint8Array} image
   * @returns {Encoded}
   */
  encode(image) {
    const key = this.encoderChanges();
    const before = this.encoded;
    if (before && before.key === key && same(before.image, image)) {
      this.products.release(before.mark);
      this.attention = { ...before.attention };
      return before;
    }
    this.products.release(this.start);
    this.attention = {};
    const patches = this.patchify(image);
    let x = this.linear("encoder_embedding.project", patches);
    for (let i = 0; i < this.config.encoder_layers; i++) x = this.encoderBlock(`encoder.${i}`, x);
    const memory = this.layerNorm("encoder_norm", x);
    const attention = { ...this.attention };
    return (this.encoded = { image: image.slice(), key, patches, memory, mark: this.products.mark(), attention });
  }

  /** Name what of the changes reaches the encoder. */
  encoderChanges() {
    const { stilled = {}, replaced = {}, unturned = false } = this.changes;
    /** @param {Record<string, number[]>} heads */
    const inEncoder = (heads) => Object.entries(heads).filter(([name]) => name.startsWith("encoder"));
    return JSON.stringify([inEncoder(stilled), inEncoder(replaced), unturned]);
  }

  /**
   * Paint each patch with what its query has gathered from the memory.
   *
   * @param {Encoded} encoded
   */
  decode({ patches, memory }) {
    let queries = this.linear("decoder_embedding.project", patches);
    for (let i = 0; i < this.config.decoder_layers; i++) queries = this.decoderBlock(`decoder.${i}`, queries, memory);
    return this.paintPatches(this.layerNorm("decoder_norm", queries));
  }

  /**
   * The encoder-only model: every patch is rewritten in place.
   *
   * @param {Uint8Array} image
   */
  rewrite(image) {
    this.products.release(this.start);
    this.attention = {};
    let x = this.linear("embedding.project", this.patchify(image));
    for (let i = 0; i < this.config.layers; i++) x = this.encoderBlock(`encoder.${i}`, x);
    return this.paintPatches(this.layerNorm("norm", x));
  }

  /* ---- blocks ---- */

  /**
   * @param {string} name
   * @param {Matrix} x
   */
  encoderBlock(name, x) {
    const seen = this.layerNorm(`${name}.attention_norm`, x);
    x = add(x, this.attend(`${name}.attention`, seen, seen));
    return add(x, this.feedForward(`${name}.feed_forward`, this.layerNorm(`${name}.feed_forward_norm`, x)));
  }

  /**
   * @param {string} name
   * @param {Matrix} x
   * @param {Matrix} memory
   */
  decoderBlock(name, x, memory) {
    if (this.config.decoder_self_attention) {
      const seen = this.layerNorm(`${name}.self_attention_norm`, x);
      x = add(x, this.attend(`${name}.self_attention`, seen, seen));
    }
    const asking = this.layerNorm(`${name}.cross_attention_norm`, x);
    x = add(x, this.attend(`${name}.cross_attention`, asking, memory, this.changes.hidden));
    return add(x, this.feedForward(`${name}.feed_forward`, this.layerNorm(`${name}.feed_forward_norm`, x)));
  }

  /* ---- layers ---- */

  /**
   * x W^T + b
   *
   * @param {string} name
   * @param {Matrix} x
   */
  linear(name, x) {
    const weight = this.factors[`${name}.weight`];
    const y = matrix(this.products, x.rows, weight.columns);
    this.products.multiply(x, weight, this.vectors[`${name}.bias`], y);
    return y;
  }

  /**
   * (x - mean) / deviation * w + b, token by token
   *
   * @param {string} name
   * @param {Matrix} x
   */
  layerNorm(name, x) {
    const y = matrix(this.products, x.rows, x.columns);
    const [scale, shift] = [this.vectors[`${name}.weight`], this.vectors[`${name}.bias`]];
    const { data, rows, columns, stride } = x;
    const out = y.data;
    for (let row = 0; row < rows; row++) {
      const from = row * stride;
      let mean = 0;
      for (let i = 0; i < columns; i++) mean += data[from + i];
      mean /= columns;
      let variance = 0;
      for (let i = 0; i < columns; i++) variance += (data[from + i] - mean) ** 2;
      const factor = 1 / Math.sqrt(variance / columns + EPSILON);
      for (let i = 0; i < columns; i++) out[from + i] = (data[from + i] - mean) * factor * scale[i] + shift[i];
    }
    return y;
  }

  /**
   * W2 gelu(W1 x + b1) + b2
   *
   * @param {string} name
   * @param {Matrix} x
   */
  feedForward(name, x) {
    const hidden = this.linear(`${name}.expand`, x);
    this.products.gelu(hidden.data);
    return this.linear(`${name}.contract`, hidden);
  }

  /**
   * softmax(Q K^T / root d) V for each head; the heads side by side, times W_O
   *
   * @param {string} name
   * @param {Matrix} x who asks
   * @param {Matrix} context who is asked
   * @param {boolean[]} [hidden] [keys]
   */
  attend(name, x, context, hidden) {
    const query = this.linear(`${name}.query`, x);
    const key = this.linear(`${name}.key`, context);
    const value = this.linear(`${name}.value`, context);
    if (!this.changes.unturned) {
      rotate(query, this.angles);
      rotate(key, this.angles);
    }
    const mixed = matrix(this.products, x.rows, DIM);
    const shown = new Float32Array(HEADS * PATCHES * PATCHES);
    for (let head = 0; head < HEADS; head++) {
      const from = head * HEAD_DIM;
      const weights = this.headWeights(query, key, from);
      this.softmax(weights, 1 / Math.sqrt(HEAD_DIM), hidden);
      if (this.changes.replaced?.[name]?.includes(head)) this.putIdeal(weights);
      shown.set(weights.data, head * PATCHES * PATCHES);
      const v = panels(this.products, PATCHES, HEAD_DIM, value.data, { from, down: value.stride, across: 1 });
      const mix = columnsOf(mixed, from, HEAD_DIM);
      this.products.multiply(weights, v, null, mix);
      if (this.changes.stilled?.[name]?.includes(head)) this.still(mix, name, from);
    }
    this.attention[name] = shown;
    return this.linear(`${name}.output`, mixed);
  }

  /**
   * Q K^T of one head
   *
   * @param {Matrix} query
   * @param {Matrix} key
   * @param {number} from the head's first column
   */
  headWeights(query, key, from) {
    const q = columnsOf(query, from, HEAD_DIM);
    const k = panels(this.products, HEAD_DIM, PATCHES, key.data, { from, down: 1, across: key.stride });
    const scores = matrix(this.products, PATCHES, PATCHES);
    this.products.multiply(q, k, null, scores);
    return scores;
  }

  /**
   * exp(s x) / sum exp(s x) along each row, in place; hidden keys get no weight.
   *
   * @param {Matrix} scores
   * @param {number} scale
   * @param {boolean[]} [hidden]
   */
  softmax({ data, rows, columns }, scale, hidden) {
    const seen = Float32Array.from({ length: columns }, (_, i) => (hidden?.[i] ? 0 : 1));
    for (let from = 0; from < rows * columns; from += columns) {
      let most = -Infinity;
      for (let i = 0; i < columns; i++) if (seen[i] && data[from + i] > most) most = data[from + i];
      for (let i = 0; i < columns; i++) data[from + i] = Math.min(0, (data[from + i] - most) * scale);
    }
    this.products.exponential(data);
    for (let from = 0; from < rows * columns; from += columns) {
      let total = 0;
      for (let i = 0; i < columns; i++) total += data[from + i] *= seen[i];
      for (let i = 0; i < columns; i++) data[from + i] /= total || 1; // 0 where every key is hidden
    }
  }

  /** @param {Matrix} weights */
  putIdeal({ data }) {
    const { ideal } = this.changes;
    if (!ideal) return;
    for (let query = 0; query < PATCHES; query++) {
      const row = ideal.subarray(query * PATCHES, (query + 1) * PATCHES);
      if (row.some((weight) => weight > 0)) data.set(row, query * PATCHES);
    }
  }

  /**
   * @param {Matrix} mix
   * @param {string} name
   * @param {number} from
   */
  still(mix, name, from) {
    const average = this.averages[name].subarray(from, from + HEAD_DIM);
    for (let row = 0; row < mix.rows; row++) mix.data.set(average, row * mix.stride);
  }

  /* ---- from and to pixels ---- */

  /**
   * Cut an image into squares, each laid flat: [patches, 3 * patch * patch], 0 ... 1
   *
   * @param {Uint8Array} image
   */
  patchify(image) {
    const flat = matrix(this.products, PATCHES, 3 * PATCH * PATCH);
    const { data, stride } = flat;
    eachPatchRow((patch, channel, y, from) => {
      const to = patch * stride + (channel * PATCH + y) * PATCH;
      for (let x = 0; x < PATCH; x++) data[to + x] = image[from + x] / 255;
    });
    return flat;
  }

  /**
   * Paint patches with a few colours each, every colour through a mask of its own.
   *
   * @param {Matrix} tokens
   */
  paintPatches(tokens) {
    const colours = this.linear("paint.colours", tokens); // [patches, 3 * palette]
    const masks = this.linear("paint.masks", tokens); // [patches, palette * patch * patch]
    const { palette } = this.config;
    const area = PATCH * PATCH;
    this.products.sigmoid(masks.data);
    const painted = new Float32Array(3 * SIZE * SIZE);
    eachPatchRow((patch, channel, y, to) => {
      const level = patch * colours.stride + channel * palette;
      const from = patch * masks.stride + y * PATCH;
      for (let colour = 0; colour < palette; colour++) {
        addScaled(painted, to, colours.data[level + colour], masks.data, from + colour * area);
      }
    });
    return painted;
  }
}

/* ---- arithmetic ---- */

/**
 * Visit each row of pixels of each patch: its patch, channel, row in the patch, place in the image.
 *
 * @param {(patch: number, channel: number, y: number, place: number) => void} visit
 */
function eachPatchRow(visit) {
  for (let patch = 0; patch < PATCHES; patch++) {
    const top = Math.floor(patch / GRID) * PATCH;
    const left = (patch % GRID) * PATCH;
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < PATCH; y++) visit(patch, channel, y, (channel * SIZE + top + y) * SIZE + left);
    }
  }
}

/**
 * x + y, in place of y
 *
 * @param {Matrix} x
 * @param {Matrix} y
 */
function add(x, y) {
  const [from, to] = [x.data, y.data];
  for (let i = 0; i < to.length; i++) to[i] += from[i];
  return y;
}

/**
 * Add a row of a patch's pixels, scaled, to a row of the image: y += factor x
 *
 * @param {Float32Array} y
 * @param {number} to
 * @param {number} factor
 * @param {Float32Array} x
 * @param {number} from
 */
function addScaled(y, to, factor, x, from) {
  for (let i = 0; i < PATCH; i++) y[to + i] += factor * x[from + i];
}

/**
 * The angle by which each pair of a head's dimensions is turned at each patch: the first half of the
 * pairs with its row, the second with its column.
 *
 * @returns {{cosine: Float32Array, sine: Float32Array}} each [patches, head_dim / 2]
 */
function rotaryAngles() {
  const pairs = HEAD_DIM / 2;
  const angles = Float32Array.from({ length: PATCHES * pairs }, (_, i) => {
    const [patch, pair] = [Math.floor(i / pairs), i % pairs];
    const place = pair < pairs / 2 ? Math.floor(patch / GRID) : patch % GRID;
    return place * Math.fround(BASE ** -((pair % (pairs / 2)) / (pairs / 2)));
  });
  return { cosine: angles.map(Math.cos), sine: angles.map(Math.sin) };
}

/**
 * Turn each pair of dimensions (i, i + head_dim / 2) of every head by its angle, in place.
 *
 * @param {Matrix} x
 * @param {{cosine: Float32Array, sine: Float32Array}} angles
 */
function rotate({ data, rows, stride }, { cosine, sine }) {
  const pairs = HEAD_DIM / 2;
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < HEADS; head++) {
      const from = row * stride + head * HEAD_DIM;
      for (let pair = 0; pair < pairs; pair++) {
        const c = cosine[row * pairs + pair];
        const s = sine[row * pairs + pair];
        const first = data[from + pair];
        const second = data[from + pairs + pair];
        data[from + pair] = first * c - second * s;
        data[from + pairs + pair] = first * s + second * c;
      }
    }
  }
}

/**
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
function same(a, b) {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
