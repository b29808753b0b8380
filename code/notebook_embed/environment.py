"""Find which pinned distributions a notebook's result depends on.

A new version of the theme must not run every notebook again; a new version of numpy must run all
those that import it, directly or through another distribution.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from notebook_embed.files import read_text
from notebook_embed.imports import stamp_if_there

__all__ = [
    "concerned_distributions",
    "loaded_distributions",
    "pins_in",
    "requirement_files",
    "version_of",
]

# Every kernel runs through these, whatever the notebook imports.
ALWAYS = ("ipykernel", "ipython", "jupytext", "nbclient", "nbformat")


def concerned_distributions(names: Iterable[str], requirements: Path) -> dict[str, str]:
    """Map each distribution that the top-level modules `names` need to what it is now.

    The value is the installed version, followed by the line of `requirements` that pins it where
    there is one, so that an edited pin counts even before it is installed.
    """
    wanted: set[str] = {canonicalize_name(name) for name in ALWAYS}
    for name in names:
        if name not in sys.stdlib_module_names:
            wanted.update(_providers(name))
    pins = pins_in(requirements)
    found: dict[str, str] = {}
    waiting: list[str] = sorted(wanted)
    while waiting:
        name = waiting.pop()
        if name in found or (version := version_of(name)) is None:
            continue
        found[name] = f"{version} {pins.get(name, '')}".strip()
        waiting.extend(_needs(name))
    return dict(sorted(found.items()))


def loaded_distributions(modules: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the distributions that bring these top-level modules, with their versions."""
    for name in sorted({one for module in modules for one in _providers(module)}):
        if (version := version_of(name)) is not None:
            yield name, version


@cache
def _providers(module: str) -> tuple[str, ...]:
    """Return the distributions that bring a module; most are called as it is."""
    if version_of(canonicalize_name(module)) is not None:
        return (canonicalize_name(module),)
    found = _declared_modules().get(module) or _all_providers().get(module, [])
    return tuple(canonicalize_name(name) for name in found)


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
def version_of(name: str) -> str | None:
    """Return the version of a distribution, or None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def _needs(name: str) -> tuple[str, ...]:
    """Return what a distribution cannot do without on this system.

    Optional requirements stay out: through IPython's, every notebook would depend on everything.
    """
    needed = map(Requirement, metadata.requires(name) or [])
    return tuple(canonicalize_name(other.name) for other in needed if _holds(other))


def pins_in(requirements: Path) -> dict[str, str]:
    """Map distributions to their lines in a requirements file and in those that it includes."""
    pins: dict[str, str] = {}
    for path in requirement_files(requirements):
        if path.is_file():
            pins = _lines(path, stamp_if_there(path))[0] | pins  # what includes a file comes first
    return pins


def requirement_files(requirements: Path) -> list[Path]:
    """List a requirements file and those that it includes, be they there or not."""
    waiting, found = [requirements.resolve()], list[Path]()
    while waiting:
        path = waiting.pop(0)
        if path in found:
            continue
        found.append(path)
        if path.is_file():
            included = _lines(path, stamp_if_there(path))[1]
            waiting += [(path.parent / name).resolve() for name in included]
    return found


@cache
def _lines(
    requirements: Path, now: tuple[int, ...] | None
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the lines of a requirements file that count on this system, and the files it includes.

    See https://pip.pypa.io/en/stable/reference/requirements-file-format/. Other options, paths and
    archives name no distribution, and pin none.

    Raises
    ------
    EmbedError : the file is not UTF-8.
    """
    pins: dict[str, str] = {}
    included = []
    text = read_text(requirements, "the list of packages").replace("\\\n", " ")
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if match := re.match(r"(?:-[rc]|--requirement|--constraint)[\s=]*(.+)", line):
            included.append(match.group(1))
            continue
        line = line.partition(" --")[0].strip()  # hashes and other options of one requirement
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if _holds(requirement):
            pins[canonicalize_name(requirement.name)] = line
    return pins, tuple(included)


def _holds(requirement: Requirement) -> bool:
    """Tell whether a requirement's marker, if it has one, is true on this system."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})
