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
from shapes_of_attention.data.measure import interior_means, patch_cover
from shapes_of_attention.data.rules import same_group
from shapes_of_attention.models import (
    EncoderDecoder,
    capture_attention,
    capture_outputs,
)
from shapes_of_attention.training.measures import paint_levels

__all__ = [
    "AttentionScore",
    "Intervention",
    "group_patches",
    "patches_of_others",
    "value_weighted",
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


class Intervention:
    """Hides one shape of a group from the cross-attention's keys and watches the others' colour.

    For each image one shape is hidden, taken from the groups with two or more kept shapes. `slope`
    is that of the painted change against the change of the true mean, through the origin, over
    those shapes of the group that share no patch with the hidden one; `slope_all` is over all.
    """

    def __init__(self, model: EncoderDecoder) -> None:
        self.model = model
        self.patch = model.config.patch
        self.channels = 3 if model.config.tokens == "channel" else 1
        self.expected: list[NDArray[np.float32]] = []
        self.observed: list[NDArray[np.float32]] = []
        self.kinds: list[NDArray[np.int8]] = []
        self.apart: list[NDArray[np.bool_]] = []

    def add(self, batch: ShapesBatch) -> None:
        """Paint a batch with and without one shape in sight."""
        same = same_group(batch.kind, batch.kept)
        size = same.sum(axis=2)
        rows = np.flatnonzero((size >= 2).any(axis=1))
        if len(rows) == 0:
            return
        # Prefer shapes seldom chosen first otherwise: the slot walks on from image to image.
        slots = batch.kind.shape[1]
        order = (np.arange(slots)[None, :] + rows[:, None]) % slots
        able = np.take_along_axis(size[rows] >= 2, order, axis=1)
        hidden = np.take_along_axis(order, able.argmax(axis=1)[:, None], axis=1)[:, 0]

        _, _, cover = group_patches(batch, self.patch)
        touched = cover >= KEY_PIXELS  # [batch, slots, patches]
        seen = np.ones((len(batch), touched.shape[2]), dtype=np.bool_)
        seen[rows] = ~touched[rows, hidden]
        mask = torch.from_numpy(np.tile(seen, (1, self.channels)))[:, None, None, :]

        before = interior_means(paint_levels(self.model, batch), batch)
        after = interior_means(paint_levels(self.model, batch, memory_mask=mask), batch)
        others = same[rows, hidden]
        others[np.arange(len(rows)), hidden] = False
        row, slot = np.nonzero(others)
        image = rows[row]
        count = size[image, slot][:, None]
        mean = batch.group_mean[image, slot]
        without = (mean * count - batch.colour[image, hidden[row]]) / (count - 1)
        self.expected.append(without - mean)
        self.observed.append((after - before)[image, slot])
        self.kinds.append(batch.kind[image, slot])
        shared = (touched[image, slot] & touched[image, hidden[row]]).any(axis=1)
        self.apart.append(~shared)

    def result(self) -> dict[str, Any]:
        """Summarise: slopes and the number of shapes they rest on."""
        if not self.expected:
            return {}
        expected, observed = np.concatenate(self.expected), np.concatenate(self.observed)
        kinds, apart = np.concatenate(self.kinds), np.concatenate(self.apart)

        def slope(chosen: NDArray[np.bool_]) -> float:
            x, y = expected[chosen].ravel(), observed[chosen].ravel()
            return round(float((x * y).sum() / max(float((x * x).sum()), 1e-12)), 4)

        everything = np.ones_like(apart)
        x, y = expected[apart].ravel(), observed[apart].ravel()
        return {
            "slope": slope(apart),
            "slope_all": slope(everything),
            "slope_by_kind": {k: slope(apart & (kinds == i)) for i, k in enumerate(KINDS)},
            "correlation": round(float(np.corrcoef(x, y)[0, 1]), 4) if y.any() else 0.0,
            "shapes": int(apart.sum()),
            "shapes_all": len(apart),
        }
