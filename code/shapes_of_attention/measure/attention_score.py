"""Does attention go where it should? We drew the shapes, so we know.

Three measures for each decoder layer and head, from the weakest evidence to the strongest:

* the share of attention on patches of the query's own group, beside that of uniform attention, and
  the share on the group's other shapes alone, beside its ideal of (n - 1) / n for n shapes;
* the same with each weight times the length of the vector it brings (arXiv 2004.10102): a weight
  on a token whose value is nearly zero moves nothing;
* an intervention: hide one shape from the cross-attention's keys and see whether the colour painted
  on the others moves as their mean without that shape would.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.measure.ideal import group_patches, patches_of_others
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.models import (
    EncoderDecoder,
    capture_attention,
    capture_outputs,
)

__all__ = ["AttentionScore", "value_weighted"]


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


def _by_kind(values: NDArray[np.float64]) -> dict[str, float]:
    return {kind: round(float(value), 4) for kind, value in zip(KINDS, values, strict=True)}


def _keep_best(best: dict[str, Any], kind: str, heads: NDArray[np.float64], module: str) -> None:
    """Note a module's best head for a kind if it beats those noted before."""
    top = round(float(heads.max()), 4)
    if top > best.get(kind, {"share": -1.0})["share"]:
        best[kind] = {"share": top, "module": module, "head": int(heads.argmax())}


class AttentionScore:
    """Adds up, batch by batch, the cross-attention of a model that lands on the right patches."""

    def __init__(self, model: EncoderDecoder) -> None:
        self.model = model
        self.patch = model.config.patch
        self.channels = 3 if model.config.tokens == "channel" else 1
        #: (measure, module) -> [kinds, heads, channels], sums over queries of the mass on the group
        self.sums: dict[tuple[str, str], NDArray[np.float64]] = {}
        self.uniform = np.zeros(len(KINDS))
        self.queries = np.zeros(len(KINDS))
        #: module -> [kinds, heads], sums of the mass on other shapes, over queries that have some
        self.others: dict[str, NDArray[np.float64]] = {}
        self.others_uniform = np.zeros(len(KINDS))
        self.others_ideal = np.zeros(len(KINDS))
        self.others_queries = np.zeros(len(KINDS))

    @torch.no_grad()
    def add(self, batch: ShapesBatch) -> None:
        """Run the model on a batch and take in where its cross-attention went."""
        queries, keys, cover = group_patches(batch, self.patch)
        others, ideal = patches_of_others(batch, queries, cover)
        asking = others.any(axis=3)
        self.others_queries += asking.sum(axis=(0, 2))
        self.others_uniform += others.mean(axis=3).sum(axis=(0, 2))
        self.others_ideal += (asking * ideal[..., None]).sum(axis=(0, 2))
        elsewhere = torch.from_numpy(others).float()
        with capture_attention(self.model) as weights:
            names = [n for n, _ in self.model.named_modules() if n.endswith("cross_attention")]
            with capture_outputs(self.model, [f"{name}.value" for name in names]) as values:
                paint_levels(self.model, batch)
        asked = torch.from_numpy(queries).double()
        held = torch.from_numpy(keys).double()
        self.queries += queries.sum(axis=(0, 2))
        self.uniform += (queries.sum(axis=2) * keys.mean(axis=2)).sum(axis=0)
        for name in names:
            attention = self.model.get_submodule(name)
            output = attention.get_submodule("output").get_parameter("weight").detach()
            found = {
                "weights": weights[name],
                "value_weighted": value_weighted(weights[name], values[f"{name}.value"], output),
            }
            whole = weights[name].float().cpu().unflatten(-1, (self.channels, -1)).sum(dim=-2)
            on_others = torch.einsum("bhqk,bnqk->nh", whole, elsewhere).double().numpy()
            self.others[name] = self.others.get(name, 0) + on_others
            for measure, mass in found.items():
                # The keys of channel tokens are all patches of red, then of green, then of blue.
                split = mass.double().cpu().unflatten(-1, (self.channels, -1))
                on_group = torch.einsum("bhqck,bnk,bnq->nhc", split, held, asked).numpy()
                total = self.sums.setdefault((measure, name), np.zeros_like(on_group))
                total += on_group

    def result(self) -> dict[str, Any]:
        """Summarise: shares of attention by kind, for uniform attention and each layer and head."""
        asked = np.maximum(self.queries, 1)
        uniform = self.uniform / asked
        layers: dict[str, Any] = {}
        best: dict[str, dict[str, Any]] = {"weights": {}, "value_weighted": {}}
        for (measure, name), total in self.sums.items():
            share = total / asked[:, None, None]
            entry: dict[str, Any] = {}
            for index, kind in enumerate(KINDS):
                heads = share[index].sum(axis=1)
                entry[kind] = {"heads": [round(float(x), 4) for x in heads]}
                if self.channels > 1:
                    entry[kind]["heads_by_channel"] = share[index].round(4).tolist()
                _keep_best(best[measure], kind, heads, name)
            layers.setdefault(name, {})[measure] = entry
        alone = np.maximum(self.others_queries, 1)
        best["others"] = {}
        for name, mass in self.others.items():
            share = mass / alone[:, None]
            layers[name]["others"] = {
                kind: {"heads": [round(float(x), 4) for x in share[index]]}
                for index, kind in enumerate(KINDS)
            }
            for index, kind in enumerate(KINDS):
                _keep_best(best["others"], kind, share[index], name)
        return {
            "others_uniform": _by_kind(self.others_uniform / alone),
            "others_ideal": _by_kind(self.others_ideal / alone),
            "uniform": _by_kind(uniform),
            "best": best,
            "layers": layers,
        }
