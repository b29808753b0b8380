"""A plotly figure without a static image gets one from a Chrome, or a warning names its cell."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from notebook_embed.notebook import Notebook
from notebook_embed.outputs import PLOTLY
from notebook_embed.static_images import draw_bare_plotly
from tests.support.given_outputs import SVG, Docs

Chromium = pytest.importorskip("choreographer.browsers.chromium").Chromium

FIGURE = {"data": [{"type": "scatter", "y": [1, 3, 2]}], "layout": {}}


def ran(docs: Docs, **data: Any) -> tuple[nbformat.NotebookNode, Notebook]:
    docs.notebook("# %%\n#| label: plot\nx\n", {})
    notebook = docs.library.notebooks["nb/x.py"]
    node = nbformat.from_dict(notebook.node)
    node.cells[0].outputs = [nbformat.v4.new_output("display_data", data={PLOTLY: FIGURE, **data})]
    return node, notebook


def test_a_chrome_draws_it(docs: Docs) -> None:
    node, notebook = ran(docs)
    warnings: list[str] = []
    draw_bare_plotly(node, notebook, warnings.append)
    assert not warnings
    assert node.cells[0].outputs[0].data["image/svg+xml"].startswith("<svg")


def test_without_a_chrome_the_cell_is_named(docs: Docs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chromium, "find_browser", lambda **_: None)
    node, notebook = ran(docs)
    warnings: list[str] = []
    draw_bare_plotly(node, notebook, warnings.append)
    assert "image/svg+xml" not in node.cells[0].outputs[0].data
    (warning,) = warnings
    assert "nb/x.py:2 (cell plot): a plotly figure without a static image" in warning


def test_a_figure_that_brings_its_image_starts_no_chrome(
    docs: Docs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(**_: object) -> None:
        raise AssertionError("looked for a Chrome")

    monkeypatch.setattr(Chromium, "find_browser", no)
    node, notebook = ran(docs, **{"image/svg+xml": SVG})
    draw_bare_plotly(node, notebook, lambda _: None)
