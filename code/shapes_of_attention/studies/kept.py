"""What is kept of finished runs: their records and checkpoints among the assets."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from shapes_of_attention.studies.record import RecordError
from shapes_of_attention.studies.study import Run
from shapes_of_attention.training.checkpoint import file_hash, write_atomically
from shapes_of_attention.training.run_config import differences

__all__ = [
    "ASSETS",
    "as_json",
    "best_rate",
    "best_run",
    "checkpoint_path",
    "details",
    "is_done",
    "read_record",
    "start_path",
    "write_record",
]

#: Folder of finished records and models.
ASSETS = Path(__file__).resolve().parents[3] / "assets"


def is_done(run: Run, assets: Path) -> bool:
    """Tell whether just this run is recorded, and its weights are there if they are kept.

    A record that also says with which defaults, or from which weights, it was made is of this run
    only if they are the same now. Older ones do not say.
    """
    return _is_of(run, read_record(run, assets), assets)


def _is_of(run: Run, found: dict[str, Any], assets: Path) -> bool:
    if run.checkpoint is not None and not checkpoint_path(run, assets).exists():
        return False
    if differences(found, details(run, start_path(run, assets))):
        return False
    if "key" in found:
        return bool(found["key"] == run.key())
    return bool(found.get("config") == json.loads(json.dumps(run.described)))


def details(run: Run, start: Path | None) -> dict[str, Any]:
    """Give what decides a run besides what its key says, as its state and its record state it.

    Its configuration with all defaults, and the sha256 of the checkpoint `start` that it starts
    from, if there is one.
    """
    found: dict[str, Any] = {"resolved": run.resolved}
    if start is not None and start.exists():
        found["start"] = file_hash(start)
    return found


def best_run(sweep: Sequence[Run], measure: str, *, assets: Path = ASSETS) -> Run | None:
    """Find the run that did best in a sweep; None while one of them is not done.

    None, too, where none ended with a finite error: then there is nothing to go on from.

    `measure` names what is to be low in the last point of the learning curve, which is taken on
    examples for validation: a rate that the test chose would be tested by what it was chosen by.
    """
    errors = []
    for run in sweep:
        found = read_record(run, assets)
        if not _is_of(run, found, assets):
            return None
        errors.append(_last_error(found, measure))
    best = min(errors)
    return sweep[errors.index(best)] if best < math.inf else None


def _last_error(found: dict[str, Any], measure: str) -> float:
    """Read what a run was measured to do at its end: infinity if that is nothing finite."""
    if found.get("diverged"):
        return math.inf
    error = float(found["curve"][-1][measure])
    return error if math.isfinite(error) else math.inf


def best_rate(sweep: Sequence[Run], measure: str, *, assets: Path = ASSETS) -> float | None:
    """Give the learning rate of the run that did best in a sweep, as `best_run` does."""
    best = best_run(sweep, measure, assets=assets)
    return None if best is None else best.course.learning_rate


def read_record(run: Run, assets: Path) -> dict[str, Any]:
    """Read what a run has left behind, whatever made it; nothing if there is no record."""
    found = _read_file(run, _record_path(run, assets))
    return found.get(run.name, {}) if run.shares_record else found


def write_record(run: Run, record: dict[str, Any], assets: Path) -> None:
    """Write a run's record, beside the others where several share a file.

    Who writes such a file holds a lock that lies beside it, so that it is one for all machines and
    users that share the folder. Its name has a dot in front; git and readers of records pass it by.
    """
    path = _record_path(run, assets)
    if not run.shares_record:
        write_atomically(path, as_json(record))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whoever may write into the folder may take the lock, whoever made it.
    with FileLock(path.with_name(f".{path.name}.lock"), mode=0o666):
        others = _read_file(run, path)
        write_atomically(path, as_json(dict(sorted({**others, run.name: record}.items()))))


def checkpoint_path(run: Run, assets: Path) -> Path:
    """Name the file of a run's weights."""
    return assets / "checkpoints" / f"{run.checkpoint}.safetensors"


def start_path(run: Run, assets: Path) -> Path | None:
    """Name the file of the weights that a run starts from, if it does."""
    if run.starts_from is None:
        return None
    return assets / "checkpoints" / f"{run.starts_from}.safetensors"


def _record_path(run: Run, assets: Path) -> Path:
    return assets / "records" / f"{run.record}.json"


def _read_file(run: Run, path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        if run.shares_record:
            raise RecordError(
                f"the record '{path}' is damaged: {error}; it holds those of several runs: put it "
                "back as it was, or remove it to do them again"
            ) from error
        print(f"warning: {path} is damaged; the run is done again", file=sys.stderr)
        return {}
    return found


def as_json(content: dict[str, Any]) -> bytes:
    """Write a record as its file has it."""
    return (json.dumps(content, indent=1) + "\n").encode()
