"""Charts by Vega and Vega-Lite (Altair): found in outputs, coloured for the page, drawn."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

from notebook_embed.errors import reason
from notebook_embed.notebook import in_one_piece

__all__ = [
    "DARK",
    "coloured",
    "fetches",
    "picture",
    "rows_of",
    "size_of",
    "with_charts",
    "with_rows",
]

#: What charts leave to the page: names in a specification, and what a static picture has for them
#: on light pages and dark ones. In the page a script fills in the page's own.
LIGHT = {
    "$nb-ink": "#2a2c31",
    "$nb-muted": "#5d6067",
    "$nb-line": "#d6d8dc",
    "$nb-sans": "sans-serif",
}
DARK = {"#2a2c31": "#e6e7e9", "#5d6067": "#a9adb5", "#d6d8dc": "#45484f"}

_LABELS = {"labelColor": "$nb-muted", "titleColor": "$nb-ink"}
_LINES = {"domainColor": "$nb-line", "tickColor": "$nb-line", "gridColor": "$nb-line"}
#: Both languages read the first part; the names of marks' colours differ.
_COMMON: dict[str, Any] = {
    "axis": {**_LABELS, **_LINES},
    "legend": _LABELS,
    "header": _LABELS,
    "title": {"color": "$nb-ink", "subtitleColor": "$nb-muted"},
}
_OF_LITE = {
    **_COMMON,
    "font": "$nb-sans",
    "background": "transparent",
    "view": {"stroke": "$nb-line"},
    "text": {"color": "$nb-ink"},
    "rule": {"color": "$nb-ink"},
}
_OF_VEGA = {**_COMMON, "text": {"fill": "$nb-ink"}, "rule": {"stroke": "$nb-ink"}}
# What Altair's HTML hands to the function that fetches Vega from another host.
_IN_HTML = re.compile(r'<div id="altair-viz-[^"]*".*?\}\)\((?=\{)', re.S)


def with_charts(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an output's forms, with the chart as such where Altair has put it into HTML."""
    html = in_one_piece(data.get("text/html")) or ""
    if "altair-viz-" not in html:
        return data
    if not (found := _IN_HTML.search(html)):
        return data
    try:
        spec, end = json.JSONDecoder().raw_decode(html, found.end())
        rest = html[end:].lstrip(", \n")
        options, _ = json.JSONDecoder().raw_decode(rest)
    except ValueError:
        return data
    kind = "vega" if options.get("mode") == "vega" else "vegalite"
    others = {mime: form for mime, form in data.items() if mime != "text/html"}
    return {f"application/vnd.{kind}.v6+json": spec, **others}


def coloured(spec: Mapping[str, Any], *, lite: bool) -> dict[str, Any]:
    """Return a chart that leaves to the page what its author has not set.

    One with a ground of its own keeps all its colours, which were chosen for that ground.
    """
    config = spec.get("config")
    config = config if isinstance(config, Mapping) else {}
    if spec.get("background") or config.get("background"):
        return dict(spec)
    return {**spec, "config": _over(_OF_LITE if lite else _OF_VEGA, config)}


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            merged[key] = _over(below[key], above[key])
    return merged


def fetches(spec: Any) -> bool:
    """Tell whether a chart fetches data or pictures while it is drawn."""
    return any(True for _ in _addresses(spec))


def _addresses(tree: Any) -> Iterator[Any]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if key == "url":
                yield value
            elif key not in ("values", "datasets"):  # what is in a table is not a setting
                yield from _addresses(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _addresses(item)


def with_rows(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chart whose tables in text (CSV, TSV) are rows of texts, as Vega would read them.

    Vega's own reader makes code out of the titles, which a strict policy of the site forbids.
    """
    named: dict[str, Any] = {}
    given = spec.get("datasets")
    sets: Mapping[str, Any] = given if isinstance(given, Mapping) else {}

    def table(data: Mapping[str, Any]) -> Mapping[str, Any]:
        of, form, name = data.get("values"), data.get("format"), str(data.get("name"))
        by_name = of is None and name in sets
        of = sets[name] if by_name else of
        if not (isinstance(of, str) and isinstance(form, Mapping)):
            return data
        if (rows := rows_of(of, form)) is None:
            return data
        rest = {key: value for key, value in form.items() if key not in _TABLES_SAY}
        if by_name:
            named[name] = rows
            return {**data, "format": rest}
        return {**data, "values": rows, "format": rest}

    def walk(tree: Any) -> Any:
        if isinstance(tree, list):
            return [walk(item) for item in tree]
        if not isinstance(tree, Mapping):
            return tree
        same = {key: tree[key] for key in ("values", "datasets") if key in tree}
        return table({key: walk(value) for key, value in tree.items() if key not in same} | same)

    made = walk(spec)
    return {**made, "datasets": {**sets, **named}} if named else dict(made)


_TABLES_SAY = ("type", "delimiter", "header")


def rows_of(text: str, form: Mapping[str, Any]) -> list[dict[str, str]] | None:
    """Return the rows of a table in text, or None where `form` tells of none."""
    marks = {"csv": ",", "tsv": "\t", "dsv": form.get("delimiter")}
    mark = marks.get(form.get("type", ""))
    if not (isinstance(mark, str) and len(mark) == 1 and mark not in '"\r\n'):
        return None
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text.removesuffix("\n").removesuffix("\r"))
    try:
        head, *rows = [row or [""] for row in csv.reader(lines, delimiter=mark)]
    except (csv.Error, TypeError, ValueError):  # a mark that cannot part cells, a huge cell
        return None
    if isinstance(given := form.get("header"), list):
        head, rows = [str(title) for title in given], [head, *rows]
    return [dict(zip(head, row, strict=False)) for row in rows]


def size_of(spec: Mapping[str, Any]) -> tuple[int, int]:
    """Return about how wide and high a chart is, in pixels, where nothing has drawn it."""
    return tuple(  # type: ignore[return-value]
        round(side) + 60 if isinstance(side := spec.get(name), int | float) else 340
        for name in ("width", "height")
    )


def picture(spec: Mapping[str, Any], *, lite: bool) -> str | None:
    """Draw a chart as SVG, in the colours of the light scheme; None without vl-convert.

    Raises
    ------
    ValueError : it cannot be drawn.
    """
    return _drawn(json.dumps(coloured(spec, lite=lite)), lite)


@lru_cache(maxsize=256)  # drawing takes a quarter of a second, the first picture four
def _drawn(spec: str, lite: bool) -> str | None:
    try:
        drawer = import_module("vl_convert")
    except ImportError:
        return None
    draw = drawer.vegalite_to_svg if lite else drawer.vega_to_svg
    for name, value in LIGHT.items():
        spec = spec.replace(f'"{name}"', f'"{value}"')
    try:
        return str(draw(json.loads(spec)))
    except Exception as error:  # whatever the chart makes it raise
        raise ValueError(f"the chart cannot be drawn: {reason(error)}") from error
