/* What the attention explorer shows, as a value: what the reader chose, how an address writes it, and the numbers
   behind it.

   A view is written IMAGE~MODEL~LAYER~HEAD~PATCH (heads count from 1, "mean" is their mean; patches from 1, in reading
   order), for models with a token a channel also ~KEYS. */
import { flags, massOn, rowOf, uniformOn, unpack } from "./attention-tools.js";

/**
 * @typedef {object} State What the reader chose.
 * @property {number} example
 * @property {string} model
 * @property {string} layer
 * @property {number | "mean"} head
 * @property {number} patch that asks
 * @property {string} keys whose weights are shown: "all", "apart" by channel, or a channel
 *
 * @typedef {object} Layer An attention module.
 * @property {string} name
 * @property {string} title
 * @property {number} heads
 * @property {number} queries
 * @property {number} keys one a patch, or one a patch and channel: all of the first channel, then of the next
 *
 * @typedef {{name: string, title: string, checkpoint: string, layers: Layer[]}} Model
 *
 * @typedef {object} Example An image and the truth about it.
 * @property {string} image address
 * @property {{kind: string, kept: boolean}[]} shapes
 * @property {number[]} owner the shape that each patch shows, or -1
 * @property {string} ideal weights [query, patch]
 * @property {string} group whether a query should look at a patch: bits [query, patch]
 * @property {string} others those of them that show other shapes than the query's
 *
 * @typedef {object} Data What shapes_of_attention.figures sends.
 * @property {number} grid patches along a side of an image
 * @property {number} full the weight that the matrix shows brightest
 * @property {string[]} channels
 * @property {Example[]} examples
 * @property {Model[]} models
 * @property {State} start
 *
 * @typedef {ReturnType<typeof viewOf>} View
 */

/** @type {(data: Data, wished: {model: string}) => Model} */
export const modelOf = (data, { model }) => data.models.find((m) => m.name === model) ?? data.models[0];

/** @type {(data: Data, wished: {model: string, layer: string}) => Layer} */
export function layerOf(data, wished) {
  const { layers } = modelOf(data, wished);
  return layers.find((l) => l.name === wished.layer) ?? layers[layers.length - 1];
}

/** What can be shown of keys that have a channel. @type {(data: Data) => [string, string][]} */
export const keyChoices = ({ channels }) => [
  ["all", "all"],
  ["apart", channels.join(" | ")],
  ...channels.map((channel) => /** @type {[string, string]} */ ([channel, channel])),
];

/**
 * Keep what was asked for where it exists, and the nearest thing where it does not.
 * @type {(data: Data, wished: State) => State}
 */
export function sound(data, wished) {
  const patches = data.grid ** 2;
  const model = modelOf(data, wished).name;
  const layer = layerOf(data, { ...wished, model });
  const known = layer.keys > patches && keyChoices(data).some(([key]) => key === wished.keys);
  const number = (/** @type {unknown} */ value, /** @type {number} */ most) =>
    Math.min(Math.max(Math.trunc(Number(value)) || 0, 0), most);
  return {
    example: number(wished.example, data.examples.length - 1),
    model,
    layer: layer.name,
    head: wished.head === "mean" ? "mean" : number(wished.head, layer.heads - 1),
    patch: number(wished.patch, patches - 1),
    keys: known ? wished.keys : "all",
  };
}

/** @param {State} state */
export function written({ example, model, layer, head, patch, keys }) {
  const parts = [example + 1, model, layer, head === "mean" ? head : head + 1, patch + 1];
  return (keys === "all" ? parts : [...parts, keys]).join("~");
}

/**
 * Read what `written` wrote; of anything else, whatever is there.
 * @param {string} text
 * @returns {State}
 */
export function read(text) {
  const [example, model, layer, head, patch, keys = "all"] = text.split("~");
  return {
    example: Number(example) - 1,
    model,
    layer,
    head: head === "mean" ? head : Number(head) - 1,
    patch: Number(patch) - 1,
    keys,
  };
}

/**
 * Put together the numbers behind a view.
 * @param {Data} data
 * @param {State} state
 * @param {Record<string, string>} packed the model's weights over the image, by layer
 */
export function viewOf(data, state, packed) {
  const patches = data.grid ** 2;
  const example = data.examples[state.example];
  const layer = layerOf(data, state);
  const weights = headOf(unpack(packed[layer.name], layer.keys), layer, state.head); // [query, key]
  const ideal = unpack(example.ideal, patches); // [query, patch]
  const [group, others] = [flags(example.group), flags(example.others)];

  /** Weights of one query on the patches: on one channel's, or on all of them together. */
  function onPatches(/** @type {number} */ query, channel = state.keys) {
    const row = rowOf(weights, query, layer.keys);
    if (layer.keys === patches) return row;
    const only = data.channels.indexOf(channel);
    if (only >= 0) return rowOf(row, only, patches);
    const found = new Float32Array(patches);
    row.forEach((weight, key) => (found[key % patches] += weight));
    return found;
  }

  /** How much of a query's attention is where it should be. */
  function measured(/** @type {number} */ query) {
    const row = onPatches(query, "all");
    const inGroup = (/** @type {number} */ key) => group(query * patches + key);
    return {
      group: massOn(row, inGroup),
      others: massOn(row, (key) => others(query * patches + key)),
      uniform: uniformOn(row, inGroup),
    };
  }

  return {
    state,
    example,
    layer,
    onPatches,
    measured,
    row: (/** @type {number} */ query) => rowOf(weights, query, layer.keys),
    ideal: (/** @type {number} */ query) => rowOf(ideal, query, patches),
  };
}

/**
 * Take one head out of weights [heads, query, key], or the mean over heads.
 * @param {Float32Array} all
 * @param {Layer} layer
 * @param {State["head"]} head
 */
function headOf(all, { heads, queries, keys }, head) {
  const size = queries * keys;
  if (head !== "mean") return rowOf(all, head, size);
  const weights = new Float32Array(size);
  for (let i = 0; i < all.length; i++) weights[i % size] += all[i] / heads;
  return weights;
}
