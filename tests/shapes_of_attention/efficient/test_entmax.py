"""Entmax against softmax and an independent sparsemax; its gradients, in scores and alpha."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes_of_attention.efficient.entmax import EntmaxAttention, entmax


def sparsemax(scores):
    """Project onto the simplex by sorting, as in arXiv 1602.02068."""
    ordered = scores.sort(dim=-1, descending=True).values
    number = torch.arange(1, scores.shape[-1] + 1, dtype=scores.dtype)
    total = ordered.cumsum(dim=-1)
    size = (1 + number * ordered > total).sum(dim=-1, keepdim=True)
    threshold = (total.gather(-1, size - 1) - 1) / size
    return (scores - threshold).clamp_min(0)


def scores_of(keys, scale, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(5, keys, generator=generator, dtype=dtype)


cases = {
    "keys": st.integers(1, 400),
    "scale": st.sampled_from([0.01, 1.0, 8.0, 100.0]),
    "seed": st.integers(0, 10_000),
}


@settings(max_examples=50, deadline=None)
@given(**cases)
def test_entmax_2_equals_sparsemax_by_sorting(keys, scale, seed):
    scores = scores_of(keys, scale, seed)
    torch.testing.assert_close(entmax(scores, 2.0), sparsemax(scores), atol=1e-12, rtol=0)


@settings(max_examples=50, deadline=None)
@given(**cases)
def test_entmax_1_equals_softmax(keys, scale, seed):
    scores = scores_of(keys, scale, seed)
    torch.testing.assert_close(entmax(scores, 1.0), scores.softmax(dim=-1), atol=1e-10, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_entmax_approaches_softmax_in_step_with_alpha(dtype):
    scores = scores_of(50, 2.0, 0, dtype)
    away = [
        float((entmax(scores, 1 + e) - scores.softmax(dim=-1)).abs().max())
        for e in (1e-1, 1e-2, 1e-3)
    ]
    assert away[0] > 5 * away[1] > 25 * away[2]


@settings(max_examples=50, deadline=None)
@given(**cases, alpha=st.floats(1.0, 2.0))
def test_weights_are_a_distribution_that_keeps_the_order_of_scores(keys, scale, seed, alpha):
    scores = scores_of(keys, scale, seed, torch.float32)
    weights = entmax(scores, alpha)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(5), atol=1e-5, rtol=0)
    assert (weights.gather(-1, scores.argsort(dim=-1)).diff(dim=-1) >= -1e-7).all()


def test_weights_satisfy_the_equation_that_defines_them():
    scores, alpha = scores_of(60, 3.0, 1), 1.4
    weights = entmax(scores, alpha)
    # (alpha - 1) z - p^(alpha - 1) is the same threshold for every weight that is not zero.
    threshold = (alpha - 1) * scores - weights ** (alpha - 1)
    kept = weights > 0
    assert not kept.all()
    for row in range(5):
        tau = threshold[row][kept[row]]
        torch.testing.assert_close(tau, tau[:1].expand_as(tau), atol=1e-9, rtol=0)
        assert ((alpha - 1) * scores[row][~kept[row]] <= tau[0] + 1e-9).all()


@pytest.mark.parametrize("alpha", [1.0, 1.0 + 1e-9, 1.005, 1.3, 1.5, 1.9])
def test_gradient_in_the_scores_is_that_of_finite_differences(alpha):
    scores = scores_of(7, 1.5, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: entmax(x, alpha), scores)


def test_gradient_in_one_alpha_a_row_is_that_of_finite_differences():
    scores = scores_of(7, 1.5, 3).requires_grad_()
    alpha = torch.tensor([[1.01], [1.2], [1.5], [1.7], [1.95]], dtype=torch.float64)
    assert torch.autograd.gradcheck(entmax, (scores, alpha.requires_grad_()))


def test_gradient_in_alpha_holds_at_softmax_itself():
    scores, weight = scores_of(7, 1.5, 4), scores_of(7, 1.0, 5)
    alpha = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    (entmax(scores, alpha) * weight).sum().backward()
    ahead = [float((entmax(scores, 1 + e) * weight).sum()) for e in (0.0, 1e-4, 2e-4)]
    slope = (4 * ahead[1] - ahead[2] - 3 * ahead[0]) / 2e-4
    assert alpha.grad is not None
    assert float(alpha.grad) == pytest.approx(slope, rel=1e-5)


def test_a_learned_alpha_moves_towards_sparse_weights_when_they_serve():
    module, target = EntmaxAttention(heads=2), torch.zeros(1, 2, 6, 6)
    target[..., 0] = 1
    q, v = torch.ones(1, 2, 6, 1), torch.eye(6).expand(1, 2, 6, 6)
    k = torch.tensor([1.2, 0, 0, 0, 0, 0.0])[:, None].expand(1, 2, 6, 1)
    loss = (module(q, k, v) - target).square().sum()
    loss.backward()
    assert module.raw.grad is not None
    assert (module.raw.grad < 0).all()
    assert torch.allclose(module.alpha(), torch.full((2,), 1.5))


@pytest.mark.parametrize(
    ("alpha", "scores", "message"),
    [
        (0.9, torch.zeros(2, 3), "alpha must be from 1 to 2"),
        (2.1, torch.zeros(2, 3), "alpha must be from 1 to 2"),
        (float("nan"), torch.zeros(2, 3), "alpha must be from 1 to 2"),
        (1.5, torch.zeros(2, 3, dtype=torch.float16), "needs float32 or float64"),
    ],
)
def test_alpha_and_types_out_of_range_are_named(alpha, scores, message):
    with pytest.raises(ValueError, match=message):
        entmax(scores, alpha)


def test_entmax_attention_needs_a_head():
    with pytest.raises(ValueError, match="heads must be at least 1"):
        EntmaxAttention(heads=0)
