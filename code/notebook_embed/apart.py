"""Keep an embed from what stands before and after it while a page is parsed.

A block takes what is indented below it, be it a fold, a tab or an item of a list, and tabs and
lists go on in the next block of their kind. Markdown knows them by the element that came last: so
an element of nobody's stands on both sides of an embed until all blocks are parsed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

__all__ = ["Join", "apart"]

_MARK = "nb-apart"


@contextmanager
def apart(parent: etree.Element) -> Iterator[None]:
    """Let what the block adds to `parent` be nobody's but its own."""
    etree.SubElement(parent, _MARK)
    yield
    etree.SubElement(parent, _MARK)


class Join(Treeprocessor):
    """Takes the marks out; finished HTML behind one stays where it is."""

    def run(self, root: etree.Element) -> None:
        for figure in list(root.iter("figure")):
            _bring_in(root, figure)
        for parent in list(root.iter()):
            for mark in parent.findall(_MARK):
                _take_out(parent, mark)


def _bring_in(root: etree.Element, figure: etree.Element) -> None:
    """Put an embed into a figure that was made around the mark behind it.

    What brings a caption (pymdownx.blocks.caption) takes the element that came last.
    """
    if (mark := figure.find(_MARK)) is None or len(figure.findall(_MARK)) % 2 == 0:
        return
    parent = next(one for one in root.iter() if figure in list(one))
    before = list(parent)[: list(parent).index(figure)]
    first = max((n for n, one in enumerate(before) if one.tag == _MARK), default=len(before))
    place = list(figure).index(mark)
    for number, element in enumerate(before[first:]):
        parent.remove(element)
        figure.insert(place + number, element)


def _take_out(parent: etree.Element, mark: etree.Element) -> None:
    place = list(parent).index(mark)
    parent.remove(mark)
    if not mark.tail:
        return
    before = parent[place - 1].tail if place else parent.text
    finished = isinstance(mark.tail, AtomicString) and (
        not before or isinstance(before, AtomicString)
    )
    text = (before or "") + mark.tail
    text = AtomicString(text) if finished else text
    if place:
        parent[place - 1].tail = text
    else:
        parent.text = text
