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
from shapes_of_attention.training.checkpoint import (
    CheckpointError,
    file_hash,
    read_tensors,
    write_tensors,
)
from shapes_of_attention.training.loop import Stopped
from shapes_of_attention.training.machine import launch

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


def test_weights_that_are_not_the_models_or_not_finite_are_not_tested(
    small_studies, tmp_path, capsys
):
    run = small_studies["series"][0]
    path = runner._folder(run, tmp_path / "runs") / "model.safetensors"
    runner.train(run, path.parent)
    weights, note = read_tensors(path)
    first = next(iter(weights))
    for held, message in (
        ({**weights, first: weights[first] * float("nan")}, "holds values that are not finite"),
        ({first: weights[first]}, f"its tensors do not fit {run.name}"),
    ):
        write_tensors(path, held, note)
        assert main(arguments(tmp_path, "series", "--only", run.name)) == 1
        assert f"{path}: {message}" in capsys.readouterr().err
        assert not (tmp_path / "assets").exists()


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
    assert found["images"] == found["steps"] * small_studies[study][0].task(torch.nn.Linear(1, 1), small_studies[study][0].course).batch_size  # fmt: skip
    assert found["seconds"] > 0
    assert found["machine"]["precision"] in ("bf16", "float32")
    assert found["machine"]["processor"]
    assert found["command"].startswith(f"python -m shapes_of_attention study {study} --only ")
    if study != "vision":  # its families have names of their own
        assert {record.name for record in read_records(path.parent, study)} == {
            run.name for run in small_studies[study]
        }


def test_all_processes_wait_for_a_record_before_they_list_what_comes_next(
    small_studies, tmp_path, monkeypatch
):
    run, happened = small_studies["series"][0], []
    fabric, write = launch(), runner.write_record

    def listed():
        happened.append("list")
        return [run]

    study = replace(runner.STUDIES["series"], runs=listed)
    monkeypatch.setitem(runner.STUDIES, "series", study)
    monkeypatch.setattr(runner, "launch", lambda *_: fabric)
    monkeypatch.setattr(fabric, "barrier", lambda: happened.append("wait"))
    monkeypatch.setattr(
        runner, "write_record", lambda *given: happened.append("write") or write(*given)
    )
    assert main(arguments(tmp_path, "series")) == 0
    assert happened[0] == happened[-1] == "list"
    assert happened[happened.index("write") :] == ["write", "wait", "list"]


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
    given["task"] = lambda model, course: (
        begun.append([weight.clone() for weight in model.parameters()]) or task(model, course)
    )
    runner.train(
        first.__class__(**given),
        tmp_path / "run",
        start=tmp_path / "assets/checkpoints/given.safetensors",
        report=report,
    )
    assert seen
    assert all((weight == 0.5).all() for weight in begun[0])


def stop_at_once(_progress, _share):
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("study", STUDIES)
def test_a_default_that_has_changed_makes_another_run_wherever_it_is_stated(
    study, small_studies, tmp_path
):
    run = small_studies[study][0]
    assets = tmp_path / "assets"
    assert main(arguments(tmp_path, study, "--only", run.name)) == 0
    assert runner.is_done(run, assets)
    assert run.resolved == json.loads(json.dumps(run.resolved)), "in terms of JSON"

    name = next(name for name, value in run.resolved["model"].items() if isinstance(value, int))
    changed = {**run.resolved["model"], name: run.resolved["model"][name] + 1}
    other = replace(run, resolved={**run.resolved, "model": changed})
    assert other.key() == run.key()
    assert not runner.is_done(other, assets)
    wrong = rf"model\.{name} was .*, is .*begin again"
    folder = runner._folder(run, tmp_path / "runs")
    with pytest.raises(CheckpointError, match=rf"record\.json: .*{wrong}"):
        runner.train(other, folder)  # trained, not tested yet
    with pytest.raises(Stopped):
        runner.train(run, tmp_path / "begun", report=stop_at_once)
    with pytest.raises(CheckpointError, match=rf"state\.safetensors: .*{wrong}"):
        runner.train(other, tmp_path / "begun")

    # An option that came later, or has gone, is not compared.
    later = replace(run, resolved={"model": {**run.resolved["model"], "later": 3}})
    assert runner.is_done(later, assets)
    # Neither is what an old record or an old state does not say.
    path = assets / "records" / f"{run.record}.json"
    found = json.loads(path.read_text())
    del (found[run.name] if run.shares_record else found)["resolved"]
    path.write_text(json.dumps(found))
    assert runner.is_done(other, assets)
    state = tmp_path / "begun" / "state.safetensors"
    tensors, note = read_tensors(state)
    del note["resolved"]
    write_tensors(state, tensors, note)
    runner.train(other, tmp_path / "begun")


def test_a_run_goes_on_and_counts_only_with_the_weights_that_it_started_from(
    small_studies, tmp_path
):
    run = replace(small_studies["vision"][0], starts_from="given", checkpoint=None)
    small_studies["vision"][:] = [run]
    start = tmp_path / "assets/checkpoints/given.safetensors"
    torch.manual_seed(1)
    write_tensors(start, dict(run.build().state_dict()), {})
    with pytest.raises(Stopped):
        runner.train(run, tmp_path / "begun", start=start, report=stop_at_once)
    first = start.read_bytes()
    write_tensors(start, dict(run.build().state_dict()), {})
    with pytest.raises(CheckpointError, match=r"state\.safetensors: .*start was .*, is "):
        runner.train(run, tmp_path / "begun", start=start)
    start.write_bytes(first)
    record = runner.train(run, tmp_path / "begun", start=start)
    assert record["start"] == file_hash(start)

    assert main(arguments(tmp_path, "vision")) == 0
    assert runner.is_done(run, tmp_path / "assets")
    write_tensors(start, dict(run.build().state_dict()), {})
    assert not runner.is_done(run, tmp_path / "assets"), "other weights under the same name"
    start.unlink()
    assert runner.is_done(run, tmp_path / "assets"), "there is nothing to compare"


def test_a_run_goes_on_without_the_weights_that_it_started_from_and_says_whose_they_were(
    small_studies, tmp_path
):
    run = replace(small_studies["vision"][0], starts_from="given", checkpoint=None)
    start = tmp_path / "given.safetensors"
    write_tensors(start, dict(run.build().state_dict()), {})
    begun = file_hash(start)
    for _ in range(2):  # what goes on leaves a state that says it, too
        with pytest.raises(Stopped):
            runner.train(run, tmp_path / "begun", start=start, report=stop_at_once)
        start.unlink(missing_ok=True)
    assert runner.train(run, tmp_path / "begun", start=start)["start"] == begun


def test_a_run_goes_on_from_a_state_that_does_not_say_which_weights_it_started_from(
    small_studies, tmp_path
):
    run = replace(small_studies["vision"][0], starts_from="given", checkpoint=None)
    start = tmp_path / "given.safetensors"
    write_tensors(start, dict(run.build().state_dict()), {})
    with pytest.raises(Stopped):
        runner.train(run, tmp_path / "begun", start=start, report=stop_at_once)
    start.unlink()
    state = tmp_path / "begun" / "state.safetensors"
    tensors, note = read_tensors(state)
    del note["start"]
    write_tensors(state, tensors, note)
    assert "start" not in runner.train(run, tmp_path / "begun", start=start)


def diverging(run, *, trial):
    """Give a run whose loss is no number any more from its second step on."""

    def task(model, course):
        given, steps = run.task(model, course), []

        def loss(forward, batch):
            steps.append(1)
            return given.loss(forward, batch) * (1 if len(steps) < 2 else float("nan"))

        return replace(given, loss=loss, replayable=False)

    return replace(run, task=task, trial=trial, checkpoint=None)


@pytest.mark.parametrize("study", STUDIES)
def test_a_trial_that_diverges_is_recorded_and_the_study_goes_on(
    study, small_studies, tmp_path, capsys
):
    first, second = small_studies[study]
    small_studies[study][:] = [diverging(first, trial=True), replace(second, checkpoint=None)]
    assert main(arguments(tmp_path, study)) == 0
    out = capsys.readouterr().out
    assert f"{first.name}: diverged after 1 steps" in out
    path = tmp_path / "assets" / "records" / f"{first.record}.json"
    found = json.loads(path.read_text(), parse_constant=pytest.fail)  # NaN is no JSON
    found = found[first.name] if first.shares_record else found
    assert found["diverged"] is True and found["test"] == {} and found["steps"] == 1
    assert all(runner.is_done(run, tmp_path / "assets") for run in small_studies[study])
    assert main(arguments(tmp_path, study)) == 0
    assert capsys.readouterr().out.splitlines() == [f"{r.name}: done" for r in (first, second)]
    measure = "amplitude_error_mean" if study in ("series", "efficient") else "loss"
    best = kept.best_run(small_studies[study], measure, assets=tmp_path / "assets")
    assert best is small_studies[study][1]
    assert kept.best_run(small_studies[study][:1], measure, assets=tmp_path / "assets") is None


def test_a_run_that_is_no_trial_and_diverges_is_an_error(small_studies, tmp_path, capsys):
    small_studies["series"][0] = diverging(small_studies["series"][0], trial=False)
    assert main(arguments(tmp_path, "series")) == 1
    assert "the loss after 1 steps is nan" in capsys.readouterr().err
    assert not (tmp_path / "assets").exists()


def measuring(run, *errors, trial=False):
    """Give a run that is measured at half of its length and at its end, and found to have these."""

    def task(model, course):
        left = iter(errors)
        given = run.task(model, course)
        return replace(given, measure=lambda _: {"error": next(left)}, points=[0.5])

    return replace(run, task=task, trial=trial)


def test_a_trial_whose_last_measures_are_not_finite_has_diverged(small_studies, tmp_path):
    run = measuring(small_studies["series"][0], float("inf"), float("inf"), trial=True)
    record = runner.train(run, tmp_path)
    assert record["diverged"] and record["curve"] == [] and record["steps"] == 2
    assert not (tmp_path / "model.safetensors").exists()


def test_a_run_that_is_no_trial_and_whose_last_measures_are_not_finite_leaves_nothing(
    small_studies, tmp_path, capsys
):
    run = measuring(small_studies["series"][0], 0.5, float("nan"))
    small_studies["series"][:] = [run]
    for _ in range(2):  # nor when it is asked to go on from its state
        assert main(arguments(tmp_path, "series")) == 1
        said = f"what was measured at the end of {run.name} is not finite"
        assert said in capsys.readouterr().err
        assert not (tmp_path / "assets").exists()
        left = {path.name for path in runner._folder(run, tmp_path / "runs").iterdir()}
        assert left - {".lock"} == {"state.safetensors"}


def test_a_point_of_a_curve_that_is_not_finite_is_left_out(small_studies, tmp_path):
    run = measuring(small_studies["series"][0], float("inf"), 0.5)
    runner.train(run, tmp_path)
    text = (tmp_path / "record.json").read_text()
    record = json.loads(text, parse_constant=pytest.fail)  # infinity is no JSON
    assert [point["error"] for point in record["curve"]] == [0.5]
    assert "diverged" not in record


def test_what_tries_a_rate_and_nothing_else_is_a_trial():
    for study in runner.STUDIES.values():
        for run in study.runs():
            assert run.trial == run.name.startswith(("tune/", "sweep/")), run.name


def test_an_error_that_is_not_finite_is_never_the_best(small_studies, tmp_path):
    bad, good = small_studies["series"]
    for run, error in ((bad, float("nan")), (good, 0.5)):
        record = {"key": run.key(), "curve": [{"error": error}]}
        kept.write_record(replace(run, checkpoint=None), record, tmp_path)
    sweep = [replace(run, checkpoint=None) for run in (bad, good)]
    assert kept.best_run(sweep, "error", assets=tmp_path) is sweep[1]
    assert kept.best_rate(sweep[:1], "error", assets=tmp_path) is None


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
