"""Two processes, each with half of a batch, do what one does with the whole."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from shapes_of_attention.studies import vision
from shapes_of_attention.studies.runner import train
from shapes_of_attention.training.checkpoint import read_tensors

# SGD-like sensitivity: after one step AdamW's first moment is a tenth of the gradient.
SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path

import torch
from lightning.fabric import Fabric

from shapes_of_attention.__main__ import main
from shapes_of_attention.studies import vision
from shapes_of_attention.studies.runner import train
from shapes_of_attention.training.loop import Diverged
from shapes_of_attention.training.run_config import RunConfig

vision._TEST_IMAGES = vision._VALIDATION_IMAGES = 8
torch.set_num_threads(1)
fabric = Fabric(accelerator="cpu", devices=2)
fabric.launch()
options = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}
assert fabric.world_size == 2
for images in (4, 48):
    run = RunConfig(model="encoder-decoder", options=options, batch_size=4, warmup_images=8,
                    budget_images=images, precision="float32")
    train(vision.image_run(name="tiny", run=run), Path(sys.argv[1], str(images)), fabric=fabric)


def ends(name, tiny):
    # Each process says how a run ended in it.
    try:
        train(tiny, Path(sys.argv[1], name), fabric=fabric)
        how = "done"
    except Diverged as error:
        how = str(error)
    Path(sys.argv[1], f"{name}-{fabric.global_rank}").write_text(how)


tiny = vision.image_run(name="tiny", run=run)


def diverging_in_one(model, course):
    given = tiny.task(model, course)
    factor = float("nan") if fabric.global_rank == 1 else 1.0
    return replace(given, loss=lambda *batch: given.loss(*batch) * factor)


def measured_as_nothing(model, course):
    return replace(tiny.task(model, course), measure=lambda _: {"error": float("inf")})


ends("diverged", replace(tiny, task=diverging_in_one))
ends("measured", replace(tiny, task=measured_as_nothing))
# The command itself, as torchrun starts it.
raise SystemExit(main(["study", "vision", "--devices", "2", "--only", "compare/encoder-only/seed-0",
                       "--budget", "1", "--runs", sys.argv[1] + "/runs", "--assets", sys.argv[1]]))
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes of one thread each have trained: they take long to start."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
         str(folder / "script.py"), str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vision, "_TEST_IMAGES", 8)
    monkeypatch.setattr(vision, "_VALIDATION_IMAGES", 8)


def test_gradients_and_weights_of_two_gloo_processes_equal_those_of_one(two, tiny_run, tmp_path):
    one_step = dataclasses.replace(tiny_run, budget_images=4, precision="float32")
    twelve_steps = dataclasses.replace(one_step, budget_images=48)
    for run, images in ((one_step, 4), (twelve_steps, 48)):
        train(vision.image_run(name="tiny", run=run), tmp_path / str(images))
        one, _ = read_tensors(tmp_path / str(images) / "state.safetensors")
        twin, _ = read_tensors(two / str(images) / "state.safetensors")
        assert one.keys() == twin.keys()
        for name in one:
            torch.testing.assert_close(one[name], twin[name], atol=2e-5, rtol=1e-3)
            if images == 4 and name.startswith("exp_avg."):
                # After the first step the first moment is the gradient, scaled.
                torch.testing.assert_close(one[name], twin[name], atol=1e-7, rtol=1e-4)


def test_a_process_whose_own_loss_is_finite_says_that_anothers_is_not(two):
    first, second = ((two / f"diverged-{rank}").read_text() for rank in (0, 1))
    assert first.startswith("the loss after 0 steps is not finite in another process; ")
    assert second.startswith("the loss after 0 steps is nan; ")


def test_all_processes_end_where_the_last_measures_are_not_finite(two):
    for rank in (0, 1):  # though the first alone measures
        said = (two / f"measured-{rank}").read_text()
        assert said == "what was measured at the end of tiny is not finite"
    assert not (two / "measured" / "model.safetensors").exists()


def test_the_command_itself_runs_under_torchrun(two):
    (record,) = (two / "records").iterdir()
    found = json.loads(record.read_text())
    assert found["machine"]["processes"] == 2
    assert found["images"] == 16 * found["steps"]
