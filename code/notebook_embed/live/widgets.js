/* Draws controls of Jupyter from their stored state: the view "nb-widgets" of figures.js. No kernel is behind them; what
   links them in the browser works. */
import { HTMLManager } from "./widgets.min.js";

/* The document keeps the styles: instant navigation renews the head. */
const styles = Promise.all(
  ["widgets.min.css", "widgets.css"].map(async (name) => {
    const answer = await fetch(new URL(name, import.meta.url));
    if (!answer.ok) throw new TypeError(`${answer.status} for ${name}`);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(await answer.text());
    return sheet;
  }),
).then((sheets) => {
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, ...sheets];
});

window.notebookEmbed.register("nb-widgets", async (box, { model, state }) => {
  await styles;
  const manager = new HTMLManager();
  await manager.set_state({ version_major: 2, version_minor: 0, state });
  const view = await manager.create_view(await manager.get_model(model));
  await manager.display_view(view, box);
  return {
    purge() {
      if (!box.isConnected) document.body.append(box); // only what is in the document lets itself be taken out
      view.remove();
      box.remove();
      manager.clear_state();
    },
  };
});
