"""The red filter at work: one circle's red turned down, thresholds, and the units behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.figures.toolkit.draw import (
    axes_at,
    key_dot,
    number_cells,
    panel,
    percent,
    show_image,
    write,
    write_upright,
)
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.glyphs import circle_of, glyph, outline, ring
from shapes_of_attention.figures.toolkit.pixels import Numbers, levels
from shapes_of_attention.figures.toolkit.plot import PLOT, add_states, caption, picture_axes
from shapes_of_attention.interpret.thresholds import Circle as TurnedCircle
from shapes_of_attention.interpret.thresholds import Ladder
from shapes_of_attention.palette import (
    AZURE,
    CHANNELS,
    GREY,
    GROUND,
    INK,
    LINE,
    MUTED,
    OLIVE,
    ORCHID,
    PANEL,
    WHITE,
)

__all__ = [
    "activation_maps",
    "class_profile",
    "filter_on_and_off",
    "red_slider",
    "threshold_curves",
    "unit_ranking",
]

GAP = 12
TITLE = 34
OWN, VOTE, UNFILTERED = ORCHID, AZURE, OLIVE
ROOM = 3.0  # levels of red beside a chart's lines: the dots at their ends are whole
LEVELS = "colour, levels"  # of the group; more words are longer than a phone's chart is high


def red_slider(
    ladder: Ladder, fine: Ladder, circle: TurnedCircle, *, shown: Sequence[int], start: int
) -> Figure:
    """Show a circle's red going down: inputs, paintings, and the group's colour as a chart.

    Parameters
    ----------
    ladder : the steps of the slider.
    fine : the same circle in small steps, for the chart's lines.
    circle : whose red is turned; it is ringed in the inputs.
    shown : the steps in the static picture.
    start : the step at which the interactive picture begins.
    """
    rival = float(ladder.red[0] - ladder.lead[0])
    side = (WIDTH - (len(shown) - 1) * GAP) / len(shown)
    label, chart, foot = 84, 190, 62
    top_chart = TITLE + 2 * side + 2 * GAP + 12
    height = round(top_chart + chart + foot)
    figure = canvas(height=height)
    centre, radius = circle_of(ladder.drawn.box[0, circle.slot])
    for place, step in enumerate(shown):
        left = place * (side + GAP)
        text = f"red {ladder.red[step]:.0f}"
        write(figure, left + side / 2, TITLE / 2 - 2, text, colour=INK, align="center")
        for row, pictures in enumerate((ladder.drawn.image, ladder.painted)):
            axes = panel(figure, left, TITLE + row * (side + GAP), side, side)
            show_image(axes, levels(pictures[step]))
            if row == 0:
                ring(axes, centre, radius + 2.5, dashed=False)
    axes = axes_at(figure, label, top_chart, WIDTH - label - 26, chart)
    colour_lines(axes, fine, rival)
    write(
        figure, label + (WIDTH - label) / 2, height - 12, "red of the ringed circle", align="center"
    )
    write_upright(figure, 12, top_chart + chart / 2, LEVELS)
    return Figure(static=figure, interactive=red_slider_plot(ladder, fine, circle, start, rival))


def colour_lines(axes: Axes, fine: Ladder, rival: float) -> None:
    """Draw the group's painted colour over the red of a circle, and the true one dashed."""
    axes.set(xlim=span_of(fine), ylim=(0, top_of(fine)))
    for number, (name, colour) in enumerate(CHANNELS.items()):
        axes.plot(fine.red, fine.true_group[:, number], color=colour, linewidth=1.4, dashes=(3, 2))
        axes.plot(fine.red, fine.group[:, number], color=colour, linewidth=2.4)
        end = float(fine.group[-1, number])
        axes.text(span_of(fine)[1] + 1, end, name, color=INK, va="center_baseline")
    axes.axvline(rival, color=MUTED, linewidth=1)
    axes.set_yticks((0, 100, 200)[: 2 + (top_of(fine) > 200)])
    axes.text(rival - 2, top_of(fine) - 4, "the rule", color=MUTED, ha="right", va="top")


def span_of(ladder: Ladder) -> tuple[float, float]:
    """Return the levels of red from which to which a chart goes."""
    return float(ladder.red[0]) - ROOM, float(ladder.red[-1]) + ROOM


def top_of(ladder: Ladder) -> float:
    """Return the level at which a chart of the group's colour ends."""
    return float(min(255, 1.15 * max(ladder.group.max(), ladder.true_group.max())))


def red_slider_plot(
    ladder: Ladder, fine: Ladder, circle: TurnedCircle, start: int, rival: float
) -> go.Figure:
    """Build the interactive half of `red_slider`."""
    plot = go.Figure()
    steps = len(ladder.red)
    axes: dict[str, Any] = {}
    boxes = ((0.0, 0.49, 0.43, 1.0), (0.51, 1.0, 0.43, 1.0))
    for place, pictures in enumerate((ladder.drawn.image, ladder.painted)):
        axes |= picture_axes(place, box=boxes[place])
        add_states(plot, place, pictures, start, hoverinfo="skip")
    (x, y), radius = circle_of(ladder.drawn.box[0, circle.slot])
    turn = np.linspace(0, 2 * np.pi, 41)
    plot.add_trace(
        go.Scatter(
            x=x - 0.5 + (radius + 3) * np.cos(turn),
            y=y - 0.5 + (radius + 3) * np.sin(turn),
            mode="lines",
            line={"color": WHITE, "width": 1.5},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    for number, (name, colour) in enumerate(CHANNELS.items()):
        for values, style in ((fine.true_group, "dot"), (fine.group, "solid")):
            plot.add_trace(
                go.Scatter(
                    x=fine.red,
                    y=values[:, number],
                    xaxis="x3",
                    yaxis="y3",
                    mode="lines",
                    line={"color": colour, "width": 1.5 if style == "dot" else 2.5, "dash": style},
                    hovertemplate=f"{name} %{{y:.0f}} at red %{{x:.0f}}<extra></extra>",
                    showlegend=False,
                )
            )
    always = len(plot.data) - 2 * steps
    for step in range(steps):
        plot.add_trace(
            go.Scatter(
                x=[float(ladder.red[step])] * 3,
                y=ladder.group[step],
                xaxis="x3",
                yaxis="y3",
                mode="markers",
                marker={"color": list(CHANNELS.values()), "size": 11},
                visible=step == start,
                hoverinfo="skip",
                showlegend=False,
            )
        )
    settings = []
    for step in range(steps):
        mine = [number == step for number in range(steps)]
        lines = [vertical(rival, MUTED), vertical(float(ladder.red[step]), INK)]
        told = f"red of the ringed circle: {ladder.red[step]:.0f}"
        settings.append(
            (
                {"visible": [*mine, *mine, *[True] * always, *mine]},
                {"shapes": lines, "xaxis3.title.text": told},
            )
        )
    notes = [
        caption("Input", 0.245, 1.0),
        caption("Painted", 0.755, 1.0),
        {
            "text": "the rule",
            "x": rival,
            "y": top_of(fine),
            "xref": "x3",
            "yref": "y3",
            "xanchor": "right",
            "yanchor": "top",
            "xshift": -3,
            "showarrow": False,
            "font": {"color": MUTED, "size": 14},
        },
        *(
            {
                "text": name,
                "x": span_of(fine)[1],
                "y": float(fine.group[-1, number]),
                "xref": "x3",
                "yref": "y3",
                "xanchor": "left",
                "showarrow": False,
                "font": {"color": INK, "size": 14},
            }
            for number, name in enumerate(CHANNELS)
        ),
    ]
    plot.update_layout(
        **PLOT,
        **axes,
        annotations=notes,
        shapes=settings[start][1]["shapes"],
        # In pixels, as words and the slider are: a narrow plot must not cut them.
        margin={"l": 0, "r": 0, "t": 26, "b": 94},
        xaxis3={
            "domain": [0.13, 0.94],
            "anchor": "y3",
            "range": list(span_of(fine)),
            "fixedrange": True,
            "title": {
                "text": settings[start][1]["xaxis3.title.text"],
                "font": {"color": INK, "size": 15},
            },
        },
        yaxis3={
            "domain": [0.0, 0.38],
            "anchor": "x3",
            "range": [0, top_of(fine)],
            "fixedrange": True,
            "tickvals": [0, 100, 200],
            "title": {"text": LEVELS, "font": {"color": MUTED, "size": 14}},
        },
        # Its steps are not of one size, finer near the rule: the number stands below the chart.
        sliders=[
            {
                "active": start,
                "x": 0.06,
                "len": 0.9,
                "y": 0,
                "pad": {"t": 56, "b": 0},
                "currentvalue": {"visible": False},
                "bgcolor": PANEL,
                "bordercolor": LINE,
                "activebgcolor": LINE,
                "tickcolor": LINE,
                "ticklen": 0,
                "steps": [
                    {"label": "", "value": str(step), "method": "update", "args": [data, layout]}
                    for step, (data, layout) in enumerate(settings)
                ],
            }
        ],
        # Never seen: the page turns the arrow keys into these buttons.
        updatemenus=[
            {
                "type": "buttons",
                "visible": False,
                "active": start,
                "buttons": [
                    {
                        "label": f"{level:.0f}",
                        "method": "update",
                        "args": [data, {**layout, "sliders[0].active": step}],
                    }
                    for step, (level, (data, layout)) in enumerate(
                        zip(ladder.red, settings, strict=True)
                    )
                ],
            }
        ],
    )
    return plot


def vertical(x: float, colour: str) -> dict[str, Any]:
    """Describe a vertical line through the chart."""
    return {
        "type": "line",
        "xref": "x3",
        "yref": "y3",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 255,
        "line": {"color": colour, "width": 1.5},
    }


def threshold_curves(
    leads: Numbers,
    curves: Sequence[tuple[str, str, Numbers]],
    thresholds: Sequence[tuple[str, Numbers]],
    *,
    unseen: float,
) -> Figure:
    """Draw how circles pass the threshold: curves [leads] in percent, and where each circle does.

    `curves` are name, colour, values; `thresholds` are colour and leads [circles]. The band of
    leads below `unseen` was in no training image.
    """
    label, top, high, low, gap, foot = 62, 66, 220, 100, 44, 62
    width = WIDTH - label - 10
    figure = canvas(height=top + high + gap + low + foot)
    x = float(label)
    for place, (name, colour, _) in enumerate(curves):
        axes = panel(figure, x, 10 + 28 * (place // 2), 20, 20)
        axes.add_patch(Rectangle((0, 0.36), 1, 0.28, facecolor=colour))
        write(figure, x + 28, 20 + 28 * (place // 2), name, colour=INK)
        x = label if place % 2 else label + 250
    upper = axes_at(figure, label, top, width, high)
    lower = axes_at(figure, label, top + high + gap, width, low)
    for axes in (upper, lower):
        axes.axvspan(-unseen, unseen, color=GREY, alpha=0.16, linewidth=0)
        axes.set_xlim(leads[0], leads[-1])
        axes.set_xticks((-24, -12, 0, 12, 24), ("−24", "−12", "0", "12", "24"))
    upper.plot((leads[0], 0, 0, leads[-1]), (0, 0, 1, 1), color=MUTED, linewidth=1.4, dashes=(4, 3))
    for _, colour, values in curves:
        upper.plot(leads, values, color=colour, linewidth=2.6)
    upper.set_ylim(-0.05, 1.12)
    upper.set_yticks((0, 0.5, 1), ("0", "50", "100"))
    upper.text(leads[0] + 1, 0.5, "shaded:", color=MUTED, va="bottom")
    upper.text(leads[0] + 1, 0.46, "not trained on", color=MUTED, va="top")
    edges = [float(edge) for edge in range(-12, 13)]
    for colour, found in thresholds:
        lower.hist(found, bins=edges, histtype="stepfilled", color=colour, alpha=0.45)
        lower.hist(found, bins=edges, histtype="step", color=colour, linewidth=1.5)
    lower.axvline(0, color=MUTED, linewidth=1.4, dashes=(4, 3))
    write(figure, 0, top + high / 2 - 70, "%")
    height = top + high + gap + low + foot
    write_upright(figure, 12, top + high + gap + low / 2, "circles")
    write(figure, label + width / 2, height - 12, "red's lead over its rival, levels",
          align="center")  # fmt: skip
    return Figure(static=figure)


def filter_on_and_off(titles: Sequence[str], examples: Sequence[Sequence[Numbers]]) -> Figure:
    """Draw examples in rows of pictures [3, size, size], levels, under the titles."""
    side = (WIDTH - (len(titles) - 1) * GAP) / len(titles)
    rows = len(examples)
    figure = canvas(height=round(TITLE + rows * side + (rows - 1) * GAP))
    for column, title in enumerate(titles):
        left = column * (side + GAP)
        write(figure, left + side / 2, TITLE / 2 - 2, title, colour=INK, align="center")
        for row, pictures in enumerate(examples):
            axes = panel(figure, left, TITLE + row * (side + GAP), side, side)
            show_image(axes, levels(pictures[column]))
    return Figure(static=figure)


#: One data colour a layer, in the order of the modules; after Okabe and Ito, darkened.
LAYER_COLOURS = ("#b07a00", AZURE, "#00866a", ORCHID)


def unit_ranking(
    chosen: Numbers, again: Numbers, layer: NDArray[np.int64], names: Sequence[str]
) -> Figure:
    """Draw all units from best to worst: their score, and the same unit's score on other images.

    `chosen`, `again` and `layer` are [units]; `layer` indexes `names`.
    """
    label, top, high, foot = 62, 72, 300, 62
    figure = canvas(height=top + high + foot)
    for place, (name, colour) in enumerate(zip(names, LAYER_COLOURS, strict=True)):
        x, y = label + (place % 2) * 260, 18 + 28 * (place // 2)
        key_dot(figure, x, y, name, colour)
    axes = axes_at(figure, label, top, WIDTH - label - 10, high)
    order = np.argsort(-chosen, kind="stable")
    rank = np.arange(1, len(order) + 1)
    axes.set_xscale("log")
    axes.set(xlim=(0.9, len(order) * 1.05), ylim=(0, 1.02))
    axes.axhline(0.5, color=LINE, linewidth=1)
    colours = np.array(LAYER_COLOURS)[layer[order]]
    axes.scatter(rank, again[order], s=14, c=colours, alpha=0.75, linewidth=0, rasterized=True)
    axes.plot(rank, chosen[order], color=INK, linewidth=1.4)
    axes.set_xticks((1, 10, 100, 1000), ("1", "10", "100", "1,000"))
    axes.minorticks_off()
    axes.set_yticks((0, 0.5, 1), ("0", "0.5", "1"))
    write(figure, label + (WIDTH - label) / 2, top + high + foot - 14, "rank among all units",
          align="center")  # fmt: skip
    write_upright(figure, 12, top + high / 2, "score")
    return Figure(static=figure)


def activation_maps(batch: ShapesBatch, maps: Mapping[str, Numbers]) -> Figure:
    """Draw units' activations: the images of a batch first, then a row for each unit.

    Each map is [batch, patches]. Each unit has a scale of its own, and what lies below zero is
    drawn as zero. Shapes are outlined in white.
    """
    label, gap, images = 62, 8, len(batch)
    side = (WIDTH - label - (images - 1) * gap) / images
    size = batch.image.shape[-1]
    figure = canvas(height=round((len(maps) + 1) * (side + gap) - gap))
    for row, (name, values) in enumerate([("", None), *maps.items()]):
        top = row * (side + gap)
        write(figure, 0, top + side / 2, name, colour=INK)
        for column in range(images):
            axes = panel(figure, label + column * (side + gap), top, side, side)
            if values is None:
                show_image(axes, batch.image[column])
                continue
            grid = round(values.shape[1] ** 0.5)
            axes.imshow(
                values[column].reshape(grid, grid),
                vmin=0,
                vmax=float(max(values.max(), 1e-6)),
                extent=(0, size, size, 0),
                aspect="auto",
            )
            for slot in np.flatnonzero(batch.present[column]):
                x, y = outline(int(batch.kind[column, slot]), batch.box[column, slot])
                axes.plot(x, y, color=WHITE, linewidth=0.9)
            axes.set(xlim=(0, size), ylim=(size, 0))
    return Figure(static=figure)


def class_profile(names: Sequence[str], values: Numbers) -> Figure:
    """Draw mean activations by what a patch shows: [units, classes], in percent of the target's.

    The classes are those of `interpret.units`: each kind with red in the lead and without, then
    background.
    """
    label, head, high = 62, 44, 34
    cell = (WIDTH - label) / values.shape[1]
    figure = canvas(height=head + len(names) * high)
    axes = panel(figure, label, 0, values.shape[1] * cell, head)
    axes.set(xlim=(0, values.shape[1] * cell), ylim=(0, head))
    for number in range(2 * len(KINDS)):
        colour = (213, 60, 40) if number % 2 == 0 else (70, 130, 220)
        axes.add_patch(glyph(number // 2, ((number + 0.5) * cell, head / 2 + 2), 30, colour))
    axes.add_patch(
        Rectangle((8.5 * cell - 14, head / 2 - 12), 28, 28, facecolor=GROUND, edgecolor=LINE)
    )
    for row, name in enumerate(names):
        write(figure, 0, head + (row + 0.5) * high, name)
        texts = percent(values[row])
        number_cells(
            figure, label, head + row * high, (cell, high), values[row].clip(0), texts=texts
        )
    return Figure(static=figure)
