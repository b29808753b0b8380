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
# # Where the model looks
#
# The attention of trained encoder-decoders over images that they have never seen: as matrices, laid
# over the image, by colour channel, and beside the attention that would solve the task.

# %%
#| label: setup
#| inputs:
#|   - assets/checkpoints/flagship.safetensors
#|   - assets/checkpoints/contrast-self-attention.safetensors
#|   - assets/checkpoints/main-encoder-decoder-channels-seed-0.safetensors
from pathlib import Path

import numpy as np
import torch

from shapes_of_attention.data import make_shapes
from shapes_of_attention.data.measure import patch_cover
from shapes_of_attention.evaluate import TEST_SEED
from shapes_of_attention.figures import attention_views
from shapes_of_attention.interpret.ideal import ideal_attention
from shapes_of_attention.models import capture_attention
from shapes_of_attention.training.checkpoint import load_model

torch.set_num_threads(1)
folder = Path("../../assets/checkpoints")
files = {
    "flagship": folder / "flagship.safetensors",
    "channels": folder / "main-encoder-decoder-channels-seed-0.safetensors",
    "deeper": folder / "contrast-self-attention.safetensors",
}
models = {name: load_model(path) for name, path in files.items()}

# %% [markdown]
# ## Eight images, and the attention over them
#
# The first eight images of the seed on which finished models are tested. None has trained on it.

# %%
#| label: capture
batch = make_shapes(range(8), seed=TEST_SEED)
image = torch.from_numpy(batch.image).float() / 255

attention = {}
with torch.no_grad():
    for name, model in models.items():
        with capture_attention(model) as weights:
            model(image)
        attention[name] = {layer: found.numpy() for layer, found in weights.items()}

for layer, found in attention["flagship"].items():
    print(f"{layer:27s}", found.shape)

# %% [markdown]
# Each query's weights add up to one, in every layer and head.

# %%
#| label: rows-add-up
sums = [found.sum(axis=-1) for name in attention for found in attention[name].values()]
assert all(np.allclose(total, 1, atol=1e-5) for total in sums)
print(f"{sum(total.size for total in sums):,} rows, each adds up to one")

# %% [markdown]
# ## The explorer
#
# It begins at a hollow circle with company: its image holds three of them.

# %%
#| label: explorer
ROW, QUERY, LAYER, HEAD = 4, 21, "decoder.1.cross_attention", 0
shown = {
    "flagship": attention["flagship"],
    # The rest is too much to send: their cross-attention alone.
    **{
        name: {layer: w for layer, w in attention[name].items() if "cross" in layer}
        for name in ("channels", "deeper")
    },
}
attention_views.attention_explorer(
    batch,
    shown,
    titles={
        "flagship": "2 + 2 layers",
        "channels": "a token a channel",
        "deeper": "3 + 3, decoder self-attention",
    },
    checkpoints={name: attention_views.checkpoint_hash(path) for name, path in files.items()},
    start=(ROW, "flagship", LAYER, HEAD, QUERY),
)

# %% [markdown]
# ## All of it at once
#
# Sixty-four queries down, sixty-four keys across, in reading order of the patches.

# %%
#| label: matrices
attention_views.attention_matrices(
    [
        (attention_views.LAYERS[layer], weights[ROW])
        for layer, weights in attention["flagship"].items()
    ]
)

# %% [markdown]
# Sorted by shape, the patches of a kind lie side by side, and its attention becomes a block. Only
# patches that show a shape are sorted in; background asks for nothing.

# %%
#| label: beside-ideal
truth = ideal_attention(batch, ROW)
kind = np.where(truth.owner >= 0, batch.kind[ROW][truth.owner], 9)
order = np.lexsort((np.arange(64), truth.owner, kind))
order = order[truth.owner[order] >= 0]
attention_views.matrix_beside_ideal(attention["flagship"][LAYER][ROW, HEAD], truth, order)

# %% [markdown]
# ## One patch asks

# %%
#| label: one-patch
maps = attention["flagship"]
attention_views.attention_map(
    batch.image[ROW],
    QUERY,
    [
        ("Decoder 1, head 3", maps["decoder.0.cross_attention"][ROW, 2, QUERY]),
        ("Decoder 2, head 1", maps[LAYER][ROW, HEAD, QUERY]),
        ("Encoder 1, head 1", maps["encoder.0.attention"][ROW, 0, QUERY]),
        ("Encoder 2, head 1", maps["encoder.1.attention"][ROW, 0, QUERY]),
        ("Ideal", truth.weights[QUERY]),
    ],
)


# %% [markdown]
# Where two heads of the decoder put their weight, for this patch: on the whole group, and on its
# other shapes.

# %%
#| label: own-shape-head
own = maps["decoder.0.cross_attention"][ROW, 2, QUERY]
print(f"{own[truth.group[QUERY]].sum():.0%}")

# %%
#| label: own-shape-head-others
print(f"{own[truth.others[QUERY]].sum():.1%}")

# %%
#| label: averaging-head
mean = maps[LAYER][ROW, HEAD, QUERY]
print(f"{mean[truth.group[QUERY]].sum():.0%}")

# %%
#| label: averaging-head-others
print(f"{mean[truth.others[QUERY]].sum():.0%}")

# %% [markdown]
# ## Held-out examples
#
# For the first six images: the first patch of the largest group, and where the decoder's second
# layer looks for it, all heads together.

# %%
#| label: held-out
pictures = []
for row in range(6):
    ideal = ideal_attention(batch, row)
    asking = [q for q in range(64) if ideal.others[q].any()]
    query = max(asking, key=lambda q: (ideal.others[q].sum(), -q))
    found = maps[LAYER][row, :, query]
    head = int((found * ideal.others[query]).sum(axis=-1).argmax())
    pictures.append((batch.image[row], query, found[head], ideal.weights[query], head))
attention_views.attention_examples(pictures)

# %% [markdown]
# ## Channel by channel
#
# The model with a token a patch and channel has 192 keys: every patch three times. So its attention
# is split between red, green and blue, and we can see which of them a query asks.

# %%
#| label: channel-sample
sample = make_shapes(range(256), seed=TEST_SEED)
pixels = torch.from_numpy(sample.image).float() / 255
parts = []
with torch.no_grad(), capture_attention(models["channels"]) as weights:
    for start in range(0, len(sample), 32):
        models["channels"](pixels[start : start + 32])
        parts.append({n: w.numpy() for n, w in weights.items() if n.startswith("decoder")})
by_layer = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
names = sorted(by_layer)
print({name: weights.shape for name, weights in by_layer.items()})

# %%
#| label: channel-shares
cover = patch_cover(sample, 16)  # [images, slots, patches]
circle = (sample.kind == 0) & sample.present
kept, left_out = circle & sample.kept, circle & ~sample.kept


def shares(slots, layer):
    """Share the attention of the patches of some shapes between channels: [3]."""
    asking = ((cover >= 64) & slots[..., None]).any(axis=1)  # [images, patches]
    split = by_layer[layer].reshape(len(sample), 4, 64, 3, 64).sum(axis=-1).mean(axis=1)
    return split[asking].mean(axis=0)


attention_views.channel_shares(
    {
        f"{who}, layer {number + 1}": shares(slots, layer)
        for number, layer in enumerate(names)
        for who, slots in (("kept circles", kept), ("filtered circles", left_out))
    }
)

# %%
#| label: circle-by-channel
asked = np.argwhere((cover >= 128) & kept[..., None] & (kept.sum(axis=1) >= 2)[:, None, None])
row, slot, query = asked[0]
split = by_layer[names[-1]][row, :, query].reshape(4, 3, 64)
goal = ideal_attention(sample, int(row)).others[query]
head = int(split.sum(axis=1)[:, goal].sum(axis=-1).argmax())
attention_views.attention_by_channel(sample.image[row], int(query), split[head])

# %%
#| label: filtered-by-channel
asked = np.argwhere((cover >= 128) & left_out[..., None] & (kept.sum(axis=1) >= 1)[:, None, None])
row, slot, query = asked[0]
split = by_layer[names[0]][row, :, query].reshape(4, 3, 64)
cells = cover[row, slot] >= 1
head = int(split.sum(axis=1)[:, cells].sum(axis=-1).argmax())
attention_views.attention_by_channel(sample.image[row], int(query), split[head])
