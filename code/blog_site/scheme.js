/* Stands in the head of every page, above the style sheets: a script below them would wait for them, and
   with it all that follows, so that the first paint would show the header alone.

   Material keeps its small storage helpers in an inline script. They are here, because this is the one script
   whose hash the Content-Security-Policy names; Material's bundle looks for these four names. */
(function () {
  "use strict";
  const { base, fonts } = /** @type {HTMLElement} */ (document.currentScript).dataset;
  window.__md_scope = new URL(base ?? ".", location.href);
  window.__md_hash = (text) => [...text].reduce((hash, c) => (hash << 5) - hash + c.charCodeAt(0), 0);
  window.__md_get = (key, storage = localStorage, scope = window.__md_scope) => {
    try {
      return JSON.parse(storage.getItem(`${scope.pathname}.${key}`) ?? "null");
    } catch {
      return null; // storage is forbidden, or holds something else
    }
  };
  window.__md_set = (key, value, storage = localStorage, scope = window.__md_scope) => {
    try {
      storage.setItem(`${scope.pathname}.${key}`, JSON.stringify(value));
    } catch {
      /* storage is forbidden or full: the choice lasts for this page */
    }
  };

  // The reader's choice of colours, else the system's: set before the first paint, so that nothing flashes.
  const root = document.documentElement;
  root.classList.replace("no-js", "js");
  root.classList.add("js-focus-visible"); // which Material's bundle would add later, and style the whole page anew
  const system = matchMedia("(prefers-color-scheme: dark)");
  let scheme = window.__md_get("scheme") ?? "system";
  /** @type {(selector: string) => HTMLElement[]} */
  const all = (selector) => [...document.querySelectorAll(selector)].map((one) => /** @type {HTMLElement} */ (one));
  function wear() {
    const dark = scheme === "dark" || (scheme !== "light" && system.matches);
    root.style.colorScheme = dark ? "dark" : "light";
    document.body.setAttribute("data-md-color-scheme", dark ? "slate" : "default");
    for (const button of all("[data-scheme]")) button.hidden = button.dataset.scheme !== scheme;
  }
  const parsing = new MutationObserver(() => {
    if (!document.body) return;
    parsing.disconnect();
    wear();
  });
  parsing.observe(root, { childList: true });
  const bar = document.createElement("meta"); // of the browser, where that can wear a colour
  bar.name = "theme-color";
  function tintBar() {
    bar.content = getComputedStyle(document.body).getPropertyValue("--nb-paper");
    document.head.append(bar);
  }
  function wearAnew() {
    wear();
    tintBar();
  }
  system.addEventListener("change", wearAnew);
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-scheme]");
    if (!(button instanceof HTMLElement)) return;
    window.__md_set("scheme", (scheme = button.dataset.next));
    wearAnew();
    all("[data-scheme]:not([hidden])")[0].focus();
  });

  // Text first: scripts and fonts once there has been a frame that shows some. One before it may show the ground alone.
  const FIRST_TEXT = "first-contentful-paint";
  const parsed = new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve, { once: true }));
  const painted = PerformanceObserver.supportedEntryTypes?.includes("paint")
    ? new Promise((resolve) => {
        const frames = new PerformanceObserver((list) => list.getEntriesByName(FIRST_TEXT).forEach(resolve));
        frames.observe({ type: "paint", buffered: true });
      })
    : parsed.then(() => new Promise(requestAnimationFrame));
  parsed.then(wear);
  Promise.all([parsed, painted]).then(() => setTimeout(() => takeScripts().then(tintBar).then(takeFonts)));

  const pause = () => new Promise((resolve) => setTimeout(resolve));

  async function takeScripts() {
    await makeAbsolute([...document.querySelectorAll("a[href]:not(svg a), img[src]")]);
    const inert = /** @type {HTMLTemplateElement} */ (document.querySelector("template[data-scripts]"));
    const running = [...inert.content.querySelectorAll("script")].map((one) => {
      const source = { src: one.getAttribute("src"), async: false };
      const script = Object.assign(document.createElement("script"), source);
      document.body.append(script);
      return new Promise((resolve) => (script.onload = script.onerror = resolve));
    });
    await Promise.all(running);
    // Material begins with the event that it has missed. It takes each feed for the site in another language, and would
    // fetch and read the map of that.
    setTimeout(() => {
      const feeds = all("link[rel=alternate]");
      for (const feed of feeds) feed.setAttribute("rel", "");
      document.dispatchEvent(new Event("DOMContentLoaded"));
      for (const feed of feeds) feed.setAttribute("rel", "alternate");
      inert.removeAttribute("data-scripts"); // to remove the element would style all that stands beside it anew
    });
  }

  // Material makes addresses absolute as it starts, so that they hold on every page that it fetches. A long post has
  // hundreds: done before it starts, and in steps, they keep no touch waiting.
  /** @param {any[]} elements */
  async function makeAbsolute(elements) {
    if (location.protocol === "file:") return; // where Material fetches no pages
    for (let step = 0; step < elements.length; step += 100) {
      for (const one of elements.slice(step, step + 100)) {
        const address = one.hasAttribute("href") ? "href" : "src";
        one[address] = one[address]; // eslint-disable-line no-self-assign -- what is read is absolute
      }
      await pause();
    }
  }

  // What stands in for our fonts (site.css) bears their names, so that no style changes when they come. Those that this
  // reader has had before are in the browser's cache, and need not wait. Else lines are set once more when all fonts are
  // here, or those that two seconds have brought: for every frame that brings one, a browser lays out all text again.
  const seen = window.__md_get("fonts");
  /** @type {({family: string, url: string} & FontFaceDescriptors)[]} */
  const listed = JSON.parse(fonts ?? "[]");
  const faces = listed.map(({ family, url, ...descriptors }) => {
    const source = `url("${new URL(url, location.href)}") format("woff2")`;
    const face = new FontFace(family, source, { display: "swap", ...descriptors });
    if (seen) document.fonts.add(face);
    return face;
  });
  root.toggleAttribute("data-plain-math", !seen); // a class of the root styles all that is below it anew
  async function takeFonts() {
    if (seen) return;
    const math = document.querySelector(".katex") ? ["1em KaTeX_Main", "italic 1em KaTeX_Math"] : [];
    const formulas = Promise.allSettled(math.map((font) => document.fonts.load(font)));
    const every = Promise.allSettled([...faces.map((face) => face.load()), formulas]);
    await Promise.race([every, new Promise((resolve) => setTimeout(resolve, 2000))]);
    for (const face of faces) {
      if (face.status === "loaded") document.fonts.add(face);
      else face.loaded.then(() => document.fonts.add(face)).catch(() => {}); // a font that does not come keeps no other
    }
    await formulas; // which cannot be read while theirs are on the way
    root.removeAttribute("data-plain-math");
    window.__md_set("fonts", true);
  }

  // As it starts, and on every page that it fetches, Material makes addresses absolute by setting each to what it
  // is. A style sheet that is set anew is taken anew: the whole page is styled again, and has no style until the
  // sheet is here again. One that is in use stays as it is written, on the fetched page too: Material keeps what is
  // written alike.
  const written = Object.getOwnPropertyDescriptor(HTMLLinkElement.prototype, "href");
  Object.defineProperty(HTMLLinkElement.prototype, "href", {
    ...written,
    /** @param {string} value */
    set(value) {
      const inUse = [...document.styleSheets].find((sheet) => sheet.href === value)?.ownerNode;
      if (!(inUse instanceof Element)) written?.set?.call(this, value);
      else if (inUse !== this) this.setAttribute("href", inUse.getAttribute("href") ?? value);
    },
  });
})();
