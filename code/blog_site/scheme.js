/* Stands in the head of every page, above the style sheets: a script below them would wait for them, and
   with it all that follows, so that the first paint would show the header alone.

   Material keeps its small storage helpers in an inline script. They are here, because this is the one script
   whose hash the Content-Security-Policy names; Material's bundle looks for these four names. */
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
  const parsing = new MutationObserver(() => {
    if (!document.body) return;
    document.body.setAttribute("data-md-color-scheme", dark ? "slate" : "default");
    parsing.disconnect();
  });
  parsing.observe(document.documentElement, { childList: true });

  // Text first: fonts once there has been a frame. Those that this reader has had before are in the browser's
  // cache, and need not wait.
  const root = document.documentElement;
  root.classList.toggle("plain-fonts", !__md_get("fonts"));
  function takeFonts() {
    root.classList.remove("plain-fonts");
    document.fonts.ready.then(() => __md_set("fonts", true));
  }
  addEventListener("DOMContentLoaded", () => requestAnimationFrame(() => setTimeout(takeFonts)));
})(document.currentScript);
