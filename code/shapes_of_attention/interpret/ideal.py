"""Where attention should go, patch by patch, known because we drew the shapes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from shapes_of_attention.data import ShapesBatch
from shapes_of_attention.data.measure import patch_cover
from shapes_of_attention.training.known_truth import KEY_PIXELS, QUERY_COVER

__all__ = ["Ideal", "ideal_attention"]


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

    A query asks for the mean of the shape that fills most of its patch. Every kept shape of that
    kind gets an equal part of the weight, spread over its patches by the pixels that it covers.
    Background asks for nothing, and neither does a filtered circle, which must turn black.
    """
    alone = {each.name: getattr(batch, each.name)[[row]] for each in fields(batch)}
    cover = patch_cover(ShapesBatch(**alone), patch)[0]  # [slots, patches]
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
