"""Properties of every series, checked by a slow, independent renderer."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes_of_attention.series import SERIES_KINDS, SeriesBatch, SeriesConfig, make_series

indices = st.lists(st.integers(0, 2**40), min_size=1, max_size=4)
seeds = st.integers(0, 2**63 - 1)


def height(kind: str, x: float, start: float, end: float) -> float | None:
    """Give a shape's height at x; None where rounding could decide whether x is inside."""
    if min(abs(x - start), abs(x - end)) < 1e-3:
        return None
    if not start < x < end:
        return 0.0
    middle, half = (start + end) / 2, (end - start) / 2
    if kind == "rectangle":
        return 1.0
    if kind == "triangle":
        return min(x - start, end - x) / half
    return math.sqrt(half**2 - (x - middle) ** 2) / half


def assert_is_drawn(series: np.ndarray, batch: SeriesBatch, row: int, peaks: dict[int, float]):
    """Compare every sample with the shapes' heights, worked out one by one."""
    for sample, value in enumerate(series.tolist()):
        heights = {
            slot: height(
                SERIES_KINDS[batch.kind[row, slot]], sample + 0.5, *batch.span[row, slot].tolist()
            )
            for slot in peaks
        }
        if None in heights.values():
            continue
        expected = sum(peaks[slot] * (heights[slot] or 0.0) for slot in peaks)
        assert value == pytest.approx(expected, abs=2e-3)


@settings(max_examples=25, deadline=None)
@given(indices, seeds)
def test_the_target_redraws_each_shape_at_the_mean_amplitude_of_its_kind(chosen, seed):
    batch = make_series(chosen, seed=seed, config=SeriesConfig(noise=0.0))
    for row in range(len(batch)):
        slots = np.flatnonzero(batch.present[row]).tolist()
        sign = {slot: -1.0 if batch.inverted[row, slot] else 1.0 for slot in slots}
        means = {}
        for slot in slots:
            group = [s for s in slots if batch.kind[row, s] == batch.kind[row, slot]]
            means[slot] = sum(float(batch.amplitude[row, s]) for s in group) / len(group)
            assert batch.group_mean[row, slot] == pytest.approx(means[slot], abs=1e-5)
        assert np.isnan(batch.group_mean[row, len(slots) :]).all()
        assert_is_drawn(batch.target[row], batch, row, {s: sign[s] * means[s] for s in slots})
        assert_is_drawn(
            batch.signal[row],
            batch,
            row,
            {s: sign[s] * float(batch.amplitude[row, s]) for s in slots},
        )


@settings(max_examples=50, deadline=None)
@given(indices, seeds, st.integers(1, 12), st.floats(1, 9), st.integers(0, 400))
def test_shapes_keep_apart_from_each_other_and_from_the_ends(chosen, seed, slots, gap, more):
    length = math.ceil(slots * (44 + gap) + gap) + more
    config = SeriesConfig(length=length, slots=slots, fewest=min(slots, 3), gap=gap)
    batch = make_series(chosen, seed=seed, config=config)
    for row in range(len(batch)):
        spans = batch.span[row][batch.present[row]].astype(float)
        assert config.fewest <= len(spans) <= slots
        assert spans[0, 0] >= gap - 1e-2 and spans[-1, 1] <= length - gap + 1e-2
        assert (spans[1:, 0] - spans[:-1, 1] >= gap - 1e-2).all()
        widths = spans[:, 1] - spans[:, 0]
        assert widths.min() >= 20 - 1e-2 and widths.max() <= 44 + 1e-2
        heights = batch.amplitude[row][batch.present[row]]
        assert heights.min() >= 0.4 and heights.max() <= 1.6


@settings(max_examples=25, deadline=None)
@given(st.permutations(list(range(40, 60))), seeds, st.integers(1, 20))
def test_a_series_is_the_same_in_any_order_and_any_batch(order, seed, batch_size):
    whole = make_series(range(40, 60), seed=seed)
    for start in range(0, 20, batch_size):
        part = order[start : start + batch_size]
        batch = make_series(part, seed=seed)
        rows = [index - 40 for index in part]
        for name in SeriesBatch.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(batch, name), getattr(whole, name)[rows])


def test_another_seed_or_index_gives_another_series():
    signals = np.concatenate([make_series(range(50), seed=seed).signal for seed in range(4)])
    assert len({signal.tobytes() for signal in signals}) == 200


def test_kinds_and_orientations_are_equally_common_and_groups_have_company():
    batch = make_series(range(2000), seed=3)
    number = np.bincount(batch.kind[batch.present], minlength=3)
    assert number.min() > 0.31 * number.sum()
    assert 0.47 < batch.inverted[batch.present].mean() < 0.53
    same = (batch.kind[:, :, None] == batch.kind[:, None, :]) & batch.present[:, :, None]
    assert (same.sum(axis=2)[batch.present] >= 2).mean() > 0.8


def test_noise_is_as_strong_and_as_smooth_as_asked():
    config = SeriesConfig(noise=0.2, smoothness=4.0)
    quiet = SeriesConfig(noise=0.0, smoothness=4.0)
    noise = (
        make_series(range(400), config=config).signal - make_series(range(400), config=quiet).signal
    )
    assert noise.std() == pytest.approx(0.2, rel=0.03)
    neighbours = np.corrcoef(noise[:, :-4].ravel(), noise[:, 4:].ravel())[0, 1]
    assert neighbours == pytest.approx(math.exp(-(4**2) / (4 * 4**2)), abs=0.03)


def test_longer_series_hold_more_shapes_of_the_same_sizes():
    config = SeriesConfig(length=2000, slots=32, fewest=32)
    batch = make_series(range(8), config=config)
    assert batch.signal.shape == batch.target.shape == (8, 2000)
    assert batch.present.all()
    assert ((batch.span[..., 1] - batch.span[..., 0]) < 44.01).all()
    assert len(make_series([])) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"length": 300}, "length 300 cannot hold 8 of the widest shapes"),
        ({"fewest": 9}, "1 <= fewest <= slots"),
        ({"gap": 0.5}, "gap must be at least 1"),
        ({"width": (30.0, 20.0)}, "width must hold 0 < smallest <= largest"),
        ({"noise": -0.1}, "noise must not be negative"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        SeriesConfig(**wrong)


@pytest.mark.parametrize("wrong", [[-1], [[1, 2]], [0.5]])
def test_indices_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="indices must"):
        make_series(wrong)
