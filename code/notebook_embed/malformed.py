"""Say of a notebook that cannot be read which part of it is at fault, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from notebook_embed.errors import EmbedError, reason

__all__ = ["HEADER", "completed", "malformed", "refuse_empty"]

_NAMES: dict[type, str] = {dict: "names and values", list: "a list", str: "a text"}
_LFS = re.compile(r"version https://git-lfs\.github\.com/")
# In the header of a script each line is a comment.
HEADER = re.compile(
    r"(?:#!.*\n|#.*coding.*\n)*(?P<mark>#? ?)---[ ]*\n(?P<text>(?:.*\n)*?)(?P=mark)---[ ]*$", re.M
)


def completed(text: str) -> str:
    """Return a notebook's JSON with what is empty where parts of it are missing, or null.

    Raises
    ------
    ValueError : it is no JSON.
    """
    node = json.loads(text)
    if not isinstance(node, dict):
        return text
    cells = [cell for cell in _list(node.get("cells")) if isinstance(cell, dict)]
    for part in (node, *cells):
        if part.get("metadata") is None:
            part["metadata"] = {}
    for cell in cells:
        if cell.get("cell_type") == "code" and cell.get("outputs") is None:
            cell["outputs"] = []
    return json.dumps(node)


def refuse_empty(path: Path) -> EmbedError:
    """Return what is said of a notebook without cells."""
    begin = {
        ".ipynb": "Add one in Jupyter, and save it.",
        ".md": "Add one: a fence that begins with ```{code-cell}.",
    }
    remedy = begin.get(path.suffix, "Start one with a line '# %%'.")
    return EmbedError("malformed notebook: it has no cell", file=path, line=1, remedy=remedy)


def malformed(
    error: Exception, text: str, path: Path, line_of_cell: Callable[[int], int | None]
) -> EmbedError:
    """Return what is said of a notebook that a reader refused: jupytext, nbformat, YAML or JSON.

    Each raises errors of its own; all mean one thing here. `line_of_cell` finds where a cell
    stands.
    """
    is_json = path.suffix == ".ipynb"
    line, place = _line_of(error), _place_of(error)
    first = reason(error)[:300]
    if not place and is_json and (fault := next(_faults(text), None)) is not None:
        place, first = fault
    elif line is None and not is_json and (header := _in_header(text)) is not None:
        line, first = header
        place = ("the header",)
    cell = place[1] if place[:1] == ("cells",) and place[1:] else None
    if cell is not None:
        with suppress(Exception):  # what is no text has no line
            line = line_of_cell(cell)
        if place[2:] == () and "cell_type" in first:
            first = "a cell is code, markdown or raw"
        place = (f"cell {cell + 1}", *place[2:])
    what = ".".join(map(str, place)) or type(error).__name__
    at = line or 1
    if is_json and not text.strip():
        remedy = "Save it anew from Jupyter, with a cell."
        return EmbedError("malformed notebook: it is empty", file=path, line=1, remedy=remedy)
    if _LFS.match(text):
        remedy = "Fetch it: git lfs pull."
        return EmbedError(
            "malformed notebook: Git LFS keeps it elsewhere", file=path, line=1, remedy=remedy
        )
    remedy = _remedy(text, is_json, line)
    return EmbedError(f"malformed notebook: {what}: {first}", file=path, line=at, remedy=remedy)


def _remedy(text: str, is_json: bool, line: int | None) -> str:
    if re.search(r"^<{7} ", text, re.M):
        return "Git has left marks of a merge in it (<<<<<<<): take one of the two sides."
    if is_json:
        return "Mend that part of its JSON, or open it in Jupyter and save it."
    if line is not None:
        return "Mend the YAML there: of the notebook's header, or of the cell."
    return (
        "Notebooks are .py files with '# %%' cells, .ipynb files, or .md files of MyST or jupytext."
    )


def _line_of(error: BaseException) -> int | None:
    """Return the line that an error names, be it of JSON, of YAML or of a cell in MyST."""
    if named := re.match(r"\w+ cell \d+ at line (\d+)", str(error)):
        return int(named[1])
    for one in (error, error.__cause__, error.__context__):
        if (line := getattr(one, "lineno", None)) is not None:
            return int(line)
        if (mark := getattr(one, "problem_mark", None)) is not None:
            return int(mark.line) + 2
    return None


def _place_of(error: Exception) -> tuple[Any, ...]:
    """Return the way to what breaks the rules of the format, where the reader tells it."""
    return tuple(getattr(error, "absolute_path", ()))


def _in_header(text: str) -> tuple[int, str] | None:
    """Return the line of a header that is no YAML, and why; readers tell it of syntax alone."""
    if (found := HEADER.match(text)) is None:
        return None
    mark = found["mark"]
    lines = [
        line.removeprefix(mark.rstrip()).removeprefix(" " * bool(mark))
        for line in found["text"].split("\n")
    ]
    try:
        yaml.safe_load("\n".join(lines))
    except Exception as error:  # what YAML's readers of dates and numbers raise has no line
        above = text[: found.start("text")].count("\n") + 1
        at = next((n for n, line in enumerate(lines) if _fails_like(error, line)), 0)
        return above + at, reason(error)
    return None


def _fails_like(error: Exception, line: str) -> bool:
    try:
        yaml.safe_load(line.strip())
    except Exception as own:
        return str(own) == str(error)
    return False


def _faults(text: str) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Give the parts of a notebook in JSON that are of another kind than the format has there."""
    try:
        node = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _unlike(node, dict, ("the notebook",))
    if not isinstance(node, dict):
        return
    metadata = node.get("metadata", {})
    yield from _unlike(metadata, dict, ("metadata",))
    yield from _unlike(node.get("cells", []), list, ("cells",))
    for number, cell in enumerate(_list(node.get("cells"))):
        here = ("cells", number)
        yield from _unlike(cell, dict, here)
        if not isinstance(cell, dict):
            continue
        yield from _unlike(cell.get("cell_type"), str, (*here, "cell_type"))
        for name in ("metadata", "attachments"):
            yield from _unlike(cell.get(name, {}), dict, (*here, name))
        source = cell.get("source", "")
        for part in source if isinstance(source, list) else [source]:
            yield from _unlike(part, str, (*here, "source"))
        yield from _unlike(cell.get("outputs", []), list, (*here, "outputs"))
        for at, output in enumerate(_list(cell.get("outputs"))):
            yield from _unlike(output, dict, (*here, "outputs", at))


def _unlike(part: Any, kind: type, place: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if not isinstance(part, kind):
        yield place, f"{json.dumps(part)[:60]} stands where {_NAMES[kind]} should"


def _list(part: Any) -> list[Any]:
    return part if isinstance(part, list) else []
