"""The study of the first post: what it records, and what the post reads."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from shapes_of_attention.__main__ import main
from shapes_of_attention.figures.series_results import results_table
from shapes_of_attention.series import make_series
from shapes_of_attention.series.models import load_series_model
from shapes_of_attention.studies import kept, runner, series
from shapes_of_attention.studies.record import (
    RecordError,
    at_the_edge,
    comparable,
    errors_by_rate,
    grouped,
    read_records,
)
from shapes_of_attention.training.checkpoint import CheckpointError
from shapes_of_attention.training.run_config import Budget

ASSETS = Path(__file__).parents[3] / "assets"


@pytest.fixture
def short(monkeypatch):
    """Let every run end after a step or two, and the sweeps choose their second trial."""
    monkeypatch.setattr(series, "best_run", lambda sweep, measure: sweep[1])
    listed = [replace(run, course=run.course.at(Budget(2, "steps"))) for run in series.runs()]
    study = replace(series.STUDY, runs=lambda: listed)
    monkeypatch.setitem(runner.STUDIES, "series", study)


def arguments(tmp_path, *more):
    return ["study", "series", "--assets", str(tmp_path), "--runs", str(tmp_path / "runs"), *more]


def test_runs_are_recorded_once_and_their_weights_give_the_same_model(
    short, tmp_path: Path, capsys
):
    given = arguments(tmp_path, "--only", "long/attention")
    assert main(given) == 0
    assert "long/attention: median amplitude error" in capsys.readouterr().out
    path = tmp_path / "records" / "series-long.json"
    first = path.read_bytes()
    record = json.loads(first)["long/attention"]
    assert record["steps"] == 2 and record["config"]["model"] == "attention"
    assert set(record["test"]["attention"]["layers"]) == {
        "body.layers.0.attention",
        "body.layers.1.attention",
    }
    assert main(given) == 0
    assert capsys.readouterr().out == "long/attention: done\n"
    assert path.read_bytes() == first

    model = load_series_model(tmp_path / "checkpoints" / "series-long-attention.safetensors")
    batch = make_series(range(8), seed=series._SWEEP_SEED)
    with torch.no_grad():
        error = (model(torch.from_numpy(batch.signal)).numpy() - batch.target) ** 2
    assert error.mean() == pytest.approx(record["curve"][-1]["mse"], abs=1e-5)


def test_the_records_of_a_group_gather_in_one_file_that_the_posts_read(short, tmp_path: Path):
    for pattern in ("compare/fully-connected/*", "compare/recurrent/seed-0", "tune/recurrent/*"):
        assert main(arguments(tmp_path, "--only", pattern)) == 0
    records = read_records(tmp_path / "records", "series")
    found = grouped(records, "compare")
    assert {name: len(seeds) for name, seeds in found.items()} == {
        "fully-connected": 3,
        "recurrent": 1,
    }
    table = results_table(found, {"recurrent": "recurrent", "fully-connected": "plain"})
    assert table.index("recurrent") < table.index("plain")
    # Readers can sort it: each number stands in its cell, apart from how it is written.
    assert table.startswith("<table data-sortable>")
    steps = sum(record.steps for record in found["fully-connected"]) / 3
    assert f'<td data-value="{steps:.6g}">{steps:,.0f}</td>' in table
    assert table.count("<small>") == 3, "only a group of several seeds has a range"
    timed = results_table(found, {"recurrent": "recurrent"}, milliseconds={"recurrent": 12.34})
    assert ">ms a step<" in timed and '<td data-value="12.34">12.3</td>' in timed
    assert ">Steps<" in table and ">Steps<" not in timed
    rates = errors_by_rate(grouped(records, "tune"), "amplitude_error_mean")
    assert list(rates) == ["recurrent"]
    assert sorted(rates["recurrent"]) == list(series._RECURRENT_RATES)


def test_records_that_are_missing_are_named_with_the_command_that_makes_them(tmp_path: Path):
    with pytest.raises(RecordError, match=r"make some with python -m .* study series"):
        read_records(tmp_path, "series")


def test_unknown_runs_and_damaged_weights_end_with_an_error(short, tmp_path: Path, capsys):
    assert main(["study", "--only", "nothing*"]) == 1
    assert "no run is called nothing*" in capsys.readouterr().err
    assert main(arguments(tmp_path, "--only", "long/attention")) == 0
    path = tmp_path / "checkpoints" / "series-long-attention.safetensors"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError):
        load_series_model(path)


def test_each_model_trains_at_the_rate_that_its_sweep_chose():
    records = read_records(ASSETS / "records", "series")
    tuned = errors_by_rate(grouped(records, "tune"), "amplitude_error_mean")
    compared = comparable(record for record in records if record.family in ("compare", "places"))
    assert {len(seeds) for seeds in compared.values()} == {len(series._SEEDS)}
    assert compared.keys() >= {"fully-connected", "convolutional", "recurrent", "attention"}
    assert compared.keys() >= {"none", "linear", "learned", "sinusoidal"}
    for label, seeds in compared.items():
        start, _ = {**series._COMPARED, **series._PLACES}[label]
        tried = {
            (name, rate): error
            for name, rates in tuned.items()
            if name == start or name.startswith(f"{start}-base-")
            for rate, error in rates.items()
        }
        name, rate = min(tried, key=tried.__getitem__)
        assert not at_the_edge({label: tuned[name]})
        base = float(name.split("-base-")[1]) if "-base-" in name else None
        for record in seeds:
            assert record.config["run"]["learning_rate"] == rate
            assert record.config["options"].get("base") == base

    of_long = errors_by_rate(grouped(records, "sweep"), "amplitude_error_mean")
    assert not at_the_edge(of_long)
    [long] = grouped(records, "long")["attention"]
    tried = of_long["attention"]
    assert long.config["run"]["learning_rate"] == min(tried, key=tried.__getitem__)
    sweeps = grouped(records, "sweep")["attention"]
    same = [long, *sweeps, *compared["attention"]]
    assert all(record.config["options"] == long.config["options"] for record in same)
    assert {record.steps for record in sweeps} == {long.steps}


def test_what_is_compared_waits_for_its_sweep_and_goes_on_from_its_best(tmp_path, monkeypatch):
    monkeypatch.setattr(series, "best_run", lambda *given: kept.best_run(*given, assets=tmp_path))

    def compared():
        return {
            run.name: run
            for run in series.runs()
            if run.name.split("/")[0] in ("compare", "places") and run.name.endswith("seed-0")
        }

    sweep = [run for run in series.runs() if run.name.startswith("tune/positions-rotary-")]
    for number, run in enumerate(sweep):
        assert not compared(), "a trial of the sweep is missing"
        error = abs(number - 6) / 10
        kept.write_record(
            run, {"key": run.key(), "curve": [{"amplitude_error_mean": error}]}, tmp_path
        )
    found = compared()
    assert {run.name for run in series.runs() if run.name.startswith("sweep/")} == {
        f"sweep/attention/rate-{rate:g}" for rate in series._LONG_RATES
    }
    assert "long/attention" not in {run.name for run in series.runs()}, "its sweep is missing"
    tried = [run for run in series.runs() if run.name.startswith("sweep/")]
    for number, run in enumerate(tried):
        kept.write_record(
            run, {"key": run.key(), "curve": [{"amplitude_error_mean": abs(number - 2)}]}, tmp_path
        )
    [long] = [run for run in series.runs() if run.name == "long/attention"]
    assert long.course.learning_rate == series._LONG_RATES[2]
    assert long.config["options"]["base"] == sweep[6].config["options"]["base"]
    assert sorted(found) == ["compare/attention-causal/seed-0", "compare/attention/seed-0"]
    best = sweep[6]
    for run in found.values():
        assert run.course.learning_rate == best.course.learning_rate
        assert run.config["options"]["base"] == best.config["options"]["base"]
    assert found["compare/attention-causal/seed-0"].config["options"]["causal"]


def test_all_that_is_compared_takes_as_many_steps(short):
    names = {"compare": set(), "places": set()}
    budgets = set()
    for run in series.runs():
        group, label, *_ = run.name.split("/")
        if group in names:
            names[group].add(label)
            budgets.add(run.course.budget)
    assert len(budgets) == 1
    assert names["compare"] >= {"fully-connected", "convolutional", "recurrent", "attention"}
    assert names["places"] == {"none", "linear", "learned", "sinusoidal"}


def test_the_compared_recurrent_network_differs_from_attention_in_the_exchange_alone(short):
    found = {run.name: run for run in series.runs()}
    rest = {}
    for label in ("recurrent", "recurrent-one-way", "recurrent-state-16", "attention"):
        shapes = {
            name.replace("body.layers.", "body.").replace("attention_norm", "norm"): tensor.shape
            for name, tensor in found[f"compare/{label}/seed-0"].build().state_dict().items()
        }
        rest[label] = {
            name: shape
            for name, shape in shapes.items()
            if not any(part in name for part in (".units.", ".mix.", ".attention."))
        }
    assert len(rest["attention"]) > 20
    assert all(shapes == rest["attention"] for shapes in rest.values())
