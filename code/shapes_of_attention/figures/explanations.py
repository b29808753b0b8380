"""What attention explains: scores of heads, hidden shapes, exchanged weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.figures.attention_views import LAYERS
from shapes_of_attention.figures.toolkit.draw import (
    axes_at,
    key_dot,
    letters,
    number_cells,
    panel,
    percent,
    show_image,
    write,
    write_upright,
)
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.glyphs import glyph
from shapes_of_attention.figures.toolkit.pixels import Levels, Numbers, levels, over_pixels
from shapes_of_attention.figures.toolkit.plot import (
    PLOT,
    add_states,
    button_row,
    caption,
    numbers_at,
    picture_axes,
)
from shapes_of_attention.palette import AMBER, AZURE, GREY, INK, LINE, MUTED, ORCHID, PANEL

__all__ = [
    "DEEPER",
    "TEACHING",
    "change_scatter",
    "exchanged_weights",
    "head_effects",
    "head_scores",
    "hidden_shape",
    "hiding_by_module",
    "score_against_effect",
]

#: Data colours of the two models, after no channel.
TEACHING = AZURE
DEEPER = ORCHID


def kind_icons(
    figure: MatplotlibFigure, left: float, top: float, step: float, size: float = 24
) -> None:
    """Draw the four kinds as column heads, in grey."""
    axes = panel(figure, left, top, 4 * step, size + 4)
    axes.set(xlim=(0, 4 * step), ylim=(0, size + 4))
    for number in range(len(KINDS)):
        centre = ((number + 0.5) * step, size / 2 + 2)
        axes.add_patch(glyph(number, centre, size, 255 * np.array(to_rgb(GREY))))


#: Of a table of heads: width before its maps; heights of a row, a block's title, and the head.
LABEL, ROW, BLOCK_HEAD, TABLE_HEAD = 84, 36, 36, 64


def head_table(
    titles: Sequence[str], blocks: Sequence[tuple[str, Sequence[tuple[Any, ...]]]], *, gap: float
) -> tuple[MatplotlibFigure, float, list[float], list[list[float]]]:
    """Lay out heat maps over the four kinds, side by side: a row for each head, in titled blocks.

    Each row begins with its name. Returned are the figure, a cell's width, the left of each map,
    and the top of each block's rows.
    """
    width = (WIDTH - LABEL - (len(titles) - 1) * gap) / len(titles)
    lefts = [LABEL + place * (width + gap) for place in range(len(titles))]
    tops: list[list[float]] = []
    bottom = float(TABLE_HEAD)
    for _, rows in blocks:
        bottom += BLOCK_HEAD
        tops.append([bottom + number * ROW for number in range(len(rows))])
        bottom += len(rows) * ROW
    figure = canvas(height=round(bottom))
    for left, title in zip(lefts, titles, strict=True):
        write(figure, left + width / 2, 14, title, colour=INK, align="center")
        kind_icons(figure, left, 32, width / len(KINDS))
    for (title, rows), places in zip(blocks, tops, strict=True):
        write(figure, 0, places[0] - BLOCK_HEAD / 2 + 2, title, colour=INK)
        for (name, *_), top in zip(rows, places, strict=True):
            write(figure, 0, top + ROW / 2, name)
    return figure, width / len(KINDS), lefts, tops


def head_scores(
    blocks: Sequence[tuple[str, Sequence[tuple[str, Numbers, Numbers, Numbers]]]],
    *,
    titles: Sequence[str] = ("whole group", "by value", "other shapes"),
    marked: tuple[int, int],
) -> Figure:
    """Draw shares of attention in percent: three heat maps side by side, a row for each head.

    Each block is a title and its rows; a row is a name and three arrays [kinds]. The row `marked`,
    by its block and its place there, gets a frame.
    """
    figure, cell, lefts, tops = head_table(titles, blocks, gap=14)
    for block, (_, rows) in enumerate(blocks):
        for number, (_, *values) in enumerate(rows):
            top = tops[block][number]
            for left, shares in zip(lefts, values, strict=True):
                number_cells(figure, left, top, (cell, ROW), shares, texts=percent(shares))
                if marked == (block, number):
                    frame_row(figure, left, top, 4 * cell)
    return Figure(static=figure)


def frame_row(figure: MatplotlibFigure, left: float, top: float, width: float) -> None:
    """Frame the cells of a row."""
    axes = panel(figure, left, top, width, ROW)
    axes.set(xlim=(0, width), ylim=(0, ROW))
    axes.add_patch(
        Rectangle((1.5, 1.5), width - 3, ROW - 3, facecolor="none", edgecolor=AMBER, linewidth=2.4)
    )


def head_effects(blocks: Sequence[tuple[str, Sequence[tuple[str, Numbers, Numbers]]]]) -> Figure:
    """Draw what heads do: what they carry (slopes), and the error without them (levels).

    Each block is a title and its rows; a row is a name and two arrays [kinds].
    """
    most = max(float(harm.max()) for _, rows in blocks for _, _, harm in rows)
    figure, cell, lefts, tops = head_table(("carries, %", "error when stilled"), blocks, gap=24)
    for places, (_, rows) in zip(tops, blocks, strict=True):
        for top, (_, carried, harm) in zip(places, rows, strict=True):
            number_cells(figure, lefts[0], top, (cell, ROW), carried, texts=percent(carried))
            texts = [f"{value:.0f}" for value in harm]
            number_cells(figure, lefts[1], top, (cell, ROW), harm, texts=texts, most=most)
    return Figure(static=figure)


def change_scatter(panels: Sequence[tuple[str, Numbers, Numbers, float, str]]) -> Figure:
    """Draw painted against true changes, in panels: name, true, painted (flat), slope, colour."""
    top, side, label, foot, gap = 40, 230, 72, 58, 46
    figure = canvas(height=top + side + foot)
    reach = 110
    for place, (name, true, painted, slope, colour) in enumerate(panels):
        left = label + place * (side + gap)
        axes = axes_at(figure, left, top, side, side)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
        axes.plot((-reach, reach), (-reach, reach), color=MUTED, linewidth=1.2, dashes=(4, 3))
        axes.scatter(true, painted, s=9, color=colour, alpha=0.45, linewidth=0, rasterized=True)
        axes.plot((-reach, reach), (-slope * reach, slope * reach), color=INK, linewidth=1.5)
        axes.set_xticks((-100, 0, 100), ("−100", "0", "100"))
        axes.set_yticks((-100, 0, 100), ("−100", "0", "100") if place == 0 else ("", "", ""))
        write(figure, left + side / 2, top / 2 - 2, name, colour=INK, align="center")
        axes.text(-reach + 8, reach - 8, f"slope {slope:.2f}", color=INK, ha="left", va="top")
    write(figure, label + side + gap / 2, top + side + 42, "true change, levels", align="center")
    write_upright(figure, 10, top + side / 2, "painted change")
    return Figure(static=figure)


def hiding_by_module(models: Sequence[tuple[str, str, Mapping[str, float]]]) -> Figure:
    """Draw the slope when a shape is hidden from one module only: a bar each, a block a model.

    Each model is a title, a colour, and module -> slope.
    """
    label, high, head = 200, 36, 44
    rows = sum(len(modules) for _, _, modules in models)
    figure = canvas(height=rows * high + len(models) * head + 10)
    top, width = 0, WIDTH - label - 68
    for title, colour, modules in models:
        write(figure, 0, top + 20, title, colour=INK)
        top += head
        for name, slope in modules.items():
            write(figure, 0, top + high / 2, LAYERS[name])
            axes = panel(figure, label, top + 7, width, high - 14)
            axes.set(xlim=(0, 1), ylim=(0, 1))
            axes.add_patch(Rectangle((0, 0), 1, 1, facecolor=PANEL, edgecolor=LINE, linewidth=1))
            axes.add_patch(Rectangle((0, 0), min(max(slope, 0), 1), 1, facecolor=colour))
            text = f"{slope:.2f}".replace("-0.00", "0.00").replace("-", "−")
            write(figure, WIDTH, top + high / 2, text, colour=INK, align="right")
            top += high
    return Figure(static=figure)


def score_against_effect(
    panels: Sequence[tuple[str, Numbers, float]],
    effect: Numbers,
    models: NDArray[np.int64],
    colours: Sequence[tuple[str, str]],
) -> Figure:
    """Draw each head's effect over its score: one panel a score, one point a head and kind.

    Each panel is a title, scores [points] and their correlation with `effect` [points];
    `models` [points] indexes `colours`, name and colour of each model.
    """
    head, top, side, label, foot, gap = 40, 72, 230, 72, 58, 46
    figure = canvas(height=head + top + side + foot)
    x = float(label)
    for name, colour in colours:
        key_dot(figure, x, 18, name, colour)
        x += side + gap
    for place, (title, score, correlation) in enumerate(panels):
        left = label + place * (side + gap)
        axes = axes_at(figure, left, head + top, side, side)
        axes.set(xlim=(-0.04, 1.04), ylim=(-0.3, 1.08))
        for number, (_, colour) in enumerate(colours):
            mine = models == number
            axes.scatter(score[mine], effect[mine], s=34, color=colour, alpha=0.6, linewidth=0)
        axes.set_xticks((0, 0.5, 1), ("0", "50", "100"))
        axes.set_yticks((0, 0.5, 1), ("0", "50", "100") if place == 0 else ("", "", ""))
        write(figure, left + side / 2, head + 22, title, colour=INK, align="center")
        text = f"correlation {correlation:.2f}"
        write(figure, left + side / 2, head + 50, text, align="center")
    write_upright(figure, 10, head + top + side / 2, "carried, %")
    write(
        figure, label + side + gap / 2, head + top + side + 42, "attention there, %", align="center"
    )
    return Figure(static=figure)


def exchanged_weights(rows: Sequence[tuple[str, float, str]]) -> Figure:
    """Draw median colour errors as bars: text, levels, colour. Text stands above each bar."""
    text, bar, gap = 34, 22, 14
    figure = canvas(height=len(rows) * (text + bar + gap))
    most = max(error for _, error, _ in rows)
    for number, (name, error, colour) in enumerate(rows):
        top = number * (text + bar + gap)
        write(figure, 0, top + text / 2, name, colour=INK)
        axes = panel(figure, 0, top + text, WIDTH - 80, bar)
        axes.set(xlim=(0, most), ylim=(0, 1))
        axes.add_patch(Rectangle((0, 0), error, 1, facecolor=colour))
        x = (WIDTH - 80) * error / most + 10
        write(figure, x, top + text + bar / 2, f"{error:.1f}", colour=INK)
    return Figure(static=figure)


# --- Hide a shape ---------------------------------------------------------------------------------


def dim_shape(picture: Levels, hidden: NDArray[np.bool_], grid: int = 8) -> Levels:
    """Grey the patches [patches] that are hidden, a hatch over them: [3, size, size]."""
    size = picture.shape[-1]
    where = over_pixels(hidden.reshape(grid, grid), size)
    y, x = np.mgrid[:size, :size]
    hatch = where & ((x + y) % 8 < 3)
    covered = np.where(where, picture // 4 + 24, picture)
    return np.where(hatch, np.uint8(120), covered).astype(np.uint8)


def hidden_shape(
    batch: ShapesBatch,
    row: int,
    hidden: NDArray[np.bool_],
    painted: Sequence[tuple[str, Numbers]],
    truths: Levels,
    *,
    start: int,
) -> Figure:
    """Show an image with any one shape hidden: the input, two models' paintings, the truth.

    Parameters
    ----------
    hidden : bool [states, patches], what each state hides; nothing in the first.
    painted : two models: a name, and what it paints in each state, [states, 3, size, size] levels.
    truths : [states, 3, size, size], the target in each state.
    start : the state of the static picture.
    """
    slots = np.flatnonzero(batch.present[row])
    inputs = [dim_shape(batch.image[row], state) for state in hidden]
    titles = ["Input", "True mean", *(name for name, _ in painted)]
    rows: list[Any] = [inputs, truths, *(pictures for _, pictures in painted)]
    gap, head = 12, 34
    side = (WIDTH - gap) / 2
    foot = 48
    height = 2 * (head + side) + gap + foot
    figure = canvas(height=round(height))
    centres = (batch.box[row, slots, :2] + batch.box[row, slots, 2:]) / 2
    for place, (title, pictures) in enumerate(zip(titles, rows, strict=True)):
        left = (place % 2) * (side + gap)
        top = (place // 2) * (side + gap + head) + head
        write(figure, left + side / 2, top - head / 2, title, colour=INK, align="center")
        axes = panel(figure, left, top, side, side)
        picture = levels(pictures[start])
        show_image(axes, picture)
        if place == 0:
            for number, (x, y) in enumerate(centres, start=1):
                letters(axes, x, y, str(number))
    write(figure, WIDTH / 2, height - foot / 2 + 4, f"hidden: shape {start}", align="center")
    return Figure(
        static=figure,
        interactive=hidden_shape_plot(batch, row, slots, centres, titles, rows, start, foot),
    )


def hidden_shape_plot(
    batch: ShapesBatch,
    row: int,
    slots: NDArray[np.intp],
    centres: Numbers,
    titles: Sequence[str],
    rows: Sequence[Any],
    start: int,
    foot: int,
) -> go.Figure:
    """Build the interactive half of `hidden_shape`: buttons choose the shape to hide."""
    plot = go.Figure()
    states = len(rows[0])
    left, right, upper, lower = (0, 0.49), (0.51, 1), (0.536, 1), (0, 0.464)
    boxes = [(*x, *y) for y in (upper, lower) for x in (left, right)]
    axes: dict[str, Any] = {}
    notes = []
    for place, (title, pictures) in enumerate(zip(titles, rows, strict=True)):
        box = boxes[place]
        axes |= picture_axes(place, box=box)
        notes.append(caption(title, (box[0] + box[1]) / 2, box[3]))
        told = "R %{color[0]} G %{color[1]} B %{color[2]}<extra></extra>"
        add_states(plot, place, pictures, start, hovertemplate=told)
    plot.add_trace(
        numbers_at(
            centres,
            hovertext=[KINDS[batch.kind[row, slot]] for slot in slots],
            hoverinfo="text",
        )
    )
    buttons = []
    for state in range(states):
        shown = [number % states == state for number in range(4 * states)] + [True]
        label = "none" if state == 0 else str(state)
        buttons.append({"label": label, "method": "restyle", "args": [{"visible": shown}]})
    plot.update_layout(
        **PLOT,
        **axes,
        annotations=notes,
        # In pixels, as words and buttons are: a narrow plot must not cut them.
        margin={"l": 0, "r": 0, "t": 26, "b": 46},
        updatemenus=[button_row(buttons, below=True, active=start, size=14)],
    )
    return plot
