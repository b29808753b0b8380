"""Pictures of a mixture of experts: one token's way, the experts' load, what each of them takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from numpy.typing import NDArray

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.draw import panel, show_image, write
from shapes_of_attention.figures.toolkit.figure import DASHED, WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.pixels import Levels, Numbers, data_uri, over_pixels
from shapes_of_attention.figures.toolkit.view import View
from shapes_of_attention.models.experts import Routing
from shapes_of_attention.palette import (
    AMBER,
    BLUE,
    GREEN,
    INK,
    LINE,
    MUTED,
    ROSE,
    VERMILION,
    WHITE,
)

__all__ = [
    "error_curves",
    "expert_diet",
    "expert_gallery",
    "expert_maps",
    "layer_loads",
    "load_over_training",
    "one_token",
    "routing_steps",
]

TITLE = 32
#: Eight data colours that differ in lightness as well as in hue, on light and on dark.
EXPERT_COLOURS = (
    BLUE,
    AMBER,
    GREEN,
    ROSE,
    "#56b4e9",
    VERMILION,
    "#8c8c8c",
    "#b8a800",
)


def one_token(
    image: Levels,
    patch: int,
    probabilities: Numbers,
    chosen: Sequence[int],
    weights: Sequence[float],
    *,
    grid: int = 8,
) -> Figure:
    """Draw one patch's way: image, router, the experts with their probabilities, weighted sum.

    `image` [3, size, size]; `probabilities` [experts]; `chosen` and `weights` of the few experts
    that the patch visits.
    """
    experts = len(probabilities)
    row, top = 44, 42
    height = top + experts * row + 6
    middle = top + experts * row / 2 - 4
    drawing = Diagram(height=height)
    side, x_router, x_expert, wide = 136, 168, 306, 104
    drawing.text(side / 2, middle - side / 2 - 20, "one patch")
    drawing.text(x_expert + wide / 2, 16, "experts")
    drawing.picture(0, middle - side / 2, side, side, image)
    cell = side / grid
    line, column = divmod(patch, grid)
    spot = (column * cell, middle - side / 2 + line * cell)
    drawing.outline(*spot, cell, cell, colour=WHITE, line=3)
    drawing.box(x_router, middle - 34, 84, 68, "router")
    drawing.arrow((side + 4, middle), (x_router - 4, middle), colour=INK)
    x_sum = 548
    for expert, probability in enumerate(probabilities):
        y = top + expert * row + (row - 8) / 2
        taken = expert in chosen
        drawing.arrow(
            (x_router + 86, middle),
            (x_expert - 4, y),
            colour=INK if taken else LINE,
            head=taken,
            width=2 if taken else 1.5,
        )
        drawing.box(
            x_expert,
            y - (row - 8) / 2,
            wide,
            row - 8,
            f"{probability:.0%}",
            fill=EXPERT_COLOURS[expert] if taken else "none",
            edge=EXPERT_COLOURS[expert] if taken else LINE,
            colour=None if taken else MUTED,
            dashed=not taken,
        )
    for expert, weight in zip(chosen, weights, strict=True):
        y = top + expert * row + (row - 8) / 2
        start = x_expert + wide
        drawing.arrow((start + 2, y), (x_sum - 22, middle + np.sign(y - middle) * 8), colour=INK)
        drawing.text(start + 38, y + (-14 if y < middle else 14), f"× {weight:.2f}")
    drawing.box(x_sum - 20, middle - 20, 40, 40, "+", radius=20)
    drawing.arrow((x_sum + 22, middle), (WIDTH - 2, middle), colour=INK)
    return drawing.figure()


def routing_steps(
    image: Levels,
    patch: int,
    routing: Routing,
    bias: Numbers,
    *,
    grid: int = 8,
) -> View:
    """Let the reader pick a patch, and follow it step by step to its two experts.

    `image` [3, size, size]; `patch` is the one to begin with. `routing` holds one layer's choices
    for the patches of this image, in reading order; `bias` [experts] is what was added to the
    probabilities for the choice alone.
    """
    still = one_token(
        image,
        patch,
        routing.probabilities[patch].numpy(),
        routing.chosen[patch].tolist(),
        routing.weights[patch].tolist(),
        grid=grid,
    )
    data = {
        "image": data_uri(image),
        "grid": grid,
        "patch": patch,
        # Four digits of each: the weights are ratios of probabilities that may be small.
        "probabilities": [
            [float(f"{share:.4g}") for share in row] for row in routing.probabilities.tolist()
        ],
        "bias": [float(f"{number:.4g}") for number in bias],
        "chosen": routing.chosen.shape[-1],
        "colours": EXPERT_COLOURS,
    }
    return View(static=still, view="routing", data=data)


def layer_loads(loads: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Write how a batch's tokens are shared between experts: a table of cells for each balance.

    `loads` maps a title to layers, and a layer's name to the share of each expert, which add up to
    one. Numbers are per cent.
    """
    label, cell, gap = 128, 40, 20
    step = TITLE + gap
    rows = max(len(layers) for layers in loads.values())
    drawing = Diagram(height=round(len(loads) * (step + rows * cell) - gap))
    top = 0.0
    for title, layers in loads.items():
        table = np.array(list(layers.values()), dtype=float)
        drawing.text(0, top + TITLE / 2 - 2, title, align="left")
        for place, name in enumerate(layers):
            y = top + TITLE + (place + 0.5) * cell
            drawing.text(0, y, name, align="left", colour=MUTED)
        wide = (WIDTH - label) / table.shape[1]
        drawing.cells(
            label,
            top + TITLE,
            (wide, cell),
            100 * table,
            cmap="viridis",
            low=0,
            high=40,
            write=".0f",
        )
        top += step + rows * cell
    return drawing.figure()


def load_over_training(
    courses: Mapping[str, tuple[Sequence[float], NDArray[np.float64]]], *, most: float = 0.5
) -> Figure:
    """Draw each expert's share of the tokens over training, one panel for each balance.

    `courses` maps a title to images seen [points] and shares [points, experts].
    """
    height, left, gap = 128, 62, 12
    step = TITLE + height + gap
    figure = canvas(height=round(len(courses) * step + 46))
    for place, (title, (images, shares)) in enumerate(courses.items()):
        top = place * step
        write(figure, left, top + TITLE / 2, title, colour=INK)
        axes = panel(figure, left, top + TITLE, WIDTH - left - 6, height)
        last = -(-max(images) // 1000) * 1000
        axes.set(xlim=(0, last), ylim=(0, most))
        axes.yaxis.set_visible(True)
        axes.set_yticks([0, most / 2, most], ["0", f"{most / 2:.0%}", f"{most:.0%}"])
        axes.spines[["left", "bottom"]].set(visible=True, color=LINE)
        for expert in range(shares.shape[1]):
            axes.plot(
                images,
                shares[:, expert],
                color=EXPERT_COLOURS[expert % len(EXPERT_COLOURS)],
                linewidth=2,
                clip_on=True,
            )
        axes.axhline(1 / shares.shape[1], color=INK, linewidth=1, linestyle=DASHED)
        if place == len(courses) - 1:
            _along_images(axes, last)
    return Figure(static=figure)


def expert_maps(
    images: Sequence[Levels], maps: Sequence[NDArray[np.int64]], *, title: str
) -> Figure:
    """Lay each patch's first expert over its image, as a colour: images above, maps below.

    Each image is [3, size, size], each map [patches] of expert numbers.
    """
    columns, gap = len(images), 12
    side = (WIDTH - (columns - 1) * gap) / columns
    legend = 40
    figure = canvas(height=round(2 * side + gap + TITLE + legend))
    palette = np.round(255 * to_rgba_array(EXPERT_COLOURS)[:, :3]).astype(int)
    for place, (image, experts) in enumerate(zip(images, maps, strict=True)):
        left = place * (side + gap)
        show_image(panel(figure, left, 0, side, side), image)
        grid = round(len(experts) ** 0.5)
        colours = palette[experts].reshape(grid, grid, 3)
        tinted = over_pixels(colours, image.shape[-1]).transpose(2, 0, 1)
        light = image.max(axis=0, keepdims=True) / 255
        blended = (tinted * (0.45 + 0.55 * light)).astype(np.uint8)
        show_image(panel(figure, left, side + gap, side, side), blended)
    write(figure, 0, 2 * side + gap + TITLE / 2 + 4, title)
    width = WIDTH / len(EXPERT_COLOURS)
    for expert, colour in enumerate(EXPERT_COLOURS):
        top = 2 * side + gap + TITLE + 8
        axes = panel(figure, expert * width, top, 24, 24, background=colour)
        axes.set_xticks([])
        write(figure, expert * width + 32, top + 12, f"{expert + 1}", colour=INK)
    return Figure(static=figure)


def expert_gallery(patches: Sequence[Levels], loads: Sequence[float]) -> Figure:
    """Show patches that experts take: a row each, [patches, 3, patch, patch], with its share.

    An expert may have none: its row says so.
    """
    label, gap, across = 176, 6, max(len(found) for found in patches)
    side = (WIDTH - label - (across - 1) * 4) / across
    figure = canvas(height=round(len(patches) * (side + gap) - gap))
    for expert, (found, load) in enumerate(zip(patches, loads, strict=True)):
        top = expert * (side + gap)
        axes = panel(figure, 0, top + side / 2 - 12, 24, 24, background=EXPERT_COLOURS[expert])
        axes.set_xticks([])
        write(figure, 34, top + side / 2, f"{expert + 1}", colour=INK)
        write(figure, label - 18, top + side / 2, f"{load:.0%}", align="right")
        if not len(found):
            write(figure, label, top + side / 2, "first choice of no patch with a shape")
        for place, patch in enumerate(found):
            left = label + place * (side + 4)
            show_image(panel(figure, left, top, side, side), patch)
    return Figure(static=figure)


def expert_diet(shares: NDArray[np.float64], contents: Sequence[str]) -> Figure:
    """Write what each content's patches choose: `shares` [contents, experts], rows add up to one.

    Numbers are per cent.
    """
    label, cell, head = 176, 44, 34
    drawing = Diagram(height=head + len(contents) * cell)
    wide = (WIDTH - label) / shares.shape[1]
    for expert in range(shares.shape[1]):
        drawing.text(label + (expert + 0.5) * wide, head / 2 - 2, f"{expert + 1}", colour=MUTED)
    for place, name in enumerate(contents):
        drawing.text(0, head + (place + 0.5) * cell, name, align="left")
    drawing.cells(
        label, head, (wide, cell), 100 * shares, cmap="viridis", low=0, high=60, write=".0f"
    )
    return drawing.figure()


def error_curves(
    curves: Mapping[str, Sequence[tuple[Sequence[int], Sequence[float]]]],
) -> Figure:
    """Draw colour error over images, a thin line for each run; runs of one name share a colour.

    `curves` maps a name to its runs: images seen [points] and errors [points], in levels.
    """
    left, head, below = 52, 34, 52
    legend = 32 * len(curves)
    height = 270
    figure = canvas(height=head + height + below + legend)
    write(figure, 0, head / 2, "Median colour error, levels")
    axes = panel(figure, left, head, WIDTH - left - 8, height)
    last = max(max(images) for runs in curves.values() for images, _ in runs)
    axes.set(xlim=(0, last), yscale="log")
    axes.yaxis.set_visible(True)
    axes.spines[["left", "bottom"]].set(visible=True, color=LINE)
    values = np.concatenate([errors for runs in curves.values() for _, errors in runs])
    low, high = 0.92 * values.min(), 1.08 * values.max()
    axes.set_ylim(low, high)
    ticks = [t for t in (5, 10, 15, 20, 30, 40, 60, 80) if low <= t <= high]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    _along_images(axes, last)
    top = head + height + below
    for place, (name, runs) in enumerate(curves.items()):
        # By dashes as well as by colour.
        style: Any = {
            "color": (VERMILION, BLUE, GREEN)[place % 3],
            "linestyle": ("-", (0, (5, 2)), (0, (1.5, 1.5)))[place % 3],
            "linewidth": 2,
        }
        for images, errors in runs:
            axes.plot(images, errors, **style)
        y = top + (place + 0.5) * 32 - 4
        key = panel(figure, 0, y - 8, 42, 16)
        key.set(xlim=(0, 1), ylim=(0, 1))
        key.plot([0, 1], [0.5, 0.5], **style)
        write(figure, 54, y, name, colour=INK)
    return Figure(static=figure)


def _along_images(axes: Axes, last: float) -> None:
    """Say along the lower edge how many images were seen, up to `last`."""
    axes.xaxis.set_visible(True)
    axes.set_xticks([0, last / 2, last], ["0", f"{last / 2:,.0f}", f"{last:,.0f} images"])
    axes.xaxis.get_ticklabels()[-1].set_horizontalalignment("right")
