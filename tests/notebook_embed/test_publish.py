"""A new site takes the place of the old one whole."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from notebook_embed import publish
from notebook_embed.errors import EmbedError
from notebook_embed.progress import log
from notebook_embed.publish import bring_back, only_build, set_source_date, swap_in


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


@pytest.mark.parametrize("exchanged", [True, False])
def test_what_is_hidden_in_a_site_and_no_build_has_put_there_stays(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, exchanged: bool
) -> None:
    if not exchanged:
        monkeypatch.setattr(publish, "_exchange", lambda first, second: False)
    new, site = folders
    for folder, of in ((site, "old"), (new, "new")):
        folder.mkdir(exist_ok=True)
        (folder / ".htaccess").write_text(of)
    (site / ".git").mkdir()
    (site / ".git/HEAD").write_text("ref")
    (site / ".nojekyll").write_text("")
    (site / "old.html").write_text("old")
    swap_in(new, site)
    assert (site / ".git/HEAD").read_text() == "ref"
    assert (site / ".nojekyll").exists()
    assert (site / ".htaccess").read_text() == "new"
    assert not (site / "old.html").exists()
    assert sorted(path.name for path in site.parent.iterdir()) == [site.name]


def test_what_is_hidden_and_may_not_move_stays_where_it_is(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of another owner cannot be moved into another folder."""
    new, site = folders
    make(site, {".git/HEAD": "ref", ".a": "moved first"})
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name == ".git":
            raise OSError(errno.EACCES, "Permission denied")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    swap_in(new, site)
    assert (site / "index.html").read_text() == "new"
    assert (site / ".git/HEAD").read_text() == "ref"
    assert (site / ".a").read_text() == "moved first"


def interrupt() -> None:
    raise KeyboardInterrupt


class StopsAt:
    """Ctrl-C before the line of the module that is the `step`-th to be reached, while it is open."""

    def __init__(self, step: int, stop: Callable[[], None] = interrupt) -> None:
        self.left, self.stop = step, stop

    def __enter__(self) -> StopsAt:
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != publish.__file__:
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                self.stop()
        return self.trace


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("volume", [None, "/dev/shm"])
def test_a_site_is_whole_wherever_publishing_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool, volume: str | None
) -> None:
    if not at_once:
        monkeypatch.setattr(publish, "_exchange", lambda *_: False)
    if volume and not Path(volume).is_dir():
        pytest.skip("there is no second file system")
    hidden = {".git/HEAD": "ref", ".nojekyll": ""}
    with tempfile.TemporaryDirectory(dir=volume) as name:
        for step in itertools.count(1):
            new = make(tmp_path / f"{step}/new", {"index.html": "new"})
            site = make(Path(name) / f"{step}/site", {"index.html": "old"} | hidden)
            with contextlib.suppress(KeyboardInterrupt), StopsAt(step) as clock:
                swap_in(new, site)
            shutil.rmtree(new, ignore_errors=True)  # as a build does that has been stopped
            found = {path: (site / path).read_text() for path in ("index.html", *hidden)}
            assert found in [{"index.html": text} | hidden for text in ("old", "new")], step
            if clock.left > 0:  # it came to its end
                break
    assert step > 10


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be killed")
def test_the_next_build_brings_back_what_is_hidden_wherever_one_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    if not at_once:
        monkeypatch.setattr(publish, "_exchange", lambda *_: False)
    hidden = {".git/HEAD": "ref", ".nojekyll": ""}
    for step in itertools.count(1):
        new = make(tmp_path / f"{step}/new", {"index.html": "new"})
        site = make(tmp_path / f"{step}/site", {"index.html": "old"} | hidden)
        if (child := os.fork()) == 0:
            try:
                with StopsAt(step, lambda: os._exit(9)):
                    swap_in(new, site)
            finally:
                os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        bring_back(site)
        shutil.rmtree(new, ignore_errors=True)  # as the next build does, which then fails
        found = {path: (site / path).read_text() for path in ("index.html", *hidden)}
        assert found in [{"index.html": text} | hidden for text in ("old", "new")], step
        assert [path.name for path in site.parent.iterdir()] == ["site"], step
        if ended == 0:  # it came to its end
            break
    assert step > 10


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


def test_the_folders_above_a_site_are_made(tmp_path: Path) -> None:
    make(tmp_path / "new", {"index.html": "new"})
    swap_in(tmp_path / "new", tmp_path / "www/blog/site")
    assert (tmp_path / "www/blog/site/index.html").read_text() == "new"


def test_a_link_stays_a_link(folders: tuple[Path, Path], tmp_path: Path) -> None:
    new, site = folders
    link = tmp_path / "here/site"
    link.parent.mkdir()
    link.symlink_to(site)
    swap_in(new, link)
    assert link.is_symlink()
    assert (site / "index.html").read_text() == "new"
    nowhere = tmp_path / "here/first"
    nowhere.symlink_to("../www")
    make(tmp_path / "again", {"index.html": "again"})
    swap_in(tmp_path / "again", nowhere)
    assert nowhere.is_symlink()
    assert (tmp_path / "www/index.html").read_text() == "again"


def make(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


OLD = {"index.html": "old", "gone.html": "", "gone/x": "", "a/b.html": "old", "c": "", "d/x": ""}
OLD |= {".well-known/x": "kept", "lost+found/x": "kept"}
NEW = {"index.html": "new", "a/b.html": "new", "c/x": "new", "d": "new", ".nojekyll": ""}
KEPT = {".well-known/x": "kept", "lost+found/x": "kept"}


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("code", [errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EROFS])
def test_where_the_folder_cannot_be_exchanged_its_pieces_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool, code: int
) -> None:
    new, site = make(tmp_path / "new", NEW), make(tmp_path / "site", OLD)
    real, exchange = Path.rename, publish._exchange

    def rename(self: Path, target: Path) -> Path:
        if site in (self, target):
            raise OSError(code, "refused")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(
        publish, "_exchange", lambda a, b: at_once and site not in (a, b) and exchange(a, b)
    )
    told: list[str] = []
    monkeypatch.setattr(log, "info", lambda text, *values: told.append(text % values))
    swap_in(new, site)
    found = {p.relative_to(site).as_posix(): p.read_text() for p in site.rglob("*") if p.is_file()}
    assert found == NEW | KEPT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site"]
    assert "one by one" in told[0]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_a_site_on_another_file_system_is_copied_and_then_exchanged(
    folders: tuple[Path, Path],
) -> None:
    new, _ = folders
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        if new.stat().st_dev == Path(name).stat().st_dev:
            pytest.skip("the temporary folder is on the same file system")
        site = make(Path(name) / "site", OLD)
        swap_in(new, site)
        assert sorted(path.name for path in site.iterdir()) == [".well-known", "index.html"]
        assert sorted(path.name for path in Path(name).iterdir()) == ["site"]
    assert not new.exists()


def test_a_copy_that_finds_no_room_leaves_the_old_site(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    new, site = folders

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(publish, "_swap_whole", lambda *_: (_ for _ in ()).throw(OSError(16, "")))
    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(OSError, match="No space left"):
        swap_in(new, site)
    assert (site / "index.html").read_text() == "site"
    assert [path.name for path in site.iterdir()] == ["index.html"]


def test_a_file_in_the_place_of_the_site_is_refused(folders: tuple[Path, Path]) -> None:
    new, site = folders
    with pytest.raises(EmbedError, match="is a file"):
        swap_in(new, site / "index.html")


def test_a_second_build_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    lock = tmp_path / "build.lock"
    running = pytest.raises(EmbedError, match="another build of this site is running")
    with only_build(lock), running, only_build(lock):
        pass
    with only_build(lock):
        pass


def test_a_file_in_the_place_of_the_lock_s_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / ".cache").write_text("x")
    told = pytest.raises(EmbedError, match=r"(?s)cache/build.lock: cannot be written: .*A file st")
    with told, only_build(tmp_path / ".cache/build.lock"):
        pass


@pytest.mark.usefixtures("git_of_nobody")
def test_a_checkout_of_another_owner_is_dated_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(log, "warning", lambda text, *values: told.append(text % values))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run([*git, "init", "-q"], check=True)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "")  # set back afterwards
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    set_source_date(tmp_path)
    assert os.environ["SOURCE_DATE_EPOCH"] == "0"
    assert "does not tell the last commit: fatal:" in told.pop()
    date = {"GIT_COMMITTER_DATE": "@1700000000 +0000", "PATH": os.environ["PATH"]}
    commit = [*git, "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(commit, check=True, env=os.environ | date)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    refused = subprocess.run([*git, "log"], capture_output=True, text=True)
    assert "dubious ownership" in refused.stderr
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    set_source_date(tmp_path)
    assert os.environ["SOURCE_DATE_EPOCH"] == "1700000000"
    assert not told
