"""The encoder-decoder with experts in the place of its feed-forward layers, and without.

All variants see the same images in the same order, in float32. Each takes the learning rate that a
sweep chose for layers of its kind. Each leaves, with its record, the load of its experts over
training.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.data import IMAGE_TEST_SEED, IMAGE_VALIDATION_SEED, ShapesConfig
from shapes_of_attention.data.stream import Batch, shapes_batch
from shapes_of_attention.measure.colours import ColourResult, score_colours
from shapes_of_attention.measure.expert_load import LoadLog, feed_forward_parameters, forward_flops
from shapes_of_attention.measure.painting import batches
from shapes_of_attention.models import build_model, model_config
from shapes_of_attention.models.experts import (
    MixtureOfExperts,
    balance_loss,
    capture_routing,
    start_evenly,
)
from shapes_of_attention.studies.kept import best_rate
from shapes_of_attention.studies.study import Run, Study, in_full
from shapes_of_attention.training.loop import Forward, Task
from shapes_of_attention.training.run_config import Course, ShortRun

__all__ = [
    "RATES",
    "STUDY",
    "SWEPT",
    "VARIANTS",
    "Variant",
    "experts_run",
    "runs",
    "sweep",
]

_BATCH = 16
_IMAGES = 120_000
#: Of each run of a sweep: long enough to leave the plateau.
_SWEEP_IMAGES = 40_000
_WARMUP_IMAGES = 5_000
_SEEDS = (0, 1, 2)
_VALIDATION_IMAGES = 256
_TEST_IMAGES = 2048
_LOAD_POINTS = 40

Balance = Literal["none", "loss", "bias"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One model of the comparison.

    Attributes
    ----------
    options : of the encoder-decoder, where they differ from the default.
    swept : label of the sweep that says how fast it learns, in `SWEPT`.
    balance : what evens out the experts' load: nothing, the balance loss, or the moving bias.
    even_start : whether the load of the untrained model is made about even.
    loss_weight : weight of the balance loss, of all layers added up, beside the image's loss.
    bias_rate : how far a bias moves at each step, in units of probability.
    """

    options: dict[str, Any]
    swept: str
    balance: Balance = "none"
    even_start: bool = False
    loss_weight: float = 1e-3
    bias_rate: float = 1e-3


#: The model that is kept, to look into.
_KEPT = "experts-bias"
_EXPERTS = {"experts": 8, "hidden": 128, "chosen_experts": 2}

#: The models that are compared: two experts of 128 are active at a time, eight are there.
VARIANTS: dict[str, Variant] = {
    "experts-dense-256": Variant(options={"hidden": 256}, swept="dense-256"),
    "experts-dense-512": Variant(options={"hidden": 512}, swept="dense-512"),
    "experts-dense-1024": Variant(options={"hidden": 1024}, swept="dense-1024"),
    "experts-unbalanced": Variant(options=_EXPERTS, swept="mixture"),
    "experts-even-start": Variant(options=_EXPERTS, swept="mixture", even_start=True),
    "experts-loss": Variant(options=_EXPERTS, swept="mixture", balance="loss"),
    "experts-bias": Variant(options=_EXPERTS, swept="mixture", balance="bias"),
}

#: Kinds of layers that have a sweep, and the model that stands for each.
SWEPT: dict[str, Variant] = {
    "dense-256": VARIANTS["experts-dense-256"],
    "dense-512": VARIANTS["experts-dense-512"],
    "dense-1024": VARIANTS["experts-dense-1024"],
    "mixture": VARIANTS["experts-bias"],
}
#: Learning rates that each sweep tries.
RATES = (7.5e-4, 1.5e-3, 3e-3, 6e-3, 1.2e-2)


def experts_run(
    name: str, variant: Variant, *, rate: float, images: int = _IMAGES, seed: int = 0
) -> Run:
    """Make the run of a variant at a learning rate, with a seed of weights and images."""
    label = name if seed == 0 else f"{name}-seed-{seed}"
    return Run(
        name=f"{name.removeprefix('experts-')}/seed-{seed}",
        course=ShortRun(
            learning_rate=rate, images=images, warmup_steps=min(_WARMUP_IMAGES, images) // _BATCH
        ),
        config={
            "model": "encoder-decoder",
            "options": variant.options,
            "balance": variant.balance,
            "loss_weight": variant.loss_weight if variant.balance == "loss" else None,
            "bias_rate": variant.bias_rate if variant.balance == "bias" else None,
            "even_start": variant.even_start,
            "batch_size": _BATCH,
            "precision": "float32",
            "seed": seed,
        },
        resolved=in_full(
            model=model_config("encoder-decoder", variant.options), data=ShapesConfig()
        ),
        seed=seed,
        build=partial(_build, variant, seed=seed),
        task=lambda model, course: _task(
            model, variant, steps=_steps(course, images=images), seed=seed
        ),
        test=_test,
        note={"model": "encoder-decoder", "options": variant.options},
        record=label,
        checkpoint=name if (name, seed) == (_KEPT, 0) else None,
    )


def sweep(label: str) -> list[Run]:
    """List the runs that find the learning rate of one kind of layers."""
    return [
        replace(
            experts_run(f"experts-{label}", SWEPT[label], rate=rate, images=_SWEEP_IMAGES),
            name=f"tune/{label}/rate-{rate:g}",
            record=f"experts-tune-{label}-rate-{rate:g}",
            test=_judge,
            trial=True,
        )
        for rate in RATES
    ]


def runs() -> list[Run]:
    """List all runs; those of layers of a kind once its sweep is done."""
    return [*(run for label in SWEPT for run in sweep(label)), *_compared()]


def _compared() -> Iterator[Run]:
    rates = {label: best_rate(sweep(label), "colour_error_median") for label in SWEPT}
    for seed in _SEEDS:
        for name, variant in VARIANTS.items():
            rate = rates[variant.swept]
            if rate is not None:
                yield experts_run(name, variant, rate=rate, seed=seed)


def _build(variant: Variant, *, seed: int) -> nn.Module:
    model = build_model("encoder-decoder", variant.options)
    if variant.even_start:
        image, _ = shapes_batch(np.arange(4 * _BATCH), seed=seed)
        start_evenly(model, image.float() / 255)
    return model


def _steps(course: Course, *, images: int) -> int:
    """Say how many steps a course has: as many as `images` take where it is given in seconds."""
    if course.budget.unit == "steps":
        return int(course.budget.amount)
    return int(course.budget.amount if course.budget.unit == "images" else images) // _BATCH


def _task(model: nn.Module, variant: Variant, *, steps: int, seed: int) -> Task:
    routers = {
        layer: module.router
        for layer, module in model.named_modules()
        if isinstance(module, MixtureOfExperts)
    }
    log = LoadLog(every=max(1, steps // _LOAD_POINTS))

    def loss(forward: Forward, batch: Batch) -> Tensor:
        image, target = batch
        with capture_routing(model) as routings:
            painted = forward(image.float() / 255)
        loss = functional.l1_loss(painted.float(), target.float() / 255)
        log.add(routings)
        if variant.balance == "loss":
            uneven = torch.stack([balance_loss(routing) for routing in routings.values()])
            loss = loss + variant.loss_weight * uneven.sum()
        if variant.balance == "bias":
            for layer, routing in routings.items():
                routers[layer].balance(routing.load(), rate=variant.bias_rate)
        return loss

    return Task(
        make=partial(shapes_batch, seed=seed),
        batch_size=_BATCH,
        loss=loss,
        measure=lambda model: _colours(
            model, images=_VALIDATION_IMAGES, seed=IMAGE_VALIDATION_SEED
        ).as_curve(),
        memory=log.memory,
        after_step=log.after_step,
        settle=log.settle,
        replayable=True,
    )


def _colours(model: nn.Module, *, images: int, seed: int) -> ColourResult:
    return score_colours(model, batches(images=images, seed=seed, config=ShapesConfig()))


def _judge(model: nn.Module, _: Mapping[str, Any]) -> dict[str, Any]:
    """Judge a run of a sweep, by images that the compared runs are not tested on."""
    colour = _colours(model, images=_TEST_IMAGES, seed=IMAGE_VALIDATION_SEED)
    return {
        "images": _TEST_IMAGES,
        "seed": IMAGE_VALIDATION_SEED,
        "colour": colour.as_record(),
    }


def _test(model: nn.Module, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "images": _TEST_IMAGES,
        "seed": IMAGE_TEST_SEED,
        "colour": _colours(model, images=_TEST_IMAGES, seed=IMAGE_TEST_SEED).as_record(),
        "feed_forward_parameters": feed_forward_parameters(model),
        "megaflops_per_image": round(forward_flops(model) / 1e6, 2),
        "load_over_training": record["memory"]["points"],
    }


STUDY = Study(
    name="experts",
    about="mixtures of experts in the vision model",
    runs=lambda: runs(),
    summary=lambda test: f"colour error {test['colour']['colour_error_median']:.2f}",
    workers=1,
)
