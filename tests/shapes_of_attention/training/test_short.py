import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from shapes_of_attention.training.short import Fitted, ShortRun, fit, is_recorded, write_record


def line(seed: int = 0) -> tuple[nn.Module, list[int]]:
    torch.manual_seed(seed)
    return nn.Linear(3, 1), []


def squared_error(model: nn.Module, seen: list[int]):
    truth = torch.tensor([[1.0, -2.0, 0.5]])

    def loss_of(step: int) -> Tensor:
        seen.append(step)
        x = torch.randn(32, 3, generator=torch.Generator().manual_seed(step))
        return (model(x) - x @ truth.T).square().mean()

    return loss_of


def test_it_learns_a_linear_map_and_leaves_the_model_in_evaluation_mode() -> None:
    model, seen = line()
    run = ShortRun(steps=300, learning_rate=0.05, warmup_steps=10, weight_decay=0)
    fitted = fit(model, squared_error(model, seen), run)
    assert torch.allclose(model.weight, torch.tensor([[1.0, -2.0, 0.5]]), atol=1e-3)
    assert seen == list(range(300)) and fitted.steps == 300 and not model.training


def test_it_measures_at_evenly_spaced_points_in_evaluation_mode() -> None:
    model, seen = line()
    modes: list[bool] = []
    fitted = fit(
        model,
        squared_error(model, seen),
        ShortRun(steps=40),
        measure=lambda: modes.append(model.training) or {"error": float(len(seen))},
        points=4,
    )
    assert modes == [False] * 4
    assert [point["step"] for point in fitted.curve] == [11, 21, 31, 40]
    assert fitted.curve[-1]["error"] == 40


def test_it_ends_when_its_processor_time_is_used() -> None:
    model, seen = line()
    fitted = fit(model, squared_error(model, seen), ShortRun(seconds=0.2))
    assert fitted.seconds >= 0.2
    assert fitted.steps == len(seen) > 1


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    model, _ = line()
    with pytest.raises(FloatingPointError, match="the loss after 0 steps is nan"):
        fit(model, lambda _: model.weight.sum() * float("nan"), ShortRun(steps=5))


@pytest.mark.parametrize(
    "wrong", [{}, {"steps": 1, "seconds": 1.0}, {"steps": 0}, {"steps": 5, "learning_rate": 0}]
)
def test_a_run_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        ShortRun(**wrong)


def test_a_record_is_known_again_by_its_configuration(tmp_path: Path) -> None:
    path, run, config = tmp_path / "r.json", ShortRun(steps=3), {"model": "line", "seed": 0}
    model, _ = line()
    assert not is_recorded(path, config=config, run=run)
    fitted = Fitted(steps=3, seconds=1.0)
    write_record(path, config=config, model=model, run=run, fitted=fitted, test={"error": 1.0})
    assert is_recorded(path, config=config, run=run)
    assert not is_recorded(path, config={**config, "seed": 1}, run=run)
    assert not is_recorded(path, config=config, run=ShortRun(steps=4))
    record = json.loads(path.read_text())
    assert record["parameters"] == 4 and record["test"] == {"error": 1.0}
    path.write_text("{")
    assert not is_recorded(path, config=config, run=run)
