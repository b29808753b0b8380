"""A step that a graphics card replays is the step that it took, and a stopped run goes on there."""

import os
import signal
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from shapes_of_attention.training.loop import Stopped, Task, fit
from shapes_of_attention.training.machine import launch
from shapes_of_attention.training.run_config import ShortRun

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")


def trained(
    *, replayable: bool, state: Path | None = None, stop_after: int | None = None
) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.GELU(), torch.nn.Linear(16, 1))

    def make(indices):
        inputs = torch.sin(torch.from_numpy(indices)[:, None] * torch.arange(1.0, 5.0))
        return inputs.float(), inputs.float().sum(dim=1, keepdim=True)

    task = Task(
        make=make,
        batch_size=8,
        loss=lambda forward, batch: functional.mse_loss(forward(batch[0]), batch[1]),
        measure=lambda _: {},
        replayable=replayable,
    )

    def report(progress, _share):
        if progress.step == stop_after:
            os.kill(os.getpid(), signal.SIGTERM)

    progress = fit(
        model,
        task,
        ShortRun(steps=40, warmup_steps=5),
        fabric=launch("cuda"),
        state=state,
        report=report,
    )
    assert progress.step == 40
    return {"loss": torch.tensor(progress.loss), **model.state_dict()}


def test_a_replayed_run_ends_where_an_ordinary_one_does():
    ordinary, replayed = trained(replayable=False), trained(replayable=True)
    for name, value in ordinary.items():
        torch.testing.assert_close(replayed[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("replayable", [False, True])
def test_a_stopped_run_goes_on_where_it_was(replayable, tmp_path):
    straight = trained(replayable=False)
    with pytest.raises(Stopped):
        trained(replayable=replayable, state=tmp_path / "state", stop_after=20)
    resumed = trained(replayable=replayable, state=tmp_path / "state")
    for name, value in straight.items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-4, atol=1e-5)
