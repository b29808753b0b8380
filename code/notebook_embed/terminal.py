"""Text as a terminal leaves it: lines written over, moves upwards, colours as HTML."""

from __future__ import annotations

import html
import re
from itertools import groupby
from typing import NamedTuple

__all__ = ["last_of_lines", "last_state", "without_controls", "without_escapes"]

# What is said to the terminal itself (ECMA-48, 5.3 to 5.6).
ESCAPE = (
    r"\x1b\[[0-?]*[ -/]*[@-~]?"  # "control sequences"
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # links and titles
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # pictures, and words to the terminal
    r"|\x1b[ -/]+[0-~]?"  # sets of characters
    r"|\x1b[0-~]?"
)
# What moves the cursor or changes the colour; all else is written.
TOKEN = re.compile(
    rf"\x1b\[(?P<numbers>[\d;:]*)(?P<code>[A-Za-z])|{ESCAPE}"
    r"|(?P<sign>\r*\n|[\r\b])"
    r"|(?P<text>[^\x1b\r\n\b]+)",
    re.S,
)
# Neither HTML nor Markdown can hold these; Markdown puts marks of its own between two of them.
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0\ufffe\uffff]")
NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
FAR = 10_000  # rows and columns: no screen is larger, whatever a program asks for
# Codes of "select graphic rendition" that switch something on or off.
SWITCHES = {
    1: ("bold", True),
    3: ("italic", True),
    4: ("underline", True),
    7: ("inverse", True),
    9: ("strike", True),
    21: ("bold", False),
    22: ("bold", False),
    23: ("italic", False),
    24: ("underline", False),
    27: ("inverse", False),
    29: ("strike", False),
}

Colour = int | tuple[int, int, int] | None


class Style(NamedTuple):
    """How a sign looks: colours by number, 0 to 7 and 8 to 15 intense, or by red, green, blue."""

    ink: Colour = None
    ground: Colour = None
    bold: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False
    strike: bool = False


PLAIN = Style()


def without_controls(text: str) -> str:
    """Return `text` without the signs that neither HTML nor Markdown can hold."""
    return CONTROLS.sub("", text)


def without_escapes(text: str) -> str:
    """Return `text` without what is said to a terminal, colours among it."""
    return re.sub(ESCAPE, "", text)


def last_state(text: str) -> str:
    r"""Return HTML of what a terminal shows after all of `text`.

    A line that begins anew (``\r``) is written over, as progress bars do; colours become spans of
    the classes that nbconvert uses, ``ansi-red-fg``.
    """
    if not re.search(r"[\x1b\r\b]", text):
        return html.escape(without_controls(text), quote=False)
    lines: list[list[tuple[str, Style]]] = [[]]
    row = column = 0
    style = PLAIN
    for token in TOKEN.finditer(text):
        if written := token["text"]:
            signs = [(sign, style) for sign in without_controls(written)]
            line = lines[row]
            line += [(" ", PLAIN)] * (column - len(line))
            line[column : column + len(signs)] = signs
            column += len(signs)
        elif sign := token["sign"]:
            if sign.endswith("\n"):
                row, column = row + 1, 0
                if row == len(lines):
                    lines.append([])
            else:
                column = 0 if sign == "\r" else max(0, column - 1)
        elif code := token["code"]:
            numbers = [int(part or 0) for part in re.split("[;:]", token["numbers"])]
            steps = min(numbers[0] or 1, FAR)
            if code == "m":
                style = restyled(style, numbers)
            elif code == "A":
                row = max(0, row - steps)
            elif code == "B":
                row = min(row + steps, len(lines) - 1)
            elif code == "C":
                column = min(column + steps, FAR)
            elif code == "D":
                column = max(0, column - steps)
            elif code == "G":
                column = steps - 1
            elif code == "K":
                erase(lines[row], numbers[0], column)
            elif code == "J" and numbers[0] in (2, 3):
                lines, row, column = [[]], 0, 0
    return "\n".join("".join(map(spans, groupby(line, key=lambda sign: sign[1]))) for line in lines)


def last_of_lines(text: str) -> str:
    r"""Return `text` with each line as it was when it last began (``\r``), in one pass."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        written = line.rstrip("\r")
        lines[number] = written[written.rfind("\r") + 1 :] + line[len(written) :]
    return "\n".join(lines)


def erase(line: list[tuple[str, Style]], part: int, column: int) -> None:
    """Erase a line from the cursor on (0), up to it (1), or whole (2)."""
    if part == 0:
        del line[column:]
    else:
        end = len(line) if part == 2 else min(column + 1, len(line))
        line[:end] = [(" ", PLAIN)] * end
        while line and line[-1] == (" ", PLAIN):
            line.pop()


def restyled(style: Style, numbers: list[int]) -> Style:
    """Return `style` after "select graphic rendition" (ECMA-48, 8.3.117)."""
    rest = list(numbers)
    while rest:
        code = rest.pop(0)
        if code == 0:
            style = PLAIN
        elif code in SWITCHES:
            name, on = SWITCHES[code]
            style = style._replace(**{name: on})
        elif code in (38, 48):
            colour = any_colour(rest)
            style = style._replace(ink=colour) if code == 38 else style._replace(ground=colour)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = style._replace(ink=code - 30 if code < 90 else code - 82)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style = style._replace(ground=code - 40 if code < 100 else code - 92)
        elif code == 39:
            style = style._replace(ink=None)
        elif code == 49:
            style = style._replace(ground=None)
    return style


def any_colour(rest: list[int]) -> Colour:
    """Take a colour of 256 (``5;n``) or of all (``2;r;g;b``) off what follows 38 or 48."""
    kind = rest.pop(0) if rest else 0
    if kind == 2 and len(rest) >= 3:
        red, green, blue = (min(rest.pop(0), 255) for _ in range(3))
        return red, green, blue
    if kind == 5 and rest:
        number = min(rest.pop(0), 255)
        if number < 16:
            return number
        if number >= 232:
            grey = 8 + 10 * (number - 232)
            return grey, grey, grey
        levels = (0, 95, 135, 175, 215, 255)
        number -= 16
        return levels[number // 36], levels[number // 6 % 6], levels[number % 6]
    return None


def spans(run: tuple[Style, object]) -> str:
    """Return the HTML of signs that follow each other and look alike."""
    style, signs = run
    text = html.escape("".join(sign for sign, _ in signs), quote=False)  # type: ignore[attr-defined]
    if style == PLAIN or not text:
        return text
    ink, ground = style.ink, style.ground
    if style.bold and isinstance(ink, int) and ink < 8:
        ink += 8  # as terminals have it
    classes, styles = [], []
    if style.inverse:
        ink, ground = ground, ink
        classes += ["ansi-default-inverse-fg"] if ink is None else []
        classes += ["ansi-default-inverse-bg"] if ground is None else []
    for colour, kind, rule in ((ink, "fg", "color"), (ground, "bg", "background-color")):
        if isinstance(colour, int):
            classes.append(f"ansi-{NAMES[colour % 8]}{'-intense' if colour > 7 else ''}-{kind}")
        elif colour:
            styles.append(f"{rule}: rgb{colour}")
    looks = ("bold", "italic", "underline", "strike")
    classes += [f"ansi-{name}" for name in looks if getattr(style, name)]
    attributes = f' class="{" ".join(classes)}"' if classes else ""
    attributes += f' style="{"; ".join(styles)}"' if styles else ""
    return f"<span{attributes}>{text}</span>" if attributes else text
