/* Draws figures by Bokeh: the view "nb-bokeh" of figures.js. Bokeh's scripts lie beside this one; a page loads those that
   its figures need. Colours that a figure does not set are the page's. */

/** @type {Map<string, Promise<void>>} */
const scripts = new Map();

/** @param {string} name */
function load(name) {
  const known = scripts.get(name);
  if (known) return known;
  /** @type {Promise<void>} */
  const script = new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = new URL(`${name}.min.js`, import.meta.url).href;
    element.onload = () => resolve();
    element.onerror = () => {
      scripts.delete(name); // a later figure tries again
      reject(new TypeError(`${element.src} could not be loaded`));
    };
    document.body.append(element);
  });
  scripts.set(name, script);
  return script;
}

/* What a figure is drawn with beyond the common models. */
/** @param {string} text */
async function loadAll(text) {
  await load("bokeh");
  const lacks = () => {
    const known = new Set(Object.keys(window.Bokeh.Models));
    return [...text.matchAll(/"type":"object","name":"([\w.]+)"/g)].some(([, name]) => !known.has(name));
  };
  if (text.includes('"output_backend":"webgl"')) await load("bokeh-gl");
  if (/\$\$|\\\\\(|\\\\\[/.test(text)) await load("bokeh-mathjax");
  if (lacks()) await load("bokeh-widgets");
  if (lacks()) await load("bokeh-tables");
}

/* Plots have no ground of their own unless they say so, from the first stroke on: a white one would stay at the edges. */
/** @param {any} tree */
function clearGrounds(tree) {
  if (!tree || typeof tree !== "object") return;
  if (tree.name === "Figure" || tree.name === "Plot") {
    tree.attributes = { background_fill_color: null, border_fill_color: null, ...tree.attributes };
  }
  for (const part of Object.values(tree)) clearGrounds(part);
}

/* By the kind of model: what follows the page, and which of its colours. */
/** @type {[(model: any) => boolean, Record<string, string | null>][]} */
const COLOURS = [
  [(model) => "decorations" in model && "line_color" in model, { line_color: "ink", text_color: "ink" }], // glyphs
  [(model) => "border_fill_color" in model && "x_range" in model, { outline_line_color: "line" }],
  [
    (model) => "major_label_text_color" in model && "ticker" in model,
    {
      axis_label_text_color: "ink",
      axis_line_color: "line",
      major_label_text_color: "muted",
      major_tick_line_color: "line",
      minor_tick_line_color: "line",
      title_text_color: "ink",
      background_fill_color: null,
      bar_line_color: "line",
    },
  ],
  [(model) => "grid_line_color" in model && "minor_grid_line_color" in model, { grid_line_color: "line" }],
  [(model) => "text_color" in model && "text_font_style" in model && "standoff" in model, { text_color: "ink" }],
  [
    (model) => "label_text_color" in model && "items" in model,
    {
      background_fill_color: "paper",
      border_line_color: "line",
      label_text_color: "ink",
      title_text_color: "ink",
    },
  ],
];

/* Controls and tables have their colours from style sheets of Bokeh's, one in each shadow tree. This one comes after them, and
   what it takes from the page follows the page's scheme by itself. */
const CONTROLS = `
:host {
  --background-color: var(--nb-paper);
  --surface-background-color: var(--nb-panel);
  --color: var(--nb-ink);
  --border-color: var(--nb-muted);
  --placeholder-color: var(--nb-muted);
  --disabled-background-color: var(--nb-panel);
  --disabled-color: var(--nb-muted);
  --hover-color: var(--nb-panel);
  --divider-color: var(--nb-line);
  --icon-color: var(--nb-muted);
  --default: var(--nb-paper);
  --default-border: var(--nb-muted);
  --default-hover: var(--nb-panel);
  --default-hover-border: var(--nb-muted);
  --default-active: var(--nb-line);
  --default-active-border: var(--nb-muted);
  --default-disabled: var(--nb-panel);
  --default-disabled-border: var(--nb-line);
  --odd: var(--nb-panel);
  --special: var(--nb-panel);
  --selected: var(--nb-line);
  --muted-text: var(--nb-muted);
}
.noUi-target { background: var(--nb-panel); border-color: var(--nb-muted); box-shadow: none; }
.noUi-connect { background: var(--nb-muted); }
.noUi-handle { background: var(--nb-paper); border-color: var(--nb-muted); box-shadow: none; }
.noUi-tooltip, .choices__list--dropdown, .slick-row, .slick-cell.editable {
  background: var(--nb-paper);
  color: var(--nb-ink);
}
.slick-row.odd { background: var(--nb-panel); }
.choices__list--dropdown .is-highlighted { background: var(--nb-panel) !important; }
.bk-input { color: var(--nb-ink); }
select.bk-input { appearance: auto; background-image: none; }
`;

window.notebookEmbed.register("nb-bokeh", async (box, { document: content, roots }) => {
  await loadAll(JSON.stringify(content));
  clearGrounds(content);
  const places = roots.map((/** @type {string} */ id) => [id, box.appendChild(document.createElement("div"))]);
  const item = { docid: "it", roots: Object.fromEntries(places), root_ids: roots };
  const [views] = await window.Bokeh.embed.embed_items({ it: content }, [item]);
  const drawn = views.roots[0].model.document; // the newest of all may be another figure's

  /** @type {[any, string, string | null][]} */
  const free = [];
  for (const model of drawn._all_models.values()) {
    if ("stylesheets" in model.properties && !("x_range" in model)) {
      model.stylesheets = [CONTROLS, ...model.stylesheets]; // an author's own has the last word
    }
    for (const [matches, colours] of COLOURS) {
      if (!matches(model)) continue;
      for (const [key, name] of Object.entries(colours)) {
        if (key in model.properties && !model.properties[key].dirty) free.push([model, key, name]);
      }
    }
  }

  function retheme() {
    const style = getComputedStyle(box);
    for (const [model, key, name] of free) {
      const colour = name && style.getPropertyValue(`--nb-${name}`).trim();
      model[key] = "decorations" in model ? { value: colour } : colour;
    }
  }

  /* A plot that is wider than the text takes the text's width. */
  function fit() {
    const room = box.clientWidth;
    for (const model of drawn._all_models.values()) {
      if ("x_range" in model && room && model.width > room) model.width = room;
    }
    if (box.scrollWidth > room) box.tabIndex = 0; // what scrolls is reached by keyboard
  }

  retheme();
  fit();
  return {
    retheme,
    resize: fit,
    purge() {
      for (const view of views.roots) view.remove();
      drawn.clear();
      const at = window.Bokeh.documents.indexOf(drawn);
      if (at >= 0) window.Bokeh.documents.splice(at, 1);
    },
  };
});
