"""Hide one shape and see whether the others' colour follows: the strongest evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.data.rules import same_group
from shapes_of_attention.measure.ideal import KEY_PIXELS
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import interior_means, patch_cover
from shapes_of_attention.models import EncoderDecoder

__all__ = ["Changes", "Intervention", "InterventionResult", "change_without", "choose_one"]


def choose_one(fit: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose a shape that is `fit` [batch, slots] in each image that has one: its image, its slot.

    The slot at which the search begins walks on from image to image, so that none is preferred.
    """
    rows = np.flatnonzero(fit.any(axis=1))
    slots = fit.shape[1]
    order = (np.arange(slots)[None, :] + rows[:, None]) % slots
    able = np.take_along_axis(fit[rows], order, axis=1)
    return rows, np.take_along_axis(order, able.argmax(axis=1)[:, None], axis=1)[:, 0]


def change_without(
    batch: ShapesBatch,
    image: NDArray[np.int64],
    slot: NDArray[np.int64],
    *,
    gone: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Work out how the true mean of shapes changes if another one of their group has no vote.

    `image`, `slot` and the other's slot, `gone`, are [shapes] -> [shapes, 3].
    """
    count = same_group(batch.kind, batch.kept)[image, slot].sum(axis=1)[:, None]
    mean = batch.group_mean[image, slot]
    without: NDArray[np.float32] = (mean * count - batch.colour[image, gone]) / (count - 1)
    return without - mean


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What became of every shape whose group lost a member; colours are levels 0-255.

    Attributes
    ----------
    expected : float32 [shapes, 3], change of the true mean.
    observed : float32 [shapes, 3], change of the painted colour over the shape's interior.
    kind : int8 [shapes], index into `KINDS`.
    apart : bool [shapes], whether the shape shares no patch with the hidden one, so that only the
        hidden one has lost keys.
    """

    expected: NDArray[np.float32]
    observed: NDArray[np.float32]
    kind: NDArray[np.int8]
    apart: NDArray[np.bool_]

    def slope(self, chosen: NDArray[np.bool_]) -> float:
        """Fit painted against true change, through the origin, over `chosen` [shapes]: 1 is all."""
        x, y = self.expected[chosen].ravel(), self.observed[chosen].ravel()
        return float((x * y).sum() / max(float((x * x).sum()), 1e-12))

    def correlation(self, chosen: NDArray[np.bool_]) -> float:
        """Correlate painted with true change over `chosen` [shapes]; 0 if nothing was painted."""
        x, y = self.expected[chosen].ravel(), self.observed[chosen].ravel()
        return float(np.corrcoef(x, y)[0, 1]) if y.any() else 0.0


@dataclass(frozen=True, kw_only=True)
class InterventionResult:
    """Slopes of painted against true change, 1 where all of the change follows and 0 where none.

    Attributes
    ----------
    slope : over the shapes that share no patch with the hidden one.
    slope_all : over all shapes of the groups.
    slope_by_kind : kind -> as `slope`.
    correlation : of both changes, over the shapes of `slope`.
    shapes, shapes_all : how many shapes `slope` and `slope_all` rest on.
    """

    slope: float
    slope_all: float
    slope_by_kind: dict[str, float]
    correlation: float
    shapes: int
    shapes_all: int

    def as_record(self) -> dict[str, Any]:
        """Write it down as records do, in four digits."""
        found = asdict(self)
        for name in ("slope", "slope_all", "correlation"):
            found[name] = round(found[name], 4)
        found["slope_by_kind"] = {k: round(v, 4) for k, v in self.slope_by_kind.items()}
        return found


class Intervention:
    """Hides one shape of a group from the cross-attention's keys and watches the others' colour.

    For each image one shape is hidden, taken from the groups with two or more kept shapes.
    """

    def __init__(self, model: EncoderDecoder) -> None:
        self.model = model
        self.patch = model.config.patch
        self.channels = 3 if model.config.tokens == "channel" else 1
        self._changes: list[Changes] = []

    def over(self, batches: Iterable[ShapesBatch]) -> Self:
        """Take in several batches."""
        for batch in batches:
            self.add(batch)
        return self

    def add(self, batch: ShapesBatch) -> None:
        """Paint a batch with and without one shape in sight."""
        same = same_group(batch.kind, batch.kept)
        rows, hidden = choose_one(same.sum(axis=2) >= 2)
        if len(rows) == 0:
            return
        touched = patch_cover(batch, self.patch) >= KEY_PIXELS  # [batch, slots, patches]
        seen = np.ones((len(batch), touched.shape[2]), dtype=np.bool_)
        seen[rows] = ~touched[rows, hidden]
        mask = torch.from_numpy(np.tile(seen, (1, self.channels)))[:, None, None, :]

        before = interior_means(paint_levels(self.model, batch), batch)
        after = interior_means(paint_levels(self.model, batch, memory_mask=mask), batch)
        others = same[rows, hidden]
        others[np.arange(len(rows)), hidden] = False
        row, slot = np.nonzero(others)
        image = rows[row]
        both = touched[image, slot] & touched[image, hidden[row]]
        shared: NDArray[np.bool_] = np.any(both, axis=1)
        self._changes.append(
            Changes(
                expected=change_without(batch, image, slot, gone=hidden[row]),
                observed=(after - before)[image, slot],
                kind=batch.kind[image, slot],
                apart=~shared,
            )
        )

    def changes(self) -> Changes:
        """Give what became of every shape so far; no shape at all where no group had two."""
        empty = Changes(
            expected=np.empty((0, 3), dtype=np.float32),
            observed=np.empty((0, 3), dtype=np.float32),
            kind=np.empty(0, dtype=np.int8),
            apart=np.empty(0, dtype=np.bool_),
        )
        parts = [empty, *self._changes]
        return Changes(
            expected=np.concatenate([part.expected for part in parts]),
            observed=np.concatenate([part.observed for part in parts]),
            kind=np.concatenate([part.kind for part in parts]),
            apart=np.concatenate([part.apart for part in parts]),
        )

    def result(self) -> InterventionResult | None:
        """Summarise: slopes and the number of shapes they rest on; None where there is no shape."""
        found = self.changes()
        apart = found.apart
        if len(apart) == 0:
            return None
        return InterventionResult(
            slope=found.slope(apart),
            slope_all=found.slope(np.ones_like(apart)),
            slope_by_kind={
                kind: found.slope(apart & (found.kind == number))
                for number, kind in enumerate(KINDS)
            },
            correlation=found.correlation(apart),
            shapes=int(apart.sum()),
            shapes_all=len(apart),
        )
