"""Small runs that end after a few steps."""

import pytest

from shapes_of_attention.studies import vision
from shapes_of_attention.training.run_config import RunConfig

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture(autouse=True)
def _short_validation(monkeypatch):
    monkeypatch.setattr(vision, "_VALIDATION_IMAGES", 8)


@pytest.fixture
def tiny_run():
    """Give a run of twelve steps."""
    return RunConfig(
        model="encoder-decoder",
        options=TINY,
        batch_size=4,
        warmup_images=8,
        budget_images=48,
    )
