"""Every family of attention of the second post, on series of two lengths.

All see the same series in the same order, for the same number of steps, each at the learning rate
that did best in its own sweep. The number of shapes stays that of the first post, so the company a
shape looks for lies further away as series grow. The records of a group of runs stand together in
`assets/records/efficient-GROUP.json`, by their names.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from shapes_of_attention.data.stream import Batch
from shapes_of_attention.efficient.adaptive_span import AdaptiveSpanAttention
from shapes_of_attention.efficient.families import CONTROLS, FAMILIES, SHARED, Budget
from shapes_of_attention.efficient.model import EfficientConfig, build_efficient_model
from shapes_of_attention.measure.efficient import baselines, learned
from shapes_of_attention.measure.series import score_redrawing
from shapes_of_attention.series.data import SeriesConfig, make_series
from shapes_of_attention.studies.kept import best_rate
from shapes_of_attention.studies.series import series_batch
from shapes_of_attention.studies.study import Run, Study, in_full
from shapes_of_attention.training.loop import Forward, Task
from shapes_of_attention.training.run_config import Course, ShortRun

__all__ = ["STUDY", "efficient_run", "runs"]

_LENGTHS = (1000, 2000)

#: Shares of 100 and 200 tokens, so that every family has to leave something out.
_BUDGET = Budget(window=16, block=8, span=16, ramp=16, rank=32, features=64, chunk=16, rounds=2)
#: A rank that grows as series do: half of these mixtures serve half of the length.
_GROWN = replace(_BUDGET, rank=2 * _BUDGET.rank)
#: Explicit and fused attention are the same function: it is trained once.
_STUDIED = (*(name for name in FAMILIES if name != "explicit"), *CONTROLS)

#: Slow ones, by their widest span or by a search: the shorter length says enough of them.
_SHORTER_ONLY = ("adaptive-span", "entmax")

#: Families that ask the device for numbers as they compute, so that no step can be recorded.
_ASKING = ("adaptive-span", "block-sparse", "entmax")

_TRAIN_SEED, _TEST_SEED = 0, 1
_BATCH = 8
_TEST_SERIES = 512
_VALIDATION_SERIES = 256
#: What a span of the whole length costs, in units of the loss.
_SPAN_PRICE = 2e-3

_SEEDS = (0, 1, 2)
_STEPS = 6_000
_SWEEP_STEPS = 1_500
_SPEED_STEPS = 60
_WARMUP_STEPS = 50
#: Learning rates that every family's sweep tries, at the shorter length.
_RATES = (1.25e-3, 2.5e-3, 5e-3, 1e-2, 2e-2)
#: With queries that are keys larger ones do better.
_SHARED_RATES = (*_RATES, 4e-2, 8e-2)
#: Groups of runs that must not see the test series: rates are chosen by them, or nothing is.
_UNTESTED = ("tune", "speed")
#: What is to be low at the end of a sweep's run.
_MEASURE = "amplitude_error_mean"


def efficient_run(
    name: str,
    *,
    family: str,
    length: int,
    run: ShortRun,
    seed: int = 0,
    budget: Budget = _BUDGET,
    checkpoint: str | None = None,
) -> Run:
    """Make the run of a family at a length, with a seed of its weights."""
    group = name.split("/")[0]
    options = {"length": length, "family": family, "budget": asdict(budget)}
    data = SeriesConfig(length=length)
    price = _SPAN_PRICE if family == "adaptive-span" else 0.0

    def task(model: nn.Module, _: Course) -> Task:
        spans = [m for m in model.modules() if isinstance(m, AdaptiveSpanAttention)]
        kept = range(_TEST_SERIES, _TEST_SERIES + _VALIDATION_SERIES)
        few = make_series(kept, seed=_TEST_SEED, config=data)

        def loss(forward: Forward, batch: Batch) -> Tensor:
            signal, target = batch
            # Most of a long series is empty: samples of shapes weigh as much as all the rest.
            error = (forward(signal) - target).abs()
            shape = target != 0
            missed = (error * shape).sum() / shape.sum() + (error * ~shape).sum() / (~shape).sum()
            for span in spans:
                missed = missed + price * span.price()
            return missed

        return Task(
            make=partial(series_batch, seed=_TRAIN_SEED, config=data),
            batch_size=_BATCH,
            loss=loss,
            measure=lambda model: score_redrawing(model, few).as_record(),
            points=() if group == "speed" else Task.points,
            replayable=family not in _ASKING,
        )

    def test(model: nn.Module, so_far: Mapping[str, Any]) -> dict[str, Any]:
        if group in _UNTESTED:
            last: dict[str, Any] = so_far["curve"][-1]
            return last
        batch = make_series(range(_TEST_SERIES), seed=_TEST_SEED, config=data)
        return {**score_redrawing(model, batch).as_record(), **baselines(batch), **learned(model)}

    return Run(
        name=name,
        course=run,
        config={
            "model": options,
            "data": asdict(data),
            "batch": _BATCH,
            "seed": seed,
            "span_price": price,
        },
        resolved=in_full(model=EfficientConfig(length=length, family=family, budget=budget)),
        seed=seed,
        build=lambda: build_efficient_model({**options, "budget": budget}),
        task=task,
        test=test,
        note={"config": options},
        record=f"efficient-{group}",
        shares_record=True,
        checkpoint=checkpoint,
        trial=group == "tune",
    )


def runs() -> list[Run]:
    """List all runs: the sweeps, then what is compared, once its sweep is done.

    The longer series come first: there families differ most.
    """
    shorter, longer = _LENGTHS
    sweeps = {
        family: [
            efficient_run(
                f"tune/{family}/rate-{rate:g}",
                family=family,
                length=shorter,
                run=ShortRun(learning_rate=rate, warmup_steps=_WARMUP_STEPS, steps=_SWEEP_STEPS),
            )
            for rate in (_SHARED_RATES if family in SHARED else _RATES)
        ]
        for family in _STUDIED
    }
    rates = {family: best_rate(sweep, _MEASURE) for family, sweep in sweeps.items()}
    compared = [
        (family, family, length, _BUDGET)
        for length in _LENGTHS
        for family in _STUDIED
        if length == shorter or family not in _SHORTER_ONLY
    ]
    compared.append(("linformer-grown", "linformer", longer, _GROWN))
    compared.sort(key=lambda one: -one[2])
    listed = [run for sweep in sweeps.values() for run in sweep]
    listed += [
        efficient_run(
            f"compare/{label}-{length}/seed-{seed}",
            family=family,
            length=length,
            run=ShortRun(learning_rate=rate, warmup_steps=_WARMUP_STEPS, steps=_STEPS),
            seed=seed,
            budget=budget,
            checkpoint="efficient-fused" if (label, length, seed) == ("fused", longer, 0) else None,
        )
        for label, family, length, budget in compared
        if (rate := rates[family]) is not None
        for seed in _SEEDS
    ]
    # How long a step takes, of models one by one: the others may run side by side.
    return listed + [
        efficient_run(
            f"speed/{family}-{length}",
            family=family,
            length=length,
            run=ShortRun(steps=_SPEED_STEPS),
        )
        for length in _LENGTHS
        for family in _STUDIED
    ]


STUDY = Study(
    name="efficient",
    about="the families of attention of the second post, on longer series",
    runs=lambda: runs(),
    summary=lambda test: f"mean amplitude error {test['amplitude_error_mean']:.4f}",
)
