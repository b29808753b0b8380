"""Attention as it is shown is attention as it was measured."""

import base64
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from numpy.typing import NDArray

from shapes_of_attention.data import make_shapes
from shapes_of_attention.figures import attention_views
from shapes_of_attention.figures.toolkit.view import VIEW, View, packed
from shapes_of_attention.measure.ideal import ideal_attention

BATCH = make_shapes(range(3), seed=5)
CROSS = "decoder.1.cross_attention"


def drawn_at_random(*shape: int) -> NDArray[np.float32]:
    """Make rows that add up to one, some sharp and some flat."""
    generator = np.random.default_rng(0)
    scores = generator.normal(size=shape) * generator.choice([0.1, 1, 5], size=(*shape[:-1], 1))
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)


def unpacked(text: str, keys: int) -> NDArray[np.float64]:
    """Read rows as the explorer's script does."""
    levels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, keys).astype(float)
    return levels / np.maximum(levels.sum(axis=-1, keepdims=True), 1)


MODELS = {
    "flagship": {
        "encoder.0.attention": drawn_at_random(3, 4, 64, 64),
        CROSS: drawn_at_random(3, 4, 64, 64),
    },
    "channels": {CROSS: drawn_at_random(3, 2, 64, 192)},
}


@pytest.fixture(scope="module")
def explorer() -> View:
    with mpl.rc_context(fname=Path(__file__).parents[3] / "assets" / "matplotlibrc"):
        view = attention_views.attention_explorer(
            BATCH,
            MODELS,
            titles={"flagship": "2 + 2 layers", "channels": "channel tokens"},
            checkpoints={"flagship": "0123456789ab", "channels": "ba9876543210"},
            start=(1, "flagship", CROSS, 2, 30),
        )
        view.static.svg()
    return view


rows = st.integers(1, 200).flatmap(
    lambda keys: arrays(np.float64, keys, elements=st.floats(0, 1, allow_subnormal=False))
)


@settings(max_examples=300, deadline=None)
@given(rows)
def test_a_packed_row_adds_up_to_one_and_is_off_by_less_than_a_hundredth_of_its_largest(
    row: NDArray[np.float64],
) -> None:
    if row.sum() < 1e-6:
        return
    weights = row / row.sum()
    (found,) = unpacked(packed(weights[None]), len(weights))
    assert found.sum() == pytest.approx(1)
    assert np.abs(found - weights).max() <= weights.max() / 100
    runs = np.cumsum(found - weights)
    assert runs.max() - min(runs.min(), 0) <= weights.max() / 100


def test_a_long_tail_keeps_its_mass() -> None:
    row = np.full(64, 0.0019)
    row[0] = 1 - row[1:].sum()
    (found,) = unpacked(packed(row[None]), 64)
    assert found[1:].sum() == pytest.approx(row[1:].sum(), abs=0.005)


def test_a_row_of_nothing_stays_nothing() -> None:
    assert not unpacked(packed(np.zeros((2, 64), np.float32)), 64).any()


def test_every_weight_of_every_model_reaches_the_explorer(explorer: View) -> None:
    assert set(explorer.files) == {f"{m}-{row}" for m in MODELS for row in range(len(BATCH))}
    for name, modules in MODELS.items():
        for row in range(len(BATCH)):
            file = explorer.files[f"{name}-{row}"]
            assert set(file) == set(modules)
            for module, weights in modules.items():
                keys = weights.shape[-1]
                expected = weights[row].reshape(-1, keys)
                largest = expected.max(axis=-1, keepdims=True)
                assert (np.abs(unpacked(file[module], keys) - expected) <= largest / 100).all()


def test_the_explorer_knows_the_truth_about_each_image(explorer: View) -> None:
    for row, example in enumerate(explorer.data["examples"]):
        truth = ideal_attention(BATCH, row)
        for name, expected in (("group", truth.group), ("others", truth.others)):
            bits = np.unpackbits(np.frombuffer(base64.b64decode(example[name]), np.uint8))
            np.testing.assert_array_equal(bits.reshape(64, 64), expected)
        np.testing.assert_allclose(unpacked(example["ideal"], 64), truth.weights, atol=0.005)
        slots = np.flatnonzero(BATCH.present[row])
        for patch, owner in enumerate(example["owner"]):
            assert (slots[owner] if owner >= 0 else -1) == truth.owner[patch]
        assert [shape["kept"] for shape in example["shapes"]] == BATCH.kept[row, slots].tolist()


def test_the_explorer_is_told_how_images_are_cut(explorer: View) -> None:
    assert explorer.data["grid"] ** 2 == len(explorer.data["examples"][0]["owner"])
    queries, keys = MODELS["channels"][CROSS].shape[-2:]
    assert len(explorer.data["channels"]) * queries == keys


def test_the_explorer_tells_the_truth_in_patches_as_large_as_the_models() -> None:
    models = {"coarse": {CROSS: drawn_at_random(3, 2, 16, 16)}}
    view = attention_views.attention_explorer(
        BATCH,
        models,
        titles={"coarse": "large patches"},
        checkpoints={"coarse": "0123456789ab"},
        start=(0, "coarse", CROSS, 1, 5),
    )
    assert view.data["grid"] == 4
    for row, example in enumerate(view.data["examples"]):
        truth = ideal_attention(BATCH, row, patch=32)
        np.testing.assert_allclose(unpacked(example["ideal"], 16), truth.weights, atol=0.005)


def test_the_explorer_names_models_layers_and_checkpoints(explorer: View) -> None:
    flagship, channels = explorer.data["models"]
    assert flagship["checkpoint"] == "0123456789ab"
    assert [layer["title"] for layer in flagship["layers"]] == ["encoder 1", "decoder 2, cross"]
    assert channels["layers"] == [
        {"name": CROSS, "title": "decoder 2, cross", "heads": 2, "queries": 64, "keys": 192}
    ]
    assert explorer.data["start"] == {
        "example": 1, "model": "flagship", "layer": CROSS, "head": 2, "patch": 30,
    }  # fmt: skip


def test_a_view_is_a_static_picture_and_data_that_json_can_hold(explorer: View) -> None:
    bundle = explorer._repr_mimebundle_()
    assert "<svg" in bundle["image/svg+xml"]
    again = json.loads(json.dumps(bundle[VIEW], allow_nan=False))
    assert again["view"] == "attention-explorer"
    assert set(again) == {"view", "data", "files"}


def test_matrices_show_the_weights_that_they_are_given() -> None:
    layers = [("encoder 1", drawn_at_random(2, 64, 64)), ("decoder 1", drawn_at_random(2, 64, 64))]
    figure = attention_views.attention_matrices(layers).static
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    given_ = [matrix for _, weights in layers for matrix in weights]
    assert len(shown) == len(given_)
    for picture, matrix in zip(shown, given_, strict=True):
        np.testing.assert_array_equal(picture, matrix)


def test_a_sorted_matrix_stands_beside_the_ideal_in_the_same_order() -> None:
    truth = ideal_attention(BATCH, 0)
    learned = drawn_at_random(64, 64)
    order = np.flatnonzero(truth.owner >= 0)[::-1]
    figure = attention_views.matrix_beside_ideal(learned, truth, order).static
    left, right = (axes.images[0].get_array() for axes in figure.axes if axes.images)
    np.testing.assert_array_equal(left, learned[order][:, order])
    np.testing.assert_array_equal(right, truth.weights[order][:, order])


def test_the_explorer_s_matrix_is_as_bright_as_the_static_one(explorer: View) -> None:
    truth = ideal_attention(BATCH, 0)
    static = attention_views.matrix_beside_ideal(truth.weights, truth, np.arange(64)).static
    assert {image.norm.vmax for axes in static.axes for image in axes.images} == {
        explorer.data["full"]
    }


def test_a_patch_glows_the_more_the_more_weight_it_has() -> None:
    weights = np.arange(64, dtype=np.float32) / np.arange(64).sum()
    lit = attention_views.dimmed(np.zeros((3, 128, 128), np.uint8), weights)
    brightness = lit.astype(float).sum(axis=0)[8::16, 8::16].ravel()
    assert np.corrcoef(brightness, np.sqrt(weights))[0, 1] > 0.95
    assert brightness.argmax() == 63


def test_shares_of_channels_are_as_wide_as_they_are_large() -> None:
    figure = attention_views.channel_shares({"kept": np.array([0.5, 0.3, 0.2])}).static
    bars = [each for axes in figure.axes for each in axes.patches if isinstance(each, Rectangle)]
    widths = [bar.get_width() for bar in bars]
    assert widths[:3] == pytest.approx([0.5, 0.3, 0.2])


def test_attention_by_channel_has_a_row_for_each_who_asks_and_a_panel_for_each_channel() -> None:
    weights = drawn_at_random(192).reshape(3, 64)
    asking = [("One asks", 3, weights), ("Another asks", 40, weights)]
    figure = attention_views.attention_by_channel(BATCH.image[0], asking).static
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 6
    words = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "One asks" in words
    for channel, part in zip("RGB", weights, strict=True):
        assert f"{channel} {part.sum():.0%}" in words


def test_the_hash_is_the_file_s(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    assert attention_views.checkpoint_hash(file) == "ba7816bf8f01"


def test_an_example_has_a_row_of_three_pictures_and_names_its_head() -> None:
    rows = []
    for row in range(3):
        ideal = ideal_attention(BATCH, row).weights[0]
        rows.append((BATCH.image[row], 0, MODELS["flagship"][CROSS][row, row, 0], ideal, row))
    figure = attention_views.attention_examples(rows).static
    words = [text.get_text() for text in figure.findobj(Text)]

    assert len(figure.findobj(AxesImage)) == 9
    assert [word for word in words if word.startswith("head")] == ["head 1", "head 2", "head 3"]
