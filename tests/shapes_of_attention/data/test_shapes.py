"""Properties of every image of the 2-D shapes task, checked by a slow, independent renderer."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from shapes_of_attention.data import KINDS, ShapesBatch, ShapesConfig, make_shapes, red_dominant

SUPERSAMPLING = 8

indices = st.lists(st.integers(0, 2**40), min_size=1, max_size=4)
seeds = st.integers(0, 2**63 - 1)


def draw_slowly(
    batch: ShapesBatch, row: int, colours: list[tuple[float, ...] | None]
) -> np.ndarray:
    """Draw one image with Pillow, shape by shape and much too large, then average."""
    size = batch.image.shape[-1]
    result = np.zeros((size, size, 3))
    for slot, colour in enumerate(colours):
        if colour is None:
            continue
        corner = np.floor(batch.box[row, slot, :2]).astype(int)
        side = 42
        mask = Image.new("L", (side * SUPERSAMPLING, side * SUPERSAMPLING))
        draw = ImageDraw.Draw(mask)
        # Pillow's boxes include their last pixel.
        box = (batch.box[row, slot].astype(float) - [*corner, *corner]) * SUPERSAMPLING
        box -= [0, 0, 1, 1]
        form = draw.ellipse if "circle" in KINDS[batch.kind[row, slot]] else draw.rectangle
        form(box.round().tolist(), fill=255)
        if "hollow" in KINDS[batch.kind[row, slot]]:
            line = float(batch.stroke[row, slot]) * SUPERSAMPLING
            form((box + np.array([line, line, -line, -line])).round().tolist(), fill=0)
        cover = np.asarray(mask, dtype=float).reshape(side, SUPERSAMPLING, side, SUPERSAMPLING)
        cover = cover.mean(axis=(1, 3)) / 255
        there = result[corner[1] : corner[1] + side, corner[0] : corner[0] + side]
        there += cover[: there.shape[0], : there.shape[1], None] * np.array(colour)
    return result


def rule_by_hand(batch: ShapesBatch, row: int, red_filter: bool) -> list[tuple[float, ...] | None]:
    """Work out each shape's target colour one shape at a time, from kinds and colours alone."""
    groups: dict[str, list[int]] = {}
    for slot in range(batch.kind.shape[1]):
        if not batch.present[row, slot]:
            continue
        kind = KINDS[batch.kind[row, slot]]
        red, green, blue = batch.colour[row, slot].tolist()
        if red_filter and kind == "filled circle" and not (red > green and red > blue):
            continue
        groups.setdefault(kind, []).append(slot)
    colours: list[tuple[float, ...] | None] = [None] * batch.kind.shape[1]
    for members in groups.values():
        for slot in members:
            colours[slot] = tuple(
                sum(float(batch.colour[row, m, c]) for m in members) / len(members)
                for c in range(3)
            )
    return colours


def assert_looks_like(image: np.ndarray, slow: np.ndarray) -> None:
    difference = np.abs(image.transpose(1, 2, 0) - slow)
    # The edge of a shape may differ by a share of a pixel; its inside may not differ at all.
    assert difference.max() < 0.25 * 255
    assert difference.mean() < 0.5
    if (slow > 0).any():
        assert np.median(difference[slow > 0]) < 1


@settings(max_examples=25, deadline=None)
@given(indices, seeds, st.booleans())
def test_target_follows_both_rules_when_redrawn_by_a_slow_renderer(chosen, seed, red_filter):
    batch = make_shapes(chosen, seed, ShapesConfig(red_filter=red_filter))
    for row in range(len(batch)):
        expected = rule_by_hand(batch, row, red_filter)
        assert_looks_like(batch.target[row], draw_slowly(batch, row, expected))
        inputs = [
            tuple(batch.colour[row, slot].tolist()) if batch.present[row, slot] else None
            for slot in range(batch.kind.shape[1])
        ]
        assert_looks_like(batch.image[row], draw_slowly(batch, row, inputs))
        for slot, colour in enumerate(expected):
            assert batch.kept[row, slot] == (colour is not None)
            if colour is None:
                assert np.isnan(batch.group_mean[row, slot]).all()
            else:
                np.testing.assert_allclose(batch.group_mean[row, slot], colour, atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(indices, seeds, st.integers(2, 10), st.floats(2, 6))
def test_shapes_stay_inside_and_never_come_closer_than_the_gap(chosen, seed, slots, gap):
    config = ShapesConfig(size=150, slots=slots, fewest=min(slots, 4), gap=gap)
    batch = make_shapes(chosen, seed, config)
    assert (batch.present.sum(axis=1) >= 2).all()
    for row in range(len(batch)):
        boxes = batch.box[row][batch.present[row]].astype(float)
        assert boxes.min() >= gap - 1e-3
        assert boxes.max() <= 150 - gap + 1e-3
        sides = boxes[:, 2:] - boxes[:, :2]
        assert sides.min() >= 16 - 1e-3
        assert sides.max() <= 40 + 1e-3
        for i in range(len(boxes)):
            for j in range(i):
                # Distance along the axis on which the two boxes are farther apart.
                apart = np.maximum(boxes[i, :2] - boxes[j, 2:], boxes[j, :2] - boxes[i, 2:]).max()
                assert apart >= gap - 1e-3


@settings(max_examples=25, deadline=None)
@given(st.permutations(list(range(40, 60))), seeds, st.integers(1, 20))
def test_an_image_is_the_same_in_any_order_and_any_batch(order, seed, batch_size):
    whole = make_shapes(range(40, 60), seed)
    for start in range(0, 20, batch_size):
        part = order[start : start + batch_size]
        batch = make_shapes(part, seed)
        rows = [index - 40 for index in part]
        for name in ("image", "target", "box", "kind", "colour", "kept", "present", "stroke"):
            np.testing.assert_array_equal(getattr(batch, name), getattr(whole, name)[rows])
        np.testing.assert_array_equal(batch.group_mean, whole.group_mean[rows])


def test_another_seed_or_index_gives_another_image():
    images = np.concatenate([make_shapes(range(50), seed).image for seed in range(4)])
    assert len({image.tobytes() for image in images}) == 200


def test_an_image_does_not_change_between_releases():
    batch = make_shapes([0, 1], seed=0)
    assert batch.kind[0].tolist() == [1, 2, 3, 2, 0, 0, -1, -1]
    assert int(batch.image.sum()) == 2943199


def test_all_kinds_and_both_outcomes_of_the_filter_are_common():
    batch = make_shapes(range(1000), seed=3)
    number = np.bincount(batch.kind[batch.present], minlength=4)
    assert number.min() > 0.2 * number.sum()
    circles = batch.kind == 0
    assert 0.4 < batch.kept[circles].mean() < 0.6
    assert batch.kept[batch.present & ~circles].all()
    assert 5 < batch.present.sum(axis=1).mean() < 7


def test_the_filter_can_be_decided_from_pixels():
    batch = make_shapes(range(300), seed=4)
    for row, slot in np.argwhere(batch.kind == 0):
        x, y = (batch.box[row, slot, :2] + batch.box[row, slot, 2:]) / 2
        pixel = batch.image[row, :, int(y), int(x)].astype(np.float32)
        assert red_dominant(pixel) == batch.kept[row, slot]
        first, second = np.sort(batch.colour[row, slot])[[2, 1]]
        assert first - second >= ShapesConfig().dominance - 1e-3


def test_without_kept_circles_the_target_shows_none():
    batch = make_shapes(range(300), seed=5)
    circles = batch.kind == 0
    alone = np.flatnonzero(circles.any(axis=1) & ~(circles & batch.kept).any(axis=1))
    assert len(alone) > 20
    for row in alone:
        for slot in np.flatnonzero(circles[row]):
            x0, y0, x1, y1 = batch.box[row, slot]
            window = batch.target[row, :, int(y0) : int(y1) + 1, int(x0) : int(x1) + 1]
            assert window.max() == 0


def test_the_second_shape_finds_a_place_even_when_no_random_position_fits():
    tight = ShapesConfig(side=(40.0, 40.0), candidates=1)
    batch = make_shapes(range(2000), seed=6, config=tight)
    assert (batch.present.sum(axis=1) >= 2).all()


def test_red_dominant_needs_more_red_than_both_others():
    colours = np.array([[9, 8, 8], [9, 9, 8], [9, 8, 9], [8, 9, 7], [0, 0, 0]], dtype=np.float32)
    assert red_dominant(colours).tolist() == [True, False, False, False, False]


def test_no_indices_give_an_empty_batch():
    batch = make_shapes([])
    assert len(batch) == 0
    assert batch.image.shape == (0, 3, 128, 128)
    assert batch.box.shape == (0, 8, 4)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([-1], "must not be negative"),
        ([0.5], "one-dimensional sequence of integers"),
        ([[1, 2]], "one-dimensional sequence of integers"),
        (["a"], "one-dimensional sequence of integers"),
    ],
)
def test_bad_indices_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        make_shapes(bad)


@pytest.mark.parametrize("rows", [[2], [3, 0, 3, 1], [], np.array([1, 1])])
def test_rows_are_taken_as_if_their_images_had_been_drawn_alone(rows):
    taken = make_shapes(range(4), seed=3).take(rows)
    drawn = make_shapes(np.asarray(rows, dtype=np.int64), seed=3)
    assert len(taken) == len(rows)
    for each in fields(ShapesBatch):
        found, wanted = getattr(taken, each.name), getattr(drawn, each.name)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_is_no_counter_is_refused(seed):
    with pytest.raises(ValueError, match="seed must be from 0 to"):
        make_shapes([0], seed=seed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 64}, "no sure place"),
        ({"side": (20, 10)}, "side must hold"),
        ({"side": (0, 10)}, "side must hold"),
        ({"stroke": (3, 8)}, "would fill a hollow shape"),
        ({"strongest": (100, 300)}, "must not exceed 255"),
        ({"dominance": 0}, "dominance"),
        ({"red_share": 1.5}, "red_share"),
        ({"fewest": 9}, "fewest <= slots"),
        ({"fewest": 1}, "fewest <= slots"),
        ({"gap": 0.5}, "gap"),
        ({"candidates": 0}, "candidates"),
    ],
)
def test_bad_configurations_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ShapesConfig(**change)
