/* The live model on a page: a canvas to draw on, what the trained model paints, and where it looks.

   `data` (made by shapes_of_attention.figures.live): scene, an address's part (state.js); models;
   averages, what their heads give on average; parts, what is shown beside the canvas; switchesFirst, whether on
   a phone the shapes' switches stand above what they change. The reader's own scene is in the address, as
   ?live=SCENE#figure, and a link to it leads back to it. */
import {
  cellAt,
  chooser,
  element,
  massOn,
  overGrid,
  placeOf,
  rowOf,
  setIdle,
  stepper,
  styled,
  uniformOn,
  whoAsks,
} from "../site/attention-tools.js";
import { makeEditor } from "./editor.js";
import { copy, difference, drawMatrix, makePicture, overlay } from "./pictures.js";
import { makeQueue } from "./queue.js";
import { GRID, KINDS, PATCHES, isCircle, isHollow, isKept, membersOf, paint, touchedBy } from "./scene.js";
import * as states from "./state.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./worker.js").Answer} Answer */

/**
 * @typedef {object} Data
 * @property {string} scene
 * @property {{name: string, title: string}[]} models
 * @property {Record<string, Record<string, number[]>>} averages by model and attention module
 * @property {string[]} parts of "colour", "look", "colours", "model"
 * @property {boolean} switchesFirst
 */

const REST = 300; // ms without a change before the address follows and a screen reader is told
const UNDONE = 100; // steps that can be taken back
const CHANNELS = [
  ["R", "red", "#c8382c"],
  ["G", "green", "#2c8a4b"],
  ["B", "blue", "#2f6fc8"],
];
const ICONS = [
  '<circle cx="12" cy="12" r="9"/>',
  '<circle cx="12" cy="12" r="8"/>',
  '<rect x="4" y="6" width="16" height="12"/>',
  '<rect x="4" y="6" width="16" height="12"/>',
];

const css = (/** @type {readonly number[] | null | undefined} */ colour) =>
  colour ? `rgb(${colour.map((v) => Math.round(v)).join(" ")})` : "rgb(0 0 0)";

/** @param {number} kind */
function icon(kind) {
  const holder = element("span");
  const look = isHollow(kind) ? "lab__icon" : "lab__icon lab__icon--filled";
  holder.innerHTML = `<svg class="${look}" viewBox="0 0 24 24" aria-hidden="true">${ICONS[kind]}</svg>`;
  return /** @type {Element} */ (holder.firstElementChild);
}

/**
 * @param {string} text
 * @param {() => void} act
 * @param {Record<string, string>} [attributes]
 * @param {Element[]} before
 */
function button(text, act, attributes = {}, ...before) {
  const made = element(
    "button",
    { type: "button", class: "lab__button", ...attributes },
    ...before,
    ...(text ? [element("span", {}, text)] : []),
  );
  made.addEventListener("click", act);
  return /** @type {HTMLButtonElement} */ (made);
}

/** @param {string} text @param {(on: boolean) => void} change */
function toggle(text, change) {
  const box = /** @type {HTMLInputElement} */ (element("input", { type: "checkbox" }));
  box.addEventListener("change", () => change(box.checked));
  const words = element("span", {}, text);
  return { root: element("label", { class: "lab__switch" }, box, words), box, words };
}

/** @param {string} text @param {string} name @param {(value: number) => void} change */
function slider(text, name, change) {
  const input = /** @type {HTMLInputElement} */ (element("input", { type: "range", step: "1", "aria-label": name }));
  const shown = element("output", {});
  const track = element("span", { class: "lab__track" }, input);
  const title = element("span", {}, text);
  input.addEventListener("input", () => change(Number(input.value)));
  return {
    root: element("div", { class: "lab__slider" }, title, track, shown),
    name: title,
    input,
    track,
    shown,
  };
}

/**
 * @param {HTMLElement} box
 * @param {Data} data
 */
async function mountLab(box, data) {
  const figure = /** @type {HTMLElement} */ (box.closest("figure"));
  const names = data.models.map(({ name }) => name);
  const here = location.pathname;
  const controller = new AbortController();

  /* ---- state ---- */

  const first = states.read(data.scene, names);
  const linked = new URL(location.href).searchParams.get("live");
  const isMine = location.hash.slice(1) === figure.id || document.querySelectorAll("[data-view=lab]").length === 1;
  const wished = linked !== null && isMine ? states.read(linked, names) : null;
  let state = wished?.shapes.length ? wished : first;
  let image = paint(state.shapes);
  let greeting = wished && !wished.shapes.length ? "That address holds no scene; this is the one of the page." : "";
  /** @type {string[]} */
  const past = [];
  let gesture = "";
  let resting = 0;

  /* ---- the page's pieces ---- */

  const canvas = makeEditor({
    state: () => state,
    change: go,
    remove,
    ask,
  });
  const painted = makePicture("Painted");
  const target = makePicture("Target");
  const glance = makePicture("Attention");
  const apart = makePicture("Difference × 4");
  const stage = element(
    "div",
    { class: "lab__stage" },
    canvas.root,
    element("div", { class: "lab__aside" }, painted.root, target.root, glance.root, apart.root),
  );

  const undo = button("Undo", back, { title: "Undo" }, glyph("M8 5 4 9l4 4M4 9h9a6 6 0 0 1 0 12h-3"));
  const reset = button(
    "Reset",
    () => go(first, "reset"),
    { title: "Back to the scene of the page" },
    glyph("M5 12a7 7 0 1 0 2-5L4 10M4 4v6h6"),
  );
  const away = button(
    "Remove",
    () => remove(state.selected),
    { title: "Remove the chosen shape" },
    glyph("M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13"),
  );
  const adders = KINDS.map((kind, i) =>
    button("", () => add(i), { title: `Add a ${kind}`, "aria-label": `Add a ${kind}` }, icon(i)),
  );
  const bar = element(
    "div",
    { class: "lab__bar", role: "group", "aria-label": "Add, remove, undo" },
    element("span", { class: "lab__add" }, "Add"),
    ...adders,
    element("span", { class: "lab__spring" }),
    away,
    undo,
    reset,
  );

  const kinds = KINDS.map((kind, i) =>
    button(
      "",
      () => state.selected >= 0 && settle(states.turnedInto(state, state.selected, i), "kind"),
      { title: `Make it a ${kind}`, "aria-label": `Make it a ${kind}` },
      icon(i),
    ),
  );
  const colours = CHANNELS.map(([letter, name, colour], channel) => {
    const made = slider(letter, name, (value) => {
      const next = /** @type {[number, number, number]} */ ([...state.shapes[state.selected].colour]);
      next[channel] = value;
      go(states.withShape(state, state.selected, { colour: next }), `${name} of ${state.selected}`);
    });
    made.input.max = "255";
    made.input.style.setProperty("--slider", colour);
    return made;
  });
  const width = slider("Width", "width", (value) => resize(value, undefined));
  const height = slider("Height", "height", (value) => resize(undefined, value));
  const chosenWords = element("p", { class: "lab__words" });
  const chosen = element(
    "div",
    { class: "lab__panel", role: "group", "aria-label": "The chosen shape" },
    element("div", { class: "lab__bar" }, chosenWords, element("span", { class: "lab__spring" }), ...kinds),
    element(
      "div",
      { class: "lab__sliders" },
      element("div", {}, ...colours.map(({ root }) => root)),
      element("div", {}, width.root, height.root),
    ),
  );
  const free = toggle("Leave the training set", (on) => settle({ ...state, free: on }, "free"));
  const quiet = element("span", { class: "lab__quiet" });

  const table = element("div", { class: "lab__colours" });
  const tableTitle = element("div", { class: "lab__heading" }, "Painted beside true");

  const modelChoice = chooser("Model", (/** @type {string} */ value) => go({ ...state, model: value }, "model"));
  const layerChoice = chooser("Layer", (/** @type {string} */ value) => go({ ...state, module: value }, "layer"));
  const headChoice = chooser("Head", (/** @type {string} */ value) => go({ ...state, head: Number(value) }, "head"));
  const still = toggle("Still this head", () => head("stilled"));
  const replace = toggle("Put the ideal in its place", () => head("replaced"));
  const turn = toggle("No positions", (on) => go({ ...state, unturned: on }, "unturned"));
  const changed = element("div", { class: "lab__bar" });
  const learned = makePicture("Learned");
  const ideal = makePicture("Ideal", { role: "img", "aria-label": "Ideal attention" });
  const matrix = makePicture("All queries", { role: "img", "aria-label": "Attention of all patches" });
  for (const { frame } of [glance, ideal, matrix]) frame.classList.add("lab__frame--pick");
  const score = element("p", { class: "lab__words" });
  const speed = element("p", { class: "lab__quiet" }, "Fetching the model …");
  const heard = element("div", { class: "lab__heard", "aria-live": "polite" });

  /** @param {string} part @param {...Element} pieces */
  const only = (part, ...pieces) => (data.parts.includes(part) ? pieces : []);
  const view = element(
    "div",
    { class: data.switchesFirst ? "lab lab--switches-first" : "lab" },
    stage,
    bar,
    ...only("colour", chosen),
    ...only("free", element("div", { class: "lab__bar" }, free.root, quiet)),
    ...only("colours", tableTitle, table),
    ...only("look", element("div", { class: "lab__heading" }, "Where it looks")),
    ...only(
      "look",
      element(
        "div",
        { class: "explorer__controls" },
        ...only("model", modelChoice.root),
        layerChoice.root,
        headChoice.root,
        ...only("model", element("div", { class: "lab__bar" }, still.root, replace.root, turn.root)),
      ),
      ...only("model", changed),
      element("div", { class: "lab__looks" }, learned.root, ideal.root, matrix.root),
      score,
    ),
    speed,
    heard,
  );
  box.append(view);
  await styled(box, new URL("lab.css", import.meta.url));

  /* ---- the worker ---- */

  let answered = ""; // the scene that is drawn
  /** @type {Answer | null} */
  let answer = null;
  /** @type {(value?: unknown) => void} */
  let drawn = () => {};
  const firstPicture = new Promise((resolve) => (drawn = resolve));

  const queue = makeQueue({
    newest: () => ({ request: requested(), scene: states.write(state) }),
    answered(given, scene) {
      answer = given;
      answered = scene;
      showAnswer();
    },
    failed() {
      speed.textContent = "The model could not be loaded. Is the network there? The next change tries again.";
      drawn();
    },
  });
  let number = 0;

  /** @returns {import("./worker.js").Request} */
  function requested() {
    const long = (/** @type {Record<string, number[]>} */ heads) =>
      Object.fromEntries(Object.entries(heads).map(([module, list]) => [states.longName(module), list]));
    return {
      id: ++number,
      model: state.model,
      shapes: state.shapes,
      hidden: state.hidden,
      stilled: long(state.stilled),
      replaced: long(state.replaced),
      unturned: state.unturned,
      averages: data.averages[state.model],
    };
  }

  /* ---- changes ---- */

  /**
   * Take over a state; what belongs to one gesture is undone at once.
   *
   * @param {State} next
   * @param {string} why
   */
  function go(next, why) {
    const before = states.write(state);
    const after = states.sound(next);
    if (states.write(after) === before) return;
    if (why !== gesture) past.push(before);
    if (past.length > UNDONE) past.shift();
    gesture = why.startsWith("select") || why === "ask" ? "" : why;
    state = after;
    greeting = "";
    queue.ask();
    show();
    rest();
  }

  /** A gesture of its own, though it be the same again. @param {State} next @param {string} why */
  function settle(next, why) {
    gesture = "";
    go(next, why);
  }

  function back() {
    const before = past.pop();
    if (before === undefined) return;
    state = states.read(before, names);
    gesture = "";
    queue.ask();
    show();
    rest();
  }

  /** @param {number} kind */
  function add(kind) {
    const next = states.added(state, kind);
    if (!next) {
      say(
        state.shapes.length >= states.limitsOf(state.free).shapes
          ? `No more than ${state.shapes.length} shapes.`
          : "There is no room left for another shape.",
      );
      return;
    }
    settle(next, "add");
    canvas.focus(state.selected);
  }

  /** @param {number} shape */
  function remove(shape) {
    if (shape < 0) return;
    settle(states.removed(state, shape), "remove");
    canvas.focus(state.selected);
  }

  /** @param {number} [across] @param {number} [down] */
  function resize(across, down) {
    const [x0, y0, x1, y1] = state.shapes[state.selected].box;
    const round = isCircle(state.shapes[state.selected].kind);
    const [w, h] = [
      across ?? (round ? /** @type {number} */ (down) : x1 - x0),
      down ?? (round ? /** @type {number} */ (across) : y1 - y0),
    ];
    go(states.sized(state, state.selected, w, h), `size of ${state.selected}`);
    show(); // the slider returns to what was possible
  }

  /** @param {number} patch */
  function ask(patch) {
    go({ ...state, patch }, "ask");
  }

  /** @param {"stilled" | "replaced"} what */
  function head(what) {
    settle({ ...state, [what]: states.toggled(state[what], shownModule(), state.head) }, what);
  }

  /** @param {number} shape */
  function hide(shape) {
    const hidden = state.hidden.includes(shape)
      ? state.hidden.filter((other) => other !== shape)
      : [...state.hidden, shape];
    settle({ ...state, hidden }, "hide");
  }

  /* ---- showing ---- */

  function modules() {
    return Object.keys(data.averages[state.model]).map(states.shortName);
  }

  /** The attention that the reader chose, or the last one of a model that has no such. */
  function shownModule() {
    const all = modules();
    return all.includes(state.module) ? state.module : all[all.length - 1];
  }

  /** Say what leaves the training set, on the picture. */
  function note() {
    if (!state.shapes.length) return "No shapes: nothing to paint";
    if (!state.free) return "";
    const found = states.strays(state.shapes);
    return found.length
      ? `Outside the training set: ${found.join(", ")}`
      : "Clamps are off; still like the training set";
  }

  function show() {
    const kept = state.shapes.map(isKept);
    box.dataset.wanted = states.write(state);
    image = paint(state.shapes);
    canvas.show(state, image, kept, states.askingPatch(state), note());
    const { selected, shapes } = state;
    setIdle(undo, !past.length);
    setIdle(away, selected < 0);
    free.box.checked = state.free;
    quiet.textContent = state.free
      ? "Shapes may touch and be of any size. The model has seen nothing like it."
      : "Shapes keep two pixels apart, sides of 16 to 40, at most eight.";
    for (const made of adders) setIdle(made, shapes.length >= states.limitsOf(state.free).shapes);
    chosen.hidden = selected < 0;
    if (selected >= 0) showChosen(kept);
    const { least, most } = states.limitsOf(state.free);
    for (const made of [width, height]) Object.assign(made.input, { min: String(least), max: String(most) });
    modelChoice.fill(
      data.models.map(({ name, title }) => [name, title]),
      state.model,
    );
    layerChoice.fill(
      modules().map((module) => [module, states.titleOf(module)]),
      shownModule(),
    );
    headChoice.fill(
      [0, 1, 2, 3].map((one) => [String(one), String(one + 1)]),
      state.head,
    );
    still.box.checked = Boolean(state.stilled[shownModule()]?.includes(state.head));
    replace.box.checked = Boolean(state.replaced[shownModule()]?.includes(state.head));
    turn.box.checked = state.unturned;
    showChanges();
  }

  /** @param {boolean[]} kept */
  function showChosen(kept) {
    const {
      kind,
      colour,
      box: [x0, y0, x1, y1],
    } = state.shapes[state.selected];
    chosenWords.textContent = `${capital(KINDS[kind])}${kept[state.selected] ? "" : ": left out, for its red does not lead"}`;
    kinds.forEach((made, i) => made.setAttribute("aria-pressed", String(i === kind)));
    colours.forEach(({ input, shown, track }, channel) => {
      input.value = String(Math.round(colour[channel]));
      shown.textContent = String(Math.round(colour[channel]));
      if (channel === 0 && kind === 0) track.style.setProperty("--line", String(Math.max(colour[1], colour[2]) / 255));
      else track.removeAttribute("style");
    });
    for (const [{ input, shown }, value] of /** @type {const} */ ([
      [width, x1 - x0],
      [height, y1 - y0],
    ])) {
      input.value = String(Math.round(value));
      shown.textContent = String(Math.round(value));
    }
    height.root.hidden = isCircle(kind);
    width.name.textContent = isCircle(kind) ? "Size" : "Width";
  }

  /** List what is changed inside the model, each with a way back. */
  function showChanges() {
    /** @type {HTMLElement[]} */
    const chips = [];
    for (const [what, words] of /** @type {const} */ ([
      ["stilled", "is still"],
      ["replaced", "has the ideal weights"],
    ])) {
      for (const [module, heads] of Object.entries(state[what])) {
        for (const one of heads) {
          const text = `${states.titleOf(module)}, head ${one + 1} ${words}`;
          const at = chips.length;
          const undoIt = () => {
            settle({ ...state, [what]: states.toggled(state[what], module, one) }, what);
            const next = changed.children[Math.min(at, changed.children.length - 1)] ?? still.box;
            /** @type {HTMLElement} */ (next).focus(); // it is gone, and would take the keyboard with it
          };
          chips.push(button(`${text} ×`, undoIt, { class: "lab__button lab__button--worded", title: "Take it back" }));
        }
      }
    }
    changed.replaceChildren(...chips);
    changed.hidden = !chips.length;
  }

  function showAnswer() {
    if (!answer || controller.signal.aborted) return;
    painted.image(answer.painted);
    target.image(answer.target);
    apart.image(difference(answer.painted, answer.target));
    showColours(answer);
    showLook(answer);
    speed.textContent =
      greeting ||
      `${data.models.find(({ name }) => name === state.model)?.title ?? state.model}, run here in ${answer.milliseconds.toFixed(answer.milliseconds < 10 ? 1 : 0)} ms by ${answer.backend}.`;
    box.dataset.state = answered;
    drawn();
  }

  /** @param {Answer} given */
  function showColours({ truth, expected, seen }) {
    if (seen.length !== state.shapes.length) return; // a newer answer is on its way
    const crossed = modules().some((module) => module[0] === "d");
    while (table.children.length > seen.length) table.lastElementChild?.remove();
    state.shapes.forEach(({ kind }, i) => {
      const row = table.children[i] ?? table.appendChild(colourRow(i));
      const [paintedSwatch, trueSwatch, words, hiding] = row.children;
      /** @type {HTMLElement} */ (paintedSwatch).style.background = css(seen[i]);
      /** @type {HTMLElement} */ (trueSwatch).style.background = css(expected[i]);
      const goal = expected[i] ?? [0, 0, 0];
      const off = seen[i]
        ? goal.reduce((sum, level, c) => sum + Math.abs(level - /** @type {number[]} */ (seen[i])[c]), 0) / 3
        : 0;
      const alike = state.shapes.flatMap((shape, j) => (shape.kind === kind ? [j] : []));
      const name = `${capital(KINDS[kind])} ${alike.indexOf(i) + 1}`;
      words.children[0].textContent = name;
      words.children[1].textContent = truth.kept[i]
        ? `off by ${off.toFixed(1)} of 255`
        : `left out; off black by ${off.toFixed(1)}`;
      const input = /** @type {HTMLInputElement} */ (hiding.querySelector("input"));
      input.checked = state.hidden.includes(i);
      setIdle(input, !crossed);
      input.setAttribute("aria-label", `Hide ${name} from the keys`);
    });
  }

  /** @param {number} i */
  function colourRow(i) {
    const hiding = toggle("hide", () => hide(i));
    hiding.root.title = "Hide it from the cross-attention's keys";
    return element(
      "div",
      { class: "lab__colour" },
      element("span", { class: "lab__swatch", title: "painted" }),
      element("span", { class: "lab__swatch", title: "true" }),
      element("span", {}, element("span", { class: "lab__name" }), element("span", { class: "lab__off" })),
      hiding.root,
    );
  }

  /** @param {Answer} given */
  function showLook({ attention, truth }) {
    if (truth.kept.length !== state.shapes.length) return;
    const module = states.longName(shownModule());
    const heads = attention[module];
    if (!heads) return; // another model's answer
    const query = states.askingPatch(state);
    const size = PATCHES * PATCHES;
    const weights = heads.subarray(state.head * size, (state.head + 1) * size);
    const row = rowOf(weights, query, PATCHES);
    const best = rowOf(truth.ideal, query, PATCHES);
    overlay(glance, image, row, query);
    glance.heading.textContent = `${capital(states.titleOf(shownModule()).split(",")[0])}, head ${state.head + 1}`;
    if (!data.parts.includes("look")) return;
    copy(learned, glance);
    overlay(ideal, image, best, query);
    drawMatrix(matrix, weights, query);
    learned.frame.setAttribute("aria-valuenow", String(query + 1));
    learned.frame.setAttribute("aria-valuetext", placeOf(query, GRID));
    ideal.frame.setAttribute("aria-label", `Ideal attention of the patch in ${placeOf(query, GRID)}`);
    matrix.frame.setAttribute(
      "aria-label",
      `Attention of all patches, ${states.titleOf(shownModule())}; ${placeOf(query, GRID)} is framed`,
    );
    score.textContent = scored(query, row, truth);
  }

  /**
   * @param {number} query
   * @param {Float32Array} row
   * @param {import("./scene.js").Truth} truth
   */
  function scored(query, row, truth) {
    const owner = truth.owner[query];
    const members = membersOf(state.shapes, truth.kept, owner);
    const own = touchedBy(truth, owner);
    const group = members.map((member) => touchedBy(truth, member));
    const inGroup = (/** @type {number} */ key) => group.some((touched) => touched[key]);
    const shown = owner < 0 ? undefined : { kind: KINDS[state.shapes[owner].kind], kept: truth.kept[owner] };
    return whoAsks(placeOf(query, GRID), shown, members.length, {
      group: massOn(row, inGroup),
      others: massOn(row, (key) => inGroup(key) && !own[key]),
      uniform: uniformOn(row, inGroup),
    });
  }

  /* ---- the address, and what a screen reader hears ---- */

  /** @param {string} words */
  function say(words) {
    heard.textContent = words;
    speed.textContent = words;
  }

  function rest() {
    clearTimeout(resting);
    resting = window.setTimeout(() => {
      if (location.pathname !== here) return; // the reader has left
      const url = new URL(location.href);
      url.searchParams.delete("live");
      const scene = states.write(state);
      if (scene !== states.write(first)) url.search = `${url.search ? `${url.search}&` : "?"}live=${scene}`;
      url.hash = figure.id;
      history.replaceState(history.state, "", url);
      const { selected, shapes } = state;
      const what = selected >= 0 ? states.wordsFor(state, selected, shapes.map(isKept)) : `${shapes.length} shapes`;
      heard.textContent = [what, note()].filter(Boolean).join(". ");
    }, REST);
  }

  /* ---- the patch that asks ---- */

  for (const picture of [glance, learned, ideal, matrix]) {
    picture.canvas.addEventListener("click", (event) => {
      const { row, column } = cellAt(event, picture.canvas, picture === matrix ? PATCHES : GRID);
      ask(picture === matrix ? row : row * GRID + column);
    });
  }
  stepper(learned.frame, {
    label: "The patch that asks; arrow keys move it",
    places: PATCHES,
    place: () => states.askingPatch(state),
    steps: overGrid(GRID),
    go: ask,
  });

  show();
  queue.ask();
  await firstPicture;
  return {
    focus: () => canvas.focus(state.selected),
    purge: () => {
      clearTimeout(resting);
      controller.abort();
      queue.end();
    },
  };
}

/** @param {string} path */
function glyph(path) {
  const holder = element("span");
  holder.innerHTML = `<svg class="lab__icon" viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
  return /** @type {Element} */ (holder.firstElementChild);
}

/** @param {string} words */
const capital = (words) => words[0].toUpperCase() + words.slice(1);

window.notebookEmbed.register("lab", mountLab);
