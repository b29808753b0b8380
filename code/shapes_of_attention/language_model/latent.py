"""Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): cache one small vector a token.

The paper's names: `compress` is W_DKV and W_KR side by side, `key_up` W_UK, `value_up` W_UV,
`query_down` W_DQ, `query_up` W_UQ and W_QR side by side.
"""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.language_model.cache import LayerCache
from shapes_of_attention.models.attention import causal_mask
from shapes_of_attention.models.positions import rotate

__all__ = ["LatentAttention"]


class LatentAttention(nn.Module):
    """Causal self-attention whose keys and values are worked out from a latent.

    Parameters
    ----------
    dim : width of a token.
    heads : number of heads.
    head_dim : width of a head's value, and of the part of its key that does not know its position.
    latent_dim : width of the latent from which all heads' keys and values come.
    rotary_dim : width of the key's other part, turned by position and shared by all heads.
    query_latent_dim : width of a latent for the queries; None takes them from the token itself.
    norm_epsilon : what RMSNorm adds to a latent's mean square before it takes the root.
    """

    def __init__(
        self,
        *,
        dim: int,
        heads: int,
        head_dim: int,
        latent_dim: int,
        rotary_dim: int,
        query_latent_dim: int | None = None,
        norm_epsilon: float = 1e-6,
    ) -> None:
        super().__init__()
        if min(heads, head_dim, latent_dim) < 1:
            raise ValueError(
                f"sizes must be positive: heads={heads}, head_dim={head_dim}, "
                f"latent_dim={latent_dim}"
            )
        if rotary_dim < 2 or rotary_dim % 2:
            raise ValueError(f"rotary_dim must be even, it is turned in pairs, got {rotary_dim}")
        self.heads, self.head_dim = heads, head_dim
        self.latent_dim, self.rotary_dim = latent_dim, rotary_dim
        self.scale = (head_dim + rotary_dim) ** -0.5

        self.query_down: nn.Linear | None = None
        self.query_norm: nn.RMSNorm | None = None
        if query_latent_dim is not None:
            self.query_down = nn.Linear(dim, query_latent_dim, bias=False)
            self.query_norm = nn.RMSNorm(query_latent_dim, eps=norm_epsilon)
        self.query_up = nn.Linear(
            query_latent_dim or dim, heads * (head_dim + rotary_dim), bias=False
        )
        self.compress = nn.Linear(dim, latent_dim + rotary_dim, bias=False)
        self.latent_norm = nn.RMSNorm(latent_dim, eps=norm_epsilon)
        self.key_up = nn.Linear(latent_dim, heads * head_dim, bias=False)
        self.value_up = nn.Linear(latent_dim, heads * head_dim, bias=False)
        self.output = nn.Linear(heads * head_dim, dim, bias=False)

    def cache_parts(self) -> list[tuple[int, int]]:
        """Give heads and width of what is cached: one latent with its rotary key, for all heads."""
        return [(1, self.latent_dim + self.rotary_dim)]

    def forward(self, x: Tensor, rotary: Tensor, cache: LayerCache | None = None) -> Tensor:
        """Attend: expanded over a sequence at once, absorbed where the past comes from a cache.

        Parameters
        ----------
        x : the new tokens, [batch, new, dim].
        rotary : angles of their positions, [new, rotary_dim / 2].
        cache : latents of the tokens before, to which those of the new ones are added.

        Returns
        -------
        [batch, new, dim]
        """
        query, memory = self.project(x, rotary)
        if cache is None:
            return self.expanded(query, memory)
        (seen,) = cache.append(memory)
        if seen.shape[2] == x.shape[1] > 1:
            # The first pass has no past. Many queries at once are cheaper with narrow keys.
            return self.expanded(query, memory)
        return self.absorbed(query, seen)

    def project(self, x: Tensor, rotary: Tensor) -> tuple[Tensor, Tensor]:
        """Make what both forms need.

        Returns
        -------
        query
            [batch, heads, new, head_dim + rotary_dim], the latter part turned.
        memory
            What is cached: latent and turned rotary key, [batch, 1, new, latent_dim + rotary_dim].
        """
        asking = x
        if self.query_down is not None and self.query_norm is not None:
            asking = self.query_norm(self.query_down(x))
        query = rearrange(self.query_up(asking), "b n (h d) -> b h n d", h=self.heads)
        content, position = query.split([self.head_dim, self.rotary_dim], dim=-1)
        query = torch.cat([content, rotate(position, rotary)], dim=-1)

        compressed = rearrange(self.compress(x), "b n c -> b 1 n c")
        latent, position = compressed.split([self.latent_dim, self.rotary_dim], dim=-1)
        return query, torch.cat([self.latent_norm(latent), rotate(position, rotary)], dim=-1)

    def expanded(self, query: Tensor, memory: Tensor) -> Tensor:
        """Work out every head's keys and values, then attend as usual: -> [batch, new, dim].

        `query` and `memory` as `project` makes them; memory may hold earlier tokens too.
        """
        latent, position = memory.split([self.latent_dim, self.rotary_dim], dim=-1)
        latent = latent.squeeze(1)
        key = rearrange(self.key_up(latent), "b n (h d) -> b h n d", h=self.heads)
        value = rearrange(self.value_up(latent), "b n (h d) -> b h n d", h=self.heads)
        key = torch.cat([key, position.expand(-1, self.heads, -1, -1)], dim=-1)
        # The fused step wants values as wide as keys; the zeros change nothing.
        mixed = _attend(query, key, functional.pad(value, (0, self.rotary_dim)), self.scale)
        return self.output(rearrange(mixed[..., : self.head_dim], "b h n d -> b n (h d)"))

    def absorbed(self, query: Tensor, memory: Tensor) -> Tensor:
        """Attend to the latents themselves, no key or value is worked out: -> [batch, new, dim].

        q . (W_UK c) = (W_UK^T q) . c: the up-projection of the keys goes into the query, and that
        of the values waits until the latents are mixed.
        """
        key_up = rearrange(self.key_up.weight, "(h d) c -> h d c", h=self.heads)
        value_up = rearrange(self.value_up.weight, "(h d) c -> h c d", h=self.heads)
        content, position = query.split([self.head_dim, self.rotary_dim], dim=-1)
        query = torch.cat([content @ key_up, position], dim=-1)  # [b, h, n, latent + rotary]
        # All heads ask one and the same key, as in multi-query attention; it is the value as well.
        mixed = _attend_shared(query, memory, self.scale)[..., : self.latent_dim]
        return self.output(rearrange(mixed @ value_up, "b h n d -> b n (h d)"))


def _attend(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    new, length = query.shape[2], key.shape[2]
    mask = None if new in (1, length) else causal_mask(new, length, device=key.device)
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=1 < new == length, scale=scale
    )


def _attend_shared(query: Tensor, memory: Tensor, scale: float) -> Tensor:
    """Let all heads [b, h, n, c] ask one memory [b, 1, length, c], without copying it for each."""
    heads, new = query.shape[1:3]
    mask = None
    if new > 1:
        mask = causal_mask(new, memory.shape[2], device=memory.device).repeat(heads, 1)
    mixed = functional.scaled_dot_product_attention(
        rearrange(query, "b h n c -> b 1 (h n) c"), memory, memory, attn_mask=mask, scale=scale
    )
    return rearrange(mixed, "b 1 (h n) c -> b h n c", h=heads)
