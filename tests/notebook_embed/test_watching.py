"""A save is noticed, once, whoever tells of it."""

from __future__ import annotations

import errno
import itertools
import os
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("watchdog")

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from notebook_embed import watching
from notebook_embed.folders import leads_up
from notebook_embed.watching import Watcher, _listed, is_passing

PATIENCE = 600


class Seen(FileSystemEventHandler):
    """Keeps the states of files that it was told of: name and text."""

    def __init__(self) -> None:
        self.told: queue.Queue[tuple[str, str | None]] = queue.Queue()

    def on_any_event(self, event: FileSystemEvent) -> None:
        path = Path(os.fsdecode(event.dest_path or event.src_path))
        text = None
        with suppress(FileNotFoundError, IsADirectoryError):  # it may have gone since
            text = path.read_text("utf-8")
        self.told.put((path.name, text))

    def wait_until_there(self, path: Path) -> None:
        """Write a file again and again: the first look finds what has changed before it as it is."""
        for number in itertools.count():
            path.write_text(str(number), "utf-8")
            with suppress(queue.Empty):
                while self.told.get(timeout=0.2)[0] != path.name:
                    pass
                return

    def wait_for(self, name: str, text: str | None) -> list[tuple[str, str | None]]:
        """Return what was told, up to this."""
        found = [self.told.get(timeout=PATIENCE)]
        while found[-1] != (name, text):
            found.append(self.told.get(timeout=PATIENCE))
        return found


@contextmanager
def watched(*paths: Path) -> Iterator[tuple[Watcher, Seen]]:
    watcher, seen = Watcher(), Seen()
    for path in paths:
        watcher.schedule(seen, str(path))
    watcher.start()
    try:
        seen.wait_until_there(paths[0] / "first.md")
        yield watcher, seen
    finally:
        watcher.stop()
        watcher.join()


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "inotify watch limit reached")


def by_the_system(patch: pytest.MonkeyPatch) -> None:
    if not watching.ABLE:
        pytest.skip("by looks alone on this system")
    patch.setattr(watching, "SELDOM_SECONDS", 10 * PATIENCE)


def by_looks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(watching, "ABLE", False)


def by_looks_as_watches_run_out(patch: pytest.MonkeyPatch) -> None:
    if watching.ABLE:
        patch.setattr(Observer, "schedule", refuse)


def by_looks_as_nothing_starts(patch: pytest.MonkeyPatch) -> None:
    if watching.ABLE:
        patch.setattr(Observer, "start", refuse)


def by_looks_as_nothing_is_told(patch: pytest.MonkeyPatch) -> None:
    """As on a network drive."""
    patch.setattr(watching, "SELDOM_SECONDS", 0.05)
    if watching.ABLE:
        patch.setattr(Observer, "start", lambda self: None)


@pytest.fixture(
    params=[
        by_the_system,
        by_looks,
        by_looks_as_watches_run_out,
        by_looks_as_nothing_starts,
        by_looks_as_nothing_is_told,
    ]
)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    noticed: Callable[[pytest.MonkeyPatch], None] = request.param
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.05)
    noticed(monkeypatch)


def replace(path: Path, text: str) -> None:
    aside = path.with_name("aside.new")
    aside.write_text(text, "utf-8")
    aside.replace(path)


@pytest.mark.usefixtures("way")
def test_whatever_is_saved_is_noticed(tmp_path: Path) -> None:
    docs, alone = tmp_path / "docs", tmp_path / "mkdocs.yml"
    (docs / "posts").mkdir(parents=True)
    post = docs / "posts/one.md"
    for path in (post, alone):
        path.write_text("as it was", "utf-8")
    with watched(docs, alone) as (_, seen):
        post.write_text("saved", "utf-8")
        seen.wait_for("one.md", "saved")
        replace(post, "saved otherwise")
        seen.wait_for("one.md", "saved otherwise")
        for text in ("replaced", "replaced again"):  # as many editors save
            replace(alone, text)
            seen.wait_for("mkdocs.yml", text)
        alone.write_text("written", "utf-8")
        seen.wait_for("mkdocs.yml", "written")
        (docs / "new").mkdir()
        (docs / "new/two.md").write_text("new", "utf-8")
        seen.wait_for("two.md", "new")
        post.unlink()
        seen.wait_for("one.md", None)


@pytest.mark.usefixtures("way")
def test_what_editors_and_python_leave_is_no_save(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    names = (".post.md.swp", "4913", "post.md~", ".#post.md", "#post.md#", "__pycache__/a.pyc")
    with watched(tmp_path) as (_, seen):
        for name in names:
            (tmp_path / name).write_text("x", "utf-8")
        (tmp_path / "post.md").write_text("saved", "utf-8")
        told = {name for name, _ in seen.wait_for("post.md", "saved")}
        assert told <= {"post.md", "first.md"}


@pytest.mark.parametrize("name", ["post.md", ".htaccess", "a~b.md", "x.sw", "#tag.md", ".swp.md"])
def test_what_an_author_may_write_counts(name: str) -> None:
    assert not is_passing(name)
    assert not is_passing(f"/docs/{name}")


def test_looks_do_not_tell_again_what_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SELDOM_SECONDS", 0.02)
    with watched(tmp_path) as (_, seen):
        for number in range(20):
            replace(tmp_path / "post.md", f"saved {number}")
            seen.wait_for("post.md", f"saved {number}")
        for number in range(5):  # both have told all of it by the third
            text = "x" * (number + 1)  # of another length: the time may be the last one's
            (tmp_path / "last.md").write_text(text, "utf-8")
            rest = seen.wait_for("last.md", text)
        assert {name for name, _ in rest} == {"last.md"}


@pytest.mark.usefixtures("way")
def test_what_is_saved_while_looks_are_held_back_is_seen_after(tmp_path: Path) -> None:
    with watched(tmp_path) as (watcher, seen):
        (tmp_path / "before.md").write_text("# Saved", "utf-8")
        seen.wait_for("before.md", "# Saved")
        with watcher.held_back():
            (tmp_path / "meanwhile.md").write_text("# Saved", "utf-8")
        seen.wait_for("meanwhile.md", "# Saved")


def test_a_fork_watches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(tmp_path) as (watcher, seen):
        monkeypatch.setattr(os, "getpid", lambda: 0)
        assert watcher.schedule(seen, str(tmp_path / "more")) == ()
        watcher.unschedule(())


def test_what_is_not_there_yet_is_told_once_it_is(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    with watched(tmp_path / "docs") as (watcher, seen):
        watcher.schedule(seen, str(tmp_path / "data"))
        watcher.schedule(seen, str(tmp_path / "list.txt"))
        (tmp_path / "beside.txt").write_text("", "utf-8")
        replace(tmp_path / "list.txt", "a")  # a look between making and writing it would tell two
        told = seen.wait_for("list.txt", "a")
        (tmp_path / "data").mkdir()
        told += seen.wait_for("data", None)
        assert [name for name, _ in told if name != "first.md"] == ["list.txt", "data"]
        seen.wait_until_there(tmp_path / "data/x.txt")


def test_what_comes_to_match_a_pattern_is_told_once(tmp_path: Path) -> None:
    for folder in ("docs", "a[1]", "a[1]/folder.json"):
        (tmp_path / folder).mkdir()
    top = tmp_path / "a[1]"
    (top / "there.json").write_text("there", "utf-8")
    with watched(tmp_path / "docs") as (watcher, seen):
        watcher.schedule(seen, str(top / "*.json"))
        (top / "other.txt").write_text("other", "utf-8")
        replace(top / "new.json", "new")
        told = seen.wait_for("new.json", "new")
        replace(top / "newer.json", "newer")
        told += seen.wait_for("newer.json", "newer")
        assert [name for name, _ in told if name != "first.md"] == ["new.json", "newer.json"]


def test_what_may_not_be_read_at_first_is_awaited_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    with watched(tmp_path / "docs") as (watcher, seen):
        watcher.schedule(seen, str(tmp_path / "data"))
        schedule, refused = watcher.schedule, list[object]()

        def refuse_once(*given: Any, **options: Any) -> Any:
            if not refused:
                refused.append(given)
                raise PermissionError(errno.EACCES, "Permission denied")
            return schedule(*given, **options)

        monkeypatch.setattr(watcher, "schedule", refuse_once)
        (tmp_path / "data").mkdir()
        seen.wait_for("data", None)
        assert refused
        seen.wait_until_there(tmp_path / "data/x.txt")


LEAD_UP = {
    "at once": {"a": ".", "b": ".", "c": "."},
    "through each other": {"a/1": "../b", "a/2": "../b", "b/1": "../a", "b/2": "../a"},
    "through a folder elsewhere": {"a/1": "../../beside", "../beside/2": "../top/a"},
}


@pytest.mark.parametrize("links", LEAD_UP.values(), ids=LEAD_UP)
def test_looks_come_to_an_end_where_links_lead_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: dict[str, str]
) -> None:
    monkeypatch.setattr(watching, "ABLE", False)
    top = tmp_path / "top"
    top.mkdir()
    for name, to in links.items():
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).symlink_to(to)
    waiting, count = [str(top)], 0
    while waiting:
        waiting += [entry.path for entry in _listed(waiting.pop()) if entry.is_dir()]
        assert (count := count + 1) < 20
    with watched(top) as (_, seen):
        seen.wait_until_there(top / "x.txt")


def test_a_junction_leads_up_as_a_link_does(tmp_path: Path) -> None:
    """Windows has them, and Python 3.12 knows them."""
    (tmp_path / "a").symlink_to(".")
    junction = SimpleNamespace(
        path=str(tmp_path / "a"),
        is_symlink=lambda: False,
        is_junction=lambda: True,
        is_dir=lambda: True,
    )
    assert leads_up(junction)  # type: ignore[arg-type]
