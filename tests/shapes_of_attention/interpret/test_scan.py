"""The scan's commands write records that the notebooks can read."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from shapes_of_attention.data import KINDS
from shapes_of_attention.interpret import scan
from shapes_of_attention.measure.channel_intervention import HIDDEN
from shapes_of_attention.models import build_model
from shapes_of_attention.training.checkpoint import file_hash, save_model

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}


def save(folder, name, **options):
    torch.manual_seed(0)
    options = TINY | options
    model = build_model("encoder-decoder", options)
    save_model(folder / f"{name}.safetensors", model, name="encoder-decoder", options=options)


def test_scanning_heads_records_every_module_and_decoder_head(tmp_path):
    save(tmp_path, "flagship")
    save(tmp_path, "contrast-self-attention", decoder_self_attention=True)
    given = ["heads", "--checkpoints", str(tmp_path), "--records", str(tmp_path), "--images", "8"]
    assert scan.main(given) == 0
    record = json.loads((tmp_path / "interpretation-heads.json").read_text())
    assert record["images"] == 8
    deeper = record["models"]["contrast-self-attention"]
    assert list(deeper["modules"]) == [
        "encoder.0.attention",
        "decoder.0.self_attention",
        "decoder.0.cross_attention",
    ]
    cross = deeper["modules"]["decoder.0.cross_attention"]
    assert np.shape(cross["heads"]) == np.shape(cross["stilled"]) == (2, 4)
    assert deeper["cross_attention"] == {k: cross[k] for k in ("slope", "by_kind", "shapes")}
    assert "heads" not in deeper["modules"]["encoder.0.attention"]


def test_scanning_red_takes_the_models_without_filter_that_are_there(tmp_path):
    for name in (*scan.FILTERED, "without-red-filter-seed-0"):
        save(tmp_path, name)
    given = ["red", "--checkpoints", str(tmp_path), "--records", str(tmp_path), "--circles", "3"]
    assert scan.main(given) == 0
    record = json.loads((tmp_path / "interpretation-red.json").read_text())
    assert list(record["models"]) == [*scan.FILTERED, "without-red-filter-seed-0"]
    for found in record["models"].values():
        assert found["circles"] == len(found["own_threshold"]) == 3
        assert len(found["own"]) == len(found["vote"]) == len(found["leads"])


@pytest.mark.parametrize("part", ["heads", "red", "units", "reach", "channels"])
def test_what_the_posts_tell_was_found_in_the_weights_that_are_shipped(part):
    assets = Path(__file__).parents[3] / "assets"
    record = json.loads((assets / f"records/interpretation-{part}.json").read_text())
    assert record["weights"]
    for name, known in record["weights"].items():
        again = f"scan again: {record['command']}"
        assert known == file_hash(assets / f"checkpoints/{name}.safetensors"), again


def test_scanning_units_records_the_best_beside_every_draw(tmp_path):
    save(tmp_path, "flagship")
    given = ["units", "--checkpoints", str(tmp_path), "--records", str(tmp_path)]
    assert scan.main([*given, "--images", "16", "--draws", "3", "--counts", "2", "4"]) == 0
    record = json.loads((tmp_path / "interpretation-units.json").read_text())
    assert record["module"] == "encoder.0.feed_forward.activation" and record["units"] == 16
    for held in ("zero", "average"):
        assert [found["count"] for found in record[held]] == [2, 4]
        assert all(len(found["chance"]) == 3 for found in record[held])
        assert all(0 <= found["best"]["gone"] <= 1 for found in record[held])


def test_scanning_reach_records_every_limit(tmp_path):
    save(tmp_path, "flagship")
    given = ["reach", "--checkpoints", str(tmp_path), "--records", str(tmp_path), "--images", "64"]
    assert scan.main(given) == 0
    record = json.loads((tmp_path / "interpretation-reach.json").read_text())
    assert list(record["reaches"]) == ["own patch", "3×3", "5×5", "full"]
    for found in record["reaches"].values():
        assert found["colour"]["kept_shapes"] > 100 and found["intervention"]["shapes"] > 20
        assert list(found["best_units"]) == ["encoder.0.feed_forward.activation"]


def test_scanning_channels_takes_the_models_that_have_such_tokens(tmp_path, capsys):
    given = [
        "channels",
        "--checkpoints",
        str(tmp_path),
        "--records",
        str(tmp_path),
        "--images",
        "8",
    ]
    assert scan.main(given) == 1
    assert "no checkpoint with 'channels' in its name" in capsys.readouterr().err
    save(tmp_path, "flagship-channels", tokens="channel")
    save(tmp_path, "flagship")
    assert scan.main(given) == 0
    record = json.loads((tmp_path / "interpretation-channels.json").read_text())
    assert record["command"].endswith(" ".join(given))
    assert list(record["models"]) == ["flagship-channels"]
    found = record["models"]["flagship-channels"]
    assert list(found["intervention"]["slope_by_kind"]) == list(KINDS)
    assert list(found["subjects"]["filled circle"]) == list(HIDDEN)
    (parts,) = [asking["filled circle"] for asking in found["attention"].values()]
    assert sum(parts) == pytest.approx(1, abs=1e-3)
    assert len(found["subjects"]["filled circle"]["red"]["colour_change"]) == 3


def test_a_missing_checkpoint_ends_the_scan_with_a_message(tmp_path, capsys):
    assert scan.main(["red", "--checkpoints", str(tmp_path), "--records", str(tmp_path)]) == 1
    assert "no such checkpoint" in capsys.readouterr().err
