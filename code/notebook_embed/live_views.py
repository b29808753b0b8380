"""The generator's own views: scripts that draw charts and widgets of others in a page.

Only sites that have such an output have them, and they load where a reader comes near one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from notebook_embed import bokeh_figures

__all__ = ["STATIC_URI", "VIEWS", "files_for", "script_of"]

STATIC_URI = "assets/notebook-embed"
#: Each view's name in a page, and how the names of its files begin.
VIEWS = {"nb-vega": "vega", "nb-bokeh": "bokeh", "nb-widgets": "widgets"}
FOLDER = Path(__file__).parent / "live"


def script_of(view: str) -> str:
    """Return the URI of the script that draws a view."""
    return f"{STATIC_URI}/{VIEWS[view]}.js"


def files_for(views: Iterable[str | None]) -> dict[str, Path]:
    """Return the files that pages with these views need, by URI: scripts, styles, licences."""
    files: dict[str, Path] = {}
    for view in set(views) & VIEWS.keys():
        stem = VIEWS[str(view)]
        found = FOLDER.glob(f"{stem}.*")
        files |= {path.name: path for path in found if not path.name.endswith(".d.ts")}
        if view == "nb-bokeh":
            files |= bokeh_figures.scripts()
    return {f"{STATIC_URI}/{name}": path for name, path in sorted(files.items())}
