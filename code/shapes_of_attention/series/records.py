"""Read what `python -m shapes_of_attention.series.train` recorded."""

import json
from pathlib import Path
from typing import Any

__all__ = ["best_rates", "read_records"]


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
