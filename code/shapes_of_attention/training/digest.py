"""The sha256 of what a checkpoint holds, which its file carries; computed without torch.

A safetensors file has no checksum of its own, and a flipped bit in a weight looks like a weight.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["Part", "digest"]


class Part(NamedTuple):
    """A tensor of a checkpoint: its name, its type as in float32, its sizes, and its bytes."""

    name: str
    dtype: str
    sizes: Sequence[int]
    content: memoryview


def digest(parts: Iterable[Part], note: str) -> str:
    """Compute the sha256 of a checkpoint's note and of its tensors' names, types, sizes, values."""
    found = hashlib.sha256(note.encode())
    for part in sorted(parts, key=lambda part: part.name):
        # A type is written as torch writes it: files have been hashed so from the first.
        found.update(f"\n{part.name} torch.{part.dtype} {list(part.sizes)}\n".encode())
        found.update(part.content)
    return found.hexdigest()
