"""The two rules that turn an input into its target: the red filter and the group mean."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["FILLED_CIRCLE", "KINDS", "group_means", "kept_shapes", "red_dominant", "same_group"]

KINDS = ("filled circle", "hollow circle", "filled rectangle", "hollow rectangle")
FILLED_CIRCLE = 0


def red_dominant(colour: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which colours have more red than green and more red than blue: [..., 3] -> [...]."""
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    return (red > green) & (red > blue)


def kept_shapes(
    kind: NDArray[np.int8], colour: NDArray[np.float32], *, red_filter: bool = True
) -> NDArray[np.bool_]:
    """Tell which slots hold a shape that counts: every kind but filled circles is always kept.

    `kind` [batch, slots] is -1 in empty slots; `colour` is [batch, slots, 3].
    """
    present = kind >= 0
    if not red_filter:
        return present
    return present & ((kind != FILLED_CIRCLE) | red_dominant(colour))


def same_group(kind: NDArray[np.int8], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which shapes share a mean: both kept and of one kind.

    `kind` and `kept` [batch, slots] -> [batch, slots, slots].
    """
    return (kind[:, :, None] == kind[:, None, :]) & kept[:, :, None] & kept[:, None, :]


def group_means(
    kind: NDArray[np.int8], colour: NDArray[np.float32], kept: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Give every kept shape the mean colour of the kept shapes of its own kind.

    Shapes: `kind` and `kept` [batch, slots], `colour` [batch, slots, 3] -> [batch, slots, 3],
    NaN where a shape is not kept.
    """
    same = same_group(kind, kept)
    total = same.astype(np.float32) @ colour
    number = same.sum(axis=2, keepdims=True)
    mean = total / np.maximum(number, 1)
    return np.where(kept[:, :, None], mean, np.float32(np.nan)).astype(np.float32)
