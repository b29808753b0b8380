"""Errors at a budget: zero where an approximation is exact, and told against both references."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes_of_attention.efficient.reformer import shared_attention
from shapes_of_attention.measure.approximation import (
    APPROXIMATIONS,
    SETTINGS,
    answering_mean,
    approximate,
    budget_errors,
    keys_looked_at,
    keys_seen,
    peaked_groups,
    relative_error,
)
from shapes_of_attention.models.attention import explicit_attention


def only(found, **wanted):
    """Pick the one entry that has these fields."""
    [one] = [e for e in found if all(getattr(e, k) == v for k, v in wanted.items())]
    return one


def test_a_window_over_all_tokens_errs_nowhere():
    found = budget_errors(budgets=[1024], seeds=[0], names=["local"])
    assert [entry.setting for entry in found] == list(SETTINGS)
    for entry in found:
        assert entry.against_claim[0] < 1e-5 and entry.against_full[0] < 1e-5


def test_only_reformer_claims_something_else_than_full_attention():
    found = budget_errors(budgets=[64], seeds=[0, 1])
    assert len(found) == len(SETTINGS) * len(APPROXIMATIONS)
    for entry in found:
        same = entry.against_claim == pytest.approx(entry.against_full, rel=1e-6)
        assert same == (entry.name != "reformer")
        assert len(entry.against_claim) == len(entry.against_full) == 2


def test_rounds_enough_bring_reformer_to_its_claim_and_no_nearer_to_full_attention():
    draw = SETTINGS["peaked"](0, tokens=64)
    found, claim = approximate("reformer", *draw, budget=64 * 32, seed=0)
    shared = draw[0] * draw[1].norm(dim=-1).mean()
    torch.testing.assert_close(claim, shared_attention(shared, draw[2]))
    full = explicit_attention(*draw)[0]
    assert relative_error(found, claim) < 0.02
    # What is left is the difference between the two sorts of attention.
    assert relative_error(found, full) == pytest.approx(relative_error(claim, full), abs=0.02)
    assert relative_error(claim, full) > 0.03


@given(mean=st.floats(-3, 3), seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_what_is_added_to_all_values_is_added_to_the_right_answer(mean, seed):
    for draw in SETTINGS.values():
        q, k, v = draw(seed, tokens=32, dim=8)
        moved = draw(seed, value_mean=mean, tokens=32, dim=8)
        torch.testing.assert_close(moved[2], v + mean)
        torch.testing.assert_close(
            explicit_attention(*moved)[0],
            explicit_attention(q, k, v)[0] + mean,
            atol=1e-4,
            rtol=1e-4,
        )


def test_around_one_all_relative_errors_of_a_window_shrink_and_its_absolute_ones_stay():
    zero = budget_errors(budgets=[64], seeds=[3], names=["local"])
    one = budget_errors(budgets=[64], seeds=[3], names=["local"], value_mean=1.0)
    for setting, draw in SETTINGS.items():
        sizes = [
            explicit_attention(*draw(3, value_mean=mean))[0].norm().item() for mean in (0.0, 1.0)
        ]
        errors = [only(f, setting=setting).against_full[0] for f in (zero, one)]
        assert errors[0] * sizes[0] == pytest.approx(errors[1] * sizes[1], rel=1e-3)
        assert errors[1] < errors[0]


def test_answering_the_mean_is_right_where_all_keys_count_alike():
    assert answering_mean("diffuse", value_mean=1.0, seeds=[0]) < answering_mean(
        "diffuse", seeds=[0]
    )
    q = torch.zeros(1, 1, 20, 4)
    assert keys_looked_at(q, q) == pytest.approx(20)
    value = torch.randn(1, 1, 20, 4)
    mean = value.mean(dim=2, keepdim=True).expand_as(value)
    assert relative_error(mean, explicit_attention(q, q, value)[0]) < 1e-5


def test_more_budget_errs_less():
    found = budget_errors(budgets=[32, 512], seeds=[0])
    for setting in SETTINGS:
        for name in APPROXIMATIONS:
            small, large = (
                np.mean(only(found, setting=setting, name=name, budget=b).against_claim)
                for b in (32, 512)
            )
            assert large < small


def test_keys_seen_are_those_whose_value_changes_the_answer():
    # Short queries: no weight that counts is so small that a change of its value goes under.
    q, k, v = (0.3 * x for x in SETTINGS["diffuse"](1, tokens=48, dim=8))
    for name, budget in (("local", 2), ("local", 10), ("reformer", 32), ("reformer", 128)):
        seen = keys_seen(name, q, k, budget=budget, seed=3)
        before, _ = approximate(name, q, k, v, budget=budget, seed=3)
        for key in range(48):
            changed = v.clone()
            changed[:, :, key] += 1e4
            after, _ = approximate(name, q, k, changed, budget=budget, seed=3)
            touched = (after - before).abs().amax(dim=-1) > 0.1  # [batch, heads, query]
            assert torch.equal(seen[..., key], touched), (name, budget, key)


def test_a_window_sees_its_budget_where_no_end_cuts_it_and_hashing_less():
    q, k, _ = SETTINGS["diffuse"](0)
    window = keys_seen("local", q, k, budget=64, seed=0)[0, 0].sum(dim=1)
    assert (window[32:-32] == 65).all() and window[0] == 33
    rounds = [keys_seen("reformer", q, k, budget=budget, seed=0) for budget in (32, 64, 512)]
    for budget, seen in zip((32, 64, 512), rounds, strict=True):
        assert 0 < seen.sum(dim=-1).float().mean() < 0.6 * budget
    # More rounds keep what earlier ones brought together, but for tokens that had met nobody.
    alone = rounds[0].diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
    assert (rounds[2] | ~rounds[0] | alone).all()


def test_groups_are_those_that_peaked_tokens_were_drawn_around():
    q, k, _ = SETTINGS["peaked"](5)
    group = peaked_groups(5)
    together = group[:, None] == group
    alike = torch.cosine_similarity(q[0, 0, :, None], k[0, 0, None], dim=-1)
    assert alike[together].min() > 0.6 > alike[~together].mean()
    assert alike[together].mean() > 0.9


@pytest.mark.parametrize(
    ("name", "budget", "message"),
    [("performer", 64, "leaves no key out"), ("reformer", 31, "at least"), ("big-bird", 64, "there is no approximation")],
)  # fmt: skip
def test_keys_that_cannot_be_counted_are_refused(name, budget, message):
    with pytest.raises(ValueError, match=message):
        keys_seen(name, *SETTINGS["diffuse"](0, tokens=64)[:2], budget=budget, seed=0)


@pytest.mark.parametrize(
    ("name", "budget", "message"),
    [("reformer", 31, "at least"), ("local", 1, "at least"), ("performer", 0, "at least"), ("big-bird", 64, "there is no approximation 'big-bird'")],
)  # fmt: skip
def test_a_budget_that_buys_nothing_is_refused(name, budget, message):
    with pytest.raises(ValueError, match=message):
        approximate(name, *SETTINGS["diffuse"](0, tokens=64), budget=budget, seed=0)
