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
#|   - assets/checkpoints/channels-warm-seed-0.safetensors
#|   - assets/checkpoints/compare-encoder-decoder-channels-seed-0.safetensors
#|   - assets/records/channels-warm-seed-*.json
#|   - assets/records/compare-encoder-decoder-channels-seed-*.json
#|   - assets/records/interpretation-channels.json
import json
from pathlib import Path

import numpy as np
import torch
from IPython.display import HTML
from shapes_of_attention.data import IMAGE_TEST_SEED, make_shapes
from shapes_of_attention.figures import attention_views
from shapes_of_attention.figures.toolkit.dot_rows import DotRow, Series, dot_rows
from shapes_of_attention.figures.toolkit.table import mean_and_range, sortable_table
from shapes_of_attention.measure.ideal import ideal_attention
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.models import capture_attention
from shapes_of_attention.palette import AZURE, ORCHID
from shapes_of_attention.studies.record import comparable, read_records
from shapes_of_attention.training.checkpoint import load_model

torch.set_num_threads(1)
folder = Path("../../assets/checkpoints")
files = {
    "flagship": folder / "flagship.safetensors",
    "channels": folder / "channels-warm-seed-0.safetensors",
    "from-nothing": folder / "compare-encoder-decoder-channels-seed-0.safetensors",
    "deeper": folder / "contrast-self-attention.safetensors",
}
models = {name: load_model(path) for name, path in files.items()}
records = folder.parent / "records"
scanned = json.loads((records / "interpretation-channels.json").read_text())
channel_runs = comparable(read_records(records, families=("channels",)))["warm"]
from_nothing = comparable(
    run
    for run in read_records(records, families=("compare",))
    if run.label == "encoder-decoder-channels"
)["encoder-decoder-channels"]

# %% [markdown]
# ## Eight images, and the attention over them
#
# The first eight images of the seed on which finished models are tested. None has trained on it.

# %%
#| label: capture
batch = make_shapes(range(8), seed=IMAGE_TEST_SEED)
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
        for name in ("channels", "from-nothing", "deeper")
    },
}
attention_views.attention_explorer(
    batch,
    shown,
    titles={
        "flagship": "2 + 2 layers",
        "channels": "RGB, head start",
        "from-nothing": "RGB, from nothing",
        "deeper": "3 + 3 layers",
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
#| label: two-heads
own = maps["decoder.0.cross_attention"][ROW, 2, QUERY]
mean = maps[LAYER][ROW, HEAD, QUERY]
{
    "own-shape": {
        "group": f"{own[truth.group[QUERY]].sum():.0%}",
        "others": f"{own[truth.others[QUERY]].sum():.1%}",
    },
    "averaging": {
        "group": f"{mean[truth.group[QUERY]].sum():.0%}",
        "others": f"{mean[truth.others[QUERY]].sum():.0%}",
    },
}

# %% [markdown]
# Is this patch typical? Over all patches of 256 held-out images whose group has another shape: the
# part of a head's weight that lies on the group's other shapes, by kind.

# %%
#| label: sample
sample = make_shapes(range(256), seed=IMAGE_TEST_SEED)
pixels = torch.from_numpy(sample.image).float() / 255
truths = [ideal_attention(sample, row) for row in range(len(sample))]
company = np.array([t.others.any(axis=1) for t in truths])  # [images, patches]
owner = np.array([t.owner for t in truths])
kinds = np.where(owner >= 0, np.take_along_axis(sample.kind, owner.clip(0), axis=1), -1)
group = np.array([t.group for t in truths])  # [images, query, key]
others = np.array([t.others for t in truths])


def attend(model):
    """Collect a model's attention over the sample: module -> [images, heads, query, key]."""
    parts = []
    with torch.no_grad(), capture_attention(model) as weights:
        for start in range(0, len(sample), 32):
            model(pixels[start : start + 32])
            parts.append({name: w.numpy() for name, w in weights.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


over = attend(models["flagship"])


def on(keys, layer, head, kind):
    """Average over the patches of a kind the weight that lies on some keys."""
    asking = company & (kinds == kind)
    return (over[layer][:, head] * keys).sum(axis=-1)[asking].mean()


for number in range(2):
    for head in range(4):
        mass = [on(others, f"decoder.{number}.cross_attention", head, kind) for kind in range(4)]
        print(f"decoder {number + 1}, head {head + 1}:", *(f"{m:.0%}" for m in mass), sep="\t")

# %%
#| label: filled-circles
{
    "first-head": f"{on(group, 'decoder.1.cross_attention', 0, 0):.0%}",
    "second-head": f"{on(group, 'decoder.1.cross_attention', 1, 0):.0%}",
}

# %% [markdown]
# How local is the encoder? The part of the second layer's weight, all heads together, on the patch
# that asks and the eight around it.

# %%
#| label: encoder-near
row, column = np.divmod(np.arange(64), 8)
near = (abs(row[:, None] - row) <= 1) & (abs(column[:, None] - column) <= 1)
print(f"{(over['encoder.1.attention'] * near).sum(axis=-1).mean():.0%}")

# %%
#| label: encoder-near-first
print(f"{(over['encoder.0.attention'] * near).sum(axis=-1).mean():.0%}")

# %% [markdown]
# ## Held-out examples
#
# For the first six images: the patch with the most company, and where it looks, in the head of the
# decoder's second layer that finds that company best.

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
# is split between red, green and blue, and we can see which of them a query asks. Three runs went on
# from the weights of the model with a token a patch, its projection as the mean of three; three
# began from nothing.

# %%
#| label: channels
words = {2: "two", 3: "three"}


def errors_of(runs):
    """Say between which values the median errors of runs lie."""
    errors = [run.score.colour_error for run in runs]
    return f"{min(errors):.1f} to {max(errors):.1f}"


def slopes_of(runs):
    """Say between which values the slopes of all kinds lie."""
    slopes = [
        slope for run in runs for slope in run.test["intervention"]["slope_by_kind"].values()
    ]
    return f"{min(slopes):.2f} to {max(slopes):.2f}"


{
    "seeds": words[len(channel_runs)],
    "images": f"{channel_runs[0].images:,}",
    "error": errors_of(channel_runs),
    "slopes": slopes_of(channel_runs),
    "from-nothing": {
        "seeds": words[len(from_nothing)],
        "images": f"{from_nothing[0].images:,}",
        "error": errors_of(from_nothing),
        "slopes": slopes_of(from_nothing),
    },
}

# %% [markdown]
# Which channels do they ask? The share of the cross-attention of patches that filled shapes cover,
# on record for all six: `python -m shapes_of_attention.interpret.scan channels`.

# %%
#| label: channel-shares
scans = {
    begun: [scanned["models"][run.name.replace("/", "-")] for run in runs]
    for begun, runs in (("from nothing", from_nothing), ("head start", channel_runs))
}
assert all(len(found) == 3 for found in scans.values())
ASKING = {
    "kept": "filled circle",
    "rectangles": "filled rectangle",
}


def asked(begun, who, layer=1):
    """Share the attention of patches of a sort between channels, model by model: [models, 3]."""
    module = f"decoder.{layer}.cross_attention"
    return np.array([scan["attention"][module][ASKING[who]] for scan in scans[begun]])


attention_views.channel_shares(
    {
        f"{begun}, seed {seed}": parts
        for begun in scans
        for seed, parts in enumerate(asked(begun, "kept"))
    }
)

# %%
#| label: red-share
for begun in scans:
    for layer in (0, 1):
        red = {who: asked(begun, who, layer)[:, 0].round(2).tolist() for who in ASKING}
        print(f"{begun}, layer {layer + 1}: red's share", red)


def each(values):
    """Say a share for each of three models, in the order of their starts."""
    first, second, third = (f"{value:.0%}" for value in values)
    return f"{first}, {second} and {third}"


{begun.split()[-1]: {who: each(asked(begun, who)[:, 0]) for who in ASKING} for begun in scans}

# %% [markdown]
# What does that look like? One model that began from nothing, in the decoder's second layer: the head
# that gives red the largest share when kept circles ask, in the first held-out image with circles
# of both sorts, for the patch that shows the most of each.

# %%
#| label: circles-by-channel
circle = (sample.kind == 0) & sample.present
kept, left_out = circle & sample.kept, circle & ~sample.kept
cover = patch_cover(sample, 16)  # [images, slots, patches]
by_channel = attend(models["from-nothing"])["decoder.1.cross_attention"].reshape(
    len(sample), 4, 64, 3, 64  # [images, heads, query, channel, patch]
)
asks = ((cover >= 128) & kept[..., None]).any(axis=1)  # [images, patches]
red_of_heads = by_channel[..., 0, :].sum(axis=-1).transpose(0, 2, 1)[asks].mean(axis=0)
big = (cover * circle[..., None]).max(axis=-1) >= 128
row = int(np.flatnonzero((big & kept).any(axis=1) & (big & left_out).any(axis=1))[0])
asking = []
for title, slots in (("A kept circle asks", kept), ("A filtered circle asks", left_out)):
    query = int((cover[row] * slots[row][:, None]).max(axis=0).argmax())
    asking.append((title, query, by_channel[row, red_of_heads.argmax(), query]))
attention_views.attention_by_channel(sample.image[row], asking)

# %% [markdown]
# Where attention goes is not yet what it is for. So keys are hidden: of one shape an image, those of
# a channel alone, of two, or all. How much of the shape's vote do the others of its group lose?

# %%
#| label: hidden-keys
def lost(begun, kind, keys):
    """Measure the vote lost, as a part of it, model by model."""
    return [float(np.mean(scan["subjects"][kind][keys]["others_slope"])) for scan in scans[begun]]


rows = []
for kind in ("filled circle", "filled rectangle"):
    rows.append(DotRow(label=f"Of a {kind}"))
    rows += [
        DotRow(label=label, values=[lost(begun, kind, keys) for begun in scans])
        for label, keys in (
            ("its red", "red"),
            ("green and blue", "green and blue"),
            ("all three", "all"),
        )
    ]
dot_rows(
    [Series(name="from nothing", colour=ORCHID), Series(name="with a head start", colour=AZURE)],
    rows,
    title="part of its vote lost, %",
    ticks=[(tick / 100, str(tick)) for tick in (0, 25, 50, 75, 100)],
    limits=(-0.04, 1.04),
)

# %%
#| label: vote
# As the text says: with red hidden two of those from nothing lose all that can be lost and with green
# and blue nothing, the third some with either; with a head start most goes with green and blue.
CIRCLE = "filled circle"
from_red, from_rest, from_all = (
    {begun: np.array(lost(begun, CIRCLE, keys)) for begun in scans}
    for keys in ("red", "green and blue", "all")
)
alone = (from_all["from nothing"] - from_red["from nothing"] < 0.02) & (from_rest["from nothing"] < 0.01)
assert alone.sum() == 2 and (asked("from nothing", "kept")[alone, 0] > 0.8).all()
assert from_red["head start"].max() < 0.1 and from_rest["head start"].min() > 0.7
# Of two from nothing, red keys carry the vote's green and blue as well: their encoder mixes, too.
mixed = [s["subjects"][CIRCLE]["red"]["others_slope"] for s in scans["from nothing"]]
assert (np.array(mixed)[alone] > 0.8).all()
stays = [
    scan["subjects"][kind][keys]["visible"]
    for found in scans.values()
    for scan in found
    for kind, keys in ((CIRCLE, "red"), (CIRCLE, "all"), ("filled rectangle", "all"))
]
(counted,) = {s["subjects"][CIRCLE]["red"]["others"] for found in scans.values() for s in found}
{
    "counted": counted,
    "images": scanned["images"],
    "red": each(from_red["from nothing"]),
    "others": each(from_rest["from nothing"]),
    "stays": f"{min(stays):.0%}",
    "back": each(
        scan["subjects"]["left-out filled circle"]["green and blue"]["visible"]
        for scan in scans["from nothing"]
    ),
}

# %%
#| label: each-channel
def part_of(begun, kind, keys):
    """Write how much of its vote a shape loses, and how often it is still painted itself."""
    painted = [scan["subjects"][kind][keys]["visible"] for scan in scans[begun]]
    return [
        mean_and_range([100 * part for part in found], ".0f", "%")
        for found in (lost(begun, kind, keys), painted)
    ]


HTML(
    sortable_table(
        "Hidden keys",
        [f"{what}, {begun}" for begun in scans for what in ("Vote lost", "Still painted")],
        [
            (
                f"{kind.removeprefix('filled ').capitalize()}: {keys}",
                [cell for begun in scans for cell in part_of(begun, kind, keys)],
            )
            for kind in (CIRCLE, "filled rectangle")
            for keys in ("red", "green", "blue", "green and blue", "all")
        ],
    )
)
