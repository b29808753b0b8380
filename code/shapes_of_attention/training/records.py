"""What finished runs have left behind: their records, read into plain objects.

A record is the JSON file that a run of `shapes_of_attention.train` writes as it ends. Runs that
differ in their seed alone are one group; a group has a mean and a spread.
"""

import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "Point",
    "Record",
    "RecordError",
    "Score",
    "Spread",
    "at_one_budget",
    "grouped",
    "read_records",
    "spread",
]

#: First parts of the names of the runs in `training.grid`; other studies keep records of their own.
FAMILIES = ("ablation", "contrast", "flagship", "main", "sweep")


class RecordError(ValueError):
    """A record cannot be read, or there is none of what is asked for."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """How good a model is at the task; see `measure.colours`.

    Attributes
    ----------
    colour_error : median over kept shapes, levels 0-255.
    within_8 : share of kept shapes whose colour is at most 8 levels off.
    filtered_removed : share of filtered circles that are gone; None without the red filter.
    psnr : peak signal-to-noise ratio of whole images, dB.
    """

    colour_error: float
    within_8: float
    filtered_removed: float | None
    psnr: float


@dataclass(frozen=True, kw_only=True)
class Point:
    """A moment of a run, measured on images kept for validation; seconds are of processor time."""

    images: int
    seconds: float
    score: Score


@dataclass(frozen=True, kw_only=True)
class Record:
    """One finished run.

    Attributes
    ----------
    family, label, variant : parts of its name, as in main/unet/seed-0 or, if it was not given the
        grid's length, main/unet/seed-0/seconds-360.
    config : what defines the run, as in `RunConfig`.
    seconds : of processor time spent on training.
    score : at the end, on the test images.
    detail : the whole record, for what is not listed here.
    """

    family: str
    label: str
    variant: str
    config: dict[str, Any]
    parameters: int
    images: int
    seconds: float
    curve: tuple[Point, ...]
    score: Score
    detail: dict[str, Any]

    @property
    def name(self) -> str:
        return "/".join(part for part in (self.family, self.label, self.variant) if part)

    @property
    def seed(self) -> int:
        return int(self.config["seed"])


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A measure over seeds: mean, standard deviation (None for one seed), and how many."""

    mean: float
    deviation: float | None
    count: int


def read_records(folder: Path) -> list[Record]:
    """Read the records of all runs in `folder`, by name.

    Raises
    ------
    RecordError
        If a record is damaged or two have one name, or if there is none at all.
    """
    paths = sorted(path for family in FAMILIES for path in folder.glob(f"{family}*.json"))
    records = sorted((_read(path) for path in paths), key=lambda record: record.name)
    if not records:
        raise RecordError(
            f"no record of a run in '{folder}'; make some with python -m shapes_of_attention.train"
        )
    names = [record.name for record in records]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RecordError(f"two records in '{folder}' are of {', '.join(twice)}")
    return records


def grouped(records: Iterable[Record], family: str) -> dict[str, list[Record]]:
    """Collect the runs of a family by label, in the order of their seeds.

    Raises
    ------
    RecordError
        If there is no run of the family.
    """
    groups: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: (record.seed, record.variant)):
        if record.family == family:
            groups.setdefault(record.label, []).append(record)
    if not groups:
        raise RecordError(
            f"no record of a run {family}/...; python -m shapes_of_attention.train makes them"
        )
    return groups


def at_one_budget(groups: Mapping[str, Sequence[Record]]) -> dict[str, list[Record]]:
    """Keep the runs that had the same time: a comparison that is half run anew stays fair.

    That is the time which most runs had of labels that have seed 0 in it; of several, the longest.
    Labels without seed 0 in that time are left out.

    Raises
    ------
    RecordError
        If no label has a run with seed 0.
    """
    runs_at: Counter[float] = Counter()
    for runs in groups.values():
        begun = {run.config["budget_seconds"] for run in runs if run.seed == 0}
        runs_at.update(budget for run in runs if (budget := run.config["budget_seconds"]) in begun)
    if not runs_at:
        raise RecordError("no run has seed 0; python -m shapes_of_attention.train makes them")
    chosen = max(runs_at, key=lambda budget: (runs_at[budget], budget))
    kept = {
        label: [run for run in runs if run.config["budget_seconds"] == chosen]
        for label, runs in groups.items()
    }
    return {label: runs for label, runs in kept.items() if any(run.seed == 0 for run in runs)}


def spread(values: Sequence[float]) -> Spread:
    """Take the mean of `values` and their standard deviation (that of a sample, n - 1).

    Raises
    ------
    ValueError
        If there is no value, or one is not finite.
    """
    if not values:
        raise ValueError("a mean needs at least one value")
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"a mean needs finite values, got {list(values)}")
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(mean=statistics.fmean(values), deviation=deviation, count=len(values))


def _read(path: Path) -> Record:
    try:
        found = json.loads(path.read_text("utf-8"))
        family, label, variant = [*found["name"].split("/", 2), "", ""][:3]
        return Record(
            family=family,
            label=label,
            variant=variant,
            config={**found["config"], "seed": int(found["config"]["seed"])},
            parameters=int(found["parameters"]),
            images=int(found["images"]),
            seconds=float(found["seconds"]),
            curve=tuple(
                Point(
                    images=int(point["images"]),
                    seconds=float(point["seconds"]),
                    score=_score(point),
                )
                for point in found["curve"]
            ),
            score=_score(found["test"]["colour"]),
            detail=found,
        )
    except OSError as error:
        raise RecordError(f"the record '{path}' cannot be read: {error.strerror}") from error
    except KeyError as error:
        raise RecordError(f"the record '{path}' is damaged: it has no {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise RecordError(f"the record '{path}' is damaged: {error}") from error


def _score(found: dict[str, Any]) -> Score:
    removed = found.get("filtered_removed")  # a curve leaves out what there is nothing to judge by
    return Score(
        colour_error=_finite(found["colour_error_median"]),
        within_8=_finite(found["within_8"]),
        filtered_removed=None if removed is None else _finite(removed),
        psnr=_finite(found["psnr"]),
    )


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"a measure is {number}")
    return number
