"""Self- and cross-attention as diagrams, our encoder-decoder, and one query with its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure
from shapes_of_attention.figures.toolkit.pixels import Levels, Numbers, heat, patch_of, signed
from shapes_of_attention.models import EncoderDecoder, capture_outputs
from shapes_of_attention.models.positions import rotate
from shapes_of_attention.palette import ACCENT, GROUND, LINE, MUTED, WHITE

__all__ = ["Lookup", "encoder_decoder", "look_up", "mechanism", "self_and_cross"]


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
    if model.config.positions == "rotary":
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
    height = 776
    diagram = Diagram(height=height)
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
        diagram.arrow((x + wide / 2, 206), (x + wide / 2, 262))
    diagram.text(middle_left + 12, 232, f"{memory} × {config.dim}", colour=MUTED, align="left")
    diagram.text(middle_right + 12, 232, f"{tokens} × {config.dim}", colour=MUTED, align="left")

    # Layers in a frame, their number beside it.
    rows = {
        left: ("self-attention", config.encoder_layers),
        right: ("cross-attention", config.decoder_layers),
    }
    for x, (name, depth) in rows.items():
        crossed = x == right
        diagram.box(x, 266, wide, 196, fill="none", dashed=True)
        diagram.box(x + 14, 282, wide - 28, 52, name, edge=ACCENT if crossed else LINE)
        diagram.arrow((x + wide / 2, 334), (x + wide / 2, 364))
        diagram.box(x + 14, 368, wide - 28, 52, "feed-forward")
        diagram.text(x + wide - 14, 442, f"× {depth}", align="right")
        diagram.arrow((x + wide / 2, 420), (x + wide / 2, 496))

    # The memory goes back up into every decoder layer.
    diagram.box(left, 500, wide, 44, f"memory Z: {memory} × {config.dim}", edge=ACCENT)
    channel = (left + wide + right) / 2
    diagram.arrow(
        (left + wide, 522),
        (channel, 522),
        (channel, 308),
        (right + 12, 308),
        colour=ACCENT,
        width=3,
    )
    diagram.text(channel - 10, 400, "K, V", colour=ACCENT, rotation=90)
    diagram.text(middle_right - 12, 232, "Q", align="right")

    diagram.box(right, 500, wide, 44, "palette head")
    diagram.arrow((middle_right, 544), (middle_right, 592))
    size = 168
    diagram.picture(middle_right - size / 2, 596, size, size, painted)
    diagram.text(
        middle_right - size / 2 - 16,
        596 + size / 2,
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
        diagram.cells(left, upper + 24, step, matrix, edge="none")
        bright = values.min() + 0.6 * np.ptp(values)
        for (r, c), value in np.ndenumerate(matrix):
            written = str(round(float(value))).replace("-", "−")
            if number == 3 and written == "0":
                continue
            diagram.text(
                left + (c + 0.5) * step,
                upper + 24 + (r + 0.5) * step,
                written,
                colour=GROUND if value > bright else WHITE,
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
