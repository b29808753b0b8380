"""What the study of language models found, kind by kind."""

from pathlib import Path
from typing import Any

from shapes_of_attention.language_model.kinds import kinds
from shapes_of_attention.studies.record import RecordError, comparable, read_records

__all__ = ["comparison"]


def comparison(records: Path) -> dict[str, dict[str, Any]]:
    """Gather what was measured of each kind of attention, over the seeds that are there.

    Returns
    -------
    Name of the kind -> `parameters`, `cache_bytes_per_token`, and for each seed `loss`, `recall`,
    `recall_twice` and `loss_twice` (in stories twice as long as those of training) and the `curves`
    of training.

    Raises
    ------
    RecordError
        If a kind has no record, or runs differ in precision or budget.
    """
    groups = comparable(record for record in read_records(records, "language") if record.is_listed)
    found: dict[str, dict[str, Any]] = {}
    for name in kinds():
        if name not in groups:
            raise RecordError(
                f"{records} has no record of {name}; run python -m shapes_of_attention study "
                f"language --only '{name}/*'"
            )
        tests = [record.test for record in groups[name]]
        found[name] = {
            "parameters": groups[name][0].parameters,
            "cache_bytes_per_token": tests[0]["cache_bytes_per_token"],
            "loss": [test["loss"] for test in tests],
            "recall": [test["recall"] for test in tests],
            "curves": [[point.measured for point in record.curve] for record in groups[name]],
            "recall_twice": [test["twice_as_long"]["recall"] for test in tests],
            "loss_twice": [test["twice_as_long"]["loss"] for test in tests],
        }
    return found
