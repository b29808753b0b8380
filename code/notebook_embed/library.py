"""Look references to notebooks up: ``../notebooks/x.py#label``, as written in a page."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from notebook_embed.errors import EmbedError, nearest
from notebook_embed.notebook import SUFFIXES, Cell, Notebook, is_notebook, read_notebook
from notebook_embed.outputs import Output

__all__ = ["Embed", "Library", "SourceLine", "find_embeds"]


@dataclass(frozen=True)
class SourceLine:
    """A line of a page, for errors; `uri` is relative to ``docs/``."""

    file: Path
    uri: str
    line: int | None = None


@dataclass(frozen=True)
class Embed:
    """A reference to a notebook in a page; `alone` where its line holds nothing else."""

    href: str
    alt: str
    line: int
    alone: bool


@dataclass
class Library:
    """The notebooks of a site: as written, and, once they have run, what their cells put out.

    `outputs` maps a notebook's URI to the outputs of each of its cells by the cell's name, `alts`
    a notebook and a cell to the alt text that a page gives it, `pages` a notebook to the URL of its
    own page, and `used` a page's URI to the notebooks that it embeds.
    """

    docs: Path
    notebooks: dict[str, Notebook] = field(default_factory=dict)
    outputs: dict[str, dict[str, list[Output]]] = field(default_factory=dict)
    alts: dict[tuple[str, str], str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    used: dict[str, list[str]] = field(default_factory=dict)
    _left: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def read(cls, docs: Path, folder: str) -> Library:
        """Read every notebook below ``docs/folder``.

        Raises
        ------
        EmbedError : one of them is malformed.
        """
        library = cls(docs)
        for path in sorted((docs / folder).rglob("*")):
            hidden = any(part.startswith((".", "_")) for part in path.relative_to(docs).parts)
            if path.suffix in SUFFIXES and path.is_file() and not hidden and is_notebook(path):
                uri = path.relative_to(docs).as_posix()
                library.notebooks[uri] = read_notebook(path, uri)
        pages: dict[str, str] = {}
        for uri in library.notebooks:
            page = page_of(uri)
            if page in pages:
                raise EmbedError(
                    f"two notebooks share the page {page}: {pages[page]} and {uri}",
                    file=docs / uri,
                    line=1,
                    remedy="Rename one of them.",
                )
            pages[page] = uri
        return library

    def find(self, href: str, at: SourceLine) -> tuple[Notebook, Cell | None]:
        """Return the notebook and the cell (None: all cells) that `href` in a page means.

        Raises
        ------
        EmbedError : the path leaves ``docs/``, or there is no such notebook or label.
        """
        parts = urlsplit(href)
        path, label = unquote(parts.path), unquote(parts.fragment)
        uri = posixpath.normpath(posixpath.join(posixpath.dirname(at.uri), path))
        if self._leaves(uri) or posixpath.isabs(path):
            raise EmbedError(
                f"the path '{path}' leaves the docs folder",
                file=at.file,
                line=at.line,
                remedy="Notebooks are named relative to the page, below the docs folder.",
            )
        notebook = self.notebooks.get(uri)
        if notebook is None:
            written = {
                posixpath.relpath(known, posixpath.dirname(at.uri) or "."): known
                for known in self.notebooks
            }
            raise EmbedError(
                f"there is no notebook '{path}'",
                file=at.file,
                line=at.line,
                remedy=nearest(path, written),
            )
        if not label:
            return notebook, None
        cell = notebook.labels.get(label)
        if cell is None:
            raise EmbedError(
                f"the notebook '{path}' has no cell labelled '{label}'",
                file=at.file,
                line=at.line,
                remedy=nearest(label, notebook.labels),
            )
        return notebook, cell

    def _leaves(self, uri: str) -> bool:
        """Tell whether a path leads out of the docs folder, by name or by a link."""
        if uri not in self._left:
            path = self.docs / uri
            self._left[uri] = uri.startswith("../") or (
                path.exists() and not path.resolve().is_relative_to(self.docs.resolve())
            )
        return self._left[uri]

    def use(self, page: str, notebook: str) -> None:
        """Note that `page` embeds `notebook`."""
        known = self.used.setdefault(page, [])
        if notebook not in known:
            known.append(notebook)


def page_of(uri: str) -> str:
    """Return the URI of a notebook's own page."""
    return PurePosixPath(uri).with_suffix(".html").as_posix()


def is_reference(href: str) -> bool:
    """Tell whether an image's source means a notebook."""
    parts = urlsplit(href)
    return not parts.scheme and not parts.netloc and parts.path.endswith(SUFFIXES)


# An image: alt text with brackets in pairs, then where it comes from. No blank line inside.
_EMBED = re.compile(
    r"!\[(?P<alt>(?:[^\[\]\n]|\n(?!\s*\n)|\[[^\[\]\n]*\])*)\]\(\s*<?(?P<href>[^)\s>]+)"
)
_END = re.compile(r"""\s*(?:"[^"]*"|'[^']*')?\s*\)[ \t]*(?:\{[^{}]*\})?[ \t]*(?:\n|$)""")
_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})")
_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


def find_embeds(text: str) -> Iterator[Embed]:
    """Find the references to notebooks in a page's Markdown, with their lines.

    Code fences and code spans are passed over. Markdown's own parser decides in the end what is
    embedded; this scan is what lets a wrong label stop a build before anything runs.
    """
    if "![" not in text:
        return
    bare = without_code(text)
    for match in _EMBED.finditer(bare):
        if is_reference(match["href"]):
            start = bare.rfind("\n", 0, match.start()) + 1
            alone = not bare[start : match.start()].strip() and bool(_END.match(bare, match.end()))
            line = bare.count("\n", 0, match.start("href")) + 1
            yield Embed(match["href"], match["alt"], line, alone)


def without_code(text: str) -> str:
    """Blank out fences, indented lines and code spans; every line keeps its number."""
    lines, fence = [], ""
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if match:
            marks = match.group(1)
            if not fence:
                fence = marks
            elif marks[0] == fence[0] and len(marks) >= len(fence):
                fence = ""
        passed_over = match or fence or line.startswith(("    ", "\t"))
        lines.append("" if passed_over else _SPAN.sub(lambda m: " " * len(m.group()), line))
    return "\n".join(lines)
