"""Pictures of caches: how they fill, what they save, and what each kind of attention keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from matplotlib.ticker import NullLocator

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure, canvas
from shapes_of_attention.palette import (
    ACCENT,
    BLUE,
    GREEN,
    LINE,
    MUTED,
    PANEL,
    ROSE,
    VERMILION,
)

__all__ = [
    "absorbed_form",
    "cost_against_length",
    "fill_and_append",
    "recall_over_training",
    "shared_keys",
    "standard_and_latent",
]

#: How each kind of attention is drawn: its colour and mark (matplotlib's, plotly's).
KIND_LOOKS = {
    "multi-head": (VERMILION, "o", "circle"),
    "grouped-query": (GREEN, "s", "square"),
    "multi-query": (BLUE, "^", "triangle-up"),
    "latent": (ROSE, "D", "diamond"),
}


def fill_and_append(prompt: Sequence[str], answer: Sequence[str]) -> Figure:
    """Draw the passes that write `answer` after `prompt`, without a cache and with one.

    A row is a pass, a column a token. Filled: worked out in this pass. Outlined: read from the
    cache. Below stands what the cache holds at last.
    """
    words = [*prompt, *answer]
    label, head, row = 66, 34, 40
    column = (WIDTH - label) / len(words)
    passes = len(answer)
    block = head + 30 + passes * row
    diagram = Diagram(height=round(2 * block + 66))
    for number, (title, cached) in enumerate((("Without a cache", False), ("With a cache", True))):
        top = number * (block + 20)
        diagram.text(0, top + head / 2, title, align="left", bold=True)
        for place, word in enumerate(words[:-1]):
            diagram.text(
                label + (place + 0.5) * column, top + head + 12, word, colour=MUTED, size=17
            )
        for step in range(passes):
            y = top + head + 30 + step * row
            diagram.text(0, y + 17, f"pass {step + 1}", align="left", colour=MUTED, size=17)
            read = len(prompt) + step
            for place in range(read):
                fresh = not cached or step == 0 or place == read - 1
                diagram.box(
                    label + place * column + 3,
                    y + 2,
                    column - 6,
                    row - 8,
                    fill=BLUE if fresh else "none",
                    edge=BLUE if fresh else MUTED,
                    dashed=not fresh,
                    radius=5,
                )
            diagram.text(label + (read + 0.5) * column, y + 17, words[read], size=17, colour=ACCENT)
    y = 2 * block + 44
    diagram.box(label, y - 12, 34, 24, fill=BLUE, edge=BLUE, radius=5)
    diagram.text(label + 44, y, "worked out now", align="left", size=17)
    diagram.box(label + 224, y - 12, 34, 24, fill="none", edge=MUTED, dashed=True, radius=5)
    diagram.text(label + 268, y, "read from the cache", align="left", size=17)
    return diagram.figure()


def cost_against_length(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the time of the next token against the tokens before it, with a cache and without.

    `rows` are those of the decoding benchmark: `length`, and `milliseconds` by name.
    """
    lines = {
        "ours, no cache": (VERMILION, "o", "-", "no cache, ours"),
        "theirs, no cache": (VERMILION, "s", ":", "no cache, transformers"),
        "theirs, DynamicCache": (BLUE, "s", ":", "cache, transformers"),
        "ours, cache": (BLUE, "o", "-", "cache, ours"),
    }
    figure = canvas(height=420)
    axes = figure.add_axes((0.13, 0.15, 0.85, 0.82))
    plot = go.Figure()
    lengths = [row["length"] for row in rows]
    for name, (colour, mark, dash, title) in lines.items():
        times = [row["milliseconds"][name] for row in rows]
        axes.plot(lengths, times, color=colour, marker=mark, linestyle=dash, label=title)
        plot.add_scatter(
            x=lengths,
            y=times,
            name=title,
            mode="lines+markers",
            line={"color": colour, "dash": "dot" if dash == ":" else "solid"},
            marker={"symbol": "circle" if mark == "o" else "square", "size": 9},
            hovertemplate="%{x} tokens: %{y:.1f} ms<extra>" + title + "</extra>",
        )
    ticks = [1, 3, 10, 30, 100]
    most = max(row["milliseconds"]["ours, no cache"] for row in rows)
    axes.set(xscale="log", yscale="log", ylim=(1, 2 * most))
    axes.set(xlabel="tokens so far", ylabel="ms for the next token")
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.legend(loc="upper left")
    plot.update_xaxes(type="log", title="tokens so far", tickvals=lengths)
    plot.update_yaxes(type="log", title="ms for the next token", tickvals=ticks)
    plot.update_layout(
        legend={"x": 0.01, "y": 0.99, "yanchor": "top"}, margin={"l": 58, "r": 8, "t": 8, "b": 52}
    )
    return Figure(static=figure, interactive=plot)


def shared_keys(*, heads: int = 8, groups: int = 2) -> Figure:
    """Draw what each kind of attention caches for one token, below the heads that ask."""
    diagram = Diagram(height=466)
    label, step = 186, (WIDTH - 186) / heads
    kinds = {
        "Multi-head": heads,
        "Grouped-query": groups,
        "Multi-query": 1,
        "Latent": 0,
    }
    for number, (name, kept) in enumerate(kinds.items()):
        top = number * 116 + 6
        diagram.text(0, top + 46, name, align="left", bold=True)
        for head in range(heads):
            centre = label + (head + 0.5) * step
            shared = max(kept, 1)
            width = heads / shared
            target = label + (head // width + 0.5) * width * step
            diagram.arrow((centre, top + 22), (target, top + 56), colour=LINE, head=False)
            diagram.box(centre - 11, top + 2, 22, 22, fill=PANEL, edge=MUTED, radius=11)
        for group in range(kept):
            centre = label + (group + 0.5) * step * heads / kept
            diagram.box(centre - 19, top + 54, 18, 34, fill=VERMILION, edge=VERMILION, radius=4)
            diagram.box(centre + 1, top + 54, 18, 34, fill=BLUE, edge=BLUE, radius=4)
        if not kept:
            centre = label + heads * step / 2
            diagram.box(centre - 44, top + 54, 60, 34, fill=GREEN, edge=GREEN, radius=4)
            diagram.box(centre + 20, top + 54, 22, 34, fill=VERMILION, edge=VERMILION, radius=4)
            diagram.text(centre - 56, top + 71, "latent", align="right", size=17, colour=MUTED)
            diagram.text(centre + 54, top + 71, "rotary key", align="left", size=17, colour=MUTED)
        elif number == 0:
            diagram.text(0, top + 76, "keys, values", align="left", size=17, colour=MUTED)
    return diagram.figure()


def standard_and_latent() -> Figure:
    """Draw one token's way to a head's key and value: standard on the left, latent on the right."""
    diagram = Diagram(height=470)
    for left, title in ((0, "Multi-head"), (310, "Latent")):
        diagram.text(left + 140, 16, title, bold=True)
        diagram.box(left + 80, 40, 120, 42, "token $x$")
    # Standard.
    for x, matrix, name, colour in (
        (10, "$W_K$", "keys", VERMILION),
        (150, "$W_V$", "values", BLUE),
    ):
        diagram.arrow((140, 82), (x + 60, 128))
        turned = ", turn" if name == "keys" else ""
        diagram.box(x, 130, 120, 42, matrix + turned)
        diagram.arrow((x + 60, 172), (x + 60, 214))
        for card in (16, 8, 0):
            word = "" if card else name
            diagram.box(x + card, 218 + card, 104, 46, word, fill=colour, edge=PANEL, radius=5)
    diagram.box(0, 206, 280, 84, fill="none", edge=ACCENT, dashed=True)
    diagram.text(140, 310, "cached, every head", colour=ACCENT)
    for x in (60, 200):
        diagram.arrow((x, 330), (x, 388))
    diagram.box(40, 390, 200, 46, "attention")
    # Latent.
    diagram.arrow((450, 82), (400, 128))
    diagram.arrow((450, 82), (540, 128))
    diagram.box(330, 130, 140, 42, "$W_{DKV}$, norm")
    diagram.box(480, 130, 120, 42, "$W_{KR}$, turn")
    diagram.arrow((400, 172), (400, 218))
    diagram.arrow((540, 172), (540, 218))
    diagram.box(350, 222, 100, 46, "latent $c$", fill=GREEN, edge=GREEN, radius=5)
    diagram.box(500, 222, 80, 46, "$k^R$", fill=VERMILION, edge=VERMILION, radius=5)
    diagram.box(330, 206, 270, 84, fill="none", edge=ACCENT, dashed=True)
    diagram.text(465, 310, "cached, one for all", colour=ACCENT)
    diagram.arrow((380, 330), (370, 344))
    diagram.arrow((420, 330), (450, 344))
    diagram.box(330, 346, 76, 40, "$W_{UK}$")
    diagram.box(412, 346, 76, 40, "$W_{UV}$")
    diagram.arrow((368, 386), (390, 408))
    diagram.arrow((450, 386), (440, 408))
    diagram.arrow((540, 330), (540, 408))
    diagram.box(350, 410, 250, 46, "attention")
    return diagram.figure()


def absorbed_form() -> Figure:
    """Draw a new token's query meeting a cached one: keys and values worked out, or never made."""
    diagram = Diagram(height=566)
    wide = 280
    for left, title, note in (
        (0, "Expanded", "for training"),
        (320, "Absorbed", "for decoding"),
    ):
        absorbed = left > 0
        diagram.text(left, 16, title, align="left", bold=True)
        diagram.text(left + wide, 16, note, align="right", colour=MUTED, size=17)
        # The query of the new token, and what the cache holds of an older one.
        diagram.text(left + 66, 50, "query", colour=MUTED, size=17)
        diagram.text(left + 214, 50, "cached", colour=ACCENT, size=17)
        diagram.box(left, 68, 70, 42, "$q^C$", edge=BLUE)
        diagram.box(left + 76, 68, 56, 42, "$q^R$", edge=VERMILION)
        diagram.box(left + 148, 62, 132, 54, fill="none", edge=ACCENT, dashed=True)
        diagram.box(left + 154, 68, 58, 42, "$c$", fill=GREEN, edge=GREEN)
        diagram.box(left + 218, 68, 56, 42, "$k^R$", fill=VERMILION, edge=VERMILION)
        diagram.arrow((left + 104, 110), (left + 104, 318))
        diagram.arrow((left + 246, 110), (left + 246, 318))
        if absorbed:
            diagram.arrow((left + 35, 110), (left + 35, 148))
            diagram.box(left, 150, 70, 42, "$W_{UK}^T$")
            diagram.arrow((left + 35, 192), (left + 35, 228))
            diagram.box(left, 230, 70, 42, "$\\tilde q$", edge=BLUE)
            diagram.arrow((left + 35, 272), (left + 35, 318))
            diagram.arrow((left + 183, 110), (left + 183, 318))
        else:
            diagram.arrow((left + 35, 110), (left + 35, 318))
            diagram.arrow((left + 183, 116), (left + 183, 148))
            for x, matrix, name in ((114, "$W_{UK}$", "$k^C$"), (178, "$W_{UV}$", "$v$")):
                diagram.box(left + x, 150, 58, 42, matrix)
                diagram.arrow((left + x + 29, 192), (left + x + 29, 228))
                diagram.box(left + x, 230, 58, 42, name)
            diagram.arrow((left + 143, 272), (left + 143, 318))
        scores = (
            "$\\tilde q\\cdot c + q^R\\cdot k^R$" if absorbed else "$q^C\\cdot k^C + q^R\\cdot k^R$"
        )
        diagram.box(left, 320, wide, 46, scores)
        diagram.arrow((left + 140, 366), (left + 140, 404))
        diagram.text(left + 152, 386, "softmax", colour=MUTED, align="left", size=17)
        diagram.box(left, 406, wide, 46, "mix latents $c$" if absorbed else "mix values $v$")
        if absorbed:
            diagram.arrow((left + 140, 452), (left + 140, 488))
            diagram.box(left + 60, 490, 160, 42, "$W_{UV}$")
            diagram.arrow((left + 140, 532), (left + 140, 562))
        else:
            diagram.arrow((left + 140, 452), (left + 140, 562))
    return diagram.figure()


def recall_over_training(models: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw, for each kind of attention, how recall grew in training: a line for each seed.

    `models`: name of the kind -> `curves`, for each seed a list of points with `step` and
    `validation_recall`.
    """
    figure = canvas(height=470)
    plot = go.Figure()
    last = max(c[-1]["step"] for found in models.values() for c in found["curves"])
    for place, (name, found) in enumerate(models.items()):
        row, column = divmod(place, 2)
        axes = figure.add_axes((0.11 + 0.46 * column, 0.57 - 0.455 * row, 0.41, 0.36))
        colour, mark, symbol = KIND_LOOKS[name]
        for seed, curve in enumerate(found["curves"]):
            steps = [0, *(point["step"] for point in curve)]
            recall = [0.0, *(100 * point["validation_recall"] for point in curve)]
            axes.plot(steps, recall, color=colour, marker=mark, markersize=5)
            plot.add_scatter(
                x=steps,
                y=recall,
                name=name,
                legendgroup=name,
                showlegend=seed == 0,
                mode="lines+markers",
                line={"color": colour},
                marker={"symbol": symbol, "size": 7},
                hovertemplate=f"{name}, seed {seed}<br>step %{{x}}: %{{y:.0f}} %<extra></extra>",
            )
        axes.set_title(name, loc="left")
        axes.set(xlim=(0, 1.04 * last), ylim=(0, 106))
        axes.set_xticks([0, last], ["0", f"{last:,}"] if row else ["", ""])
        axes.set_yticks([0, 50, 100], ["0", "50", "100 %"] if not column else ["", "", ""])
    figure.text(0.54, 0.005, "steps of training", color=MUTED, ha="center", va="bottom")
    plot.update_xaxes(title="steps of training")
    plot.update_yaxes(title="shapes recalled, %", range=[0, 104])
    plot.update_layout(
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        margin={"l": 62, "r": 8, "t": 60, "b": 52},
    )
    return Figure(static=figure, interactive=plot)
