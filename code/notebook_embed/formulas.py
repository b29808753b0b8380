"""Formulas in the Markdown of notebooks, where the site's own Markdown knows none.

There they stand in the page as they are written, between their dollars, for a script to set;
Markdown would take an underscore or an asterisk in them for an emphasis, and two backslashes for
one.
"""

from __future__ import annotations

import re
from html import escape
from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.inlinepatterns import InlineProcessor
from markdown.util import STX, AtomicString

__all__ = ["IN_LINE", "keep_formulas", "knows_formulas"]

_DISPLAY = (
    r"\$\$(?:\\.|[^$\\])+\$\$"
    r"|\\begin\{(?P<name>[a-zA-Z]+\*?)\}(?:.+?)\\end\{(?P=name)\}"
)
#: A formula in running text. Prices are none: their dollar has a space before it, or a digit
#: behind it.
IN_LINE = rf"(?<![\\$])(?:{_DISPLAY}|\$(?![\s$])(?:\\.|[^$\\])*?(?<!\s)\$(?![\d$]))"
_NAME = "notebook_embed_formulas"


def knows_formulas(md: Markdown) -> bool:
    """Tell whether `md` takes formulas by itself; else it takes signs out of them."""
    box, written = etree.Element("div"), "$$\nx\n$$"
    md.parser.parseChunk(box, written)
    paragraph = len(box) == 1 and box[0].tag == "p" and box[0].text == written
    in_line = (pattern.getCompiledRegExp() for pattern in md.inlinePatterns)
    return not paragraph or any(pattern.search("$x$") for pattern in in_line)


def keep_formulas(md: Markdown) -> None:
    """Let `md` leave formulas as they are, unless it knows them by itself."""
    if knows_formulas(md):
        return
    # After code spans (190) and before escapes (180); after indented code (80).
    md.inlinePatterns.register(_InLine(IN_LINE, md), _NAME, 189)
    md.parser.blockprocessors.register(_Display(md.parser), _NAME, 79)


class _InLine(InlineProcessor):
    """A formula in running text."""

    def handleMatch(  # noqa: N802 - Markdown calls it so
        self, m: re.Match[str], data: str
    ) -> tuple[str | None, int | None, int | None]:
        if STX in m[0]:  # a code span is in it, which has its turn before: it is no formula
            return None, None, None
        return self.md.htmlStash.store(escape(m[0])), m.start(), m.end()


class _Display(BlockProcessor):
    """A formula with lines of its own, whatever its lines begin with."""

    FORMULA = re.compile(rf" {{0,3}}(?:{_DISPLAY})[ \t]*(?=\n|$)", re.S)

    def test(self, parent: etree.Element, block: str) -> bool:
        return bool(self.FORMULA.match(block))

    def run(self, parent: etree.Element, blocks: list[str]) -> None:
        block = blocks.pop(0)
        found = self.FORMULA.match(block)
        assert found is not None
        etree.SubElement(parent, "p").text = AtomicString(found[0].strip())
        if rest := block[found.end() :].strip("\n"):
            blocks.insert(0, rest)
