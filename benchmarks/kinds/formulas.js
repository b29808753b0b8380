/* global katex */
/* Sets formulas wherever they stand in a page's text, as KaTeX's own helper does with the marks that Material's guide
   names: so all three sites have the same. */
const MARKS =
  /\$\$(.+?)\$\$|\\\[(.+?)\\\]|(\\begin\{(?:align|equation)\*?\}.+?\\end\{(?:align|equation)\*?\})|\\\((.+?)\\\)|\$(.+?)\$/gs;

function setFormulas() {
  const texts = [];
  const walk = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (!walk.currentNode.parentElement.closest("pre, code, script, style")) texts.push(walk.currentNode);
  }
  for (const text of texts) {
    const parts = [];
    let end = 0;
    for (const found of text.data.matchAll(MARKS)) {
      const [whole, dollars, brackets, environment, parens, dollar] = found;
      const box = document.createElement("span");
      const displayMode = Boolean(dollars ?? brackets ?? environment);
      katex.render(dollars ?? brackets ?? environment ?? parens ?? dollar, box, { displayMode, throwOnError: false });
      parts.push(text.data.slice(end, found.index), box);
      end = found.index + whole.length;
    }
    if (end) text.replaceWith(...parts, text.data.slice(end));
  }
}

document.addEventListener("DOMContentLoaded", setFormulas);
