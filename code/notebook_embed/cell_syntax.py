"""What Markdown of notebooks has and Python-Markdown has not: see `read_as_jupyter`."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

from markdown import Markdown
from markdown.extensions.tables import TableProcessor
from markdown.inlinepatterns import InlineProcessor, SubstituteTagInlineProcessor
from markdown.util import HTML_PLACEHOLDER_RE, INLINE_PLACEHOLDER_RE

from notebook_embed.formulas import IN_LINE

__all__ = ["read_as_jupyter", "without_bars"]

_CODE = r"(?<![\\`])(?P<ticks>`+)(?!`)(?:.*?[^`])(?P=ticks)(?!`)"
_CODE_OR_FORMULA = re.compile(rf"{_CODE}|(?P<formula>{IN_LINE})")
# Stands for a bar that parts no cells; for use inside of programs.
_BAR = "\ufdd2"
_ADDRESS = r"(?<![\w/:@.=&-])(https?://[^\s<>\x02\x03]+)"


def read_as_jupyter(md: Markdown) -> None:
    """Let `md` read tables, line breaks and addresses of cells as Jupyter does.

    A bar in a formula parts no cells, and a backslash before one in code is not shown. A backslash
    at the end of a line ends it. An address of the web is a link.
    """
    for processor in md.parser.blockprocessors:
        if isinstance(processor, TableProcessor):
            _keep_bars(processor)
    # After escapes (180): two backslashes are one, and end no line.
    breaks = SubstituteTagInlineProcessor(r"\\\n", "br")
    md.inlinePatterns.register(breaks, "notebook_embed_break", 179.5)
    if "magic-link" not in md.inlinePatterns:
        # After all other links and HTML (90).
        md.inlinePatterns.register(_BareAddress(_ADDRESS, md), "notebook_embed_address", 85)


def without_bars(row: str) -> str:
    """Return a row with a sign, as long as a bar, in the place of each that parts no cells."""
    return _CODE_OR_FORMULA.sub(
        lambda found: found[0].replace("|", _BAR) if found["formula"] else found[0], row
    )


def _keep_bars(processor: Any) -> None:
    split = processor._split

    def split_as_jupyter(row: str) -> list[str]:
        return [_in_cell(cell) for cell in split(without_bars(row))]

    processor._split = split_as_jupyter


def _in_cell(text: str) -> str:
    return _CODE_OR_FORMULA.sub(
        lambda found: found[0] if found["formula"] else found[0].replace(r"\|", "|"),
        text.replace(_BAR, "|"),
    )


class _BareAddress(InlineProcessor):
    """An address in running text, up to the sign that ends the sentence or the bracket."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(  # noqa: N802 - Markdown calls it so
        self, m: re.Match[str], data: str
    ) -> tuple[etree.Element | None, int | None, int | None]:
        if self._is_in_link(data[: m.start()]):
            return None, None, None
        address = m[1]
        while (last := address[-1]) in "?!.,:;*_~'\"" or (
            last == ")" and address.count(")") > address.count("(")
        ):
            address = address[:-1]
        link = etree.Element("a", {"href": self.unescape(address)})
        link.text = self.unescape(address)
        return link, m.start(), m.start() + len(address)

    def _is_in_link(self, before: str) -> bool:
        """Tell whether HTML in the text has opened a link."""
        nodes = self.md.treeprocessors["inline"].stashed_nodes
        pieces = [nodes.get(found[1]) for found in INLINE_PLACEHOLDER_RE.finditer(before)]
        tags = [
            self.md.htmlStash.rawHtmlBlocks[int(found[1])]
            for piece in pieces
            if isinstance(piece, str)
            for found in HTML_PLACEHOLDER_RE.finditer(piece)
        ]
        links = [tag for tag in map(str, tags) if re.match(r"</?a\b", tag, re.I)]
        return bool(links) and not links[-1].startswith("</")
