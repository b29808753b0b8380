"""Turn a circle's red up and down, and see at which level a model drops it from the average.

The rule: a filled circle counts where its red exceeds both green and blue. The true threshold is
the larger of the two, so levels of red are given here as a *lead* over it: below 0 the circle is
out, above 0 it is in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from shapes_of_attention.data import ShapesBatch, group_means, kept_shapes
from shapes_of_attention.data.render import paint
from shapes_of_attention.data.rules import FILLED_CIRCLE
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import interior_means

__all__ = [
    "Circle",
    "Ladder",
    "climb",
    "crossing",
    "find_circles",
    "recoloured",
    "vote",
    "with_red",
]

Floats = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Circle:
    """A filled circle of a batch: its image and its slot."""

    row: int
    slot: int


def find_circles(batch: ShapesBatch) -> list[Circle]:
    """Find, in each image, the first filled circle that has company whatever becomes of its red.

    Company is another filled circle that is kept: it stays in the target and shows the group's
    colour with and without the one whose red is turned. Images without such a pair are left out.
    """
    filled = (batch.kind == FILLED_CIRCLE) & batch.present
    found = []
    for row in range(len(batch)):
        for slot in np.flatnonzero(filled[row]):
            others = filled[row] & batch.kept[row]
            others[slot] = False
            if others.any():
                found.append(Circle(row=row, slot=int(slot)))
                break
    return found


def recoloured(batch: ShapesBatch, colour: Floats, *, red_filter: bool = True) -> ShapesBatch:
    """Draw the shapes of a batch in other colours: [batch, slots, 3], levels 0-255.

    Both rules are applied anew, so kept shapes, means and targets fit the new colours.
    """
    colour = np.where(batch.present[..., None], colour, 0).astype(np.float32)
    kept = kept_shapes(batch.kind, colour, red_filter=red_filter)
    mean = group_means(batch.kind, colour, kept)
    image, target = paint(
        size=batch.image.shape[-1],
        kind=batch.kind,
        box=batch.box,
        stroke=batch.stroke,
        colours=(colour, np.where(kept[..., None], mean, np.float32(0))),
    )
    return replace(batch, image=image, target=target, colour=colour, kept=kept, group_mean=mean)


def with_red(
    batch: ShapesBatch, circle: Circle, red: Floats, *, red_filter: bool = True
) -> ShapesBatch:
    """Draw the image of one circle again for each level of its red: `red` [levels] -> a batch."""
    copies = batch.take([circle.row] * len(red))
    colour = copies.colour.copy()
    colour[:, circle.slot, 0] = red
    return recoloured(copies, colour, red_filter=red_filter)


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """What a model paints as one circle's red climbs.

    Attributes
    ----------
    red : [levels], the circle's red.
    lead : [levels], red less the larger of green and blue.
    own : [levels, 3], painted on the circle itself; black once it is left out.
    group : [levels, 3], painted on the first other kept filled circle.
    true_group : [levels, 3], the true mean there.
    mean_out, mean_in : [levels, 3], the group's mean without the circle, and with it.
    painted : [levels, 3, size, size], whole paintings, levels 0-255.
    drawn : the images that were painted, with their truth.
    """

    red: Floats
    lead: Floats
    own: Floats
    group: Floats
    true_group: Floats
    mean_out: Floats
    mean_in: Floats
    painted: Floats
    drawn: ShapesBatch


def climb(
    model: nn.Module,
    batch: ShapesBatch,
    circle: Circle,
    red: Floats,
    *,
    red_filter: bool = True,
) -> Ladder:
    """Let a model paint the image of a circle at each level of its red: `red` [levels].

    `red_filter` says by which rule the truth is told: without it all filled circles count.
    """
    drawn = with_red(batch, circle, red, red_filter=red_filter)
    painted = paint_levels(model, drawn)
    means = interior_means(painted, drawn)  # [levels, slots, 3]
    filled = (drawn.kind[0] == FILLED_CIRCLE) & drawn.kept[0]
    filled[circle.slot] = False
    witness = int(np.flatnonzero(filled)[0])
    others = batch.colour[circle.row, filled]  # [others, 3]
    mean_out = np.broadcast_to(others.mean(axis=0), (len(red), 3))
    count = len(others)
    rival = batch.colour[circle.row, circle.slot, 1:].max()
    return Ladder(
        red=red,
        lead=red - rival,
        own=means[:, circle.slot],
        group=means[:, witness],
        true_group=drawn.group_mean[:, witness],
        mean_out=mean_out,
        mean_in=(mean_out * count + drawn.colour[:, circle.slot]) / (count + 1),
        painted=painted,
        drawn=drawn,
    )


def vote(ladder: Ladder) -> Floats:
    """Tell how much of the circle's vote the group's colour shows: [levels], 0 none, 1 all.

    The painted change away from the mean without the circle, along the line to the mean with it.
    """
    way = ladder.mean_in - ladder.mean_out
    moved = ladder.group - ladder.mean_out
    part: Floats = (moved * way).sum(axis=1) / (way * way).sum(axis=1)
    return part


def crossing(x: Floats, y: Floats, level: float) -> float:
    """Find where a curve last rises through `level`: x [points], ascending, and y [points].

    Between points the curve is taken as straight. NaN where it never lies below the level, or does
    so at its end.
    """
    below = np.flatnonzero(y < level)
    if len(below) == 0 or below[-1] == len(y) - 1:
        return float("nan")
    left = below[-1]
    part = (level - y[left]) / (y[left + 1] - y[left])
    return float(x[left] + part * (x[left + 1] - x[left]))
