"""The step loop: one for all models, on one CPU or on many devices (Lightning Fabric).

While a run goes on, its state file holds all that is needed to go on after a stop, to the bit:
weights, the optimiser's moments, counters, the learning curve.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shapes_of_attention.data.stream import Batch, BatchStream, load_batches
from shapes_of_attention.training.checkpoint import (
    CheckpointError,
    read_tensors,
    refuse_another,
    write_tensors,
)
from shapes_of_attention.training.machine import fast_in_bfloat16, launch
from shapes_of_attention.training.optimizer import adamw, set_rate
from shapes_of_attention.training.replay import Replayed
from shapes_of_attention.training.run_config import Course, Precision, Progress

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["Diverged", "Forward", "Stopped", "Task", "fit", "precision_on"]

#: Gives what a model makes of its inputs, in the precision of the run.
Forward = Callable[..., Tensor]


class Stopped(Exception):  # noqa: N818 - being asked to stop is no error
    """The run was asked to stop; it has saved its state and can go on later."""


class Diverged(FloatingPointError):  # noqa: N818 - at a rate that is only tried it is a finding
    """The loss, or what was measured, is not finite any more; `progress` is how far the run was."""

    def __init__(self, message: str, progress: Progress) -> None:
        super().__init__(message)
        self.progress = progress


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a model is to learn.

    Attributes
    ----------
    make : gives the tensors of the training examples with these indices, each [batch, ...].
    batch_size : examples a step, over all processes together.
    loss : of a batch, a scalar; it is given the model's forward pass and the batch.
    measure : what a point of the learning curve says of the model, which is in evaluation mode.
    points : shares of the budget after which the curve gets a point; it gets its last at the end.
    precision : of matrix products in training; weights are kept in float32 in either case.
    memory : what `loss` gathers beside the model, in terms of JSON; a resumed run has it back.
    after_step : called after each step, replayed or not, for what cannot be done on the device.
    settle : brings `memory` up to date before it is saved, where `loss` leaves some of it on the
        device.
    replayable : whether `loss` does the same work for every batch and changes nothing but what is
        on the device, so that a graphics card may record a step and replay it.
    """

    make: Callable[[NDArray[np.int64]], Batch]
    batch_size: int
    loss: Callable[[Forward, Batch], Tensor]
    measure: Callable[[nn.Module], Mapping[str, float | None]]
    points: Sequence[float] = tuple(step / 10 for step in range(1, 10))
    precision: Precision = "float32"
    memory: dict[str, Any] = field(default_factory=dict)
    after_step: Callable[[], None] = lambda: None
    settle: Callable[[], None] = lambda: None
    replayable: bool = False


def precision_on(device: torch.device, wanted: Precision) -> Precision:
    """Give the precision of a run on a device: one that is slow in bfloat16 takes float32."""
    return "bf16" if wanted == "bf16" and fast_in_bfloat16(device) else "float32"


def fit(
    bare: nn.Module,
    task: Task,
    course: Course,
    *,
    state: Path | None = None,
    key: str = "",
    details: Mapping[str, Any] | None = None,
    fabric: Fabric | None = None,
    workers: int = 0,
    save_every: float = 120.0,
    report: Callable[[Progress, float], None] | None = None,
) -> Progress:
    """Train `bare` in place, from its last state if there is one, to the end of its course.

    Parameters
    ----------
    course : how long the run is, and how fast it learns.
    state, key : file of the run's state and what it says whose state it is; without a file the run
        cannot be resumed.
    details : what decides the run besides what its key says, in terms of JSON. A state holds it,
        and is refused where it says otherwise; an older one that does not say is taken.
    fabric : devices and processes; one process on the CPU when not given.
    workers : processes that make batches; with none their time is the run's.
    save_every : seconds of training between two saved states.
    report : called after each step with the progress and the share of the budget used.

    Returns
    -------
    What was done, with the learning curve. The model is left in evaluation mode.

    Raises
    ------
    Stopped
        When the process is asked to stop (SIGINT, SIGTERM); the state has been saved.
    Diverged
        When the loss is not finite, in any process; the last saved state is untouched.
    CheckpointError
        When a state is damaged or belongs to another run.
    """
    if fabric is None:
        fabric = launch()
    if task.batch_size % fabric.world_size:
        raise ValueError(
            f"{fabric.world_size} processes cannot share a batch of {task.batch_size} evenly"
        )
    halved = precision_on(fabric.device, task.precision) == "bf16"
    replayed = (
        task.replayable
        and fabric.device.type == "cuda"
        and fabric.world_size == 1
        and not halved
        # A run that goes on takes its steps one by one: no step was ever recorded over moments that
        # were not made there.
        and not (state is not None and state.exists())
    )
    optimizer = adamw(
        bare,
        learning_rate=course.learning_rate,
        weight_decay=course.weight_decay,
        fused=fabric.device.type in ("cpu", "cuda"),
        recorded_on=fabric.device if replayed else None,
    )
    details = details or {}
    model, optimizer = fabric.setup(bare, optimizer)
    progress = Progress()
    if state is not None and state.exists():
        # The weights are on the device by now: only they are moved there, not the optimiser's
        # moments, which must lie beside them.
        progress = _restore(state, key, details, bare, optimizer)
    task.memory.update(progress.memory)
    progress.memory = task.memory

    stream = BatchStream(
        task.make,
        batch_size=task.batch_size // fabric.world_size,
        first_step=progress.step,
        rank=fabric.global_rank,
        ranks=fabric.world_size,
    )
    loader = fabric.setup_dataloaders(
        load_batches(stream, workers=workers), use_distributed_sampler=False
    )
    device = fabric.device.type

    def forward(*inputs: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=halved):
            made: Tensor = model(*inputs)
        return made

    def advance(batch: Batch) -> Tensor:
        loss = task.loss(forward, batch)
        optimizer.zero_grad()
        fabric.backward(loss)
        fabric.clip_gradients(model, optimizer, max_norm=1.0, error_if_nonfinite=False)
        optimizer.step()
        return loss.detach()

    def save() -> None:
        task.settle()
        if state is not None and fabric.is_global_zero:
            _save(state, {"key": key, **details}, bare, optimizer, progress)

    def measure() -> None:
        bare.eval()
        found = {name: value for name, value in task.measure(bare).items() if value is not None}
        bare.train()
        counted = {"step": progress.step, "images": progress.images}
        clocks = {name: round(getattr(progress, name), 2) for name in ("seconds", "wall_seconds")}
        progress.curve.append({**counted, **clocks, "loss": progress.loss, **found})

    take = Replayed(advance) if replayed else advance
    saved_at = progress.seconds
    started = time.perf_counter() - progress.wall_seconds
    clock = time.process_time if device == "cpu" else time.perf_counter
    bare.train()
    with _stop_requests() as stopping:
        points = iter([p for p in task.points if p > course.share(progress)])
        next_point = next(points, 2.0)
        before = clock()
        batch: Any
        for batch in loader:
            share, stop = course.share(progress), stopping()
            if fabric.world_size > 1:
                # All processes must agree on when to stop and how fast to learn.
                share, stop, progress.seconds = fabric.broadcast((share, stop, progress.seconds))
            if share >= 1:
                break
            if stop:
                save()
                raise Stopped(f"stopped after {progress.step} steps; the state is saved")
            rate = course.rate(progress, share)
            set_rate(optimizer, rate)
            value = take(tuple(batch)).item()
            if not _finite_everywhere(value, fabric):
                found = "not finite in another process" if np.isfinite(value) else value
                raise Diverged(
                    f"the loss after {progress.step} steps is {found}"
                    + (f"; the last saved state, if any, is {state}" if state else ""),
                    progress,
                )
            progress.loss = value
            task.after_step()
            progress.step += 1
            progress.images += task.batch_size
            now = clock()
            progress.seconds += now - before
            progress.wall_seconds = time.perf_counter() - started

            share = course.share(progress)
            if report is not None:
                report(progress, share)
            if next_point <= share < 1 and fabric.is_global_zero:
                measure()
            if share >= next_point:
                next_point = next((p for p in points if p > share), 2.0)
            if progress.seconds - saved_at >= save_every:
                save()
                saved_at = progress.seconds
            before = clock()
        if fabric.is_global_zero:
            save()
            # A run that was stopped after it was measured at its end has this point already.
            if not progress.curve or progress.curve[-1]["images"] != progress.images:
                measure()
                save()
        if fabric.broadcast(stopping()):
            raise Stopped(f"stopped at its end, after {progress.step} steps; the state is saved")
    bare.eval()
    return progress


def _finite_everywhere(value: float, fabric: Fabric) -> bool:
    """Tell whether a number is finite in all processes: they must agree on whether to go on."""
    finite = bool(np.isfinite(value))
    if fabric.world_size == 1:
        return finite
    failed = torch.tensor(float(not finite), device=fabric.device)
    return not fabric.all_reduce(failed, reduce_op="sum")


def _save(
    path: Path, whose: Mapping[str, Any], model: nn.Module, optimizer: Any, progress: Progress
) -> None:
    """Write all that is needed to go on. Steps are counted once: AdamW's counters all agree.

    `whose` says whose state it is. A parameter that the loss does not reach, as the encoder's
    without cross-attention, has no moments.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    names = _parameter_names(model, optimizer)
    for name, parameter in names.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            if moment in optimizer.state[parameter]:
                tensors[f"{moment}.{name}"] = optimizer.state[parameter][moment]
    counted = {name: value for name, value in asdict(progress).items() if name != "memory" or value}
    write_tensors(path, tensors, {**whose, "progress": counted})


def _restore(
    path: Path, key: str, details: Mapping[str, Any], model: nn.Module, optimizer: Any
) -> Progress:
    """Put a model and its optimiser back into a saved state, and say how far it was.

    Both are left on the device on which the model is.

    Raises
    ------
    CheckpointError
        When the state is damaged, belongs to another run or does not fit.
    """
    tensors, note = read_tensors(path)
    if note.get("key") != key:
        raise CheckpointError(f"{path}: belongs to run {note.get('key')}, not to {key}")
    refuse_another(path, note, details)
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
            # AdamW's fused kernel wants its counter on the device, too.
            "step": torch.tensor(float(progress.step), device=parameter.device),
            **{
                moment: tensors[f"{moment}.{name}"].clone().to(parameter.device)
                for moment in ("exp_avg", "exp_avg_sq")
            },
        }
    return progress


def _parameter_names(model: nn.Module, optimizer: Any) -> dict[str, nn.Parameter]:
    known = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return {name: p for name, p in model.named_parameters() if id(p) in known}


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
