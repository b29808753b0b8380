"""The vision models of the third post: sweeps, comparisons, ablations, flagships."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.data import IMAGE_TEST_SEED, IMAGE_VALIDATION_SEED, ShapesConfig
from shapes_of_attention.data.stream import Batch, shapes_batch
from shapes_of_attention.interpret.knockout import HiddenFrom
from shapes_of_attention.measure.colours import score_colours
from shapes_of_attention.measure.evaluation import evaluate
from shapes_of_attention.measure.intervention import Intervention
from shapes_of_attention.measure.painting import batches
from shapes_of_attention.models import (
    EncoderDecoder,
    attention_names,
    build_model,
    model_config,
)
from shapes_of_attention.studies.kept import best_rate, best_run
from shapes_of_attention.studies.study import Run, Study, in_full
from shapes_of_attention.training.loop import Forward, Task
from shapes_of_attention.training.run_config import RunConfig

__all__ = ["STUDY", "image_run", "runs", "summary"]

_VALIDATION_IMAGES = 256
_SWEEP_VALIDATION = 1024
_TEST_IMAGES = 2048
#: Hiding from each module in turn takes as many times as long.
_MODULE_IMAGES = 512
#: Shares of the budget after which the learning curve gets a point: often at first, then evenly.
_CURVE = [0.005, 0.02, 0.05, *(step / 10 for step in range(1, 10))]
_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
}

_SEEDS = (0, 1, 2)
_FLAGSHIP_SECONDS = 40 * 60.0
_CONTRAST_SECONDS = 20 * 60.0

#: The encoder-decoder that the posts look into: two layers on each side, no self-attention in the
#: decoder, so that what is gathered from other shapes comes through cross-attention, in sight.
_ENCODER_DECODER = RunConfig(model="encoder-decoder", budget_seconds=_CONTRAST_SECONDS)

#: The contrast: a deeper model whose decoder has self-attention, good at the task, hard to read.
_CONTRAST = replace(
    _ENCODER_DECODER,
    options={"encoder_layers": 3, "decoder_layers": 3, "decoder_self_attention": True},
).with_budget(_CONTRAST_SECONDS)

#: Half the parts, and the first to leave the plateau.
_ENCODER_ONLY = RunConfig(model="encoder-only", budget_images=1)

_COMPARED_IMAGES = 120_000
_PART_IMAGES = 60_000
_SWEEP_IMAGES = 40_000
_SPEED_IMAGES = 2_000
_CHANNEL_IMAGES = 160_000

_TRANSFORMER_RATES = (7.5e-4, 1.5e-3, 3e-3, 6e-3, 1.2e-2)
_CONVOLUTION_RATES = (1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2)
_FLAT_RATES = (3e-3, 6e-3, 1.2e-2, 2.4e-2, 4.8e-2, 9.6e-2, 1.92e-1)
_CHANNEL_RATES = (1.875e-4, 3.75e-4, 7.5e-4, 1.5e-3, 3e-3, 6e-3, 1.2e-2)

#: The models that are compared at one budget of images, in float32: architecture and head.
_COMPARED: dict[str, tuple[RunConfig, tuple[float, ...]]] = {
    "encoder-decoder": (_ENCODER_DECODER, _TRANSFORMER_RATES),
    "encoder-only": (_ENCODER_ONLY, _TRANSFORMER_RATES),
    "unet": (RunConfig(model="unet", budget_images=1), _CONVOLUTION_RATES),
    "fully-connected": (
        # Its step costs the same for few images as for many: the optimiser moves 25 M weights.
        RunConfig(model="fully-connected", batch_size=64, loss="mse", budget_images=1),
        _FLAT_RATES,
    ),
    "encoder-decoder-channels": (
        replace(_ENCODER_DECODER, options={"tokens": "channel"}),
        _CHANNEL_RATES,
    ),
    "encoder-decoder-pixels": (
        replace(_ENCODER_DECODER, options={"head": "pixels"}),
        _TRANSFORMER_RATES,
    ),
    "encoder-only-pixels": (
        RunConfig(model="encoder-only", options={"head": "pixels"}, budget_images=1),
        _TRANSFORMER_RATES,
    ),
    "unet-palette": (
        RunConfig(model="unet", options={"head": "palette"}, budget_images=1),
        _CONVOLUTION_RATES,
    ),
}
#: Models whose weights the posts look at -> the seeds of which they are kept.
_KEPT: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("encoder-decoder", "encoder-only", "unet"), (0,)),
    "encoder-decoder-channels": _SEEDS,
}

#: Depth, with and without self-attention in the decoder. Two layers without are the
#: encoder-decoder that is compared.
_DEPTH: dict[str, dict[str, Any]] = {
    "2-layers-self": {"decoder_self_attention": True},
    "3-layers": {"encoder_layers": 3, "decoder_layers": 3},
    "3-layers-self": {"encoder_layers": 3, "decoder_layers": 3, "decoder_self_attention": True},
}

#: The encoder-decoder with one thing changed.
_CHANGED: dict[str, dict[str, Any]] = {
    "without/cross-attention": {"cross_attention": False},
}

#: A factor of two to both sides of the encoder-only model's own rate.
_NEAR_RATES = (1.5e-3, 3e-3, 6e-3)

#: Positions, by kind and patch, that did best at the smallest of these -> smaller ones, tried too.
_SMALLER_RATES = {("sinusoidal", 8): (7.5e-4,)}

#: Bases that positions made of waves try besides their own, 100, at the rate that did best.
_BASES = (3.0, 10.0, 1e3, 1e4)

#: The encoder-only model with one thing changed: its options, the data's, the rates of its sweep.
#: It leaves the plateau early, so that what these runs differ in is no matter of when they left it.
_CHANGED_ENCODER_ONLY: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[float, ...]]] = {
    "patch/32": ({"patch": 32}, {}, (*_TRANSFORMER_RATES, 2.4e-2)),
    "patch/8": ({"patch": 8}, {}, _NEAR_RATES),
    "without/red-filter": ({}, {"red_filter": False}, _TRANSFORMER_RATES),
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

#: The flagship is given time to get used to an encoder whose patches see themselves alone; and the
#: same time with full sight, to compare.
_REACH_WARM: dict[str, int | None] = {"warm-own-patch": 0, "warm-full": None}
_REACH_WARM_IMAGES = 15_000


def _in_images(run: RunConfig, images: int, **changes: Any) -> RunConfig:
    """Give a run a budget of images, in float32."""
    return replace(run, precision="float32", budget_seconds=None, budget_images=images, **changes)


def image_run(*, name: str, run: RunConfig, keep_model: bool = False, sweep: bool = False) -> Run:
    """Make a run of its configuration.

    `keep_model` keeps its weights in the repository. A run of a `sweep` is judged by images for
    validation alone, at its end: the test is not to choose what is tested.
    """
    flat = name.replace("/", "-")
    data = ShapesConfig(**run.data)

    def loss(forward: Forward, batch: Batch) -> Tensor:
        image, target = batch
        painted = forward(image.float() / 255)
        return _LOSSES[run.loss](painted.float(), target.float() / 255)

    def measure(model: nn.Module) -> dict[str, float]:
        images = _SWEEP_VALIDATION if sweep else _VALIDATION_IMAGES
        seen = batches(images=images, seed=IMAGE_VALIDATION_SEED, config=data)
        return score_colours(model, seen).as_curve()

    def test(model: nn.Module, record: Mapping[str, Any]) -> dict[str, Any]:
        if sweep:
            seen = {"images": _SWEEP_VALIDATION, "seed": IMAGE_VALIDATION_SEED}
            return {**seen, "colour": record["curve"][-1]}
        found = evaluate(model, images=_TEST_IMAGES, seed=IMAGE_TEST_SEED, config=data)
        looked_into = name.startswith(("compare/", "depth/")) and "intervention" in found
        if looked_into and isinstance(model, EncoderDecoder):
            found["intervention_by_module"] = _by_module(model, data)
        return found

    def task(*_: object) -> Task:
        return Task(
            make=partial(shapes_batch, seed=run.seed, config=data),
            batch_size=run.batch_size,
            loss=loss,
            measure=measure,
            points=() if sweep else _CURVE,
            precision=run.precision,
            replayable=True,
        )

    return Run(
        name=name,
        course=run,
        resolved=in_full(model=model_config(run.model, run.options), data=data),
        seed=run.seed,
        build=partial(build_model, run.model, run.options),
        task=task,
        test=test,
        note={"model": run.model, "options": run.options},
        record=flat,
        tested_on_device=True,
        checkpoint=flat if keep_model else None,
        starts_from=run.starts_from,
        trial=name.startswith("tune/"),
    )


def runs() -> list[Run]:
    """List all runs, those that others build on first."""
    listed = [
        image_run(
            name="flagship",
            run=_ENCODER_DECODER.with_budget(_FLAGSHIP_SECONDS),
            keep_model=True,
        ),
        image_run(name="contrast/self-attention", run=_CONTRAST, keep_model=True),
    ]
    listed += [
        image_run(
            name=f"channels/warm/seed-{seed}",
            run=replace(_CHANNELS_WARM, seed=seed),
            keep_model=True,
        )
        for seed in _SEEDS
    ]
    return [*listed, *_compared(), *_of_depth(), *_changed(), *_positions()]


def _compared() -> Iterator[Run]:
    """List the sweeps of all models, then each with its rate over seeds."""
    for label, (run, rates) in _COMPARED.items():
        yield from _sweep(label, run, rates)
    for label, (run, rates) in _COMPARED.items():
        kept = _KEPT.get(label, ())
        yield from _chosen(f"compare/{label}", _sweep(label, run, rates), _COMPARED_IMAGES, kept)
    # How long an image takes is told by short runs, one at a time, on one core.
    for label, (run, _) in _COMPARED.items():
        yield image_run(name=f"speed/{label}", run=_in_images(run, _SPEED_IMAGES), sweep=True)


def _of_depth() -> Iterator[Run]:
    for label, options in _DEPTH.items():
        run = replace(_ENCODER_DECODER, options=options)
        sweep = _sweep(f"depth-{label}", run, _TRANSFORMER_RATES)
        yield from [*sweep, *_chosen(f"depth/{label}", sweep, _COMPARED_IMAGES)]


def _changed() -> Iterator[Run]:
    for name, options in _CHANGED.items():
        run = replace(_ENCODER_DECODER, options=options)
        sweep = _sweep(name.replace("/", "-"), run, _TRANSFORMER_RATES)
        yield from [*sweep, *_chosen(name, sweep, _PART_IMAGES)]
    # As they are, after as many images. Their sweeps are listed with the models that are compared.
    for name, label in (
        ("without/nothing", "encoder-decoder"),
        ("without/second-stream", "encoder-only"),
    ):
        yield from _chosen(name, _sweep(label, *_COMPARED[label]), _PART_IMAGES)
    for name, (options, data, rates) in _CHANGED_ENCODER_ONLY.items():
        run = replace(_ENCODER_ONLY, options=options, data=data)
        sweep = _sweep(name.replace("/", "-"), run, rates)
        kept = (0,) if name == "without/red-filter" else ()
        yield from [*sweep, *_chosen(name, sweep, _PART_IMAGES, kept)]
    for label, reach in _REACH_WARM.items():
        run = replace(
            _ENCODER_DECODER,
            options={"encoder_reach": reach} if reach is not None else {},
            learning_rate=1.5e-3,
            warmup_images=1_000,
            starts_from="flagship",
        )
        yield image_run(name=f"reach/{label}/seed-0", run=_in_images(run, _REACH_WARM_IMAGES))


def _positions() -> Iterator[Run]:
    """List every kind of positions on two grids, each with the rate that did best, then the base.

    Rotary positions with their own base are the model as it is, whose runs are listed elsewhere.
    """
    as_it_is: dict[int, tuple[str, dict[str, Any], tuple[float, ...]]] = {
        16: ("encoder-only", {}, _TRANSFORMER_RATES),
        8: ("patch-8", {"patch": 8}, _NEAR_RATES),
    }
    for patch, (label, options, its_rates) in as_it_is.items():
        for kind in ("none", "learned", "sinusoidal"):
            name = f"positions-{kind}-{patch}"
            run = replace(_ENCODER_ONLY, options={**options, "positions": kind})
            rates = (*_SMALLER_RATES.get((kind, patch), ()), *_NEAR_RATES)
            sweep = _sweep(name, run, rates)
            based = _based(name, run, sweep, _BASES if kind == "sinusoidal" else ())
            yield from [*sweep, *based]
            kept = (0,) if (kind, patch) == ("learned", 16) else ()
            yield from _chosen(f"positions/{kind}-{patch}", [*sweep, *based], _PART_IMAGES, kept)
        run = replace(_ENCODER_ONLY, options=options)
        sweep = _sweep(label, run, its_rates)
        based = _based(f"positions-rotary-{patch}", run, sweep, _BASES)
        yield from based
        if best_run([*sweep, *based], "colour_error_median") in based:
            yield from _chosen(f"positions/rotary-{patch}", [*sweep, *based], _PART_IMAGES)


def _based(label: str, run: RunConfig, sweep: Sequence[Run], bases: Sequence[float]) -> list[Run]:
    """List a run of each other base, at the rate that did best in a sweep; nothing before."""
    rate = best_rate(sweep, "colour_error_median")
    if rate is None:
        return []
    return [
        trial
        for base in bases
        for trial in _sweep(
            f"{label}-base-{base:g}",
            replace(run, options={**run.options, "position_base": base}),
            [rate],
        )
    ]


def _sweep(label: str, run: RunConfig, rates: Sequence[float]) -> list[Run]:
    """List a short run at each rate."""
    return [
        image_run(
            name=f"tune/{label}/rate-{rate:g}",
            run=_in_images(run, _SWEEP_IMAGES, learning_rate=rate),
            sweep=True,
        )
        for rate in rates
    ]


def _chosen(name: str, sweep: Sequence[Run], images: int, keep: Container[int] = ()) -> list[Run]:
    """List the run that did best in a sweep with more images and over seeds; nothing before.

    Weights are kept of the seeds in `keep`.
    """
    best = best_run(sweep, "colour_error_median")
    if best is None:
        return []
    assert isinstance(best.course, RunConfig)
    return [
        image_run(
            name=f"{name}/seed-{seed}",
            run=_in_images(best.course, images, seed=seed),
            keep_model=seed in keep,
        )
        for seed in _SEEDS
    ]


def _by_module(model: EncoderDecoder, data: ShapesConfig) -> dict[str, float]:
    """Hide a shape from one attention module alone: how much of the true change is painted."""
    found = {}
    for module in attention_names(model):
        seen = batches(images=_MODULE_IMAGES, seed=IMAGE_TEST_SEED, config=data)
        stand_in = cast(EncoderDecoder, HiddenFrom(model, [module]))
        hidden = Intervention(stand_in).over(seen).result()
        found[module] = round(hidden.slope, 4) if hidden else 0.0
    return found


def summary(test: Mapping[str, Any]) -> str:
    """Say how well a model paints."""
    colour = test["colour"]
    removed = colour.get("filtered_removed")  # not there without the filter
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
