"""Attention by tiles is full attention, whatever the tiles, and its traffic is what it moves."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes_of_attention.efficient.tiled import (
    SlowMemory,
    online_attention,
    step_by_step,
    tile_by_tile,
)
from shapes_of_attention.models.attention import explicit_attention

sizes = st.integers(1, 40)


@settings(deadline=None, max_examples=60)
@given(tokens=sizes, rows=sizes, tile=sizes, scale=st.sampled_from([0.0, 1.0, 100.0]))
def test_tiles_of_any_size_give_full_attention(
    tokens: int, rows: int, tile: int, scale: float
) -> None:
    generator = torch.Generator().manual_seed(tokens)
    q, k, v = torch.randn(3, tokens, 8, dtype=torch.float64, generator=generator)
    q = q * scale  # scores whose exponentials overflow must not
    want = explicit_attention(q[None, None], k[None, None], v[None, None])[0][0, 0]
    slow, tiled = SlowMemory(), SlowMemory()
    torch.testing.assert_close(step_by_step(q, k, v, slow), want)
    torch.testing.assert_close(tile_by_tile(q, k, v, tiled, rows=rows, tile=tile), want)
    blocks = -(-tokens // rows)
    assert slow.total == 4 * tokens * 8 + 4 * tokens**2
    assert tiled.total == 2 * tokens * 8 + blocks * 2 * tokens * 8


def test_batches_and_heads_come_along() -> None:
    q, k, v = torch.randn(3, 2, 4, 30, 8, dtype=torch.float64)
    tiles = zip(k.split(7, dim=-2), v.split(7, dim=-2), strict=True)
    torch.testing.assert_close(online_attention(q, tiles), explicit_attention(q, k, v)[0])


def test_nothing_to_meet_and_nothing_to_take_are_refused() -> None:
    q = torch.randn(3, 8)
    with pytest.raises(ValueError, match="no tile"):
        online_attention(q, [])
    with pytest.raises(ValueError, match="at least 1, got 0 and 4"):
        tile_by_tile(q, q, q, SlowMemory(), rows=0, tile=4)
