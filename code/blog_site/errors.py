"""The one error that this package raises for a mistake that an author can mend."""

from __future__ import annotations

from pathlib import Path

from mkdocs.exceptions import BuildError

from notebook_embed.errors import shown

__all__ = ["SiteError"]


class SiteError(BuildError):
    """Stop the build with one line, ``FILE:LINE: problem``, and no traceback."""

    def __init__(
        self, problem: str, *, file: str | Path | None = None, line: int | None = None
    ) -> None:
        where = f"{shown(file)}{f':{line}' if line else ''}: " if file is not None else ""
        super().__init__(where + problem)
