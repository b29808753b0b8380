"""Read what `python -m shapes_of_attention.series.train` recorded."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["best_rates", "read_records", "results_table"]


def read_records(folder: Path, group: str) -> dict[str, list[dict[str, Any]]]:
    """Read the runs of a group such as `main`: name of a model -> its records, one a seed.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    path = folder / f"series-{group}.json"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist; python -m shapes_of_attention.series.train writes it"
        )
    found: dict[str, list[dict[str, Any]]] = {}
    for name, record in json.loads(path.read_text()).items():
        found.setdefault(name.split("/")[1], []).append(record)
    return found


def best_rates(folder: Path) -> dict[str, dict[float, float]]:
    """Read the sweeps: model -> learning rate -> mean amplitude error at the end."""
    return {
        model: {
            record["config"]["run"]["learning_rate"]: record["test"]["amplitude_error_mean"]
            for record in records
        }
        for model, records in read_records(folder, "sweep").items()
    }


def results_table(records: dict[str, list[dict[str, Any]]], names: dict[str, str]) -> str:
    """Write a table in HTML: one row a model, mean and spread over its seeds.

    `names` gives the models to show, in order, and what readers call them. Readers can sort it.
    """
    rows = []
    for key, name in names.items():
        seeds = records[key]
        tests = [record["test"] for record in seeds]
        cells = [
            _spread([test["amplitude_error_median"] for test in tests], ".3f"),
            _spread([100 * test["within_tolerance"] for test in tests], ".0f", "%"),
            _spread([1000 * test["mse"] for test in tests], ".2f"),
            _spread([seeds[0]["parameters"]], ",.0f"),
            _spread([sum(record["steps"] for record in seeds) / len(seeds)], ",.0f"),
            _spread([len(seeds)], ".0f"),
        ]
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    head = (
        "Median error",
        "Within 0.1",
        "MSE × 1000",
        "Parameters",
        "Steps",
        "Seeds",
    )
    return (
        '<table data-sortable><thead><tr><th scope="col">Model</th>'
        + "".join(f'<th scope="col" data-sort="number">{title}</th>' for title in head)
        + "</tr></thead><tbody>"
        + "".join(rows)
        + "</tbody></table>"
    )


def _spread(numbers: Sequence[float], form: str, unit: str = "") -> str:
    """Write the mean and, from two numbers on, the range into a cell that sorts by the mean."""
    mean = sum(numbers) / len(numbers)
    text = f"{mean:{form}}{unit}"
    if len(numbers) > 1:
        # On a line of its own, so that the columns stay narrow enough for a phone.
        text += f"<br><small>{min(numbers):{form}}–{max(numbers):{form}}</small>"
    return f'<td data-value="{mean:.6g}">{text}</td>'
