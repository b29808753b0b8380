"""Rows of dots on one axis: every single value, of seeds or draws, and the mean of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shapes_of_attention.figures.toolkit.draw import key_dot, panel, show_ticks, write
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure, canvas
from shapes_of_attention.palette import INK, LINE

__all__ = ["DotRow", "Series", "dot_rows"]


@dataclass(frozen=True, kw_only=True)
class Series:
    """What one colour stands for: its name in the key."""

    name: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class DotRow:
    """A row: its label, and the values of each series, none where there are none.

    A row without values is a heading.
    """

    label: str
    values: Sequence[Sequence[float]] = ()


#: Heights of a row and of a heading, and the room for labels.
ROW, HEAD, LABEL = 54, 42, 208
#: From so many values on they are scattered over their lane, lest they hide each other.
MANY = 8
#: Turns by which values are scattered, evenly and in no order that the eye can see.
GOLDEN = (5**0.5 - 1) / 2


def dot_rows(
    series: Sequence[Series],
    rows: Sequence[DotRow],
    *,
    title: str,
    ticks: Sequence[tuple[float, str]],
    limits: tuple[float, float],
) -> Figure:
    """Draw rows of dots: within a row, each series has a lane of its own; a bar is at its mean.

    `ticks` are values and their texts; `limits` are the least and the largest value of the axis.
    """
    columns = 2 if max(len(one.name) for one in series) < 24 else 1
    top = 14 + 30 * -(-len(series) // columns)
    heights = [ROW if row.values else HEAD for row in rows]
    figure = canvas(height=top + sum(heights) + 78)
    for place, one in enumerate(series):
        x = (place % columns) * WIDTH / columns
        key_dot(figure, x, 16 + 30 * (place // columns), one.name, one.colour)
    width = WIDTH - LABEL - 16
    axes = panel(figure, LABEL, top, width, sum(heights))
    axes.set(xlim=limits, ylim=(sum(heights), 0))
    for value, _ in ticks:
        axes.axvline(value, color=LINE, linewidth=1, zorder=0)
    show_ticks(axes, *zip(*ticks, strict=True), vertical=False)
    y = 0.0
    for row, tall in zip(rows, heights, strict=True):
        if not row.values:
            write(figure, 0, top + y + tall / 2 + 4, row.label)
            y += tall
            continue
        write(figure, 0, top + y + tall / 2, row.label, colour=INK)
        lane = (tall - 8) / len(series)
        for number, (one, values) in enumerate(zip(series, row.values, strict=True)):
            if not len(values):
                continue
            middle = y + 4 + (number + 0.5) * lane
            few = len(values) < MANY
            turns = GOLDEN * np.arange(len(values)) % 1 - 0.5
            axes.scatter(
                values,
                middle + (0 if few else 0.8 * lane) * turns,
                color=one.colour,
                s=64 if few else 16,
                alpha=0.75 if few else 0.4,
                linewidths=0,
                zorder=3,
            )
            if len(values) > 1:
                mean = float(np.mean(values))
                axes.plot([mean, mean], [middle - 9, middle + 9], color=one.colour, linewidth=3)
        y += tall
        axes.axhline(y, color=LINE, linewidth=1, zorder=0)
    write(figure, LABEL + width / 2, top + sum(heights) + 58, title, align="center")
    return Figure(static=figure)
