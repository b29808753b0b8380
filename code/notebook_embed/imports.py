"""Find what a piece of Python code imports: the project's own files, and everybody else's.

A notebook's result depends on the modules it imports, directly or through others. Caches that hash
the notebook alone serve stale results once such a module has changed.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Closure", "Modules", "import_closure", "stamp"]


@dataclass
class Closure:
    """`local` maps each file of the project to its sha256; `foreign` holds top-level names.

    `stamps` tells the state in which each file was read, see `stamp`.
    """

    local: dict[Path, str] = field(default_factory=dict)
    stamps: dict[Path, tuple[int, ...]] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)


class Modules:
    """The modules below `roots` as they are now: what is found out about one is kept."""

    def __init__(self, roots: list[Path]) -> None:
        self.roots = roots
        self._files: dict[str, list[_Module]] = {}

    def closure(self, code: str) -> Closure:
        """Follow every import in `code`.

        Imports inside functions and literal ``import_module("name")`` calls count. What is put
        together at run time cannot be seen: name such files as a cell's ``inputs``.

        Raises
        ------
        SyntaxError : `code`, or a module of the project, is not Python; `filename` tells which.
        """
        closure = Closure()
        waiting = list(_imported(code))
        seen = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            modules = self._modules(name)
            if not modules:
                closure.foreign.add(name.split(".")[0])
            for module in modules:
                if module.path not in closure.local:
                    closure.local[module.path] = module.digest
                    closure.stamps[module.path] = module.stamp
                    waiting.extend(module.imports)
        return closure

    def _modules(self, name: str) -> list[_Module]:
        if name not in self._files:
            self._files[name] = [_module(*found) for found in _local_files(name, self.roots)]
        return self._files[name]


def import_closure(code: str, roots: list[Path]) -> Closure:
    """Follow every import in `code` through the modules below `roots`; see `Modules.closure`."""
    return Modules(roots).closure(code)


def stamp(path: Path) -> tuple[int, ...]:
    """Return what differs after any change to a file, even one that has been undone.

    Raises
    ------
    OSError : there is no such file.
    """
    now = path.stat()
    return now.st_mtime_ns, now.st_ctime_ns, now.st_size, now.st_ino


class _Module(NamedTuple):
    path: Path
    stamp: tuple[int, ...]
    digest: str
    imports: tuple[str, ...]


def _module(path: Path, package: str) -> _Module:
    now = stamp(path)
    return _Module(path, now, *_read(path, package, now))


@lru_cache(maxsize=4096)
def _imported(code: str) -> tuple[str, ...]:
    return tuple(_imports(ast.parse(code), package=""))


@cache
def _read(path: Path, package: str, now: tuple[int, ...]) -> tuple[str, tuple[str, ...]]:
    """Return a module's hash and its imports; the stamp `now` tells one version from another."""
    text = path.read_bytes()
    return hashlib.sha256(text).hexdigest(), tuple(
        _imports(ast.parse(text, filename=str(path)), package)
    )


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            if base:
                yield base
                for alias in node.names:
                    yield f"{base}.{alias.name}"
        elif (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            yield node.args[0].value


def _local_files(name: str, roots: list[Path]) -> list[tuple[Path, str]]:
    """Return the files that importing `name` runs, each with the package it belongs to."""
    parts = name.split(".")
    for root in roots:
        files = []
        for depth in range(1, len(parts) + 1):
            path = root.joinpath(*parts[:depth])
            if (init := path / "__init__.py").is_file():
                files.append((init, ".".join(parts[:depth])))
            elif (module := path.with_suffix(".py")).is_file():
                files.append((module, ".".join(parts[: depth - 1])))
        if files or root.joinpath(parts[0]).is_dir():
            return files
    return []
