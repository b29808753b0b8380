"""How good a painted image is, in terms of the task: shapes present, in their group's colour."""

import numpy as np
from numpy.typing import NDArray

from shapes_of_attention.data import ShapesBatch
from shapes_of_attention.measure.regions import foreground, interior_means

__all__ = ["REMOVED_BELOW", "ColourScore"]

#: A filtered circle counts as removed when no channel of its mean colour reaches this level; every
#: colour in the data has a channel of at least 120.
REMOVED_BELOW = 32


class ColourScore:
    """Collects, batch by batch, how the painted images differ from the true ones.

    A shape's colour error is the absolute difference between the mean painted colour over its
    interior and the mean colour of its group, averaged over the three channels, in levels 0-255.
    """

    def __init__(self) -> None:
        self.errors: list[NDArray[np.float32]] = []
        self.kinds: list[NDArray[np.int8]] = []
        self.removed: list[NDArray[np.bool_]] = []
        self.squared: list[NDArray[np.float32]] = []
        self.inside: list[float] = []
        self.outside: list[float] = []

    def add(self, batch: ShapesBatch, painted: NDArray[np.float32]) -> None:
        """Take in one batch; `painted` [batch, 3, size, size] in levels."""
        means = interior_means(painted, batch)
        error = np.abs(means - batch.group_mean).mean(axis=-1)
        self.errors.append(error[batch.kept])
        self.kinds.append(batch.kind[batch.kept])
        self.removed.append(means[batch.present & ~batch.kept].max(axis=-1) < REMOVED_BELOW)
        difference = painted - batch.target
        self.squared.append(np.square(difference).mean(axis=(1, 2, 3)))
        shown = foreground(batch)
        apart = np.abs(difference).mean(axis=1)
        self.inside.append(float(apart[shown].mean()))
        self.outside.append(float(apart[~shown].mean()))

    def result(self) -> dict[str, float | None]:
        """Summarise what was taken in; None where there was nothing to judge by."""
        error = np.concatenate(self.errors)
        removed = np.concatenate(self.removed)
        noise = np.concatenate(self.squared)
        return {
            "colour_error_median": float(np.median(error)),
            "colour_error_mean": float(error.mean()),
            "within_8": float((error <= 8).mean()),
            "within_16": float((error <= 16).mean()),
            # Without the filter nothing is to be removed.
            "filtered_removed": float(removed.mean()) if len(removed) else None,
            "psnr": float(np.mean(10 * np.log10(255**2 / noise))),
            "foreground_error": float(np.mean(self.inside)),
            "background_error": float(np.mean(self.outside)),
            "kept_shapes": len(error),
            "filtered_circles": len(removed),
        }
