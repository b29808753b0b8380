"""Read a notebook: its cells, their labels and options, and the line of the file each starts at."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

import jupytext
import nbformat
import yaml

from notebook_embed.errors import EmbedError, nearest

__all__ = ["Cell", "Notebook", "is_notebook", "read_notebook"]

SUFFIXES = (".py", ".ipynb", ".md")
# What a cell may say of itself in `#| key: value` lines. Quarto and MyST read `label` as well.
OPTIONS = {"label", "fold", "inputs", "timeout"}
LABEL = re.compile(r"[A-Za-z][\w-]*")
OPTION_LINE = re.compile(r"^#\|\s?(.*)$")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell.

    `name` is the label, or one made of the cell's place that is nobody's label; `line` is that of
    the cell's first line in the file, `code` is the source without its option lines and `source`
    the source with them.
    """

    index: int
    name: str
    kind: str
    source: str
    code: str
    line: int
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str | None:
        return self.options.get("label")

    @property
    def folded(self) -> bool:
        return bool(self.options.get("fold"))

    @property
    def inputs(self) -> list[str]:
        value = self.options.get("inputs") or []
        return [value] if isinstance(value, str) else list(value)

    @property
    def timeout(self) -> float | None:
        return self.options.get("timeout")


@dataclass(frozen=True, kw_only=True, eq=False)
class Notebook:
    """A notebook as written: `path` on disk, `uri` relative to ``docs/`` with forward slashes."""

    path: Path
    uri: str
    node: nbformat.NotebookNode
    cells: tuple[Cell, ...]

    @property
    def code_cells(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def labels(self) -> dict[str, Cell]:
        return {cell.label: cell for cell in self.cells if cell.label}

    @property
    def kernel(self) -> str:
        return str(self.node.metadata.get("kernelspec", {}).get("name", "python3"))

    @property
    def language(self) -> str:
        return str(self.node.metadata.get("kernelspec", {}).get("language", "python"))

    @cached_property
    def title(self) -> str:
        """The first heading, or the file's name."""
        for cell in self.cells:
            if cell.kind == "markdown" and (
                found := re.search(r"^#\s+(.+?)\s*#*$", cell.source, re.M)
            ):
                return found.group(1)
        return PurePosixPath(self.uri).stem.replace("-", " ").replace("_", " ").capitalize()


def is_notebook(path: Path) -> bool:
    """Tell whether the file is a notebook.

    A ``.md`` is one where its header names a kernel, a ``.py`` where it has such a header or a cell
    that begins with ``# %%``; else it is a module that notebooks import.
    """
    if path.suffix not in (".md", ".py"):
        return path.suffix in SUFFIXES
    text = path.read_text("utf-8-sig", errors="replace")
    if path.suffix == ".py":
        return bool(re.search(r"^# ?%%|^# jupyter:", text, re.M))
    header = re.match(r"---\n(.*?)\n---", text, re.S)
    return bool(header and re.search(r"^(jupytext|kernelspec):", header.group(1), re.M))


def read_notebook(path: Path, uri: str) -> Notebook:
    """Read the notebook at `path`.

    Raises
    ------
    EmbedError : the file cannot be read as a notebook, an option is unknown or malformed, or two
        cells carry one label.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        before = error.object[: error.start] if isinstance(error, UnicodeDecodeError) else b""
        line = before.count(b"\n") + 1
        raise EmbedError(f"the notebook cannot be read: {error}", file=path, line=line) from error
    return _read(text, path, uri)


@lru_cache(maxsize=256)  # a server reads all notebooks on every save
def _read(text: str, path: Path, uri: str) -> Notebook:
    node = _parse(text, path)

    lines = _first_lines(text, node.cells, path)
    read = [
        _options(raw.source, path, line) if raw.cell_type == "code" else ({}, "")
        for raw, line in zip(node.cells, lines, strict=True)
    ]
    labels = {options.get("label") for options, _ in read}
    cells = []
    for index, (raw, line, (options, code)) in enumerate(zip(node.cells, lines, read, strict=True)):
        name = f"cell-{index + 1}"
        while name in labels:
            name += "-unnamed"
        cells.append(
            Cell(
                index=index,
                name=options.get("label") or name,
                kind=raw.cell_type,
                source=raw.source,
                code=code,
                line=line,
                options=options,
            )
        )
    _refuse_twins(cells, path)

    # nbformat gives every cell a random id: two builds would differ, and links would not hold.
    for raw, cell in zip(node.cells, cells, strict=True):
        raw["id"] = cell.name[:64]
        if cell.code.startswith("%%"):
            raw["source"] = cell.code  # a cell's magic is its first line, or it is none
    node.nbformat, node.nbformat_minor = 4, 5
    kernel = node.metadata.setdefault("kernelspec", {})
    kernel.setdefault("name", "python3")
    kernel.setdefault("language", "python")
    kernel.setdefault("display_name", "Python 3")
    return Notebook(path=path, uri=uri, node=node, cells=tuple(cells))


def _parse(text: str, path: Path) -> nbformat.NotebookNode:
    node: nbformat.NotebookNode
    try:
        if path.suffix == ".ipynb":
            node = nbformat.reads(text, as_version=4)
            nbformat.validate(node)
        else:
            node = jupytext.reads(text, fmt="py:percent" if path.suffix == ".py" else "md:myst")
    except Exception as error:
        # jupytext, nbformat, YAML and JSON each raise errors of their own; all mean one thing here.
        line = getattr(error, "lineno", None)
        if line is None and (mark := getattr(error, "problem_mark", None)):
            line = mark.line + 2
        cause = error.__cause__ or error
        if line is None and isinstance(cause, json.JSONDecodeError):
            line = cause.lineno
        first = str(error).strip().split("\n")[0][:300]
        raise EmbedError(
            f"malformed notebook: {type(error).__name__}: {first}",
            file=path,
            line=line or 1,
            remedy="Notebooks are .py files with '# %%' cells, .ipynb files, or MyST .md files.",
        ) from error
    if not any(cell.cell_type == "code" for cell in node.cells):
        raise EmbedError(
            "malformed notebook: it has no code cell",
            file=path,
            line=1,
            remedy="Start a code cell with a line '# %%' (in .py files).",
        )
    return node


def _first_lines(text: str, cells: list[nbformat.NotebookNode], path: Path) -> list[int]:
    """Find the line at which each cell's source starts.

    The formats keep no line numbers, but each keeps the cells in order with their first lines as
    they are (JSON escapes them, percent scripts put ``# `` before Markdown and magics).
    """
    lines, found, at = text.split("\n"), [], 0
    for cell in cells:
        first = next((line for line in cell.source.split("\n") if line.strip()), None)
        if first is not None:
            if path.suffix == ".ipynb":
                first = json.dumps(first, ensure_ascii=False)[1:-1]
            hit = next((i for i in range(at, len(lines)) if _holds(lines[i], first)), None)
            at = at if hit is None else hit
        found.append(at + 1)
        if path.suffix != ".ipynb" and first is not None:
            # A cell of n lines takes n lines of the file: the next one cannot start within it.
            at += cell.source.count("\n") + 1
        elif first is not None:
            at += 1
    return found


def _holds(line: str, first: str) -> bool:
    stripped = line.strip().removeprefix("# ")
    return stripped == first.strip() or first in line


def _options(source: str, path: Path, line: int) -> tuple[dict[str, Any], str]:
    """Split the ``#| key: value`` lines that open a cell from its code.

    They stand before the cell's magic (``%%time``) or after it.
    """
    lines = source.split("\n")
    magics = list(takewhile(lambda line: line.startswith("%%"), lines))
    lines, count = lines[len(magics) :], 0
    while count < len(lines) and OPTION_LINE.match(lines[count]):
        count += 1
    if not count:
        return {}, source
    written = "\n".join(m.group(1) for m in map(OPTION_LINE.match, lines[:count]) if m)
    try:
        options = yaml.safe_load(written) or {}
        if not isinstance(options, dict):
            raise ValueError("expected 'key: value'")
    except Exception as error:
        # PyYAML's own errors, and whatever its readers of dates and numbers raise.
        first = str(error).split("\n")[0]
        raise EmbedError(
            f"malformed cell option: {first}",
            file=path,
            line=line,
            remedy="Write one option a line, as in '#| label: red-filter'.",
        ) from error
    for key in options:
        if key not in OPTIONS:
            raise EmbedError(
                f"unknown cell option '{key}'",
                file=path,
                line=line,
                remedy=nearest(str(key), OPTIONS),
            )
    _check_options(options, path, line)
    return options, "\n".join([*magics, *lines[count:]]).strip("\n")


def _check_options(options: dict[str, Any], path: Path, line: int) -> None:
    label, inputs, timeout = (options.get(key) for key in ("label", "inputs", "timeout"))
    if label is not None and not (isinstance(label, str) and LABEL.fullmatch(label)):
        raise EmbedError(
            f"a label starts with a letter and has only letters, digits, - and _: {label!r}",
            file=path,
            line=line,
        )
    if inputs is not None and not (
        isinstance(inputs, str)
        or (isinstance(inputs, list) and all(isinstance(item, str) for item in inputs))
    ):
        raise EmbedError("'inputs' takes a path or a list of paths", file=path, line=line)
    if timeout is not None and not (
        isinstance(timeout, int | float) and (timeout > 0 or timeout == -1)
    ):
        raise EmbedError(
            "'timeout' takes a number of seconds above 0, or -1 for no limit", file=path, line=line
        )


def _refuse_twins(cells: list[Cell], path: Path) -> None:
    seen: dict[str, Cell] = {}
    for cell in cells:
        if cell.label is None:
            continue
        if cell.label in seen:
            raise EmbedError(
                f"duplicate label '{cell.label}', first used in line {seen[cell.label].line}",
                file=path,
                line=cell.line,
                remedy="Give one of the two cells another label.",
            )
        seen[cell.label] = cell
