"""Figures of tokens and attention show the model's own numbers, and their arithmetic is right."""

from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import Circle

from shapes_of_attention.data import make_shapes
from shapes_of_attention.figures import Figure
from shapes_of_attention.figures.cross_attention import (
    encoder_decoder,
    look_up,
    mechanism,
    self_and_cross,
)
from shapes_of_attention.figures.image_tokens import (
    channel_tokens,
    four_steps,
    position_maps,
    relative_score,
    rotary_clocks,
    row_similarity,
)
from shapes_of_attention.models import EncoderDecoder, EncoderDecoderConfig, capture_attention
from shapes_of_attention.models.positions import (
    grid_coordinates,
    rotary_angles,
    rotate,
    sinusoidal,
)

STYLE = Path(__file__).parents[3] / "assets" / "matplotlibrc"
IMAGE = make_shapes([0]).image
PIXELS = torch.from_numpy(IMAGE).float() / 255


@pytest.fixture(autouse=True)
def site_style():
    with mpl.rc_context(fname=STYLE):
        yield


def small_model(positions: str = "rotary", **options: object) -> EncoderDecoder:
    torch.manual_seed(0)
    config = EncoderDecoderConfig(positions=positions, dim=32, heads=2, hidden=32, **options)
    return EncoderDecoder(config).eval()


def table() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(64, 24))


def drawings() -> dict[str, Figure]:
    model = small_model()
    lookup = look_up(model, PIXELS, layer=0, head=1, query=20)
    kinds = {"Sinusoidal": row_similarity(table()), "Rotary": relative_score(grid=8, head_dim=16)}
    return {
        "four_steps": four_steps(IMAGE[0], 20, table(), 0.1 * table()),
        "channel_tokens": channel_tokens(IMAGE[0], 20),
        "rotary_clocks": rotary_clocks(head_dim=16),
        "position_maps": position_maps(kinds, 20),
        "self_and_cross": self_and_cross(),
        "encoder_decoder": encoder_decoder(IMAGE[0], IMAGE[0], model),
        "mechanism": mechanism(IMAGE[0], IMAGE[0], 20, lookup),
    }


def test_drawings_of_tokens_and_attention_are_small_and_the_same_to_the_byte():
    first, second = drawings(), drawings()
    for name, figure in first.items():
        svg = figure.svg()
        ElementTree.fromstring(svg)
        assert len(svg) < 200_000, f"{name} weighs {len(svg)} bytes"
        assert svg == second[name].svg(), name
        assert '<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="600"' in svg


@pytest.mark.parametrize("places", [5, 8])
def test_clocks_say_how_many_columns_they_stand_for(places):
    figure = rotary_clocks(head_dim=16, places=places).static
    assert figure.texts[0].get_text() == f"column 1 to {places}"
    circles = [patch for patch in figure.axes[0].patches if isinstance(patch, Circle)]
    assert len(circles) == 3 * places


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned", "rotary"])
def test_a_lookup_gives_the_weights_that_the_running_layer_uses(positions):
    model = small_model(positions)
    with torch.no_grad(), capture_attention(model) as weights:
        model(PIXELS)
    for layer, head, query in ((0, 0, 5), (1, 1, 63)):
        found = look_up(model, PIXELS, layer=layer, head=head, query=query)
        seen = weights[f"decoder.{layer}.cross_attention"][0, head, query]
        np.testing.assert_allclose(found.weights, seen, atol=1e-6)
        assert found.weights.sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(found.mix, found.weights @ found.values, atol=1e-5)
        scale = np.sqrt(len(found.query))
        np.testing.assert_allclose(found.scores, found.keys @ found.query / scale, atol=1e-5)


def test_a_lookups_mix_is_what_the_layer_passes_to_its_output_projection():
    model = small_model()
    attention = model.decoder[1].cross_attention
    passed = []
    handle = attention.output.register_forward_pre_hook(lambda _, inputs: passed.append(inputs[0]))
    with torch.no_grad():
        model(PIXELS)
    handle.remove()
    found = look_up(model, PIXELS, layer=1, head=1, query=9)
    np.testing.assert_allclose(found.mix, passed[0][0, 9, 16:], atol=1e-5)


def test_a_model_with_a_token_a_channel_can_be_asked_too():
    found = look_up(small_model(tokens="channel"), PIXELS, layer=0, head=0, query=0)
    assert found.weights.shape == (192,)


def test_row_similarity_is_the_cosine_between_rows():
    rows = table()
    similar = row_similarity(7 * rows)
    wanted = torch.nn.functional.cosine_similarity(
        torch.from_numpy(rows)[:, None], torch.from_numpy(rows)[None], dim=-1
    )
    np.testing.assert_allclose(similar, wanted, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*[st.integers(0, 7)] * 4),
    st.tuples(st.integers(-7, 7), st.integers(-7, 7)),
)
def test_the_relative_score_depends_on_the_offset_alone(places, shift):
    score = relative_score(grid=8, head_dim=16).reshape(8, 8, 8, 8)
    moved = np.array(places) + np.array(shift * 2)
    if moved.min() < 0 or moved.max() > 7:
        return
    assert score[places] == pytest.approx(score[tuple(moved)], abs=1e-6)


def test_the_relative_score_is_the_product_of_equal_tokens_turned():
    # Equal strength in each pair: (1, 0) for all pairs, whose product unturned is their number.
    token = torch.cat([torch.ones(8), torch.zeros(8)]).expand(1, 1, 64, 16)
    angles = rotary_angles(grid_coordinates(8, 8), head_dim=16)
    turned = rotate(token, angles)
    wanted = (turned @ turned.transpose(-2, -1))[0, 0] / 8
    np.testing.assert_allclose(relative_score(grid=8, head_dim=16), wanted, atol=1e-5)


def test_sinusoidal_and_rotary_maps_are_one_at_equal_width():
    waves = sinusoidal(grid_coordinates(8, 8), dim=16, base=100.0).numpy()
    np.testing.assert_allclose(
        row_similarity(waves), relative_score(grid=8, head_dim=16), atol=1e-6
    )


def test_the_block_diagram_says_the_models_own_sizes(monkeypatch):
    said = []
    monkeypatch.setattr(
        "shapes_of_attention.figures.toolkit.diagram.Diagram.text",
        lambda self, x, y, text, **_: said.append(text),
    )
    model = small_model(patch=32, tokens="channel", encoder_layers=3, decoder_layers=1)
    encoder_decoder(IMAGE[0], IMAGE[0], model)
    assert {"48 × 32", "16 × 32", "× 3", "× 1", "memory Z: 48 × 32"} <= set(said)
