"""Every family of attention of the second post, on series of two lengths.

All see the same series in the same order, for the same number of steps. The number of shapes stays
that of the first post, so the company a shape looks for lies further away as series grow.
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from shapes_of_attention.data.stream import Batch
from shapes_of_attention.efficient.adaptive_span import AdaptiveSpanAttention
from shapes_of_attention.efficient.families import FAMILIES, Budget
from shapes_of_attention.efficient.model import build_efficient_model
from shapes_of_attention.measure.efficient import baselines, learned
from shapes_of_attention.measure.series import score_redrawing
from shapes_of_attention.series.data import SeriesConfig, make_series
from shapes_of_attention.studies.series import series_batch
from shapes_of_attention.studies.study import Run, Study
from shapes_of_attention.training.loop import Forward, Task
from shapes_of_attention.training.run_config import ShortRun

__all__ = ["STUDY", "efficient_run", "runs"]

_LENGTHS = (1000, 2000)

#: Shares of 100 and 200 tokens, so that every family has to leave something out.
_BUDGET = Budget(window=16, block=8, span=16, ramp=16, rank=32, features=64, chunk=16, rounds=2)
#: Explicit and fused attention are the same function: it is trained once.
_STUDIED = tuple(name for name in FAMILIES if name != "explicit")

_TRAIN_SEED, _TEST_SEED = 0, 1
_BATCH = 8
_TEST_SERIES = 512
#: What a span of the whole length costs, in units of the loss.
_SPAN_PRICE = 2e-3

_COURSE = ShortRun(learning_rate=5e-3, warmup_steps=50, steps=1200)


def efficient_run(family: str, length: int, *, seed: int = 0) -> Run:
    """Make the run of a family at a length, with a seed of its weights."""
    options = {"length": length, "family": family, "budget": asdict(_BUDGET)}
    data = SeriesConfig(length=length)
    price = _SPAN_PRICE if family == "adaptive-span" else 0.0

    def task(model: nn.Module) -> Task:
        spans = [m for m in model.modules() if isinstance(m, AdaptiveSpanAttention)]
        few = make_series(range(_TEST_SERIES, _TEST_SERIES + 64), seed=_TEST_SEED, config=data)

        def loss(forward: Forward, batch: Batch) -> Tensor:
            signal, target = batch
            # Most of a long series is empty: samples of shapes weigh as much as all the rest.
            error = (forward(signal) - target).abs()
            shape = target != 0
            missed = error[shape].mean() + error[~shape].mean()
            return missed + price * sum((s.price() for s in spans), start=torch.zeros(()))

        return Task(
            make=partial(series_batch, seed=_TRAIN_SEED, config=data),
            batch_size=_BATCH,
            loss=loss,
            measure=lambda model: score_redrawing(model, few).as_record(),
        )

    def test(model: nn.Module, _: Mapping[str, Any]) -> dict[str, Any]:
        batch = make_series(range(_TEST_SERIES), seed=_TEST_SEED, config=data)
        return {**score_redrawing(model, batch).as_record(), **baselines(batch), **learned(model)}

    keeps = (family, length, seed) == ("fused", max(_LENGTHS), 0)
    return Run(
        name=f"{family}-{length}/seed-{seed}",
        course=_COURSE,
        config={
            "model": options,
            "data": asdict(data),
            "batch": _BATCH,
            "seed": seed,
            "span_price": price,
        },
        seed=seed,
        build=lambda: build_efficient_model({**options, "budget": _BUDGET}),
        task=task,
        test=test,
        note={"config": options},
        record=f"efficient-{family}-{length}-seed-{seed}",
        checkpoint="efficient-full" if keeps else None,
    )


def runs() -> list[Run]:
    """List all runs, the shorter series first."""
    return [efficient_run(family, length) for length in _LENGTHS for family in _STUDIED]


STUDY = Study(
    name="efficient",
    about="the families of attention of the second post, on longer series",
    runs=lambda: runs(),
    summary=lambda test: f"mean amplitude error {test['amplitude_error_mean']:.4f}",
)
