"""The commands of this package.

python -m shapes_of_attention study --list                         all runs and their state
python -m shapes_of_attention study vision --only 'compare/unet/*'    some runs of one study
python -m shapes_of_attention study vision --only flagship --budget 600
python -m shapes_of_attention evaluate CHECKPOINT --images 4096 --seed 2000003

A run that is done is skipped, one that was stopped goes on where it was. A run of another length
than the study's is called after it, compare/unet/seed-0/seconds-360, and leaves the study's alone.
Several of these commands may run side by side: they share the work. With several devices or nodes
start the command with torchrun or under SLURM, or give --devices and --nodes.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import torch

from shapes_of_attention.data import IMAGE_TEST_SEED, ShapesConfig
from shapes_of_attention.measure.evaluation import evaluate
from shapes_of_attention.studies.runner import STUDIES, add_arguments, run_studies
from shapes_of_attention.training.checkpoint import CheckpointError, load_model


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m shapes_of_attention",
        description="Train and measure the project's models.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    about = "; ".join(f"{study.name}: {study.about}" for study in STUDIES.values())
    study = commands.add_parser("study", help="list runs, or do those that are not done")
    study.description = f"List the runs of studies, or do those that are not done. {about}."
    add_arguments(study)
    measure = commands.add_parser(
        "evaluate", help="measure a vision model on images it has not seen; prints JSON"
    )
    measure.add_argument("checkpoint", type=Path, help="a .safetensors file written by a study")
    measure.add_argument("--images", type=int, default=4096)
    measure.add_argument("--seed", type=int, default=IMAGE_TEST_SEED)
    measure.add_argument(
        "--no-red-filter", action="store_true", help="judge by the rule without the red filter"
    )
    chosen = parser.parse_args(arguments)
    return run_studies(chosen) if chosen.command == "study" else _evaluate(chosen)


def _evaluate(chosen: argparse.Namespace) -> int:
    torch.set_num_threads(1)
    try:
        model = load_model(chosen.checkpoint)
        config = ShapesConfig(red_filter=not chosen.no_red_filter)
        found = evaluate(model, images=chosen.images, seed=chosen.seed, config=config)
    except (CheckpointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    # Workers that make batches need no threads of their own.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    raise SystemExit(main())
