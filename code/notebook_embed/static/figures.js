/* Interactive figures: draws <figure class="nb-figure" data-plotly="figure.json"> with plotly, and
   <figure data-view="name" data-source="data.json" data-script="view.js"> with a script of the site.

   Every figure shows a static image first, and keeps it where anything here fails. Plotly (1.5 MB)
   is loaded once, when the reader has moved and a figure is near; figures far away are taken down.

   For code that builds on this: the figure element fires "nb:drawn" and "nb:purged" (bubbling), and
   `detail.plot` is the element that plotly drew into.

   A view's script, a module, calls notebookEmbed.register(name, mount). `mount(box, data, file)` draws into the
   empty element `box`; `file(name)` resolves to a further file of the view. It may return
   {retheme, resize, purge}, each called when its time comes. */
(function (script) {
  "use strict";

  const LIBRARY = new URL("plotly-cartesian.min.js", script.src).href;
  const NEAR = "400px 0px"; // draw within this distance of the viewport
  const FAR = "2400px 0px"; // take down beyond this one; the gap keeps scrolling from flickering
  const FIRST_SIGNS = ["scroll", "pointermove", "pointerdown", "touchstart", "keydown", "focusin"];

  // Reads on both papers and with every common kind of colour blindness.
  const COLOURS = ["#2f7fb8", "#d9792b", "#2c9a78", "#b4568f", "#8b7bd8", "#a8871d"];

  // A figure may name the page's own colours by what they are in its light scheme, as its static image does: here
  // they follow the page.
  const TOKENS = new Map(); // filled when a first figure is drawn

  const live = new Map(); // figure -> {plot, resizer, tokens, view}
  const views = new Map(); // name -> {mount, promise, resolve}
  const wanted = new Set(); // figures near the viewport
  let library = null;
  let moved = false;

  /* ---- library and data ---- */

  function loadLibrary() {
    library ??= new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = LIBRARY;
      element.onload = () => {
        keepStyles();
        resolve(window.Plotly);
      };
      element.onerror = () => {
        library = null; // a later figure tries again
        reject(new TypeError("plotly could not be loaded"));
      };
      document.body.append(element);
    });
    return library;
  }

  /* Plotly writes its rules into the head, which instant navigation renews: the document keeps them. */
  function keepStyles() {
    const own = document.getElementById("plotly.js-style-global");
    if (!own?.sheet) return;
    const kept = new CSSStyleSheet();
    kept.replaceSync([...own.sheet.cssRules].map((rule) => rule.cssText).join("\n"));
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, kept];
  }

  async function load(url) {
    const response = await fetch(url);
    if (!response.ok) throw new TypeError(`${response.status} for ${url}`);
    return response.text();
  }

  const urlOf = (figure, key) => new URL(figure.dataset[key], document.baseURI).href;

  /* ---- views of the site's own ---- */

  function viewNamed(name) {
    if (!views.has(name)) {
      const view = {};
      view.mount = new Promise((resolve, reject) => Object.assign(view, { resolve, reject }));
      views.set(name, view);
    }
    return views.get(name);
  }

  window.notebookEmbed = { register: (name, mount) => viewNamed(name).resolve(mount) };

  function loadView(figure) {
    const { view: name } = figure.dataset;
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

  async function drawView(figure, drawing) {
    const source = urlOf(figure, "source");
    const [mountView, text] = await Promise.all([loadView(figure), load(source)]);
    if (live.get(figure) !== drawing) return; // it left meanwhile
    const { data, files } = JSON.parse(text);
    const box = document.createElement("div");
    box.className = "nb-figure__view";
    canvasOf(figure).append(box);
    drawing.plot = box;
    const file = async (name) => JSON.parse(await load(new URL(files[name], source)));
    drawing.view = (await mountView(box, data, file)) ?? {};
    if (live.get(figure) !== drawing) return release(drawing);
    figure.classList.add("nb-figure--live");
    drawing.resizer = new ResizeObserver(() => drawing.view.resize?.());
    drawing.resizer.observe(box);
    announce(figure, "nb:drawn", box);
  }

  function release(drawing) {
    drawing.view?.purge?.();
    drawing.plot?.remove();
  }

  /* ---- appearance, from the page's own variables ---- */

  function variables(figure) {
    const style = getComputedStyle(figure);
    return (name) => style.getPropertyValue(`--nb-${name}`).trim() || undefined;
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

  function template(figure) {
    const colour = variables(figure);
    const [ink, muted, line, panel, accent] = ["ink", "muted", "line", "panel", "accent"].map(colour);
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
    const clear = "rgba(0,0,0,0)";
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
      data: { heatmap: [{ colorbar }], contour: [{ colorbar }] },
    };
  }

  const parsed = (text, colour) =>
    JSON.parse(text, (_, value) => (TOKENS.has(value) ? colour(TOKENS.get(value)) : value));

  /* List where a tree of settings names tokens: {"updatemenus[0].font.color": "ink"}. */
  function tokensIn(tree, path = "", found = {}) {
    for (const [key, value] of Object.entries(tree ?? {})) {
      const here = Array.isArray(tree) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
      if (value && typeof value === "object") tokensIn(value, here, found);
      else if (TOKENS.has(value)) found[here] = TOKENS.get(value);
    }
    return found;
  }

  /* ---- a figure's own buttons, by keyboard: plotly's cannot be reached ---- */

  const menuOf = (plot) => plot?.layout?.updatemenus?.find((menu) => menu.buttons?.length > 1);

  function describeKeys(canvas, plot) {
    const menu = menuOf(plot);
    if (!menu) return;
    const names = menu.buttons.map((button) => button.label).join(", ");
    canvas.setAttribute("aria-description", `Left and right arrow keys switch between: ${names}`);
    canvas.dataset.hint = "← → to switch";
  }

  function forgetKeys(canvas) {
    canvas.removeAttribute("aria-description");
    delete canvas.dataset.hint;
  }

  function onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const canvas = event.target;
    if (!step || !canvas.classList?.contains("nb-figure__canvas")) return;
    const plot = live.get(canvas.closest(".nb-figure"))?.plot;
    const menu = menuOf(plot);
    if (!menu) return;
    event.preventDefault();
    const count = menu.buttons.length;
    const next = ((menu.active ?? 0) + step + count) % count;
    const { method = "restyle", args } = menu.buttons[next];
    const at = plot.layout.updatemenus.indexOf(menu);
    Promise.resolve(window.Plotly[method]?.(plot, ...args)).then(() =>
      window.Plotly.relayout(plot, { [`updatemenus[${at}].active`]: next }),
    );
  }

  /* ---- drawing and taking down ---- */

  const canvasOf = (figure) => figure.querySelector(".nb-figure__canvas");
  const sizeOf = (canvas) => ({ width: canvas.clientWidth, height: canvas.clientHeight });

  async function draw(figure) {
    if (live.has(figure)) return;
    const drawing = { plot: null, resizer: null, tokens: {} };
    live.set(figure, drawing);
    try {
      if (figure.dataset.view) return await drawView(figure, drawing);
      const [Plotly, text] = await Promise.all([loadLibrary(), load(urlOf(figure, "plotly"))]);
      if (live.get(figure) !== drawing) return; // it left meanwhile
      if (!TOKENS.size) nameTokens();
      const spec = parsed(text, variables(figure));
      drawing.tokens = tokensIn(JSON.parse(text));
      const canvas = canvasOf(figure);
      const plot = document.createElement("div");
      plot.className = "nb-figure__plot";
      canvas.append(plot);
      drawing.plot = plot;
      const layout = {
        dragmode: false, // a finger or a wheel over a figure scrolls the page
        ...spec.layout,
        ...sizeOf(canvas),
        autosize: false,
        template: template(figure),
      };
      await Plotly.newPlot(plot, spec.data, layout, { displayModeBar: false, ...spec.config });
      if (live.get(figure) !== drawing) {
        Plotly.purge(plot);
        plot.remove();
        return;
      }
      figure.classList.add("nb-figure--live");
      describeKeys(canvas, plot);
      drawing.resizer = new ResizeObserver(() => requestAnimationFrame(() => resize(figure)));
      drawing.resizer.observe(canvas);
      announce(figure, "nb:drawn", plot);
    } catch (error) {
      if (live.get(figure) === drawing) live.delete(figure);
      drawing.plot?.remove();
      // A missing file or network leaves the static image and is no mistake of the page.
      if (!(error instanceof TypeError)) console.warn(`figure ${figure.id} stays static:`, error);
    }
  }

  function purge(figure) {
    const drawing = live.get(figure);
    if (!drawing) return;
    live.delete(figure);
    drawing.resizer?.disconnect();
    figure.classList.remove("nb-figure--live");
    forgetKeys(canvasOf(figure));
    if (!drawing.plot) return;
    announce(figure, "nb:purged", drawing.plot);
    if (!drawing.view) window.Plotly?.purge(drawing.plot);
    release(drawing);
  }

  function resize(figure) {
    const plot = live.get(figure)?.plot;
    if (!plot || !figure.isConnected) return;
    const size = sizeOf(canvasOf(figure));
    const { width, height } = plot.layout;
    if (size.width && (size.width !== width || size.height !== height)) {
      window.Plotly.relayout(plot, size);
    }
  }

  function retheme() {
    for (const [figure, { plot, tokens, view }] of live) {
      view?.retheme?.();
      if (!plot?.layout) continue;
      const colour = variables(figure);
      const layout = { template: template(figure) };
      for (const [path, token] of Object.entries(tokens)) {
        const [, trace, setting] = path.match(/^data\[(\d+)\]\.(.+)$/) ?? [];
        if (setting) window.Plotly.restyle(plot, { [setting]: [colour(token)] }, [Number(trace)]);
        else layout[path.replace(/^layout\./, "")] = colour(token);
      }
      window.Plotly.relayout(plot, layout);
    }
  }

  function announce(figure, name, plot) {
    figure.dispatchEvent(new CustomEvent(name, { bubbles: true, detail: { plot } }));
  }

  /* ---- watching the page ---- */

  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) wanted.add(target);
        else wanted.delete(target);
      }
      drawWanted();
    },
    { rootMargin: NEAR },
  );

  const far = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) if (!isIntersecting) purge(target);
    },
    { rootMargin: FAR },
  );

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
    for (const figure of [...live.keys()]) if (!figure.isConnected) purge(figure);
    for (const figure of document.querySelectorAll("figure.nb-figure:is([data-plotly], [data-view])")) {
      near.observe(figure);
      far.observe(figure);
    }
  }

  // Browsers forbid reading files beside a page that came from the disk: the images stay.
  if (location.protocol === "file:") return;

  for (const name of FIRST_SIGNS) {
    addEventListener(name, firstSign, { capture: true, passive: true });
  }
  addEventListener("keydown", onKey);
  new MutationObserver(retheme).observe(document.body, {
    attributes: true,
    attributeFilter: ["data-md-color-scheme"],
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", retheme);

  // Material announces every page, also after instant navigation.
  if (window.document$) window.document$.subscribe(mount);
  else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
  else mount();
})(document.currentScript);
