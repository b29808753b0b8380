"""The README's figures are those of the recorded runs, and the sites that they time can be built."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

import builds
import kinds
from notebook_embed.library import Library
from notebook_embed.markdown_extension import check_embeds
from tests.notebook_embed.corpus import NOTEBOOKS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "name", ["audit", "builds", "faults", "kinds", "live", "peers", "saves", "scale", "walk"]
)
def test_the_readme_shows_the_recorded_run(name: str) -> None:
    program = importlib.import_module(name)
    record = json.loads((ROOT / f"benchmarks/{name}.json").read_text("utf-8"))
    readme = getattr(program, "README", ROOT / "README.md")
    assert program.table(record) in readme.read_text("utf-8")


def test_each_kind_of_notebook_is_asked_about_and_recorded() -> None:
    rows = [row for rows in kinds.questions().values() for row in rows]
    asked = [name for row in rows for name in row.notebooks]
    assert sorted(asked) == sorted(NOTEBOOKS.keys() - kinds.BESIDES)
    shown = json.loads(kinds.RECORD.read_text("utf-8"))["shown"]
    for peer, answers in shown.items():
        assert list(answers) == asked, f"{peer}: record it anew"
        for row in rows:
            given = {answers[name] for name in row.notebooks}
            assert given <= {*row.answers, kinds.NO, kinds.WORDS}


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
