"""Limit how far the encoder sees, and measure what is lost: what its attention is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from shapes_of_attention.data import ShapesBatch
from shapes_of_attention.interpret.knockout import keys_hidden
from shapes_of_attention.interpret.units import (
    criterion,
    hidden_activations,
    patch_classes,
    unit_names,
)
from shapes_of_attention.measure.colours import ColourResult, company_error, score_colours
from shapes_of_attention.measure.intervention import Intervention, InterventionResult
from shapes_of_attention.models import EncoderDecoder, attention_names
from shapes_of_attention.models.positions import reach_mask

__all__ = ["REACHES", "Reach", "encoder_within", "measure_reach", "reach_mask"]

#: How far the encoder may see, in patches to every side; None is all of the image.
REACHES: dict[str, int | None] = {"own patch": 0, "3×3": 1, "5×5": 2, "full": None}


@contextmanager
def encoder_within(model: EncoderDecoder, reach: int | None) -> Iterator[None]:
    """Run with the encoder's attention limited to patches within `reach` of the query's.

    Tokens of one patch see each other whatever their channel; registers see and are seen by all.
    """
    channels = 3 if model.config.tokens == "channel" else 1
    mask = reach_mask(model.grid, reach).repeat(channels, channels)
    if extra := model.config.registers:
        mask = torch.nn.functional.pad(mask, (0, extra, 0, extra), value=True)
    names = [name for name in attention_names(model) if name.startswith("encoder")]
    device = next(model.parameters()).device
    with keys_hidden(model, names, mask[None, None].to(device)):
        yield


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
    """

    colours: ColourResult
    company_error: float
    slopes: InterventionResult | None
    best_units: dict[str, float]


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
            )
    return found
