"""The command: lists, runs what is missing, skips what is done, goes on after a kill, evaluates."""

import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shapes_of_attention.__main__ import main
from shapes_of_attention.studies import kept, runner, vision
from shapes_of_attention.studies.record import (
    RecordError,
    at_the_edge,
    errors_by_rate,
    grouped,
    read_records,
)
from shapes_of_attention.training.run_config import RunConfig

ASSETS = Path(__file__).resolve().parents[3] / "assets"


#: The command, which measures on a handful of images.
FEW_EXAMPLES = """
from shapes_of_attention.__main__ import main
from shapes_of_attention.studies import vision
vision._TEST_IMAGES = vision._VALIDATION_IMAGES = 8
raise SystemExit(main())
"""


def arguments(tmp_path, *more):
    folders = ["--runs", str(tmp_path / "runs"), "--assets", str(tmp_path / "assets")]
    return ["study", "vision", *folders, *more]


def test_missing_runs_are_done_once_and_recorded(small_studies, tmp_path, capsys):
    assert main(arguments(tmp_path)) == 0
    records = sorted(p.name for p in (tmp_path / "assets" / "records").iterdir())
    assert records == ["tiny-seed-0.json", "tiny-seed-1.json"]
    record = json.loads((tmp_path / "assets" / "records" / records[0]).read_text())
    assert record["test"]["colour"]["kept_shapes"] > 0
    assert "intervention" in record["test"]
    assert record["test"]["colour"]["filtered_removed"] is not None
    unfiltered = json.loads((tmp_path / "assets" / "records" / records[1]).read_text())
    assert unfiltered["test"]["colour"]["filtered_removed"] is None
    kept = [p.name for p in (tmp_path / "assets" / "checkpoints").iterdir()]
    assert kept == ["tiny-seed-0.safetensors"]
    capsys.readouterr()
    assert main(arguments(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines() == ["tiny/seed-0: done", "tiny/seed-1: done"]
    assert main(arguments(tmp_path, "--list")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("done") for line in lines)


def test_evaluate_prints_json_for_a_kept_model(small_studies, tmp_path, capsys):
    main(arguments(tmp_path, "--only", "*-0"))
    capsys.readouterr()
    checkpoint = tmp_path / "assets" / "checkpoints" / "tiny-seed-0.safetensors"
    assert main(["evaluate", str(checkpoint), "--images", "8", "--seed", "3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"images", "seed", "colour", "attention", "intervention"}
    assert main(["evaluate", str(tmp_path / "missing.safetensors")]) == 1
    assert "no such checkpoint" in capsys.readouterr().err
    assert main(["evaluate", str(checkpoint), "--images", "0"]) == 1


def test_an_unknown_name_is_an_error(capsys):
    assert main(["study", "--only", "nothing/*"]) == 1
    assert "no run is called nothing/*" in capsys.readouterr().err


def test_names_records_and_keys_of_all_listed_runs_are_unique():
    for study in runner.STUDIES.values():
        listed = study.runs()
        assert len({run.name for run in listed}) == len(listed)
        kept = [run.checkpoint for run in listed if run.checkpoint is not None]
        assert len(set(kept)) == len(kept)
        own = [run.record for run in listed if not run.shares_record]
        assert len(set(own)) == len(own)
    everywhere = [run for study in runner.STUDIES.values() for run in study.runs()]
    folders = {runner._folder(run, Path("runs")) for run in everywhere}
    assert len(folders) == len(everywhere), "each run has a folder of its own"
    names = {run.name for run in vision.runs()}
    assert {"flagship", "compare/unet/seed-2"} <= names


#: Finished and interrupted runs go by these; they must not change.
KEYS = {
    "flagship": "36f113ca83ff",
    "channels/warm/seed-0": "d63598c93877",
}


def test_keys_of_runs_stay_what_they_were():
    keys = {run.name: run.key() for run in vision.runs()}
    assert {name: keys[name] for name in KEYS} == KEYS


def test_every_record_that_was_ever_finished_still_counts_as_done():
    missing = [
        run.name
        for study in runner.STUDIES.values()
        for run in study.runs()
        if kept.read_record(run, ASSETS) and not runner.is_done(run, ASSETS)
    ]
    assert not missing
    done = {run.name for run in vision.runs() if runner.is_done(run, ASSETS)}
    assert {"flagship", "contrast/self-attention", "compare/unet/seed-2"} <= done


def test_a_run_of_another_length_leaves_the_record_of_the_grid_alone(small_studies, tmp_path):
    records = tmp_path / "assets" / "records"
    assert main(arguments(tmp_path, "--only", "tiny/seed-0")) == 0
    before = (records / "tiny-seed-0.json").read_bytes()
    for _ in range(2):
        assert main(arguments(tmp_path, "--only", "tiny/seed-0", "--budget", "1")) == 0
    assert (records / "tiny-seed-0.json").read_bytes() == before
    shorter = json.loads((records / "tiny-seed-0-seconds-1.json").read_text())
    assert shorter["name"] == "tiny/seed-0/seconds-1"
    assert shorter["command"].endswith("--only tiny/seed-0 --budget 1")
    assert shorter["config"]["budget_seconds"] == 1


def test_a_length_can_be_given_in_images_and_steps(small_studies, tmp_path, capsys):
    for length, name in (("8images", "images-8"), ("1steps", "images-4")):
        assert main(arguments(tmp_path, "--only", "tiny/seed-0", "--budget", length)) == 0
        path = tmp_path / "assets" / "records" / f"tiny-seed-0-{name}.json"
        assert json.loads(path.read_text())["name"] == f"tiny/seed-0/{name}"
    with pytest.raises(SystemExit):
        main(arguments(tmp_path, "--budget", "soon"))
    assert "argument --budget" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(arguments(tmp_path, "--budget", "-5"))
    assert "the budget must be positive and finite" in capsys.readouterr().err


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on(asked, small_studies, tmp_path, capsys, monkeypatch):
    run = small_studies["vision"][0]
    ended = []

    class Stopping(runner.Display):
        def __call__(self, progress, share):
            super().__call__(progress, share)
            if progress.step == 2 and not ended:
                # As an interrupt at a terminal, or a timeout, asks all processes of the group.
                workers = multiprocessing.active_children()
                assert len(workers) == 1
                for process in (workers[0].pid, os.getpid()):
                    os.kill(process, asked)

    monkeypatch.setattr(runner, "Display", Stopping)
    given = arguments(tmp_path, "--only", run.name, "--workers", "1")
    assert main(given) == 130
    assert "tiny/seed-0: stopped after 2 steps; the state is saved" in capsys.readouterr().out
    assert not (tmp_path / "assets").exists()
    main([*given, "--list"])
    assert capsys.readouterr().out.startswith("begun")
    ended.append(True)
    assert main(given) == 0
    record = json.loads((tmp_path / "assets" / "records" / "tiny-seed-0.json").read_text())
    assert record["steps"] == 4 and record["images"] == 16


def test_a_killed_process_goes_on_where_its_state_was_saved(tmp_path):
    """The command itself, in a process of its own, stopped as soon as it says that it has begun."""
    command = [sys.executable, "-c", FEW_EXAMPLES, *arguments(tmp_path)]
    command += ["--only", "compare/encoder-only/seed-0", "--budget", "64images"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("compare/encoder-only/seed-0/images-64: ")
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    assert process.wait() in (130, 0, -signal.SIGTERM)
    records = tmp_path / "assets" / "records"
    assert records.exists() == (process.returncode == 0)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (record,) = records.iterdir()
    assert json.loads(record.read_text())["images"] == 64


def test_what_is_compared_trains_at_the_rate_that_did_best_in_its_sweep():
    sweeps = errors_by_rate(
        grouped(read_records(ASSETS / "records", families=["tune"]), "tune"),
        "colour/colour_error_median",
    )
    compared = grouped(read_records(ASSETS / "records", families=["compare"]), "compare")
    for label, runs in compared.items():
        best = min(sweeps[label], key=sweeps[label].__getitem__)
        assert {run.config["learning_rate"] for run in runs} == {best}, label
        assert [run.seed for run in runs] == [0, 1, 2], label


def test_a_run_waits_for_the_sweep_that_chooses_its_rate(tmp_path, monkeypatch):
    """Runs that wait are not listed; they come as soon as the sweep is done, in one command."""
    rates = (1e-3, 1e-2)
    options = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}
    small = RunConfig(model="encoder-decoder", options=options, batch_size=4, budget_images=8)

    def runs():
        sweep = vision._sweep("tiny", small, rates)
        best = kept.best_run(sweep, "colour_error_median", assets=tmp_path / "assets")
        listed = [*sweep]
        if best is not None:
            run = replace(small, learning_rate=best.course.learning_rate, seed=1)
            listed.append(vision.image_run(name="compare/tiny/seed-1", run=run))
        return listed

    monkeypatch.setattr(vision, "_SWEEP_IMAGES", 8)
    monkeypatch.setattr(vision, "_SWEEP_VALIDATION", 8)
    monkeypatch.setattr(vision, "runs", runs)
    assert [run.name for run in runs()] == ["tune/tiny/rate-0.001", "tune/tiny/rate-0.01"]
    assert main(arguments(tmp_path)) == 0
    tried = {
        rate: json.loads(path.read_text())["test"]["colour"]["colour_error_median"]
        for rate in rates
        for path in (tmp_path / "assets" / "records").glob(f"tune-tiny-rate-{rate:g}.json")
    }
    chosen = json.loads((tmp_path / "assets" / "records" / "compare-tiny-seed-1.json").read_text())
    assert chosen["config"]["learning_rate"] == min(tried, key=tried.__getitem__)


def test_a_rate_at_the_edge_of_its_sweep_is_told_or_refused():
    inside = {0.001: 2.0, 0.003: 1.0, 0.006: 3.0}
    largest = {0.001: 3.0, 0.003: 2.0, 0.006: 1.0}
    smallest = {0.001: 1.0, 0.003: 2.0, 0.006: 3.0}
    rates = {"a": inside, "b": largest, "c": smallest}
    assert at_the_edge({"a": inside}) == []
    assert at_the_edge(rates, told={"b": "largest", "c": "smallest"}) == ["b", "c"]
    # Where a run diverged there is a worse rate, as good as any other.
    assert at_the_edge({"a": {0.001: 2.0, 0.003: 1.0, 0.006: math.inf}}) == []
    with pytest.raises(RecordError, match=r"no learning rate has a finite error: a$"):
        at_the_edge({"a": dict.fromkeys(inside, math.inf)}, told={"a": "largest"})
    with pytest.raises(RecordError, match=r"edge of the sweep: c\."):
        at_the_edge(rates, told={"b": "largest"})
    for untrue in ({"a": "largest"}, {"b": "smallest"}, {"gone": "smallest"}):
        with pytest.raises(RecordError, match=f"not, as the text says, .*: {next(iter(untrue))}$"):
            at_the_edge(rates, told={"b": "largest", "c": "smallest", **untrue})
