/* Attention over a series: the series, the learned matrix and the ideal one, linked. A token under the
   pointer, in any of them, is the query in all; in a matrix the column is the key.

   `data` is made by shapes_of_attention.figures.series_results.attention_view: the series in thousandths of
   16 bits; weights a byte each, relative to the largest of their row. */
import { bytes, chooser, element, unpack, viridis } from "./attention-tools.js";

const GREY = "#8b8f97"; // the series between shapes
const REACH = 1.8; // the series is drawn from -REACH to REACH
const BAND = 14; // height of a band of weights under the series, in CSS pixels
const LABEL = 17;

function series(text) {
  const raw = bytes(text);
  const view = new DataView(raw.buffer);
  return Float32Array.from({ length: raw.length / 2 }, (_, i) => view.getInt16(2 * i, true) / 1000);
}

const percent = (share) => `${(100 * share).toFixed(0)}%`;

function panel(title, shape, role) {
  const canvas = element("canvas", { class: "series-view__canvas", "aria-hidden": "true" });
  const frame = element("div", { class: `series-view__frame series-view__frame--${shape}`, ...role }, canvas);
  const heading = title ? [element("div", { class: "explorer__title" }, title)] : [];
  return { root: element("div", {}, ...heading, frame), frame, canvas };
}

function mount(box, data) {
  const signal = series(data.signal);
  const tokens = signal.length / data.token;
  const ideal = unpack(data.ideal, tokens);
  const layers = data.layers.map((layer) => ({ ...layer, weights: unpack(layer.weights, tokens) }));
  const state = {
    layer: Math.max(
      0,
      layers.findIndex((layer) => layer.name === data.start.layer),
    ),
    head: data.start.head,
    query: data.start.query,
  };
  const controller = new AbortController();
  let hover = null; // {query, key}: under the pointer; key is null over the series

  const choose = {
    layer: chooser("Layer", (layer) => go({ layer: Number(layer) })),
    head: chooser("Head", (head) => go({ head: Number(head) })),
  };
  const slider = {
    role: "slider",
    tabindex: "0",
    "aria-label": "The token that asks; arrow keys move it",
    "aria-valuemin": "1",
    "aria-valuemax": String(tokens),
    "aria-valuenow": "1",
  };
  const line = panel("", "line", slider);
  const learned = panel("Learned", "square", { role: "img", "aria-label": "Learned attention" });
  const truth = panel("Ideal", "square", { role: "img", "aria-label": "Ideal attention" });
  const status = element("p", { class: "explorer__status", "aria-live": "polite" });
  box.append(
    element("div", { class: "explorer__controls" }, ...Object.values(choose).map((c) => c.root)),
    line.root,
    element("div", { class: "series-view__matrices" }, learned.root, truth.root),
    status,
  );

  function weightsOf() {
    const { weights } = layers[state.layer];
    const size = tokens * tokens;
    return weights.subarray(state.head * size, (state.head + 1) * size);
  }

  const rowOf = (weights, query) => weights.subarray(query * tokens, (query + 1) * tokens);

  /* ---- drawing ---- */

  function surface({ canvas }) {
    const dense = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(height * dense);
    const context = canvas.getContext("2d");
    context.setTransform(dense, 0, 0, dense, 0, 0);
    return { context, width, height };
  }

  function colour(name, fallback) {
    return getComputedStyle(box).getPropertyValue(`--nb-${name}`).trim() || fallback;
  }

  function drawMatrix(where, weights, query) {
    const { context, width, height } = surface(where);
    const pixels = new ImageData(tokens, tokens);
    const sorted = Float32Array.from(weights).sort();
    const most = sorted[Math.floor(0.998 * (sorted.length - 1))] || 1;
    for (let i = 0; i < weights.length; i++) {
      const row = Math.floor(i / tokens);
      const empty = where === truth && data.owner[row] < 0;
      pixels.data.set([...viridis(Math.sqrt(weights[i] / most)), empty ? 0 : 255], 4 * i);
    }
    const still = element("canvas", { width: tokens, height: tokens });
    still.getContext("2d").putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = false;
    context.fillStyle = colour("panel", "#f4f2ed");
    context.fillRect(0, 0, width, height);
    context.drawImage(still, 0, 0, width, height);
    const cell = width / tokens;
    context.lineWidth = 1.25;
    context.strokeStyle = "#fff";
    context.strokeRect(0.5, query * cell, width - 1, cell);
    if (hover?.key != null) context.strokeRect(hover.key * cell, 0.5, cell, height - 1);
  }

  function drawBand(context, name, weights, top, width) {
    context.fillStyle = colour("muted", "#62666f");
    context.fillText(name, 0, top + LABEL / 2 + 1);
    const most = Math.max(...weights, 1e-9);
    weights.forEach((weight, key) => {
      context.fillStyle = most > 1e-8 ? `rgb(${viridis(Math.sqrt(weight / most))})` : colour("panel", "#f4f2ed");
      context.fillRect((key * width) / tokens, top + LABEL, width / tokens + 0.5, BAND);
    });
  }

  function drawSeries(query) {
    const { context, width, height } = surface(line);
    const bands = 2 * (BAND + LABEL) + 2;
    const high = height - bands;
    const x = (sample) => (sample / signal.length) * width;
    const y = (value) => high / 2 - (value / REACH) * (high / 2);
    context.font = `12px ${colour("sans", "sans-serif")}`;
    context.textBaseline = "middle";
    context.fillStyle = colour("panel", "#f4f2ed");
    context.fillRect(x(query * data.token), 0, x(data.token), high);
    context.strokeStyle = colour("line", "#dcd8cf");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, y(0));
    context.lineTo(width, y(0));
    context.stroke();
    const trace = (from, to, paint, wide) => {
      context.strokeStyle = paint;
      context.lineWidth = wide;
      context.beginPath();
      for (let i = from; i < to; i++) context.lineTo(x(i + 0.5), y(signal[i]));
      context.stroke();
    };
    trace(0, signal.length, GREY, 1.5);
    for (const { span, number } of data.shapes) {
      trace(Math.max(0, Math.floor(span[0])), Math.min(signal.length, Math.ceil(span[1])), data.colours[number], 2.25);
    }
    context.lineWidth = 2;
    context.strokeStyle = colour("accent", "#5746c8");
    context.strokeRect(x(query * data.token), 1, x(data.token), high - 2);
    if (hover?.key != null) {
      context.setLineDash([4, 3]);
      context.strokeStyle = colour("ink", "#21242b");
      context.strokeRect(x(hover.key * data.token), 1, x(data.token), high - 2);
      context.setLineDash([]);
    }
    drawBand(context, "learned", rowOf(weightsOf(), query), high, width);
    drawBand(context, "ideal", rowOf(ideal, query), high + BAND + LABEL, width);
  }

  function describe(query) {
    const from = query * data.token;
    const place = `Samples ${from} to ${from + data.token} ask.`;
    const owner = data.owner[query];
    if (owner < 0) return `${place} They lie between shapes and need no one.`;
    const { kind, amplitude, mean } = data.shapes[owner];
    const row = rowOf(weightsOf(), query);
    let group = 0;
    let others = 0;
    let share = 0;
    row.forEach((weight, key) => {
      group += weight * data.group[query][key];
      others += weight * data.others[query][key];
      share += data.group[query][key] / tokens;
    });
    const size = data.shapes.filter((shape) => shape.kind === kind).length;
    const company = size > 1 ? `, ${percent(others)} on the others (ideal ${percent(1 - 1 / size)})` : "";
    return (
      `${place} They lie in a ${kind} of amplitude ${amplitude.toFixed(2)}, to be drawn at ` +
      `${mean.toFixed(2)}. On its group: ${percent(group)} of the attention (uniform ${percent(share)})${company}.`
    );
  }

  function paint() {
    const query = hover?.query ?? state.query;
    drawSeries(query);
    drawMatrix(learned, weightsOf(), query);
    drawMatrix(truth, ideal, query);
  }

  function say() {
    const query = hover?.query ?? state.query;
    let text = describe(query);
    if (hover?.key != null) {
      const weight = rowOf(weightsOf(), query)[hover.key];
      text = `Query ${query + 1}, key ${hover.key + 1}: weight ${weight.toFixed(3)}. ${text}`;
    }
    status.textContent = text;
    return text;
  }

  function show() {
    const layer = layers[state.layer];
    choose.layer.fill(
      layers.map((one, number) => [number, one.name]),
      state.layer,
    );
    choose.head.fill(
      Array.from({ length: layer.heads }, (_, i) => [i, String(i + 1)]),
      state.head,
    );
    line.frame.setAttribute("aria-valuenow", String(state.query + 1));
    line.frame.setAttribute("aria-valuetext", describe(state.query));
    box.dataset.state = `${state.layer}~${state.head}~${state.query}`;
    say();
    paint();
  }

  function go(change) {
    Object.assign(state, change);
    state.head = Math.min(state.head, layers[state.layer].heads - 1);
    state.query = Math.min(Math.max(state.query, 0), tokens - 1);
    show();
  }

  /* ---- pointer and keys ---- */

  function cellAt(event, { canvas }, withKey) {
    const bounds = canvas.getBoundingClientRect();
    const at = (value, size) => Math.min(tokens - 1, Math.max(0, Math.floor((tokens * value) / size)));
    const column = at(event.clientX - bounds.left, bounds.width);
    if (!withKey) return { query: column, key: null };
    return { query: at(event.clientY - bounds.top, bounds.height), key: column };
  }

  const { signal: until } = controller;
  for (const [where, withKey] of [
    [line, false],
    [learned, true],
    [truth, true],
  ]) {
    where.canvas.addEventListener(
      "pointermove",
      (event) => {
        hover = cellAt(event, where, withKey);
        say();
        paint();
      },
      { signal: until },
    );
    where.canvas.addEventListener(
      "pointerleave",
      () => {
        hover = null;
        say();
        paint();
      },
      { signal: until },
    );
    where.canvas.addEventListener("click", (event) => go({ query: cellAt(event, where, withKey).query }), {
      signal: until,
    });
  }
  line.frame.addEventListener(
    "keydown",
    (event) => {
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5 };
      const to = { Home: 0, End: tokens - 1 };
      if (!(event.key in steps) && !(event.key in to)) return;
      event.preventDefault();
      hover = null;
      go({ query: to[event.key] ?? state.query + steps[event.key] });
    },
    { signal: until },
  );

  show();
  return { retheme: paint, resize: paint, purge: () => controller.abort() };
}

window.notebookEmbed.register("series-attention", mount);
