"""What a mixture of experts does while it is trained, and what it costs."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from shapes_of_attention.data import IMAGE_TEST_SEED, make_shapes
from shapes_of_attention.measure.flops import flops_of
from shapes_of_attention.models.experts import Routing

__all__ = ["LoadLog", "feed_forward_parameters", "forward_flops"]


class LoadLog:
    """Averages the experts' load, layer by layer, over stretches of `every` steps.

    Attributes
    ----------
    memory : all of it in terms of JSON, so that it can be kept with the state of a run: `points`,
        each with its `step` and the mean load of its `layers`, and what the next one is made of,
        the `sums` as of the last `settle`.
    """

    def __init__(self, *, every: int) -> None:
        self.every = every
        self.memory: dict[str, Any] = {"points": [], "sums": {}, "steps": 0}
        self._sums: dict[str, Tensor] = {}

    def add(self, routings: Mapping[str, Routing]) -> None:
        """Take in the routings of one step, by the layer's name.

        Sums stay on the device, always in the same place: asking for numbers at every step would
        hold it up, and a graphics card may replay this.
        """
        for name, routing in routings.items():
            load = routing.load().detach()
            if name not in self._sums:
                self._sums[name] = load.new_tensor(self.memory["sums"].get(name, [0.0] * len(load)))
            self._sums[name] += load

    def after_step(self) -> None:
        """Count a step; make a point when it is the last of its stretch."""
        if not self._sums:
            return
        memory = self.memory
        memory["steps"] += 1
        if memory["steps"] == self.every:
            self.settle()
            layers = {
                name: [round(share / self.every, 4) for share in total]
                for name, total in memory["sums"].items()
            }
            step = self.every * (len(memory["points"]) + 1)
            memory["points"].append({"step": step, "layers": layers})
            memory.update(sums={}, steps=0)
            for total in self._sums.values():
                total.zero_()

    def settle(self) -> None:
        """Bring `memory` up to date; it is in 32 bits, which JSON keeps to the last."""
        self.memory["sums"] |= {name: total.tolist() for name, total in self._sums.items()}


def feed_forward_parameters(model: nn.Module) -> int:
    """Count the parameters of all feed-forward layers, experts and routers included."""
    return sum(p.numel() for name, p in model.named_parameters() if ".feed_forward." in name)


@torch.no_grad()
def forward_flops(model: nn.Module, *, images: int = 16) -> int:
    """Count the FLOPs of the matrix products for one image, forward."""
    image = torch.from_numpy(make_shapes(range(images), seed=IMAGE_TEST_SEED).image)
    return flops_of(lambda: model(image.float() / 255)) // images
