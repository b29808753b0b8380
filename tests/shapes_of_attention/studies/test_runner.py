"""What the runner owes every study: weights before records, nothing lost, nothing done twice."""

import json
import multiprocessing
import os
import signal
import tempfile
import threading
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch

from shapes_of_attention.__main__ import main
from shapes_of_attention.measure.expert_load import LoadLog
from shapes_of_attention.models.experts import Routing
from shapes_of_attention.studies import kept, runner, vision
from shapes_of_attention.studies.record import read_records
from shapes_of_attention.training.checkpoint import read_tensors, write_tensors
from shapes_of_attention.training.loop import Stopped

ROOT = Path(__file__).resolve().parents[3]
STUDIES = ["vision", "series", "efficient", "language", "experts"]


def arguments(tmp_path, study, *more):
    folders = ["--runs", str(tmp_path / "runs"), "--assets", str(tmp_path / "assets")]
    return ["study", study, *folders, *more]


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*")) if path.is_file()}


def killed_before(monkeypatch, name, given):
    """Do runs in a process that dies, as by the kernel's hand, when it calls a runner's function."""

    def child():
        monkeypatch.setattr(runner, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        main(given)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("study", STUDIES)
def test_a_kill_between_weights_and_record_loses_nothing(
    study, small_studies, tmp_path, monkeypatch, capsys
):
    run = small_studies[study][0]
    assets = tmp_path / "assets"
    given = arguments(tmp_path, study, "--only", run.name)
    killed_before(monkeypatch, "write_record", given)
    kept = contents(assets / "checkpoints")
    assert list(kept) == [f"{run.checkpoint}.safetensors"], "weights are written first"
    assert not (assets / "records").exists()
    assert not runner.is_done(run, assets)

    def never(*_, **__):
        raise AssertionError("a step was made")

    with monkeypatch.context() as patched:
        patched.setattr(runner, "fit", never)  # it is trained already: only the rest is done
        assert main(given) == 0
    assert contents(assets / "checkpoints") == kept
    assert runner.is_done(run, assets)
    capsys.readouterr()
    assert main(given) == 0
    assert capsys.readouterr().out == f"{run.name}: done\n"


@pytest.mark.parametrize("study", STUDIES)
def test_a_record_whose_weights_are_missing_does_not_count_and_is_mended(
    study, small_studies, tmp_path
):
    run = small_studies[study][0]
    assets = tmp_path / "assets"
    given = arguments(tmp_path, study, "--only", run.name)
    assert main(given) == 0
    before = contents(assets / "checkpoints")
    (assets / "checkpoints" / f"{run.checkpoint}.safetensors").unlink()
    assert not runner.is_done(run, assets)
    assert main(given) == 0
    assert contents(assets / "checkpoints") == before
    assert runner.is_done(run, assets)


@pytest.mark.parametrize("study", STUDIES)
def test_a_run_that_is_stopped_goes_on_to_the_bit_in_every_study(study, small_studies, tmp_path):
    run = small_studies[study][0]

    def stop(progress, _share):
        if progress.step == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    runner.train(run, tmp_path / "straight")
    with pytest.raises(Stopped):
        runner.train(run, tmp_path / "broken", report=stop)
    runner.train(run, tmp_path / "broken")
    straight, broken = (
        read_tensors(tmp_path / folder / "model.safetensors")[0]
        for folder in ("straight", "broken")
    )
    assert straight.keys() == broken.keys()
    assert all(torch.equal(straight[name], broken[name]) for name in straight)
    one, other = (
        json.loads((tmp_path / folder / "record.json").read_text())
        for folder in ("straight", "broken")
    )
    assert one["memory"] == other["memory"]
    assert [point["loss"] for point in one["curve"]] == [point["loss"] for point in other["curve"]]


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_records_precision_images_steps_seconds_and_processor(
    study, small_studies, tmp_path
):
    assert main(arguments(tmp_path, study)) == 0
    path = tmp_path / "assets" / "records" / f"{small_studies[study][0].record}.json"
    found = json.loads(path.read_text())
    found = found.get(small_studies[study][0].name, found)
    assert found["study"] == study and found["name"] == small_studies[study][0].name
    assert found["images"] == found["steps"] * small_studies[study][0].task(torch.nn.Linear(1, 1)).batch_size  # fmt: skip
    assert found["seconds"] > 0
    assert found["machine"]["precision"] in ("bf16", "float32")
    assert found["machine"]["processor"]
    assert found["command"].startswith(f"python -m shapes_of_attention study {study} --only ")
    if study != "vision":  # its families have names of their own
        assert {record.name for record in read_records(path.parent, study)} == {
            run.name for run in small_studies[study]
        }


def test_two_runs_that_share_a_record_are_both_there_and_a_damaged_one_stops_them(
    small_studies, tmp_path, capsys
):
    first, second = small_studies["series"]
    shared = [run.__class__(**{**run.__dict__, "record": "series-both"}) for run in (first, second)]
    small_studies["series"][:] = shared
    assert main(arguments(tmp_path, "series")) == 0
    path = tmp_path / "assets" / "records" / "series-both.json"
    assert list(json.loads(path.read_text())) == [first.name, second.name]
    path.write_text("{")
    assert main(arguments(tmp_path, "series")) == 1
    assert "series-both.json' is damaged" in capsys.readouterr().err
    assert path.read_text() == "{"


def test_two_machines_that_write_into_one_record_wait_for_each_other(
    small_studies, tmp_path, monkeypatch
):
    first, second = small_studies["series"]
    run, other = (replace(run, record="series-both") for run in (first, second))
    # Each machine has a folder of its own for temporary files.
    monkeypatch.setattr(tempfile, "gettempdir", lambda: tempfile.mkdtemp(dir=tmp_path))
    elsewhere = threading.Thread(target=kept.write_record, args=(other, {"of": 2}, tmp_path))
    write = kept.write_atomically

    def meanwhile(*given):
        if threading.current_thread() is threading.main_thread():
            elsewhere.start()
            elsewhere.join(timeout=1)  # it writes now if nothing keeps it from that
        write(*given)

    monkeypatch.setattr(kept, "write_atomically", meanwhile)
    kept.write_record(run, {"of": 1}, tmp_path)
    elsewhere.join()
    path = tmp_path / "records" / "series-both.json"
    assert json.loads(path.read_text()) == {run.name: {"of": 1}, other.name: {"of": 2}}
    for left in path.parent.iterdir():
        if left != path:
            assert fnmatch(f"/assets/records/{left.name}", "/assets/records/.*.lock")
            assert "/assets/records/.*.lock" in (ROOT / ".gitignore").read_text().splitlines()
            assert left.stat().st_mode & 0o666 == 0o666, "another user may hold it, too"


def test_a_run_starts_from_the_weights_of_another_that_its_listing_names(
    small_studies, tmp_path, capsys
):
    first = small_studies["vision"][0]
    given = {**first.__dict__, "starts_from": "given", "name": "started"}
    small_studies["vision"][:] = [first.__class__(**given)]
    assert main(arguments(tmp_path, "vision")) == 1
    assert "given.safetensors: no such checkpoint" in capsys.readouterr().err
    other = first.build()
    with torch.no_grad():
        for weight in other.parameters():
            weight.fill_(0.5)
    write_tensors(tmp_path / "assets/checkpoints/given.safetensors", dict(other.state_dict()), {})
    seen = []

    def report(_progress, _share):
        seen.append(1)

    begun = []
    task = small_studies["vision"][0].task
    given["task"] = lambda model: (
        begun.append([weight.clone() for weight in model.parameters()]) or task(model)
    )
    runner.train(
        first.__class__(**given),
        tmp_path / "run",
        start=tmp_path / "assets/checkpoints/given.safetensors",
        report=report,
    )
    assert seen
    assert all((weight == 0.5).all() for weight in begun[0])


def test_the_log_of_loads_averages_over_stretches_of_steps_and_survives_json():
    log = LoadLog(every=2)
    for choice in (0, 1, 1, 1, 0):
        chosen = torch.full((3, 1), choice)
        kept, log = json.dumps(log.memory), LoadLog(every=2)
        log.memory = json.loads(kept)
        log.add({"layer": Routing(torch.zeros(3, 2), chosen, chosen)})
        log.after_step()
        log.settle()
    assert log.memory["points"] == [
        {"step": 2, "layers": {"layer": [0.5, 0.5]}},
        {"step": 4, "layers": {"layer": [0.0, 1.0]}},
    ]


def test_a_model_without_the_red_filter_is_summed_up_too() -> None:
    colour = {"colour_error_median": 3.5, "within_8": 0.9}
    assert vision.summary({"colour": colour}).endswith("nothing filtered")
    found = vision.summary({"colour": {**colour, "filtered_removed": 0.98}})
    assert found.endswith("filtered circles removed 98.0%")
