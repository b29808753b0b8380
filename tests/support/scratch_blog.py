"""A small blog built with the project's own configuration, theme and plugin, without notebooks."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.utils.yaml import yaml_load

ROOT = Path(__file__).resolve().parents[2]
EPOCH = "1790000000"  # 2026-09-21
URL = "http://127.0.0.1:8124/"
NOTEBOOK_PLUGINS = {"notebook-embed", "mkdocs-jupyter"}

FIGURE = """
<figure class="nb-figure" id="fig-curve" data-plotly="../figures/curve.json">
  <div class="nb-figure__canvas" role="group" aria-label="A falling curve" tabindex="0">
    <img class="nb-figure__image nb-figure__image--light" src="../figures/curve.svg"
     alt="A falling curve" width="640" height="320" loading="lazy" decoding="async">
    <img class="nb-figure__image nb-figure__image--dark" src="../figures/curve.svg"
     alt="A falling curve" width="640" height="320" loading="lazy" decoding="async">
  </div>
  <figcaption><span>Error against time.</span>
  <a class="nb-figure__origin" href="../about.html">notebook</a></figcaption>
</figure>
"""

POSTS = {
    "first.md": """\
---
title: Foundations of Attention
date: 2026-01-05
description: Dot products and masks.
tags: [attention, "R&D"]
series: {name: Shapes, part: 1}
---

A weighted mean of $n$ values.

<!-- more -->

## Scores

Here $q \\cdot k$ is a score.
""",
    "third.md": f"""\
---
title: "Vision Transformers: Patches & Cross-Attention"
date: {{created: 2026-03-05, updated: 2026-04-01}}
slug: vision
description: What a vision transformer attends to.
tags: [attention, vision]
goal: Say where a patch looks.
series: {{name: Shapes, part: 3, short: Vision, needs: {{1: dot products}}}}
notebooks:
  - {{title: The dataset, url: about.html, download: about.html}}
---

An image is a sequence of patches.

<!-- more -->

## Costs of $\\mathcal{{O}}(n^2)$

$$
A = \\operatorname{{softmax}}\\left(\\frac{{Q K^\\top}}{{\\sqrt d}}\\right)
$$

{FIGURE}

| a | b |
|---|---|
| 1 | 2 |

```python
print("hello")
```
""",
    "alone.md": """\
---
title: A post on its own
date: 2026-02-01
description: It belongs to no series.
---

Nothing before it and nothing after it.
""",
}

CURVE_JSON = """{"data": [{"type": "scatter", "x": [0, 1, 2], "y": [3, 2, 1]}],
"layout": {"xaxis": {"title": {"text": "minutes"}}, "updatemenus": [{"type": "buttons",
  "bgcolor": "#f4f2ed", "buttons": [
  {"label": "Falling", "method": "restyle", "args": [{"y": [[3, 2, 1]]}]},
  {"label": "Rising", "method": "restyle", "args": [{"y": [[1, 2, 3]]}]}]}]}}"""
CURVE_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 320">'
    '<path d="M20 20L620 300" stroke="#2f7fb8"/></svg>'
)


class Blog:
    """A blog in a folder of its own."""

    def __init__(self, folder: Path, *, url: str = URL) -> None:
        self.folder, self.url = folder, url
        self.site = folder / "site"
        for name in ("index.md", "archive.md", "tags.md", "about.md"):
            text = (ROOT / "docs" / name).read_text(encoding="utf-8")
            # Here is nothing that could embed what a notebook made.
            self.write(f"docs/{name}", re.sub(r"^!\[.*\n", "", text, flags=re.MULTILINE))
        # The real page shows a notebook; here it only has to be there.
        self.write("docs/architecture.md", "# How it is built\n")
        for name, text in POSTS.items():
            self.write(f"docs/posts/{name}", text)
        self.write("docs/figures/curve.json", CURVE_JSON)
        self.write("docs/figures/curve.svg", CURVE_SVG)
        static = ROOT / "code/notebook_embed/static"
        for name in ("figures.css", "figures.js", "plotly-cartesian.min.js"):
            self.write(f"docs/assets/nb/{name}", (static / name).read_text(encoding="utf-8"))
        self.write("mkdocs.yml", yaml.safe_dump(self._config()))

    def _config(self) -> dict:
        with (ROOT / "mkdocs.yml").open(encoding="utf-8") as file:
            config = yaml_load(file)
        config["plugins"] = [
            # A blog without notebooks has no trained model to run in its pages either.
            "blog-site" if _name(plugin) == "blog-site" else plugin
            for plugin in config["plugins"]
            if _name(plugin) not in NOTEBOOK_PLUGINS
        ]
        config["theme"]["custom_dir"] = str(ROOT / "assets/theme")
        config["nav"] = ["index.md", "archive.md", "tags.md", "about.md"]
        config["site_url"] = self.url
        config["extra_css"] = ["assets/nb/figures.css"]
        config["extra_javascript"] = ["assets/nb/figures.js"]
        return config

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def build(self) -> Path:
        config = load_config(str(self.folder / "mkdocs.yml"))
        # No shutdown: MkDocs keeps some plugins for the next build of the process.
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
        return self.site

    def html(self, name: str) -> str:
        return (self.site / name).read_text(encoding="utf-8")


def _name(plugin: str | dict) -> str:
    return plugin if isinstance(plugin, str) else next(iter(plugin))
