"""The vision encoder-decoder: an encoder reads the image, a decoder asks it what to paint where."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from shapes_of_attention.models.blocks import DecoderBlock, EncoderBlock
from shapes_of_attention.models.experts import MixtureConfig
from shapes_of_attention.models.options import check_heads, check_images, check_sizes
from shapes_of_attention.models.patches import (
    ChannelPatchEmbedding,
    Head,
    PatchEmbedding,
    check_head,
    patch_head,
    unpatchify,
)
from shapes_of_attention.models.positions import (
    Positions,
    added_positions,
    check_positions,
    grid_coordinates,
    reach_mask,
    turning_angles,
)

__all__ = ["EncoderDecoder", "EncoderDecoderConfig"]

Tokens = Literal["rgb", "channel"]

# What a model may be without.
_OR_ZERO = (
    "encoder_layers",
    "decoder_layers",
    "encoder_reach",
    "registers",
    "experts",
    "shared_experts",
)


@dataclass(frozen=True, kw_only=True)
class EncoderDecoderConfig:
    """Shape of an encoder-decoder.

    Attributes
    ----------
    size : height and width of the images, pixels.
    patch : height and width of a patch, pixels.
    tokens : "rgb", the encoder sees a token a patch, or "channel", one a patch and channel.
    positions : how tokens learn where they are.
    position_base : of sinusoidal and rotary positions; the slowest of n waves along an axis is
        2 pi position_base^((n - 1) / n) cells long.
    dim, heads, hidden : width of a token, attention heads, width inside the feed-forward network.
    encoder_layers, decoder_layers : depth.
    encoder_reach : how far the encoder's attention sees, in patches to every side; None is all of
        the image.
    decoder_self_attention, cross_attention : whether the decoder has these.
    registers : learned tokens that the encoder may use as scratch paper (arXiv 2309.16588); they
        are dropped before cross-attention.
    palette : colours with which the head paints a patch.
    head : whether it paints with those colours ("palette") or every pixel by itself ("pixels").
    experts : experts in the place of each feed-forward network, 0 for none; `hidden` is the width
        of one expert.
    chosen_experts, shared_experts : how many of them a token visits, and how many there are besides
        that every token visits.
    """

    size: int = 128
    patch: int = 16
    tokens: Tokens = "rgb"
    positions: Positions = "rotary"
    position_base: float = 100.0
    dim: int = 128
    heads: int = 4
    hidden: int = 512
    encoder_layers: int = 2
    decoder_layers: int = 2
    encoder_reach: int | None = None
    decoder_self_attention: bool = False
    cross_attention: bool = True
    registers: int = 0
    palette: int = 4
    head: Head = "palette"
    experts: int = 0
    chosen_experts: int = 2
    shared_experts: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, or_zero=_OR_ZERO)
        if self.size % self.patch:
            raise ValueError(
                f"patches of {self.patch} pixels do not divide an image of {self.size} pixels"
            )
        if self.tokens not in ("rgb", "channel"):
            raise ValueError(f"tokens must be rgb or channel, got {self.tokens!r}")
        check_positions(self.positions, base=self.position_base)
        check_heads(dim=self.dim, heads=self.heads)
        check_head(self.head)
        self.mixture()

    def mixture(self) -> MixtureConfig | None:
        """Describe the mixture of experts in each layer; None where there is none."""
        if not self.experts:
            return None
        return MixtureConfig(
            dim=self.dim,
            hidden=self.hidden,
            experts=self.experts,
            chosen=self.chosen_experts,
            shared=self.shared_experts,
        )


class EncoderDecoder(nn.Module):
    """Paint an image from an image: float [batch, 3, size, size] in 0 ... 1 -> the same.

    The decoder has one query a patch, made from the patch itself by an embedding of its own. By
    cross-attention it gathers from the encoder's tokens; a head paints the patch.
    """

    rotary: Tensor | None
    memory_rotary: Tensor | None

    def __init__(self, config: EncoderDecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.grid = config.size // config.patch
        cells = grid_coordinates(self.grid, self.grid)
        channels = 3 if config.tokens == "channel" else 1
        memory_cells = cells.repeat(channels, 1)

        embedding = ChannelPatchEmbedding if config.tokens == "channel" else PatchEmbedding
        self.encoder_embedding = embedding(patch=config.patch, dim=config.dim)
        self.decoder_embedding = PatchEmbedding(patch=config.patch, dim=config.dim)
        self.encoder_positions = self._added_positions(memory_cells)
        self.decoder_positions = self._added_positions(cells)
        if config.registers:
            self.registers = nn.Parameter(torch.randn(config.registers, config.dim) * 0.02)

        self.register_buffer("rotary", self._turning_angles(cells), persistent=False)
        self.register_buffer("memory_rotary", self._turning_angles(memory_cells), persistent=False)

        self.register_buffer("encoder_mask", None, persistent=False)
        if config.encoder_reach is not None:
            self.encoder_mask = self.sight(config.encoder_reach)

        self.encoder = nn.ModuleList(
            EncoderBlock(
                dim=config.dim, heads=config.heads, hidden=config.hidden, mixture=config.mixture()
            )
            for _ in range(config.encoder_layers)
        )
        self.encoder_norm = nn.LayerNorm(config.dim)
        self.decoder = nn.ModuleList(
            DecoderBlock(
                dim=config.dim,
                heads=config.heads,
                hidden=config.hidden,
                self_attention=config.decoder_self_attention,
                cross_attention=config.cross_attention,
                mixture=config.mixture(),
            )
            for _ in range(config.decoder_layers)
        )
        self.decoder_norm = nn.LayerNorm(config.dim)
        self.paint = patch_head(
            config.head, patch=config.patch, dim=config.dim, colours=config.palette
        )

    def _added_positions(self, cells: Tensor) -> nn.Module:
        config = self.config
        return added_positions(
            config.positions, coordinates=cells, dim=config.dim, base=config.position_base
        )

    def _turning_angles(self, cells: Tensor) -> Tensor | None:
        config = self.config
        return turning_angles(
            config.positions,
            coordinates=cells,
            head_dim=config.dim // config.heads,
            base=config.position_base,
        )

    def sight(self, reach: int | None) -> Tensor:
        """Say whom the encoder's tokens see within `reach` patches: bool [tokens, tokens].

        None is all of the image. Tokens of one patch see each other whatever their channel;
        registers, which are nowhere, see and are seen by all.
        """
        channels = 3 if self.config.tokens == "channel" else 1
        near = reach_mask(self.grid, reach).repeat(channels, channels)
        extra = self.config.registers
        return nn.functional.pad(near, (0, extra, 0, extra), value=True)

    def encode(self, image: Tensor) -> Tensor:
        """Read the image: [batch, 3, size, size] -> [batch, tokens, dim].

        Raises
        ------
        ValueError
            For images of another shape.
        """
        check_images(image, size=self.config.size)
        x = self.encoder_positions(self.encoder_embedding(image))
        tokens, rotary = x.shape[1], self.memory_rotary
        if self.config.registers:
            x = torch.cat([x, self.registers.expand(len(x), -1, -1)], dim=1)
            if rotary is not None:
                # Registers are nowhere: an angle of 0 leaves them unturned.
                rotary = nn.functional.pad(rotary, (0, 0, 0, self.config.registers))
        for block in self.encoder:
            x = block(x, mask=self.encoder_mask, rotary=rotary)
        return self.encoder_norm(x[:, :tokens])

    def forward(self, image: Tensor, *, memory_mask: Tensor | None = None) -> Tensor:
        """Paint; `memory_mask` [batch, 1, 1 or queries, tokens] hides tokens from the decoder."""
        memory = self.encode(image)
        queries = self.decoder_positions(self.decoder_embedding(image))
        for block in self.decoder:
            queries = block(
                queries,
                memory,
                memory_mask=memory_mask,
                rotary=self.rotary,
                memory_rotary=self.memory_rotary,
            )
        painted = self.paint(self.decoder_norm(queries))
        return unpatchify(painted, patch=self.config.patch, rows=self.grid)
