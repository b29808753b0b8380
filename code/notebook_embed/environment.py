"""Find which pinned distributions a notebook's result depends on.

A new version of the theme must not run every notebook again; a new version of numpy must run all
those that import it, directly or through another distribution.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

__all__ = ["concerned_distributions"]

# Every kernel runs through these, whatever the notebook imports.
ALWAYS = ("ipykernel", "ipython", "jupytext", "nbclient", "nbformat")


def concerned_distributions(names: Iterable[str], requirements: Path) -> dict[str, str]:
    """Map each distribution that the top-level modules `names` need to what it is now.

    The value is the installed version, followed by the line of `requirements` that pins it where
    there is one, so that an edited pin counts even before it is installed.
    """
    wanted = {_normal(name) for name in ALWAYS}
    for name in names:
        if name not in sys.stdlib_module_names:
            wanted.update(_providers(name))
    pins = _pins(requirements, requirements.stat().st_mtime_ns) if requirements.is_file() else {}
    found: dict[str, str] = {}
    waiting = sorted(wanted)
    while waiting:
        name = waiting.pop()
        if name in found or (version := _version(name)) is None:
            continue
        found[name] = f"{version} {pins.get(name, '')}".strip()
        waiting.extend(_needs(name))
    return dict(sorted(found.items()))


@cache
def _providers(module: str) -> tuple[str, ...]:
    """Return the distributions that bring a module; most are called as it is."""
    if _version(_normal(module)) is not None:
        return (_normal(module),)
    found = _declared_modules().get(module) or _all_providers().get(module, [])
    return tuple(_normal(name) for name in found)


@cache
def _declared_modules() -> Mapping[str, list[str]]:
    """Map modules to the distributions that declare them; most do, and it takes no time to read."""
    found: dict[str, list[str]] = {}
    for distribution in metadata.distributions():
        for module in (distribution.read_text("top_level.txt") or "").split():
            found.setdefault(module, []).append(distribution.name)
    return found


@cache
def _all_providers() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()  # reads the list of files of all that is installed


@cache
def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def _needs(name: str) -> tuple[str, ...]:
    """Return what a distribution cannot do without.

    Optional requirements stay out: through IPython's, every notebook would depend on everything.
    """
    lines = [line for line in metadata.requires(name) or [] if "extra ==" not in line]
    return tuple(_normal(re.split(r"[\s\[;<>=!~(]", line, maxsplit=1)[0]) for line in lines)


@cache
def _pins(requirements: Path, mtime: int) -> dict[str, str]:
    pins = {}
    for line in requirements.read_text("utf-8").splitlines():
        line = line.split("#")[0].strip()
        if match := re.match(r"([A-Za-z0-9][\w.-]*)\s*[=<>!~\[;]", line):
            pins[_normal(match.group(1))] = line
    return pins


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
