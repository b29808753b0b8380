"""Self- and cross-attention as diagrams, our encoder-decoder, and one query with its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure
from shapes_of_attention.figures.toolkit.pixels import (
    Levels,
    Numbers,
    heat,
    levels,
    patch_of,
    signed,
)
from shapes_of_attention.models import EncoderDecoder, capture_outputs
from shapes_of_attention.models.positions import rotate
from shapes_of_attention.palette import ACCENT, LINE, MUTED, WHITE

__all__ = [
    "Lookup",
    "encoder_decoder",
    "look_up",
    "mechanism",
    "self_and_cross",
    "two_pictures",
]


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """Cross-attention of one query in one head of a trained model, step by step.

    Attributes
    ----------
    query : [head_dim], already turned by its position.
    keys, values : [keys, head_dim], the keys already turned by theirs.
    scores : [keys], before softmax.
    weights : [keys], after it.
    mix : [head_dim], the values weighted and added.
    """

    query: Numbers
    keys: Numbers
    values: Numbers
    scores: Numbers
    weights: Numbers
    mix: Numbers


def look_up(model: EncoderDecoder, image: Tensor, *, layer: int, head: int, query: int) -> Lookup:
    """Follow one query through a decoder layer's cross-attention.

    `image` float [1, 3, size, size]; `layer` and `head` count from 0; `query` is the patch that
    asks, in reading order. The parts are what the layer's projections gave, so the steps can be
    compared with the weights that the layer itself used.
    """
    module = f"decoder.{layer}.cross_attention"
    names = [f"{module}.{part}" for part in ("query", "key", "value")]
    with torch.no_grad(), capture_outputs(model, names) as found:
        model(image)
    heads = model.config.heads
    q, k, v = (rearrange(found[name], "1 n (h d) -> 1 h n d", h=heads) for name in names)
    if model.rotary is not None and model.memory_rotary is not None:
        q, k = rotate(q, model.rotary), rotate(k, model.memory_rotary)
    asked, keys, values = q[0, head, query], k[0, head], v[0, head]
    scores = keys @ asked / asked.shape[-1] ** 0.5
    weights = scores.softmax(dim=-1)
    return Lookup(
        query=asked.numpy(),
        keys=keys.numpy(),
        values=values.numpy(),
        scores=scores.numpy(),
        weights=weights.numpy(),
        mix=(weights @ values).numpy(),
    )


def self_and_cross() -> Figure:
    """Draw where queries, keys and values come from: one sequence, or two."""
    diagram = Diagram(height=330)
    for left, title, sources in (
        (0, "Self-attention", ("tokens X",)),
        (320, "Cross-attention", ("queries X", "memory Z")),
    ):
        width = 280
        diagram.text(left + width / 2, 14, title, bold=True)
        if len(sources) == 1:
            lanes = [left + 40, left + 140, left + 240]
            diagram.box(left, 44, width, 44, sources[0])
        else:
            lanes = [left + 56, left + 164, left + 240]
            diagram.box(left, 44, 112, 44, sources[0])
            diagram.box(left + 124, 44, width - 124, 44, sources[1], edge=ACCENT)
        for lane, name in zip(lanes, "QKV", strict=True):
            from_memory = len(sources) == 2 and name != "Q"
            diagram.arrow((lane, 88), (lane, 122), colour=ACCENT if from_memory else MUTED)
            diagram.box(lane - 24, 126, 48, 40, name, edge=ACCENT if from_memory else LINE)
            diagram.arrow((lane, 166), (lane, 200))
        diagram.box(left, 204, width, 44, "softmax(Q Kᵀ/√d) V")
        diagram.arrow((left + width / 2, 248), (left + width / 2, 284))
        diagram.text(left + width / 2, 304, "a row for each query", colour=MUTED)
    return diagram.figure()


def encoder_decoder(image: Levels, painted: Levels, model: EncoderDecoder) -> Figure:
    """Draw the blocks of an encoder-decoder between an image and what it paints, [3, size, size].

    Depths, numbers of tokens and widths are the model's own.
    """
    config = model.config
    tokens = model.grid**2
    memory = tokens * (3 if config.tokens == "channel" else 1)
    diagram = Diagram(height=914)
    wide, left, right = 262, 0, WIDTH - 262
    middle_left, middle_right = left + wide / 2, right + wide / 2

    # The image feeds both sides.
    size = 132
    diagram.picture(WIDTH / 2 - size / 2, 0, size, size, image)
    for x, edge in ((middle_left, WIDTH / 2 - size / 2), (middle_right, WIDTH / 2 + size / 2)):
        diagram.arrow((edge, size / 2), (x, size / 2), (x, 158))
    diagram.text(middle_left - 6, 30, "Encoder", bold=True)
    diagram.text(middle_right + 6, 30, "Decoder", bold=True)

    for x in (left, right):
        diagram.box(x, 162, wide, 44, "patch embedding")
        diagram.arrow((x + wide / 2, 206), (x + wide / 2, 254), head=False, width=3)
    for x, count in ((middle_left, memory), (middle_right, tokens)):
        diagram.text(x - 12, 230, "X", colour=MUTED, align="right")
        diagram.text(x + 12, 230, f"{count} × {config.dim}", colour=MUTED, align="left")

    # Layers in a frame, their number beside it. The stream of tokens runs down the outer side; each
    # part reads it through a norm and adds its result to it.
    turned = "\nQ, K turned by place" if config.positions == "rotary" else ""
    rows = {
        left: ("self-attention\nQ, K, V of X", config.encoder_layers),
        right: ("cross-attention\nQ of X, K, V of Z", config.decoder_layers),
    }
    top, part = 266, 190
    for x, (name, depth) in rows.items():
        crossed = x == right
        stream = x + wide - 26 if crossed else x + 26
        box = x + 12 if crossed else x + 50
        inner, edge = box if not crossed else box + 200, box + 200 if not crossed else box
        diagram.box(x, top, wide, 336, fill="none", dashed=True)
        diagram.arrow((x + wide / 2, top - 12), (stream, top - 12), (stream, 652), width=3)
        for y, text, high in ((top + 14, name + turned, 84), (top + part, "feed-forward", 44)):
            diagram.arrow((stream, y + 16), (inner, y + 16))
            diagram.box(box, y, 200, 32, "norm")
            diagram.arrow((box + 100, y + 32), (box + 100, y + 48), head=False)
            attention = high > 44
            colour = ACCENT if attention and crossed else LINE
            diagram.box(box, y + 48, 200, high, text, edge=colour, size=17)
            added = y + 48 + high + 22
            diagram.arrow((box + 100, y + 48 + high), (box + 100, added), (stream, added))
            diagram.box(stream - 13, added - 13, 26, 26, "+", radius=13)
        diagram.text(edge, top + 322, f"× {depth}", align="left" if crossed else "right")

    # The memory goes back up into every decoder layer.
    base = 656
    diagram.text(left + 46, base - 30, "norm", align="left", size=17)
    diagram.box(left, base, wide, 44, f"memory Z: {memory} × {config.dim}", edge=ACCENT)
    channel = (left + wide + right) / 2
    diagram.arrow(
        (left + wide, base + 22),
        (channel, base + 22),
        (channel, top + 104),
        (right + 10, top + 104),
        colour=ACCENT,
        width=3,
    )
    diagram.text(channel - 12, 510, "Z, for K and V", colour=ACCENT, rotation=90)

    diagram.box(right, base, wide, 44, "norm, palette head")
    diagram.arrow((middle_right, base + 44), (middle_right, base + 84))
    size = 168
    diagram.picture(middle_right - size / 2, base + 88, size, size, painted)
    diagram.text(
        middle_right - size / 2 - 16,
        base + 88 + size / 2,
        "one patch\nfor each query",
        colour=MUTED,
        align="right",
    )
    return diagram.figure()


def mechanism(
    image: Levels, painted: Levels, query: int, lookup: Lookup, *, top: int = 6
) -> Figure:
    """Draw one query's cross-attention in four steps, with its numbers.

    `image` and `painted` [3, size, size]; `query` is the patch that asks; the `top` keys with the
    most weight are drawn in the mix, the others as one row.
    """
    keys = len(lookup.weights)
    grid = int(np.sqrt(keys))
    order = np.argsort(lookup.weights)[::-1]
    chosen, rest = order[:top], order[top:]
    diagram = Diagram(height=1040 + 46 * (top - 6))

    # 1: the patch that asks, and its query.
    diagram.step(14, 1, "A patch asks")
    size = 272
    step = size / grid
    diagram.picture(0, 38, size, size, image)
    row, column = divmod(query, grid)
    diagram.outline(column * step, 38 + row * step, step, step, colour=WHITE)
    x = 328
    diagram.picture(x, 38, 96, 96, patch_of(image, query, grid))
    diagram.outline(x, 38, 96, 96)
    diagram.arrow((x + 48, 138), (x + 48, 186))
    scale = signed(lookup.query)
    diagram.text(x, 208, f"its query: {len(lookup.query)} numbers", align="left", colour=MUTED)
    diagram.picture(x, 226, WIDTH - x, 40, heat(lookup.query[None], scale))

    # 2 and 3: scores and weights, a cell for each patch.
    upper = 352
    shown = (
        (0.0, 2, "Score each key", lookup.scores),
        (WIDTH - size, 3, "Softmax, in %", 100 * lookup.weights),
    )
    for left, number, title, values in shown:
        diagram.step(upper, number, title, x=left)
        matrix = values.reshape(grid, grid)
        inks = diagram.cells(left, upper + 24, step, matrix, edge="none")
        for (r, c), value in np.ndenumerate(matrix):
            written = str(round(float(value))).replace("-", "−")
            if number == 3 and written == "0":
                continue
            diagram.text(
                left + (c + 0.5) * step,
                upper + 24 + (r + 0.5) * step,
                written,
                colour=str(inks[r, c]),
                size=17,
            )
        diagram.outline(
            left + column * step, upper + 24 + row * step, step, step, colour=WHITE, line=2.5
        )

    # 4: the mix.
    upper = 686
    diagram.step(upper, 4, "Mix the values by weight")
    upper += 26
    strip = 232
    scale = signed(lookup.values[chosen], lookup.mix)
    for place, cell in enumerate(chosen):
        y = upper + place * 46
        diagram.text(62, y + 19, f"{lookup.weights[cell]:.0%}", align="right")
        diagram.text(80, y + 19, "×", colour=MUTED)
        diagram.picture(96, y, 38, 38, patch_of(image, int(cell), grid))
        diagram.picture(148, y, strip - 20, 38, heat(lookup.values[cell][None], scale))
    y = upper + top * 46
    left_over = float(lookup.weights[rest].sum())
    diagram.text(62, y + 12, f"{left_over:.0%}", align="right")
    diagram.text(80, y + 12, "×", colour=MUTED)
    diagram.text(96, y + 12, f"{len(rest)} others", colour=MUTED, align="left")

    # What it becomes.
    middle = upper + (top * 46 - 8) / 2
    diagram.arrow((372, middle), (404, middle))
    diagram.text(416, middle - 46, f"the mix: {len(lookup.mix)} numbers", align="left", size=17)
    diagram.picture(412, middle - 20, WIDTH - 412, 40, heat(lookup.mix[None], scale))
    centre = (412 + WIDTH) / 2
    diagram.arrow((centre, middle + 26), (centre, middle + 62), dashed=True)
    diagram.picture(centre - 44, middle + 68, 88, 88, patch_of(painted, query, grid))
    diagram.outline(centre - 44, middle + 68, 88, 88)
    diagram.text(centre, middle + 174, "painted", colour=MUTED)
    return diagram.figure()


def two_pictures(asking: Levels, asked: Levels, painted: Numbers) -> Figure:
    """Draw pictures whose queries asked others: [rows, 3, size, size] each, one pair a row."""
    side, gap, head = 184, 24, 34
    diagram = Diagram(height=head + len(asking) * (side + 10) - 10)
    columns = (("asks", asking), ("is asked", asked), ("painted", levels(painted)))
    for column, (title, pictures) in enumerate(columns):
        left = column * (side + gap)
        diagram.text(left + side / 2, 14, title)
        for row, picture in enumerate(pictures):
            diagram.picture(left, head + row * (side + 10), side, side, picture)
    return diagram.figure()
