/* What views share that are gone through in steps: their look, fetched when the first of them is drawn. */
import { element } from "./attention-tools.js";

/**
 * Give a view's box the style sheet of such views, and wait for it: what is measured must have its size.
 * @param {HTMLElement} box
 */
export function styled(box) {
  const look = element("link", { rel: "stylesheet", href: new URL("steps.css", import.meta.url).href });
  const there = new Promise((resolve) => {
    look.addEventListener("load", resolve);
    look.addEventListener("error", resolve);
  });
  box.prepend(look);
  return there;
}
