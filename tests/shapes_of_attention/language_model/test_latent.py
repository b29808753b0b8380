"""Latent attention: its two forms agree, and it is DeepSeek's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DynamicCache

from shapes_of_attention.language_model import LatentAttention, LayerCache
from shapes_of_attention.language_model.hugging_face import deepseek_attention
from shapes_of_attention.models.positions import rotary_angles

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


def angles(start: int, end: int, *, rotary_dim: int = 4) -> torch.Tensor:
    places = torch.arange(start, end).float()[:, None]
    return rotary_angles(places, head_dim=rotary_dim, base=10_000.0)


def attention_of(*, query_latent: int | None = None, seed: int = 0, **sizes: int):
    torch.manual_seed(seed)
    options = {"dim": 20, "heads": 3, "head_dim": 6, "latent_dim": 10, "rotary_dim": 4, **sizes}
    attention = LatentAttention(query_latent_dim=query_latent, **options)
    for norm in (m for m in attention.modules() if isinstance(m, torch.nn.RMSNorm)):
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    return attention


@settings(max_examples=25, deadline=None)
@given(
    heads=st.integers(1, 4),
    head_dim=st.integers(1, 8),
    latent_dim=st.integers(1, 24),
    rotary_dim=st.sampled_from([2, 4, 8]),
    query_latent=st.sampled_from([None, 7]),
    batch=st.integers(1, 3),
    length=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_expanded_equals_absorbed_in_outputs_and_in_all_gradients(
    heads, head_dim, latent_dim, rotary_dim, query_latent, batch, length, seed
):
    attention = attention_of(
        heads=heads,
        head_dim=head_dim,
        latent_dim=latent_dim,
        rotary_dim=rotary_dim,
        query_latent=query_latent,
        seed=seed,
    )
    x = torch.randn(batch, length, 20)
    weight = torch.randn(batch, length, 20)
    found = []
    for form in (attention.expanded, attention.absorbed):
        attention.zero_grad()
        own = x.clone().requires_grad_()
        out = form(*attention.project(own, angles(0, length, rotary_dim=rotary_dim)))
        (out * weight).sum().backward()
        found.append([out, own.grad, *(p.grad.clone() for p in attention.parameters())])
    for expanded, absorbed in zip(*found, strict=True):
        torch.testing.assert_close(expanded, absorbed, **TOLERANCE)


@pytest.mark.parametrize("query_latent", [None, 8])
@pytest.mark.parametrize("interleaved", [False, True])
def test_it_is_the_attention_of_deepseek_v3_in_transformers_outputs_and_gradients(
    query_latent, interleaved
):
    ours = attention_of(query_latent=query_latent)
    theirs = deepseek_attention(ours, interleaved=interleaved)
    turned = torch.cat([angles(0, 9)] * 2, dim=-1)[None]
    mask = torch.full((9, 9), float("-inf")).triu(1)[None, None]
    x = torch.randn(2, 9, 20)
    first, second = x.clone().requires_grad_(), x.clone().requires_grad_()
    out = ours(first, angles(0, 9))
    wanted, _ = theirs(second, (turned.cos(), turned.sin()), mask)
    torch.testing.assert_close(out, wanted, **TOLERANCE)
    weight = torch.randn_like(out)
    (out * weight).sum().backward()
    (wanted * weight).sum().backward()
    torch.testing.assert_close(first.grad, second.grad, **TOLERANCE)
    torch.testing.assert_close(ours.output.weight.grad, theirs.o_proj.weight.grad, **TOLERANCE)
    up = torch.cat(
        [layer.weight.grad.unflatten(0, (3, 6)) for layer in (ours.key_up, ours.value_up)], dim=1
    )
    torch.testing.assert_close(up.flatten(0, 1), theirs.kv_b_proj.weight.grad, **TOLERANCE)


@torch.no_grad()
def test_decoding_from_the_latent_cache_equals_deepseek_decoding_from_its_own():
    ours = attention_of(query_latent=8)
    theirs = deepseek_attention(ours)
    cache, their_cache = LayerCache(ours.cache_parts(), batch=2, capacity=7), DynamicCache()
    x = torch.randn(2, 7, 20)
    for place in range(7):
        token, here = x[:, place : place + 1], angles(place, place + 1)
        turned = torch.cat([here, here], dim=-1)[None]
        wanted, _ = theirs(token, (turned.cos(), turned.sin()), None, past_key_values=their_cache)
        torch.testing.assert_close(ours(token, here, cache), wanted, **TOLERANCE)
    kept = torch.cat([their_cache.layers[0].keys, their_cache.layers[0].values], dim=-1)
    torch.testing.assert_close(cache.buffers[0], kept, **TOLERANCE)


def test_the_past_counts_by_distance_alone():
    attention = attention_of()
    x = torch.randn(1, 6, 20)
    torch.testing.assert_close(
        attention(x, angles(0, 6)), attention(x, angles(100, 106)), atol=1e-4, rtol=1e-4
    )
    assert not torch.allclose(attention(x, angles(0, 6)), attention(x, 3 * angles(0, 6)))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [({"rotary_dim": 5}, "must be even"), ({"rotary_dim": 0}, "even"), ({"heads": 0}, "heads=0")],
)
def test_sizes_that_make_no_sense_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        attention_of(**sizes)
