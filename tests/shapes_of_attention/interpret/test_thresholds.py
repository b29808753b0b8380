"""A circle's red turned: drawings, truths, and thresholds of painters that we know."""

import numpy as np
import pytest
import torch
from torch import nn

from shapes_of_attention.data import make_shapes
from shapes_of_attention.interpret.thresholds import (
    climb,
    crossing,
    find_circles,
    recoloured,
    vote,
    with_red,
)


class TruePainter(nn.Module):
    """Knows the rule, or one whose threshold is moved by `late` levels."""

    def __init__(self, batch, circle, red, late=0.0):
        super().__init__()
        self.anything = nn.Parameter(torch.zeros(1))
        self.targets = torch.from_numpy(
            with_red(batch, circle, red - late).target.astype(np.float32) / 255
        )

    def forward(self, image):
        return self.targets


@pytest.fixture(scope="module")
def batch():
    return make_shapes(range(64), seed=6)


@pytest.fixture(scope="module")
def circle(batch):
    """Give a circle with room below and above its rival."""
    for found in find_circles(batch):
        rival = batch.colour[found.row, found.slot, 1:].max()
        if 60 < rival < 190:
            return found
    raise AssertionError("no circle fits")


def test_found_circles_are_filled_and_have_kept_company(batch):
    circles = find_circles(batch)
    assert len({circle.row for circle in circles}) == len(circles) > 5
    for circle in circles:
        kept = batch.kept[circle.row] & (batch.kind[circle.row] == 0)
        kept[circle.slot] = False
        assert batch.kind[circle.row, circle.slot] == 0
        assert kept.any()


def test_the_same_colours_draw_the_same_images(batch):
    again = recoloured(batch, batch.colour)
    for name, value in vars(batch).items():
        np.testing.assert_array_equal(getattr(again, name), value)


def test_without_the_filter_every_circle_stays(batch):
    unfiltered = recoloured(batch, batch.colour, red_filter=False)
    np.testing.assert_array_equal(unfiltered.kept, batch.present)
    np.testing.assert_array_equal(unfiltered.image, batch.image)


def test_only_the_circles_red_changes_and_the_rule_follows_it(batch, circle):
    rival = batch.colour[circle.row, circle.slot, 1:].max()
    drawn = with_red(batch, circle, rival + np.array([-5, 5], dtype=np.float32))
    assert drawn.kept[:, circle.slot].tolist() == [False, True]
    others = np.arange(8) != circle.slot
    np.testing.assert_array_equal(drawn.colour[0, others], batch.colour[circle.row, others])
    assert (drawn.image[0, 1:] == drawn.image[1, 1:]).all()
    assert (drawn.image[0, 0] != drawn.image[1, 0]).any()


@pytest.mark.parametrize("late", [0.0, 6.0])
def test_a_painter_of_known_threshold_is_found_to_have_it(batch, circle, late):
    rival = batch.colour[circle.row, circle.slot, 1:].max()
    red = rival + np.arange(-21, 22, 2, dtype=np.float32)
    ladder = climb(TruePainter(batch, circle, red, late), batch, circle, red)
    cast = vote(ladder)
    # Between the steps before and after the threshold the curve is taken as straight.
    assert crossing(ladder.lead, cast, 0.5) == pytest.approx(late, abs=1.1)
    assert crossing(ladder.lead, ladder.own.max(axis=1), 60) == pytest.approx(late, abs=1.1)
    np.testing.assert_allclose(cast[0], 0, atol=0.05)
    if late == 0:
        np.testing.assert_allclose(cast[-1], 1, atol=0.05)
        np.testing.assert_allclose(ladder.group, ladder.true_group, atol=0.6)


def test_means_with_and_without_the_circle_are_those_of_the_rule(batch, circle):
    rival = batch.colour[circle.row, circle.slot, 1:].max()
    red = rival + np.array([-20, 20], dtype=np.float32)
    ladder = climb(TruePainter(batch, circle, red), batch, circle, red)
    np.testing.assert_allclose(ladder.true_group[0], ladder.mean_out[0], atol=1e-3)
    np.testing.assert_allclose(ladder.true_group[1], ladder.mean_in[1], atol=1e-3)


def test_a_crossing_is_found_between_points_and_nowhere_where_there_is_none():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    assert crossing(x, np.array([0.0, 0.0, 1.0, 1.0]), 0.25) == pytest.approx(1.25)
    assert crossing(x, np.array([0.0, 1.0, 0.0, 1.0]), 0.5) == pytest.approx(2.5)
    assert np.isnan(crossing(x, np.ones(4), 0.5))
    assert np.isnan(crossing(x, np.zeros(4), 0.5))
    assert np.isnan(crossing(x, np.array([0.0, 1.0, 1.0, 0.0]), 0.5)), "it ends below"
    falls_first = np.array([1.0, 0.0, 0.0, 1.0])
    assert crossing(x, falls_first, 0.5) == pytest.approx(2.5), "where it starts is no matter"


def test_without_the_filter_all_filled_circles_are_in_the_mean(batch, circle):
    red = np.array([100.0, 200.0], dtype=np.float32)
    painter = TruePainter(batch, circle, red)
    ladder = climb(painter, batch, circle, red, red_filter=False)
    others = (batch.kind[circle.row] == 0) & (np.arange(8) != circle.slot)
    expected = batch.colour[circle.row, others].mean(axis=0)
    np.testing.assert_allclose(ladder.mean_out[0], expected, atol=1e-3)
    np.testing.assert_allclose(ladder.true_group, ladder.mean_in, atol=1e-3)
