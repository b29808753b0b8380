/* Runs where the page's body begins, before anything is painted.

   Material keeps its small storage helpers in an inline script. They are here instead, so that a
   Content-Security-Policy can forbid inline scripts; its bundle looks for these four names. */
(function (script) {
  "use strict";
  window.__md_scope = new URL(script.dataset.base, location);
  window.__md_hash = (text) => [...text].reduce((hash, c) => (hash << 5) - hash + c.charCodeAt(0), 0);
  window.__md_get = (key, storage = localStorage, scope = __md_scope) => {
    try {
      return JSON.parse(storage.getItem(scope.pathname + "." + key));
    } catch {
      return null; // storage is forbidden, or holds something else
    }
  };
  window.__md_set = (key, value, storage = localStorage, scope = __md_scope) => {
    try {
      storage.setItem(scope.pathname + "." + key, JSON.stringify(value));
    } catch {
      /* storage is forbidden or full: the choice lasts for this page */
    }
  };

  // A fresh visit begins at the top: parts far from there need no layout yet (site.css, `.partly`). Who comes
  // to a certain place, or back to one, needs all that is above it.
  const [visit] = performance.getEntriesByType("navigation");
  const fresh = visit?.type === "navigate" && !location.hash;
  document.documentElement.classList.toggle("partly", fresh);

  // The reader's choice, else the system's: set before the first paint, so that nothing flashes.
  document.documentElement.classList.replace("no-js", "js");
  const chosen = __md_get("__palette")?.color;
  const follows = !chosen || chosen.media === "(prefers-color-scheme)";
  const dark = follows ? matchMedia("(prefers-color-scheme: dark)").matches : chosen.scheme === "slate";
  document.body.setAttribute("data-md-color-scheme", dark ? "slate" : "default");
})(document.currentScript);
