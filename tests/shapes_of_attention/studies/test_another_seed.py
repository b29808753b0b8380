"""What the posts say of every shipped checkpoint holds on examples that they do not use."""

from __future__ import annotations

from typing import Any

import pytest

from shapes_of_attention.data import ShapesConfig
from shapes_of_attention.measure.colours import score_colours
from shapes_of_attention.measure.painting import batches
from shapes_of_attention.studies import efficient, language, runner, series
from shapes_of_attention.studies.kept import ASSETS, checkpoint_path, is_done, read_record
from shapes_of_attention.studies.study import Run
from shapes_of_attention.training.checkpoint import read_tensors

ANOTHER_SEED = 911_000_017
SHIPPED = {
    run.checkpoint: (study, run)
    for study, listed in runner.STUDIES.items()
    for run in listed.runs()
    if run.checkpoint is not None and is_done(run, ASSETS)
}
#: What a study says first of a model, and how far it may be off: a share of it, and units.
SAID = {
    "vision": ("colour_error_median", 0.1, 0.15),
    "experts": ("colour_error_median", 0.1, 0.15),
    "series": ("amplitude_error_mean", 0.1, 0.0),
    "efficient": ("amplitude_error_mean", 0.1, 0.0),
    "language": ("loss", 0.05, 0.0),
}


def test_every_checkpoint_in_the_repository_belongs_to_a_run() -> None:
    there = {path.stem for path in (ASSETS / "checkpoints").glob("*.safetensors")}
    assert there == SHIPPED.keys()


@pytest.mark.parametrize("checkpoint", SHIPPED)
def test_a_shipped_model_does_as_well_on_another_seed(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, run = SHIPPED[checkpoint]
    record = read_record(run, ASSETS)
    name, share, units = SAID[study]
    said = record["test"]["colour" if study in ("vision", "experts") else name]
    said = said[name] if isinstance(said, dict) else said
    again = measured(study, run, record, monkeypatch)[name]
    assert again == pytest.approx(said, rel=share, abs=units)


def measured(
    study: str, run: Run, record: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Test a model as its study does, on fewer examples of the other seed."""
    model = run.build()
    model.load_state_dict(read_tensors(checkpoint_path(run, ASSETS))[0])
    model.float().eval()
    if study in ("vision", "experts"):
        config = ShapesConfig(**record["config"].get("data", {}))
        seen = batches(images=256, seed=ANOTHER_SEED, config=config)
        return score_colours(model, seen).as_record()
    monkeypatch.setattr(series, "SERIES_TEST_SEED", ANOTHER_SEED)
    monkeypatch.setattr(series, "_TEST_SERIES", 512)
    monkeypatch.setattr(efficient, "_TEST_SEED", ANOTHER_SEED)
    monkeypatch.setattr(efficient, "_TEST_SERIES", 256)
    monkeypatch.setattr(language, "STORY_TEST_SEED", ANOTHER_SEED)
    monkeypatch.setattr(language, "_TEST_STORIES", 64)
    return run.test(model, {**record, "memory": {"points": []}})
