"""The study of balances: what it trains, what it records."""

import json
from dataclasses import replace

import pytest
import torch

from shapes_of_attention.__main__ import main
from shapes_of_attention.data import make_shapes
from shapes_of_attention.interpret.routing import route
from shapes_of_attention.models import build_model
from shapes_of_attention.studies import runner
from shapes_of_attention.studies.experts import STUDY, VARIANTS, Variant, experts_run
from shapes_of_attention.training.checkpoint import load_model

TINY = {"experts": 4, "hidden": 8, "dim": 16, "heads": 2, "encoder_layers": 1, "decoder_layers": 1}


@pytest.mark.parametrize("balance", ["none", "loss", "bias"])
def test_a_variant_leaves_a_record_with_its_load_over_training(balance, tmp_path):
    variant = Variant(options=TINY, balance=balance, keep_model=True)
    run = experts_run("experts-x", variant, images=64)
    runner.do(STUDY, run, tmp_path / "run", assets=tmp_path)
    record = json.loads((tmp_path / "records/experts-x.json").read_text())
    assert record["config"]["balance"] == balance and record["steps"] == 4
    points = record["test"]["load_over_training"]
    assert [point["step"] for point in points] == [1, 2, 3, 4]
    for shares in points[-1]["layers"].values():
        assert len(shares) == 4 and sum(shares) == pytest.approx(1, abs=1e-3)
    model = load_model(tmp_path / "checkpoints/experts-x.safetensors")
    biases = torch.stack([layer.feed_forward.router.bias for layer in model.encoder])
    assert (biases.abs().max() > 0) == (balance == "bias")
    assert len(route(model, make_shapes([0]))) == 2


def test_a_variant_that_is_recorded_is_not_trained_again(tmp_path, monkeypatch, capsys):
    run = experts_run("experts-x", Variant(options={**TINY, "experts": 0}), images=32, seed=1)
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

    total = parameters("experts-dense-total")
    for name in ("experts-unbalanced", "experts-loss", "experts-bias", "experts-shared"):
        assert parameters(name) == pytest.approx(total, rel=0.01)
        options = VARIANTS[name].options
        active = (options["chosen_experts"] + options.get("shared_experts", 0)) * options["hidden"]
        assert active == VARIANTS["experts-dense-active"].options["hidden"]


def test_the_command_lists_its_variants_and_refuses_what_it_does_not_know(capsys):
    assert main(["study", "experts", "--list"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name.removeprefix('experts-')}/seed-0" in listed for name in VARIANTS)
    assert main(["study", "experts", "--only", "nobody*"]) == 1
    assert "no run is called nobody*" in capsys.readouterr().err
