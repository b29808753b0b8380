"""Reading time: words, plus a while for every figure and formula.

Material's own count takes MathML, its TeX annotation and the visible formula for three times as
many words, and counts a figure's light and dark images as two.
"""

from __future__ import annotations

import math
import re

from notebook_embed.fragments import VOID
from notebook_embed.page_parser import PageParser

__all__ = ["reading_minutes"]

WORDS_PER_MINUTE = 230
SECONDS_PER_FIGURE = 12
SECONDS_PER_DISPLAY_FORMULA = 6


class _Counter(PageParser):
    def __init__(self) -> None:
        super().__init__()
        self.words = self.figures = self.formulas = 0
        self.skipping = 0  # depth below an element that is not read as words

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if not self.skipping:
            pictured = tag == "img" and "nb-figure__image" not in classes
            self.figures += tag == "figure" or pictured
            self.formulas += "math--display" in classes
        skipped = "math" in classes or tag in {"script", "style", "svg", "details"}
        if tag not in VOID and (self.skipping or skipped):
            self.skipping += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:  # Markdown writes <img />; what is not void has no end tag to come
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self.skipping and tag not in VOID:
            self.skipping -= 1

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.words += len(re.findall(r"\w+", data))


def reading_minutes(page_html: str) -> int:
    """Return the minutes that a page takes to read, at least one; folded details do not count."""
    counter = _Counter()
    counter.feed(page_html)
    counter.close()
    seconds = (
        counter.words / WORDS_PER_MINUTE * 60
        + counter.figures * SECONDS_PER_FIGURE
        + counter.formulas * SECONDS_PER_DISPLAY_FORMULA
    )
    return max(1, math.ceil(seconds / 60))
