"""Train every family on the series task, at two lengths.

python -m shapes_of_attention.efficient.study --list
python -m shapes_of_attention.efficient.study --only "reformer-*"

All see the same series in the same order, for the same number of steps. The number of shapes stays
that of the first post, so the company a shape looks for lies further away as series grow. Each run
leaves a record under assets/records/; a run whose record is there is skipped.
"""

import argparse
import sys
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shapes_of_attention.efficient.adaptive_span import AdaptiveSpanAttention
from shapes_of_attention.efficient.entmax import EntmaxAttention
from shapes_of_attention.efficient.families import FAMILIES, Budget
from shapes_of_attention.efficient.model import build_efficient_model
from shapes_of_attention.measure.series import score_redrawing
from shapes_of_attention.series.data import SeriesBatch, SeriesConfig, make_series
from shapes_of_attention.training.checkpoint import write_tensors
from shapes_of_attention.training.short import ShortRun, fit, is_recorded, write_record

__all__ = ["LENGTHS", "STUDY_BUDGET", "run_name", "train_family"]

LENGTHS = (1000, 2000)

#: Shares of 100 and 200 tokens, so that every family has to leave something out.
STUDY_BUDGET = Budget(
    window=16, block=8, span=16, ramp=16, rank=32, features=64, chunk=16, rounds=2
)
#: Explicit and fused attention are the same function: it is trained once.
STUDIED = tuple(name for name in FAMILIES if name != "explicit")

_ROOT = Path(__file__).resolve().parents[3]
_TRAIN_SEED, _TEST_SEED = 0, 1
_LEARNING_RATE = 5e-3
_BATCH = 8
_TEST_SERIES = 512
#: What a span of the whole length costs, in units of the loss.
_SPAN_PRICE = 2e-3


@dataclass(frozen=True, kw_only=True)
class Study:
    """One run: a family at a length, with a seed of its weights."""

    family: str
    length: int
    seed: int = 0


def run_name(study: Study) -> str:
    """Give the name of a run and of its record."""
    return f"efficient-{study.family}-{study.length}-seed-{study.seed}"


def train_family(study: Study, *, steps: int, assets: Path) -> dict[str, Any] | None:
    """Train one family and record it; give its test scores, or nothing if they are there."""
    options = {"length": study.length, "family": study.family, "budget": STUDY_BUDGET}
    data = SeriesConfig(length=study.length)
    run = ShortRun(learning_rate=_LEARNING_RATE, warmup_steps=50, steps=steps)
    config = {
        "model": {**options, "budget": asdict(STUDY_BUDGET)},
        "data": asdict(data),
        "batch": _BATCH,
        "seed": study.seed,
        "span_price": _SPAN_PRICE if study.family == "adaptive-span" else 0.0,
    }
    name = run_name(study)
    path = assets / "records" / f"{name}.json"
    if is_recorded(path, config=config, run=run):
        print(f"{name}: recorded already")
        return None
    torch.manual_seed(study.seed)
    model = build_efficient_model(options)
    spans = [m for m in model.modules() if isinstance(m, AdaptiveSpanAttention)]
    test_batch = make_series(range(_TEST_SERIES), seed=_TEST_SEED, config=data)
    few = make_series(range(_TEST_SERIES, _TEST_SERIES + 64), seed=_TEST_SEED, config=data)

    def loss_of(step: int) -> Tensor:
        indices = range(step * _BATCH, (step + 1) * _BATCH)
        batch = make_series(indices, seed=_TRAIN_SEED, config=data)
        signal, target = torch.from_numpy(batch.signal), torch.from_numpy(batch.target)
        # Most of a long series is empty: samples of shapes weigh as much as all the rest.
        error = (model(signal) - target).abs()
        shape = target != 0
        loss = error[shape].mean() + error[~shape].mean()
        return loss + _SPAN_PRICE * sum((s.price() for s in spans), start=torch.zeros(()))

    fitted = fit(model, loss_of, run, measure=lambda: score_redrawing(model, few).as_record())
    test = {
        **score_redrawing(model, test_batch).as_record(),
        **baselines(test_batch),
        **learned(model),
    }
    write_record(path, config=config, model=model, run=run, fitted=fitted, test=test)
    if study == Study(family="fused", length=max(LENGTHS)):
        kept = assets / "checkpoints" / "efficient-full.safetensors"
        weights, note = model.state_dict(), {"config": config["model"]}
        write_tensors(kept, weights, note)
    print(f"{name}: {fitted.seconds:.0f} s, {test}")
    return test


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


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m shapes_of_attention.efficient.study",
        description="Train every family of attention on the series task.",
    )
    parser.add_argument("--list", action="store_true", help="list the runs, then stop")
    parser.add_argument(
        "--only", default="*", metavar="PATTERN", help="FAMILY-LENGTH, with * and ?"
    )
    parser.add_argument("--steps", type=int, default=1200, help="of each run")
    parser.add_argument("--seed", type=int, default=0, help="of the weights")
    parser.add_argument("--assets", type=Path, default=_ROOT / "assets")
    chosen = parser.parse_args(arguments)
    if chosen.steps < 1:
        print(f"error: at least one step is needed, got {chosen.steps}", file=sys.stderr)
        return 1
    runs = [
        Study(family=family, length=length, seed=chosen.seed)
        for length in LENGTHS
        for family in STUDIED
        if fnmatch(f"{family}-{length}", chosen.only)
    ]
    if not runs:
        print(f"error: no run is called {chosen.only}", file=sys.stderr)
        return 1
    torch.set_num_threads(1)
    for study in runs:
        if chosen.list:
            print(run_name(study))
            continue
        train_family(study, steps=chosen.steps, assets=chosen.assets)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
