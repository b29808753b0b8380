"""A causal language model in the manner of Llama (arXiv 2302.13971), its attention to be chosen.

RMSNorm before each part (arXiv 1910.07467), rotary positions, SwiGLU (arXiv 2002.05202), no biases.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.language_model.attention import CausalAttention
from shapes_of_attention.language_model.cache import Cache, CacheOverflowError, LayerCache
from shapes_of_attention.language_model.latent import LatentAttention
from shapes_of_attention.language_model.text import VOCABULARY
from shapes_of_attention.models.options import check_sizes
from shapes_of_attention.models.positions import rotary_angles
from shapes_of_attention.training.checkpoint import load_noted

__all__ = ["AttentionKind", "LanguageModel", "LanguageModelConfig", "load_language_model"]

AttentionKind = Literal["multi-head", "multi-query", "grouped-query", "latent"]


@dataclass(frozen=True, kw_only=True)
class LanguageModelConfig:
    """Shape of a language model.

    Attributes
    ----------
    vocabulary : number of tokens there are.
    dim, layers : width of a token, number of blocks.
    heads, head_dim : query heads and their width.
    hidden : width inside the feed-forward network.
    context : longest sequence.
    attention : what the query heads share: nothing, one key and value, one for each of `groups`, or
        a latent.
    groups : of grouped-query attention.
    latent_dim, rotary_dim, query_latent_dim : of latent attention.
    rotary_base : sets the slowest rotation: of n, it takes 2 pi rotary_base^((n - 1) / n) tokens a
        turn; Llama's base is 10,000, for far longer texts.
    norm_epsilon : what RMSNorm adds to the mean square before it takes the root.
    """

    vocabulary: int = len(VOCABULARY)
    dim: int = 64
    layers: int = 2
    heads: int = 4
    head_dim: int = 16
    hidden: int = 128
    context: int = 1024
    attention: AttentionKind = "multi-head"
    groups: int = 2
    latent_dim: int = 24
    rotary_dim: int = 8
    query_latent_dim: int | None = None
    rotary_base: float = 100.0
    norm_epsilon: float = 1e-6

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.head_dim % 2:
            raise ValueError(f"head_dim must be even, it is turned in pairs, got {self.head_dim}")
        if self.attention not in ("multi-head", "multi-query", "grouped-query", "latent"):
            raise ValueError(f"no attention {self.attention!r}")
        if not self.rotary_base > 1:
            raise ValueError(f"rotary_base must be above 1, got {self.rotary_base}")
        if not self.norm_epsilon >= 0:
            raise ValueError(f"norm_epsilon must not be negative, got {self.norm_epsilon}")

    @property
    def key_value_heads(self) -> int:
        """Number of keys and values a token has, where it has any of its own."""
        return {"multi-query": 1, "grouped-query": self.groups}.get(self.attention, self.heads)

    def cached_values_per_token(self) -> int:
        """Compute how many numbers are cached for each token, over all layers."""
        if self.attention == "latent":
            return self.layers * (self.latent_dim + self.rotary_dim)
        return self.layers * 2 * self.key_value_heads * self.head_dim


class SwiGLU(nn.Module):
    """Work on each token alone, with a gate: [batch, tokens, dim] -> the same."""

    def __init__(self, *, dim: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, hidden, bias=False)
        self.expand = nn.Linear(dim, hidden, bias=False)
        self.contract = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.contract(functional.silu(self.gate(x)) * self.expand(x))


class Block(nn.Module):
    """Attention, then a feed-forward network: [batch, new, dim] -> the same."""

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.dim, eps=config.norm_epsilon)
        self.attention: CausalAttention | LatentAttention = _attention(config)
        self.feed_forward_norm = nn.RMSNorm(config.dim, eps=config.norm_epsilon)
        self.feed_forward = SwiGLU(dim=config.dim, hidden=config.hidden)

    def forward(self, x: Tensor, rotary: Tensor, cache: LayerCache | None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), rotary, cache)
        return x + self.feed_forward(self.feed_forward_norm(x))


class LanguageModel(nn.Module):
    """Score, at each token, which one comes next."""

    angles: Tensor

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.dim, eps=config.norm_epsilon)
        self.score = nn.Linear(config.dim, config.vocabulary, bias=False)
        turned = config.rotary_dim if config.attention == "latent" else config.head_dim
        places = torch.arange(config.context).float()[:, None]
        angles = rotary_angles(places, head_dim=turned, base=config.rotary_base)
        self.register_buffer("angles", angles, persistent=False)

    def new_cache(self, *, batch: int, capacity: int) -> Cache:
        """Make an empty cache for `batch` sequences of at most `capacity` tokens.

        Raises
        ------
        ValueError
            If that is longer than the model's context, or there is no sequence or no token.
        """
        if capacity > self.config.context:
            raise ValueError(
                f"the model knows {self.config.context} positions, cannot cache {capacity}"
            )
        parts = [block.attention.cache_parts() for block in self.blocks if isinstance(block, Block)]
        weight = self.embedding.weight
        layers = [
            LayerCache(
                part, batch=batch, capacity=capacity, dtype=weight.dtype, device=weight.device
            )
            for part in parts
        ]
        return Cache(layers)

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Score the token after each of `tokens` [batch, new]: -> [batch, new, vocabulary].

        With a cache, `tokens` come after those that the cache holds, and are added to it.

        Raises
        ------
        ValueError
            If `tokens` is not a batch of sequences, or longer than the model's context.
        CacheOverflowError
            If the cache has no room for them; nothing is added then.
        """
        if tokens.ndim != 2 or tokens.shape[1] < 1:
            raise ValueError(f"tokens must be [batch, new], got {list(tokens.shape)}")
        start = 0 if cache is None else cache.length
        end = start + tokens.shape[1]
        if cache is not None and end > cache.capacity:
            raise CacheOverflowError(
                f"the cache holds {cache.capacity} tokens, {start} are there, "
                f"{end - start} more do not fit"
            )
        if end > self.config.context:
            raise ValueError(f"the model knows {self.config.context} positions, got {end}")
        rotary = self.angles[start:end]
        x = self.embedding(tokens)
        for number, block in enumerate(self.blocks):
            x = block(x, rotary, None if cache is None else cache.layers[number])
        scores: Tensor = self.score(self.norm(x))
        return scores


def _attention(config: LanguageModelConfig) -> CausalAttention | LatentAttention:
    if config.attention == "latent":
        return LatentAttention(
            dim=config.dim,
            heads=config.heads,
            head_dim=config.head_dim,
            latent_dim=config.latent_dim,
            rotary_dim=config.rotary_dim,
            query_latent_dim=config.query_latent_dim,
            norm_epsilon=config.norm_epsilon,
        )
    return CausalAttention(
        dim=config.dim,
        heads=config.heads,
        key_value_heads=config.key_value_heads,
        head_dim=config.head_dim,
    )


def load_language_model(path: Path) -> LanguageModel:
    """Build a trained language model from its checkpoint, ready to be used.

    Raises
    ------
    CheckpointError
        When the file is damaged, or holds something else.
    """

    def build(options: dict[str, Any]) -> LanguageModel:
        return LanguageModel(LanguageModelConfig(**options))

    return load_noted(path, "language_model", build, what="language model")
