"""Find what a piece of Python code imports: the project's own files, and everybody else's.

A notebook's result depends on the modules it imports, directly or through others. Caches that hash
the notebook alone serve stale results once such a module has changed.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from getopt import GetoptError, getopt
from importlib.machinery import EXTENSION_SUFFIXES
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager
from IPython.utils.process import arg_split

__all__ = ["Closure", "Modules", "parsed", "stamp", "stamp_if_there"]


# The options of `%run`, as IPython hands them to getopt.
_OF_RUN = "nidtN:b:pD:l:rs:T:em:G"
# What compiled modules end in, from the most particular ending to the plainest.
COMPILED = tuple(EXTENSION_SUFFIXES)


@dataclass
class Closure:
    """`local` maps each file of the project to its sha256; `foreign` holds top-level names.

    `stamps` tells the state in which each file was read, see `stamp`; `named` holds what is asked
    of foreign modules, as it stands in the code: ``torch.nn``, ``torch.nn.functional.softmax``.
    """

    local: dict[Path, str] = field(default_factory=dict)
    stamps: dict[Path, tuple[int, ...]] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)


class Modules:
    """The modules below `roots` as they are now: what is found out about one is kept."""

    def __init__(self, roots: list[Path]) -> None:
        self.roots = roots
        self._files: dict[str, list[_Module]] = {}

    def closure(self, code: str, *, may_fail: bool = False) -> Closure:
        """Follow every import in `code`.

        With `may_fail` it may be no Python, and so may a module that it imports: then the import
        fails where it runs. Such a module counts, what it would import does not.

        Imports inside functions and magics, and literal ``import_module("name")`` calls, count.
        What is put together at run time cannot be seen: name such files as a cell's ``inputs``.

        Raises
        ------
        SyntaxError : `code`, or a module of the project, is not Python; `filename` tells which.
        """
        closure = Closure()
        try:
            waiting = list(_imported(code))
        except SyntaxError:
            if not may_fail:
                raise
            return closure  # nothing of it runs
        seen = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if name.endswith(".*"):
                name = name.removesuffix(".*")
                waiting += [
                    f"{name}.{item}" for m in self._modules(name)[-1:] for item in m.exported
                ]
            modules = self._modules(name)
            if not modules and "/" not in name:
                closure.foreign.add(name.split(".")[0])
                closure.named.add(name)
            for module in modules:
                if module.error is not None and not may_fail:
                    raise module.error.with_traceback(None)
                if module.path not in closure.local:
                    closure.local[module.path] = module.digest
                    closure.stamps[module.path] = module.stamp
                    waiting.extend(module.imports)
        return closure

    def _modules(self, name: str) -> list[_Module]:
        if name not in self._files:
            self._files[name] = [_module(*found) for found in _local_files(name, self.roots)]
        return self._files[name]


def stamp(path: Path) -> tuple[int, ...]:
    """Return what differs after any change to a file, even one that has been undone.

    Raises
    ------
    OSError : there is no such file.
    """
    now = path.stat()
    return now.st_mtime_ns, now.st_ctime_ns, now.st_size, now.st_ino


def stamp_if_there(path: Path) -> tuple[int, ...] | None:
    """Return a file's `stamp`, or None where there is none."""
    try:
        return stamp(path)
    except OSError:
        return None


class _Module(NamedTuple):
    path: Path
    stamp: tuple[int, ...]
    digest: str
    imports: tuple[str, ...]
    exported: tuple[str, ...]
    error: SyntaxError | None


def _module(path: Path, package: str) -> _Module:
    now = stamp(path)
    return _Module(path, now, *_read(path, package, now))


@lru_cache(maxsize=4096)
def _imported(code: str) -> tuple[str, ...]:
    return tuple(_imports(parsed(without_magics(code)), package=""))


@cache
def _read(
    path: Path, package: str, now: tuple[int, ...]
) -> tuple[str, tuple[str, ...], tuple[str, ...], SyntaxError | None]:
    """Return a module's hash, its imports and its ``__all__``; `now` tells its versions apart.

    The last is why it is no Python, if it is none.
    """
    text = path.read_bytes()
    digest = hashlib.sha256(text).hexdigest()
    if path.name.endswith(COMPILED):
        return digest, (), (), None
    try:
        tree = parsed(_as_python(path, text), str(path))
    except SyntaxError as error:
        return digest, (), (), error
    return digest, tuple(_imports(tree, package)), _exported(tree), None


def _as_python(path: Path, text: bytes) -> str | bytes:
    """Return what is Python in a file, of which ``%run`` also takes those of IPython."""
    try:
        if path.suffix == ".ipynb":
            cells = [one for one in json.loads(text)["cells"] if one["cell_type"] == "code"]
            return "\n\n".join(without_magics("".join(one["source"])) for one in cells)
        return without_magics(text.decode()) if path.suffix == ".ipy" else text
    except (ValueError, KeyError, TypeError) as error:
        raise SyntaxError(str(error), (str(path), 1, None, None)) from error


def parsed(code: str | bytes, file: str = "<unknown>") -> ast.Module:
    """Parse Python.

    Raises
    ------
    SyntaxError : it is none, or is nested deeper than Python itself can read.
    """
    try:
        return ast.parse(code, filename=file)
    except SyntaxError as error:
        error.filename = error.filename or file
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        told = str(error) or "nested too deeply"
        raise SyntaxError(told, (file, 1, None, None)) from error


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Name what the code imports; ``pkg.*`` stands for what ``from pkg import *`` does."""
    importers = {"import_module", "__import__", "find_spec", "run_module"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            if base:
                yield base
                for alias in node.names:
                    yield f"{base}.{alias.name}"
            if node.module in ("importlib", "importlib.util", "runpy"):  # under another name
                importers |= {a.asname for a in node.names if a.asname and a.name in importers}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in importers:
                yield from _by_function(node, package)
            elif called in ("run_line_magic", "run_cell_magic", "exec", "eval"):
                yield from _in_text(called, [_text(argument) for argument in node.args], package)


def _by_function(call: ast.Call, package: str) -> Iterator[str]:
    """Name what a call such as ``import_module(".sub", package="pkg")`` imports."""
    names = ("name", "package", "locals", "fromlist", "level")
    given = dict(zip(names, call.args, strict=False)) | {
        word.arg: word.value for word in call.keywords if word.arg
    }
    given["name"] = given.get("name", given.get("mod_name", ast.Constant(None)))
    if (name := _text(given["name"])) is None:
        return
    level = getattr(given.get("level"), "value", 0)
    name = "." * (level if isinstance(level, int) else 0) + name
    # Where it is no literal it is __package__ or the like: the package that the code stands in.
    base = _absolute(name, _text(given.get("package")) or package)
    if base:
        yield base
        for item in ast.walk(given.get("fromlist", ast.Constant(None))):
            if (text := _text(item)) is not None:
                yield f"{base}.{text}"


def _in_text(called: str, arguments: list[str | None], package: str) -> Iterator[str]:
    """Name what code in a string imports: that of a magic, or what ``exec`` is given."""
    if not called.endswith("_magic"):
        yield from _in_code(arguments[0] if arguments else None, package)
        return
    magic, line, body = [text or "" for text in [*arguments, "", "", ""]][:3]
    words = line.split(" ")
    if magic == "load_ext":
        yield line.strip()
    elif magic == "run":
        yield from _run(line)
    else:
        for first in range(len(words)):  # code comes after options
            yield from _in_code(" ".join(words[first:]), package)
        yield from _in_code(body, package)


def _run(line: str) -> Iterator[str]:
    """Name what ``%run`` runs, read as IPython does: a file, or with ``-m`` a module."""
    try:
        words = arg_split(line, posix=os.name == "posix")
        if "-m" in words and "--" not in words:  # what follows is for the module
            words.insert(words.index("-m") + 2, "--")
        options, words = getopt(words, _OF_RUN)
    except (ValueError, GetoptError):
        return  # it fails where it runs
    modules = [value for option, value in options if option == "-m"]
    if modules:
        yield from (modules[0], f"{modules[0]}.__main__")
    elif words:
        name = os.path.expanduser(words[0])  # noqa: PTH111
        yield name if "/" in name else f"./{name}"


def _in_code(code: str | None, package: str) -> Iterator[str]:
    try:
        tree = parsed(without_magics(code or ""))
    except SyntaxError:
        return  # another language
    yield from _imports(tree, package)


def _absolute(name: str, package: str) -> str:
    """Return the module that `name` means in `package`, empty if it is above all of them."""
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    above = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join(part for part in [*above, name[level:]] if part)


def _text(node: ast.AST | None) -> str | None:
    value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def _exported(tree: ast.Module) -> tuple[str, ...]:
    """Name what ``__all__`` lists, as far as it is written out."""
    about = (
        node
        for node in tree.body
        if any(getattr(part, "id", "") == "__all__" for part in ast.walk(node))
    )
    return tuple(text for node in about for part in ast.walk(node) if (text := _text(part)))


@lru_cache(maxsize=4096)
def without_magics(code: str) -> str:
    """Turn magics and shell lines into calls that Python can parse."""
    return TransformerManager().transform_cell(code)


def _local_files(name: str, roots: list[Path]) -> list[tuple[Path, str]]:
    """Return the files that importing `name` runs, each with the package it belongs to."""
    if "/" in name:  # a script
        names = [name] if name.endswith(".py") else [name, f"{name}.py"]
        scripts = (root / one for root in roots for one in names if _is_file(root / one))
        return [(script, "") for script in islice(scripts, 1)]
    parts = name.split(".")
    for root in roots:
        files = []
        for depth in range(1, len(parts) + 1):
            path = root.joinpath(*parts[:depth])
            if _is_file(init := path / "__init__.py"):
                files.append((init, ".".join(parts[:depth])))
                continue
            # As Python looks for them: what is compiled comes first.
            modules = (path.with_name(path.name + ending) for ending in (*COMPILED, ".py"))
            if module := next(filter(_is_file, modules), None):
                files.append((module, ".".join(parts[: depth - 1])))
        if files or os.path.isdir(root / parts[0]):  # noqa: PTH112 - see below
            return files
    return []


def _is_file(path: Path) -> bool:
    """Tell whether a file is there; methods of Path raise where a name is too long for any."""
    return os.path.isfile(path)  # noqa: PTH113
