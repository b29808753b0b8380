"""Give each table of a page a box to scroll in: a Markdown extension.

Material does so by script, table by table, for those without a class, and lays the whole page out
again for it; on a phone a post with ten tables starts a tenth of a second later. The box is made of
Material's own class names, so its style sheet holds for it; the table gets a class, which tells
Material's script to leave it alone and ``site.css`` that it is a table of the page. Like code that
is too wide for a phone, the box begins as a stop of the keyboard; ``site.js`` takes it back where
the table fits.
"""

from __future__ import annotations

import html
import itertools
import re
from typing import Any

from markdown import Extension, Markdown
from markdown.postprocessors import Postprocessor

from blog_site.katex import plain

__all__ = ["TablesExtension", "makeExtension", "make_cards", "put_in_boxes"]

CLASS = "nb-table"
#: Columns from which on a table is laid out as cards on a narrow screen.
MANY_COLUMNS = 4
#: Signs of words side by side that leave prose too little of a phone, and that are too many anyway.
SIGNS_BESIDE_PROSE, SIGNS = 34, 44
#: Signs of a cell that is read as prose.
PROSE = 60

_TAG = re.compile(
    r"<!--.*?-->"  # a table in a comment is none
    r"|<(?P<open>table)(?=[\s/>])(?P<attributes>(?:[^>\"']|\"[^\"]*\"|'[^']*')*)>"
    r"|</table\s*>",
    re.DOTALL | re.IGNORECASE,
)
_HAS_CLASS = re.compile(r"\sclass\s*=", re.IGNORECASE)
_BOX = '<div class="md-typeset__scrollwrap" tabindex="0"><div class="md-typeset__table">'


def put_in_boxes(page: str) -> str:
    """Return a page's HTML with a box around each table that has no class and is in no other."""
    depth, boxed = 0, False

    def replace(tag: re.Match[str]) -> str:
        nonlocal depth, boxed
        if tag[0].startswith("<!--"):
            return tag[0]
        if tag["open"]:
            depth += 1
            if depth > 1 or _HAS_CLASS.search(tag["attributes"]):
                return tag[0]
            boxed = True
            return f'{_BOX}<table class="{CLASS}"{tag["attributes"]}>'
        depth = max(0, depth - 1)
        if depth or not boxed:
            return tag[0]
        boxed = False
        return f"{tag[0]}</div></div>"

    return _TAG.sub(replace, page)


def make_cards(page: str) -> str:
    """Return a page's HTML with what cards need in each boxed table that is too wide for a phone.

    It has many columns, or long words in few.

    A table whose cells span others, or that holds another one, stays as it is, and so does one
    without a single row of titles.
    """
    return _BOXED.sub(_as_cards, page)


def _as_cards(found: re.Match[str]) -> str:
    table = found[0]
    head = _HEAD.search(table)
    if head is None or _SPANS.search(table) or table.count("<table") > 1:
        return table
    if "data-cards" in table[: table.index(">")]:  # of a notebook's Markdown, converted before
        return table
    titles = [_text_of(title) for title in _TITLE.findall(head[0])]
    many = len(titles) >= MANY_COLUMNS
    if head[0].count("<tr") != 1 or not (many or (len(titles) > 1 and _is_crowded(table))):
        return table
    cards = "data-cards" if many else 'data-cards="wide"'
    column = 0
    in_head = True

    def mark(part: re.Match[str]) -> str:
        nonlocal column, in_head
        name, rest = part["name"], part["rest"]
        if name == "table":
            return f'<table role="table" {cards}{rest}>'
        if name in ("thead", "tbody", "tfoot"):
            in_head = name == "thead"
            return f'<{name} role="rowgroup"{rest}>'
        if name == "tr":
            column = 0
            return f'<tr role="row"{rest}>'
        title = html.escape(titles[column]) if column < len(titles) else ""
        # What a row begins with is its card's title; a number alone would not say what it counts.
        label = f' data-label="{title}"' if column or _COUNT.match(table, part.end()) else ""
        column += 1
        if in_head:
            return f'<{name} role="columnheader"{rest}>'
        if name == "th":
            return f'<th role="rowheader"{label}{rest}>'
        return f'<td role="cell"{label}{rest}>'

    return _PART.sub(mark, table)


def _is_crowded(table: str) -> bool:
    """Tell whether the longest words of the columns leave too little room on a phone."""
    rows = [[_text_of(cell) for cell in _CELL.findall(row)] for row in _ROW.findall(table)]
    columns = itertools.zip_longest(*rows, fillvalue="")
    words = ([word for cell in cells for word in cell.split()] for cells in columns)
    signs = sum(max(map(len, found), default=0) for found in words)
    reads = any(len(cell) > PROSE for cells in rows for cell in cells)
    return signs > (SIGNS_BESIDE_PROSE if reads else SIGNS)


def _text_of(markup: str) -> str:
    """Give the words of a title: where it breaks a line, there is a space.

    KaTeX writes a formula three times: as MathML, as TeX, and for the eye.
    """
    markup = _FORMULA.sub(lambda formula: html.escape(plain(html.unescape(formula[1]))), markup)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


_FORMULA = re.compile(
    r'<bdi class="math".*?<annotation [^>]*>(.*?)</annotation>.*?</bdi>', re.DOTALL
)
_COUNT = re.compile(r"\s*[\d.,]+\s*<")
_BOXED = re.compile(rf'<table class="{CLASS}".*?</table\s*>', re.DOTALL)
_HEAD = re.compile(r"<thead\b.*?</thead\s*>", re.DOTALL)
_TITLE = re.compile(r"<th\b[^>]*>(.*?)</th\s*>", re.DOTALL)
_ROW = re.compile(r"<tr\b.*?</tr\s*>", re.DOTALL)
_CELL = re.compile(r"<t[dh]\b[^>]*>(.*?)</t[dh]\s*>", re.DOTALL)
_SPANS = re.compile(r"<t[dh]\b[^>]*\s(?:col|row)span\b")
_PART = re.compile(r"<(?P<name>table|thead|tbody|tfoot|tr|th|td)\b(?P<rest>[^>]*)>")


class _Boxes(Postprocessor):
    def run(self, text: str) -> str:
        return make_cards(put_in_boxes(text))


class TablesExtension(Extension):
    """Puts tables into boxes once raw HTML and what notebooks put out are in the page."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  # Markdown's own name
        md.postprocessors.register(_Boxes(md), "tables_in_boxes", 5)


def makeExtension(**kwargs: Any) -> TablesExtension:  # noqa: N802  # Markdown looks for this name
    return TablesExtension(**kwargs)
