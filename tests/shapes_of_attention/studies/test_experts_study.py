"""The study of balances: what it trains, what it records."""

import json
from dataclasses import replace

import pytest
import torch

from shapes_of_attention.__main__ import main
from shapes_of_attention.data import make_shapes
from shapes_of_attention.interpret.routing import route
from shapes_of_attention.models import build_model
from shapes_of_attention.studies import experts, runner
from shapes_of_attention.studies.experts import (
    RATES,
    STUDY,
    SWEPT,
    VARIANTS,
    Variant,
    experts_run,
    sweep,
)
from shapes_of_attention.studies.record import (
    errors_by_rate,
    grouped,
    read_records,
)
from shapes_of_attention.training.checkpoint import load_model
from shapes_of_attention.training.run_config import Budget

TINY = {"experts": 4, "hidden": 8, "dim": 16, "heads": 2, "encoder_layers": 1, "decoder_layers": 1}


@pytest.mark.parametrize("balance", ["none", "loss", "bias"])
def test_a_variant_leaves_a_record_with_its_load_over_training(balance, tmp_path):
    variant = Variant(options=TINY, swept="mixture", balance=balance)
    run = replace(experts_run("experts-x", variant, rate=3e-3, images=64), checkpoint="experts-x")
    runner.do(STUDY, run, tmp_path / "run", assets=tmp_path)
    record = json.loads((tmp_path / "records/experts-x.json").read_text())
    assert record["config"]["balance"] == balance and record["steps"] == 4
    assert record["machine"]["precision"] == "float32" and record["images"] == 64
    points = record["test"]["load_over_training"]
    assert [point["step"] for point in points] == [1, 2, 3, 4]
    for shares in points[-1]["layers"].values():
        assert len(shares) == 4 and sum(shares) == pytest.approx(1, abs=1e-3)
    model = load_model(tmp_path / "checkpoints/experts-x.safetensors")
    biases = torch.stack([layer.feed_forward.router.bias for layer in model.encoder])
    assert (biases.abs().max() > 0) == (balance == "bias")
    assert len(route(model, make_shapes([0]))) == 2


@pytest.mark.parametrize("budget", [Budget(80, "images"), Budget(5, "steps")])
def test_a_run_of_another_length_notes_the_load_as_often(budget, tmp_path):
    run = experts_run("experts-x", Variant(options=TINY, swept="mixture"), rate=3e-3)
    record = runner.do(STUDY, run.at(budget), tmp_path / "run", assets=tmp_path)
    points = record["test"]["load_over_training"]
    assert [point["step"] for point in points] == [1, 2, 3, 4, 5]


def test_a_variant_that_is_recorded_is_not_trained_again(tmp_path, monkeypatch, capsys):
    variant = Variant(options={**TINY, "experts": 0}, swept="dense-256")
    run = experts_run("experts-x", variant, rate=3e-3, images=32, seed=1)
    monkeypatch.setitem(runner.STUDIES, "experts", replace(STUDY, runs=lambda: [run], workers=0))
    given = ["study", "experts", "--assets", str(tmp_path), "--runs", str(tmp_path / "runs")]
    assert main(given) == 0
    before = (tmp_path / "records/experts-x-seed-1.json").read_bytes()
    capsys.readouterr()
    assert main(given) == 0
    assert capsys.readouterr().out == "x/seed-1: done\n"
    assert (tmp_path / "records/experts-x-seed-1.json").read_bytes() == before


def test_the_variants_are_matched_in_active_and_in_total_size():
    def parameters(name):
        model = build_model("encoder-decoder", VARIANTS[name].options)
        return sum(p.numel() for p in model.parameters())

    total = parameters("experts-dense-1024")
    mixtures = [name for name, variant in VARIANTS.items() if variant.swept == "mixture"]
    assert len(mixtures) == 4
    for name in mixtures:
        assert parameters(name) == pytest.approx(total, rel=0.01)
        options = VARIANTS[name].options
        active = options["chosen_experts"] * options["hidden"]
        assert active == VARIANTS["experts-dense-256"].options["hidden"]


def test_each_kind_of_layer_learns_as_fast_as_its_sweep_says_and_waits_for_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(experts, "_SWEEP_IMAGES", 16)
    for name in ("mixture", "dense-256"):
        monkeypatch.setitem(SWEPT, name, Variant(options={**TINY, "experts": 0}, swept=name))
    monkeypatch.setattr(experts, "RATES", (RATES[0], RATES[1]))
    for number, run in enumerate(sweep("mixture")):
        runner.do(STUDY, run, tmp_path / f"{number}", assets=tmp_path)
    known = experts.best_rate
    monkeypatch.setattr(
        experts, "best_rate", lambda runs, measure: known(runs, measure, assets=tmp_path)
    )
    listed = experts.runs()
    compared = [run for run in listed if not run.name.startswith("tune/")]
    assert sum(run.name.startswith("tune/") for run in listed) == 2 * len(SWEPT)
    assert sorted(run.name for run in compared) == sorted(
        f"{name.removeprefix('experts-')}/seed-{seed}"
        for seed in (0, 1, 2)
        for name, variant in VARIANTS.items()
        if variant.swept == "mixture"
    )
    found = grouped(read_records(tmp_path / "records", "experts"), "tune")
    errors = errors_by_rate(found, "colour/colour_error_median")["mixture"]
    assert set(errors) == {RATES[0], RATES[1]}
    (rate,) = {run.course.learning_rate for run in compared}
    assert rate in errors
    assert len({str(run.course.budget) for run in compared}) == 1
    assert {run.config["precision"] for run in compared} == {"float32"}


def test_the_load_of_an_untrained_model_is_made_even_and_its_weights_stay_otherwise():
    variant = VARIANTS["experts-unbalanced"]
    batch = make_shapes(range(64), seed=9)
    busiest = []
    for even in (False, True):
        torch.manual_seed(0)
        run = experts_run("experts-x", replace(variant, even_start=even), rate=3e-3)
        model = run.build()
        busiest.append([float(r.load().max()) for r in route(model, batch).values()])
    assert min(busiest[0]) > 0.4 and max(busiest[1]) < 0.3


def test_the_command_lists_its_variants_and_refuses_what_it_does_not_know(monkeypatch, capsys):
    monkeypatch.setattr(experts, "best_rate", lambda runs, measure: 3e-3)
    assert main(["study", "experts", "--list"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name.removeprefix('experts-')}/seed-2" in listed for name in VARIANTS)
    assert all(f"tune/{name}/rate-0.012" in listed for name in SWEPT)
    assert main(["study", "experts", "--only", "nobody*"]) == 1
    assert "no run is called nobody*" in capsys.readouterr().err
