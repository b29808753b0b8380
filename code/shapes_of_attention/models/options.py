"""Check what a configuration or a command asks of a model, and the shape of what it is to read."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from typing import Any

from torch import Tensor

__all__ = ["check_heads", "check_images", "check_options", "check_series", "check_sizes"]


def check_options(
    name: str, options: Mapping[str, Any] | None, defaults: Mapping[str, Any]
) -> None:
    """Check that a model and its options exist.

    `defaults` maps the name of every model to its configuration, a dataclass, as it is by default.

    Raises
    ------
    ValueError
        For an unknown name or option.
    """
    if name not in defaults:
        raise ValueError(f"no model {name!r}; there are {', '.join(sorted(defaults))}")
    known = asdict(defaults[name])
    if unknown := sorted(set(options or {}) - set(known)):
        raise ValueError(f"{name} has no option {', '.join(unknown)}; it has {known}")


def check_sizes(config: Any, *, or_zero: Collection[str] = ()) -> None:
    """Check that every whole number of a configuration, a dataclass, is at least 1.

    Those named in `or_zero` may be 0 as well. Numbers in a tuple count; None is no number.

    Raises
    ------
    ValueError
        That names the first number at fault.
    """
    for name in (each.name for each in fields(config)):
        value = getattr(config, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not isinstance(number, int) or isinstance(number, bool):
                continue
            if name in or_zero and number < 0:
                raise ValueError(f"{name} must not be negative, got {value}")
            if name not in or_zero and number < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


def check_heads(*, dim: int, heads: int) -> None:
    """Check that a token's width can be shared evenly between the heads.

    Raises
    ------
    ValueError
        If it cannot.
    """
    if heads < 1 or dim % heads:
        raise ValueError(f"heads must divide dim, got dim={dim}, heads={heads}")


def check_images(image: Tensor, *, size: int) -> None:
    """Check that images are what a model reads: [batch, 3, size, size], `size` in pixels.

    Raises
    ------
    ValueError
        If they have another shape.
    """
    if image.shape[1:] != (3, size, size):
        raise ValueError(f"images must be [batch, 3, {size}, {size}], got {tuple(image.shape)}")


def check_series(signal: Tensor, *, length: int) -> None:
    """Check that series are what a model reads: [batch, length], `length` in samples.

    Raises
    ------
    ValueError
        If they have another shape.
    """
    if signal.ndim != 2 or signal.shape[1] != length:
        raise ValueError(f"series must be [batch, {length}], got {tuple(signal.shape)}")
