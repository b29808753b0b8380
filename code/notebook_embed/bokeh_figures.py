"""Figures by Bokeh: their documents, out of stored scripts, and the scripts that draw them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from notebook_embed.files import in_package
from notebook_embed.notebook import in_one_piece

__all__ = ["BOKEH", "document_of", "scripts", "settle_bokeh", "size_of", "without_scaffold"]

BOKEH = "application/vnd.bokehjs_exec.v0+json"
LOAD = "application/vnd.bokehjs_load.v0+json"
#: The scripts of which a page loads those that its figures need.
SCRIPTS = ("bokeh", "bokeh-gl", "bokeh-widgets", "bokeh-tables", "bokeh-mathjax")
_PLACE = re.compile(r'\s*<div id="[^"]*" data-root-id="[^"]*"[^>]*></div>\s*')
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
#: In pixels; Bokeh's own where a figure does not say.
SIDE = 600


def settle_bokeh(node: Any) -> None:
    """Number the random names among a notebook's outputs by Bokeh: two runs put out the same."""
    names: dict[str, str] = {}
    for cell in node.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if not ({BOKEH, LOAD} & data.keys() or is_scaffold(data)):
                continue
            for mime, form in data.items():
                if isinstance(form, str):
                    data[mime] = _UUID.sub(
                        lambda found: names.setdefault(found[0], f"bokeh-{len(names) + 1}"), form
                    )


def is_scaffold(data: Mapping[str, Any]) -> bool:
    """Tell whether an output only loads Bokeh, or makes room for a figure that comes after it."""
    html = in_one_piece(data.get("text/html")) or ""
    return LOAD in data or bool("bk-notebook-logo" in html or (html and _PLACE.fullmatch(html)))


def without_scaffold(outputs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return a cell's outputs without those that show nothing of their own in a page."""
    return [output for output in outputs if not is_scaffold(output.get("data") or {})]


def document_of(script: str) -> dict[str, Any]:
    """Return what a stored script draws: {"document": ..., "roots": ids of its outermost models}.

    Raises
    ------
    ValueError : it is not a script that Bokeh has written.
    """
    found = re.search(r"const docs_json = (?=\{)", script)
    if not found:
        raise ValueError("it holds no document of Bokeh")
    documents, _ = json.JSONDecoder().raw_decode(script, found.end())
    document = next(iter(documents.values()))
    return {"document": document, "roots": [root["id"] for root in document["roots"]]}


def size_of(model: Mapping[str, Any]) -> tuple[int, int]:
    """Return about how wide and high a model is drawn, in pixels."""
    own = model.get("attributes") or {}
    children = [
        child[0] if isinstance(child, list) else child for child in own.get("children") or []
    ] + [tab.get("attributes", {}).get("child") for tab in own.get("tabs") or []]
    sizes = [size_of(child) for child in children if isinstance(child, Mapping)]
    if sizes:
        name = model.get("name")
        across = sum if name == "Row" else max
        down = sum if name == "Column" else max
        return across(size[0] for size in sizes), down(size[1] for size in sizes)
    plain = SIDE if "x_range" in own else 40  # a plot, or a widget
    return tuple(  # type: ignore[return-value]
        round(side) if isinstance(side := own.get(key), int | float) else plain
        for key in ("width", "height")
    )


def scripts() -> dict[str, Path]:
    """Return Bokeh's scripts by their names, from the package that is installed; else none."""
    found = in_package("bokeh", *(f"server/static/js/{name}.min.js" for name in SCRIPTS))
    return {path.name: path for path in found}
