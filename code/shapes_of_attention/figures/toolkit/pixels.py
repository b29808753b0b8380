"""Images as levels 0-255, [3, height, width]: rounded, enlarged, coloured, packed for a page."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "Levels",
    "Numbers",
    "data_uri",
    "dimmed",
    "enlarged",
    "heat",
    "levels",
    "over_pixels",
    "patch_of",
    "signed",
    "small_uri",
]

Levels = NDArray[np.uint8]
Numbers = NDArray[np.floating[Any]]


def enlarged(picture: Levels) -> Levels:
    """Make blocks of an image's pixels: [3, height, width] -> [height x n, width x n, 3].

    So the pixels stay visible in a browser that smooths.
    """
    block = max(1, 384 // max(picture.shape[1:]))
    return picture.repeat(block, axis=1).repeat(block, axis=2).transpose(1, 2, 0)


def patch_of(image: Levels, cell: int, grid: int) -> Levels:
    """Cut a patch, counted in reading order, out of an image [3, size, size]: [3, side, side]."""
    row, column = divmod(cell, grid)
    side = image.shape[-1] // grid
    return image[:, row * side : (row + 1) * side, column * side : (column + 1) * side]


def over_pixels(cells: NDArray[Any], size: int) -> NDArray[Any]:
    """Repeat cells [grid, grid, ...], one a patch, over an image's pixels: [size, size, ...]."""
    side = size // len(cells)
    return cells.repeat(side, axis=0).repeat(side, axis=1)


def levels(painted: Numbers | Levels) -> Levels:
    """Round painted levels to whole ones within 0-255."""
    return np.clip(np.round(painted), 0, 255).astype(np.uint8)


def data_uri(picture: Levels) -> str:
    """Encode an image [3, height, width] as a PNG that stands in the JSON itself."""
    buffer = io.BytesIO()
    Image.fromarray(picture.transpose(1, 2, 0)).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def small_uri(picture: Numbers | Levels, colours: int = 96) -> str:
    """Encode an image [3, height, width] of levels as a PNG of few colours, for the JSON."""
    few = Image.fromarray(levels(picture).transpose(1, 2, 0)).quantize(
        colours, dither=Image.Dither.NONE
    )
    buffer = io.BytesIO()
    few.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def dimmed(image: Levels, weights: Numbers, most: float | None = None) -> Levels:
    """Light up an image [3, size, size] where weights [patches] are large, from a viridis glow."""
    grid = round(len(weights) ** 0.5)
    strength = np.sqrt(weights / max(most or float(weights.max()), 1e-9)).clip(0, 1)
    glow = mpl.colormaps["viridis"](strength)[:, :3].reshape(grid, grid, 3) * 255
    glow = over_pixels(glow, image.shape[-1]).transpose(2, 0, 1)
    mixed = 0.72 * glow + 0.28 * image.astype(float)
    lit = image.max(axis=0) > 40
    mixed[:, lit] = 0.45 * glow[:, lit] + 0.55 * image[:, lit]
    return mixed.astype(np.uint8)


def signed(*values: Numbers) -> mpl.colors.Normalize:
    """Return a scale that is even around zero and holds all values."""
    largest = max(float(np.abs(array).max()) for array in values)
    return mpl.colors.Normalize(-largest, largest)


def heat(values: Numbers, scale: mpl.colors.Normalize) -> Levels:
    """Colour a matrix [rows, columns]: levels [3, rows, columns]."""
    colours = mpl.colormaps["viridis"](scale(values))[..., :3]
    return np.asarray(np.round(255 * colours), dtype=np.uint8).transpose(2, 0, 1)
