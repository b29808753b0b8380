# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Results
#
# What the trained models paint, where the one that was trained longest fails, how five models
# compare after equally many images, and what parts of two of them are worth. Numbers come
# from the records of finished runs, and from checkpoints on images that no model has trained on.

# %%
#| label: setup
#| fold: true
#| inputs:
#|   - assets/records/compare-*.json
#|   - assets/records/contrast-*.json
#|   - assets/records/depth-*.json
#|   - assets/records/experts-*dense-512*.json
#|   - assets/records/flagship*.json
#|   - assets/records/patch-*.json
#|   - assets/records/positions-*.json
#|   - assets/records/speed-*.json
#|   - assets/records/tune-*.json
#|   - assets/records/without-*.json
#|   - assets/checkpoints/flagship.safetensors
#|   - assets/checkpoints/compare-*-seed-0.safetensors
from functools import partial
from pathlib import Path

import numpy as np
import torch
from IPython.display import HTML
from torch import nn

from shapes_of_attention.data import IMAGE_TEST_SEED, KINDS, make_shapes
from shapes_of_attention.figures import results
from shapes_of_attention.measure.painted_shapes import find_leaks, paint_shapes
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.flops import flops_of
from shapes_of_attention.models import UNet, UNetConfig, build_model
from shapes_of_attention.palette import ORCHID
from shapes_of_attention.training.checkpoint import load_model
from shapes_of_attention.studies.record import (
    at_the_edge,
    errors_by_rate,
    comparable,
    read_records,
    spread,
)

torch.set_num_threads(1)
assets = Path("../../assets")
checkpoints = assets / "checkpoints"
records = [
    record for record in read_records(assets / "records") if record.is_listed
]
by_name = {record.name: record for record in records}
flagship = by_name["flagship"]

# %% [markdown]
# ## What it paints
#
# The first six images of the test seed, painted by the encoder-decoder that was trained longest.

# %%
#| label: examples
model = load_model(checkpoints / "flagship.safetensors").eval()
first = make_shapes(range(6), seed=IMAGE_TEST_SEED)
painted = paint_levels(model, first)
shapes = paint_shapes(model, images=len(first), seed=IMAGE_TEST_SEED)
largest = [shapes.error[shapes.image == image].max() for image in range(len(first))]
results.examples(
    first,
    painted,
    [[f"Image {image}", f"{error:.1f} levels"] for image, error in enumerate(largest)],
)

# %%
#| label: flagship
{
    "test-images": flagship.test["images"],
    "minutes": f"{flagship.seconds / 60:.0f}",
    "images": flagship.images,
    "precision": {"bf16": "half precision (bfloat16)", "float32": "full precision"}[
        flagship.precision
    ],
    "error": f"{flagship.score.colour_error:.2f}",
    "within-8": f"{flagship.score.within_8:.1%}",
    "removed": f"{flagship.score.filtered_removed:.1%}",
    "psnr": f"{flagship.score.psnr:.1f} dB",
}

# %% [markdown]
# ## Where it fails
#
# Of the test images, those with the shapes that are furthest off.

# %%
#| label: painted-shapes
shapes = paint_shapes(model, images=flagship.test["images"], seed=IMAGE_TEST_SEED)
error = shapes.error
wrong = error > 8  # levels

{"kept": f"{len(error):,}", "wrong": f"{wrong.sum():,}", "share-wrong": f"{wrong.mean():.1%}"}

# %%
#| label: worst
order = np.argsort(-error)
images = list(dict.fromkeys(shapes.image[order].tolist()))[:3]
worst = make_shapes(images, seed=IMAGE_TEST_SEED)
at = [int(order[shapes.image[order] == image][0]) for image in images]
results.examples(
    worst,
    paint_levels(model, worst),
    [[*KINDS[shapes.kind[place]].split(), f"{error[place]:.0f} levels"] for place in at],
)

# %% [markdown]
# A patch has one query. How many shapes are painted wrongly, by how much of them lies in patches
# that a shape of another kind touches too?

# %%
#| label: crowding
steps = {"nothing": (-1, 0), "up to ¼": (0, 0.25), "up to ½": (0.25, 0.5), "more": (0.5, 1)}
inside = {
    name: (shapes.crowded > low) & (shapes.crowded <= high) for name, (low, high) in steps.items()
}
results.bars(
    {name: float(wrong[chosen].mean()) for name, chosen in inside.items()},
    title="share painted wrongly",
    below="part of the shape in shared patches",
)

# %%
#| label: crowding-counts
for name, chosen in inside.items():
    print(f"{name:8s}{chosen.sum():6,d} shapes, {wrong[chosen].sum():4d} wrong")

# %%
#| label: crowded
hollow = np.isin(shapes.kind, (1, 3))
{
    "of-the-wrong": f"{(shapes.crowded[wrong] > 0).mean():.0%}",
    "uncrowded": f"{(shapes.crowded == 0).mean():.0%}",
    "wrong": {
        "uncrowded": f"{wrong[shapes.crowded == 0].mean():.1%}",
        "hollow": f"{wrong[hollow & (shapes.crowded > 0)].mean():.0%}",
        "filled": f"{wrong[~hollow & (shapes.crowded > 0)].mean():.0%}",
    },
}

# %% [markdown]
# Whose colour is in a shape that is painted wrongly? If the error of a shape points from its own
# mean straight to the mean of another kind, that kind has been let in. We call an error *explained*
# when less than a quarter of its length is left over.

# %%
#| label: leaks
leaks = find_leaks(shapes)
explained = wrong & (leaks.rest < 0.25)
pairs = {}
for own, other in zip(shapes.kind[explained], leaks.kind[explained], strict=True):
    pairs[KINDS[own], KINDS[other]] = pairs.get((KINDS[own], KINDS[other]), 0) + 1
for (own, other), count in sorted(pairs.items(), key=lambda item: -item[1])[:6]:
    print(f"{own:17s} towards {other:17s}{count:4d}")

# %% [markdown]
# Which share of the wrong ones is explained, and how much of the other kind was let in? By chance,
# an error of random direction points that closely to one of three kinds with the probability that
# is the share of the sphere that three caps cover.

# %%
#| label: explained
{
    "share": f"{explained.sum() / wrong.sum():.0%}",
    "leak": f"{np.median(leaks.share[explained]):.0%}",
    "by-chance": f"{3 * (1 - np.sqrt(1 - 0.25**2)) / 2:.0%}",
}

# %% [markdown]
# ## Five models, one budget
#
# The same images for each, in one precision. `Input, copied` is what one gets for handing back the
# input as it is: it says how hard the task is without any model.

# %%
#| label: copying
copied = np.abs(shapes.colour - shapes.wanted).mean(axis=-1)
copying = float(np.median(copied))
print(f"{copying:.1f}")

# %%
#| label: comparison
compared = comparable(record for record in records if record.family == "compare")
seconds = {run.label: run.seconds / run.images for run in records if run.family == "speed"}
main = {label: compared[label] for label in results.MODEL_LOOKS if label in compared}
HTML(results.comparison_table(main, seconds=seconds, copied=copied))

# %% [markdown]
# The same in five lines.

# %%
#| label: five-lines
HTML(results.short_table(main, seconds=seconds))

# %%
#| label: comparison-chart
reference = ("copied input", copying)


def look_row(label, runs, name=None):
    """Draw a model as everywhere else, under another name if need be."""
    look = results.MODEL_LOOKS[label]
    errors = [run.score.colour_error for run in runs]
    return results.Row(label=name or look.name, values=errors, colour=look.colour, mark=look.mark)


def mean_error(runs):
    return spread([run.score.colour_error for run in runs]).mean


rows = [look_row(label, runs) for label, runs in main.items()]
results.strips(
    [("", sorted(rows, key=lambda row: spread(row.values).mean))],
    title="median colour error, levels",
    reference=reference,
)

# %%
#| label: setting
words = ("no", "one", "two", "three", "four", "five")


def seeds(groups):
    """Say in words how many runs each of some groups has."""
    counts = sorted({len(runs) for runs in groups})
    assert len(counts) == 1, "what is compared has as many seeds"
    return f"{words[counts[0]]} seeds"


flat = main["fully-connected"][0].config
[(batch, loss)] = {
    (run.config["batch_size"], run.config["loss"])
    for label, runs in main.items()
    if label != "fully-connected"
    for run in runs
}
assert (loss, flat["loss"]) == ("l1", "mse")  # as the text says
{
    "seeds": seeds(compared.values()),
    "images": f"{main['encoder-decoder'][0].images:,}",
    "shapes-alone": f"{(shapes.company == 1).mean():.0%}",
    "batch": batch,
    "batch-flat": flat["batch_size"],
    "steps-flat": {4: "a quarter"}[flat["batch_size"] // batch],
}

# %%
#| label: ranking
error_of = {label: mean_error(runs) for label, runs in compared.items()}
ranking = sorted(main, key=error_of.get)
called = {
    "fully-connected": "fully connected network",
    "unet": "U-Net",
    "encoder-only": "encoder-only transformer",
    "encoder-decoder": "encoder-decoder",
    "encoder-decoder-channels": "encoder-decoder on channel tokens",
}
{
    **{
        place: {"name": called[label], "error": f"{error_of[label]:.1f}"}
        for place, label in zip(("first", "second", "third", "fourth", "last"), ranking)
    },
    "error": {label: f"{error:.1f}" for label, error in error_of.items()},
}

# %% [markdown]
# ### How they learn

# %%
#| label: curves
results.learning_curves(main, seconds=seconds)

# %%
#| label: speed
per_image = {label: f"{1000 * value:.0f}" for label, value in seconds.items()}
{
    "milliseconds": per_image,
    "minutes": {
        label: f"{seconds[label] * runs[0].images / 60:.0f}" for label, runs in compared.items()
    },
}

# %% [markdown]
# What is a colour made of, on the plateau and beyond it? Fit each painted colour of shapes in
# company by the shape's own colour, the right mean, and a constant.


# %%
#| label: kept-weights
def weights_of(record):
    """Name the file in which the weights of a run lie, if they were kept."""
    return checkpoints / f"{record.name.replace('/', '-')}.safetensors"


def kept_run(label):
    """Find the run of a model whose weights were kept; None if none was."""
    return next((run for run in main[label] if weights_of(run).exists()), None)


# %%
#| label: made-of
def made_of(name):
    """Fit painted colours: the weights of a shape's own colour and of the mean of its group."""
    net = load_model(weights_of(kept_run(name))).eval()
    found = paint_shapes(net, images=256, seed=IMAGE_TEST_SEED)
    several = found.company > 1
    own, mean = found.colour[several].ravel(), found.wanted[several].ravel()
    design = np.stack([own, mean, np.ones_like(own)], axis=1)
    weights, *_ = np.linalg.lstsq(design, found.painted[several].ravel(), rcond=None)
    return weights[:2]


{
    title: dict(zip(("own", "mean"), (f"{weight:.2f}" for weight in made_of(name))))
    for title, name in (
        ("unet", "unet"),
        ("encoder-only", "encoder-only"),
    )
}

# %% [markdown]
# ### Which learning rates were tried
#
# Each model was trained with each rate on the same short course. The ring marks the best one.

# %%
#| label: rates
sweeps = comparable(record for record in records if record.family == "tune")
results.learning_rates({label: sweeps[label] for label in results.MODEL_LOOKS})

# %%
#| label: edge
tried = errors_by_rate(sweeps, "colour/colour_error_median")
edge = at_the_edge({label: tried[label] for label in compared})
assert min(tried["encoder-only"].values()) < 10 < min(
    min(tried[label].values()) for label in compared if label != "encoder-only"
)
{
    "models": ", ".join(edge) or "none",
    "images": f"{sweeps['unet'][0].images:,}",
    "rates": f"{min(len(tried[label]) for label in compared)}",
}

# %% [markdown]
# The study of experts trained one of these models again: the encoder-decoder, whose layers are 512
# wide. How far does a trial end from itself? And what does the other rate make of the model?

# %%
#| label: again
of_512 = [run for run in read_records(assets / "records", "experts") if run.label == "dense-512"]
other, same = [run for run in of_512 if not run.family], main["encoder-decoder"][0]
(trial,) = [run for run in of_512 if run.family and run.config["run"]["learning_rate"] == 1.5e-3]
assert {(run.parameters, run.images, run.precision) for run in other} == {
    (same.parameters, same.images, same.precision)
}
rates = {run.config["run"]["learning_rate"] for run in other}
assert rates == {same.config["learning_rate"] / 2} == {1.5e-3}  # half, as the text says
by_other_rate = [run.score.colour_error for run in other]
before, now = tried["encoder-decoder"][1.5e-3], trial.score.colour_error
next_best = {label: np.diff(sorted(tried[label].values())[:2]).item() for label in compared}
assert max(next_best.values()) < before - now and len(next_best) == 8  # as the text says
of_channels = [run.score.colour_error for run in main["encoder-decoder-channels"]]
assert min(by_other_rate) < max(of_channels) and min(of_channels) < max(by_other_rate)
{
    "before": f"{before:.1f}",
    "now": f"{now:.1f}",
    "error": f"{spread(by_other_rate):.1f}",
}

# %%
#| label: channels-half-way
half_way = [
    point.score.colour_error
    for run in main["encoder-decoder-channels"]
    for point in run.curve
    if 2 * point.images == run.images
]
print(f"{spread(half_way).mean:.0f}")

# %% [markdown]
# ### Attention, or the head?
#
# The transformers paint each patch with a few colours; U-Net and fully connected network paint
# pixels. Both heads, on three of the models.

# %%
#| label: heads
two_heads = {
    "encoder-only": ("encoder-only", "encoder-only-pixels"),
    "encoder-decoder": ("encoder-decoder", "encoder-decoder-pixels"),
    "unet": ("unet-palette", "unet"),
}
results.strips(
    [
        (heading, [look_row(name, compared[pair[place]]) for name, pair in two_heads.items()])
        for place, heading in enumerate(("Palette head", "Pixel head"))
    ],
    title="median colour error, levels",
    reference=reference,
)

# %%
#| label: heads-table
HTML(
    results.crossed_table(
        "Model",
        ("Palette head", "Pixel head"),
        {
            results.MODEL_LOOKS[name].name: [compared[label] for label in pair]
            for name, pair in two_heads.items()
        },
    )
)

# %%
#| label: heads-gap
{
    "palette": f"{error_of['unet-palette'] - error_of['encoder-decoder']:.1f}",
    "mixed": f"{error_of['unet'] - error_of['encoder-decoder']:.1f}",
}

# %% [markdown]
# The encoder-decoder with more ways to gather: self-attention in the decoder, a third layer.

# %%
#| label: wider
comparable(record for record in records if record.family in ("compare", "depth"))
deeper_runs = comparable(r for r in records if r.family == "depth")
# As the text says: with self-attention in two layers, one makes nearly all of the mean, and the error
# is smaller than without, at either rate. That of three layers without it is not, at equal rates.
for run in deeper_runs["2-layers-self"]:
    assert max(run.test["intervention_by_module"].values()) > 0.9
    assert run.score.colour_error < min(by_other_rate)
assert mean_error(deeper_runs["3-layers-self"]) < min(by_other_rate)
in_three_layers = [run.score.colour_error for run in deeper_runs["3-layers"]]
assert {run.config["learning_rate"] for run in deeper_runs["3-layers"]} == rates
assert max(in_three_layers) > min(by_other_rate)
deep = [label for label in tried if label.startswith("depth-")]
at_the_edge({label: tried[label] for label in deep}, told={"depth-3-layers-self": "smallest"})
{label: f"{mean_error(runs):.1f}" for label, runs in deeper_runs.items()}

# %% [markdown]
# ### The fully connected network

# %%
#| label: fully-connected
outer = 2 * 3 * 128 * 128 * 256


def mean_of(label, measure):
    return spread([measure(run) for run in compared[label]]).mean


{
    "parameters": f"{compared['fully-connected'][0].parameters / 1e6:.1f} million",
    "outer": f"{outer / compared['fully-connected'][0].parameters:.0%}",
    "error": f"{error_of['fully-connected']:.0f}",
    "against-copy": "worse than" if error_of["fully-connected"] > copying else "better than",
}

# %% [markdown]
# ### The U-Net
#
# Can a pixel of the output depend on any pixel of the input? Take the normalisation away, which
# looks at the whole image by itself, and ask for the gradient of one corner.

# %%
#| label: receptive-field
torch.manual_seed(0)
net = UNet(UNetConfig())
for block in (*net.down, *net.up):
    block.first_norm = block.second_norm = nn.Identity()
image = torch.rand(1, 3, 128, 128, requires_grad=True)
net(image)[0, :, 0, 0].sum().backward()
reached = (image.grad != 0).any(dim=1).float().mean().item()
assert reached == 1
print(f"the top left pixel depends on {reached:.0%} of the input's pixels")

# %%
#| label: unet
{
    "removed": f"{mean_of('unet', lambda run: run.score.filtered_removed):.1%}",
}

# %% [markdown]
# ### The same images, painted by each
#
# The first four test images. Weights are kept of one run of each model; those of the fully
# connected network are too many to keep.

# %%
#| label: paintings
shown = make_shapes(range(4), seed=IMAGE_TEST_SEED)
by_model = {}
for label, look in results.MODEL_LOOKS.items():
    if kept := kept_run(label):
        painted = paint_levels(load_model(weights_of(kept)).eval(), shown)
        by_model[look.name] = (f"error {kept.score.colour_error:.1f}", painted)
results.paintings(shown, by_model)

# %% [markdown]
# ## What each part is worth
#
# Without cross-attention no patch learns of another. Beside it the model as it is, and the one that
# has no second stream of tokens, whose patches learn of each other in the encoder. Equally many
# images, three seeds, each at the best rate of its sweep; without cross-attention that is the
# largest on trial.

# %%
#| label: communication
parts = comparable(record for record in records if record.family == "without")
at_the_edge(
    {"cross-attention": tried["without-cross-attention"]}, told={"cross-attention": "largest"}
)
forms = {
    "with": look_row("encoder-decoder", parts["nothing"], "As it is"),
    "without": results.Row(
        label="No cross-attention",
        values=[run.score.colour_error for run in parts["cross-attention"]],
        colour=results.MODEL_LOOKS["encoder-decoder"].colour,
        mark="v",
    ),
    "one-stream": look_row("encoder-only", parts["second-stream"]),
}
results.strips(
    [("", [*forms.values()])], title="median colour error, levels", reference=reference
)

# %%
#| label: without-cross
def in_words(values):
    """Say a mean and its standard deviation."""
    return f"{spread(values):.1f}"


flat = tried["without-cross-attention"].values()
{
    **{form: in_words(row.values) for form, row in forms.items()},
    "with-each": " and ".join(f"{value:.1f}" for value in sorted(forms["with"].values)).replace(
        " and ", ", ", len(forms["with"].values) - 2
    ),
    "images": f"{parts['nothing'][0].images:,}",
    "seeds": seeds(parts.values()),
    "removed": f"{spread([run.score.filtered_removed for run in parts['cross-attention']]).mean:.0%}",
    "rates": f"{max(flat) - min(flat):.1f}",
}

# %% [markdown]
# The encoder-only model with one thing changed. It leaves the plateau early, so its seeds lie close
# together. Equally many images, three seeds, each at the best rate of its own sweep, sinusoidal
# waves at the best of five bases; rotary ones have their own, 100, or the best of five.

# %%
#| label: ablations
listed = {
    "Positions": {
        "rotary": "second-stream",
        "rotary, base 1,000": "rotary-16",
        "learned": "learned-16",
        "sinusoidal": "sinusoidal-16",
        "none": "none-16",
    },
    "Positions, finer grid": {
        "rotary": "8",
        "learned": "learned-8",
        "sinusoidal": "sinusoidal-8",
        "none": "none-8",
    },
    "Patches": {"8×8": "8", "16×16": "second-stream", "32×32": "32"},
    "Red filter": {"with": "second-stream", "without": "red-filter"},
}
changed = comparable(r for r in records if r.family in ("without", "patch", "positions"))
changes = {
    heading: done
    for heading, rows in listed.items()
    if len(done := {name: label for name, label in rows.items() if label in changed}) > 1
}
strips = [
    (
        heading,
        [
            look_row("encoder-only", changed[label], name)
            if label == "second-stream"
            else results.Row(
                label=name,
                values=[run.score.colour_error for run in changed[label]],
                colour=ORCHID,
                mark="s",
            )
            for name, label in rows.items()
        ],
    )
    for heading, rows in changes.items()
]
results.strips(strips, title="median colour error, levels", reference=reference)

# %% [markdown]
# None of their rates is the largest or smallest that was tried. Of the waves, each base at the rate
# that did best:

# %%
#| label: changed-rates
of_changes = [
    label
    for label in tried
    if label.startswith(("patch-", "positions-", "without-red")) and "-base-" not in label
]
at_the_edge({label: tried[label] for label in of_changes})
def bases_of(kind, patch, sweep):
    """Read the error with each base of waves, on the grid of a patch size."""
    start = f"positions-{kind}-{patch}-base-"
    found = {
        float(label.removeprefix(start)): min(errors.values())
        for label, errors in tried.items()
        if label.startswith(start)
    }
    return {**found, 100.0: min(tried[sweep].values())}


bases = {
    "rotary": bases_of("rotary", 16, "encoder-only"),
    "sinusoidal": bases_of("sinusoidal", 16, "positions-sinusoidal-16"),
}
finer_bases = {
    "rotary": bases_of("rotary", 8, "patch-8"),
    "sinusoidal": bases_of("sinusoidal", 8, "positions-sinusoidal-8"),
}
tried_bases = [found[kind] for found in (bases, finer_bases) for kind in ("rotary", "sinusoidal")]
assert all(sorted(found) == [3, 10, 100, 1000, 10_000] for found in tried_bases)
small, large = ([e for base, e in bases["rotary"].items() if (base < 100) == few] for few in (1, 0))
assert max(large) + 3 < min(small)
errors_of = {
    name: [run.score.colour_error for run in changed[label]]
    for name, label in changes["Positions"].items()
}
rotary = [name for name in errors_of if name.startswith("rotary")]
assert all(
    max(errors_of[name]) < min(errors)
    for name in rotary
    for other, errors in errors_of.items()
    if other not in rotary
)
assert np.mean(errors_of["rotary"]) < np.mean(errors_of["rotary, base 1,000"])
finer = {
    name: [run.score.colour_error for run in changed[label]]
    for name, label in changes["Positions, finer grid"].items()
}
for name in ("learned", "sinusoidal", "none"):  # more than on the coarse grid, none at a rotary one
    assert np.mean(finer[name]) > np.mean(errors_of[name])
    assert min(finer[name]) > 1.5 * max(finer["rotary"])
    gaps = [np.mean(errors[name]) - np.mean(errors["rotary"]) for errors in (errors_of, finer)]
    assert gaps[1] > 1.5 * gaps[0]
assert max(finer["sinusoidal"]) < np.mean(finer["none"])
assert min(finer["sinusoidal"]) < min(errors_of["sinusoidal"])  # its starts lie on both sides
tuned = changed["sinusoidal-8"][0].config["options"]["position_base"]
assert tuned == 1000 == min(finer_bases["sinusoidal"], key=finer_bases["sinusoidal"].get)
assert np.mean(finer["rotary"]) < np.mean(errors_of["rotary"])
tuned = changed["rotary-16"][0].config["options"]["position_base"]
assert tuned == 1000 == min(bases["rotary"], key=bases["rotary"].get)  # as the text says
gap = min(errors_of["none"]) - max(errors_of["sinusoidal"])
filtered, unfiltered = (
    [run.score.colour_error for run in changed[label]] for label in ("second-stream", "red-filter")
)
assert max(unfiltered) < min(filtered)
assert 0 < gap < 0.2 and min(bases["sinusoidal"], key=bases["sinusoidal"].get) == 3
assert min(finer_bases["rotary"], key=finer_bases["rotary"].get) == 100  # as its runs have
for found in (bases["rotary"], finer_bases["rotary"]):  # the best wins by little
    assert 0 < sorted(found.values())[1] - min(found.values()) < 0.5
for kind, errors in [*bases.items(), *finer_bases.items()]:
    print(kind, *(f"base {base:g}: {errors[base]:.1f} " for base in sorted(errors)))

# %%
#| label: rotary-bases
def each(found, form):
    """Say bases, or the error with each."""
    return " and ".join(form(base) for base in found)


rotary_at = bases["rotary"]
larger, smaller = (1000.0, 10_000.0), (10.0, 3.0)
{
    "own": {"base": f"{100:g}", "error": f"{rotary_at[100]:.1f}"},
    **{
        name: {
            "bases": each(found, lambda base: f"{base:,.0f}"),
            "errors": each(found, lambda base: f"{rotary_at[base]:.1f}"),
        }
        for name, found in (("larger", larger), ("smaller", smaller))
    },
}

# %%
#| label: finer-trials
best = {
    "rotary": min(tried["patch-8"].values()),
    "none": min(tried["positions-none-8"].values()),
    "learned": min(tried["positions-learned-8"].values()),
    "sinusoidal": min(tried["positions-sinusoidal-8"].values()),
}
{
    **{name: f"{error:.1f}" for name, error in best.items()},
    "bases": words[len(finer_bases["rotary"])],
    "coarse-rotary-base": f"{min(bases['rotary'], key=bases['rotary'].get):,.0f}",
    "sinusoidal-base": f"{min(finer_bases['sinusoidal'], key=finer_bases['sinusoidal'].get):,.0f}",
}

# %%
#| label: ablation-setting
some = changed["second-stream"][0]
{
    "images": f"{some.images:,}",
    "seeds": seeds(changed.values()),
}


# %%
#| label: without
def error_with(label):
    """Say the mean error over the seeds of a change, and its standard deviation."""
    return in_words([run.score.colour_error for run in changed[label]])


{
    "nothing": error_with("second-stream"),
    **{
        heading.lower().replace(",", "").replace(" ", "-"): {
            name.split("×")[0].replace(", base ", "-").replace(",", ""): error_with(label)
            for name, label in rows.items()
        }
        for heading, rows in changes.items()
    },
}

# %%
#| label: changes
HTML(
    results.changes_table(
        {
            f"{heading}: {name}": changed[label]
            for heading, rows in changes.items()
            for name, label in rows.items()
        }
    )
)

# %% [markdown]
# What does an image cost with each size of patch, in multiplications?

# %%
#| label: patch-cost
one = torch.zeros(1, 3, 128, 128)
flops = {
    size: flops_of(partial(build_model("encoder-only", {"patch": size}), one))
    for size in (8, 16, 32)
}
by_patch = [[run.score.colour_error for run in changed[label]] for label in ("8", "second-stream", "32")]
assert max(by_patch[0]) < min(by_patch[1]) and max(by_patch[1]) < min(by_patch[2])  # as the text says
longer = [run.score.colour_error for run in compared["encoder-only"]]
assert 2 * flops[16] < flops[8] / 2  # half of the work, and as far:
assert 2 * changed["8"][0].images == compared["encoder-only"][0].images
assert min(by_patch[0]) < min(longer) and max(longer) < max(by_patch[0])
{
    "times": f"{flops[8] / flops[16]:.1f}",
    "coarse": f"{flops[32] / flops[16]:.0%}",
    "images": f"{compared['encoder-only'][0].images:,}",
    "error": in_words(longer),
}

# %% [markdown]
# The deeper model, whose decoder has self-attention too:

# %%
#| label: deeper
deeper = by_name["contrast/self-attention"]
{
    "error": f"{deeper.score.colour_error:.2f}",
    "minutes": f"{deeper.seconds / 60:.0f}",
}
