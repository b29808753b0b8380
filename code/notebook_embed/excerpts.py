"""Convert of a post no more than its list shows: a Markdown preprocessor.

Material converts whole posts for a list, at each of its pages, and throws away what follows the
separator. Most embeds are there, so that half of a build's work would be for nothing.
"""

from __future__ import annotations

import re

from markdown import Markdown
from markdown.preprocessors import Preprocessor

from notebook_embed.builder import is_excerpt
from notebook_embed.library import without_code

__all__ = ["Excerpt", "definitions"]

# A link's target, a footnote's text or an abbreviation, wherever it stands.
_DEFINITION = re.compile(r" {0,3}(\[[^\]]+\]|\*\[[^\]]+\]):")


def definitions(text: str) -> list[str]:
    """Return what `text` defines for the whole page: targets of links, footnotes, abbreviations."""
    found: list[list[str]] = []
    defining = False
    lines = text.split("\n")
    for line, readable in zip(lines, without_code(text).split("\n"), strict=True):
        if _DEFINITION.match(readable):
            found.append([line])
            defining = True
        elif defining and (not line.strip() or line.startswith(("    ", "\t"))):
            found[-1].append(line)
        else:
            defining = False
    return ["\n".join(lines) for lines in found]


class Excerpt(Preprocessor):
    """Cuts a post off below `separator`, where it is an excerpt; definitions stay.

    A word stands for what was cut, for Material tells from it that there is more.
    """

    def __init__(self, md: Markdown, separator: str) -> None:
        super().__init__(md)
        self.separator = separator

    def run(self, lines: list[str]) -> list[str]:
        if not is_excerpt(self.md):
            return lines
        bare = without_code("\n".join(lines)).split("\n")
        end = next((n for n, line in enumerate(bare) if line.strip() == self.separator), None)
        if end is None:
            return lines
        kept = "\n".join(definitions("\n".join(lines[end + 1 :]))).split("\n")
        return [*lines[: end + 1], "", "...", "", *kept]
