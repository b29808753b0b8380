"""Studies of a few steps, each with one run that keeps its weights and one that does not."""

from dataclasses import replace

import pytest

from shapes_of_attention.language_model.kinds import kinds
from shapes_of_attention.studies import efficient, experts, language, runner, series, vision
from shapes_of_attention.training.run_config import RunConfig, ShortRun

TINY = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture(autouse=True)
def _few_examples(monkeypatch):
    for study in (vision, experts):
        monkeypatch.setattr(study, "_VALIDATION_IMAGES", 8)
        monkeypatch.setattr(study, "_TEST_IMAGES", 8)
    monkeypatch.setattr(series, "_TEST_SERIES", 200)
    monkeypatch.setattr(series, "_SWEEP_SERIES", 8)
    monkeypatch.setattr(efficient, "_TEST_SERIES", 8)
    monkeypatch.setattr(efficient, "_VALIDATION_SERIES", 8)
    monkeypatch.setattr(language, "_TEST_STORIES", 8)


@pytest.fixture
def small_studies(monkeypatch):
    """Give every study two runs of two steps; the first keeps its weights."""
    steps = ShortRun(steps=2, warmup_steps=1)
    images = [
        vision.image_run(
            name=f"tiny/seed-{seed}",
            run=RunConfig(
                model="encoder-decoder",
                options=TINY,
                data={"red_filter": seed == 0},
                seed=seed,
                batch_size=4,
                budget_images=16,
            ),
            keep_model=seed == 0,
        )
        for seed in (0, 1)
    ]
    on_series = [
        series.series_run(name=name, model="attention", run=steps, keep_model=keep)
        for name, keep in (("long/attention", True), ("places/attention/seed-0", False))
    ]
    families = [
        efficient.efficient_run(
            f"compare/{family}-1000/seed-0",
            family=family,
            length=1000,
            run=steps,
            checkpoint="efficient-fused" if family == "fused" else None,
        )
        for family in ("fused", "local")
    ]
    stories = [
        replace(language.language_run("latent", kinds()["latent"], seed=seed), course=steps)
        for seed in (0, 1)
    ]
    mixtures = [
        replace(
            experts.experts_run(
                f"experts-{name}",
                experts.Variant(
                    options={**TINY, "experts": 4, "hidden": 8}, swept="mixture", balance="bias"
                ),
                rate=3e-3,
                images=32,
            ),
            checkpoint="experts-x" if name == "x" else None,
        )
        for name in ("x", "y")
    ]
    listed = {
        "vision": images,
        "series": on_series,
        "efficient": families,
        "language": stories,
        "experts": mixtures,
    }
    for name, runs in listed.items():
        study = replace(runner.STUDIES[name], runs=lambda runs=runs: runs, workers=0)
        monkeypatch.setitem(runner.STUDIES, name, study)
    return listed
