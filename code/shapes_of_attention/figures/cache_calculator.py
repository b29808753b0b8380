"""A calculator of caches: a still picture of its first model, and what its script begins with."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.figure import WIDTH
from shapes_of_attention.figures.toolkit.view import View
from shapes_of_attention.language_model.cache_size import cache_bytes
from shapes_of_attention.language_model.model import LanguageModelConfig
from shapes_of_attention.palette import BLUE, INK, MUTED

__all__ = ["TITLES", "binary", "calculator"]

#: Kinds of attention as readers see them.
TITLES = {
    "multi-head": "Multi-head",
    "grouped-query": "Grouped-query",
    "multi-query": "Multi-query",
    "latent": "Latent",
    "window": "Multi-head, window",
}
#: What the reader may change of a model, as `LanguageModelConfig` names it.
SIZES = ("layers", "heads", "head_dim", "groups", "latent_dim", "rotary_dim")


def binary(count: float) -> str:
    """Write bytes with three digits or more, in the largest binary unit of which there is one.

    There is one once it is rounded: 1,023.6 KiB are 1.00 MiB. A twin is in cache-calculator.js.
    """
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if _rounded(count, 0) < 1024 or unit == "TiB":
            break
        count /= 1024
    if unit == "bytes" or _rounded(count, 1) >= 100:
        digits = 0
    else:
        digits = 1 if _rounded(count, 2) >= 10 else 2
    return f"{_rounded(count, digits):,} {unit}"


def _rounded(count: float, digits: int) -> Decimal:
    """Round halves up, as browsers do."""
    return Decimal(count).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def calculator(
    models: Mapping[str, tuple[LanguageModelConfig, int]],
    *,
    tokens: int,
    sequences: int,
    bytes_per_number: int,
) -> View:
    """Let the reader size a model, and see the cache of every kind of attention beside the others.

    `models` maps a name to sizes and a window, in tokens. The first is the one to begin with, and
    the one in the still picture, at `tokens` tokens of `sequences` texts.
    """
    name, (model, window) = next(iter(models.items()))
    found = cache_bytes(
        model,
        window=window,
        tokens=tokens,
        sequences=sequences,
        bytes_per_number=bytes_per_number,
    )
    row, label, most = 48, 196, max(found.values())
    drawing = Diagram(height=50 + row * len(found))
    drawing.text(0, 18, f"{name}, {tokens:,} tokens", align="left", colour=MUTED)
    for place, (kind, title) in enumerate(TITLES.items()):
        top = 44 + place * row
        width = max((WIDTH - label - 112) * found[kind] / most, 2)
        drawing.text(0, top + 17, title, align="left", colour=INK)
        drawing.box(label, top, width, 34, fill=BLUE, edge=BLUE, radius=3)
        drawing.text(label + width + 10, top + 17, binary(found[kind]), align="left", colour=INK)
    data = {
        "models": [
            {"name": name, "window": window} | {size: getattr(model, size) for size in SIZES}
            for name, (model, window) in models.items()
        ],
        "titles": list(TITLES.items()),  # JSON does not keep the order of a mapping
        "tokens": tokens,
        "sequences": sequences,
        "bytes": bytes_per_number,
    }
    return View(static=drawing.figure(), view="cache-calculator", data=data)
