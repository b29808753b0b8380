"""Train the encoder-decoder with experts in the place of its feed-forward layers, and without.

python -m shapes_of_attention.experts_study --list
python -m shapes_of_attention.experts_study --only experts-bias

A variant whose record is there is skipped. All variants see the same images in the same order. Each
leaves a record under assets/records/, its curve and the load of its experts over training included.
"""

import argparse
import os
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from shapes_of_attention.data import IMAGE_TEST_SEED, IMAGE_VALIDATION_SEED, ShapesConfig
from shapes_of_attention.data.stream import ShapesStream, shapes_loader
from shapes_of_attention.measure.colours import ColourResult, score_colours
from shapes_of_attention.measure.painting import batches
from shapes_of_attention.models import build_model
from shapes_of_attention.models.experts import (
    GROUPED_FLOPS,
    MixtureOfExperts,
    Router,
    Routing,
    balance_loss,
    capture_routing,
)
from shapes_of_attention.training.checkpoint import save_model
from shapes_of_attention.training.machine import fast_in_bfloat16
from shapes_of_attention.training.short import ShortRun, fit, is_recorded, write_record

__all__ = ["VARIANTS", "LoadLog", "Variant", "train_variant"]

_ROOT = Path(__file__).resolve().parents[2]
_BATCH = 16
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


@dataclass
class LoadLog:
    """Averages the experts' load, layer by layer, over stretches of `every` steps."""

    every: int
    points: list[dict[str, Any]] = field(default_factory=list)
    _sums: dict[str, Tensor] = field(default_factory=dict)
    _steps: int = 0

    def add(self, step: int, routings: dict[str, Routing]) -> None:
        """Take in the routings of one step, by the layer's name."""
        for name, routing in routings.items():
            self._sums[name] = self._sums.get(name, torch.zeros(())) + routing.load()
        self._steps += 1
        if self._steps == self.every:
            layers = {
                name: [round(share, 4) for share in (total / self._steps).tolist()]
                for name, total in self._sums.items()
            }
            self.points.append({"step": step + 1, "layers": layers})
            self._sums, self._steps = {}, 0


def train_variant(
    name: str, variant: Variant, *, images: int, seed: int, assets: Path, workers: int = 1
) -> dict[str, Any]:
    """Train one variant, write its record and, where it is to be kept, its model.

    Returns what was measured on the test images.
    """
    run = ShortRun(steps=images // _BATCH, warmup_steps=800 // _BATCH)
    config = {
        "model": "encoder-decoder",
        "options": variant.options,
        "balance": variant.balance,
        "loss_weight": variant.loss_weight if variant.balance == "loss" else None,
        "bias_rate": variant.bias_rate if variant.balance == "bias" else None,
        "batch_size": _BATCH,
        "precision": "bf16",
        "seed": seed,
    }
    label = name if seed == 0 else f"{name}-seed-{seed}"
    path = assets / "records" / f"{label}.json"
    if is_recorded(path, config=config, run=run):
        print(f"{label}: done")
        return {}
    torch.manual_seed(seed)
    model = build_model("encoder-decoder", variant.options)
    routers = {
        layer: module.router
        for layer, module in model.named_modules()
        if isinstance(module, MixtureOfExperts)
    }
    stream = iter(shapes_loader(ShapesStream(batch_size=_BATCH, seed=seed), workers=workers))
    halved = fast_in_bfloat16(torch.device("cpu"))
    log = LoadLog(every=max(1, (images // _BATCH) // _LOAD_POINTS))

    def loss_of(step: int) -> Tensor:
        image, target = next(stream)
        with (
            capture_routing(model) as routings,
            torch.autocast("cpu", torch.bfloat16, enabled=halved),
        ):
            painted = model(image.float() / 255)
        loss = functional.l1_loss(painted.float(), target.float() / 255)
        if routings:
            log.add(step, routings)
        if variant.balance == "loss":
            uneven = torch.stack([balance_loss(routing) for routing in routings.values()])
            loss = loss + variant.loss_weight * uneven.sum()
        if variant.balance == "bias":
            _move(routers, routings, variant.bias_rate)
        return loss

    def measure() -> dict[str, float]:
        found = _colour(model, images=_VALIDATION_IMAGES, seed=IMAGE_VALIDATION_SEED)
        print(f"{label}: colour error {found.colour_error_median:.2f}", flush=True)
        return found.as_curve()

    fitted = fit(model, loss_of, run, measure=measure)
    # What is kept is what is measured: weights of 16 bits. Biases decide close calls and stay long.
    for weight in model.parameters():
        weight.data = weight.data.bfloat16()
    if variant.keep_model:
        kept = assets / "checkpoints" / f"{label}.safetensors"
        save_model(kept, model, name="encoder-decoder", options=variant.options)
    for weight in model.parameters():
        weight.data = weight.data.float()
    test: dict[str, Any] = {
        "images": _TEST_IMAGES,
        "seed": IMAGE_TEST_SEED,
        "colour": _colour(model, images=_TEST_IMAGES, seed=IMAGE_TEST_SEED).as_record(),
        "feed_forward_parameters": _feed_forward_parameters(model),
        "megaflops_per_image": round(_flops(model) / 1e6, 2),
        "load_over_training": log.points,
    }
    write_record(path, config=config, model=model, run=run, fitted=fitted, test=test)
    return test


def _move(routers: dict[str, Router], routings: dict[str, Routing], rate: float) -> None:
    """Move every router's bias by the load of the batch."""
    for layer, routing in routings.items():
        routers[layer].balance(routing.load(), rate=rate)


def _colour(model: nn.Module, *, images: int, seed: int) -> ColourResult:
    return score_colours(model, batches(images=images, seed=seed, config=ShapesConfig()))


def _feed_forward_parameters(model: nn.Module) -> int:
    """Count the parameters of all feed-forward layers, experts and routers included."""
    return sum(p.numel() for name, p in model.named_parameters() if ".feed_forward." in name)


@torch.no_grad()
def _flops(model: nn.Module) -> int:
    """Count the FLOPs of the matrix products for one image, forward."""
    image = torch.from_numpy(
        np.concatenate(
            [b.image for b in batches(images=16, seed=IMAGE_TEST_SEED, config=ShapesConfig())]
        )
    )
    with FlopCounterMode(display=False, custom_mapping=GROUPED_FLOPS) as counter:
        model(image.float() / 255)
    return int(counter.get_total_flops()) // len(image)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m shapes_of_attention.experts_study",
        description="Compare feed-forward layers with mixtures of experts.",
    )
    parser.add_argument("--list", action="store_true", help="list the variants, then stop")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="variants, with * and ?")
    parser.add_argument("--images", type=int, default=64_000, help="images each variant sees")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--assets", type=Path, default=_ROOT / "assets")
    chosen = parser.parse_args(arguments)
    listed = {name: v for name, v in VARIANTS.items() if fnmatch(name, chosen.only)}
    if not listed:
        print(f"error: no variant is called {chosen.only}", file=sys.stderr)
        return 1
    if chosen.images < _BATCH:
        print(f"error: at least {_BATCH} images are needed", file=sys.stderr)
        return 1
    torch.set_num_threads(1)
    for name, variant in listed.items():
        if chosen.list:
            print(f"{name:24}{variant.balance:6}{variant.options}")
            continue
        train_variant(name, variant, images=chosen.images, seed=chosen.seed, assets=chosen.assets)
    return 0


if __name__ == "__main__":
    # The worker that makes images needs no threads of its own.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    raise SystemExit(main())
