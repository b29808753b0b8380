"""Run notebooks in kernels, several at a time."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbclient.exceptions
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from notebook_embed.errors import EmbedError
from notebook_embed.kernels import environment_of, manager_class
from notebook_embed.notebook import Notebook
from notebook_embed.outputs import VALUES

__all__ = ["PREAMBLE", "Job", "run_notebook"]

Progress = Callable[[int, int, str], None]

# Whoever else is on the machine can neither read nor steer a kernel whose messages are encrypted.
KERNELS = Config({"KernelManager": {"transport_encryption": "auto"}})


# So many seconds are as good as no limit.
NEVER = 1e7
# What a kernel of Python runs before the first cell; it leaves no name behind.
_SOURCE = Path(__file__).with_name("values_in_kernel.py").read_text("utf-8")
PREAMBLE = f"exec({_SOURCE!r} + {f'register({VALUES!r})'!r}, {{'__name__': 'values'}})"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A notebook to run: in which folder, with which environment, how long a cell may take (s)."""

    notebook: Notebook
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    timeout: float = 600.0


def run_notebook(job: Job, progress: Progress = lambda done, total, cell: None) -> str:
    """Run a notebook from its first cell to its last and return it, outputs and all, as JSON.

    Raises
    ------
    EmbedError : a cell raised, took too long, or its kernel died; names the file and the line.
    """
    notebook = job.notebook
    node = nbformat.from_dict(notebook.node)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    total = len(notebook.code_cells)
    state = {"index": notebook.code_cells[0].index, "done": 0}

    def started(cell: nbformat.NotebookNode, cell_index: int) -> None:
        state["index"] = cell_index
        progress(state["done"], total, notebook.cells[cell_index].name)
        state["done"] += 1

    def ready(notebook: nbformat.NotebookNode) -> None:
        if job.notebook.language == "python" and client.kc is not None:
            client.kc.execute(PREAMBLE, silent=True, store_history=False, stop_on_error=False)

    limits = {cell.index: cell.timeout for cell in notebook.code_cells}

    def limit(cell: nbformat.NotebookNode) -> int | None:
        own = limits.get(next((i for i, c in enumerate(node.cells) if c is cell), -1))
        seconds = own or job.timeout
        return max(1, round(seconds)) if 0 < seconds < NEVER else None

    client = NotebookClient(
        node,
        kernel_name=notebook.kernel,
        timeout_func=limit,
        startup_timeout=120,
        allow_errors=False,
        force_raise_errors=True,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(job.folder)}},
        on_notebook_start=ready,
        on_cell_execute=started,
        shutdown_kernel="immediate",
        kernel_manager_class=manager_class(),
        config=KERNELS,
    )
    try:
        _refuse_missing_kernel(client, notebook)
        client.execute(env=environment_of(job.environment), cleanup_kc=True)
    except nbclient.exceptions.CellExecutionError as error:
        raise _cell_raised(notebook, state["index"], node, error) from error
    except nbclient.exceptions.CellTimeoutError as error:
        cell = notebook.cells[state["index"]]
        allowed = cell.timeout or job.timeout
        raise EmbedError(
            f"Timeout: the cell did not end within {allowed:g} seconds",
            file=notebook.path,
            line=cell.line,
            cell=cell.name,
            remedy="Make it faster, or allow it more: '#| timeout: SECONDS' at its top.",
        ) from error
    except (nbclient.exceptions.DeadKernelError, RuntimeError, asyncio.CancelledError) as error:
        cell = notebook.cells[state["index"]]
        raise EmbedError(
            f"the kernel died while this cell ran ({type(error).__name__}: {error})",
            file=notebook.path,
            line=cell.line,
            cell=cell.name,
            remedy="It crashed, was killed, or ran out of memory. "
            "Run the notebook by itself in Jupyter to see how far it comes.",
        ) from error
    finally:
        _stop(client)
    for cell in node.cells:
        cell.metadata.pop("execution", None)
    node.metadata.pop("widgets", None)
    node.metadata.get("language_info", {}).pop("version", None)
    try:
        return str(nbformat.writes(node))
    except nbformat.ValidationError as error:
        raise EmbedError(
            f"an output is malformed: {str(error).strip().splitlines()[0]}",
            file=notebook.path,
            line=1,
            remedy="Outputs of other types than JSON are text: look for display(..., raw=True).",
        ) from error


def _refuse_missing_kernel(client: NotebookClient, notebook: Notebook) -> None:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        KernelSpecManager().get_kernel_spec(client.kernel_name)
    except NoSuchKernel as error:
        known = ", ".join(sorted(KernelSpecManager().find_kernel_specs()))
        raise EmbedError(
            f"there is no kernel named '{client.kernel_name}'",
            file=notebook.path,
            line=1,
            remedy=f"Name one of these in the notebook's header, or leave it out: {known}.",
        ) from error


def _cell_raised(
    notebook: Notebook,
    index: int,
    node: nbformat.NotebookNode,
    error: nbclient.exceptions.CellExecutionError,
) -> EmbedError:
    cell = notebook.cells[index]
    outputs = [out for out in node.cells[index].get("outputs", []) if out.output_type == "error"]
    trace = strip_ansi("\n".join(outputs[-1].traceback)) if outputs else strip_ansi(str(error))
    # IPython writes "Cell In[3], line 2" for each frame in a cell: the first is in this one.
    frame = re.search(r"Cell In\[\d+\], line (\d+)", trace)
    # Options are not part of what runs where the cell has a magic.
    above = len(cell.source.split("\n")) - len(node.cells[index].source.split("\n"))
    line = cell.line + (int(frame.group(1)) - 1 + above if frame else 0)
    message = f"{error.ename}: {error.evalue}".rstrip(": ")
    return EmbedError(
        strip_ansi(message),
        file=notebook.path,
        line=line,
        cell=cell.name,
        remedy="Nothing of this build is published. Mend the cell and build again.",
        detail=trace,
    )


def strip_ansi(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def _stop(client: NotebookClient) -> None:
    """Leave no kernel behind, whatever state it is in."""
    atexit.unregister(client._cleanup_kernel)
    manager = getattr(client, "km", None)
    provisioner = getattr(manager, "provisioner", None)
    pid = getattr(provisioner, "pid", None)
    process = getattr(provisioner, "process", None)
    if pid and process is not None and process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if (group := os.getpgid(pid)) != os.getpgrp():
                os.killpg(group, signal.SIGKILL)
        process.kill()
