"""Where a token is: sinusoidal, learned and rotary positions, on a line or on a grid.

Sources: sinusoidal, arXiv 1706.03762; rotary, arXiv 2104.09864; its axial form on a grid,
arXiv 2403.13298.
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

__all__ = [
    "LearnedPositions",
    "Positions",
    "SinusoidalPositions",
    "added_positions",
    "check_positions",
    "grid_coordinates",
    "reach_mask",
    "rotary_angles",
    "rotate",
    "sinusoidal",
    "turning_angles",
]

#: How tokens learn where they are.
Positions = Literal["none", "sinusoidal", "learned", "rotary"]


def grid_coordinates(rows: int, columns: int) -> Tensor:
    """List the cells of a grid in reading order: [rows * columns, 2], each (row, column)."""
    return torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).float()


def reach_mask(grid: int, reach: int | None) -> Tensor:
    """Say which patches each patch of a grid may look at: bool [grid², grid²], in reading order.

    `reach` is in patches, to every side and diagonally: 0 is the patch itself, 1 is 3×3 around it,
    None is the whole grid.

    Raises
    ------
    ValueError
        If the reach is negative.
    """
    if reach is None:
        return torch.ones(grid**2, grid**2, dtype=torch.bool)
    if reach < 0:
        raise ValueError(f"reach must not be negative, got {reach}")
    cell = grid_coordinates(grid, grid)
    apart = (cell[:, None] - cell[None]).abs().amax(dim=-1)
    return apart <= reach


def _frequencies(number: int, base: float) -> Tensor:
    """Give `number` angular frequencies, evenly spaced in ratio, in radians a token.

    They go from 1 down to base^-((number - 1) / number): the more there are, the closer the last
    one comes to 1 / base, which it never is.
    """
    return base ** (-torch.arange(number, dtype=torch.float32) / number)


def _axial_angles(coordinates: Tensor, dim: int, base: float) -> Tensor:
    """Share `dim` angles evenly between the axes of the coordinates: [tokens, dim]."""
    axes = coordinates.shape[1]
    if dim < axes or dim % axes:
        raise ValueError(f"{dim} angles cannot be shared evenly between {axes} axes")
    angles = coordinates.float()[:, :, None] * _frequencies(dim // axes, base)
    return angles.flatten(start_dim=1)


def sinusoidal(coordinates: Tensor, *, dim: int, base: float = 10_000.0) -> Tensor:
    """Write each coordinate as the sines and cosines of its multiples.

    `coordinates` [tokens, axes] -> [tokens, dim], the sines first; each axis has an equal share.
    `base` sets the slowest wave: of n waves along an axis, it is 2 pi base^((n - 1) / n) tokens
    long, the longer the more there are, and always shorter than 2 pi base.

    Raises
    ------
    ValueError
        If `dim` cannot be shared evenly between sines and cosines and the axes.
    """
    if dim % 2:
        raise ValueError(f"dim must be even, half for sines and half for cosines, got {dim}")
    angles = _axial_angles(coordinates, dim // 2, base)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class SinusoidalPositions(nn.Module):
    """Add fixed waves to the tokens: [batch, tokens, dim] -> the same."""

    table: Tensor

    def __init__(self, *, coordinates: Tensor, dim: int, base: float = 100.0) -> None:
        super().__init__()
        # Worked out anew each time, so not part of a checkpoint.
        self.register_buffer("table", sinusoidal(coordinates, dim=dim, base=base), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.table


class LearnedPositions(nn.Module):
    """Add a learned vector for each place to the tokens: [batch, tokens, dim] -> the same."""

    def __init__(self, *, tokens: int, dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(tokens, dim) * 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.table


def check_positions(kind: str, *, base: float) -> None:
    """Check how tokens are to learn where they are.

    Raises
    ------
    ValueError
        For an unknown kind, or a base that makes no waves.
    """
    if kind not in get_args(Positions):
        raise ValueError(f"positions must be none, sinusoidal, learned or rotary, got {kind!r}")
    if not base > 1:
        raise ValueError(f"position_base must be above 1, got {base}")


def added_positions(kind: Positions, *, coordinates: Tensor, dim: int, base: float) -> nn.Module:
    """Make what adds their places to tokens: [batch, tokens, dim] -> the same.

    Rotary positions add nothing: they turn queries and keys.
    """
    if kind == "sinusoidal":
        return SinusoidalPositions(coordinates=coordinates, dim=dim, base=base)
    if kind == "learned":
        return LearnedPositions(tokens=len(coordinates), dim=dim)
    return nn.Identity()


def rotary_angles(coordinates: Tensor, *, head_dim: int, base: float = 100.0) -> Tensor:
    """Give the angle by which each pair of a head's dimensions is turned at each place.

    `coordinates` [tokens, axes] -> [tokens, head_dim / 2]. On a grid the first half of the pairs
    turns with the row, the second with the column. `base` is small because grids are: with 100 the
    slowest pair still turns visibly from one cell to the next.

    Raises
    ------
    ValueError
        If `head_dim` cannot be cut into pairs and these be shared evenly between the axes.
    """
    if head_dim % 2:
        raise ValueError(f"head_dim must be even, it is turned in pairs, got {head_dim}")
    return _axial_angles(coordinates, head_dim // 2, base)


def turning_angles(
    kind: Positions, *, coordinates: Tensor, head_dim: int, base: float
) -> Tensor | None:
    """Give the angles of `rotary_angles` where positions turn queries and keys, None elsewhere."""
    if kind != "rotary":
        return None
    return rotary_angles(coordinates, head_dim=head_dim, base=base)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn each pair of dimensions of a query or key by its angle.

    `x` [batch, heads, tokens, head_dim], `angles` [tokens, head_dim / 2]; dimension i pairs with
    i + head_dim / 2. The product of a turned query and a turned key depends on the difference of
    their places alone.
    """
    first, second = x.chunk(2, dim=-1)
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
