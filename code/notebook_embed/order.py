"""In which order notebooks run: who writes a file comes before those that declare it."""

from __future__ import annotations

import contextlib
import glob
import graphlib
import hashlib
import json
import os
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

import nbformat

from notebook_embed.environment import loaded_distributions, version_of
from notebook_embed.errors import EmbedError
from notebook_embed.folders import folders_below
from notebook_embed.notebook import Notebook

__all__ = [
    "INSTALLED",
    "LOADED",
    "awaited",
    "changed_files",
    "loaded_files",
    "matching",
    "note_data_files",
    "note_installed",
    "note_loaded_files",
    "note_written_files",
    "watched",
    "waves",
]

# What an executed notebook says in its metadata: files and what was in them.
WRITTEN, LOADED = "notebook_embed_written", "notebook_embed_loaded"
# The same of distributions and their versions.
INSTALLED = "notebook_embed_installed"


def waves(notebooks: Mapping[str, Notebook]) -> list[list[str]]:
    """Group notebooks by what they wait for: those of one group can run at the same time.

    Raises
    ------
    EmbedError : two write one file, or some wait for each other.
    """
    writers: dict[str, str] = {}
    for uri, notebook in notebooks.items():
        for cell in notebook.due_cells:
            for name in map(posixpath.normpath, cell.options.writes):
                if writers.setdefault(name, uri) != uri:
                    raise EmbedError(
                        f"two notebooks write '{name}': {writers[name]} and this one",
                        file=notebook.path,
                        line=cell.line,
                        remedy="Let one of them write it, or give it two names.",
                    )
    waits = {
        uri: {
            writer
            for cell in notebook.due_cells
            for name in cell.inputs
            for written, writer in writers.items()
            if _means(name, written)
        }
        for uri, notebook in notebooks.items()
    }
    order = graphlib.TopologicalSorter(waits)
    try:
        order.prepare()
    except graphlib.CycleError as error:
        ring = list(dict.fromkeys(error.args[1]))
        raise EmbedError(
            "a notebook declares as input what it writes itself"
            if len(ring) == 1
            else f"notebooks wait for each other: {' and '.join(sorted(ring))}",
            file=notebooks[ring[0]].path,
            line=1,
            remedy="Take one of the inputs or of the files that they write out of its cell.",
        ) from error
    found = []
    while order.is_active():
        ready = order.get_ready()
        found.append(sorted(ready, key=list(notebooks).index))
        order.done(*ready)
    return found


def matching(root: Path, name: str) -> list[Path]:
    """List the files that a declared input means: one, or all that match a pattern with * or ?.

    ``**`` stands for any number of folders, none among them. What bears the very name of a pattern,
    or of what no file matches, is meant by it.
    """
    # Methods of Path raise on names that they do not like; here such a name matches nothing.
    if os.path.isfile(root / name):  # noqa: PTH113
        return [root / name]
    found = sorted(_found(root, name))
    if "**" in name:  # it matches folders too, which are no inputs by themselves
        found = [path for path in found if not (root / path).is_dir()]
    return [root / path for path in found] or [root / name]


def _found(root: Path, pattern: str) -> set[str]:
    """Find what `glob` does, which never comes back from two links that lead up."""
    parts = pattern.split("/")
    if "**" not in parts:
        return set(glob.glob(pattern, root_dir=root))  # noqa: PTH207
    at = parts.index("**")
    head = "/".join(parts[:at]) or ("/" if at else ".")
    tail = "/".join(parts[at + 1 :]) or "*"
    found = set[str]()
    for top in glob.glob(head, root_dir=root):  # noqa: PTH207
        for folder, _ in folders_below(root / top, _is_seen):
            here = folder if Path(top).is_absolute() else os.path.relpath(folder, root)
            found |= _found(root, tail if here == "." else f"{glob.escape(here)}/{tail}")
    return found


def _is_seen(folder: str) -> bool:
    return not posixpath.basename(folder).startswith(".")


def watched(root: Path, names: Iterable[str]) -> set[Path]:
    """Return what to watch for declared inputs: files, and the folders in which patterns look.

    The project's own folder is none of them: builds write there.
    """
    found: set[Path] = set()
    for name in names:
        literal, is_pattern = _literal(name)
        folder = root.joinpath(*literal)
        if is_pattern and literal and folder.is_dir():
            found.add(folder)
        else:
            found.update(path for path in matching(root, name) if path.exists())
    return found


def awaited(root: Path, names: Iterable[str]) -> set[Path]:
    """Return what declared inputs mean and is not there yet: files, and the folders of patterns.

    A pattern in the project's own folder, which is not watched, is awaited itself.
    """
    found: set[Path] = set()
    for name in map(posixpath.normpath, names):
        literal, is_pattern = _literal(name)
        if is_pattern and "/" not in name and "**" not in name:
            literal = [name]
        path = root.joinpath(*literal)
        if literal and not os.path.exists(path):  # noqa: PTH110 - raises nothing, whatever the name
            found.add(path)
    return found


def _literal(name: str) -> tuple[list[str], bool]:
    """Return the parts of a declared input up to its first with * or ?, and whether it has one."""
    parts = Path(posixpath.normpath(name)).parts
    literal = list(takewhile(lambda part: not set(part) & set("*?"), parts))
    return literal, len(literal) < len(parts)


def _means(name: str, file: str) -> bool:
    """Tell whether a declared input means `file`, be it there yet or not."""
    name = posixpath.normpath(name)
    if name == file:
        return True
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", name)
    pattern = "".join(signs.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(pattern, file) is not None


def note_written_files(node: nbformat.NotebookNode, notebook: Notebook, root: Path) -> None:
    """Note in an executed notebook what is in the files that it says it writes.

    Raises
    ------
    EmbedError : one of them is not there.
    """
    written = {}
    for cell in notebook.due_cells:
        for name in cell.options.writes:
            if (digest := _digest(root / name)) is None:
                raise EmbedError(
                    f"the cell has not written '{name}', as it says",
                    file=notebook.path,
                    line=cell.line,
                    cell=cell.name,
                    remedy="Files are named relative to the project's folder.",
                )
            written[name] = digest
    if written:
        node.metadata[WRITTEN] = written


def note_loaded_files(
    node: nbformat.NotebookNode, root: Path, known: Collection[Path], since: int
) -> None:
    """Note what is in the modules that a kernel has loaded and no import tells of.

    A notebook may add to `sys.path`, or import by a name that it puts together. `node` lists the
    files of all that was loaded; `known` are those that its key names. What was touched after
    `since` (ns) has no digest, so that it never holds: nobody knows what was loaded.
    """
    loaded = {}
    for name in node.metadata.pop(LOADED, []):
        path = Path(name)
        if path in known or path.resolve() in known:
            continue
        with contextlib.suppress(OSError, ValueError):
            touched = path.stat().st_mtime_ns > since
            digest = None if touched else _digest(path)
            loaded[Path(os.path.relpath(path, root)).as_posix()] = digest
    if loaded:
        node.metadata[LOADED] = loaded


def note_installed(node: nbformat.NotebookNode, known: Collection[str]) -> None:
    """Note which distributions a kernel has loaded modules of, and no import tells of.

    `df.plot` imports matplotlib. `node` lists the first names of all that was loaded; `known` are
    the distributions that its key names.
    """
    names = node.metadata.pop(INSTALLED, [])
    noted = {one: now for one, now in loaded_distributions(names) if one not in known}
    if noted:
        node.metadata[INSTALLED] = noted


def note_data_files(node: nbformat.NotebookNode, root: Path, files: Iterable[Path]) -> None:
    """Note what is in files whose data a page will show, such as those that a cell has written."""
    noted = {Path(os.path.relpath(file, root)).as_posix(): _digest(file) for file in files}
    if noted:
        node.metadata[LOADED] = {**node.metadata.get(LOADED, {}), **noted}


def changed_files(executed: str, root: Path, written: Iterable[str] = ()) -> list[str]:
    """Name the files that are not as they were when a notebook ran: those that it wrote or loaded.

    Distributions that are there in another version are named, too. What its key names is not among
    them. `written` are files that it says now it writes: one that was not noted has to be there.
    """
    noted = _noted(executed)
    changed = {n for n, then in noted.items() if then is None or _digest(root / n) != then}
    # os.path raises nothing for a name that no file can have.
    missing = {n for n in written if n not in noted and not os.path.isfile(root / n)}  # noqa: PTH113
    installed = _metadata(executed).get(INSTALLED, {})
    other = {f"package {one}" for one, then in installed.items() if version_of(one) != then}
    return sorted(changed | missing | other)


def loaded_files(executed: str, root: Path) -> list[Path]:
    """List the files that no key names: modules loaded, and data that charts show."""
    return [root / name for name in _metadata(executed).get(LOADED, {})]


def _noted(executed: str) -> dict[str, str | None]:
    found = _metadata(executed)
    return {**found.get(WRITTEN, {}), **found.get(LOADED, {})}


# What is noted in results, by their digests: they may be large, and a server asks again and again.
_known: dict[bytes, dict[str, Any]] = {}


def _metadata(executed: str) -> dict[str, Any]:
    found: dict[str, Any] | None
    if not any(note in executed for note in (WRITTEN, LOADED, INSTALLED)):
        return {}
    digest = hashlib.sha256(executed.encode("utf-8", "surrogatepass")).digest()
    if (found := _known.get(digest)) is None:
        _known[digest] = found = json.loads(executed)["metadata"]
        for old in list(_known)[:-256]:  # other threads may be at it, too
            _known.pop(old, None)
    return found


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None
