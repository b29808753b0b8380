"""The language model against Hugging Face's Llama with copied weights, and its configuration."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DynamicCache, StaticCache

from shapes_of_attention.language_model import LanguageModel, LanguageModelConfig, generate
from shapes_of_attention.language_model.attention import CausalAttention
from shapes_of_attention.language_model.hugging_face import llama, llama_names

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


def model_of(kind: str, *, seed: int = 0, heads: int = 4) -> LanguageModel:
    torch.manual_seed(seed)
    model = LanguageModel(
        LanguageModelConfig(
            attention=kind, dim=24, heads=heads, head_dim=6, hidden=40, layers=3, context=64
        )
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    return model.eval()


def some_tokens(batch: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 31, (batch, length), generator=torch.Generator().manual_seed(seed))


@settings(max_examples=8, deadline=None)
@given(
    kind=st.sampled_from(["multi-head", "multi-query", "grouped-query"]),
    batch=st.integers(1, 3),
    length=st.integers(1, 12),
    seed=st.integers(0, 100),
)
def test_scores_and_gradients_equal_those_of_hugging_faces_llama(kind, batch, length, seed):
    ours = model_of(kind, seed=seed)
    theirs = llama(ours)
    tokens = some_tokens(batch, length, seed)
    scores, wanted = ours(tokens), theirs(tokens).logits
    torch.testing.assert_close(scores, wanted, **TOLERANCE)
    weight = torch.randn_like(scores)
    (scores * weight).sum().backward()
    (wanted * weight).sum().backward()
    mine, theirs_by_name = dict(ours.named_parameters()), dict(theirs.named_parameters())
    pairs = list(llama_names(ours))
    assert {name for name, _ in pairs} == set(mine)  # none is left out
    for name, their_name in pairs:
        torch.testing.assert_close(
            mine[name].grad, theirs_by_name[their_name].grad, atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("cache", [None, DynamicCache, StaticCache])
def test_hugging_face_generates_the_same_tokens_with_every_one_of_its_caches(cache):
    ours = model_of("grouped-query")
    theirs, prompt = llama(ours), some_tokens(2, 7)
    options = {"max_cache_len": 27} if cache is StaticCache else {}
    past = {"past_key_values": cache(config=theirs.config, **options)} if cache else {}
    wanted = theirs.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=20,
        do_sample=False,
        use_cache=cache is not None,
        **past,
    )
    assert torch.equal(generate(ours, prompt, new=20), wanted)


def test_a_later_token_changes_no_earlier_score():
    model, tokens = model_of("multi-head"), some_tokens(1, 10)
    changed = tokens.clone()
    changed[0, 6] = (changed[0, 6] + 1) % 31
    difference = (model(tokens) - model(changed)).abs().amax(dim=-1)[0]
    assert difference[:6].max() == 0
    assert difference[6:].min() > 0


def test_latent_attention_has_no_llama():
    with pytest.raises(ValueError, match="no latent attention"):
        llama(model_of("latent"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "linear"}, "no attention 'linear'"),
        ({"head_dim": 7}, "head_dim must be even"),
        ({"layers": 0}, "layers must be at least 1"),
        ({"attention": "latent", "rotary_dim": 3}, "rotary_dim must be even"),
        ({"attention": "latent", "latent_dim": 0}, "latent_dim must be at least 1"),
        ({"attention": "grouped-query", "groups": 3}, "key_value_heads must divide heads"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LanguageModel(LanguageModelConfig(**options))


def test_heads_that_share_keys_equal_full_heads_with_repeated_weights():
    torch.manual_seed(0)
    shared = CausalAttention(dim=16, heads=4, key_value_heads=2, head_dim=4)
    full = CausalAttention(dim=16, heads=4, key_value_heads=4, head_dim=4)
    weights = shared.state_dict()
    for name in ("key.weight", "value.weight"):
        heads = weights[name].unflatten(0, (2, 4))
        weights[name] = heads.repeat_interleave(2, dim=0).flatten(0, 1)
    full.load_state_dict(weights)
    x, rotary = torch.randn(2, 5, 16), torch.randn(5, 2)
    torch.testing.assert_close(shared(x, rotary), full(x, rotary), **TOLERANCE)
