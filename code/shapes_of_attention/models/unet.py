"""A U-Net: convolutions at falling and again rising resolution, joined by skips.

Source: arXiv 1505.04597. Two changes suit a slow processor and a task that spans the whole image:
the network works on 4 x 4 pixels at once (space to depth), and goes down to a grid so coarse that
its convolutions see everything.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.models.options import check_images, check_sizes
from shapes_of_attention.models.patches import Head, check_head

__all__ = ["UNet", "UNetConfig"]


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Shape of a U-Net.

    Attributes
    ----------
    size : height and width of the images, pixels.
    fold : pixels along each axis that the first layer takes together.
    widths : channels at each resolution, finest first; each is half as fine as the one before.
    head : "pixels" paints every pixel by itself. "palette" takes as many colours as a transformer's
        head, `palette` for each patch of `patch` pixels, from the resolution that has one cell a
        patch; the finest resolution says where in the patch each of them goes.
    """

    size: int = 128
    fold: int = 4
    widths: tuple[int, ...] = (32, 64, 96, 128, 128)
    head: Head = "pixels"
    palette: int = 4
    patch: int = 16

    def __post_init__(self) -> None:
        check_sizes(self)
        coarsest = self.fold * 2 ** (len(self.widths) - 1)
        if not self.widths or self.size % coarsest:
            raise ValueError(
                f"an image of {self.size} pixels cannot be halved into {len(self.widths)} "
                f"resolutions after folding by {self.fold}"
            )
        check_head(self.head)
        cells = [self.fold * 2**level for level in range(len(self.widths) - 1)]
        if self.head == "palette" and self.patch not in cells:
            raise ValueError(f"cells on the way up are of {cells} pixels, none of {self.patch}")


class _Block(nn.Module):
    """Two 3 x 3 convolutions with a way around them."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.first_norm = nn.GroupNorm(1, channels_out)
        self.second = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.second_norm = nn.GroupNorm(1, channels_out)
        self.around: nn.Module = (
            nn.Identity()
            if channels_in == channels_out
            else nn.Conv2d(channels_in, channels_out, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = functional.silu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        return functional.silu(y + self.around(x))


class UNet(nn.Module):
    """Paint an image from an image: float [batch, 3, size, size] in 0 ... 1 -> the same."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        pixels = 3 * config.fold**2
        self.read = nn.Conv2d(pixels, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            _Block(widths[max(level - 1, 0)], width) for level, width in enumerate(widths)
        )
        self.up = nn.ModuleList(
            _Block(coarse + fine, fine)
            for fine, coarse in zip(widths[-2::-1], widths[:0:-1], strict=True)
        )
        if config.head == "pixels":
            self.paint = nn.Conv2d(widths[0], pixels, 1)
        else:
            level = (config.patch // config.fold).bit_length() - 1
            self.colours = nn.Conv2d(widths[level], 3 * config.palette, 1)
            self.masks = nn.Conv2d(widths[0], config.palette * config.fold**2, 1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Tensor) -> Tensor:
        check_images(image, size=self.config.size)
        x = functional.pixel_unshuffle(image, self.config.fold)
        x = self.read(x.contiguous(memory_format=torch.channels_last))
        skips = []
        for level, block in enumerate(self.down):
            if level:
                x = functional.avg_pool2d(x, 2)
            x = block(x)
            skips.append(x)
        skips.pop()
        for block in self.up:
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([x, skips.pop()], dim=1))
            if self.config.head == "palette" and x.shape[-1] * self.config.patch == image.shape[-1]:
                colours = self.colours(x)
        if self.config.head == "pixels":
            return functional.pixel_shuffle(self.paint(x), self.config.fold)
        masks = functional.pixel_shuffle(self.masks(x), self.config.fold).sigmoid()
        colours = functional.interpolate(colours, scale_factor=self.config.patch, mode="nearest")
        # A pixel is the sum of its patch's colours, each as far as its mask says.
        return (colours.unflatten(1, (3, -1)) * masks[:, None]).sum(dim=2)
