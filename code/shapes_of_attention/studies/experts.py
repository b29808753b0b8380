"""The encoder-decoder with experts in the place of its feed-forward layers, and without.

All variants see the same images in the same order. Each leaves, with its record, the load of its
experts over training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.data import IMAGE_TEST_SEED, IMAGE_VALIDATION_SEED, ShapesConfig
from shapes_of_attention.data.stream import Batch, shapes_batch
from shapes_of_attention.measure.colours import ColourResult, score_colours
from shapes_of_attention.measure.expert_load import LoadLog, feed_forward_parameters, forward_flops
from shapes_of_attention.measure.painting import batches
from shapes_of_attention.models import build_model
from shapes_of_attention.models.experts import MixtureOfExperts, balance_loss, capture_routing
from shapes_of_attention.studies.study import Run, Study
from shapes_of_attention.training.loop import Forward, Task
from shapes_of_attention.training.run_config import ShortRun

__all__ = ["STUDY", "VARIANTS", "Variant", "experts_run", "runs"]

_BATCH = 16
_IMAGES = 64_000
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
    balance : what evens out the experts' load: nothing, the balance loss, or the moving bias.
    loss_weight : weight of the balance loss, of all layers added up, beside the image's loss.
    bias_rate : how far a bias moves at each step, in units of probability.
    keep_model : whether the weights are kept in the repository.
    """

    options: dict[str, Any]
    balance: Balance = "none"
    loss_weight: float = 1e-3
    bias_rate: float = 1e-3
    keep_model: bool = False


_EXPERTS = {"experts": 8, "hidden": 128, "chosen_experts": 2}

#: The models that are compared: two experts of 128 are active at a time, eight are there.
VARIANTS: dict[str, Variant] = {
    "experts-dense-active": Variant(options={"hidden": 256}),
    "experts-dense-total": Variant(options={"hidden": 1024}),
    "experts-unbalanced": Variant(options=_EXPERTS),
    "experts-loss": Variant(options=_EXPERTS, balance="loss"),
    "experts-bias": Variant(options=_EXPERTS, balance="bias", keep_model=True),
    "experts-shared": Variant(
        options={"experts": 7, "hidden": 128, "chosen_experts": 1, "shared_experts": 1},
        balance="bias",
    ),
}


def experts_run(name: str, variant: Variant, *, images: int = _IMAGES, seed: int = 0) -> Run:
    """Make the run of a variant, with a seed of weights and images."""
    label = name if seed == 0 else f"{name}-seed-{seed}"
    course = ShortRun(steps=images // _BATCH, warmup_steps=800 // _BATCH)
    return Run(
        name=f"{name.removeprefix('experts-')}/seed-{seed}",
        course=course,
        config={
            "model": "encoder-decoder",
            "options": variant.options,
            "balance": variant.balance,
            "loss_weight": variant.loss_weight if variant.balance == "loss" else None,
            "bias_rate": variant.bias_rate if variant.balance == "bias" else None,
            "batch_size": _BATCH,
            "precision": "bf16",
            "seed": seed,
        },
        seed=seed,
        build=partial(build_model, "encoder-decoder", variant.options),
        task=lambda model: _task(model, variant, images=images, seed=seed),
        test=_test,
        note={"model": "encoder-decoder", "options": variant.options},
        record=label,
        checkpoint=label if variant.keep_model else None,
        # What is kept is what is measured. Biases decide close calls and stay long.
        weights_in=torch.bfloat16,
    )


def runs() -> list[Run]:
    """List all runs."""
    return [experts_run(name, variant) for name, variant in VARIANTS.items()]


def _task(model: nn.Module, variant: Variant, *, images: int, seed: int) -> Task:
    routers = {
        layer: module.router
        for layer, module in model.named_modules()
        if isinstance(module, MixtureOfExperts)
    }
    log = LoadLog(every=max(1, (images // _BATCH) // _LOAD_POINTS))

    def loss(forward: Forward, batch: Batch) -> Tensor:
        image, target = batch
        with capture_routing(model) as routings:
            painted = forward(image.float() / 255)
        loss = functional.l1_loss(painted.float(), target.float() / 255)
        if routings:
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
        precision="bf16",
        memory=log.memory,
    )


def _colours(model: nn.Module, *, images: int, seed: int) -> ColourResult:
    return score_colours(model, batches(images=images, seed=seed, config=ShapesConfig()))


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
