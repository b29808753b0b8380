"""A picture that asks another is itself where it asks itself."""

import numpy as np
import pytest
import torch

from shapes_of_attention.data import make_shapes
from shapes_of_attention.interpret.two_pictures import paint_from_another, painted_and_asked
from shapes_of_attention.measure.colours import kind_means
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.models import build_model

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 2}


@pytest.mark.parametrize("positions", ["rotary", "sinusoidal"])
def test_who_asks_itself_paints_what_the_model_paints(positions: str) -> None:
    torch.manual_seed(0)
    model = build_model("encoder-decoder", TINY | {"positions": positions}).eval()
    one, other = make_shapes([0, 1], seed=0), make_shapes([2, 3], seed=0)
    usual = paint_levels(model, one)
    for layer in (0, 1):
        itself = paint_from_another(model, one, one, layer=layer)
        np.testing.assert_allclose(itself, usual, atol=1e-3)
        assert not np.allclose(paint_from_another(model, one, other, layer=layer), usual, atol=1e-3)


def test_shapes_are_compared_with_the_means_of_their_kind_in_both_pictures() -> None:
    one, other = make_shapes(range(8), seed=1), make_shapes(range(8, 16), seed=1)
    painted, theirs, own = painted_and_asked(one.target.astype(np.float32), one, other)
    assert len(painted) > 10
    assert np.abs(painted - own).max() <= 1  # the target has the picture's own means, in levels
    for row, mean in enumerate(kind_means(other)):
        for kind in range(4):
            members = other.kept[row] & (other.kind[row] == kind)
            assert members.any() != np.isnan(mean[kind]).any()
    assert not np.isnan(theirs).any()
