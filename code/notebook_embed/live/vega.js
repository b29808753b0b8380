/* Draws charts by Vega and Vega-Lite into figures: the view "nb-vega" of figures.js. Expressions are interpreted, for the
   page's policy may forbid code out of text; nothing is fetched. Colours that a chart leaves to the page are names such
   as "$nb-ink" in it. */
import { compile, expressionInterpreter, Handler, loader, parse, View } from "./vega.min.js";

const closed = { ...loader(), load: () => Promise.reject(new TypeError("charts fetch nothing")) };

window.notebookEmbed.register("nb-vega", async (box, { spec, lite }) => {
  /** @type {{ finalize(): void } | undefined} */
  let chart;

  async function draw() {
    const style = getComputedStyle(box);
    const valueOf = (/** @type {string} */ name) =>
      name === "sans" ? style.fontFamily : style.getPropertyValue(`--nb-${name}`).trim();
    const own = JSON.parse(
      JSON.stringify(spec).replace(/"\$nb-(\w+)"/g, (_, name) => JSON.stringify(valueOf(name) || "gray")),
    );
    const dark = style.colorScheme === "dark";
    const next = new View(parse(lite ? compile(own).spec : own, undefined, { ast: true }), {
      container: box,
      expr: expressionInterpreter,
      hover: true,
      loader: closed,
      renderer: "svg",
      tooltip: new Handler({ theme: dark ? "dark" : "light" }).call,
    });
    chart?.finalize();
    chart = next;
    await next.runAsync();
  }

  await draw();
  return {
    retheme: draw,
    purge() {
      chart?.finalize();
      document.getElementById("vg-tooltip-element")?.remove();
    },
  };
});
