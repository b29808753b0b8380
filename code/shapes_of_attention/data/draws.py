"""From a counter's uniform numbers to what a generator of data asks for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["between", "checked_indices", "pick"]


def checked_indices(
    indices: Sequence[int] | NDArray[np.integer], *, seed: int
) -> NDArray[np.int64]:
    """Return indices [batch] as an array, when they and the seed are fit for `uniform_draws`.

    Raises
    ------
    ValueError
        When indices are not a one-dimensional sequence of non-negative integers, or the seed is
        not from 0 to 2**63 - 1.
    """
    array = np.asarray(indices)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ValueError(
            f"indices must be a one-dimensional sequence of integers, "
            f"got {array.dtype} of shape {array.shape}"
        )
    if array.size and array.min() < 0:
        raise ValueError(f"indices must not be negative, got {array.min()}")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed must be from 0 to 2**63 - 1, got {seed}")
    return array.astype(np.int64)


def pick(draw: NDArray[np.float32], number: int) -> NDArray[np.int64]:
    """Map [0, 1) to 0 ... number - 1."""
    return np.minimum((draw * number).astype(np.int64), number - 1)


def between(draw: NDArray[np.float32], bounds: tuple[float, float]) -> NDArray[np.float32]:
    """Map [0, 1) to the range from the lower bound to the upper one."""
    low, high = bounds
    return (low + draw * np.float32(high - low)).astype(np.float32)
