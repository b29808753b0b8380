"""HTML in the Markdown of notebooks, as CommonMark has it: a block ends where a line is empty.

So what stands between ``<details>`` and its end, or in a table that lays out a page, is Markdown
where empty lines set it apart. Python-Markdown takes all up to the closing tag for HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from markdown import Markdown
from markdown.preprocessors import Preprocessor
from markdown_it.common.html_blocks import block_names
from markdown_it.token import Token

__all__ = ["SetApart", "set_apart"]

_BLOCK = re.compile(rf"\s*</?(?P<name>{'|'.join(block_names)})(?=[\s/>]|$)", re.I)
# In these an empty line means nothing, whatever CommonMark says: no one writes Markdown there.
_WHOLE = ("pre", "script", "style", "textarea", "svg", "math")
_QUOTED = re.compile(r"\"[^\"<>]*\"|'[^'<>]*'")
# A sign for use inside of programs, on both sides of a number.
_SIGN = "\ufdd1"
_STAND_IN = re.compile(f"{_SIGN}([0-9]+){_SIGN}")


class SetApart(Preprocessor):
    """Holds the blocks of HTML of the text that `md` is about to convert, and hands them over."""

    def __init__(self, md: Markdown) -> None:
        super().__init__(md)
        self._held: list[str] = []
        # After line ends are made alike (30), before lines are counted (29.5).
        md.preprocessors.register(self, "notebook_embed_html", 29.7)

    def begin(self) -> None:
        self._held.clear()

    def __call__(self, html: str) -> str:
        """Return what stands for a block of HTML in the text."""
        self._held.append(html)
        return f"{_SIGN}{len(self._held) - 1}{_SIGN}"

    def run(self, lines: list[str]) -> list[str]:
        return [_STAND_IN.sub(self._stored, line) for line in lines]

    def _stored(self, found: re.Match[str]) -> str:
        number = int(found[1])
        return self.md.htmlStash.store(self._held[number]) if number < len(self._held) else ""


def set_apart(
    text: str, parse: Callable[[str], list[Token]], stand_in: Callable[[str], str]
) -> str:
    """Return Markdown with what `stand_in` returns in the place of each block of HTML.

    A block with the attribute ``markdown`` is left, up to its closing tag: it says
    what it wants of Python-Markdown. So is HTML in a quotation.
    """
    if _SIGN in text or not re.search(r"^[ \t>\d.)*+-]*</?[a-zA-Z]", text, re.M):
        return text
    lines = text.split("\n")
    done, quotations = 0, 0
    before: list[int] = []  # lines that an empty one must precede
    for token in parse(text):
        quotations += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.type != "html_block" or not token.map or quotations:
            continue
        begin, end = token.map
        found = _BLOCK.match(token.content)
        if begin < done or found is None:
            continue
        if re.search(r"<[^<>]*\smarkdown(?=[\s=>/])", _QUOTED.sub('""', token.content)):
            done = _closed(found["name"], lines, begin) or end
            continue
        html = token.content.strip()
        if (done := max(end, _whole(html, lines, begin, end))) > end:
            html = "\n".join([html, *lines[end:done]])
        prefix, first, _ = lines[begin].partition(html.split("\n")[0])
        if not first:
            continue
        # Markdown looks for the name up to a space or the bracket.
        html = re.sub(r"^(</?[\w-]+)\s+", r"\1 ", html)
        lines[begin:done] = [prefix + stand_in(html), *[""] * (done - begin - 1)]
        is_alone = done >= len(lines) or not lines[done].strip()
        if not token.level or is_alone:
            before.append(begin)
    for begin in reversed(before):
        begins_item = not lines[begin].lstrip().startswith(_SIGN)
        if begin and lines[begin - 1].strip() and not begins_item:
            lines.insert(begin, "")
    return "\n".join(lines)


def _whole(html: str, lines: list[str], begin: int, end: int) -> int:
    """Return the line behind what a block opens and an empty line does not end; 0 for none."""
    ends = [0]
    if html.rfind("<!--") > html.rfind("-->"):
        ends += [n + 1 for n in range(end, len(lines)) if "-->" in lines[n]][:1]
    for name in _WHOLE:
        if re.search(rf"<{name}\b", html, re.I) and _balance(name, html) > 0:
            ends.append(_closed(name, lines, begin) or 0)
    return max(ends)


def _closed(name: str, lines: list[str], begin: int) -> int | None:
    """Return the line behind the one that closes the element `name`, or None."""
    opened = 0
    for number in range(begin, len(lines)):
        opened += _balance(name, lines[number])
        if opened <= 0 and re.search(rf"</{name}\s*>", lines[number], re.I):
            return number + 1
    return None


def _balance(name: str, html: str) -> int:
    opening = len(re.findall(rf"<{name}(?=[\s/>]|$)", html, re.I))
    return opening - len(re.findall(rf"</{name}\s*>", html, re.I))
