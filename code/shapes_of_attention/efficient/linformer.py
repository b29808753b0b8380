"""Linformer: the keys and values of all tokens are summed up in a few.

A learned matrix turns n keys into `rank` mixtures of keys, another one the values alike. Each query
then looks at the mixtures.

Source: "Linformer: self-attention with linear complexity", arXiv 2006.04768.
"""

import torch
from torch import Tensor, nn

from shapes_of_attention.efficient.inputs import check_inputs
from shapes_of_attention.models.attention import explicit_attention

__all__ = ["LinformerAttention", "linformer_attention"]


def linformer_attention(
    query: Tensor, key: Tensor, value: Tensor, *, to_keys: Tensor, to_values: Tensor
) -> Tensor:
    """Attend to mixtures of tokens: softmax(Q (E K)^T / sqrt(d)) F V.

    Takes time and memory in proportion to tokens x rank. There is no causal form: each mixture
    holds tokens from everywhere. Identity matrices give full attention.

    Parameters
    ----------
    query, key, value : [batch, heads, tokens, head_dim]
    to_keys, to_values : [rank, tokens], E and F of the paper.

    Returns
    -------
    [batch, heads, tokens, head_dim]

    Raises
    ------
    ValueError
        If shapes do not match.
    """
    check_inputs(query, key, value)
    for name, matrix in (("to_keys", to_keys), ("to_values", to_values)):
        if matrix.ndim != 2 or matrix.shape[1] != key.shape[2] or not len(matrix):
            raise ValueError(
                f"{name} must be [rank, {key.shape[2]}] for {key.shape[2]} tokens, "
                f"got {tuple(matrix.shape)}"
            )
    if to_keys.shape != to_values.shape:
        raise ValueError(
            f"to_keys and to_values must have one shape, "
            f"got {tuple(to_keys.shape)} and {tuple(to_values.shape)}"
        )
    return explicit_attention(query, to_keys @ key, to_values @ value)[0]


class LinformerAttention(nn.Module):
    """Linformer with learned projections, shared by all heads; made for one length.

    Parameters
    ----------
    tokens : the length; no other will do.
    rank : number of mixtures.
    """

    def __init__(self, *, tokens: int, rank: int) -> None:
        super().__init__()
        if not 1 <= rank <= tokens:
            raise ValueError(f"rank must be from 1 to tokens={tokens}, got {rank}")
        # As random projections begin: an expected length of 1 for a projected unit vector.
        self.to_keys = nn.Parameter(torch.randn(rank, tokens) / rank**0.5)
        self.to_values = nn.Parameter(torch.randn(rank, tokens) / rank**0.5)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend: query, key and value [batch, heads, tokens, head_dim] -> the same."""
        return linformer_attention(
            query, key, value, to_keys=self.to_keys, to_values=self.to_values
        )
