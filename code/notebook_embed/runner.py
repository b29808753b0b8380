"""Run those notebooks whose result is not in the cache, several at a time."""

from __future__ import annotations

import concurrent.futures
import copy
import glob
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import Path

import nbformat

from notebook_embed.cache import Cache, Key
from notebook_embed.environment import concerned_distributions
from notebook_embed.errors import EmbedError, shown
from notebook_embed.execution import PREAMBLE, Job, Progress
from notebook_embed.executors import Run, executor_for
from notebook_embed.imports import Closure, Modules, stamp
from notebook_embed.notebook import Cell, Notebook
from notebook_embed.progress import log, running
from notebook_embed.static_images import draw_bare_plotly

__all__ = ["Executed", "Settings", "execute_all", "key_of", "matching"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How notebooks run.

    `root` is the project's folder, `code` the folders of its own modules, `inputs` files that every
    notebook depends on (relative to `root`), `environment` what kernels get, `secret` what they get
    besides and nobody may read in the cache, `timeout` the seconds that a cell may take, `jobs` how
    many run at a time, `scheduler` the address of the Dask cluster that runs them (on this machine
    when empty).
    """

    root: Path
    cache: Path
    code: list[Path] = field(default_factory=list)
    requirements: Path
    inputs: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    secret: dict[str, str] = field(default_factory=dict)
    timeout: float = 600.0
    jobs: int = 2
    scheduler: str = ""
    fresh: bool = False
    why: bool = False


@dataclass(frozen=True, eq=False)
class Executed:
    """A notebook with its outputs: `node`, and as the file that readers download."""

    node: nbformat.NotebookNode

    @cached_property
    def text(self) -> str:
        return str(nbformat.writes(self.node))


def execute_all(notebooks: Mapping[str, Notebook], settings: Settings) -> dict[str, Executed]:
    """Return each notebook with its outputs, from the cache where nothing that matters changed.

    Raises
    ------
    EmbedError : a notebook failed. Those already under way are finished and kept; no other starts.
    """
    cache = Cache(settings.cache)
    modules: dict[Path, Modules] = {}  # by the folder of the notebooks that import them
    keys = {uri: key_of(notebook, settings, modules) for uri, notebook in notebooks.items()}
    done = {} if settings.fresh else {uri: cache.load(key) for uri, key in keys.items()}
    due = [uri for uri in notebooks if done.get(uri) is None]
    if settings.why:
        for uri in notebooks:
            reasons = cache.why(keys[uri]) if uri in due else ["unchanged, from the cache"]
            log.info("%s: %s", uri, "\n           ".join(reasons))
    if due:
        done |= _execute(due, notebooks, keys, cache, settings)
    return {uri: _with_outputs(notebook, done[uri] or "") for uri, notebook in notebooks.items()}


def _execute(
    due: list[str],
    notebooks: Mapping[str, Notebook],
    keys: Mapping[str, Key],
    cache: Cache,
    settings: Settings,
) -> dict[str, str | None]:
    done: dict[str, str | None] = {}
    failures: list[EmbedError] = []
    # Each kernel is a process of its own; here a thread for each is enough to wait for it.
    with (
        running(due) as report,
        executor_for(settings.scheduler, settings.jobs) as (run, jobs),
        concurrent.futures.ThreadPoolExecutor(jobs) as executor,
    ):
        futures = {
            executor.submit(
                _run, run, notebooks[uri], keys[uri], cache, settings, partial(report, uri)
            ): uri
            for uri in due
        }
        for future in concurrent.futures.as_completed(futures):
            if future.cancelled():
                continue
            try:
                done[futures[future]] = future.result()
            except EmbedError as error:
                failures.append(error)
                for other in futures:
                    other.cancel()
    if len(failures) == 1:
        raise failures[0]
    if failures:
        joined = "\n\n".join(failure.message for failure in failures)
        raise EmbedError(f"{len(failures)} notebooks failed.\n\n{joined}")
    return done


def _run(
    run: Run, notebook: Notebook, key: Key, cache: Cache, settings: Settings, progress: Progress
) -> str:
    """Run a notebook and keep the result; once more if what it depends on changed meanwhile.

    What changes again is not kept: nobody knows which state of it the cells have seen.
    """
    for again in (True, False):
        with cache.lock(key):
            if not settings.fresh and (found := cache.load(key)) is not None:
                return found  # another build ran it while this one waited
            job = Job(
                notebook=notebook,
                folder=notebook.path.parent,
                environment={**settings.environment, **settings.secret},
                timeout=settings.timeout,
            )
            node = nbformat.reads(run(job, progress), as_version=4)
            draw_bare_plotly(node, notebook, log.warning)
            executed = str(nbformat.writes(node))
            if not (outdated := key.outdated()):
                cache.store(key, executed)
                break
        log.warning(
            "%s: %s changed while it ran: %s.",
            notebook.uri,
            " and ".join(sorted(shown(path) for path in outdated)),
            "it runs again" if again else "what came out is shown, but not kept",
        )
        if again:
            key = key_of(notebook, settings)
    total = len(notebook.code_cells)
    progress(total, total, "")
    return executed


@lru_cache(maxsize=256)  # a server asks for the same again and again
def _with_outputs(notebook: Notebook, executed: str) -> Executed:
    """Put the outputs of a run into the notebook as it is now: its prose may have changed since."""
    node = copy.deepcopy(notebook.node)
    ran = [cell for cell in json.loads(executed)["cells"] if cell["cell_type"] == "code"]
    for cell, result in zip(
        (cell for cell in node.cells if cell.cell_type == "code"), ran, strict=True
    ):
        cell.outputs = nbformat.from_dict(result["outputs"])
        cell.execution_count = result["execution_count"]
    for cell in node.cells:
        for output in cell.get("outputs", []):
            for name in ("data", "text"):  # files may hold lines as lists, in memory they are text
                value = output.get(name)
                if isinstance(value, list):
                    output[name] = "".join(value)
                elif isinstance(value, dict):
                    for mime, part in value.items():
                        if isinstance(part, list) and not mime.endswith("json"):
                            value[mime] = "".join(part)
    return Executed(node)


def key_of(
    notebook: Notebook, settings: Settings, modules: dict[Path, Modules] | None = None
) -> Key:
    """Collect all that the result of a notebook depends on.

    `modules` keeps what is found about modules for the notebooks to come.

    Raises
    ------
    EmbedError : a cell, or a module that it imports, is not Python; a declared input is missing.
    """
    code = json.dumps([cell.code for cell in notebook.code_cells])
    parts = {
        "code cells": hashlib.sha256(code.encode()).hexdigest(),
        "kernel": notebook.kernel,
        "preamble": hashlib.sha256(PREAMBLE.encode()).hexdigest(),
        "python": sys.version,
        "environment": json.dumps(settings.environment, sort_keys=True).replace(
            str(settings.root), "."
        ),
    }
    for name, value in settings.secret.items():
        parts[f"variable {name}"] = hashlib.sha256(value.encode()).hexdigest()
    stamps: dict[Path, tuple[int, ...]] = {}
    foreign: set[str] = set()
    folder = notebook.path.parent
    known = {} if modules is None else modules
    found = known.setdefault(folder, Modules([folder, *settings.code]))
    if notebook.language == "python":
        for cell in notebook.code_cells:
            closure = _closure(notebook, cell, found)
            foreign |= closure.foreign
            stamps |= closure.stamps
            for path, digest in closure.local.items():
                parts[f"module {shown_in(path, settings.root)}"] = digest
    for name, state in concerned_distributions(sorted(foreign), settings.requirements).items():
        parts[f"package {name}"] = state
    declared: list[tuple[str, Cell | None]] = [(name, None) for name in settings.inputs]
    declared += [(name, cell) for cell in notebook.code_cells for name in cell.inputs]
    for name, owner in declared:
        for file in matching(settings.root, name):
            digest, stamps[file] = _digest(file, notebook, owner)
            parts[f"input {shown_in(file, settings.root)}"] = digest
    return Key(notebook.uri, parts, stamps)


def _closure(notebook: Notebook, cell: Cell, modules: Modules) -> Closure:
    try:
        return modules.closure(cell.code)
    except SyntaxError as error:
        in_module = error.filename and error.filename != "<unknown>"
        above = len(cell.source.split("\n")) - len(cell.code.split("\n"))
        raise EmbedError(
            f"SyntaxError: {error.msg}: {(error.text or '').strip()}",
            file=error.filename if in_module else notebook.path,
            line=error.lineno if in_module else cell.line + above + (error.lineno or 1) - 1,
            cell=None if in_module else cell.name,
            remedy=f"{shown(notebook.path)} imports it." if in_module else "",
        ) from error


def shown_in(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def matching(root: Path, name: str) -> list[Path]:
    """List the files that a declared input means: one, or all that match a pattern with * or ?.

    ``**`` stands for any number of folders, none among them. What bears the very name of a pattern,
    or of what no file matches, is meant by it.
    """
    # Methods of Path raise on names that they do not like; here such a name matches nothing.
    if os.path.isfile(root / name):  # noqa: PTH113
        return [root / name]
    found = sorted(set(glob.glob(name, root_dir=root, recursive=True)))  # noqa: PTH207
    if "**" in name:  # it matches folders too, which are no inputs by themselves
        found = [path for path in found if not (root / path).is_dir()]
    return [root / path for path in found] or [root / name]


def _digest(path: Path, notebook: Notebook, cell: Cell | None) -> tuple[str, tuple[int, ...]]:
    try:
        now = stamp(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), now
    except OSError as error:
        raise EmbedError(
            f"the declared input '{path}' cannot be read: {error.strerror}",
            file=notebook.path,
            line=cell.line if cell else 1,
            cell=cell.name if cell else None,
            remedy="Inputs are files, named relative to the project's folder.",
        ) from error
