"""What a model gets wrong, shape by shape, and whose colour is in a shape that is painted wrongly.

Errors can tell where they come from. A colour that lies between the mean of a shape's own group and
that of another has let the other kind in; and a patch that holds two kinds has one query for both.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from torch import nn

from shapes_of_attention.data import KINDS, ShapesConfig
from shapes_of_attention.measure.colours import colour_error, kind_means
from shapes_of_attention.measure.painting import batches, paint_levels
from shapes_of_attention.measure.regions import interior_means, patch_cover

__all__ = ["Leaks", "PaintedShapes", "find_leaks", "paint_shapes"]


@dataclass(frozen=True, kw_only=True)
class PaintedShapes:
    """Every kept shape of a set of images, as a model painted it; colours are levels 0-255.

    Attributes
    ----------
    image : int64 [shapes], index of its image.
    kind : int8 [shapes].
    company : int64 [shapes], members of its group, itself included.
    colour : float32 [shapes, 3], in the input.
    painted : float32 [shapes, 3], mean painted colour over its interior.
    crowded : float32 [shapes], share of its pixels in patches that a kept shape of another kind
        touches too.
    means : float32 [shapes, kinds, 3], what each group of the image should be painted in; NaN where
        the image has no kept shape of the kind.
    """

    image: NDArray[np.int64]
    kind: NDArray[np.int8]
    company: NDArray[np.int64]
    colour: NDArray[np.float32]
    painted: NDArray[np.float32]
    crowded: NDArray[np.float32]
    means: NDArray[np.float32]

    @property
    def wanted(self) -> NDArray[np.float32]:
        """Mean colour of each shape's own group: [shapes, 3]."""
        return self.means[np.arange(len(self.kind)), self.kind]

    @property
    def error(self) -> NDArray[np.float32]:
        """Colour error of each shape: [shapes]."""
        return colour_error(self.painted, self.wanted)


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """The foreign kind that explains each shape's error best, if any kind does.

    Attributes
    ----------
    kind : int8 [shapes], -1 where the error points towards no other kind of the image.
    share : float32 [shapes], how far the colour has moved from its own mean to that kind's.
    rest : float32 [shapes], length of what that leaves unexplained, as a share of the error's.
    """

    kind: NDArray[np.int8]
    share: NDArray[np.float32]
    rest: NDArray[np.float32]


def paint_shapes(model: nn.Module, *, images: int, seed: int, patch: int = 16) -> PaintedShapes:
    """Let a model paint the first `images` images of a seed, and collect the kept shapes.

    `patch` is the side, in pixels, of the patches that may be `crowded`.
    """
    parts: dict[str, list[NDArray[np.generic]]] = {each.name: [] for each in fields(PaintedShapes)}
    start = 0
    for batch in batches(images=images, seed=seed, config=ShapesConfig()):
        painted = interior_means(paint_levels(model, batch), batch)
        belongs = batch.kept[:, None] & (batch.kind[:, None] == np.arange(len(KINDS))[:, None])
        members = belongs.sum(axis=-1)  # [images, kinds]
        row, slot = np.nonzero(batch.kept)
        kind = batch.kind[row, slot]
        cover = patch_cover(batch, patch)  # [images, slots, patches]
        touched = belongs.astype(np.float32) @ (cover >= 1) > 0  # [images, kinds, patches]
        foreign = touched[row] & (np.arange(len(KINDS)) != kind[:, None])[..., None]
        pixels = cover[row, slot]  # [shapes, patches]
        crowded = (pixels * foreign.any(axis=1)).sum(axis=1) / pixels.sum(axis=1)
        parts["image"].append(row + start)
        parts["kind"].append(kind)
        parts["company"].append(members[row, kind])
        parts["colour"].append(batch.colour[row, slot])
        parts["painted"].append(painted[row, slot])
        parts["crowded"].append(crowded.astype(np.float32))
        parts["means"].append(kind_means(batch)[row])
        start += len(batch)
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return PaintedShapes(**joined)


def find_leaks(shapes: PaintedShapes) -> Leaks:
    """Project each shape's error on the ways from its own group's mean to those of the others."""
    wrong = shapes.painted - shapes.wanted  # [shapes, 3]
    ways = shapes.means - shapes.wanted[:, None]  # [shapes, kinds, 3]
    ways[np.arange(len(ways)), shapes.kind] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.einsum("nc,nkc->nk", wrong, ways) / np.square(ways).sum(axis=-1)
        left = np.linalg.norm(wrong[:, None] - share[..., None] * ways, axis=-1)
        rest = left / np.linalg.norm(wrong, axis=-1)[:, None]
    rest = np.where(share > 0, rest, np.inf)  # away from a kind is not towards it; NaN neither
    best = rest.argmin(axis=1)
    rows = np.arange(len(rest))
    found = np.isfinite(rest[rows, best])
    return Leaks(
        kind=np.where(found, best, -1).astype(np.int8),
        share=np.where(found, share[rows, best], 0).astype(np.float32),
        rest=np.where(found, rest[rows, best], 1).astype(np.float32),
    )
