"""Entmax: softmax's family of sparse relatives, with a learnable degree of sparsity.

alpha = 1 is softmax, 2 is sparsemax, and above 1 small scores get a weight of exactly zero. All n²
scores are still computed: entmax makes attention sharper to read, not cheaper.

Source: "Adaptively sparse Transformers", arXiv 1909.00015; sparsemax, arXiv 1602.02068.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from shapes_of_attention.efficient.inputs import check_inputs
from shapes_of_attention.models.attention import causal_mask

__all__ = ["EntmaxAttention", "entmax", "entmax_attention"]

# How often the interval of t, at most ln(keys) long, is halved, and how often the root of the
# tangent is taken then, which doubles the digits each time.
_HALVINGS = 6
_TANGENTS = {torch.float32: 4, torch.float64: 6}


def entmax(scores: Tensor, alpha: Tensor | float) -> Tensor:
    """Turn scores into weights along the last axis, some of them exactly zero.

    The paper's p = [(alpha - 1) z - tau]_+^(1 / (alpha - 1)), written with e = alpha - 1 and a
    threshold t as [1 + e (z - t)]_+^(1/e). This form has softmax, exp(z - t), as its plain limit at
    e = 0, so nothing breaks near alpha = 1. The t at which the weights add up to one is found by
    bisection and, from there, by Newton's steps: the sum is convex in t, so they never go too far.

    Parameters
    ----------
    scores : [..., keys], float32 or float64; a very low score stands for a key that is masked.
    alpha : from 1 to 2; a tensor broadcasts to [..., 1] and gets a gradient too.

    Raises
    ------
    ValueError
        If any alpha lies outside, or the scores are of another type.
    """
    alpha = torch.as_tensor(alpha, dtype=scores.dtype, device=scores.device)
    if scores.dtype not in _TANGENTS:
        raise ValueError(f"entmax needs float32 or float64, got {scores.dtype}")
    if not bool(((alpha >= 1) & (alpha <= 2)).all()):
        raise ValueError(f"alpha must be from 1 to 2, got {alpha.tolist()}")
    result: Tensor = _Entmax.apply(scores, alpha)
    return result


class _Entmax(torch.autograd.Function):
    """Entmax with the gradients worked out, as bisection has none."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, alpha: Tensor) -> Tensor:
        e, keys = _above_one(alpha), scores.shape[-1]
        # At t = max the largest weight is 1; at the upper end all weights are at most 1 / keys.
        t = scores.amax(dim=-1, keepdim=True)
        width = -torch.expm1(-e * math.log(keys)) / e
        for _ in range(_HALVINGS):
            width = width / 2
            too_much = _power(scores - (t + width), e).sum(dim=-1, keepdim=True) >= 1
            t = torch.where(too_much, t + width, t)
        for _ in range(_TANGENTS[scores.dtype]):
            lift = scores - t
            weights = _power(lift, e)
            # p^(2 - alpha) = p / (1 + e lift), where there is any p.
            slope = weights / lift.mul_(e).add_(1).masked_fill_(weights == 0, 1)
            t = t + (weights.sum(-1, keepdim=True) - 1) / slope.sum(-1, keepdim=True)
        weights = _power(scores - t, e)
        weights = weights / weights.sum(dim=-1, keepdim=True)
        ctx.save_for_backward(weights, alpha)
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        weights, alpha = ctx.saved_tensors
        e = _above_one(alpha)
        kept = weights > 0
        # s_i = p_i^(2 - alpha) on the support: how far weight i moves with its own score.
        slope = torch.where(kept, torch.where(kept, weights, 1) ** (1 - e), 0)
        total = slope.sum(dim=-1, keepdim=True)
        mean = (slope * gradient).sum(dim=-1, keepdim=True) / total
        to_scores = slope * (gradient - mean)
        if not ctx.needs_input_grad[1]:
            return to_scores, None
        # How p moves with e at a fixed t; with w = e (z - t) = p^e - 1 that is
        # p (z - t)² (w / (1 + w) - log(1 + w)) / w², for which a series serves where w is small.
        log = torch.where(kept, weights, 1).log()
        w = torch.expm1(e * log)
        small = w.abs() < 0.02
        series = sum((-1) ** n * n / (n + 1) * w ** (n - 1) for n in range(1, 9))
        exact = (slope * w - weights * e * log) / torch.where(small, 1, e) ** 2
        change = torch.where(small, weights * (w / e) ** 2 * series, exact)
        change = torch.where(kept, change, 0)
        change = change - slope * change.sum(dim=-1, keepdim=True) / total  # t moves as well
        return to_scores, (gradient * change).sum_to_size(alpha.shape)


def _above_one(alpha: Tensor) -> Tensor:
    """Give alpha - 1, at least the smallest difference that the type knows: softmax to rounding."""
    return (alpha - 1).clamp_min(torch.finfo(alpha.dtype).eps)


def _power(lift: Tensor, e: Tensor) -> Tensor:
    """Compute [1 + e lift]_+^(1/e)."""
    return (lift * e).clamp_min_(-1).log1p_().div_(e).exp_()


def entmax_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    alpha: Tensor | float,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Attend with entmax in softmax's place.

    Parameters
    ----------
    query, key, value : [batch, heads, tokens, head_dim]
    alpha : a number, or a tensor that broadcasts to [batch, heads, tokens, 1].
    mask : bool, broadcasts to [batch, heads, query, key]; every query needs one key at least.

    Returns
    -------
    The mix [batch, heads, tokens, head_dim] and the weights [batch, heads, query, key].

    Raises
    ------
    ValueError
        If shapes do not match, or for what `entmax` refuses.
    """
    check_inputs(query, key, value)
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min / 2)
    weights = entmax(scores, alpha)
    return weights @ value, weights


class EntmaxAttention(nn.Module):
    """Entmax attention in which every head learns its alpha, between 1 and 2."""

    def __init__(self, *, heads: int, causal: bool = False) -> None:
        super().__init__()
        if heads < 1:
            raise ValueError(f"heads must be at least 1, got {heads}")
        self.causal = causal
        self.raw = nn.Parameter(torch.zeros(heads))

    def alpha(self) -> Tensor:
        """Give each head's alpha: [heads], 1.5 at the start."""
        return 1 + self.raw.sigmoid()

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend: query, key and value [batch, heads, tokens, head_dim] -> the same."""
        tokens = query.shape[-2]
        mask = causal_mask(tokens, device=query.device) if self.causal else None
        alpha = self.alpha()[:, None, None]
        return entmax_attention(query, key, value, alpha=alpha, mask=mask)[0]
