"""Docs with notebooks whose outputs are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.given_outputs import CELLS, OUTPUTS, Docs


@pytest.fixture
def docs(tmp_path: Path) -> Docs:
    return Docs(tmp_path / "docs")


@pytest.fixture
def page(docs: Docs) -> Docs:
    """Docs with the notebook ``nb/x.py`` of `CELLS`."""
    docs.notebook(CELLS, OUTPUTS)
    return docs
