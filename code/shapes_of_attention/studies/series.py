"""The models of the first post: sweeps, a comparison over seeds, kinds of positions, long runs.

The records of a group of runs stand together in `assets/records/series-GROUP.json`, by their names.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shapes_of_attention.data.stream import Batch
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
from shapes_of_attention.studies.study import Run, Study
from shapes_of_attention.training.loop import Forward, Task
from shapes_of_attention.training.run_config import ShortRun

__all__ = ["CHOSEN", "RATES", "STUDY", "runs", "series_batch", "series_run"]

_SEEDS = (0, 1, 2)
_SECONDS = 30.0
_SWEEP_SECONDS = 10.0
_LONG_SECONDS = 150.0

_BATCH = 8
#: More shapes a series than any in training.
_CROWDED = SeriesConfig(slots=10, fewest=9)
_TEST_SERIES = 2048
_SWEEP_SEED = 8_000_009
_SWEEP_SERIES = 512

#: Learning rates that every model's sweep tries.
RATES = (1e-3, 3e-3, 6e-3)

#: The models that are compared, each with the learning rate that its sweep chose. Variants of one
#: model share its rate.
CHOSEN = {
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


def series_batch(
    indices: NDArray[np.int64], *, seed: int, config: SeriesConfig | None = None
) -> Batch:
    """Make series and their targets, each float32 [batch, length]."""
    made = make_series(indices, seed=seed, config=config)
    return torch.from_numpy(made.signal), torch.from_numpy(made.target)


def series_run(
    *,
    name: str,
    model: str,
    run: ShortRun,
    options: dict[str, Any] | None = None,
    seed: int = 0,
    keep_model: bool = False,
) -> Run:
    """Make a run of a model and its options."""
    options = options or {}
    group = name.split("/")[0]
    # A sweep must not see the test series: the rate is chosen by it.
    test = _last_point if group == "sweep" else _test
    return Run(
        name=name,
        course=run,
        config={"model": model, "options": options, "seed": seed, "batch": _BATCH},
        seed=seed,
        build=partial(build_series_model, model, options),
        task=lambda _: Task(
            make=partial(series_batch, seed=seed), batch_size=_BATCH, loss=_loss, measure=_measure
        ),
        test=test,
        note={"model": model, "options": options},
        record=f"series-{group}",
        shares_record=True,
        checkpoint=f"series-{name.replace('/', '-')}" if keep_model else None,
    )


def runs() -> list[Run]:
    """List all runs: the sweeps, one long run of each model, then short ones seed by seed."""
    listed = [
        series_run(
            name=f"sweep/{model}/rate-{rate:g}",
            model=model,
            run=ShortRun(learning_rate=rate, seconds=_SWEEP_SECONDS),
        )
        for model in CHOSEN
        for rate in RATES
    ]
    listed += [
        series_run(
            name=f"long/{name}",
            model=model,
            options=options,
            run=ShortRun(learning_rate=CHOSEN[model], seconds=_LONG_SECONDS),
            keep_model=name == "attention",
        )
        for name, (model, options) in _MAIN.items()
    ]
    for seed in _SEEDS:
        listed += [
            series_run(
                name=f"main/{name}/seed-{seed}",
                model=model,
                options=options,
                seed=seed,
                run=ShortRun(learning_rate=CHOSEN[model], seconds=_SECONDS),
            )
            for name, (model, options) in _MAIN.items()
        ]
        listed += [
            series_run(
                name=f"positions/{positions}/seed-{seed}",
                model="attention",
                options={"positions": positions},
                seed=seed,
                run=ShortRun(learning_rate=CHOSEN["attention"], seconds=_SECONDS),
            )
            for positions in _POSITIONS
        ]
    return listed


def _loss(forward: Forward, batch: Batch) -> Tensor:
    signal, target = batch
    return (forward(signal) - target).abs().mean()


def _measure(model: nn.Module) -> dict[str, float]:
    check = make_series(range(_SWEEP_SERIES), seed=_SWEEP_SEED)
    return score_redrawing(model, check).as_record()


def _last_point(_: nn.Module, record: Mapping[str, Any]) -> dict[str, Any]:
    last: dict[str, Any] = record["curve"][-1]
    return last


def _test(model: nn.Module, _: Mapping[str, Any]) -> dict[str, Any]:
    batch = make_series(range(_TEST_SERIES), seed=SERIES_TEST_SEED)
    drawn = redraw(model, batch)
    crowded = make_series(range(_TEST_SERIES // 4), seed=SERIES_TEST_SEED, config=_CROWDED)
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


STUDY = Study(
    name="series",
    about="the models of the first post",
    runs=lambda: runs(),
    summary=lambda test: (
        f"median amplitude error {test['amplitude_error_median']:.4f}, "
        f"within tolerance {test['within_tolerance']:.1%}"
    ),
)
