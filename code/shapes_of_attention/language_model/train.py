"""Train the language model with each kind of attention, and compare them.

python -m shapes_of_attention.language_model.train --list
python -m shapes_of_attention.language_model.train --only 'latent-*'

A run whose record is there is skipped. All runs read the same stories in the same order; the hidden
width of the feed-forward networks is chosen so that all models have about the same size.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.language_model.model import LanguageModel, LanguageModelConfig
from shapes_of_attention.language_model.text import STORY_TEST_SEED, make_rows, make_story
from shapes_of_attention.training.checkpoint import write_tensors
from shapes_of_attention.training.short import ShortRun, fit, is_recorded, write_record

__all__ = [
    "RUN",
    "comparison",
    "kinds",
    "matched_sizes",
    "measure_text",
    "train_one",
]

_ROOT = Path(__file__).resolve().parents[3]
_SEEDS = (0, 1, 2)
_BATCH = 16
_LENGTH = 64
_TEST_STORIES = 256

#: How each model is trained.
RUN = ShortRun(steps=1200, learning_rate=6e-3, warmup_steps=50)


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


@torch.no_grad()
def measure_text(
    model: nn.Module, *, stories: int, seed: int, length: int = _LENGTH
) -> dict[str, float]:
    """Measure a model on stories of `length` words that it has not read.

    Returns
    -------
    loss
        Mean negative logarithm of the probability of the next word, in nats.
    recall
        Share of the shapes met again whose colour and form both came first.
    """
    rows = torch.from_numpy(make_rows(np.arange(stories), seed=seed, length=length + 1))
    total, right, asked = 0.0, 0, 0
    for part in range(0, stories, 32):
        row = rows[part : part + 32]
        scores = model(row[:, :-1])
        total += float(
            functional.cross_entropy(scores.flatten(0, 1), row[:, 1:].flatten(), reduction="sum")
        )
        correct = scores.argmax(dim=-1) == row[:, 1:]
        for place in range(len(row)):
            story = make_story(part + place, seed=seed, sentences=length // 8)
            owners = torch.tensor(story.recalls, dtype=torch.long)
            # After the owner comes the colour, after the colour the form.
            right += int((correct[place, owners] & correct[place, owners + 1]).sum())
            asked += len(owners)
    return {"loss": round(total / (stories * length), 4), "recall": round(right / asked, 4)}


def train_one(
    name: str, config: LanguageModelConfig, *, seed: int, assets: Path, run: ShortRun = RUN
) -> dict[str, Any]:
    """Train a model, write its record and its weights; give what was measured on test stories."""
    label = f"language-model-{name}-seed-{seed}"
    described = {
        "model": asdict(config),
        "text": {"batch": _BATCH, "length": _LENGTH},
        "seed": seed,
    }
    path = assets / "records" / f"{label}.json"
    if is_recorded(path, config=described, run=run):
        print(f"{label}: done")
        return {}
    torch.manual_seed(seed)
    model = LanguageModel(config)

    def loss_of(step: int) -> Tensor:
        numbers = np.arange(step * _BATCH, (step + 1) * _BATCH)
        rows = torch.from_numpy(make_rows(numbers, seed=seed, length=_LENGTH + 1))
        return functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())

    def measure() -> dict[str, float]:
        found = measure_text(model, stories=32, seed=STORY_TEST_SEED + 1)
        print(f"{label}: {found}", flush=True)
        return {f"validation_{key}": value for key, value in found.items()}

    fitted = fit(model, loss_of, run, measure=measure, points=8)
    test: dict[str, Any] = {
        "stories": _TEST_STORIES,
        "seed": STORY_TEST_SEED,
        **measure_text(model, stories=_TEST_STORIES, seed=STORY_TEST_SEED),
        "twice_as_long": measure_text(
            model, stories=_TEST_STORIES, seed=STORY_TEST_SEED, length=2 * _LENGTH
        ),
        "cache_bytes_per_token": model.new_cache(batch=1, capacity=8).bytes_per_token(),
    }
    if seed == _SEEDS[0]:
        write_tensors(
            assets / "checkpoints" / f"{label}.safetensors",
            dict(model.state_dict()),
            {"language_model": asdict(config)},
        )
    write_record(path, config=described, model=model, run=run, fitted=fitted, test=test)
    return test


def comparison(records: Path) -> dict[str, dict[str, Any]]:
    """Gather what was measured of each kind of attention, over the seeds that are there.

    Returns
    -------
    Name of the kind -> `parameters`, `cache_bytes_per_token`, and for each seed `loss`, `recall`,
    `recall_twice` (in stories twice as long as those of training) and the `curves` of training.

    Raises
    ------
    FileNotFoundError
        If a kind has no record.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in kinds():
        paths = sorted(records.glob(f"language-model-{name}-seed-*.json"))
        if not paths:
            raise FileNotFoundError(
                f"{records} has no record of {name}; run "
                "python -m shapes_of_attention.language_model.train"
            )
        read = [json.loads(path.read_text()) for path in paths]
        found[name] = {
            "parameters": read[0]["parameters"],
            "cache_bytes_per_token": read[0]["test"]["cache_bytes_per_token"],
            "loss": [record["test"]["loss"] for record in read],
            "recall": [record["test"]["recall"] for record in read],
            "curves": [record["curve"] for record in read],
            "recall_twice": [record["test"]["twice_as_long"]["recall"] for record in read],
        }
    return found


def _grid() -> Iterator[tuple[str, LanguageModelConfig, int]]:
    for seed in _SEEDS:
        for name, config in kinds().items():
            yield name, config, seed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m shapes_of_attention.language_model.train",
        description="Train the language model with each kind of attention.",
    )
    parser.add_argument("--list", action="store_true", help="list the runs, then stop")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="runs, with * and ?")
    parser.add_argument("--assets", type=Path, default=_ROOT / "assets")
    chosen = parser.parse_args(arguments)
    listed = [run for run in _grid() if fnmatch(f"{run[0]}-seed-{run[2]}", chosen.only)]
    if not listed:
        print(f"error: no run is called {chosen.only}; --list names them all", file=sys.stderr)
        return 1
    torch.set_num_threads(1)
    for name, config, seed in listed:
        if chosen.list:
            size = _parameters(config)
            print(f"{name}-seed-{seed:<3} {size:>9,} parameters, hidden {config.hidden}")
            continue
        train_one(name, config, seed=seed, assets=chosen.assets)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
