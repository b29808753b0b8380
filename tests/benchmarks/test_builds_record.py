"""The README's figures are those of the recorded runs, and the sites that they time can be built."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

import builds
from notebook_embed.library import Library
from notebook_embed.markdown_extension import check_embeds

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["audit", "builds", "faults", "peers", "saves", "scale"])
def test_the_readme_shows_the_recorded_run(name: str) -> None:
    program = importlib.import_module(name)
    record = json.loads((ROOT / f"benchmarks/{name}.json").read_text("utf-8"))
    assert program.table(record) in (ROOT / "README.md").read_text("utf-8")


def test_the_timed_site_embeds_only_notebooks_that_it_has(tmp_path: Path) -> None:
    builds.prepare("embed", tmp_path)
    docs = tmp_path / "docs"
    library = Library.read(docs, "notebooks")
    assert len(library.notebooks) == builds.NOTEBOOKS
    alts = [
        check_embeds(library, page, page.relative_to(docs).as_posix())
        for page in docs.rglob("*.md")
    ]
    assert sum(map(len, alts)) == builds.NOTEBOOKS
