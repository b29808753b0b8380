"""Where files lie on the machine that builds: readers need not know, and two machines differ."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat

from notebook_embed.notebook import Cell, Notebook
from notebook_embed.outputs import VALUES

__all__ = ["FRAME", "Places", "shown_in", "with_lines"]

# Folders of libraries.
_LIBRARY = r"(?:(?:site|dist)-packages[/\\]|lib(?:64)?/python3[\d.]*/)"
# In a traceback of IPython. The last form is Windows'.
LIBRARIES = re.compile(rf"(?<![^\s\x1b])[^\s\x1b]*(?={_LIBRARY}|[/\\]Lib\\)[/\\]?")
#: A frame of a cell in a traceback as Python prints it: the file that IPython made of the cell.
FRAME = re.compile(r'File "(?:[^"\n]*[/\\])?ipykernel_\d+[/\\]\d+\.py", line (\d+)')
# In what is kept, the number of a line of a cell's code, between signs that no text has: where the
# cell stands in its file is no part of a key, and prose above it moves it.
_LINE = re.compile("\ufdd0(-?\\d+)\ufdd1")
# A path begins after a colour, or where no other path goes on; and it ends there, or goes deeper.
_BEFORE = r"(?P<before>\x1b\[[\d;]*m|(?<![\w/\\.~-]))(?:file://)?"
_AFTER = r"(?P<deeper>(?:/|\\{1,2})(?=[^\s\"'`<>,:;)\]\x1b/\\]))|(?![\w-]|\.\w)"


class Places:
    """The folders of a project, `root` and those of its own `code`, by all names of theirs."""

    def __init__(self, root: Path, code: Iterable[Path] = ()) -> None:
        self._shown: dict[str, str] = {}
        for folder in (root, *code):
            for path in (os.path.abspath(folder), os.path.realpath(folder)):  # noqa: PTH100 - a link
                if path != os.path.dirname(path):  # noqa: PTH120 - stays, unlike that of all else
                    for name in _names(path):
                        self._shown.setdefault(name, shown_in(folder, root))
        longest_first = sorted(self._shown, key=len, reverse=True)
        folders = "|".join(map(re.escape, longest_first)) or "(?!)"
        self._pattern = re.compile(f"{_BEFORE}(?P<folder>{folders})(?:{_AFTER})")

    def within(self, text: str) -> str:
        """Return `text` with the paths of the project's files as seen from its folder."""
        return self._pattern.sub(self._place, text)

    def _place(self, found: re.Match[str]) -> str:
        shown, deeper = self._shown[found["folder"]], found["deeper"] or ""
        return found["before"] + ("" if deeper and shown == "." else shown + deeper)

    def leave_out(self, output: nbformat.NotebookNode, notebook: Notebook, cell: Cell) -> None:
        """Take out of a cell's output what differs from one run or machine to the next."""
        if output.output_type == "error":
            output.evalue = self.within(output.evalue)
            lines = map(self.within, output.traceback)
            output.traceback = [LIBRARIES.sub("", line) for line in lines]
        elif output.output_type == "stream":
            output.text = without_frames(self.within(output.text), notebook, cell)
            if output.name == "stderr":
                output.text = without_places(output.text, notebook, cell)
        else:
            if isinstance(text := output.data.get("text/plain"), str):
                output.data["text/plain"] = self.within(text)
            for entry in _plain_entries(output.data.get(VALUES)):
                entry["text"] = self.within(entry["text"])


def _plain_entries(values: Any) -> list[dict[str, Any]]:
    """Return the entries of a mapping that are plain text; a cell may show whatever it likes."""
    entries = values.get("entries") if isinstance(values, dict) else None
    return [
        entry
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and entry.get("type") == "text/plain"
        if isinstance(entry.get("text"), str)
    ]


def _names(path: str) -> list[str]:
    """Return how a program may write a folder: as it is, from home, in an address, in quotes."""
    names = [path, quote(path), repr(path)[1:-1]]
    home = os.path.expanduser("~")  # noqa: PTH111 - it raises nothing
    if path.startswith(home + os.sep):
        names.append("~" + path[len(home) :])
    return names


def shown_in(path: Path, root: Path) -> str:
    """Return a file's path from `root`, which need not hold it."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:  # on another drive
        return path.as_posix()


def without_places(text: str, notebook: Notebook, cell: Cell) -> str:
    """Return what was printed without the places of warnings on this machine.

    A warning names the file that IPython made of the cell, and files of libraries.
    """

    def place(found: re.Match[str]) -> str:
        return f"{notebook.path.name}:{_kept_line(cell, int(found[1]))}"

    text = re.sub(r"(?<!\S)\S*[/\\]ipykernel_\d+[/\\]\d+\.py:(\d+)", place, text)
    return re.sub(rf"(?m)^\S*{_LIBRARY}(?=\S+:\d+: )", "", text)


def without_frames(text: str, notebook: Notebook, cell: Cell) -> str:
    """Return what was printed with the frames of a traceback in it as others would see them.

    Those of cells name the notebook, with the line where it is this cell's.
    """
    lines = cell.source.count("\n") + 1

    def place(found: re.Match[str]) -> str:
        number = int(found[1])
        line = f", line {_kept_line(cell, number)}" if number <= lines else ""
        return f'File "{notebook.path.name}"{line}'

    text = re.sub(FRAME, place, text)
    return re.sub(rf'(?<=File ")[^"\n]*(?={_LIBRARY})', "", text)


def _kept_line(cell: Cell, number: int) -> str:
    """Return what stands for the line `number` of what ran; it holds whatever comes above."""
    ran_alone = cell.code.startswith("%%")  # a cell's magic runs without the options above it
    return f"\ufdd0{number if ran_alone else number - _lines_of_options(cell)}\ufdd1"


def with_lines(text: str, cell: Cell) -> str:
    """Put the file's lines into what was kept of a cell, as they are now."""
    first = cell.line + _lines_of_options(cell)
    return _LINE.sub(lambda found: str(first + int(found[1]) - 1), text)


def _lines_of_options(cell: Cell) -> int:
    return cell.source.count("\n") - cell.code.count("\n")
