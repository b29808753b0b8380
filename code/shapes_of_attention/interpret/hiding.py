"""Hide one shape of an image at a time from the cross-attention, and see what a model paints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from shapes_of_attention.data import ShapesBatch, group_means
from shapes_of_attention.data.render import paint
from shapes_of_attention.measure.ideal import KEY_PIXELS
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.models import EncoderDecoder

__all__ = ["HiddenStates", "hide_each_shape", "pick_image"]


@dataclass(frozen=True, kw_only=True)
class HiddenStates:
    """What happens to one image: nothing hidden in the first state, then each shape in turn.

    Attributes
    ----------
    hidden : bool [states, patches], patches that cannot be looked at.
    painted : float32 [states, 3, size, size], levels 0-255.
    truth : uint8 [states, 3, size, size], the target if the hidden shape had no vote.
    """

    hidden: NDArray[np.bool_]
    painted: NDArray[np.float32]
    truth: NDArray[np.uint8]


def pick_image(batch: ShapesBatch, *, patch: int = 16, shapes: int = 6) -> int:
    """Find the first image of at least so many shapes that can be hidden without side effects.

    Every shape is kept and has company, and no patch shows two shapes: hiding one leaves the others
    in full sight. `patch` is the side of a patch in pixels, as in the model that is to paint.

    Raises
    ------
    ValueError
        If no image of the batch is like that.
    """
    shared = ((patch_cover(batch, patch) >= KEY_PIXELS).sum(axis=1) > 1).any(axis=1)
    same = batch.kind[:, :, None] == batch.kind[:, None, :]
    company = (same & batch.present[:, None, :]).sum(axis=2) >= 2
    fit = ~shared & (company & batch.kept | ~batch.present).all(axis=1)
    fit &= batch.present.sum(axis=1) >= shapes
    if not fit.any():
        raise ValueError(f"none of {len(batch)} images fits; give a larger batch")
    return int(np.flatnonzero(fit)[0])


def hide_each_shape(model: EncoderDecoder, batch: ShapesBatch, row: int) -> HiddenStates:
    """Let a model paint one image with each of its shapes hidden from the cross-attention's keys.

    In the truth of a state the hidden shape has no vote, but is painted in its group's mean
    nevertheless: it can still be seen by the decoder's queries, and only its key is gone. Patches
    are as large as the model's.
    """
    slots = np.flatnonzero(batch.present[row])
    touched = patch_cover(batch, model.config.patch)[row, slots] >= KEY_PIXELS
    hidden = np.concatenate([np.zeros((1, touched.shape[1]), dtype=bool), touched])
    states = batch.take([row] * len(hidden))
    voting = states.kept.copy()
    voting[np.arange(1, len(hidden)), slots] = False
    mean = group_means(states.kind, states.colour, voting)
    for state, slot in enumerate(slots, start=1):
        others = np.flatnonzero(voting[state] & (states.kind[state] == states.kind[state, slot]))
        mean[state, slot] = mean[state, others[0]] if len(others) else 0
    (truth,) = paint(
        size=batch.image.shape[-1],
        kind=states.kind,
        box=states.box,
        stroke=states.stroke,
        colours=(np.where(states.kept[..., None], mean, np.float32(0)),),
    )
    mask = torch.from_numpy(~hidden)[:, None, None, :]
    painted = paint_levels(model, states, memory_mask=mask)
    return HiddenStates(hidden=hidden, painted=painted, truth=truth)
