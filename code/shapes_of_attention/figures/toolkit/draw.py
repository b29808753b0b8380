"""Drawing with matplotlib: axes and words placed in CSS pixels, images, cells, frames and ticks.

Letters are 19 px on a picture 600 px wide, so that they still read at 343 px on a phone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.patches import Circle, Rectangle
from matplotlib.patheffects import withStroke

from shapes_of_attention.figures.toolkit.figure import PIXELS_PER_INCH
from shapes_of_attention.figures.toolkit.pixels import Levels, Numbers, enlarged
from shapes_of_attention.palette import GROUND, INK, LINE, MUTED, WHITE, ink_on

__all__ = [
    "FINE_TICKS",
    "TICKS",
    "axes_at",
    "frame",
    "frame_patch",
    "ink_at",
    "key_dot",
    "letters",
    "log_ticks",
    "number_cells",
    "panel",
    "percent",
    "show_image",
    "show_ticks",
    "with_looks",
    "write",
    "write_upright",
]

Thing = TypeVar("Thing")
Look = TypeVar("Look")


def axes_at(figure: MatplotlibFigure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes with ticks at a place given in CSS pixels from the figure's top left."""
    total_width, total_height = figure.get_size_inches() * PIXELS_PER_INCH
    return figure.add_axes(
        (
            left / total_width,
            1 - (top + height) / total_height,
            width / total_width,
            height / total_height,
        )
    )


def panel(
    figure: MatplotlibFigure,
    left: float,
    top: float,
    width: float,
    height: float,
    *,
    background: str = "none",
) -> Axes:
    """Add axes without ticks or frame at a place given in pixels from the figure's top left."""
    axes = axes_at(figure, left, top, width, height)
    axes.set_facecolor(background)
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    return axes


def with_looks(things: Collection[Thing], looks: Sequence[Look]) -> Iterable[tuple[Thing, Look]]:
    """Pair each of `things` with a look of its own, in order.

    Raises
    ------
    ValueError
        If there are more things than looks: one would be left out, or look like another.
    """
    if len(things) > len(looks):
        raise ValueError(f"{len(things)} lines or bars, but only {len(looks)} looks for them")
    return zip(things, looks[: len(things)], strict=True)


def frame(axes: Axes) -> None:
    """Draw a hairline around the axes, lest black melts into dark paper."""
    axes.spines[:].set(visible=True, color=LINE, linewidth=0.75)


def write(
    figure: MatplotlibFigure,
    x: float,
    y: float,
    text: str,
    *,
    colour: str = MUTED,
    align: str = "left",
) -> None:
    """Write on the figure at a place given in pixels from its top left; y is the text's middle."""
    width, height = figure.get_size_inches() * PIXELS_PER_INCH
    figure.text(x / width, 1 - y / height, text, color=colour, ha=align, va="center_baseline")


def write_upright(figure: MatplotlibFigure, x: float, y: float, text: str) -> None:
    """Write from below upwards, such as what an axis says; (x, y) is the text's middle."""
    width, height = figure.get_size_inches() * PIXELS_PER_INCH
    figure.text(x / width, 1 - y / height, text, color=MUTED, rotation=90, ha="center", va="center")


def key_dot(figure: MatplotlibFigure, x: float, y: float, text: str, colour: str) -> None:
    """Say what a colour of dots means; y is the line's middle."""
    panel(figure, x, y - 10, 20, 20).add_patch(Circle((0.5, 0.5), 0.34, facecolor=colour))
    write(figure, x + 26, y, text, colour=INK)


def letters(axes: Axes, x: float, y: float, text: str, *, align: str = "center") -> None:
    """Write in white with a black rim, legible on any colour."""
    axes.text(
        x,
        y,
        text,
        color=WHITE,
        ha=align,
        va="center_baseline",
        path_effects=[withStroke(linewidth=3, foreground=GROUND)],
    )


def show_image(axes: Axes, picture: Levels) -> None:
    """Draw an image [3, height, width] in pixel coordinates: pixel i spans i to i + 1."""
    _, height, width = picture.shape
    axes.imshow(
        enlarged(picture),
        extent=(0, width, height, 0),
        interpolation="none",
        aspect="auto",
    )
    frame(axes)


def frame_patch(axes: Axes, patch: int, size: int, *, grid: int = 8, line: float = 2.5) -> None:
    """Frame the patch that asks, in white on black."""
    row, column = divmod(patch, grid)
    side = size / grid
    for colour, width in ((GROUND, 2 * line), (WHITE, line)):
        axes.add_patch(
            Rectangle(
                (column * side, row * side),
                side,
                side,
                facecolor="none",
                edgecolor=colour,
                linewidth=width,
                zorder=5,
            )
        )


#: Where logarithmic axes may have a tick; the fine ones are for axes within a decade.
TICKS = tuple(digit * 10.0**power for power in range(-1, 6) for digit in (1, 2, 5))


FINE_TICKS = tuple(
    digit * 10.0**power for power in range(-1, 6) for digit in (1, 1.5, 2, 3, 4, 5, 7)
)


def log_ticks(
    axes: Axes,
    low: float,
    high: float,
    *,
    vertical: bool = False,
    few: bool = False,
) -> None:
    """Put plain numbers on a logarithmic axis; `few` leaves the fives out where many fit."""
    inside = [tick for tick in TICKS if low <= tick <= high]
    if len(inside) < 3:
        inside = [tick for tick in FINE_TICKS if low <= tick <= high]
    if few and len(inside) > 6:
        inside = [tick for tick in inside if f"{tick:e}"[0] != "5"]
    show_ticks(axes, inside, [f"{tick:g}" for tick in inside], vertical=vertical)


def show_ticks(axes: Axes, ticks: Sequence[float], texts: Sequence[str], *, vertical: bool) -> None:
    """Write `texts` at `ticks` of one axis, without lines."""
    axis = axes.yaxis if vertical else axes.xaxis
    axis.set_visible(True)
    axis.set_ticks(list(ticks), labels=list(texts))
    axis.set_ticks([], minor=True)
    axes.tick_params(which="both", length=0, pad=8)


def number_cells(
    figure: MatplotlibFigure,
    left: float,
    top: float,
    cell: tuple[float, float],
    values: Numbers,
    *,
    texts: Sequence[str],
    most: float = 1.0,
) -> None:
    """Draw a row of a heat map [columns] with a text in each cell."""
    width, height = cell
    axes = panel(figure, left, top, len(values) * width, height)
    axes.set(xlim=(0, len(values)), ylim=(0, 1))
    cells = axes.pcolormesh(values[None], vmin=0, vmax=most, edgecolors=GROUND, linewidth=0.5)
    for column, (value, text) in enumerate(zip(values, texts, strict=True)):
        axes.text(
            column + 0.5,
            0.5,
            text,
            color=ink_at(cells, value),
            ha="center",
            va="center_baseline",
        )


def ink_at(cells: ScalarMappable, value: float) -> str:
    """Say in what a number can be read on a cell that has the colour of `value`."""
    return ink_on(to_hex(tuple(cells.to_rgba(np.array(value)))))


def percent(values: Numbers) -> list[str]:
    """Write shares as whole percent without the sign."""
    return [f"{round(100 * value):d}".replace("-", "−") for value in values]
