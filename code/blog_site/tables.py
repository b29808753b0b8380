"""Give each table of a page a box to scroll in: a Markdown extension.

Material does so by script, table by table, for those without a class, and lays the whole page out
again for it; on a phone a post with ten tables starts a tenth of a second later. The box is made of
Material's own class names, so its style sheet holds for it; the table gets a class, which tells
Material's script to leave it alone and ``site.css`` that it is a table of the page. Like code that
is too wide for a phone, the box begins as a stop of the keyboard; ``site.js`` takes it back where
the table fits.
"""

from __future__ import annotations

import re
from typing import Any

from markdown import Extension, Markdown
from markdown.postprocessors import Postprocessor

__all__ = ["TablesExtension", "makeExtension", "put_in_boxes"]

CLASS = "nb-table"

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


class _Boxes(Postprocessor):
    def run(self, text: str) -> str:
        return put_in_boxes(text)


class TablesExtension(Extension):
    """Puts tables into boxes once raw HTML and what notebooks put out are in the page."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  # Markdown's own name
        md.postprocessors.register(_Boxes(md), "tables_in_boxes", 5)


def makeExtension(**kwargs: Any) -> TablesExtension:  # noqa: N802  # Markdown looks for this name
    return TablesExtension(**kwargs)
