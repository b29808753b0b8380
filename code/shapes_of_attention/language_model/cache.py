"""A cache that holds what attention needs of the tokens so far, in buffers allocated ahead."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["Cache", "CacheOverflowError", "LayerCache"]


class CacheOverflowError(ValueError):
    """More tokens were to be cached than there is room for."""


class LayerCache:
    """What one attention layer keeps.

    Parameters
    ----------
    parts : number of heads and width of each tensor kept: keys and values, or one latent.
    batch : number of sequences.
    capacity : tokens of a sequence that fit.
    """

    def __init__(
        self,
        parts: Sequence[tuple[int, int]],
        *,
        batch: int,
        capacity: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        if batch < 1 or capacity < 1:
            raise ValueError(f"batch and capacity must be positive, got {batch} and {capacity}")
        self.buffers = [
            torch.zeros(batch, heads, capacity, width, dtype=dtype, device=device)
            for heads, width in parts
        ]
        self.capacity = capacity
        self.length = 0

    def append(self, *new: Tensor) -> list[Tensor]:
        """Write the next tokens behind those already there.

        `new`: for each part [batch, heads, new tokens, width]. Returns, for each part, all tokens
        so far [batch, heads, length, width]: a view of the buffer, nothing is copied.

        Raises
        ------
        CacheOverflowError
            If they do not fit. The cache stays as it was.
        ValueError
            If the shapes are not those of the buffers.
        """
        if len(new) != len(self.buffers):
            raise ValueError(f"{len(self.buffers)} tensors are kept here, got {len(new)}")
        start = self.length
        end = start + new[0].shape[-2]
        if end > self.capacity:
            raise CacheOverflowError(
                f"the cache holds {self.capacity} tokens, {start} are there, "
                f"{end - start} more do not fit"
            )
        for buffer, tensor in zip(self.buffers, new, strict=True):
            wanted = (*buffer.shape[:2], end - start, buffer.shape[3])
            # Otherwise a batch of one would be spread over all sequences without a word.
            if tensor.shape != wanted:
                raise ValueError(f"expected a tensor {wanted}, got {tuple(tensor.shape)}")
        for buffer, tensor in zip(self.buffers, new, strict=True):
            buffer[:, :, start:end] = tensor
        self.length = end
        return [buffer[:, :, :end] for buffer in self.buffers]


class Cache:
    """The caches of all layers, filled in step."""

    def __init__(self, layers: Sequence[LayerCache]) -> None:
        if not layers:
            raise ValueError("a cache needs at least one layer")
        self.layers = list(layers)

    @property
    def length(self) -> int:
        """How many tokens of each sequence are cached."""
        return self.layers[-1].length

    @property
    def capacity(self) -> int:
        """How many tokens of each sequence fit."""
        return self.layers[0].capacity

    def rewind(self, length: int = 0) -> None:
        """Forget all tokens from position `length` on.

        Raises
        ------
        ValueError
            If fewer tokens are cached.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"{self.length} tokens are cached, cannot go back to {length}")
        for layer in self.layers:
            layer.length = length

    def bytes_per_token(self) -> float:
        """Measure the memory that one token of one sequence takes, over all layers, in bytes."""
        buffers = [buffer for layer in self.layers for buffer in layer.buffers]
        return sum(b.nbytes for b in buffers) / (self.capacity * buffers[0].shape[0])
