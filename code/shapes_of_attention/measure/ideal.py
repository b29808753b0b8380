"""Where attention should go, patch by patch, known because we drew the shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.measure.regions import patch_cover

__all__ = [
    "KEY_PIXELS",
    "QUERY_COVER",
    "Ideal",
    "group_patches",
    "ideal_attention",
    "patches_of_others",
]

#: A patch asks on behalf of a group if the group's shapes cover at least this share of it...
QUERY_COVER = 1 / 16
#: ... and belongs to the group as a key if they cover at least this many of its pixels.
KEY_PIXELS = 1.0


def _members(batch: ShapesBatch) -> NDArray[np.bool_]:
    """Say which kept shapes are of each kind: [batch, kinds, slots]."""
    of_kind: NDArray[np.bool_] = batch.kind[:, None, :] == np.arange(len(KINDS))[:, None]
    return of_kind & batch.kept[:, None, :]


def group_patches(
    batch: ShapesBatch, patch: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float32]]:
    """Find the patches that ask for each kind's colour, and those that hold it.

    Returns
    -------
    queries : bool [batch, kinds, patches]
    keys : bool [batch, kinds, patches], of kept shapes.
    cover : [batch, slots, patches], pixels that each shape covers.
    """
    cover = patch_cover(batch, patch)
    member = _members(batch)
    pixels = member.astype(np.float32) @ cover
    keys = np.any((cover >= KEY_PIXELS)[:, None] & member[..., None], axis=2)
    return pixels >= QUERY_COVER * patch**2, keys, cover


def patches_of_others(
    batch: ShapesBatch, queries: NDArray[np.bool_], cover: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Find for each query the patches of its group's *other* shapes, where the mean must come from.

    A query belongs to the shape of the kind that covers most of it; patches that this shape touches
    too are left out, so that looking at oneself earns nothing.

    Returns
    -------
    others : bool [batch, kinds, query patches, key patches]; none where the group has one shape.
    ideal : [batch, kinds], (n - 1) / n for n shapes: the mass on others if each counts alike.
    """
    member = _members(batch)
    touched = cover >= KEY_PIXELS
    owner = np.where(member[..., None], cover[:, None], -1).argmax(
        axis=2
    )  # [batch, kinds, patches]
    own = touched[np.arange(len(batch))[:, None, None], owner]  # [batch, kinds, query, key]
    number = member.sum(axis=2)
    anyone = np.any(touched[:, None] & member[..., None], axis=2)
    others = anyone[:, :, None] & ~own & queries[..., None] & (number >= 2)[..., None, None]
    return others, ((number - 1) / np.maximum(number, 1)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Ideal:
    """The truth about one image's patches.

    Attributes
    ----------
    weights : [query, key]; a row adds up to one, or to zero where a patch has nothing to ask for.
    owner : int [patches], the shape that a patch mostly shows (a slot), -1 on background.
    group : bool [query, key], whether the key's patch holds a kept shape of the query's kind.
    others : bool [query, key], the same without the patches that the query's own shape touches.
    """

    weights: NDArray[np.float32]
    owner: NDArray[np.int64]
    group: NDArray[np.bool_]
    others: NDArray[np.bool_]


def ideal_attention(batch: ShapesBatch, row: int, *, patch: int = 16) -> Ideal:
    """Work out the attention that would solve image `row` of a batch.

    `patch` is the side of a patch in pixels, as in the model that is looked into.

    A query asks for the mean of the shape that fills most of its patch. Every kept shape of that
    kind gets an equal part of the weight, spread over its patches by the pixels that it covers.
    Background asks for nothing, and neither does a filtered circle, which must turn black.
    """
    cover = patch_cover(batch.take([row]), patch)[0]  # [slots, patches]
    kind, kept = batch.kind[row], batch.kept[row]
    shown = np.where(batch.present[row][:, None], cover, 0)
    owner = np.where(shown.max(axis=0) >= QUERY_COVER * patch**2, shown.argmax(axis=0), -1)
    share = cover / np.maximum(cover.sum(axis=1, keepdims=True), 1)  # [slots, patches]
    touched = cover >= KEY_PIXELS

    patches = cover.shape[1]
    weights = np.zeros((patches, patches), dtype=np.float32)
    group = np.zeros((patches, patches), dtype=bool)
    others = np.zeros((patches, patches), dtype=bool)
    for query, slot in enumerate(owner):
        if slot < 0 or not kept[slot]:
            continue
        members = np.flatnonzero(kept & (kind == kind[slot]))
        weights[query] = share[members].mean(axis=0)
        group[query] = touched[members].any(axis=0)
        others[query] = group[query] & ~touched[slot]
    return Ideal(weights=weights, owner=owner, group=group, others=others)
