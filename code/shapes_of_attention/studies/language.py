"""Small language models with each kind of attention, for caching and latent attention.

All runs read the same stories in the same order; the hidden width of the feed-forward networks is
chosen so that all models have about the same size.
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.data.stream import Batch
from shapes_of_attention.language_model.kinds import kinds
from shapes_of_attention.language_model.model import LanguageModel, LanguageModelConfig
from shapes_of_attention.language_model.text import STORY_TEST_SEED, make_rows
from shapes_of_attention.measure.text import measure_text
from shapes_of_attention.studies.study import Run, Study, in_full
from shapes_of_attention.training.loop import Forward, Task
from shapes_of_attention.training.run_config import ShortRun

__all__ = ["STUDY", "language_run", "runs"]

_SEEDS = (0, 1, 2)
_BATCH = 16
_LENGTH = 64
_TEST_STORIES = 256

_COURSE = ShortRun(steps=1200, learning_rate=6e-3, warmup_steps=50)


def language_run(name: str, model: LanguageModelConfig, *, seed: int) -> Run:
    """Make the run of a kind of attention, with a seed of weights and stories."""
    label = f"language-model-{name}-seed-{seed}"
    return Run(
        name=f"{name}/seed-{seed}",
        course=_COURSE,
        config={
            "model": asdict(model),
            "text": {"batch": _BATCH, "length": _LENGTH},
            "seed": seed,
        },
        resolved=in_full(model=model),
        seed=seed,
        build=partial(LanguageModel, model),
        task=lambda *_: Task(
            make=partial(_stories, seed=seed),
            batch_size=_BATCH,
            loss=_loss,
            measure=_measure,
            points=[step / 8 for step in range(1, 8)],
        ),
        test=_test,
        note={"language_model": asdict(model)},
        record=label,
        checkpoint=label if seed == _SEEDS[0] else None,
    )


def runs() -> list[Run]:
    """List all runs, seed by seed."""
    return [
        language_run(name, model, seed=seed) for seed in _SEEDS for name, model in kinds().items()
    ]


def _stories(indices: NDArray[np.int64], *, seed: int) -> Batch:
    """Make stories, int64 [batch, words]; the last word is only to be told."""
    return (torch.from_numpy(make_rows(indices, seed=seed, length=_LENGTH + 1)),)


def _loss(forward: Forward, batch: Batch) -> Tensor:
    (rows,) = batch
    return functional.cross_entropy(forward(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())


def _measure(model: nn.Module) -> dict[str, float]:
    found = measure_text(model, stories=32, seed=STORY_TEST_SEED + 1)
    return {f"validation_{key}": value for key, value in found.items()}


def _test(model: nn.Module, _: Mapping[str, Any]) -> dict[str, Any]:
    assert isinstance(model, LanguageModel)
    return {
        "stories": _TEST_STORIES,
        "seed": STORY_TEST_SEED,
        **measure_text(model, stories=_TEST_STORIES, seed=STORY_TEST_SEED),
        "twice_as_long": measure_text(
            model, stories=_TEST_STORIES, seed=STORY_TEST_SEED, length=2 * _LENGTH
        ),
        "cache_bytes_per_token": model.new_cache(batch=1, capacity=8).bytes_per_token(),
    }


STUDY = Study(
    name="language",
    about="small language models, for caching and latent attention",
    runs=lambda: runs(),
    summary=lambda test: f"loss {test['loss']:.3f}, recall {test['recall']:.1%}",
)
