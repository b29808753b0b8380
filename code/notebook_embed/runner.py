"""Run those notebooks whose result is not in the cache, several at a time."""

from __future__ import annotations

import concurrent.futures
import copy
import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from weakref import WeakKeyDictionary

import nbformat

from notebook_embed.aside import here_only
from notebook_embed.cache import Cache, Key
from notebook_embed.chart_data import files_of
from notebook_embed.environment import concerned_distributions, pins_in
from notebook_embed.errors import EmbedError, joined, shown
from notebook_embed.execution import PREAMBLE, Job, Progress
from notebook_embed.executors import Run, executor_for
from notebook_embed.files import configuration
from notebook_embed.folders import folders_below
from notebook_embed.forks import Forks, forks_for
from notebook_embed.imports import Closure, Modules, stamp
from notebook_embed.kept_keys import KeptKeys
from notebook_embed.kernels import environment_of, spec_of
from notebook_embed.latest import latest
from notebook_embed.notebook import Cell, Notebook
from notebook_embed.order import (
    changed_files,
    loaded_files,
    matching,
    note_data_files,
    note_installed,
    note_loaded_files,
    note_written_files,
    waves,
)
from notebook_embed.places import shown_in, with_lines
from notebook_embed.progress import log, running
from notebook_embed.static_images import draw_bare_plotly

__all__ = ["Executed", "Settings", "around", "execute_all", "kept_key", "key_of", "matching"]

Ended = concurrent.futures.Future[tuple[str, Key]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How notebooks run.

    `root` is the project's folder, `code` the folders of its own modules, `inputs` files that every
    notebook depends on (relative to `root`), `environment` what kernels get, `secret` what they get
    besides and nobody may read in the cache, `timeout` the seconds that a cell may take, `jobs` how
    many run at a time, `scheduler` the address of the Dask cluster that runs them (on this machine
    when empty), `forks` whether kernels may start with their imports done, `serving` whether a
    server will run them again, `execute` when they run (`MODES`).
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
    forks: bool = False
    serving: bool = False
    execute: str = "always"
    fresh: bool = False
    why: bool = False

    @property
    def given(self) -> dict[str, str]:
        return {**self.environment, **self.secret}


@dataclass(frozen=True, eq=False)
class Executed:
    """A notebook with its outputs, and the files that it loaded without naming them."""

    node: nbformat.NotebookNode
    loaded: list[Path] = field(default_factory=list)


def execute_all(
    notebooks: Mapping[str, Notebook],
    settings: Settings,
    failures: dict[str, EmbedError] | None = None,
) -> dict[str, Executed]:
    """Return each notebook with its outputs, from the cache where nothing that matters changed.

    A notebook that writes a file runs before those that declare it as an input. Those that fail
    are put into `failures`, if it is given, and have no outputs.

    Raises
    ------
    EmbedError : notebooks failed, all of which are named; those that went well are kept.
    """
    work = _Work(notebooks, settings)
    for wave in waves(notebooks):
        work.do(wave)
    for _ in range(ROUNDS):
        if not (late := work.outdated()):
            break
        work.do(late)
    else:
        work.fail_outdated()
    if not settings.serving:
        work.kept.save()
    if failures is not None:
        failures |= work.failed
    elif work.failed:
        raise joined(list(work.failed.values()))
    return {
        uri: _with_outputs(notebook, work.done[uri], settings.root)
        for uri, notebook in notebooks.items()
    }


class _Work:
    """What one build does: `done` maps notebooks to what they are with outputs, as JSON."""

    def __init__(self, notebooks: Mapping[str, Notebook], settings: Settings) -> None:
        self.notebooks, self.settings = notebooks, settings
        self.cache = Cache(settings.cache)
        self.around = around(settings, notebooks.values())
        self.kept = KeptKeys(settings.root / ".cache" / "keys.json")
        self.keys: dict[str, Key] = {}
        self.done: dict[str, str] = {}
        self.failed: dict[str, EmbedError] = {}

    def do(self, uris: Iterable[str]) -> None:
        """Take these from the cache, or from their files, or run them."""
        modules: dict[Path, Modules] = {}  # by the folder of the notebooks that import them
        due: dict[str, Key] = {}
        for uri in uris:
            notebook = self.notebooks[uri]
            self.done[uri] = unrun(notebook)
            try:
                if not notebook.due_cells or (notebook.stored and self._mode(uri) == "never"):
                    _refuse_stored_error(notebook)
                    continue
                self.keys[uri] = key = self._key(uri, modules)
            except EmbedError as error:
                if self._mode(uri) != "never" or notebook.stored:
                    self.failed[uri] = error
                continue
            found = None if self.settings.fresh else self.cache.load(key)
            changed = [] if found is None else _changed(found, notebook, key, self.settings.root)
            if found is not None and not changed:
                self._tell(uri, ["unchanged, from the cache"])
                self.done[uri] = found
            elif self._mode(uri) == "never":
                self._tell(uri, ["never runs, as asked"])
            elif (stored := self._stored(uri, key)) is not None:
                self.done[uri] = stored
            else:
                self._tell(uri, [f"{name}: changed" for name in changed] or self.cache.why(key))
                due[uri] = key
        if due:
            here_only()  # kernels outlive what a server ends
            self._run(due)

    def _mode(self, uri: str) -> str:
        return self.notebooks[uri].execute or self.settings.execute

    def _key(self, uri: str, modules: dict[Path, Modules]) -> Key:
        notebook = self.notebooks[uri]
        key = kept_key(notebook, self.settings, self.around, modules, self.kept)
        if self._mode(uri) == "auto" and notebook.stored:
            key.parts[STORED] = hashlib.sha256(notebook.stored.encode()).hexdigest()
        return key

    def _tell(self, uri: str, reasons: list[str]) -> None:
        if self.settings.why:
            log.info("%s: %s", uri, "\n           ".join(reasons))

    def _stored(self, uri: str, key: Key) -> str | None:
        """Return the notebook with the outputs in its file, where these are to be shown."""
        notebook, kernel = self.notebooks[uri], self.notebooks[uri].kernel
        if not notebook.stored:
            return None
        digest = key.parts.get(STORED)
        # Outputs that were seen with other code before, or with other modules, are stale.
        fit = digest is not None and not self.settings.fresh and not self.cache.knows(key, STORED)
        here = not self.settings.scheduler
        missing = here and kernel != "python3" and spec_of(kernel) is None
        if not fit and not missing:
            return None
        try:
            _refuse_stored_error(notebook)
        except EmbedError as error:
            self.failed[uri] = error
            return unrun(notebook)
        if missing:
            log.warning(
                "%s: there is no kernel named '%s' here; the outputs in the file are shown",
                *(shown(notebook.path), kernel),
            )
        else:
            self._tell(uri, ["its stored outputs are shown"])
            self.cache.store(key, unrun(notebook))
        return unrun(notebook)

    def _run(self, due: dict[str, Key]) -> None:
        # Each kernel is a process of its own; here a thread for each is enough to wait for it.
        settings = self.settings
        with (
            running(list(due)) as report,
            self._forks(due) as forks,
            executor_for(settings.scheduler, settings.jobs, forks) as (run, jobs, stop),
        ):
            executor, stopped = concurrent.futures.ThreadPoolExecutor(jobs), threading.Event()
            try:
                futures = {
                    executor.submit(
                        _run,
                        *(run, self.notebooks[uri], key, self.cache, settings),
                        partial(report, uri),
                        stopped.is_set,
                    ): uri
                    for uri, key in due.items()
                }
                for future in _ended(futures):
                    uri = futures[future]
                    try:
                        self.done[uri], self.keys[uri] = future.result()
                    except EmbedError as error:
                        self.failed[uri] = error
            except BaseException:  # Ctrl-C, above all: no kernel goes on, and none starts
                executor.shutdown(wait=False, cancel_futures=True)
                stopped.set()
                stop()
                raise
            finally:
                executor.shutdown()

    def _forks(self, due: dict[str, Key]) -> AbstractContextManager[Forks]:
        forked = [
            key
            for uri, key in due.items()
            if self.settings.forks
            and self.notebooks[uri].kernel == "python3"
            and not self.notebooks[uri].own_kernel
        ]
        # A package may read a declared input while it is imported: a file of styles.
        keep = [
            (name, value)
            for key in forked
            for name, value in sorted(key.parts.items())
            if name.startswith(("input ", "package "))
        ]
        imports = [key.imports for key in forked]
        given = environment_of(self.settings.given)
        return forks_for(imports, given, keep if self.settings.serving else None)

    def outdated(self) -> list[str]:
        """Name the notebooks whose inputs changed since their keys were made.

        Another notebook has written them that does not say so.
        """
        found = []
        for uri, key in self.keys.items():
            if uri in self.failed or not (files := key.outdated()):
                continue
            if self._key(uri, {}).parts == key.parts:
                continue  # written again as it was
            log.warning(
                "%s: %s changed while other notebooks ran, so it runs after them. %s",
                uri,
                " and ".join(sorted(map(shown, files))),
                "Let the cell that writes it say so: '#| writes: ...'.",
            )
            found.append(uri)
        return found

    def fail_outdated(self) -> None:
        for uri, key in self.keys.items():
            if uri not in self.failed and (files := key.outdated()):
                self.failed[uri] = EmbedError(
                    f"its input changes whenever notebooks run: {shown(files[0])}",
                    file=self.notebooks[uri].path,
                    line=1,
                    remedy="Let the cell that writes it say '#| writes: ...', and write the same "
                    "each time.",
                )


def _ended(futures: Iterable[Ended]) -> Iterator[Ended]:
    """Give each as it ends. On Windows, Ctrl-C is not heard while a wait has no end of its own."""
    waiting = set(futures)
    while waiting:
        ended, waiting = concurrent.futures.wait(waiting, 1.0, concurrent.futures.FIRST_COMPLETED)
        yield from ended


# The part of a key that stands for the outputs in a notebook's file.
STORED = "stored outputs"
# So often notebooks run again whose inputs others have written without saying so.
ROUNDS = 3


@latest(lambda notebook: notebook.path)
def unrun(notebook: Notebook) -> str:
    """Return a notebook as its file has it, with the outputs there."""
    return str(nbformat.writes(notebook.node))


def _refuse_stored_error(notebook: Notebook) -> None:
    """Take a stored error for what it would be if the cell had just run."""
    for cell, raw in zip(notebook.cells, notebook.node.cells, strict=True):
        for output in raw.get("outputs", []):
            if output.output_type == "error" and not notebook.may_raise(cell):
                raise EmbedError(
                    f"{output.ename}: {output.evalue}",
                    file=notebook.path,
                    line=cell.line,
                    cell=cell.name,
                    remedy="Its stored output is this error. Run the notebook again, or give the "
                    "cell the tag raises-exception.",
                )


def _changed(executed: str, notebook: Notebook, key: Key, root: Path) -> list[str]:
    """Name the files by which a result is outdated."""
    # Outputs in a notebook's file are shown though what it writes is not there.
    said = [] if STORED in key.parts else notebook.due_cells
    return changed_files(executed, root, [name for cell in said for name in cell.options.writes])


def _run(
    run: Run,
    notebook: Notebook,
    key: Key,
    cache: Cache,
    settings: Settings,
    progress: Progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[str, Key]:
    """Run a notebook and keep the result; once more if what it depends on changed meanwhile.

    Returns it with the key that it has. What changes again is not kept: nobody knows which state of
    it the cells have seen.
    """
    for again in (True, False):
        with cache.lock(key, cancelled):
            known = None if settings.fresh else cache.load(key)
            if known is not None and not _changed(known, notebook, key, settings.root):
                return known, key  # another build ran it while this one waited
            job = Job(
                notebook=notebook,
                folder=notebook.path.parent,
                environment=settings.given,
                timeout=settings.timeout,
                imports=key.imports,
                root=settings.root,
                code=tuple(settings.code),
            )
            began = time.time_ns()
            node = nbformat.reads(run(job, progress), as_version=4)
            draw_bare_plotly(node, notebook, log.warning)
            note_written_files(node, notebook, settings.root)
            note_loaded_files(node, settings.root, key.stamps.keys(), began)
            note_installed(node, {name.removeprefix("package ") for name in key.parts})
            shown_data = (one for cell in node.cells for one in cell.get("outputs", []))
            note_data_files(node, settings.root, files_of(shown_data, notebook.path.parent))
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
        extra = {name: key.parts[name] for name in (STORED,) if name in key.parts}
        key = key_of(notebook, settings)
        key.parts.update(extra)
    total = len(notebook.due_cells)
    progress(total, total, "")
    return executed, key


@latest(lambda notebook, *others: notebook.path)
def _with_outputs(notebook: Notebook, executed: str, root: Path) -> Executed:
    """Put the outputs of a run into the notebook as it is now: its prose may have changed since."""
    node = copy.deepcopy(notebook.node)
    ran = [cell for cell in json.loads(executed)["cells"] if cell["cell_type"] == "code"]
    for cell, result in zip(
        (cell for cell in node.cells if cell.cell_type == "code"), ran, strict=True
    ):
        cell.outputs = nbformat.from_dict(result["outputs"])
        cell.execution_count = result["execution_count"]
    for read, cell in zip(notebook.cells, node.cells, strict=True):
        for output in cell.get("outputs", []):
            for name in ("data", "text"):  # files may hold lines as lists, in memory they are text
                value = output.get(name)
                if isinstance(value, list):
                    output[name] = "".join(value)
                elif isinstance(value, dict):
                    for mime, part in value.items():
                        if isinstance(part, list) and not mime.endswith("json"):
                            value[mime] = "".join(part)
            if output.output_type == "stream":
                output.text = with_lines(output.text, read)
    return Executed(node, loaded_files(executed, root))


# What this process has found out: a server asks for the same on every save.
_keys: WeakKeyDictionary[Notebook, tuple[str, list[Path], Key]] = WeakKeyDictionary()


def around(settings: Settings, notebooks: Iterable[Notebook]) -> str:
    """Return a digest of all that keys depend on beside the content of the files that they name.

    Which files there are counts: a new module can come before another of its name.
    """
    folders = {*settings.code, *(notebook.path.parent for notebook in notebooks)}
    names = sorted(
        (here, *sorted(files))
        for folder in folders
        for here, files in folders_below(folder)
        if not here.endswith("__pycache__")
    )
    asked = settings.root, settings.code, settings.inputs, settings.environment, settings.secret
    given = (asked, names, sorted(pins_in(settings.requirements).items()))
    return hashlib.sha256(repr(given).encode()).hexdigest()


def kept_key(
    notebook: Notebook,
    settings: Settings,
    now: str,
    modules: dict[Path, Modules],
    kept: KeptKeys | None = None,
) -> Key:
    """Return what `key_of` does, as it was found before if nothing was touched since.

    `now` is what `around` returns, `kept` holds the keys of earlier processes.

    Raises
    ------
    EmbedError : as `key_of` does.
    """
    declared = _declared(notebook, settings)
    known = _keys.get(notebook)
    if known is not None and known[:2] == (now, declared) and not known[2].outdated():
        key = known[2]
    else:
        lasts = notebook.kernel == "python3"  # other kernels may be installed at any time
        read = notebook.cells, notebook.kernel, notebook.language, notebook.allow_errors
        state = f"{now} {read}"  # not its file, which may have been saved since
        found = kept.find(notebook.uri, state, declared) if kept and lasts else None
        key = found or key_of(notebook, settings, modules)
        if lasts:
            _keys[notebook] = now, declared, key
            if kept is not None:
                kept.note(key, state, declared)
    return replace(key, parts=dict(key.parts))


def _declared(notebook: Notebook, settings: Settings) -> list[Path]:
    """List the files that a notebook's inputs mean now."""
    names = [*settings.inputs, *(name for cell in notebook.code_cells for name in cell.inputs)]
    return [file for name in names for file in matching(settings.root, name)]


def key_of(
    notebook: Notebook, settings: Settings, modules: dict[Path, Modules] | None = None
) -> Key:
    """Collect all that the result of a notebook depends on.

    `modules` keeps what is found about modules for the notebooks to come.

    Raises
    ------
    EmbedError : a cell, or a module that it imports, is not Python; a declared input is missing.
    """
    code = json.dumps([cell.code if cell.options.eval else None for cell in notebook.code_cells])
    parts = {
        "code cells": hashlib.sha256(code.encode()).hexdigest(),
        "kernel": notebook.kernel,
        "preamble": hashlib.sha256(PREAMBLE.encode()).hexdigest(),
        "python": sys.version,
        "environment": json.dumps(
            {k: v.replace(str(settings.root), ".") for k, v in settings.environment.items()},
            sort_keys=True,
        ),
    }
    if may_raise := [n for n, cell in enumerate(notebook.code_cells) if notebook.may_raise(cell)]:
        parts["cells that may raise"] = str(may_raise)
    for name, value in settings.secret.items():
        parts[f"variable {name}"] = hashlib.sha256(value.encode()).hexdigest()
    stamps: dict[Path, tuple[int, ...]] = {}
    foreign: set[str] = set()
    named: set[str] = set()
    folder = notebook.path.parent
    known = {} if modules is None else modules
    found = known.setdefault(folder, Modules([folder, *settings.code]))
    if notebook.kernel != "python3" and (spec := spec_of(notebook.kernel)) is not None:
        parts["kernel's command"] = " ".join(spec.argv)
        foreign |= {after for flag, after in pairwise(spec.argv) if flag == "-m"}
    if notebook.language == "python":
        for cell in notebook.due_cells:
            closure = _closure(notebook, cell, found)
            foreign |= closure.foreign
            named |= closure.named
            stamps |= closure.stamps
            for path, digest in closure.local.items():
                parts[f"module {shown_in(path, settings.root)}"] = digest
    for name, state in concerned_distributions(sorted(foreign), settings.requirements).items():
        parts[f"package {name}"] = state
    declared: list[tuple[str, Cell | None]] = [(name, None) for name in settings.inputs]
    declared += [(name, cell) for cell in notebook.code_cells for name in cell.inputs]
    for name, owner in declared:
        for file in matching(settings.root, name):
            digest, stamps[file] = _digest(file, notebook, owner, settings.root)
            parts[f"input {shown_in(file, settings.root)}"] = digest
    return Key(notebook.uri, parts, stamps, frozenset(named))


def _closure(notebook: Notebook, cell: Cell, modules: Modules) -> Closure:
    try:
        return modules.closure(cell.code, may_fail=notebook.may_raise(cell))
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


def _digest(
    path: Path, notebook: Notebook, cell: Cell | None, root: Path
) -> tuple[str, tuple[int, ...]]:
    try:
        now = stamp(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), now
    except (OSError, ValueError) as error:  # the latter of a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise EmbedError(
            f"the declared input '{path}' cannot be read: {reason}",
            file=notebook.path if cell else configuration(root),
            line=cell.line if cell else None,
            cell=cell.name if cell else None,
            remedy="Inputs are files, named relative to the project's folder.",
        ) from error
