/* What the attention views share: weights as they travel, their colours, and small pieces of a page. */

// prettier-ignore
const VIRIDIS = [
  [68, 1, 84], [72, 26, 108], [71, 47, 125], [65, 68, 135], [57, 86, 140], [49, 104, 142],
  [42, 120, 142], [35, 136, 142], [31, 152, 139], [34, 168, 132], [53, 183, 121], [84, 197, 104],
  [122, 209, 81], [165, 219, 54], [210, 226, 27], [253, 231, 37],
];

export function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/* Unpack [..., keys] into rows that add up to one (or stay zero). */
export function unpack(text, keys) {
  const levels = bytes(text);
  const weights = new Float32Array(levels.length);
  for (let start = 0; start < levels.length; start += keys) {
    let sum = 0;
    for (let k = start; k < start + keys; k++) sum += levels[k];
    if (sum) for (let k = start; k < start + keys; k++) weights[k] = levels[k] / sum;
  }
  return weights;
}

/* Give the colour [red, green, blue] of a share from 0 to 1. */
export function viridis(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[low].map((v, i) => Math.round(v + (place - low) * (VIRIDIS[low + 1][i] - v)));
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/* Make a labelled choice; `fill` gives it [key, title] pairs and the key that is chosen. */
export function chooser(label, change) {
  const select = element("select", { class: "explorer__select" });
  select.addEventListener("change", () => change(select.value));
  let shown = "";
  const fill = (options, value) => {
    if (shown !== String(options)) {
      shown = String(options);
      select.replaceChildren(...options.map(([key, title]) => element("option", { value: key }, title)));
    }
    select.value = String(value);
  };
  const name = element("span", { class: "explorer__name" }, label);
  return { root: element("label", { class: "explorer__choice" }, name, select), fill };
}
