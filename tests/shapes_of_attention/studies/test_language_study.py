"""Training of the language models: equal sizes, records, checkpoints, the command."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from shapes_of_attention.__main__ import main
from shapes_of_attention.language_model import (
    LanguageModel,
    LanguageModelConfig,
    load_language_model,
)
from shapes_of_attention.language_model.kinds import kinds
from shapes_of_attention.language_model.text import make_rows
from shapes_of_attention.measure.text import measure_text
from shapes_of_attention.studies import language, runner
from shapes_of_attention.studies.language_comparison import comparison
from shapes_of_attention.studies.record import RecordError
from shapes_of_attention.training.checkpoint import CheckpointError, write_tensors
from shapes_of_attention.training.run_config import ShortRun

SHORT = ShortRun(steps=6, learning_rate=5e-3, warmup_steps=1)


def test_all_kinds_of_attention_are_compared_at_nearly_one_size():
    sizes = [sum(p.numel() for p in LanguageModel(c).parameters()) for c in kinds().values()]
    assert len(sizes) == 4
    assert max(sizes) / min(sizes) < 1.01


def test_a_run_leaves_a_record_and_a_model_and_is_not_done_twice(tmp_path, monkeypatch, capsys):
    config = kinds()["latent"]
    run = replace(language.language_run("latent", config, seed=0), course=SHORT)
    monkeypatch.setitem(runner.STUDIES, "language", replace(language.STUDY, runs=lambda: [run]))
    given = ["study", "language", "--assets", str(tmp_path), "--runs", str(tmp_path / "runs")]
    assert main(given) == 0
    path = tmp_path / "records/language-model-latent-seed-0.json"
    record = json.loads(path.read_text())
    found = record["test"]
    assert record["config"]["model"] == asdict(config)
    assert {"command", "parameters", "seconds", "machine", "versions"} <= record.keys()
    assert record["curve"][-1]["loss"] < record["curve"][0]["loss"]
    assert found["cache_bytes_per_token"] == 4 * config.cached_values_per_token()

    model = load_language_model(tmp_path / "checkpoints/language-model-latent-seed-0.safetensors")
    measured = measure_text(model, stories=found["stories"], seed=found["seed"])
    assert measured == {key: found[key] for key in ("loss", "recall")}

    before = path.read_bytes()
    capsys.readouterr()
    assert main(given) == 0
    assert capsys.readouterr().out == "latent/seed-0: done\n"
    assert path.read_bytes() == before


class Clairvoyant(nn.Module):
    """Knows the stories of one seed by heart."""

    def __init__(self, rows: torch.Tensor) -> None:
        super().__init__()
        self.on = nn.Parameter(torch.zeros(1))
        self.next = {tuple(row[:-1].tolist()): row[1:] for row in rows}

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        answers = torch.stack([self.next[tuple(row.tolist())] for row in tokens])
        return 50.0 * nn.functional.one_hot(answers, 31).float()


def test_recall_and_loss_are_perfect_for_who_knows_the_text_and_poor_for_chance():
    rows = torch.from_numpy(make_rows(np.arange(32), seed=9, length=65))
    assert measure_text(Clairvoyant(rows), stories=32, seed=9) == {"loss": 0.0, "recall": 1.0}
    torch.manual_seed(0)
    untrained = measure_text(LanguageModel(LanguageModelConfig()).eval(), stories=32, seed=9)
    assert untrained["loss"] > 3
    assert untrained["recall"] < 0.1


def test_records_of_all_seeds_are_gathered_and_a_missing_kind_is_named(tmp_path):
    for name in kinds():
        for seed, loss in ((0, 1.0), (3, 2.0)):
            test: dict[str, Any] = {"loss": loss, "recall": 0.5, "cache_bytes_per_token": 8}
            test["twice_as_long"] = {"recall": 0.25, "loss": 1.5}
            record = {
                "config": {"seed": seed, "run": {"steps": 4}, "text": {"batch": 2}},
                "parameters": 5,
                "steps": 4,
                "seconds": 1.0,
                "test": test,
                "curve": [{"step": seed, "seconds": 1.0}],
            }
            (tmp_path / f"language-model-{name}-seed-{seed}.json").write_text(json.dumps(record))
    found = comparison(tmp_path)
    assert list(found) == list(kinds())
    assert found["latent"]["loss"] == [1.0, 2.0]
    assert found["latent"]["recall_twice"] == [0.25, 0.25]
    assert found["latent"]["loss_twice"] == [1.5, 1.5]
    assert found["latent"]["curves"] == [
        [{"step": 0, "seconds": 1.0}],
        [{"step": 3, "seconds": 1.0}],
    ]
    longer = tmp_path / "language-model-latent-seed-3.json"
    longer.write_text(longer.read_text().replace('"steps": 4', '"steps": 5'))
    with pytest.raises(RecordError, match="runs that differ in budget cannot be compared"):
        comparison(tmp_path)
    longer.unlink()
    for path in tmp_path.glob("*multi-query*"):
        path.unlink()
    with pytest.raises(RecordError, match=r"no record of multi-query; run python -m"):
        comparison(tmp_path)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    write_tensors(path, {"x": torch.zeros(1)}, {"model": "unet"})
    with pytest.raises(CheckpointError, match="holds no language model"):
        load_language_model(path)


def test_a_checkpoint_that_does_not_fit_or_is_not_finite_is_refused(tmp_path):
    path = tmp_path / "small.safetensors"
    options = {"dim": 16, "layers": 1, "heads": 2, "head_dim": 8, "hidden": 16}
    tensors = dict(LanguageModel(LanguageModelConfig(**options)).state_dict())
    write_tensors(path, tensors, {"language_model": options})
    assert not load_language_model(path).training
    for wrong in ({**options, "hidden": 24}, {**options, "colour": 3}, {**options, "heads": 0}):
        write_tensors(path, tensors, {"language_model": wrong})
        with pytest.raises(CheckpointError, match=r"small\.safetensors: its tensors do not fit"):
            load_language_model(path)
    tensors["norm.weight"] = torch.full_like(tensors["norm.weight"], torch.nan)
    write_tensors(path, tensors, {"language_model": options})
    with pytest.raises(CheckpointError, match="not finite"):
        load_language_model(path)


def test_the_command_lists_its_runs_and_names_one_that_is_not_there(capsys):
    assert main(["study", "language", "--list", "--only", "*/seed-0"]) == 0
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()] == [
        f"{name}/seed-0" for name in kinds()
    ]
    assert main(["study", "language", "--only", "linear-*"]) == 1
    assert "no run is called linear-*" in capsys.readouterr().err
