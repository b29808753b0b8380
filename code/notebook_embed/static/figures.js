/* Interactive figures: draws <figure class="nb-figure" data-plotly="figure.json"> with plotly, and
   <figure data-view="name" data-source="data.json" data-script="view.js"> with a script of the site.

   Every figure shows a static image first, and keeps it where anything here fails. Plotly (1.5 MB, or
   the bundle that `data-bundle` names) is loaded once, when the reader has moved and a figure is near;
   figures far away are taken down, unless the reader has set something there. A figure may hold several live ones.

   For code that builds on this: the figure element fires "nb:drawn" and "nb:purged" (bubbling), and
   `detail.plot` is the element that plotly drew into.

   A view's script, a module, calls notebookEmbed.register(name, mount). `mount(box, data, file)` draws into the
   empty element `box`; `file(name)` resolves to a further file of the view. It may return
   {retheme, resize, purge, focus}, each called when its time comes. */
(function () {
  "use strict";

  /**
   * @typedef {object} Drawing A figure that is drawn, or on its way to it.
   * @property {HTMLElement | null} plot what Plotly or the view drew into
   * @property {ResizeObserver | null} resizer
   * @property {Record<string, string>} tokens where its settings name the page's colours
   * @property {PlotlyLibrary} [library] what drew it
   * @property {FigureView} [view]
   *
   * @typedef {object} Registered A view of the site's own, registered or asked for.
   * @property {Promise<MountView>} mount
   * @property {(mount: MountView) => void} resolve
   * @property {(reason: Error) => void} reject
   * @property {boolean} asked for its script
   */

  const { src } = /** @type {HTMLScriptElement} */ (document.currentScript);
  const BUNDLE = "plotly-cartesian.min.js";
  const NEAR = "400px 0px"; // draw within this distance of the viewport
  const FAR = "2400px 0px"; // take down beyond this one; the gap keeps scrolling from flickering
  const KEPT = 8; // of the figures that a reader has set, so many stay however far away
  const FIRST_SIGNS = ["scroll", "pointermove", "pointerdown", "touchstart", "keydown", "focusin"];

  // Reads on both papers and with every common kind of colour blindness.
  const COLOURS = ["#2f7fb8", "#d9792b", "#2c9a78", "#b4568f", "#8b7bd8", "#a8871d"];

  // A figure may name the page's own colours by what they are in its light scheme, as its static image does: here
  // they follow the page.
  /** @type {Map<string, string>} */
  const TOKENS = new Map(); // filled when a first figure is drawn

  /** @type {Map<HTMLElement, Drawing>} */
  const live = new Map();
  /** @type {Map<string, Registered>} */
  const views = new Map();
  /** @type {Set<HTMLElement>} */
  const wanted = new Set(); // figures near the viewport
  /** @type {Set<HTMLElement>} */
  const away = new Set(); // figures far from it
  /** @type {Set<HTMLElement>} */
  const touched = new Set(); // figures that the reader has set, the latest last
  /** @type {Map<string, Promise<PlotlyLibrary>>} */
  const libraries = new Map(); // by bundle; one with all traces serves all that come after it
  let moved = false;
  let recoloured = 0; // times that the page has changed its colours

  /* ---- library and data ---- */

  /** @param {string} [bundle] */
  function loadLibrary(bundle = BUNDLE) {
    const known = [...libraries].find(([name]) => name === bundle || name !== BUNDLE)?.[1];
    if (known) return known;
    /** @type {Promise<PlotlyLibrary>} */
    const library = new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = new URL(bundle, src).href;
      element.onload = () => {
        keepStyles();
        resolve(window.Plotly);
      };
      element.onerror = () => {
        libraries.delete(bundle); // a later figure tries again
        reject(new TypeError("plotly could not be loaded"));
      };
      document.body.append(element);
    });
    libraries.set(bundle, library);
    return library;
  }

  /* Plotly writes its rules into the head, which instant navigation renews: the document keeps them. */
  function keepStyles() {
    const own = /** @type {HTMLStyleElement | null} */ (document.getElementById("plotly.js-style-global"));
    if (!own?.sheet) return;
    const kept = new CSSStyleSheet();
    kept.replaceSync([...own.sheet.cssRules].map((rule) => rule.cssText).join("\n"));
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, kept];
  }

  /** @param {string | URL} url */
  async function load(url) {
    const response = await fetch(url);
    if (!response.ok) throw new TypeError(`${response.status} for ${url}`);
    return response.text();
  }

  /** @type {(figure: HTMLElement, key: string) => string} */
  const urlOf = (figure, key) => new URL(figure.dataset[key] ?? "", document.baseURI).href;

  /* ---- views of the site's own ---- */

  /** @param {string} name */
  function viewNamed(name) {
    const known = views.get(name);
    if (known) return known;
    const view = /** @type {Registered} */ ({ asked: false });
    view.mount = new Promise((resolve, reject) => Object.assign(view, { resolve, reject }));
    views.set(name, view);
    return view;
  }

  window.notebookEmbed = { register: (name, mountView) => viewNamed(name).resolve(mountView) };

  /** @param {HTMLElement} figure */
  function loadView(figure) {
    const { view: name = "" } = figure.dataset;
    const view = viewNamed(name);
    if (!view.asked) {
      view.asked = true;
      const element = document.createElement("script");
      element.type = "module"; // so that views can share code
      element.src = urlOf(figure, "script");
      element.onerror = () => {
        views.delete(name); // a later figure tries again
        view.reject(new TypeError(`${element.src} could not be loaded`));
      };
      document.body.append(element);
    }
    return view.mount;
  }

  /** @type {(figure: HTMLElement, drawing: Drawing) => Promise<void>} */
  async function drawView(figure, drawing) {
    const source = urlOf(figure, "source");
    const [mountView, text] = await Promise.all([loadView(figure), load(source)]);
    if (live.get(figure) !== drawing) return; // it left meanwhile
    const { data, files } = JSON.parse(text);
    const box = document.createElement("div");
    box.className = "nb-figure__view";
    canvasOf(figure).append(box);
    drawing.plot = box;
    const file = async (/** @type {string} */ name) => JSON.parse(await load(new URL(files[name], source)));
    const before = recoloured;
    const view = (await mountView(box, data, file)) || {};
    drawing.view = view;
    if (live.get(figure) !== drawing) return release(drawing);
    if (recoloured !== before) tell(view, "retheme"); // it was not there to be told
    setLive(figure, true);
    keepGround(figure);
    drawing.resizer = new ResizeObserver(() => tell(view, "resize"));
    drawing.resizer.observe(box);
    announce(figure, "nb:drawn", box);
  }

  /** @param {Drawing} drawing */
  function release(drawing) {
    tell(drawing.view, "purge");
    drawing.plot?.remove();
  }

  /**
   * Call what a view returned: a mistake in there is reported and stays there.
   * @type {(view: FigureView | undefined, name: "purge" | "retheme" | "resize" | "focus") => void}
   */
  function tell(view, name) {
    try {
      view?.[name]?.();
    } catch (error) {
      reportError(error);
    }
  }

  /* ---- appearance, from the page's own variables ---- */

  /** @param {HTMLElement} figure */
  function variables(figure) {
    const style = getComputedStyle(figure);
    return (/** @type {string} */ name) => style.getPropertyValue(`--nb-${name}`).trim() || undefined;
  }

  /**
   * Keep the colour that a figure is drawn on: on paper, where it stands for a picture, it brings that with it.
   * @param {HTMLElement} figure
   */
  function keepGround(figure) {
    live.get(figure)?.plot?.style.setProperty("--nb-drawn-on", variables(figure)("paper") ?? "");
  }

  function nameTokens() {
    const probe = document.createElement("i");
    probe.dataset.mdColorScheme = "default";
    document.body.append(probe);
    const colour = variables(probe);
    for (const name of ["paper", "panel", "line", "muted", "ink", "accent"]) {
      const levels = colour(name)
        ?.match(/^rgb\((\d+), (\d+), (\d+)\)$/)
        ?.slice(1);
      const hex = levels && `#${levels.map((level) => Number(level).toString(16).padStart(2, "0")).join("")}`;
      if (hex && hex !== "#ffffff" && hex !== "#000000") TOKENS.set(hex, name); // black and white mean themselves
    }
    probe.remove();
  }

  /** @param {HTMLElement} figure */
  function template(figure) {
    const colour = variables(figure);
    const [ink, muted, line, panel, accent, paper] = ["ink", "muted", "line", "panel", "accent", "paper"].map(colour);
    const family = colour("sans") || getComputedStyle(figure).fontFamily;
    const axis = {
      automargin: true,
      color: ink,
      gridcolor: line,
      linecolor: line,
      tickcolor: line,
      zerolinecolor: line,
      spikecolor: muted,
      spikethickness: 1,
      tickfont: { color: muted },
      title: { standoff: 8 },
    };
    const colorbar = { outlinewidth: 0, thickness: 12, tickcolor: line, tickfont: { color: muted } };
    const scale = { colorbar, colorscale: "Viridis" }; // what plotly.py's own template has, with another
    const scaled = ["contour", "heatmap", "histogram2d", "histogram2dcontour", "surface"];
    // Nothing to be seen, but plotly derives colours from it as if it were.
    const clear = (paper ?? "").replace(/^rgb\((.+)\)$/, "rgba($1, 0)") || "rgba(0, 0, 0, 0)";
    return {
      layout: {
        font: { family, color: ink, size: 13 },
        paper_bgcolor: clear,
        plot_bgcolor: clear,
        colorway: COLOURS,
        margin: { l: 48, r: 16, t: 24, b: 40 },
        xaxis: axis,
        yaxis: axis,
        coloraxis: { colorbar },
        legend: { bgcolor: clear, borderwidth: 0 },
        hoverlabel: { bgcolor: panel, bordercolor: line, font: { family, color: ink } },
        modebar: { bgcolor: clear, color: muted, activecolor: accent },
        colorscale: { sequential: "Viridis", sequentialminus: "Viridis", diverging: "RdBu" },
      },
      data: Object.fromEntries(scaled.map((type) => [type, [scale]])),
    };
  }

  /** @type {(text: string, colour: (token: string) => string | undefined) => any} */
  const parsed = (text, colour) =>
    JSON.parse(text, (_, value) => (TOKENS.has(value) ? colour(TOKENS.get(value) ?? "") : value));

  /* List where a tree of settings names tokens: {"updatemenus[0].font.color": "ink"}. */
  function tokensIn(/** @type {any} */ tree, path = "", /** @type {Record<string, string>} */ found = {}) {
    for (const [key, value] of Object.entries(tree ?? {})) {
      const here = Array.isArray(tree) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
      if (value && typeof value === "object") tokensIn(value, here, found);
      else if (TOKENS.has(value)) found[here] = TOKENS.get(value) ?? "";
    }
    return found;
  }

  /* ---- a figure's own buttons, by keyboard: plotly's cannot be reached ---- */

  /** @param {Partial<Plot> | null} [plot] */
  const menuOf = (plot) => plot?.layout?.updatemenus?.find((menu) => menu.buttons?.length > 1);

  /** @type {(canvas: HTMLElement, plot: Plot) => void} */
  function describeKeys(canvas, plot) {
    const menu = menuOf(plot);
    if (!menu) return;
    const names = menu.buttons.map((button) => button.label).join(", ");
    canvas.setAttribute("aria-description", `Left and right arrow keys switch between: ${names}`);
    canvas.dataset.hint = "← → to switch";
  }

  /** @param {HTMLElement} canvas */
  function forgetKeys(canvas) {
    canvas.removeAttribute("aria-description");
    delete canvas.dataset.hint;
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const canvas = event.target;
    if (!step || !(canvas instanceof HTMLElement && canvas.matches(".nb-figure__canvas"))) return;
    const { plot: drawn, library } = live.get(figureOf(canvas)) ?? {};
    const plot = /** @type {Plot | null | undefined} */ (drawn);
    const menu = menuOf(plot);
    if (!plot || !menu || !library) return;
    event.preventDefault();
    const count = menu.buttons.length;
    const next = ((menu.active ?? 0) + step + count) % count;
    const { method = "restyle", args } = menu.buttons[next];
    const at = plot.layout.updatemenus?.indexOf(menu);
    Promise.resolve(library[method]?.(plot, ...args)).then(() =>
      library.relayout(plot, { [`updatemenus[${at}].active`]: next }),
    );
  }

  /* ---- drawing and taking down ---- */

  const canvasOf = (/** @type {HTMLElement} */ figure) =>
    /** @type {HTMLElement} */ (figure.querySelector(".nb-figure__canvas"));
  const figureOf = (/** @type {Element} */ canvas) => /** @type {HTMLElement} */ (canvas.closest(".nb-figure"));
  const sizeOf = (/** @type {HTMLElement} */ canvas) => ({ width: canvas.clientWidth, height: canvas.clientHeight });

  /**
   * Say that a figure is drawn, or no longer; a figure of several is when all of them are.
   * @type {(figure: HTMLElement, drawn: boolean) => void}
   */
  function setLive(figure, drawn) {
    figure.classList.toggle("nb-figure--live", drawn);
    const outer = figure.parentElement?.closest(".nb-figure");
    const parts = [...(outer?.querySelectorAll(".nb-figure--part") ?? [])];
    outer?.classList.toggle(
      "nb-figure--live",
      parts.every((part) => part.classList.contains("nb-figure--live")),
    );
  }

  /**
   * Draw a figure, and say whether that failed: one that left meanwhile, or is on its way, has not.
   * @param {HTMLElement} figure
   */
  async function draw(figure) {
    if (live.has(figure)) return false;
    /** @type {Drawing} */
    const drawing = { plot: null, resizer: null, tokens: {} };
    live.set(figure, drawing);
    try {
      await (figure.dataset.view ? drawView : drawPlot)(figure, drawing);
      return false;
    } catch (error) {
      const stayed = live.get(figure) === drawing;
      if (stayed) live.delete(figure);
      drawing.plot?.remove();
      // A missing file or network leaves the static image and is no mistake of the page.
      if (!(error instanceof TypeError)) console.warn(`figure ${figure.id} stays static:`, error);
      return stayed;
    }
  }

  /** @type {(figure: HTMLElement, drawing: Drawing) => Promise<void>} */
  async function drawPlot(figure, drawing) {
    const [Plotly, text] = await Promise.all([loadLibrary(figure.dataset.bundle), load(urlOf(figure, "plotly"))]);
    if (live.get(figure) !== drawing) return; // it left meanwhile
    if (!TOKENS.size) nameTokens();
    const spec = parsed(text, variables(figure));
    drawing.tokens = tokensIn(JSON.parse(text));
    const canvas = canvasOf(figure);
    const box = document.createElement("div");
    box.className = "nb-figure__plot";
    canvas.append(box);
    drawing.plot = box;
    drawing.library = Plotly;
    const layout = {
      dragmode: false, // a finger or a wheel over a figure scrolls the page
      ...spec.layout,
      ...sizeOf(canvas),
      autosize: false,
      template: template(figure),
    };
    const plot = await Plotly.newPlot(box, spec.data, layout, { displayModeBar: false, ...spec.config });
    if (live.get(figure) !== drawing) {
      Plotly.purge(plot);
      plot.remove();
      return;
    }
    if (plot.querySelector(".no-webgl")) {
      Plotly.purge(plot);
      throw new TypeError("there is no WebGL"); // the image says more than plotly's apology
    }
    setLive(figure, true);
    keepGround(figure);
    describeKeys(canvas, plot);
    drawing.resizer = new ResizeObserver(() => requestAnimationFrame(() => resize(figure)));
    drawing.resizer.observe(canvas);
    announce(figure, "nb:drawn", plot);
  }

  /** @param {HTMLElement} figure */
  function purge(figure) {
    const drawing = live.get(figure);
    if (!drawing) return;
    live.delete(figure);
    touched.delete(figure);
    drawing.resizer?.disconnect();
    setLive(figure, false);
    forgetKeys(canvasOf(figure));
    if (!drawing.plot) return;
    announce(figure, "nb:purged", drawing.plot);
    drawing.library?.purge(drawing.plot);
    release(drawing);
  }

  /** @param {HTMLElement} figure */
  function resize(figure) {
    const { plot: drawn, library } = live.get(figure) ?? {};
    const plot = /** @type {Plot | null | undefined} */ (drawn);
    if (!plot || !library || !figure.isConnected) return;
    const size = sizeOf(canvasOf(figure));
    const { width, height } = plot.layout;
    if (size.width && (size.width !== width || size.height !== height)) {
      library.relayout(plot, size);
    }
  }

  function retheme() {
    recoloured += 1;
    for (const [figure, { plot, tokens, view, library }] of live) {
      keepGround(figure);
      tell(view, "retheme");
      if (!plot || !library || !("layout" in plot)) continue;
      const colour = variables(figure);
      /** @type {Record<string, unknown>} */
      const layout = { template: template(figure) };
      for (const [path, token] of Object.entries(tokens)) {
        const [, trace, setting] = path.match(/^data\[(\d+)\]\.(.+)$/) ?? [];
        if (setting) library.restyle(plot, { [setting]: [colour(token)] }, [Number(trace)]);
        else layout[path.replace(/^layout\./, "")] = colour(token);
      }
      library.relayout(plot, layout);
    }
  }

  /** @type {(figure: HTMLElement, name: string, plot: HTMLElement) => void} */
  function announce(figure, name, plot) {
    figure.dispatchEvent(new CustomEvent(name, { bubbles: true, detail: { plot } }));
  }

  /* ---- views that wait to be touched ---- */

  const OFFER = "Touch to try it";
  const FROM_DISK =
    "From the disk this picture stays still: browsers let no page read the files beside it. On any server it comes alive.";

  /**
   * Lay a button over the picture: nothing is fetched before the reader wants it.
   * @param {HTMLElement} figure
   */
  function offer(figure) {
    const canvas = canvasOf(figure);
    if (canvas.querySelector(".nb-figure__wake")) return;
    const words = document.createElement("span");
    words.textContent = OFFER;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "nb-figure__wake";
    button.append(words);
    button.addEventListener("click", async () => {
      if (live.has(figure)) return; // it is on its way: the first click tells what becomes of it
      words.textContent = "One moment …";
      const failed = await draw(figure);
      const drawn = figure.classList.contains("nb-figure--live");
      if (live.has(figure) && !drawn) return; // it left and was touched again: that click tells
      words.textContent = failed ? "That could not be loaded. Is the network there?" : OFFER;
      if (drawn) tell(live.get(figure)?.view, "focus"); // the button is gone: the keyboard goes on in the view
    });
    canvas.append(button);
  }

  /**
   * Say why there is no button.
   * @param {HTMLElement} figure
   */
  function explainStill(figure) {
    const words = document.createElement("p");
    words.className = "nb-figure__still";
    words.textContent = FROM_DISK;
    canvasOf(figure).after(words);
  }

  /* ---- watching the page ---- */

  /** @type {(match: string) => NodeListOf<HTMLElement>} */
  const figuresThat = (match) => document.querySelectorAll(`figure.nb-figure${match}`);

  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const figure = /** @type {HTMLElement} */ (target);
        if (isIntersecting) wanted.add(figure);
        else wanted.delete(figure);
      }
      drawWanted();
    },
    { rootMargin: NEAR },
  );

  const far = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const figure = /** @type {HTMLElement} */ (target);
        if (isIntersecting) away.delete(figure);
        else away.add(figure);
      }
      purgeFar();
    },
    { rootMargin: FAR },
  );

  /* A figure that is drawn anew begins anew: those that the reader has set last stay. */
  function purgeFar() {
    const kept = new Set([...touched].slice(-KEPT));
    for (const figure of away) if (!kept.has(figure)) purge(figure);
  }

  /* ---- what the reader sets ---- */

  /** @type {HTMLElement | null} */
  let pressed = null;

  /** @param {Event} event */
  function figureAround({ target }) {
    const canvas = target instanceof Element ? target.closest(".nb-figure__canvas") : null;
    return canvas && figureOf(canvas);
  }

  /** @param {HTMLElement | null} figure */
  function touch(figure) {
    if (!figure || !live.has(figure)) return;
    touched.delete(figure); // to the end of the row
    touched.add(figure);
    purgeFar();
  }

  // A press may be let go beside the figure; where it scrolls the page it is cancelled and sets nothing.
  const onPress = (/** @type {Event} */ event) => (pressed = figureAround(event));
  const onCancel = () => (pressed = null);
  const onRelease = () => touch(pressed);
  const onInput = (/** @type {Event} */ event) => touch(figureAround(event));
  const onKeyWithin = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Tab") touch(figureAround(event)); // that one only passes through
  };

  function drawWanted() {
    if (moved) for (const figure of wanted) draw(figure);
  }

  function firstSign() {
    moved = true;
    for (const name of FIRST_SIGNS) removeEventListener(name, firstSign, true);
    drawWanted();
  }

  function mount() {
    near.disconnect();
    far.disconnect();
    wanted.clear();
    away.clear();
    for (const figure of [...live.keys()]) if (!figure.isConnected) purge(figure);
    for (const figure of figuresThat(":is([data-plotly], [data-view])")) {
      if ("waits" in figure.dataset) offer(figure);
      else near.observe(figure);
      far.observe(figure);
    }
  }

  // Browsers forbid reading files beside a page that came from the disk: the images stay.
  if (location.protocol === "file:") {
    for (const figure of figuresThat("[data-waits]")) explainStill(figure);
    return;
  }

  for (const name of FIRST_SIGNS) {
    addEventListener(name, firstSign, { capture: true, passive: true });
  }
  addEventListener("keydown", onKey);
  const within = { capture: true, passive: true };
  addEventListener("pointerdown", onPress, within);
  addEventListener("pointercancel", onCancel, within);
  addEventListener("pointerup", onRelease, within);
  addEventListener("input", onInput, within);
  addEventListener("keydown", onKeyWithin, within);
  const schemes = new MutationObserver(retheme);
  for (const element of [document.documentElement, document.body]) {
    schemes.observe(element, {
      attributes: true,
      attributeFilter: ["data-md-color-scheme", "data-bs-theme", "data-theme"],
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", retheme);

  // Material announces every page, also after instant navigation.
  if (window.document$) window.document$.subscribe(mount);
  else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
  else mount();
})();
