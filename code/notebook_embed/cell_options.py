"""What a cell says of itself: lines ``#| key: value`` at its top, and tags.

The options are Quarto's and this package's own, the tags those of Jupyter Book, and they mean what
they mean there. Where several say something about one thing, the one that hides more counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from notebook_embed.errors import EmbedError, nearest, reason, shown
from notebook_embed.progress import log

__all__ = ["LABEL", "CellOptions", "Hidden", "OptionReader", "composed", "split_options", "too_low"]

LABEL = re.compile(r"[^\W\d_][\w-]*")
# A comment of the cell's language that begins with a bar; formatters put a space before the bar.
OPTION_LINE = re.compile(r"^(?:#|//|--|;+|%)(?P<apart>[ \t]*)\|\s?(?P<text>.*)$")

# Options that are true or false, with what they are where nobody says.
SWITCHES = {"echo": True, "include": True, "eval": True, "warning": True, "error": False}
TEXTS = ("fig-cap", "fig-alt", "tbl-cap", "code-summary")
OWN = ("label", "fold", "inputs", "writes", "timeout")
KNOWN = (*OWN, *SWITCHES, *TEXTS, "output", "code-fold", "tags")
# Quarto knows them, and here they would change nothing: layout is the page's.
ELSEWHERE = re.compile(
    r"(fig|tbl|lst|layout|code|cap|column|classes|message|results|cache|freeze|id|kernel)\b.*"
)

# With that space it may be an ordinary comment, so what it says is looked at.
ENTRY = re.compile(r"\s*(?P<key>[A-Za-z][\w-]*)\s*:(?P<value>\s.*)?$")
GOES_ON = re.compile(r"\s|- |[\]}]|$")

# What tags say in the words of options.
TAGS: dict[str, dict[str, Any]] = {
    "remove-cell": {"include": False},
    "remove-input": {"echo": False},
    "remove-output": {"output": False},
    "remove-all-outputs": {"output": False},
    "remove-stderr": {"warning": False},
    "remove-stdout": {"stdout": False},
    "hide-cell": {"fold": True, "fold-output": True},
    "hide-input": {"fold": True},
    "hide-output": {"fold-output": True},
    "raises-exception": {"error": True},
    "skip-execution": {"eval": False},
}
# Tags of other tools, which ask nothing of a page.
SILENT = re.compile(r"(injected-)?parameters|full-width|margin|popout|output-scroll|nbval-.*")


@dataclass(frozen=True)
class Hidden:
    """What a site hides of its notebooks elsewhere: all code, and cells by tags of its own.

    `tags` maps a tag to the one in `TAGS` that it means.
    """

    code: bool = False
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class CellOptions:
    """What a cell's options and tags come to.

    `include` shows the cell, `echo` its code, `output` its outputs, `warning` what it prints as an
    error, `stdout` what it prints; `fold` and `fold_output` close them at first, `open_fold` only
    lets the reader close the code. `asis` takes what it prints for Markdown. `eval` runs it,
    `error` lets it raise.
    """

    label: str | None = None
    inputs: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    timeout: float | None = None
    include: bool = True
    echo: bool = True
    output: bool = True
    warning: bool = True
    stdout: bool = True
    fold: bool = False
    open_fold: bool = False
    fold_output: bool = False
    asis: bool = False
    eval: bool = True
    error: bool = False
    caption: str | None = None
    table_caption: str | None = None
    alt: str = ""
    summary: str = "Code"


def composed(name: str) -> str:
    """Return a name in the one of its forms that is compared; systems and editors write two."""
    return unicodedata.normalize("NFC", name)


def split_options(source: str) -> tuple[str, str]:
    """Split the option lines that open a cell from its code, as text.

    They stand before the cell's magic (``%%time``) or after it. Black makes ``# | key: value`` of
    them, which is an ordinary comment where no key is known.
    """
    lines = source.split("\n")
    magics = list(takewhile(lambda line: line.startswith("%%"), lines))
    rest = lines[len(magics) :]
    written = _option_lines(rest)
    if not written:
        return "", source
    return "\n".join(written), "\n".join([*magics, *rest[len(written) :]]).strip("\n")


def _option_lines(lines: list[str]) -> list[str]:
    """Return the text of the lines that open a cell and are options."""
    found: list[re.Match[str]] = []
    for match in takewhile(bool, map(OPTION_LINE.match, lines)):
        assert match is not None
        goes_on = found and GOES_ON.match(match["text"])
        if match["apart"] and not (goes_on or _is_entry(match["text"])):
            break
        found.append(match)
    sure = next((at for at, match in enumerate(found) if match["apart"]), len(found))
    entries = (ENTRY.match(match["text"]) for match in found[sure:])
    if not any(entry and entry["key"] in KNOWN for entry in entries):
        del found[sure:]
    return [match["text"] for match in found]


def too_low(code: str) -> str | None:
    """Return the first line of a cell's code that would be an option at its top, or None.

    A text of several lines may hold such a line and mean it, and so may a cell with a magic.
    """
    if code.startswith("%%"):
        return None
    for line in code.split("\n"):
        if '"""' in line or "'''" in line:
            return None
        match = OPTION_LINE.match(line)
        entry = ENTRY.match(match["text"]) if match and not match["apart"] else None
        if entry and entry["key"] in KNOWN:
            return line
    return None


def _is_entry(text: str) -> bool:
    """Tell whether a comment says `key: value`, and is no row of a table."""
    entry = ENTRY.match(text)
    value = (entry["value"] or "").strip() if entry else ""
    return entry is not None and (value == "|" or not value.endswith("|"))


class OptionReader:
    """Reads the options of a notebook's cells; `defaults` are what it says of all of them.

    What the site has `hidden` stays so, unless a notebook or a cell asks for its code (`echo`).
    """

    def __init__(
        self, path: Path, defaults: Mapping[str, Any], hidden: Hidden | None = None
    ) -> None:
        self.path = path
        hidden = hidden or Hidden()
        given = {key: defaults[key] for key in (*SWITCHES, "output") if key in defaults}
        self.defaults: dict[str, Any] = {"echo": False, **given} if hidden.code else given
        self._meanings = {**TAGS, **{tag: TAGS[meaning] for tag, meaning in hidden.tags}}
        self._told: set[str] = set()

    def read(self, written: str, tags: Iterable[str], line: int) -> CellOptions:
        """Read option lines and tags of the cell that starts at `line`.

        Raises
        ------
        EmbedError : they are no mapping, or a value is none that the option can have.
        """
        given = self._mapping(written, line)
        for key in given:
            if key not in KNOWN:
                self._warn(line, "option", str(key), KNOWN, known=ELSEWHERE)
        said = [self.defaults | given]
        for tag in [*tags, *self._list("tags", "word", given, line)]:
            meaning = self._meanings.get(tag, TAGS.get(tag.replace("_", "-")))
            if meaning is not None:
                said.append(meaning)
            elif not SILENT.fullmatch(tag.replace("_", "-")):
                self._warn(line, "tag", tag, TAGS)
        return self._options(said, line, written)

    def tell_too_low(self, written: str, line: int) -> None:
        """Say that an option stands where it is none."""
        log.warning(
            "%s:%d: the option '%s' stands too low in its cell and is a comment there. "
            "Put it above all else, empty lines and other comments too.",
            shown(self.path),
            line,
            written.strip(),
        )

    def _mapping(self, written: str, line: int) -> dict[str, Any]:
        try:
            options = yaml.safe_load(written) or {}
            if not isinstance(options, dict):
                raise ValueError("expected 'key: value'")
        except Exception as error:
            # PyYAML's own errors, and whatever its readers of dates and numbers raise.
            raise EmbedError(
                f"malformed cell option: {reason(error)}",
                file=self.path,
                line=line,
                remedy="Write one option a line, as in '#| label: red-filter'.",
            ) from error
        return options

    def _options(self, said: list[dict[str, Any]], line: int, written: str) -> CellOptions:
        given = said[0]
        switches = {name: self._switch(name, said, line) for name in SWITCHES}
        output, code_fold = given.get("output", True), given.get("code-fold", False)
        if output not in (True, False, "asis"):
            raise self._refused("'output' takes true, false or asis", line)
        if code_fold not in (True, False, "show"):
            raise self._refused("'code-fold' takes true, false or show", line)
        if not isinstance(given.get("fold", False), bool):
            raise self._refused("'fold' takes true or false", line)
        texts = {name: given.get(name) for name in TEXTS}
        for name, text in texts.items():
            if isinstance(text, bool) or not isinstance(text, str | int | float | None):
                raise self._refused(f"'{name}' takes a text", line)
        label, timeout = given.get("label"), given.get("timeout")
        if isinstance(label, str):
            label = composed(label)
        if label is not None and not (isinstance(label, str) and LABEL.fullmatch(label)):
            found = re.search(r"^\s*label\s*:[ \t]*(.+?)[ \t]*$", written, re.M)
            given_as = found[1] if found else str(label)
            # YAML takes some words for something else: no, on, null.
            is_word = not isinstance(label, str) and LABEL.fullmatch(given_as)
            raise EmbedError(
                f"a label starts with a letter and has only letters, digits, - and _: {given_as}",
                file=self.path,
                line=line,
                remedy=f"Without quotes it means {label!r}: write '{given_as}' in quotes."
                if is_word
                else "",
            )
        if timeout is not None and (
            isinstance(timeout, bool)
            or not isinstance(timeout, int | float)
            or not (timeout > 0 or timeout == -1)
        ):
            raise self._refused(
                "'timeout' takes a number of seconds above 0, or -1 for no limit", line
            )
        caption, table_caption = texts["fig-cap"], texts["tbl-cap"]
        return CellOptions(
            **switches,
            label=label,
            timeout=timeout,
            inputs=self._list("inputs", "path", given, line),
            writes=self._list("writes", "path", given, line),
            output=bool(output) and all(part.get("output", True) for part in said[1:]),
            asis=output == "asis",
            stdout=all(part.get("stdout", True) for part in said),
            fold=any(bool(part.get("fold")) for part in said) or bool(code_fold),
            open_fold=code_fold == "show",
            fold_output=any(part.get("fold-output", False) for part in said),
            caption=None if caption is None else str(caption),
            table_caption=None if table_caption is None else str(table_caption),
            alt=" ".join(str(texts["fig-alt"] or "").split()),
            summary=str(texts["code-summary"] or "Code"),
        )

    def _switch(self, name: str, said: list[dict[str, Any]], line: int) -> bool:
        value = said[0].get(name, SWITCHES[name])
        if name == "echo" and value == "fenced":
            value = True
        if not isinstance(value, bool):
            raise self._refused(f"'{name}' takes true or false", line)
        of_tags = [part[name] for part in said[1:] if name in part]
        return value or any(of_tags) if name == "error" else value and all(of_tags)

    def _list(self, name: str, kind: str, given: Mapping[str, Any], line: int) -> tuple[str, ...]:
        value = given.get(name)
        if value is not None and not (
            isinstance(value, str)
            or (isinstance(value, list) and all(isinstance(item, str) for item in value))
        ):
            raise self._refused(f"'{name}' takes a {kind} or a list of {kind}s", line)
        return (value,) if isinstance(value, str) else tuple(value or ())

    def _refused(self, problem: str, line: int) -> EmbedError:
        return EmbedError(problem, file=self.path, line=line)

    def _warn(
        self,
        line: int,
        kind: str,
        word: str,
        choices: Iterable[str],
        known: re.Pattern[str] | None = None,
    ) -> None:
        """Say once in a notebook that a word changes nothing."""
        if word in self._told:
            return
        self._told.add(word)
        where = (shown(self.path), line)
        if known is not None and known.fullmatch(word):
            log.warning("%s:%d: the cell %s '%s' changes nothing here", *where, kind, word)
        else:
            hint = nearest(word, choices)
            log.warning("%s:%d: unknown cell %s '%s'. %s", *where, kind, word, hint)
