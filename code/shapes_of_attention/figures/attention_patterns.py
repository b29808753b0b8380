"""Who may look at whom: patterns of pairs as pictures, and what reaches a token through layers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from shapes_of_attention.figures.toolkit.draw import axes_at
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.view import View, bits
from shapes_of_attention.palette import BLUE, INK, LINE, MUTED

__all__ = ["mask_grid", "pattern_view"]


def pattern_view(
    masks: Mapping[str, NDArray[np.bool_]],
    about: Mapping[str, str],
    *,
    layers: Mapping[str, int],
    start: str,
    query: int,
) -> View:
    """Let the reader choose a pattern and a token that asks; the still picture has them all.

    Parameters
    ----------
    masks : name -> bool [tokens, tokens], True where a query (row) may look.
    about : name -> a sentence.
    layers : name -> layers until all that can reach a token has reached it.
    start, query : pattern and token that are shown first.
    """
    return View(
        static=mask_grid(masks, layers),
        view="patterns",
        data={
            "tokens": len(masks[start]),
            "patterns": [
                {
                    "name": name,
                    "bits": bits(mask),
                    "about": about[name],
                }
                for name, mask in masks.items()
            ],
            "start": list(masks).index(start),
            "query": query,
        },
    )


def mask_grid(
    masks: Mapping[str, NDArray[np.bool_]], layers: Mapping[str, int] | None = None
) -> Figure:
    """Draw masks [tokens, tokens] three to a row, with the share of pairs each keeps.

    `layers` tells besides after how many layers all has reached all.
    """
    columns, side, gap, head = 3, 182, 24, 34
    rows = -(-len(masks) // columns)
    height = rows * (side + head + 32)
    figure = canvas(height=height)
    for number, (name, mask) in enumerate(masks.items()):
        row, column = divmod(number, columns)
        top, left = row * (side + head + 32) + head, 2 + column * (side + gap)
        axes = axes_at(figure, left, top, side, side)
        axes.add_patch(PathPatch(_filled(mask), facecolor=BLUE, edgecolor="none"))
        axes.set(xlim=(0, mask.shape[1]), ylim=(mask.shape[0], 0), xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=LINE)
        middle = (left + side / 2) / WIDTH
        figure.text(middle, 1 - (top - 16) / height, name, ha="center", va="center", color=INK)
        told = f"{mask.mean():.0%} of pairs"
        if layers:
            told = f"{mask.mean():.0%}, {layers[name]} layer{'s' * (layers[name] > 1)}"
        figure.text(
            middle, 1 - (top + side + 15) / height, told, ha="center", va="center", color=MUTED
        )
    return Figure(static=figure)


def _filled(mask: NDArray[np.bool_]) -> Path:
    """Outline the runs of a mask's rows, as one path: a browser draws thousands of cells slowly."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    runs = zip(np.argwhere(edges == 1), np.argwhere(edges == -1), strict=True)
    corners = [
        [(start, row), (stop, row), (stop, row + 1), (start, row + 1), (start, row)]
        for (row, start), (_, stop) in runs
    ]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    return Path(np.reshape(corners, (-1, 2)), codes * len(corners))
