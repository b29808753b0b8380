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
# # The series dataset
#
# A noisy line with triangles, rectangles and semicircles, upright or inverted. In the target every
# shape stands in its place, without noise, at the **mean amplitude of its kind**. This notebook
# makes the series, looks at them, and proves the rule from the samples.

# %%
#| label: setup
import numpy as np

from shapes_of_attention.figures import series_data as drawn
from shapes_of_attention.measure.series import drawn_amplitudes, ideal_attention
from shapes_of_attention.series import SERIES_KINDS, SeriesConfig, make_series

# %% [markdown]
# ## Series to order
#
# `make_series` draws the series with the indices it is given. Series 7 of seed 0 is the same on
# every machine, whichever series are drawn beside it.

# %%
#| label: sample
sample = make_series(range(4096), seed=0)

print("signal   ", sample.signal.dtype, sample.signal.shape)
print("target   ", sample.target.dtype, sample.target.shape)
print("kind     ", sample.kind.dtype, sample.kind.shape, "  -1 where a slot is empty")
print("amplitude", sample.amplitude.dtype, sample.amplitude.shape)

# %% [markdown]
# The first three, not chosen. Grey is what a model is given, colour is what it should answer.

# %%
#| label: examples
drawn.series_rows(sample, rows=[0, 1, 2])

# %% [markdown]
# What the generator may draw:

# %%
#| label: generator
config = SeriesConfig()
same = (sample.kind[:, :, None] == sample.kind[:, None, :]) & sample.present[:, :, None]
size = same.sum(axis=2)  # [series, slots]: shapes of the same kind, itself included
{
    "length": config.length,
    "shapes": f"{config.fewest} to {config.slots}",
    "width": f"{config.width[0]:.0f} to {config.width[1]:.0f}",
    "amplitude": f"{config.amplitude[0]} to {config.amplitude[1]}",
    "noise": config.noise,
    "share-with-company": f"{(size[sample.present] > 1).mean():.0%}",
}

# %% [markdown]
# ## One series to follow
#
# The first with three triangles among seven shapes, of which some are inverted.

# %%
#| label: example
wanted = (
    (sample.present.sum(axis=1) == 7)
    & ((sample.kind == 0).sum(axis=1) == 3)
    & ((sample.kind == 1).sum(axis=1) == 2)
    & ((sample.kind == 2).sum(axis=1) == 2)
    & (((sample.kind == 0) & sample.inverted).sum(axis=1) == 1)
)
index = int(np.flatnonzero(wanted)[0])
example = make_series([index])
print("series", index)

# %%
#| label: averaging
drawn.averaging(example)

# %% [markdown]
# **Proof.** Read every shape's amplitude off the samples of the signal, average by kind, and
# compare with the amplitudes read off the target. Without noise the two must agree to rounding.

# %%
#| label: mean-proof
quiet = make_series(range(4096), seed=0, config=SeriesConfig(noise=0.0))
seen = drawn_amplitudes(quiet.signal, quiet)  # [series, slots]
asked = drawn_amplitudes(quiet.target, quiet)

worst = 0.0
for row in range(len(quiet)):
    for kind in range(len(SERIES_KINDS)):
        group = quiet.kind[row] == kind
        if group.any():
            worst = max(worst, np.abs(asked[row, group] - seen[row, group].mean()).max())

assert worst < 1e-5
print(f"{quiet.present.sum():,} shapes, at most 1e-5 apart")

# %%
#| label: shapes-checked
print(f"{quiet.present.sum():,}")

# %% [markdown]
# How much does the noise blur an amplitude? Read off the noisy signal:

# %%
#| label: noise-blur
blur = np.abs(drawn_amplitudes(sample.signal, sample) - sample.amplitude)[sample.present]
print(f"{np.median(blur):.3f}")

# %% [markdown]
# ## The target is attention
#
# Cut the series into tokens of ten samples. A token that draws a shape should gather from the
# tokens of all shapes of that kind, and from nothing else.

# %%
#| label: ideal
ideal = ideal_attention(example, token=10)  # [query, key], empty rows between shapes
drawn.attention_matrix(example, ideal, title="Ideal attention")
