"""Numbers that no model can be built with are refused by name, whichever model and option it is."""

from dataclasses import asdict, fields
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapes_of_attention.efficient import CONTROLS, FAMILIES, Budget
from shapes_of_attention.efficient.model import EfficientConfig, build_efficient_model
from shapes_of_attention.language_model import LanguageModel, LanguageModelConfig
from shapes_of_attention.models import IMAGE_MODELS, build_model
from shapes_of_attention.series.models import SERIES_MODELS, build_series_model
from tests.support.fuzz import many

BUDGET = {field.name for field in fields(Budget)}


def small_efficient_model(options):
    budget = {name: options[name] for name in options if name in BUDGET}
    rest = {name: options[name] for name in options if name not in BUDGET}
    return build_efficient_model({**rest, "budget": Budget(**budget)})


#: Model -> how to build it from options, its options with their defaults, and what one is small with.
MODELS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    **{
        f"image {name}": (
            lambda options, name=name: build_model(name, options),
            asdict(config()),
            {"size": 16, "patch": 8, "fold": 4, "widths": [8, 8, 8], "dim": 8, "heads": 2},
        )
        for name, (_, config) in IMAGE_MODELS.items()
    },
    **{
        f"series {name}": (
            lambda options, name=name: build_series_model(name, options),
            asdict(config()),
            {"length": 12, "token": 3, "dim": 8, "heads": 2},
        )
        for name, (config, _) in SERIES_MODELS.items()
    },
    "efficient": (
        small_efficient_model,
        asdict(EfficientConfig()) | asdict(Budget()),
        {"length": 12, "token": 3, "dim": 8, "heads": 2},
    ),
    "language": (
        lambda options: LanguageModel(LanguageModelConfig(**options)),
        asdict(LanguageModelConfig()),
        {"vocabulary": 5, "context": 8},
    ),
}
#: Options that are no number by default, though they may be one.
NUMBERS_OR_NONE = {"encoder_reach", "state", "base", "query_latent_dim"}
CHOICES = {
    "positions": st.sampled_from(["none", "learned", "sinusoidal", "rotary"]),
    "head": st.sampled_from(["palette", "pixels"]),
    "tokens": st.sampled_from(["rgb", "channel"]),
    "attention": st.sampled_from(["multi-head", "multi-query", "grouped-query", "latent"]),
    "family": st.sampled_from([*FAMILIES, *CONTROLS]),
}


def numbers_of(defaults):
    """Name the options that take a number, or several."""
    return [
        name
        for name, value in defaults.items()
        if name in NUMBERS_OR_NONE or type(value) in (int, float, tuple)
    ]


def input_of(name, config):
    kind = name.split()[0]
    if kind == "image":
        return torch.rand(1, 3, config.size, config.size)
    if kind == "language":
        return torch.zeros(1, 1, dtype=torch.long)
    return torch.rand(1, config.length)


@pytest.mark.parametrize(
    ("model", "option"),
    [(model, option) for model, (_, known, _) in MODELS.items() for option in numbers_of(known)],
)
def test_a_negative_number_is_refused_by_the_name_of_its_option(model, option):
    build, defaults, _ = MODELS[model]
    value = [8, -1] if isinstance(defaults[option], tuple) else -1
    with pytest.raises(ValueError, match=f"^{option} must "):
        build({option: value})


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=many(60), deadline=None)
@given(data=st.data())
def test_a_model_is_refused_when_it_is_built_or_works(model, data):
    build, defaults, small = MODELS[model]
    options = {name: value for name, value in small.items() if name in defaults}
    number = st.integers(-1, 9)
    for name in data.draw(st.lists(st.sampled_from(numbers_of(defaults)), max_size=3), "numbers"):
        several = isinstance(defaults[name], tuple)
        options[name] = data.draw(st.lists(number, max_size=4) if several else number, name)
    for name in defaults:
        if name in CHOICES:
            options[name] = data.draw(CHOICES[name], name)
        elif isinstance(defaults[name], bool):
            options[name] = data.draw(st.booleans(), name)
    try:
        built = build(options)
    except ValueError:
        return
    given_ = input_of(model, built.config)
    with torch.no_grad():
        drawn = built(given_)
    assert torch.isfinite(drawn).all()
    if model != "language":
        assert drawn.shape == given_.shape


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("image encoder-only", {"heads": 0}, "heads must be at least 1, got 0"),
        ("image encoder-only", {"heads": 3}, "heads must divide dim, got dim=128, heads=3"),
        ("image unet", {"fold": 0}, "fold must be at least 1, got 0"),
        ("image unet", {"widths": [32, 0]}, r"widths must be at least 1, got \(32, 0\)"),
        ("series attention", {"heads": 0}, "heads must be at least 1, got 0"),
        ("series attention", {"base": 0.5}, "base must be above 1, got 0.5"),
        ("series recurrent", {"dim": 95}, "dim must be even, half of it for each way, got 95"),
        ("efficient", {"block": 0}, "block must be at least 1, got 0"),
        ("language", {"query_latent_dim": 0}, "query_latent_dim must be at least 1, got 0"),
        ("language", {"rotary_base": 1}, "rotary_base must be above 1, got 1"),
    ],
)
def test_what_only_a_forward_pass_or_a_division_refused_is_refused_in_words(
    model, options, message
):
    with pytest.raises(ValueError, match=message):
        MODELS[model][0](options)


def test_what_a_model_may_be_without_may_be_zero():
    build_model(
        "encoder-decoder", {"encoder_layers": 0, "decoder_layers": 0, "registers": 0, "experts": 0}
    )
    build_model("encoder-decoder", {"encoder_reach": 0})
    build_series_model("recurrent", {"hidden": 0, "dim": 8})
    Budget(window=0, span=0)
