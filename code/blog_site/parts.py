"""Cut a page into parts, so that browsers leave out what is far from view: a Markdown extension.

A long post is ten thousand elements, a notebook's own page some thousands, and a phone takes
seconds to style them and lay them out. The style sheet lets browsers leave out the parts that are
far from view (``content-visibility``). A heading of the second level and what follows it is a
section. Within the first, which is the nearest when a page starts, a new part begins with each
picture, formula, table or lesser heading that follows running text. There the gap between two
blocks is that above the second, as it is where margins collapse. ``--blocks`` says how many blocks
a part has, from which the style sheet guesses its height until it has been laid out once.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE

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
            if "nb-notebook" in _classes(notebook):
                _cut(notebook)


def _cut(page: Element) -> None:
    part: Element | None = None
    sections = 0
    for block in list(page):
        sections += block.tag == "h2"
        if block.tag == "h2" or (part is not None and sections == 1 and _may_begin(block, part)):
            part = Element("section" if block.tag == "h2" else "div", {"class": "part"})
            page.insert(list(page).index(block), part)
        if part is not None:
            page.remove(block)
            part.append(block)
            part.set("style", f"--blocks: {len(part)}")


def _may_begin(block: Element, part: Element) -> bool:
    if any("aside" in _classes(before) for before in part):
        return False  # on wide screens it floats beside what follows
    stands_apart = block.tag in ("figure", "h3", "table") or "math--display" in _classes(block)
    return stands_apart and _is_running_text(part[-1])


def _is_running_text(block: Element) -> bool:
    # A fenced code block still is a paragraph that holds its place.
    kept_for_later = HTML_PLACEHOLDER_RE.fullmatch((block.text or "").strip())
    return block.tag in ("p", "ul", "ol") and not (kept_for_later and len(block) == 0)


def _classes(block: Element) -> list[str]:
    return block.get("class", "").split()


class PartsExtension(Extension):
    """Wraps parts once the table of contents has been made, which looks for headings."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  # Markdown's own name
        md.treeprocessors.register(_Parts(md), "parts", -10)


def makeExtension(**kwargs: Any) -> PartsExtension:  # noqa: N802  # Markdown looks for this name
    return PartsExtension(**kwargs)
