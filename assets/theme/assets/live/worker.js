/* Paints scenes off the page's own thread. A message is a `Request`, each is answered by one `Answer`. */
import { Network, readWeights, roomFor, unpacked } from "./model.js";
import { fastProducts, plainProducts } from "./products.js";
import { PATCHES, interiorMeans, meansWithout, paint, touchedBy, truthOf } from "./scene.js";

/**
 * @typedef {object} Request
 * @property {number} id
 * @property {string} model the name of a file of weights
 * @property {import("./scene.js").Shape[]} shapes
 * @property {number[]} hidden shapes whose patches no cross-attention may look at
 * @property {Record<string, number[]>} stilled heads by attention module
 * @property {Record<string, number[]>} replaced heads that get the ideal weights
 * @property {boolean} unturned
 * @property {Record<string, number[]>} averages by attention module: what its heads give on average
 * @property {boolean} [plain] do without WebAssembly
 *
 * @typedef {object} Answer
 * @property {number} id
 * @property {string} [error] why there is nothing else
 * @property {string} backend
 * @property {string[]} modules
 * @property {number} milliseconds of the model alone
 * @property {Float32Array} painted [3, size, size], levels 0-255
 * @property {Uint8Array} target [3, size, size]
 * @property {Record<string, Float32Array>} attention by module: [heads, query, key]
 * @property {import("./scene.js").Truth} truth
 * @property {([number, number, number] | null)[]} expected colours by the rule, without hidden shapes
 * @property {([number, number, number] | null)[]} seen colours as they were painted
 */

/** The first multiplies and adds in one instruction, where the browser can. */
const KERNELS = ["kernel-fused.wasm", "kernel.wasm"];

/** @type {Map<string, Promise<Network>>} */
const networks = new Map();

/** @param {string} name */
async function fetched(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new TypeError(`${response.status} for ${name}`);
  return response.arrayBuffer();
}

/**
 * Use WebAssembly where the page's policy and the browser let us. A kernel that does not come says nothing of that:
 * then there is no network, and another try may have one.
 *
 * @param {number} room
 * @param {boolean} [plain]
 */
async function products(room, plain) {
  for (const kernel of plain ? [] : KERNELS) {
    const code = await fetched(kernel);
    try {
      const { instance } = await WebAssembly.instantiate(code);
      return fastProducts(/** @type {any} */ (instance.exports), room);
    } catch {
      // The next one asks less of the browser.
    }
  }
  return plainProducts();
}

/** @param {Request} request */
async function load({ model, averages, plain }) {
  const weights = readWeights(await unpacked(await fetched(`${model}.safetensors.gz`)));
  /** @type {Record<string, Float32Array>} */
  const still = {};
  for (const [name, values] of Object.entries(averages)) still[name] = Float32Array.from(values);
  return new Network(await products(roomFor(weights), plain), weights, still);
}

/** @param {Request} request */
function networkOf(request) {
  const name = `${request.model} ${request.plain}`;
  let network = networks.get(name);
  if (!network) {
    network = load(request);
    network.catch(() => networks.delete(name)); // another try may succeed
    networks.set(name, network);
  }
  return network;
}

/**
 * @param {Request} request
 * @returns {Promise<Answer>}
 */
async function answer(request) {
  const network = await networkOf(request);
  const { shapes, hidden, stilled, replaced, unturned } = request;
  const truth = truthOf(shapes);
  const closed = Array(PATCHES).fill(false);
  for (const shape of hidden) touchedBy(truth, shape).forEach((touched, patch) => (closed[patch] ||= touched));
  const changes = { hidden: hidden.length ? closed : undefined, stilled, replaced, ideal: truth.ideal, unturned };
  const image = paint(shapes);
  const start = performance.now();
  const { painted, attention } = network.run(image, changes);
  const milliseconds = performance.now() - start;
  for (let i = 0; i < painted.length; i++) painted[i] = Math.min(255, Math.max(0, 255 * painted[i]));
  const expected = hidden.length ? meansWithout(shapes, truth.kept, hidden) : truth.means;
  return {
    id: request.id,
    backend: network.products.name,
    modules: network.modules,
    milliseconds,
    painted,
    target: paint(shapes, expected),
    attention,
    truth,
    expected,
    seen: interiorMeans(painted, shapes),
  };
}

self.addEventListener("message", async ({ data }) => {
  try {
    const given = await answer(data);
    self.postMessage(given, { transfer: [given.painted.buffer, given.target.buffer] });
  } catch (error) {
    self.postMessage({ id: data.id, error: String(error) });
  }
});
