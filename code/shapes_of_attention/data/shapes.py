"""Images of coloured shapes and their targets: image `i` of seed `s` is always the same.

An image shows filled and hollow circles and rectangles on black, none touching another. Its target
shows them in the same places, each in the mean colour of its kind; filled circles without dominant
red are left out of both the mean and the target. Every parameter is returned, so that a model's
answer, and where it looks for it, can be checked against the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shapes_of_attention.data.counter_rng import uniform_draws
from shapes_of_attention.data.draws import between, checked_indices, pick
from shapes_of_attention.data.render import paint
from shapes_of_attention.data.rules import KINDS, group_means, kept_shapes

__all__ = ["ShapesBatch", "ShapesConfig", "make_shapes"]

# Draws a slot takes besides its candidate positions: kind, width, height, stroke, colour (4).
_DRAWS_PER_SLOT = 8


@dataclass(frozen=True, kw_only=True)
class ShapesConfig:
    """How images are drawn; lengths in pixels, colours in levels 0-255.

    Attributes
    ----------
    size : height and width of an image.
    slots : most shapes an image can hold.
    fewest : least number of shapes an image *tries* to hold; the try for a shape is given up
        after `candidates` random positions, but the first two are always placed.
    side : smallest and largest width or height of a shape; a circle's diameter.
    stroke : smallest and largest width of the line of a hollow shape.
    gap : least distance between two shapes' boxes, and between a box and the edge.
    strongest : smallest and largest level of a colour's strongest channel.
    dominance : least lead of the strongest channel over the two others, so that the red filter can
        be decided from pixels of 8 bits (a lead below one level would round away).
    red_share : how often the strongest channel is red; green and blue share the rest.
    red_filter : False keeps every filled circle.
    candidates : random positions tried for each shape.
    """

    size: int = 128
    slots: int = 8
    fewest: int = 5
    side: tuple[float, float] = (16.0, 40.0)
    stroke: tuple[float, float] = (3.0, 5.0)
    gap: float = 2.0
    strongest: tuple[float, float] = (120.0, 255.0)
    dominance: float = 12.0
    red_share: float = 0.5
    red_filter: bool = True
    candidates: int = 32

    def __post_init__(self) -> None:
        for name in ("side", "stroke", "strongest"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} must hold 0 < smallest <= largest, got {(low, high)}")
        if not 2 <= self.fewest <= self.slots:
            raise ValueError(
                f"2 <= fewest <= slots is needed, got fewest={self.fewest}, slots={self.slots}"
            )
        if self.gap < 2:
            raise ValueError(
                f"gap must be at least 2, so that no two shapes share a pixel, got {self.gap}"
            )
        room = 3 * self.side[1] + 4 * self.gap
        if self.size < room:
            raise ValueError(
                f"size {self.size} leaves no sure place for a second shape: "
                f"3 * largest side + 4 * gap = {room:g} pixels are needed"
            )
        if 2 * self.stroke[1] + 2 > self.side[0]:
            raise ValueError(
                f"stroke of {self.stroke[1]} would fill a hollow shape of {self.side[0]}; "
                "twice the stroke plus 2 must fit into the smallest side"
            )
        if self.strongest[1] > 255:
            raise ValueError(f"strongest must not exceed 255, got {self.strongest[1]}")
        if not 1 <= self.dominance <= self.strongest[0]:
            raise ValueError(
                f"dominance must be from 1 to {self.strongest[0]}, got {self.dominance}"
            )
        if not 0 <= self.red_share <= 1:
            raise ValueError(f"red_share must be from 0 to 1, got {self.red_share}")
        if self.candidates < 1:
            raise ValueError(f"candidates must be at least 1, got {self.candidates}")


@dataclass(frozen=True, kw_only=True)
class ShapesBatch:
    """Images, their targets, and the truth about every shape.

    Attributes
    ----------
    image, target : uint8 [batch, 3, size, size].
    present : bool [batch, slots], the slot holds a shape.
    kind : int8 [batch, slots], index into `KINDS`, -1 in empty slots.
    box : float32 [batch, slots, 4], x0, y0, x1, y1 in pixels; pixel i spans i to i + 1.
    stroke : float32 [batch, slots], width of a hollow shape's line in pixels, 0 for filled shapes.
    colour : float32 [batch, slots, 3], levels 0-255.
    kept : bool [batch, slots], the shape takes part in its group's mean.
    group_mean : float32 [batch, slots, 3], NaN where not kept.
    """

    image: NDArray[np.uint8]
    target: NDArray[np.uint8]
    present: NDArray[np.bool_]
    kind: NDArray[np.int8]
    box: NDArray[np.float32]
    stroke: NDArray[np.float32]
    colour: NDArray[np.float32]
    kept: NDArray[np.bool_]
    group_mean: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: Sequence[int] | NDArray[np.integer]) -> Self:
        """Return the images of these rows in this order; a row may come more than once."""
        wanted = np.asarray(rows, dtype=np.intp)
        return replace(
            self, **{each.name: getattr(self, each.name)[wanted] for each in fields(self)}
        )


def make_shapes(
    indices: Sequence[int] | NDArray[np.integer],
    seed: int = 0,
    config: ShapesConfig | None = None,
) -> ShapesBatch:
    """Draw the images with the given indices.

    Raises
    ------
    ValueError
        When indices are not a one-dimensional sequence of non-negative integers, or the seed is
        not from 0 to 2**63 - 1.
    """
    config = config or ShapesConfig()
    checked = checked_indices(indices, seed=seed)

    per_slot = _DRAWS_PER_SLOT + 2 * config.candidates
    draws = uniform_draws(checked, seed=seed, count=1 + config.slots * per_slot)
    wanted = config.fewest + pick(draws[:, 0], config.slots - config.fewest + 1)
    slot_draws = draws[:, 1:].reshape(len(checked), config.slots, per_slot)

    kind = pick(slot_draws[..., 0], len(KINDS)).astype(np.int8)
    extent = between(slot_draws[..., 1:3], config.side)  # [batch, slots, 2]: width, height
    circle = kind < 2
    extent[..., 1] = np.where(circle, extent[..., 0], extent[..., 1])
    stroke = between(slot_draws[..., 3], config.stroke)
    colour = _colours(slot_draws[..., 4:8], config)
    positions = slot_draws[..., _DRAWS_PER_SLOT:].reshape(
        len(checked), config.slots, config.candidates, 2
    )
    box, present = _place(extent, positions, wanted, config)

    kind = np.where(present, kind, np.int8(-1))
    stroke = np.where((kind == 1) | (kind == 3), stroke, np.float32(0))
    colour = np.where(present[..., None], colour, np.float32(0))
    kept = kept_shapes(kind, colour, red_filter=config.red_filter)
    group_mean = group_means(kind, colour, kept)
    image, target = paint(
        size=config.size,
        kind=kind,
        box=box,
        stroke=stroke,
        colours=(colour, np.where(kept[..., None], group_mean, np.float32(0))),
    )
    return ShapesBatch(
        image=image,
        target=target,
        present=present,
        kind=kind,
        box=box,
        stroke=stroke,
        colour=colour,
        kept=kept,
        group_mean=group_mean,
    )


def _colours(draw: NDArray[np.float32], config: ShapesConfig) -> NDArray[np.float32]:
    """Draw colours [..., 3] from uniforms [..., 4]: the leading channel, its level, the others."""
    top = between(draw[..., 1], config.strongest)
    rest = draw[..., 2:4] * (top - np.float32(config.dominance))[..., None]
    blue_from = config.red_share + (1 - config.red_share) / 2
    leads = (draw[..., 0] >= config.red_share).astype(np.int64) + (draw[..., 0] >= blue_from)
    # One order for each leading channel; `rest` fills the remaining two in turn.
    level = np.concatenate([top[..., None], rest], axis=-1)
    order = np.array([[0, 1, 2], [1, 0, 2], [1, 2, 0]])
    return np.take_along_axis(level, order[leads], axis=-1)


def _place(
    extent: NDArray[np.float32],
    positions: NDArray[np.float32],
    wanted: NDArray[np.int64],
    config: ShapesConfig,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Give each shape the first candidate position that is clear of those placed before it.

    Shapes: `extent` [batch, slots, 2], `positions` [batch, slots, candidates, 2] in [0, 1),
    `wanted` [batch] -> boxes [batch, slots, 4] and whether each slot is filled [batch, slots].
    """
    batch, slots, _ = extent.shape
    box = np.zeros((batch, slots, 4), dtype=np.float32)
    present = np.zeros((batch, slots), dtype=np.bool_)
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.float32)
    rows = np.arange(batch)
    gap = np.float32(config.gap)
    for slot in range(slots):
        tried = positions[:, slot]
        if slot == 1:
            # No shape blocks all four corners (the config sees to it): the second finds a place.
            tried = np.concatenate(
                [tried, np.broadcast_to(corners, (batch, *corners.shape))], axis=1
            )
        room = config.size - 2 * config.gap - extent[:, slot, None, :]
        low = gap + tried * room
        high = low + extent[:, slot, None, :]
        # Compare every candidate with every box that is there: [boxes, batch, candidates].
        left, top, right, bottom = np.moveaxis(box[:, :slot], (2, 1), (0, 1))[..., None]
        apart = low[..., 0] >= right + gap
        apart |= high[..., 0] + gap <= left
        apart |= low[..., 1] >= bottom + gap
        apart |= high[..., 1] + gap <= top
        apart |= ~present[:, :slot].T[..., None]
        clear = apart.all(axis=0)
        first = clear.argmax(axis=1)
        fits = clear[rows, first] & (slot < wanted)
        chosen = np.concatenate([low[rows, first], high[rows, first]], axis=1)
        box[:, slot] = np.where(fits[:, None], chosen, 0)
        present[:, slot] = fits
    return box, present
