/* The attention explorer: pick a patch of an image and see where a trained model looks for it, beside
   where it should look.

   `data` (made by shapes_of_attention.figures.attention_views): examples, models, start. Weights of
   one model over one image are a file of their own, fetched when they are needed: a byte a weight,
   relative to the largest of its row; a row is divided by its sum.

   A view is linked as ?explore=IMAGE~MODEL~LAYER~HEAD~PATCH (heads count from 1, "mean" is their
   mean; patches from 1, in reading order). A link with data-explore="..." in the page opens it. */
(function () {
  "use strict";

  const GRID = 8;
  const PATCHES = GRID * GRID;
  const CHANNELS = ["R", "G", "B"];
  const VIRIDIS = [
    [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
    [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
  ]; // prettier-ignore
  const open = new Set(); // explorers on the page
  let asked = null; // a view that a link asked for before the explorer was there

  /* ---- numbers ---- */

  function bytes(text) {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  }

  function flags(text) {
    const packed = bytes(text);
    return (index) => Boolean(packed[index >> 3] & (128 >> (index & 7)));
  }

  /* Unpack [..., keys] into rows that add up to one (or stay zero). */
  function unpack(text, keys) {
    const levels = bytes(text);
    const weights = new Float32Array(levels.length);
    for (let start = 0; start < levels.length; start += keys) {
      let sum = 0;
      for (let k = start; k < start + keys; k++) sum += levels[k];
      if (sum) for (let k = start; k < start + keys; k++) weights[k] = levels[k] / sum;
    }
    return weights;
  }

  function viridis(share) {
    const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
    const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
    return VIRIDIS[low].map((v, i) => Math.round(v + (place - low) * (VIRIDIS[low + 1][i] - v)));
  }

  const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
  const placeOf = (patch) => `row ${Math.floor(patch / GRID) + 1}, column ${(patch % GRID) + 1}`;

  /* ---- small pieces of a page ---- */

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function chooser(label, change) {
    const select = element("select", { class: "explorer__select" });
    select.addEventListener("change", () => change(select.value));
    const fill = (options, value) => {
      select.replaceChildren(
        ...options.map(([key, title]) => {
          const option = element("option", { value: key }, title);
          option.selected = key === String(value);
          return option;
        }),
      );
    };
    const name = element("span", { class: "explorer__name" }, label);
    return { root: element("label", { class: "explorer__choice" }, name, select), fill };
  }

  function panel(title, role = {}) {
    const canvas = element("canvas", { class: "explorer__canvas", "aria-hidden": "true" });
    const heading = element("div", { class: "explorer__title" }, title);
    const frame = element("div", { class: "explorer__frame", ...role }, canvas);
    return { root: element("div", { class: "explorer__panel" }, heading, frame), heading, frame, canvas };
  }

  /* ---- one explorer ---- */

  async function mountExplorer(box, data, file) {
    const state = { ...data.start, channel: "all" };
    const images = new Map();
    const loaded = new Map(); // file name -> promise of its layers
    const controller = new AbortController();
    let current = null; // what is drawn: {example, layer, weights, truth}
    let hover = null; // {query, key} under the pointer
    let turn = 0;

    const choose = {
      example: chooser("Image", (value) => go({ example: Number(value) })),
      model: chooser("Model", (value) => go({ model: value })),
      layer: chooser("Layer", (value) => go({ layer: value })),
      head: chooser("Head", (value) => go({ head: value === "mean" ? value : Number(value) })),
      channel: chooser("Keys in", (value) => go({ channel: value })),
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
    const status = element("p", { class: "explorer__status", "aria-live": "polite" });
    const detail = element("p", { class: "explorer__detail" });
    const panels = element("div", { class: "explorer__panels" }, learned.root, ideal.root, matrix.root);
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
        channel: layer.keys > PATCHES && wished.channel in { R: 1, G: 1, B: 1 } ? wished.channel : "all",
      };
    }

    const written = (s) =>
      [s.example + 1, s.model, s.layer, s.head === "mean" ? "mean" : s.head + 1, s.patch + 1].join("~");

    function read(text) {
      const [example, model, layer, head, patch] = text.split("~");
      return {
        example: Number(example) - 1,
        model,
        layer,
        head: head === "mean" ? head : Number(head) - 1,
        patch: Number(patch) - 1,
      };
    }

    function remember() {
      const url = new URL(location.href);
      url.searchParams.set("explore", written(state));
      history.replaceState(history.state, "", url);
    }

    async function go(change, { silent = false } = {}) {
      Object.assign(state, sound({ ...state, ...change }));
      const mine = ++turn;
      const layer = layerOf(state);
      const layers = await weightsOf(state.model, state.example);
      const image = await imageOf(state.example);
      if (mine !== turn) return; // asked for something else meanwhile
      current = { layer, image, example: data.examples[state.example], ...mix(layers, layer) };
      if (!silent) remember();
      show();
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
        images.set(example, image.decode().then(() => image));
      }
      return images.get(example);
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

    /* Weights of one query on the patches, in the channel that is shown or over all. */
    function onPatches(query) {
      const { layer, weights } = current;
      const row = weights.subarray(query * layer.keys, (query + 1) * layer.keys);
      if (layer.keys === PATCHES) return row;
      const found = new Float32Array(PATCHES);
      row.forEach((weight, key) => {
        if (state.channel === "all" || CHANNELS[Math.floor(key / PATCHES)] === state.channel) {
          found[key % PATCHES] += weight;
        }
      });
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

    function overlay(where, weights, query) {
      const context = surface(where);
      const most = Math.max(...weights, 1e-9);
      weights.forEach((weight, patch) => {
        context.fillStyle = `rgb(${viridis(Math.sqrt(weight / most) * (most > 1e-8)).map((v) => v * 0.75)})`;
        context.fillRect((patch % GRID) * GRID, Math.floor(patch / GRID) * GRID, GRID, GRID);
      });
      context.globalCompositeOperation = "lighter";
      context.globalAlpha = 0.6;
      context.drawImage(current.image, 0, 0, PATCHES, PATCHES);
      context.globalCompositeOperation = "source-over";
      context.globalAlpha = 1;
      frame(context, query, 1.1);
      if (hover) {
        if (hover.query !== query) frame(context, hover.query, 0.5);
        frame(context, hover.key, 0.5, [1, 1]);
      }
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
      const { layer } = current;
      const rows = PATCHES;
      const pixels = new ImageData(PATCHES, rows);
      for (let query = 0; query < rows; query++) {
        const row = onPatches(query);
        for (let key = 0; key < PATCHES; key++) {
          pixels.data.set([...viridis(Math.sqrt(row[key] / 0.35)), 255], 4 * (query * PATCHES + key));
        }
      }
      const still = element("canvas", { width: PATCHES, height: rows });
      still.getContext("2d").putImageData(pixels, 0, 0);
      matrix.still = still;
      matrix.drawnFor = `${written({ ...state, patch: 0 })}~${state.channel}~${layer.name}`;
    }

    function showMatrix() {
      const wanted = `${written({ ...state, patch: 0 })}~${state.channel}~${current.layer.name}`;
      if (matrix.drawnFor !== wanted) drawMatrix();
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
      overlay(learned, onPatches(asked), asked);
      overlay(ideal, current.truth.subarray(asked * PATCHES, (asked + 1) * PATCHES), asked);
      showMatrix();
    }

    function measured(query) {
      let group = 0;
      let others = 0;
      let uniform = 0;
      onPatchesOfAll(query).forEach((weight, key) => {
        if (current.group(query * PATCHES + key)) {
          group += weight;
          uniform += 1 / PATCHES;
        }
        if (current.others(query * PATCHES + key)) others += weight;
      });
      return { group, others, uniform };
    }

    function onPatchesOfAll(query) {
      const channel = state.channel;
      state.channel = "all";
      const row = onPatches(query);
      state.channel = channel;
      return row;
    }

    function describe(query) {
      const owner = current.example.owner[query];
      if (owner < 0) return "It shows background, which asks for no colour.";
      const { kind, kept } = current.example.shapes[owner];
      if (!kept) return `It shows a ${kind} whose red does not lead: it must turn black.`;
      const { group, others, uniform } = measured(query);
      const company = current.example.shapes.filter((s) => s.kind === kind && s.kept).length;
      return (
        `It shows a ${kind}, one of ${company}. On patches of its group: ${percent(group)}` +
        (company > 1 ? `, of which ${percent(others)} on the other shapes` : "") +
        `. Uniform attention would put ${percent(uniform)} there.`
      );
    }

    function show() {
      const { layer, example } = current;
      const model = modelNamed(state.model);
      choose.example.fill(data.examples.map((_, i) => [String(i), String(i + 1)]), state.example);
      choose.model.fill(data.models.map((m) => [m.name, m.title]), state.model);
      choose.layer.fill(model.layers.map((l) => [l.name, l.title]), state.layer);
      const heads = Array.from({ length: layer.heads }, (_, i) => [String(i), String(i + 1)]);
      choose.head.fill([...heads, ["mean", "mean"]], state.head);
      choose.channel.fill([["all", "all"], ...CHANNELS.map((c) => [c, c])], state.channel);
      choose.channel.root.hidden = layer.keys === PATCHES;
      choose.model.root.hidden = data.models.length < 2;
      const text = describe(state.patch);
      learned.frame.setAttribute("aria-valuenow", String(state.patch + 1));
      learned.frame.setAttribute("aria-valuetext", `${placeOf(state.patch)}. ${text}`);
      ideal.frame.setAttribute("aria-label", `Ideal attention of the patch in ${placeOf(state.patch)}`);
      matrix.frame.setAttribute(
        "aria-label",
        `Attention of all patches, ${layer.title}; the row of ${placeOf(state.patch)} is framed`,
      );
      status.textContent = `The patch in ${placeOf(state.patch)} asks. ${text}`;
      detail.textContent = `Weights from checkpoint ${model.checkpoint}.`;
      box.dataset.state = written(state);
      paint();
      return example;
    }

    /* ---- pointer and keys ---- */

    function patchAt(event, { canvas }) {
      const bounds = canvas.getBoundingClientRect();
      const cell = (value, size) => Math.min(GRID - 1, Math.max(0, Math.floor((GRID * value) / size)));
      return (
        cell(event.clientY - bounds.top, bounds.height) * GRID +
        cell(event.clientX - bounds.left, bounds.width)
      );
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
        const weight = onPatches(hover.query)[hover.key];
        const best = current.truth[hover.query * PATCHES + hover.key];
        detail.textContent =
          `From ${placeOf(hover.query)} to ${placeOf(hover.key)}: ${percent(weight)}, ` +
          `ideal ${percent(best)}.`;
      } else {
        detail.textContent = `Weights from checkpoint ${modelNamed(state.model).checkpoint}.`;
      }
      requestAnimationFrame(paint);
    }

    const signal = { signal: controller.signal };
    for (const where of [learned, ideal]) {
      where.canvas.addEventListener("click", (e) => go({ patch: patchAt(e, where) }), signal);
      where.canvas.addEventListener(
        "pointermove",
        (e) => e.pointerType === "mouse" && point({ query: state.patch, key: patchAt(e, where) }),
        signal,
      );
    }
    matrix.canvas.addEventListener("click", (e) => go({ patch: cellAt(e, matrix).query }), signal);
    matrix.canvas.addEventListener(
      "pointermove",
      (e) => e.pointerType === "mouse" && point(cellAt(e, matrix)),
      signal,
    );
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

    const linked = asked ?? new URL(location.href).searchParams.get("explore");
    asked = null;
    const explorer = {
      open: (text) => go(read(text)),
      // For tests and for those who wonder: the weights behind the picture.
      weights: () => current && Array.from(onPatchesOfAll(state.patch)),
    };
    box.explorer = explorer;
    open.add(explorer);
    await go(linked ? read(linked) : {}, { silent: true });
    return {
      resize: () => requestAnimationFrame(paint),
      purge: () => {
        open.delete(explorer);
        controller.abort();
      },
    };
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-explore]");
    if (!link) return;
    if (open.size) for (const explorer of open) explorer.open(link.dataset.explore);
    else asked = link.dataset.explore;
  });

  window.notebookEmbed.register("attention-explorer", mountExplorer);
})();
