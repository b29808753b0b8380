"""Does attention go where it should? We drew the shapes, so we know.

Two measures for each attention module and head; the third and strongest is `measure.intervention`:

* the share of attention on patches of the query's own group, beside that of uniform attention, and
  the share on the group's other shapes alone, beside its ideal of (n - 1) / n for n shapes;
* the same with each weight times the length of the vector it brings (arXiv 2004.10102): a weight
  on a token whose value is nearly zero moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.measure.ideal import group_patches, patches_of_others
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.shares import AttentionShares
from shapes_of_attention.models import (
    EncoderDecoder,
    EncoderOnly,
    attention_names,
    attention_of,
    capture_attention,
    capture_outputs,
)

__all__ = ["AttentionResult", "AttentionScore", "HeadShares", "value_weighted"]


def value_weighted(weights: Tensor, values: Tensor, output: Tensor) -> Tensor:
    """Weigh attention by the length of what each key brings to the result (arXiv 2004.10102).

    Parameters
    ----------
    weights : [batch, heads, query, key]
    values : [batch, key, dim], all heads side by side.
    output : [dim, dim], weight of the layer that joins the heads.

    Returns
    -------
    [batch, heads, query, key], each row divided by its sum.
    """
    heads = weights.shape[1]
    value = values.unflatten(-1, (heads, -1)).transpose(1, 2)  # [batch, heads, key, head_dim]
    joined = output.unflatten(-1, (heads, -1))  # [dim, heads, head_dim]
    brought = torch.einsum("bhkd,ohd->bhko", value, joined).norm(dim=-1)
    weighted = weights * brought[:, :, None, :]
    return weighted / weighted.sum(dim=-1, keepdim=True).clamp_min(1e-12)


@dataclass(frozen=True, kw_only=True)
class HeadShares:
    """Mean shares of attention of one module's heads, parts of one, each [heads, kinds].

    Attributes
    ----------
    group : on patches of the query's group, its own shape included.
    others : on patches of the group's other shapes, over queries that have company.
    group_by_value, others_by_value : the same, each weight times the length of the vector that it
        brings (arXiv 2004.10102).
    group_by_channel, group_by_value_by_channel : [heads, kinds, channels], `group` and
        `group_by_value` on keys of red, of green and of blue; None unless each has its own tokens.
    """

    group: NDArray[np.float64]
    others: NDArray[np.float64]
    group_by_value: NDArray[np.float64]
    others_by_value: NDArray[np.float64]
    group_by_channel: NDArray[np.float64] | None = None
    group_by_value_by_channel: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True)
class AttentionResult:
    """Where attention went, and what that is to be compared with: blind and perfect attention.

    Perfect attention gives each of n shapes 1/n of the weight: all of it to the group, and
    (n - 1)/n to the others.

    Attributes
    ----------
    modules : name of a module -> shares of its heads.
    group_uniform, others_uniform : [kinds], what attention to all patches alike would score.
    others_ideal : [kinds], what perfect attention would.
    """

    modules: dict[str, HeadShares]
    group_uniform: NDArray[np.float64]
    others_uniform: NDArray[np.float64]
    others_ideal: NDArray[np.float64]

    def as_record(self) -> dict[str, Any]:
        """Write it down as records do: by kind, in four digits, the best head of each kind named.

        There `weights` and `value_weighted` are the shares on the group.
        """
        layers: dict[str, Any] = {}
        best: dict[str, dict[str, Any]] = {"weights": {}, "value_weighted": {}, "others": {}}
        for name, shares in self.modules.items():
            measures = {
                "weights": (shares.group, shares.group_by_channel),
                "value_weighted": (shares.group_by_value, shares.group_by_value_by_channel),
                "others": (shares.others, None),
            }
            layers[name] = {}
            for measure, (share, by_channel) in measures.items():
                entry: dict[str, Any] = {}
                for index, kind in enumerate(KINDS):
                    heads = share[:, index]
                    entry[kind] = {"heads": [round(float(x), 4) for x in heads]}
                    if by_channel is not None:
                        entry[kind]["heads_by_channel"] = by_channel[:, index].round(4).tolist()
                    top = round(float(heads.max()), 4)
                    if top > best[measure].get(kind, {"share": -1.0})["share"]:
                        best[measure][kind] = {
                            "share": top,
                            "module": name,
                            "head": int(heads.argmax()),
                        }
                layers[name][measure] = entry
        return {
            "others_uniform": _by_kind(self.others_uniform),
            "others_ideal": _by_kind(self.others_ideal),
            "uniform": _by_kind(self.group_uniform),
            "best": best,
            "layers": layers,
        }


class AttentionScore:
    """Adds up, batch by batch, the attention of a model that lands on the right patches.

    Parameters
    ----------
    model : a model with one query a patch; keys are patches, or patches of red, green and blue.
    modules : names of the attention modules to score; those of cross-attention when not given.
    """

    def __init__(
        self, model: EncoderDecoder | EncoderOnly, modules: Sequence[str] | None = None
    ) -> None:
        self.model = model
        self.modules = list(
            [name for name in attention_names(model) if name.endswith("cross_attention")]
            if modules is None
            else modules
        )
        self.patch = model.config.patch
        self.channels = 3 if getattr(model.config, "tokens", "rgb") == "channel" else 1
        self._group, self._others = AttentionShares(), AttentionShares()
        self._group_by_value, self._others_by_value = AttentionShares(), AttentionShares()
        self._ideal = np.zeros(len(KINDS))

    def over(self, batches: Iterable[ShapesBatch]) -> Self:
        """Take in several batches."""
        for batch in batches:
            self.add(batch)
        return self

    @torch.no_grad()
    def add(self, batch: ShapesBatch) -> None:
        """Run the model on a batch and take in where its attention went."""
        queries, keys, cover = group_patches(batch, self.patch)
        others, ideal = patches_of_others(batch, queries, cover)
        accompanied: NDArray[np.bool_] = np.any(others, axis=3)
        self._ideal += (accompanied * ideal[..., None]).sum(axis=(0, 2))
        with (
            capture_attention(self.model) as captured,
            capture_outputs(self.model, [f"{name}.value" for name in self.modules]) as values,
        ):
            paint_levels(self.model, batch)
        weights, carried = {}, {}
        for name in self.modules:
            joined = attention_of(self.model, name).output.weight
            weights[name] = self._by_channel(captured[name])
            carried[name] = self._by_channel(
                value_weighted(captured[name], values[f"{name}.value"], joined)
            )
        for found, group, rest in (
            (weights, self._group, self._others),
            (carried, self._group_by_value, self._others_by_value),
        ):
            group.add(found, keys[:, :, None], queries)
            rest.add(found, others, accompanied)

    def _by_channel(self, weights: Tensor) -> Tensor:
        """Count channels as heads: [batch, heads * channels, query, patch].

        The keys of channel tokens are all patches of red, then of green, then of blue.
        """
        split = weights.unflatten(-1, (self.channels, -1))
        return split.transpose(2, 3).flatten(1, 2)

    def result(self) -> AttentionResult:
        """Summarise: shares of attention by module, head and kind.

        Raises
        ------
        ValueError
            If no batch was added.
        """
        group, others = self._group.result(), self._others.result()
        by_value, others_by_value = self._group_by_value.result(), self._others_by_value.result()

        def split(share: NDArray[np.float64]) -> NDArray[np.float64]:
            """[heads * channels, kinds] -> [heads, kinds, channels]."""
            return share.reshape(-1, self.channels, len(KINDS)).transpose(0, 2, 1)

        modules = {}
        for name in self.modules:
            group_split, value_split = split(group.modules[name]), split(by_value.modules[name])
            modules[name] = HeadShares(
                group=group_split.sum(axis=2),
                others=split(others.modules[name]).sum(axis=2),
                group_by_value=value_split.sum(axis=2),
                others_by_value=split(others_by_value.modules[name]).sum(axis=2),
                group_by_channel=group_split if self.channels > 1 else None,
                group_by_value_by_channel=value_split if self.channels > 1 else None,
            )
        return AttentionResult(
            modules=modules,
            group_uniform=group.uniform,
            others_uniform=others.uniform,
            others_ideal=self._ideal / np.maximum(others.queries, 1),
        )


def _by_kind(values: NDArray[np.float64]) -> dict[str, float]:
    return {kind: round(float(value), 4) for kind, value in zip(KINDS, values, strict=True)}
