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
# # Self- and cross-attention
#
# One module does both. This notebook draws where its queries, keys and values come from, follows
# one query of the trained model with its numbers, and compares the module with PyTorch's.

# %%
#| label: setup
#| inputs: assets/checkpoints/flagship.safetensors
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from shapes_of_attention.data import IMAGE_TEST_SEED, KINDS, make_shapes
from shapes_of_attention.figures import cross_attention as drawn
from shapes_of_attention.interpret.two_pictures import paint_from_another, painted_and_asked
from shapes_of_attention.measure.colours import kind_means
from shapes_of_attention.measure.ideal import ideal_attention
from shapes_of_attention.models import Attention, capture_attention
from shapes_of_attention.models.attention import explicit_attention
from shapes_of_attention.training.checkpoint import load_model

torch.set_num_threads(1)
model = load_model(Path("../../assets/checkpoints/flagship.safetensors"))
batch = make_shapes([7], seed=IMAGE_TEST_SEED)
image = torch.from_numpy(batch.image).float() / 255

# %%
#| label: sources
drawn.self_and_cross()

# %% [markdown]
# The same module, given one sequence or two.

# %%
#| label: one-module
attention = Attention(dim=128, heads=4)
queries = torch.randn(1, 64, 128)
memory = torch.randn(1, 192, 128)

print("self: ", tuple(attention(queries).shape))
print("cross:", tuple(attention(queries, memory).shape))

# %% [markdown]
# ## Our encoder-decoder

# %%
#| label: blocks
with torch.no_grad():
    output = model(image)
painted = (output[0].clamp(0, 1) * 255).round().byte().numpy()

drawn.encoder_decoder(batch.image[0], painted, model)

# %% [markdown]
# ## One query, followed
#
# The patch in row 7, column 6 shows a piece of the dark red ring. We follow its query through the
# second decoder layer, first head.

# %%
#| label: mechanism
LAYER, HEAD, QUERY = 1, 0, 53
lookup = drawn.look_up(model, image, layer=LAYER, head=HEAD, query=QUERY)
drawn.mechanism(batch.image[0], painted, QUERY, lookup)

# %% [markdown]
# The steps are the layer's own: its weights, seen while it ran, are the same.

# %%
#| label: same-weights
with torch.no_grad(), capture_attention(model) as weights:
    model(image)
seen = weights[f"decoder.{LAYER}.cross_attention"][0, HEAD, QUERY].numpy()

assert np.allclose(seen, lookup.weights, atol=1e-5)
print("at most 1e-5 apart")

# %% [markdown]
# How much of the weight is on patches that show a hollow circle, and on the two other circles.

# %%
#| label: weight
truth = ideal_attention(batch, 0)
assert KINDS[batch.kind[0, truth.owner[QUERY]]] == "hollow circle"
ranked = np.sort(lookup.scores)[::-1]
{
    "on-the-group": f"{lookup.weights[truth.group[QUERY]].sum():.1%}",
    "on-the-others": f"{lookup.weights[truth.others[QUERY]].sum():.0%}",
    "scores": f"{lookup.scores.min():.0f} to {lookup.scores.max():.0f}".replace("-", "−"),
    "best-over-median": f"{np.exp(ranked[0] - np.median(lookup.scores)):,.0f}",
}

# %% [markdown]
# The colour that comes out, where the ring is thickest in this patch, and what it should be.


# %%
#| label: colour
def brightest(picture):
    row, column = divmod(QUERY, 8)
    patch = picture[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16].reshape(3, -1)
    inside = batch.target[0][:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
    whole = inside.reshape(3, -1).sum(axis=0)
    return np.median(patch[:, whole == whole.max()], axis=1).astype(int)


{
    "painted": "R {} G {} B {}".format(*brightest(painted)),
    "target": "R {} G {} B {}".format(*brightest(batch.target[0])),
}

# %% [markdown]
# **Proof.** PyTorch has attention too: a fused function and a module. With the flagship's trained
# weights copied into the module, outputs and gradients must agree.

# %%
#| label: equals-torch
ours = model.decoder[LAYER].cross_attention
theirs = nn.MultiheadAttention(128, ours.heads, batch_first=True)
with torch.no_grad():
    for name in ("weight", "bias"):
        parts = [getattr(part, name) for part in (ours.query, ours.key, ours.value)]
        getattr(theirs, f"in_proj_{name}").copy_(torch.cat(parts))
        getattr(theirs.out_proj, name).copy_(getattr(ours.output, name))

generator = torch.Generator().manual_seed(0)
x, z, direction = torch.randn(3, 8, 64, 128, generator=generator)
results = []
for attend in (ours, lambda x, z: theirs(x, z, z)[0]):
    inputs = x.clone().requires_grad_(), z.clone().requires_grad_()
    out = attend(*inputs)
    results.append((out, *torch.autograd.grad((out * direction).sum(), inputs)))

for what, mine, torchs in zip(("output", "gradient of x", "gradient of z"), *results, strict=True):
    error = ((mine - torchs).norm() / torchs.norm()).item()
    assert error < 1e-5
    print(f"{what:14s} relative difference below 1e-5")

# %%
#| label: equals-fused
q, k, v = torch.randn(3, 8, 4, 64, 32, generator=generator)
mixed, weight = explicit_attention(q, k, v)
fused = functional.scaled_dot_product_attention(q, k, v)

assert torch.allclose(weight.sum(dim=-1), torch.ones(8, 4, 64))
assert torch.allclose(mixed, fused, atol=1e-5)
print("explicit and fused differ by 1e-5 at most")

# %% [markdown]
# ## One picture asks another
#
# Queries need not come from the image that is read. Here the first decoder layer asks the image that
# is to be painted, to find out which kind a patch shows, and the second asks *another* image.
# Nothing is trained for it.

# %%
#| label: two-pictures
asking = make_shapes(range(256), seed=IMAGE_TEST_SEED)
asked = make_shapes(range(256, 512), seed=IMAGE_TEST_SEED)
foreign = paint_from_another(model, asking, asked, layer=1)

# The first three pairs in which every kind of the one, three or more, is also in the other, and no
# circle is left out.
have, other = (~np.isnan(kind_means(batch)[..., 0]) for batch in (asking, asked))
fits = (
    (~have | other).all(axis=1)
    & (have.sum(axis=1) >= 3)
    & ~(asking.present & ~asking.kept).any(axis=1)
)
shown = np.flatnonzero(fits)[:3]
drawn.two_pictures(asking.image[shown], asked.image[shown], foreign[shown])

# %%
#| label: asked
colour, theirs, own = painted_and_asked(foreign, asking, asked)
{
    "shapes": f"{len(colour):,}",
    "from-theirs": f"{np.median(abs(colour - theirs).mean(axis=1)):.1f}",
    "from-own": f"{np.median(abs(colour - own).mean(axis=1)):.0f}",
}
