"""Pictures and the table of the results: what models painted, how they learned, how they compare.

Static pictures are 600 px wide with letters of 19 px, so that they still read on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from shapes_of_attention.data import ShapesBatch
from shapes_of_attention.figures.toolkit.draw import (
    TICKS,
    log_ticks,
    panel,
    show_image,
    show_ticks,
    write,
)
from shapes_of_attention.figures.toolkit.figure import (
    DASHED,
    PIXELS_PER_INCH,
    WIDTH,
    Figure,
    canvas,
)
from shapes_of_attention.figures.toolkit.pixels import Numbers, levels
from shapes_of_attention.figures.toolkit.plot import BARE, button_row
from shapes_of_attention.figures.toolkit.table import (
    NOTHING,
    mean_and_deviation,
    sortable_table,
    value_cell,
)
from shapes_of_attention.palette import BLUE, GREEN, INK, LINE, MUTED, VERMILION
from shapes_of_attention.studies.record import Point, Record, RecordError, spread

__all__ = [
    "MODEL_LOOKS",
    "Look",
    "Row",
    "bars",
    "changes_table",
    "comparison_table",
    "crossed_table",
    "examples",
    "learning_curves",
    "learning_rates",
    "paintings",
    "short_table",
    "strips",
]

HEAD = 34
GAP = 8


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a model appears in every picture: its name, colour and mark (matplotlib's, plotly's)."""

    name: str
    colour: str
    mark: str
    symbol: str


#: The compared models by label. Colours after Okabe and Ito, 3:1 or more on both papers.
MODEL_LOOKS = {
    "fully-connected": Look(name="Fully connected", colour="#8a8579", mark="X", symbol="x"),
    "unet": Look(name="U-Net", colour="#b4599c", mark="s", symbol="square"),
    "encoder-only": Look(name="Encoder only", colour=BLUE, mark="o", symbol="circle"),
    "encoder-decoder": Look(
        name="Encoder-decoder", colour=VERMILION, mark="^", symbol="triangle-up"
    ),
    "encoder-decoder-channels": Look(
        name="Channel tokens", colour=GREEN, mark="D", symbol="diamond"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a strip chart: a label, one value for each seed, a colour and a mark."""

    label: str
    values: Sequence[float]
    colour: str = BLUE
    mark: str = "o"


def examples(
    batch: ShapesBatch, painted: NDArray[np.float32], notes: Sequence[Sequence[str]]
) -> Figure:
    """Draw input, prediction and target of each image, one row an image, with a note before it.

    `painted` [images, 3, size, size] in levels; `notes` holds a few short lines for each image.
    """
    label, side = 126, 150
    step = side + GAP
    figure = canvas(height=HEAD + len(batch) * step - GAP)
    for column, title in enumerate(("Input", "Prediction", "Target")):
        left = label + column * (side + 12)
        write(figure, left + side / 2, HEAD / 2 - 3, title, colour=INK, align="center")
        for row in range(len(batch)):
            picture = (batch.image[row], levels(painted[row]), batch.target[row])[column]
            show_image(panel(figure, left, HEAD + row * step, side, side), picture)
    for row, lines in enumerate(notes):
        middle = HEAD + row * step + side / 2
        for place, line in enumerate(lines):
            y = middle + (place - (len(lines) - 1) / 2) * 27
            write(figure, 0, y, line, colour=MUTED if place == len(lines) - 1 else INK)
    return Figure(static=figure)


def paintings(batch: ShapesBatch, painted: Mapping[str, tuple[str, NDArray[np.float32]]]) -> Figure:
    """Draw the same images as several models paint them: one row a model, one column an image.

    `painted` maps a name to a note and [images, 3, size, size] in levels.
    """
    label = 172
    side = (WIDTH - label - (len(batch) - 1) * GAP) // len(batch)
    step = side + GAP
    rows: list[tuple[str, str, NDArray[Any]]] = [("Input", "", batch.image)]
    rows += [(name, note, levels(images)) for name, (note, images) in painted.items()]
    rows.append(("Target", "", batch.target))
    figure = canvas(height=len(rows) * step - GAP)
    for row, (name, note, images) in enumerate(rows):
        middle = row * step + side / 2
        write(figure, 0, middle - (13 if note else 0), name, colour=INK)
        if note:
            write(figure, 0, middle + 14, note)
        for column, picture in enumerate(images):
            show_image(panel(figure, label + column * step, row * step, side, side), picture)
    return Figure(static=figure)


def bars(shares: Mapping[str, float], *, title: str, below: str) -> Figure:
    """Draw shares as named columns, each with its value on top; `title` above, `below` below."""
    top, height, foot, gap = 44, 190, 84, 14
    figure = canvas(height=top + height + foot)
    axes = panel(figure, 0, top, WIDTH, height)
    step = WIDTH / len(shares)
    axes.set(xlim=(0, WIDTH), ylim=(0, max(shares.values()) * 1.2))
    axes.axhline(0, color=LINE, linewidth=2)
    for place, (name, share) in enumerate(shares.items()):
        middle = (place + 0.5) * step
        axes.bar(middle, share, width=step - gap, color=BLUE)
        high = top + height * (1 - share / (max(shares.values()) * 1.2))
        write(figure, middle, high - 14, f"{share:.1%}", colour=INK, align="center")
        write(figure, middle, top + height + 18, name, colour=INK, align="center")
    write(figure, 0, 16, title)
    write(figure, WIDTH / 2, top + height + 58, below, align="center")
    return Figure(static=figure)


def strips(
    groups: Sequence[tuple[str, Sequence[Row]]],
    *,
    title: str,
    reference: tuple[str, float] | None = None,
) -> Figure:
    """Draw every seed of every row as a point on one logarithmic axis, its mean as a bar.

    `groups` hold a heading, which may be empty, and rows; `reference` is a named vertical line.
    """
    label, row_height, head, foot = 196, 38, 42, 78
    top = 34 if reference else 6
    lines: list[tuple[str, Row | None]] = []
    for heading, rows in groups:
        lines += [(heading, None)] if heading else []
        lines += [(row.label, row) for row in rows]
    heights = [row_height if row else head for _, row in lines]
    height = sum(heights)
    figure = canvas(height=top + height + foot)
    width = WIDTH - label - 16
    axes = panel(figure, label, top, width, height)
    axes.set(xscale="log", ylim=(height, 0))
    every = [value for _, row in lines if row for value in row.values]
    every += [reference[1]] if reference else []
    low, high = min(every) / 1.25, max(every) * 1.25
    axes.set_xlim(low, high)
    log_ticks(axes, low, high)
    if reference:
        name, value = reference
        axes.axvline(value, color=MUTED, linewidth=1.5, linestyle=DASHED)
        place = label + width * np.log(value / low) / np.log(high / low)
        # Over its line, or as near as the edge allows; a letter is about ten pixels wide.
        write(figure, min(place, WIDTH - 2 - 5 * len(name)), top / 2 - 2, name, align="center")
    y = 0.0
    for (text, row), tall in zip(lines, heights, strict=True):
        middle = y + tall / 2
        if row is None:
            write(figure, 0, top + middle + 4, text)
        else:
            write(figure, 12 if len(groups) > 1 else 0, top + middle, text, colour=INK)
            axes.axhline(middle, color=LINE, linewidth=1, zorder=0)
            mean = spread(row.values).mean
            axes.plot([mean, mean], [middle - 11, middle + 11], color=row.colour, linewidth=3)
            axes.scatter(
                row.values,
                [middle] * len(row.values),
                color=row.colour,
                marker=row.mark,
                s=70,
                alpha=0.75,
                linewidths=0,
                zorder=3,
            )
        y += tall
    write(figure, label + width / 2, top + height + 58, title, align="center")
    return Figure(static=figure)


def learning_curves(
    groups: Mapping[str, Sequence[Record]], *, seconds: Mapping[str, float]
) -> Figure:
    """Draw colour error against images and against processor time: a line a seed, log-log.

    `groups` map a label of `MODEL_LOOKS` to its runs, `seconds` to what an image takes on one core.
    The interactive picture has one plot and two buttons.
    """
    plot, gap, left, legend = 300, 84, 66, 104
    figure = canvas(height=legend + 2 * plot + gap + 72)
    ranges = {}
    for place, (axis, title) in enumerate(AXES.items()):
        axes = panel(figure, left, legend + place * (plot + gap), WIDTH - left - 20, plot)
        axes.set(xscale="log", yscale="log")
        for label, runs in groups.items():
            look = MODEL_LOOKS[label]
            for run in runs:
                x, y = curve(run, axis, seconds[label])
                axes.plot(x, y, color=look.colour, marker=look.mark, markersize=6.5, linewidth=1.8)
        low, high = axes.get_xlim()
        ranges[axis] = (float(np.log10(low)), float(np.log10(high)))
        log_ticks(axes, low, high, few=True)
        bottom, ceiling = axes.get_ylim()
        log_ticks(axes, bottom, ceiling, vertical=True)
        axes.grid(axis="y")
        y_middle = legend + place * (plot + gap) + plot + 54
        write(figure, left + (WIDTH - left - 20) / 2, y_middle, title, align="center")
    write(figure, 0, legend - 14, "colour error", align="left")
    draw_legend(figure, [MODEL_LOOKS[label] for label in groups])
    return Figure(static=figure, interactive=curves_plot(groups, ranges, seconds))


#: What a curve runs along, and what its axis says.
AXES = {"images": "thousand images seen", "seconds": "seconds on one core"}


def curve(run: Record, axis: str, seconds: float) -> tuple[list[float], list[float]]:
    """Return a run's median colour error along "images" (in thousands) or "seconds".

    Runs are made side by side, on whatever machine: their time is images times `seconds`.
    """

    def along(point: Point) -> float:
        return point.images * (seconds if axis == "seconds" else 1e-3)

    return [along(p) for p in run.curve], [p.score.colour_error for p in run.curve]


def curves_plot(
    groups: Mapping[str, Sequence[Record]],
    ranges: Mapping[str, tuple[float, float]],
    seconds: Mapping[str, float],
) -> go.Figure:
    """Build the interactive half of `learning_curves`."""
    plot = go.Figure()
    axis_of: list[str] = []
    for axis in AXES:
        for label, runs in groups.items():
            look = MODEL_LOOKS[label]
            for number, run in enumerate(runs):
                x, y = curve(run, axis, seconds[label])
                unit = "s" if axis == "seconds" else "thousand images"
                plot.add_trace(
                    go.Scatter(
                        x=x,
                        y=y,
                        mode="lines+markers",
                        name=look.name,
                        legendgroup=look.name,
                        showlegend=number == 0,
                        visible=axis == next(iter(AXES)),
                        line={"color": look.colour, "width": 2},
                        marker={"symbol": look.symbol, "size": 8},
                        hovertemplate=(
                            f"{look.name}, seed {run.seed}<br>%{{x:.3~g}} {unit}<br>"
                            "colour error %{y:.3~g}<extra></extra>"
                        ),
                    )
                )
                axis_of.append(axis)
    errors = [p.score.colour_error for runs in groups.values() for run in runs for p in run.curve]
    ticks = [tick for tick in TICKS if min(errors) / 1.2 < tick < max(errors) * 1.2]
    along = [tick for tick in TICKS if f"{tick:e}"[0] != "5"]
    buttons = [
        {
            "label": label,
            "method": "update",
            "args": [
                {"visible": [axis == other for other in axis_of]},
                {"xaxis.title.text": AXES[axis], "xaxis.range": list(ranges[axis])},
            ],
        }
        for axis, label in (("images", "Against images"), ("seconds", "Against time"))
    ]
    plot.update_layout(
        **BARE,
        margin={"l": 56, "r": 12, "t": 52, "b": 160},
        legend={"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"},
        xaxis={
            "type": "log",
            "title": {"text": AXES["images"]},
            "range": list(ranges["images"]),
            "fixedrange": True,
            "tickvals": along,
            "ticktext": [f"{tick:g}" for tick in along],
        },
        yaxis={
            "type": "log",
            "title": {"text": "colour error"},
            "tickvals": ticks,
            "ticktext": [f"{tick:g}" for tick in ticks],
            "range": [float(np.log10(min(errors) / 1.2)), float(np.log10(max(errors) * 1.2))],
            "fixedrange": True,
        },
        updatemenus=[button_row(buttons, left=True, gap=8)],
    )
    return plot


def learning_rates(groups: Mapping[str, Sequence[Record]]) -> Figure:
    """Draw the colour error of every learning rate that was tried, a line a model, log-log.

    At a rate at which a run diverged there is no error to draw.

    Raises
    ------
    RecordError
        If all runs of a model diverged, so that there is nothing to draw of it.
    """
    plot, left, legend = 320, 66, 104
    figure = canvas(height=legend + plot + 76)
    axes = panel(figure, left, legend, WIDTH - left - 20, plot)
    axes.set(xscale="log", yscale="log")
    rates: set[float] = set()
    for label, runs in groups.items():
        look = MODEL_LOOKS[label]
        rates |= {run.config["learning_rate"] for run in runs}
        pairs = sorted(
            (run.config["learning_rate"], run.score.colour_error)
            for run in runs
            if not run.diverged
        )
        if not pairs:
            raise RecordError(f"no learning rate of {label} has a finite error")
        best = min(pairs, key=lambda pair: pair[1])
        x, y = zip(*pairs, strict=True)
        axes.plot(x, y, color=look.colour, marker=look.mark, markersize=8, linewidth=1.8)
        axes.scatter(*best, s=280, facecolors="none", edgecolors=look.colour, linewidths=1.8)
    # Four rates are named at most: on a phone there is no room for more.
    apart = -(-len(rates) // 4)
    names = [
        f"{rate:g}" if place % apart == apart // 2 else ""
        for place, rate in enumerate(sorted(rates))
    ]
    show_ticks(axes, sorted(rates), names, vertical=False)
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.15, high * 1.15)
    bottom, ceiling = axes.get_ylim()
    log_ticks(axes, bottom / 1.05, ceiling * 1.05, vertical=True)
    axes.set_ylim(bottom / 1.05, ceiling * 1.05)
    axes.grid(axis="y")
    write(figure, 0, legend - 14, "colour error", align="left")
    write(
        figure,
        left + (WIDTH - left - 20) / 2,
        legend + plot + 56,
        "learning rate at its highest",
        align="center",
    )
    draw_legend(figure, [MODEL_LOOKS[label] for label in groups])
    return Figure(static=figure)


def draw_legend(figure: MatplotlibFigure, looks: Sequence[Look]) -> None:
    """Name the marks at the top of a figure, three a line, 31 px a line."""
    height = figure.get_size_inches()[1] * PIXELS_PER_INCH
    for number, look in enumerate(looks):
        row, column = divmod(number, 3)
        x, y = (0.0, 216.0, 404.0)[column], 14 + row * 31.0
        figure.add_artist(
            Line2D(
                [(x + 2) / WIDTH, (x + 26) / WIDTH],
                [1 - y / height] * 2,
                color=look.colour,
                marker=look.mark,
                markevery=[1],
                markersize=8,
            )
        )
        write(figure, x + 36, y, look.name, colour=INK)


def comparison_table(
    groups: Mapping[str, Sequence[Record]],
    *,
    seconds: Mapping[str, float],
    copied: Numbers | None = None,
) -> str:
    """Write the comparison as a sortable table of HTML: mean and standard deviation over seeds.

    How good comes first, and what it took after that: a phone shows the left half. `seconds` are
    what an image takes on one core.

    `copied` [shapes] holds the colour errors of the input handed back as it is, for a last row.
    """
    rows = [
        (
            MODEL_LOOKS[label].name,
            [
                *score_cells(runs),
                mean_and_deviation([run.score.psnr for run in runs], ".1f"),
                value_cell(1000 * seconds[label], ".0f"),
                value_cell(runs[0].parameters / 1e6, ".2f"),
                value_cell(len(runs), ".0f"),
            ],
        )
        for label, runs in groups.items()
    ]
    if copied is not None:
        error, right = float(np.median(copied)), float((copied <= 8).mean())
        found = [
            value_cell(error, ".2f"),
            value_cell(100 * right, ".1f", "%"),
            value_cell(0, ".1f", "%"),
        ]
        rows.append(("Input, copied", [*found, *4 * [NOTHING]]))
    titles = (*SCORES, "PSNR", "ms an image", "Million weights", "Seeds")
    return sortable_table("Model", titles, rows)


def short_table(groups: Mapping[str, Sequence[Record]], *, seconds: Mapping[str, float]) -> str:
    """Write the comparison in one line a model: its error, in levels, and what it took."""
    rows = [
        (
            MODEL_LOOKS[label].name,
            [
                mean_and_deviation([run.score.colour_error for run in runs], ".2f"),
                value_cell(runs[0].parameters / 1e6, ".1f"),
                value_cell(1000 * seconds[label], ".0f"),
            ],
        )
        for label, runs in groups.items()
    ]
    return sortable_table("Model", ("Colour error", "Million weights", "ms an image"), rows)


def crossed_table(
    name: str, columns: Sequence[str], rows: Mapping[str, Sequence[Sequence[Record]]]
) -> str:
    """Write colour errors of runs that differ in two things: one by row, the other by column."""
    return sortable_table(
        name,
        columns,
        [
            (
                title,
                [
                    mean_and_deviation([run.score.colour_error for run in runs], ".2f")
                    for runs in cells
                ],
            )
            for title, cells in rows.items()
        ],
    )


def changes_table(changes: Mapping[str, Sequence[Record]]) -> str:
    """Write what changes to one model are worth as a sortable table, a row for each.

    The runs of a row saw equally many images.
    """
    assert all(len({run.images for run in runs}) == 1 for runs in changes.values())
    rows = [
        (
            name,
            [
                *score_cells(runs),
                value_cell(runs[0].images / 1000, ".0f"),
                value_cell(len(runs), ".0f"),
            ],
        )
        for name, runs in changes.items()
    ]
    return sortable_table("Variant", (*SCORES, "Thousand images", "Seeds"), rows)


#: Titles of the columns that `score_cells` fills.
SCORES = ("Colour error", "Within 8", "Filtered removed")


def score_cells(runs: Sequence[Record]) -> list[str]:
    """Write the columns `SCORES` of a group of runs."""
    removed = [
        100 * run.score.filtered_removed for run in runs if run.score.filtered_removed is not None
    ]
    return [
        mean_and_deviation([run.score.colour_error for run in runs], ".2f"),
        mean_and_deviation([100 * run.score.within_8 for run in runs], ".1f", "%"),
        mean_and_deviation(removed, ".1f", "%") if removed else NOTHING,
    ]
