"""Results on series: what models drew, errors by seed and situation, trained attention."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from shapes_of_attention.figures.toolkit.draw import axes_at, panel, with_looks, write
from shapes_of_attention.figures.toolkit.figure import DASHED, WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.pixels import Numbers
from shapes_of_attention.figures.toolkit.series_line import (
    BRIGHTEST,
    KIND_COLOURS,
    SIGNAL,
    draw_coloured,
    line_axes,
    sample_places,
    series_matrix,
)
from shapes_of_attention.figures.toolkit.table import mean_and_range, sortable_table, value_cell
from shapes_of_attention.figures.toolkit.view import View, packed
from shapes_of_attention.measure.series import token_truth
from shapes_of_attention.palette import (
    ACCENT,
    BLUE,
    GREEN,
    INK,
    LINE,
    MUTED,
    PANEL,
    VERMILION,
    WHITE,
)
from shapes_of_attention.series.data import SERIES_KINDS, SeriesBatch
from shapes_of_attention.studies.record import Record

__all__ = [
    "MODEL_STYLES",
    "asking_view",
    "attention_view",
    "error_lines",
    "predictions",
    "results_table",
    "seed_chart",
]


PLUM = "#b4568f"
#: Weights below get no curve; so does the script, assets/theme/assets/site/asking.js.
LEAST_CURVE = 0.02
LINES = (BLUE, VERMILION, GREEN, PLUM, "#8a6d1d")
#: Looks of models that have none below: every colour in one kind of line before the next kind.
FREE_STYLES = [(colour, dash) for dash, colour in product(("-", "--", ":"), LINES)]
#: One colour a family in every chart; dashed are the variants that see less than the other one.
MODEL_STYLES = {
    "fully connected": (BLUE, "-"),
    "convolution": (VERMILION, "--"),
    "convolution, dilated": (VERMILION, "-"),
    "recurrent, both ways": (GREEN, "-"),
    "recurrent, one way": (GREEN, "--"),
    "attention": (PLUM, "-"),
    "attention, causal": (PLUM, "--"),
}


def predictions(
    batch: SeriesBatch, drawn: Mapping[str, NDArray[np.float32]], *, row: int = 0
) -> Figure:
    """Draw what models made of one series, below each other, over the target in grey.

    `drawn` maps a model's name to its series [batch, length].
    """
    high, title, gap = 96, 30, 8
    step = high + title + gap
    figure = canvas(height=len(drawn) * step - gap)
    for place, (name, lines) in enumerate(drawn.items()):
        top = place * step
        write(figure, 0, top + title / 2 - 2, name, colour=INK)
        axes = panel(figure, 0, top + title, WIDTH, high)
        line_axes(axes, batch, row, reach=1.75)
        axes.fill_between(
            sample_places(batch), batch.target[row], color=SIGNAL, alpha=0.35, linewidth=0
        )
        axes.plot(sample_places(batch), lines[row], color=SIGNAL, linewidth=1.25)
        draw_coloured(axes, batch, row, lines[row])
    return Figure(static=figure)


def seed_chart(
    rows: Sequence[tuple[str, Sequence[float]]], *, label: str, reference: float | None = None
) -> Figure:
    """Draw one row a model and one point a seed; the tick is their mean.

    `reference` draws a dashed line, such as what noise alone would cost.
    """
    left, high, below = 236, 44, 66
    figure = canvas(height=len(rows) * high + below)
    axes = axes_at(figure, left, 6, WIDTH - left - 14, len(rows) * high)
    largest = max(max(points) for _, points in rows)
    for place, (name, points) in enumerate(rows):
        write(figure, 0, 6 + (place + 0.5) * high, name, colour=INK)
        axes.axhline(place, color=LINE, linewidth=0.75)
        axes.plot(points, [place] * len(points), "o", color=BLUE, markersize=8, alpha=0.75)
        axes.plot([np.mean(points)] * 2, [place - 0.3, place + 0.3], color=VERMILION, linewidth=3)
    if reference is not None:
        axes.axvline(reference, color=MUTED, linewidth=1.25, linestyle=DASHED)
    axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=[], xlim=(0, 1.08 * largest), xlabel=label)
    axes.locator_params(axis="x", nbins=4)
    axes.spines["left"].set_visible(False)
    return Figure(static=figure)


def error_lines(
    lines: Mapping[str, Sequence[Mapping[str, float]]],
    *,
    xlabel: str,
    ticks: Mapping[str, str],
    ylabel: str = "mean error",
) -> Figure:
    """Draw mean errors by situation, one line a model with its seeds as points.

    `lines` maps a model to one mapping a seed, from a situation to its error; `ticks` names the
    situations, in order. Models in `MODEL_STYLES` look as they do there.

    Raises
    ------
    ValueError
        If there are more models than `FREE_STYLES`.
    """
    # Above the axes: two names a row.
    left, top, high = 66, 44 + 30 * -(-len(lines) // 2), 250
    figure = canvas(height=top + high + 70)
    write(figure, 0, top - 18, ylabel, colour=MUTED)
    axes = axes_at(figure, left, top, WIDTH - left - 26, high)
    x = np.arange(len(ticks))
    largest = 0.0
    for (name, seeds), free in with_looks(lines.items(), FREE_STYLES):
        colour, dash = MODEL_STYLES.get(name, free)
        numbers = np.array([[seed[key] for key in ticks] for seed in seeds])  # [seeds, situations]
        largest = max(largest, float(numbers.max()))
        axes.plot(x, numbers.mean(axis=0), color=colour, linestyle=dash, label=name)
        axes.plot(np.tile(x, len(numbers)), numbers.ravel(), "o", color=colour, markersize=5)
    axes.set(xticks=x, xticklabels=list(ticks.values()), ylim=(0, 1.1 * largest), xlabel=xlabel)
    axes.locator_params(axis="y", nbins=4)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.1, 1.1), ncols=2, handlelength=1.6)
    return Figure(static=figure)


def attention_view(
    batch: SeriesBatch,
    weights: Mapping[str, Numbers],
    ideal: Numbers,
    *,
    token: int,
    start: tuple[str, int, int],
    row: int = 0,
) -> View:
    """Show trained attention over one series, with the series and the matrix linked by hovering.

    Parameters
    ----------
    weights : name of a layer -> weights [heads, query, key].
    ideal : [query, key], NaN rows between shapes.
    start : layer, head and query that are shown first.
    """
    layer, head, query = start
    learned = weights[layer][head]
    gap, title, strip = 16, 36, 60
    side = (WIDTH - gap) / 2 - strip
    figure = canvas(height=round(title + strip + side))
    for place, (name, matrix) in enumerate((("Learned", learned), ("Ideal", ideal))):
        left = place * (strip + side + gap)
        write(figure, left + strip, title / 2 - 2, name, colour=INK)
        axes = series_matrix(
            figure, batch, row, matrix, left=left, top=title, strip=strip, side=side
        )
        axes.axhline(query - 0.5, color=WHITE, linewidth=0.8)
        axes.axhline(query + 0.5, color=WHITE, linewidth=0.8)
    truth = token_truth(batch, token=token)
    owner = _owners(batch, row, token)
    return View(
        static=Figure(static=figure),
        view="series-attention",
        data={
            "token": token,
            "signal": _short(batch.signal[row]),
            "target": _short(batch.target[row]),
            "owner": owner.tolist(),
            "group": truth.group[row][np.maximum(owner, 0)].astype(int).tolist(),
            "others": truth.others[row][np.maximum(owner, 0)].astype(int).tolist(),
            "shapes": _shapes(batch, row),
            "colours": list(KIND_COLOURS),
            "between": SIGNAL,
            "quantile": BRIGHTEST,
            "layers": [
                {"name": name, "heads": len(matrix), "weights": packed(matrix)}
                for name, matrix in weights.items()
            ],
            "ideal": packed(np.nan_to_num(ideal)),
            "start": {"layer": layer, "head": head, "query": query},
        },
    )


def asking_view(
    batch: SeriesBatch,
    weights: Numbers,
    redrawn: NDArray[np.float32],
    *,
    token: int,
    query: int,
    row: int = 0,
) -> View:
    """Show whose answers one token of a series gathers, as curves above it, and what is redrawn.

    Parameters
    ----------
    weights : of one head, [query, key].
    redrawn : what the model made of the series, [batch, length].
    query : the token that asks first.
    """
    owner = _owners(batch, row, token)
    curves, high, gap = 128, 132, 26
    figure = canvas(height=curves + 2 * (high + gap))
    arcs = panel(figure, 0, 0, WIDTH, curves)
    length = batch.signal.shape[1]
    arcs.set(xlim=(0, length), ylim=(0, 1.06))  # the highest arc is whole, as wide as it may be
    middle = (np.arange(len(weights)) + 0.5) * token
    for key in np.flatnonzero(weights[query] > LEAST_CURVE):
        colour = SIGNAL if owner[key] < 0 else KIND_COLOURS[batch.kind[row, owner[key]]]
        up = 2 * min(1, 0.35 + abs(int(key) - query) / len(weights))
        ends = [(middle[key], 0), ((middle[key] + middle[query]) / 2, up), (middle[query], 0)]
        path = Path(ends, [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        width = float(np.clip(27 * weights[query, key], 0.75, 7))
        arcs.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, lw=width, alpha=0.8))
    arcs.plot([middle[query]], [0.04], "v", color=ACCENT, markersize=11)
    for place, (name, line) in enumerate((("Given", batch.signal), ("Redrawn", redrawn))):
        top = curves + place * (high + gap)
        axes = panel(figure, 0, top, WIDTH, high)
        line_axes(axes, batch, row, reach=1.75)
        axes.axvspan(query * token, (query + 1) * token, color=PANEL)
        axes.plot(sample_places(batch), line[row], color=SIGNAL, linewidth=1.25)
        draw_coloured(axes, batch, row, line[row])
        write(figure, 0, top + high + gap / 2 - 3, name)
    return View(
        static=Figure(static=figure),
        view="asking",
        data={
            "token": token,
            "signal": _short(batch.signal[row]),
            "redrawn": _short(redrawn[row]),
            "owner": owner.tolist(),
            "shapes": _shapes(batch, row),
            "colours": list(KIND_COLOURS),
            "between": SIGNAL,
            "weights": packed(weights),
            "query": query,
        },
    )


def _owners(batch: SeriesBatch, row: int, token: int) -> NDArray[np.int64]:
    """Name the shape that each token lies in, or -1: [tokens]."""
    asks = token_truth(batch, token=token).asks[row]  # [slots, tokens]
    return np.where(asks.any(axis=0), asks.argmax(axis=0), -1)


def _shapes(batch: SeriesBatch, row: int) -> list[dict[str, Any]]:
    return [
        {
            "kind": SERIES_KINDS[batch.kind[row, slot]],
            "number": int(batch.kind[row, slot]),
            "inverted": bool(batch.inverted[row, slot]),
            "span": [round(float(edge), 1) for edge in batch.span[row, slot]],
            "amplitude": round(float(batch.amplitude[row, slot]), 2),
            "mean": round(float(batch.group_mean[row, slot]), 2),
        }
        for slot in np.flatnonzero(batch.present[row])
    ]


def _short(line: Numbers) -> str:
    """Pack a series as 16-bit thousandths."""
    return base64.b64encode(np.round(line * 1000).astype("<i2").tobytes()).decode("ascii")


def results_table(
    records: Mapping[str, Sequence[Record]],
    names: Mapping[str, str],
    *,
    milliseconds: Mapping[str, float] | None = None,
) -> str:
    """Write a table that readers can sort: one row a model, mean and range over its seeds.

    Parameters
    ----------
    names : the models to show, in order, and what readers call them.
    milliseconds : how long a training step takes, for models that all took equally many; it stands
        where the number of steps stands otherwise.
    """
    rows = []
    for key, name in names.items():
        seeds = records[key]
        tests = [record.test for record in seeds]
        pace = (
            value_cell(milliseconds[key], ".1f")
            if milliseconds
            else value_cell(sum(record.steps or 0 for record in seeds) / len(seeds), ",.0f")
        )
        cells = [
            mean_and_range([test["amplitude_error_median"] for test in tests], ".3f"),
            mean_and_range([100 * test["within_tolerance"] for test in tests], ".0f", "%"),
            mean_and_range([1000 * test["mse"] for test in tests], ".2f"),
            value_cell(seeds[0].parameters, ",.0f"),
            pace,
            value_cell(len(seeds), ".0f"),
        ]
        rows.append((name, cells))
    titles = ["Median error", "Within 0.1", "MSE × 1000", "Parameters"]
    titles += ["ms a step" if milliseconds else "Steps", "Seeds"]
    return sortable_table("Model", titles, rows)
