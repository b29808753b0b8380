"""Endless training data: batch after batch, made from indices alone."""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from shapes_of_attention.data.shapes import ShapesConfig, make_shapes

__all__ = ["Batch", "BatchStream", "load_batches", "shapes_batch"]

#: What a step learns from: tensors [batch, ...].
Batch = tuple[Tensor, ...]


class BatchStream(IterableDataset[Batch]):
    """Batch `t` of rank `r` holds examples (t * ranks + r) * batch_size and those that follow it.

    What a batch holds depends on its number alone, so a run that starts again at step t sees
    exactly what it would have seen, whatever the number of workers.

    Parameters
    ----------
    make : gives the tensors of the examples with these indices, each [batch, ...].
    batch_size : examples in a batch of one rank.
    first_step : number of the first batch.
    """

    def __init__(
        self,
        make: Callable[[NDArray[np.int64]], Batch],
        *,
        batch_size: int,
        first_step: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if first_step < 0:
            raise ValueError(f"first_step must not be negative, got {first_step}")
        if not 0 <= rank < ranks:
            raise ValueError(f"0 <= rank < ranks is needed, got rank={rank}, ranks={ranks}")
        self.make = make
        self.batch_size = batch_size
        self.first_step = first_step
        self.rank = rank
        self.ranks = ranks

    def batch(self, step: int) -> Batch:
        """Make the batch of one step."""
        start = (step * self.ranks + self.rank) * self.batch_size
        return self.make(np.arange(start, start + self.batch_size))

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        # The loader takes one batch from each worker in turn: dealing steps out keeps their order.
        offset, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.first_step + offset
        while True:
            yield self.batch(step)
            step += stride


def load_batches(stream: BatchStream, *, workers: int = 1) -> DataLoader[Batch]:
    """Load a stream ahead of its use in worker processes; `workers=0` makes batches on demand."""
    options: dict[str, Any] = {}
    if workers:
        options = {"prefetch_factor": 4, "worker_init_fn": _leave_stopping_to_the_run}
    return DataLoader(stream, batch_size=None, num_workers=workers, **options)


def _leave_stopping_to_the_run(_worker: int) -> None:
    """Ignore what asks the run to stop: it saves its state and ends its workers then.

    A terminal's interrupt, as a `timeout`, reaches all processes of a group.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def shapes_batch(
    indices: NDArray[np.int64], *, seed: int = 0, config: ShapesConfig | None = None
) -> Batch:
    """Make images and their targets, each uint8 [batch, 3, size, size]."""
    made = make_shapes(indices, seed=seed, config=config or ShapesConfig())
    return torch.from_numpy(made.image), torch.from_numpy(made.target)
