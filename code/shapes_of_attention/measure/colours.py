"""How good a painted image is, in terms of the task: shapes present, in their group's colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.data.rules import same_group
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import foreground, interior_means

__all__ = [
    "REMOVED_BELOW",
    "ColourResult",
    "ColourScore",
    "colour_error",
    "company_error",
    "kind_means",
    "score_colours",
]

#: A filtered circle counts as removed when no channel of its mean colour reaches this level; every
#: colour in the data has a channel of at least 120.
REMOVED_BELOW = 32


def colour_error(painted: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average the absolute difference of two colours over the channels: [..., 3] -> [...].

    In levels 0-255. A shape's colour error is that of its mean painted colour over its interior
    (`interior_means`) from the mean colour of its group.
    """
    error: NDArray[np.float32] = np.abs(painted - wanted).mean(axis=-1)
    return error


def kind_means(batch: ShapesBatch) -> NDArray[np.float32]:
    """Give the mean colour of each kind in each image: [batch, kinds, 3], NaN where it has none."""
    means = np.full((len(batch), len(KINDS), 3), np.nan, dtype=np.float32)
    rows, slots = np.nonzero(batch.kept)
    means[rows, batch.kind[rows, slots]] = batch.group_mean[rows, slots]
    return means


@dataclass(frozen=True, kw_only=True)
class ColourResult:
    """How painted images differ from the true ones.

    Attributes
    ----------
    colour_error_median, colour_error_mean : of `colour_error` over kept shapes, levels 0-255.
    within_8, within_16 : share of the kept shapes whose error is at most so many levels.
    filtered_removed : share of the filtered circles that were removed (`REMOVED_BELOW`); None where
        nothing is to be removed, as without the filter.
    psnr : peak signal-to-noise ratio of whole images, dB, averaged over images.
    foreground_error, background_error : mean absolute difference over the pixels that a shape of
        the target touches, and over the others, levels 0-255, averaged over batches.
    kept_shapes, filtered_circles : how many there were.
    """

    colour_error_median: float
    colour_error_mean: float
    within_8: float
    within_16: float
    filtered_removed: float | None
    psnr: float
    foreground_error: float
    background_error: float
    kept_shapes: int
    filtered_circles: int

    def as_record(self) -> dict[str, Any]:
        """Write it down as records do."""
        return asdict(self)

    def as_curve(self) -> dict[str, float]:
        """Give what learning curves keep, in four digits; without what there is nothing of."""
        chosen = ("colour_error_median", "within_8", "filtered_removed", "psnr")
        found = {name: getattr(self, name) for name in chosen}
        return {name: round(value, 4) for name, value in found.items() if value is not None}


class ColourScore:
    """Collects, batch by batch, how the painted images differ from the true ones."""

    def __init__(self) -> None:
        self._errors: list[NDArray[np.float32]] = []
        self._removed: list[NDArray[np.bool_]] = []
        self._squared: list[NDArray[np.float32]] = []
        self._inside: list[float] = []
        self._outside: list[float] = []

    def add(self, batch: ShapesBatch, painted: NDArray[np.float32]) -> None:
        """Take in one batch; `painted` [batch, 3, size, size] in levels 0-255."""
        means = interior_means(painted, batch)
        self._errors.append(colour_error(means, batch.group_mean)[batch.kept])
        self._removed.append(means[batch.present & ~batch.kept].max(axis=-1) < REMOVED_BELOW)
        difference = painted - batch.target
        self._squared.append(np.square(difference).mean(axis=(1, 2, 3)))
        shown = foreground(batch)
        apart = np.abs(difference).mean(axis=1)
        self._inside.append(float(apart[shown].mean()))
        self._outside.append(float(apart[~shown].mean()))

    def result(self) -> ColourResult:
        """Summarise what was taken in.

        Raises
        ------
        ValueError
            If no batch was added.
        """
        if not self._errors:
            raise ValueError("no image was added, so there is no colour to judge")
        error = np.concatenate(self._errors)
        removed = np.concatenate(self._removed)
        noise = np.concatenate(self._squared)
        return ColourResult(
            colour_error_median=float(np.median(error)),
            colour_error_mean=float(error.mean()),
            within_8=float((error <= 8).mean()),
            within_16=float((error <= 16).mean()),
            filtered_removed=float(removed.mean()) if len(removed) else None,
            psnr=float(np.mean(10 * np.log10(255**2 / noise))),
            foreground_error=float(np.mean(self._inside)),
            background_error=float(np.mean(self._outside)),
            kept_shapes=len(error),
            filtered_circles=len(removed),
        )


def score_colours(model: nn.Module, batches: Iterable[ShapesBatch]) -> ColourResult:
    """Let a model paint some batches and judge the colours."""
    score = ColourScore()
    for batch in batches:
        score.add(batch, paint_levels(model, batch))
    return score.result()


def company_error(
    model: nn.Module, batches: Iterable[ShapesBatch]
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Measure the colour error of every shape that has company, the only ones that need a mean.

    Returns
    -------
    error : [shapes], levels 0-255.
    kind : [shapes], index into `KINDS`.
    """
    errors, kinds = [], []
    for batch in batches:
        means = interior_means(paint_levels(model, batch), batch)
        chosen = same_group(batch.kind, batch.kept).sum(axis=2) >= 2
        errors.append(colour_error(means, batch.group_mean)[chosen])
        kinds.append(batch.kind[chosen])
    return np.concatenate(errors), np.concatenate(kinds)
