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

  function mount() {
    observer.disconnect();
    // Material wraps every copy button in a navigation landmark; a button is not navigation.
    for (const wrapper of document.querySelectorAll("nav.md-code__nav")) {
      wrapper.setAttribute("role", "none");
    }
    for (const scroller of document.querySelectorAll(SCROLLERS)) observer.observe(scroller);
  }

  // On narrow screens the search opens from a button. The header outlives instant navigation.
  document.querySelector(".site-search-open")?.addEventListener("click", () => {
    document.querySelector("[data-md-toggle=search]").click();
    document.querySelector("[data-md-component=search-query]").focus();
  });

  // The skip link leads to the first heading of the contents, past a post's introduction; and instant
  // navigation scrolls there but leaves the keyboard in the header. Without scripts the link will do.
  document.addEventListener(
    "click",
    (event) => {
      if (!event.target.closest(".md-skip")) return;
      event.preventDefault();
      event.stopPropagation();
      const content = document.querySelector("[data-md-component=content]");
      content.setAttribute("tabindex", "-1");
      content.focus();
    },
    true,
  );

  // From the disk Material announces no page, and hides its search: browsers forbid reading the index.
  const fromDisk = location.protocol === "file:";
  if (fromDisk) document.querySelector(".site-search-open")?.setAttribute("hidden", "");

  if (window.document$ && !fromDisk) window.document$.subscribe(() => requestAnimationFrame(mount));
  else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
  else mount();
})();
