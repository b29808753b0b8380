"""What a mixture of experts does while it is trained, and what it costs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from shapes_of_attention.data import IMAGE_TEST_SEED, make_shapes
from shapes_of_attention.models.experts import GROUPED_FLOPS, Routing

__all__ = ["LoadLog", "feed_forward_parameters", "forward_flops"]


class LoadLog:
    """Averages the experts' load, layer by layer, over stretches of `every` steps.

    Attributes
    ----------
    memory : all of it in terms of JSON, so that it can be kept with the state of a run: `points`,
        each with its `step` and the mean load of its `layers`, and what the next one is made of.
    """

    def __init__(self, *, every: int) -> None:
        self.every = every
        self.memory: dict[str, Any] = {"points": [], "sums": {}, "steps": 0}

    def add(self, routings: Mapping[str, Routing]) -> None:
        """Take in the routings of one step, by the layer's name."""
        memory = self.memory
        for name, routing in routings.items():
            before = memory["sums"].get(name, 0.0)
            # In 32 bits, which JSON keeps to the last.
            total = np.float32(before) + routing.load().cpu().numpy().astype(np.float32)
            memory["sums"][name] = total.tolist()
        memory["steps"] += 1
        if memory["steps"] == self.every:
            layers = {
                name: [round(share / self.every, 4) for share in total]
                for name, total in memory["sums"].items()
            }
            step = self.every * (len(memory["points"]) + 1)
            memory["points"].append({"step": step, "layers": layers})
            memory.update(sums={}, steps=0)


def feed_forward_parameters(model: nn.Module) -> int:
    """Count the parameters of all feed-forward layers, experts and routers included."""
    return sum(p.numel() for name, p in model.named_parameters() if ".feed_forward." in name)


@torch.no_grad()
def forward_flops(model: nn.Module, *, images: int = 16) -> int:
    """Count the FLOPs of the matrix products for one image, forward."""
    image = torch.from_numpy(make_shapes(range(images), seed=IMAGE_TEST_SEED).image)
    with FlopCounterMode(display=False, custom_mapping=GROUPED_FLOPS) as counter:
        model(image.float() / 255)
    return int(counter.get_total_flops()) // images
