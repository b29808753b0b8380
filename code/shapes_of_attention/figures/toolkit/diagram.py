"""Vector diagrams in CSS pixels: boxes, arrows, cells, pictures and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path
from numpy.typing import NDArray

from shapes_of_attention.figures.toolkit.figure import (
    DASHED,
    PIXELS_PER_INCH,
    WIDTH,
    Figure,
    canvas,
)
from shapes_of_attention.figures.toolkit.pixels import Levels, enlarged
from shapes_of_attention.palette import ACCENT, INK, LINE, MUTED, PANEL, TOKENS, ink_on

__all__ = ["Diagram"]

#: Height of letters in CSS pixels: 19 on a page 600 wide are 11 on a phone.
LETTERS = 19
POINTS = 72 / PIXELS_PER_INCH
#: Width of a box's edge in CSS pixels.
EDGE = 1.5
#: Fills that change with the scheme, as ink does.
GROUNDS = {"none", *(light for light, _ in TOKENS.values())}


class Diagram:
    """A drawing of `width` x `height` CSS pixels; x goes right and y goes down from the top left.

    Later parts lie over earlier ones. `figure()` gives the picture that a notebook returns.
    """

    def __init__(self, *, height: int, width: int = WIDTH) -> None:
        self._canvas = canvas(width=width, height=height)
        self._axes = self._canvas.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, width), ylim=(height, 0))
        self._axes.set_axis_off()
        self._width, self._height = width, height
        self._order = 1

    def figure(self) -> Figure:
        """Return the drawing as a static figure."""
        return Figure(static=self._canvas)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        text: str = "",
        *,
        fill: str = PANEL,
        edge: str = LINE,
        colour: str | None = None,
        size: float = LETTERS,
        radius: float = 8,
        dashed: bool = False,
    ) -> None:
        """Draw a rounded box by its top left corner, with lines of text in its middle.

        Where no `colour` is given, the text can be read on `fill` in both schemes.
        """
        # Corners of a box are curves, not parts of a circle.
        is_disc = width == height <= 2 * radius
        x, y, width, height = self._inside(x, y, width, height, EDGE)
        look: dict[str, Any] = {
            "facecolor": fill,
            "edgecolor": edge,
            "linewidth": EDGE * POINTS,
            "linestyle": DASHED if dashed else "-",
            "zorder": self._next(),
        }
        if is_disc:
            middle, across = (x + width / 2, y + height / 2), min(width, height)
            self._axes.add_patch(Circle(middle, across / 2, **look))
        else:
            radius = min(radius, width / 2, height / 2)
            size_inside = width - 2 * radius, height - 2 * radius
            style = f"round,pad={radius}"
            self._axes.add_patch(
                FancyBboxPatch((x + radius, y + radius), *size_inside, boxstyle=style, **look)
            )
        if text:
            colour = colour or (INK if fill in GROUNDS else ink_on(fill))
            self.text(x + width / 2, y + height / 2, text, colour=colour, size=size)

    def arrow(
        self,
        *points: tuple[float, float],
        colour: str = MUTED,
        width: float = 2,
        head: bool = True,
        dashed: bool = False,
    ) -> None:
        """Draw a line through points (x, y), straight between them, with a head at its end."""
        self._axes.add_patch(
            FancyArrowPatch(
                path=Path(points),
                arrowstyle="-|>,head_length=5,head_width=3" if head else "-",
                mutation_scale=1.2,
                shrinkA=0,
                shrinkB=0,
                joinstyle="round",
                facecolor=colour,
                edgecolor=colour,
                linewidth=width * POINTS,
                linestyle=DASHED if dashed else "-",
                fill=head,
                zorder=self._next(),
            )
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        colour: str = INK,
        align: str = "center",
        size: float = LETTERS,
        bold: bool = False,
        rotation: float = 0,
    ) -> None:
        """Write lines of text; x is its left, middle or right by `align`, y its middle."""
        self._axes.text(
            x,
            y,
            text,
            color=colour,
            ha=align,
            va="center" if "\n" in text or rotation else "center_baseline",
            fontsize=size * POINTS,
            fontweight="bold" if bold else "normal",
            rotation=rotation,
            linespacing=1.25,
            zorder=self._next(),
        )

    def step(self, y: float, number: int, text: str, *, x: float = 0) -> None:
        """Head a step with its number in a disc; y is the line's middle."""
        self.box(x, y - 14, 28, 28, str(number), fill=ACCENT, edge=ACCENT, colour=PANEL, radius=14)
        self.text(x + 40, y, text, align="left")

    def cells(
        self,
        x: float,
        y: float,
        cell: float | tuple[float, float],
        values: NDArray[Any] | Sequence[Sequence[float]],
        *,
        cmap: str = "viridis",
        low: float | None = None,
        high: float | None = None,
        edge: str = LINE,
        write: str | None = None,
    ) -> NDArray[np.str_]:
        """Draw a matrix [rows, columns] as coloured cells of `cell` pixels (or width, height).

        Values that are not a number stay empty. `write` is a format such as ".1f" for the numbers.
        Returns what can be read on each cell, for a caller that writes on them itself.
        """
        numbers = np.asarray(values, dtype=float)
        wide, high_px = cell if isinstance(cell, tuple) else (cell, cell)
        least = np.nanmin(numbers) if low is None else low
        most = np.nanmax(numbers) if high is None else high
        scale = mpl.colors.Normalize(least, most if most > least else least + 1)
        colours = mpl.colormaps[cmap]
        order = self._next()
        inks = np.full(numbers.shape, INK)
        for (row, column), value in np.ndenumerate(numbers):
            paint = "none" if np.isnan(value) else colours(scale(value))
            self._axes.add_patch(
                Rectangle(
                    (x + column * wide, y + row * high_px),
                    wide,
                    high_px,
                    facecolor=paint,
                    edgecolor=edge,
                    linewidth=1 * POINTS,
                    zorder=order,
                )
            )
            if np.isnan(value):
                continue
            inks[row, column] = ink_on(mpl.colors.to_hex(paint))
            if write:
                digits = format(value, write)
                self.text(
                    x + (column + 0.5) * wide,
                    y + (row + 0.5) * high_px,
                    digits,
                    colour=str(inks[row, column]),
                    size=min(LETTERS, 0.6 * high_px, 1.4 * wide / len(digits)),
                )
        return inks

    def picture(self, x: float, y: float, width: float, height: float, picture: Levels) -> None:
        """Place an image [3, height, width] of levels 0-255 in a box, with a hairline around it."""
        self._axes.imshow(
            enlarged(picture),
            extent=(x, x + width, y + height, y),
            interpolation="none",
            aspect="auto",
            zorder=self._next(),
        )
        self._axes.set(xlim=(0, self._width), ylim=(self._height, 0))
        self.outline(x, y, width, height, colour=LINE, line=1)

    def outline(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        colour: str = ACCENT,
        line: float = 3,
    ) -> None:
        """Draw a rectangle's edge, such as around a chosen patch."""
        x, y, width, height = self._inside(x, y, width, height, line)
        self._axes.add_patch(
            Rectangle(
                (x, y),
                width,
                height,
                facecolor="none",
                edgecolor=colour,
                linewidth=line * POINTS,
                zorder=self._next(),
            )
        )

    def _inside(
        self, x: float, y: float, width: float, height: float, line: float
    ) -> tuple[float, float, float, float]:
        """Keep a rectangle's edge inside the drawing: half of the line lies outside of it."""
        left, top = max(x, line / 2), max(y, line / 2)
        right = min(x + width, self._width - line / 2)
        bottom = min(y + height, self._height - line / 2)
        return left, top, right - left, bottom - top

    def _next(self) -> int:
        self._order += 1
        return self._order
