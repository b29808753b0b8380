"""An encoder-only transformer on the same task: every patch is rewritten in place, no decoder."""

from dataclasses import dataclass

from torch import Tensor, nn

from shapes_of_attention.models.blocks import EncoderBlock
from shapes_of_attention.models.options import check_heads, check_images, check_sizes
from shapes_of_attention.models.patches import (
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
    turning_angles,
)

__all__ = ["EncoderOnly", "EncoderOnlyConfig"]


@dataclass(frozen=True, kw_only=True)
class EncoderOnlyConfig:
    """Shape of an encoder-only transformer; attributes as in `EncoderDecoderConfig`."""

    size: int = 128
    patch: int = 16
    positions: Positions = "rotary"
    position_base: float = 100.0
    dim: int = 128
    heads: int = 4
    hidden: int = 512
    layers: int = 4
    palette: int = 4
    head: Head = "palette"

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.size % self.patch:
            raise ValueError(
                f"patches of {self.patch} pixels do not divide an image of {self.size} pixels"
            )
        check_positions(self.positions, base=self.position_base)
        check_heads(dim=self.dim, heads=self.heads)
        check_head(self.head)


class EncoderOnly(nn.Module):
    """Paint an image from an image: float [batch, 3, size, size] in 0 ... 1 -> the same."""

    rotary: Tensor | None

    def __init__(self, config: EncoderOnlyConfig) -> None:
        super().__init__()
        self.config = config
        self.grid = config.size // config.patch
        self.embedding = PatchEmbedding(patch=config.patch, dim=config.dim)
        cells = grid_coordinates(self.grid, self.grid)
        self.positions = added_positions(
            config.positions, coordinates=cells, dim=config.dim, base=config.position_base
        )
        angles = turning_angles(
            config.positions,
            coordinates=cells,
            head_dim=config.dim // config.heads,
            base=config.position_base,
        )
        self.register_buffer("rotary", angles, persistent=False)
        self.encoder = nn.ModuleList(
            EncoderBlock(dim=config.dim, heads=config.heads, hidden=config.hidden)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)
        self.paint = patch_head(
            config.head, patch=config.patch, dim=config.dim, colours=config.palette
        )

    def forward(self, image: Tensor) -> Tensor:
        check_images(image, size=self.config.size)
        x = self.positions(self.embedding(image))
        for block in self.encoder:
            x = block(x, rotary=self.rotary)
        return unpatchify(self.paint(self.norm(x)), patch=self.config.patch, rows=self.grid)
