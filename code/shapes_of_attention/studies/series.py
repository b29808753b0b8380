"""The models of the first post: sweeps, a comparison over seeds, kinds of positions, a long run.

All that is compared takes equally many steps, each at the learning rate that did best in its own
sweep; the long run is the compared attention model, trained for twice as many at the best rate of a
sweep of that length. The records of a group of runs stand together in
`assets/records/series-GROUP.json`, by their names.
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
from shapes_of_attention.series.models import (
    AttentionBody,
    TokenModel,
    build_series_model,
    series_model_config,
)
from shapes_of_attention.studies.kept import best_run
from shapes_of_attention.studies.study import Run, Study, in_full
from shapes_of_attention.training.loop import Forward, Task
from shapes_of_attention.training.run_config import ShortRun

__all__ = ["STUDY", "runs", "series_batch", "series_run"]

_SEEDS = (0, 1, 2)
_STEPS = 6_000
_SWEEP_STEPS = 1_500
_SPEED_STEPS = 200
_LONG_STEPS = 12_000

_BATCH = 8
#: More shapes a series than any in training.
_CROWDED = SeriesConfig(slots=10, fewest=9)
_TEST_SERIES = 2048
_SWEEP_SEED = 8_000_009
_SWEEP_SERIES = 512

#: Groups of runs that must not see the test series: rates are chosen by them, or nothing is.
_UNTESTED = ("sweep", "tune", "speed")
#: Those of them that try rates.
_TRIALS = ("sweep", "tune")
#: What is to be low at the end of a sweep's run.
_MEASURE = "amplitude_error_mean"

_RATES = (1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2, 4.8e-2, 9.6e-2)
_RECURRENT_RATES = (7.5e-4, 1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2, 4.8e-2)
#: Of sinusoidal and rotary positions, each tried with the middle rates.
_BASES = (10.0, 100.0, 1_000.0, 10_000.0)
_BASE_RATES = (1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2, 4.8e-2)
#: Of the long run: what is best in a short trial is too fast for so many steps.
_LONG_RATES = (1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2)

#: What recurrent layers share with the transformer's.
_AS_ATTENTION = {"dim": 64, "hidden": 128}

#: A sweep's label -> the model, its options, its rates.
_TUNED: dict[str, tuple[str, dict[str, Any], tuple[float, ...]]] = {
    "fully-connected": ("fully-connected", {}, _RATES),
    "convolutional": ("convolutional", {}, _RATES),
    "recurrent": ("recurrent", _AS_ATTENTION, _RECURRENT_RATES),
    **{
        f"recurrent-state-{state}": (
            "recurrent",
            {**_AS_ATTENTION, "state": state},
            _RECURRENT_RATES,
        )
        for state in (16, 256)
    },
    **{
        f"positions-{kind}": ("attention", {"positions": kind}, _RATES)
        for kind in ("none", "linear", "learned")
    },
    **{
        f"positions-{kind}-base-{base:g}": (
            "attention",
            {"positions": kind, "base": base},
            _BASE_RATES,
        )
        for kind in ("sinusoidal", "rotary")
        for base in _BASES
    },
}

#: The models that are compared: the sweep or sweeps whose best run each goes on from, by the start
#: of their labels, and the options in which it differs from that run.
_COMPARED: dict[str, tuple[str, dict[str, Any]]] = {
    "fully-connected": ("fully-connected", {}),
    "convolutional": ("convolutional", {}),
    "convolutional-dilated": ("convolutional", {"dilated": True}),
    "recurrent": ("recurrent", {}),
    "recurrent-one-way": ("recurrent", {"both_ways": False}),
    "attention": ("positions-rotary", {}),
    "attention-causal": ("positions-rotary", {"causal": True}),
    "recurrent-state-16": ("recurrent-state-16", {}),
    "recurrent-state-256": ("recurrent-state-256", {}),
}

#: The same attention model with other kinds of positions than rotary, likewise.
_PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    kind: (f"positions-{kind}", {}) for kind in ("none", "linear", "learned", "sinusoidal")
}


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
    test = _last_point if group in _UNTESTED else _test
    return Run(
        name=name,
        course=run,
        config={"model": model, "options": options, "seed": seed, "batch": _BATCH},
        resolved=in_full(model=series_model_config(model, options), data=SeriesConfig()),
        seed=seed,
        build=partial(build_series_model, model, options),
        task=lambda *_: Task(
            make=partial(series_batch, seed=seed),
            batch_size=_BATCH,
            loss=_loss,
            measure=_measure,
            replayable=True,
        ),
        test=test,
        note={"model": model, "options": options},
        record=f"series-{group}",
        shares_record=True,
        checkpoint=f"series-{name.replace('/', '-')}" if keep_model else None,
        trial=group in _TRIALS,
    )


def runs() -> list[Run]:
    """List all runs: the sweeps, then what goes on from the best of a sweep, once that is done."""
    sweeps = {
        label: [
            series_run(
                name=f"tune/{label}/rate-{rate:g}",
                model=model,
                options=options,
                run=ShortRun(learning_rate=rate, steps=_SWEEP_STEPS),
            )
            for rate in rates
        ]
        for label, (model, options, rates) in _TUNED.items()
    }
    listed = [run for sweep in sweeps.values() for run in sweep]
    groups = {"compare": _COMPARED, "places": _PLACES}
    chosen = {
        tuned: best_run(_sweeps_of(sweeps, tuned), _MEASURE)
        for group in groups.values()
        for tuned, _ in group.values()
    }
    for seed in _SEEDS:
        for group, members in groups.items():
            for label, (tuned, changes) in members.items():
                best = chosen[tuned]
                if best is None:
                    continue
                listed.append(
                    series_run(
                        name=f"{group}/{label}/seed-{seed}",
                        model=best.config["model"],
                        options={**best.config["options"], **changes},
                        seed=seed,
                        run=ShortRun(learning_rate=best.course.learning_rate, steps=_STEPS),
                    )
                )
    # How long a step takes, of models one by one: the others may run side by side.
    for label, (tuned, changes) in _COMPARED.items():
        some = _sweeps_of(sweeps, tuned)[0]
        listed.append(
            series_run(
                name=f"speed/{label}",
                model=some.config["model"],
                options={**some.config["options"], **changes},
                run=ShortRun(steps=_SPEED_STEPS),
            )
        )
    return [*listed, *_long_runs(chosen[_COMPARED["attention"][0]])]


def _long_runs(compared: Run | None) -> list[Run]:
    """List the sweep of the long run, once the compared model is known, and then the run itself."""
    if compared is None:
        return []
    model, options = compared.config["model"], compared.config["options"]
    sweep = [
        series_run(
            name=f"sweep/attention/rate-{rate:g}",
            model=model,
            options=options,
            run=ShortRun(learning_rate=rate, steps=_LONG_STEPS),
        )
        for rate in _LONG_RATES
    ]
    best = best_run(sweep, _MEASURE)
    if best is None:
        return sweep
    long = series_run(
        name="long/attention",
        model=model,
        options=options,
        run=ShortRun(learning_rate=best.course.learning_rate, steps=_LONG_STEPS),
        keep_model=True,
    )
    return [*sweep, long]


def _sweeps_of(sweeps: Mapping[str, list[Run]], tuned: str) -> list[Run]:
    """Give the runs of a sweep, or of several that try bases as well as rates."""
    labels = [label for label in sweeps if label == tuned or label.startswith(f"{tuned}-base-")]
    return [run for label in labels for run in sweeps[label]]


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
