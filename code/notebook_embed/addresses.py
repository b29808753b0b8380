"""Two files with one address: the site would hold the one written last, and nobody be told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from mkdocs.structure.files import File

from notebook_embed.errors import EmbedError

__all__ = ["refuse_shared_addresses"]


def refuse_shared_addresses(files: Iterable[File], docs: Path) -> None:
    """Let each file of the site have an address of its own.

    Raises
    ------
    EmbedError : two files would be written to one place; names both.
    """
    taken: dict[str, File] = {}
    for file in files:
        if not file.inclusion.is_included():
            continue
        other = taken.setdefault(file.dest_uri, file)
        if other is not file:
            first, second = sorted((other, file), key=lambda one: one.src_uri)
            line = _line_of_slug(docs / second.src_uri)
            raise EmbedError(
                f"two files share the address {file.dest_uri}: {first.src_uri} and this one",
                file=docs / second.src_uri,
                line=line or 1,
                remedy="Give one of them another slug." if line else "Rename one of them.",
            )


def _line_of_slug(source: Path) -> int | None:
    """Return the line in which a page's front matter gives its slug, or None."""
    try:
        text = source.read_text("utf-8-sig") if source.suffix == ".md" else ""
    except (OSError, UnicodeDecodeError):
        return None
    head = re.match(r"---\s*\n(.*?)\n---", text, re.S)
    found = re.search(r"^slug\s*:", head[1], re.M) if head else None
    return head[1].count("\n", 0, found.start()) + 2 if head and found else None
