"""Units are judged by areas that match their definition, on patches whose content we know."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from shapes_of_attention.data import make_shapes, red_dominant
from shapes_of_attention.interpret.units import (
    CLASSES,
    RIVALS,
    ablate,
    area_under_curve,
    circles_left,
    criterion,
    hidden_activations,
    patch_classes,
    unit_averages,
    unit_names,
    units_stilled,
)
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.models import build_model

TINY = {"dim": 16, "heads": 2, "hidden": 12, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return build_model("encoder-decoder", TINY).eval()


@given(
    higher=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    lower=st.lists(st.integers(0, 4), min_size=1, max_size=12),
)
@settings(deadline=None)
def test_the_area_is_the_chance_to_be_higher_with_ties_as_halves(higher, lower):
    a, b = np.array(higher, dtype=float), np.array(lower, dtype=float)
    pairs = (a[:, None] > b).mean() + 0.5 * (a[:, None] == b).mean()
    assert area_under_curve(a[:, None], b[:, None])[0] == pytest.approx(pairs)


def test_an_empty_set_has_no_area():
    with pytest.raises(ValueError, match="at least one value"):
        area_under_curve(np.zeros((0, 3)), np.zeros((2, 3)))


def test_every_class_but_the_target_is_in_one_set_of_rivals():
    assert sorted(number for rivals in RIVALS.values() for number in rivals) == list(
        range(1, len(CLASSES))
    )


def test_patches_are_classed_by_the_one_shape_they_show():
    batch = make_shapes(range(40), seed=7)
    shown = patch_classes(batch)
    cover = patch_cover(batch, 16)
    for row, patch in np.argwhere(shown >= 0):
        touching = np.flatnonzero(cover[row, :, patch] > 0)
        if shown[row, patch] == CLASSES.index("background"):
            assert len(touching) == 0
            continue
        (slot,) = touching
        lead, kind = CLASSES[shown[row, patch]].split(" ", 1)
        assert (
            kind
            == ("filled circle", "hollow circle", "filled rectangle", "hollow rectangle")[
                batch.kind[row, slot]
            ]
        )
        assert (lead == "red") == red_dominant(batch.colour[row, slot])
        assert cover[row, slot, patch] >= 32
    assert set(np.unique(shown)) == set(range(-1, len(CLASSES)))


def test_a_perfect_unit_scores_one_a_blind_one_a_half_and_one_that_is_off_no_more():
    shown = patch_classes(make_shapes(range(40), seed=8))
    is_target = shown == 0
    perfect = is_target.astype(float)
    blind = np.zeros_like(perfect)
    colour_blind = np.isin(shown, (0, 1)).astype(float)
    switched_off = np.where(is_target, -1e-9, -0.1)
    areas = criterion(np.stack([perfect, blind, colour_blind, switched_off], axis=-1), shown)
    np.testing.assert_allclose(areas.min(axis=0), [1, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(areas[:, 2], [0.5, 1, 1])


def test_stilled_units_are_zero_and_the_others_as_they_were():
    torch.manual_seed(0)
    model = build_model("encoder-decoder", TINY).eval()
    batch = make_shapes(range(4), seed=9)
    assert unit_names(model) == [
        "encoder.0.feed_forward.activation",
        "decoder.0.feed_forward.activation",
    ]
    name = unit_names(model)[0]
    plain = hidden_activations(model, batch)
    assert plain[name].shape == (4, 64, 12)
    with units_stilled(model, name, [3, 5]):
        stilled = hidden_activations(model, batch)
    assert (stilled[name][..., [3, 5]] == 0).all()
    rest = [unit for unit in range(12) if unit not in (3, 5)]
    np.testing.assert_array_equal(stilled[name][..., rest], plain[name][..., rest])
    np.testing.assert_array_equal(hidden_activations(model, batch)[name], plain[name])
    with units_stilled(model, name, []):
        np.testing.assert_array_equal(hidden_activations(model, batch)[name], plain[name])


def test_units_are_held_at_what_is_asked_and_the_others_are_left_alone(tiny):
    module = unit_names(tiny)[0]
    batch = make_shapes(range(3), seed=2)
    before = hidden_activations(tiny, batch)[module]
    for at in (None, unit_averages(before)):
        with units_stilled(tiny, module, [1, 4], at=at):
            held = hidden_activations(tiny, batch)[module]
        wanted = np.zeros(12, np.float32) if at is None else before.mean(axis=(0, 1))
        for unit in range(12):
            value = wanted[unit] if unit in (1, 4) else before[..., unit]
            np.testing.assert_allclose(
                held[..., unit], np.broadcast_to(value, held.shape[:2]), rtol=1e-5
            )
    np.testing.assert_array_equal(hidden_activations(tiny, batch)[module], before)


class Painter(nn.Module):
    """Paints the truth, but filled circles black where unit 3 of its layer is still."""

    def __init__(self, batch):
        super().__init__()
        self.batch = batch
        self.layer = nn.Identity()
        self.anchor = nn.Parameter(torch.zeros(1))

    def forward(self, image):
        target = torch.from_numpy(self.batch.target).float() / 255
        if self.layer(torch.ones(1, 8))[0, 3] == 1:
            return target
        for row in range(len(target)):
            for slot in np.flatnonzero(self.batch.kind[row] == 0):
                x0, y0, x1, y1 = self.batch.box[row, slot].astype(int)
                target[row, :, y0 : y1 + 1, x0 : x1 + 1] = 0
        return target


def test_an_ablation_finds_the_unit_that_decides_and_chance_seldom_does():
    batch = make_shapes(range(30), seed=8)
    model = Painter(batch)
    ranked = [3, 0, 1, 2, 4, 5, 6, 7]
    found = ablate(model, "layer", ranked, [batch], count=1, draws=9)
    assert found.best.gone == 1
    assert all(draw.gone == 0 for draw in found.chance) and len(found.chance) == 9
    assert found.rank == pytest.approx(0.1)
    assert found.best.error_of_others < 1 < 60 < found.best.error_of_circles
    assert found.best.let_in == 0 and all(draw.error_of_circles < 1 for draw in found.chance)
    # The same unit at the value that it always has decides nothing.
    still = ablate(model, "layer", ranked, [batch], count=1, draws=1, at=np.ones(8, np.float32))
    assert still.best.gone == 0 and still.rank == 1


def test_draws_repeat_with_their_seed_and_leave_out_the_best():
    batch = make_shapes(range(8), seed=8)
    model = Painter(batch)
    ranked = [0, 3, 1, 2, 4, 5, 6, 7]  # now the one that decides is among the others
    two = [
        ablate(model, "layer", ranked, [batch], count=1, draws=20, seed=seed).chance
        for seed in (1, 1, 2)
    ]
    assert two[0] == two[1] != two[2]
    assert 0 < sum(draw.gone == 1 for draw in two[0]) < 20


def test_more_than_half_of_the_units_leaves_too_few_to_compare_with():
    batch = make_shapes(range(8), seed=8)
    with pytest.raises(ValueError, match="count must be 1 to 4"):
        ablate(Painter(batch), "layer", range(8), [batch], count=5, draws=1)


def test_filtered_circles_that_are_painted_are_counted():
    batch = make_shapes(range(30), seed=8)
    filtered = batch.present & ~batch.kept
    assert filtered.any()

    class Copier(nn.Module):
        """Paints what it sees, the circles that are to go with it."""

        def __init__(self):
            super().__init__()
            self.anchor = nn.Parameter(torch.zeros(1))

        def forward(self, image):
            return image

    assert circles_left(Copier(), [batch]).let_in == 1
    rows = np.flatnonzero(~filtered.any(axis=1) & batch.kept.any(axis=1)).tolist()
    none = make_shapes(rows, seed=8)
    assert circles_left(Copier(), [none]).let_in is None


def test_without_circles_nothing_can_be_told():
    batch = make_shapes(range(60), seed=8)
    bare = np.flatnonzero(~(batch.kept & (batch.kind == 0)).any(axis=1))[:2].tolist()
    none = make_shapes(bare, seed=8)
    with pytest.raises(ValueError, match="kept filled circles"):
        circles_left(Painter(none), [none])
