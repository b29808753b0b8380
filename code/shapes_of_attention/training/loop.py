"""The training loop: one for all models, on one CPU or on many devices (Lightning Fabric).

A run lives in a folder of its own. While it goes on, `state.safetensors` holds all that is needed
to go on after a stop, to the bit: weights, the optimiser's moments, counters, the learning curve.
When it ends, `model.safetensors` holds the weights and `record.json` what was done and achieved.
"""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.data import IMAGE_VALIDATION_SEED, ShapesConfig
from shapes_of_attention.data.stream import ShapesStream, shapes_loader
from shapes_of_attention.measure.colours import score_colours
from shapes_of_attention.measure.painting import batches
from shapes_of_attention.models import build_model
from shapes_of_attention.training.checkpoint import (
    CheckpointError,
    read_tensors,
    save_model,
    write_atomically,
    write_tensors,
)
from shapes_of_attention.training.machine import fast_in_bfloat16, processor, versions
from shapes_of_attention.training.optimizer import adamw
from shapes_of_attention.training.run_config import RunConfig
from shapes_of_attention.training.start import start_from as take_weights

__all__ = ["Progress", "Stopped", "train"]

_VALIDATION_IMAGES = 256
#: Shares of the budget after which the learning curve gets a point: often at first, then evenly.
_CURVE = [0.005, 0.02, 0.05, *(step / 10 for step in range(1, 10))]
_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
}


class Stopped(Exception):  # noqa: N818 - being asked to stop is no error
    """The run was asked to stop; it has saved its state and can go on later."""


@dataclass
class Progress:
    """How far a run is; what a checkpoint's note holds."""

    step: int = 0
    images: int = 0
    seconds: float = 0.0
    wall_seconds: float = 0.0
    loss: float = float("nan")
    curve: list[dict[str, float]] = field(default_factory=list)


def train(
    run: RunConfig,
    folder: Path,
    *,
    fabric: Fabric | None = None,
    workers: int = 1,
    save_every: float = 120.0,
    start_from: Path | None = None,
    report: Callable[[Progress, float], None] | None = None,
) -> dict[str, Any]:
    """Train a run from its last state, or from the start, to its end.

    Parameters
    ----------
    run : what to train.
    folder : where its state, model and record are kept.
    fabric : devices and processes; one process on the CPU when not given.
    workers : processes that make images.
    save_every : seconds of training between two saved states.
    start_from : state of the run that this one continues, when `run.continues` is set, or the
        checkpoint that `run.starts_from` names.
    report : called after each step with the progress and the share of the budget used.

    Returns
    -------
    The record.

    Raises
    ------
    Stopped
        When the process is asked to stop (SIGINT, SIGTERM); the state has been saved.
    CheckpointError
        When the state in the folder is damaged or belongs to another run.
    """
    record_path = folder / "record.json"
    if record_path.exists():
        finished: dict[str, Any] = json.loads(record_path.read_text())
        return finished
    if fabric is None:
        fabric = Fabric(accelerator="cpu", devices=1)
        fabric.launch()
    if run.batch_size % fabric.world_size:
        raise ValueError(
            f"{fabric.world_size} processes cannot share a batch of {run.batch_size} evenly"
        )

    torch.manual_seed(run.seed)
    bare = build_model(run.model, run.options)
    optimizer = adamw(
        bare,
        learning_rate=run.learning_rate,
        weight_decay=run.weight_decay,
        fused=fabric.device.type in ("cpu", "cuda"),
    )
    progress = Progress()
    state_path = folder / "state.safetensors"
    if state_path.exists():
        progress = _restore(state_path, run.key(), bare, optimizer)
    elif run.continues is not None:
        if start_from is None:
            raise ValueError(f"this run continues {run.continues}, whose state was not given")
        progress = _restore(start_from, run.continues, bare, optimizer)
    elif run.starts_from is not None:
        if start_from is None:
            raise ValueError(f"this run starts from {run.starts_from}, which was not given")
        take_weights(bare, read_tensors(start_from)[0])
    model, optimizer = fabric.setup(bare, optimizer)

    stream = ShapesStream(
        batch_size=run.batch_size // fabric.world_size,
        seed=run.seed,
        config=ShapesConfig(**run.data),
        first_step=progress.step,
        rank=fabric.global_rank,
        ranks=fabric.world_size,
    )
    loader = fabric.setup_dataloaders(
        shapes_loader(stream, workers=workers), use_distributed_sampler=False
    )

    def save() -> None:
        if fabric.is_global_zero:
            _save(state_path, run.key(), bare, optimizer, progress)

    loss_of = _LOSSES[run.loss]
    saved_at = progress.seconds
    started = time.perf_counter() - progress.wall_seconds
    clock = time.process_time if fabric.device.type == "cpu" else time.perf_counter
    halved = run.precision == "bf16" and fast_in_bfloat16(fabric.device)
    model.train()
    with _stop_requests() as stopping:
        points = iter([p for p in _CURVE if p > _share(run, progress)])
        next_point = next(points, 2.0)
        before = clock()
        for image, target in loader:
            share, stop = _share(run, progress), stopping()
            if fabric.world_size > 1:
                # All processes must agree on when to stop and how fast to learn.
                share, stop, progress.seconds = fabric.broadcast((share, stop, progress.seconds))
            if share >= 1:
                break
            if stop:
                save()
                raise Stopped(f"stopped after {progress.images} images; the state is saved")
            rate = run.learning_rate_at(progress=share, images=progress.images)
            for group in optimizer.param_groups:
                group["lr"] = rate

            with torch.autocast(fabric.device.type, torch.bfloat16, enabled=halved):
                painted = model(image.float() / 255)
            loss = loss_of(painted.float(), target.float() / 255)
            progress.loss = loss.item()
            if not np.isfinite(progress.loss):
                raise FloatingPointError(
                    f"the loss after {progress.step} steps is {progress.loss}; the last saved "
                    f"state, if any, is {state_path}"
                )
            optimizer.zero_grad()
            fabric.backward(loss)
            fabric.clip_gradients(model, optimizer, max_norm=1.0, error_if_nonfinite=False)
            optimizer.step()
            progress.step += 1
            progress.images += run.batch_size
            now = clock()
            progress.seconds += now - before
            progress.wall_seconds = time.perf_counter() - started

            share = _share(run, progress)
            if report is not None:
                report(progress, share)
            if share >= next_point and fabric.is_global_zero:
                progress.curve.append(_curve_point(bare, run, progress))
                next_point = next((p for p in points if p > share), 2.0)
            if progress.seconds - saved_at >= save_every:
                save()
                saved_at = progress.seconds
            before = clock()

    record: dict[str, Any] = {}
    if fabric.is_global_zero:
        progress.curve.append(_curve_point(bare, run, progress))
        save()
        save_model(folder / "model.safetensors", bare, name=run.model, options=run.options)
        record = _record(run, bare, progress, fabric, precision="bf16" if halved else "float32")
        write_atomically(record_path, (json.dumps(record, indent=1) + "\n").encode())
    return record


def _share(run: RunConfig, progress: Progress) -> float:
    """Compute the share of the budget that has been used."""
    if run.budget_images is not None:
        return progress.images / run.budget_images
    assert run.budget_seconds is not None
    return progress.seconds / run.budget_seconds


def _save(path: Path, key: str, model: nn.Module, optimizer: Any, progress: Progress) -> None:
    """Write all that is needed to go on. Steps are counted once: AdamW's counters all agree.

    A parameter that the loss does not reach, as the encoder's without cross-attention, has none.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    names = _parameter_names(model, optimizer)
    for name, parameter in names.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            if moment in optimizer.state[parameter]:
                tensors[f"{moment}.{name}"] = optimizer.state[parameter][moment]
    write_tensors(path, tensors, {"key": key, "progress": asdict(progress)})


def _restore(path: Path, key: str, model: nn.Module, optimizer: Any) -> Progress:
    tensors, note = read_tensors(path)
    if note.get("key") != key:
        raise CheckpointError(f"{path}: belongs to run {note.get('key')}, not to {key}")
    progress = Progress(**note["progress"])
    weights = {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: does not fit the model: {error}") from error
    for name, parameter in _parameter_names(model, optimizer).items():
        if f"exp_avg.{name}" not in tensors:
            continue
        optimizer.state[parameter] = {
            "step": torch.tensor(float(progress.step)),
            "exp_avg": tensors[f"exp_avg.{name}"].clone(),
            "exp_avg_sq": tensors[f"exp_avg_sq.{name}"].clone(),
        }
    return progress


def _parameter_names(model: nn.Module, optimizer: Any) -> dict[str, nn.Parameter]:
    known = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return {name: p for name, p in model.named_parameters() if id(p) in known}


def _curve_point(model: nn.Module, run: RunConfig, progress: Progress) -> dict[str, float]:
    model.eval()
    config = ShapesConfig(**run.data)
    found = score_colours(
        model, batches(images=_VALIDATION_IMAGES, seed=IMAGE_VALIDATION_SEED, config=config)
    )
    model.train()
    return {
        "images": progress.images,
        "seconds": round(progress.seconds, 2),
        "wall_seconds": round(progress.wall_seconds, 2),
        "loss": progress.loss,
        **found.as_curve(),
    }


def _record(
    run: RunConfig, model: nn.Module, progress: Progress, fabric: Fabric, *, precision: str
) -> dict[str, Any]:
    return {
        "key": run.key(),
        "command": " ".join(["python", "-m", "shapes_of_attention.train", *sys.argv[1:]]),
        "config": asdict(run),
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": progress.step,
        "images": progress.images,
        "seconds": round(progress.seconds, 2),
        "wall_seconds": round(progress.wall_seconds, 2),
        "metrics": progress.curve[-1],
        "curve": progress.curve,
        "machine": {
            "processor": processor(),
            "device": str(fabric.device),
            "processes": fabric.world_size,
            "threads": torch.get_num_threads(),
            "precision": precision,
        },
        "versions": versions(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@contextmanager
def _stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn SIGINT and SIGTERM into a question that the loop asks after each step."""
    asked = False

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    try:
        previous = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # signals reach the main thread only
        previous = {}
    try:
        yield lambda: asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
