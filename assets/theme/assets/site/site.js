/* Small helps after every page view, also after instant navigation. Reading needs none of them. */
(function () {
  "use strict";

  // What scrolls sideways must be reachable by keyboard; what does not scroll must not be a stop.
  const SCROLLERS = ".math--display, .nb-output, .md-typeset__scrollwrap, .highlight pre > code";

  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth + 1) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });

  // The contents list marks the last heading that has passed the upper third of the window. The browser
  // tells when one does: to measure where all of them stand would lay out the whole post.
  const passed = new Set();
  /** @type {{link: HTMLAnchorElement, heading: HTMLElement}[]} */
  let links = [];
  const reading = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) passed.add(target);
        else passed.delete(target);
      }
      const here = links.findLast(({ heading }) => passed.has(heading))?.link;
      for (const { link } of links) {
        if (link !== here) link.removeAttribute("aria-current");
        else if (!link.hasAttribute("aria-current")) {
          link.setAttribute("aria-current", "location");
          showIn(/** @type {Element} */ (link.closest(".page-toc")), link);
        }
      }
    },
    { rootMargin: "10000000px 0px -66% 0px" },
  );

  /** @type {(list: Element, link: Element) => void} */
  function showIn(list, link) {
    const [box, place] = [list.getBoundingClientRect(), link.getBoundingClientRect()];
    if (place.top < box.top || place.bottom > box.bottom) {
      list.scrollTop += place.top - box.top - list.clientHeight / 2;
    }
  }

  const wide = matchMedia("(min-width: 77.5em)"); // else there is no such list beside the text (site.css)
  function follow() {
    reading.disconnect();
    passed.clear();
    if (!wide.matches) return;
    links = [];
    for (const one of document.querySelectorAll(".page-toc__link")) {
      const link = /** @type {HTMLAnchorElement} */ (one);
      const heading = document.getElementById(decodeURI(link.hash.slice(1)));
      if (!heading) continue;
      links.push({ link, heading });
      reading.observe(heading);
    }
  }

  wide.addEventListener("change", follow);

  const within = (/** @type {Event} */ { target }, /** @type {string} */ selector) =>
    target instanceof Element ? target.closest(selector) : null;

  // As code comes into view Material adds a copy button, in a navigation landmark; a button is not navigation.
  const buttons = new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        if (node instanceof HTMLElement && node.localName === "nav") node.setAttribute("role", "none");
      }
    }
  });

  // A section that moved to another post left a link with its old address: it leads on. Without scripts the reader sees
  // the link.
  function leadOn() {
    const link = /** @type {HTMLAnchorElement | null} */ (document.querySelector("a.moved:target"));
    if (!link) return;
    const address = new URL(link.href);
    address.search = location.search; // of a figure, which keeps there what is seen
    location.replace(address);
  }
  window.addEventListener("hashchange", leadOn);

  function mount() {
    leadOn();
    follow();
    observer.disconnect();
    buttons.disconnect();
    for (const code of document.querySelectorAll(".highlight pre")) {
      buttons.observe(code, { childList: true });
    }
    for (const scroller of document.querySelectorAll(SCROLLERS)) observer.observe(scroller);
  }

  const found = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector));

  // On narrow screens the search opens from a button. The header outlives instant navigation.
  document.querySelector(".site-search-open")?.addEventListener("click", () => {
    found("[data-md-toggle=search]").click();
    found("[data-md-component=search-query]").focus();
  });

  // The skip link leads to the first heading of the contents, past a post's introduction; and instant
  // navigation scrolls there but leaves the keyboard in the header. Without scripts the link will do.
  document.addEventListener(
    "click",
    (event) => {
      if (!within(event, ".md-skip")) return;
      event.preventDefault();
      event.stopPropagation();
      const content = found("[data-md-component=content]");
      content.setAttribute("tabindex", "-1");
      content.focus();
    },
    true,
  );

  // From the disk Material announces no page, and hides its search: browsers forbid reading the index.
  const fromDisk = location.protocol === "file:";
  if (fromDisk) document.querySelector(".site-search-open")?.setAttribute("hidden", "");

  if (window.document$ && !fromDisk) window.document$.subscribe(() => setTimeout(mount));
  else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
  else mount();
})();
