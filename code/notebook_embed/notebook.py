"""Read a notebook: its cells, their labels and options, and the line of the file each starts at."""

from __future__ import annotations

import codecs
import html
import json
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
import yaml

from notebook_embed.cell_options import (
    LABEL,
    CellOptions,
    Hidden,
    OptionReader,
    composed,
    split_options,
    too_low,
)
from notebook_embed.errors import EmbedError, reason
from notebook_embed.files import read_text
from notebook_embed.kernels import language_of
from notebook_embed.latest import latest
from notebook_embed.malformed import HEADER, completed, malformed, refuse_empty
from notebook_embed.remembered import Remembered
from notebook_embed.signs_in_kernel import whole

__all__ = ["Cell", "Notebook", "in_one_piece", "is_notebook", "read_notebook"]

SUFFIXES = (".py", ".ipynb", ".md")
# When a notebook runs: whenever its key changed; not as long as its stored outputs fit; not at all.
MODES = ("always", "auto", "never")
# Names of kernels that mean the Python that builds.
PYTHON = ("python", "python3")
# What a cell has in the format, beside its type; all else in it is of no meaning.
OF_CELLS = ("cell_type", "id", "metadata", "source")
OF_CODE, OF_PROSE = ("outputs", "execution_count"), ("attachments",)
# Raw cells that a page shows, and as what; those for LaTeX and others are for these alone.
RAW = {"text/html": "html", "text/markdown": "markdown", "text/plain": "text"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell.

    `kind` is what it becomes in a page: markdown, code, html, text, or raw, which no page shows.
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
    `own_kernel` that its kernel starts anew, with nothing imported; `said_title` is the title that
    its metadata have.
    """

    path: Path
    uri: str
    node: nbformat.NotebookNode
    cells: tuple[Cell, ...]
    execute: str | None = None
    allow_errors: bool = False
    own_kernel: bool = False
    said_title: str = ""

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
        """The title in its metadata, the first heading, or the file's name."""
        if self.said_title:
            return _as_text(self.said_title)
        for cell in self.cells:
            if (
                cell.kind == "markdown"
                and cell.options.include
                and (found := re.search(r"^#\s+(.+?)\s*#*$", _prose(cell.source), re.M))
            ):
                return _as_text(found.group(1))
        return PurePosixPath(self.uri).stem.replace("-", " ").replace("_", " ").capitalize()


def _plain_id(cell: Cell, labels: Container[str | None]) -> str:
    """Return an id as the format wants it, without letters beyond ASCII, that is no label."""
    name = f"cell-{cell.index + 1}"
    while name in labels:
        name += "-unnamed"
    return name


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


# The header of jupytext's own format in Markdown, whose cells are fences: `jupyter:`, and in it
# `kernelspec:`. That of Quarto is a word, and belongs to pages.
_OF_JUPYTEXT = re.compile(
    r"---\n(?:(?!---).*\n)*?jupyter:[ \t]*\n(?:[ \t]*\n|[ \t]+\S.*\n)*?[ \t]+kernelspec:"
)


def is_notebook(path: Path) -> bool:
    """Tell whether the file is a notebook.

    A ``.md`` is one where its header names a kernel, as MyST or jupytext has it, a ``.py`` where it
    has such a header or a cell that begins with ``# %%``; else it is a module that notebooks
    import. What is in an encoding that cannot be read is looked at all the same, so that reading it
    says so.

    Raises
    ------
    EmbedError : the system does not let it be read, or it is a link that leads nowhere.
    """
    if path.suffix not in (".md", ".py"):
        return path.suffix in SUFFIXES
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EmbedError(f"the file cannot be read: {error}", file=path) from error
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = "utf-16" if content.startswith(marks) else "utf-8-sig"
    text = content.decode(encoding, errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    if path.suffix == ".py":
        return bool(re.search(r"^# ?%%|^# jupyter:", text, re.M))
    header = re.match(r"---\n(.*?)\n---", text, re.S)
    named = header and re.search(r"^(jupytext|kernelspec):", header.group(1), re.M)
    return bool(named or _OF_JUPYTEXT.match(text))


def read_notebook(
    path: Path, uri: str, remembered: Remembered | None = None, hidden: Hidden | None = None
) -> Notebook:
    """Read the notebook at `path`, of which the site has some `hidden`.

    What is `remembered` of the same text need not be parsed again.

    Raises
    ------
    EmbedError : the file cannot be read as a notebook, an option is unknown or malformed, or two
        cells carry one label.
    """
    return _read(read_text(path, "the notebook"), path, uri, remembered, hidden)


@latest(lambda text, path, *others: path)
def _read(
    text: str, path: Path, uri: str, remembered: Remembered | None, hidden: Hidden | None
) -> Notebook:
    def parse() -> nbformat.NotebookNode:
        return _parse(text, path)

    if remembered is None or path.suffix == ".ipynb":  # which is quick, and may warn
        node = parse()
    else:
        node = nbformat.from_dict(remembered(parse, "notebook", path.suffix, text))

    head = _head(node, path)
    reader = OptionReader(path, head.cells, hidden)
    lines = _first_lines(text, node.cells, path)
    read = []
    for raw, line in zip(node.cells, lines, strict=True):
        written, code = split_options(raw.source) if raw.cell_type == "code" else ("", "")
        if (low := too_low(code)) is not None:
            place = _line_within(raw.source, low, line, text, path)
            reader.tell_too_low(low, place)
        tags = raw.metadata.get("tags") or []
        options = reader.read(written, [tags] if isinstance(tags, str) else tags, line)
        label = raw.metadata.get("label") if raw.cell_type == "code" else None
        label = composed(label) if isinstance(label, str) else ""
        if options.label is None and LABEL.fullmatch(label):
            options = replace(options, label=label)  # MyST has it there
        read.append((options, code))
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
                kind="raw" if index == 0 and head.as_cell else _kind(raw),
                source=raw.source,
                code=code,
                line=line,
                options=options,
            )
        )
    _refuse_twins(cells, path)

    # nbformat gives every cell a random id: two builds would differ, and links would not hold.
    for raw, cell in zip(node.cells, cells, strict=True):
        raw["id"] = cell.name[:64] if cell.name.isascii() else _plain_id(cell, labels)
        if cell.code.startswith("%%"):
            raw["source"] = cell.code  # a cell's magic is its first line, or it is none
    node.nbformat, node.nbformat_minor = 4, 5
    kernel = node.metadata.setdefault("kernelspec", {})
    kernel.update(_whole_kernel(kernel))
    name = kernel["name"]
    if not kernel.get("language"):
        said = node.metadata.get("language_info", {}).get("name")
        kernel["language"] = said or ("python" if name in PYTHON else language_of(name))
    return Notebook(
        path=path,
        uri=uri,
        node=node,
        cells=tuple(cells),
        execute=head.execute,
        allow_errors=head.allow_errors,
        own_kernel=head.own_kernel,
        said_title=head.title,
    )


@dataclass(frozen=True)
class _Head:
    """What a notebook's metadata say of all its cells; `as_cell` that the first one holds some."""

    execute: str | None
    allow_errors: bool
    own_kernel: bool
    cells: dict[str, Any]
    as_cell: bool
    title: str


def _head(node: nbformat.NotebookNode, path: Path) -> _Head:
    """Read the keys of this package, of nbsphinx and of Quarto in a notebook's metadata.

    Formats keep them apart: in the metadata, or as YAML in a raw cell at the top.
    """
    said: dict[str, Any] = dict(node.metadata)
    first, matter = node.cells[0] if node.cells else None, None
    if first is not None and first.cell_type == "raw":
        match = re.fullmatch(r"---\s*\n(.*?)\n?---\s*", first.source, re.S)
        try:
            matter = yaml.safe_load(match[1]) if match else None
        except Exception as error:
            raise EmbedError(f"malformed header: {reason(error)}", file=path, line=1) from error
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
    title = said.get("title")
    title = " ".join(str(title).split()) if isinstance(title, str | int | float) else ""
    return _Head(execute, allowed, kernel == "fresh", cells, isinstance(matter, dict), title)


def _kind(raw: nbformat.NotebookNode) -> str:
    """Return what a cell becomes in a page; a raw one says the type of its text."""
    if raw.cell_type != "raw":
        return str(raw.cell_type)
    said = raw.metadata.get("raw_mimetype") or raw.metadata.get("format") or "text/plain"
    return RAW.get(str(said).lower(), "raw")


def _parse(text: str, path: Path) -> nbformat.NotebookNode:
    node: nbformat.NotebookNode
    cells: list[nbformat.NotebookNode] = []
    try:
        if path.suffix == ".ipynb":
            try:
                node = _of_version_4(text)
            except Exception:
                node = _of_version_4(completed(text))
            cells = node.cells
            _repair(node)
            nbformat.validate(node)
        else:
            of_markdown = "md:markdown" if _OF_JUPYTEXT.match(text) else "md:myst"
            fmt = "py:percent" if path.suffix == ".py" else of_markdown
            written = text if path.suffix == ".py" else _TAGS.sub(r"\1[\2]", text)
            node = _read_by_lines(_with_whole_kernel(written), fmt)
    except Exception as error:

        def line_of_cell(number: int) -> int | None:
            return _first_lines(text, cells[: number + 1], path)[-1] if cells else None

        raise malformed(error, text, path, line_of_cell) from error
    if not node.cells:
        raise refuse_empty(path)
    return node


def _of_version_4(text: str) -> nbformat.NotebookNode:
    """Read JSON, in which there may be halves of signs: no page, file or kernel can take these."""
    node: nbformat.NotebookNode
    node = nbformat.from_dict(whole(nbformat.convert(nbformat.reader.reads(text), to_version=4)))
    return node


# Tags of a cell in MyST that are no list, as they need not be there: `:tags: hide-input`.
_TAGS = re.compile(
    r"^(`{3,}\{code-cell\}.*\n(?:[ \t]*:.*\n)*?[ \t]*:tags:[ \t]+)([\w-]+(?:[ \t]*,[ \t]*[\w-]+)*)"
    r"[ \t]*$",
    re.M,
)

# What Python's `splitlines` takes for the end of a line, and Python, Markdown and editors do not.
_NO_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def _read_by_lines(text: str, fmt: str) -> nbformat.NotebookNode:
    """Read a script or MyST file with jupytext, whose lines end where `splitlines` has it.

    Other characters stand in for those that end no line, so that its code stays what it is.
    """
    import jupytext  # which takes long, and what is remembered needs it not

    inside = "".join(sign for sign in _NO_ENDS if sign in text)
    free = (chr(number) for number in range(0xF0000, 0xFFFFE) if chr(number) not in text)
    instead = "".join(islice(free, len(inside)))
    node: nbformat.NotebookNode
    node = jupytext.reads(text.translate(str.maketrans(inside, instead)), fmt=fmt)
    if not inside:
        return node
    node = _translated(node, str.maketrans(instead, inside))
    for cell in node.cells:  # a line with nothing but a form feed parts cells in some scripts
        cell.source = re.sub(r"\A([^\S\n]*\n)+|(\n[^\S\n]*)+\Z|\A\s+\Z", "", cell.source)
    node.cells = [cell for cell in node.cells if cell.source] or node.cells
    return node


def _translated(tree: Any, table: dict[int, int]) -> Any:
    if isinstance(tree, str):
        return tree.translate(table)
    if isinstance(tree, dict):
        pairs = {_translated(key, table): _translated(value, table) for key, value in tree.items()}
        return nbformat.NotebookNode(pairs)
    return [_translated(item, table) for item in tree] if isinstance(tree, list) else tree


def _repair(node: nbformat.NotebookNode) -> None:
    """Give a notebook what the format asks for and nobody misses, as Jupyter does."""
    node.nbformat_minor = 5
    metadata = node.metadata
    kernel = metadata.get("kernelspec") or {}
    if isinstance(kernel, str):  # as some write its name
        kernel = {"name": kernel}
    metadata["kernelspec"] = nbformat.from_dict(kernel)
    if isinstance(kernel := metadata["kernelspec"], dict):
        kernel.update(_whole_kernel(kernel))
    said = metadata.get("language_info")
    if not said or (isinstance(said, dict) and not said.get("name")):
        metadata.pop("language_info", None)
    for number, cell in enumerate(node.cells, 1):
        own = OF_CODE if cell.get("cell_type") == "code" else OF_PROSE
        for key in [key for key in cell if key not in (*OF_CELLS, *own)]:
            del cell[key]
        cell.setdefault("source", "")
        if own is OF_CODE:
            cell.setdefault("outputs", [])
            cell.setdefault("execution_count", None)
        cell["id"] = f"cell-{number}"
        tags = cell.metadata.get("tags", [])
        if tags is None or isinstance(tags, str):
            cell.metadata["tags"] = [tags] if tags else []


def _whole_kernel(kernel: dict[str, Any]) -> dict[str, Any]:
    """Return the names of a kernel, where a notebook may have left them out."""
    name = kernel.get("name") or "python3"
    shown_as = kernel.get("display_name") or ("Python 3" if name in PYTHON else name)
    return {"name": name, "display_name": shown_as}


# What belongs to a key is indented.
_KERNEL = re.compile(
    r"^(?P<before>(?:#[ ]?)?[ ]*)kernelspec:.*(?:\n(?:(?P=before)[ ]+\S.*|#?[ ]*(?=\n)))*", re.M
)


def _with_whole_kernel(text: str) -> str:
    """Return a script or MyST file whose header names its kernel in full; no line moves.

    jupytext refuses others as it reads them.
    """
    header = HEADER.match(text)
    if header is None or not (found := _KERNEL.search(header[0])):
        return text
    before, written = found["before"], found[0]
    try:
        bare = "\n".join(line[len(before) :] for line in written.split("\n"))
        kernel = yaml.safe_load(bare)["kernelspec"]
    except Exception:
        return text  # the reader says what is wrong
    if isinstance(kernel, str):  # as some write its name
        kernel = {"name": kernel}
    if not isinstance(kernel, dict | None) or (kernel or {}).get("display_name"):
        return text
    whole = json.dumps({**(kernel or {}), **_whole_kernel(kernel or {})}, ensure_ascii=False)
    lines = f"\n{before.rstrip()}" * written.count("\n")
    return text[: found.start()] + f"{before}kernelspec: {whole}{lines}" + text[found.end() :]


def _first_lines(text: str, cells: list[nbformat.NotebookNode], path: Path) -> list[int]:
    """Find the line at which each cell's source starts.

    The formats keep no line numbers, but each keeps the cells in order with their first lines as
    they are (JSON escapes them, percent scripts put ``# `` before Markdown and magics).
    """
    if path.suffix == ".ipynb":
        return _first_lines_in_json(text, cells)
    is_cell = bool(cells) and cells[0].source.startswith("---")  # as it has more than metadata
    header = None if is_cell else HEADER.match(text)
    lines, found, at = text.split("\n"), [], header[0].count("\n") + 1 if header else 0
    for cell in cells:
        first = next((line for line in cell.source.split("\n") if line.strip()), None)
        if first is not None:
            if path.suffix == ".py":
                there = _in_script(lines, at, first)
            else:
                there = _in_markdown(lines, at, first, is_code=cell.cell_type == "code")
            at = next(there, at)
        found.append(at + 1)
        if first is not None:
            # A cell of n lines takes n lines of the file: the next one cannot start within it.
            at += cell.source.count("\n") + 1
    return found


def _first_lines_in_json(text: str, cells: list[nbformat.NotebookNode]) -> list[int]:
    """Find the lines as `_first_lines` does; several cells, or all, may stand in one."""
    found, at = [], 0
    for cell in cells:
        begin = None
        for line in filter(str.strip, cell.source.split("\n")):  # the next cell begins below all
            if (hit := _in_json(text, line, at)) is None:
                break
            begin, at = hit if begin is None else begin, hit + 1
        found.append(text.count("\n", 0, at if begin is None else begin) + 1)
    return found


def _in_json(text: str, line: str, at: int) -> int | None:
    """Return where JSON has a line of a cell, from `at` on, or None."""
    forms = [json.dumps(line, ensure_ascii=is_ascii)[1:-1] for is_ascii in (False, True)]
    # Half of a sign is one in the file: `_of_version_4` has spelt it out.
    forms += [re.sub(r"\\(?=\\ud[89a-f])", "", form) for form in forms]
    for written in dict.fromkeys(forms):
        hit = text.find(written, at)
        while hit >= 0:
            behind = hit + len(written)
            # Where a text begins or ends, and between its lines.
            if text.endswith(('"', "\\n"), 0, hit) and text.startswith(('"', "\\n", "\\r"), behind):
                return hit
            hit = text.find(written, hit + 1)
    return None


def _line_within(source: str, line: str, begin: int, text: str, path: Path) -> int:
    """Return the line of the file that has `line` of the cell whose first one is `begin`."""
    if path.suffix == ".ipynb":
        above = sum(len(one) + 1 for one in text.split("\n")[: begin - 1])
        hit = _in_json(text, line, above)
        return begin if hit is None else text.count("\n", 0, hit) + 1
    lines = source.split("\n")
    first = next(number for number, one in enumerate(lines) if one.strip())
    return begin + lines.index(line) - first


# The mark of a cell, as jupytext knows it; a magic such as `# %%time` is none.
_CELL_MARK = re.compile(r"\s*#\s*%%(%*(\s|$))")


def _in_script(lines: list[str], at: int, first: str) -> Iterator[int]:
    """List where a cell may begin whose first line is `first`; the mark above it may hold that."""
    for number in range(at, len(lines)):
        if not _CELL_MARK.match(lines[number]) and _holds(lines[number], first):
            yield number


def _in_markdown(lines: list[str], at: int, first: str, *, is_code: bool) -> Iterator[int]:
    """List the same of a cell between prose; its fence and its options may hold that line, too."""
    below = range(at, len(lines))
    fence = next((n for n in below if re.match(r"\s*(```|~~~)", lines[n])), at) if is_code else at
    yield from (n for n in range(fence, len(lines)) if lines[n].strip() == first.strip())
    yield from (n for n in below if _holds(lines[n], first))


def _holds(line: str, first: str) -> bool:
    return line.strip().removeprefix("# ") == first.strip() or first in line


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
