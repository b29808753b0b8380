import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import globals from "globals";

const WORKERS = "**/*worker*.js";

export default defineConfig(
  globalIgnores([
    "**/*.min.js",
    "**/vendor/",
    "**/vendored/",
    ".cache/",
    ".notebook-cache/",
    ".venv/",
    "runs/",
    "site/",
    ".site.previous/",
  ]),
  {
    files: ["**/*.js"],
    plugins: { js },
    extends: ["js/recommended"],
    linterOptions: { reportUnusedDisableDirectives: "error", reportUnusedInlineConfigs: "error" },
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-shadow": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
  // Scripts of pages: those that a page loads as they are, and modules.
  { files: ["{assets/theme,benchmarks,code,tests}/**/*.js"], languageOptions: { globals: globals.browser } },
  {
    files: ["code/**/*.js", "assets/theme/assets/site/{site,tables}.js", "tests/**/*.js"],
    languageOptions: { sourceType: "script" },
  },
  { files: ["code/notebook_embed/live/*.js"], languageOptions: { sourceType: "module" } },
  { files: [WORKERS], languageOptions: { globals: globals.worker } },
  { files: ["*.js"], languageOptions: { globals: globals.node } },
);
