"""Caches: decoding with one equals decoding without, its size equals the formula, misuse stops."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes_of_attention.language_model import (
    CacheOverflowError,
    LanguageModel,
    LanguageModelConfig,
    LayerCache,
    generate,
    generate_without_cache,
)

KINDS = ["multi-head", "multi-query", "grouped-query", "latent"]
TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


def small_model(kind: str, *, seed: int = 0, **sizes: object) -> LanguageModel:
    torch.manual_seed(seed)
    options = {"dim": 24, "heads": 4, "head_dim": 6, "hidden": 32, "latent_dim": 10, "context": 64}
    config = LanguageModelConfig(attention=kind, **{**options, "rotary_dim": 4, **sizes})
    model = LanguageModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                # Attention with small weights is nearly uniform and would hide mistakes.
                parameter.normal_(std=parameter.shape[-1] ** -0.5)
    return model


def random_tokens(batch: int, length: int, *, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 31, (batch, length), generator=torch.Generator().manual_seed(seed))


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    batch=st.integers(1, 3),
    pieces=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    query_latent=st.sampled_from([None, 8]),
    seed=st.integers(0, 1000),
)
@torch.no_grad()
def test_scores_with_the_cache_equal_those_of_one_pass_however_the_text_is_cut(
    kind, batch, pieces, query_latent, seed
):
    model = small_model(kind, seed=seed, query_latent_dim=query_latent)
    tokens = random_tokens(batch, sum(pieces), seed=seed)
    cache = model.new_cache(batch=batch, capacity=sum(pieces))
    scores = torch.cat([model(part, cache) for part in tokens.split(pieces, dim=1)], dim=1)
    torch.testing.assert_close(scores, model(tokens), **TOLERANCE)
    assert cache.length == sum(pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_generation_is_the_same_with_and_without_the_cache_token_by_token(kind):
    model, prompt = small_model(kind), random_tokens(3, 5)
    cached = generate(model, prompt, new=40)
    assert torch.equal(cached, generate_without_cache(model, prompt, new=40))
    assert cached.shape == (3, 45)
    assert torch.equal(cached[:, :5], prompt)
    assert len(cached[:, 5:].unique()) > 3  # no text that says one thing for ever


def test_generating_nothing_gives_the_prompt_back():
    model, prompt = small_model("latent"), random_tokens(1, 5)
    assert torch.equal(generate(model, prompt, new=0), prompt)


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    layers=st.integers(1, 3),
    heads=st.sampled_from([2, 4, 8]),
    head_dim=st.sampled_from([2, 6, 8]),
    latent_dim=st.integers(1, 20),
    rotary_dim=st.sampled_from([2, 4]),
    batch=st.integers(1, 3),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_bytes_per_token_of_the_real_buffers_equal_the_formula(
    kind, layers, heads, head_dim, latent_dim, rotary_dim, batch, dtype
):
    model = small_model(
        kind,
        layers=layers,
        heads=heads,
        head_dim=head_dim,
        latent_dim=latent_dim,
        rotary_dim=rotary_dim,
    ).to(dtype)
    values = {
        "multi-head": 2 * heads * head_dim * layers,
        "multi-query": 2 * head_dim * layers,
        "grouped-query": 2 * 2 * head_dim * layers,
        "latent": (latent_dim + rotary_dim) * layers,
    }[kind]
    cache = model.new_cache(batch=batch, capacity=9)
    assert cache.bytes_per_token() == dtype.itemsize * values
    assert model.config.cached_values_per_token() == values


@torch.no_grad()
def test_the_cache_holds_the_first_tokens_unchanged_when_more_come():
    model, tokens = small_model("grouped-query"), random_tokens(2, 8)
    cache = model.new_cache(batch=2, capacity=8)
    model(tokens[:, :5], cache)
    before = [b[:, :, :5].clone() for layer in cache.layers for b in layer.buffers]
    addresses = [b.data_ptr() for layer in cache.layers for b in layer.buffers]
    model(tokens[:, 5:], cache)
    after = [b for layer in cache.layers for b in layer.buffers]
    assert all(torch.equal(a, b[:, :, :5]) for a, b in zip(before, after, strict=True))
    assert [b.data_ptr() for b in after] == addresses


@torch.no_grad()
def test_a_rewound_cache_goes_on_as_if_the_later_tokens_had_never_been():
    model, tokens = small_model("latent"), random_tokens(1, 9)
    cache = model.new_cache(batch=1, capacity=20)
    model(tokens, cache)
    cache.rewind(4)
    other = random_tokens(1, 3, seed=5)
    torch.testing.assert_close(
        model(other, cache), model(torch.cat([tokens[:, :4], other], 1))[:, 4:], **TOLERANCE
    )
    with pytest.raises(ValueError, match="cannot go back to 8"):
        cache.rewind(8)


@torch.no_grad()
def test_a_full_cache_refuses_more_tokens_and_stays_as_it_was():
    model, tokens = small_model("multi-head"), random_tokens(1, 6)
    cache = model.new_cache(batch=1, capacity=6)
    model(tokens[:, :4], cache)
    with pytest.raises(CacheOverflowError, match="holds 6 tokens, 4 are there, 3 more do not fit"):
        model(random_tokens(1, 3), cache)
    assert cache.length == 4
    torch.testing.assert_close(model(tokens[:, 4:], cache), model(tokens)[:, 4:], **TOLERANCE)


def test_tensors_of_other_shapes_are_refused_and_change_nothing():
    layer = LayerCache([(2, 4), (2, 4)], batch=3, capacity=5)
    good = torch.ones(3, 2, 1, 4)
    with pytest.raises(ValueError, match=r"expected a tensor \(3, 2, 1, 4\), got \(1, 2, 1, 4\)"):
        layer.append(good, good[:1])
    with pytest.raises(ValueError, match="2 tensors are kept here, got 1"):
        layer.append(good)
    with pytest.raises(CacheOverflowError, match="holds 5 tokens"):
        layer.append(torch.ones(3, 2, 6, 4), torch.ones(3, 2, 6, 4))
    assert layer.length == 0
    assert all(buffer.abs().max() == 0 for buffer in layer.buffers)


def test_a_cache_without_room_or_beyond_the_context_is_refused():
    model = small_model("multi-query")
    with pytest.raises(ValueError, match="knows 64 positions, cannot cache 65"):
        model.new_cache(batch=1, capacity=65)
    with pytest.raises(ValueError, match="must be positive"):
        model.new_cache(batch=0, capacity=5)
    with pytest.raises(ValueError, match="knows 64 positions, got 65"):
        model(random_tokens(1, 65))


@pytest.mark.parametrize("shape", [(4,), (2, 0), (1, 2, 3)])
def test_tokens_that_are_no_batch_of_sequences_are_refused(shape):
    with pytest.raises(ValueError, match=r"tokens must be \[batch, new\]"):
        small_model("latent")(torch.zeros(shape, dtype=torch.long))
