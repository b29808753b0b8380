"""Notebooks run on the workers of a Dask cluster, and survive the death of one of them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.small_blog import MKDOCS, PATIENCE, Project, make_project

AREAS = "docs/notebooks/areas.py"
# Runs until it is let go, and leaves the process that its kernel is a child of.
WAIT = """\
import os, time
from pathlib import Path
Path(f"../../worker-{os.getppid()}").touch()
while not Path("../../go-on").exists():
    time.sleep(0.05)
"""


@contextlib.contextmanager
def dask(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of Dask, with all that it starts, until the block is left."""
    with subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def told_in(file: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until a scheduler has written down its address, and return that."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return str(json.loads(file.read_text("utf-8"))["address"])
        time.sleep(0.05)
    raise AssertionError("the scheduler did not start")


def make_blog(root: Path, scheduler: str) -> Project:
    project = make_project(root)
    option = f"  - notebook-embed:\n      scheduler: {scheduler}\n"
    project.write("mkdocs.yml", MKDOCS.replace("  - notebook-embed:\n", option))
    return project


@pytest.fixture
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler's address, with two workers of one thread each."""
    file = tmp_path_factory.mktemp("scheduler") / "scheduler.json"
    there = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")  # on a port that is free then
    with dask("scheduler", *there, "--scheduler-file", str(file)) as process:
        address = told_in(file, process)
        worker = ("worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard")
        with dask(*worker), dask(*worker):
            from distributed import Client

            with Client(address, timeout=PATIENCE) as client:
                client.wait_for_workers(2, timeout=PATIENCE)
            yield address


def test_a_cluster_makes_the_same_site_though_a_worker_is_killed(
    scheduler: str, tmp_path: Path
) -> None:
    here = make_project(tmp_path / "here")
    here.change(AREAS, "x = 1", f"x = 1\n{WAIT}")
    (here.root / "go-on").touch()
    here.build().succeeded()

    there = make_blog(tmp_path / "there", scheduler)
    there.change(AREAS, "x = 1", f"x = 1\n{WAIT}")
    with subprocess.Popen(
        there.command(),
        cwd=there.root,
        env=there.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as build:
        first = wait_for_worker(there.root, known=set())
        os.kill(first, signal.SIGKILL)
        second = wait_for_worker(there.root, known={first})
        (there.root / "go-on").touch()
        output, _ = build.communicate(timeout=PATIENCE)
    assert build.returncode == 0, output
    assert second != first
    assert there.tree("site") == here.tree("site")


def wait_for_worker(folder: Path, known: set[int]) -> int:
    """Wait until a worker that is not known has begun the notebook, and return its process."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        begun = {int(path.name.split("-")[1]) for path in folder.glob("worker-*")}
        if new := begun - known:
            return new.pop()
        time.sleep(0.05)
    raise AssertionError("no worker began the notebook")


def test_a_cell_that_raises_elsewhere_is_named_as_if_it_were_here(
    scheduler: str, tmp_path: Path
) -> None:
    project = make_blog(tmp_path, scheduler)
    project.change(AREAS, "x = 1", "x = 1\ny = x / 0")
    line = project.line(AREAS, "x / 0")
    project.build().failed(
        f"{AREAS}:{line} (cell silent): ZeroDivisionError: division by zero",
        "Traceback (most recent call last)",
    )


def test_a_scheduler_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "1s")
    with socket.socket() as silent:  # nobody else may listen there meanwhile
        silent.bind(("127.0.0.1", 0))
        project = make_blog(tmp_path, f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        project.build().failed("mkdocs.yml: the Dask scheduler", "cannot be reached", "Start it")
