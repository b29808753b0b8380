"""Views that are gone through in steps show what they were given, and the steps are right."""

import base64

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from shapes_of_attention.efficient.masks import (
    full_mask,
    global_mask,
    layers_to_all,
    local_mask,
    strided_mask,
)
from shapes_of_attention.figures import attention_by_hand, series_results, tiled_attention
from shapes_of_attention.figures.attention_patterns import pattern_view
from shapes_of_attention.figures.transformer_block import Walk, block_walk, learning_curve
from shapes_of_attention.models.attention import causal_mask
from shapes_of_attention.models.positions import rotary_angles
from shapes_of_attention.series import make_series


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 99), st.integers(1, 24), st.integers(1, 24))
def test_a_query_s_running_answer_is_softmax_over_the_keys_so_far(
    seed: int, keys: int, tile: int
) -> None:
    draw = np.random.default_rng(seed)
    scores, values = 30 * draw.normal(size=keys), draw.normal(size=keys)
    steps = tiled_attention.running_softmax(scores, values, tile)
    assert len(steps) == -(-keys // tile)
    for number, step in enumerate(steps, 1):
        seen = scores[: number * tile]
        weights = np.exp(seen - seen.max())
        answer = weights @ values[: number * tile] / weights.sum()
        assert step["answer"] == pytest.approx(answer)
        assert step["largest"] == seen.max()


def test_tiles_carry_their_scores_and_the_still_picture_their_numbers() -> None:
    scores = np.random.default_rng(0).normal(size=(12, 12))
    values = np.arange(1.0, 13)
    view = tiled_attention.tile_steps(
        scores, values, tile=4, query=1, moved={"tiles": list(range(9)), "steps": [99]}
    )
    packed = np.frombuffer(base64.b64decode(view.data["scores"]), "<i2") / 100
    np.testing.assert_allclose(packed.reshape(12, 12), scores, atol=0.005)
    words = [text.get_text() for text in view.static.static.findobj(Text)]
    for step in tiled_attention.running_softmax(scores[1], values, 4):
        assert f"{step['answer']:.2f}" in words


@pytest.mark.parametrize(
    ("mask", "layers"),
    [
        (full_mask(12), 1),
        (causal_mask(12), 1),
        (local_mask(12, window=3), 4),
        (local_mask(12, window=3) | global_mask(12, number=1), 2),
        (local_mask(16, window=5) | strided_mask(16, stride=5), 2),
        (local_mask(12, window=0), 1),
    ],
)
def test_layers_are_counted_until_nothing_new_arrives(mask: torch.Tensor, layers: int) -> None:
    assert layers_to_all(mask) == layers


def test_a_pattern_travels_bit_by_bit() -> None:
    masks = {
        "local": local_mask(10, window=2).numpy(),
        "global": global_mask(10, number=1).numpy(),
    }
    view = pattern_view(
        masks, dict.fromkeys(masks, "."), layers={"local": 5, "global": 2}, start="global", query=4
    )
    assert view.data["start"] == 1
    for pattern in view.data["patterns"]:
        bits = np.unpackbits(np.frombuffer(base64.b64decode(pattern["bits"]), np.uint8))[:100]
        np.testing.assert_array_equal(bits.reshape(10, 10), masks[pattern["name"]])
    words = [text.get_text() for text in view.static.static.findobj(Text)]
    assert "28%, 2 layers" not in words and "19%, 2 layers" in words


def test_curves_lead_to_what_has_weight_in_the_colours_of_the_kinds() -> None:
    batch = make_series([0])
    weights = np.zeros((50, 50))
    weights[:, 3], weights[:, 20], weights[:, 40] = 0.7, 0.1, 0.01
    view = series_results.asking_view(batch, weights, batch.target, token=10, query=20)
    curves = view.static.static.axes[0].patches
    assert len(curves) == 2, "a weight of a hundredth has none"
    assert curves[0].get_linewidth() > curves[1].get_linewidth()
    assert view.data["query"] == 20 and len(view.data["owner"]) == 50
    kinds = {shape["kind"] for shape in view.data["shapes"]}
    assert len(view.data["shapes"]) == int(batch.present.sum()) and len(kinds) > 1


def test_a_block_s_picture_tells_how_long_each_vector_is() -> None:
    vectors = [np.full(64, float(size)) for size in range(1, 8)]
    names = Walk.__annotations__
    figure = block_walk(Walk(**dict(zip(names, vectors, strict=True))))
    words = " ".join(text.get_text() for text in figure.static.findobj(Text))
    assert "stream in, length 8.0" in words and "stream out, length 56.0" in words
    assert "added, length 24.0" in words and "added, length 48.0" in words


def test_a_learning_curve_has_its_reference_in_sight() -> None:
    axes = learning_curve([1, 2], [0.1, 0.05], reference=("one mean", 0.4)).static.axes[0]
    assert axes.get_ylim()[1] > 0.4
    assert "one mean" in [text.get_text() for text in axes.texts]


def test_as_many_tables_of_positions_stand_side_by_side_as_there_are() -> None:
    angles = rotary_angles(torch.arange(50)[:, None], head_dim=16).numpy()
    for number in (1, 2, 3):
        tables = {f"kind {i}": np.eye(50, 64) for i in range(number)}
        figure = attention_by_hand.positions(tables, angles).static
        boxes = [axes.get_position() for axes in figure.axes if axes.images]
        assert len(boxes) == number
        assert max(box.x1 for box in boxes) <= 1.0001
