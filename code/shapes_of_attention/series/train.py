"""Train the models of the series task: list the runs, or do those that are not done.

python -m shapes_of_attention.series.train --list
python -m shapes_of_attention.series.train                          all that is missing
python -m shapes_of_attention.series.train --only 'main/attention/*'

The records of a group of runs stand together in `assets/records/series-GROUP.json`, by their names.
A run that is recorded there is skipped.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor, nn

from shapes_of_attention.measure.series import (
    amplitude_errors,
    by_situation,
    redraw,
    score_amplitudes,
    score_attention,
    score_redrawing,
    shift_difference,
)
from shapes_of_attention.series.data import SERIES_TEST_SEED, SeriesConfig, make_series
from shapes_of_attention.series.models import AttentionBody, TokenModel, build_series_model
from shapes_of_attention.training.checkpoint import write_atomically, write_tensors
from shapes_of_attention.training.short import ShortRun, fit, is_record_of, make_record

__all__ = ["BATCH", "CROWDED", "RATES", "SeriesRun", "runs"]

_ROOT = Path(__file__).resolve().parents[3]
_SEEDS = (0, 1, 2)
_SECONDS = 30.0
_SWEEP_SECONDS = 10.0
_LONG_SECONDS = 150.0

BATCH = 8
#: More shapes a series than any in training.
CROWDED = SeriesConfig(slots=10, fewest=9)
_TEST_SERIES = 2048
_SWEEP_SEED = 8_000_009
_SWEEP_SERIES = 512

#: Learning rates that every model's sweep tries.
RATES = (1e-3, 3e-3, 6e-3)

#: The models that are compared, each with the learning rate that its sweep chose. Variants of one
#: model share its rate.
_CHOSEN = {
    "fully-connected": 6e-3,
    "convolutional": 6e-3,
    "recurrent": 1e-3,
    "attention": 6e-3,
}

_MAIN: dict[str, tuple[str, dict[str, Any]]] = {
    "fully-connected": ("fully-connected", {}),
    "convolutional": ("convolutional", {}),
    "convolutional-dilated": ("convolutional", {"dilated": True}),
    "recurrent": ("recurrent", {}),
    "recurrent-one-way": ("recurrent", {"both_ways": False}),
    "attention": ("attention", {}),
    "attention-causal": ("attention", {"causal": True}),
}

_POSITIONS = ("none", "linear", "learned", "sinusoidal")


@dataclass(frozen=True, kw_only=True)
class SeriesRun:
    """One training run: a model, its options, a seed for weights and data, and how long."""

    name: str
    model: str
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    run: ShortRun
    keep_model: bool = False

    @property
    def config(self) -> dict[str, Any]:
        """Give what decides the outcome besides `run`."""
        return {
            "model": self.model,
            "options": self.options,
            "seed": self.seed,
            "batch": BATCH,
        }

    def record_path(self, assets: Path) -> Path:
        """Give the file that holds the records of its group."""
        return assets / "records" / f"series-{self.name.split('/')[0]}.json"

    def checkpoint_path(self, assets: Path) -> Path:
        """Give the file of its weights."""
        return assets / "checkpoints" / f"series-{self.name.replace('/', '-')}.safetensors"

    def is_done(self, assets: Path) -> bool:
        """Tell whether just this run is recorded, and its weights are there if they are kept."""
        found = _read(self.record_path(assets)).get(self.name, {})
        there = self.checkpoint_path(assets).exists() or not self.keep_model
        return is_record_of(found, config=self.config, run=self.run) and there


def runs() -> Iterator[SeriesRun]:
    """List all runs: the sweeps, one long run of each model, then short ones seed by seed."""
    for model in _CHOSEN:
        for rate in RATES:
            yield SeriesRun(
                name=f"sweep/{model}/rate-{rate:g}",
                model=model,
                run=ShortRun(learning_rate=rate, seconds=_SWEEP_SECONDS),
            )
    for name, (model, options) in _MAIN.items():
        yield SeriesRun(
            name=f"long/{name}",
            model=model,
            options=options,
            run=ShortRun(learning_rate=_CHOSEN[model], seconds=_LONG_SECONDS),
            keep_model=name == "attention",
        )
    for seed in _SEEDS:
        for name, (model, options) in _MAIN.items():
            yield SeriesRun(
                name=f"main/{name}/seed-{seed}",
                model=model,
                options=options,
                seed=seed,
                run=ShortRun(learning_rate=_CHOSEN[model], seconds=_SECONDS),
            )
        for positions in _POSITIONS:
            yield SeriesRun(
                name=f"positions/{positions}/seed-{seed}",
                model="attention",
                options={"positions": positions},
                seed=seed,
                run=ShortRun(learning_rate=_CHOSEN["attention"], seconds=_SECONDS),
            )


def _read(path: Path) -> dict[str, Any]:
    try:
        records: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return records


def train(entry: SeriesRun, assets: Path) -> dict[str, Any]:
    """Do one run, write its record and, if they are kept, its weights; give what its test found."""
    torch.manual_seed(entry.seed)
    model = build_series_model(entry.model, entry.options)
    check = make_series(range(_SWEEP_SERIES), seed=_SWEEP_SEED)

    def loss_of(step: int) -> Tensor:
        batch = make_series(range(step * BATCH, (step + 1) * BATCH), seed=entry.seed)
        drawn = model(torch.from_numpy(batch.signal))
        return (drawn - torch.from_numpy(batch.target)).abs().mean()

    fitted = fit(
        model,
        loss_of,
        entry.run,
        measure=lambda: score_redrawing(model, check).as_record(),
    )
    # A sweep must not see the test series: the rate is chosen by it.
    test = fitted.curve[-1] if entry.name.startswith("sweep/") else _test(model)
    path = entry.record_path(assets)
    record = make_record(config=entry.config, model=model, run=entry.run, fitted=fitted, test=test)
    # Weights first: a record without its weights would claim what is not there.
    if entry.keep_model:
        note = {"model": entry.model, "options": entry.options}
        write_tensors(entry.checkpoint_path(assets), dict(model.state_dict()), note)
    with FileLock(Path(tempfile.gettempdir()) / f"shapes-of-attention-{path.name}.lock"):
        records = dict(sorted({**_read(path), entry.name: record}.items()))
        write_atomically(path, (json.dumps(records, indent=1) + "\n").encode())
    return test


def _test(model: nn.Module) -> dict[str, Any]:
    batch = make_series(range(_TEST_SERIES), seed=SERIES_TEST_SEED)
    drawn = redraw(model, batch)
    crowded = make_series(range(_TEST_SERIES // 4), seed=SERIES_TEST_SEED, config=CROWDED)
    result: dict[str, Any] = {
        **score_amplitudes(drawn, batch).as_record(),
        **by_situation(amplitude_errors(drawn, batch), batch),
        "shift_difference": shift_difference(model, batch, shift=10),
        "crowded": score_redrawing(model, crowded).as_record(),
    }
    if isinstance(model, TokenModel) and isinstance(model.body, AttentionBody):
        some = make_series(range(_TEST_SERIES // 4), seed=SERIES_TEST_SEED)
        looked = score_attention(model, some, token=model.config.token)
        result["attention"] = looked.as_record()
    return result


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m shapes_of_attention.series.train",
        description="Train the models of the series task.",
    )
    parser.add_argument("--list", action="store_true", help="list runs and their state, then stop")
    parser.add_argument(
        "--only", default="*", metavar="PATTERN", help="names of runs, with * and ?"
    )
    parser.add_argument(
        "--assets", type=Path, default=_ROOT / "assets", help="folder of records and models"
    )
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    listed = [entry for entry in runs() if fnmatch(entry.name, chosen.only)]
    if not listed:
        print(f"error: no run is called {chosen.only}; --list names them all", file=sys.stderr)
        return 1
    for entry in listed:
        done = entry.is_done(chosen.assets)
        if chosen.list or done:
            run = entry.run
            length = f"{run.steps} steps" if run.seconds is None else f"{run.seconds:g} s"
            print(f"{'done' if done else '-':6}{entry.name:40}{length:>10}", flush=True)
            continue
        test = train(entry, chosen.assets)
        print(
            f"{entry.name}: median amplitude error {test['amplitude_error_median']:.4f}, "
            f"within tolerance {test['within_tolerance']:.1%}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
