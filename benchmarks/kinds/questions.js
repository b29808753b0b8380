/* The words of questions.yml. `text` is what readers read of the page, `asked` what it asked other hosts for. */
window.wordsOf = (asked) => {
  const page = document.querySelector("article");
  const text = page.innerText;

  const isSeen = (one) =>
    one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && one.getBoundingClientRect().width > 4;
  const all = (selector) => [...page.querySelectorAll(selector)].filter(isSeen);
  const has = (selector) => all(selector).length > 0;
  const says = (...words) => words.every((word) => text.includes(word));

  const asks = (part) => asked.some((url) => url.includes(part));

  /* Pictures that have come; a theme's own signs are smaller. */
  const pictures = () => [
    ...all("img").filter((one) => one.complete && one.naturalWidth && one.clientHeight > 4),
    ...all("svg").filter((one) => one.getBoundingClientRect().width > 48),
  ];
  const picture = () => pictures().length > 0;

  /* What is inside of shadows too. */
  const deep = (root, selector) =>
    [...root.querySelectorAll("*")].some(
      (one) => one.matches(selector) || (one.shadowRoot && deep(one.shadowRoot, selector)),
    );

  /* The element whose own text begins with a word. */
  function holder(word) {
    const walk = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) if (walk.currentNode.data.trim().startsWith(word)) return walk.currentNode.parentElement;
    return null;
  }
  const within = (word, selector) => Boolean(holder(word)?.closest(selector));

  /* How a word looks: colours of what it stands in, from the inside out. */
  function looks(word) {
    const found = [];
    for (let one = holder(word); one && one !== page; one = one.parentElement) {
      const { backgroundColor, borderLeftColor, color } = getComputedStyle(one);
      found.push(backgroundColor, borderLeftColor, color);
    }
    return found.join();
  }

  return { page, text, all, has, says, asks, pictures, picture, deep, within, looks };
};
