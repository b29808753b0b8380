"""One picture asks another: queries from one image, keys and values from a second."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from shapes_of_attention.data import ShapesBatch
from shapes_of_attention.measure.colours import kind_means
from shapes_of_attention.measure.regions import interior_means
from shapes_of_attention.models import EncoderDecoder
from shapes_of_attention.models.patches import unpatchify

__all__ = ["paint_from_another", "painted_and_asked"]


@torch.no_grad()
def paint_from_another(
    model: EncoderDecoder, asking: ShapesBatch, asked: ShapesBatch, *, layer: int
) -> NDArray[np.float32]:
    """Paint `asking`, with the memory of `asked` in one decoder layer, counted from 0.

    The other layers ask the memory of `asking` itself. -> [batch, 3, size, size] in levels.
    """
    image, other = (torch.from_numpy(b.image).float() / 255 for b in (asking, asked))
    own, foreign = model.encode(image), model.encode(other)
    queries = model.decoder_positions(model.decoder_embedding(image))
    for number, block in enumerate(model.decoder):
        queries = block(
            queries,
            foreign if number == layer else own,
            rotary=model.rotary,
            memory_rotary=model.memory_rotary,
        )
    patches = model.paint(model.decoder_norm(queries))
    painted = unpatchify(patches, patch=model.config.patch, rows=model.grid)
    levels: NDArray[np.float32] = (painted * 255).clamp(0, 255).numpy()
    return levels


def painted_and_asked(
    painted: NDArray[np.float32], asking: ShapesBatch, asked: ShapesBatch
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Compare shapes of `asking` that have their kind in `asked`, one a row, [shapes, 3] each.

    -> the painted colour, the kind's mean in `asked`, the kind's mean in `asking`.
    """
    rows, slots = np.nonzero(asking.kept)
    kinds = asking.kind[rows, slots]
    theirs = kind_means(asked)[rows, kinds]
    found = ~np.isnan(theirs[:, 0])
    own = kind_means(asking)[rows, kinds]
    return interior_means(painted, asking)[rows, slots][found], theirs[found], own[found]
