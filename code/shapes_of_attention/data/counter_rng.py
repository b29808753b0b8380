"""Random numbers from a counter: draw `d` of image `i` is a pure function of (seed, i, d).

A generator object carries state, so image 1000 would depend on the 999 before it. A hash of a
counter does not: any worker can make any image, alone or in a batch, and get the same one. The
hash is the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["uniform_draws"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit words so that neighbouring counters give unrelated ones (a bijection)."""
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


def uniform_draws(indices: NDArray[np.int64], *, seed: int, count: int) -> NDArray[np.float32]:
    """Give every index its own `count` uniform numbers in [0, 1).

    Parameters
    ----------
    indices : [batch], non-negative.
    seed : non-negative, below 2**63.
    count : draws an index.

    Returns
    -------
    [batch, count]
    """
    seed_key = _mix(np.array([seed], dtype=np.uint64) + _GOLDEN)
    image_key = _mix(_mix(indices.astype(np.uint64) + seed_key) + _GOLDEN)
    steps = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
    words = _mix(image_key[:, None] + steps[None, :])
    # A float32 holds 24 bits exactly, so the top 24 bits can never round up to 1.
    return (words >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
