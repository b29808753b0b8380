"""Values as sentences have them: read from what a kernel says of them, formatted as a page asks."""

from __future__ import annotations

import ast
import datetime
import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["Value", "formatted", "read_value"]


@dataclass(frozen=True)
class Value:
    """A value: how it reads without a format, and itself where that is known.

    `last` says which digit is the last one known, where not all are: 4 that of ten thousands, -2
    that of hundredths.
    """

    text: str
    value: Any = None
    last: int | None = None


# What reading any text may end in: it need not be of the class whose name it has.
_UNREAD = (
    *(SyntaxError, ValueError, TypeError, LookupError, AttributeError),
    *(RecursionError, MemoryError, ArithmeticError, OSError),
)


def read_value(text: str) -> Value:
    """Read the text of a cell's last expression, such as ``np.float64(2.0)`` or ``'a'``.

    What is not understood is the text itself.
    """
    stripped = text.strip()
    try:
        tree = ast.parse(stripped, mode="eval").body
        return _read(tree, stripped)
    except _UNREAD:
        return Value(text)


def _read(tree: ast.expr, text: str) -> Value:
    if (number := _number(tree)) is not None:
        return Value(text, number)
    if isinstance(tree, ast.Constant):
        value = tree.value
        return Value(value if isinstance(value, str) else text, value)
    if isinstance(tree, ast.Attribute) and tree.attr in ("True_", "False_"):
        return Value(tree.attr.rstrip("_"), tree.attr == "True_")
    if not isinstance(tree, ast.Call):
        return Value(text)
    name = ast.unparse(tree.func)
    last = name.rpartition(".")[2]
    first = tree.args[0] if tree.args else None
    if name.startswith(("np.", "numpy.")) and first is not None and len(tree.args) == 1:
        inner = ast.get_source_segment(text, first) or text
        return _read(first, inner)
    if last in ("tensor", "array") and first is not None and _number(first) is not None:
        inner = ast.get_source_segment(text, first) or ""
        return Value(inner.rstrip("."), _number(first), _last_known(inner))
    plain = [_constant(argument) for argument in tree.args]
    named = {one.arg: _constant(one.value) for one in tree.keywords if one.arg}
    if not plain and not named:
        return Value(text)
    if name in ("Decimal", "decimal.Decimal") and not named:
        decimal = Decimal(*plain)
        return Value(str(decimal), decimal)
    if name in ("Fraction", "fractions.Fraction") and not named:
        fraction = Fraction(*plain)
        return Value(str(fraction), fraction)
    if name.startswith("datetime.") and last in ("date", "datetime", "time", "timedelta"):
        moment = getattr(datetime, last)(*plain, **named)
        return Value(str(moment), moment)
    if not plain or not isinstance(plain[0], str):
        return Value(text)
    if last == "Timestamp":
        return Value(plain[0], datetime.datetime.fromisoformat(plain[0]))
    if last.endswith("Path") and len(plain) == 1 and not named:
        return Value(plain[0], plain[0])
    return Value(text)


def _number(tree: ast.expr) -> float | int | None:
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        inner = _number(tree.operand)
        return None if inner is None else -inner
    if isinstance(tree, ast.Name) and tree.id in ("nan", "inf"):
        return float(tree.id)
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float):
        return None if isinstance(tree.value, bool) else tree.value
    return None


def _last_known(rounded: str) -> int | None:
    """Return the place of the last digit of a number that has been rounded, unless it is whole."""
    if "." not in rounded and "e" not in rounded:
        return None  # or no number at all, as nan
    # A point that nothing follows: this digit was zero, and has been left out.
    return int(Decimal(re.sub(r"\.(?!\d)", ".0", rounded)).as_tuple().exponent)


def _constant(tree: ast.expr) -> Any:
    if (zone := _zone(tree)) is not None:
        return zone
    number = _number(tree)
    return ast.literal_eval(tree) if number is None else number


def _zone(tree: ast.expr) -> datetime.tzinfo | None:
    """Return the zone of a moment: ``datetime.timezone.utc``, another offset, or a named one."""
    if isinstance(tree, ast.Attribute):
        return datetime.UTC if ast.unparse(tree) == "datetime.timezone.utc" else None
    name = ast.unparse(tree.func) if isinstance(tree, ast.Call) else ""
    if not isinstance(tree, ast.Call) or name not in ("datetime.timezone", "zoneinfo.ZoneInfo"):
        return None
    named = {one.arg: _constant(one.value) for one in tree.keywords if one.arg}
    if name == "zoneinfo.ZoneInfo":
        return ZoneInfo(*map(_constant, tree.args), **named)
    offset, *rest = tree.args
    if not isinstance(offset, ast.Call) or ast.unparse(offset.func) != "datetime.timedelta":
        return None
    parts = {one.arg: _constant(one.value) for one in offset.keywords if one.arg}
    length = datetime.timedelta(*map(_constant, offset.args), **parts)
    return datetime.timezone(length, *map(_constant, rest), **named)


def formatted(text: str, spec: str, *, quoted: bool) -> str:
    """Return a value in Python's format `spec`, such as ``.2f`` or ``%d %B %Y``.

    `quoted` says that the text is an expression, where strings have quotes.

    Raises
    ------
    ValueError : the value cannot be had in this format; the message says why.
    """
    value = read_value(text) if quoted else Value(text, text)
    found = value.value
    if not quoted or isinstance(found, str):
        found = _meant(value.text)
    if found is None or isinstance(found, bool):
        raise ValueError(f"'{value.text}' is neither a number nor a date")
    try:
        made = _format(found, spec)
    except (ValueError, TypeError, ArithmeticError, MemoryError) as error:
        raise ValueError(f"'{value.text}': {str(error) or 'there is no room for it'}") from None
    if isinstance(found, float) and not math.isfinite(found):
        return value.text
    if value.last is not None and _last_shown(made) < value.last:
        raise ValueError(f"only {value.text} is known of it; let the cell end in its .item()")
    return made


def _format(value: Any, spec: str) -> str:
    try:
        return format(value, spec)
    except OverflowError:
        if not isinstance(value, int):
            raise
        return format(Decimal(value), spec)  # no float is that large


def _meant(text: str) -> Any:
    """Return what a text means as a number or a date, or the text."""
    for kind in (int, _float, _date, datetime.datetime.fromisoformat, Decimal):
        try:
            return kind(text)
        except (ValueError, InvalidOperation):
            continue
    return text


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number) and re.search(r"\d", text):
        raise ValueError("no float is that large")
    return number


def _date(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


# A number in any of Python's formats, among what fills it up to a width.
_SHOWN = re.compile(r"\d[\d,_]*(?:\.([\d,_]+))?(?:[eE]([+-]\d+))?(%)?")


def _last_shown(made: str) -> int:
    """Return the place of the last digit that a formatted number shows of the number itself."""
    found = _SHOWN.search(made)
    if found is None:
        return 0
    decimals, exponent, percent = found.groups()
    after = len(re.findall(r"\d", decimals or ""))
    return int(exponent or 0) - after - 2 * bool(percent)
