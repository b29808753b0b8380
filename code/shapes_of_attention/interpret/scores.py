"""How much of each head's attention lands on the right patches, plain and by what it carries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.data.rules import same_group
from shapes_of_attention.interpret.knockout import attention_names, attention_of
from shapes_of_attention.measure.attention_score import value_weighted
from shapes_of_attention.measure.ideal import group_patches, patches_of_others
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import interior_means
from shapes_of_attention.models import capture_attention, capture_outputs

__all__ = ["HeadShares", "Reference", "company_error", "head_shares"]


@dataclass(frozen=True, kw_only=True)
class HeadShares:
    """Mean shares of attention of one module, each [heads, kinds].

    Attributes
    ----------
    group : on patches of the query's group, its own shape included.
    others : on patches of the group's other shapes, over queries that have company.
    group_by_value, others_by_value : the same, each weight times the length of the vector that it
        brings (arXiv 2004.10102).
    """

    group: NDArray[np.float64]
    others: NDArray[np.float64]
    group_by_value: NDArray[np.float64]
    others_by_value: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What the shares are to be compared with, each [kinds]: blind attention and perfect attention.

    Perfect attention gives each of n shapes 1/n of the weight: all of it to the group, and
    (n - 1)/n to the others.
    """

    group_uniform: NDArray[np.float64]
    others_uniform: NDArray[np.float64]
    others_ideal: NDArray[np.float64]


@torch.no_grad()
def head_shares(
    model: nn.Module, batches: Iterable[ShapesBatch], *, patch: int = 16
) -> tuple[dict[str, HeadShares], Reference]:
    """Score every attention module of a model with one query and one key a patch."""
    names = attention_names(model)
    fields = ("group", "others", "group_by_value", "others_by_value")
    sums: dict[tuple[str, str], NDArray[np.float64]] = {}
    asked = np.zeros(len(KINDS))
    accompanied = np.zeros(len(KINDS))
    blind = np.zeros((3, len(KINDS)))
    for batch in batches:
        queries, keys, cover = group_patches(batch, patch)
        others, ideal = patches_of_others(batch, queries, cover)
        with_company = others.any(axis=3)
        asked += queries.sum(axis=(0, 2))
        accompanied += with_company.sum(axis=(0, 2))
        blind[0] += (queries.sum(axis=2) * keys.mean(axis=2)).sum(axis=0)
        blind[1] += others.mean(axis=3).sum(axis=(0, 2))
        blind[2] += (with_company * ideal[..., None]).sum(axis=(0, 2))
        whole = torch.from_numpy(queries[..., None] & keys[:, :, None]).double()
        rest = torch.from_numpy(others).double()
        value_names = [f"{name}.value" for name in names]
        with capture_attention(model) as weights, capture_outputs(model, value_names) as values:
            paint_levels(model, batch)
        for name in names:
            joined = attention_of(model, name).output.weight
            plain = weights[name]
            carried = value_weighted(plain, values[f"{name}.value"], joined)
            found = (
                mass_on(plain, whole),
                mass_on(plain, rest),
                mass_on(carried, whole),
                mass_on(carried, rest),
            )
            for field, mass in zip(fields, found, strict=True):
                sums[name, field] = sums.get((name, field), np.zeros_like(mass)) + mass
    number = {"group": asked, "others": accompanied}
    number |= {f"{field}_by_value": number[field] for field in ("group", "others")}
    shares = {
        name: HeadShares(**{field: sums[name, field] / number[field] for field in fields})
        for name in names
    }
    reference = Reference(
        group_uniform=blind[0] / asked,
        others_uniform=blind[1] / accompanied,
        others_ideal=blind[2] / accompanied,
    )
    return shares, reference


def mass_on(weights: Tensor, allowed: Tensor) -> NDArray[np.float64]:
    """Add up weights [batch, heads, query, key] on [batch, kinds, query, key]: [heads, kinds]."""
    total: NDArray[np.float64] = torch.einsum("bhqk,bnqk->hn", weights.double(), allowed).numpy()
    return total


def company_error(
    model: nn.Module, batches: Iterable[ShapesBatch]
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Measure the colour error of every shape that has company, the only ones that need a mean.

    Returns
    -------
    error : [shapes], levels 0-255, averaged over the channels.
    kind : [shapes], index into `KINDS`.
    """
    errors, kinds = [], []
    for batch in batches:
        means = interior_means(paint_levels(model, batch), batch)
        chosen = same_group(batch.kind, batch.kept).sum(axis=2) >= 2
        errors.append(np.abs(means - batch.group_mean).mean(axis=-1)[chosen])
        kinds.append(batch.kind[chosen])
    return np.concatenate(errors), np.concatenate(kinds)
