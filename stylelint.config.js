const NAME = "^[a-z][a-z0-9]*(-[a-z0-9]+)*(__[a-z0-9]+(-[a-z0-9]+)*)?(--[a-z0-9]+(-[a-z0-9]+)*)?$";

export default {
  extends: "stylelint-config-standard",
  ignoreFiles: ["**/*.min.css"],
  reportDescriptionlessDisables: true,
  reportInvalidScopeDisables: true,
  reportNeedlessDisables: true,
  rules: {
    // Names as Material's are: block__element--modifier.
    "selector-class-pattern": [NAME, { message: "A class is called block__element--modifier, in lower case" }],
    "custom-property-pattern": [NAME, { message: "A property is called --block-name--modifier, in lower case" }],
    "custom-property-empty-line-before": null, // tokens stand in one block
    "font-family-name-quotes": "always-unless-keyword",
    "media-feature-range-notation": "prefix", // as in Material; browsers know it longer
    "no-descending-specificity": null, // the order is that of the page, from header to footer
  },
};
