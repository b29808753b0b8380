"""What readers get of an executed notebook: what is hidden is so in the download as well."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from functools import partial
from typing import Any

import nbformat

from notebook_embed.notebook import Cell, Notebook

__all__ = ["downloaded", "visible_outputs"]


def visible_outputs(cell: Cell, outputs: Iterable[Any]) -> list[Any]:
    """Return the outputs of a cell that a page can show, be it only by the cell's label."""
    options = cell.options
    if not cell.label and not (options.include and options.output):
        return []
    kept = []
    for output in filter(partial(_is_shown, cell), outputs):
        if options.asis and output.get("name") == "stdout":
            text = {"text/markdown": output["text"]}
            output = nbformat.v4.new_output("display_data", data=text)
        kept.append(output)
    return kept


def _is_shown(cell: Cell, output: Any) -> bool:
    """Tell whether the options of its cell let readers see an output, where they see any."""
    if output["output_type"] != "stream":
        return True
    return cell.options.stdout if output["name"] == "stdout" else cell.options.warning


def downloaded(notebook: Notebook, node: nbformat.NotebookNode) -> str:
    """Return the notebook that readers download, without code and outputs that are hidden."""
    published = copy.copy(node)
    published.cells = []
    for cell, raw in zip(notebook.cells, node.cells, strict=True):
        options = cell.options
        if not options.include:
            continue
        if cell.kind == "code":
            raw = copy.copy(raw)
            raw.source = raw.source if options.echo else ""
            shown = filter(partial(_is_shown, cell), raw.outputs)
            raw.outputs = list(shown) if options.output else []
        published.cells.append(raw)
    return str(nbformat.writes(published))
