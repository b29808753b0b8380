"""The study of balances: what it trains, what it records, what it refuses."""

import json

import pytest
import torch

from shapes_of_attention import experts_study
from shapes_of_attention.data import make_shapes
from shapes_of_attention.experts_study import VARIANTS, LoadLog, Variant, main, train_variant
from shapes_of_attention.interpret.routing import route
from shapes_of_attention.models import build_model
from shapes_of_attention.models.experts import Routing
from shapes_of_attention.training.checkpoint import load_model

TINY = {"experts": 4, "hidden": 8, "dim": 16, "heads": 2, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture(autouse=True)
def _few_images(monkeypatch):
    for name in ("_VALIDATION_IMAGES", "_TEST_IMAGES"):
        monkeypatch.setattr(experts_study, name, 16)


@pytest.mark.parametrize("balance", ["none", "loss", "bias"])
def test_a_variant_leaves_a_record_with_its_load_over_training(balance, tmp_path):
    variant = Variant(options=TINY, balance=balance, keep_model=True)
    train_variant("x", variant, images=64, seed=0, assets=tmp_path, workers=0)
    record = json.loads((tmp_path / "records/x.json").read_text())
    assert record["config"]["balance"] == balance and record["steps"] == 4
    points = record["test"]["load_over_training"]
    assert [point["step"] for point in points] == [1, 2, 3, 4]
    for shares in points[-1]["layers"].values():
        assert len(shares) == 4 and sum(shares) == pytest.approx(1, abs=1e-3)
    model = load_model(tmp_path / "checkpoints/x.safetensors")
    biases = torch.stack([layer.feed_forward.router.bias for layer in model.encoder])
    assert (biases.abs().max() > 0) == (balance == "bias")
    assert len(route(model, make_shapes([0]))) == 2


def test_a_variant_that_is_recorded_is_not_trained_again(tmp_path, capsys):
    variant = Variant(options={**TINY, "experts": 0})
    train_variant("x", variant, images=32, seed=1, assets=tmp_path, workers=0)
    before = (tmp_path / "records/x-seed-1.json").read_bytes()
    assert train_variant("x", variant, images=32, seed=1, assets=tmp_path, workers=0) == {}
    assert "x-seed-1: done" in capsys.readouterr().out
    assert (tmp_path / "records/x-seed-1.json").read_bytes() == before


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


def test_the_log_averages_loads_over_stretches_of_steps():
    log = LoadLog(every=2)
    for step, choice in enumerate([0, 1, 1, 1, 0]):
        chosen = torch.full((3, 1), choice)
        log.add(step, {"layer": Routing(torch.zeros(3, 2), chosen, chosen)})
    assert log.points == [
        {"step": 2, "layers": {"layer": [0.5, 0.5]}},
        {"step": 4, "layers": {"layer": [0.0, 1.0]}},
    ]


def test_the_command_lists_its_variants_and_refuses_what_it_does_not_know(capsys):
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in VARIANTS)
    assert main(["--only", "experts-nobody"]) == 1
    assert "no variant is called experts-nobody" in capsys.readouterr().err
    assert main(["--images", "3"]) == 1
