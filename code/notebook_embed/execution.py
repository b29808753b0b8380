"""Run notebooks in kernels, several at a time."""

from __future__ import annotations

import ast
import asyncio
import atexit
import concurrent.futures
import contextlib
import copy
import json
import os
import queue
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, pairwise, zip_longest
from pathlib import Path
from typing import Any

import nbclient.exceptions
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from notebook_embed.bokeh_figures import settle_bokeh
from notebook_embed.errors import EmbedError
from notebook_embed.forks import Forks
from notebook_embed.kernels import environment_of, manager_class, spec_of
from notebook_embed.notebook import Notebook
from notebook_embed.order import INSTALLED, LOADED
from notebook_embed.outputs import VALUES
from notebook_embed.places import FRAME, Places
from notebook_embed.terminal import last_of_lines, without_escapes
from notebook_embed.widgets import settle_widgets

__all__ = ["PREAMBLE", "Job", "Kernels", "in_order", "run_notebook"]

Progress = Callable[[int, int, str], None]

# Whoever else is on the machine can neither read nor steer a kernel whose messages are encrypted.
KERNELS = Config({"KernelManager": {"transport_encryption": "auto"}})


# What nbclient reads in a cell's tags.
RAISES, SKIPS = "raises-exception", "skip-execution"
# What begins a line anew, as progress bars do; what moves up to an earlier one.
ANEW, UPWARDS = re.compile(r"\r+[^\r\n]"), re.compile(r"\x1b\[\d*A")
# So many seconds a kernel has to be heard from.
PATIENCE = 120
# So many seconds are as good as no limit.
NEVER = 1e7
# Names the files of the modules that a kernel has loaded and that nobody has installed.
_MODULES = """__import__('json').dumps(sorted({
    file
    for name, module in list(__import__('sys').modules.items())
    if name.partition('.')[0] not in ('__main__', '__mp_main__', 'notebook_embed')
    for file in [getattr(module, '__file__', None)]
    if isinstance(file, str) and file.endswith(('.py', '.so', '.pyd'))
    if not any(
        file.startswith(folder)
        for kind, folder in __import__('sysconfig').get_paths().items()
        if kind != 'data' and kind != 'scripts'
    )
    if not {'site-packages', 'dist-packages'} & set(file.replace(chr(92), '/').split('/'))
}))"""
# Names the modules that a kernel has loaded of what is installed, by their first names. Some load
# with Python itself, whatever runs (`_distutils_hack`).
_INSTALLED = """__import__('json').dumps(sorted({
    name.partition('.')[0]
    for name, module in list(__import__('sys').modules.items())
    for file in [getattr(module, '__file__', None)]
    if isinstance(file, str) and name[:1] != '_' and name.partition('.')[0] != 'notebook_embed'
    if {'site-packages', 'dist-packages'} & set(file.replace(chr(92), '/').split('/'))
}))"""
# What a kernel of Python runs before the first cell; it leaves no name behind.
_SOURCE = Path(__file__).with_name("values_in_kernel.py").read_text("utf-8")
PREAMBLE = f"exec({_SOURCE!r} + {f'register({VALUES!r})'!r}, {{'__name__': 'values'}})"
# So many frames of one text stay in a traceback, and so many at its end.
ALIKE = 3
# No part of a key: what it lets through was lost before.
_SIGNS = Path(__file__).with_name("signs_in_kernel.py").read_text("utf-8")
_SIGNS = f"exec({_SIGNS + 'register()'!r}, {{'__name__': 'signs'}})"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A notebook to run: in which folder, with which environment, how long a cell may take (s).

    `imports` names what it imports of other people's packages, `root` is the project's folder and
    `code` are those of its own modules.
    """

    notebook: Notebook
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    timeout: float = 600.0
    imports: frozenset[str] = frozenset()
    root: Path | None = None
    code: tuple[Path, ...] = ()


class Kernels:
    """The kernels that run now, so that all of them can be ended at once; and where they start."""

    def __init__(self, forks: Forks | None = None) -> None:
        self.forks = forks
        self._clients: set[NotebookClient] = set()
        self._lock, self.stopped = threading.Lock(), threading.Event()

    @contextlib.contextmanager
    def running(self, client: NotebookClient) -> Iterator[None]:
        with self._lock:
            self._clients.add(client)
        try:
            yield
        finally:
            with self._lock:
                self._clients.discard(client)
            _stop(client)

    def stop(self) -> None:
        """End every kernel; those who wait for one see it die, and none that starts goes on."""
        self.stopped.set()
        with self._lock:
            for client in self._clients:
                _stop(client)


def run_notebook(
    job: Job,
    progress: Progress = lambda done, total, cell: None,
    kernels: Kernels | None = None,
    *,
    again: bool = True,
) -> str:
    """Run a notebook from its first cell to its last and return it, outputs and all, as JSON.

    A kernel that dies before its first cell is started once more, if `again`: between the choice of
    its ports and their use another program may have taken one.

    Raises
    ------
    EmbedError : a cell raised, took too long, or its kernel died; names the file and the line.
    """
    notebook = job.notebook
    kernels = kernels or Kernels()
    node = copy.deepcopy(notebook.node)
    for cell, raw in zip(notebook.cells, node.cells, strict=True):
        if cell.kind == "code":
            raw.outputs, raw.execution_count = [], None
            raw.metadata["tags"] = [RAISES] * notebook.may_raise(cell) + [SKIPS] * (
                not cell.options.eval
            )
    total = len(notebook.due_cells)
    state = {"index": notebook.due_cells[0].index, "done": 0}

    def started(cell: nbformat.NotebookNode, cell_index: int) -> None:
        state["index"] = cell_index
        progress(state["done"], total, notebook.cells[cell_index].name)
        state["done"] += 1

    async def ready(notebook: nbformat.NotebookNode) -> None:
        if kernels.stopped.is_set():
            raise RuntimeError("the build was stopped")
        if job.notebook.language == "python" and client.kc is not None:
            first = f"{PREAMBLE}\n{_SIGNS}"
            client.kc.execute(first, silent=True, store_history=False, stop_on_error=False)
        await _heard(client)
        if job.notebook.language == "python":
            # A kernel has loaded much for itself; what it was forked with is the notebook's.
            manager: Any = client.km
            ahead = getattr(getattr(manager.provisioner, "process", None), "ahead", ())
            found = await _loaded(client, {"installed": _INSTALLED})
            own.update(found.get("installed", []))
            own.difference_update(ahead)

    own: set[str] = set()
    loaded: dict[str, list[str]] = {}

    async def ended(cell: nbformat.NotebookNode, cell_index: int, execute_reply: Any) -> None:
        last = notebook.due_cells[-1].index  # after it the kernel is gone
        if cell_index == last and notebook.language == "python":
            loaded.update(await _loaded(client, {"files": _MODULES, "installed": _INSTALLED}))

    limits = {cell.index: cell.timeout for cell in notebook.code_cells}

    def limit(cell: nbformat.NotebookNode) -> float | None:
        said = limits.get(next((i for i, c in enumerate(node.cells) if c is cell), -1))
        seconds = said or job.timeout
        return seconds if 0 < seconds < NEVER else None

    client = NotebookClient(
        node,
        kernel_name=notebook.kernel,
        timeout_func=limit,
        startup_timeout=120,
        record_timing=False,
        resources={"metadata": {"path": str(job.folder)}},
        on_notebook_start=ready,
        on_cell_execute=started,
        on_cell_executed=ended,
        shutdown_kernel="immediate",
        kernel_manager_class=manager_class(
            None if notebook.own_kernel else kernels.forks, job.imports
        ),
        config=KERNELS,
    )
    try:
        _refuse_missing_kernel(notebook)
        with kernels.running(client):
            _to_its_end(client.async_execute(env=environment_of(job.environment), cleanup_kc=True))
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
        if not state["done"]:
            if again and "died" in str(error) and not kernels.stopped.is_set():
                return run_notebook(job, progress, kernels, again=False)
            raise EmbedError(
                f"the kernel '{notebook.kernel}' does not start ({error})",
                file=notebook.path,
                line=1,
                remedy="What it says of itself stands above. Start it in Jupyter to see more.",
            ) from error
        cell = notebook.cells[state["index"]]
        raise EmbedError(
            f"the kernel died while this cell ran ({type(error).__name__}: {error})",
            file=notebook.path,
            line=cell.line,
            cell=cell.name,
            remedy="It crashed, was killed, or ran out of memory. "
            "Run the notebook by itself in Jupyter to see how far it comes.",
        ) from error
    places = Places(job.root or job.folder, job.code)
    for cell, raw in zip(notebook.cells, node.cells, strict=True):
        if cell.kind == "code":
            raw.outputs = in_order(raw.outputs)
        for output in raw.get("outputs", []):
            places.leave_out(output, notebook, cell)
    settle_widgets(node)
    settle_bokeh(node)
    node.metadata.pop("widgets", None)
    node.metadata[LOADED] = loaded.get("files", [])
    if notebook.kernel == "python3":  # what another has installed, nobody could compare
        node.metadata[INSTALLED] = [one for one in loaded.get("installed", []) if one not in own]
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


def in_order(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join what a cell prints to each stream between two other outputs, `stdout` before `stderr`.

    A kernel sends all that was printed before it shows something; in how many pieces, and which of
    two streams comes first, is chance. nbclient joins pieces too, wherever they are, and in a time
    that grows with the square of a line's length.
    """
    parts: list[dict[str, list[str]]] = [{}]  # what was printed before each of the others, and last
    others: list[nbformat.NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            parts[-1].setdefault(output.name, []).append(output.text)
        else:
            others.append(output)
            parts.append({})
    texts = [{name: "".join(pieces) for name, pieces in part.items()} for part in parts]
    for name in {name for part in texts for name in part}:
        _write_over([part for part in texts if name in part], name)
    printed = [
        [
            nbformat.v4.new_output("stream", name=name, text=last_of_lines(part[name]))
            for name in sorted(part, reverse=True)
            if part[name]
        ]
        for part in texts
    ]
    shown = [[other] for other in others]
    return list(chain.from_iterable(chain.from_iterable(zip_longest(printed, shown, fillvalue=[]))))


def _write_over(parts: list[dict[str, str]], name: str) -> None:
    """Let a line that goes on after an output be where it ends: how often a bar moves is chance."""
    if any(UPWARDS.search(part[name]) for part in parts[1:]):
        parts[0][name] = "".join(part.pop(name) for part in parts)
        return
    for part, following in pairwise(parts):
        if ANEW.match(following[name]):
            part[name] = part[name][: part[name].rfind("\n") + 1]


async def _heard(client: Any) -> None:
    """Wait until what a kernel publishes arrives: the outputs before that would be lost."""
    for _ in range(PATIENCE):
        client.kc.kernel_info()
        with contextlib.suppress(queue.Empty):
            await client.kc.get_iopub_msg(timeout=1)
            return
        if not await client.km.is_alive():
            return  # the cell that runs first will say so


def _to_its_end(work: Coroutine[Any, Any, Any]) -> None:
    """Run in a loop of its own: what a cell that took too long leaves waiting is cancelled with it.

    Who asks may have a loop that runs, as a worker of Dask has.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    with concurrent.futures.ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, work).result()


async def _loaded(client: Any, asks: dict[str, str]) -> dict[str, list[str]]:
    """Ask a kernel of Python what it has loaded, as these expressions list it."""
    asked = client.kc.execute("", silent=True, store_history=False, user_expressions=asks)
    for _ in range(PATIENCE):
        with contextlib.suppress(queue.Empty):
            reply = await client.kc.get_shell_msg(timeout=1)
            if reply["parent_header"].get("msg_id") == asked:
                return {name: _names_in(reply["content"], name) for name in asks}
        if not await client.km.is_alive():
            break
    return {}


def _names_in(reply: Mapping[str, Any], asked: str) -> list[str]:
    """Read the answer to one of these; kernels that are not IPython's may give none."""
    try:
        shown = reply["user_expressions"][asked]["data"]["text/plain"]
        return [str(file) for file in json.loads(ast.literal_eval(shown))]
    except (KeyError, ValueError, SyntaxError):
        return []


def _refuse_missing_kernel(notebook: Notebook) -> None:
    if notebook.kernel == "python3" or spec_of(notebook.kernel) is not None:
        return
    from jupyter_client.kernelspec import KernelSpecManager

    known = ", ".join(sorted(KernelSpecManager().find_kernel_specs()))
    raise EmbedError(
        f"there is no kernel named '{notebook.kernel}'",
        file=notebook.path,
        line=1,
        remedy=f"Name one of these in the notebook's header, or leave it out: {known}.",
    )


def _cell_raised(
    notebook: Notebook,
    index: int,
    node: nbformat.NotebookNode,
    error: nbclient.exceptions.CellExecutionError,
) -> EmbedError:
    cell = notebook.cells[index]
    outputs = [out for out in node.cells[index].get("outputs", []) if out.output_type == "error"]
    frames = _once(outputs[-1].traceback) if outputs else [str(error)]
    trace = without_escapes("\n".join(frames))
    # IPython writes "Cell In[3], line 2" for each frame in a cell: the first is in this one.
    frame = re.search(r"Cell In\[\d+\], line (\d+)", trace) or FRAME.search(trace)
    # Options are not part of what runs where the cell has a magic.
    above = len(cell.source.split("\n")) - len(node.cells[index].source.split("\n"))
    line = cell.line + (int(frame.group(1)) - 1 + above if frame else 0)
    message = f"{error.ename}: {error.evalue}".rstrip(": ")
    if error.ename == "NoneType":  # raised while the output was shown: some IPythons forget it
        message = _told(trace) or message
    return EmbedError(
        without_escapes(message),
        file=notebook.path,
        line=line,
        cell=cell.name,
        remedy="Nothing of this build is published. Mend the cell and build again.",
        detail=trace,
    )


def _once(frames: list[str]) -> list[str]:
    """Return the frames of a traceback without those that recur, as those of a recursion do."""
    seen: Counter[str] = Counter()
    kept, left_out = [], 0
    for number, frame in enumerate(frames):
        seen[frame] += 1
        if seen[frame] > ALIKE and number < len(frames) - ALIKE:
            left_out += 1
            continue
        if left_out:
            kept.append(f"... {left_out} more frames like those above ...\n")
        kept.append(frame)
        left_out = 0
    return kept


def _told(trace: str) -> str:
    """Return what a traceback says was raised, "Name: message", or nothing."""
    names = [
        name for name in re.findall(r"^([\w.]+) +Traceback", trace, re.M) if name != "NoneType"
    ]
    name = re.escape(names[-1]) if names else r"\w[\w.]*(?:Error|Exception)"
    said = re.findall(rf"^{name}(?! +Traceback)\b.*", trace, re.M)
    return said[-1].rstrip(": ") if said else ""


def _stop(client: NotebookClient) -> None:
    """Leave no kernel behind, whatever state it is in."""
    atexit.unregister(client._cleanup_kernel)
    manager = getattr(client, "km", None)
    provisioner = getattr(manager, "provisioner", None)
    pid = getattr(provisioner, "pid", None)
    process = getattr(provisioner, "process", None)
    if pid and process is not None and process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # Windows has no groups of processes.
            if hasattr(os, "killpg") and (group := os.getpgid(pid)) != os.getpgrp():
                os.killpg(group, signal.SIGKILL)
        process.kill()
