"""Train the project's models: list the runs, or do those that are not done.

python -m shapes_of_attention.train --list
python -m shapes_of_attention.train                          all that is missing, one after another
python -m shapes_of_attention.train --only 'main/unet/*'     some of it
python -m shapes_of_attention.train --only flagship --budget 600

A run that is done is skipped, one that was stopped goes on where it was. A run of another length
than the grid's is called after it, main/unet/seed-0/seconds-360, and leaves the grid's alone.
Several of these commands may run side by side: they share the work. With several devices or nodes
start the command with torchrun or under SLURM, or give --devices and --nodes.
"""

import argparse
import json
import os
import shutil
import sys
import time
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from lightning.fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from shapes_of_attention.data import IMAGE_TEST_SEED, ShapesConfig
from shapes_of_attention.evaluate import evaluate
from shapes_of_attention.training.checkpoint import (
    CheckpointError,
    load_model,
    write_atomically,
)
from shapes_of_attention.training.grid import Entry, entries
from shapes_of_attention.training.loop import Progress, Stopped, train

_ROOT = Path(__file__).resolve().parents[2]
_TEST_IMAGES = 2048

#: Between the name of a run in the grid and the length that it was given instead of the grid's.
_BUDGET = "/seconds-"


def main(arguments: list[str] | None = None) -> int:
    chosen = _parse(arguments)
    torch.set_num_threads(chosen.threads)
    listed = [entry for entry in entries() if fnmatch(entry.name, chosen.only)]
    if not listed:
        print(f"error: no run is called {chosen.only}; --list names them all", file=sys.stderr)
        return 1
    if chosen.budget is not None:
        listed = [_at_budget(entry, chosen.budget) for entry in listed]
    if chosen.list:
        for entry in listed:
            print(_describe(entry, chosen.runs, chosen.assets))
        return 0

    fabric = Fabric(accelerator=chosen.accelerator, devices=chosen.devices, num_nodes=chosen.nodes)
    fabric.launch()
    for entry in listed:
        if _finished(entry, chosen.runs, chosen.assets):
            fabric.print(f"{entry.name}: done")
            continue
        folder = _folder(entry, chosen.runs)
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        # The processes of one run share its folder: the first holds it for all.
        if not fabric.broadcast(_acquire(lock) if fabric.is_global_zero else True):
            fabric.print(f"{entry.name}: another process is at it")
            continue
        try:
            _do(entry, folder, fabric, chosen)
        except Stopped as stopped:
            fabric.print(f"{entry.name}: {stopped}")
            return 130
        except (CheckpointError, OSError) as error:
            print(f"error: {entry.name}: {error}", file=sys.stderr)
            return 1
        finally:
            lock.release()
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m shapes_of_attention.train", description="Train the project's models."
    )
    parser.add_argument("--list", action="store_true", help="list runs and their state, then stop")
    parser.add_argument(
        "--only", default="*", metavar="PATTERN", help="names of runs, with * and ?"
    )
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="length of each run")
    parser.add_argument("--runs", type=Path, default=_ROOT / "runs", help="folder of runs")
    parser.add_argument(
        "--assets",
        type=Path,
        default=_ROOT / "assets",
        help="folder of finished records and models",
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of each process")
    parser.add_argument("--workers", type=int, default=1, help="processes that make images")
    parser.add_argument("--accelerator", default="cpu", help="cpu, cuda, mps or auto")
    parser.add_argument("--devices", type=int, default=1, help="devices on each node")
    parser.add_argument("--nodes", type=int, default=1)
    return parser.parse_args(arguments)


def _at_budget(entry: Entry, seconds: float) -> Entry:
    """Give a run another length, and a name of its own: it must not displace the grid's record."""
    if entry.run.budget_seconds == seconds:
        return entry
    name = f"{entry.name}{_BUDGET}{seconds:g}"
    return replace(entry, name=name, run=entry.run.with_budget(seconds))


def _do(entry: Entry, folder: Path, fabric: Fabric, chosen: argparse.Namespace) -> None:
    fabric.print(f"{entry.name}: {folder}")
    start_from = None
    if entry.run.continues is not None:
        start_from = chosen.assets / "checkpoints" / f"state-{entry.run.continues}.safetensors"
        for state in chosen.runs.glob(f"*-{entry.run.continues}/state.safetensors"):
            start_from = state
    elif entry.run.starts_from is not None:
        start_from = chosen.assets / "checkpoints" / f"{entry.run.starts_from}.safetensors"
    with _Display(entry.name, quiet=not fabric.is_global_zero) as display:
        record = train(
            entry.run,
            folder,
            fabric=fabric,
            workers=chosen.workers,
            start_from=start_from,
            report=display,
        )
    if not fabric.is_global_zero:
        return
    model = load_model(folder / "model.safetensors")
    record["name"] = entry.name
    # What repeats this run anywhere, whatever folders and patterns it was started with.
    only = entry.name.replace(_BUDGET, " --budget ")
    record["command"] = f"python -m shapes_of_attention.train --only {only}"
    record["test"] = evaluate(
        model, images=_TEST_IMAGES, seed=IMAGE_TEST_SEED, config=ShapesConfig(**entry.run.data)
    )
    content = (json.dumps(record, indent=1) + "\n").encode()
    write_atomically(_record_path(entry, chosen.assets), content)
    if entry.keep_model:
        kept = chosen.assets / "checkpoints" / f"{_flat(entry.name)}.safetensors"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "model.safetensors", kept)
    colour = record["test"]["colour"]
    removed = colour["filtered_removed"]
    fabric.print(
        f"{entry.name}: {record['images']} images, colour error "
        f"{colour['colour_error_median']:.2f}, within 8 {colour['within_8']:.1%}, "
        + (f"filtered circles removed {removed:.1%}" if removed is not None else "nothing filtered")
    )


def _acquire(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _flat(name: str) -> str:
    return name.replace("/", "-")


def _folder(entry: Entry, runs: Path) -> Path:
    return runs / f"{_flat(entry.name)}-{entry.run.key()}"


def _record_path(entry: Entry, assets: Path) -> Path:
    return assets / "records" / f"{_flat(entry.name)}.json"


def _finished(entry: Entry, runs: Path, assets: Path) -> bool:
    path = _record_path(entry, assets)
    try:
        record: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return False
    except json.JSONDecodeError:
        print(f"warning: {path} is damaged; the run is done again", file=sys.stderr)
        return False
    return record.get("key") == entry.run.key()


def _describe(entry: Entry, runs: Path, assets: Path) -> str:
    if _finished(entry, runs, assets):
        state = "done"
    elif (_folder(entry, runs) / "state.safetensors").exists():
        state = "begun"
    else:
        state = "-"
    run = entry.run
    budget = (
        f"{run.budget_images} images" if run.budget_images else f"{run.budget_seconds or 0:g} s"
    )
    return f"{state:6}{entry.name:44}{budget:>14}  {run.key()}"


class _Display:
    """A progress bar on a terminal, a line every half minute in a log."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        self.name = name
        self.quiet = quiet
        self.console = Console()
        self.logged_at = time.perf_counter()
        self.started: tuple[float, float] | None = None
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
        )
        self.task = self.bar.add_task(name, total=1.0, state="")
        self.loss: float | None = None

    def __enter__(self) -> "_Display":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, progress: Progress, share: float) -> None:
        # One batch's loss is noisy; show a running mean.
        old = self.loss
        self.loss = progress.loss if old is None else 0.99 * old + 0.01 * progress.loss
        speed = progress.images / max(progress.seconds, 1e-9)
        state = f"loss {self.loss:.5f} {speed:.0f} images/s"
        now = time.perf_counter()
        if self.started is None:
            self.started = (now, share)
        if not self.bar.disable:
            self.bar.update(self.task, completed=min(share, 1.0), state=state)
        elif not self.quiet and now - self.logged_at >= 30:
            self.logged_at = now
            begun, share_then = self.started
            left = (now - begun) / max(share - share_then, 1e-9) * (1 - share)
            point = progress.curve[-1] if progress.curve else {}
            print(
                f"{self.name}: {share:6.1%} {state}, {progress.images} images, "
                f"error {point.get('colour_error_median', float('nan')):.2f}, "
                f"{left / 60:.0f} min left",
                flush=True,
            )


if __name__ == "__main__":
    # Workers that make images need no threads of their own.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    raise SystemExit(main())
