"""Keep the keys of notebooks from build to build, while nothing that they are made of is touched.

A key takes reading and parsing every module that a notebook imports. What has the same size, times
and place on the disk as when a key was made need not be read again: then the key is the same. A
file that had just been written may be written again without any of these showing it, so keys made
of such a file are not kept.
"""

from __future__ import annotations

import hashlib
import time
from functools import cached_property
from pathlib import Path
from typing import Any

from notebook_embed.cache import Key
from notebook_embed.kept_json import installed, read_kept, write_kept

__all__ = ["KeptKeys"]

#: Nanoseconds in which a file may change without its times showing it, on the coarsest of clocks.
TICK = 2_000_000_000


class KeptKeys:
    """The keys of a site's notebooks that an earlier process has made, in a file of its own."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._now: dict[str, Any] = {}

    @cached_property
    def _kept(self) -> dict[str, Any]:
        return read_kept(self._file)  # a server, which knows its keys, never asks

    def find(self, uri: str, state: str, declared: list[Path]) -> Key | None:
        """Return the key of a notebook, if nothing was touched since it was made.

        `state` tells all that it depends on beside files, `declared` the files that are its inputs.
        """
        found = self._kept.get(uri)
        if found is None or found["state"] != _whole(state):
            return None
        if found["declared"] != [str(path) for path in declared]:
            return None
        stamps = {Path(path): tuple(then) for path, then in found["stamps"].items()}
        key = Key(uri, dict(found["parts"]), stamps, frozenset(found["imports"]))
        return None if key.outdated() else key

    def note(self, key: Key, state: str, declared: list[Path]) -> None:
        """Keep a key for the next process."""
        if any(max(then[:2]) + TICK > time.time_ns() for then in key.stamps.values()):
            return
        self._now[key.notebook] = {
            "state": _whole(state),
            "declared": [str(path) for path in declared],
            "parts": key.parts,
            "stamps": {str(path): list(then) for path, then in key.stamps.items()},
            "imports": sorted(key.imports),
        }

    def save(self) -> None:
        """Write down what was noted; where that cannot be, the next process makes its keys anew."""
        if self._now and self._now != self._kept:
            write_kept(self._file, self._now)


def _whole(state: str) -> str:
    return hashlib.sha256(f"{state} {installed()}".encode()).hexdigest()
