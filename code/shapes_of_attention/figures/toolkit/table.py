"""Tables of HTML that readers sort by their headings; each number stands apart from its text."""

from __future__ import annotations

import html
from collections.abc import Sequence

from shapes_of_attention.studies.record import spread

__all__ = ["NOTHING", "mean_and_deviation", "mean_and_range", "sortable_table", "value_cell"]

#: Where there is no number.
NOTHING = "<td data-value>–</td>"


def sortable_table(
    name: str, titles: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]
) -> str:
    """Write a table whose first column holds names and whose other columns hold numbers."""
    head = f'<th scope="col">{name}</th>' + "".join(
        f'<th scope="col" data-sort="number">{title}</th>' for title in titles
    )
    body = "".join(
        f'<tr><th scope="row">{html.escape(text)}</th>{"".join(cells)}</tr>' for text, cells in rows
    )
    return f"<table data-sortable><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def value_cell(value: float, form: str, unit: str = "") -> str:
    """Write one number into a cell, in a format such as ".2f"."""
    return _cell(value, f"{value:{form}}{unit}")


def mean_and_deviation(values: Sequence[float], form: str, unit: str = "") -> str:
    """Write the mean and, from two values on, their standard deviation; sorts by the mean."""
    found = spread(values)
    return _cell(found.mean, f"{found:{form}}{unit}")


def mean_and_range(values: Sequence[float], form: str, unit: str = "") -> str:
    """Write the mean and, from two values on, least and largest below it; sorts by the mean."""
    mean = sum(values) / len(values)
    text = f"{mean:{form}}{unit}"
    if len(values) > 1:
        # On a line of its own, so that the columns stay narrow enough for a phone.
        text += f"<br><small>{min(values):{form}}–{max(values):{form}}</small>"
    return _cell(mean, text)


def _cell(value: float, text: str) -> str:
    """Write `text` into a cell that sorts by `value`, with the sign for minus."""
    return f'<td data-value="{value:.6g}">{text.replace("-", "−")}</td>'
