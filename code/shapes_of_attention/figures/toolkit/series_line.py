"""Series as lines, their shapes in the colours of the kinds, alone and along attention."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure

from shapes_of_attention.figures.toolkit.draw import panel
from shapes_of_attention.figures.toolkit.pixels import Numbers
from shapes_of_attention.palette import BLUE, GREEN, LINE, PANEL, VERMILION
from shapes_of_attention.series.data import SeriesBatch

__all__ = [
    "BRIGHTEST",
    "KIND_COLOURS",
    "SIGNAL",
    "draw_coloured",
    "line_axes",
    "sample_places",
    "series_matrix",
]


#: Kinds of shape, after Okabe and Ito; they read on both papers.
KIND_COLOURS = (VERMILION, BLUE, GREEN)
SIGNAL = "#8b8f97"
#: The quantile of a matrix's weights that is drawn brightest; what is larger looks the same.
BRIGHTEST = 0.998


def sample_places(batch: SeriesBatch) -> Numbers:
    """Give the places of a series' samples: [length]."""
    return np.arange(batch.signal.shape[1]) + 0.5


def line_axes(axes: Axes, batch: SeriesBatch, row: int, *, reach: float = 1.9) -> None:
    """Set up axes for a series: zero is a hairline."""
    axes.set(xlim=(0, batch.signal.shape[1]), ylim=(-reach, reach))
    axes.axhline(0, color=LINE, linewidth=1)


def pieces_of(batch: SeriesBatch, row: int, line: Numbers) -> list[tuple[Numbers, str]]:
    """Cut a series into the background and its shapes, each with its colour and NaN elsewhere."""
    samples = sample_places(batch)
    pieces = [(line.astype(float), SIGNAL)]
    for slot in np.flatnonzero(batch.present[row]):
        low, high = batch.span[row, slot]
        inside = (samples >= low - 1) & (samples <= high + 1)
        pieces.append((np.where(inside, line, np.nan), KIND_COLOURS[batch.kind[row, slot]]))
    return pieces


def draw_coloured(axes: Axes, batch: SeriesBatch, row: int, line: Numbers) -> None:
    """Draw a series where it shows shapes, in the colours of their kinds."""
    for piece, colour in pieces_of(batch, row, line)[1:]:
        axes.plot(sample_places(batch), piece, color=colour, linewidth=2.5)


def series_matrix(
    figure: MatplotlibFigure,
    batch: SeriesBatch,
    row: int,
    weights: Numbers,
    *,
    left: float,
    top: float,
    strip: float,
    side: float,
) -> Axes:
    """Draw a matrix [query, key] with the series along its top and its left."""
    tokens = len(weights)
    upper = panel(figure, left + strip, top, side, strip - 4)
    line_axes(upper, batch, row, reach=1.75)
    aside = panel(figure, left, top + strip, strip - 4, side)
    length = batch.signal.shape[1]
    aside.set(ylim=(length, 0), xlim=(1.75, -1.75))
    samples = sample_places(batch)
    for axes, turned in ((upper, False), (aside, True)):
        for line, colour in pieces_of(batch, row, batch.signal[row]):
            where = ~np.isnan(line)
            x, y = (line, samples) if turned else (samples, line)
            axes.plot(x[where] if turned else x, y[where] if turned else y, color=colour, lw=1.5)
    axes = panel(figure, left + strip, top + strip, side, side)
    axes.set_facecolor(PANEL)
    largest = float(np.nanquantile(weights, BRIGHTEST))
    axes.imshow(
        np.sqrt(np.clip(np.asarray(weights) / max(largest, 1e-9), 0, 1)),
        vmin=0,
        vmax=1,
        cmap="viridis",
        interpolation="nearest",
        aspect="auto",
        extent=(-0.5, tokens - 0.5, tokens - 0.5, -0.5),
    )
    return axes
