"""Records of finished runs: read, grouped over seeds, averaged; damage is named."""

from __future__ import annotations

import copy
import json
import math
import re
from decimal import Decimal
from fnmatch import fnmatch
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_embed.notebook import read_notebook
from notebook_embed.runner import matching
from shapes_of_attention.studies import runner
from shapes_of_attention.studies.record import (
    RecordError,
    Spread,
    comparable,
    errors_by_rate,
    grouped,
    read_records,
    spread,
)

ASSETS = Path(__file__).resolve().parents[3] / "assets"

SCORE = {"colour_error_median": 3.5, "within_8": 0.8, "filtered_removed": 0.9, "psnr": 31.0}
RECORD: dict[str, Any] = {
    "name": "compare/unet/seed-0",
    "config": {"model": "unet", "seed": 0, "learning_rate": 0.003, "budget_seconds": 60.0},
    "parameters": 1000,
    "images": 640,
    "seconds": 60.1,
    "curve": [{"images": 320, "seconds": 30.0, **SCORE}],
    "test": {"images": 64, "seed": 1, "colour": {**SCORE, "colour_error_median": 4.5}},
}


def write(folder: Path, name: str, **changes: Any) -> dict[str, Any]:
    """Write a record under the file name that its run would have."""
    record = {**copy.deepcopy(RECORD), "name": name, **changes}
    record["config"]["seed"] = int(name.rpartition("-")[2]) if "seed" in name else 0
    (folder / f"{name.replace('/', '-')}.json").write_text(json.dumps(record))
    return record


def test_a_record_is_read_with_its_curve_and_its_test(tmp_path: Path) -> None:
    write(tmp_path, "compare/unet/seed-2")
    (found,) = read_records(tmp_path)
    assert (found.family, found.label, found.variant, found.seed) == (
        "compare",
        "unet",
        "seed-2",
        2,
    )
    assert (found.parameters, found.images, found.seconds) == (1000, 640, 60.1)
    assert found.score.colour_error == 4.5, "the score is that of the test images"
    assert found.curve[0].score.colour_error == 3.5
    assert found.name == "compare/unet/seed-2"


def test_runs_are_grouped_over_seeds_in_their_order(tmp_path: Path) -> None:
    for name in ("compare/unet/seed-1", "compare/unet/seed-0", "compare/encoder-only/seed-0"):
        write(tmp_path, name)
    write(tmp_path, "patch/8/seed-0")
    groups = grouped(read_records(tmp_path), "compare")
    assert {label: [run.seed for run in runs] for label, runs in groups.items()} == {
        "unet": [0, 1],
        "encoder-only": [0],
    }


def test_records_of_other_studies_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "flagship")
    (tmp_path / "series-main.json").write_text('{"of": "another form"}')
    assert [record.name for record in read_records(tmp_path)] == ["flagship"]


def test_without_the_filter_nothing_is_removed(tmp_path: Path) -> None:
    score = {**SCORE, "filtered_removed": None}
    point = {key: value for key, value in SCORE.items() if key != "filtered_removed"}
    write(
        tmp_path,
        "without/red-filter/seed-0",
        test={"colour": score},
        curve=[{"images": 320, "seconds": 30.0, **point}],
    )
    (found,) = read_records(tmp_path)
    assert found.score.filtered_removed is None
    assert found.curve[0].score.filtered_removed is None


@pytest.mark.parametrize("missing", ["name", "config", "test", "parameters", "curve"])
def test_a_record_that_lacks_something_is_named(tmp_path: Path, missing: str) -> None:
    record = write(tmp_path, "compare/unet/seed-0")
    del record[missing]
    (tmp_path / "compare-unet-seed-0.json").write_text(json.dumps(record))
    with pytest.raises(RecordError, match=rf"compare-unet-seed-0.json' is damaged: .*'{missing}'"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"text"', json.dumps({**RECORD, "seconds": "soon"})]
)
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "compare-unet-seed-0.json").write_text(text)
    with pytest.raises(RecordError, match=r"compare-unet-seed-0.json' is damaged"):
        read_records(tmp_path)


def test_a_run_that_diverged_is_read_and_has_an_infinite_error(tmp_path: Path) -> None:
    write(tmp_path, "tune/unet/rate-0.003")
    record = write(tmp_path, "tune/unet/rate-0.1", diverged=True, curve=[], test={})
    record["config"]["learning_rate"] = 0.1
    (tmp_path / "tune-unet-rate-0.1.json").write_text(json.dumps(record))
    records = read_records(tmp_path)
    errors = errors_by_rate(grouped(records, "tune"), "colour/colour_error_median")
    assert errors == {"unet": {0.003: 4.5, 0.1: math.inf}}
    (diverged,) = (record for record in records if record.diverged)
    with pytest.raises(RecordError, match=r"tune/unet/rate-0\.1 diverged"):
        _ = diverged.score


def test_a_measure_that_is_not_finite_is_damage(tmp_path: Path) -> None:
    write(tmp_path, "compare/unet/seed-0", test={"colour": {**SCORE, "psnr": float("nan")}})
    with pytest.raises(RecordError, match="a measure is nan"):
        read_records(tmp_path)


def test_missing_records_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(
        RecordError, match=r"no record of a run in .*shapes_of_attention study vision"
    ):
        read_records(tmp_path)
    write(tmp_path, "flagship")
    with pytest.raises(RecordError, match=r"compare/\.\.\.; .*shapes_of_attention study vision"):
        grouped(read_records(tmp_path), "compare")


def test_two_records_of_one_run_are_refused(tmp_path: Path) -> None:
    record = write(tmp_path, "compare/unet/seed-0")
    (tmp_path / "compare-copy.json").write_text(json.dumps(record))
    with pytest.raises(RecordError, match=r"two records .* are of compare/unet/seed-0"):
        read_records(tmp_path)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6))
def test_the_spread_is_that_of_numpy(values: list[float]) -> None:
    found = spread(values)
    assert found.count == len(values)
    np.testing.assert_allclose(found.mean, np.mean(values), rtol=1e-9, atol=1e-9)
    assert found.deviation is not None
    np.testing.assert_allclose(found.deviation, np.std(values, ddof=1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("mean", "deviation", "form", "written"),
    [
        (3.55, 0.351, ".1f", "3.5 ± 0.4"),
        (0.0402, 0.00031, ".3f", "0.040 ± 0.0003"),
        (0.974, 0.002, ".0%", "97% ± 0.2%"),
        (0.0401, 3e-5, ".3f", "0.040 ± 0.00003"),
        (0.0401, 9.6e-5, ".3f", "0.040 ± 0.0001"),
        (-0.001, 0.2, "z.2f", "0.00 ± 0.20"),
        (2.0, 0.0, ".1f", "2.0 ± 0.0"),
        (2.0, None, ".1f", "2.0"),
    ],
)
def test_a_spread_is_written_with_what_there_is_of_it(
    mean: float, deviation: float | None, form: str, written: str
) -> None:
    found = Spread(mean=mean, deviation=deviation, count=1 if deviation is None else 3)
    assert f"{found:{form}}" == written


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(0, 4), st.sampled_from(["f", "%"]))
def test_a_deviation_is_written_without_an_exponent_and_rounded_at_its_last_digit(
    mean: float, deviation: float, decimals: int, kind: str
) -> None:
    found = Spread(mean=mean, deviation=deviation, count=3)
    text = f"{found:.{decimals}{kind}}".partition(" ± ")[2]
    assert text.endswith("%") == (kind == "%")
    written = text.rstrip("%")
    assert re.fullmatch(r"\d+(\.\d+)?", written)
    shown, asked = Decimal(deviation) * (100 if kind == "%" else 1), Decimal(1).scaleb(-decimals)
    last = Decimal(1).scaleb(Decimal(written).as_tuple().exponent)
    assert abs(Decimal(written) - shown) <= last / 2 * (1 + Decimal("1e-6"))
    if last < asked:  # one digit of its own
        assert len(Decimal(written).as_tuple().digits) == 1
    else:
        assert last == asked
    assert (Decimal(written) > 0) == (deviation > 0)


def test_one_seed_has_a_mean_and_no_spread() -> None:
    assert spread([3.0]).deviation is None
    with pytest.raises(ValueError, match="at least one value"):
        spread([])
    with pytest.raises(ValueError, match="finite"):
        spread([1.0, float("inf")])


def test_runs_that_differ_in_precision_or_budget_are_not_compared(tmp_path: Path) -> None:
    def run(name: str, precision: str, **config: Any) -> None:
        given = {**RECORD["config"], "budget_seconds": None, "budget_images": 640, **config}
        write(tmp_path, name, config=given, machine={"precision": precision, "processor": "P"})

    run("compare/unet/seed-1", "float32")
    run("compare/unet/seed-0", "float32")
    run("compare/encoder-only/seed-0", "float32")
    groups = comparable(read_records(tmp_path))
    assert {label: [run.seed for run in runs] for label, runs in groups.items()} == {
        "unet": [0, 1],
        "encoder-only": [0],
    }
    (found,) = groups["encoder-only"]
    assert (found.precision, found.budget, found.processor) == ("float32", "640 images", "P")
    run("compare/encoder-only/seed-0", "bf16")
    message = (
        r"differ in precision .*bf16: compare/encoder-only/seed-0; float32: compare/unet/seed-0"
    )
    with pytest.raises(RecordError, match=message):
        comparable(read_records(tmp_path))
    run("compare/encoder-only/seed-0", "float32", budget_images=6400)
    message = (
        r"differ in budget .*6400 images: compare/encoder-only/seed-0; 640 images: compare/unet"
    )
    with pytest.raises(RecordError, match=message):
        comparable(read_records(tmp_path))
    with pytest.raises(RecordError, match="no run to compare"):
        comparable([])


@pytest.mark.parametrize(
    ("config", "machine", "precision"),
    [
        ({}, {}, "bf16"),
        ({"precision": "float32"}, {}, "float32"),
        ({"precision": "bf16"}, {"fast_in_bf16": False}, "float32"),
        ({"precision": "bf16"}, {"precision": "float32", "fast_in_bf16": True}, "float32"),
    ],
)
def test_old_records_had_the_precision_that_they_asked_for(
    tmp_path: Path, config: dict[str, str], machine: dict[str, Any], precision: str
) -> None:
    write(tmp_path, "compare/unet/seed-0", config={**RECORD["config"], **config}, machine=machine)
    (found,) = read_records(tmp_path)
    assert found.precision == precision


def test_the_committed_records_of_every_study_say_what_comparisons_need() -> None:
    for study in runner.STUDIES:
        records = read_records(ASSETS / "records", study)
        assert any(record.is_listed for record in records), study
        for record in records:
            assert record.study == study
            assert record.steps and record.images > 0 and record.seconds > 0, record.name
            assert record.precision in ("bf16", "float32") and record.processor and record.budget
        listed = {run.name for run in runner.STUDIES[study].runs()}
        assert {record.name for record in records if record.is_listed} <= listed


@pytest.mark.parametrize("study", runner.STUDIES)
def test_the_records_of_some_families_are_all_of_theirs_and_no_others(study: str) -> None:
    records = read_records(ASSETS / "records", study)
    families = {record.family for record in records}
    for wanted in [{family} for family in families] + [families]:
        found = read_records(ASSETS / "records", study, families=wanted)
        names = {record.name for record in records if record.family in wanted}
        assert {record.name for record in found} == names
    with pytest.raises(RecordError, match=f"no record of a run of {study}"):
        read_records(ASSETS / "records", study, families=(study,))


def test_the_committed_records_can_be_read() -> None:
    records = read_records(ASSETS / "records")
    assert {"flagship", "compare"} <= {record.family for record in records}
    for record in records:
        assert record.curve, record.name
        assert record.images >= record.curve[-1].images, record.name


def test_the_results_notebook_declares_every_record_that_it_reads() -> None:
    notebook = read_notebook(ASSETS.parent / "docs/notebooks/results.py", "notebooks/results.py")
    declared = {
        path.relative_to(ASSETS.parent).as_posix()
        for cell in notebook.code_cells
        for name in cell.inputs
        for path in matching(ASSETS.parent, name)
    }
    wanted = {
        f"assets/records/{path.name}"
        for family in ("compare", "contrast", "depth", "flagship", "speed", "tune")
        for path in (ASSETS / "records").glob(f"{family}*.json")
    } | {
        f"assets/checkpoints/{path.name}"
        for path in (ASSETS / "checkpoints").glob("compare-*-seed-0.safetensors")
    }
    missing = sorted(wanted - declared)
    assert not missing, "declare as inputs in docs/notebooks/results.py:\n" + "\n".join(
        f"#|   - {name}" for name in missing
    )


def test_every_committed_record_names_a_command_for_any_machine() -> None:
    def commands(value: Any) -> list[str]:
        if isinstance(value, list):
            return [found for item in value for found in commands(item)]
        if not isinstance(value, dict):
            return []
        own = [value["command"]] if isinstance(value.get("command"), str) else []
        return own + [found for item in value.values() for found in commands(item)]

    for path in sorted((ASSETS / "records").glob("*.json")):
        found = commands(json.loads(path.read_text()))
        assert found, f"{path.name} does not say how it was made"
        for command in found:
            assert command.startswith("python "), f"{path.name}: {command}"
            assert not any(word.startswith(("/", "~")) for word in command.split()), path.name
            assert can_be_given(command), f"{path.name}: {command}"


def can_be_given(command: str) -> bool:
    """Tell whether the program, and the run that it asks for, are still there."""
    _, *words = command.split()
    if words[0] != "-m":
        return (ASSETS.parent / words[0]).is_file()
    if words[1:3] != ["shapes_of_attention", "study"]:
        return find_spec(words[1]) is not None
    study, pattern = words[3], words[words.index("--only") + 1]
    return any(fnmatch(name, pattern) for name in names_of(study))


@cache
def names_of(study: str) -> list[str]:
    """List the names of a study's runs."""
    return [run.name for run in runner.STUDIES[study].runs()]
