"""Where shapes are, in pixels and patches, to compare a painted image with the truth."""

import numpy as np
from numpy.typing import NDArray

from shapes_of_attention.data.render import shape_coverage
from shapes_of_attention.data.shapes import ShapesBatch

__all__ = ["foreground", "interior_means", "patch_cover"]

# Pixels that a shape covers by less than this are its edge, not its interior.
_WHOLE = 0.999


def interior_means(image: NDArray[np.floating], batch: ShapesBatch) -> NDArray[np.float32]:
    """Average an image's colour over the interior of each shape of the batch.

    `image` [batch, 3, size, size] -> [batch, slots, 3], NaN in empty slots.
    """
    means = np.full((*batch.kind.shape, 3), np.nan, dtype=np.float32)
    for rows, slot, corner, cover in _windows(batch):
        window = cover.shape[-1]
        views = np.lib.stride_tricks.sliding_window_view(image, (window, window), axis=(2, 3))
        pixels = views[rows, :, corner[:, 1], corner[:, 0]]  # [shapes, 3, window, window]
        inside = (cover >= _WHOLE).astype(np.float32)
        total = np.einsum("ncyx,nyx->nc", pixels, inside)
        means[rows, slot] = total / inside.sum(axis=(1, 2))[:, None]
    return means


def foreground(batch: ShapesBatch) -> NDArray[np.bool_]:
    """Tell which pixels any shape of the *target* touches: [batch, size, size]."""
    return batch.target.max(axis=1) > 0


def patch_cover(batch: ShapesBatch, patch: int) -> NDArray[np.float32]:
    """Count the pixels that each shape covers in each patch.

    -> [batch, slots, patches], patches in reading order.

    Raises
    ------
    ValueError
        If patches do not divide the images.
    """
    size = batch.image.shape[-1]
    if patch < 1 or size % patch:
        raise ValueError(f"patches of {patch} pixels do not divide an image of {size} pixels")
    grid = size // patch
    covers = np.zeros((*batch.kind.shape, grid, grid), dtype=np.float32)
    whole = np.zeros((len(batch), size, size), dtype=np.float32)
    for rows, slot, corner, cover in _windows(batch):
        whole[:] = 0
        window = cover.shape[-1]
        views = np.lib.stride_tricks.sliding_window_view(
            whole, (window, window), axis=(1, 2), writeable=True
        )
        views[rows, corner[:, 1], corner[:, 0]] = cover
        covers[:, slot] = whole.reshape(-1, grid, patch, grid, patch).sum(axis=(2, 4))
    return covers.reshape(*batch.kind.shape, grid * grid)


def _windows(
    batch: ShapesBatch,
) -> list[tuple[NDArray[np.int64], int, NDArray[np.int64], NDArray[np.float32]]]:
    """List for each slot: images that fill it, the slot, corner (x, y) and cover of each window."""
    size = batch.image.shape[-1]
    sides = batch.box[..., 2:] - batch.box[..., :2]
    window = min(size, int(np.ceil(sides.max(initial=1))) + 2)
    found = []
    for slot in range(batch.kind.shape[1]):
        (rows,) = np.nonzero(batch.present[:, slot])
        if len(rows) == 0:
            continue
        box = batch.box[rows, slot]
        corner = np.minimum(np.floor(box[:, :2]).astype(np.int64), size - window)
        cover = shape_coverage(
            kind=batch.kind[rows, slot],
            box=box,
            stroke=batch.stroke[rows, slot],
            corner=corner,
            window=window,
        )
        found.append((rows, slot, corner, cover))
    return found
