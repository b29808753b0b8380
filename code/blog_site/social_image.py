"""The image that other sites show beside a link: 1200 x 630, drawn offline, always the same bytes.

On the right a small scene from the posts: shapes on a grid of patches, and what one patch attends
to. On the left the words.
"""

from __future__ import annotations

import hashlib
import io
import itertools
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import PIL
from PIL import Image, ImageDraw, ImageFont

from notebook_embed.files import write_whole
from shapes_of_attention import palette
from shapes_of_attention.palette import ACCENT, INK, LINE, MUTED, PAPER, SCENE

__all__ = ["Card", "draw", "draw_cached"]

SIZE = (1200, 630)
MOST_LINES = 8  # of the smallest letters, between what stands above and below
SCALE = 2  # drawn larger and reduced, because Pillow's shapes are not anti-aliased
BLUE, ORANGE, GREEN = SCENE

MARGIN = 72
TEXT_WIDTH = 640
GRID_LEFT, GRID_TOP, PATCH, PATCHES = 792, 147, 42, 8

INTER = "inter-latin-wght-normal.woff2"

Colour = str
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Card:
    """The words on an image."""

    kicker: str  # above the title: the series and the part
    title: str
    footer: str  # below: where it stands


def draw_cached(card: Card, *, fonts: Path, cache: Path) -> Path:
    """Return the path of the PNG for `card` below `cache`, drawn only when it is not there yet."""
    drawn_with = (Path(__file__), Path(palette.__file__), fonts / INTER, _substitute_file())
    key = hashlib.sha256(
        "\0".join(
            [
                *map(_hash, drawn_with),
                PIL.__version__,
                card.kicker,
                card.title,
                card.footer,
            ]
        ).encode()
    ).hexdigest()[:20]
    path = cache / f"{key}.png"
    if not path.is_file():
        write_whole(path, draw(card, fonts=fonts))
    return path


@cache  # a server draws for as long as it runs
def _substitute_file() -> Path:
    """Return DejaVu Sans, which comes with matplotlib, of which nothing else is loaded."""
    spec = find_spec("matplotlib")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf"


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def draw(card: Card, *, fonts: Path) -> bytes:
    """Return the PNG of `card`; `fonts` is the folder of the site's own woff2 files."""
    canvas = Image.new("RGB", (SIZE[0] * SCALE, SIZE[1] * SCALE), PAPER)
    pen = _Pen(ImageDraw.Draw(canvas), fonts)
    pen.rectangle((0, 0), (12, SIZE[1]), fill=ACCENT)
    _draw_scene(pen)
    _draw_words(pen, card)
    small = canvas.resize(SIZE, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # 128 colours hold a flat drawing with its soft edges, at a third of the bytes.
    small.quantize(128, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


class _Pen:
    """Drawing in the image's own units, 1200 x 630."""

    def __init__(self, image: ImageDraw.ImageDraw, fonts: Path) -> None:
        self.image, self.fonts = image, fonts

    def font(self, name: str, size: float, axes: list[float]) -> ImageFont.FreeTypeFont:
        # The basic layout engine is in every build of Pillow; the other one is not.
        font = ImageFont.truetype(
            str(self.fonts / name), round(size * SCALE), layout_engine=ImageFont.Layout.BASIC
        )
        font.set_variation_by_axes(axes)
        return font

    def text(self, at: Point, words: str, font: ImageFont.FreeTypeFont, fill: Colour) -> None:
        x, y = _scaled(at)
        for run, of in _runs(words, font):
            self.image.text((x, y), run, font=of, fill=fill, anchor="ls")
            x += round(of.getlength(run))

    def rectangle(
        self,
        start: Point,
        end: Point,
        *,
        fill: Colour | None = None,
        line: Colour | None = None,
        width: float = 1,
        radius: float = 0,
    ) -> None:
        self.image.rounded_rectangle(
            (_scaled(start), _scaled(end)), radius * SCALE, fill, line, round(width * SCALE)
        )

    def circle(
        self,
        centre: Point,
        radius: float,
        *,
        fill: Colour | None = None,
        line: Colour | None = None,
        width: float = 1,
    ) -> None:
        (x, y) = centre
        box = (_scaled((x - radius, y - radius)), _scaled((x + radius, y + radius)))
        self.image.ellipse(box, fill, line, round(width * SCALE))


def _scaled(point: Point) -> tuple[int, int]:
    return round(point[0] * SCALE), round(point[1] * SCALE)


def _draw_words(pen: _Pen, card: Card) -> None:
    kicker, title, footer = (
        _legible(text, pen.font(INTER, 26, [500]))
        for text in (card.kicker, card.title, card.footer)
    )
    size = 64.0
    while True:
        font = pen.font(INTER, size, [700])
        lines = _wrapped(title, font, TEXT_WIDTH * SCALE)
        if len(lines) <= 4 or size <= 40:
            break
        size -= 4
    leading = size * 1.18
    baseline = SIZE[1] / 2 - leading * (len(lines) - 1) / 2 + size * 0.35
    if kicker:
        pen.text((MARGIN, 104), kicker, pen.font(INTER, 26, [600]), ACCENT)
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"{lines[MOST_LINES - 1][:-1]}…"]
        baseline = SIZE[1] / 2 - leading * (len(lines) - 1) / 2 + size * 0.35
    for number, words in enumerate(lines):
        pen.text((MARGIN, baseline + number * leading), words, font, INK)
    pen.text((MARGIN, SIZE[1] - 72), footer, pen.font(INTER, 26, [500]), MUTED)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and _width(f"{lines[-1]} {word}", font) <= width:
            lines[-1] += f" {word}"
            continue
        lines.append("")
        for sign in word:  # a word that no line holds goes on in the next one
            if lines[-1] and _width(lines[-1] + sign, font) > width:
                lines.append("")
            lines[-1] += sign
    return lines


def _width(words: str, font: ImageFont.FreeTypeFont) -> float:
    return sum(of.getlength(run) for run, of in _runs(words, font))


def _legible(text: str, font: ImageFont.FreeTypeFont) -> str:
    """Leave out signs that no font here has, such as emoji: boxes would stand for them."""
    fonts = str(font.path), str(_substitute(font.size).path)
    signs = (sign for sign in text if sign.isspace() or any(_has(path, sign) for path in fonts))
    return " ".join("".join(signs).split())


def _runs(words: str, font: ImageFont.FreeTypeFont) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """Split `words` where the site's font, which is Latin, has to be helped out by another."""
    known = itertools.groupby(words, lambda sign: sign.isspace() or _has(str(font.path), sign))
    return [("".join(signs), font if has else _substitute(font.size)) for has, signs in known]


@cache
def _has(path: str, sign: str) -> bool:
    """Tell whether the font in a file has a `sign`: what it has not looks like what none has."""
    font = ImageFont.truetype(path, 20, layout_engine=ImageFont.Layout.BASIC)
    return bytes(font.getmask(sign)) != bytes(font.getmask("\U0010fffe"))


@cache
def _substitute(size: float) -> ImageFont.FreeTypeFont:
    """Return the font that helps out where the site's has no sign."""
    path = str(_substitute_file())
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _draw_scene(pen: _Pen) -> None:
    """Draw the grid, four shapes, and the patches that the query's patch attends to."""

    def corner(column: float, row: float) -> Point:
        return GRID_LEFT + column * PATCH, GRID_TOP + row * PATCH

    attended = {(5, 1): 0.55, (6, 1): 0.75, (5, 2): 0.75, (6, 2): 0.95, (1, 5): 0.5, (2, 5): 0.7}
    for (column, row), weight in attended.items():
        pen.rectangle(
            corner(column, row), corner(column + 1, row + 1), fill=_mixed(PAPER, ACCENT, weight / 3)
        )
    end = PATCH * PATCHES
    for step in range(PATCHES + 1):
        x, y = corner(step, step)
        pen.rectangle((x - 0.5, GRID_TOP), (x + 0.5, GRID_TOP + end), fill=LINE)
        pen.rectangle((GRID_LEFT, y - 0.5), (GRID_LEFT + end, y + 0.5), fill=LINE)

    pen.circle(corner(6, 2), PATCH * 0.92, fill=ORANGE)
    pen.circle(corner(2, 5.5), PATCH * 0.86, fill=ORANGE)
    pen.circle(corner(5.5, 6), PATCH * 0.95, line=BLUE, width=9)
    pen.rectangle(corner(0.6, 0.7), corner(3.1, 2.4), fill=GREEN, radius=3)
    pen.rectangle(corner(3.5, 3.5), corner(4.6, 4.8), line=BLUE, width=8, radius=3)
    pen.rectangle(corner(6, 2), corner(7, 3), line=ACCENT, width=5)


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    pairs = zip(bytes.fromhex(first[1:]), bytes.fromhex(second[1:]), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in pairs).hex()
