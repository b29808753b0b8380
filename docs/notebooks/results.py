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
# compare at equal training time, and what each part of the encoder-decoder is worth. Numbers come
# from the records of finished runs, and from checkpoints on images that no model has trained on.

# %%
#| label: setup
#| fold: true
#| inputs:
#|   - assets/records/ablation-*.json
#|   - assets/records/contrast-*.json
#|   - assets/records/flagship*.json
#|   - assets/records/main-*.json
#|   - assets/records/sweep-*.json
#|   - assets/checkpoints/flagship.safetensors
#|   - assets/checkpoints/main-*-seed-0*.safetensors
from pathlib import Path

import numpy as np
import torch
from IPython.display import HTML
from torch import nn

from shapes_of_attention.data import IMAGE_TEST_SEED, KINDS, make_shapes
from shapes_of_attention.figures import results
from shapes_of_attention.measure.painted_shapes import find_leaks, paint_shapes
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.models import UNet, UNetConfig
from shapes_of_attention.training.checkpoint import load_model
from shapes_of_attention.studies.record import (
    at_one_budget,
    at_the_edge,
    best_rates,
    grouped,
    read_records,
    spread,
)

torch.set_num_threads(1)
assets = Path("../../assets")
checkpoints = assets / "checkpoints"
records = read_records(
    assets / "records", families=("ablation", "contrast", "flagship", "main", "sweep")
)
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
# The same images and the same processor time for each. `Input, copied` is what one gets for handing
# back the input as it is: it says how hard the task is without any model.

# %%
#| label: copying
copied = np.abs(shapes.colour - shapes.wanted).mean(axis=-1)
copying = float(np.median(copied))
print(f"{copying:.1f}")

# %%
#| label: comparison
main = at_one_budget(grouped(records, "main"))
sweeps = grouped(records, "sweep")
main = {label: main[label] for label in results.MODEL_LOOKS if label in main}
HTML(results.comparison_table(main, copied=copied))

# %% [markdown]
# The same in five lines.

# %%
#| label: five-lines
HTML(results.short_table(main))

# %%
#| label: comparison-chart
reference = ("copied input", copying)
rows = [
    results.Row(
        label=results.MODEL_LOOKS[label].name,
        values=[run.score.colour_error for run in runs],
        colour=results.MODEL_LOOKS[label].colour,
        mark=results.MODEL_LOOKS[label].mark,
    )
    for label, runs in main.items()
]
results.strips(
    [("", sorted(rows, key=lambda row: spread(row.values).mean))],
    title="median colour error, levels",
    reference=reference,
)

# %%
#| label: setting
counts = sorted({len(runs) for runs in main.values()})
words = ("no", "one", "two", "three", "four", "five")
text = words[counts[0]] if len(counts) == 1 else f"{words[counts[0]]} to {words[counts[-1]]}"
budgets = [run.config["budget_seconds"] for runs in main.values() for run in runs]
{
    "seeds": f"{text} seed{'' if counts[-1] == 1 else 's'}",
    "minutes": f"{max(budgets) / 60:.0f}",
    "shapes-alone": f"{(shapes.company == 1).mean():.0%}",
}

# %%
#| label: ranking
error_of = {
    label: spread([run.score.colour_error for run in runs]).mean for label, runs in main.items()
}
ranking = sorted(error_of, key=error_of.get)
called = {
    "fully-connected": "fully connected network",
    "unet": "U-Net",
    "encoder-only": "encoder-only transformer",
    "encoder-decoder": "encoder-decoder",
    "encoder-decoder-channels": "encoder-decoder on channel tokens",
}
{
    "first": called[ranking[0]],
    "first-error": f"{error_of[ranking[0]]:.1f}",
    "second": called[ranking[1]],
    "second-error": f"{error_of[ranking[1]]:.1f}",
    "error": {
        "encoder-only": f"{error_of['encoder-only']:.1f}",
        "encoder-decoder": f"{error_of['encoder-decoder']:.1f}",
    },
}

# %% [markdown]
# ### How they learn

# %%
#| label: curves
results.learning_curves(main)

# %% [markdown]
# What is a colour made of, on the plateau and beyond it? Fit each painted colour of shapes in
# company by the shape's own colour, the right mean, and a constant.


# %%
#| label: kept-weights
def weights_of(record):
    """Name the file in which the weights of a run lie, if they were kept."""
    return checkpoints / f"{record.name.replace('/', '-')}.safetensors"


def kept_run(label):
    """Find the run of a model whose weights were kept, the longest of several; None if none was."""
    runs = [run for run in grouped(records, "main")[label] if weights_of(run).exists()]
    return max(runs, key=lambda run: run.seconds, default=None)


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
        ("channel-tokens", "encoder-decoder-channels"),
        ("encoder-only", "encoder-only"),
    )
}

# %% [markdown]
# ### Which learning rates were tried
#
# Each model was trained with each rate for the same short time. The ring marks the best one.

# %%
#| label: rates
results.learning_rates({label: sweeps[label] for label in results.MODEL_LOOKS if label in sweeps})

# %%
#| label: edge
told = ("fully-connected", "unet", "encoder-decoder-channels")
edge = at_the_edge(best_rates(sweeps, "colour/colour_error_mean"), told=told)
{"models": f"{len(edge)} of {len(sweeps)}"}

# %%
#| label: sweep-minutes
print(f"{max(run.config['budget_seconds'] for runs in sweeps.values() for run in runs) / 60:.0f}")


# %% [markdown]
# ### The fully connected network


# %%
#| label: images-seen
def runs_of(label):
    """Return a model's runs of the comparison, or the best of its sweep while there are none."""
    if label in main:
        return main[label]
    return [min(sweeps[label], key=lambda run: run.score.colour_error)]


def mean_of(label, measure):
    return spread([measure(run) for run in runs_of(label)]).mean


for label in results.MODEL_LOOKS:
    print(f"{label:26s}{mean_of(label, lambda run: run.images):10,.0f}")

# %%
#| label: fully-connected
outer = 2 * 3 * 128 * 128 * 256
fully_connected = mean_of("fully-connected", lambda run: run.score.colour_error)
{
    "parameters": f"{runs_of('fully-connected')[0].parameters / 1e6:.1f} million",
    "outer": f"{outer / runs_of('fully-connected')[0].parameters:.0%}",
    "error": f"{fully_connected:.0f}",
    "against-copy": "worse than" if fully_connected > copying else "better than",
    "images": f"{mean_of('fully-connected', lambda run: run.images):,.0f}",
    "removed": f"{mean_of('fully-connected', lambda run: run.score.filtered_removed):.0%}",
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
unet = mean_of("unet", lambda run: run.score.colour_error)
unet_images = mean_of("unet", lambda run: run.images)
{
    "error": f"{unet:.1f}",
    "removed": f"{mean_of('unet', lambda run: run.score.filtered_removed):.1%}",
    "images": f"{unet_images:,.0f}",
    "encoder-decoder-images": f"{mean_of('encoder-decoder', lambda run: run.images):,.0f}",
    "against-encoder-decoder": "behind" if unet > error_of["encoder-decoder"] else "ahead of",
}

# %% [markdown]
# And per image? The error of the encoder-decoder at the moment when it had seen as many images as
# the U-Net has seen in all, read off its curve:


# %%
#| label: at-unet-images
def error_at(run, images):
    """Read a run's error off its curve, between points along the logarithm of the images."""
    seen = np.log([point.images for point in run.curve])
    return float(np.interp(np.log(images), seen, [p.score.colour_error for p in run.curve]))


then = spread([error_at(run, unet_images) for run in main["encoder-decoder"]]).mean
close = abs(np.log(unet / then)) < np.log(1.1)
encoder_only = spread([error_at(run, unet_images) for run in main["encoder-only"]]).mean
{
    "encoder-decoder": f"{then:.1f}",
    "encoder-only": f"{encoder_only:.1f}",
    "unet-learns": (
        "about as much as it" if close else "less than it" if unet > then else "more than it"
    ),
}

# %% [markdown]
# ### One token a channel

# %%
#| label: channels
at_channels = mean_of("encoder-decoder-channels", lambda run: run.images)
rgb_then = spread([error_at(run, at_channels) for run in main["encoder-decoder"]]).mean
{
    "error": f"{mean_of('encoder-decoder-channels', lambda run: run.score.colour_error):.1f}",
    "images": f"{mean_of('encoder-decoder-channels', lambda run: run.images):,.0f}",
    "rgb-then": f"{rgb_then:.1f}",
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
# The encoder-decoder with one thing changed, trained anew each time. Rows that a model without the
# change appears in more than once hold the same runs.

# %%
#| label: ablations
ablations = at_one_budget(grouped(records, "ablation"))
changes = {
    "Positions": {
        "rotary": "as-it-is",
        "learned": "positions-learned",
        "sinusoidal": "positions-sinusoidal",
        "none": "positions-none",
    },
    "Patches": {"8×8": "patch-8", "16×16": "as-it-is", "32×32": "patch-32"},
    "Cross-attention": {"with": "as-it-is", "without": "no-cross-attention"},
    "Red filter": {"with": "as-it-is", "without": "no-red-filter"},
}
strips = [
    (
        heading,
        [
            results.Row(
                label=name,
                values=[run.score.colour_error for run in ablations[label]],
                colour=results.MODEL_LOOKS["encoder-decoder"].colour
                if label == "as-it-is"
                else "#0072b2",
                mark="^" if label == "as-it-is" else "o",
            )
            for name, label in rows.items()
            if label in ablations
        ],
    )
    for heading, rows in changes.items()
]
strips = [(heading, rows) for heading, rows in strips if rows]
results.strips(strips, title="median colour error, levels", reference=reference)

# %%
#| label: ablation-setting
counts = sorted({len(runs) for runs in ablations.values()})
text = words[counts[0]] if len(counts) == 1 else f"{words[counts[0]]} or {words[counts[-1]]}"
budgets = [run.config["budget_seconds"] for runs in ablations.values() for run in runs]
{
    "minutes": f"{max(budgets) / 60:.0f}",
    "seeds": f"{text} seed{'' if counts[-1] == 1 else 's'}",
}


# %%
#| label: without
def changed(label, measure=lambda run: run.score.colour_error, form="{:.1f}"):
    """Say a mean over the seeds of an ablation."""
    if label not in ablations:
        return "(not yet measured)"
    return form.format(spread([measure(run) for run in ablations[label]]).mean)


{
    "nothing": changed("as-it-is"),
    "cross-attention": changed("no-cross-attention"),
    "cross-attention-removed": changed(
        "no-cross-attention", lambda run: run.score.filtered_removed, "{:.0%}"
    ),
    "red-filter": changed("no-red-filter"),
    "positions": changed("positions-none"),
}

# %%
#| label: changes
named = {
    f"{heading}: {name}": ablations[label]
    for heading, rows in changes.items()
    for name, label in rows.items()
    if label in ablations
}
HTML(results.changes_table(named))


# %%
#| label: positions
def by_error(heading):
    """List the variants under a heading, each with its mean error, the lowest first."""
    found = [(name, label) for name, label in changes[heading].items() if label in ablations]
    errors = {
        name: spread([run.score.colour_error for run in ablations[label]]).mean
        for name, label in found
    }
    ranked = sorted(errors.items(), key=lambda item: item[1])
    return [(name, f"{error:.1f}") for name, error in ranked] or [2 * ("(not yet measured)",)]


{
    "best": by_error("Positions")[0][0],
    "best-error": by_error("Positions")[0][1],
    "worst": by_error("Positions")[-1][0],
    "worst-error": by_error("Positions")[-1][1],
}

# %% [markdown]
# Small patches against larger ones after as many images, measured while training.

# %%
#| label: patches
fewest = min(run.images for run in ablations["patch-8"])


def images_seen(run):
    return run.images


{
    "error": {
        "8": changed("patch-8"),
        "32": changed("patch-32"),
    },
    "as-many-images": {
        "8": changed("patch-8", lambda run: error_at(run, fewest)),
        "16": changed("as-it-is", lambda run: error_at(run, fewest)),
    },
    "end": {
        "32": changed("patch-32", lambda run: run.curve[-1].score.colour_error),
    },
    "images": {
        "8": changed("patch-8", images_seen, "{:,.0f}"),
        "16": changed("as-it-is", images_seen, "{:,.0f}"),
        "32": changed("patch-32", images_seen, "{:,.0f}"),
    },
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
