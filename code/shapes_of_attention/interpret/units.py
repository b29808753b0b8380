"""Which units answer to red filled circles? All of them are asked, by one criterion.

A unit is one number inside a feed-forward network: an activation of its hidden layer, one value a
patch. It finds red circles if it is higher on their patches than on all others. How well is told by
the area under the ROC curve (AUC): the chance that a patch of a red circle gets the higher value,
1 for a perfect detector and 0.5 for one that knows nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shapes_of_attention.data import KINDS, ShapesBatch, red_dominant
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.models import capture_outputs

__all__ = [
    "CLASSES",
    "RIVALS",
    "area_under_curve",
    "criterion",
    "hidden_activations",
    "patch_classes",
    "unit_names",
    "units_stilled",
]

#: What a patch may show: each kind with red in the lead and without, and bare background.
CLASSES = (
    *(f"{lead} {kind}" for kind in KINDS for lead in ("red", "other")),
    "background",
)
#: The class that units are to find.
TARGET = CLASSES.index("red filled circle")
BACKGROUND = CLASSES.index("background")
#: What a unit must tell it from, one set after the other: by colour, by form, and everything else.
RIVALS = {
    "other filled circles": (CLASSES.index("other filled circle"),),
    "red shapes of other kinds": tuple(
        CLASSES.index(f"red {kind}") for kind in KINDS if kind != "filled circle"
    ),
    "all the rest": tuple(
        number
        for number, name in enumerate(CLASSES)
        if "filled circle" not in name and not name.startswith("red")
    ),
}
#: A patch stands for a shape that covers at least this many of its pixels, if no other touches it.
SHOWN = 32


def patch_classes(batch: ShapesBatch, *, patch: int = 16) -> NDArray[np.int64]:
    """Say what each patch shows: [batch, patches], an index into `CLASSES`, -1 where unclear.

    Unclear are patches with parts of several shapes, or with less than `SHOWN` pixels of one.
    """
    cover = patch_cover(batch, patch)  # [batch, slots, patches]
    owner = cover.argmax(axis=1)  # [batch, patches]
    kind = np.take_along_axis(batch.kind, owner, axis=1)
    red = np.take_along_axis(red_dominant(batch.colour), owner, axis=1)
    shown = np.where(red, 2 * kind, 2 * kind + 1).astype(np.int64)
    touching = (cover > 0).sum(axis=1)
    clear = (touching == 1) & (cover.max(axis=1) >= SHOWN)
    return np.where(touching == 0, BACKGROUND, np.where(clear, shown, -1))


def unit_names(model: nn.Module) -> list[str]:
    """List the modules whose outputs are the hidden layers of a model's feed-forward networks."""
    return [name for name, _ in model.named_modules() if name.endswith("feed_forward.activation")]


@torch.no_grad()
def hidden_activations(model: nn.Module, batch: ShapesBatch) -> dict[str, NDArray[np.float32]]:
    """Run a model and take every unit's activation: module -> [batch, patches, units]."""
    names = unit_names(model)
    with capture_outputs(model, names) as outputs:
        model(torch.from_numpy(batch.image).float() / 255)
    return {name: outputs[name].numpy() for name in names}


@contextmanager
def units_stilled(model: nn.Module, module: str, units: Sequence[int]) -> Iterator[None]:
    """Run with some units of one hidden layer held at zero."""

    def still(_: nn.Module, __: tuple[Tensor], output: Tensor) -> Tensor:
        return output.index_fill(-1, torch.tensor(list(units), dtype=torch.int64), 0)

    handle = model.get_submodule(module).register_forward_hook(still)
    try:
        yield
    finally:
        handle.remove()


def area_under_curve(
    higher: NDArray[np.floating], lower: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute each unit's AUC: the chance that a value of `higher` exceeds one of `lower`.

    `higher` [values, units] and `lower` [others, units] -> [units]. Equal values count half.
    """
    if len(higher) == 0 or len(lower) == 0:
        raise ValueError("both sets need at least one value")
    areas = np.empty(higher.shape[1])
    for unit in range(higher.shape[1]):
        ordered = np.sort(lower[:, unit])
        values = higher[:, unit]
        left = np.searchsorted(ordered, values, side="left")
        right = np.searchsorted(ordered, values, side="right")
        areas[unit] = (left + right).mean() / (2 * len(ordered))
    return areas


def criterion(activation: NDArray[np.floating], shown: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute each unit's AUC against each set of `RIVALS`: [rivals, units].

    `activation` [batch, patches, units], `shown` [batch, patches] from `patch_classes`. A unit's
    score is its *smallest* area: it is only as good as what it confuses most.
    """
    flat = np.maximum(activation, 0).reshape(-1, activation.shape[-1])
    label = shown.reshape(-1)
    found = flat[label == TARGET]
    return np.stack(
        [area_under_curve(found, flat[np.isin(label, rivals)]) for rivals in RIVALS.values()]
    )
