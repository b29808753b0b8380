"""What all forms of attention ask of queries, keys and values."""

from torch import Tensor

__all__ = ["check_inputs"]


def check_inputs(query: Tensor, key: Tensor, value: Tensor) -> None:
    """Raise unless all are [batch, heads, tokens, head_dim], over the same tokens.

    Values may be wider or narrower than queries and keys.

    Raises
    ------
    ValueError
        That names the shape at fault.
    """
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        if tensor.ndim != 4:
            raise ValueError(
                f"{name} must be [batch, heads, tokens, head_dim], got shape {tuple(tensor.shape)}"
            )
    if query.shape != key.shape:
        raise ValueError(
            f"query and key must have one shape, got {tuple(query.shape)} and {tuple(key.shape)}"
        )
    if value.shape[:3] != key.shape[:3]:
        raise ValueError(
            f"value must have a token for each key, got {tuple(value.shape)} for {tuple(key.shape)}"
        )
    if 0 in query.shape or 0 in value.shape:
        raise ValueError(f"no axis may be empty, got {tuple(query.shape)} and {tuple(value.shape)}")
