"""The live model without the site around it, in a folder: for tests and benchmarks, in seconds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from blog_site.content_security import policy
from shapes_of_attention.live_weights import packed

__all__ = ["FLAGSHIP", "SCENE", "furnish"]

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets/theme/assets"
FLAGSHIP = ROOT / "assets/checkpoints/flagship.safetensors"
#: Two rings, two filled rectangles, a disc whose red leads; the first is chosen.
SCENE = (
    "o10_12_30_30_4_e2604a*o80_14_26_26_4_4aa3e2*r12_70_30_24_0_e2b13c*r80_76_28_30_0_8d6be0"
    "*c50_48_24_24_0_f0b040*v1*ad2.1"
)
_MODULES = [f"encoder.{layer}.attention" for layer in range(2)]
_MODULES += [f"decoder.{layer}.cross_attention" for layer in range(2)]
_FIGURE = """
<figure class="nb-figure" id="fig-lab" data-view="lab" data-waits data-source="lab.json"
  data-script="assets/live/lab.js">
  <div class="nb-figure__canvas">
    <img class="nb-figure__image" alt="a drawing" src="data:," width="600" height="300">
  </div>
  <figcaption>The lab</figcaption>
</figure>
"""


def furnish(folder: Path) -> None:
    """Put the modules, the flagship's weights, an empty page and `lab.html` into a folder."""
    unwanted = shutil.ignore_patterns("fonts", "katex")
    for part in ("live", "site"):
        shutil.copytree(ASSETS / part, folder / "assets" / part, ignore=unwanted)
    for name in ("figures.js", "figures.css"):
        shutil.copy(ROOT / "code/notebook_embed/static" / name, folder / name)
    (folder / "assets/live/flagship.safetensors.gz").write_bytes(packed(FLAGSHIP))
    (folder / "index.html").write_text("<!doctype html><title>bench</title>", "utf-8")
    data = {
        "scene": SCENE,
        "parts": ["colour", "free", "colours", "look", "model"],
        "switchesFirst": False,
        "models": [{"name": "flagship", "title": "The model"}],
        "averages": {"flagship": {name: [0.0] * 128 for name in _MODULES}},
    }
    (folder / "lab.json").write_text(json.dumps({"data": data, "files": {}}), "utf-8")
    (folder / "lab.html").write_text(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Lab</title>
        <meta name="viewport" content="width=device-width">
        <meta http-equiv="Content-Security-Policy" content="{policy("")}">
        <link rel="icon" href="data:,"><link rel="stylesheet" href="figures.css">
        <link rel="stylesheet" href="assets/site/site.css">
        </head><body data-md-color-scheme="default"><main class="md-typeset">{_FIGURE}</main>
        <script src="figures.js"></script></body></html>""",
        "utf-8",
    )
