"""A parser of HTML that takes what browsers take."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["PageParser"]


class PageParser(HTMLParser):
    """Python's parser, which gives up at what begins as a marked section and is none."""

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Take it for a comment, as browsers do."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            return self.parse_bogus_comment(i)
