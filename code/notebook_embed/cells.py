"""Convert the Markdown of notebooks, piece by piece, by itself.

Each cell is converted alone, with the site's own extensions but apart from the page around it: what
one leaves open ends with it, and its links by name, footnotes and abbreviations are those of its
notebook.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markdown import Markdown

from notebook_embed.builder import Page
from notebook_embed.cell_syntax import read_as_jupyter
from notebook_embed.commonmark import as_python_markdown
from notebook_embed.excerpts import definitions
from notebook_embed.formulas import keep_formulas
from notebook_embed.html_blocks import SetApart
from notebook_embed.latest import latest
from notebook_embed.notebook import Notebook
from notebook_embed.sanitised import without_html
from notebook_embed.snippets import take_appended
from notebook_embed.source_lines import SourceLines, source_lines

__all__ = ["CellMarkdown", "definitions_for", "plain_markdown"]

FOOTNOTE = re.compile(r" {0,3}\[\^([^\]]+)\]:")
# What defines a link's target, or what letters stand for.
TARGET = re.compile(r" {0,3}\*?\[([^\]]+)\]:")


def plain_markdown() -> Markdown:
    """Return what converts cells where a site does not say how."""
    return Markdown(extensions=["extra", "sane_lists"])


class _Definition(NamedTuple):
    """What the Markdown cell `cell` defines: a footnote `note`, or what `name` stands for."""

    cell: int
    text: str
    note: str
    name: str


# A parser, where in a file it reads, what keeps its HTML apart, and what is appended to pages.
_Made = tuple[Markdown, SourceLines, SetApart | None, list[_Definition]]


class CellMarkdown:
    """Converts Markdown that comes from notebooks; `make` makes the parser, when it is needed."""

    def __init__(self, make: Callable[[], Markdown] = plain_markdown) -> None:
        self.make = make
        # By whether HTML is text.
        self._made: dict[bool, _Made] = {}

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
            needed = _needed(appended, f"{text}\n{definitions}")  # definitions may name others
            text = _without_idle_notes(text, definitions)
            parts = [as_python_markdown(text, html), definitions, *needed]
            return str(md.convert("\n\n".join(part for part in parts if part)))
        finally:
            lines.placed = before

    def _parser(self, sanitise: bool) -> _Made:
        """Return what converts cells, made once; headings in it are named by the page."""
        if sanitise not in self._made:
            md = without_html(self.make()) if sanitise else self.make()
            if "toc" in md.treeprocessors:
                md.treeprocessors.deregister("toc")
            keep_formulas(md)
            read_as_jupyter(md)
            html = None if sanitise else SetApart(md)  # else it is text
            appended = _defined(take_appended(md))
            self._made[sanitise] = md, source_lines(md), html, appended
        return self._made[sanitise]


@latest(lambda notebook: notebook.path)
def shared_definitions(notebook: Notebook) -> tuple[_Definition, ...]:
    """Return what the Markdown cells of a notebook define."""
    return tuple(
        one
        for cell in notebook.cells
        if cell.kind == "markdown"
        for one in _defined(cell.source, cell.index)
    )


def _defined(source: str, cell: int = -1) -> list[_Definition]:
    """Return what Markdown defines: that of a cell, or what is appended to all."""
    found = []
    for text in definitions(source):
        note, target = FOOTNOTE.match(text), TARGET.match(text)
        name = _plain(target[1]) if target and not note else ""
        found.append(_Definition(cell, text, note[1] if note else "", name))
    return found


def definitions_for(notebook: Notebook, index: int, text: str) -> str:
    """Return the definitions of other cells that `text`, that of the cell `index`, may name."""
    others = [one for one in shared_definitions(notebook) if one.cell != index]
    return "\n\n".join(_needed(others, text))


def _needed(found: Sequence[_Definition], text: str) -> list[str]:
    """Return those of the definitions that `text` names."""
    # Every footnote that is defined is printed.
    notes = [one for one in found if one.note and _asks(text, one.note)]
    # The parser reads all that it is given in every cell: of the others too, those that are named.
    named = _plain("\n".join([text, *(one.text for one in notes)]))
    return [one.text for one in found if (one in notes if one.note else one.name in named)]


def _without_idle_notes(text: str, others: str) -> str:
    """Leave out the footnotes that a cell defines for other cells alone; no line moves.

    Each footnote that is defined is printed, with a link back to where it is asked for.
    """
    while True:
        whole = f"{text}\n{others}"
        idle = next((one for one in _defined(text) if one.note and _is_idle(one, whole)), None)
        if idle is None:
            return text
        text = text.replace(idle.text, "\n" * idle.text.count("\n"))


def _is_idle(one: _Definition, whole: str) -> bool:
    """Tell whether `whole` holds this footnote once, and names it nowhere else."""
    return whole.count(f"[^{one.note}]") == 1 == whole.count(one.text)


def _asks(text: str, note: str) -> bool:
    return f"[^{note}]" in text and f"[^{note}]:" not in text


def _plain(text: str) -> str:
    """Return text as names of links are compared: they may go on in another line, also quoted."""
    return re.sub(r"[\s>]+", " ", text).strip().lower()
