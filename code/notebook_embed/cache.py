"""Keep executed notebooks, each under a key made of everything its result depends on.

An entry is one file: a line with the sha256 of the rest, a line with the parts of its key (kept to
say which of them changed), and the executed notebook. It is written aside, synced and renamed, so
that a build killed at any moment leaves whole entries only; a damaged one is noticed and run again.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import filelock

from notebook_embed.errors import EmbedError, shown
from notebook_embed.files import HALF_WRITTEN, write_whole, writing
from notebook_embed.imports import stamp, stamp_if_there
from notebook_embed.progress import log

__all__ = ["Cache", "Key", "clear_old"]

# The form of an entry. A new form makes all older entries count as absent.
FORM = "notebook-embed 2"
# So many entries of a notebook stay: going back to an earlier version of a module costs nothing.
KEPT = 8
# After so long (30 days) without use that of other notebooks goes.
UNUSED_SECONDS = 30 * 24 * 3600
# The names of an entry and of a lock: the folder may hold files of others, too.
_HEX = "[0-9a-f]"
_ENTRY, _LOCK = f"*.{_HEX * 32}.executed", f"locks/{_HEX * 64}.lock"


@dataclass(frozen=True)
class Key:
    """What an executed notebook depends on, by name, as text.

    `stamps` tells the state in which each of the files was read, `imports` what the notebook and
    its modules import of other people's; both are no part of the key.
    """

    notebook: str
    parts: dict[str, str]
    stamps: dict[Path, tuple[int, ...]] = field(default_factory=dict, compare=False)
    imports: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def digest(self) -> str:
        text = json.dumps([FORM, self.notebook, self.parts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def outdated(self) -> list[Path]:
        """List the files that changed since the key was made, be it for a moment."""
        found = []
        for path, then in self.stamps.items():
            try:
                same = stamp(path) == then
            except OSError:
                same = False
            if not same:
                found.append(path)
        return found

    def differences(self, older: dict[str, str]) -> list[str]:
        """Say which parts differ from those of an older key, one line each."""
        lines = []
        for name in sorted(self.parts.keys() | older.keys()):
            now, then = self.parts.get(name), older.get(name)
            if then is None:
                lines.append(f"{name}: new")
            elif now is None:
                lines.append(f"{name}: gone")
            elif now != then:
                short = len(now) < 60 and len(then) < 60
                lines.append(f"{name}: {then} -> {now}" if short else f"{name}: changed")
        return lines


class Cache:
    """A folder of executed notebooks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, key: Key) -> str | None:
        """Return the executed notebook (JSON) under `key`, or None.

        Raises
        ------
        EmbedError : the folder is none, or the system does not let it be read.
        """
        path = self._path(key)
        if (known := _loaded.get(path)) is not None and known[0] == stamp_if_there(path):
            return known[1]
        found = self._read(path)
        if found is None:
            return None
        with contextlib.suppress(OSError):  # another process may clear away, or own it
            os.utime(path)
        if (now := stamp_if_there(path)) is not None:
            _loaded.pop(path, None)  # it comes last
            _loaded[path] = now, found[1]
            begins = str(self.folder / f"{_stem(key.notebook)}.")
            same = [one for one in list(_loaded) if str(one).startswith(begins)]
            for old in [*same[:-2], *list(_loaded)[:-256]]:
                _loaded.pop(old, None)
        return found[1]

    def store(self, key: Key, executed: str) -> None:
        """Keep `executed` under `key`; what was there stays whole should this fail.

        Raises
        ------
        EmbedError : the disk is full or cannot be written.
        """
        body = json.dumps(key.parts, sort_keys=True) + "\n" + executed
        digest = hashlib.sha256(body.encode()).hexdigest()
        path = self._path(key)
        write_whole(path, f"{FORM} {digest}\n{body}".encode())
        # This one stays, though others are as new by a coarse clock, or newer by one put back.
        others = [one for one in self._newest_first(key) if one != path]
        for old in others[KEPT - 1 :]:
            old.unlink(missing_ok=True)

    def why(self, key: Key) -> list[str]:
        """Say why there is no entry under `key`: what changed since the latest one."""
        for path in self._newest_first(key):
            if (found := self._read(path)) is not None:
                return key.differences(found[0]) or ["nothing changed: run afresh as asked"]
        return ["never run before"]

    def knows(self, key: Key, part: str) -> bool:
        """Tell whether a result is kept whose key has the same `part`, whatever the others are."""
        found = (self._read(path) for path in self._entries(key))
        return any(one[0].get(part) == key.parts[part] for one in found if one is not None)

    @contextlib.contextmanager
    def lock(self, key: Key, cancelled: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Let one process at a time work on `key`; the system frees the lock of a dead process.

        Raises
        ------
        filelock.Timeout : `cancelled` says so while this process waits.
        """
        path = self.folder / "locks" / f"{key.digest}.lock"
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(path)
            lock.acquire(cancel_check=cancelled)
        try:
            yield
        finally:
            lock.release()

    def clear_away(self, notebooks: Iterable[str]) -> None:
        """Drop what no one has used for long, but for the results of `notebooks`.

        Other states of a project, and other sites, may keep theirs in the same folder.
        """
        stems = {f"{_stem(notebook)}." for notebook in notebooks}
        clear_old(self.folder, (HALF_WRITTEN,))
        for path in _old(self.folder, _ENTRY):
            if f"{path.name.removesuffix('.executed').rpartition('.')[0]}." not in stems:
                path.unlink(missing_ok=True)
        for path in _old(self.folder, _LOCK):
            lock = filelock.FileLock(path)
            with contextlib.suppress(filelock.Timeout, OSError), lock.acquire(timeout=0):
                path.unlink(missing_ok=True)

    def _path(self, key: Key) -> Path:
        return self.folder / f"{_stem(key.notebook)}.{key.digest[:32]}.executed"

    def _entries(self, key: Key) -> list[Path]:
        return list(self.folder.glob(f"{glob.escape(_stem(key.notebook))}.*.executed"))

    def _newest_first(self, key: Key) -> list[Path]:
        """List them by when they were last of use; another process may clear away meanwhile."""
        stamps = {path: stamp_if_there(path) for path in self._entries(key)}
        there = {path: now[0] for path, now in stamps.items() if now is not None}
        return sorted(there, key=lambda path: there[path], reverse=True)

    def _read(self, path: Path) -> tuple[dict[str, str], str] | None:
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EmbedError(
                f"the cache cannot be read: {error.strerror or error}",
                file=self.folder,
                remedy="It is a folder: mend its permissions, remove what stands in its place, or "
                "name another one, as in 'cache: .notebook-cache'.",
            ) from error
        head, _, body = raw.partition(b"\n")
        if head.decode("ascii", "replace") == f"{FORM} {hashlib.sha256(body).hexdigest()}":
            parts, _, executed = body.decode().partition("\n")
            return json.loads(parts), executed
        log.info(
            "The cache entry %s is damaged: it is dropped, the notebook runs again.", shown(path)
        )
        path.unlink(missing_ok=True)
        return None


def clear_old(folder: Path, patterns: Iterable[str]) -> None:
    """Remove files and folders that were not touched for long, such as those of killed builds."""
    for path in [path for pattern in patterns for path in _old(folder, pattern)]:
        with contextlib.suppress(OSError):  # another process may clear away, too
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _old(folder: Path, pattern: str) -> list[Path]:
    """List what nobody has used for so many seconds that nobody will."""
    now = time.time()
    stamps = {path: stamp_if_there(path) for path in folder.glob(pattern)}
    return [p for p, then in stamps.items() if then and now - then[0] / 1e9 > UNUSED_SECONDS]


# What this process has read: a server asks for the same on every save. Threads share it without a
# lock: it is only ever listed at once, and what one looks at may be gone for another.
_loaded: dict[Path, tuple[tuple[int, ...], str]] = {}


def _stem(notebook: str) -> str:
    """Return the name of a notebook's entries: its URI, cut where file systems would refuse it."""
    name = notebook.replace("/", "--")
    if len(os.fsencode(name)) <= 140:
        return name
    return f"{name[:30]}-{hashlib.sha256(notebook.encode()).hexdigest()[:16]}"
