"""Markdown as notebooks have it (CommonMark), rewritten for Python-Markdown where the two differ.

Notebooks nest lists by the width of their marks, begin a list or a table right below a line of
text, and hold Markdown in HTML between blank lines. Python-Markdown wants four spaces, an empty
line and an attribute. What is neither is left as it is, with all that a site's extensions add.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from notebook_embed.cell_syntax import without_bars
from notebook_embed.html_blocks import set_apart
from notebook_embed.library import without_code

__all__ = ["as_python_markdown"]

ITEM = re.compile(r"(?P<mark>[-+*]|(?P<number>\d{1,9})[.)])(?P<gap>[ \t]+|$)")
WIDTH = 4


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": 60}).enable("table")
    return parser.use(dollarmath_plugin).use(amsmath_plugin)


def as_python_markdown(text: str, stand_in: Callable[[str], str] | None = None) -> str:
    """Return Markdown that Python-Markdown reads as CommonMark reads `text`.

    What `stand_in` returns for a block of HTML stands in its place; without it HTML stays.
    """
    if "$$" in text:
        text = _with_displays_in_lines(text)
    if stand_in is not None:
        text = set_apart(text, _parser().parse, stand_in)
    if not re.search(r"^[ \t]*(?:[-+*]|\d+[.)])(?:[ \t]|$)|\|.*-", text, re.M):
        return text
    lines = text.expandtabs(WIDTH).split("\n")
    tokens = _parser().parse(
        "\n".join(without_bars(line) if "|" in line else line for line in lines)
    )
    before: set[int] = set()  # lines that an empty one must precede
    ends: list[int] = []  # of the items that are open
    for token, behind in pairwise([*tokens, Token("end", "", -1)]):
        begins = token.type in ("bullet_list_open", "ordered_list_open", "table_open")
        if begins and token.map and token.level == 0:
            before.add(token.map[0])
        if token.type == "list_item_open" and token.map:
            begin, end = token.map
            ends.append(end)
            item = "\n".join(lines[begin:end]).rstrip()
            if "\n\n" in re.sub(r"\n[ ]+(?=\n)", "\n", item):
                before.add(end)  # what follows an item of several blocks is no part of the last one
        elif token.type == "list_item_close":
            ends.pop()
        elif token.type in ("bullet_list_close", "ordered_list_close") and ends and behind.map:
            before |= {behind.map[0], *ends}  # nor is what an item has below a list
    _indent_lists(tokens, lines)
    made: list[str] = []
    for number, line in enumerate(lines):
        if number in before and made and made[-1].strip():
            made.append("")
        made.append(line)
    return "\n".join(made)


def _with_displays_in_lines(text: str) -> str:
    """Set formulas between two dollars inside of a line as displays in it: such have none here."""
    made = []
    for line, readable in zip(text.split("\n"), without_code(text).split("\n"), strict=True):
        alone = re.fullmatch(r"[\s>]*\$\$[^$]*\$\$\s*", line)
        if not alone and line.count("$$") > 1 and readable.count("$$") == line.count("$$"):
            line = re.sub(r"\$\$([^$]+)\$\$", r"$\\displaystyle \1$", line)
        made.append(line)
    return "\n".join(made)


def _indent_lists(tokens: list[Token], lines: list[str]) -> None:
    """Indent what is in a list by four spaces for each level, in place."""
    depth = 0
    offsets: list[int] = []  # where the content of each open item begins, as CommonMark counts
    where: dict[int, tuple[int, int]] = {}  # line -> levels, and columns to take off
    firsts: dict[int, int] = {}
    fences: dict[int, int] = {}  # line of code between fences -> that of the fence
    words: set[int] = set()  # lines of running text
    for token in tokens:
        if token.type == "list_item_open" and token.map:
            begin, end = token.map
            line = lines[begin]
            outer = offsets[-1] if offsets else 0
            rest = line[outer:]
            indent = outer + len(rest) - len(rest.lstrip())
            match = ITEM.match(line[indent:])
            if match is None or begin in firsts:
                return  # several marks on one line, or in a quotation: left as it is
            gap = len(match["gap"])
            width = len(match["mark"]) + (gap if 1 <= gap <= WIDTH else 1)
            depth += 1
            offsets.append(indent + width)
            firsts[begin] = depth
            for number in range(begin, end):
                where[number] = (depth, indent + width)
        elif token.type == "list_item_close":
            depth -= 1
            offsets.pop()
        elif token.type == "inline" and token.map:
            words |= set(range(*token.map))
        elif token.type == "fence" and token.map:
            fences |= dict.fromkeys(range(token.map[0] + 1, token.map[1]), token.map[0])
    shifts: dict[int, int] = {}
    for number, (levels, offset) in sorted(where.items()):
        line = lines[number]
        if number in firsts:
            found = ITEM.match(line.lstrip())
            assert found is not None
            mark = found["mark"].replace(")", ".")
            content = line.lstrip()[found.end() :]
            lines[number] = f"{' ' * WIDTH * (levels - 1)}{mark:<{WIDTH - 1}} {content}".rstrip()
            continue
        indent = len(line) - len(line.lstrip())
        if number in fences:
            take = min(indent, shifts.get(fences[number], offset))
        else:
            extra = indent - offset
            take = indent if extra < WIDTH else offset  # fewer than four spaces mean nothing
        shifts[number] = take
        if number in words and (found := ITEM.match(line.lstrip())):  # it only looks like an item
            line = f"{line[:indent]}{found['mark'][:-1]}\\{line.lstrip()[len(found['mark']) - 1 :]}"
        lines[number] = (" " * WIDTH * levels + line[take:]) if line.strip() else ""
