/* What a test asks of a page. Runs before the page's own scripts, in every document. */
(() => {
  "use strict";

  /** @type {{value: number, nodes: string[]}[]} */
  const shifts = [];
  try {
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { value, sources } = /** @type {LayoutShift} */ (entry);
        shifts.push({ value, nodes: sources.map(({ node }) => name(node)) });
      }
    }).observe({ type: "layout-shift", buffered: true });
  } catch {
    /* not in this browser */
  }

  const frame = () => new Promise(requestAnimationFrame);
  const visible = (/** @type {Element} */ element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true });

  /** @param {Node | null} [node] */
  function name(node) {
    const element = node instanceof Element ? node : node?.parentElement;
    if (!element) return "?";
    const classes = [...element.classList].map((one) => `.${one}`).join("");
    const figure = element.closest("figure[id]");
    const place = figure && figure !== element ? `#${figure.id} ` : "";
    return `${place}${element.localName}${element.id ? `#${element.id}` : ""}${classes}`;
  }

  /* The box that hides or scrolls what leaves it, in one direction. */
  const scrolls = (/** @type {string} */ style) => /auto|scroll/.test(style);
  const hides = (/** @type {string} */ style) => /hidden|clip/.test(style);

  function clipped() {
    /** @type {string[]} */
    const found = [];
    /** Many words share their boxes, and each is asked once: null for one that has no edges.
     * @type {Map<Element, { across: string, down: string, edge: DOMRect } | null>} */
    const boxes = new Map();
    /** @param {Element} element */
    const measured = (element) => {
      let box = boxes.get(element);
      if (box === undefined) {
        const { display, overflowX: across, overflowY: down } = getComputedStyle(element);
        box =
          display === "inline" || display === "contents"
            ? null
            : { across, down, edge: element.getBoundingClientRect() };
        boxes.set(element, box);
      }
      return box;
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    const skip = "script, style, noscript, svg, .katex-mathml, .md-search, .md-skip, .md-dialog";
    while (walker.nextNode()) {
      const node = /** @type {Text} */ (walker.currentNode);
      const parent = node.parentElement;
      if (!parent || !node.data.trim() || parent.closest(skip) || !visible(parent)) continue;
      range.selectNodeContents(node);
      const size = parseFloat(getComputedStyle(parent).fontSize);
      for (const rect of range.getClientRects()) {
        if (rect.width < 1 || rect.height < 2) continue;
        let across = true; // still to be checked in this direction
        let down = true;
        for (let box = parent; box !== document.documentElement; box = box.parentElement ?? document.documentElement) {
          const style = measured(box);
          if (!style) continue;
          const { edge } = style;
          // Words for screen readers alone are in a box of a pixel.
          if (hides(style.across) && edge.width <= 1 && edge.height <= 1) {
            across = false;
            break;
          }
          if (across && scrolls(style.across)) across = false;
          if (down && scrolls(style.down)) down = false;
          if (across && hides(style.across) && (rect.left < edge.left - 1 || rect.right > edge.right + 1)) {
            found.push(`"${node.data.trim().slice(0, 40)}" is cut off sideways by ${name(box)}`);
            across = false;
          }
          const slack = size / 3; // the font's own box is taller than its letters
          if (down && hides(style.down) && (rect.top < edge.top - slack || rect.bottom > edge.bottom + slack)) {
            found.push(`"${node.data.trim().slice(0, 40)}" is cut off in height by ${name(box)}`);
            down = false;
          }
        }
        if (across && (rect.left < -1 || rect.right > innerWidth + 1)) {
          found.push(`"${node.data.trim().slice(0, 40)}" in ${name(parent)} leaves the window`);
        }
      }
    }
    return [...new Set(found)];
  }

  function sideways() {
    const width = document.documentElement.scrollWidth;
    if (width <= innerWidth) return [];
    const wide = [...document.body.querySelectorAll("*")]
      .filter((element) => visible(element) && element.getBoundingClientRect().right > innerWidth + 1)
      .map(name);
    return [`the page is ${width} px wide: ${wide.slice(-3).join(", ")}`];
  }

  /* Parts of a page that do not stand in its column, where a window is wider than the text and holds no contents list. */
  function beside() {
    const column = document.querySelector(".md-content__inner");
    if (!column) return [];
    const { left, right } = column.getBoundingClientRect();
    return [...column.children].filter(visible).flatMap((part) => {
      const box = part.getBoundingClientRect();
      const off = Math.round(box.left - left - (right - box.right));
      return box.width > 2 && Math.abs(off) > 2 ? [`${name(part)} stands ${off} px beside its text`] : [];
    });
  }

  /* Pictures that cannot be seen where they should be. Only after `settle`. */
  function blanks() {
    /** @type {string[]} */
    const found = [];
    for (const image of document.images) {
      const drawn = image.closest(".nb-figure--live");
      if (!drawn && visible(image) && !(image.complete && image.naturalWidth > 0)) {
        found.push(`image not drawn: ${image.currentSrc || image.src}`);
      }
      const box = image.getBoundingClientRect();
      if (visible(image) && (box.width < 2 || box.height < 2)) {
        found.push(`image without size: ${image.src}`);
      }
      if (visible(image) && (box.left < -1 || box.right > innerWidth + 1)) {
        found.push(`image leaves the window: ${image.src}`);
      }
    }
    for (const figure of document.querySelectorAll("figure.nb-figure")) {
      if (figure.closest("details:not([open])")) continue; // `unfold` comes before those
      const shown = [...figure.querySelectorAll(".nb-figure__image, .nb-figure__plot, .nb-figure__view, .nb-output")]
        .filter(visible)
        .map(name);
      if (shown.length !== 1) {
        found.push(`${name(figure)} shows ${shown.length} pictures: ${shown.join(", ")}`);
      }
    }
    return found;
  }

  async function pictures() {
    // As if the reader had been everywhere.
    await frame();
    const wait = [...document.images].filter(visible).map((image) => {
      image.loading = "eager";
      return image.decode().catch(() => {}); // `blanks` reports it
    });
    await Promise.all([...wait, document.fonts.ready]);
  }

  /* What a reader may open is opened, all at once. */
  function unfold() {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
  }

  const canvases = () =>
    [...document.querySelectorAll(".nb-figure__canvas")].map((canvas) => ({
      id: canvas.parentElement?.id,
      height: canvas.getBoundingClientRect().height,
    }));

  /** @type {(values: any) => any} */
  const plain = (values) =>
    ArrayBuffer.isView(values) || Array.isArray(values) ? Array.from(/** @type {any} */ (values), plain) : values;

  /* An interactive figure, as plotly says that it drew it and as the browser shows it. */
  function plot(/** @type {string} */ id) {
    const figure = /** @type {HTMLElement} */ (document.getElementById(id));
    const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (figure.querySelector(selector));
    const canvas = find(".nb-figure__canvas").getBoundingClientRect();
    const drawn = /** @type {Plot} */ (find(".nb-figure__plot"));
    const box = drawn.getBoundingClientRect();
    const style = getComputedStyle(figure);
    const probe = document.createElement("i");
    const colour = (/** @type {string} */ variable) => {
      probe.style.color = style.getPropertyValue(variable);
      figure.append(probe);
      const value = getComputedStyle(probe).color;
      probe.remove();
      return value;
    };
    const texts = [...drawn.querySelectorAll("svg text")].filter((text) => visible(text) && text.textContent.trim());
    return {
      canvas: { width: canvas.width, height: canvas.height },
      box: { width: box.width, height: box.height },
      offset: Math.max(Math.abs(box.left - canvas.left), Math.abs(box.top - canvas.top)),
      marks: drawn.querySelectorAll(".mlayer path, .mlayer image, .mlayer text").length,
      data: drawn._fullData.map((trace, number) =>
        Object.fromEntries(
          ["type", "x", "y", "z", "text", "source"]
            .map((key) => [key, trace.visible ? trace[key] : drawn.data[number][key]])
            .filter(([, value]) => value !== undefined && (ArrayBuffer.isView(value) || !value.bdata))
            .map(([key, value]) => [key, plain(value)]),
        ),
      ),
      ink: colour("--nb-ink"),
      muted: colour("--nb-muted"),
      font: drawn._fullLayout.font.color,
      // Words outside the data belong to the page, and wear its colours.
      words: texts
        .filter((text) => !text.closest(".mlayer, .hoverlayer"))
        .map((text) => ({ text: text.textContent, fill: getComputedStyle(text).fill })),
      outside: texts
        .filter((text) => {
          const rect = text.getBoundingClientRect();
          return (
            rect.left < box.left - 2 ||
            rect.right > box.right + 2 ||
            rect.top < box.top - 2 ||
            rect.bottom > box.bottom + 2
          );
        })
        .map((text) => text.textContent),
    };
  }

  /* Words of a listing that look alike, and formulas: one stands for all of them, and the others are plain text until
     they are put back. Most of a page's elements are in there, and an audit would ask each of them the same. */
  /** @type {[ChildNode, ChildNode][]} */
  let thinned = [];

  function thin() {
    /** @type {Set<string>} */
    const seen = new Set();
    /** Tells whether another one looks like this, and notes it.
     * @type {(element: Element, ...place: unknown[]) => boolean} */
    const again = (element, ...place) => {
      const { color, backgroundColor, fontSize, fontWeight, opacity } = getComputedStyle(element);
      const key = [color, backgroundColor, fontSize, fontWeight, opacity, ...place].join();
      return seen.has(key) || !seen.add(key);
    };
    const bare = (/** @type {Element} */ element) => document.createTextNode(element.textContent ?? "");
    document.querySelectorAll("article pre").forEach((listing, number) => {
      const words = [...listing.querySelectorAll("span[class]")];
      const alike = words.map((word) => {
        const simple = !word.childElementCount && word.attributes.length === 1;
        return simple && again(word, "word", number, word.parentElement?.className);
      });
      if (!alike.includes(true)) return;
      // A listing is replaced as a whole: the browser takes long over each element that comes into a page.
      const short = /** @type {Element} */ (listing.cloneNode(true));
      short.querySelectorAll("span[class]").forEach((word, at) => alike[at] && word.replaceWith(bare(word)));
      thinned.push([listing, short]);
    });
    for (const formula of document.querySelectorAll("article .katex:not(:has([style*=color]))")) {
      const place = formula.closest("p, li, td, th, summary, figcaption, h1, h2, h3, h4, dd, div")?.localName;
      if (again(formula, "formula", place)) thinned.push([formula, bare(formula)]);
    }
    for (const [whole, short] of thinned) whole.replaceWith(short);
  }

  function restore() {
    for (const [whole, short] of thinned) short.replaceWith(whole);
    thinned = [];
  }

  window.probe = {
    shifts,
    frame,
    visible,
    clipped,
    sideways,
    beside,
    blanks,
    pictures,
    unfold,
    canvases,
    plot,
    thin,
    restore,
  };
})();
