"""One shape hidden at a time: the right patches are hidden, and the truth is told without its vote."""

import numpy as np
import pytest
import torch

from shapes_of_attention.data import make_shapes
from shapes_of_attention.interpret.hiding import hide_each_shape, pick_image
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import interior_means, patch_cover
from shapes_of_attention.models import build_model

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture(scope="module")
def batch():
    return make_shapes(range(512), seed=2)


def test_the_picked_image_has_no_shape_alone_and_no_patch_with_two(batch):
    row = pick_image(batch, shapes=5)
    kinds = batch.kind[row][batch.present[row]]
    assert len(kinds) >= 5
    assert batch.kept[row].sum() == len(kinds)
    assert all((kinds == kind).sum() >= 2 for kind in kinds)
    assert ((patch_cover(batch, 16)[row] >= 1).sum(axis=0) <= 1).all()
    with pytest.raises(ValueError, match="larger batch"):
        pick_image(batch, shapes=9)


def test_each_state_hides_one_shape_and_tells_the_mean_of_the_others(batch):
    torch.manual_seed(0)
    model = build_model("encoder-decoder", TINY).eval()
    row = pick_image(batch, shapes=5)
    states = hide_each_shape(model, batch, row)
    slots = np.flatnonzero(batch.present[row])
    assert states.hidden.shape == (len(slots) + 1, 64)
    assert not states.hidden[0].any()
    np.testing.assert_array_equal(states.truth[0], batch.target[row])

    copies = batch.take([row] * (len(slots) + 1))
    shown = interior_means(states.truth.astype(np.float32), copies)
    for state, slot in enumerate(slots, start=1):
        np.testing.assert_array_equal(states.hidden[state], patch_cover(batch, 16)[row, slot] >= 1)
        group = [s for s in slots if batch.kind[row, s] == batch.kind[row, slot]]
        mean = np.mean([batch.colour[row, s] for s in group if s != slot], axis=0)
        for member in group:
            np.testing.assert_allclose(shown[state, member], mean, atol=0.51)

    # What is painted in a state is what the model's own mask gives.
    mask = torch.from_numpy(~states.hidden[1:2])[:, None, None, :]
    alone = paint_levels(model, batch.take([row]), memory_mask=mask)
    np.testing.assert_allclose(states.painted[1], alone[0], atol=1e-2)


def test_patches_are_hidden_as_large_as_the_model_s(batch):
    model = build_model("encoder-decoder", TINY | {"patch": 32}).eval()
    row = pick_image(batch, shapes=5)
    states = hide_each_shape(model, batch, row)
    slots = np.flatnonzero(batch.present[row])
    np.testing.assert_array_equal(states.hidden[1:], patch_cover(batch, 32)[row, slots] >= 1)
