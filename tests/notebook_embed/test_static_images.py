"""A plotly figure without a static image gets one from a Chrome, or a warning names its cell."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest

from notebook_embed.notebook import Notebook
from notebook_embed.outputs import PLOTLY
from notebook_embed.static_images import draw_bare_plotly
from tests.support.given_outputs import SVG, Docs

Chromium = pytest.importorskip("choreographer.browsers.chromium").Chromium

FIGURE = {"data": [{"type": "scatter", "y": [1, 3, 2]}], "layout": {}}


def ran(
    docs: Docs, figures: Sequence[dict[str, Any]] = (FIGURE,), **data: Any
) -> tuple[nbformat.NotebookNode, Notebook]:
    docs.notebook("# %%\n#| label: plot\nx\n", {})
    notebook = docs.library.notebooks["nb/x.py"]
    node = nbformat.from_dict(notebook.node)
    node.cells[0].outputs = [
        nbformat.v4.new_output("display_data", data={PLOTLY: figure, **data}) for figure in figures
    ]
    return node, notebook


def test_a_chrome_draws_it(docs: Docs) -> None:
    node, notebook = ran(docs)
    warnings: list[str] = []
    draw_bare_plotly(node, notebook, warnings.append)
    assert not warnings
    assert node.cells[0].outputs[0].data["image/svg+xml"].startswith("<svg")


def test_notebooks_that_end_at_the_same_time_get_their_own_figures(docs: Docs) -> None:
    def titled(title: str) -> dict[str, Any]:
        return FIGURE | {"layout": {"title": {"text": title}}}

    wanted = [[f"{name}{number}" for number in range(3)] for name in ("left", "right")]
    both = [ran(docs, [titled(title) for title in titles]) for titles in wanted]
    together, warnings = threading.Barrier(2), list[str]()

    def draw(node: nbformat.NotebookNode, notebook: Notebook) -> None:
        together.wait()
        draw_bare_plotly(node, notebook, warnings.append)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(draw, *zip(*both, strict=True)))
    assert not warnings
    for (node, _), titles in zip(both, wanted, strict=True):
        drawn = [output.data["image/svg+xml"] for output in node.cells[0].outputs]
        assert [re.findall(r">((?:left|right)\d)<", svg) for svg in drawn] == [[t] for t in titles]


def test_a_figure_is_drawn_where_a_loop_runs_already(docs: Docs) -> None:
    node, notebook = ran(docs)
    warnings: list[str] = []

    async def draw() -> None:
        draw_bare_plotly(node, notebook, warnings.append)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(draw())).result()
    assert not warnings
    assert node.cells[0].outputs[0].data["image/svg+xml"].startswith("<svg")


def test_a_chrome_that_does_not_start_is_told(
    docs: Docs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "chrome"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(broken))
    node, notebook = ran(docs, [FIGURE, FIGURE])
    warnings: list[str] = []
    draw_bare_plotly(node, notebook, warnings.append)
    assert len(warnings) == 2
    for warning in warnings:
        assert "nb/x.py:2 (cell plot): a plotly figure without a static image" in warning
    assert "image/svg+xml" not in node.cells[0].outputs[0].data


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
    node, notebook = ran(docs, (FIGURE,), **{"image/svg+xml": SVG})
    draw_bare_plotly(node, notebook, lambda _: None)
