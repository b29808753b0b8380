"""Data that charts by Vega and Vega-Lite name by an address: read when the site is built."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import lru_cache
from http.client import HTTPException
from math import isfinite
from pathlib import Path
from textwrap import shorten
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

from notebook_embed.charts import rows_of, with_charts

__all__ = ["CHARTS", "DataUnreachableError", "ask_anew", "asks_others", "files_of", "filled"]

CHARTS = ("application/vnd.vegalite.v*+json", "application/vnd.vega.v*+json")
PATIENCE = 20  # seconds that another host may be silent
_TYPES = {"csv": "csv", "tsv": "tsv"}


class DataUnreachableError(Exception):
    """What a chart names by an address cannot be read."""


def filled(
    spec: Mapping[str, Any], folder: Path, *, lite: bool, trusted: bool, remote: bool
) -> dict[str, Any]:
    """Return a chart with its data in it, wherever it names them by an address.

    Files are looked up from `folder`; what an untrusted chart names must lie in it. Other hosts are
    asked with `remote` alone.

    Raises
    ------
    DataUnreachableError : an address leads nowhere, or to what is no such data.
    """

    def fill(data: Mapping[str, Any]) -> Mapping[str, Any]:
        url, given = str(data["url"]), data.get("format")
        form = dict(given) if isinstance(given, Mapping) else {}
        try:
            path = _local(url, folder)
            if path is None and not (remote and trusted):
                raise OSError("it is on another host")
            if path is not None and not trusted and not _is_below(path, folder):
                raise OSError("it lies outside of the notebook's folder")
            content = _fetched(url) if path is None else path.read_bytes()
            values, form = _values(content.decode("utf-8-sig"), url, form, lite=lite)
        except (OSError, ValueError, HTTPException, RecursionError) as error:
            why = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
            # It may be a table, by mistake.
            at = shorten(url, 100, placeholder="...") if len(url) > 200 else url
            raise DataUnreachableError(f"its data at '{at}' cannot be read: {why}") from error
        rest = {key: value for key, value in data.items() if key not in ("url", "format")}
        return {**rest, "values": values, **({"format": form} if form else {})}

    made: dict[str, Any] = _walked(spec, fill)
    return made


def files_of(outputs: Iterable[Mapping[str, Any]], folder: Path) -> list[Path]:
    """List the files whose data charts show, among the outputs of a notebook in `folder`."""
    found: dict[Path, None] = {}
    for url in _addresses(outputs):
        with suppress(OSError, ValueError):  # such as a table where its address should stand
            path = _local(url, folder)
            if path is not None and path.is_file():
                found[path] = None
    return list(found)


def asks_others(outputs: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether charts among the outputs of a notebook show data of another host."""
    for url in _addresses(outputs):
        with suppress(ValueError):
            if _local(url, Path()) is None:
                return True
    return False


def ask_anew() -> None:
    """Forget what other hosts have answered: a build asks each once, the next one again."""
    _answer.cache_clear()


def _addresses(outputs: Iterable[Mapping[str, Any]]) -> list[str]:
    """List the addresses of data in charts."""
    found: list[str] = []

    def note(data: Mapping[str, Any]) -> Mapping[str, Any]:
        found.append(str(data["url"]))
        return data

    for output in outputs:
        for chart in _charts(output.get("data") or {}):
            _walked(chart, note)
    return found


def _charts(data: Mapping[str, Any]) -> Iterator[Any]:
    for mime, form in with_charts(data).items():
        if any(fnmatchcase(mime, known) for known in CHARTS):
            try:
                yield json.loads(form) if isinstance(form, str) else form
            except ValueError:
                continue  # whoever shows it says so


def _walked(
    tree: Any, change: Callable[[Mapping[str, Any]], Mapping[str, Any]], *, is_data: bool = False
) -> Any:
    """Return a chart with `change` made of all data in it that have an address."""
    if isinstance(tree, list):
        return [_walked(item, change, is_data=is_data) for item in tree]
    if not isinstance(tree, Mapping):
        return tree
    made = {
        key: value
        if key in ("values", "datasets", "usermeta")  # what is in a table is not a setting
        else _walked(value, change, is_data=key == "data")
        for key, value in tree.items()
    }
    return change(made) if is_data and isinstance(made.get("url"), str) else made


def _local(url: str, folder: Path) -> Path | None:
    """Return the file that an address means, seen from `folder`; None if it is elsewhere.

    Raises
    ------
    ValueError : it is no address.
    """
    parts = urlsplit(url)
    if parts.scheme or parts.netloc or url.startswith(("/", "\\")):
        return None
    return folder / unquote(parts.path)


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _fetched(url: str) -> bytes:
    if isinstance(answer := _answer(url), bytes):
        return answer
    raise answer.with_traceback(None)


@lru_cache(maxsize=64)  # a host that does not answer is asked once a build, see `ask_anew`
def _answer(url: str) -> bytes | Exception:
    address = f"https:{url}" if url.startswith("//") else url
    try:
        if urlsplit(address).scheme not in ("http", "https"):
            raise OSError("it is no file beside the notebook")
        with urlopen(address, timeout=PATIENCE) as answer:
            content: bytes = answer.read()
    except (OSError, ValueError, HTTPException) as error:
        return error
    return content


def _values(text: str, url: str, form: dict[str, Any], *, lite: bool) -> tuple[Any, dict[str, Any]]:
    """Return what is in a file, and what of its format is still to be said."""
    ending = urlsplit(url).path.rpartition(".")[2].lower()
    kind = form.get("type") or _TYPES.get(ending, "json")
    if kind in ("json", "topojson"):
        return json.loads(text, parse_constant=_refused), form
    if (rows := rows_of(text, {**form, "type": kind})) is None:
        raise ValueError(f"no table of the type '{kind}' is in it")
    rest = {key: value for key, value in form.items() if key not in ("type", "delimiter", "header")}
    parse = form.get("parse", "auto")
    if not lite or parse is None:
        return rows, rest
    said = parse if isinstance(parse, Mapping) else {}
    if not said:
        rest.pop("parse", None)
    return _typed(rows, said), rest


def _typed(rows: list[dict[str, str]], said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return rows with numbers and truth values as such, as Vega-Lite reads them from a file."""
    read = {
        title: reader
        for title in dict.fromkeys(title for row in rows for title in row)
        if title not in said
        and (reader := _reader([row[title] for row in rows if row.get(title)])) is not None
    }
    return [
        {title: read.get(title, _same)(cell) if cell else None for title, cell in row.items()}
        for row in rows
    ]


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _same(cell: str) -> Any:
    return cell


def _reader(cells: list[str]) -> Callable[[str], Any] | None:
    """Return what reads every one of a column's cells, or None where they are text."""
    for reader in (_truth, int, _number):
        try:
            for cell in cells:
                if "_" in cell:  # Python takes it for a part of a number
                    raise ValueError(cell)
                reader(cell)
        except ValueError:
            continue
        return reader if cells else None
    return None


def _truth(cell: str) -> bool:
    if cell not in ("true", "false"):
        raise ValueError(cell)
    return cell == "true"


def _number(cell: str) -> float:
    number = float(cell)
    if not isfinite(number):  # JSON has none
        raise ValueError(cell)
    return number
