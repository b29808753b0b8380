"""Builds that need not import the generator first: a process that has done so forks itself for each.

Two thirds of a small blog's build are imports. A fork is a process of its own, with the folder, the
environment and the output of the command line; builds that a test kills or limits begin cold.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from workbench.small_blog import PATIENCE, Build

MODULES = (
    "notebook_embed.mkdocs_plugin",
    "notebook_embed.serving",
    "mkdocs.commands.build",
    "mkdocs_jupyter.plugin",
    "material.plugins.blog.plugin",
    "material.plugins.search.plugin",
    "material.plugins.tags.plugin",
    "pymdownx.superfences",
    "pymdownx.highlight",
    "griffe",
)


class Warm:
    """Runs ``python -m notebook_embed`` in forks of one process."""

    process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=Path(__file__).parents[2],
            env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.communicate()  # it ends with its orders

    def __call__(self, arguments: list[str], folder: Path, environment: Mapping[str, str]) -> Build:
        """Run the command in a folder, and wait for its end; `-m MODULE` first is another one."""
        self.process = self.process or self.start()
        assert self.process.stdin is not None and self.process.stdout is not None
        with tempfile.TemporaryDirectory() as logs:
            order = [arguments, str(folder), dict(environment), logs]
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            code = int(self.process.stdout.readline())
            output = [Path(logs, name).read_text("utf-8") for name in ("stdout", "stderr")]
        return Build(code, "".join(output))


def _serve() -> None:
    for name in MODULES:
        importlib.import_module(name)
    for order in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(*json.loads(order))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(arguments: list[str], folder: str, environment: dict[str, str], logs: str) -> None:
    """Be what ``python -m notebook_embed`` with these arguments would be."""
    module = "notebook_embed"
    if arguments[0] == "-m":
        _, module, *arguments = arguments
    signal.alarm(PATIENCE)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(logs, name), os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = folder
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
