"""The command: lists, runs what is missing, skips what is done, goes on after a kill, evaluates."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from shapes_of_attention import evaluate, train
from shapes_of_attention.training import grid
from shapes_of_attention.training.run_config import RunConfig

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture
def small_grid(monkeypatch):
    runs = [
        grid.Entry(
            name=f"tiny/seed-{seed}",
            run=RunConfig(
                model="encoder-decoder",
                options=TINY,
                data={"red_filter": seed == 0},
                seed=seed,
                batch_size=4,
                budget_images=16,
            ),
            keep_model=seed == 0,
        )
        for seed in (0, 1)
    ]
    monkeypatch.setattr(train, "entries", lambda: runs)
    monkeypatch.setattr(train, "_TEST_IMAGES", 8)
    return runs


def arguments(tmp_path, *more):
    return ["--runs", str(tmp_path / "runs"), "--assets", str(tmp_path / "assets"), *more]


def test_missing_runs_are_done_once_and_recorded(small_grid, tmp_path, capsys):
    assert train.main(arguments(tmp_path)) == 0
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
    assert train.main(arguments(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines() == ["tiny/seed-0: done", "tiny/seed-1: done"]
    train.main(arguments(tmp_path, "--list"))
    assert all(line.startswith("done") for line in capsys.readouterr().out.splitlines())


def test_evaluate_prints_json_for_a_kept_model(small_grid, tmp_path, capsys):
    train.main(arguments(tmp_path, "--only", "*-0"))
    capsys.readouterr()
    checkpoint = tmp_path / "assets" / "checkpoints" / "tiny-seed-0.safetensors"
    assert evaluate.main([str(checkpoint), "--images", "8", "--seed", "3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"images", "seed", "colour", "attention", "intervention"}
    assert evaluate.main([str(tmp_path / "missing.safetensors")]) == 1
    assert "no such checkpoint" in capsys.readouterr().err
    assert evaluate.main([str(checkpoint), "--images", "0"]) == 1


def test_an_unknown_name_is_an_error(capsys):
    assert train.main(["--only", "nothing/*"]) == 1
    assert "no run is called nothing/*" in capsys.readouterr().err


def test_names_and_keys_of_the_real_grid_are_unique():
    listed = grid.entries()
    assert len({entry.name for entry in listed}) == len(listed)
    assert {"flagship", "main/unet/seed-2"} <= {entry.name for entry in listed}


def test_a_run_of_another_length_leaves_the_record_of_the_grid_alone(small_grid, tmp_path):
    records = tmp_path / "assets" / "records"
    assert train.main(arguments(tmp_path, "--only", "tiny/seed-0")) == 0
    before = (records / "tiny-seed-0.json").read_bytes()
    for _ in range(2):
        assert train.main(arguments(tmp_path, "--only", "tiny/seed-0", "--budget", "1")) == 0
    assert (records / "tiny-seed-0.json").read_bytes() == before
    shorter = json.loads((records / "tiny-seed-0-seconds-1.json").read_text())
    assert shorter["name"] == "tiny/seed-0/seconds-1"
    assert shorter["command"].endswith("--only tiny/seed-0 --budget 1")
    assert shorter["config"]["budget_seconds"] == 1


def test_a_killed_run_goes_on(tmp_path):
    command = [sys.executable, "-m", "shapes_of_attention.train", *arguments(tmp_path)]
    command += ["--only", "main/encoder-only/seed-0", "--budget", "3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    if process.returncode == 130:
        assert list((tmp_path / "runs").glob("*/state.safetensors"))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
    assert list((tmp_path / "assets" / "records").iterdir())


def test_every_model_trains_at_the_rate_its_recorded_sweep_found_best():
    records = train._ROOT / "assets" / "records"
    for label, run in grid.MODELS.items():
        errors = {}
        for rate in grid.RATES:
            path = records / f"sweep-{label}-rate-{rate:g}.json"
            if path.exists():
                errors[rate] = json.loads(path.read_text())["test"]["colour"]["colour_error_mean"]
        if len(errors) == len(grid.RATES):
            assert run.learning_rate == min(errors, key=errors.__getitem__), label
