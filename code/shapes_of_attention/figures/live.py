"""The live model on a page: where it begins, what its script needs, a picture for before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shapes_of_attention.data import ShapesBatch
from shapes_of_attention.figures.toolkit.draw import frame_patch, panel, show_image
from shapes_of_attention.figures.toolkit.figure import Figure, canvas
from shapes_of_attention.figures.toolkit.pixels import Levels, Numbers, dimmed, levels
from shapes_of_attention.figures.toolkit.view import View
from shapes_of_attention.palette import INK

__all__ = ["PARTS", "live_scene", "scene_text"]

WIDTH = 900
TITLE = 36
POINTS = 18  # as wide as this picture is, letters have nine pixels on a phone
LONG, LONG_POINTS = 16, 16  # names of more letters are smaller: they must end with their picture
GAP = 14
#: What can stand below the canvas: the chosen shape, the switch that lifts the clamps, painted
#: beside true colours, where the model looks, and what is changed in it.
PARTS = ("colour", "free", "colours", "look", "model")
_LETTERS = "corb"  # of the kinds, as in assets/theme/assets/live/state.js


def scene_text(batch: ShapesBatch, row: int, *changes: str) -> str:
    """Write the shapes of image `row` as they stand in an address, and what else is to be set.

    The grammar is that of assets/theme/assets/live/state.js: `p21` lets patch 21 ask, `ad1.3` shows
    head 3 of the first decoder layer's cross-attention, `v2` chooses shape 2, `k2` hides it.
    """
    parts = []
    for slot in np.flatnonzero(batch.present[row]):
        x0, y0, x1, y1 = (float(value) for value in batch.box[row, slot])
        numbers = (x0, y0, x1 - x0, y1 - y0, float(batch.stroke[row, slot]))
        colour = "".join(f"{round(float(level)):02x}" for level in batch.colour[row, slot])
        fields = [f"{number:.1f}".removesuffix(".0") for number in numbers]
        parts.append("_".join([_LETTERS[batch.kind[row, slot]] + fields[0], *fields[1:], colour]))
    return "*".join([*parts, *changes])


def live_scene(
    batch: ShapesBatch,
    row: int,
    *,
    painted: Numbers,
    attention: tuple[str, int, Numbers],
    changes: Sequence[str] = (),
    parts: Sequence[str] = PARTS,
    switches_first: bool = False,
    averages: Mapping[str, Mapping[str, Numbers]],
    titles: Mapping[str, str],
) -> View:
    """Begin at image `row` of a batch.

    Parameters
    ----------
    painted : [3, size, size], levels 0-255, what the model paints.
    attention : a head's name, the patch that asks, its weights [patches]; for the still picture.
    changes : what else is set, as in `scene_text`.
    parts : what stands below the canvas, of `PARTS`.
    switches_first : whether on a phone the pictures stand below the switches of shapes, not above:
        right where the reader comes to switch, and not where the canvas alone changes them.
    averages : model -> attention module -> [dim], what its heads give on average.
    titles : what to call each model.

    Raises
    ------
    ValueError
        For a part that there is not.
    """
    if unknown := set(parts) - set(PARTS):
        raise ValueError(f"no such part: {', '.join(sorted(unknown))}; there are {PARTS}")
    data: dict[str, Any] = {
        "scene": scene_text(batch, row, *changes),
        "parts": list(parts),
        "switchesFirst": switches_first,
        "models": [{"name": name, "title": title} for name, title in titles.items()],
        "averages": {
            model: {
                name: [float(f"{value:.5g}") for value in values]
                for name, values in modules.items()
            }
            for model, modules in averages.items()
        },
    }
    return View(
        static=_still(batch.image[row], batch.target[row], levels(painted), attention),
        view="lab",
        data=data,
        waits=True,
    )


def _still(
    image: Levels, target: Levels, painted: Levels, attention: tuple[str, int, Numbers]
) -> Figure:
    """Draw what the live view shows first: the drawing, large, and four pictures beside it.

    Their names are those of assets/theme/assets/live/lab.js.
    """
    side = (WIDTH - GAP) / 2 + TITLE
    small = (side - 2 * TITLE - GAP / 2) / 2
    figure = canvas(width=WIDTH, height=round(side))
    axes = panel(figure, 0, 0, side, side)
    show_image(axes, image)
    name, query, weights = attention
    frame_patch(axes, query, image.shape[-1])
    apart = np.minimum(4 * np.abs(painted.astype(int) - target), 255).astype(np.uint8)
    pictures = (
        ("Painted", painted),
        ("Target", target),
        (name, dimmed(image, weights)),
        ("Difference × 4", apart),
    )
    for place, (title, picture) in enumerate(pictures):
        down, across = divmod(place, 2)
        left = side + GAP + across * (small + GAP / 2)
        top = down * (TITLE + small + GAP / 2)
        middle = 1 - (top + TITLE / 2 - 2) / round(side)
        points = LONG_POINTS if len(title) > LONG else POINTS
        figure.text(left / WIDTH, middle, title, color=INK, fontsize=points, va="center_baseline")
        show_image(panel(figure, left, top + TITLE, small, small), picture)
    return Figure(static=figure)
