"""Says in the kernel what is in a mapping that a cell shows, so that a page can embed one entry.

This file is sent to the kernel as text before the first cell runs: notebooks need not import the
generator, and kernels of other environments need not have it.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from IPython.core.formatters import BaseFormatter, DisplayFormatter
from IPython.core.getipython import get_ipython

MOST = 1000  # entries; IPython's own text of a mapping ends there too
TEXTS = ("text/html", "text/latex", "text/markdown")
IMAGES = ("image/svg+xml", "image/png", "image/jpeg")
# Who has one of these shows itself in its own way.
OWN = ("_repr_html_", "_repr_latex_", "_repr_markdown_")
DRAWS = ("_repr_svg_", "_repr_png_", "_repr_jpeg_")
SHOWS = ("_ipython_display_", "_repr_mimebundle_")
# What `print` shows well, whoever else has a look for it: sympy draws numbers and lists.
PRINTED = (
    *(int, float, complex, str, bytes, type(None), Decimal, Fraction),
    *(datetime.date, datetime.time, datetime.timedelta),
    *(list, tuple, set, frozenset, dict),
)


def register(mime: str) -> None:
    """Let outputs that are mappings or instances of dataclasses list their entries as `mime`."""
    shell: Any = get_ipython()
    display: DisplayFormatter = shell.display_formatter

    class Values(BaseFormatter):
        format_type = mime
        _return_type = dict

        def __call__(self, value: Any) -> dict[str, Any] | None:
            try:
                mapping = as_mapping(value)
            except Exception:  # it only looks like one
                return None
            if mapping is None:
                return None
            try:
                return listed(mapping, display)
            except Exception as error:
                return {"entries": [], "why": f"cannot be walked ({type(error).__name__})"}

    display.formatters[mime] = Values(parent=display)


def listed(mapping: Mapping[Any, Any], display: DisplayFormatter) -> dict[str, Any]:
    """Return the entries of a mapping, inner ones by the keys that lead to them.

    An entry has a MIME type and a text: what it shows by itself, else what `print` shows of it. A
    picture has neither. Where none are listed it is said why.
    """
    entries: list[dict[str, Any]] = []
    for keys, item in leaves(mapping):
        if len(entries) == MOST:
            return {"entries": [], "why": f"has more than {MOST} entries"}
        entries.append({"keys": keys, **shown(item, display)})
    return {"entries": entries} if entries else {"entries": [], "why": "is empty"}


def as_mapping(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, type) or any(hasattr(type(value), name) for name in OWN + SHOWS + DRAWS):
        return None
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.repr}
    return None


def leaves(mapping: Mapping[Any, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    for key, value in mapping.items():
        keys = (*above, str(key))
        if inner := as_mapping(value):
            yield from leaves(inner, keys)
        else:
            yield keys, value


def shown(value: Any, display: DisplayFormatter) -> dict[str, str]:
    if any(hasattr(type(value), name) for name in SHOWS):
        return {}
    if not is_printed(value):
        for mime in TEXTS:
            if isinstance(text := display.formatters[mime](value), str):
                return {"type": mime, "text": text}
        # Who could be drawn need not be: sympy's formatters draw nothing where LaTeX is missing.
        if any(display.formatters[mime](value) is not None for mime in IMAGES):
            return {}
    return {"type": "text/plain", "text": str(value)}


def is_printed(value: Any) -> bool:
    """Tell whether a value is plain, and has no look of its own."""
    if any(hasattr(type(value), name) for name in OWN + DRAWS):
        return False
    kinds = {(kind.__module__, kind.__name__) for kind in type(value).__mro__}
    return isinstance(value, PRINTED) or ("numpy", "generic") in kinds
