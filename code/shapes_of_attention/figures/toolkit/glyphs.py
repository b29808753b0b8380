"""Shapes of the data set as marks: drawn as in the data, outlined, ringed, struck out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Patch, Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from shapes_of_attention.palette import GROUND, WHITE

__all__ = ["circle_of", "cross", "glyph", "outline", "rgb", "ring"]


def glyph(
    number: int, centre: tuple[float, float], size: float, colour: Sequence[float] | NDArray[Any]
) -> Patch:
    """Return a patch of the given kind and colour (levels 0-255), drawn as in the data."""
    x, y = centre
    hollow = number in (1, 3)
    line = size / 6 if hollow else 0.0
    paint = tuple(float(level) / 255 for level in colour)
    style: dict[str, Any] = {
        "facecolor": "none" if hollow else paint,
        "edgecolor": paint if hollow else "none",
        "linewidth": line * 72 / 96,
    }
    if number < 2:
        return Circle(centre, (size - line) / 2, **style)
    width, height = size - line, size * 0.75 - line
    return Rectangle((x - width / 2, y - height / 2), width, height, **style)


def outline(
    number: int, box: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a closed line around a shape of the given kind: x [points] and y [points]."""
    turns = np.linspace(0, 2 * np.pi, 33) if number < 2 else np.pi / 4 * np.arange(1, 10, 2)
    reach = 1.0 if number < 2 else np.sqrt(2)
    x0, y0, x1, y1 = box
    x = (x0 + x1) / 2 + (x1 - x0) / 2 * reach * np.cos(turns)
    y = (y0 + y1) / 2 + (y1 - y0) / 2 * reach * np.sin(turns)
    return x.astype(np.float32), y.astype(np.float32)


def circle_of(box: NDArray[np.float32]) -> tuple[tuple[float, float], float]:
    """Return the centre and radius of the circle in a box, in pixels."""
    x0, y0, x1, y1 = (float(edge) for edge in box)
    return ((x0 + x1) / 2, (y0 + y1) / 2), (x1 - x0) / 2


def ring(axes: Axes, centre: tuple[float, float], radius: float, *, dashed: bool) -> None:
    """Draw a white circle, solid or dashed."""
    style = (0, (3, 2)) if dashed else "-"
    axes.add_patch(
        Circle(centre, radius, fill=False, edgecolor=WHITE, linewidth=1.5, linestyle=style)
    )


def cross(axes: Axes, centre: tuple[float, float], reach: float) -> None:
    """Strike out what lies at `centre`."""
    x, y = centre
    for sign in (-1, 1):
        axes.plot(
            [x - reach, x + reach],
            [y - sign * reach, y + sign * reach],
            color=WHITE,
            linewidth=2,
            path_effects=[withStroke(linewidth=4, foreground=GROUND)],
            scalex=False,
            scaley=False,
        )


def rgb(colour: NDArray[np.float32]) -> str:
    """Write a colour [3] as whole levels."""
    red, green, blue = np.round(colour).astype(int)
    return f"R {red} G {green} B {blue}"
