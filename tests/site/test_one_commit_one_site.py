"""Two clean builds of one commit, in different folders, are the same to the byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.published import Site, build_site


def _tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_clean_build_elsewhere_is_the_same(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    project = tmp_path / "a folder with spaces"
    build_site(project, caches=False)
    assert (project / "build.code").read_text() == "0", (project / "build.log").read_text()
    assert "done in" in (project / "build.log").read_text(), "it ran its notebooks anew"
    # Asked for last: another process makes the site meanwhile.
    published: Site = request.getfixturevalue("published")
    assert _tree(project / "site") == _tree(published.folder)
