"""The vision models of the third post: sweeps, comparisons, ablations, flagships."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.data import IMAGE_TEST_SEED, IMAGE_VALIDATION_SEED, ShapesConfig
from shapes_of_attention.data.stream import Batch, shapes_batch
from shapes_of_attention.measure.colours import score_colours
from shapes_of_attention.measure.evaluation import evaluate
from shapes_of_attention.measure.painting import batches
from shapes_of_attention.models import build_model
from shapes_of_attention.studies.study import Run, Study
from shapes_of_attention.training.loop import Forward, Task
from shapes_of_attention.training.run_config import RunConfig

__all__ = ["COMPARED", "RATES", "STUDY", "image_run", "runs", "summary"]

_VALIDATION_IMAGES = 256
_TEST_IMAGES = 2048
#: Shares of the budget after which the learning curve gets a point: often at first, then evenly.
_CURVE = [0.005, 0.02, 0.05, *(step / 10 for step in range(1, 10))]
_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
}

_SEEDS = (0, 1, 2)
_FLAGSHIP_SECONDS = 40 * 60.0
_CHANNELS_SECONDS = 15 * 60.0
_CONTRAST_SECONDS = 20 * 60.0
_MAIN_SECONDS = 20 * 60.0
_ABLATION_SECONDS = 8 * 60.0
_SWEEP_SECONDS = 2 * 60.0

#: Learning rates that every model's sweep tries.
RATES = (3e-4, 1e-3, 3e-3, 6e-3)

#: The encoder-decoder that the posts look into: two layers on each side, no self-attention in the
#: decoder, so that what is gathered from other shapes comes through cross-attention, in sight.
_ENCODER_DECODER = RunConfig(model="encoder-decoder", budget_seconds=_MAIN_SECONDS)

#: The models that are compared, each with the learning rate that its sweep chose.
COMPARED: dict[str, RunConfig] = {
    "fully-connected": RunConfig(
        model="fully-connected",
        # Its step costs the same for few images as for many: the optimiser moves 25 M weights.
        batch_size=64,
        loss="mse",
        learning_rate=6e-3,
        budget_seconds=_MAIN_SECONDS,
    ),
    "unet": RunConfig(model="unet", learning_rate=6e-3, budget_seconds=_MAIN_SECONDS),
    "encoder-only": RunConfig(model="encoder-only", budget_seconds=_MAIN_SECONDS),
    "encoder-decoder": _ENCODER_DECODER,
    "encoder-decoder-channels": replace(
        _ENCODER_DECODER, options={"tokens": "channel"}, learning_rate=6e-3
    ),
}

#: Changes to the encoder-decoder (its options, the data's options); each is trained anew.
_ABLATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as-it-is": ({}, {}),
    "positions-none": ({"positions": "none"}, {}),
    "positions-sinusoidal": ({"positions": "sinusoidal"}, {}),
    "positions-learned": ({"positions": "learned"}, {}),
    "patch-8": ({"patch": 8}, {}),
    "patch-32": ({"patch": 32}, {}),
    "no-cross-attention": ({"cross_attention": False}, {}),
    "no-red-filter": ({}, {"red_filter": False}),
}

#: The contrast: a deeper model whose decoder has self-attention, good at the task, hard to read.
_CONTRAST = replace(
    _ENCODER_DECODER,
    options={"encoder_layers": 3, "decoder_layers": 3, "decoder_self_attention": True},
).with_budget(_CONTRAST_SECONDS)

_COMPARED_IMAGES = 120_000
_CHANNEL_IMAGES = 160_000

#: The models that are compared at one budget of images, in float32; each with the rates tried for
#: it and the images of each trial: long enough to leave the plateau.
_PIXELS = {"head": "pixels"}
_TRIED: dict[str, tuple[RunConfig, tuple[float, ...], int]] = {
    "encoder-decoder": (_ENCODER_DECODER, (1.5e-3, 3e-3, 6e-3), 20_000),
    "encoder-only": (COMPARED["encoder-only"], (1.5e-3, 3e-3, 6e-3), 20_000),
    "encoder-decoder-pixels": (
        replace(_ENCODER_DECODER, options=_PIXELS),
        (1.5e-3, 3e-3, 6e-3),
        20_000,
    ),
    "encoder-only-pixels": (
        replace(COMPARED["encoder-only"], options=_PIXELS),
        (1.5e-3, 3e-3, 6e-3),
        20_000,
    ),
    "fully-connected": (COMPARED["fully-connected"], (6e-3, 1.2e-2, 2.4e-2), 20_000),
    "unet": (COMPARED["unet"], (6e-3, 1.2e-2, 2.4e-2), 40_000),
    "unet-palette": (
        replace(COMPARED["unet"], options={"head": "palette"}),
        (3e-3, 6e-3, 1.2e-2),
        40_000,
    ),
    "encoder-decoder-channels": (
        COMPARED["encoder-decoder-channels"],
        (3e-3, 6e-3, 1.2e-2),
        40_000,
    ),
}

#: Channel tokens learn the task from the weights of the model that has one token a patch.
_CHANNELS_WARM = replace(
    _ENCODER_DECODER,
    options={"tokens": "channel"},
    learning_rate=1.5e-3,
    warmup_images=3_000,
    precision="float32",
    budget_seconds=None,
    budget_images=_CHANNEL_IMAGES,
    starts_from="flagship",
)


def _in_images(run: RunConfig, images: int, **changes: Any) -> RunConfig:
    """Give a run a budget of images, in float32."""
    return replace(run, precision="float32", budget_seconds=None, budget_images=images, **changes)


def image_run(*, name: str, run: RunConfig, keep_model: bool = False) -> Run:
    """Make a run of its configuration; `keep_model` keeps its weights in the repository."""
    flat = name.replace("/", "-")
    data = ShapesConfig(**run.data)

    def loss(forward: Forward, batch: Batch) -> Tensor:
        image, target = batch
        painted = forward(image.float() / 255)
        return _LOSSES[run.loss](painted.float(), target.float() / 255)

    def measure(model: nn.Module) -> dict[str, float]:
        seen = batches(images=_VALIDATION_IMAGES, seed=IMAGE_VALIDATION_SEED, config=data)
        return score_colours(model, seen).as_curve()

    def test(model: nn.Module, _: Mapping[str, Any]) -> dict[str, Any]:
        return evaluate(model, images=_TEST_IMAGES, seed=IMAGE_TEST_SEED, config=data)

    def task(_: nn.Module) -> Task:
        return Task(
            make=partial(shapes_batch, seed=run.seed, config=data),
            batch_size=run.batch_size,
            loss=loss,
            measure=measure,
            points=_CURVE,
            precision=run.precision,
        )

    return Run(
        name=name,
        course=run,
        seed=run.seed,
        build=partial(build_model, run.model, run.options),
        task=task,
        test=test,
        note={"model": run.model, "options": run.options},
        record=flat,
        checkpoint=flat if keep_model else None,
        continues=run.continues,
        starts_from=run.starts_from,
    )


def runs() -> list[Run]:
    """List all runs, those that others build on first."""
    listed = [
        image_run(
            name="flagship",
            run=_ENCODER_DECODER.with_budget(_FLAGSHIP_SECONDS),
            keep_model=True,
        ),
        image_run(
            name="flagship-channels",
            run=replace(_ENCODER_DECODER, options={"tokens": "channel"}).with_budget(
                _CHANNELS_SECONDS
            ),
            keep_model=True,
        ),
    ]
    listed += [
        image_run(
            name=f"sweep/{label}/rate-{rate:g}",
            run=replace(run, learning_rate=rate).with_budget(_SWEEP_SECONDS),
        )
        for label, run in COMPARED.items()
        for rate in RATES
    ]
    listed.append(image_run(name="contrast/self-attention", run=_CONTRAST, keep_model=True))
    listed += [
        image_run(
            name=f"tune/{label}/rate-{rate:g}", run=_in_images(run, images, learning_rate=rate)
        )
        for label, (run, rates, images) in _TRIED.items()
        for rate in rates
    ]
    listed += [
        image_run(
            name=f"channels/warm/seed-{seed}",
            run=replace(_CHANNELS_WARM, seed=seed),
            keep_model=seed == 0,
        )
        for seed in _SEEDS
    ]
    for seed in _SEEDS:
        listed += [
            image_run(
                name=f"main/{label}/seed-{seed}",
                run=replace(run, seed=seed),
                # 25 M weights are too many to keep.
                keep_model=seed == 0 and label != "fully-connected",
            )
            for label, run in COMPARED.items()
        ]
        listed += [
            image_run(
                name=f"ablation/{label}/seed-{seed}",
                run=replace(_ENCODER_DECODER, options=options, data=data, seed=seed).with_budget(
                    _ABLATION_SECONDS
                ),
                keep_model=label in ("no-red-filter", "positions-learned") and seed == 0,
            )
            for label, (options, data) in _ABLATIONS.items()
        ]
    return listed


def summary(test: Mapping[str, Any]) -> str:
    """Say how well a model paints."""
    colour = test["colour"]
    removed = colour["filtered_removed"]
    return (
        f"colour error {colour['colour_error_median']:.2f}, within 8 {colour['within_8']:.1%}, "
        + (f"filtered circles removed {removed:.1%}" if removed is not None else "nothing filtered")
    )


STUDY = Study(
    name="vision",
    about="the models of the third post: sweeps, comparisons, ablations, flagships",
    runs=lambda: runs(),
    summary=summary,
    workers=1,
)
