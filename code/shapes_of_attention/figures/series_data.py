"""The series task: its data, its averages, and the attention that would solve it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as MatplotlibFigure

from shapes_of_attention.figures.toolkit.draw import key_dot, panel, write
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.pixels import Numbers
from shapes_of_attention.figures.toolkit.series_line import (
    KIND_COLOURS,
    SIGNAL,
    draw_coloured,
    line_axes,
    sample_places,
    series_matrix,
)
from shapes_of_attention.palette import INK
from shapes_of_attention.series.data import SERIES_KINDS, SeriesBatch

__all__ = ["attention_matrix", "averaging", "series_rows"]


def series_rows(batch: SeriesBatch, *, rows: Sequence[int]) -> Figure:
    """Draw series below each other: the signal in grey, the target in the colours of the kinds."""
    head, high, gap = 34, 118, 10
    figure = canvas(height=head + len(rows) * (high + gap) - gap)
    _kind_legend(figure, 0, head / 2 - 2)
    for place, row in enumerate(rows):
        axes = panel(figure, 0, head + place * (high + gap), WIDTH, high)
        line_axes(axes, batch, row)
        axes.plot(sample_places(batch), batch.signal[row], color=SIGNAL, linewidth=1.5)
        draw_coloured(axes, batch, row, batch.target[row])
    return Figure(static=figure)


def averaging(batch: SeriesBatch, *, row: int = 0) -> Figure:
    """Draw one series with each shape's amplitude written, and the target with the means."""
    head, high, gap = 34, 190, 34
    figure = canvas(height=head + 2 * high + gap)
    parts = (
        ("Signal", batch.signal[row], batch.amplitude[row]),
        ("Target", batch.target[row], batch.group_mean[row]),
    )
    for place, (title, line, amplitudes) in enumerate(parts):
        top = head + place * (high + gap)
        write(figure, 0, top - 16, title, colour=INK)
        axes = panel(figure, 0, top, WIDTH, high)
        line_axes(axes, batch, row, reach=2.25)
        axes.plot(sample_places(batch), line, color=SIGNAL, linewidth=1.5)
        draw_coloured(axes, batch, row, line)
        for slot in np.flatnonzero(batch.present[row]):
            down = batch.inverted[row, slot]
            axes.text(
                float(batch.span[row, slot].mean()),
                (amplitudes[slot] + 0.38) * (-1 if down else 1),
                f"{amplitudes[slot]:.2f}",
                color=INK,
                ha="center",
                va="center",
            )
    return Figure(static=figure)


def attention_matrix(batch: SeriesBatch, weights: Numbers, *, title: str, row: int = 0) -> Figure:
    """Draw attention [query, key] over one series, which runs along both sides of the matrix."""
    head, strip = 36, 84
    side = WIDTH - strip
    figure = canvas(height=head + strip + side)
    write(figure, strip, head / 2 - 2, title, colour=INK)
    series_matrix(figure, batch, row, weights, left=0, top=head, strip=strip, side=side)
    return Figure(static=figure)


def _kind_legend(figure: MatplotlibFigure, left: float, middle: float) -> None:
    places = (0, 140, 290)
    for place, name, colour in zip(places, SERIES_KINDS, KIND_COLOURS, strict=True):
        key_dot(figure, left + place, middle, name, colour)
