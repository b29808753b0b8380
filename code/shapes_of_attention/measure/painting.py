"""Images in batches, and what a model paints for them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shapes_of_attention.data import ShapesBatch, ShapesConfig, make_shapes

__all__ = ["batches", "paint_levels"]


def batches(
    *, images: int, seed: int, config: ShapesConfig, size: int = 64
) -> Iterator[ShapesBatch]:
    """Make `images` images in batches of at most `size`."""
    for start in range(0, images, size):
        yield make_shapes(range(start, min(start + size, images)), seed=seed, config=config)


@torch.no_grad()
def paint_levels(model: nn.Module, batch: ShapesBatch, **options: Any) -> NDArray[np.float32]:
    """Let a model paint a batch: float32 [batch, 3, size, size], levels clipped to 0 ... 255."""
    device = next(model.parameters()).device
    image = torch.from_numpy(batch.image).to(device).float() / 255
    painted: NDArray[np.float32] = (
        (model(image, **options).float() * 255).clamp(0, 255).cpu().numpy()
    )
    return painted
