"""The sha256 of what a checkpoint holds, which its file carries; computed without torch.

A safetensors file has no checksum of its own, and a flipped bit in a weight looks like a weight.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

__all__ = ["Part", "digest", "verified_note"]


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


def verified_note(metadata: Mapping[str, str], parts: Iterable[Part]) -> str:
    """Give the note of a checkpoint, once it is known to hold what was written to it.

    Raises
    ------
    ValueError
        That says what is wrong, for who knows the file to name it.
    """
    if not {"note", "sha256"} <= metadata.keys():
        raise ValueError("carries no note, so this project did not write it")
    if digest(parts, metadata["note"]) != metadata["sha256"]:
        raise ValueError("damaged: it does not hold what was written to it")
    return metadata["note"]
