"""Put each heading of the second level and what follows it into a section: a Markdown extension.

A long post is ten thousand elements, a notebook's own page some thousands, and a phone takes
seconds to style them and lay them out. The style sheet lets browsers leave out the parts that are
far from view (``content-visibility``); for that, what belongs together must stand in one element.
``--blocks`` says how many blocks a part has, from which the style sheet guesses its height until it
has been laid out once.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

__all__ = ["PartsExtension", "makeExtension"]


class _Parts(Treeprocessor):
    def run(self, root: Element) -> None:
        if "excerpt" in self.md.treeprocessors:
            return  # the blog cuts an excerpt off, which would leave a section open
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
            part.set("style", f"--blocks: {len(part)}")


class PartsExtension(Extension):
    """Wraps parts once the table of contents has been made, which looks for headings."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  # Markdown's own name
        md.treeprocessors.register(_Parts(md), "parts", -10)


def makeExtension(**kwargs: Any) -> PartsExtension:  # noqa: N802  # Markdown looks for this name
    return PartsExtension(**kwargs)
