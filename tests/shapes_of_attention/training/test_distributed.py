"""Two processes, each with half of a batch, do what one does with the whole."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from shapes_of_attention.studies.runner import train
from shapes_of_attention.studies.vision import image_run
from shapes_of_attention.training.checkpoint import read_tensors

# SGD-like sensitivity: after one step AdamW's first moment is a tenth of the gradient.
SCRIPT = """
import sys
from pathlib import Path

import torch
from lightning.fabric import Fabric

from shapes_of_attention.studies.runner import train
from shapes_of_attention.studies.vision import image_run
from shapes_of_attention.training.run_config import RunConfig

torch.set_num_threads(1)
fabric = Fabric(accelerator="cpu", devices=2)
fabric.launch()
options = {"dim": 16, "heads": 2, "hidden": 16, "encoder_layers": 1, "decoder_layers": 1}
run = RunConfig(model="encoder-decoder", options=options, batch_size=4, warmup_images=8,
                budget_images=int(sys.argv[2]), precision="float32")
assert fabric.world_size == 2
train(image_run(name="tiny", run=run), Path(sys.argv[1]), fabric=fabric)
"""


def run_two_processes(folder: Path, images: int) -> None:
    script = folder / "two.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
         str(script), str(folder / "two"), str(images)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def test_gradients_and_weights_of_two_gloo_processes_equal_those_of_one(tiny_run, tmp_path):
    one_step = dataclasses.replace(tiny_run, budget_images=4, precision="float32")
    twelve_steps = dataclasses.replace(one_step, budget_images=48)
    for run, images in ((one_step, 4), (twelve_steps, 48)):
        folder = tmp_path / str(images)
        folder.mkdir()
        run_two_processes(folder, images)
        train(image_run(name="tiny", run=run), folder / "one")
        one, _ = read_tensors(folder / "one" / "state.safetensors")
        two, _ = read_tensors(folder / "two" / "state.safetensors")
        assert one.keys() == two.keys()
        for name in one:
            torch.testing.assert_close(one[name], two[name], atol=2e-5, rtol=1e-3)
            if images == 4 and name.startswith("exp_avg."):
                # After the first step the first moment is the gradient, scaled.
                torch.testing.assert_close(one[name], two[name], atol=1e-7, rtol=1e-4)


def test_the_command_itself_runs_under_torchrun(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
         "-m", "shapes_of_attention", "study", "vision", "--devices", "2", "--only", "main/encoder-only/seed-0",
         "--budget", "1", "--runs", str(tmp_path / "runs"), "--assets", str(tmp_path / "assets")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (record,) = (tmp_path / "assets" / "records").iterdir()
    found = json.loads(record.read_text())
    assert found["machine"]["processes"] == 2
    assert found["images"] == 16 * found["steps"]
