"""Ask browsers to compile Material's script before it runs, beside the page instead of before it.

Nearly all of it runs as a page starts. Browsers compile a function when it is first called, on the
thread that also paints and answers touches; told that all are called on load, they compile the
script while it arrives, on a thread of its own. Chromium does; to others the hint is a comment.
https://v8.dev/blog/explicit-compile-hints
"""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["HINT", "hint_at_scripts"]

HINT = "//# allFunctionsCalledOnLoad\n"


def hint_at_scripts(site: Path) -> None:
    """Put the hint above Material's script in the built `site`, and shift its source map by it."""
    for script in (site / "assets/javascripts").glob("bundle.*.min.js"):
        text = script.read_text("utf-8")
        if text.startswith(HINT):
            continue
        script.write_text(HINT + text, "utf-8")
        source_map = script.with_name(f"{script.name}.map")
        if source_map.exists():
            shifted = json.loads(source_map.read_text("utf-8"))
            shifted["mappings"] = ";" + shifted["mappings"]
            source_map.write_text(json.dumps(shifted), "utf-8")
