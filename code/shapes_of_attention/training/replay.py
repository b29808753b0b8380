"""Record a training step on a graphics card, and replay it.

A step of a small model is some hundred short kernels. Launched one by one from Python they keep the
card waiting; recorded once, they are launched together (CUDA graphs).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from shapes_of_attention.data.stream import Batch

__all__ = ["Replayed"]

#: Steps that are taken as they come: what is set up on first use must not be recorded.
_FIRST_STEPS = 3


class Replayed:
    """A step that is recorded after a few times and replayed from then on.

    Parameters
    ----------
    step : takes a batch on the card, changes the model, and gives the loss. It does the same work
        for every batch of one shape, and its optimiser can be recorded.
    """

    def __init__(self, step: Callable[[Batch], Tensor]) -> None:
        self.step = step
        self.taken = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.batch: Batch = ()
        self.loss = torch.zeros(())

    def __call__(self, batch: Batch) -> Tensor:
        self.taken += 1
        if self.taken <= _FIRST_STEPS:
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                loss = self.step(batch)
            torch.cuda.current_stream().wait_stream(aside)
            return loss
        if self.graph is None:
            self.batch = tuple(part.clone() for part in batch)
            self.graph = torch.cuda.CUDAGraph()
            # Recording does nothing yet: this batch's step is the first replay.
            with torch.cuda.graph(self.graph):
                self.loss = self.step(self.batch)
        for own, given in zip(self.batch, batch, strict=True):
            own.copy_(given)
        self.graph.replay()
        return self.loss
