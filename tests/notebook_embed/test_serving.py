"""What stops a build under a server is told without the way through the code that found it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

pytest.importorskip("mkdocs")

import watchdog.events
from mkdocs.exceptions import Abort, ConfigurationError, PluginError

from notebook_embed.errors import EmbedError
from notebook_embed.serving import Looks, Trouble


@pytest.mark.parametrize("kind", [EmbedError, ConfigurationError, PluginError, Abort, ValueError])
def test_only_a_fault_in_code_has_a_traceback(
    kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    trouble = Trouble()
    with trouble.caught():
        raise kind("the file is wrong")
    assert "the file is wrong" in trouble.text
    told = capsys.readouterr().err
    assert "the file is wrong" in told
    assert ("Traceback" in told) is (kind is ValueError)


def test_what_mkdocs_gives_up_for_is_told_in_its_place(tmp_path: Path) -> None:
    trouble = Trouble()
    with trouble.caught():
        try:
            raise EmbedError("there is no cell 'x'", file=tmp_path / "post.md", line=3)
        except EmbedError:
            raise Abort("Aborted with a BuildError!")  # noqa: B904 - as MkDocs does
    told = Trouble()
    told.note(EmbedError("there is no cell 'x'", file=tmp_path / "post.md", line=3))
    assert (trouble.text, trouble.file) == (told.text, told.file)
    assert trouble.file == tmp_path / "post.md"


def test_what_is_saved_while_looks_are_held_back_is_seen_after(tmp_path: Path) -> None:
    looks, seen = Looks(), {name: threading.Event() for name in ("before.md", "meanwhile.md")}

    class Handler(watchdog.events.FileSystemEventHandler):
        def on_any_event(self, event: watchdog.events.FileSystemEvent) -> None:
            if (name := Path(str(event.src_path)).name) in seen:
                seen[name].set()

    observer = looks.observer(0.01)
    observer.schedule(Handler(), str(tmp_path))
    observer.start()
    try:
        times = 0
        while not seen["before.md"].wait(0.05):  # the first look may have found it already
            times += 1
            (tmp_path / "before.md").write_text("#" * times, "utf-8")
        with looks.held_back():
            (tmp_path / "meanwhile.md").write_text("# Saved", "utf-8")
        assert seen["meanwhile.md"].wait(600)
    finally:
        observer.stop()
        observer.join()
