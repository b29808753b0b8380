"""Convert the Markdown of notebooks, piece by piece, by itself.

Each cell is converted alone, with the site's own extensions but apart from the page around it: what
one leaves open ends with it, and its links by name, footnotes and abbreviations are those of its
notebook.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from markdown import Markdown

from notebook_embed.builder import Page
from notebook_embed.cell_syntax import read_as_jupyter
from notebook_embed.commonmark import as_python_markdown
from notebook_embed.excerpts import definitions
from notebook_embed.formulas import keep_formulas
from notebook_embed.html_blocks import SetApart
from notebook_embed.notebook import Notebook
from notebook_embed.sanitised import without_html
from notebook_embed.snippets import take_appended
from notebook_embed.source_lines import SourceLines, source_lines

__all__ = ["CellMarkdown", "plain_markdown"]

FOOTNOTE = re.compile(r" {0,3}\[\^([^\]]+)\]:")


def plain_markdown() -> Markdown:
    """Return what converts cells where a site does not say how."""
    return Markdown(extensions=["extra", "sane_lists"])


class CellMarkdown:
    """Converts Markdown that comes from notebooks; `make` makes the parser, when it is needed."""

    def __init__(self, make: Callable[[], Markdown] = plain_markdown) -> None:
        self.make = make
        # By whether HTML is text.
        self._made: dict[bool, tuple[Markdown, SourceLines, SetApart | None, list[str]]] = {}

    def html(
        self,
        text: str,
        notebook: Notebook,
        line: int,
        *,
        definitions: str = "",
        sanitise: bool = False,
    ) -> str:
        """Return the HTML of a piece of `notebook` whose first line is `line` of its file.

        Addresses in it are relative to the notebook. `definitions` follow the text. With `sanitise`
        HTML in it is text.
        """
        md, lines, html, appended = self._parser(sanitise)
        before = lines.placed
        if before is not None:  # a notebook in a notebook
            return CellMarkdown(self.make).html(
                text, notebook, line, definitions=definitions, sanitise=sanitise
            )
        lines.placed = Page(notebook.uri, notebook.uri, False, notebook.path), line
        try:
            md.reset()
            if html is not None:
                html.begin()
            parts = [as_python_markdown(text, html), definitions, *needed(appended, text)]
            return str(md.convert("\n\n".join(part for part in parts if part)))
        finally:
            lines.placed = before

    def _parser(self, sanitise: bool) -> tuple[Markdown, SourceLines, SetApart | None, list[str]]:
        """Return the parser, and what a cell may name of what is appended to each page."""
        if sanitise not in self._made:
            md = without_html(self.make()) if sanitise else self.make()
            if "toc" in md.treeprocessors:
                md.treeprocessors.deregister("toc")  # headings are named by the page
            keep_formulas(md)
            read_as_jupyter(md)
            html = None if sanitise else SetApart(md)  # else it is text
            appended = definitions(take_appended(md))
            self._made[sanitise] = md, source_lines(md), html, appended
        return self._made[sanitise]


@lru_cache(maxsize=64)
def shared_definitions(notebook: Notebook) -> dict[int, tuple[str, ...]]:
    """Return what each Markdown cell defines, by the cell's index."""
    return {
        cell.index: tuple(definitions(cell.source))
        for cell in notebook.cells
        if cell.kind == "markdown"
    }


def definitions_for(notebook: Notebook, index: int, text: str) -> str:
    """Return the definitions of other cells that `text`, that of the cell `index`, may name."""
    found: Iterable[str] = (
        definition
        for other, listed in shared_definitions(notebook).items()
        if other != index
        for definition in listed
    )
    return "\n\n".join(needed(found, text))


def needed(found: Iterable[str], text: str) -> list[str]:
    """Return those of the definitions that `text` may name: each footnote defined is printed."""
    kept = []
    for definition in found:
        note = FOOTNOTE.match(definition)
        if note is None or (f"[^{note[1]}]" in text and f"[^{note[1]}]:" not in text):
            kept.append(definition)
    return kept
