"""Four networks for the series task that differ in how places learn of each other.

All but the fully connected one cut the series into tokens of a few samples, turn each into a
vector, let the tokens exchange what they know, and draw each token's samples anew. The exchange is
convolution, recurrence or attention; the convolution has more layers, too, and norms elsewhere.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import torch
from einops import rearrange
from torch import Tensor, nn

from shapes_of_attention.models.attention import causal_mask
from shapes_of_attention.models.blocks import EncoderBlock, FeedForward
from shapes_of_attention.models.options import check_heads, check_options, check_series, check_sizes
from shapes_of_attention.models.positions import (
    LearnedPositions,
    SinusoidalPositions,
    rotary_angles,
)
from shapes_of_attention.training.checkpoint import load_model

__all__ = [
    "SERIES_MODELS",
    "AttentionBody",
    "AttentionConfig",
    "ConvolutionConfig",
    "FullyConnectedConfig",
    "FullyConnectedSeries",
    "LinearPositions",
    "Positions",
    "RecurrentConfig",
    "TokenModel",
    "build_series_model",
    "load_series_model",
    "receptive_field",
    "series_model_config",
]

Positions = Literal["none", "linear", "learned", "sinusoidal", "rotary"]


@dataclass(frozen=True, kw_only=True)
class FullyConnectedConfig:
    """Shape of a fully connected network: `hidden` units in each of `layers` hidden layers."""

    length: int = 500
    hidden: int = 384
    layers: int = 3

    def __post_init__(self) -> None:
        check_sizes(self)


@dataclass(frozen=True, kw_only=True)
class TokenConfig:
    """What the three token models share.

    Attributes
    ----------
    length : samples of a series.
    token : samples of a token; must divide `length`.
    dim : width of a token's vector.
    layers : how many times tokens exchange.
    """

    length: int = 500
    token: int = 10
    dim: int = 64
    layers: int = 2

    # Sizes that may be 0.
    _or_zero: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_sizes(self, or_zero=self._or_zero)
        if self.length % self.token:
            raise ValueError(f"tokens of {self.token} samples do not divide {self.length} samples")

    @property
    def tokens(self) -> int:
        """Number of tokens of a series."""
        return self.length // self.token


@dataclass(frozen=True, kw_only=True)
class ConvolutionConfig(TokenConfig):
    """A convolution over `kernel` neighbouring tokens in each layer.

    With `dilated`, layer i leaves 2^i - 1 tokens out between those it looks at.
    """

    layers: int = 4
    kernel: int = 5
    dilated: bool = False


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig(TokenConfig):
    """Gated recurrent units (arXiv 1406.1078) that read the tokens in order.

    With `both_ways`, half of the units read from left to right and half from right to left.
    With `hidden`, each layer is built as the transformer's is: a norm, units, the way around them,
    then a network of `hidden` units for each token. There are `state` units each way then, or
    `dim`, and a matrix brings what they read back to `dim`: all that differs is how tokens learn of
    each other.
    """

    layers: int = 2
    dim: int = 96
    both_ways: bool = True
    hidden: int = 0
    state: int | None = None

    _or_zero = ("hidden",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.state is not None and not self.hidden:
            raise ValueError(
                "state is for layers with a network of hidden units, "
                f"got state={self.state}, hidden={self.hidden}"
            )
        if self.both_ways and not self.hidden and self.dim % 2:
            raise ValueError(f"dim must be even, half of it for each way, got {self.dim}")


@dataclass(frozen=True, kw_only=True)
class AttentionConfig(TokenConfig):
    """A transformer encoder: self-attention in each layer.

    Attributes
    ----------
    heads, hidden : heads of each attention, units of each token's own network.
    positions : how a token knows its place.
    base : of sinusoidal and rotary positions, the slowest of their n waves is
        2 pi base^((n - 1) / n) tokens long; for None it is 100 for sinusoidal and 2000 for rotary
        ones.
    causal : each token looks only at itself and at those before it.
    """

    heads: int = 4
    hidden: int = 128
    positions: Positions = "rotary"
    base: float | None = None
    causal: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.positions not in get_args(Positions):
            raise ValueError(
                f"positions must be one of {get_args(Positions)}, got {self.positions!r}"
            )
        check_heads(dim=self.dim, heads=self.heads)
        if self.base is not None and not self.base > 1:
            raise ValueError(f"base must be above 1, got {self.base}")


class FullyConnectedSeries(nn.Module):
    """Every sample in, some hidden layers, every sample out: [batch, length] -> the same."""

    def __init__(self, config: FullyConnectedConfig) -> None:
        super().__init__()
        self.config = config
        self.read = nn.Linear(config.length, config.hidden)
        self.hidden = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(config.hidden), nn.GELU(), nn.Linear(config.hidden, config.hidden)
            )
            for _ in range(config.layers - 1)
        )
        self.norm = nn.LayerNorm(config.hidden)
        self.activation = nn.GELU()
        self.draw = nn.Linear(config.hidden, config.length)

    def forward(self, signal: Tensor) -> Tensor:
        check_series(signal, length=self.config.length)
        x = self.read(signal)
        for layer in self.hidden:
            x = x + layer(x)
        return self.draw(self.activation(self.norm(x)))


class TokenModel(nn.Module):
    """Cut a series into tokens, let `body` exchange between them, draw it anew.

    [batch, length] -> the same. Within, tokens are [batch, tokens, dim].
    """

    def __init__(self, config: TokenConfig, body: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(config.token, config.dim)
        self.body = body
        self.norm = nn.LayerNorm(config.dim)
        self.draw = nn.Linear(config.dim, config.token)

    def forward(self, signal: Tensor) -> Tensor:
        check_series(signal, length=self.config.length)
        tokens = rearrange(signal, "b (n s) -> b n s", s=self.config.token)
        drawn = self.draw(self.norm(self.body(self.embed(tokens))))
        return rearrange(drawn, "b n s -> b (n s)")


class ConvolutionBody(nn.Module):
    """Let each token hear its neighbours, layer by layer: [batch, tokens, dim] -> the same."""

    def __init__(self, config: ConvolutionConfig) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(config.dim) for _ in range(config.layers))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(
                config.dim, config.dim, config.kernel, padding="same", dilation=_dilation(config, i)
            )
            for i in range(config.layers)
        )
        self.feed_forward = nn.ModuleList(
            FeedForward(dim=config.dim, hidden=2 * config.dim) for _ in range(config.layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        layers = zip(self.norms, self.convolutions, self.feed_forward, strict=True)
        for norm, convolution, feed_forward in layers:
            heard = convolution(rearrange(norm(x), "b n d -> b d n"))
            x = x + rearrange(heard, "b d n -> b n d")
            x = x + feed_forward(x)
        return x


def _dilation(config: ConvolutionConfig, layer: int) -> int:
    return 2**layer if config.dilated else 1


def receptive_field(config: ConvolutionConfig) -> int:
    """Count the tokens that can change a token's output, itself included."""
    return 1 + sum((config.kernel - 1) * _dilation(config, i) for i in range(config.layers))


class RecurrentBody(nn.Module):
    """Read the tokens one by one, with a memory: [batch, tokens, dim] -> the same."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.units = nn.GRU(
            config.dim,
            config.dim // 2 if config.both_ways else config.dim,
            num_layers=config.layers,
            batch_first=True,
            bidirectional=config.both_ways,
        )

    def forward(self, x: Tensor) -> Tensor:
        read, _ = self.units(x)
        return x + read


class RecurrentBlock(nn.Module):
    """A transformer's layer with recurrent units in attention's place: [batch, tokens, dim]."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        state = config.state or config.dim
        self.norm = nn.LayerNorm(config.dim)
        self.units = nn.GRU(config.dim, state, batch_first=True, bidirectional=config.both_ways)
        self.mix = nn.Linear((1 + config.both_ways) * state, config.dim)
        self.feed_forward_norm = nn.LayerNorm(config.dim)
        self.feed_forward = FeedForward(dim=config.dim, hidden=config.hidden)

    def forward(self, x: Tensor) -> Tensor:
        read, _ = self.units(self.norm(x))
        x = x + self.mix(read)
        return x + self.feed_forward(self.feed_forward_norm(x))


def recurrent_body(config: RecurrentConfig) -> nn.Module:
    """Build what a configuration asks for: units alone, or layers as a transformer has them."""
    if not config.hidden:
        return RecurrentBody(config)
    return nn.Sequential(*(RecurrentBlock(config) for _ in range(config.layers)))


class LinearPositions(nn.Module):
    """Add each place's number, scaled to -1 ... 1, times one learned vector."""

    ramp: Tensor

    def __init__(self, *, tokens: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("ramp", torch.linspace(-1, 1, tokens)[:, None], persistent=False)
        self.direction = nn.Parameter(torch.randn(dim) * 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.ramp * self.direction


class AttentionBody(nn.Module):
    """Let every token ask every other: [batch, tokens, dim] -> the same."""

    mask: Tensor | None
    rotary: Tensor | None

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        places = torch.arange(config.tokens)[:, None]  # [tokens, 1 axis]
        self.positions: nn.Module = nn.Identity()
        if config.positions == "linear":
            self.positions = LinearPositions(tokens=config.tokens, dim=config.dim)
        elif config.positions == "learned":
            self.positions = LearnedPositions(tokens=config.tokens, dim=config.dim)
        elif config.positions == "sinusoidal":
            self.positions = SinusoidalPositions(
                coordinates=places, dim=config.dim, base=config.base or 100.0
            )
        rotary = None
        if config.positions == "rotary":
            # Slow turns over fifty tokens, so that some pairs can match whatever the distance.
            rotary = rotary_angles(
                places, head_dim=config.dim // config.heads, base=config.base or 2000.0
            )
        self.register_buffer("rotary", rotary, persistent=False)
        mask = causal_mask(config.tokens) if config.causal else None
        self.register_buffer("mask", mask, persistent=False)
        self.layers = nn.ModuleList(
            EncoderBlock(dim=config.dim, heads=config.heads, hidden=config.hidden)
            for _ in range(config.layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.positions(x)
        for layer in self.layers:
            x = layer(x, mask=self.mask, rotary=self.rotary)
        return x


#: Name of a model -> its configuration and, for token models, its body.
SERIES_MODELS: dict[str, tuple[Any, Any]] = {
    "fully-connected": (FullyConnectedConfig, None),
    "convolutional": (ConvolutionConfig, ConvolutionBody),
    "recurrent": (RecurrentConfig, recurrent_body),
    "attention": (AttentionConfig, AttentionBody),
}


def series_model_config(name: str, options: dict[str, Any] | None = None) -> Any:
    """Give a model's configuration, a dataclass, from the options that differ from the default.

    Raises
    ------
    ValueError
        For an unknown name or option, or a value that the configuration refuses.
    """
    check_options(name, options, {known: make() for known, (make, _) in SERIES_MODELS.items()})
    return SERIES_MODELS[name][0](**(options or {}))


def build_series_model(name: str, options: dict[str, Any] | None = None) -> nn.Module:
    """Build a model from its name and the options in which it differs from the default.

    Raises
    ------
    ValueError
        As `series_model_config`.
    """
    config = series_model_config(name, options)
    body = SERIES_MODELS[name][1]
    if body is None:
        return FullyConnectedSeries(config)
    return TokenModel(config, body(config))


def load_series_model(path: Path) -> nn.Module:
    """Build a trained model from its checkpoint, ready to be used.

    Raises
    ------
    CheckpointError
        When the file is missing, damaged, or holds something else.
    """
    return load_model(path, build=build_series_model)
