"""How much of each head's attention lands on the right keys: the sums behind every score.

What is right is said by whoever asks: patches of a group, tokens of other shapes, keys far away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["AttentionShares", "Shares", "mass_on"]


def mass_on(weights: Tensor, right: Tensor) -> NDArray[np.float64]:
    """Add up attention over the keys that are right, and over queries and batch.

    Parameters
    ----------
    weights : [batch, heads, query, key]
    right : bool or 0 and 1 [batch, groups, query, key]; queries that do not ask have no key.

    Returns
    -------
    [heads, groups], summed in 64 bits.
    """
    right = right.to(weights.device, torch.float64)
    total: NDArray[np.float64] = (
        torch.einsum("bhqk,bnqk->hn", weights.double(), right).cpu().numpy()
    )
    return total


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Mean shares of attention on the right keys, over the queries that ask; 0 where none does.

    Attributes
    ----------
    modules : name of a module -> [heads, groups], parts of one.
    uniform : [groups], what attention to all keys alike would score.
    queries : [groups], how many asked.
    """

    modules: dict[str, NDArray[np.float64]]
    uniform: NDArray[np.float64]
    queries: NDArray[np.int64]


class AttentionShares:
    """Adds up, batch by batch, the attention that lands on the right keys."""

    def __init__(self) -> None:
        self._mass: dict[str, NDArray[np.float64]] = {}
        self._uniform: NDArray[np.float64] | float = 0.0
        self._queries: NDArray[np.int64] | int = 0

    def add(
        self,
        weights: Mapping[str, Tensor],
        right: NDArray[np.bool_],
        asks: NDArray[np.bool_],
    ) -> None:
        """Take in the weights of one batch.

        Parameters
        ----------
        weights : name of a module -> [batch, heads, query, key]
        right : [batch, groups, query, key], which keys are right for whom.
        asks : [batch, groups, query], the queries that count; the others are left out.
        """
        right = right & asks[..., None]
        self._queries = self._queries + asks.sum(axis=(0, 2))
        self._uniform = self._uniform + right.mean(axis=3).sum(axis=(0, 2))
        right_keys = torch.from_numpy(right).double()
        for name, weight in weights.items():
            self._mass[name] = self._mass.get(name, 0) + mass_on(weight, right_keys)

    def result(self) -> Shares:
        """Divide what was summed by the number of queries.

        Raises
        ------
        ValueError
            If no batch was added.
        """
        if not self._mass:
            raise ValueError("no attention was added, so there is nothing to share out")
        queries = np.asarray(self._queries)
        asked = np.maximum(queries, 1)
        return Shares(
            modules={name: mass / asked for name, mass in self._mass.items()},
            uniform=self._uniform / asked,
            queries=queries,
        )
