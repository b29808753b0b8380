"""Trained attention over images: matrices, maps for one patch, and the explorer of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.figures.toolkit.draw import frame_patch, panel, show_image, write
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.glyphs import rgb
from shapes_of_attention.figures.toolkit.pixels import Levels, Numbers, data_uri, dimmed
from shapes_of_attention.figures.toolkit.view import View, bits, packed
from shapes_of_attention.measure.ideal import Ideal, ideal_attention
from shapes_of_attention.palette import CHANNELS, INK, MUTED, ink_on
from shapes_of_attention.training.checkpoint import file_hash

__all__ = [
    "attention_by_channel",
    "attention_examples",
    "attention_explorer",
    "attention_map",
    "attention_matrices",
    "channel_shares",
    "checkpoint_hash",
    "matrix_beside_ideal",
]

GAP = 12
TITLE = 34

#: The weight that is drawn brightest in a matrix beside the ideal one.
FULL = 0.35

#: What readers call the attention modules of a model.
LAYERS = {
    "encoder.0.attention": "encoder 1",
    "encoder.1.attention": "encoder 2",
    "encoder.2.attention": "encoder 3",
    "decoder.0.self_attention": "decoder 1, self",
    "decoder.1.self_attention": "decoder 2, self",
    "decoder.2.self_attention": "decoder 3, self",
    "decoder.0.cross_attention": "decoder 1, cross",
    "decoder.1.cross_attention": "decoder 2, cross",
    "decoder.2.cross_attention": "decoder 3, cross",
}


def attention_matrices(rows: Sequence[tuple[str, Numbers]]) -> Figure:
    """Draw attention matrices [heads, query, key] in rows, each with its title, heads side by side.

    Colour grows with the square root of a weight, so that the weak ones show as well.
    """
    heads = rows[0][1].shape[0]
    side = (WIDTH - (heads - 1) * GAP) / heads
    step = TITLE + side + GAP
    figure = canvas(height=round(len(rows) * step - GAP))
    for number, (title, weights) in enumerate(rows):
        top = number * step
        write(figure, 0, top + TITLE / 2, title, colour=INK)
        for head, matrix in enumerate(weights):
            axes = panel(figure, head * (side + GAP), top + TITLE, side, side)
            _show_weights(axes, matrix, most=max(np.quantile(matrix, 0.995), 1e-6))
    return Figure(static=figure)


def matrix_beside_ideal(learned: Numbers, ideal: Ideal, order: NDArray[np.int64]) -> Figure:
    """Draw one head's matrix [query, key] beside the ideal one, both in the order of `order`.

    Ordered by shape, the patches of a kind lie side by side, and its attention becomes a block.
    """
    side = (WIDTH - GAP) / 2
    figure = canvas(height=round(TITLE + side))
    for place, (title, matrix) in enumerate((("Learned", learned), ("Ideal", ideal.weights))):
        left = place * (side + GAP)
        write(figure, left, TITLE / 2 - 2, title, colour=INK)
        shown = matrix[np.ix_(order, order)]
        axes = panel(figure, left, TITLE, side, side)
        _show_weights(axes, shown, most=FULL)
    return Figure(static=figure)


def _show_weights(axes: Axes, matrix: Numbers, *, most: float) -> None:
    """Colour weights by their square root, so that the weak ones show as well."""
    axes.imshow(
        matrix,
        norm=PowerNorm(0.5, vmin=0, vmax=most),
        cmap="viridis",
        interpolation="nearest",
        aspect="auto",
    )


def attention_map(
    image: Levels,
    query: int,
    maps: Sequence[tuple[str, Numbers]],
    *,
    columns: int = 3,
) -> Figure:
    """Lay one query's attention over the image: the image first, then a panel for each map.

    `image` [3, size, size]; each map is [patches]; `query` is the patch that asks, in the frame.
    """
    side = (WIDTH - (columns - 1) * GAP) / columns
    panels: list[tuple[str, Numbers | None]] = [("The patch that asks", None), *maps]
    rows = -(-len(panels) // columns)
    step = TITLE + side + GAP
    figure = canvas(height=round(rows * step - GAP))
    for place, (title, weights) in enumerate(panels):
        row, column = divmod(place, columns)
        left, top = column * (side + GAP), row * step
        write(figure, left, top + TITLE / 2 - 2, title, colour=INK)
        axes = panel(figure, left, top + TITLE, side, side)
        if weights is None:
            show_image(axes, image)
        else:
            show_image(axes, dimmed(image, weights))
        frame_patch(axes, query, image.shape[-1])
    return Figure(static=figure)


def attention_examples(
    examples: Sequence[tuple[Levels, int, Numbers, Numbers, int]],
) -> Figure:
    """Draw an image a row: the patch that asks, its attention, the ideal; before it, the head.

    Each example is an image [3, size, size], the patch, learned weights [patches], ideal weights
    [patches], and the head that the learned ones are of.
    """
    label, gap = 126, 12
    side = (WIDTH - label - 2 * gap) / 3
    step = side + GAP
    figure = canvas(height=round(TITLE + len(examples) * step - GAP))
    for column, title in enumerate(("Asks", "Learned", "Ideal")):
        write(figure, label + column * (side + gap), TITLE / 2 - 2, title, colour=INK)
    for row, (image, query, learned, ideal, head) in enumerate(examples):
        top = TITLE + row * step
        write(figure, 0, top + side / 2 - 13, f"Image {row}", colour=INK)
        write(figure, 0, top + side / 2 + 14, f"head {head + 1}", colour=MUTED)
        for column, picture in enumerate((image, dimmed(image, learned), dimmed(image, ideal))):
            axes = panel(figure, label + column * (side + gap), top, side, side)
            show_image(axes, picture)
            frame_patch(axes, query, image.shape[-1])
    return Figure(static=figure)


def attention_by_channel(image: Levels, asking: Sequence[tuple[str, int, Numbers]]) -> Figure:
    """Lay attention over the planes of red, green and blue, a row for each patch that asks.

    Each row is a title, the patch, and its weights [3, patches]. Colour is relative to the largest
    weight of the row.
    """
    side = (WIDTH - 2 * GAP) / 3
    step = 2 * TITLE + side + GAP
    figure = canvas(height=round(len(asking) * step - GAP))
    for row, (title, query, weights) in enumerate(asking):
        top = row * step
        write(figure, 0, top + TITLE / 2 - 2, title, colour=INK)
        for place, name in enumerate(CHANNELS):
            left = place * (side + GAP)
            share = f"{name} {weights[place].sum():.0%}"
            write(figure, left, top + 1.5 * TITLE - 2, share, colour=MUTED)
            plane = np.repeat(image[place : place + 1], 3, axis=0)
            axes = panel(figure, left, top + 2 * TITLE, side, side)
            show_image(axes, dimmed(plane, weights[place], most=float(weights.max())))
            frame_patch(axes, query, image.shape[-1])
    return Figure(static=figure)


def channel_shares(shares: Mapping[str, Numbers]) -> Figure:
    """Draw how attention is shared between red, green and blue: a bar of three parts for each row.

    `shares` maps a row's name to [3], parts that add up to the row's whole mass.
    """
    height, gap, label = 44, 18, 30
    figure = canvas(height=len(shares) * (label + height + gap) - gap)
    for row, (name, parts) in enumerate(shares.items()):
        top = row * (label + height + gap)
        write(figure, 0, top + label / 2 - 2, name, colour=INK)
        axes = panel(figure, 0, top + label, WIDTH, height)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        left = 0.0
        for part, (channel, colour) in zip(parts, CHANNELS.items(), strict=True):
            axes.add_patch(Rectangle((left, 0), float(part), 1, facecolor=colour))
            if part > 0.12:
                axes.text(
                    left + float(part) / 2,
                    0.5,
                    f"{channel} {part:.0%}",
                    color=ink_on(colour),
                    ha="center",
                    va="center_baseline",
                )
            left += float(part)
        axes.add_patch(Rectangle((0, 0), 1, 1, facecolor="none", edgecolor=MUTED, linewidth=0.75))
    return Figure(static=figure)


def attention_explorer(
    batch: ShapesBatch,
    models: Mapping[str, Mapping[str, Numbers]],
    *,
    titles: Mapping[str, str],
    checkpoints: Mapping[str, str],
    start: tuple[int, str, str, int, int],
) -> View:
    """Build the explorer over the images of a batch.

    Parameters
    ----------
    models : name of a model -> attention module -> weights [batch, heads, query, key]. Models with
        a token a channel have three times as many keys: red's, then green's, then blue's.
    titles : what to call each model.
    checkpoints : the hash of each model's file.
    start : image, model, module, head and patch to begin with.
    """
    files: dict[str, Any] = {}
    grid = round(models[start[1]][start[2]].shape[2] ** 0.5)
    patch = batch.image.shape[-1] // grid
    truths = [ideal_attention(batch, row, patch=patch) for row in range(len(batch))]
    for name, modules in models.items():
        for row in range(len(batch)):
            files[f"{name}-{row}"] = {
                module: packed(weights[row]) for module, weights in modules.items()
            }
    data = {
        "grid": grid,
        "full": FULL,
        "channels": list(CHANNELS),
        "examples": [example(batch, row, truths[row]) for row in range(len(batch))],
        "models": [
            {
                "name": name,
                "title": titles[name],
                "checkpoint": checkpoints[name],
                "layers": [
                    {
                        "name": module,
                        "title": LAYERS[module],
                        "heads": weights.shape[1],
                        "queries": weights.shape[2],
                        "keys": weights.shape[3],
                    }
                    for module, weights in modules.items()
                ],
            }
            for name, modules in models.items()
        ],
        "start": dict(zip(("example", "model", "layer", "head", "patch"), start, strict=True)),
    }
    row, name, module, head, query = start
    static = attention_map(
        batch.image[row],
        query,
        [
            ("Learned", models[name][module][row, head, query]),
            ("Ideal", truths[row].weights[query]),
        ],
    )
    return View(static=static, view="attention-explorer", data=data, files=files)


def example(batch: ShapesBatch, row: int, truth: Ideal) -> dict[str, Any]:
    """Describe an image for the explorer: its pixels, its shapes, the truth about its patches."""
    slots = np.flatnonzero(batch.present[row])
    number = {int(slot): place for place, slot in enumerate(slots)}
    return {
        "image": data_uri(batch.image[row]),
        "shapes": [
            {
                "kind": KINDS[batch.kind[row, slot]],
                "colour": rgb(batch.colour[row, slot]),
                "kept": bool(batch.kept[row, slot]),
            }
            for slot in slots
        ],
        "owner": [number.get(int(slot), -1) for slot in truth.owner],
        "ideal": packed(truth.weights),
        "group": bits(truth.group),
        "others": bits(truth.others),
    }


def checkpoint_hash(path: Path) -> str:
    """Give the first digits of a checkpoint's sha256."""
    return file_hash(path)[:12]
