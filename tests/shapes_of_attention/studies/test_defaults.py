"""The defaults that finished runs rest on are what they were."""

from dataclasses import asdict
from typing import Any

import pytest

from shapes_of_attention.data import ShapesConfig
from shapes_of_attention.efficient.model import EfficientConfig
from shapes_of_attention.language_model import LanguageModelConfig
from shapes_of_attention.models import (
    EncoderDecoderConfig,
    EncoderOnlyConfig,
    FullyConnectedConfig,
    UNetConfig,
)
from shapes_of_attention.models.experts import MixtureConfig
from shapes_of_attention.series import SeriesConfig
from shapes_of_attention.series.models import series_model_config

#: A message that a test fails with says what to do.
ADVICE = """
The default of a configuration has changed. Checkpoints, and records without `resolved`, say only where
a run differs from the defaults, so that each older one now speaks of another model or of other data. A
newer record, whose `resolved` holds the default that has changed, no longer counts as done.
An option that is new must by default do what was done before it: add it to this test.
A value that some runs are to have belongs into the options of these runs.
To change a default for all, write the old value into the options of every listed run first; that
gives it another address, and its record and checkpoint must name the value, too.
"""

_COMMON_PAINTING = {"positions": "rotary", "position_base": 100.0, "palette": 4, "head": "palette"}
_TOKENS = {"length": 500, "token": 10}

DEFAULTS: list[tuple[Any, dict[str, Any]]] = [
    (
        EncoderDecoderConfig(),
        {
            **_COMMON_PAINTING,
            "size": 128,
            "patch": 16,
            "tokens": "rgb",
            "dim": 128,
            "heads": 4,
            "hidden": 512,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_reach": None,
            "decoder_self_attention": False,
            "cross_attention": True,
            "registers": 0,
            "experts": 0,
            "chosen_experts": 2,
            "shared_experts": 0,
        },
    ),
    (
        EncoderOnlyConfig(),
        {
            **_COMMON_PAINTING,
            "size": 128,
            "patch": 16,
            "dim": 128,
            "heads": 4,
            "hidden": 512,
            "layers": 4,
        },
    ),
    (FullyConnectedConfig(), {"size": 128, "hidden": 256, "layers": 3}),
    (
        UNetConfig(),
        {
            "size": 128,
            "fold": 4,
            "widths": (32, 64, 96, 128, 128),
            "head": "pixels",
            "palette": 4,
            "patch": 16,
        },
    ),
    (
        MixtureConfig(dim=8, hidden=8),
        {
            "dim": 8,
            "hidden": 8,
            "experts": 8,
            "chosen": 2,
            "shared": 0,
            "form": "gelu",
            "capacity_factor": None,
        },
    ),
    (series_model_config("fully-connected"), {"length": 500, "hidden": 384, "layers": 3}),
    (
        series_model_config("convolutional"),
        {**_TOKENS, "dim": 64, "layers": 4, "kernel": 5, "dilated": False},
    ),
    (
        series_model_config("recurrent"),
        {**_TOKENS, "dim": 96, "layers": 2, "both_ways": True, "hidden": 0, "state": None},
    ),
    (
        series_model_config("attention"),
        {
            **_TOKENS,
            "dim": 64,
            "layers": 2,
            "heads": 4,
            "hidden": 128,
            "positions": "rotary",
            "base": None,
            "causal": False,
        },
    ),
    (
        EfficientConfig(),
        {
            "length": 1000,
            "token": 10,
            "context": 7,
            "dim": 64,
            "layers": 2,
            "heads": 4,
            "hidden": 128,
            "family": "fused",
            "budget": {
                "window": 64,
                "block": 32,
                "span": 64,
                "ramp": 32,
                "rank": 64,
                "features": 64,
                "chunk": 32,
                "rounds": 2,
            },
        },
    ),
    (
        LanguageModelConfig(),
        {
            "vocabulary": 31,
            "dim": 64,
            "layers": 2,
            "heads": 4,
            "head_dim": 16,
            "hidden": 128,
            "context": 1024,
            "attention": "multi-head",
            "groups": 2,
            "latent_dim": 24,
            "rotary_dim": 8,
            "query_latent_dim": None,
            "rotary_base": 100.0,
            "norm_epsilon": 1e-6,
        },
    ),
    (
        ShapesConfig(),
        {
            "size": 128,
            "slots": 8,
            "fewest": 5,
            "side": (16.0, 40.0),
            "stroke": (3.0, 5.0),
            "gap": 2.0,
            "strongest": (120.0, 255.0),
            "dominance": 12.0,
            "red_share": 0.5,
            "red_filter": True,
            "candidates": 32,
        },
    ),
    (
        SeriesConfig(),
        {
            "length": 500,
            "slots": 8,
            "fewest": 5,
            "width": (20.0, 44.0),
            "amplitude": (0.4, 1.6),
            "gap": 4.0,
            "noise": 0.05,
            "smoothness": 3.0,
        },
    ),
]


@pytest.mark.parametrize(
    ("config", "known"), DEFAULTS, ids=[type(config).__qualname__ for config, _ in DEFAULTS]
)
def test_a_default_is_what_records_and_checkpoints_take_it_for(config, known):
    assert asdict(config) == known, ADVICE
