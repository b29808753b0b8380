/* Attention over a series: the series, the learned matrix and the ideal one, linked. A token under the
   pointer, in any of them, is the query in all; in a matrix the column is the key. */
import {
  alongLine,
  chooser,
  decimals,
  element,
  follow,
  massOn,
  numbers,
  panel,
  percent,
  rowOf,
  stepper,
  uniformOn,
  unpack,
} from "./attention-tools.js";
import { painter } from "./series-drawing.js";

/**
 * @typedef {object} Data What shapes_of_attention.figures.series_results.attention_view sends.
 * @property {number} token its length in samples
 * @property {string} signal thousandths, as 16 bits each
 * @property {number[]} owner the shape that each token lies in, or -1
 * @property {number[][]} group whether a query should look at a key: 0 or 1 [query, key]
 * @property {number[][]} others those of them that lie in other shapes than the query's
 * @property {{kind: string, number: number, span: [number, number], amplitude: number, mean: number}[]} shapes
 * @property {string[]} colours of kinds
 * @property {string} between the colour of the series between shapes
 * @property {{name: string, heads: number, weights: string}[]} layers weights [heads, query, key], a byte each
 * @property {string} ideal weights [query, key]
 * @property {number} quantile of a matrix: it, and what is larger, is drawn brightest
 * @property {{layer: string, head: number, query: number}} start
 *
 * @typedef {{layer: number, head: number, query: number}} State
 * @typedef {import("./series-drawing.js").Pointed} Pointed
 * @typedef {ReturnType<typeof unpackAll>} Numbers
 */

/** @param {Data} data */
function unpackAll(data) {
  const signal = decimals(data.signal, 1000);
  const tokens = signal.length / data.token;
  return {
    signal, // [samples]
    tokens, // how many
    ideal: unpack(data.ideal, tokens), // [query, key]
    layers: data.layers.map(({ weights }) => unpack(weights, tokens)), // of each, [heads, query, key]
  };
}

/**
 * Build the controls, panels and the line of text.
 * @param {HTMLElement} box
 * @param {(change: Partial<State>) => void} go
 */
function build(box, go) {
  const choose = {
    layer: chooser("Layer", (layer) => go({ layer: Number(layer) })),
    head: chooser("Head", (head) => go({ head: Number(head) })),
  };
  const line = panel("series-view", "");
  const learned = panel("series-view", "Learned", { role: "img", "aria-label": "Learned attention" });
  const ideal = panel("series-view", "Ideal", { role: "img", "aria-label": "Ideal attention" });
  line.frame.classList.add("series-view__frame--line");
  for (const { frame } of [learned, ideal]) frame.classList.add("series-view__frame--square");
  const status = element("p", { class: "explorer__status", "aria-live": "polite" });
  const controls = Object.values(choose).map(({ root }) => root);
  box.append(
    element("div", { class: "explorer__controls" }, ...controls),
    line.root,
    element("div", { class: "series-view__matrices" }, learned.root, ideal.root),
    status,
  );
  return { choose, line, learned, ideal, status };
}

/** @type {(data: Data, row: Float32Array, query: number) => string} */
function describe(data, row, query) {
  const from = query * data.token;
  const place = `Samples ${from} to ${from + data.token} ask.`;
  const owner = data.owner[query];
  if (owner < 0) return `${place} They lie between shapes and need no one.`;
  const { kind, amplitude, mean } = data.shapes[owner];
  const inGroup = (/** @type {number} */ key) => data.group[query][key] > 0;
  const group = percent(massOn(row, inGroup));
  const others = percent(massOn(row, (key) => data.others[query][key] > 0));
  const size = data.shapes.filter((shape) => shape.kind === kind).length;
  const company = size > 1 ? `, ${others} on the others (ideal ${percent(1 - 1 / size)})` : "";
  return (
    `${place} They lie in a ${kind} of amplitude ${amplitude.toFixed(2)}, to be drawn at ${mean.toFixed(2)}. ` +
    `On its group: ${group} of the attention (uniform ${percent(uniformOn(row, inGroup))})${company}.`
  );
}

/**
 * Follow the pointer and the keys.
 * @param {ReturnType<typeof build>} page
 * @param {number} tokens
 * @param {{query: () => number, go: (change: Partial<State>) => void, point: (where: Pointed | null) => void}} hold
 */
function listen({ line, learned, ideal }, tokens, { query, go, point }) {
  for (const { canvas } of [line, learned, ideal]) {
    const under = (/** @type {import("./attention-tools.js").Cell} */ { row, column }) =>
      canvas === line.canvas ? { query: column, key: null } : { query: row, key: column };
    follow(
      canvas,
      tokens,
      (cell) => point(cell && under(cell)),
      (cell) => go({ query: under(cell).query }),
    );
  }
  stepper(line.frame, {
    label: "The token that asks; arrow keys move it",
    places: tokens,
    place: query,
    steps: alongLine(1),
    go(token) {
      point(null);
      go({ query: token });
    },
  });
}

/** @type {(box: HTMLElement, data: Data) => FigureView} */
function mount(box, data) {
  const unpacked = unpackAll(data);
  const { tokens, layers } = unpacked;
  const page = build(box, go);
  const canvases = { line: page.line.canvas, learned: page.learned.canvas, ideal: page.ideal.canvas };
  const paint = painter(box, data, unpacked, canvases);
  const { layer, head, query } = data.start;
  const state = { layer: Math.max(0, data.layers.map(({ name }) => name).indexOf(layer)), head, query };
  /** @type {Pointed | null} */
  let hover = null;

  /** The chosen head's weights [query, key]. */
  const learned = () => rowOf(layers[state.layer], state.head, tokens * tokens);
  const told = (/** @type {number} */ token) => describe(data, rowOf(learned(), token, tokens), token);

  /** Draw, and say, what the pointer is on, or else what was chosen. */
  function show() {
    const asked = hover ?? { query: state.query, key: null };
    let text = told(asked.query);
    if (asked.key != null) {
      const weight = rowOf(learned(), asked.query, tokens)[asked.key];
      text = `Query ${asked.query + 1}, key ${asked.key + 1}: weight ${weight.toFixed(3)}. ${text}`;
    }
    page.status.textContent = text;
    draw();
  }

  const draw = () => paint(learned(), hover ?? { query: state.query, key: null });

  /** @param {Pointed | null} where */
  function point(where) {
    if (!where && !hover) return;
    hover = where;
    show();
  }

  /** @param {Partial<State>} change */
  function go(change) {
    Object.assign(state, change);
    const { heads } = data.layers[state.layer];
    state.head = Math.min(state.head, heads - 1);
    page.choose.layer.fill(
      data.layers.map(({ name }, number) => [number, name]),
      state.layer,
    );
    page.choose.head.fill(numbers(heads), state.head);
    page.line.frame.setAttribute("aria-valuenow", String(state.query + 1));
    page.line.frame.setAttribute("aria-valuetext", told(state.query));
    box.dataset.state = `${state.layer}~${state.head}~${state.query}`;
    show();
  }

  listen(page, tokens, { query: () => state.query, go, point });
  go({});
  return { retheme: draw, resize: draw };
}

window.notebookEmbed.register("series-attention", mount);
