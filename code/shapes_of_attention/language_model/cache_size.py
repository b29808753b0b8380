"""How many bytes a cache takes, for every kind of attention."""

from dataclasses import replace
from typing import get_args

from shapes_of_attention.language_model.model import AttentionKind, LanguageModelConfig

__all__ = ["cache_bytes"]


def cache_bytes(
    model: LanguageModelConfig,
    *,
    window: int,
    tokens: int,
    sequences: int = 1,
    bytes_per_number: float = 2,
) -> dict[str, int]:
    """Count the bytes that `model` would keep with each kind of attention.

    It keeps them of `sequences` texts of `tokens` tokens. `window` is for multi-head attention that
    looks back so many tokens, and drops the keys and values of older ones.
    """
    a_token = {
        kind: replace(model, attention=kind).cached_values_per_token()
        for kind in get_args(AttentionKind)
    }
    numbers = {kind: count * tokens for kind, count in a_token.items()}
    numbers["window"] = a_token["multi-head"] * min(tokens, window)
    return {kind: round(count * sequences * bytes_per_number) for kind, count in numbers.items()}
