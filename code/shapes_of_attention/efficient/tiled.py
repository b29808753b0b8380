"""Full attention tile by tile, as FlashAttention does it, and what either way moves in memory.

A processor works on what lies in its fast memory, which is small. Attention step by step writes all
scores to the slow memory and reads them again. Tile by tile they are used where they are made. A
running maximum and a running sum keep the softmax exact.

Sources: FlashAttention (arXiv 2205.14135); the running softmax, arXiv 1805.02867.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

__all__ = ["SlowMemory", "online_attention", "step_by_step", "tile_by_tile"]


def online_attention(query: Tensor, tiles: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """Let queries meet one tile of keys and values after another: full attention over all tiles.

    Parameters
    ----------
    query : [..., queries, head_dim]
    tiles : at least one pair of keys [..., keys, head_dim] and values [..., keys, value_dim].

    Returns
    -------
    [..., queries, value_dim], what softmax over the keys of all tiles at once would give.

    Raises
    ------
    ValueError
        If there is no tile.
    """
    largest = torch.full_like(query[..., :1], -torch.inf)  # score so far, a number a query
    total: Tensor | float = 0.0  # of exponentials so far, each relative to the largest
    mix: Tensor | float = 0.0  # of values so far, each times its exponential
    for key, value in tiles:
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # [..., queries, keys]
        highest = torch.maximum(largest, scores.amax(dim=-1, keepdim=True))
        shrink = (largest - highest).exp()  # what was gathered is relative to the old maximum
        powers = (scores - highest).exp()
        total = shrink * total + powers.sum(dim=-1, keepdim=True)
        mix = shrink * mix + powers @ value
        largest = highest
    if isinstance(mix, float):
        raise ValueError("there is no tile to meet")
    return mix / total


@dataclass
class SlowMemory:
    """A large memory that counts the numbers moved between it and the fast one.

    `moved` has a count for each sort of thing that was read or written.
    """

    moved: dict[str, int] = field(default_factory=dict)

    def move(self, what: str, x: Tensor) -> Tensor:
        """Read a tensor into the fast memory, or write it back: [...] -> the same."""
        self.moved[what] = self.moved.get(what, 0) + x.numel()
        return x

    @property
    def total(self) -> int:
        """All numbers moved, either way."""
        return sum(self.moved.values())


def step_by_step(query: Tensor, key: Tensor, value: Tensor, memory: SlowMemory) -> Tensor:
    """Attend in three steps, each of which reads its inputs and writes its result.

    query, key, value : [tokens, head_dim], in slow memory -> [tokens, head_dim]
    """
    q, k = memory.move("queries", query), memory.move("keys and values", key)
    scores = memory.move("scores", q @ k.T / math.sqrt(q.shape[-1]))
    weights = memory.move("weights", memory.move("scores", scores).softmax(dim=-1))
    v = memory.move("keys and values", value)
    return memory.move("answers", memory.move("weights", weights) @ v)


def tile_by_tile(
    query: Tensor, key: Tensor, value: Tensor, memory: SlowMemory, *, rows: int, tile: int
) -> Tensor:
    """Attend with `rows` queries at a time, each meeting `tile` keys at a time.

    query, key, value : [tokens, head_dim], in slow memory -> [tokens, head_dim]. What queries
    gather stays in fast memory until their answers are written.

    Raises
    ------
    ValueError
        If there are no rows or keys to take at a time.
    """
    if rows < 1 or tile < 1:
        raise ValueError(f"rows and tile must be at least 1, got {rows} and {tile}")
    answers = []
    for few in query.split(rows):
        q = memory.move("queries", few)
        tiles = (
            (memory.move("keys and values", k), memory.move("keys and values", v))
            for k, v in zip(key.split(tile), value.split(tile), strict=True)
        )
        answers.append(memory.move("answers", online_attention(q, tiles)))
    return torch.cat(answers)
