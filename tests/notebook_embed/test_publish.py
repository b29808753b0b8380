"""A new site takes the place of the old one whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_embed import publish
from notebook_embed.errors import EmbedError
from notebook_embed.publish import only_build, swap_in


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("new", "site"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
    return tmp_path / "new", tmp_path / "site"


@pytest.mark.parametrize("at_once", [True, False])
def test_the_new_site_replaces_the_old(
    folders: tuple[Path, Path], at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not at_once:
        monkeypatch.setattr(publish, "_exchange", lambda *_: False)
    new, site = folders
    swap_in(new, site)
    assert (site / "index.html").read_text() == "new"
    assert sorted(path.name for path in site.parent.iterdir()) == ["site"]


def test_a_first_site_is_put_in_place(folders: tuple[Path, Path]) -> None:
    new, site = folders
    swap_in(new, site.with_name("other"))
    assert (site.with_name("other") / "index.html").read_text() == "new"


def test_the_old_site_comes_back_where_the_swap_fails(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    new, site = folders
    monkeypatch.setattr(publish, "_exchange", lambda *_: False)
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self == new:
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="Input/output error"):
        swap_in(new, site)
    assert (site / "index.html").read_text() == "site"


def test_a_second_build_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    lock = tmp_path / "build.lock"
    running = pytest.raises(EmbedError, match="another build of this site is running")
    with only_build(lock), running, only_build(lock):
        pass
    with only_build(lock):
        pass
