"""Read a notebook: its cells, their labels and options, and the line of the file each starts at."""

from __future__ import annotations

import codecs
import html
import json
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
import yaml

from notebook_embed.cell_options import CellOptions, OptionReader, split_options
from notebook_embed.errors import EmbedError
from notebook_embed.files import read_text
from notebook_embed.kernels import language_of
from notebook_embed.remembered import Remembered

__all__ = ["Cell", "Notebook", "in_one_piece", "is_notebook", "read_notebook"]

SUFFIXES = (".py", ".ipynb", ".md")
# When a notebook runs: whenever its key changed; not as long as its stored outputs fit; not at all.
MODES = ("always", "auto", "never")
# Names of kernels that mean the Python that builds.
PYTHON = ("python", "python3")


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
    options: CellOptions = field(default_factory=CellOptions)

    @property
    def label(self) -> str | None:
        return self.options.label

    @property
    def folded(self) -> bool:
        return self.options.fold

    @property
    def inputs(self) -> list[str]:
        return list(self.options.inputs)

    @property
    def timeout(self) -> float | None:
        return self.options.timeout


@dataclass(frozen=True, kw_only=True, eq=False)
class Notebook:
    """A notebook as written: `path` on disk, `uri` relative to ``docs/`` with forward slashes.

    `execute` says when it runs, where it says so itself; `allow_errors` that every cell may raise;
    `own_kernel` that its kernel starts anew, with nothing imported.
    """

    path: Path
    uri: str
    node: nbformat.NotebookNode
    cells: tuple[Cell, ...]
    execute: str | None = None
    allow_errors: bool = False
    own_kernel: bool = False

    @property
    def code_cells(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def labels(self) -> dict[str, Cell]:
        return {cell.label: cell for cell in self.cells if cell.label}

    @property
    def due_cells(self) -> list[Cell]:
        """The cells that run."""
        return [cell for cell in self.code_cells if cell.options.eval]

    def may_raise(self, cell: Cell) -> bool:
        return self.allow_errors or cell.options.error

    @cached_property
    def stored(self) -> str:
        """The outputs that its file holds, as text; empty where there are none."""
        outputs = [raw.outputs for raw in self.node.cells if raw.cell_type == "code"]
        return json.dumps(outputs, sort_keys=True) if any(outputs) else ""

    @property
    def kernel(self) -> str:
        name = str(self.node.metadata.get("kernelspec", {}).get("name", "python3"))
        return "python3" if name in PYTHON else name

    @property
    def language(self) -> str:
        return str(self.node.metadata.get("kernelspec", {}).get("language", "python"))

    @cached_property
    def title(self) -> str:
        """The first heading, or the file's name."""
        for cell in self.cells:
            if (
                cell.kind == "markdown"
                and cell.options.include
                and (found := re.search(r"^#\s+(.+?)\s*#*$", _prose(cell.source), re.M))
            ):
                return _as_text(found.group(1))
        return PurePosixPath(self.uri).stem.replace("-", " ").replace("_", " ").capitalize()


def _prose(source: str) -> str:
    """Return Markdown without what is in fences and comments."""
    bare = re.sub(r"<!--.*?-->", "", source, flags=re.S)
    return re.sub(r"^[ >]*(`{3,}|~{3,}).*?(?:^[ >]*\1[`~]*\s*$|\Z)", "", bare, flags=re.S | re.M)


def _as_text(heading: str) -> str:
    """Return what a reader reads of a line of Markdown."""
    text = re.sub(r"\s*\{:?\s*[#.\w][^{}]*\}\s*$", "", heading)
    text = re.sub(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text)
    codes = re.split(r"(`+)(.+?)\1", text)
    for place in range(0, len(codes), 3):
        words = re.sub(r"</?[A-Za-z][^<>]*>", "", codes[place])
        words = re.sub(r"(?<![\\\w])(\*{1,3}|_{1,3}|~~)(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2", words)
        codes[place] = html.unescape(re.sub(r"\\([^\w\s])", r"\1", words))
    # A split with groups gives text, the marks, the code, and again.
    return "".join(part for place, part in enumerate(codes) if place % 3 != 1).strip() or heading


def in_one_piece(form: Any) -> str | None:
    """Return a form of an output that is text in one piece, or None; files may hold its lines."""
    if isinstance(form, list) and all(isinstance(line, str) for line in form):
        return "".join(form)
    return form if isinstance(form, str) else None


def is_notebook(path: Path) -> bool:
    """Tell whether the file is a notebook.

    A ``.md`` is one where its header names a kernel, a ``.py`` where it has such a header or a cell
    that begins with ``# %%``; else it is a module that notebooks import. What is in an encoding
    that cannot be read is looked at all the same, so that reading it says so.
    """
    if path.suffix not in (".md", ".py"):
        return path.suffix in SUFFIXES
    content = path.read_bytes()
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = "utf-16" if content.startswith(marks) else "utf-8-sig"
    text = content.decode(encoding, errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    if path.suffix == ".py":
        return bool(re.search(r"^# ?%%|^# jupyter:", text, re.M))
    header = re.match(r"---\n(.*?)\n---", text, re.S)
    return bool(header and re.search(r"^(jupytext|kernelspec):", header.group(1), re.M))


def read_notebook(path: Path, uri: str, remembered: Remembered | None = None) -> Notebook:
    """Read the notebook at `path`; what is `remembered` of the same text need not be parsed again.

    Raises
    ------
    EmbedError : the file cannot be read as a notebook, an option is unknown or malformed, or two
        cells carry one label.
    """
    return _read(read_text(path, "the notebook"), path, uri, remembered)


@lru_cache(maxsize=256)  # a server reads all notebooks on every save
def _read(text: str, path: Path, uri: str, remembered: Remembered | None) -> Notebook:
    def parse() -> nbformat.NotebookNode:
        return _parse(text, path)

    if remembered is None or path.suffix == ".ipynb":  # which is quick, and may warn
        node = parse()
    else:
        node = nbformat.from_dict(remembered(parse, "notebook", path.suffix, text))

    head = _head(node, path)
    reader = OptionReader(path, head.cells)
    lines = _first_lines(text, node.cells, path)
    read = []
    for raw, line in zip(node.cells, lines, strict=True):
        written, code = split_options(raw.source) if raw.cell_type == "code" else ("", "")
        tags = raw.metadata.get("tags") or []
        read.append((reader.read(written, [tags] if isinstance(tags, str) else tags, line), code))
    labels = {options.label for options, _ in read}
    cells = []
    for index, (raw, line, (options, code)) in enumerate(zip(node.cells, lines, read, strict=True)):
        name = f"cell-{index + 1}"
        while name in labels:
            name += "-unnamed"
        cells.append(
            Cell(
                index=index,
                name=options.label or name,
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
    name = kernel.setdefault("name", "python3")
    if not kernel.get("language"):
        said = node.metadata.get("language_info", {}).get("name")
        kernel["language"] = said or ("python" if name in PYTHON else language_of(name))
    kernel.setdefault("display_name", "Python 3" if name in PYTHON else name)
    return Notebook(
        path=path,
        uri=uri,
        node=node,
        cells=tuple(cells),
        execute=head.execute,
        allow_errors=head.allow_errors,
        own_kernel=head.own_kernel,
    )


@dataclass(frozen=True)
class _Head:
    """What a notebook's metadata say of all its cells."""

    execute: str | None
    allow_errors: bool
    own_kernel: bool
    cells: dict[str, Any]


def _head(node: nbformat.NotebookNode, path: Path) -> _Head:
    """Read the keys of this package, of nbsphinx and of Quarto in a notebook's metadata.

    Formats keep them apart: in the metadata, or as YAML in a raw cell at the top.
    """
    said: dict[str, Any] = dict(node.metadata)
    first = node.cells[0] if node.cells else None
    if first is not None and first.cell_type == "raw":
        match = re.fullmatch(r"---\s*\n(.*?)\n?---\s*", first.source, re.S)
        try:
            matter = yaml.safe_load(match[1]) if match else None
        except Exception as error:
            raise EmbedError(f"malformed header: {error}", file=path, line=1) from error
        said |= matter if isinstance(matter, dict) else {}
    for name in ("nbsphinx", "notebook_embed"):
        said |= said[name] if isinstance(said.get(name), dict) else {}
    execute, cells = said.get("execute"), {}
    if isinstance(execute, dict):  # as Quarto has it, with options of all cells
        cells, execute = execute, execute.get("enabled")
    if isinstance(execute, bool):
        execute = "always" if execute else "never"
    if execute is not None and execute not in MODES:
        raise EmbedError(f"'execute' takes {', '.join(MODES)}, not {execute!r}", file=path, line=1)
    allowed = said.get("allow_errors", False)
    if not isinstance(allowed, bool):
        raise EmbedError("'allow_errors' takes true or false", file=path, line=1)
    if (kernel := said.get("kernel")) not in (None, "fresh"):
        raise EmbedError(
            f"'kernel' takes fresh, not {kernel!r}",
            file=path,
            line=1,
            remedy="Which kernel runs is said by 'kernelspec'.",
        )
    return _Head(execute, allowed, kernel == "fresh", cells)


def _parse(text: str, path: Path) -> nbformat.NotebookNode:
    node: nbformat.NotebookNode
    try:
        if path.suffix == ".ipynb":
            node = nbformat.reads(text, as_version=4)
            nbformat.validate(node)
        else:
            import jupytext  # which takes long, and what is remembered needs it not

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
    if not node.cells:
        raise EmbedError(
            "malformed notebook: it has no cell",
            file=path,
            line=1,
            remedy="Start one with a line '# %%' (in .py files).",
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
