"""Limit how far the encoder sees, and measure what is lost: what its attention is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.interpret.knockout import keys_hidden
from shapes_of_attention.interpret.units import (
    BACKGROUND,
    criterion,
    hidden_activations,
    patch_classes,
    unit_names,
)
from shapes_of_attention.measure.attention_score import AttentionScore
from shapes_of_attention.measure.colours import ColourResult, company_error, score_colours
from shapes_of_attention.measure.intervention import Intervention, InterventionResult
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.models import EncoderDecoder, attention_names

__all__ = [
    "REACHES",
    "KindsRead",
    "Reach",
    "encoder_within",
    "measure_reach",
    "read_kinds",
]

#: How far the encoder may see, in patches to every side; None is all of the image.
REACHES: dict[str, int | None] = {"own patch": 0, "3×3": 1, "5×5": 2, "full": None}


@contextmanager
def encoder_within(model: EncoderDecoder, reach: int | None) -> Iterator[None]:
    """Run with the encoder's attention limited to patches within `reach` of the query's.

    `reach` counts patches to every side; None sets no limit. An encoder that was built to see less
    goes on seeing less: a limit can be narrowed here, not lifted.
    """
    names = [name for name in attention_names(model) if name.startswith("encoder")]
    device = next(model.parameters()).device
    with keys_hidden(model, names, model.sight(reach)[None, None].to(device)):
        yield


@dataclass(frozen=True, kw_only=True)
class KindsRead:
    """How well a linear read-out tells from one token which kind of shape its patch shows.

    Attributes
    ----------
    right : share of the patches whose kind is told.
    inside : the same over patches that lie wholly within one shape, which is then a filled one.
    inside_by_guess : what always saying the more frequent of the two would score there.
    patches, patches_inside : how many `right` and `inside` rest on.
    """

    right: float
    inside: float
    inside_by_guess: float
    patches: int
    patches_inside: int


def read_kinds(
    tokens: NDArray[np.floating], batch: Sequence[ShapesBatch], *, patch: int = 16
) -> KindsRead:
    """Fit a linear read-out of a patch's kind to every second image, and test it on the others.

    It is the ridge regression of the four kinds, and says the largest. Only patches that clearly
    show one shape take part (`patch_classes`).

    Parameters
    ----------
    tokens : [images, patches, dim], of the images of all batches in turn.

    Raises
    ------
    ValueError
        If no image of either half has a patch wholly within a shape.
    """
    shown = np.concatenate([patch_classes(one, patch=patch) for one in batch])
    most = np.concatenate([patch_cover(one, patch).max(axis=1) for one in batch])
    clear = (shown >= 0) & (shown != BACKGROUND)
    kind = shown // 2  # a kind's two classes stand side by side: red in the lead, and not
    inside = clear & (most > patch**2 - 0.5)
    fitted = np.arange(len(shown))[:, None] % 2 == 0
    if not (inside & fitted).any() or not (inside & ~fitted).any():
        raise ValueError("the images need patches that lie wholly within a shape; take more images")
    x = tokens[clear & fitted].astype(np.float64)
    average = x.mean(axis=0)
    x = np.column_stack([x - average, np.ones(len(x))])
    wanted = np.eye(len(KINDS))[kind[clear & fitted]]
    weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ wanted)
    told = np.argmax((tokens - average) @ weights[:-1] + weights[-1], axis=-1)
    is_right = told == kind
    tested, within = clear & ~fitted, inside & ~fitted
    return KindsRead(
        right=float(is_right[tested].mean()),
        inside=float(is_right[within].mean()),
        inside_by_guess=float(np.bincount(kind[within]).max() / within.sum()),
        patches=int(tested.sum()),
        patches_inside=int(within.sum()),
    )


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What a model can still do when its encoder sees no farther than this.

    Attributes
    ----------
    colours : how well it paints.
    company_error : median colour error of the shapes that need a mean, levels 0-255.
    slopes : what of a change of the mean follows when a shape is hidden from the cross-attention;
        None where no image has two shapes of a kind.
    best_units : encoder layer -> score of the unit that finds red circles best (`criterion`, the
        smallest area under the curve): 1 is perfect, 0.5 is blind.
    kinds_read : whether the tokens that the encoder hands on tell the kinds apart.
    on_group : module of cross-attention -> [heads, kinds], share of the attention that lies on the
        query's group.
    """

    colours: ColourResult
    company_error: float
    slopes: InterventionResult | None
    best_units: dict[str, float]
    kinds_read: KindsRead
    on_group: dict[str, NDArray[np.float64]]


@torch.no_grad()
def _encoded(model: EncoderDecoder, batch: ShapesBatch) -> NDArray[np.float32]:
    """Take what the encoder hands on: [batch, patches, dim]."""
    device = next(model.parameters()).device
    tokens: NDArray[np.float32] = (
        model.encode(torch.from_numpy(batch.image).to(device).float() / 255).cpu().numpy()
    )
    return tokens


def measure_reach(
    model: EncoderDecoder,
    batches: Sequence[ShapesBatch],
    *,
    reaches: Iterable[str] = tuple(REACHES),
) -> dict[str, Reach]:
    """Measure a model under each of some `REACHES`, on the same images."""
    layers = [name for name in unit_names(model) if name.startswith("encoder")]
    shown = np.concatenate([patch_classes(batch, patch=model.config.patch) for batch in batches])
    found = {}
    for name in reaches:
        with encoder_within(model, REACHES[name]):
            seen = [hidden_activations(model, batch) for batch in batches]
            error, _ = company_error(model, batches)
            tokens = np.concatenate([_encoded(model, batch) for batch in batches])
            attention = AttentionScore(model).over(batches).result()
            found[name] = Reach(
                colours=score_colours(model, batches),
                company_error=float(np.median(error)),
                slopes=Intervention(model).over(batches).result(),
                best_units={
                    layer: float(
                        criterion(np.concatenate([part[layer] for part in seen]), shown)
                        .min(axis=0)
                        .max()
                    )
                    for layer in layers
                },
                kinds_read=read_kinds(tokens, batches, patch=model.config.patch),
                on_group={
                    module: share.group.round(4) for module, share in attention.modules.items()
                },
            )
    return found
