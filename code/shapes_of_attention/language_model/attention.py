"""Causal self-attention whose queries may share keys and values.

As many keys and values as query heads: multi-head, arXiv 1706.03762. One for all: multi-query,
arXiv 1911.02150. One for each group of heads: grouped-query, arXiv 2305.13245.
"""

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.language_model.cache import LayerCache
from shapes_of_attention.models.attention import causal_mask
from shapes_of_attention.models.positions import rotate

__all__ = ["CausalAttention"]


class CausalAttention(nn.Module):
    """Let each token gather from itself and the tokens before it.

    Parameters
    ----------
    dim : width of a token.
    heads : heads that ask.
    key_value_heads : heads that are asked; must divide `heads`.
    head_dim : width of a head, even, as it is turned in pairs.
    """

    def __init__(self, *, dim: int, heads: int, key_value_heads: int, head_dim: int) -> None:
        super().__init__()
        if min(heads, key_value_heads) < 1 or heads % key_value_heads:
            raise ValueError(
                f"key_value_heads must divide heads, got {key_value_heads} and {heads}"
            )
        self.head_dim = head_dim
        self.key_value_heads = key_value_heads
        self.query = nn.Linear(dim, heads * head_dim, bias=False)
        self.key = nn.Linear(dim, key_value_heads * head_dim, bias=False)
        self.value = nn.Linear(dim, key_value_heads * head_dim, bias=False)
        self.output = nn.Linear(heads * head_dim, dim, bias=False)

    def cache_parts(self) -> list[tuple[int, int]]:
        """Give heads and width of what is cached: the keys, the values."""
        return [(self.key_value_heads, self.head_dim)] * 2

    def forward(self, x: Tensor, rotary: Tensor, cache: LayerCache | None = None) -> Tensor:
        """Attend.

        Parameters
        ----------
        x : the new tokens, [batch, new, dim].
        rotary : angles of their positions, [new, head_dim / 2].
        cache : keys and values of the tokens before, to which those of the new ones are added.

        Returns
        -------
        [batch, new, dim]
        """
        query = rearrange(self.query(x), "b n (h d) -> b h n d", d=self.head_dim)
        key = rearrange(self.key(x), "b n (h d) -> b h n d", d=self.head_dim)
        value = rearrange(self.value(x), "b n (h d) -> b h n d", d=self.head_dim)
        query, key = rotate(query, rotary), rotate(key, rotary)
        if cache is not None:
            # From here on key and value hold all tokens so far: [batch, heads, length, head_dim].
            key, value = cache.append(key, value)
        mixed = self._attend(query, key, value)
        return self.output(rearrange(mixed, "b h n d -> b n (h d)"))

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        new = query.shape[2]
        if new == 1:
            # The newest token may see everything. The heads of a group stand side by side as
            # queries of their shared key and value, so that these need not be copied for each.
            grouped = rearrange(query, "b (g h) 1 d -> b g h d", g=self.key_value_heads)
            mixed = functional.scaled_dot_product_attention(grouped, key, value)
            return rearrange(mixed, "b g h d -> b (g h) 1 d")
        whole = new == key.shape[2]
        return functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if whole else causal_mask(new, key.shape[2], device=key.device),
            is_causal=whole,
            enable_gqa=True,
        )
