"""Scan trained models by intervention and write down what was found.

python -m shapes_of_attention.interpret.scan heads
python -m shapes_of_attention.interpret.scan red

The first hides a shape from every attention module of the teaching model and of the deeper one, and
from every head of their decoders, and notes the slope of the painted change against the true one
(`measure.intervention.Intervention`); it also stills those heads and notes the colour error. Three
minutes on one core; assets/records/interpretation-heads.json.

The second turns the red of filled circles through the threshold, for the teaching model, for those
trained without the red filter, and for one of their form that was trained with it. Half a minute a
model; assets/records/interpretation-red.json.

python -m shapes_of_attention.interpret.scan units

Ranks the units of the encoder's last layer by how well they find red circles, then holds the best
of them still, at zero and at their average, and as many others drawn by chance, over and over. Ten
minutes on one core; assets/records/interpretation-units.json.

python -m shapes_of_attention.interpret.scan reach

Limits how far the encoder sees, and measures colours, slopes, the best unit, and whether its tokens
still tell the kinds apart. Two minutes on one core; assets/records/interpretation-reach.json.

python -m shapes_of_attention.interpret.scan channels

Shares the attention of models with a token a patch and channel between red, green and blue, then
hides such keys of one shape, and whole shapes. Three minutes a model on one core;
assets/records/interpretation-channels.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shapes_of_attention.data import IMAGE_TEST_SEED, KINDS, ShapesBatch, ShapesConfig, make_shapes
from shapes_of_attention.interpret.knockout import (
    HiddenFrom,
    head_averages,
    heads_stilled,
)
from shapes_of_attention.interpret.reach import measure_reach
from shapes_of_attention.interpret.thresholds import climb, crossing, find_circles, vote
from shapes_of_attention.interpret.units import (
    ablate,
    circles_left,
    criterion,
    hidden_activations,
    patch_classes,
    unit_averages,
    unit_names,
)
from shapes_of_attention.measure import painting
from shapes_of_attention.measure.channel_attention import channel_attention
from shapes_of_attention.measure.channel_intervention import ChannelIntervention
from shapes_of_attention.measure.colours import company_error, score_colours
from shapes_of_attention.measure.intervention import Intervention
from shapes_of_attention.models import EncoderDecoder, attention_names
from shapes_of_attention.training.checkpoint import (
    CheckpointError,
    file_hash,
    load_model,
    write_atomically,
)
from shapes_of_attention.training.machine import processor, versions

__all__ = [
    "FILTERED",
    "LEADS",
    "UNIT_COUNTS",
    "scan_channels",
    "scan_heads",
    "scan_reach",
    "scan_thresholds",
    "scan_units",
]

#: Models trained with the red filter whose threshold is looked for: the one that the posts look
#: into, and one of the form that was trained without the filter as well.
FILTERED = ("flagship", "compare-encoder-only-seed-0")
#: Seed of the images whose averages still a head; no other measure uses them.
STILL_SEED = 2_000_011
#: Levels of red over the larger of green and blue at which a circle is painted.
LEADS = np.arange(-30, 31, 2, dtype=np.float32)
#: A circle's vote can be told where it moves the mean by at least so many levels (length in RGB).
VISIBLE = 20.0
#: How many units are held still at a time.
UNIT_COUNTS = (5, 10, 20, 40, 80)


def held_out(images: int) -> list[ShapesBatch]:
    """Make the first images of the test seed, in batches."""
    return list(painting.batches(images=images, seed=IMAGE_TEST_SEED, config=ShapesConfig()))


def mean_errors(model: torch.nn.Module, batches: list[ShapesBatch]) -> list[float]:
    """Measure the mean colour error of shapes with company, by kind: [kinds], levels."""
    error, kind = company_error(model, batches)
    return [round(float(error[kind == number].mean()), 3) for number in range(len(KINDS))]


def hide(model: Any, batches: list[ShapesBatch]) -> dict[str, Any]:
    """Hide one shape of each image from a model, or from a part of it, and take the slopes.

    Raises
    ------
    ValueError
        If no image has two kept shapes of a kind.
    """
    slopes = Intervention(model).over(batches).result()
    if slopes is None:
        raise ValueError("no image has two kept shapes of a kind; scan more images")
    found = slopes.as_record()
    return {
        "slope": found["slope"],
        "by_kind": list(found["slope_by_kind"].values()),
        "shapes": found["shapes"],
    }


def scan_heads(model: EncoderDecoder, batches: list[ShapesBatch]) -> dict[str, Any]:
    """Hide shapes from each attention module of a model, and from each head of its decoder.

    Each head of the decoder is also stilled, and the colour error without it taken.
    """
    names = attention_names(model)
    still = head_averages(
        model, torch.from_numpy(make_shapes(range(128), seed=STILL_SEED).image).float() / 255
    )
    modules: dict[str, Any] = {}
    for name in names:
        modules[name] = hide(HiddenFrom(model, [name]), batches)
        if not name.startswith("decoder"):
            continue
        hidden, stilled = [], []
        for head in range(model.config.heads):
            hidden.append(hide(HiddenFrom(model, [name], head=head), batches)["by_kind"])
            with heads_stilled(model, name, [head], still[name]):
                stilled.append(mean_errors(model, batches))
        modules[name] |= {"heads": hidden, "stilled": stilled}
    return {
        "error": mean_errors(model, batches),
        "everywhere": hide(HiddenFrom(model, names), batches),
        "cross_attention": hide(
            HiddenFrom(model, [name for name in names if name.endswith("cross_attention")]),
            batches,
        ),
        "modules": modules,
    }


def scan_thresholds(
    model: torch.nn.Module, batch: ShapesBatch, *, circles: int, red_filter: bool
) -> dict[str, Any]:
    """Turn the red of filled circles through the threshold, one circle an image.

    `red_filter` says which rule the model was trained on. Left out are circles whose green and blue
    leave no room for the whole range of red, and those whose vote would hardly move the mean. `own`
    [leads] is how bright the circle is painted, as a part of how bright it would be if it counted;
    `vote` [leads] is how much of its vote the group's colour shows. `own_threshold` and
    `vote_threshold` [circles] are where either passes a half.
    """
    own, votes, own_at, vote_at = [], [], [], []
    for circle in find_circles(batch):
        red = batch.colour[circle.row, circle.slot, 1:].max() + LEADS
        if red[0] < 0 or red[-1] > 255:
            continue
        ladder = climb(model, batch, circle, red, red_filter=red_filter)
        cast = vote(ladder)
        if np.linalg.norm(ladder.mean_in - ladder.mean_out, axis=1).min() < VISIBLE:
            continue
        bright = ladder.own.max(axis=1) / ladder.mean_in.max(axis=1)
        own.append(bright)
        votes.append(cast)
        own_at.append(crossing(LEADS, bright, 0.5))
        vote_at.append(crossing(LEADS, cast, 0.5))
        if len(own) == circles:
            break
    return {
        "leads": LEADS.tolist(),
        "circles": len(own),
        "own": np.mean(own, axis=0, dtype=np.float64).round(4).tolist(),
        "vote": np.mean(votes, axis=0, dtype=np.float64).round(4).tolist(),
        "own_threshold": [None if np.isnan(x) else round(x, 2) for x in own_at],
        "vote_threshold": [None if np.isnan(x) else round(x, 2) for x in vote_at],
    }


def scan_units(
    model: EncoderDecoder, *, images: int, counts: tuple[int, ...], draws: int
) -> dict[str, Any]:
    """Hold units of the encoder's last layer still: those that find red circles best, and others.

    Units are ranked on images of their own, and averaged on those; the circles are counted on the
    first `images` of the test seed.
    """
    ranking = make_shapes(range(256), seed=IMAGE_TEST_SEED + 1)
    module = [name for name in unit_names(model) if name.startswith("encoder")][-1]
    activation = hidden_activations(model, ranking)[module]
    score = criterion(activation, patch_classes(ranking)).min(axis=0)
    ranked = np.argsort(-score, kind="stable").tolist()
    batches = held_out(images)
    found: dict[str, Any] = {
        "module": module,
        "units": len(ranked),
        "images": images,
        "draws": draws,
        "as_it_is": asdict(circles_left(model, batches)),
    }
    for held, at in (("zero", None), ("average", unit_averages(activation))):
        found[held] = []
        for count in counts:
            ablation = ablate(model, module, ranked, batches, count=count, draws=draws, at=at)
            found[held].append({**asdict(ablation), "rank": ablation.rank})
            print(f"{count} units at {held}: {ablation.best}", file=sys.stderr)
    return found


def scan_reach(model: EncoderDecoder, *, images: int) -> dict[str, Any]:
    """Measure a model with its encoder limited to the patch itself, to 3×3, and further."""
    return {
        "images": images,
        "reaches": {
            name: {
                "colour": found.colours.as_record(),
                "company_error": round(found.company_error, 4),
                "intervention": found.slopes.as_record() if found.slopes else {},
                "best_units": {k: round(v, 4) for k, v in found.best_units.items()},
                "kinds_read": {k: round(v, 4) for k, v in asdict(found.kinds_read).items()},
                "on_group": {k: v.tolist() for k, v in found.on_group.items()},
            }
            for name, found in measure_reach(model, held_out(images)).items()
        },
    }


def scan_channels(model: EncoderDecoder, batches: list[ShapesBatch]) -> dict[str, Any]:
    """Ask which channels shapes look at, then hide single channels of them, and whole shapes."""
    slopes = Intervention(model).over(batches).result()
    subjects = ChannelIntervention(model).over(batches).result()
    return {
        "colour": score_colours(model, batches).as_record(),
        "intervention": slopes.as_record() if slopes else {},
        "attention": {
            name: {who: [round(part, 4) for part in parts] for who, parts in asking.items()}
            for name, asking in channel_attention(model, batches).items()
        },
        "subjects": {
            subject: {name: effect.as_record() for name, effect in effects.items()}
            for subject, effects in subjects.items()
        },
    }


def scan_channel_models(checkpoints: Path, *, images: int) -> dict[str, Any]:
    """Scan every model with a token a patch and channel whose name says so.

    Raises
    ------
    ValueError
        If no checkpoint's name does.
    """
    paths = sorted(checkpoints.glob("*channels*.safetensors"))
    if not paths:
        raise ValueError(f"{checkpoints} holds no checkpoint with 'channels' in its name")
    batches, found = held_out(images), {}
    for path in paths:
        model = load_model(path)
        if isinstance(model, EncoderDecoder) and model.config.tokens == "channel":
            found[path.stem] = scan_channels(model, batches)
            print(f"{path.stem}: scanned", file=sys.stderr)
    return {"images": images, "models": found}


def teaching_model(checkpoints: Path) -> EncoderDecoder:
    """Load the model that the posts look into."""
    model = load_model(checkpoints / "flagship.safetensors")
    assert isinstance(model, EncoderDecoder)
    return model


def scan_models(checkpoints: Path, *, images: int) -> dict[str, Any]:
    """Scan the heads of the teaching model and of the deeper one."""
    batches = held_out(images)
    found = {}
    for name in ("flagship", "contrast-self-attention"):
        model = load_model(checkpoints / f"{name}.safetensors")
        assert isinstance(model, EncoderDecoder)
        found[name] = scan_heads(model, batches)
        print(f"{name}: scanned", file=sys.stderr)
    return {"images": images, "kinds": list(KINDS), "models": found}


def scan_red(checkpoints: Path, *, circles: int) -> dict[str, Any]:
    """Scan the thresholds of models trained with the red filter, and of those without."""
    batch = make_shapes(range(12 * circles), seed=IMAGE_TEST_SEED)
    paths = [checkpoints / f"{name}.safetensors" for name in FILTERED]
    paths += sorted(checkpoints.glob("*red-filter*.safetensors"))
    found = {}
    for path in paths:
        found[path.stem] = scan_thresholds(
            load_model(path),
            batch,
            circles=circles,
            red_filter=path.stem in FILTERED,
        )
        print(f"{path.stem}: scanned", file=sys.stderr)
    return {"models": found}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m shapes_of_attention.interpret.scan",
        description="Scan trained models by intervention.",
    )
    parser.add_argument("part", choices=("heads", "red", "units", "reach", "channels"))
    parser.add_argument("--checkpoints", type=Path, default=Path("assets/checkpoints"))
    parser.add_argument("--records", type=Path, default=Path("assets/records"))
    parser.add_argument("--images", type=int, default=256, help="images on which it is scanned")
    parser.add_argument("--circles", type=int, default=100, help="circles whose red is turned")
    parser.add_argument(
        "--draws", type=int, default=100, help="draws of units to compare the best with"
    )
    parser.add_argument(
        "--counts", type=int, nargs="+", default=UNIT_COUNTS, help="units held still at a time"
    )
    given = sys.argv[1:] if arguments is None else arguments
    chosen = parser.parse_args(given)
    torch.set_num_threads(1)
    try:
        if chosen.part == "heads":
            found = scan_models(chosen.checkpoints, images=chosen.images)
        elif chosen.part == "units":
            found = scan_units(
                teaching_model(chosen.checkpoints),
                images=chosen.images,
                counts=tuple(chosen.counts),
                draws=chosen.draws,
            )
        elif chosen.part == "channels":
            found = scan_channel_models(chosen.checkpoints, images=chosen.images)
        elif chosen.part == "reach":
            found = scan_reach(teaching_model(chosen.checkpoints), images=chosen.images)
        else:
            found = scan_red(chosen.checkpoints, circles=chosen.circles)
    except (CheckpointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    note = {
        "command": " ".join(["python", "-m", "shapes_of_attention.interpret.scan", *given]),
        "seed": IMAGE_TEST_SEED,
        "weights": {
            name: file_hash(chosen.checkpoints / f"{name}.safetensors")
            for name in found.get("models", ("flagship",))
        },
        "machine": {"processor": processor(), "device": "cpu", "threads": 1},
        "versions": versions(),
    }
    path = chosen.records / f"interpretation-{chosen.part}.json"
    write_atomically(path, (json.dumps(note | found, indent=1) + "\n").encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
