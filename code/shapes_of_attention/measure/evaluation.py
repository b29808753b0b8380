"""How good a vision model is on images it has not seen: its colours, and where it looks.

Colours are levels 0-255. A shape's colour error is the difference between the mean painted colour
over its interior and the true mean of its group, averaged over the three channels. A filtered
circle counts as removed when no channel of its mean painted colour reaches 32. Attention: see
`measure.attention_score`.
"""

from typing import Any

from torch import nn

from shapes_of_attention.data import IMAGE_TEST_SEED, ShapesConfig
from shapes_of_attention.measure.attention_score import AttentionScore
from shapes_of_attention.measure.colours import ColourScore
from shapes_of_attention.measure.intervention import Intervention
from shapes_of_attention.measure.painting import batches, paint_levels
from shapes_of_attention.models import EncoderDecoder

__all__ = ["evaluate"]


def evaluate(
    model: nn.Module,
    *,
    images: int,
    seed: int = IMAGE_TEST_SEED,
    config: ShapesConfig | None = None,
) -> dict[str, Any]:
    """Measure a model's colours and, where it has cross-attention, where that attention goes.

    Parameters
    ----------
    images, seed, config : how many images of which seed, drawn how.

    Returns
    -------
    What a record holds of it: `images` and `seed`; `colour`, see `ColourResult`; and, where there
    is cross-attention, `attention`, see `AttentionResult.as_record`, and `intervention`, see
    `InterventionResult`, empty where no image has two kept shapes of a kind.

    Raises
    ------
    ValueError
        If there is to be no image.
    """
    if images < 1:
        raise ValueError(f"images must be at least 1, got {images}")
    config = config or ShapesConfig()
    model.eval()
    colour = ColourScore()
    sees = isinstance(model, EncoderDecoder) and model.config.cross_attention
    attention = AttentionScore(model) if sees and isinstance(model, EncoderDecoder) else None
    hiding = Intervention(model) if sees and isinstance(model, EncoderDecoder) else None
    for batch in batches(images=images, seed=seed, config=config):
        colour.add(batch, paint_levels(model, batch))
        if attention is not None and hiding is not None:
            attention.add(batch)
            hiding.add(batch)
    found: dict[str, Any] = {"images": images, "seed": seed, "colour": colour.result().as_record()}
    if attention is not None and hiding is not None:
        found["attention"] = attention.result().as_record()
        slopes = hiding.result()
        found["intervention"] = slopes.as_record() if slopes else {}
    return found
