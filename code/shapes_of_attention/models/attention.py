"""Multi-head attention with two paths that agree: an explicit one, whose weights show, a fused one.

Source: "Attention is all you need", arXiv 1706.03762.
"""

import math
from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.models.options import check_heads
from shapes_of_attention.models.positions import rotate

__all__ = ["Attention", "causal_mask", "explicit_attention"]


def causal_mask(
    queries: int, keys: int | None = None, *, device: torch.device | None = None
) -> Tensor:
    """Say which keys each query may see if none may look ahead: bool [queries, keys].

    The queries are the last of the `keys` tokens; all of them when `keys` is not given.
    """
    keys = queries if keys is None else keys
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(diagonal=keys - queries)


def explicit_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    mask: Tensor | None = None,
    softmax: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Mix the values by how well each query matches each key, step by step.

    Parameters
    ----------
    query : [batch, heads, query, head_dim]
    key, value : [batch, heads, key, head_dim]
    mask : bool, two to four axes that broadcast to [batch, heads, query, key]; True where a query
        may look. A query that may look nowhere gets zeros.
    softmax : what turns scores into weights along the last axis.

    Returns
    -------
    The mix [batch, heads, query, head_dim] and the weights [batch, heads, query, key].
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        # The lowest finite number rather than -inf: a row without any key stays free of NaN.
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = softmax(scores) if softmax else scores.softmax(dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0)
    return weights @ value, weights


def _fused_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Do the same in one step that never holds all weights (FlashAttention, arXiv 2205.14135)."""
    if query.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        # On a processor the fused step is slow in bfloat16 (backwards five times); this one is not.
        return explicit_attention(query, key, value, mask=mask)[0]
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)


class Attention(nn.Module):
    """Let each token of `x` gather from the tokens of a context: its own sequence, or another one.

    With `context` left out this is self-attention; with the encoder's output as context it is
    cross-attention. The two differ in nothing else.

    Parameters
    ----------
    dim : width of a token.
    heads : number of heads; must divide `dim`.
    context_dim : width of a context token; `dim` when not given.
    """

    def __init__(self, *, dim: int, heads: int, context_dim: int | None = None) -> None:
        super().__init__()
        check_heads(dim=dim, heads=heads)
        context_dim = context_dim or dim
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(context_dim, dim)
        self.value = nn.Linear(context_dim, dim)
        # A module of its own, so that a hook on it sees the weights.
        self.softmax = nn.Softmax(dim=-1)
        self.output = nn.Linear(dim, dim)
        #: True takes the explicit path, in which the weights exist; see `capture_attention`.
        self.explicit = False

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        rotary: Tensor | None = None,
        context_rotary: Tensor | None = None,
    ) -> Tensor:
        """Attend.

        Parameters
        ----------
        x : [batch, query, dim]
        context : [batch, key, context_dim]; `x` itself when not given.
        mask : bool, two to four axes that broadcast to [batch, heads, query, key]; True where a
            query may look.
        rotary, context_rotary : [query, head_dim / 2] and [key, head_dim / 2], the angles by which
            queries and keys are turned (`positions.rotary_angles`).

        Returns
        -------
        [batch, query, dim]
        """
        if context is None:
            context, context_rotary = x, rotary
        query = rearrange(self.query(x), "b q (h d) -> b h q d", h=self.heads)
        key = rearrange(self.key(context), "b k (h d) -> b h k d", h=self.heads)
        value = rearrange(self.value(context), "b k (h d) -> b h k d", h=self.heads)
        if rotary is not None:
            query = rotate(query, rotary)
        if context_rotary is not None:
            key = rotate(key, context_rotary)
        if self.explicit:
            mixed, _ = explicit_attention(query, key, value, mask=mask, softmax=self.softmax)
        else:
            mixed = _fused_attention(query, key, value, mask)
        return self.output(rearrange(mixed, "b h q d -> b q (h d)"))
