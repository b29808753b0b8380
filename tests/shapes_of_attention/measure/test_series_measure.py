from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from shapes_of_attention.measure.series import (
    amplitude_errors,
    by_situation,
    drawn_amplitudes,
    ideal_attention,
    kind_blind_error,
    score_amplitudes,
    score_attention,
    shift_difference,
    token_truth,
)
from shapes_of_attention.models.attention import Attention
from shapes_of_attention.series import SeriesConfig, make_series
from shapes_of_attention.series.data import group_means


@pytest.fixture(scope="module")
def quiet():
    return make_series(range(200), config=SeriesConfig(noise=0.0))


def test_amplitudes_are_read_off_a_series_as_they_were_drawn(quiet):
    there = quiet.present
    np.testing.assert_allclose(
        drawn_amplitudes(quiet.signal, quiet)[there], quiet.amplitude[there], atol=1e-4
    )
    np.testing.assert_allclose(
        drawn_amplitudes(-quiet.signal, quiet)[there], -quiet.amplitude[there], atol=1e-4
    )
    assert np.isnan(drawn_amplitudes(quiet.signal, quiet)[~there]).all()


def test_the_target_scores_perfectly_and_a_flat_line_is_off_by_the_means(quiet):
    best = score_amplitudes(quiet.target, quiet)
    assert best.amplitude_error_median < 1e-4
    assert best.within_tolerance == 1 and best.mse == 0
    flat = amplitude_errors(np.zeros_like(quiet.target), quiet)
    np.testing.assert_allclose(flat[quiet.present], quiet.group_mean[quiet.present], atol=1e-5)


def test_who_tells_no_kinds_apart_errs_by_least_with_a_mixture_and_not_at_all_with_one_kind(quiet):
    there = quiet.present
    own, wanted = quiet.amplitude[there], quiet.group_mean[there]
    blind = kind_blind_error(quiet, np.mean)
    alone = kind_blind_error(quiet, np.mean, company=False)
    middle = sum(SeriesConfig().amplitude) / 2
    assert 0 < blind < alone < min(np.abs(own - wanted).mean(), np.abs(middle - wanted).mean())

    of_one_kind = np.where(there, 0, -1).astype(quiet.kind.dtype)
    means = group_means(of_one_kind, quiet.amplitude)
    same = replace(quiet, kind=of_one_kind, group_mean=means)
    assert kind_blind_error(same, np.median) < 1e-6 < kind_blind_error(same, np.mean, company=False)

    # All have the middle's mean: own amplitudes and company could only lead away from it.
    level = replace(quiet, group_mean=np.full_like(quiet.group_mean, middle))
    assert kind_blind_error(level, np.mean) == pytest.approx(0, abs=1e-6)


def test_situations_are_those_of_the_drawing(quiet):
    # A made-up error that says which situation the shape is in.
    errors = np.full(quiet.kind.shape, np.nan, dtype=np.float32)
    reach, right = np.zeros_like(errors), np.zeros_like(errors)
    for row in range(len(quiet)):
        for slot in np.flatnonzero(quiet.present[row]):
            group = np.flatnonzero(quiet.kind[row] == quiet.kind[row, slot])
            errors[row, slot] = len(group)
            right[row, slot] = (group > slot).sum()
            for other in group[group != slot]:
                left, after = sorted((slot, other))
                gap = quiet.span[row, after, 0] - quiet.span[row, left, 1]
                reach[row, slot] = max(reach[row, slot], gap)
    found = by_situation(errors, quiet)["by_company"]
    assert [found[key]["mean"] for key in ("1", "2", "3", "4")] == [1, 2, 3, 4]
    assert sum(entry["shapes"] for entry in found.values()) == quiet.present.sum()
    found = by_situation(right, quiet)["by_to_come"]
    assert [found[key]["mean"] for key in ("0", "1", "2")] == [0, 1, 2]
    found = by_situation(reach, quiet)["by_reach"]
    assert sum(entry["shapes"] for entry in found.values()) == (errors == 2).sum()
    assert all(int(key) <= found[key]["mean"] for key in found)
    assert found["60"]["mean"] < 120 and found["0"]["mean"] < 60


def test_a_model_that_treats_all_places_alike_does_not_notice_a_shift(quiet):
    torch.manual_seed(0)
    alike = nn.Sequential(nn.Unflatten(1, (1, 500)), nn.Conv1d(1, 1, 9, padding=4), nn.Flatten())
    assert shift_difference(alike, quiet, shift=10) < 1e-5
    assert shift_difference(nn.Linear(500, 500), quiet, shift=10) > 0.01


def test_ideal_attention_gives_each_shape_of_the_group_one_vote(quiet):
    mixtures = 0
    for row in range(20):
        one = make_series([row], config=SeriesConfig(noise=0.0))
        ideal = ideal_attention(one, token=10)
        truth = token_truth(one, token=10)
        asking = truth.asks[0].any(axis=0)
        assert np.isnan(ideal[~asking]).all()
        np.testing.assert_allclose(ideal[asking].sum(axis=1), 1, atol=1e-5)
        # The rule itself: attention over the shapes' amplitudes gives the group's mean.
        each = truth.holds[0] / np.maximum(truth.holds[0].sum(axis=1, keepdims=True), 1)
        for slot in np.flatnonzero(one.present[0]):
            weight = ideal[truth.asks[0, slot]]  # [queries, tokens]
            group = np.flatnonzero(one.kind[0] == one.kind[0, slot])
            alone = [truth.holds[0, other] & (truth.holds[0].sum(axis=0) == 1) for other in group]
            if all(
                (each[o][a].sum() == pytest.approx(1)) for o, a in zip(group, alone, strict=True)
            ):
                votes = np.stack([weight[:, a].sum(axis=1) for a in alone], axis=1)
                mixed = votes @ one.amplitude[0, group]
                np.testing.assert_allclose(mixed, one.group_mean[0, slot], atol=1e-4)
                mixtures += len(group) > 1
    assert mixtures, "no group of several shapes stood apart from all others"


class Told(nn.Module):
    """A model whose attention is given."""

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__()
        self.attention = Attention(dim=4, heads=2)
        self.attention.softmax = nn.Softmax(dim=-1)
        self.attention.softmax.forward = lambda scores: weights.expand_as(scores)

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        self.attention(torch.zeros(len(signal), 50, 4))
        return signal


def test_uniform_and_ideal_attention_score_what_they_should():
    batch = make_series(range(30))
    uniform = score_attention(Told(torch.full((1, 1, 50, 50), 0.02)), batch, token=10)
    layer = uniform.modules["attention"]
    assert layer.group == pytest.approx([uniform.group_uniform] * 2, abs=1e-3)
    assert layer.others == pytest.approx([uniform.others_uniform] * 2, abs=1e-3)

    one = make_series([0])
    ideal = torch.from_numpy(np.nan_to_num(ideal_attention(one, token=10)))
    found = score_attention(Told(ideal[None, None]), one, token=10)
    assert found.modules["attention"].group == pytest.approx([1, 1], abs=1e-3)
    # Shapes that share a token with a neighbour of the group blur the split a little.
    assert found.modules["attention"].others == pytest.approx([found.others_ideal] * 2, abs=0.05)


def test_a_token_asks_for_the_shape_over_its_middle():
    batch = make_series(range(50))
    truth = token_truth(batch, token=10)
    assert (truth.asks.sum(axis=1) <= 1).all()
    assert not (truth.others & truth.holds).any()
    assert (truth.holds <= truth.group).all()
    moved = replace(batch, present=np.zeros_like(batch.present))
    assert not token_truth(moved, token=10).group.any()
