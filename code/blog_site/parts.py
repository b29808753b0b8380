"""Cut a page into sections, so that browsers leave out what is far from view: a Markdown extension.

A post is up to ten thousand elements, a notebook's own page some thousands, and a phone takes
seconds to style them and lay them out. The style sheet lets browsers leave out the parts that are
far from view (``content-visibility``): half of the work of a long post's start. A heading of the
second level and what follows it is a part. ``--blocks`` says how many blocks it has, an item of a
list as half of one, from which the style sheet guesses its height until it has been laid out once.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from notebook_embed.builder import is_excerpt

__all__ = ["PartsExtension", "makeExtension"]


class _Parts(Treeprocessor):
    def run(self, root: Element) -> None:
        if is_excerpt(self.md):
            return  # the blog cuts an excerpt off, which would leave a section open
        if getattr(self.md, "notebook_cell", False):
            return  # it becomes a part of a page
        _cut(root)
        for notebook in root.iterfind("./div"):
            if "nb-notebook" in notebook.get("class", "").split():
                _cut(notebook)


def _cut(page: Element) -> None:
    part: Element | None = None
    for block in list(page):
        if block.tag == "h2":
            part = Element("section", {"class": "part"})
            page.insert(list(page).index(block), part)
        if part is not None:
            page.remove(block)
            part.append(block)
            part.set("style", f"--blocks: {_blocks(part):g}")


def _blocks(part: Element) -> float:
    lists = [block for block in part if block.tag in ("ul", "ol")]
    return len(part) + sum(map(len, lists)) / 2


class PartsExtension(Extension):
    """Wraps parts once the table of contents has been made, which looks for headings."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  # Markdown's own name
        md.treeprocessors.register(_Parts(md), "parts", -10)


def makeExtension(**kwargs: Any) -> PartsExtension:  # noqa: N802  # Markdown looks for this name
    return PartsExtension(**kwargs)
