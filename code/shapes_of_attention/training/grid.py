"""Every run of the project, by name."""

from dataclasses import dataclass, replace
from typing import Any

from shapes_of_attention.training.run_config import RunConfig

__all__ = ["MODELS", "RATES", "Entry", "entries"]

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
MODELS: dict[str, RunConfig] = {
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


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A run, its name, and whether its weights are kept in the repository beside its record."""

    name: str
    run: RunConfig
    keep_model: bool = False


def entries() -> list[Entry]:
    """List all runs, those that others build on first."""
    listed = [
        Entry(
            name="flagship",
            run=_ENCODER_DECODER.with_budget(_FLAGSHIP_SECONDS),
            keep_model=True,
        ),
        Entry(
            name="flagship-channels",
            run=replace(_ENCODER_DECODER, options={"tokens": "channel"}).with_budget(
                _CHANNELS_SECONDS
            ),
            keep_model=True,
        ),
    ]
    listed += [
        Entry(
            name=f"sweep/{label}/rate-{rate:g}",
            run=replace(run, learning_rate=rate).with_budget(_SWEEP_SECONDS),
        )
        for label, run in MODELS.items()
        for rate in RATES
    ]
    listed.append(Entry(name="contrast/self-attention", run=_CONTRAST, keep_model=True))
    for seed in _SEEDS:
        listed += [
            Entry(
                name=f"main/{label}/seed-{seed}",
                run=replace(run, seed=seed),
                # 25 M weights are too many to keep.
                keep_model=seed == 0 and label != "fully-connected",
            )
            for label, run in MODELS.items()
        ]
        listed += [
            Entry(
                name=f"ablation/{label}/seed-{seed}",
                run=replace(_ENCODER_DECODER, options=options, data=data, seed=seed).with_budget(
                    _ABLATION_SECONDS
                ),
                keep_model=label in ("no-red-filter", "positions-learned") and seed == 0,
            )
            for label, (options, data) in _ABLATIONS.items()
        ]
    return listed
