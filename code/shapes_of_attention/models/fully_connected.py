"""The plainest network: every pixel in, some hidden layers, every pixel out."""

from dataclasses import dataclass

from torch import Tensor, nn

from shapes_of_attention.models.options import check_images, check_sizes

__all__ = ["FullyConnected", "FullyConnectedConfig"]


@dataclass(frozen=True, kw_only=True)
class FullyConnectedConfig:
    """Shape of a fully connected network: image `size` in pixels, `hidden` units in `layers`."""

    size: int = 128
    hidden: int = 256
    layers: int = 3

    def __post_init__(self) -> None:
        check_sizes(self)


class FullyConnected(nn.Module):
    """Paint an image from an image: float [batch, 3, size, size] in 0 ... 1 -> the same.

    Almost all weights sit in the first and last layer, which touch 3 * size * size pixels each.
    """

    def __init__(self, config: FullyConnectedConfig) -> None:
        super().__init__()
        self.config = config
        pixels = 3 * config.size**2
        self.read = nn.Linear(pixels, config.hidden)
        self.hidden = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(config.hidden),
                nn.GELU(),
                nn.Linear(config.hidden, config.hidden),
            )
            for _ in range(config.layers - 1)
        )
        self.norm = nn.LayerNorm(config.hidden)
        self.activation = nn.GELU()
        self.paint = nn.Linear(config.hidden, pixels)

    def forward(self, image: Tensor) -> Tensor:
        check_images(image, size=self.config.size)
        x = self.read(image.flatten(1))
        for layer in self.hidden:
            x = x + layer(x)
        return self.paint(self.activation(self.norm(x))).view_as(image)
