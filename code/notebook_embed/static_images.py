"""Draw the static image of plotly figures that bring none, where a Chrome is found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nbformat

from notebook_embed.errors import shown
from notebook_embed.notebook import Notebook
from notebook_embed.outputs import IMAGES, PLOTLY

__all__ = ["draw_bare_plotly"]


def draw_bare_plotly(
    node: nbformat.NotebookNode, notebook: Notebook, warn: Callable[[str], None]
) -> None:
    """Add an SVG to each plotly output of `node` that has no static image.

    The first one costs seconds (a Chrome starts), so nothing is imported before one is needed.
    Without a Chrome `warn` is told the file, line and cell. Notebooks end at the same time: each
    has a Chrome of its own.
    """
    bare = [
        (cell, output)
        for cell, raw in zip(notebook.cells, node.cells, strict=True)
        for output in raw.get("outputs", [])
        if PLOTLY in output.get("data", {}) and not any(mime in output.data for mime in IMAGES)
    ]
    if not bare:
        return
    made = _drawn([output.data[PLOTLY] for _, output in bare])
    for (cell, output), svg in zip(bare, made, strict=True):
        if isinstance(svg, str):
            output.data["image/svg+xml"] = svg
        else:  # whatever Chrome says, the figure is there without a still
            warn(
                f"{shown(notebook.path)}:{cell.line} (cell {cell.name}): a plotly figure "
                f"without a static image, which could not be drawn ({svg}). Without "
                "JavaScript a sentence stands there. Return an object whose "
                "_repr_mimebundle_ also carries 'image/svg+xml', or install Chrome or Chromium."
            )


def _drawn(figures: Sequence[Mapping[str, Any]]) -> Sequence[str | Exception]:
    """Return each figure as an SVG, or why there is none."""
    try:
        import kaleido
        from choreographer.browsers.chromium import Chromium
    except ImportError:
        return [RuntimeError("the package 'kaleido' is not installed")] * len(figures)
    if not Chromium.find_browser(skip_local=False):
        return [RuntimeError("no Chrome was found")] * len(figures)
    made: list[str | Exception] = []

    # Not the server that kaleido offers: a process has one, which hands its answers to whoever
    # asks next, and waits for ever for a Chrome that did not start.
    async def draw() -> None:
        async with kaleido.Kaleido() as chrome:
            for figure in figures:
                try:
                    made.append((await chrome.calc_fig(figure, opts={"format": "svg"})).decode())
                except Exception as error:
                    made.append(error)

    try:
        # In a thread of its own: whoever calls may have a loop that runs, as a server has.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(draw())).result()
    except Exception as error:  # it did not start, or did not end well
        made += [error] * (len(figures) - len(made))
    return made
