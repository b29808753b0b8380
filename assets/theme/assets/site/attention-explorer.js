/* The attention explorer: pick a patch of an image and see where a trained model looks for it, beside
   where it should look.

   `data` (made by shapes_of_attention.figures.attention_views): examples, models, start. Weights of
   one model over one image are a file of their own, fetched when they are needed: a byte a weight;
   a row is divided by its sum.

   A view is linked as ?explore=IMAGE~MODEL~LAYER~HEAD~PATCH (heads count from 1, "mean" is their
   mean; patches from 1, in reading order), for models with a token a channel also ~KEYS. A link to
   that in the page itself opens the view where the reader is. */
import { bytes, chooser, element, unpack, viridis } from "./attention-tools.js";

const GRID = 8;
const PATCHES = GRID * GRID;
const CHANNELS = ["R", "G", "B"];
const KEYS = { all: "all", apart: "R | G | B", R: "R", G: "G", B: "B" }; // what is shown of them
const REST = 250; // ms without a change before the address is: browsers limit how often it may

/* ---- numbers ---- */

function flags(text) {
  const packed = bytes(text);
  return (index) => Boolean(packed[index >> 3] & (128 >> (index & 7)));
}

const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;
const placeOf = (patch) => `row ${Math.floor(patch / GRID) + 1}, column ${(patch % GRID) + 1}`;

/* ---- small pieces of a page ---- */

function panel(title, role = {}) {
  const canvas = element("canvas", { class: "explorer__canvas", "aria-hidden": "true" });
  const heading = element("div", { class: "explorer__title" }, title);
  const frame = element("div", { class: "explorer__frame", ...role }, canvas);
  return { root: element("div", { class: "explorer__panel" }, heading, frame), heading, frame, canvas };
}

/* ---- one explorer ---- */

async function mountExplorer(box, data, file) {
  const state = { ...data.start, keys: "all" };
  const images = new Map();
  const loaded = new Map(); // file name -> promise of its layers
  const controller = new AbortController();
  let current = null; // what is drawn: {example, layer, weights, truth}
  let drawn = null; // the state that is drawn
  let hover = null; // {query, key} under the pointer
  let turn = 0;
  let resting = 0; // the timer until the address is written
  const here = location.pathname;

  const choose = {
    example: chooser("Image", (value) => go({ example: Number(value) })),
    model: chooser("Model", (value) => go({ model: value })),
    layer: chooser("Layer", (value) => go({ layer: value })),
    head: chooser("Head", (value) => go({ head: value === "mean" ? value : Number(value) })),
    keys: chooser("Keys in", (value) => go({ keys: value })),
  };
  const slider = {
    role: "slider",
    tabindex: "0",
    "aria-label": "The patch that asks; arrow keys move it",
    "aria-valuemin": "1",
    "aria-valuemax": String(PATCHES),
    "aria-valuenow": "1",
  };
  const learned = panel("Learned", slider);
  const ideal = panel("Ideal", { role: "img", "aria-label": "" });
  const matrix = panel("All queries", { role: "img", "aria-label": "" });
  const all = [learned, ideal, matrix];
  const status = element("p", { class: "explorer__status", "aria-live": "polite" });
  const detail = element("p", { class: "explorer__detail" });
  const panels = element("div", { class: "explorer__panels" }, ...all.map((p) => p.root));
  box.append(
    element("div", { class: "explorer__controls" }, ...Object.values(choose).map((c) => c.root)),
    panels,
    status,
    detail,
  );

  /* ---- state ---- */

  const modelNamed = (name) => data.models.find((m) => m.name === name) ?? data.models[0];
  const layerOf = (s) => {
    const { layers } = modelNamed(s.model);
    return layers.find((l) => l.name === s.layer) ?? layers[layers.length - 1];
  };

  /* Keep what was asked for where it exists, and the nearest thing where it does not. */
  function sound(wished) {
    const model = modelNamed(wished.model);
    const layer = layerOf({ ...wished, model: model.name });
    const number = (value, most) => Math.min(Math.max(Math.trunc(Number(value)) || 0, 0), most);
    return {
      example: number(wished.example, data.examples.length - 1),
      model: model.name,
      layer: layer.name,
      head: wished.head === "mean" ? "mean" : number(wished.head, layer.heads - 1),
      patch: number(wished.patch, PATCHES - 1),
      keys: layer.keys > PATCHES && Object.hasOwn(KEYS, wished.keys) ? wished.keys : "all",
    };
  }

  const written = (s) => {
    const head = s.head === "mean" ? s.head : s.head + 1;
    const parts = [s.example + 1, s.model, s.layer, head, s.patch + 1];
    return (s.keys === "all" ? parts : [...parts, s.keys]).join("~");
  };

  function read(text) {
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

  function remember() {
    clearTimeout(resting);
    resting = setTimeout(() => {
      if (location.pathname !== here) return; // the reader has left
      const url = new URL(location.href);
      url.searchParams.delete("explore");
      url.search = `${url.search ? `${url.search}&` : "?"}explore=${written(state)}`;
      url.hash = box.closest("figure").id; // who follows the link arrives here
      history.replaceState(history.state, "", url);
    }, REST);
  }

  async function load(change) {
    Object.assign(state, sound({ ...state, ...change }));
    hover = null; // until the pointer moves again
    const mine = ++turn;
    const layer = layerOf(state);
    const layers = await weightsOf(state.model, state.example);
    const image = await imageOf(state.example);
    if (mine !== turn) return; // asked for something else meanwhile
    current = { layer, ...image, example: data.examples[state.example], ...mix(layers, layer) };
    show();
  }

  async function go(change) {
    try {
      await load(change);
      remember();
    } catch {
      if (!drawn) return;
      Object.assign(state, drawn);
      show();
      status.textContent = "That could not be loaded. Is the network there?";
    }
  }

  function weightsOf(model, example) {
    const name = `${model}-${example}`;
    if (!loaded.has(name)) {
      const promise = file(name);
      promise.catch(() => loaded.delete(name));
      loaded.set(name, promise);
    }
    return loaded.get(name);
  }

  function imageOf(example) {
    if (!images.has(example)) {
      const image = new Image();
      image.src = data.examples[example].image;
      images.set(
        example,
        image.decode().then(() => ({ image, planes: planesOf(image) })),
      );
    }
    return images.get(example);
  }

  /* Red, green and blue of an image, each as a picture in grey. */
  function planesOf(image) {
    const { naturalWidth: width, naturalHeight: height } = image;
    return CHANNELS.map((_, channel) => {
      const plane = element("canvas", { width, height });
      const context = plane.getContext("2d");
      context.drawImage(image, 0, 0);
      const pixels = context.getImageData(0, 0, width, height);
      for (let i = 0; i < pixels.data.length; i += 4) {
        pixels.data.fill(pixels.data[i + channel], i, i + 3);
      }
      context.putImageData(pixels, 0, 0);
      return plane;
    });
  }

  /* The chosen head's weights [query, key], or the mean over heads; and the truth. */
  function mix(layers, layer) {
    const { heads, queries, keys } = layer;
    const all = unpack(layers[layer.name], keys);
    const size = queries * keys;
    let weights;
    if (state.head === "mean") {
      weights = new Float32Array(size);
      for (let i = 0; i < all.length; i++) weights[i % size] += all[i] / heads;
    } else {
      weights = all.subarray(state.head * size, (state.head + 1) * size);
    }
    const { ideal: truth, group, others } = data.examples[state.example];
    return { weights, truth: unpack(truth, PATCHES), group: flags(group), others: flags(others) };
  }

  /* Weights of one query on the patches: on one channel's, or on all of them together. */
  function onPatches(query, channel = state.keys) {
    const { layer, weights } = current;
    const row = weights.subarray(query * layer.keys, (query + 1) * layer.keys);
    if (layer.keys === PATCHES) return row;
    const only = CHANNELS.indexOf(channel);
    if (only >= 0) return row.subarray(only * PATCHES, (only + 1) * PATCHES);
    const found = new Float32Array(PATCHES);
    row.forEach((weight, key) => (found[key % PATCHES] += weight));
    return found;
  }

  /* ---- drawing ---- */

  function surface({ canvas }) {
    const side = Math.max(1, Math.round(canvas.clientWidth));
    const dense = Math.min(window.devicePixelRatio || 1, 2);
    const pixels = Math.round(side * dense);
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    const context = canvas.getContext("2d");
    context.setTransform(pixels / PATCHES, 0, 0, pixels / PATCHES, 0, 0); // the canvas is 64 wide
    context.imageSmoothingEnabled = false;
    return context;
  }

  function overlay(where, weights, query, picture = current.image, brightest = 1e-9) {
    const context = surface(where);
    const most = Math.max(...weights, brightest);
    const shown = heat(GRID, (patch) => viridis(Math.sqrt(weights[patch] / most)).map((v) => v * 0.75));
    context.drawImage(shown, 0, 0, PATCHES, PATCHES);
    context.globalCompositeOperation = "lighter";
    context.globalAlpha = 0.6;
    context.drawImage(picture, 0, 0, PATCHES, PATCHES);
    context.globalCompositeOperation = "source-over";
    context.globalAlpha = 1;
    frame(context, query, 1.1);
    if (hover) {
      if (hover.query !== query) frame(context, hover.query, 0.5);
      frame(context, hover.key, 0.5, [1, 1]);
    }
  }

  /* A picture of one pixel a cell; drawn large it has no seams. */
  function heat(side, colour) {
    const pixels = new ImageData(side, side);
    for (let cell = 0; cell < side * side; cell++) pixels.data.set([...colour(cell), 255], 4 * cell);
    const still = element("canvas", { width: side, height: side });
    still.getContext("2d").putImageData(pixels, 0, 0);
    return still;
  }

  function frame(context, patch, width, dashes = []) {
    const at = [(patch % GRID) * GRID, Math.floor(patch / GRID) * GRID, GRID, GRID];
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

  function drawMatrix() {
    const rows = Array.from({ length: PATCHES }, (_, query) => onPatches(query));
    matrix.still = heat(PATCHES, (cell) => viridis(Math.sqrt(rows[Math.floor(cell / PATCHES)][cell % PATCHES] / 0.35)));
    matrix.drawnFor = written({ ...state, patch: 0 });
  }

  function showMatrix() {
    if (matrix.drawnFor !== written({ ...state, patch: 0 })) drawMatrix();
    const context = surface(matrix);
    context.drawImage(matrix.still, 0, 0);
    context.lineWidth = 0.35;
    context.strokeStyle = "#fff";
    context.strokeRect(0, state.patch, PATCHES, 1);
    if (hover) {
      context.strokeRect(0, hover.query, PATCHES, 1);
      context.strokeRect(hover.key, 0, 1, PATCHES);
    }
  }

  function paint() {
    if (!current) return;
    const query = state.patch;
    const asked = hover?.query ?? query;
    if (state.keys === "apart") {
      const parts = CHANNELS.map((channel) => onPatches(asked, channel));
      const most = Math.max(...parts.flatMap((part) => [...part]));
      parts.forEach((part, i) => overlay(all[i], part, asked, current.planes[i], most));
      return;
    }
    overlay(learned, onPatches(asked), asked);
    overlay(ideal, current.truth.subarray(asked * PATCHES, (asked + 1) * PATCHES), asked);
    showMatrix();
  }

  function measured(query) {
    let group = 0;
    let others = 0;
    let uniform = 0;
    onPatches(query, "all").forEach((weight, key) => {
      if (current.group(query * PATCHES + key)) {
        group += weight;
        uniform += 1 / PATCHES;
      }
      if (current.others(query * PATCHES + key)) others += weight;
    });
    return { group, others, uniform };
  }

  function describe(query) {
    const owner = current.example.owner[query];
    if (owner < 0) return "It shows background, which asks for no colour.";
    const { kind, kept } = current.example.shapes[owner];
    if (!kept) return `It shows a ${kind} whose red does not lead: it must turn black.`;
    const { group, others, uniform } = measured(query);
    const company = current.example.shapes.filter((s) => s.kind === kind && s.kept).length;
    return (
      `It shows a ${kind}, ${company > 1 ? `one of ${company}` : "alone of its kind"}. On patches of its group: ${percent(group)}` +
      (company > 1 ? `, of which ${percent(others)} on the other shapes` : "") +
      `. Uniform attention would put ${percent(uniform)} there.`
    );
  }

  function show() {
    const { layer } = current;
    const model = modelNamed(state.model);
    choose.example.fill(
      data.examples.map((_, i) => [String(i), String(i + 1)]),
      state.example,
    );
    choose.model.fill(
      data.models.map((m) => [m.name, m.title]),
      state.model,
    );
    choose.layer.fill(
      model.layers.map((l) => [l.name, l.title]),
      state.layer,
    );
    const heads = Array.from({ length: layer.heads }, (_, i) => [String(i), String(i + 1)]);
    choose.head.fill([...heads, ["mean", "mean"]], state.head);
    choose.keys.fill(Object.entries(KEYS), state.keys);
    choose.keys.root.hidden = layer.keys === PATCHES;
    choose.model.root.hidden = data.models.length < 2;
    const text = describe(state.patch);
    learned.frame.setAttribute("aria-valuenow", String(state.patch + 1));
    learned.frame.setAttribute("aria-valuetext", placeOf(state.patch));
    name();
    status.textContent = `The patch in ${placeOf(state.patch)} asks. ${text}`;
    detail.textContent = `Weights from checkpoint ${model.checkpoint}.`;
    box.dataset.state = written(state);
    drawn = { ...state };
    paint();
  }

  /* Say over each panel, and in words for those who do not see it, what it shows. */
  function name() {
    const place = placeOf(state.patch);
    if (state.keys === "apart") {
      CHANNELS.forEach((channel, i) => {
        const share = percent(onPatches(state.patch, channel).reduce((sum, w) => sum + w, 0));
        all[i].heading.textContent = `${channel}  ${share}`;
        if (i) all[i].frame.setAttribute("aria-label", `Attention of ${place} on ${channel}: ${share}`);
      });
      return;
    }
    learned.heading.textContent = "Learned";
    ideal.heading.textContent = "Ideal";
    matrix.heading.textContent = "All queries";
    ideal.frame.setAttribute("aria-label", `Ideal attention of the patch in ${place}`);
    matrix.frame.setAttribute(
      "aria-label",
      `Attention of all patches, ${current.layer.title}; the row of ${place} is framed`,
    );
  }

  /* ---- pointer and keys ---- */

  function patchAt(event, { canvas }) {
    const bounds = canvas.getBoundingClientRect();
    const cell = (value, size) => Math.min(GRID - 1, Math.max(0, Math.floor((GRID * value) / size)));
    return cell(event.clientY - bounds.top, bounds.height) * GRID + cell(event.clientX - bounds.left, bounds.width);
  }

  function cellAt(event, { canvas }) {
    const bounds = canvas.getBoundingClientRect();
    const at = (value, size) => Math.min(PATCHES - 1, Math.max(0, Math.floor((PATCHES * value) / size)));
    return {
      query: at(event.clientY - bounds.top, bounds.height),
      key: at(event.clientX - bounds.left, bounds.width),
    };
  }

  function point(found) {
    hover = found;
    if (!current) return;
    if (hover) {
      const weight = onPatches(hover.query, state.keys)[hover.key];
      const best = current.truth[hover.query * PATCHES + hover.key];
      detail.textContent = `From ${placeOf(hover.query)} to ${placeOf(hover.key)}: ${percent(weight)}, ideal ${percent(best)}.`;
    } else {
      detail.textContent = `Weights from checkpoint ${modelNamed(state.model).checkpoint}.`;
    }
    requestAnimationFrame(paint);
  }

  /* The patch that a pointer means: over the image a key, over the matrix a query and a key. */
  const isMatrix = (where) => where === matrix && state.keys !== "apart";
  const under = (event, where) =>
    isMatrix(where) ? cellAt(event, where) : { query: state.patch, key: patchAt(event, where) };

  const signal = { signal: controller.signal };
  for (const where of all) {
    where.canvas.addEventListener(
      "click",
      (event) => {
        const { query, key } = under(event, where);
        go({ patch: isMatrix(where) ? query : key });
      },
      signal,
    );
    where.canvas.addEventListener(
      "pointermove",
      (event) => event.pointerType === "mouse" && current && point(under(event, where)),
      signal,
    );
  }
  panels.addEventListener("pointerleave", () => point(null), signal);
  learned.frame.addEventListener(
    "keydown",
    (event) => {
      const column = state.patch % GRID;
      const next = {
        ArrowLeft: column > 0 ? state.patch - 1 : state.patch,
        ArrowRight: column < GRID - 1 ? state.patch + 1 : state.patch,
        ArrowUp: state.patch >= GRID ? state.patch - GRID : state.patch,
        ArrowDown: state.patch < PATCHES - GRID ? state.patch + GRID : state.patch,
        Home: 0,
        End: PATCHES - 1,
      }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      go({ patch: next });
    },
    signal,
  );

  const linked = new URL(location.href).searchParams.get("explore");
  const first = load(linked ? read(linked) : {});
  box.explorer = {
    open(text) {
      first.then(
        () => go(read(text)),
        () => {}, // the figure stays a picture
      );
      box.closest("figure").scrollIntoView();
      learned.frame.focus({ preventScroll: true });
    },
    // For tests and for those who wonder: the weights behind the picture, [keys].
    weights() {
      const { keys } = current.layer;
      return Array.from(current.weights.subarray(state.patch * keys, (state.patch + 1) * keys));
    },
  };
  await first;
  return {
    resize: () => requestAnimationFrame(paint),
    purge: () => {
      clearTimeout(resting);
      controller.abort();
    },
  };
}

/* A link to a view of this very page opens it in place, before the page's own navigation, which
   takes two links to one place for the same. */
document.addEventListener(
  "click",
  (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const url = new URL(link.href);
    const wished = url.searchParams.get("explore");
    const figure = document.querySelector("figure[data-view=attention-explorer]");
    if (!wished || !figure || url.origin + url.pathname !== location.origin + location.pathname) return;
    event.preventDefault();
    event.stopPropagation();
    const explorer = figure.querySelector(".nb-figure__view")?.explorer;
    if (explorer) {
      explorer.open(wished);
      return;
    }
    // It is far away and asleep: it wakes as it comes into view, and reads the address.
    history.replaceState(history.state, "", url);
    figure.scrollIntoView();
    figure.tabIndex = -1;
    figure.focus({ preventScroll: true });
  },
  true,
);

window.notebookEmbed.register("attention-explorer", mountExplorer);
