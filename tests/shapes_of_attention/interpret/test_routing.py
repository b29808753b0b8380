"""What patches show, what experts take, and reading the records of the study."""

import numpy as np
import pytest
import torch

from shapes_of_attention.data import make_shapes
from shapes_of_attention.interpret.routing import (
    CONTENTS,
    choices_by_content,
    layer_name,
    loads_by_layer,
    patch_contents,
    route,
    told_by_choice,
    unevenness,
)
from shapes_of_attention.models import build_model
from shapes_of_attention.models.experts import Routing


def test_a_patch_is_empty_where_it_is_black_and_shows_the_kind_that_fills_it():
    batch = make_shapes(range(40), seed=3)
    contents = patch_contents(batch).reshape(40, 8, 8)
    lit = batch.image.reshape(40, 3, 8, 16, 8, 16).max(axis=(1, 3, 5)) > 0
    assert np.array_equal(contents > 0, lit)
    for row in range(40):
        for slot in np.flatnonzero(batch.present[row]):
            x0, y0, x1, y1 = batch.box[row, slot]
            # Patches that lie within a rectangle's box entirely show nothing else.
            inside = contents[
                row,
                int(np.ceil(y0 / 16)) : int(y1 // 16),
                int(np.ceil(x0 / 16)) : int(x1 // 16),
            ]
            if batch.kind[row, slot] == 2:
                assert (inside == 3).all()


def test_choices_are_shared_out_by_what_the_patch_shows():
    chosen = torch.tensor([[0, 1], [0, 2], [2, 1], [2, 1]])
    routing = Routing(torch.zeros(4, 3), chosen, torch.zeros(4, 2))
    shares = choices_by_content(routing, np.array([[0, 0], [4, 4]]))
    assert shares[0].tolist() == [0.5, 0.25, 0.25]
    assert shares[4].tolist() == [0, 0.5, 0.5]
    assert not shares[1:4].any() and len(shares) == len(CONTENTS)


def test_a_model_of_experts_tells_the_route_of_every_patch():
    options = {"experts": 4, "hidden": 8, "dim": 16, "heads": 2}
    routings = route(build_model("encoder-decoder", options), make_shapes(range(2)))
    assert [layer_name(name) for name in routings] == [
        "encoder 1",
        "encoder 2",
        "decoder 1",
        "decoder 2",
    ]
    assert all(routing.chosen.shape == (128, 2) for routing in routings.values())


def test_a_choice_tells_all_or_nothing_of_what_a_patch_shows():
    contents = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    assert told_by_choice(np.array([4, 4, 5, 5, 1, 1, 0, 0]), contents) == pytest.approx(1)
    assert told_by_choice(np.array([0, 1] * 4), contents) == pytest.approx(0)
    # Half is empty ground (one bit of one and a half): all that these choices tell.
    assert told_by_choice(np.array([0] * 4 + [3] * 4), contents) == pytest.approx(1 / 1.5)


def test_unevenness_is_the_busiest_experts_excess():
    assert unevenness([0.25] * 4) == 0
    assert unevenness([0.5, 0.25, 0.25, 0.0]) == pytest.approx(1)


def test_loads_are_averaged_over_the_last_points():
    points = [
        {"step": step, "layers": {"encoder.0.feed_forward": load}}
        for step, load in enumerate([[1.0, 0.0], [0.6, 0.4], [0.4, 0.6]])
    ]
    found = loads_by_layer({"load_over_training": points}, points=2)
    assert found["encoder 1"].tolist() == pytest.approx([0.5, 0.5])
