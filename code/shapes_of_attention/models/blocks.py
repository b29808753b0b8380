"""The repeated parts of a transformer: attention and a small network for each token, in turn.

Each part normalises its input and adds its result to the stream ("pre-norm").
"""

from torch import Tensor, nn

from shapes_of_attention.models.attention import Attention
from shapes_of_attention.models.experts import MixtureConfig, MixtureOfExperts

__all__ = ["DecoderBlock", "EncoderBlock", "FeedForward"]


class FeedForward(nn.Module):
    """Work on each token alone: [batch, tokens, dim] -> the same."""

    def __init__(self, *, dim: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(dim, hidden)
        self.activation = nn.GELU()
        self.contract = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.contract(self.activation(self.expand(x)))


class EncoderBlock(nn.Module):
    """Self-attention, then a feed-forward network: [batch, tokens, dim] -> the same.

    With `mixture`, a mixture of experts stands in the network's place.
    """

    def __init__(
        self, *, dim: int, heads: int, hidden: int, mixture: MixtureConfig | None = None
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = Attention(dim=dim, heads=heads)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = _feed_forward(dim, hidden, mixture)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, rotary: Tensor | None = None
    ) -> Tensor:
        x = x + self.attention(self.attention_norm(x), mask=mask, rotary=rotary)
        return x + self.feed_forward(self.feed_forward_norm(x))


class DecoderBlock(nn.Module):
    """Self-attention among the queries, cross-attention to a memory, a feed-forward network.

    `queries` [batch, queries, dim] and `memory` [batch, keys, dim] -> [batch, queries, dim]. Either
    attention can be left out. With `mixture`, a mixture of experts stands in the network's place.
    """

    def __init__(
        self,
        *,
        dim: int,
        heads: int,
        hidden: int,
        self_attention: bool = True,
        cross_attention: bool = True,
        mixture: MixtureConfig | None = None,
    ) -> None:
        super().__init__()
        self.self_attention: Attention | None = None
        self.cross_attention: Attention | None = None
        if self_attention:
            self.self_attention_norm = nn.LayerNorm(dim)
            self.self_attention = Attention(dim=dim, heads=heads)
        if cross_attention:
            self.cross_attention_norm = nn.LayerNorm(dim)
            self.cross_attention = Attention(dim=dim, heads=heads)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = _feed_forward(dim, hidden, mixture)

    def forward(
        self,
        queries: Tensor,
        memory: Tensor,
        *,
        memory_mask: Tensor | None = None,
        rotary: Tensor | None = None,
        memory_rotary: Tensor | None = None,
    ) -> Tensor:
        x = queries
        if self.self_attention is not None:
            x = x + self.self_attention(self.self_attention_norm(x), rotary=rotary)
        if self.cross_attention is not None:
            x = x + self.cross_attention(
                self.cross_attention_norm(x),
                memory,
                mask=memory_mask,
                rotary=rotary,
                context_rotary=memory_rotary,
            )
        return x + self.feed_forward(self.feed_forward_norm(x))


def _feed_forward(dim: int, hidden: int, mixture: MixtureConfig | None) -> nn.Module:
    return FeedForward(dim=dim, hidden=hidden) if mixture is None else MixtureOfExperts(mixture)
