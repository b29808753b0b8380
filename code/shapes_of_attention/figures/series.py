"""Pictures of the series task: the data, attention by hand, trained attention, and results."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from numpy.typing import NDArray

from shapes_of_attention.figures.diagram import Diagram
from shapes_of_attention.figures.figure import Figure, axes_at, canvas
from shapes_of_attention.figures.palette import INK, LINE, MUTED, PANEL
from shapes_of_attention.figures.shapes import panel, write
from shapes_of_attention.figures.view import View, packed
from shapes_of_attention.measure.series import token_truth
from shapes_of_attention.series.data import SERIES_KINDS, SeriesBatch

__all__ = [
    "attention_matrix",
    "attention_view",
    "averaging",
    "by_hand",
    "error_lines",
    "heads",
    "masks",
    "positions",
    "predictions",
    "scaling",
    "seed_chart",
    "series_rows",
]

WIDTH = 600
#: Kinds of shape, after Okabe and Ito; they read on both papers.
KIND_COLOURS = ("#d55e00", "#0072b2", "#009e73")
SIGNAL = "#8b8f97"
LINES = ("#0072b2", "#d55e00", "#009e73", "#b4568f", "#8a6d1d")
#: One colour a family in every chart; dashed are the variants that see less than the other one.
MODEL_STYLES = {
    "fully connected": ("#0072b2", "-"),
    "convolution": ("#d55e00", "--"),
    "convolution, dilated": ("#d55e00", "-"),
    "recurrent, both ways": ("#009e73", "-"),
    "recurrent, one way": ("#009e73", "--"),
    "attention": ("#b4568f", "-"),
    "attention, causal": ("#b4568f", "--"),
}
Numbers = NDArray[np.floating[Any]]


def series_rows(batch: SeriesBatch, *, rows: Sequence[int]) -> Figure:
    """Draw series below each other: the signal in grey, the target in the colours of the kinds."""
    head, high, gap = 34, 118, 10
    figure = canvas(width=WIDTH, height=head + len(rows) * (high + gap) - gap)
    _kind_legend(figure, 0, head / 2 - 2)
    for place, row in enumerate(rows):
        axes = panel(figure, 0, head + place * (high + gap), WIDTH, high)
        _line(axes, batch, row)
        axes.plot(_samples(batch), batch.signal[row], color=SIGNAL, linewidth=1.5)
        _coloured(axes, batch, row, batch.target[row])
    return Figure(static=figure)


def averaging(batch: SeriesBatch, *, row: int = 0) -> Figure:
    """Draw one series with each shape's amplitude written, and the target with the means."""
    head, high, gap = 34, 190, 34
    figure = canvas(width=WIDTH, height=head + 2 * high + gap)
    parts = (
        ("Signal", batch.signal[row], batch.amplitude[row]),
        ("Target", batch.target[row], batch.group_mean[row]),
    )
    for place, (title, line, amplitudes) in enumerate(parts):
        top = head + place * (high + gap)
        write(figure, 0, top - 16, title, colour=INK)
        axes = panel(figure, 0, top, WIDTH, high)
        _line(axes, batch, row, reach=2.25)
        axes.plot(_samples(batch), line, color=SIGNAL, linewidth=1.5)
        _coloured(axes, batch, row, line)
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
    figure = canvas(width=WIDTH, height=head + strip + side)
    write(figure, strip, head / 2 - 2, title, colour=INK)
    _matrix(figure, batch, row, weights, left=0, top=head, strip=strip, side=side)
    return Figure(static=figure)


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
    names = ("triangle", "rectangle", "triangle")
    kinds = (0, 1, 0)
    rows = {"key": 66, "score": 166, "weight": 236, "value": 306}
    drawing.text(0, 22, "query", align="left", colour=MUTED)
    drawing.box(left, 2, wide, 40, _vector(query), fill=PANEL)
    drawing.text(left + wide + 14, 22, "“who is a triangle?”", align="left", colour=MUTED)
    for name, y in rows.items():
        drawing.text(0, y + 20, name, align="left", colour=MUTED)
    for place, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        x = left + place * step
        colour = KIND_COLOURS[kind]
        drawing.box(x, rows["key"], wide, 40, _vector(keys[place]), edge=colour)
        drawing.text(x + wide / 2, rows["key"] + 58, name, colour=colour)
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


def scaling(dims: Sequence[int], plain: Numbers, scaled: Numbers) -> Figure:
    """Draw what softmax does to scores with and without the root: [dims, 3] each.

    The columns are the scores' variance, the mean largest weight, the mean slope of softmax.
    """
    high, gap, left = 190, 76, 74
    figure = canvas(width=WIDTH, height=2 * high + gap + 96)
    titles = ("Largest of 50 weights", "Slope that is left of softmax")
    for place, (title, column) in enumerate(zip(titles, (1, 2), strict=True)):
        top = 30 + place * (high + gap)
        write(figure, 0, top - 18, title, colour=INK)
        axes = axes_at(figure, left, top + 6, WIDTH - left - 12, high)
        for numbers, colour, name in (
            (plain, LINES[1], "plain"),
            (scaled, LINES[0], "divided by √d"),
        ):
            axes.plot(dims, numbers[:, column], "o-", color=colour)
            if not place:
                spot = (90, 0.5) if name == "plain" else (90, 0.18)
                axes.text(*spot, name, color=colour, va="bottom")
        axes.set(xscale="log", xticks=dims, xticklabels=[str(d) for d in dims], ylim=(0, 1.05))
        axes.set(yticks=[0, 0.5, 1])
        axes.minorticks_off()
    axes.set_xlabel("numbers in a key, d")
    return Figure(static=figure)


def heads() -> Figure:
    """Draw how a vector is split into heads, each attends alone, and the answers are joined."""
    drawing = Diagram(height=330)
    quarter, gap = 120, 26
    left = 20
    drawing.box(left, 0, 4 * quarter + 3 * gap, 42, "each token: 64 numbers", radius=6)
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
    head, high, gap, low = 34, 190, 30, 232
    figure = canvas(width=WIDTH, height=head + high + low + 56)
    width = (WIDTH - gap) / 2
    for place, (name, table) in enumerate(tables.items()):
        left = place * (width + gap)
        write(figure, left, head / 2 - 2, f"{name.capitalize()}: added", colour=INK)
        axes = panel(figure, left, head, width, high)
        reach = float(np.abs(table).max())
        axes.imshow(
            table, cmap="cividis", vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest"
        )
    write(figure, 0, head + high + 18, "rows: tokens, columns: the numbers added", colour=MUTED)
    top = head + high + 78
    write(figure, 0, top - 22, "Rotary: score of a vector with itself, turned", colour=INK)
    chart = axes_at(figure, 60, top, WIDTH - 72, low - 90)
    for start, colour, style in ((0, LINES[0], "-"), (20, LINES[1], (0, (5, 4)))):
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


def predictions(
    batch: SeriesBatch, drawn: Mapping[str, NDArray[np.float32]], *, row: int = 0
) -> Figure:
    """Draw what models made of one series, below each other, over the target in grey.

    `drawn` maps a model's name to its series [batch, length].
    """
    high, title, gap = 96, 30, 8
    step = high + title + gap
    figure = canvas(width=WIDTH, height=len(drawn) * step - gap)
    for place, (name, lines) in enumerate(drawn.items()):
        top = place * step
        write(figure, 0, top + title / 2 - 2, name, colour=INK)
        axes = panel(figure, 0, top + title, WIDTH, high)
        _line(axes, batch, row, reach=1.75)
        axes.fill_between(_samples(batch), batch.target[row], color=SIGNAL, alpha=0.35, linewidth=0)
        axes.plot(_samples(batch), lines[row], color=SIGNAL, linewidth=1.25)
        _coloured(axes, batch, row, lines[row])
    return Figure(static=figure)


def seed_chart(
    rows: Sequence[tuple[str, Sequence[float]]], *, label: str, reference: float | None = None
) -> Figure:
    """Draw one row a model and one point a seed; the tick is their mean.

    `reference` draws a dashed line, such as what noise alone would cost.
    """
    left, high, below = 236, 44, 66
    figure = canvas(width=WIDTH, height=len(rows) * high + below)
    axes = axes_at(figure, left, 6, WIDTH - left - 14, len(rows) * high)
    largest = max(max(points) for _, points in rows)
    for place, (name, points) in enumerate(rows):
        write(figure, 0, 6 + (place + 0.5) * high, name, colour=INK)
        axes.axhline(place, color=LINE, linewidth=0.75)
        axes.plot(points, [place] * len(points), "o", color=LINES[0], markersize=8, alpha=0.75)
        axes.plot([np.mean(points)] * 2, [place - 0.3, place + 0.3], color=LINES[1], linewidth=3)
    if reference is not None:
        axes.axvline(reference, color=MUTED, linewidth=1.25, linestyle=(0, (4, 3)))
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
    """
    left, top, high = 66, 100 if len(lines) > 2 else 74, 250
    figure = canvas(width=WIDTH, height=top + high + 70)
    write(figure, 0, top - 18, ylabel, colour=MUTED)
    axes = axes_at(figure, left, top, WIDTH - left - 26, high)
    x = np.arange(len(ticks))
    largest = 0.0
    for (name, seeds), free in zip(lines.items(), LINES, strict=False):
        colour, dash = MODEL_STYLES.get(name, (free, "-"))
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
    figure = canvas(width=WIDTH, height=round(title + strip + side))
    for place, (name, matrix) in enumerate((("Learned", learned), ("Ideal", ideal))):
        left = place * (strip + side + gap)
        write(figure, left + strip, title / 2 - 2, name, colour=INK)
        axes = _matrix(figure, batch, row, matrix, left=left, top=title, strip=strip, side=side)
        axes.axhline(query - 0.5, color="#ffffff", linewidth=0.8)
        axes.axhline(query + 0.5, color="#ffffff", linewidth=0.8)
    truth = token_truth(batch, token=token)
    owner = np.where(truth.asks[row].any(axis=0), truth.asks[row].argmax(axis=0), -1)
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
            "shapes": [
                {
                    "kind": SERIES_KINDS[batch.kind[row, slot]],
                    "number": int(batch.kind[row, slot]),
                    "inverted": bool(batch.inverted[row, slot]),
                    "span": [round(float(edge), 1) for edge in batch.span[row, slot]],
                    "amplitude": round(float(batch.amplitude[row, slot]), 2),
                    "mean": round(float(batch.group_mean[row, slot]), 2),
                }
                for slot in np.flatnonzero(batch.present[row])
            ],
            "colours": list(KIND_COLOURS),
            "layers": [
                {"name": name, "heads": len(matrix), "weights": packed(matrix)}
                for name, matrix in weights.items()
            ],
            "ideal": packed(np.nan_to_num(ideal)),
            "start": {"layer": layer, "head": head, "query": query},
        },
    )


def _short(line: Numbers) -> str:
    """Pack a series as 16-bit thousandths."""
    return base64.b64encode(np.round(line * 1000).astype("<i2").tobytes()).decode("ascii")


def _matrix(
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
    _line(upper, batch, row, reach=1.75)
    aside = panel(figure, left, top + strip, strip - 4, side)
    length = batch.signal.shape[1]
    aside.set(ylim=(length, 0), xlim=(1.75, -1.75))
    samples = _samples(batch)
    for axes, turned in ((upper, False), (aside, True)):
        for line, colour in _pieces(batch, row, batch.signal[row]):
            where = ~np.isnan(line)
            x, y = (line, samples) if turned else (samples, line)
            axes.plot(x[where] if turned else x, y[where] if turned else y, color=colour, lw=1.5)
    axes = panel(figure, left + strip, top + strip, side, side)
    axes.set_facecolor(PANEL)
    largest = float(np.nanquantile(weights, 0.998))
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


def _pieces(batch: SeriesBatch, row: int, line: Numbers) -> list[tuple[Numbers, str]]:
    """Cut a series into the background and its shapes, each with its colour and NaN elsewhere."""
    samples = _samples(batch)
    pieces = [(line.astype(float), SIGNAL)]
    for slot in np.flatnonzero(batch.present[row]):
        low, high = batch.span[row, slot]
        inside = (samples >= low - 1) & (samples <= high + 1)
        pieces.append((np.where(inside, line, np.nan), KIND_COLOURS[batch.kind[row, slot]]))
    return pieces


def _coloured(axes: Axes, batch: SeriesBatch, row: int, line: Numbers) -> None:
    """Draw a series where it shows shapes, in the colours of their kinds."""
    for piece, colour in _pieces(batch, row, line)[1:]:
        axes.plot(_samples(batch), piece, color=colour, linewidth=2.5)


def _line(axes: Axes, batch: SeriesBatch, row: int, *, reach: float = 1.9) -> None:
    """Set up axes for a series: zero is a hairline."""
    axes.set(xlim=(0, batch.signal.shape[1]), ylim=(-reach, reach))
    axes.axhline(0, color=LINE, linewidth=1)


def _samples(batch: SeriesBatch) -> Numbers:
    """Give the places of a series' samples: [length]."""
    return np.arange(batch.signal.shape[1]) + 0.5


def _kind_legend(figure: MatplotlibFigure, left: float, middle: float) -> None:
    places = (0, 120, 250)
    for place, name, colour in zip(places, SERIES_KINDS, KIND_COLOURS, strict=True):
        write(figure, left + place, middle, name, colour=colour)


def _vector(numbers: NDArray[np.int64]) -> str:
    return "(" + ", ".join(str(number) for number in numbers) + ")"
