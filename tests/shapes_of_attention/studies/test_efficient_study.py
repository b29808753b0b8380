"""The model that takes any family, and the command that trains it, on a few steps."""

import json
from dataclasses import replace

import pytest
import torch

from shapes_of_attention.__main__ import main
from shapes_of_attention.efficient import CONTROLS, FAMILIES, Budget
from shapes_of_attention.efficient.model import build_efficient_model, load_efficient_model
from shapes_of_attention.studies import efficient, kept, runner
from shapes_of_attention.training.checkpoint import CheckpointError, read_tensors, write_tensors
from shapes_of_attention.training.run_config import ShortRun

SMALL = {"length": 200, "budget": Budget(window=4, block=4, rank=8, chunk=4, span=4, ramp=4)}


@pytest.mark.parametrize("family", [*FAMILIES, *CONTROLS])
def test_every_family_redraws_series_and_every_parameter_learns(family):
    model = build_efficient_model({**SMALL, "family": family})
    drawn = model(torch.randn(2, 200))
    assert drawn.shape == (2, 200)
    drawn.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_explicit_and_fused_attention_are_one_model():
    models = []
    for family in ("explicit", "fused"):
        torch.manual_seed(3)
        models.append(build_efficient_model({**SMALL, "family": family}))
    signal = torch.randn(2, 200)
    assert torch.allclose(models[0](signal), models[1](signal), atol=1e-5)


def test_tokens_far_away_reach_full_attention_but_no_window():
    signal = torch.randn(1, 200)
    changed = signal.clone()
    changed[:, 180:] += 1
    for family, reaches in (("fused", True), ("local", False)):
        model = build_efficient_model({**SMALL, "family": family, "layers": 1})
        same = torch.equal(model(signal)[:, :20], model(changed)[:, :20])
        assert same is not reaches


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token": 7}, "tokens of 7 samples do not divide 200"),
        ({"context": 4}, "context must be odd"),
        ({"heads": 5}, "heads must divide dim"),
        ({"family": "none"}, "there is no family 'none'"),
    ],
)
def test_sizes_that_do_not_fit_the_model_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        build_efficient_model({**SMALL, **options})


def test_series_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"series must be \[batch, 200\]"):
        build_efficient_model(SMALL)(torch.randn(2, 210))


def test_the_reformers_control_has_its_weights_and_sees_all_but_itself():
    models = {}
    for family in ("reformer", "shared"):
        torch.manual_seed(3)
        # One chunk holds all tokens: hashing then leaves nothing out.
        whole = {**SMALL, "budget": Budget(chunk=20, rounds=1), "family": family}
        models[family] = build_efficient_model(whole)
    weights = {family: dict(model.named_parameters()) for family, model in models.items()}
    assert weights["reformer"].keys() == weights["shared"].keys()
    attend = models["shared"].layers[0].attend
    shared, value = torch.randn(1, 4, 20, 16), torch.randn(1, 4, 20, 16)
    moved = value.clone()
    moved[:, :, 7] += 1
    change = (attend(shared, shared, moved) != attend(shared, shared, value)).any(dim=-1)
    assert change.sum(dim=-1).eq(19).all() and not change[:, :, 7].any()


@pytest.fixture
def two_steps(monkeypatch):
    """Let every run end after two steps, and the sweeps choose their second rate."""
    monkeypatch.setattr(
        efficient, "best_rate", lambda sweep, measure: sweep[1].course.learning_rate
    )
    listed = [replace(run, course=ShortRun(steps=2)) for run in efficient.runs()]
    monkeypatch.setitem(runner.STUDIES, "efficient", replace(efficient.STUDY, runs=lambda: listed))


def arguments(tmp_path, only):
    folders = ["--assets", str(tmp_path), "--runs", str(tmp_path / "runs")]
    return ["study", "efficient", *folders, "--only", only]


def test_a_study_leaves_a_record_and_does_not_run_twice(two_steps, tmp_path, capsys):
    name = "compare/adaptive-span-1000/seed-0"
    given = arguments(tmp_path, name)
    assert main(given) == 0
    record = json.loads((tmp_path / "records/efficient-compare.json").read_text())[name]
    assert record["steps"] == 2
    assert len(record["test"]["spans"]) == 2
    assert 0 < record["test"]["amplitude_error_median"] < 2
    capsys.readouterr()
    assert main(given) == 0
    assert capsys.readouterr().out == f"{name}: done\n"


def test_full_attention_at_the_greatest_length_keeps_its_weights(two_steps, tmp_path):
    assert main(arguments(tmp_path, "compare/fused-2000/seed-0")) == 0
    path = tmp_path / "checkpoints/efficient-fused.safetensors"
    model = load_efficient_model(path)
    assert not model.training
    assert (model.config.family, model.config.length) == ("fused", 2000)
    assert model.config.budget == efficient._BUDGET
    weights, note = read_tensors(path)
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())

    shorter = {**note, "config": {**note["config"], "token": 20}}
    nothing = {**weights, "draw.bias": weights["draw.bias"] * float("nan")}
    for held, said, message in (
        (weights, {}, "holds no model of a family"),
        (weights, shorter, "do not fit"),
        (nothing, note, "not finite"),
    ):
        write_tensors(path, held, said)
        with pytest.raises(CheckpointError, match=rf"efficient-fused\.safetensors: .*{message}"):
            load_efficient_model(path)


def test_what_is_compared_waits_for_its_sweep_and_takes_its_best_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(
        efficient, "best_rate", lambda *given: kept.best_rate(*given, assets=tmp_path)
    )

    def compared():
        return [run for run in efficient.runs() if run.name.startswith("compare/")]

    assert not compared()
    sweep = [run for run in efficient.runs() if run.name.startswith("tune/linformer/")]
    for number, run in enumerate(sweep):
        error = abs(number - 3) / 10
        kept.write_record(
            run, {"key": run.key(), "curve": [{"amplitude_error_mean": error}]}, tmp_path
        )
    found = {run.name: run for run in compared()}
    assert sorted(found) == [
        f"compare/linformer-{which}/seed-{seed}"
        for which in ("1000", "2000", "grown-2000")
        for seed in range(3)
    ]
    assert {run.course.learning_rate for run in found.values()} == {sweep[3].course.learning_rate}
    assert len({run.course.budget for run in found.values()}) == 1
    ranks = [
        found[f"compare/linformer-{which}/seed-0"].config["model"]["budget"]["rank"]
        for which in ("1000", "2000", "grown-2000")
    ]
    assert ranks == [ranks[0], ranks[0], 2 * ranks[0]]


def test_families_and_the_control_are_compared_at_both_lengths_the_slow_at_the_shorter(
    two_steps, capsys
):
    for pattern, more in (("compare/*-2000/seed-0", 1 - 2), ("compare/*-1000/seed-0", 0)):
        assert main(["study", "efficient", "--list", "--only", pattern]) == 0
        listed = capsys.readouterr().out.splitlines()
        assert len(listed) == len(FAMILIES) - 1 + len(CONTROLS) + more
