"""Find the source of a function, class or module by its qualified name, without importing it."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from notebook_embed.errors import EmbedError, nearest
from notebook_embed.library import SourceLine

__all__ = ["ModuleCode", "find_code"]


@dataclass(frozen=True)
class ModuleCode:
    """Source text, the file it stands in (relative to its root) and its first line there."""

    source: str
    file: str
    line: int


def find_code(
    name: str, roots: list[Path], at: SourceLine, *, docstring: bool = True
) -> ModuleCode:
    """Return the source of what `name` names in the packages below `roots`.

    Raises
    ------
    EmbedError : there is no such package, module, class or function.
    """
    package, *rest = name.split(".")
    root = next(
        (r for r in roots if (r / package).is_dir() or (r / f"{package}.py").exists()), None
    )
    if root is None:
        packages = {p.stem for r in roots for p in r.glob("*") if p.suffix in ("", ".py")}
        raise EmbedError(
            f"there is no package '{package}' to show code from",
            file=at.file,
            line=at.line,
            remedy=nearest(package, {p for p in packages if p.isidentifier()}),
        )
    stamp = max((p.stat().st_mtime_ns for p in root.rglob("*.py")), default=0)
    found: Any = _package(package, root, stamp)
    for part in rest:
        if part not in found.members:
            raise EmbedError(
                f"'{found.path}' has no '{part}'",
                file=at.file,
                line=at.line,
                remedy=nearest(part, (m for m in found.members if not m.startswith("_"))),
            )
        found = found.members[part]
        found = _meant(found, at) if found.is_alias else found
    return ModuleCode(_source(found, docstring), str(found.relative_package_filepath), found.lineno)


def _meant(alias: Any, at: SourceLine) -> Any:
    """Return what an imported name stands for, where the package itself holds it.

    Raises
    ------
    EmbedError : it comes from another package, or from itself.
    """
    import griffe

    try:
        return alias.final_target
    except (griffe.AliasResolutionError, griffe.CyclicAliasError) as error:
        raise EmbedError(
            f"'{alias.path}' is imported from elsewhere: {alias.target_path}",
            file=at.file,
            line=at.line,
            remedy="Only code of your own folders is shown. Name it where it is defined.",
        ) from error


@lru_cache(maxsize=8)
def _package(name: str, root: Path, stamp: int) -> Any:
    """Parse a package; `stamp` tells one state of its files from another."""
    import griffe

    return griffe.load(name, search_paths=[root], allow_inspection=False)


def _source(found: Any, docstring: bool) -> str:
    if found.is_module:
        return str(found.filepath.read_text("utf-8")).rstrip()
    lines = found.lines
    first = found.lineno
    if found.is_attribute and "property" in found.labels:
        # Of a property griffe knows the function, and not what stands above it.
        above = found.filepath.read_text("utf-8").split("\n")[: first - 1]
        while above and re.match(r"\s*@", above[-1]):
            lines = [above.pop(), *lines]
            first -= 1
    text = found.docstring
    if not docstring and text is not None and text.lineno:
        begin, end = text.lineno - first, text.endlineno - first
        lines = lines[:begin] + lines[end + 1 :]
    return textwrap.dedent("\n".join(lines)).strip("\n")
