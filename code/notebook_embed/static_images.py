"""Draw the static image of plotly figures that bring none, where a Chrome is found."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
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
    Without a Chrome `warn` is told the file, line and cell.
    """
    bare = [
        (cell, output)
        for cell, raw in zip(notebook.cells, node.cells, strict=True)
        for output in raw.get("outputs", [])
        if PLOTLY in output.get("data", {}) and not any(mime in output.data for mime in IMAGES)
    ]
    if not bare:
        return
    with _chrome() as draw:
        for cell, output in bare:
            try:
                output.data["image/svg+xml"] = draw(output.data[PLOTLY])
            except Exception as error:  # whatever Chrome says, the figure is there without a still
                warn(
                    f"{shown(notebook.path)}:{cell.line} (cell {cell.name}): a plotly figure "
                    f"without a static image, which could not be drawn ({error}). Without "
                    "JavaScript a sentence stands there. Return an object whose "
                    "_repr_mimebundle_ also carries 'image/svg+xml', or install Chrome or Chromium."
                )


@contextlib.contextmanager
def _chrome() -> Iterator[Callable[[dict[str, Any]], str]]:
    reason = "no Chrome was found"

    def missing(figure: dict[str, Any]) -> str:
        raise RuntimeError(reason)

    try:
        import kaleido
        from choreographer.browsers.chromium import Chromium
    except ImportError:
        reason = "the package 'kaleido' is not installed"
        yield missing
        return
    if not Chromium.find_browser(skip_local=False):
        yield missing
        return
    kaleido.start_sync_server()
    try:
        yield lambda figure: kaleido.calc_fig_sync(figure, opts={"format": "svg"}).decode()
    finally:
        kaleido.stop_sync_server()
