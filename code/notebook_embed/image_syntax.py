"""Read an image where nothing is set aside yet, as Markdown does after it has set aside much.

Before it looks for images, Markdown takes out code spans, formulas and what is escaped, so that a
bracket in one of these is none. Whoever reads text before that has to see the same brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from markdown import Markdown
from markdown.inlinepatterns import ImageInlineProcessor, InlineProcessor

__all__ = ["FORMULAS", "PLAIN", "ImageSyntax", "Read", "set_aside"]

# What tells where an image ends, and in its place signs that neither people nor cells have.
_TELLING = "[](){}<>\"'\\`$! \t\n"
_VEILED = "".join(chr(0xFDD3 + n) for n in range(len(_TELLING)))
_VEIL, _UNVEIL = str.maketrans(_TELLING, _VEILED), str.maketrans(_VEILED, _TELLING)

# References (170) are the first to count brackets.
_BRACKETS = 170


def _escapes(signs: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\\[{re.escape(''.join(signs))}]")


_SPAN = re.compile(r"(?<!\\)(?:\\\\)+(?=`)|(?<!\\)(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
_ESCAPE = _escapes("\\`*_{}[]()>#+-.!")
_FORMULA = re.compile(
    r"(?<!\\)\$(?!\s)(?:\\.|[^\\$])+?(?<!\s)\$|(?<!\\)\\\((?:\\[^)]|[^\\])+?\\\)", re.S
)
#: What Markdown sets aside by itself, and what it does where formulas are known.
PLAIN = [_SPAN, _ESCAPE]
FORMULAS = [_SPAN, _FORMULA, _ESCAPE]


def set_aside(md: Markdown) -> list[re.Pattern[str]]:
    """Return the patterns of what `md` takes out of a text before it counts brackets."""
    # What the patterns of these match is not yet all that tells.
    known = {"backtick": _SPAN, "escape": _escapes(md.ESCAPED_CHARS)}
    found = []
    for item in sorted(md.inlinePatterns._priority, key=lambda item: -item.priority):
        pattern = md.inlinePatterns[item.name]
        if item.priority > _BRACKETS and isinstance(pattern, InlineProcessor):
            found.append(known.get(item.name, pattern.compiled_re))
    return found


@dataclass(frozen=True)
class Read:
    """An image in a text: its alt text, address and title as they stand there.

    `opens` is where its address begins, and `end` where the whole ends.
    """

    alt: str
    href: str
    title: str | None
    opens: int
    end: int


class ImageSyntax(ImageInlineProcessor):
    """Markdown's own parser of images and links, for text of which nothing is stashed yet."""

    def unescape(self, text: str) -> str:
        return text

    def veiled(self, text: str, aside: Iterable[re.Pattern[str]]) -> str:
        """Return `text`, as long as it is, without the brackets in what is set `aside`."""
        for pattern in aside:
            at = 0
            # One after the other, for a pattern looks at what stands before it.
            while (found := pattern.search(text, at)) is not None:
                start, end = found.span()
                text = text[:start] + text[start:end].translate(_VEIL) + text[end:]
                at = max(end, at + 1)
        return text

    def read(self, veiled: str, at: int) -> Read | None:
        """Return the image whose alt text begins at `at`, if there is a whole one."""
        alt, opens, closed = self.getText(veiled, at)
        if not closed:
            return None
        href, title, end, closed = self.getLink(veiled, opens)
        if not closed:
            return None
        shown = None if title is None else " ".join(title.translate(_UNVEIL).split("\n"))
        return Read(alt.translate(_UNVEIL), href.translate(_UNVEIL), shown, opens, end)
