/* The attention explorer: pick a patch of an image and see where a trained model looks for it, beside
   where it should look.

   Weights of one model over one image are a file of their own, fetched when they are needed: a byte a weight; a row is
   divided by its sum. A view is linked as ?explore=... (explorer-state.js says how); a link to that in the page itself
   opens the view where the reader is. */
import {
  cellAt,
  chooser,
  element,
  finePercent,
  numbers,
  overGrid,
  panel,
  placeOf,
  stepper,
  whoAsks,
} from "./attention-tools.js";
import { painter, pictureOf } from "./explorer-drawing.js";
import { keyChoices, modelOf, read, sound, viewOf, written } from "./explorer-state.js";

/**
 * @typedef {import("./explorer-state.js").Data} Data
 * @typedef {import("./explorer-state.js").State} State
 * @typedef {import("./explorer-state.js").View} View
 * @typedef {import("./explorer-drawing.js").Picture} Picture
 * @typedef {import("./explorer-drawing.js").Pointed} Pointed
 * @typedef {import("./attention-tools.js").Panel} Panel
 * @typedef {{open(view: string): void, weights(): number[]}} Explorer
 */

const REST = 250; // ms without a change before the address is: browsers limit how often it may

/* ---- the page ---- */

/**
 * Build the controls, panels and lines of text.
 * @param {HTMLElement} box
 * @param {(change: Partial<State>) => void} go
 */
function build(box, go) {
  const choose = {
    example: chooser("Image", (value) => go({ example: Number(value) })),
    model: chooser("Model", (value) => go({ model: value })),
    layer: chooser("Layer", (value) => go({ layer: value })),
    head: chooser("Head", (value) => go({ head: value === "mean" ? value : Number(value) })),
    keys: chooser("Keys in", (value) => go({ keys: value })),
  };
  const panels = [
    panel("explorer", "Learned"),
    panel("explorer", "Ideal", { role: "img", "aria-label": "" }),
    panel("explorer", "All queries", { role: "img", "aria-label": "" }),
  ];
  const rows = element("div", { class: "explorer__panels" }, ...panels.map(({ root }) => root));
  const status = element("p", { class: "explorer__status", "aria-live": "polite" });
  const detail = element("p", { class: "explorer__detail" });
  const controls = Object.values(choose).map(({ root }) => root);
  box.append(element("div", { class: "explorer__controls" }, ...controls), rows, status, detail);
  return { choose, panels, rows, status, detail };
}

/** @type {(choose: ReturnType<typeof build>["choose"], data: Data, view: View) => void} */
function fill(choose, data, { state, layer }) {
  choose.example.fill(numbers(data.examples.length), state.example);
  choose.model.fill(titled(data.models), state.model);
  choose.layer.fill(titled(modelOf(data, state).layers), state.layer);
  choose.head.fill([...numbers(layer.heads), ["mean", "mean"]], state.head);
  choose.keys.fill(keyChoices(data), state.keys);
  choose.keys.root.hidden = layer.keys === data.grid ** 2;
  choose.model.root.hidden = data.models.length < 2;
}

/** @type {(all: {name: string, title: string}[]) => [string, string][]} */
const titled = (all) => all.map(({ name, title }) => [name, title]);

/* ---- in words ---- */

/**
 * Say over each panel, and in words for those who do not see it, what it shows.
 * @type {(panels: Panel[], data: Data, view: View) => void}
 */
function nameAll(panels, data, view) {
  const { patch, keys } = view.state;
  const place = placeOf(patch, data.grid);
  const [learned, ideal, matrix] = panels;
  learned.frame.setAttribute("aria-valuenow", String(patch + 1));
  learned.frame.setAttribute("aria-valuetext", place);
  if (keys === "apart") {
    data.channels.forEach((channel, i) => {
      const part = finePercent(view.onPatches(patch, channel).reduce((sum, weight) => sum + weight, 0));
      panels[i].heading.textContent = `${channel}  ${part}`;
      if (i) panels[i].frame.setAttribute("aria-label", `Attention of ${place} on ${channel}: ${part}`);
    });
    return;
  }
  learned.heading.textContent = "Learned";
  ideal.heading.textContent = "Ideal";
  matrix.heading.textContent = "All queries";
  ideal.frame.setAttribute("aria-label", `Ideal attention of the patch in ${place}`);
  matrix.frame.setAttribute(
    "aria-label",
    `Attention of all patches, ${view.layer.title}; the row of ${place} is framed`,
  );
}

/** @type {(data: Data, view: View) => string} */
function describe({ grid }, { state: { patch }, example: { owner, shapes }, measured }) {
  const shown = shapes[owner[patch]];
  const size = shapes.filter(({ kind, kept }) => kept && kind === shown?.kind).length;
  return whoAsks(placeOf(patch, grid), shown, size, measured(patch));
}

/* ---- pointer and keys ---- */

/**
 * @typedef {object} Hold What the reader's hands may do.
 * @property {() => View | null} view that is shown
 * @property {() => number} patch that was asked for last
 * @property {(change: Partial<State>) => void} go
 * @property {(where: Pointed | null) => void} point
 */

/** @type {(page: ReturnType<typeof build>, data: Data, hold: Hold) => void} */
function listen({ panels, rows }, { grid }, { view, patch, go, point }) {
  const patches = grid ** 2;
  const isMatrix = (/** @type {Panel} */ where) => where === panels[2] && view()?.state.keys !== "apart";

  /* What a pointer means: over the image a key, over the matrix a query and a key. */
  function under(/** @type {MouseEvent} */ event, /** @type {Panel} */ where) {
    const { row, column } = cellAt(event, where.canvas, isMatrix(where) ? patches : grid);
    return isMatrix(where) ? { query: row, key: column } : { query: patch(), key: row * grid + column };
  }

  for (const where of panels) {
    where.canvas.addEventListener("click", (event) => {
      const { query, key } = under(event, where);
      go({ patch: isMatrix(where) ? query : key });
    });
    where.canvas.addEventListener(
      "pointermove",
      (event) => event.pointerType === "mouse" && point(under(event, where)),
    );
  }
  rows.addEventListener("pointerleave", () => point(null));
  stepper(panels[0].frame, {
    label: "The patch that asks; arrow keys move it",
    places: patches,
    place: patch,
    steps: overGrid(grid),
    go: (to) => go({ patch: to }),
  });
}

/* ---- one explorer ---- */

/**
 * Remember what `make` promised for a key, unless it comes to nothing: then the next who asks tries again.
 * @template Value
 * @param {(key: string) => Promise<Value>} make
 */
function once(make) {
  /** @type {Map<string, Promise<Value>>} */
  const promised = new Map();
  return (/** @type {string} */ key) => {
    const known = promised.get(key);
    if (known) return known;
    const promise = make(key);
    promise.catch(() => promised.delete(key));
    promised.set(key, promise);
    return promise;
  };
}

/**
 * @param {HTMLElement & {explorer?: Explorer}} box
 * @param {Data} data
 * @param {(name: string) => Promise<Record<string, string>>} file weights of a model over an image, by layer
 * @returns {Promise<FigureView>}
 */
async function mountExplorer(box, data, file) {
  const weightsOf = once(file);
  const imageOf = once((address) => pictureOf(address, data.channels.length));
  const figure = /** @type {HTMLElement} */ (box.closest("figure"));
  const here = location.pathname;
  const page = build(box, go);
  const paint = painter(data, page.panels);
  let wished = { ...data.start, keys: "all" };
  /** @type {{view: View, picture: Picture} | null} */
  let shown = null;
  /** @type {Pointed | null} */
  let hover = null;
  let turn = 0;
  let resting = 0; // the timer until the address is written

  /** @param {Partial<State>} change */
  async function load(change) {
    wished = sound(data, { ...wished, ...change });
    hover = null; // until the pointer moves again
    const mine = ++turn;
    const state = wished;
    const packed = await weightsOf(`${state.model}-${state.example}`);
    const picture = await imageOf(data.examples[state.example].image);
    if (mine !== turn) return; // asked for something else meanwhile
    shown = { view: viewOf(data, state, packed), picture };
    show(shown.view);
  }

  /** @param {Partial<State>} change */
  async function go(change) {
    const loaded = load(change);
    const mine = turn; // what fails, or comes, after something newer was asked for is of no interest
    try {
      await loaded;
      if (mine === turn) remember();
    } catch {
      if (mine !== turn || !shown) return;
      wished = shown.view.state;
      show(shown.view);
      page.status.textContent = "That could not be loaded. Is the network there?";
    }
  }

  /** @param {View} view */
  function show(view) {
    fill(page.choose, data, view);
    nameAll(page.panels, data, view);
    page.status.textContent = describe(data, view);
    page.detail.textContent = `Weights from checkpoint ${modelOf(data, view.state).checkpoint}.`;
    box.dataset.state = written(view.state);
    draw();
  }

  function draw() {
    if (shown) paint(shown.view, shown.picture, hover);
  }

  /** @param {Pointed | null} where */
  function point(where) {
    if (!shown) return;
    hover = where;
    const { view } = shown;
    page.detail.textContent = where
      ? `From ${placeOf(where.query, data.grid)} to ${placeOf(where.key, data.grid)}: ` +
        `${finePercent(view.onPatches(where.query)[where.key])}, ideal ${finePercent(view.ideal(where.query)[where.key])}.`
      : `Weights from checkpoint ${modelOf(data, view.state).checkpoint}.`;
    requestAnimationFrame(draw);
  }

  function remember() {
    clearTimeout(resting);
    resting = setTimeout(() => {
      if (!shown || location.pathname !== here) return; // the reader has left
      const url = new URL(location.href);
      url.searchParams.delete("explore");
      url.search = `${url.search ? `${url.search}&` : "?"}explore=${written(shown.view.state)}`;
      url.hash = figure.id; // who follows the link arrives here
      history.replaceState(history.state, "", url);
    }, REST);
  }

  const hold = { view: () => shown && shown.view, patch: () => wished.patch, go, point };
  listen(page, data, hold);

  const linked = new URL(location.href).searchParams.get("explore");
  const first = load(linked ? read(linked) : {});
  box.explorer = {
    open(text) {
      first.then(
        () => go(read(text)),
        () => {}, // the figure stays a picture
      );
      figure.scrollIntoView();
      page.panels[0].frame.focus({ preventScroll: true });
    },
    // For tests and for those who wonder: the weights behind the picture, [keys].
    weights: () => (shown ? Array.from(shown.view.row(shown.view.state.patch)) : []),
  };
  await first;
  return {
    resize: () => requestAnimationFrame(draw),
    purge: () => clearTimeout(resting),
  };
}

/* A link to a view of this very page opens it in place, before the page's own navigation, which
   takes two links to one place for the same. */
document.addEventListener(
  "click",
  (event) => {
    const link = event.target instanceof Element && event.target.closest("a[href]");
    if (!(link instanceof HTMLAnchorElement) || event.button) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const url = new URL(link.href);
    const wished = url.searchParams.get("explore");
    const figure = /** @type {HTMLElement | null} */ (document.querySelector("figure[data-view=attention-explorer]"));
    if (!wished || !figure || url.origin + url.pathname !== location.origin + location.pathname) return;
    event.preventDefault();
    event.stopPropagation();
    const box = /** @type {Element & {explorer?: Explorer} | null} */ (figure.querySelector(".nb-figure__view"));
    if (box?.explorer) {
      box.explorer.open(wished);
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
