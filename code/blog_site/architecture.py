"""The structure of the code, read from the code: modules, what they import, how things flow.

Nothing is run or imported: names, first sentences and imports are read from the files, so that the
drawings of the architecture page are as true as the code that they show.
"""

from __future__ import annotations

import ast
import html
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure
from shapes_of_attention.palette import ACCENT, INK, MUTED, PANEL

__all__ = [
    "Module",
    "Step",
    "check_rooms",
    "check_way",
    "package_lines",
    "package_uses",
    "read_modules",
    "rooms",
    "way",
]


@dataclass(frozen=True, kw_only=True)
class Module:
    """A file of code: its dotted name, the modules that it imports, its lines."""

    name: str
    imports: frozenset[str]
    lines: int

    @property
    def package(self) -> str:
        """The room that it stands in: notebook_embed, or shapes_of_attention.models."""
        return ".".join(self.name.split(".")[: 2 if self.name.startswith("shapes_of") else 1])


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step on the way: what it is called, the file that takes it, and what it hands on."""

    title: str
    file: str
    hands_on: str = ""


def read_modules(root: Path) -> dict[str, Module]:
    """Read all modules below the folder `root`, by dotted name.

    A link that leads nowhere, as Emacs puts beside a file that is edited, is none.

    Raises
    ------
    SyntaxError
        If a file is not Python.
    """
    paths = {_name(path, root): path for path in sorted(root.rglob("*.py")) if path.is_file()}
    return {
        name: Module(
            name=name,
            imports=frozenset(_imports(path.read_text("utf-8"), paths)) - {name},
            lines=len(path.read_text("utf-8").splitlines()),
        )
        for name, path in paths.items()
    }


def check_way(steps: Sequence[Step], modules: Mapping[str, Module], root: Path) -> None:
    """Check that each step of a way is a file of its own, and that none leads back.

    Raises
    ------
    ValueError
        If a file is missing or serves two steps, or if modules of the way import in a circle.
    """
    files = [step.file for step in steps]
    if twice := sorted({file for file in files if files.count(file) > 1}):
        raise ValueError(f"two steps are one file: {', '.join(twice)}")
    if missing := [file for file in files if not (root / file).is_file()]:
        raise ValueError(f"no such file: {', '.join(missing)}")
    names = {_name(Path(file).relative_to("code"), Path()) for file in files if file[:5] == "code/"}
    _check_circles({name: modules[name].imports & names for name in names})


def check_rooms(uses: Mapping[str, set[str]]) -> None:
    """Check that packages do not import each other in a circle.

    Raises
    ------
    ValueError
        If they do.
    """
    _check_circles(uses)


def package_uses(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """List for each package the others that its modules import."""
    uses: dict[str, set[str]] = {}
    for module in modules.values():
        found = uses.setdefault(module.package, set())
        found |= {modules[name].package for name in module.imports} - {module.package}
    return dict(sorted(uses.items()))


def package_lines(modules: Mapping[str, Module]) -> dict[str, int]:
    """Count the lines of each package."""
    lines: dict[str, int] = {}
    for module in modules.values():
        lines[module.package] = lines.get(module.package, 0) + module.lines
    return dict(sorted(lines.items()))


def rooms(uses: Mapping[str, set[str]], lines: Mapping[str, int]) -> str:
    """Write a table of packages, as HTML: name, lines, what it imports of the others."""
    rows = ""
    for name, others in uses.items():
        listed = ", ".join(f"<code>{html.escape(other)}</code>" for other in sorted(others))
        first = f'<th scope="row"><code>{html.escape(name)}</code></th>'
        rows += f"<tr>{first}<td>{lines[name]:,}</td><td>{listed}</td></tr>"
    head = '<th scope="col">package</th><th scope="col">lines</th><th scope="col">imports</th>'
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def way(steps: Sequence[Step]) -> Figure:
    """Draw steps from top to bottom, a box for each, with what is handed on beside the arrows."""
    high, gap = 62, 38
    diagram = Diagram(height=len(steps) * (high + gap) - gap)
    for number, step in enumerate(steps):
        top = number * (high + gap)
        diagram.box(0, top, WIDTH, high, fill=PANEL)
        diagram.step(top + high / 2, number + 1, "", x=16)
        diagram.text(60, top + 20, step.title, align="left", bold=True)
        diagram.text(60, top + 44, step.file, align="left", colour=MUTED, size=15)
        if number + 1 < len(steps):
            diagram.arrow((30, top + high), (30, top + high + gap), colour=ACCENT)
            diagram.text(60, top + high + gap / 2, step.hands_on, align="left", colour=INK, size=15)
    return diagram.figure()


def _check_circles(graph: Mapping[str, AbstractSet[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ValueError(f"these import each other in a circle: {circle}") from None


def _name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _imports(text: str, known: Mapping[str, Path]) -> set[str]:
    """List the modules of `known` that a module's text imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import module` names a module, `from module import name` a part of one.
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else node.module)
    return found & known.keys()
