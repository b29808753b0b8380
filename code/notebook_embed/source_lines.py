r"""Know where in its file a piece of a page stands, although Markdown's parser keeps no lines.

Before the parser begins, each reference to what may be a notebook, each ``:::`` and each formula
gets a stamp: its line, between two characters that nobody types. Whoever handles the piece takes
the stamp off it (`take`). From all else it goes by itself: from code before anybody colours it,
from comments, HTML and plain words when the page is done. So what is code, what is a comment and
what is escaped is for Markdown's own parser to say, and for nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.extensions import Extension
from markdown.inlinepatterns import HtmlInlineProcessor, InlineProcessor
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE, AtomicString

from notebook_embed.builder import Page, UnderWay, links_of_site, page_under_conversion
from notebook_embed.library import SourceLine
from notebook_embed.snippets import Snippets, lines_with

__all__ = ["STAMP", "SourceLines", "source_lines", "take"]

# Reserved for use inside of programs; and a sign that no keyboard has, a symbol as the dollar is,
# since Markdown tells from the sign before it whether an asterisk can begin an emphasis.
_OPEN, _CLOSE = "\ufdd0", "\ufffc"
_STAMP = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
#: What a stamp looks like, for patterns that look at what comes behind one.
STAMP = f"{_OPEN}[0-9]+{_CLOSE}"

_FENCE = re.compile(r"[\s>]*(`{3,}(?=[^`]*$)|~{3,})")
# A stamp goes behind each of these. A dollar or an asterisk beside a space opens or closes nothing,
# and a stamp must not make it do so.
_ENDING = r"\.(?:py|ipynb|md)(?:[)#?\s>]|$)"
# Possessive: what a lazy one remembers of a picture in an address (data:...) fills gigabytes.
_ADDRESS = rf"(?=(?:[^().\n]++|(?!{_ENDING})\.|\([^()\n]*\))*+{_ENDING})"
_EMBED = rf"\]\((?:\s+(?=<?[A-Za-z0-9./]))?<?{_ADDRESS}|^\s*:::(?= +[A-Za-z_])"
_FORMULA = r"\$+(?=[^\s$])|(?<!\\)\\[(\[](?!\\[)\]])|\\begin\{[a-z]+\*?\}(?!\\end)"
_PLACES = {False: re.compile(_EMBED), True: re.compile(f"{_EMBED}|{_FORMULA}")}
# A formula whose dollars have a line of their own: the stamp goes to the next one, if that can
# neither be a list nor a heading nor anything else that its first sign would tell.
_DOLLARS = re.compile(r"[\s>]*\$\$\s*$")
_FIRST_WORD = re.compile(r"[\s>]*(?=[A-Za-z\\{(])")
_DEFINITION = re.compile(r"[\s>]*\[[^\]]+\]:\s*<?([^\s>]+)")
# As Markdown's own pattern of HTML has it.
_COMMENT = r"(<!--(?:(?!<!--|-->).)*-->)"
# Names that are compared as written, in a list or a quotation too; with a formula in one,
# formulas have no stamps.
_NAMED_BY_FORMULA = re.compile(r"\[[^\]]*[$\\][^\]]*\]:")


def take(text: str) -> tuple[int | None, str]:
    """Return the number in the first stamp of `text`, if it has one, and `text` without stamps."""
    if _OPEN not in text:
        return None, text
    found = _STAMP.search(text)
    return int(found[1]) if found else None, _STAMP.sub("", text)


def source_lines(md: Markdown, *, formulas: bool = False) -> SourceLines:
    """Return what knows the lines of the pages that `md` converts; with `formulas` theirs too."""
    known = (ours for ours in md.registeredExtensions if isinstance(ours, SourceLines))
    if (lines := next(known, None)) is None:
        lines = SourceLines()
        lines.extendMarkdown(md)
    lines.formulas = lines.formulas or formulas
    return lines


class SourceLines(Extension):
    """Stamps what stands in a page, and finds stamped pieces in the page's file.

    `docs` is the folder of the pages and `uri` the page under conversion, where MkDocs does not
    tell them. What converts a piece of a page learns the page from `under_way`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.formulas = False
        self.docs: Path | None = None
        self.uri = ""
        self.under_way = UnderWay()
        self.inside: int | None = None  # the line that brings in the text under conversion
        # Where a piece of a notebook is converted by itself: its file, and its first line there.
        self.placed: tuple[Page, int] | None = None
        self.given: list[str] = []
        self.snippets = Snippets()
        self.definitions: dict[str, int] = {}  # of links by reference: where each address is first
        self.directive: int | None = None  # of the ``:::`` that the block at hand begins with
        self._written: list[str] | None = None

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown calls it so
        self.md = md
        md.registerExtension(self)
        # Before snippets are put in (32).
        md.preprocessors.register(_RememberWritten(md, self), "source_lines_as_written", 33)
        # After line ends are made alike (30), before a list of posts cuts the rest off (29).
        md.preprocessors.register(_Remember(md, self), "source_lines_as_given", 29.5)
        # After fences are taken out (25), before HTML is (20).
        md.preprocessors.register(_Stamp(md, self), "source_lines", 24)
        # Before all others: whose a ``:::`` is, is for them to say, and they know of no stamps.
        md.parser.blockprocessors.register(_TakeDirective(md.parser, self), "directive_lines", 1000)
        # Just before indented code (80).
        md.parser.blockprocessors.register(_CleanCode(md.parser), "source_lines", 80.5)
        # After escapes (180), before images (160) and all other HTML (90).
        md.inlinePatterns.register(HtmlInlineProcessor(_COMMENT, md), "source_lines_comment", 179)
        # Just after inline patterns (20), when all have taken the stamps that are theirs.
        md.treeprocessors.register(_CleanTree(md), "source_lines", 19)
        # After HTML has been put back (30).
        md.postprocessors.register(_CleanPage(md), "source_lines", 0)

    def reset(self) -> None:
        """Wrap what others brought, code spans and snippets: all extensions are there by now."""
        spans = self.md.inlinePatterns["backtick"]
        if not isinstance(spans, _CleanSpan):
            self.md.inlinePatterns.register(_CleanSpan(spans), "backtick", 190)
        self.snippets.watch(self.md, lambda text: self.locate(None, text))

    @property
    def page(self) -> Page | None:
        """The page under conversion, or None where nobody tells it."""
        return self.under_way.page if self.is_of_a_piece else self._own_page

    @property
    def _own_page(self) -> Page | None:
        if self.placed is not None:
            return self.placed[0]
        return page_under_conversion(self.md, self.docs, self.uri)

    @property
    def is_of_a_piece(self) -> bool:
        """Whether the text under conversion is a piece of a page, which somebody else put in."""
        return self._own_page is None

    @property
    def links(self) -> Any | None:
        """What resolves links for the page, or None where nobody tells it."""
        return self.under_way.links if self.is_of_a_piece else links_of_site(self.md)

    def locate(self, number: int | None, text: str) -> SourceLine | None:
        """Return the line of the page's file that the stamp `number` means; it holds `text`.

        It is a line of another file where that was put into the page, as a snippet is.
        Without a stamp, as for what is named elsewhere than it stands, it is the line that `text`
        is found in; so it is in a piece of a page, whose lines are not the page's.
        """
        if (page := self.page) is None:
            return None
        number = None if self.is_of_a_piece else number
        if self._written is None:
            try:
                self._written = page.file.read_text("utf-8-sig").rstrip().split("\n")
            except (OSError, UnicodeDecodeError):
                self._written = []
        lines = self._written
        # The parser is given a page without its front matter, and a notebook cell by cell.
        if self.placed is not None:
            line, own = (number or 1) + self.placed[1] - 1, True
        elif number is not None:
            line, own = self.snippets.origin(number, self.given)
            line += len(lines) - len(self.snippets.written)
        else:
            line, own = 0, False
        if not own or not 0 < line <= len(lines) or text not in lines[line - 1]:
            here = lines_with(text, lines) if own or not number else []
            if not here and (elsewhere := next(self.snippets.find(text), None)) is not None:
                return SourceLine(elsewhere[0], page.uri, elsewhere[1])
            line = min(here, key=lambda n: abs(n - line), default=line)
        return SourceLine(page.file, page.uri, max(1, line) if line or number else None)

    @contextmanager
    def within(self, number: int | None) -> Iterator[None]:
        """Stamp what is converted in the block with the line that brings it into the page."""
        outer = self.inside
        self.inside = outer or 0 if number is None else number
        try:
            yield
        finally:
            self.inside = outer


class _RememberWritten(Preprocessor):
    """Keeps the lines of the page as they are written."""

    def __init__(self, md: Markdown, source: SourceLines) -> None:
        super().__init__(md)
        self.source = source

    def run(self, lines: list[str]) -> list[str]:
        if self.source.inside is None:
            self.source.snippets.begin(lines)
            self.source._written = None
        return lines


class _Remember(Preprocessor):
    """Keeps the lines of the page as the parser is given them."""

    def __init__(self, md: Markdown, source: SourceLines) -> None:
        super().__init__(md)
        self.source = source

    def run(self, lines: list[str]) -> list[str]:
        if self.source.inside is None:
            self.source.given = "\n".join(lines).rstrip().split("\n")
            self.source.definitions = {}
            self.source._written = None
            if links_of_site(self.md) is not None:
                self.source.under_way.page = self.source.page
                self.source.under_way.links = self.source.links
        return lines


class _Stamp(Preprocessor):
    def __init__(self, md: Markdown, source: SourceLines) -> None:
        super().__init__(md)
        self.source = source

    def run(self, lines: list[str]) -> list[str]:
        source = self.source
        formulas = source.formulas and not _NAMED_BY_FORMULA.search("\n".join(lines))
        places = _PLACES[formulas]
        if source.inside is None:
            numbers = _numbers(source.given, lines)
        else:
            numbers = [source.inside] * len(lines)
        stamped, opens = [], False
        for line, number in zip(lines, numbers, strict=True):
            stamp = f"{_OPEN}{number}{_CLOSE}"
            text = places.sub(lambda match, stamp=stamp: match[0] + stamp, line)  # type: ignore[misc]
            if opens and (found := _FIRST_WORD.match(text)):
                text = text[: found.end()] + stamp + text[found.end() :]
            if definition := _DEFINITION.match(line):
                source.definitions.setdefault(definition[1], number)
            opens = formulas and bool(_DOLLARS.match(line))
            stamped.append(text)
        return stamped


def _numbers(given: list[str], left: list[str]) -> list[int]:
    """Return the number in `given` of each line that is `left` now that fences are taken out.

    One line with a placeholder, and empty lines at times, stand for each fence.
    """
    numbers, at = [], 0
    for line in left:
        numbers.append(at + 1)
        if at >= len(given):
            continue
        if line == given[at]:
            at += 1
        elif HTML_PLACEHOLDER_RE.search(line) and (fence := _FENCE.match(given[at])):
            ends = re.compile(r"[\s>]*" + re.escape(fence[1]) + r"\s*$")
            inside = range(at + 1, len(given))
            at = 1 + next((n for n in inside if ends.match(given[n])), at)
        elif line.strip() and line in given[at:]:  # what was between has been cut
            at = given.index(line, at) + 1
            numbers[-1] = at
    return numbers


_DIRECTIVES = re.compile(rf"^( {{0,3}}:::){STAMP}", re.M)


class _TakeDirective(BlockProcessor):
    """Takes the stamps off the ``:::`` of a block, and notes the one that the block begins with.

    Others, such as mkdocstrings, have a ``:::`` of their own and read what stands behind it.
    """

    def __init__(self, parser: Any, source: SourceLines) -> None:
        super().__init__(parser)
        self.source = source

    def test(self, parent: etree.Element, block: str) -> bool:
        return _OPEN in block and bool(_DIRECTIVES.search(block))

    def run(self, parent: etree.Element, blocks: list[str]) -> bool:
        first = _DIRECTIVES.match(blocks[0].lstrip("\n"))
        self.source.directive = take(first[0])[0] if first else None
        blocks[0] = _DIRECTIVES.sub(r"\1", blocks[0])
        return False


class _CleanCode(BlockProcessor):
    """Takes the stamps off a block of indented code, and leaves it to whoever makes code of it."""

    def test(self, parent: etree.Element, block: str) -> bool:
        return _OPEN in block and block.startswith(" " * self.tab_length)

    def run(self, parent: etree.Element, blocks: list[str]) -> bool:
        rest = self.detab(blocks[0])[1]
        indented = blocks[0][: len(blocks[0]) - len(rest)]
        blocks[0] = take(indented)[1] + rest
        return False


class _CleanSpan(InlineProcessor):
    """Takes the stamps off a code span before `spans`, the pattern of code spans, reads it."""

    def __init__(self, spans: Any) -> None:
        super().__init__(spans.pattern, spans.md)
        self.spans = spans

    def handleMatch(self, m: re.Match[str], data: str) -> Any:  # noqa: N802 - Markdown calls it so
        found, start, end = self.spans.handleMatch(m, data)
        if found is None or end is None or _OPEN not in data[start:end]:
            return found, start, end
        clean = data[:start] + take(data[start:end])[1] + data[end:]
        again = self.compiled_re.match(clean, start)
        return self.spans.handleMatch(again, clean)[0], start, end


class _CleanTree(Treeprocessor):
    """Takes the stamps off text and attributes; formulas keep theirs for who sets them."""

    def run(self, root: etree.Element) -> None:
        for element in root.iter():
            for name, value in element.items():
                if _OPEN in value:
                    element.set(name, take(value)[1])
            if (
                element.text
                and _OPEN in element.text
                and "arithmatex" not in element.get("class", "")
            ):
                element.text = _clean(element.text)
            if element.tail and _OPEN in element.tail:
                element.tail = _clean(element.tail)


def _clean(text: str) -> str:
    clean = take(text)[1]
    return AtomicString(clean) if isinstance(text, AtomicString) else clean


class _CleanPage(Postprocessor):
    def run(self, text: str) -> str:
        return take(text)[1]
