"""The language models that are compared: one for each kind of attention, all of about one size."""

from dataclasses import asdict
from typing import Any

import torch

from shapes_of_attention.language_model.model import LanguageModel, LanguageModelConfig

__all__ = ["kinds", "matched_sizes"]


def kinds() -> dict[str, LanguageModelConfig]:
    """Give the models that are compared, by name, with multi-head attention as the measure."""
    first = LanguageModelConfig(attention="multi-head")
    options: dict[str, dict[str, Any]] = {
        "grouped-query": {"attention": "grouped-query"},
        "multi-query": {"attention": "multi-query"},
        "latent": {"attention": "latent"},
    }
    found = {"multi-head": first}
    for name, different in options.items():
        found[name] = matched_sizes(first, LanguageModelConfig(**different))
    return found


def matched_sizes(first: LanguageModelConfig, other: LanguageModelConfig) -> LanguageModelConfig:
    """Give `other` the hidden width at which it has about as many parameters as `first`."""
    wanted = _parameters(first)
    slope = 3 * other.dim * other.layers  # parameters for each unit of hidden width
    hidden = other.hidden + round((wanted - _parameters(other)) / slope)
    return LanguageModelConfig(**{**asdict(other), "hidden": hidden})


def _parameters(config: LanguageModelConfig) -> int:
    with torch.device("meta"):
        model = LanguageModel(config)
    return sum(parameter.numel() for parameter in model.parameters())
