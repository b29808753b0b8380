"""Positions: rotary against an independent implementation in complex numbers, and its promise."""

import math

import pytest
import torch

from shapes_of_attention.models.attention import explicit_attention
from shapes_of_attention.models.positions import (
    LearnedPositions,
    SinusoidalPositions,
    grid_coordinates,
    rotary_angles,
    rotate,
    sinusoidal,
)


def rotate_by_complex_numbers(
    x: torch.Tensor, coordinates: torch.Tensor, base: float
) -> torch.Tensor:
    """Multiply each pair, taken as a complex number, by e^(i angle), one token at a time."""
    half = x.shape[-1] // 2
    axes = coordinates.shape[1]
    result = torch.empty_like(x)
    for token, place in enumerate(coordinates.tolist()):
        for pair in range(half):
            axis, step = divmod(pair, half // axes)
            angle = place[axis] * base ** (-step / (half // axes))
            number = torch.complex(x[..., token, pair], x[..., token, pair + half])
            turned = number * complex(math.cos(angle), math.sin(angle))
            result[..., token, pair] = turned.real
            result[..., token, pair + half] = turned.imag
    return result


@pytest.mark.parametrize(
    "coordinates", [torch.arange(10.0)[:, None], grid_coordinates(3, 4)], ids=["line", "grid"]
)
def test_rotation_equals_complex_multiplication(coordinates):
    x = torch.randn(2, 3, len(coordinates), 16)
    angles = rotary_angles(coordinates, head_dim=16)
    torch.testing.assert_close(
        rotate(x, angles), rotate_by_complex_numbers(x, coordinates, 100.0), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("shift", [(1.0, 0.0), (0.0, 5.0), (-3.0, 2.0)])
def test_rotary_scores_depend_on_differences_of_places_alone(shift):
    coordinates = grid_coordinates(4, 5)
    query, key = torch.randn(1, 2, 20, 16), torch.randn(1, 2, 20, 16)

    def scores(places: torch.Tensor) -> torch.Tensor:
        angles = rotary_angles(places, head_dim=16)
        return rotate(query, angles) @ rotate(key, angles).transpose(-2, -1)

    moved = coordinates + torch.tensor(shift)
    torch.testing.assert_close(scores(coordinates), scores(moved), atol=1e-4, rtol=1e-4)


def test_rotation_keeps_lengths_and_leaves_the_origin_alone():
    x = torch.randn(1, 1, 6, 8)
    angles = rotary_angles(torch.arange(6.0)[:, None], head_dim=8)
    turned = rotate(x, angles)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, :, 0], x[:, :, 0])
    assert not torch.allclose(turned[:, :, 1], x[:, :, 1])


def test_equal_queries_and_keys_are_told_apart_by_their_places_only_with_positions():
    one = torch.randn(1, 1, 1, 16).expand(1, 1, 6, 16)
    angles = rotary_angles(torch.arange(6.0)[:, None], head_dim=16)
    _, without = explicit_attention(one, one, one)
    _, turned = explicit_attention(rotate(one, angles), rotate(one, angles), one)
    torch.testing.assert_close(without, torch.full_like(without, 1 / 6))
    assert turned.std() > 0.01


def test_sinusoidal_table_holds_sines_and_cosines_of_each_axis():
    table = sinusoidal(grid_coordinates(3, 4), dim=8, base=100.0)
    assert table.shape == (12, 8)
    row, column = 2, 3
    wanted = [
        f(place * rate)
        for f in (math.sin, math.cos)
        for place in (row, column)
        for rate in (1, 0.1)
    ]
    torch.testing.assert_close(table[row * 4 + column], torch.tensor(wanted), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("waves", [1, 4, 8, 32])
@pytest.mark.parametrize("base", [100.0, 10_000.0])
def test_the_slowest_wave_is_as_long_as_the_base_and_the_number_of_waves_say(waves, base):
    length = 2 * math.pi * base ** ((waves - 1) / waves)
    assert length < 2 * math.pi * base
    once_round = rotary_angles(torch.tensor([[length]]), head_dim=2 * waves, base=base)
    assert once_round.min().item() == pytest.approx(2 * math.pi, rel=1e-5)
    steps = torch.tensor([[1.0], [1.0 + length]], dtype=torch.float64)
    start, end = sinusoidal(steps, dim=2 * waves, base=base)
    torch.testing.assert_close(start[[waves - 1, -1]], end[[waves - 1, -1]], atol=1e-3, rtol=0)


def test_added_positions_keep_the_shape_and_differ_between_places():
    tokens = torch.zeros(2, 12, 8)
    for positions in (
        SinusoidalPositions(coordinates=grid_coordinates(3, 4), dim=8),
        LearnedPositions(tokens=12, dim=8),
    ):
        out = positions(tokens)
        assert out.shape == tokens.shape
        assert len(torch.unique(out[0].detach(), dim=0)) == 12


@pytest.mark.parametrize(
    "call",
    [
        lambda: rotary_angles(grid_coordinates(2, 2), head_dim=6),
        lambda: rotary_angles(grid_coordinates(2, 2), head_dim=7),
        lambda: sinusoidal(grid_coordinates(2, 2), dim=6),
    ],
)
def test_widths_that_axes_cannot_share_are_refused(call):
    with pytest.raises(ValueError, match=r"evenly|even"):
        call()
