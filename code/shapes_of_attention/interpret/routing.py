"""What the experts of a trained model take, and what the study of balances recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.models.experts import Routing, capture_routing

__all__ = [
    "CONTENTS",
    "choices_by_content",
    "layer_name",
    "loads_by_layer",
    "patch_contents",
    "route",
    "told_by_choice",
    "unevenness",
]

#: What a patch may show, in the numbering of `patch_contents`.
CONTENTS = ("empty", *KINDS)


@torch.no_grad()
def route(model: nn.Module, batch: ShapesBatch) -> dict[str, Routing]:
    """Let a model paint a batch and give the routing of every layer, by the layer's name."""
    with capture_routing(model) as routings:
        model(torch.from_numpy(batch.image).float() / 255)
    return routings


def patch_contents(batch: ShapesBatch, *, patch: int = 16) -> NDArray[np.int64]:
    """Tell what each patch shows most of: [batch, patches], an index into `CONTENTS`."""
    cover = patch_cover(batch, patch)  # [batch, slots, patches]
    largest = cover.argmax(axis=1)
    kind = np.take_along_axis(batch.kind, largest, axis=1).astype(np.int64)
    return np.where(cover.max(axis=1) > 0, kind + 1, 0)


def choices_by_content(routing: Routing, contents: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share out the choices of each content's patches: [contents, experts], rows add up to one."""
    experts = routing.probabilities.shape[-1]
    chosen = routing.chosen.numpy()  # [tokens, chosen]
    counts = np.zeros((len(CONTENTS), experts))
    np.add.at(counts, (contents.reshape(-1, 1), chosen), 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def told_by_choice(first: NDArray[np.int64], contents: NDArray[np.int64]) -> float:
    """Tell how much of what can be known of patches' contents their first choices tell.

    `first` and `contents` [patches], one number each. This is their mutual information over the
    entropy of `contents`: 0 when experts are chosen regardless, 1 when each serves one content.
    """
    joint = np.zeros((contents.max() + 1, first.max() + 1))
    np.add.at(joint, (contents.ravel(), first.ravel()), 1 / contents.size)
    of_contents, of_first = _entropy(joint.sum(axis=1)), _entropy(joint.sum(axis=0))
    return (of_contents + of_first - _entropy(joint)) / of_contents


def _entropy(shares: NDArray[np.float64]) -> float:
    return float(-(shares * np.log(shares, where=shares > 0, out=np.zeros_like(shares))).sum())


def unevenness(load: Sequence[float] | NDArray[np.floating[Any]]) -> float:
    """Compute how much more than its even share the busiest expert does: 0 when all do the same.

    This is MaxVio of arXiv 2408.15664.
    """
    shares = np.asarray(load, dtype=float)
    return float(shares.max() / shares.mean() - 1)


def layer_name(name: str) -> str:
    """Turn `encoder.0.feed_forward` into `encoder 1`, as readers count."""
    side, number, *_ = name.split(".")
    return f"{side} {int(number) + 1}"


def loads_by_layer(test: Mapping[str, Any], *, points: int) -> dict[str, NDArray[np.float64]]:
    """Average the load over the last `points` points of a run's test: layer -> [experts]."""
    last = test["load_over_training"][-points:]
    return {
        layer_name(name): np.mean([point["layers"][name] for point in last], axis=0)
        for name in last[0]["layers"]
    }
