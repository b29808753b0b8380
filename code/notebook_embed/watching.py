"""Watch the files of a site while it is served: by what the system tells, and a look now and then.

MkDocs looks at all files again and again, as network drives and mounted volumes tell nothing. That
takes a while, and Python's time from the page that was saved. On Linux the system tells of a save
within a millisecond; looks that are far between find what it does not tell. Elsewhere, or where it
has no more to give, looks alone have to do, in short order.
"""

from __future__ import annotations

import glob
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.polling import PollingEmitter

from notebook_embed.folders import leads_up
from notebook_embed.imports import stamp_if_there

__all__ = ["Watcher", "is_passing"]

#: Seconds between two looks at the files, where nothing tells of a save; MkDocs takes .5.
LOOK_SECONDS = 0.15
#: The same, where the system tells of most.
SELDOM_SECONDS = 1.0
ABLE = sys.platform == "linux"

#: What tells of a save: to read a file, or to give it another mode, is none.
_SAVES: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
# Vim's, Emacs' and JetBrains', and what Python compiles.
_PASSING = re.compile(
    r"(.*/)?(\..*\.sw[a-px]|4913|.*~|\.#.*|#.*#|.*___jb_(tmp|old)___)|.*/__pycache__/.*", re.DOTALL
)


def is_passing(path: str) -> bool:
    """Tell whether a file is one that editors or Python write beside the files of an author."""
    return _PASSING.fullmatch(path) is not None


class Watcher:
    """Stands in for the observer of MkDocs' server, which has it watch files and folders.

    A save is told once, whoever has noticed it first.
    """

    def __init__(self) -> None:
        self._go = threading.Event()
        self._go.set()
        self._process, self._lock = os.getpid(), threading.Lock()
        self._noted: dict[str, tuple[int, ...] | None] = {}
        self._told: BaseObserver | None = Observer() if ABLE else None
        self._looks = BaseObserver(self._emitter(), timeout=LOOK_SECONDS)
        # By path: what is not there yet, and which files match it, if it is a pattern.
        self._awaited: dict[str, tuple[FileSystemEventHandler, bool, set[str]]] = {}
        self._ended = threading.Event()
        self._waits = threading.Thread(target=self._wait, daemon=True)

    @property
    def seconds(self) -> float:
        """Give the seconds between two looks."""
        return LOOK_SECONDS if self._told is None else SELDOM_SECONDS

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Look at nothing while something shall be quick; looks take half of Python's time."""
        self._go.clear()
        try:
            yield
        finally:
            self._go.set()

    def schedule(
        self, handler: FileSystemEventHandler, path: str, *, recursive: bool = True
    ) -> tuple[ObservedWatch, ...]:
        """Watch a file, or a folder; what `unschedule` takes comes back.

        What is not there yet is told once it is, and watched from then on. A name with * or ? is
        told of each file that comes to match it. Nothing in a fork, which would share what the
        system tells.
        """
        if os.getpid() != self._process:
            return ()
        if not os.path.exists(path):  # noqa: PTH110 - raises nothing, whatever the name
            self._awaited[path] = handler, recursive, _matching(path)
            return ()
        looks = self._looks.schedule(
            self._once(handler), path, recursive=recursive, event_filter=_SAVES
        )
        if self._told is None:
            return (looks,)
        # A file that another one takes the place of is a new one to the system: ask its folder.
        alone = path if Path(path).is_file() else None
        folder = path if alone is None else str(Path(path).parent)
        try:
            told = self._told.schedule(
                self._once(handler, alone),
                folder,
                recursive=recursive and alone is None,
                event_filter=_SAVES,
            )
        except OSError:  # there are no more watches to be had
            self._give_up()
            return (looks,)
        return looks, told

    def unschedule(self, watches: tuple[ObservedWatch, ...]) -> None:
        for observer, watch in zip(self._observers(), watches, strict=False):
            observer.unschedule(watch)

    def start(self) -> None:
        self._looks.start()
        self._waits.start()
        if self._told is not None:
            try:
                self._told.start()
            except OSError:
                self._give_up()

    def stop(self) -> None:
        self._go.set()
        self._ended.set()
        for observer in self._observers():
            observer.stop()

    def join(self) -> None:
        for observer in self._observers():
            with suppress(RuntimeError):  # it was never started
                observer.join()

    def _wait(self) -> None:
        """Look for what is not there yet, again and again."""
        while not self._ended.wait(self.seconds):
            self._go.wait()
            for path, awaited in list(self._awaited.items()):
                handler, recursive, known = awaited
                if not os.path.exists(path):  # noqa: PTH110
                    self._awaited[path] = handler, recursive, (now := _matching(path))
                    for one in sorted(now - known):
                        self._once(handler).dispatch(FileCreatedEvent(one))
                    continue
                del self._awaited[path]
                try:
                    self.schedule(handler, path, recursive=recursive)
                except OSError:  # it went again, or may not be read yet
                    self._awaited[path] = awaited
                    continue
                self._once(handler).dispatch(FileCreatedEvent(path))

    def _observers(self) -> Iterator[BaseObserver]:
        yield self._looks
        if self._told is not None:
            yield self._told

    def _give_up(self) -> None:
        """Let looks find everything."""
        told, self._told = self._told, None
        if told is not None:
            told.stop()

    def _once(self, handler: FileSystemEventHandler, alone: str | None = None) -> _Once:
        return _Once(handler, self._noted, self._lock, alone)

    def _emitter(self) -> type[PollingEmitter]:
        watcher = self

        class Looks(PollingEmitter):
            def queue_events(self, timeout: float) -> None:
                super().queue_events(watcher.seconds)

            def __init__(self, queue: Any, watch: ObservedWatch, **options: Any) -> None:
                super().__init__(queue, watch, listdir=_listed, **options)
                look = self._take_snapshot

                def when_it_may() -> Any:
                    watcher._go.wait()
                    return look()

                self._take_snapshot = when_it_may

        return Looks


def _matching(path: str) -> set[str]:
    """List the files in a folder whose names match a pattern; none match what is no pattern."""
    folder, name = os.path.split(path)
    if not set(name) & set("*?"):
        return set()
    found = (os.path.join(folder, one) for one in glob.glob(name, root_dir=folder))  # noqa: PTH118, PTH207
    return {one for one in found if os.path.isfile(one)}  # noqa: PTH113


def _listed(folder: str | None) -> Iterator[os.DirEntry[str]]:
    """List a folder without links that lead up, which looks would follow without end."""
    with os.scandir(folder) as found:
        yield from (entry for entry in found if not leads_up(entry))


class _Once(FileSystemEventHandler):
    """Hands on what tells of a file's new state, where nothing has told of it before.

    Of one file `alone`, if it is given.
    """

    def __init__(
        self,
        handler: FileSystemEventHandler,
        noted: dict[str, tuple[int, ...] | None],
        lock: threading.Lock,
        alone: str | None,
    ) -> None:
        self._handler, self._noted, self._lock, self._alone = handler, noted, lock, alone

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.is_directory:
            return
        paths = {str(path) for path in (event.src_path, event.dest_path) if path}
        new = [path for path in paths if self._is_new(path)]
        if new:
            self._handler.dispatch(event)

    def _is_new(self, path: str) -> bool:
        if is_passing(path) or self._alone not in (None, path):
            return False
        with self._lock:
            now = stamp_if_there(Path(path))
            was = self._noted.get(path, ())
            self._noted[path] = now
        return was != now
