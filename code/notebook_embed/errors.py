"""The one error that authors see."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

__all__ = ["EmbedError", "joined", "nearest", "reason", "shown"]


class EmbedError(click.ClickException):
    """A mistake that an author can mend.

    Parameters
    ----------
    problem : what is wrong, in one sentence without a full stop.
    file, line : where it stands; `line` counts from 1.
    remedy : what to do about it.
    detail : what follows below, such as the traceback of a cell.
    cell : the label of the cell concerned.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        cell: str | None = None,
        remedy: str = "",
        detail: str = "",
    ) -> None:
        self.problem, self.file, self.line, self.cell = problem, file, line, cell
        self.remedy, self.detail = remedy, detail
        where = ""
        if file is not None:
            where = shown(file) + (f":{line}" if line else "")
            where += f" (cell {cell}): " if cell else ": "
        message = where + problem
        if remedy:
            message += f"\n  {remedy}"
        if detail:
            message += f"\n\n{detail.rstrip()}"
        super().__init__(message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Callable[[], EmbedError], tuple[()]]:
        """Travel between machines; the path is then shown as it looks from where it arrives."""
        parts = ("file", "line", "cell", "remedy", "detail")
        fields = {name: getattr(self, name) for name in parts}
        return partial(EmbedError, self.problem, **fields), ()


def joined(errors: Sequence[EmbedError]) -> EmbedError:
    """Return one error that tells all of them."""
    if len(errors) == 1:
        return errors[0]
    told = "\n\n".join(error.message for error in errors)
    return EmbedError(f"{len(errors)} notebooks failed.\n\n{told}")


def reason(error: BaseException) -> str:
    """Return in one line why something failed: the first one of some errors tells only where.

    YAML has the reason below what it was reading, a drawer of charts below what it was doing.
    """
    first, *below = str(error).strip().split("\n")
    if first.endswith(":") and below:
        first = f"{first} {below[0].strip()}"
    for one in (error, error.__cause__, error.__context__):
        problem = getattr(one, "problem", None)
        if isinstance(problem, str) and problem not in first:
            return f"{first}: {problem}"
    return first


def shown(path: str | Path) -> str:
    """Return `path` as an author would type it: relative to the working folder where it can be.

    A link there has its own name, not that of what it leads to.
    """
    for absolute in (os.path.abspath, os.path.realpath):  # the first follows no link
        with suppress(ValueError):
            return Path(absolute(path)).relative_to(Path.cwd()).as_posix()
    return Path(path).as_posix()


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return a hint such as ``Did you mean 'red-filter'?``, followed by what there is."""
    known = sorted(choices)
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(repr(c) for c in close)}? " if close else ""
    if not known:
        return hint + "There is none."
    listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"{hint}There is: {listed}."
