"""Training of small models in minutes, on one processor, from a function that gives the loss.

The vision models have a loop of their own (`loop`), which stops, resumes and spreads over machines.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shapes_of_attention.training.checkpoint import write_atomically
from shapes_of_attention.training.machine import fast_in_bfloat16, processor, versions
from shapes_of_attention.training.optimizer import adamw, rate_at

__all__ = [
    "Fitted",
    "ShortRun",
    "fit",
    "is_record_of",
    "is_recorded",
    "make_record",
    "write_record",
]


@dataclass(frozen=True, kw_only=True)
class ShortRun:
    """How a small model is trained.

    Attributes
    ----------
    learning_rate : at its highest.
    weight_decay : of matrices; biases, norms and tables have none.
    warmup_steps : steps over which the learning rate rises; it falls as a cosine to zero.
    steps, seconds : where the run ends, exactly one of them; seconds are of processor time.
    """

    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.seconds is None):
            raise ValueError("give exactly one of steps and seconds")
        if not (self.steps or self.seconds or 0) > 0:
            raise ValueError("a run needs at least one step")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")


@dataclass
class Fitted:
    """What a run did: steps, seconds of processor time, and its curve."""

    steps: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


def fit(
    model: nn.Module,
    loss_of: Callable[[int], Tensor],
    run: ShortRun,
    *,
    measure: Callable[[], dict[str, float]] | None = None,
    points: int = 10,
) -> Fitted:
    """Train `model` in place.

    Parameters
    ----------
    loss_of : draws the batch of a step, by its number, and gives the loss on it, a scalar.
    measure : called at `points` evenly spaced moments, the last at the end; its time is not
        counted. The model is in evaluation mode meanwhile.

    Raises
    ------
    FloatingPointError
        If the loss is not finite.
    """
    optimizer = adamw(model, learning_rate=run.learning_rate, weight_decay=run.weight_decay)
    fitted = Fitted()
    due = [(point + 1) / points for point in range(points - 1)]
    model.train()

    def note(loss: float) -> None:
        model.eval()
        measured = measure() if measure else {}
        model.train()
        fitted.curve.append(
            {"step": fitted.steps, "seconds": round(fitted.seconds, 2), "loss": loss, **measured}
        )

    before = time.process_time()
    while True:
        share = fitted.steps / run.steps if run.steps else fitted.seconds / (run.seconds or 1.0)
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = rate_at(
                run.learning_rate,
                rise=(fitted.steps + 1) / max(run.warmup_steps, 1),
                progress=share,
            )
        loss = loss_of(fitted.steps)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss after {fitted.steps} steps is {loss.item()}")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        fitted.steps += 1
        fitted.seconds += time.process_time() - before
        if due and share >= due[0]:
            del due[0]
            note(loss.item())
        before = time.process_time()
    note(loss.item())
    model.eval()
    return fitted


def make_record(
    *, config: dict[str, Any], model: nn.Module, run: ShortRun, fitted: Fitted, test: dict[str, Any]
) -> dict[str, Any]:
    """Say what was done, with what, on what, and what came of it.

    `config` is everything besides `run` that decides the outcome: model, data, seed. The command
    that is recorded is the running program's own.
    """
    module = getattr(sys.modules["__main__"], "__spec__", None)
    program = f"-m {module.name.removesuffix('.__main__')}" if module else sys.argv[0]
    return {
        "command": " ".join(["python", program, *sys.argv[1:]]),
        "config": {**config, "run": asdict(run)},
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": fitted.steps,
        "seconds": round(fitted.seconds, 2),
        "curve": fitted.curve,
        "test": test,
        "machine": {
            "processor": processor(),
            "threads": torch.get_num_threads(),
            "fast_in_bf16": fast_in_bfloat16(torch.device("cpu")),
        },
        "versions": versions(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_record(
    path: Path,
    *,
    config: dict[str, Any],
    model: nn.Module,
    run: ShortRun,
    fitted: Fitted,
    test: dict[str, Any],
) -> None:
    """Write the record of a run (`make_record`) as JSON, whole or not at all."""
    record = make_record(config=config, model=model, run=run, fitted=fitted, test=test)
    write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())


def is_record_of(record: Mapping[str, Any], *, config: dict[str, Any], run: ShortRun) -> bool:
    """Tell whether a record read from JSON is that of just this run."""
    return bool(record.get("config") == json.loads(json.dumps({**config, "run": asdict(run)})))


def is_recorded(path: Path, *, config: dict[str, Any], run: ShortRun) -> bool:
    """Tell whether `path` holds the record of just this run, so that it need not run again."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return is_record_of(found, config=config, run=run)
