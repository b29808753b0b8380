"""Where a decoder with a token a patch and channel looks: at red, at green or at blue."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from shapes_of_attention.data import ShapesBatch
from shapes_of_attention.measure.channel_intervention import CHANNELS, SUBJECTS, subjects_in
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.measure.shares import AttentionShares
from shapes_of_attention.models import EncoderDecoder, capture_attention

__all__ = ["ASKING", "channel_attention"]

#: Sorts of shapes that ask. A line covers no patch by half, so hollow ones are not among them.
ASKING = tuple(subject for subject in SUBJECTS if "hollow" not in subject)


def channel_attention(
    model: EncoderDecoder, batches: Iterable[ShapesBatch]
) -> dict[str, dict[str, list[float]]]:
    """Share the cross-attention of the patches of shapes between the three channels.

    Returns
    -------
    Name of a cross-attention -> sort of shape that asks (`ASKING`) -> [red, green, blue], parts
    of one: the mean over heads and over the patches that such shapes cover by half or more.

    Raises
    ------
    ValueError
        If the model's tokens hold all three channels, or there is no batch.
    """
    if model.config.tokens != "channel":
        raise ValueError(f"a model with {model.config.tokens} tokens has no keys of one channel")
    patch = model.config.patch
    shares = AttentionShares()
    for batch in batches:
        with capture_attention(model) as weights:
            paint_levels(model, batch)
        cover = patch_cover(batch, patch) * 2 >= patch**2  # [batch, slots, patches]
        slots_of = dict(zip(SUBJECTS, subjects_in(batch), strict=True))
        asks = np.stack(
            [(cover & slots_of[who][..., None]).any(axis=1) for who in ASKING], axis=1
        )  # [batch, sorts, queries]
        # The keys are all patches of red, then of green, then of blue.
        of_channel = np.repeat(np.eye(len(CHANNELS), dtype=np.bool_), cover.shape[2], axis=1)
        groups = np.repeat(asks, len(CHANNELS), axis=1)  # [batch, sorts * channels, queries]
        right = np.tile(of_channel, (len(ASKING), 1))[None, :, None]
        shares.add(
            {name: found for name, found in weights.items() if name.endswith("cross_attention")},
            np.broadcast_to(right, (*groups.shape, of_channel.shape[1])),
            groups,
        )
    return {
        name: dict(
            zip(
                ASKING,
                heads.mean(axis=0).reshape(len(ASKING), len(CHANNELS)).tolist(),
                strict=True,
            )
        )
        for name, heads in shares.result().modules.items()
    }
