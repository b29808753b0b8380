"""From an image to tokens and back: patches, one token for each, or one for each colour channel.

Sources: patches as tokens, arXiv 2010.11929; a token for each patch and channel, arXiv 2309.16108.
"""

from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

__all__ = [
    "ChannelPatchEmbedding",
    "Head",
    "PaletteHead",
    "PatchEmbedding",
    "PixelHead",
    "check_head",
    "patch_head",
    "patchify",
    "unpatchify",
]

#: How a model paints: with a few colours and a mask for each, or every pixel by itself.
Head = Literal["palette", "pixels"]


def patchify(image: Tensor, patch: int) -> Tensor:
    """Cut images into square patches, in reading order, each flattened.

    [batch, channels, height, width] -> [batch, patches, channels * patch * patch]

    Raises
    ------
    ValueError
        If that is not the images' shape, or patches do not divide them.
    """
    if image.ndim != 4:
        raise ValueError(
            f"images must be [batch, channels, height, width], got {tuple(image.shape)}"
        )
    height, width = image.shape[-2:]
    if patch < 1 or height % patch or width % patch:
        raise ValueError(f"patches of {patch} pixels do not divide an image of {height} x {width}")
    return rearrange(image, "b c (h p) (w q) -> b (h w) (c p q)", p=patch, q=patch)


def unpatchify(patches: Tensor, *, patch: int, rows: int) -> Tensor:
    """Put patches back in place, the inverse of `patchify`.

    [batch, patches, channels * patch * patch] -> [batch, channels, height, width]

    Raises
    ------
    ValueError
        If there are not so many rows of such patches.
    """
    if min(rows, patch) < 1 or patches.shape[1] % rows or patches.shape[2] % patch**2:
        raise ValueError(
            f"{tuple(patches.shape)} does not hold {rows} rows of patches of {patch} x {patch}"
        )
    return rearrange(patches, "b (h w) (c p q) -> b c (h p) (w q)", h=rows, p=patch, q=patch)


class PatchEmbedding(nn.Module):
    """Make one token of each patch: [batch, channels, height, width] -> [batch, patches, dim]."""

    def __init__(self, *, patch: int, dim: int, channels: int = 3) -> None:
        super().__init__()
        self.patch = patch
        self.project = nn.Linear(channels * patch * patch, dim)

    def forward(self, image: Tensor) -> Tensor:
        return self.project(patchify(image, self.patch))


class ChannelPatchEmbedding(nn.Module):
    """Make one token of each patch of each channel, all channels through one projection.

    [batch, channels, height, width] -> [batch, channels * patches, dim], the first channel's
    patches first. A learned vector tells the channels apart.
    """

    def __init__(self, *, patch: int, dim: int, channels: int = 3) -> None:
        super().__init__()
        self.patch = patch
        self.project = nn.Linear(patch * patch, dim)
        self.channel = nn.Parameter(torch.randn(channels, dim) * 0.02)

    def forward(self, image: Tensor) -> Tensor:
        batch, channels = image.shape[:2]
        if channels != len(self.channel):
            raise ValueError(f"images must have {len(self.channel)} channels, got {channels}")
        # [batch * channels, 1, height, width] -> [batch * channels, patches, dim]
        tokens = self.project(patchify(image.flatten(0, 1)[:, None], self.patch))
        tokens = rearrange(tokens, "(b c) n d -> b c n d", b=batch) + self.channel[:, None]
        return rearrange(tokens, "b c n d -> b (c n) d")


class PaletteHead(nn.Module):
    """Paint a patch from a token with a few colours, each through a mask of its own.

    [batch, patches, dim] -> [batch, patches, 3 * patch * patch]. A patch seldom holds parts of
    more than a few shapes; where each lies and what colour it gets are answered apart.
    """

    def __init__(self, *, patch: int, dim: int, colours: int = 4) -> None:
        super().__init__()
        self.colours = nn.Linear(dim, colours * 3)
        self.masks = nn.Linear(dim, colours * patch * patch)
        self.number = colours

    def forward(self, tokens: Tensor) -> Tensor:
        colours = self.colours(tokens).unflatten(-1, (3, self.number))
        masks = self.masks(tokens).sigmoid().unflatten(-1, (self.number, -1))
        return (colours @ masks).flatten(-2)


class PixelHead(nn.Module):
    """Paint every value of a patch by itself: [batch, patches, dim] -> [.., 3 * patch * patch]."""

    def __init__(self, *, patch: int, dim: int) -> None:
        super().__init__()
        self.pixels = nn.Linear(dim, 3 * patch * patch)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.pixels(tokens)


def check_head(head: str) -> None:
    """Raise ValueError for a head that does not exist."""
    if head not in ("palette", "pixels"):
        raise ValueError(f"head must be palette or pixels, got {head!r}")


def patch_head(head: Head, *, patch: int, dim: int, colours: int) -> nn.Module:
    """Build the head of a transformer: [batch, patches, dim] -> [.., 3 * patch * patch]."""
    if head == "pixels":
        return PixelHead(patch=patch, dim=dim)
    return PaletteHead(patch=patch, dim=dim, colours=colours)
