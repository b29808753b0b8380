"""Spans, random features and hashing: what theory says of their errors, and what they refuse."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes_of_attention.efficient import (
    AdaptiveSpanAttention,
    LinformerAttention,
    PerformerAttention,
    ReformerAttention,
    block_layout,
    block_sparse_attention,
    build_family,
    linformer_attention,
    local_attention,
    lsh_attention,
    orthogonal_directions,
    performer_attention,
    shared_attention,
)
from shapes_of_attention.efficient.adaptive_span import soft_mask
from shapes_of_attention.efficient.performer import feature_logs
from shapes_of_attention.efficient.reformer import hash_buckets, lsh_mask
from shapes_of_attention.models.attention import explicit_attention


def draw(tokens, head_dim, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 1, 2, tokens, head_dim, generator=generator, dtype=dtype)


# --- adaptive span


def test_the_soft_mask_is_one_within_the_span_and_falls_to_zero_over_the_ramp():
    distance, span = torch.tensor([0.0, 4.0, 5.0, 7.0, 9.0, 20.0]), torch.tensor(5.0)
    assert soft_mask(distance, span, ramp=4.0).tolist() == [1, 1, 1, 0.5, 0, 0]


def paper_span(q, k, v, span, *, ramp, causal=False):
    """Write equation 3 of the paper out; no maximum is taken, so scores must not be large."""
    tokens = q.shape[2]
    distance = torch.arange(tokens)[:, None] - torch.arange(tokens)
    mask = soft_mask(distance.abs(), span[:, None, None], ramp=ramp)
    if causal:
        mask = mask * (distance >= 0)
    weights = mask * (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).exp()
    return weights / weights.sum(dim=-1, keepdim=True) @ v


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), causal=st.booleans(), spans=st.tuples(*[st.floats(0, 40)] * 2))
def test_each_head_keeps_to_its_own_span_as_the_paper_defines_it(seed, causal, spans):
    q, k, v = draw(60, 3, seed)
    module = AdaptiveSpanAttention(heads=2, longest=60, ramp=6.0, causal=causal).double()
    with torch.no_grad():
        module.share.copy_(torch.tensor(spans) / 60)
    want = paper_span(q, k, v, module.span().detach(), ramp=6.0, causal=causal)
    torch.testing.assert_close(module(q, k, v), want, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_high_score_beyond_a_heads_own_span_takes_nothing_from_those_within(causal, dtype):
    # The other head's span makes both compute it: 300 is beyond what an exponential can hold in
    # float32, and so far above the others that of their own nothing would be left beside it.
    far = 20
    q, k, v = draw(60, 4)
    q[..., 0] = 1
    k[:, :, far, 0] = 600
    share = torch.tensor([4.3 / 60, 40.3 / 60], dtype=dtype)
    module = AdaptiveSpanAttention(heads=2, longest=60, ramp=6.0, causal=causal).to(dtype)

    def of_first_head(attend, given, share):
        leaves = [x.detach().clone().requires_grad_() for x in (*given, share)]
        here = attend(*leaves)[:, 0, far + 11 :]  # neither sees the key, even on the ramp
        return here, *torch.autograd.grad(here.square().sum(), leaves)

    def ours(q, k, v, share):
        return torch.func.functional_call(module, {"share": share}, (q, k, v))

    def papers(q, k, v, share):
        # In logarithms nothing is lost: what no one may see is taken out before.
        return paper_span(q, k, v, 60 * share, ramp=6.0, causal=causal)

    found = of_first_head(ours, [x.to(dtype) for x in (q, k, v)], share)
    want = of_first_head(papers, (q, k, v), share.double())
    tolerance = 1e-10 if dtype == torch.float64 else 2e-5
    for one, other in zip(found, want, strict=True):
        torch.testing.assert_close(one.double(), other, atol=tolerance, rtol=tolerance)
    assert found[0].abs().max() > 0.1


def test_the_span_gets_a_gradient_from_what_lies_on_its_slope():
    q, k, v = draw(60, 3)
    module = AdaptiveSpanAttention(heads=2, longest=60, ramp=6.0, initial=10.0).double()

    def mixed(share):
        return torch.func.functional_call(module, {"share": share}, (q, k, v)).sum()

    share = torch.tensor([0.21, 0.33], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(mixed, share)


def test_a_price_alone_shortens_the_span_to_nothing():
    module = AdaptiveSpanAttention(heads=2, longest=50, initial=20)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(30):
        optimizer.zero_grad()
        module.price().backward()
        optimizer.step()
    assert module.span().tolist() == [0, 0]


@pytest.mark.parametrize("share", [-0.3, 0.0])
def test_a_span_that_closed_opens_again_where_there_is_something_to_find(share):
    # Each token is to name the value of its neighbour, which a head without a span cannot see.
    module = AdaptiveSpanAttention(heads=1, longest=20, ramp=4.0, initial=0)
    with torch.no_grad():
        module.share.fill_(share)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    query = torch.zeros(1, 1, 30, 2)
    value = torch.randn(1, 1, 30, 1, generator=torch.Generator().manual_seed(0)).expand(
        -1, -1, -1, 2
    )
    far = (value.roll(3, dims=2) + value.roll(-3, dims=2)) / 2
    for _ in range(60):
        optimizer.zero_grad()
        (module(query, query, value) - far)[:, :, 3:-3].square().mean().backward()
        optimizer.step()
    assert module.span().item() > 1


# --- Performer


def test_directions_are_orthogonal_in_groups_and_as_long_as_normal_vectors():
    directions = orthogonal_directions(4096, 16, generator=torch.Generator().manual_seed(0))
    first = directions[:16].double()
    inner = first @ first.T
    assert (inner - inner.diagonal().diag()).abs().max() < 1e-4
    squared = directions.square().sum(dim=1)
    # Chi squared of 16: mean 16, variance 32.
    assert float(squared.mean()) == pytest.approx(16, abs=4 * math.sqrt(32 / 4096))
    assert float(directions.mean()) == pytest.approx(0, abs=4 / math.sqrt(4096 * 16))


@pytest.mark.parametrize("seed", range(3))
def test_features_are_positive_and_estimate_the_exponential_without_bias(seed):
    q, k, _ = draw(6, 8) / 2
    generator = torch.Generator().manual_seed(seed)
    directions = orthogonal_directions(200_000, 8, generator=generator).double()
    features = [feature_logs(x, directions).exp() for x in (q, k)]
    assert all((f > 0).all() for f in features)
    found = features[0] @ features[1].transpose(-2, -1) / len(directions)
    want = (q @ k.transpose(-2, -1) / math.sqrt(8)).exp()
    # The product of two features has the mean `want` and, of independent directions, the variance
    # want^2 (exp |q + k|^2 - 1), with q and k divided by the fourth root of 8; orthogonal ones have
    # less (arXiv 2009.14794). An entry is allowed five standard errors.
    both = (q.unsqueeze(-2) + k.unsqueeze(-3)).square().sum(dim=-1) / math.sqrt(8)
    error = want * (both.expm1() / len(directions)).sqrt()
    assert ((found - want).abs() < 5 * error).all()


@pytest.mark.parametrize("causal", [False, True])
def test_performers_error_falls_with_the_root_of_the_number_of_features(causal):
    q, k, v = draw(64, 16)
    q, k = q / 2, k / 2  # short vectors: for long ones few features are far from the limit
    mask = torch.ones(64, 64).tril().bool() if causal else None
    exact = explicit_attention(q, k, v, mask=mask)[0]
    numbers = [64, 256, 1024, 4096]
    errors = []
    for number in numbers:
        generator = torch.Generator().manual_seed(number)
        squared = 0.0
        for _ in range(12):
            directions = orthogonal_directions(number, 16, generator=generator).double()
            found = performer_attention(q, k, v, directions=directions, causal=causal)
            squared += float((found - exact).square().mean())
        errors.append(math.sqrt(squared / 12))
    slope = np.polyfit(np.log(numbers), np.log(errors), 1)[0]
    assert -0.62 < slope < -0.38


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000), tokens=st.integers(1, 300), scale=st.sampled_from([0.1, 1.0, 6.0])
)
def test_the_causal_performer_equals_its_weights_written_out(seed, tokens, scale):
    q, k, v = draw(tokens, 4, seed)
    q, k = q * scale, k * scale
    directions = orthogonal_directions(9, 4, generator=torch.Generator().manual_seed(seed)).double()
    logs = [feature_logs(x, directions) for x in (q, k)]
    weights = (logs[0].unsqueeze(-2) + logs[1].unsqueeze(-3)).logsumexp(dim=-1)
    weights = weights.masked_fill(torch.ones(tokens, tokens).triu(1).bool(), -math.inf)
    want = weights.softmax(dim=-1) @ v
    found = performer_attention(q, k, v, directions=directions, causal=True)
    torch.testing.assert_close(found, want, atol=1e-8, rtol=1e-8)


def test_large_keys_neither_overflow_nor_vanish():
    q, k, v = draw(200, 8, dtype=torch.float32)
    directions = orthogonal_directions(64, 8)
    for causal in (False, True):
        found = performer_attention(20 * q, 20 * k, v, directions=directions, causal=causal)
        assert torch.isfinite(found).all()
        assert found.abs().max() <= v.abs().max() + 1e-4


# --- Reformer


@pytest.mark.parametrize("causal", [False, True])
def test_one_bucket_in_one_chunk_equals_shared_attention(causal):
    q, _, v = draw(40, 4)
    found = lsh_attention(q, v, rotations=torch.zeros(1, 4, 0).double(), chunk=40, causal=causal)
    torch.testing.assert_close(found, shared_attention(q, v, causal=causal), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_rounds_enough_for_every_pair_to_meet_equal_shared_attention(causal):
    q, _, v = draw(12, 4)
    generator = torch.Generator().manual_seed(3)
    rotations = torch.randn(400, 4, 1, generator=generator, dtype=torch.float64)
    buckets = hash_buckets(q, rotations)
    assert (buckets.unsqueeze(-1) == buckets.unsqueeze(-2)).any(dim=2).all()
    found = lsh_attention(q, v, rotations=rotations, chunk=12, causal=causal)
    torch.testing.assert_close(found, shared_attention(q, v, causal=causal), atol=1e-12, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    tokens=st.integers(1, 70),
    half=st.integers(0, 3),
    chunk=st.integers(1, 20),
    rounds=st.integers(1, 3),
    causal=st.booleans(),
)
def test_hashing_equals_full_attention_over_the_pairs_that_meet(
    seed, tokens, half, chunk, rounds, causal
):
    q, _, v = draw(tokens, 4, seed)
    generator = torch.Generator().manual_seed(seed)
    rotations = torch.randn(rounds, 4, half, generator=generator, dtype=torch.float64)
    buckets = hash_buckets(q, rotations)  # [1, heads, rounds, tokens]
    same = buckets.unsqueeze(-1) == buckets.unsqueeze(-2)
    rank = (same & torch.ones(tokens, tokens).tril(-1).bool()).sum(dim=-1)
    seat = rank // chunk
    apart = seat.unsqueeze(-1) - seat.unsqueeze(-2)
    meet = (same & ((apart == 0) | (apart == 1))).any(dim=2)  # [1, heads, query, key]
    if causal:
        meet &= torch.ones(tokens, tokens).tril().bool()
    keys = torch.nn.functional.normalize(q, dim=-1)
    scores = q @ keys.transpose(-2, -1) / 2
    scores = scores.masked_fill(torch.eye(tokens).bool(), -1e5).masked_fill(~meet, -1e300)
    found = lsh_attention(q, v, rotations=rotations, chunk=chunk, causal=causal)
    torch.testing.assert_close(found, scores.softmax(dim=-1) @ v, atol=1e-10, rtol=1e-10)
    others = meet & ~torch.eye(tokens).bool()
    alone = ~others.any(dim=-1, keepdim=True)  # who finds no other counts itself
    mask = lsh_mask(q, rotations=rotations, chunk=chunk, causal=causal)
    assert torch.equal(mask, others | (alone & torch.eye(tokens).bool()))


def test_more_rounds_come_closer():
    q, _, v = draw(128, 8)
    want = shared_attention(q, v)
    errors = []
    for rounds in (1, 4, 16):
        rotations = torch.randn(rounds, 8, 4, generator=torch.Generator().manual_seed(0)).double()
        found = lsh_attention(q, v, rotations=rotations, chunk=16)
        errors.append(float((found - want).square().mean()))
    assert errors[0] > errors[1] > errors[2]


def test_neighbours_in_direction_share_a_bucket_more_often_than_strangers():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1, 500, 16, generator=generator)
    near = x + 0.2 * torch.randn(x.shape, generator=generator)
    rotations = torch.randn(8, 16, 4, generator=generator)
    home, beside = hash_buckets(x, rotations), hash_buckets(near, rotations)
    strangers = home.roll(1, dims=-1)
    assert (home == beside).float().mean() > 0.7
    assert (home == strangers).float().mean() < 0.2


# --- what is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda q, k, v: local_attention(q, k, v, window=-1), "window must not be negative"),
        (
            lambda q, k, v: block_sparse_attention(q, k, v, layout=torch.ones(2, 2), block=4),
            r"need a layout \[3, 3\]",
        ),
        (
            lambda q, k, v: block_sparse_attention(q, k, v, layout=torch.eye(3).tril(-1), block=4),
            "row 0 of the layout has no block",
        ),
        (
            lambda q, k, v: block_sparse_attention(q, k, v, layout=torch.ones(1, 1), block=0),
            "block must be at least 1",
        ),
        (
            lambda q, k, v: linformer_attention(
                q, k, v, to_keys=torch.ones(2, 9), to_values=torch.ones(2, 9)
            ),
            r"to_keys must be \[rank, 10\]",
        ),
        (
            lambda q, k, v: linformer_attention(
                q, k, v, to_keys=torch.ones(2, 10), to_values=torch.ones(3, 10)
            ),
            "must have one shape",
        ),
        (
            lambda q, k, v: performer_attention(q, k, v, directions=torch.ones(5, 3)),
            r"directions must be \[features, 4\]",
        ),
        (
            lambda q, k, v: lsh_attention(q, v, rotations=torch.ones(1, 3, 2), chunk=4),
            r"rotations must be \[rounds, 4, buckets / 2\]",
        ),
        (
            lambda q, k, v: lsh_attention(q, v, rotations=torch.ones(1, 4, 2).double(), chunk=0),
            "chunk must be at least 1",
        ),
        (
            lambda q, k, v: AdaptiveSpanAttention(heads=3, longest=10, initial=5).double()(q, k, v),
            "spans for 3 heads, got 2",
        ),
        (lambda q, k, v: AdaptiveSpanAttention(heads=1, longest=10), "initial must be from 0"),
        (lambda q, k, v: AdaptiveSpanAttention(heads=0, longest=10), "heads and longest"),
        (
            lambda q, k, v: AdaptiveSpanAttention(heads=1, longest=50, ramp=0),
            "ramp must be positive",
        ),
        (lambda q, k, v: LinformerAttention(tokens=4, rank=5), "rank must be from 1 to tokens=4"),
        (lambda q, k, v: PerformerAttention(head_dim=4, features=0), "features and head_dim"),
        (
            lambda q, k, v: ReformerAttention(head_dim=4, buckets=3, chunk=4, rounds=1),
            "buckets must be an even number",
        ),
        (
            lambda q, k, v: ReformerAttention(head_dim=4, buckets=2, chunk=4, rounds=0),
            "rounds and chunk must be at least 1",
        ),
        (lambda q, k, v: block_layout(0), "blocks must be at least 1"),
        (lambda q, k, v: block_layout(3, window=-1), "must not be negative"),
        (
            lambda q, k, v: build_family("sparse", heads=1, head_dim=4, tokens=8),
            "there is no family 'sparse'; there are explicit, fused",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_numbers(make, message):
    with pytest.raises(ValueError, match=message):
        make(*draw(10, 4))
