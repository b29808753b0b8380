"""One block of a transformer: the stream that runs through it, and what is added on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.draw import axes_at
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.pixels import Numbers
from shapes_of_attention.palette import ACCENT, BLUE, LINE, MUTED, PANEL

__all__ = ["Walk", "block_walk", "learning_curve"]


@dataclass(frozen=True, kw_only=True)
class Walk:
    """One token's vector at each stage of a block, [dim] each.

    Attributes
    ----------
    start, middle, end : the stream before the block, after attention's and after the feed-forward
        network's contribution was added.
    attention_input, feed_forward_input : the stream, normalised, as either part reads it.
    attention, feed_forward : what either part adds.
    """

    start: Numbers
    attention_input: Numbers
    attention: Numbers
    middle: Numbers
    feed_forward_input: Numbers
    feed_forward: Numbers
    end: Numbers


def block_walk(walk: Walk) -> Figure:
    """Draw the block with a real token's numbers: the stream on the left, the parts on the right.

    Colours have one scale for the stream and what is added to it, and one for normalised vectors.
    """
    drawing = Diagram(height=606)
    stream, side = 20, 330
    wide, high = 4.1, 30
    rows = {"start": 30, "attention": 228, "middle": 288, "feed_forward": 508, "end": 568}
    most = max(float(np.abs(getattr(walk, name)).max()) for name in rows)
    spine = stream - 12

    def strip(x: float, y: float, numbers: Numbers, scale: float) -> None:
        drawing.cells(
            x, y, (wide, high), numbers[None], cmap="cividis", low=-scale, high=scale, edge="none"
        )
        drawing.outline(x, y, wide * len(numbers), high, colour=LINE, line=1)

    def size(numbers: Numbers) -> str:
        return f"length {np.linalg.norm(numbers):.1f}"

    for name, title in (("start", "stream in"), ("middle", "stream"), ("end", "stream out")):
        y = rows[name]
        drawing.text(stream, y - 14, f"{title}, {size(getattr(walk, name))}", align="left")
        strip(stream, y, getattr(walk, name), most)
    for above, part, below, title, detail in (
        ("start", "attention", "middle", "attention", "gathers from other tokens"),
        ("middle", "feed_forward", "end", "feed-forward", "works on this token alone"),
    ):
        top, bottom = rows[above] + high, rows[below]
        read = getattr(walk, f"{part}_input")
        drawing.arrow((spine + 40, top), (spine + 40, bottom - 24), colour=ACCENT, width=4)
        drawing.arrow((spine + 40, top + 18), (side - 12, top + 18))
        drawing.text(side, top + 18, "normalised", align="left", colour=MUTED)
        strip(side, top + 34, read, float(np.abs(read).max()))
        drawing.arrow((side + 130, top + 34 + high), (side + 130, top + 84))
        drawing.box(side, top + 84, 262, 60, f"{title}\n{detail}", fill=PANEL, radius=6)
        added = bottom - 60
        drawing.arrow((side + 130, top + 144), (side + 130, added))
        strip(side, added, getattr(walk, part), most)
        drawing.text(
            side,
            added + high + 15,
            f"added, {size(getattr(walk, part))}",
            align="left",
            colour=MUTED,
        )
        drawing.arrow((side - 4, added + high / 2), (spine + 58, added + high / 2))
        drawing.box(
            spine + 28, added + high / 2 - 12, 24, 24, "+", fill=PANEL, edge=ACCENT, radius=12
        )
    return drawing.figure()


def learning_curve(
    steps: Sequence[float], errors: Sequence[float], *, reference: tuple[str, float]
) -> Figure:
    """Draw the error on series kept apart against training steps; `reference` is a dashed line."""
    left, high = 84, 210
    figure = canvas(height=high + 78)
    axes = axes_at(figure, left, 8, WIDTH - left - 20, high)
    axes.plot(steps, errors, "o-", color=BLUE)
    name, level = reference
    axes.axhline(level, color=MUTED, linestyle="--", linewidth=1.25)
    axes.annotate(
        name,
        (1, level),
        xycoords=("axes fraction", "data"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=MUTED,
    )
    axes.set(xlabel="training steps", ylabel="error", ylim=(0, 1.15 * max([*errors, level])))
    axes.locator_params(axis="x", nbins=4)
    axes.locator_params(axis="y", nbins=5)
    axes.set_xlim(0, 1.05 * max(steps))  # a tick at the very end would have its number cut off
    return Figure(static=figure)
