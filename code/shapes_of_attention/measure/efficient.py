"""What is measured of attention's families besides the error: baselines, and what was learned."""

from typing import Any

import numpy as np
from torch import nn

from shapes_of_attention.efficient.adaptive_span import AdaptiveSpanAttention
from shapes_of_attention.efficient.entmax import EntmaxAttention
from shapes_of_attention.series.data import SeriesBatch, SeriesConfig

__all__ = ["baselines", "learned"]


def baselines(batch: SeriesBatch) -> dict[str, float]:
    """Say how far off a shape is that keeps its amplitude, or takes the middle of the range.

    The range is the one that amplitudes are drawn from.
    """
    middle = sum(SeriesConfig().amplitude) / 2
    truth, own = batch.group_mean[batch.present], batch.amplitude[batch.present]
    return {
        "keep_error_median": round(float(np.median(np.abs(own - truth))), 5),
        "middle_error_median": round(float(np.median(np.abs(middle - truth))), 5),
    }


def learned(model: nn.Module) -> dict[str, Any]:
    """Read off what a family learned besides weights: its spans in tokens, its alphas."""
    found: dict[str, Any] = {}
    for module in model.modules():
        if isinstance(module, AdaptiveSpanAttention):
            spans = [round(x, 2) for x in module.span().detach().tolist()]
            found.setdefault("spans", []).append(spans)
        if isinstance(module, EntmaxAttention):
            alphas = [round(x, 4) for x in module.alpha().detach().tolist()]
            found.setdefault("alphas", []).append(alphas)
    return found
