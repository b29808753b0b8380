"""A transformer for the series task whose attention is any of the families."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from einops import rearrange
from torch import Tensor, nn

from shapes_of_attention.efficient.families import SHARED, Budget, build_family
from shapes_of_attention.models.blocks import FeedForward
from shapes_of_attention.models.options import check_heads, check_series, check_sizes
from shapes_of_attention.training.checkpoint import load_noted

__all__ = ["EfficientConfig", "EfficientModel", "build_efficient_model", "load_efficient_model"]


@dataclass(frozen=True, kw_only=True)
class EfficientConfig:
    """Shape of the model; all families share it.

    Attributes
    ----------
    length : samples of a series.
    token : samples of a token; must divide `length`.
    context : tokens whose samples a token sees from the start, its own in the middle; odd.
    dim, layers, heads, hidden : width of a token, layers, heads, units of a token's own network.
    family : what attends; one of `FAMILIES` or `CONTROLS`.
    budget : how much it may look at.
    """

    length: int = 1000
    token: int = 10
    context: int = 7
    dim: int = 64
    layers: int = 2
    heads: int = 4
    hidden: int = 128
    family: str = "fused"
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.length % self.token:
            raise ValueError(f"tokens of {self.token} samples do not divide {self.length} samples")
        if self.context % 2 == 0:
            raise ValueError(f"context must be odd, got {self.context}")
        check_heads(dim=self.dim, heads=self.heads)

    @property
    def tokens(self) -> int:
        """Number of tokens of a series."""
        return self.length // self.token


class EfficientLayer(nn.Module):
    """Attention of a family, then a feed-forward network: [batch, tokens, dim] -> the same."""

    def __init__(self, config: EfficientConfig) -> None:
        super().__init__()
        dim, self.heads = config.dim, config.heads
        self.attention_norm = nn.LayerNorm(dim)
        self.shared = config.family in SHARED
        self.query = nn.Linear(dim, dim)
        self.key = nn.Identity() if self.shared else nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.attend = build_family(
            config.family,
            heads=config.heads,
            head_dim=dim // config.heads,
            tokens=config.tokens,
            budget=config.budget,
        )
        self.output = nn.Linear(dim, dim)
        self.feed_forward_norm = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim=dim, hidden=config.hidden)

    def forward(self, x: Tensor) -> Tensor:
        y = self.attention_norm(x)
        query = self._split(self.query(y))
        key = query if self.shared else self._split(self.key(y))
        mixed = self.attend(query, key, self._split(self.value(y)))
        x = x + self.output(rearrange(mixed, "b h n d -> b n (h d)"))
        return x + self.feed_forward(self.feed_forward_norm(x))

    def _split(self, x: Tensor) -> Tensor:
        return rearrange(x, "b n (h d) -> b h n d", h=self.heads)


class EfficientModel(nn.Module):
    """Cut a series into tokens, let them look at each other as the family allows, draw it anew.

    [batch, length] -> the same. A token sees the samples around it from the start, enough to tell
    what shape it belongs to, and attention knows no places. Whether it finds the shape's company,
    however far away, is all that the families differ in.
    """

    def __init__(self, config: EfficientConfig) -> None:
        super().__init__()
        self.config = config
        beside = config.token * (config.context // 2)
        # A window of samples for each token, and a small network on it.
        self.see = nn.Conv1d(
            1, config.hidden, config.context * config.token, stride=config.token, padding=beside
        )
        self.activation = nn.GELU()
        self.embed = nn.Linear(config.hidden, config.dim)
        self.layers = nn.Sequential(*(EfficientLayer(config) for _ in range(config.layers)))
        self.norm = nn.LayerNorm(config.dim)
        self.draw = nn.Linear(config.dim, config.token)

    def forward(self, signal: Tensor) -> Tensor:
        check_series(signal, length=self.config.length)
        seen = rearrange(self.see(signal.unsqueeze(1)), "b d n -> b n d")
        tokens = self.layers(self.embed(self.activation(seen)))
        return rearrange(self.draw(self.norm(tokens)), "b n s -> b (n s)")


def build_efficient_model(options: dict[str, Any]) -> EfficientModel:
    """Build the model from the options in which it differs from `EfficientConfig`'s defaults.

    Raises
    ------
    ValueError
        For a value that the configuration or the family refuses.
    """
    return EfficientModel(EfficientConfig(**options))


def load_efficient_model(path: Path) -> EfficientModel:
    """Build a trained model from its checkpoint, ready to be used.

    Raises
    ------
    CheckpointError
        When the file is damaged, or holds something else.
    """

    def build(options: dict[str, Any]) -> EfficientModel:
        return build_efficient_model({**options, "budget": Budget(**options.get("budget", {}))})

    return load_noted(path, "config", build, what="model of a family of attention")
