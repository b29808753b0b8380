"""An encoder that sees less uses nothing that it may not see, and is itself again afterwards."""

import pytest
import torch

from shapes_of_attention.data import make_shapes
from shapes_of_attention.interpret.reach import REACHES, encoder_within, measure_reach, reach_mask
from shapes_of_attention.models import build_model, capture_attention

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
    assert found["full"].company_error != found["own patch"].company_error
