"""Which units answer to red filled circles? All of them are asked, by one criterion.

A unit is one number inside a feed-forward network: an activation of its hidden layer, one value a
patch. It finds red circles if it is higher on their patches than on all others. How well is told by
the area under the ROC curve (AUC): the chance that a patch of a red circle gets the higher value,
1 for a perfect detector and 0.5 for one that knows nothing. Equal values count half, and values
below zero count as zero: a GELU that is all but off on both patches tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shapes_of_attention.data import KINDS, ShapesBatch, red_dominant
from shapes_of_attention.data.rules import FILLED_CIRCLE
from shapes_of_attention.measure.colours import REMOVED_BELOW, colour_error
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import interior_means, patch_cover
from shapes_of_attention.models import capture_outputs

__all__ = [
    "CLASSES",
    "RIVALS",
    "SHOWN",
    "Ablation",
    "CirclesLeft",
    "ablate",
    "area_under_curve",
    "circles_left",
    "criterion",
    "hidden_activations",
    "patch_classes",
    "unit_averages",
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


def unit_averages(activation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average activations [batch, patches, units] over images and patches: [units]."""
    averages: NDArray[np.float32] = activation.mean(axis=(0, 1), dtype=np.float64).astype(
        np.float32
    )
    return averages


@contextmanager
def units_stilled(
    model: nn.Module,
    module: str,
    units: Sequence[int],
    *,
    at: NDArray[np.float32] | None = None,
) -> Iterator[None]:
    """Run with some units of one hidden layer held still.

    Parameters
    ----------
    module : one of `unit_names`.
    units : numbers of the units.
    at : [units of the layer], what each is held at, such as its `unit_averages`; zero when not
        given. A unit at its average says nothing about the image, and unlike zero it is what later
        layers are used to.
    """
    chosen = torch.tensor(list(units), dtype=torch.int64)

    def still(_: nn.Module, __: tuple[Tensor], output: Tensor) -> Tensor:
        if at is None:
            return output.index_fill(-1, chosen, 0)
        held = torch.from_numpy(at).to(output)[chosen]
        return output.index_copy(-1, chosen, held.expand(*output.shape[:-1], -1))

    handle = model.get_submodule(module).register_forward_hook(still)
    try:
        yield
    finally:
        handle.remove()


@dataclass(frozen=True, kw_only=True)
class CirclesLeft:
    """What a change inside a model does to filled circles, and to the rest.

    Attributes
    ----------
    gone : share of the kept filled circles whose painted colour is as good as black.
    let_in : share of the filtered ones whose colour is not; None where no circle is filtered.
    error_of_circles, error_of_others : median colour error of the kept filled circles, and of the
        kept shapes of other kinds, levels 0-255.
    """

    gone: float
    let_in: float | None
    error_of_circles: float
    error_of_others: float


def circles_left(model: nn.Module, batches: Iterable[ShapesBatch]) -> CirclesLeft:
    """Let a model, changed or not, paint some batches, and count the circles that it gets wrong.

    Raises
    ------
    ValueError
        If no batch has a kept filled circle, or none has another shape.
    """
    black, error, circle, kept = [], [], [], []
    for batch in batches:
        means = interior_means(paint_levels(model, batch), batch)
        shapes = batch.present
        black.append((means.max(axis=-1) < REMOVED_BELOW)[shapes])
        error.append(colour_error(means, batch.group_mean)[shapes])
        circle.append((batch.kind == FILLED_CIRCLE)[shapes])
        kept.append(batch.kept[shapes])
    is_black, errors = np.concatenate(black), np.concatenate(error)
    is_circle, is_kept = np.concatenate(circle), np.concatenate(kept)
    circles, others = is_circle & is_kept, ~is_circle & is_kept
    if not circles.any() or not others.any():
        raise ValueError("the images need kept filled circles and shapes of other kinds")
    return CirclesLeft(
        gone=float(is_black[circles].mean()),
        let_in=float(1 - is_black[~is_kept].mean()) if not is_kept.all() else None,
        error_of_circles=float(np.median(errors[circles])),
        error_of_others=float(np.median(errors[others])),
    )


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What becomes of the circles without some units of a layer, and without others by chance.

    Attributes
    ----------
    count : units held still at a time.
    best : without the best units.
    chance : without as many others, one for each draw.
    """

    count: int
    best: CirclesLeft
    chance: tuple[CirclesLeft, ...]

    @property
    def rank(self) -> float:
        """Share of the draws that lose at least as many circles as the best units do.

        The best units themselves count as a draw, so that the smallest is 1 / (draws + 1). It is a
        rank and no p-value: no draw has any of the best units, and in a permutation test each may.
        """
        as_many = sum(draw.gone >= self.best.gone for draw in self.chance)
        return (as_many + 1) / (len(self.chance) + 1)


def ablate(
    model: nn.Module,
    module: str,
    ranked: Sequence[int],
    batches: Sequence[ShapesBatch],
    *,
    count: int,
    draws: int,
    at: NDArray[np.float32] | None = None,
    seed: int = 0,
) -> Ablation:
    """Hold the best `count` units of a layer still, and `draws` times as many of the others.

    Parameters
    ----------
    module : one of `unit_names`.
    ranked : all units of the layer, the best first.
    at : what units are held at, see `units_stilled`.
    seed : of the draws.

    Raises
    ------
    ValueError
        If fewer than `count` others are left to draw from.
    """
    if not 0 < count <= len(ranked) // 2:
        raise ValueError(f"count must be 1 to {len(ranked) // 2}, half the units, got {count}")
    generator = np.random.default_rng(seed)

    def without(units: Sequence[int]) -> CirclesLeft:
        with units_stilled(model, module, units, at=at):
            return circles_left(model, batches)

    others = np.asarray(ranked[count:])
    return Ablation(
        count=count,
        best=without(list(ranked[:count])),
        chance=tuple(
            without(generator.choice(others, count, replace=False).tolist()) for _ in range(draws)
        ),
    )


def area_under_curve(
    higher: NDArray[np.floating], lower: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute each unit's AUC: the chance that a value of `higher` exceeds one of `lower`.

    `higher` [values, units] and `lower` [others, units] -> [units]. Equal values count half.

    Raises
    ------
    ValueError
        If either has no value.
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

    `activation` [batch, patches, units], `shown` [batch, patches] from `patch_classes`. Activations
    below zero count as zero: the unit is off. A unit's score is its *smallest* area: it is only as
    good as what it confuses most.
    """
    flat = np.maximum(activation, 0).reshape(-1, activation.shape[-1])
    label = shown.reshape(-1)
    found = flat[label == TARGET]
    return np.stack(
        [area_under_curve(found, flat[np.isin(label, rivals)]) for rivals in RIVALS.values()]
    )
