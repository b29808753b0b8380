"""Keep what a function has made of the latest states of a file, and no more.

A server reads each notebook on every save. What was made of a state that is two saves old is of no
use to it, and a notebook may hold many megabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["latest"]

Made = TypeVar("Made")

#: So many states of a file count: the one that it has, and the one before.
STATES = 2
#: So many files count.
FILES = 256


def latest(of: Callable[..., Path]) -> Callable[[Callable[..., Made]], Callable[..., Made]]:
    """Let a function return what it has made of the same arguments before.

    `of` takes them too, and returns the file that they are about.
    """

    def decorated(make: Callable[..., Made]) -> Callable[..., Made]:
        known: dict[Path, dict[tuple[Any, ...], Made]] = {}

        @wraps(make)
        def kept(*arguments: Any) -> Made:
            file = of(*arguments)
            states = known.get(file, {})
            made = states[arguments] if arguments in states else make(*arguments)
            others = [item for item in states.items() if item[0] != arguments]
            known.pop(file, None)  # it comes last
            known[file] = {**dict(others[1 - STATES :]), arguments: made}
            for old in list(known)[:-FILES]:  # other threads may be at it, too
                known.pop(old, None)
            return made

        return kept

    return decorated
