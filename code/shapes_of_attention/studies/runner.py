"""Do the runs that studies list: select them, skip what is done, go on where one was stopped.

A run has a folder of its own under `runs/`. While it goes on, `state.safetensors` holds all that is
needed to go on after a stop; when it has been trained, `model.safetensors` holds the weights and
`record.json` what was done. Then it is tested, its weights are written where they are kept, and
last its record: a record without its weights would claim what is not there. A run that only tries a
learning rate and diverges leaves a record that says so.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock, Timeout
from torch import nn

from shapes_of_attention.studies import efficient, experts, language, series, vision
from shapes_of_attention.studies.display import Display
from shapes_of_attention.studies.kept import (
    ASSETS,
    as_json,
    checkpoint_path,
    details,
    is_done,
    start_path,
    write_record,
)
from shapes_of_attention.studies.study import Run, Study
from shapes_of_attention.training.checkpoint import (
    CheckpointError,
    built_from,
    read_tensors,
    refuse_another,
    write_atomically,
    write_tensors,
)
from shapes_of_attention.training.loop import Diverged, Stopped, Task, fit, precision_on
from shapes_of_attention.training.machine import card, launch, processor, versions
from shapes_of_attention.training.run_config import Budget, Progress
from shapes_of_attention.training.start import start_from

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["STUDIES", "add_arguments", "do", "is_done", "run_studies", "train"]

_ROOT = Path(__file__).resolve().parents[3]

#: All studies, by name.
STUDIES: dict[str, Study] = {
    study.name: study
    for study in (vision.STUDY, series.STUDY, efficient.STUDY, language.STUDY, experts.STUDY)
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command `study`."""
    parser.add_argument(
        "study", nargs="?", choices=list(STUDIES), help="the study; all of them when not given"
    )
    parser.add_argument("--list", action="store_true", help="list runs and their state, then stop")
    parser.add_argument(
        "--only", default="*", metavar="PATTERN", help="names of runs, with * and ?"
    )
    parser.add_argument(
        "--budget",
        type=_budget,
        metavar="LENGTH",
        help="length of each run: in seconds, or as in 20000images and 100steps",
    )
    parser.add_argument("--runs", type=Path, default=_ROOT / "runs", help="folder of runs")
    parser.add_argument(
        "--assets",
        type=Path,
        default=ASSETS,
        help="folder of finished records and models; rates are read from the repository's own",
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of each process")
    parser.add_argument(
        "--workers", type=int, help="processes that make batches; the study's number by default"
    )
    parser.add_argument("--accelerator", default="cpu", help="cpu, cuda, mps or auto")
    parser.add_argument("--devices", type=int, default=1, help="devices on each node")
    parser.add_argument("--nodes", type=int, default=1)


def run_studies(chosen: argparse.Namespace) -> int:
    """List the chosen runs, or do those that are not done; give the exit status."""
    torch.set_num_threads(chosen.threads)
    listed = list(_select(chosen))
    tried: set[tuple[str, str]] = set()
    if not listed:
        print(f"error: no run is called {chosen.only}; --list names them all", file=sys.stderr)
        return 1
    try:
        if chosen.list:
            for study, run in listed:
                print(_describe(study, run, chosen.runs, chosen.assets))
            return 0
        fabric = launch(chosen.accelerator, chosen.devices, chosen.nodes)
        while listed:
            study, run = listed.pop(0)
            tried.add((study.name, run.name))
            if _do_if_missing(study, run, chosen, fabric):
                # A sweep that has ended meanwhile says what others train with: they come now.
                listed = [(s, r) for s, r in _select(chosen) if (s.name, r.name) not in tried]
    except Stopped as stopped:
        print(stopped)
        return 130
    except (CheckpointError, FloatingPointError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _do_if_missing(study: Study, run: Run, chosen: argparse.Namespace, fabric: Fabric) -> bool:
    """Do a run unless it is done or another process is at it; tell whether it was done now."""
    # What the first process finds holds for all: another command may finish the run meanwhile.
    if fabric.broadcast(is_done(run, chosen.assets)):
        fabric.print(f"{run.name}: done")
        return False
    folder = _folder(run, chosen.runs)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    # The processes of one run share its folder: the first holds it for all.
    if not fabric.broadcast(_acquire(lock) if fabric.is_global_zero else True):
        fabric.print(f"{run.name}: another process is at it")
        return False
    try:
        # Whoever held the folder until now may have finished it.
        if fabric.broadcast(is_done(run, chosen.assets)):
            fabric.print(f"{run.name}: done")
            return False
        fabric.print(f"{run.name}: {folder}")
        workers = study.workers if chosen.workers is None else chosen.workers
        record = do(study, run, folder, assets=chosen.assets, fabric=fabric, workers=workers)
        # What is listed next depends on the record, which the first process alone writes.
        fabric.barrier()
        if record:
            diverged = f"diverged after {record['steps']} steps" if "diverged" in record else ""
            fabric.print(f"{run.name}: {diverged or study.summary(record['test'])}")
        return True
    except Stopped as stopped:
        raise Stopped(f"{run.name}: {stopped}") from None
    finally:
        lock.release()


def do(
    study: Study,
    run: Run,
    folder: Path,
    *,
    assets: Path,
    fabric: Fabric | None = None,
    workers: int = 0,
) -> dict[str, Any]:
    """Train a run, test it, and leave its weights and its record among the assets.

    Returns
    -------
    The record; nothing in processes other than the first.
    """
    fabric = fabric or launch()
    with Display(run.name, quiet=not fabric.is_global_zero) as display:
        record = train(
            run, folder, fabric=fabric, workers=workers, start=start_path(run, assets),
            report=display,
        )  # fmt: skip
    if not fabric.is_global_zero:
        return {}
    record |= {"study": study.name, "name": run.name, "command": _command(study, run)}
    record["test"] = {} if "diverged" in record else _test(run, folder, record, fabric)
    record.pop("memory", None)
    if run.checkpoint is not None and "diverged" not in record:
        kept = checkpoint_path(run, assets)
        write_atomically(kept, (folder / "model.safetensors").read_bytes())
    write_record(run, record, assets)
    return record


def _test(run: Run, folder: Path, record: dict[str, Any], fabric: Fabric) -> dict[str, Any]:
    """Measure the model that a run has left in its folder."""
    path = folder / "model.safetensors"
    tensors, _ = read_tensors(path)
    model = built_from(path, tensors, partial(_build, run), of=run.name)
    if run.tested_on_device:
        model.to(fabric.device)
    return run.test(model, record)


def train(
    run: Run,
    folder: Path,
    *,
    fabric: Fabric | None = None,
    workers: int = 0,
    save_every: float = 120.0,
    start: Path | None = None,
    report: Callable[[Progress, float], None] | None = None,
) -> dict[str, Any]:
    """Train a run from its last state, or from the start, to its end.

    Parameters
    ----------
    folder : where its state, model and record are kept.
    fabric, workers, save_every, report : see `training.loop.fit`.
    start : the checkpoint that `run.starts_from` names, if it does; a run that goes on does not
        need it.

    Returns
    -------
    The record, not tested yet. It is `diverged` and there is no model if the run is a `trial` whose
    loss, or what was measured at its end, is not finite.

    Raises
    ------
    Stopped, CheckpointError
        As `training.loop.fit`.
    Diverged
        When the loss of a run that is no `trial`, or what was measured at its end, is not finite.
    """
    record_path = folder / "record.json"
    made_of = details(run, start)
    if record_path.exists():
        finished: dict[str, Any] = json.loads(record_path.read_text())
        refuse_another(record_path, finished, made_of)
        return finished
    fabric = fabric or launch()
    model = _build(run)
    state = folder / "state.safetensors"
    if run.starts_from is not None:
        if state.exists():
            # Its weights are those of the state. The others may be gone: it says whose they were.
            _, note = read_tensors(state)
            made_of = {**({"start": note["start"]} if "start" in note else {}), **made_of}
        elif start is None:
            raise ValueError(f"this run starts from {run.starts_from}, which was not given")
        else:
            start_from(model, read_tensors(start)[0])
    task = run.task(model, run.course)
    diverged = False
    try:
        progress = fit(
            model,
            task,
            run.course,
            state=state,
            key=run.key(),
            details=made_of,
            fabric=fabric,
            workers=workers,
            save_every=save_every,
            report=report,
        )
    except Diverged as error:
        if not run.trial:
            raise
        progress, diverged = error.progress, True
    if not diverged:
        # The first process alone has measured; what it found holds for all.
        finite = not fabric.is_global_zero or _is_finite(progress.curve[-1])
        diverged = not fabric.broadcast(finite)
        if diverged and not run.trial:
            raise Diverged(f"what was measured at the end of {run.name} is not finite", progress)
    if not fabric.is_global_zero:
        return {}
    if not diverged:
        write_tensors(folder / "model.safetensors", dict(model.state_dict()), run.note)
    record = _record(run, model, task, progress, made_of, fabric)
    if diverged:
        record["diverged"] = True
    write_atomically(record_path, as_json(record))
    return record


def _is_finite(point: Mapping[str, float]) -> bool:
    """Tell whether all that was measured at a point of a curve is finite."""
    return all(math.isfinite(value) for value in point.values())


def _record(
    run: Run,
    model: nn.Module,
    task: Task,
    progress: Progress,
    made_of: Mapping[str, Any],
    fabric: Fabric,
) -> dict[str, Any]:
    """Say what was done, in terms of JSON."""
    return {
        "key": run.key(),
        "config": run.described,
        **made_of,
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": progress.step,
        "images": progress.images,
        "seconds": round(progress.seconds, 2),
        "wall_seconds": round(progress.wall_seconds, 2),
        # JSON has no name for what is not finite, and a curve of it says nothing more.
        "curve": [point for point in progress.curve if _is_finite(point)],
        "memory": task.memory,
        "machine": {
            "processor": processor(),
            "device": str(fabric.device),
            **card(fabric.device),
            "processes": fabric.world_size,
            "threads": torch.get_num_threads(),
            "precision": precision_on(fabric.device, task.precision),
        },
        "versions": versions(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _select(chosen: argparse.Namespace) -> Iterator[tuple[Study, Run]]:
    for study in STUDIES.values():
        if chosen.study not in (None, study.name):
            continue
        for run in study.runs():
            if fnmatch(run.name, chosen.only):
                yield study, run if chosen.budget is None else run.at(chosen.budget)


def _budget(text: str) -> Budget:
    """Read a length off the command line: 360, 20000images or 100steps."""
    try:
        for unit in ("images", "steps", "seconds"):
            if text.endswith(unit):
                return Budget(float(text.removesuffix(unit)), unit)
        return Budget(float(text), "seconds")
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"a length is seconds as in 360, or as in 20000images or 100steps ({error})"
        ) from None


def _build(run: Run) -> nn.Module:
    torch.manual_seed(run.seed)
    return run.build()


def _command(study: Study, run: Run) -> str:
    """Say what repeats this run anywhere, whatever folders and patterns it was started with."""
    only = run.name
    for listed in study.runs():
        if listed.name != run.name and run.name.startswith(f"{listed.name}/"):
            budget = run.course.budget
            length = f"{budget.amount:.12g}" + ("" if budget.unit == "seconds" else budget.unit)
            only = f"{listed.name} --budget {length}"
    return f"python -m shapes_of_attention study {study.name} --only {only}"


def _acquire(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _folder(run: Run, runs: Path) -> Path:
    return runs / f"{run.name.replace('/', '-')}-{run.key()}"


def _describe(study: Study, run: Run, runs: Path, assets: Path) -> str:
    if is_done(run, assets):
        state = "done"
    elif (_folder(run, runs) / "state.safetensors").exists():
        state = "begun"
    else:
        state = "-"
    return f"{state:6}{study.name:10}{run.name:44}{run.course.budget!s:>16}  {run.key()}"
