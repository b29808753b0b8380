"""Speed of the mixture of experts: beside Mixtral's block, and beside dense layers.

python benchmarks/experts.py [--seconds 0.05] [--rounds 9] [--record] [--device cuda]

Mixtral's block is that of transformers, with the same weights, in both of its forms that run on a
processor: `eager` and `grouped_mm`. The dense layers are one SwiGLU network each, as wide as all
experts together (equal total size) and as those that a token visits (equal active size). One
thread, by the processor's clock, all in turn within a round; a ratio is a peer's time over ours,
and the median over the rounds is given. `--record` writes assets/records/experts-benchmark.json.

With `--device cuda` all layers are on a graphics card, with more tokens too, in float32 and in
bfloat16 (autocast), for which alone the card has a kernel for groups; the clock is that on the
wall, once the card has done its work. The record is experts-benchmark-cuda.json, written case by
case. A peer that fails there is left out with a word.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

from device import add_device, machine, record_on, seconds_each
from shapes_of_attention.measure.flops import flops_of
from shapes_of_attention.models.experts import (
    Experts,
    MixtureConfig,
    MixtureOfExperts,
)
from shapes_of_attention.training.checkpoint import write_atomically
from shapes_of_attention.training.machine import versions

RECORD = Path(__file__).parents[1] / "assets/records/experts-benchmark.json"
OURS = "our mixture"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A size to measure: tokens, their width, an expert's width, experts, and those chosen."""

    tokens: int
    dim: int
    hidden: int
    experts: int = 8
    chosen: int = 2


CASES = [
    Case(tokens=1024, dim=128, hidden=128),
    Case(tokens=512, dim=256, hidden=512),
    Case(tokens=512, dim=256, hidden=128, experts=32, chosen=4),
    Case(tokens=16, dim=256, hidden=512),
]


#: On a graphics card besides, which is busy from more tokens on.
LARGE_CASES = [
    Case(tokens=16384, dim=256, hidden=512),
    Case(tokens=16384, dim=1024, hidden=2048),
]


class Dense(nn.Module):
    """One SwiGLU network: [tokens, dim] -> the same."""

    def __init__(self, *, dim: int, hidden: int) -> None:
        super().__init__()
        self.network = Experts(experts=1, dim=dim, hidden=hidden, form="swiglu")

    def forward(self, tokens: Tensor) -> Tensor:
        return self.network(tokens, torch.tensor([len(tokens)]))


def layers(case: Case, device: torch.device) -> dict[str, nn.Module]:
    """Build our mixture and its peers, those of one kind with the same weights."""
    config = MixtureConfig(
        dim=case.dim,
        hidden=case.hidden,
        experts=case.experts,
        chosen=case.chosen,
        form="swiglu",
    )
    ours = MixtureOfExperts(config)
    built: dict[str, nn.Module] = {OURS: ours}
    for form in ("eager", "grouped_mm"):
        options: dict[str, Any] = {
            "hidden_size": case.dim,
            "intermediate_size": case.hidden,
            "num_local_experts": case.experts,
            "num_experts_per_tok": case.chosen,
            "experts_implementation": form,
        }
        try:
            block = MixtralSparseMoeBlock(MixtralConfig(**options))
            weights = {
                "gate.weight": ours.router.score.weight,
                "experts.gate_up_proj": ours.experts.expand,
                "experts.down_proj": ours.experts.contract,
            }
            block.load_state_dict(weights)
        except Exception as error:
            if device.type == "cpu":
                raise
            print(f"Mixtral, {form} is left out: {type(error).__name__}: {error}", flush=True)
            continue
        built[f"Mixtral, {form}"] = block
    built["dense, equal total"] = Dense(dim=case.dim, hidden=case.experts * case.hidden)
    built["dense, equal active"] = Dense(dim=case.dim, hidden=case.chosen * case.hidden)
    return {name: layer.to(device) for name, layer in built.items()}


def work_of(
    layer: nn.Module, case: Case, *, training: bool, device: torch.device, short: bool = False
) -> Callable[[], Tensor]:
    """Make one pass over a batch of one sequence as a function: forward, or with its gradients.

    `short` multiplies in bfloat16.
    """
    x = torch.randn(1, case.tokens, case.dim, generator=torch.Generator().manual_seed(1)).to(device)
    if isinstance(layer, Dense):
        x = x[0]
    x.requires_grad_(training)

    def work() -> Tensor:
        with torch.set_grad_enabled(training):
            with torch.autocast(device.type, torch.bfloat16, enabled=short):
                out: Tensor = layer(x)
            if training:
                for parameter in layer.parameters():
                    parameter.grad = None
                out.sum().backward()
        return out

    return work


def check(found: Tensor, wanted: Tensor) -> None:
    """Compare two layers' results [tokens, dim]; on a card close calls may go the other way."""
    if found.is_cuda:
        same = torch.isclose(found, wanted, atol=1e-4, rtol=1e-3).all(dim=-1)
        assert same.float().mean() > 0.99, "the results differ"
    else:
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def measure(
    case: Case,
    *,
    training: bool,
    seconds: float,
    rounds: int,
    device: torch.device,
    short: bool = False,
) -> dict[str, Any]:
    """Time all layers of a case, in turn."""
    torch.manual_seed(0)
    pass_of = partial(work_of, case=case, training=training, device=device)
    built = layers(case, device)
    wanted = pass_of(built[OURS])().reshape(case.tokens, case.dim)
    works = {}
    for name, layer in built.items():
        try:
            if name.startswith("Mixtral"):
                check(pass_of(layer)()[0], wanted)
            works[name] = pass_of(layer, short=short)
            works[name]()
        except Exception as error:
            if device.type == "cpu":
                raise
            print(f"{name} is left out: {type(error).__name__}: {error}", flush=True)
            torch.cuda.empty_cache()
            works.pop(name, None)
    if OURS not in works:
        raise RuntimeError("our mixture does not run")
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            work()
            times[name].append(seconds_each(work, seconds, device))
    ours = np.array(times[OURS])
    return {
        **asdict(case),
        "pass": "training" if training else "forward",
        **({"precision": "bf16" if short else "float32"} if device.type != "cpu" else {}),
        "milliseconds": {name: round(1e3 * float(np.median(t)), 3) for name, t in times.items()},
        "times_ours": {
            name: round(float(np.median(np.array(t) / ours)), 3) for name, t in times.items()
        },
        "megaflops": {n: round(flops_of(w) / 1e6, 3) for n, w in works.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.05, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    add_device(parser)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    on_card = chosen.device.type != "cpu"
    cases: list[dict[str, Any]] = []
    found = {
        "command": f"python benchmarks/experts.py --seconds {chosen.seconds} "
        f"--rounds {chosen.rounds} --record"
        + (f" --device {chosen.device.type}" if on_card else ""),
        "machine": machine(chosen.device),
        "versions": {**versions(), "transformers": transformers.__version__},
        "cases": cases,
    }

    def keep() -> None:
        if chosen.record:
            content = (json.dumps(found, indent=1) + "\n").encode()
            write_atomically(record_on(chosen.device, RECORD), content)

    for case in [*CASES, *LARGE_CASES] if on_card else CASES:
        for training in (False, True):
            for short in (False, True) if on_card else (False,):
                try:
                    cases.append(
                        measure(
                            case,
                            training=training,
                            seconds=chosen.seconds,
                            rounds=chosen.rounds,
                            device=chosen.device,
                            short=short,
                        )
                    )
                except RuntimeError as error:  # too little memory is one
                    if not on_card:
                        raise
                    print(f"{case} is left out: {error}", flush=True)
                    torch.cuda.empty_cache()
                else:
                    print(json.dumps(cases[-1]), flush=True)
                    if on_card:
                        keep()  # a card may be gone before the end
    keep()


if __name__ == "__main__":
    main()
