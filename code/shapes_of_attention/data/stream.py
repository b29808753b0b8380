"""An endless stream of training batches, made by worker processes while the model computes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from shapes_of_attention.data.shapes import ShapesConfig, make_shapes

__all__ = ["ShapesStream", "shapes_loader"]


class ShapesStream(IterableDataset[tuple[Tensor, Tensor]]):
    """Batch `t` of rank `r` holds images (t * ranks + r) * batch_size and those that follow it.

    What a batch holds depends on its number alone, so a run that starts again at step t sees
    exactly what it would have seen, whatever the number of workers. Yields image and target, each
    uint8 [batch, 3, size, size].
    """

    def __init__(
        self,
        *,
        batch_size: int,
        seed: int = 0,
        config: ShapesConfig | None = None,
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
        self.batch_size = batch_size
        self.seed = seed
        self.config = config or ShapesConfig()
        self.first_step = first_step
        self.rank = rank
        self.ranks = ranks

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Make the batch of one step."""
        start = (step * self.ranks + self.rank) * self.batch_size
        made = make_shapes(
            np.arange(start, start + self.batch_size), seed=self.seed, config=self.config
        )
        return torch.from_numpy(made.image), torch.from_numpy(made.target)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        # The loader takes one batch from each worker in turn: dealing steps out keeps their order.
        offset, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.first_step + offset
        while True:
            yield self.batch(step)
            step += stride


def shapes_loader(stream: ShapesStream, *, workers: int = 1) -> DataLoader[tuple[Tensor, Tensor]]:
    """Load a stream ahead of its use in worker processes; `workers=0` makes batches on demand."""
    options: dict[str, Any] = {"prefetch_factor": 4} if workers else {}
    return DataLoader(stream, batch_size=None, num_workers=workers, **options)
