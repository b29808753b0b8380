"""The loop: learns, resumes to the bit, stops when asked, refuses what does not belong."""

import dataclasses
import functools
import json
import os
import signal
from typing import Any

import pytest
import torch

from shapes_of_attention.models import build_model
from shapes_of_attention.studies import runner, vision
from shapes_of_attention.studies.vision import image_run
from shapes_of_attention.training.checkpoint import CheckpointError, load_model, read_tensors
from shapes_of_attention.training.loop import Stopped
from shapes_of_attention.training.run_config import Progress, RunConfig

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}


def train(run, folder, **options):
    """Train a run on images in a folder; its record comes back."""
    return runner.train(image_run(name="tiny", run=run), folder, **options)


def weights(folder):
    return read_tensors(folder / "model.safetensors")[0]


def assert_equal_to_the_bit(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def build_and_keep(built, *_):
    built.append(build_model("encoder-decoder", TINY))
    return built[-1]


def stop_after(steps):
    def report(progress, _share):
        if progress.step == steps:
            os.kill(os.getpid(), signal.SIGTERM)

    return report


def test_a_run_leaves_a_model_and_a_record(tiny_run, tmp_path):
    record = train(tiny_run, tmp_path, workers=0)
    assert record == json.loads((tmp_path / "record.json").read_text())
    assert record["images"] == 48
    assert record["steps"] == 12
    assert record["config"]["model"] == "encoder-decoder"
    assert record["curve"][-1]["images"] == 48
    assert record["seconds"] > 0
    assert record["machine"]["threads"] == torch.get_num_threads()
    load_model(tmp_path / "model.safetensors", expect=("encoder-decoder", tiny_run.options))


@pytest.mark.parametrize("changes", [{}, {"cross_attention": False}])
@pytest.mark.parametrize("stops", [[5], [1, 6, 11]])
def test_a_stopped_run_resumes_to_the_bit(tiny_run, tmp_path, stops, changes):
    # Without cross-attention nothing reaches the encoder: the optimiser never moves it.
    tiny_run = dataclasses.replace(tiny_run, options={**tiny_run.options, **changes})
    train(tiny_run, tmp_path / "straight", workers=0)
    for steps in stops:
        with pytest.raises(Stopped):
            train(tiny_run, tmp_path / "broken", workers=1, report=stop_after(steps))
        assert not (tmp_path / "broken" / "model.safetensors").exists()
    record = train(tiny_run, tmp_path / "broken", workers=0)
    assert_equal_to_the_bit(weights(tmp_path / "straight"), weights(tmp_path / "broken"))
    assert record["steps"] == 12
    straight = json.loads((tmp_path / "straight" / "record.json").read_text())
    for mine, theirs in zip(record["curve"], straight["curve"], strict=True):
        clocks = ("seconds", "wall_seconds")
        assert {k: v for k, v in mine.items() if k not in clocks} == {
            k: v for k, v in theirs.items() if k not in clocks
        }


def test_a_finished_run_is_not_done_again(tiny_run, tmp_path):
    first = train(tiny_run, tmp_path, workers=0)

    def never(*_):
        raise AssertionError("a step was made")

    assert train(tiny_run, tmp_path, workers=0, report=never) == first


@pytest.mark.parametrize("killed", [False, True])
def test_a_run_that_ends_while_it_is_measured_at_its_end_loses_nothing(
    tiny_run, tmp_path, monkeypatch, killed
):
    measured = vision.score_colours

    def ending(*given):
        monkeypatch.setattr(vision, "score_colours", measured)
        if killed:
            raise SystemExit
        os.kill(os.getpid(), signal.SIGTERM)
        return measured(*given)

    def never(*_):
        raise AssertionError("a step was made again")

    run = dataclasses.replace(tiny_run, budget_images=4)
    monkeypatch.setattr(vision, "score_colours", ending)
    with pytest.raises(SystemExit if killed else Stopped):
        train(run, tmp_path, workers=0)
    record = train(run, tmp_path, workers=0, report=never)
    assert [point["images"] for point in record["curve"]] == [4]


def test_a_budget_in_seconds_ends_the_run(tiny_run, tmp_path):
    run = tiny_run.with_budget(0.5)
    shares = []
    train(run, tmp_path, workers=0, report=lambda _progress, share: shares.append(share))
    *before, last = shares
    assert last >= 1
    assert all(share < 1 for share in before)


@pytest.mark.parametrize("instructions", [{"avx512_bf16": True}, {"bf16": True}, {"avx2": True}])
def test_a_processor_without_bfloat16_takes_float32(monkeypatch, tiny_run, tmp_path, instructions):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions)
    types = set()

    def watch(module, _inputs, output):
        if isinstance(module, torch.nn.Linear):
            types.add(output.dtype)

    run = dataclasses.replace(tiny_run, precision="bf16", budget_images=4)
    with torch.nn.modules.module.register_module_forward_hook(watch):
        record = train(run, tmp_path, workers=0)
    fast = "avx2" not in instructions
    assert record["machine"]["precision"] == ("bf16" if fast else "float32")
    assert (torch.bfloat16 in types) == fast


def test_the_loss_falls(tiny_run, tmp_path):
    run = dataclasses.replace(tiny_run, budget_images=1200, learning_rate=3e-3)
    record = train(run, tmp_path, workers=0)
    assert record["curve"][-1]["psnr"] > record["curve"][0]["psnr"] + 1


def test_a_state_of_another_run_or_a_damaged_one_is_refused_and_kept(tiny_run, tmp_path):
    with pytest.raises(Stopped):
        train(tiny_run, tmp_path, workers=0, report=stop_after(2))
    state = tmp_path / "state.safetensors"
    content = state.read_bytes()
    with pytest.raises(CheckpointError, match="belongs to run"):
        train(dataclasses.replace(tiny_run, seed=1), tmp_path, workers=0)
    assert state.read_bytes() == content
    state.write_bytes(content[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        train(tiny_run, tmp_path, workers=0)
    assert state.exists()


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_state(tiny_run, tmp_path):
    state = tmp_path / "state.safetensors"
    with pytest.raises(Stopped):
        train(tiny_run, tmp_path, workers=0, report=stop_after(5))
    good = state.read_bytes()

    def spoil(progress, _share):
        # From here on the model gives nothing finite: its weights have gone bad.
        if progress.step == 7:
            with torch.no_grad():
                for weight in spoiled[0].parameters():
                    weight.fill_(float("nan"))

    spoiled = []
    build = functools.partial(build_and_keep, spoiled)
    run = dataclasses.replace(image_run(name="tiny", run=tiny_run), build=build)
    with pytest.raises(FloatingPointError, match=r"the loss after 7 steps is nan.*state"):
        runner.train(run, tmp_path, report=spoil, save_every=1e9)
    assert state.read_bytes() == good, "nothing was saved over the last good state"
    assert not (tmp_path / "model.safetensors").exists()
    assert not (tmp_path / "record.json").exists()
    train(tiny_run, tmp_path, workers=0)
    train(tiny_run, tmp_path / "straight", workers=0)
    assert_equal_to_the_bit(weights(tmp_path), weights(tmp_path / "straight"))


def test_equal_runs_have_equal_keys_and_any_change_another():
    run = RunConfig(model="unet", budget_seconds=60)
    assert run.key() == RunConfig(model="unet", budget_seconds=60).key()
    changes: list[dict[str, Any]] = [
        {"seed": 1},
        {"options": {"fold": 4}},
        {"data": {"red_filter": False}},
    ]
    keys = {dataclasses.replace(run, **change).key() for change in changes}
    assert len(keys | {run.key(), run.with_budget(61).key()}) == 5


def test_the_learning_rate_rises_then_falls_to_nothing():
    run = RunConfig(model="unet", budget_images=1000, warmup_images=100, learning_rate=1.0)
    rates = [run.rate(Progress(images=n), n / 1000) for n in range(0, 1001, 10)]
    assert rates[0] < 0.02
    assert max(rates) > 0.95
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert rates.index(max(rates)) <= 11


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "exactly one"),
        ({"budget_seconds": 1, "budget_images": 1}, "exactly one"),
        ({"budget_seconds": -1}, "positive"),
        ({"budget_seconds": 1, "batch_size": 0}, "batch_size"),
        ({"budget_seconds": 1, "loss": "l3"}, "loss"),
        ({"budget_seconds": 1, "learning_rate": 0}, "learning_rate"),
        ({"budget_seconds": 1, "weight_decay": -1}, "weight_decay"),
    ],
)
def test_bad_runs_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        RunConfig(model="unet", **change)
