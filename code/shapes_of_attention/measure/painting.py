"""Images in batches, and what a model paints for them."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shapes_of_attention.data import ShapesBatch, ShapesConfig, make_shapes

__all__ = ["batches", "paint_levels"]


def batches(
    *, images: int, seed: int, config: ShapesConfig, size: int = 64
) -> Iterator[ShapesBatch]:
    """Make `images` images in batches of at most `size`."""
    for start in range(0, images, size):
        yield make_shapes(range(start, min(start + size, images)), seed=seed, config=config)


@torch.no_grad()
def paint_levels(model: nn.Module, batch: ShapesBatch, **options: Tensor) -> NDArray[np.float32]:
    """Let a model paint a batch: float32 [batch, 3, size, size], levels clipped to 0 ... 255.

    `options`, as a `memory_mask`, go to the model, on its device.
    """
    device = next(model.parameters()).device
    options = {name: option.to(device) for name, option in options.items()}
    image = torch.from_numpy(batch.image).to(device).float() / 255
    painted: NDArray[np.float32] = (
        (model(image, **options).float() * 255).clamp(0, 255).cpu().numpy()
    )
    return painted
