"""The step loop on a line: it learns, measures, ends where its course does, and has fixed numbers."""

import pytest
import torch
from torch import nn

from shapes_of_attention.models import build_model
from shapes_of_attention.training.loop import Task, _restore, fit
from shapes_of_attention.training.optimizer import adamw
from shapes_of_attention.training.run_config import Budget, Progress, RunConfig, ShortRun

TRUTH = torch.tensor([[1.0, -2.0, 0.5]])


def line(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Linear(3, 1)


def points_on_a_line(indices):
    made = [torch.randn(3, generator=torch.Generator().manual_seed(int(i))) for i in indices]
    return (torch.stack(made),)


def squared_error(forward, batch):
    (x,) = batch
    return (forward(x) - x @ TRUTH.T).square().mean()


def task(**changes) -> Task:
    given = {
        "make": points_on_a_line,
        "batch_size": 32,
        "loss": squared_error,
        "measure": lambda _: {},
    }
    return Task(**{**given, **changes})


def test_it_learns_a_linear_map_and_leaves_the_model_in_evaluation_mode() -> None:
    model, seen = line(), []

    def make(indices):
        seen.append(int(indices[0]))
        return points_on_a_line(indices)

    run = ShortRun(steps=300, learning_rate=0.05, warmup_steps=10, weight_decay=0)
    progress = fit(model, task(make=make), run)
    assert torch.allclose(model.weight, torch.tensor([[1.0, -2.0, 0.5]]), atol=1e-3)
    assert seen[:300] == [32 * step for step in range(300)]
    assert progress.step == 300 and progress.images == 9600 and not model.training


def test_it_measures_at_evenly_spaced_points_in_evaluation_mode() -> None:
    model, modes = line(), []
    progress = fit(
        model,
        task(
            measure=lambda model: modes.append(model.training) or {"error": 40.0, "none": None},
            points=[0.25, 0.5, 0.75],
        ),
        ShortRun(steps=40),
    )
    assert modes == [False] * 4
    assert [point["step"] for point in progress.curve] == [10, 20, 30, 40]
    assert [point["images"] for point in progress.curve] == [320, 640, 960, 1280]
    assert progress.curve[-1]["error"] == 40 and "none" not in progress.curve[-1]


def test_it_ends_when_its_processor_time_is_used() -> None:
    progress = fit(line(), task(), ShortRun(seconds=0.2))
    assert progress.seconds >= 0.2
    assert progress.step > 1


def test_it_ends_when_it_has_seen_its_images() -> None:
    progress = fit(line(), task(), ShortRun(images=96))
    assert (progress.step, progress.images) == (3, 96)


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    def loss(forward, batch):
        return forward(batch[0]).sum() * float("nan")

    with pytest.raises(FloatingPointError, match="the loss after 0 steps is nan"):
        fit(line(), task(loss=loss), ShortRun(steps=5))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "exactly one of steps, seconds and images"),
        ({"steps": 1, "seconds": 1.0}, "exactly one of steps, seconds and images"),
        ({"steps": 0}, "budget must be positive and finite, got 0"),
        ({"steps": 5, "learning_rate": 0}, "learning_rate must be positive, got 0"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShortRun(**wrong)


def test_matrices_and_tables_decay_but_neither_biases_nor_the_gains_of_norms() -> None:
    model = build_model(
        "encoder-decoder",
        {"dim": 16, "heads": 2, "tokens": "channel", "positions": "learned", "registers": 2},
    )
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decaying, spared = (
        {names[id(parameter)] for parameter in group["params"]}
        for group in adamw(model, learning_rate=0.1, weight_decay=0.1).param_groups
    )
    assert decaying | spared == set(names.values())
    assert {name for name in decaying if "weight" not in name} == {
        "registers", "encoder_embedding.channel",
        "encoder_positions.table", "decoder_positions.table",
    }  # fmt: skip
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm):
            assert {f"{name}.weight", f"{name}.bias"} <= spared
        elif isinstance(module, nn.Linear):
            assert f"{name}.weight" in decaying and f"{name}.bias" not in decaying


def test_a_step_is_adamw_on_a_clipped_gradient_at_the_rate_of_the_course() -> None:
    model, reference = line(), line()
    course = ShortRun(steps=25, learning_rate=0.02, warmup_steps=5, weight_decay=0.1)
    optimizer = torch.optim.AdamW(
        [
            {"params": [reference.weight], "weight_decay": 0.1},
            {"params": [reference.bias], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.99),
    )
    largest = 0.0
    for step in range(25):
        rate = course.rate(Progress(step=step), step / 25)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = squared_error(reference, points_on_a_line(range(32 * step, 32 * step + 32)))
        optimizer.zero_grad()
        loss.backward()
        norm = torch.sqrt(sum(p.grad.square().sum() for p in reference.parameters()))
        largest = max(largest, float(norm))
        for parameter in reference.parameters():
            parameter.grad /= max(1.0, float(norm) + 1e-6)
        optimizer.step()
    fit(model, task(), course)
    assert largest > 1, "nothing was clipped"
    torch.testing.assert_close(model.weight, reference.weight, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(model.bias, reference.bias, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("unit", ["seconds", "images", "steps"])
def test_a_run_can_be_given_another_length_in_any_unit(unit) -> None:
    budget = Budget(48, unit)
    assert ShortRun(steps=5, learning_rate=0.1).at(budget) == ShortRun(
        learning_rate=0.1, **{unit: 48}
    )
    images = RunConfig(model="unet", budget_seconds=1, batch_size=4).at(budget)
    assert str(images.budget) == {"seconds": "48 seconds", "images": "48 images", "steps": "192 images"}[unit]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*no-op")  # weights of no numbers take none
def test_what_a_state_holds_of_the_optimiser_comes_back_on_the_models_device(tmp_path) -> None:
    """Where there is no graphics card, a device without numbers stands in for it."""
    fit(line(), task(), ShortRun(steps=3), state=tmp_path / "state", key="of it")
    model = line().to("meta")
    optimizer = adamw(model, learning_rate=0.1, weight_decay=0, fused=False)
    assert _restore(tmp_path / "state", "of it", {}, model, optimizer).step == 3
    assert len(optimizer.state) == 2
    for parameter, held in optimizer.state.items():
        assert parameter.device.type == "meta"
        assert {name: value.device.type for name, value in held.items()} == {
            "step": "meta", "exp_avg": "meta", "exp_avg_sq": "meta",
        }  # fmt: skip
