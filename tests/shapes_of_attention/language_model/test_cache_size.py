"""What the calculator counts is what real caches hold."""

from dataclasses import replace
from typing import get_args

import pytest

from shapes_of_attention.figures.cache_calculator import binary
from shapes_of_attention.language_model import LanguageModel, LanguageModelConfig
from shapes_of_attention.language_model.cache_size import cache_bytes
from shapes_of_attention.language_model.model import AttentionKind


@pytest.mark.parametrize("tokens", [1, 30])
def test_bytes_are_those_of_the_buffers_and_a_window_forgets(tokens: int) -> None:
    config = LanguageModelConfig(layers=3, heads=4, groups=2)
    counted = cache_bytes(config, window=20, tokens=tokens, sequences=2, bytes_per_number=4)
    for kind in get_args(AttentionKind):
        held = LanguageModel(replace(config, attention=kind)).new_cache(batch=2, capacity=tokens)
        assert counted[kind] == sum(b.nbytes for layer in held.layers for b in layer.buffers)
    assert counted["window"] == counted["multi-head"] * min(tokens, 20) // tokens


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.00 KiB"),
        (1023.5, "1.00 KiB"),
        (9.994 * 1024, "9.99 KiB"),
        (9.996 * 1024, "10.0 KiB"),
        (10 * 1024, "10.0 KiB"),
        (99.96 * 1024, "100 KiB"),
        (1023.4 * 1024, "1,023 KiB"),
        (1023.6 * 1024, "1.00 MiB"),
        (1.125 * 1024**3, "1.13 GiB"),
        (3.5 * 1024**3, "3.50 GiB"),
        (5000 * 1024**4, "5,000 TiB"),
    ],
)
def test_bytes_are_written_with_three_digits(count: float, shown: str) -> None:
    assert binary(count) == shown
