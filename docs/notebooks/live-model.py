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
# # The model, live
#
# Scenes for the model that runs in the page. Each begins at a held-out image; the still picture shows
# what this notebook's model paints of it, the page's own forward pass takes over from there.

# %%
#| label: setup
#| inputs:
#|   - assets/checkpoints/flagship.safetensors
#|   - assets/checkpoints/contrast-self-attention.safetensors
#|   - assets/checkpoints/compare-encoder-only-seed-0.safetensors
from pathlib import Path

import numpy as np
import torch

from shapes_of_attention.data import IMAGE_TEST_SEED, KINDS, make_shapes
from shapes_of_attention.figures import live
from shapes_of_attention.interpret.hiding import pick_image
from shapes_of_attention.interpret.knockout import head_averages
from shapes_of_attention.measure.ideal import KEY_PIXELS
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.models import capture_attention
from shapes_of_attention.training.checkpoint import load_model

torch.set_num_threads(1)
folder = Path("../../assets/checkpoints")
models = {
    "flagship": load_model(folder / "flagship.safetensors"),
    "deeper": load_model(folder / "contrast-self-attention.safetensors"),
    "encoder-only": load_model(folder / "compare-encoder-only-seed-0.safetensors"),
}
titles = {
    "flagship": "The teaching model, 2 + 2 layers",
    "deeper": "The deeper model, 3 + 3 layers",
    "encoder-only": "The encoder-only model, 4 layers",
}
batch = make_shapes(range(256), seed=IMAGE_TEST_SEED)

# %% [markdown]
# What a head gives on average, over held-out images: a stilled head gives this everywhere.

# %%
#| label: averages
image = torch.from_numpy(batch.image[:64]).float() / 255
averages = {
    name: {module: mean.numpy() for module, mean in head_averages(model, image).items()}
    for name, model in models.items()
}
print({name: len(modules) for name, modules in averages.items()}, "attention modules")

# %% [markdown]
# Kinds of shapes in each image, to choose by.

# %%
#| label: counts
number = np.stack([(batch.kind == kind).sum(axis=1) for kind in range(len(KINDS))], axis=1)
kept = np.stack([((batch.kind == k) & batch.kept).sum(axis=1) for k in range(len(KINDS))], axis=1)
shapes = batch.present.sum(axis=1)
alone = ((patch_cover(batch, 16) >= KEY_PIXELS).sum(axis=1) <= 1).all(axis=1)  # no patch shows two
DISC, RING, BLOCK, FRAME = range(len(KINDS))


def first(*conditions):
    """Find the first image for which all hold."""
    return int(np.flatnonzero(np.logical_and.reduce(conditions))[0])


def shape_of(row, kind, *, keeps=True):
    """Find the first shape of a kind, and number it as the page does, from 1."""
    slots = np.flatnonzero(batch.present[row])
    fits = (batch.kind[row, slots] == kind) & (batch.kept[row, slots] == keeps)
    return int(np.flatnonzero(fits)[0]) + 1


def scene(row, chosen, *changes, layer=1, head=0, parts=live.PARTS, switches_first=False):
    """Show image `row` with a shape chosen; `layer` is the decoder's, from 0."""
    slot = np.flatnonzero(batch.present[row])[chosen - 1]
    query = int(patch_cover(batch, 16)[row, slot].argmax())
    one = make_shapes([row], seed=IMAGE_TEST_SEED)
    with capture_attention(models["flagship"]) as weights:
        painted = paint_levels(models["flagship"], one)[0]
    name = f"decoder.{layer}.cross_attention"
    return live.live_scene(
        batch,
        row,
        painted=painted,
        attention=(
            f"Decoder {layer + 1}, head {head + 1}",
            query,
            weights[name][0, head, query].numpy(),
        ),
        changes=[f"v{chosen}", f"ad{layer + 1}.{head + 1}", *changes],
        parts=parts,
        switches_first=switches_first,
        averages=averages,
        titles=titles,
    )


# %% [markdown]
# ## The lab
#
# An image of all kinds whose group colours lie far apart: what is painted can then be told at a glance.


# %%
#| label: lab
def apart(row):
    """Measure how far the two most similar of an image's group colours lie apart."""
    means = [batch.group_mean[row, shape] for shape in np.flatnonzero(batch.kept[row])]
    kinds = batch.kind[row, batch.kept[row]]
    gaps = [
        np.abs(one - other).sum()
        for one, a in zip(means, kinds, strict=True)
        for other, b in zip(means, kinds, strict=True)
        if a != b
    ]
    return min(gaps)


every_kind = np.flatnonzero((kept.min(axis=1) >= 1) & (kept[:, RING] >= 2) & (shapes == 6))
row = int(max(every_kind, key=apart))
scene(row, shape_of(row, RING))

# %% [markdown]
# ## Steps

# %%
#| label: recolour
row = first(alone, kept[:, RING] >= 3, shapes <= 7)
scene(row, shape_of(row, RING), parts=("colour", "colours"))

# %%
#| label: drag
row = first(alone, kept[:, BLOCK] >= 2, kept[:, RING] >= 2, shapes <= 6)
scene(row, shape_of(row, BLOCK), parts=("colours", "look"))

# %%
#| label: hide
row = pick_image(batch)
kind = int(batch.kind[row, 0])
scene(row, shape_of(row, kind), parts=("colours", "look"), switches_first=True)

# %%
#| label: turn-red
row = first(alone, kept[:, DISC] >= 2, number[:, DISC] == kept[:, DISC], shapes <= 6)
scene(row, shape_of(row, DISC), head=1, parts=("colour", "colours"))

# %%
#| label: still
row = first(kept.min(axis=1) >= 1, kept.max(axis=1) >= 2, shapes == 6)
scene(row, 1, layer=0, head=2, parts=("colours", "look", "model"), switches_first=True)

# %%
#| label: one-by-one
row = first(alone, number[:, RING] == 1, shapes <= 6)
scene(row, shape_of(row, RING), parts=("colour", "look"))

# %%
#| label: disc-to-ring
row = first(kept[:, DISC] >= 2, kept[:, RING] >= 2, shapes <= 7)
scene(row, shape_of(row, DISC), head=1, parts=("colour", "look"))

# %%
#| label: crowd
row = first(kept[:, RING] >= 1, kept[:, BLOCK] >= 2, shapes <= 5)
scene(row, shape_of(row, BLOCK), "f", parts=("free", "colours", "look"))
