"""Attention by tiles: a few queries meet a few keys at a time, and what is kept between."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import numpy as np

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.draw import axes_at, log_ticks, with_looks
from shapes_of_attention.figures.toolkit.figure import DASHED, WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.pixels import Numbers
from shapes_of_attention.figures.toolkit.view import View
from shapes_of_attention.palette import ACCENT, BLUE, INK, LINE, MUTED, PANEL, VERMILION

__all__ = ["running_softmax", "tile_steps", "traffic_chart"]


def running_softmax(scores: Numbers, values: Numbers, tile: int) -> list[dict[str, float]]:
    """Follow one query over tiles of its keys: what it keeps after each.

    scores, values : [keys]. Each step has the `largest` score so far, the `total` of exponentials
    relative to it, the `mix` of values times exponentials, and the `answer`, mix / total.
    """
    kept, steps = {"largest": -np.inf, "total": 0.0, "mix": 0.0}, []
    for start in range(0, len(scores), tile):
        few = scores[start : start + tile]
        largest = max(kept["largest"], float(few.max()))
        shrink, powers = np.exp(kept["largest"] - largest), np.exp(few - largest)
        kept = {
            "largest": largest,
            "total": float(shrink * kept["total"] + powers.sum()),
            "mix": float(shrink * kept["mix"] + powers @ values[start : start + tile]),
        }
        steps.append({**kept, "answer": kept["mix"] / kept["total"]})
    return steps


def tile_steps(
    scores: Numbers, values: Numbers, *, tile: int, query: int, moved: Mapping[str, Sequence[int]]
) -> View:
    """Let the reader go from tile to tile; the still picture shows the first block of queries.

    Parameters
    ----------
    scores, values : [queries, keys] and [keys].
    tile : queries and keys taken at a time.
    query : whose numbers are followed in each block, counted from the block's first.
    moved : numbers moved in slow memory after each tile, `tiles`, and at the end step by step,
        `steps` with one entry.
    """
    return View(
        static=_still(scores, values, tile, query),
        view="tiles",
        data={
            "scores": base64.b64encode(np.round(scores * 100).astype("<i2").tobytes()).decode(),
            "values": [round(float(value), 2) for value in values],
            "tile": tile,
            "query": query,
            "moved": {name: list(counts) for name, counts in moved.items()},
        },
    )


def _still(scores: Numbers, values: Numbers, tile: int, query: int) -> Figure:
    steps = running_softmax(scores[query], values, tile)
    n, number, gap = len(scores), len(steps), 27
    side = (WIDTH - (number - 1) * gap) / number
    cell = side / n
    drawing = Diagram(height=round(side + 216))
    for place, step in enumerate(steps):
        left, top = place * (side + gap), 34
        drawing.text(left + side / 2, 14, f"tile {place + 1}")
        shown = np.full(scores.shape, np.nan)
        here = slice(place * tile, (place + 1) * tile)
        shown[:tile, here] = scores[:tile, here]
        drawing.box(left, top, side, side, fill=PANEL, edge=LINE, radius=1)
        drawing.box(left, top, place * tile * cell, tile * cell, fill=LINE, edge=LINE, radius=1)
        drawing.cells(left, top, cell, shown, low=scores.min(), high=scores.max(), edge="none")
        drawing.outline(left + place * tile * cell, top, tile * cell, tile * cell)
        for line, name in enumerate(("largest", "total", "mix", "answer")):
            y = top + side + 30 + 34 * line
            colour = ACCENT if name == "answer" else INK
            drawing.text(left, y, name, align="left", colour=MUTED)
            drawing.text(left + side, y, f"{step[name]:.2f}", align="right", colour=colour)
        if place:
            drawing.arrow((left - gap + 3, top + side / 2), (left - 3, top + side / 2))
    drawing.text(0, top + side + 166, "what one query keeps after each tile", align="left",
                 colour=MUTED)  # fmt: skip
    return drawing.figure()


def traffic_chart(lengths: Sequence[int], moved: Mapping[str, Sequence[float]]) -> Figure:
    """Draw megabytes moved in slow memory against length, one line a way of computing.

    Three ways at most, or ValueError is raised.
    """
    left, top, high = 92, 24 + 30 * len(moved), 300
    figure = canvas(height=top + high + 76)
    axes = axes_at(figure, left, top, WIDTH - left - 20, high)
    looks = ((VERMILION, "-"), (BLUE, "-"), (BLUE, DASHED))
    for (name, megabytes), (colour, dash) in with_looks(moved.items(), looks):
        axes.plot(lengths, megabytes, "o", linestyle=dash, color=colour, label=name)
    axes.set(xscale="log", yscale="log", xlabel="tokens", ylabel="megabytes moved")
    axes.set_xticks(lengths[::2], [f"{length:,}" for length in lengths[::2]])
    axes.minorticks_off()
    flat = [value for megabytes in moved.values() for value in megabytes]
    log_ticks(axes, min(flat), max(flat), vertical=True, few=True)
    # Above: no corner is free of lines.
    axes.legend(loc="lower left", bbox_to_anchor=(-0.18, 1.02))
    return Figure(static=figure)
