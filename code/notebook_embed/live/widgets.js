/* Draws controls of Jupyter from their stored state: the view "nb-widgets" of figures.js. No kernel is behind them; what
   links them in the browser works. */
import { HTMLManager } from "./widgets.min.js";

/* The document keeps the styles: instant navigation renews the head. */
/** @param {string[]} names */
async function adopt(...names) {
  const sheets = await Promise.all(
    names.map(async (name) => {
      const answer = await fetch(new URL(name, import.meta.url));
      if (!answer.ok) throw new TypeError(`${answer.status} for ${name}`);
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(await answer.text());
      return sheet;
    }),
  );
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, ...sheets];
}
const styles = adopt("widgets.min.css", "widgets.css");

/* Icons are letters of a font. Without it controls work as well, so nobody waits for it. */
/** @type {Promise<void> | undefined} */
let icons;
function addIcons() {
  for (const weight of ["400", "900"]) {
    const file = new URL(`widgets.icons-${weight}.woff2`, import.meta.url).href;
    document.fonts.add(new FontFace("Font Awesome 5 Free", `url("${file}")`, { weight, display: "block" }));
  }
  return adopt("widgets.icons.min.css", "widgets.icons-v4.min.css");
}

window.notebookEmbed.register("nb-widgets", async (box, { model, state }) => {
  await styles;
  const manager = new HTMLManager();
  await manager.set_state({ version_major: 2, version_minor: 0, state });
  const view = await manager.create_view(await manager.get_model(model));
  const iconsWanted = new MutationObserver(() => {
    if (!box.querySelector(".fa")) return; // parts of a control come one by one
    iconsWanted.disconnect();
    icons ??= addIcons().catch(() => (icons = undefined));
  });
  iconsWanted.observe(box, { childList: true, subtree: true });
  await manager.display_view(view, box);
  return {
    purge() {
      iconsWanted.disconnect();
      if (!box.isConnected) document.body.append(box); // only what is in the document lets itself be taken out
      view.remove();
      box.remove();
      manager.clear_state();
    },
  };
});
