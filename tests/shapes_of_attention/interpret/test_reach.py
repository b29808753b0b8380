"""An encoder that sees less uses nothing that it may not see, and is itself again afterwards."""

import numpy as np
import pytest
import torch

from shapes_of_attention.data import make_shapes
from shapes_of_attention.interpret.reach import (
    REACHES,
    encoder_within,
    measure_reach,
    read_kinds,
)
from shapes_of_attention.interpret.units import BACKGROUND, patch_classes
from shapes_of_attention.models import build_model, capture_attention
from shapes_of_attention.models.positions import reach_mask

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 2, "decoder_layers": 1}


def build(**options):
    torch.manual_seed(0)
    return build_model("encoder-decoder", TINY | options).eval()


@pytest.mark.parametrize("reach", [0, 1, 3, 7])
def test_the_mask_holds_the_square_around_each_patch(reach):
    mask = reach_mask(8, reach)
    for query in range(64):
        for key in range(64):
            rows, columns = abs(query // 8 - key // 8), abs(query % 8 - key % 8)
            assert mask[query, key] == (max(rows, columns) <= reach)


def test_a_negative_reach_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        reach_mask(8, -1)


@pytest.mark.parametrize("options", [{}, {"tokens": "channel"}, {"registers": 2}])
def test_weights_lie_within_reach_and_only_the_encoder_is_limited(options):
    model = build(**options)
    image = torch.rand(2, 3, 128, 128)
    channels = 3 if "tokens" in options else 1
    with torch.no_grad(), capture_attention(model) as weights, encoder_within(model, 1):
        model(image)
    allowed = reach_mask(8, 1).repeat(channels, channels)
    tokens = len(allowed)
    for layer in range(2):
        among = weights[f"encoder.{layer}.attention"][..., :tokens, :tokens]
        assert (among[..., ~allowed] == 0).all() and (among[..., allowed] > 0).all()
    assert (weights["decoder.0.cross_attention"] > 0).all()


def test_what_lies_out_of_reach_changes_nothing():
    model = build()
    image = torch.rand(1, 3, 128, 128)
    changed = image.clone()
    changed[..., 64:, 64:] = 0  # the lower right quarter: patches in rows and columns 4 to 7
    with torch.no_grad():
        for reach, same in ((0, True), (1, True), (None, False)):
            with encoder_within(model, reach):
                before, after = model.encode(image), model.encode(changed)
            # Two layers of reach 1 come two patches far: rows and columns 0 and 1 see none of it.
            corner = torch.arange(64).reshape(8, 8)[:2, :2].flatten()
            assert torch.equal(before[0, corner], after[0, corner]) == same


def test_full_reach_is_the_model_itself_and_leaving_restores_it():
    model = build()
    image = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        wanted = model(image)
        with encoder_within(model, None):
            torch.testing.assert_close(model(image), wanted)
        with encoder_within(model, 0):
            assert not torch.allclose(model(image), wanted)
        torch.testing.assert_close(model(image), wanted)


def test_a_reach_narrows_what_an_encoder_was_built_to_see_and_lifts_nothing():
    model = build(encoder_reach=1)
    image = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        wanted = model(image)
        for reach in (1, 2, None):
            with encoder_within(model, reach):
                torch.testing.assert_close(model(image), wanted)
        with encoder_within(model, 0):
            assert not torch.allclose(model(image), wanted)


def test_every_reach_is_measured_on_the_same_shapes():
    batches = [make_shapes(range(24), seed=3), make_shapes(range(24, 48), seed=3)]
    found = measure_reach(build(), batches)
    assert list(found) == list(REACHES)
    assert len({reach.colours.kept_shapes for reach in found.values()}) == 1
    assert len({reach.slopes.shapes for reach in found.values()}) == 1
    for reach in found.values():
        assert list(reach.best_units) == [
            "encoder.0.feed_forward.activation",
            "encoder.1.feed_forward.activation",
        ]
        assert all(0 <= score <= 1 for score in reach.best_units.values())
        assert found["full"].kinds_read.patches == reach.kinds_read.patches
        assert reach.on_group["decoder.0.cross_attention"].shape == (2, 4)
    assert found["full"].company_error != found["own patch"].company_error


def test_kinds_are_read_off_tokens_that_tell_them_and_guessed_off_those_that_do_not():
    batches = [make_shapes(range(60), seed=4), make_shapes(range(60, 90), seed=4)]
    shown = np.concatenate([patch_classes(batch) for batch in batches])
    noise = np.random.default_rng(0).normal(size=(*shown.shape, 6))
    kind = np.where((shown >= 0) & (shown != BACKGROUND), shown // 2, 0)
    telling = noise + 20 * np.eye(4, 6)[kind]
    found = read_kinds(telling, batches)
    assert found.right == found.inside == 1 > found.inside_by_guess >= 0.5
    assert found.patches > 500 > found.patches_inside > 10
    # An even image's tokens say nothing of an odd one's.
    assert read_kinds(noise, batches).right < 0.5


def test_without_a_patch_inside_a_shape_nothing_is_read():
    batch = make_shapes([0], seed=4)
    with pytest.raises(ValueError, match="take more images"):
        read_kinds(np.zeros((1, 64, 4)), [batch])
