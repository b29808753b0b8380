// Posts are Python-Markdown with embeds; rules that read CommonMark's tables and GitHub's habits do not fit them. That
// links, labels and anchors lead somewhere is checked by every build.
export default {
  globs: ["**/*.md"],
  gitignore: true,
  ignores: ["**/vendor/**"],
  noBanner: true,
  noProgress: true,
  config: {
    "link-fragments": { ignored_pattern: "^fig-" }, // a figure gets its id from the build
    "line-length": false, // prose is wrapped by hand
    "no-alt-text": false, // an embed of a value has none
    "no-duplicate-heading": { siblings_only: true },
    "no-inline-html": false,
    "single-title": { front_matter_title: "" }, // its title is for the list of pages, the heading for the page
    "table-column-count": false, // `|` in code needs no escape in Python-Markdown
    "table-column-style": false,
  },
};
