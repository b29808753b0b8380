"""Performer: softmax attention by random features, never comparing one token with another.

exp(q k) is the mean of exp(w q - |q|²/2) exp(w k - |k|²/2) over random directions w. With m of
them, a query and a key each become m positive numbers whose dot product estimates the exponential.
Then the order of the products can change: keys meet values first, in a matrix that does not grow.

Source: "Rethinking attention with Performers", arXiv 2009.14794.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.efficient.inputs import check_inputs

__all__ = ["PerformerAttention", "feature_logs", "orthogonal_directions", "performer_attention"]

#: Tokens that the causal form takes at once.
_CHUNK = 128


def orthogonal_directions(
    features: int, head_dim: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """Draw directions for the features: [features, head_dim].

    Each has the distribution of a vector of normal numbers. Within a group of `head_dim` they are
    at right angles to each other, so that no two of them measure the same.

    Raises
    ------
    ValueError
        If there is to be no feature, or none of its numbers.
    """
    if features < 1 or head_dim < 1:
        raise ValueError(f"features and head_dim must be at least 1, got {features}, {head_dim}")
    groups = -(-features // head_dim)
    normal = torch.randn(groups, head_dim, head_dim, generator=generator, dtype=torch.float64)
    orthogonal, triangle = torch.linalg.qr(normal)
    # The signs make the matrices uniform over all rotations; QR alone prefers some.
    orthogonal = orthogonal * triangle.diagonal(dim1=-2, dim2=-1).sign()[:, None, :]
    length = torch.randn(groups * head_dim, head_dim, generator=generator, dtype=torch.float64)
    directions = orthogonal.transpose(-2, -1).flatten(0, 1) * length.norm(dim=1, keepdim=True)
    return directions[:features].to(torch.get_default_dtype())


def feature_logs(x: Tensor, directions: Tensor) -> Tensor:
    """Give the logarithms of a query's or key's features, but for the common factor m^-1/2.

    log phi_i(x) = w_i x - |x|² / 2, with x divided by the fourth root of head_dim, so that the
    product of two has the usual scale. [batch, heads, tokens, head_dim] -> [.., tokens, features].
    """
    x = x * x.shape[-1] ** -0.25
    return x @ directions.transpose(0, 1) - x.square().sum(dim=-1, keepdim=True) / 2


def performer_attention(
    query: Tensor, key: Tensor, value: Tensor, *, directions: Tensor, causal: bool = False
) -> Tensor:
    """Estimate softmax attention: D^-1 phi(Q) (phi(K)^T V).

    Takes time and memory in proportion to tokens x features.

    Parameters
    ----------
    query, key, value : [batch, heads, tokens, head_dim]
    directions : [features, head_dim], see `orthogonal_directions`.
    causal : look back only.

    Returns
    -------
    [batch, heads, tokens, head_dim]

    Raises
    ------
    ValueError
        If shapes do not match.
    """
    check_inputs(query, key, value)
    if directions.ndim != 2 or directions.shape[1] != query.shape[-1] or not len(directions):
        raise ValueError(
            f"directions must be [features, {query.shape[-1]}], got {tuple(directions.shape)}"
        )
    query_logs, key_logs = feature_logs(query, directions), feature_logs(key, directions)
    # Taking the largest out of a query's features divides mix and sum alike: nothing changes.
    q = (query_logs - query_logs.amax(dim=-1, keepdim=True).detach()).exp()
    # A value of 1 beside the others: its mix is the sum of the weights.
    value = functional.pad(value, (0, 1), value=1.0)
    if causal:
        mixed = _look_back(q, key_logs, value)
    else:
        k = (key_logs - key_logs.amax(dim=(-2, -1), keepdim=True).detach()).exp()
        mixed = q @ (k.transpose(-2, -1) @ value)
    return mixed[..., :-1] / mixed[..., -1:].clamp_min(torch.finfo(mixed.dtype).tiny)


def _look_back(q: Tensor, key_logs: Tensor, value: Tensor) -> Tensor:
    """Mix the values up to each token, chunk by chunk, carrying one matrix along.

    Sizes are kept in range by the largest feature so far. The largest of all would do as well, but
    then the last bits of a token's mix would depend on tokens after it.

    q, key_logs : [batch, heads, tokens, features], value : [batch, heads, tokens, d].
    """
    largest = key_logs.detach().amax(dim=-1, keepdim=True)  # [batch, heads, tokens, 1]
    so_far = largest.cummax(dim=2).values
    k = (key_logs - largest).exp()
    carried = torch.zeros_like(k[:, :, 0, :, None] * value[:, :, 0, None, :])  # [.., features, d]
    level = so_far[:, :, :1]
    parts = []
    for start in range(0, q.shape[2], _CHUNK):
        here = slice(start, start + _CHUNK)
        own = (q[:, :, here] @ k[:, :, here].transpose(-2, -1)).tril()  # [.., query, key]
        size = largest[:, :, here].transpose(-2, -1) - so_far[:, :, here]
        own = own * size.clamp_max(0).exp()  # keys ahead may be larger; their weight is zero
        before = (q[:, :, here] @ carried) * (level - so_far[:, :, here]).exp()
        parts.append(own @ value[:, :, here] + before)
        last = so_far[:, :, here][:, :, -1:]
        new = (k[:, :, here] * (largest[:, :, here] - last).exp()).transpose(-2, -1)
        carried = carried * (level - last).exp() + new @ value[:, :, here]
        level = last
    return torch.cat(parts, dim=2)


class PerformerAttention(nn.Module):
    """Performer attention with directions drawn once and kept with the weights.

    Parameters
    ----------
    head_dim : width of a query.
    features : number of random features; more estimate better.
    causal : look back only.
    seed : of the directions.
    """

    def __init__(
        self, *, head_dim: int, features: int, causal: bool = False, seed: int = 0
    ) -> None:
        super().__init__()
        self.causal = causal
        generator = torch.Generator().manual_seed(seed)
        drawn = orthogonal_directions(features, head_dim, generator=generator)
        self.directions: Tensor
        self.register_buffer("directions", drawn)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend: query, key and value [batch, heads, tokens, head_dim] -> the same."""
        return performer_attention(
            query, key, value, directions=self.directions, causal=self.causal
        )
