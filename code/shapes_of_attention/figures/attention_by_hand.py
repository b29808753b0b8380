"""Attention over a few tokens: a query followed by hand, scaling, heads, positions, masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.draw import axes_at, key_dot, panel, write
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.pixels import Numbers
from shapes_of_attention.figures.toolkit.series_line import KIND_COLOURS
from shapes_of_attention.figures.toolkit.view import View
from shapes_of_attention.palette import BLUE, INK, LINE, MUTED, PANEL, VERMILION

__all__ = ["by_hand", "by_hand_sliders", "heads", "masks", "positions", "scaling"]

NAMES = ("triangle", "rectangle", "triangle")


def by_hand(
    query: NDArray[np.int64],
    keys: NDArray[np.int64],
    values: NDArray[np.int64],
    scores: NDArray[np.int64],
    weights: Numbers,
) -> Figure:
    """Follow one query over three tokens: dot products, softmax, mix."""
    drawing = Diagram(height=418)
    left, step, wide = 150, 150, 122
    kinds = (0, 1, 0)
    rows = {"key": 66, "score": 166, "weight": 236, "value": 306}
    drawing.text(0, 22, "query", align="left", colour=MUTED)
    drawing.box(left, 2, wide, 40, _vector(query), fill=PANEL)
    drawing.text(left + wide + 14, 22, "“who is a triangle?”", align="left", colour=MUTED)
    for name, y in rows.items():
        drawing.text(0, y + 20, name, align="left", colour=MUTED)
    for place, (name, kind) in enumerate(zip(NAMES, kinds, strict=True)):
        x = left + place * step
        colour = KIND_COLOURS[kind]
        drawing.box(x, rows["key"], wide, 40, _vector(keys[place]), edge=colour)
        drawing.text(x + wide / 2, rows["key"] + 58, name, colour=INK)
        drawing.arrow((x + wide / 2, rows["key"] + 74), (x + wide / 2, rows["score"]))
        drawing.box(x, rows["score"], wide, 40, f"{scores[place]}", edge=LINE)
        drawing.arrow((x + wide / 2, rows["score"] + 40), (x + wide / 2, rows["weight"]))
        drawing.cells(x, rows["weight"], (wide, 40), [[weights[place]]], low=0, high=1, write=".3f")
        drawing.box(x, rows["value"], wide, 40, f"{values[place]}", edge=colour)
        drawing.text(x + wide / 2, rows["value"] - 16, "×", colour=MUTED)
    sums = " + ".join(f"{w:.3f}·{v}" for w, v in zip(weights, values, strict=True))
    drawing.text(0, 386, "mix", align="left", colour=MUTED)
    drawing.text(left, 386, f"{sums} = {weights @ values:.2f}", align="left", size=19)
    return drawing.figure()


def by_hand_sliders(
    query: NDArray[np.int64], keys: NDArray[np.int64], values: NDArray[np.int64], *, length: int
) -> View:
    """Let the reader stretch the query, from `length` times its own, and turn the last key."""
    scores = keys @ (length * query)
    weights = np.exp(scores) / np.exp(scores).sum()
    data = {
        "query": query.tolist(),
        "keys": keys.tolist(),
        "values": values.tolist(),
        "names": list(NAMES),
        "length": length,
    }
    still = by_hand(length * query, keys, values, scores, weights)
    return View(static=still, view="by-hand", data=data)


def scaling(dims: Sequence[int], plain: Numbers, scaled: Numbers) -> Figure:
    """Draw what softmax does to scores with and without the root: [dims, 3] each.

    The columns are the scores' variance, the mean largest weight, the mean slope of softmax.
    """
    key, high, gap, left = 40, 190, 76, 74
    figure = canvas(height=key + 2 * high + gap + 96)
    key_dot(figure, 0, 12, "plain", VERMILION)
    key_dot(figure, 140, 12, "divided by √d", BLUE)
    titles = ("Largest of 50 weights", "Slope that is left of softmax")
    for place, (title, column) in enumerate(zip(titles, (1, 2), strict=True)):
        top = key + 30 + place * (high + gap)
        write(figure, 0, top - 18, title, colour=INK)
        axes = axes_at(figure, left, top + 6, WIDTH - left - 12, high)
        for numbers, colour in ((plain, VERMILION), (scaled, BLUE)):
            axes.plot(dims, numbers[:, column], "o-", color=colour)
        axes.set(xscale="log", xticks=dims, xticklabels=[str(d) for d in dims], ylim=(0, 1.05))
        axes.set(yticks=[0, 0.5, 1])
        axes.minorticks_off()
    axes.set_xlabel("numbers in a key, d")
    return Figure(static=figure)


def heads() -> Figure:
    """Draw queries, keys and values split into heads, which attend alone and join their answers."""
    drawing = Diagram(height=330)
    quarter, gap = 120, 26
    left = 20
    drawing.box(
        left, 0, 4 * quarter + 3 * gap, 42, "queries, keys, values: 64 numbers each", radius=6
    )
    for head in range(4):
        x = left + head * (quarter + gap)
        middle = x + quarter / 2
        drawing.arrow((middle, 42), (middle, 78))
        drawing.box(x, 78, quarter, 64, f"head {head + 1}\n16 numbers", radius=6)
        drawing.arrow((middle, 142), (middle, 172))
        seen = np.random.default_rng(head).dirichlet(np.full(6, 0.4))
        drawing.cells(x, 172, (quarter / 6, 26), [seen.tolist()], low=0, high=float(seen.max()))
        drawing.arrow((middle, 198), (middle, 232))
    drawing.box(left, 232, 4 * quarter + 3 * gap, 42, "joined, then mixed by one matrix", radius=6)
    drawing.text(300, 306, "each head has weights of its own", colour=MUTED)
    return drawing.figure()


def positions(tables: Mapping[str, Numbers], angles: Numbers) -> Figure:
    """Draw tables of positions [tokens, dim] as heat, and rotary scores against the distance.

    `angles` [tokens, head_dim / 2] are those of `rotary_angles`.
    """
    head, high, gap, low = 34, 190, 18, 232
    figure = canvas(height=head + high + low + 56)
    width = (WIDTH - gap * (len(tables) - 1)) / len(tables)
    for place, (name, table) in enumerate(tables.items()):
        left = place * (width + gap)
        write(figure, left, head / 2 - 2, name.capitalize(), colour=INK)
        axes = panel(figure, left, head, width, high)
        reach = float(np.abs(table).max())
        axes.imshow(
            table, cmap="cividis", vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest"
        )
    write(figure, 0, head + high + 18, "rows: places, columns: the numbers added", colour=MUTED)
    top = head + high + 78
    write(figure, 0, top - 22, "Rotary: score of a vector with itself, turned", colour=INK)
    chart = axes_at(figure, 60, top, WIDTH - 72, low - 90)
    for start, colour, style in ((0, BLUE, "-"), (20, VERMILION, (0, (5, 4)))):
        distance = np.arange(30)
        difference = angles[start + distance] - angles[start]  # [distance, pairs]
        chart.plot(
            distance,
            np.cos(difference).mean(axis=1),
            color=colour,
            linestyle=style,
            label=f"from token {start}",
        )
    chart.set(xlabel="tokens apart", yticks=[0, 0.5, 1], ylim=(-0.35, 1.05))
    chart.legend(loc="upper right")
    return Figure(static=figure)


def masks(shown: Mapping[str, tuple[NDArray[np.bool_], Numbers]]) -> Figure:
    """Draw masks [query, key] above the weights they leave."""
    cell = 40
    side = 6 * cell
    gap = WIDTH - 2 * side - 42  # the last cell's edge stays inside
    drawing = Diagram(height=2 * side + 130)
    for place, (name, (mask, weights)) in enumerate(shown.items()):
        left = 40 + place * (side + gap)
        drawing.text(left + side / 2, 14, f"{name} mask", colour=INK)
        for row in range(6):
            for column in range(6):
                allowed = bool(mask[row, column])
                x, y = left + column * cell, 34 + row * cell
                drawing.box(
                    x + 2,
                    y + 2,
                    cell - 4,
                    cell - 4,
                    "✓" if allowed else "",
                    fill=PANEL if allowed else "none",
                    edge=LINE,
                    radius=4,
                )
        drawing.text(left + side / 2, side + 62, "weights", colour=INK)
        drawing.cells(
            left,
            side + 82,
            cell,
            np.where(mask, weights, np.nan),
            low=0,
            high=1,
            write=".1f",
        )
    drawing.text(16, 34 + side / 2, "queries", colour=MUTED, rotation=90)
    drawing.text(16, side + 82 + side / 2, "queries", colour=MUTED, rotation=90)
    drawing.text(40 + side / 2, 2 * side + 106, "keys", colour=MUTED)
    drawing.text(40 + side + gap + side / 2, 2 * side + 106, "keys", colour=MUTED)
    return drawing.figure()


def _vector(numbers: NDArray[np.int64]) -> str:
    return "(" + ", ".join(str(number) for number in numbers) + ")"
