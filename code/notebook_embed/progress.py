"""Say what is running: a line for each notebook and cell, or live bars on a terminal."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["heard", "log", "running"]

# Not below MkDocs' own logger, whose every warning ends a strict build.
log = logging.getLogger("notebook_embed")
if not log.handlers:
    _handler = logging.StreamHandler(sys.stderr)
    _handler.setFormatter(logging.Formatter("%(levelname)-7s -  %(message)s"))
    log.addHandler(_handler)
    log.setLevel(logging.INFO)

Report = Callable[[str, int, int, str], None]


@contextlib.contextmanager
def heard() -> Iterator[list[logging.LogRecord]]:
    """Give what is logged in the block, and keep it from everybody else."""
    records: list[logging.LogRecord] = []

    def take(record: logging.LogRecord) -> bool:
        if record.thread != threading.get_ident():
            return True
        records.append(record)
        return False

    log.addFilter(take)
    try:
        yield records
    finally:
        log.removeFilter(take)


@contextlib.contextmanager
def running(notebooks: list[str]) -> Iterator[Report]:
    """Yield a function that is told (notebook, cells done, cells in all, label of the cell)."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    bars = Progress(
        TextColumn("{task.fields[name]}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[cell]}"),
        console=console,
    )
    with bars:
        tasks = {name: bars.add_task("", name=name, cell="", start=False) for name in notebooks}

        def report(name: str, done: int, total: int, cell: str) -> None:
            if not done:
                bars.start_task(tasks[name])
            bars.update(tasks[name], completed=done, total=total, cell=cell)

        yield report


def _lines() -> Report:
    started: dict[str, float] = {}
    lock = threading.Lock()

    def report(name: str, done: int, total: int, cell: str) -> None:
        with lock:
            since = started.setdefault(name, time.monotonic())
            if done < total:
                log.info("%s  %d/%d  %s", name, done + 1, total, cell)
            else:
                log.info("%s  done in %.1f s", name, time.monotonic() - since)

    return report
