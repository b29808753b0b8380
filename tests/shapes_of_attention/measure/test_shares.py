"""The sums behind every score of attention, against a sum by hand and by their own rules."""

import numpy as np
import pytest
import torch

from shapes_of_attention.measure.shares import AttentionShares, mass_on


@pytest.fixture
def drawn():
    """Draw weights [4, 2, 5, 6], right keys [4, 3, 5, 6] and askers [4, 3, 5]."""
    generator = np.random.default_rng(0)
    weights = torch.from_numpy(generator.random((4, 2, 5, 6))).softmax(-1)
    return weights, generator.random((4, 3, 5, 6)) < 0.4, generator.random((4, 3, 5)) < 0.6


def test_mass_is_summed_over_the_right_keys_of_every_query(drawn):
    weights, right, _ = drawn
    found = mass_on(weights, torch.from_numpy(right))
    for head in range(2):
        for group in range(3):
            wanted = weights.numpy()[:, head][right[:, group]].sum()
            assert found[head, group] == pytest.approx(wanted)


def test_shares_count_only_who_asks_and_parts_add_up_as_the_whole_does(drawn):
    weights, right, asks = drawn
    whole, parts = AttentionShares(), AttentionShares()
    whole.add({"layer": weights}, right, asks)
    for part in (slice(0, 1), slice(1, 4)):
        parts.add({"layer": weights[part]}, right[part], asks[part])
    found = whole.result()
    assert (found.queries == asks.sum(axis=(0, 2))).all()
    for group in range(3):
        chosen = asks[:, group]
        looked = weights.numpy().transpose(0, 2, 1, 3)[chosen]  # [queries, heads, keys]
        wanted = (looked * right[:, group][chosen][:, None]).sum(axis=2).mean(axis=0)
        np.testing.assert_allclose(found.modules["layer"][:, group], wanted)
        assert found.uniform[group] == pytest.approx(right[:, group][chosen].mean())
    np.testing.assert_allclose(parts.result().modules["layer"], found.modules["layer"])
    np.testing.assert_allclose(parts.result().uniform, found.uniform)


def test_uniform_attention_scores_as_uniform_and_all_keys_as_one(drawn):
    _, right, asks = drawn
    right[:, 0] = True
    shares = AttentionShares()
    shares.add({"even": torch.full((4, 2, 5, 6), 1 / 6)}, right, asks)
    found = shares.result()
    np.testing.assert_allclose(found.modules["even"], np.stack([found.uniform] * 2))
    assert found.uniform[0] == pytest.approx(1)


def test_a_group_for_which_nobody_asks_scores_zero(drawn):
    weights, right, asks = drawn
    asks[:, 1] = False
    shares = AttentionShares()
    shares.add({"layer": weights}, right, asks)
    assert (shares.result().modules["layer"][:, 1] == 0).all()
    assert shares.result().queries[1] == 0
