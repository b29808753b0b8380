"""What finished runs have left behind: their records, read into plain objects.

A record is the JSON that a run of a study leaves as it ends. Runs that differ in their seed alone
are one group; a group has a mean and a spread.
"""

import json
import math
import re
import statistics
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "FAMILIES",
    "Point",
    "Record",
    "RecordError",
    "Score",
    "Spread",
    "at_the_edge",
    "comparable",
    "errors_by_rate",
    "grouped",
    "read_records",
    "spread",
]

#: First parts of the names of vision's runs, and of the files of their records.
FAMILIES = (
    "channels",
    "compare",
    "contrast",
    "depth",
    "flagship",
    "patch",
    "positions",
    "reach",
    "speed",
    "tune",
    "without",
)

#: Files of records, by study: a run's name is in its record, or in its file's name. A study whose
#: files are all named after it needs no line here.
_FILES: dict[str, str] = {
    "vision": rf"(?:{'|'.join(FAMILIES)})(?:-.*)?",
    "language": r"language-model-(?P<label>.+)-seed-(?P<seed>\d+)",
    "experts": r"experts-(?P<label>(?!benchmark$).+?)(?:-seed-(?P<seed>\d+))?",
}
#: Studies that keep the records of a group of runs in one file, by their names.
_SHARING = ("efficient", "series")
#: First parts of names in studies of which not all runs have one.
_GROUPS = ("speed", "tune")
#: Ends the name of a run that was not given the length that its study lists.
_OTHER_LENGTH = re.compile(r"(?:^|[-/])(?:seconds|images|steps)-[\d.e+]+$")


class RecordError(ValueError):
    """A record cannot be read, or there is none of what is asked for."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """How good a vision model is at the task; see `measure.colours`.

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
    """A moment of a run: examples seen, seconds of processor time, and what was measured."""

    images: int
    seconds: float
    measured: Mapping[str, Any]

    @property
    def score(self) -> Score:
        return _score(self.measured)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One finished run.

    Attributes
    ----------
    study : the study that lists it.
    family, label, variant : parts of its name, as in compare/unet/seed-0 or, if not given the
        length that its study lists, compare/unet/seed-0/seconds-360; some studies have one family,
        which has no name.
    config : what defines the run.
    steps : None where an old record does not say.
    images : examples seen, be they images, series or stories.
    seconds : of processor time spent on training; of the clock on devices other than a CPU.
    precision : of matrix products in training, bf16 or float32.
    processor : of the machine; None where an old record does not say.
    budget : what the run was given, as in "1200 seconds" or "120000 images".
    test : what was measured at the end, on examples kept for it; nothing where a run diverged.
    diverged : whether a run that tried a learning rate ended in what is not finite.
    detail : the whole record, for what is not listed here.
    """

    study: str = "vision"
    family: str
    label: str
    variant: str
    config: Mapping[str, Any]
    parameters: int
    steps: int | None = None
    images: int
    seconds: float
    precision: str = "float32"
    processor: str | None = None
    curve: tuple[Point, ...]
    test: Mapping[str, Any]
    diverged: bool = False
    detail: Mapping[str, Any]

    @property
    def name(self) -> str:
        return "/".join(part for part in (self.family, self.label, self.variant) if part)

    @property
    def seed(self) -> int:
        return int(self.config["seed"])

    @property
    def score(self) -> Score:
        """Give what a vision model's test says of the task.

        Raises
        ------
        RecordError
            If the run diverged: nothing was measured then.
        """
        if self.diverged:
            raise RecordError(f"{self.name} diverged: there is nothing to score")
        return _score(self.test["colour"])

    @property
    def budget(self) -> str:
        course = self.config.get("run", self.config)
        for unit in ("seconds", "images", "steps"):
            given = course.get(unit, course.get(f"budget_{unit}"))
            if given is not None:
                return f"{given:.12g} {unit}"
        raise RecordError(f"the record of {self.name} does not say how long the run was to be")

    @property
    def is_listed(self) -> bool:
        """Tell whether the run had the length that its study lists."""
        return _OTHER_LENGTH.search(self.name) is None


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A measure over seeds: mean, standard deviation (None for one seed), and how many."""

    mean: float
    deviation: float | None
    count: int

    def __format__(self, form: str) -> str:
        """Write mean ± deviation, both as `form` says, as in .1f: 3.6 ± 0.3.

        A deviation below the last digit has one digit of its own: 0.040 ± 0.0003. It is never
        written with an exponent, which readers would have to take apart.
        """
        text = f"{self.mean:{form}}"
        if self.deviation is None:
            return text
        deviation = f"{self.deviation:{form}}"
        if self.deviation > 0 and not float(deviation.strip("%")):
            percent = deviation.endswith("%")
            shown = self.deviation * (100 if percent else 1)
            decimals = max(0, -int(f"{shown:.0e}".split("e")[1]))  # that its first digit needs
            deviation = f"{shown:.{decimals}f}" + "%" * percent
        return f"{text} ± {deviation}"


def read_records(
    folder: Path, study: str = "vision", *, families: Collection[str] | None = None
) -> list[Record]:
    """Read the records of a study in `folder`, by name; only those of some families, if given.

    Files of other families are not opened. Runs of studies that have but one are of family "".

    Raises
    ------
    RecordError
        If a record is damaged or two have one name, or if there is none at all.
    """
    records = [
        record for path in sorted(folder.glob("*.json")) for record in _read(path, study, families)
    ]
    records.sort(key=lambda record: record.name)
    if not records:
        wanted = "" if families is None else f" of {', '.join(sorted(families))}"
        raise RecordError(
            f"no record of a run{wanted} in '{folder}'; make some with {_make(study)}"
        )
    names = [record.name for record in records]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RecordError(f"two records in '{folder}' are of {', '.join(twice)}")
    return records


def grouped(records: Iterable[Record], family: str = "") -> dict[str, list[Record]]:
    """Collect the runs of a family by label, in the order of their seeds.

    Raises
    ------
    RecordError
        If there is no run of the family.
    """
    groups: dict[str, list[Record]] = {}
    study = "vision"
    for record in sorted(records, key=lambda record: (record.seed, record.variant)):
        study = record.study
        if record.family == family:
            groups.setdefault(record.label, []).append(record)
    if not groups:
        raise RecordError(f"no record of a run {family or study}/...; {_make(study)} makes them")
    return groups


def comparable(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Collect runs that are to be compared by label, in the order of their seeds.

    Raises
    ------
    RecordError
        If they differ in precision or budget; it says which runs have which. Or if there is none.
    """
    found = sorted(records, key=lambda record: (record.seed, record.variant))
    if not found:
        raise RecordError("there is no run to compare")
    for what in ("precision", "budget"):
        kinds: dict[str, list[str]] = {}
        for record in found:
            kinds.setdefault(getattr(record, what), []).append(record.name)
        if len(kinds) > 1:
            listed = "; ".join(f"{kind}: {_some(names)}" for kind, names in kinds.items())
            raise RecordError(f"runs that differ in {what} cannot be compared ({listed})")
    groups: dict[str, list[Record]] = {}
    for record in found:
        groups.setdefault(record.label, []).append(record)
    return groups


def errors_by_rate(
    groups: Mapping[str, Sequence[Record]], measure: str
) -> dict[str, dict[float, float]]:
    """Read sweeps: label -> learning rate -> what was measured at the end.

    `measure` names it in the test, as in colour/colour_error_mean. It is infinite where a run
    diverged.
    """
    return {
        label: {
            record.config.get("run", record.config)["learning_rate"]: (
                math.inf if record.diverged else _within(record.test, measure)
            )
            for record in records
        }
        for label, records in groups.items()
    }


def at_the_edge(
    rates: Mapping[str, Mapping[float, float]], *, told: Mapping[str, str] | None = None
) -> list[str]:
    """List labels whose best rate is the largest or smallest tried: another might do better.

    Parameters
    ----------
    rates : label -> learning rate -> error, as `errors_by_rate` reads it.
    told : label -> "smallest" or "largest", where the text says that this one did best.

    Raises
    ------
    RecordError
        If a label at the edge is not told of; its sweep must go on, or the text must say so. If
        what is told is not, or no longer, so. Or if no rate of a label has a finite error, so that
        none is best.
    """
    if hopeless := [
        label for label, errors in rates.items() if not any(map(math.isfinite, errors.values()))
    ]:
        raise RecordError(f"no learning rate has a finite error: {', '.join(hopeless)}")
    edge = {}
    for label, errors in rates.items():
        best = min(errors, key=lambda rate: errors[rate])
        if best in (min(errors), max(errors)):
            edge[label] = "smallest" if best == min(errors) else "largest"
    told = told or {}
    if untrue := [label for label, end in told.items() if edge.get(label) != end]:
        raise RecordError(
            f"the best learning rate is not, as the text says, at that end of the sweep: "
            f"{', '.join(untrue)}"
        )
    if silent := [label for label in edge if label not in told]:
        raise RecordError(
            f"the best learning rate lies at the edge of the sweep: {', '.join(silent)}. "
            "Try rates beyond it, or say so in the text"
        )
    return list(edge)


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


def _make(study: str) -> str:
    return f"python -m shapes_of_attention study {study}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _within(found: Mapping[str, Any], path: str) -> float:
    value: Any = found
    for part in path.split("/"):
        value = value[part]
    return float(value)


def _read(path: Path, study: str, families: Collection[str] | None) -> Iterator[Record]:
    """Read the records of a study from a file: none if it is another study's."""
    stem = re.sub(r"-(?:seconds|images|steps)-[\d.e+]+$", "", path.stem)
    pattern = _FILES.get(study, rf"{re.escape(study)}-.+")
    if (named := re.fullmatch(pattern, stem)) is None:
        return
    first = stem.removeprefix(f"{study}-").split("-")[0]
    if families is not None and _family(study, first) not in families:
        return
    try:
        found = json.loads(path.read_text("utf-8"))
        if study in _SHARING:
            for name, one in found.items():
                yield _record(one, study, name)
            return
        name = found["name"] if study == "vision" else found.get("name")
        if name is None:
            name = f"{named['label']}/seed-{named['seed'] or 0}"
        yield _record(found, study, name)
    except OSError as error:
        raise RecordError(f"the record '{path}' cannot be read: {error.strerror}") from error
    except KeyError as error:
        raise RecordError(f"the record '{path}' is damaged: it has no {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise RecordError(f"the record '{path}' is damaged: {error}") from error


def _family(study: str, first: str) -> str:
    """Give the family that the first part of a run's name, or of its file's, tells: "" if none."""
    return first if study in ("vision", *_SHARING) or first in _GROUPS else ""


def _record(found: Mapping[str, Any], study: str, name: str) -> Record:
    has_family = _family(study, name.split("/")[0])
    family, label, variant = [*(name if has_family else f"/{name}").split("/", 2), "", ""][:3]
    config = {**found["config"], "seed": int(found["config"]["seed"])}
    machine = found.get("machine", {})
    batch = config.get("batch_size", config.get("batch", config.get("text", {}).get("batch", 0)))
    # Small studies counted steps alone.
    images = int(
        found["images"] if study == "vision" or "images" in found else found["steps"] * batch
    )
    record = Record(
        study=study,
        family=family,
        label=label,
        variant=variant,
        config=config,
        parameters=int(found["parameters"]),
        steps=int(found["steps"]) if "steps" in found else None,
        images=images,
        seconds=float(found["seconds"]),
        precision=_precision(study, config, machine),
        processor=machine.get("processor"),
        curve=tuple(
            Point(
                images=int(point["images"] if "images" in point else point["step"] * batch),
                seconds=float(point["seconds"]),
                measured=point,
            )
            for point in found["curve"]
        ),
        test=found["test"],
        diverged=bool(found.get("diverged", False)),
        detail=found,
    )
    if study == "vision" and not record.diverged:
        # What cannot be read is found here, with the file's name.
        _ = record.score, [point.score for point in record.curve]
    return record


def _precision(study: str, config: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """Say in which precision a run was, as far back as records go.

    They say so since machines that are slow in bfloat16 take float32; before that a run had what
    its configuration asked for. Small models have never asked for anything but float32.
    """
    if "precision" in machine:
        return str(machine["precision"])
    if not machine.get("fast_in_bf16", True):
        return "float32"
    return str(config.get("precision", "bf16" if study == "vision" else "float32"))


def _score(found: Mapping[str, Any]) -> Score:
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
