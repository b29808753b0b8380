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
# # The shapes dataset
#
# A task small enough to check by hand and wide enough to need attention. An image shows a few
# shapes on black. Its target shows the same shapes, each in the **mean colour of its kind**; filled
# circles count only where **red leads**. This notebook makes the images, looks at them, and proves
# both rules from the pixels.

# %%
#| label: setup
import numpy as np
from IPython.display import HTML

from shapes_of_attention.data import KINDS, ShapesConfig, make_shapes
from shapes_of_attention.figures import shapes as figures

# %% [markdown]
# ## Images to order
#
# `make_shapes` draws the images with the indices it is given. Image 7 of seed 0 is the same image
# on every machine, whichever images are drawn beside it. This sample serves the whole notebook.

# %%
#| label: sample
sample = make_shapes(range(4096), seed=0)

print("image ", sample.image.dtype, sample.image.shape)
print("target", sample.target.dtype, sample.target.shape)
print("kind  ", sample.kind.dtype, sample.kind.shape, "  one slot for each shape, -1 where empty")
print("colour", sample.colour.dtype, sample.colour.shape)

# %%
#| label: batch
figures.image_grid(sample.image[:6])

# %% [markdown]
# And what is to become of them. Below each image stands its target: the first two images that hold
# all four kinds and in which every shape counts.

# %%
#| label: puzzle
every_kind = np.all([(sample.kind == number).any(axis=1) for number in range(len(KINDS))], axis=0)
none_left_out = (sample.kept == sample.present).all(axis=1)
two = np.flatnonzero(every_kind & none_left_out)[:2]
figures.image_grid(np.concatenate([sample.image[two], sample.target[two]]), columns=2)

# %% [markdown]
# How many shapes does an image hold?

# %%
#| label: shapes-per-image
config = ShapesConfig()
{
    "mean": f"{sample.present.sum(axis=1).mean():.1f}",
    "fewest": int(sample.present.sum(axis=1).min()),
    "most": int(sample.present.sum(axis=1).max()),
    "side": f"{config.side[0]:.0f} to {config.side[1]:.0f}",
    "images-sampled": f"{len(sample):,}",
}

# %% [markdown]
# ## Four kinds
#
# The first five shapes of each kind in the sample, cut out of their images at one scale.

# %%
#| label: kinds
figures.kind_gallery(sample)

# %%
#| label: kind-counts
counts = [(sample.kind == number).sum() for number in range(len(KINDS))]
for name, count in zip(KINDS, counts, strict=True):
    print(f"{name:17s}{count:6d}  {count / sum(counts):.0%}")

# %% [markdown]
# ## One image to follow
#
# The first image of the sample in which both rules can be seen: one filled circle is left out, two
# or more are kept, all four kinds are there, and three of them with company.

# %%
#| label: example
members = np.stack(
    [(sample.kept & (sample.kind == number)).sum(axis=1) for number in range(len(KINDS))], axis=1
)  # [images, kinds]
left_out = (sample.present & ~sample.kept).sum(axis=1)  # [images]
telling = (
    (left_out == 1)
    & (members[:, 0] >= 2)
    & (members.min(axis=1) >= 1)
    & ((members >= 2).sum(axis=1) >= 3)
)
index = int(np.flatnonzero(telling)[0])
example = make_shapes([index])
without_filter = make_shapes([index], config=ShapesConfig(red_filter=False))
print("image", index)

# %% [markdown]
# ## Rule one: each kind takes its mean colour
#
# The colours of one kind are added and divided by their number. A shape without company keeps its
# colour.

# %%
#| label: averaging
figures.averaging(example.kind[0], example.colour[0], example.kept[0], example.group_mean[0])

# %% [markdown]
# **Proof.** Boxes do not touch, so each holds one shape, and its brightest pixel shows the shape's
# colour. Read the colours from the input's pixels, average them over the kind, and read the
# target's pixels: they must agree. Both images round to whole levels, so one level is the most they
# may differ.


# %%
#| label: colour-proof
def colours_in(picture, boxes):
    """Read the colour of the one shape in each box: [3, size, size], [shapes, 4] -> [shapes, 3]."""
    corners = np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1).astype(int)
    return np.array([picture[:, y0:y1, x0:x1].max(axis=(1, 2)) for x0, y0, x1, y1 in corners])


worst = 0.0
seen, painted, kinds = [], [], []  # for every shape of the sample
for row, there in enumerate(sample.present):
    seen.append(colours_in(sample.image[row], sample.box[row, there]))
    painted.append(colours_in(sample.target[row], sample.box[row, there]))
    kinds.append(sample.kind[row, there])
    for number in range(len(KINDS)):
        group = (kinds[-1] == number) & sample.kept[row, there]
        if group.any():
            mean = seen[-1][group].mean(axis=0)
            worst = max(worst, np.abs(painted[-1][group] - mean).max())

assert worst <= 1
print(f"largest difference in {len(sample):,} images: {worst:.2f} of 255 levels")

# %%
#| label: largest-difference
print(f"{worst:.2f}")

# %% [markdown]
# ## Rule two: a filled circle counts only where red leads
#
# Each point is a filled circle of the sample, in its own colour. Red must exceed green *and* blue,
# that is, the larger of the two: one straight line.

# %%
#| label: red-filter
figures.red_plane(sample.colour[sample.kind == 0][:200])

# %% [markdown]
# **Proof.** From the pixels again: a shape is black in the target exactly when it is a filled
# circle whose red does not lead.

# %%
#| label: filter-proof
red, green, blue = np.concatenate(seen).T
is_filled_circle = np.concatenate(kinds) == 0
is_black = np.concatenate(painted).max(axis=1) == 0

assert np.array_equal(is_black, is_filled_circle & ~((red > green) & (red > blue)))
print(f"{len(is_black):,} shapes in {len(sample):,} images")
print(f"{is_filled_circle.sum():,} filled circles, {is_black.sum():,} of them left out")

# %%
#| label: left-out
{
    "share": f"{is_black.sum() / is_filled_circle.sum():.0%}",
    "least-lead": f"{config.dominance:.0f}",
    "shapes-checked": f"{len(is_black):,}",
}

# %% [markdown]
# ## Both rules on the one image
#
# In the middle everything but the filled circles is dimmed. Ringed circles are kept, the crossed
# one is left out; the dashed ring shows where the target misses it.

# %%
#| label: input-filter-target
figures.input_filter_target(example)

# %% [markdown]
# Pick a shape to see its colour before and after. The buttons switch between the input, the target,
# and the target as it would be without the filter.

# %%
#| label: one-image
figures.explorer(example, without_filter)

# %% [markdown]
# The same as a table. `make_shapes` returns this truth with every image.


# %%
#| label: truth
#| fold: true
def levels(colour):
    """Write a colour's levels with spaces that do not break: on a phone they stay in one line."""
    return "black" if np.isnan(colour).any() else "\u00a0".join(f"{level:.0f}" for level in colour)


rows = [
    f"<tr><td>{place}</td><td>{KINDS[example.kind[0, slot]]}</td>"
    f"<td>{levels(example.colour[0, slot])}</td>"
    f"<td>{levels(example.group_mean[0, slot])}</td>"
    f"<td>{levels(without_filter.group_mean[0, slot])}</td></tr>"
    for place, slot in enumerate(np.flatnonzero(example.present[0]), start=1)
]
HTML(
    "<table><thead><tr><th>No.</th><th>Kind</th><th>Input R G B</th><th>Target</th>"
    "<th>Without the filter</th></tr></thead><tbody>" + "".join(rows) + "</tbody></table>"
)

# %% [markdown]
# What the filter changes for the circles that stay:

# %%
#| label: circles
circles = example.kept[0] & (example.kind[0] == 0)
{
    "with-filter": figures.rgb(example.group_mean[0][circles][0]),
    "without-filter": figures.rgb(without_filter.group_mean[0][circles][0]),
}

# %% [markdown]
# ## The target as attention
#
# A mean over a group is a weighted sum, and so is attention. Give every shape its kind as a key,
# ask with the kind, mix the colours: softmax attention paints the target. Keys of circles that are
# left out are zero, so no query matches them.

# %%
#| label: target-as-attention
there = np.flatnonzero(example.present[0])
there = there[np.argsort(example.kind[0, there], kind="stable")]  # kinds side by side
kind, colour, kept = example.kind[0, there], example.colour[0, there], example.kept[0, there]

kind_code = 8.0 * np.eye(len(KINDS))[kind]  # [shapes, 4], one-hot, scaled
query = kind_code[kept]  # [queries, 4]
key = kind_code * kept[:, None]  # [keys, 4]

score = query @ key.T / np.sqrt(query.shape[-1])  # [queries, keys]
weight = np.exp(score - score.max(axis=1, keepdims=True))
weight /= weight.sum(axis=1, keepdims=True)  # softmax over keys
mixed = weight @ colour  # [queries, 3]

difference = np.abs(mixed - example.group_mean[0, there][kept]).max()
assert difference < 1e-3
print(f"attention and the target's colours differ by {difference:.3f} levels at most")

# %%
#| label: ideal-attention
figures.shape_attention(weight, kind[kept], mixed, kind, colour)
