"""Pictures for efficient attention: how three families work, cost, error, accuracy.

All are 600 px wide with letters of 19 px, so that they still read at 343 px on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from numpy.typing import NDArray

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.draw import with_looks
from shapes_of_attention.figures.toolkit.figure import DASHED, WIDTH, Figure, canvas
from shapes_of_attention.palette import ACCENT, BLUE, GREEN, MUTED, VERMILION

__all__ = [
    "FAMILY_COLOURS",
    "accuracy_beside_cost",
    "cost_chart",
    "cost_of_full",
    "entmax_weights",
    "error_chart",
    "linformer_diagram",
    "performer_diagram",
    "reformer_diagram",
    "span_curve",
    "time_chart",
]

#: After Okabe and Ito, legible on both papers; full attention is grey and brown.
FAMILY_COLOURS = {
    "explicit": "#767676",
    "fused": "#a0522d",
    "local": BLUE,
    "block-sparse": "#3f9bd8",
    "adaptive-span": GREEN,
    "entmax": "#b8860b",
    "linformer": VERMILION,
    "performer": "#c0629a",
    "reformer": "#8a6bbf",
    "shared": "#5b3f94",
}
NAMES = {
    "explicit": "full, explicit",
    "fused": "full, fused",
    "local": "local",
    "block-sparse": "block-sparse",
    "adaptive-span": "adaptive span",
    "entmax": "entmax",
    "linformer": "Linformer",
    "performer": "Performer",
    "reformer": "Reformer",
    "shared": "full, Q = K",
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")
#: The same, as plotly calls them.
SYMBOLS = (
    *("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x"),
    *("triangle-left", "triangle-right", "hexagon"),
)
LENGTHS = (256, 1024, 4096, 16384)


def cost_of_full(
    rows: Sequence[Mapping[str, float]], fused: Sequence[Mapping[str, float]]
) -> Figure:
    """Draw time and memory of full attention against length, explicit and fused."""
    figure = canvas(height=560)
    time = _time_above_memory(figure, {"explicit": rows, "fused": fused})
    time.legend(loc="upper left")
    figure.subplots_adjust(left=0.17, right=0.94, top=0.97, bottom=0.12, hspace=0.12)
    return Figure(static=figure)


def cost_chart(families: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw time and memory of every family against length; hovering tells the numbers."""
    figure = canvas(height=900)
    time = _time_above_memory(figure, {name: found["rows"] for name, found in families.items()})
    _legend_below(figure, time, columnspacing=1.2, handlelength=1.4)
    figure.subplots_adjust(left=0.17, right=0.94, top=0.98, bottom=0.22, hspace=0.08)

    plot = go.Figure()
    for name, found in families.items():
        for axis, key, unit, scale in (
            ("y", "both_seconds", "s", 1.0),
            ("y2", "both_bytes", "MB", 1e-6),
        ):
            plot.add_scatter(
                x=[row["tokens"] for row in found["rows"]],
                y=[row[key] * scale for row in found["rows"]],
                yaxis=axis,
                name=NAMES[name],
                legendgroup=name,
                showlegend=axis == "y",
                mode="lines+markers",
                line={"color": FAMILY_COLOURS[name], "width": 2},
                marker={"size": 7, "symbol": SYMBOLS[_place(name)]},
                hovertemplate=f"{NAMES[name]}<br>%{{x:,}} tokens: %{{y:.3g}} {unit}<extra></extra>",
            )
    plot.update_layout(
        height=900,
        margin={"l": 70, "r": 10, "t": 10, "b": 60},
        xaxis={
            "type": "log",
            "title": "tokens",
            "tickvals": list(LENGTHS),
            "ticktext": [f"{tokens:,}" for tokens in LENGTHS],
            "anchor": "y2",
        },
        yaxis={"type": "log", "title": "seconds", "domain": [0.54, 1.0]},
        yaxis2={"type": "log", "title": "megabytes", "domain": [0.0, 0.46]},
        legend={"orientation": "h", "y": -0.13},
    )
    return Figure(static=figure, interactive=plot)


def time_chart(families: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw the time of every family against length, forward and backward."""
    figure = canvas(height=560)
    axes = figure.subplots()
    for name, found in families.items():
        rows = found["rows"]
        axes.plot(
            [row["tokens"] for row in rows], [row["both_seconds"] for row in rows], **_style(name)
        )
    _logarithmic(axes, "seconds")
    axes.set_xscale("log", base=2)
    lengths = [*LENGTHS, 4 * LENGTHS[-1]]
    longest = max(row["tokens"] for found in families.values() for row in found["rows"])
    shown = [tokens for tokens in lengths if tokens <= longest]
    axes.set_xticks(shown, [f"{tokens:,}" for tokens in shown])
    axes.minorticks_off()
    axes.set_xlabel("tokens")
    _legend_below(figure, axes, columnspacing=1.2, handlelength=1.4)
    figure.subplots_adjust(left=0.17, right=0.94, top=0.97, bottom=0.33)
    return Figure(static=figure)


def error_chart(
    curves: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
) -> Figure:
    """Draw error against what it took, one panel a source of queries and keys, one line a family.

    `curves` maps a panel's title to family -> (keys seen, rank or features; errors relative to the
    exact mix).
    """
    figure = canvas(height=80 + 330 * len(curves))
    panels = np.atleast_1d(figure.subplots(len(curves), 1, sharex=True))
    for axes, (title, families) in zip(panels, curves.items(), strict=True):
        for name, (spent, errors) in families.items():
            axes.plot(spent, np.maximum(errors, 1e-4), **_style(name))
        axes.set_title(title, loc="left")
        _logarithmic(axes, "relative error")
    panels[-1].set_xscale("log", base=2)
    panels[-1].set_xlabel("keys seen, rank or features")
    spent = [x for f in curves.values() for xs, _ in f.values() for x in xs]
    # Keys that are counted are no round numbers, so ticks are powers of two, whatever was spent.
    least, most = round(np.log2(min(spent))), round(np.log2(max(spent)))
    ticks = 2 ** np.arange(least, most + 1, max(1, (most - least) // 6))
    panels[-1].set_xticks(ticks, [str(tick) for tick in ticks])
    panels[-1].minorticks_off()
    _legend_below(figure, panels[0], columnspacing=1.2, handlelength=1.4)
    figure.subplots_adjust(left=0.17, right=0.97, top=0.94, bottom=0.22, hspace=0.22)
    return Figure(static=figure)


def accuracy_beside_cost(
    rows: Sequence[Mapping[str, Any]], *, yardsticks: Mapping[str, float]
) -> Figure:
    """Draw amplitude errors against the time of a step: one mark a family.

    Each row has family, length, seconds, and its seeds' errors; the mark is at their mean, and of
    several each has a small one. Dashed lines, named at their right ends, tell what the yardsticks
    score without any training. Errors do not start at zero.
    """
    lengths = sorted({row["length"] for row in rows})
    figure = canvas(height=170 + 300 * len(lengths))
    panels = np.atleast_1d(figure.subplots(len(lengths), 1, sharex=True, sharey=True))
    errors = [*(error for row in rows for error in row["errors"]), *yardsticks.values()]
    room = 0.18 * (max(errors) - min(errors))
    for axes, length in zip(panels, lengths, strict=True):
        for row in rows:
            if row["length"] == length:
                style = {**_style(row["family"]), "linestyle": "none"}
                x, found = row["seconds"] * 1000, row["errors"]
                axes.plot(x, np.mean(found), **style, markersize=12)
                if len(found) > 1:
                    axes.plot([x] * len(found), found, **{**style, "label": None}, markersize=5)
        for name, error in yardsticks.items():
            axes.axhline(error, color=MUTED, linestyle=DASHED, linewidth=1.5, zorder=0)
            axes.annotate(
                name,
                (1, error),
                xycoords=("axes fraction", "data"),
                xytext=(-4, 4 if error == max(yardsticks.values()) else -4),
                textcoords="offset points",
                ha="right",
                va="bottom" if error == max(yardsticks.values()) else "top",
                color=MUTED,
            )
        axes.set_title(f"{length:,} samples", loc="left")
        axes.set(ylabel="mean error", xscale="log", ylim=(min(errors) - room, max(errors) + room))
    ticks = [10, 20, 50, 100, 200, 500]
    low, high = (f(row["seconds"] * 1000 for row in rows) for f in (min, max))
    panels[-1].set_xlim(low / 1.25, high * 1.6)
    shown = [tick for tick in ticks if low / 1.25 <= tick <= high * 1.6]
    panels[-1].set_xticks(shown, [str(tick) for tick in shown])
    panels[-1].minorticks_off()
    panels[-1].set_xlabel("milliseconds a training step")
    _legend_below(figure, panels[0], columnspacing=0.8, handletextpad=0.2)
    figure.subplots_adjust(left=0.16, right=0.97, top=0.95, bottom=0.25, hspace=0.2)
    return Figure(static=figure)


def span_curve(distance: NDArray[np.float64], masks: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw soft masks over distance, each with its name: three at most, or ValueError is raised."""
    figure = canvas(height=280)
    axes = figure.subplots()
    for (name, mask), colour in with_looks(masks.items(), (BLUE, VERMILION, GREEN)):
        axes.plot(distance, mask, color=colour, label=name, linewidth=3)
    axes.set(xlabel="distance in tokens", ylabel="mask", yticks=[0, 0.5, 1])
    axes.legend(loc="upper right")
    figure.subplots_adjust(left=0.13, right=0.97, top=0.95, bottom=0.24)
    return Figure(static=figure)


def entmax_weights(weights: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw the weights of the same scores under several alphas as bars, side by side.

    Three alphas at most, or ValueError is raised.
    """
    figure = canvas(height=330)
    axes = figure.subplots()
    number = len(weights)
    colours = (FAMILY_COLOURS["block-sparse"], VERMILION, GREEN)
    for place, ((name, found), colour) in enumerate(with_looks(weights.items(), colours)):
        x = np.arange(len(found)) + (place - (number - 1) / 2) * 0.27
        axes.bar(x, found, width=0.25, color=colour, label=name)
    axes.set(xlabel="keys, by score", ylabel="weight", xticks=[])
    axes.legend(loc="upper right")
    figure.subplots_adjust(left=0.13, right=0.98, top=0.97, bottom=0.13)
    return Figure(static=figure)


def linformer_diagram() -> Figure:
    """Draw n keys summed up in k mixtures, and queries that look at the mixtures."""
    draw = Diagram(height=290)
    pattern = np.random.default_rng(0).random
    draw.text(40, 22, "E")
    draw.cells(4, 90, (13, 26), pattern((4, 12)), cmap="cividis")
    draw.text(84, 212, "k × n", colour=MUTED)
    draw.text(178, 142, "×")
    draw.cells(200, 40, (20, 16), pattern((12, 3)), cmap="viridis")
    draw.text(230, 22, "K")
    draw.text(230, 250, "n × d", colour=MUTED)
    draw.text(284, 142, "=")
    draw.cells(304, 90, (20, 26), pattern((4, 3)), cmap="viridis")
    draw.text(334, 72, "k keys")
    draw.text(334, 212, "k × d", colour=MUTED)
    draw.arrow((372, 142), (420, 142))
    draw.cells(430, 40, (26, 16), pattern((12, 4)), cmap="cividis")
    draw.text(482, 22, "weights")
    draw.text(482, 250, "n × k, not n × n", colour=MUTED)
    return draw.figure()


def performer_diagram() -> Figure:
    """Draw the two orders of three products, and the sizes between."""
    draw = Diagram(height=345)
    number = np.random.default_rng(1).random
    draw.text(4, 20, "softmax: queries meet keys first", align="left", colour=MUTED)
    draw.cells(4, 44, (20, 10), number((9, 2)))
    draw.text(60, 90, "×")
    draw.cells(74, 80, (10, 10), number((2, 9)))
    draw.arrow((176, 90), (222, 90))
    draw.cells(234, 44, (10, 10), number((9, 9)), cmap="cividis")
    draw.text(280, 152, "n × n", colour=MUTED)
    draw.text(342, 90, "×")
    draw.cells(358, 44, (20, 10), number((9, 2)))
    draw.text(378, 152, "V", colour=MUTED)
    draw.text(4, 196, "features: keys meet values first", align="left", colour=MUTED)
    draw.cells(4, 220, (10, 10), number((9, 4)))
    draw.text(24, 328, "φ(Q)", colour=MUTED)
    draw.text(143, 328, "φ(K)", colour=MUTED)
    draw.text(242, 328, "V", colour=MUTED)
    draw.text(62, 265, "×")
    draw.text(84, 265, "(", size=40)
    draw.cells(98, 246, (10, 10), number((4, 9)))
    draw.text(206, 265, "×")
    draw.cells(222, 220, (20, 10), number((9, 2)))
    draw.text(276, 265, ")", size=40)
    draw.arrow((296, 265), (340, 265))
    draw.cells(352, 246, (20, 10), number((4, 2)), cmap="cividis")
    draw.text(372, 308, "m × d", colour=MUTED)
    draw.text(500, 265, "does not\ngrow with n", colour=MUTED)
    return draw.figure()


def reformer_diagram(bucket: Sequence[int], *, chunk: int) -> Figure:
    """Draw tokens coloured by bucket, sorted into chunks of their own, and who looks at whom."""
    draw = Diagram(height=330)
    colours = (BLUE, VERMILION, GREEN, FAMILY_COLOURS["performer"])
    size, n = 34.0, len(bucket)
    left = (WIDTH - n * size) / 2
    draw.text(left, 22, "tokens, coloured by bucket", align="left", colour=MUTED)

    def token_box(token: int, x: float, y: float, side: float, letters: float) -> None:
        paint = colours[bucket[token]]
        word = str(token + 1)
        draw.box(x, y, side, side, word, fill=paint, edge=paint, radius=4, size=letters)

    for place in range(n):
        token_box(place, left + place * size, 42, size - 4, 17)
    seats: list[int | None] = []
    starts = []
    for b in sorted(set(bucket)):
        members = [place for place, other in enumerate(bucket) if other == b]
        for first in range(0, len(members), chunk):
            starts.append((len(seats), first > 0))
            part = members[first : first + chunk]
            seats += [*part, *[None] * (chunk - len(part))]
    size = min(34.0, (WIDTH - 8) / len(seats) - 0.5)
    left = (WIDTH - len(seats) * size) / 2
    y = 170
    for seat, token in enumerate(seats):
        if token is None:
            draw.box(
                left + seat * size,
                y,
                size - 4,
                size - 4,
                fill="none",
                edge=MUTED,
                radius=4,
                dashed=True,
            )
            continue
        token_box(token, left + seat * size, y, size - 4, min(17.0, size * 0.5))
    draw.text(left, y - 24, "sorted into chunks", align="left", colour=MUTED)
    draw.arrow((WIDTH / 2, 88), (WIDTH / 2, y - 40))
    for start, has_previous in starts:
        draw.outline(left + start * size - 2, y - 4, chunk * size, size + 4, colour=ACCENT, line=2)
        if has_previous:
            x = left + start * size
            draw.arrow(
                (x + size, y + size + 8),
                (x + size, y + size + 30),
                (x - size, y + size + 30),
                (x - size, y + size + 8),
                colour=ACCENT,
            )
    draw.text(
        WIDTH / 2, 288, "each chunk sees itself\nand the one before, same bucket", colour=MUTED
    )
    return draw.figure()


def _place(name: str) -> int:
    return list(FAMILY_COLOURS).index(name)


def _style(name: str) -> dict[str, Any]:
    return {
        "color": FAMILY_COLOURS[name],
        "marker": MARKERS[_place(name)],
        "label": NAMES[name],
        "linestyle": (0, (4, 2)) if name == "fused" else "-",
    }


def _time_above_memory(
    figure: MatplotlibFigure, families: Mapping[str, Sequence[Mapping[str, float]]]
) -> Axes:
    """Draw both costs of families over length, and return the upper axes."""
    time, memory = figure.subplots(2, 1, sharex=True)
    for name, rows in families.items():
        tokens = [row["tokens"] for row in rows]
        time.plot(tokens, [row["both_seconds"] for row in rows], **_style(name))
        memory.plot(tokens, [row["both_bytes"] / 1e6 for row in rows], **_style(name))
    _logarithmic(time, "seconds")
    _logarithmic(memory, "megabytes")
    memory.set_xscale("log", base=2)
    memory.set_xticks(LENGTHS, [f"{tokens:,}" for tokens in LENGTHS])
    memory.minorticks_off()
    memory.set_xlabel("tokens")
    return time


def _legend_below(figure: MatplotlibFigure, axes: Axes, **spacing: float) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3, **spacing)


def _logarithmic(axes: Axes, label: str) -> None:
    axes.set_yscale("log")
    axes.set_ylabel(label)
    axes.grid(axis="y", which="major")
