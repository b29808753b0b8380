"""Hide one shape and see whether the others' colour follows: the strongest evidence."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.data.rules import same_group
from shapes_of_attention.measure.ideal import KEY_PIXELS, group_patches
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import interior_means
from shapes_of_attention.models import EncoderDecoder

__all__ = ["Intervention"]


class Intervention:
    """Hides one shape of a group from the cross-attention's keys and watches the others' colour.

    For each image one shape is hidden, taken from the groups with two or more kept shapes. `slope`
    is that of the painted change against the change of the true mean, through the origin, over
    those shapes of the group that share no patch with the hidden one; `slope_all` is over all.
    """

    def __init__(self, model: EncoderDecoder) -> None:
        self.model = model
        self.patch = model.config.patch
        self.channels = 3 if model.config.tokens == "channel" else 1
        self.expected: list[NDArray[np.float32]] = []
        self.observed: list[NDArray[np.float32]] = []
        self.kinds: list[NDArray[np.int8]] = []
        self.apart: list[NDArray[np.bool_]] = []

    def add(self, batch: ShapesBatch) -> None:
        """Paint a batch with and without one shape in sight."""
        same = same_group(batch.kind, batch.kept)
        size = same.sum(axis=2)
        rows = np.flatnonzero((size >= 2).any(axis=1))
        if len(rows) == 0:
            return
        # Prefer shapes seldom chosen first otherwise: the slot walks on from image to image.
        slots = batch.kind.shape[1]
        order = (np.arange(slots)[None, :] + rows[:, None]) % slots
        able = np.take_along_axis(size[rows] >= 2, order, axis=1)
        hidden = np.take_along_axis(order, able.argmax(axis=1)[:, None], axis=1)[:, 0]

        _, _, cover = group_patches(batch, self.patch)
        touched = cover >= KEY_PIXELS  # [batch, slots, patches]
        seen = np.ones((len(batch), touched.shape[2]), dtype=np.bool_)
        seen[rows] = ~touched[rows, hidden]
        mask = torch.from_numpy(np.tile(seen, (1, self.channels)))[:, None, None, :]

        before = interior_means(paint_levels(self.model, batch), batch)
        after = interior_means(paint_levels(self.model, batch, memory_mask=mask), batch)
        others = same[rows, hidden]
        others[np.arange(len(rows)), hidden] = False
        row, slot = np.nonzero(others)
        image = rows[row]
        count = size[image, slot][:, None]
        mean = batch.group_mean[image, slot]
        without = (mean * count - batch.colour[image, hidden[row]]) / (count - 1)
        self.expected.append(without - mean)
        self.observed.append((after - before)[image, slot])
        self.kinds.append(batch.kind[image, slot])
        shared = (touched[image, slot] & touched[image, hidden[row]]).any(axis=1)
        self.apart.append(~shared)

    def result(self) -> dict[str, Any]:
        """Summarise: slopes and the number of shapes they rest on."""
        if not self.expected:
            return {}
        expected, observed = np.concatenate(self.expected), np.concatenate(self.observed)
        kinds, apart = np.concatenate(self.kinds), np.concatenate(self.apart)

        def slope(chosen: NDArray[np.bool_]) -> float:
            x, y = expected[chosen].ravel(), observed[chosen].ravel()
            return round(float((x * y).sum() / max(float((x * x).sum()), 1e-12)), 4)

        everything = np.ones_like(apart)
        x, y = expected[apart].ravel(), observed[apart].ravel()
        return {
            "slope": slope(apart),
            "slope_all": slope(everything),
            "slope_by_kind": {k: slope(apart & (kinds == i)) for i, k in enumerate(KINDS)},
            "correlation": round(float(np.corrcoef(x, y)[0, 1]), 4) if y.any() else 0.0,
            "shapes": int(apart.sum()),
            "shapes_all": len(apart),
        }
