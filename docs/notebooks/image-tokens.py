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
# # From pixels to tokens
#
# An image becomes a list of tokens, and each token learns where it stands. Every step is drawn from
# a held-out image and trained weights, and what the post claims about it is proved.

# %%
#| label: setup
#| inputs:
#|   - assets/checkpoints/flagship.safetensors
#|   - assets/checkpoints/positions-learned-16-seed-0.safetensors
import json
from pathlib import Path

import numpy as np
import torch

from shapes_of_attention.data import IMAGE_TEST_SEED, make_shapes
from shapes_of_attention.figures import image_tokens as drawn
from shapes_of_attention.models.patches import (
    ChannelPatchEmbedding,
    PatchEmbedding,
    patchify,
    unpatchify,
)
from shapes_of_attention.models.positions import (
    grid_coordinates,
    rotary_angles,
    rotate,
    sinusoidal,
)
from shapes_of_attention.training.checkpoint import load_model

torch.set_num_threads(1)
folder = Path("../../assets/checkpoints")
flagship = load_model(folder / "flagship.safetensors")
learned = load_model(folder / "positions-learned-16-seed-0.safetensors")

# %% [markdown]
# ## Patches
#
# Image 7 of the seed on which finished models are tested, and the patch to follow.

# %%
#| label: sample
ROW, PATCH = 7, 22
levels = make_shapes([ROW], seed=IMAGE_TEST_SEED).image
image = torch.from_numpy(levels).float() / 255
print(tuple(image.shape))

# %%
#| label: shapes
patches = patchify(image, 16)
tokens = PatchEmbedding(patch=16, dim=128)(image)
channel_tokens = ChannelPatchEmbedding(patch=16, dim=128)(image)

print("image         ", tuple(image.shape))
print("patches       ", tuple(patches.shape))
print("tokens        ", tuple(tokens.shape))
print("channel tokens", tuple(channel_tokens.shape))

# %% [markdown]
# **Proof.** Cutting loses nothing: put the patches back and the image is there again, bit for bit.

# %%
#| label: round-trip
restored = unpatchify(patchify(image, 16), patch=16, rows=8)

assert torch.equal(restored, image)
print(f"{(restored == image).sum().item():,} of {image.numel():,} numbers are the same")

# %% [markdown]
# The four steps, as a trained model sees them: one that learned its places. (The flagship turns its
# queries and keys instead, so nothing is added in its third step.) What the first layer is given is
# the sum.

# %%
#| label: four-steps
seen = []
learned.encoder[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
with torch.no_grad():
    learned(image)
    content = learned.embedding(image)[0].numpy()  # [64, 128]
table = learned.positions.table.detach().numpy()  # [64, 128]
assert np.allclose(seen[0][0], content + table)

drawn.four_steps(levels[0], PATCH, content, table)

# %%
#| label: one-image
{
    "black-patches": (patches[0].amax(dim=1) == 0).sum().item(),
    "largest": {
        "content": f"{abs(content[PATCH]).max():.2g}",
        "position": f"{abs(table[PATCH]).max():.2g}",
    },
}

# %% [markdown]
# ## A token a channel

# %%
#| label: channel-tokens
drawn.channel_tokens(levels[0], PATCH)

# %% [markdown]
# ## Positions
#
# **Proof.** Take the positions away from the flagship's trained encoder, and it cannot tell one
# arrangement of the patches from another: shuffle them, and its outputs are the same, shuffled.
# With positions they are not.

# %%
#| label: equivariance
order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
shuffled = unpatchify(patchify(image, 16)[:, order], patch=16, rows=8)


def difference():
    with torch.no_grad():
        return (flagship.encode(shuffled) - flagship.encode(image)[:, order]).abs().max().item()


with_positions = difference()
angles, flagship.memory_rotary = flagship.memory_rotary, None
without_positions = difference()
flagship.memory_rotary = angles

assert without_positions < 1e-5 < 0.1 < with_positions
print("without positions: below 1e-5")
print(f"with positions:    {with_positions:.1f}")

# %% [markdown]
# ## Turning, pair by pair
#
# The columns' pairs of a head of 32 numbers. Eight pairs turn with the column, eight with the row.

# %%
#| label: clocks
drawn.rotary_clocks(head_dim=32)

# %% [markdown]
# **Proof.** The same query and key at every place of the grid: 64 × 64 scores. Scores of pairs that
# are the same number of rows and columns apart must be equal.

# %%
#| label: relative
generator = torch.Generator().manual_seed(0)
query, key = torch.randn(2, 1, 1, 1, 32, generator=generator).expand(2, 1, 1, 64, 32)
cells = grid_coordinates(8, 8)  # [64, 2]
turn = rotary_angles(cells, head_dim=32)

score = (rotate(query, turn) @ rotate(key, turn).transpose(-2, -1))[0, 0]  # [64, 64]

steps = cells[None] - cells[:, None]  # [64, 64, 2], rows and columns from query to key
offset = ((steps[..., 0] + 7) * 15 + steps[..., 1] + 7).long()  # 15 × 15 offsets
spread = max((score[offset == o].max() - score[offset == o].min()).item() for o in offset.unique())

assert spread < 1e-5 < 1 < score.max() - score.min()
print(f"{len(offset.unique())} offsets; scores of one offset differ by 1e-5 at most,")
print(f"scores of different offsets by {score.max() - score.min():.0f}")

# %% [markdown]
# ## How alike are two places?
#
# For each kind of positions one patch is compared with all others. Sinusoidal and learned: the
# cosine between the vectors that are added, the learned ones from a model that trained with them.
# Rotary: the score of two equal tokens, which would be one everywhere if nothing turned.

# %%
#| label: position-maps
positions = sinusoidal(cells, dim=128, base=100.0).numpy()  # [64, 128]
kinds = {
    "Sinusoidal": drawn.row_similarity(positions),
    "Learned": drawn.row_similarity(table),
    "Rotary": drawn.relative_score(grid=8, head_dim=32),
}
drawn.position_maps(kinds, PATCH)

# %% [markdown]
# Sinusoidal and rotary maps look alike. Two places' sines and cosines multiply to the cosine of the
# angle between them, which is what turning gives.

# %%
#| label: same-kernel
narrow = drawn.row_similarity(sinusoidal(cells, dim=32, base=100.0).numpy())
gap = abs(narrow - kinds["Rotary"]).max()

assert gap < 1e-6
print("at most 1e-6 apart")

# %% [markdown]
# Does the learned table know that neighbours are neighbours? Its likeness between places one step
# apart, and between places further off. In noise both would be zero on average.

# %%
#| label: learned-places
#| inputs: assets/records/positions-learned-16-seed-0.json
distance = (cells[None] - cells[:, None]).abs().sum(dim=-1).numpy()
record = json.loads(Path("../../assets/records/positions-learned-16-seed-0.json").read_text())
{
    "neighbours": f"{kinds['Learned'][distance == 1].mean():.2f}",
    "far": f"{kinds['Learned'][distance > 1].mean():.2f}",
    "training-images": f"{record['images']:,}",
}
