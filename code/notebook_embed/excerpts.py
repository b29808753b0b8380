"""Convert of a post no more than its list shows: a Markdown preprocessor.

Material converts whole posts for a list, at each of its pages, and throws away what follows the
separator. Most embeds are there, so that half of a build's work would be for nothing.
"""

from __future__ import annotations

import re

from markdown import Markdown
from markdown.preprocessors import Preprocessor

from notebook_embed.library import without_code

__all__ = ["Excerpt"]

# A link's target, a footnote's text or an abbreviation, wherever it stands.
_DEFINITION = re.compile(r" {0,3}(\[[^\]]+\]|\*\[[^\]]+\]):")


class Excerpt(Preprocessor):
    """Cuts a post off below `separator`, where it is an excerpt; definitions stay.

    A word stands for what was cut, for Material tells from it that there is more.
    """

    def __init__(self, md: Markdown, separator: str) -> None:
        super().__init__(md)
        self.separator = separator

    def run(self, lines: list[str]) -> list[str]:
        if "excerpt" not in self.md.treeprocessors:
            return lines
        bare = without_code("\n".join(lines)).split("\n")
        end = next((n for n, line in enumerate(bare) if line.strip() == self.separator), None)
        if end is None:
            return lines
        kept, defining = [], False
        for line, readable in zip(lines[end + 1 :], bare[end + 1 :], strict=True):
            goes_on = defining and (not line.strip() or line.startswith(("    ", "\t")))
            defining = goes_on or bool(_DEFINITION.match(readable))
            kept += [line] if defining else []
        return [*lines[: end + 1], "", "...", "", *kept]
