"""Every family against exact attention with the mask that theory gives it; gradients; causality."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes_of_attention.efficient import (
    AdaptiveSpanAttention,
    block_layout,
    block_sparse_attention,
    entmax_attention,
    linformer_attention,
    local_attention,
    lsh_attention,
    orthogonal_directions,
    performer_attention,
    shared_attention,
)
from shapes_of_attention.efficient.masks import block_mask, full_mask, local_mask
from shapes_of_attention.models.attention import causal_mask, explicit_attention

CLOSE = {"atol": 1e-12, "rtol": 1e-12}


def draw(tokens=23, head_dim=4, heads=2, batch=2, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, batch, heads, tokens, head_dim, generator=generator, dtype=dtype)


def saturated_span(heads, tokens, *, causal=False):
    module = AdaptiveSpanAttention(heads=heads, longest=tokens, initial=tokens, causal=causal)
    return module.double()


def exact(q, k, v, mask=None):
    return explicit_attention(q, k, v, mask=mask)[0]


sizes = {
    "tokens": st.integers(1, 90),
    "head_dim": st.integers(1, 6),
    "heads": st.integers(1, 3),
    "seed": st.integers(0, 10_000),
    "causal": st.booleans(),
}


@settings(max_examples=40, deadline=None)
@given(**sizes, window=st.integers(0, 100))
def test_local_attention_equals_full_attention_under_a_window_mask(
    tokens, head_dim, heads, seed, causal, window
):
    q, k, v = draw(tokens, head_dim, heads, seed=seed)
    mask = local_mask(tokens, window=window) & (causal_mask(tokens) if causal else True)
    ours = local_attention(q, k, v, window=window, causal=causal)
    torch.testing.assert_close(ours, exact(q, k, v, mask), **CLOSE)


@settings(max_examples=40, deadline=None)
@given(**sizes, block=st.integers(1, 40), random_blocks=st.integers(0, 3))
def test_block_sparse_attention_equals_full_attention_under_its_layout(
    tokens, head_dim, heads, seed, causal, block, random_blocks
):
    q, k, v = draw(tokens, head_dim, heads, seed=seed)
    layout = block_layout(-(-tokens // block), random_blocks=random_blocks, seed=seed)
    mask = block_mask(tokens, block=block, layout=layout)
    mask &= causal_mask(tokens) if causal else full_mask(tokens)
    ours = block_sparse_attention(q, k, v, layout=layout, block=block, causal=causal)
    torch.testing.assert_close(ours, exact(q, k, v, mask), **CLOSE)


@settings(max_examples=30, deadline=None)
@given(**sizes)
def test_a_budget_without_limit_gives_full_attention(tokens, head_dim, heads, seed, causal):
    q, k, v = draw(tokens, head_dim, heads, seed=seed)
    want = exact(q, k, v, causal_mask(tokens) if causal else None)
    all_blocks = torch.ones(-(-tokens // 7), -(-tokens // 7))
    found = {
        "window": local_attention(q, k, v, window=tokens, causal=causal),
        "blocks": block_sparse_attention(q, k, v, layout=all_blocks, block=7, causal=causal),
        "span": saturated_span(heads, tokens, causal=causal)(q, k, v),
        "alpha": entmax_attention(q, k, v, alpha=1.0, mask=causal_mask(tokens) if causal else None)[
            0
        ],
    }
    if not causal:
        identity = torch.eye(tokens, dtype=q.dtype)
        found["rank"] = linformer_attention(q, k, v, to_keys=identity, to_values=identity)
    for name, ours in found.items():
        torch.testing.assert_close(ours, want, **CLOSE, msg=name)


MATRICES = torch.randn(2, 3, 64, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
DIRECTIONS = orthogonal_directions(6, 4, generator=torch.Generator().manual_seed(6)).double()
ROTATIONS = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(7), dtype=torch.float64)

FAMILIES = {
    "local": lambda q, k, v: local_attention(q, k, v, window=5),
    "local, causal": lambda q, k, v: local_attention(q, k, v, window=5, causal=True),
    "block-sparse": lambda q, k, v: block_sparse_attention(
        q, k, v, layout=block_layout(-(-q.shape[2] // 4)), block=4
    ),
    "linformer": lambda q, k, v: linformer_attention(
        q, k, v, to_keys=MATRICES[0][:, : q.shape[2]], to_values=MATRICES[1][:, : q.shape[2]]
    ),
    "performer": lambda q, k, v: performer_attention(q, k, v, directions=DIRECTIONS),
    "performer, causal": lambda q, k, v: performer_attention(
        q, k, v, directions=DIRECTIONS, causal=True
    ),
    "reformer": lambda q, k, v: lsh_attention(q, v, rotations=ROTATIONS, chunk=3),
    "entmax": lambda q, k, v: entmax_attention(q, k, v, alpha=1.5)[0],
    "span": lambda q, k, v: AdaptiveSpanAttention(
        heads=q.shape[1], longest=9, initial=2.5, ramp=3.0
    ).double()(q, k, v),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_are_those_of_finite_differences(name):
    inputs = [x.requires_grad_() for x in draw(tokens=11, heads=1, batch=1)]
    assert torch.autograd.gradcheck(FAMILIES[name], inputs)


CAUSAL = {
    "local": partial(local_attention, window=40, causal=True),
    "block-sparse": lambda q, k, v: block_sparse_attention(
        q, k, v, layout=block_layout(-(-q.shape[2] // 16)), block=16, causal=True
    ),
    "span": lambda q, k, v: AdaptiveSpanAttention(
        heads=q.shape[1], longest=50, initial=20, causal=True
    )(q, k, v),
    "entmax": lambda q, k, v: entmax_attention(q, k, v, alpha=1.5, mask=causal_mask(q.shape[2]))[0],
    "performer": lambda q, k, v: performer_attention(
        q, k, v, directions=DIRECTIONS.float(), causal=True
    ),
    "reformer": lambda q, k, v: lsh_attention(
        q, v, rotations=ROTATIONS.float(), chunk=8, causal=True
    ),
    "shared": lambda q, k, v: shared_attention(q, v, causal=True),
}


@pytest.mark.parametrize("name", CAUSAL)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1000), now=st.integers(1, 299), size=st.sampled_from([1e-3, 1.0, 30.0]))
def test_the_past_stays_bit_for_bit_the_same_when_the_future_changes(name, seed, now, size):
    before = draw(tokens=300, seed=seed, dtype=torch.float32)
    after = before.clone()
    after[:, :, :, now:] += size * torch.randn(
        after[:, :, :, now:].shape, generator=torch.Generator().manual_seed(seed + 1)
    )
    first, second = CAUSAL[name](*before), CAUSAL[name](*after)
    assert torch.isfinite(first).all() and torch.isfinite(second).all()
    assert torch.equal(first[:, :, :now], second[:, :, :now])
    assert not torch.equal(first[:, :, now:], second[:, :, now:])


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_takes_values_of_another_width(name):
    q, k, _ = draw(tokens=11)
    assert FAMILIES[name](q, k, torch.randn(2, 2, 11, 7, dtype=q.dtype)).shape == (2, 2, 11, 7)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda q, k, v: (q[0], k[0], v[0]), r"must be \[batch, heads, tokens, head_dim\]"),
        (lambda q, k, v: (q, k, v[:, :, :5]), "value must have a token for each key"),
        (lambda q, k, v: (q[..., :0], k[..., :0], v), "no axis may be empty"),
    ],
)
def test_shapes_that_do_not_fit_are_named(name, spoil, message):
    with pytest.raises((ValueError), match=message):
        FAMILIES[name](*spoil(*draw(tokens=11)))


def test_queries_and_keys_of_different_lengths_are_refused():
    q, k, v = draw(tokens=11)
    with pytest.raises(ValueError, match="query and key must have one shape"):
        local_attention(q[:, :, :5], k, v, window=2)
