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
# # Efficient attention, family by family
#
# Masks as pictures, each family beside exact attention, and its error against its budget.

# %%
#| label: setup
import numpy as np
import torch
from IPython.display import HTML
from torch.nn import functional

from shapes_of_attention.efficient import (
    AdaptiveSpanAttention,
    block_layout,
    block_sparse_attention,
    entmax,
    linformer_attention,
    local_attention,
    lsh_attention,
    orthogonal_directions,
    performer_attention,
    shared_attention,
)
from shapes_of_attention.efficient.adaptive_span import soft_mask
from shapes_of_attention.efficient.masks import (
    block_mask,
    full_mask,
    global_mask,
    layers_to_all,
    local_mask,
    strided_mask,
)
from shapes_of_attention.efficient.reformer import hash_buckets
from shapes_of_attention.figures import attention_patterns, efficiency
from shapes_of_attention.figures.toolkit.table import sortable_table, value_cell
from shapes_of_attention.measure.approximation import (
    APPROXIMATIONS,
    SETTINGS,
    answering_mean,
    budget_errors,
    keys_looked_at,
    keys_seen,
    peaked_groups,
    relative_error,
)
from shapes_of_attention.models.attention import causal_mask, explicit_attention

torch.set_num_threads(1)

# %% [markdown]
# ## Patterns
#
# Queries run down, keys across; a coloured cell is a pair that is computed. How many layers does it
# take until all tokens have reached all others?

# %%
#| label: patterns
n = 32
layout = block_layout(n // 2, random_blocks=1, seed=3)
masks = {
    "full": full_mask(n),
    "causal": causal_mask(n),
    "local": local_mask(n, window=3),
    "local + global": local_mask(n, window=3) | global_mask(n, number=2),
    "local + strided": local_mask(n, window=3) | strided_mask(n, stride=6),
    "block-sparse": block_mask(n, block=2, layout=layout),
}
about = {
    "full": "Every token looks at every other.",
    "causal": "No token looks ahead.",
    "local": "Neighbours only: news travels one window a layer.",
    "local + global": "The first two tokens see all and are seen by all: they pass everything on.",
    "local + strided": "Neighbours, and every sixth token.",
    "block-sparse": "Blocks of two: neighbours, one global block, one at random in each row.",
}
layers = {name: layers_to_all(mask) for name, mask in masks.items()}
assert layers["local + global"] == layers["local + strided"] == 2
attention_patterns.pattern_view(
    {name: mask.numpy() for name, mask in masks.items()},
    about,
    layers=layers,
    start="local + global",
    query=20,
)

# %% [markdown]
# ### The same budget for each
#
# 512 tokens, about 64 keys for an ordinary query (few see all). What does each pattern get wrong, in
# the two sorts of attention that are explained below, and how many layers until all have met?

# %%
#| label: pattern-table
#| fold: true
tokens = 512
place = torch.arange(tokens // 8)
strided_blocks = (place[:, None] - place[None, :]).abs() <= 1
strided_blocks |= (place[:, None] - place[None, :]) % 12 == 0
budgeted = {
    "local": local_mask(tokens, window=32),
    "local + global": local_mask(tokens, window=24) | global_mask(tokens, number=16),
    "local + strided": local_mask(tokens, window=16) | strided_mask(tokens, stride=16),
    "block-sparse": block_mask(tokens, block=8, layout=block_layout(tokens // 8, random_blocks=4)),
}


def pattern_error(mask, setting):
    """Average the error of the mix over four draws, as below."""
    errors = []
    for seed in range(4):
        q, k, v = SETTINGS[setting](seed)
        found, _ = explicit_attention(q, k, v, mask=mask)
        errors.append(relative_error(found, explicit_attention(q, k, v)[0]))
    return float(np.mean(errors))


found = {
    name: {
        "keys": mask.sum(dim=1).float().median().item(),
        "layers": layers_to_all(mask),
        **{setting: pattern_error(mask, setting) for setting in SETTINGS},
    }
    for name, mask in budgeted.items()
}
HTML(
    sortable_table(
        "Pattern",
        ("Keys a query, median", "Layers until all have met", "Error, peaked", "Error, diffuse"),
        [
            (
                name,
                [
                    value_cell(row["keys"], ".0f"),
                    value_cell(row["layers"], ".0f"),
                    value_cell(row["peaked"], ".2f"),
                    value_cell(row["diffuse"], ".2f"),
                ],
            )
            for name, row in found.items()
        ],
    )
)

# %%
#| label: pattern
{
    name.replace("local + ", ""): {
        "layers": f"{row['layers']}",
        "peaked": f"{row['peaked']:.2f}",
        "diffuse": f"{row['diffuse']:.2f}",
    }
    for name, row in found.items()
}

# %% [markdown]
# **Proof.** A pattern of blocks is computed without the rest: any layout gives what its mask gives.

# %%
#| label: block-proof
q, k, v = SETTINGS["peaked"](0)
layouts = {
    "strided": strided_blocks,
    "Big Bird": block_layout(tokens // 8, random_blocks=3),
}
for name, layout in layouts.items():
    blocked = block_sparse_attention(q, k, v, layout=layout, block=8)
    masked, _ = explicit_attention(q, k, v, mask=block_mask(tokens, block=8, layout=layout))
    assert torch.allclose(blocked, masked, atol=1e-5)
    share = layout.float().mean()
    print(f"{name:9s}{share:.0%} of the blocks computed, at most 1e-5 apart")

# %% [markdown]
# ## Proofs
#
# Random queries, keys and values in double precision: [batch, heads, tokens, head_dim].

# %%
#| label: local-proof
q, k, v = torch.randn(
    3, 2, 4, 100, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
)

blocked = local_attention(q, k, v, window=7)
masked, _ = explicit_attention(q, k, v, mask=local_mask(100, window=7))
full, _ = explicit_attention(q, k, v)

assert torch.allclose(blocked, masked, atol=1e-12)
assert torch.allclose(local_attention(q, k, v, window=99), full, atol=1e-12)
print("blocked and masked: at most 1e-12 apart")

# %%
#| label: exact-proof
every_block = torch.ones(10, 10)
identity = torch.eye(100, dtype=torch.float64)
span = AdaptiveSpanAttention(heads=4, longest=100, initial=100).double()

found = {
    "all blocks kept": block_sparse_attention(q, k, v, layout=every_block, block=10),
    "span of the whole length": span(q, k, v).detach(),
    "identity in Linformer's place": linformer_attention(
        q, k, v, to_keys=identity, to_values=identity
    ),
}
for name, mix in found.items():
    assert torch.allclose(mix, full, atol=1e-12)
    print(f"{name:29s} at most 1e-12 from full attention")

# %% [markdown]
# One bucket in one chunk is shared attention in full.

# %%
#| label: reformer-proof
one_bucket = torch.zeros(1, 16, 0, dtype=torch.float64)
hashed = lsh_attention(q, v, rotations=one_bucket, chunk=100)
assert torch.allclose(hashed, shared_attention(q, v), atol=1e-12)
print("hashed and full: at most 1e-12 apart")

# %% [markdown]
# The idea in one round, with the paper's equal chunks: sort tokens by bucket, cut, and attend within
# a chunk and the one before. Among the pairs that are allowed, the weights stand in the same
# proportions as in full attention.


# %%
#| label: reformer-in-short
def one_round(shared, value, rotation, chunk):
    """[tokens, d] each, rotation [d, buckets / 2] -> [tokens, d]."""
    turned = shared @ rotation
    bucket = torch.cat([turned, -turned], dim=1).argmax(dim=1)  # [tokens]
    order = bucket.argsort(stable=True)  # tokens of a bucket side by side
    asks = shared[order].unflatten(0, (-1, chunk))  # [chunks, chunk, d]
    keys = functional.normalize(asks, dim=-1)
    seen = torch.cat([keys.roll(1, dims=0), keys], dim=1)  # [chunks, 2 * chunk, d]
    values = value[order].unflatten(0, (-1, chunk))
    values = torch.cat([values.roll(1, dims=0), values], dim=1)

    who = torch.stack([bucket[order], order]).unflatten(1, (-1, chunk))  # [2, chunks, chunk]
    whom = torch.cat([who.roll(1, dims=1), who], dim=2)
    same, itself = who[..., None] == whom[..., None, :]  # each [chunks, chunk, 2 * chunk]
    scores = asks @ seen.transpose(1, 2) / shared.shape[1] ** 0.5
    scores = scores.masked_fill(itself, -1e5).masked_fill(~same, -1e9)
    mixed = (scores.softmax(dim=-1) @ values).flatten(0, 1)
    return mixed[order.argsort()]  # back in order of place


# %%
#| label: reformer-one-bucket
generator = torch.Generator().manual_seed(0)
shared, value = torch.randn(2, 96, 16, dtype=torch.float64, generator=generator)
everyone = one_round(shared, value, torch.zeros(16, 1, dtype=torch.float64), chunk=48)
want = shared_attention(shared[None, None], value[None, None])[0, 0]
assert torch.allclose(everyone, want, atol=1e-12)
print("one bucket, two chunks: at most 1e-12 from full attention")

# %% [markdown]
# **No look ahead.** Change the second half of a sequence; the causal forms must give the first half
# bit for bit as before.

# %%
#| label: causal-proof
changed = torch.stack([q, k, v])
changed[:, :, :, 50:] += 10

directions = orthogonal_directions(32, 16, generator=torch.Generator().manual_seed(1)).double()
rotations = torch.randn(2, 16, 4, generator=torch.Generator().manual_seed(2)).double()
causal = {
    "local": lambda q, k, v: local_attention(q, k, v, window=7, causal=True),
    "performer": lambda q, k, v: performer_attention(q, k, v, directions=directions, causal=True),
    "reformer": lambda q, k, v: lsh_attention(q, v, rotations=rotations, chunk=8, causal=True),
}
for name, attend in causal.items():
    before, after = attend(q, k, v), attend(*changed)
    assert torch.equal(before[:, :, :50], after[:, :, :50])
    assert not torch.equal(before[:, :, 50:], after[:, :, 50:])
    print(f"{name}: same past, bit for bit")

# %% [markdown]
# ## A span that can be learned

# %%
#| label: soft-mask
distance = torch.arange(0, 65)
efficiency.span_curve(
    distance.numpy(),
    {
        f"span {z}": soft_mask(distance, torch.tensor(float(z)), ramp=16).numpy()
        for z in (4, 16, 32)
    },
)

# %% [markdown]
# ## Entmax
#
# The same eight scores under three values of alpha.

# %%
#| label: entmax-weights
scores = torch.tensor([2.0, 1.6, 1.1, 0.7, 0.1, -0.4, -1.0, -1.5], dtype=torch.float64)
weights = {
    "α = 1, softmax": entmax(scores, 1.0),
    "α = 1.5": entmax(scores, 1.5),
    "α = 2, sparsemax": entmax(scores, 2.0),
}
efficiency.entmax_weights({name: w.numpy() for name, w in weights.items()})

# %%
#| label: entmax-proof
assert torch.allclose(weights["α = 1, softmax"], scores.softmax(0), atol=1e-12)
for name, w in weights.items():
    assert torch.isclose(w.sum(), torch.tensor(1.0, dtype=torch.float64))
    print(f"{name:17s}{int((w == 0).sum())} zeros, sum {w.sum():.2f}")

# %% [markdown]
# ## Diagrams

# %%
#| label: linformer-diagram
efficiency.linformer_diagram()

# %%
#| label: performer-diagram
efficiency.performer_diagram()

# %% [markdown]
# Twelve tokens in four buckets, hashed for real.

# %%
#| label: reformer-diagram
generator = torch.Generator().manual_seed(5)
tokens = torch.randn(1, 1, 12, 8, generator=generator)
buckets = hash_buckets(tokens, torch.randn(1, 8, 2, generator=generator))
efficiency.reformer_diagram(buckets.flatten().tolist(), chunk=2)

# %% [markdown]
# ## Errors against keys, rank and features
#
# Two kinds of attention over 512 tokens of 32 dimensions. *Diffuse*: queries and keys are normal
# numbers. *Peaked*: tokens belong to sixteen groups, and each looks for its own.
#
# A window is cut at the ends of the sequence, and a token of Reformer's meets as many others as its
# buckets hold. So these two stand above the number of keys that a query truly saw.

# %%
#| label: keys-a-query
{name: f"{keys_looked_at(*draw(0)[:2]):.0f}" for name, draw in SETTINGS.items()}


# %%
#| label: errors
def pairs_seen(name, setting, budget):
    """Give who saw whom in each of the four draws: bool [query, key]."""
    draws = [(seed, *SETTINGS[setting](seed)[:2]) for seed in range(4)]
    return [keys_seen(name, q, k, budget=budget, seed=seed)[0, 0] for seed, q, k in draws]


def number_seen(name, setting, budget):
    """Give the keys that a query sees, mean over queries and draws."""
    return float(
        np.mean([pairs.sum(dim=1).float().mean() for pairs in pairs_seen(name, setting, budget)])
    )


budgets = [32, 64, 128, 256, 512]
error = {title: {name: [] for name in APPROXIMATIONS} for title in SETTINGS}
for found in budget_errors(budgets=budgets):
    error[found.setting][found.name].append(np.mean(found.against_claim))
seen = {
    title: {
        name: [number_seen(name, title, budget) for budget in budgets]
        for name in ("local", "reformer")
    }
    for title in SETTINGS
}
efficiency.error_chart(
    {
        title: {name: (seen[title].get(name, budgets), errors) for name, errors in found.items()}
        for title, found in error.items()
    }
)

# %%
#| label: error-table
for title, found in error.items():
    print(f"{title:15s}" + "".join(f"{b:>8d}" for b in budgets))
    for name, errors in found.items():
        print(f"{name:15s}" + "".join(f"{e:8.2f}" for e in errors))
        if name in seen[title]:
            print("  keys seen    " + "".join(f"{n:8.0f}" for n in seen[title][name]))

# %% [markdown]
# **Equal keys.** Beside Reformer, a window that sees as many keys as Reformer does. And how much of
# its own group, itself left out, does a token of Reformer's find?

# %%
#| label: reformer-sees
itself = torch.eye(512, dtype=torch.bool)
group_found = []
for seed, pairs in enumerate(pairs_seen("reformer", "peaked", 64)):
    group = peaked_groups(seed)
    own = (group[:, None] == group) & ~itself
    group_found.append(float((pairs & own).sum() / own.sum()))
# Buckets hold sixteen tokens on average, so about half of the budget buys nothing.
for setting in SETTINGS:
    turns = torch.randn(2, 32, 16, generator=torch.Generator().manual_seed(0))
    bucket = functional.one_hot(hash_buckets(SETTINGS[setting](0)[0], turns), 32)
    assert (bucket.sum(dim=-2) >= 32).float().mean() < 0.2  # few fill two chunks of 16
    assert seen[setting]["reformer"][budgets.index(64)] < 0.6 * 64
{
    setting: {
        "at-64": f"{seen[setting]['reformer'][budgets.index(64)]:.0f}",
        "at-512": f"{seen[setting]['reformer'][budgets.index(512)]:.0f}",
    }
    for setting in SETTINGS
} | {"group-found": f"{np.mean(group_found):.0%}"}

# %%
#| label: equal-keys
#| fold: true
sees = {w: float(local_mask(512, window=w).sum(dim=1).float().mean()) for w in range(1, 256)}


def error_of_window(keys, setting):
    """Measure a window that sees so many keys, against full attention, which it claims."""
    window = min(sees, key=lambda w: abs(sees[w] - keys))
    (one,) = budget_errors(budgets=[2 * window], settings=[setting], names=["local"])
    return float(np.mean(one.against_claim))


equal = {
    setting: [error_of_window(keys, setting) for keys in seen[setting]["reformer"]]
    for setting in SETTINGS
}
for setting in SETTINGS:
    print(f"{setting:9s}" + "".join(f"{e:8.2f}" for e in equal[setting]))

# Where there are groups to find, Reformer is ahead at every budget, by far.
assert all(np.array(error["peaked"]["reformer"]) < 0.5 * np.array(equal["peaked"]))
# Where there are none, few keys do about as well as a window's.
few = budgets.index(64)
assert abs(error["diffuse"]["reformer"][few] / equal["diffuse"][few] - 1) < 0.1
{
    setting: {
        "reformer": f"{error[setting]['reformer'][few]:.2f}",
        "window": f"{equal[setting][few]:.2f}",
        "window-at-512": f"{equal[setting][budgets.index(512)]:.2f}",
    }
    for setting in SETTINGS
}

# %% [markdown]
# **What the errors are errors of.** They are relative to the size of the right answer. Values of
# mean zero make it small; with values around one the same methods look far better. And Reformer is
# scored above against what it claims to approximate: attention with shared queries and keys.


# %%
#| label: judged
def found_at(budget, name, setting, value_mean):
    (one,) = budget_errors(
        budgets=[budget], value_mean=value_mean, settings=[setting], names=[name]
    )
    return one


def mean_of_errors(errors):
    return f"{np.mean(errors):.2f}"


{
    "around-zero": {
        name: mean_of_errors(found_at(64, name, "diffuse", 0.0).against_full)
        for name in ("local", "performer")
    },
    "around-one": {
        name: mean_of_errors(found_at(64, name, "diffuse", 1.0).against_full)
        for name in ("local", "performer")
    },
    "constant": {
        "around-zero": f"{answering_mean('diffuse'):.2f}",
        "around-one": f"{answering_mean('diffuse', value_mean=1.0):.2f}",
    },
    "reformer": {
        setting: {
            "claim": mean_of_errors(found_at(512, "reformer", setting, 0.0).against_claim),
            "full": mean_of_errors(found_at(512, "reformer", setting, 0.0).against_full),
        }
        for setting in SETTINGS
    },
}

# %% [markdown]
# **The Performer's rate.** For short queries and keys the error falls with the root of the number
# of features, as the mean of random numbers does. For long ones the mean is ruled by rare large
# features, and the fall begins late.


# %%
#| label: performer-rate
def slope(scale):
    """Fit the exponent of the Performer's error in the number of features."""
    numbers = [64, 256, 1024, 4096]
    errors = []
    for number in numbers:
        squared = []
        for seed in range(6):
            q, k, v = (x[:, :, :64] for x in SETTINGS["diffuse"](seed))
            generator = torch.Generator().manual_seed(seed)
            drawn = orthogonal_directions(number, 32, generator=generator)
            want, _ = explicit_attention(scale * q, scale * k, v)
            found = performer_attention(scale * q, scale * k, v, directions=drawn)
            squared.append(relative_error(found, want) ** 2)
        errors.append(np.sqrt(np.mean(squared)))
    return np.polyfit(np.log(numbers), np.log(errors), 1)[0]


short, long = slope(0.3), slope(1.0)
assert -0.62 < short < -0.38
{name: f"{rate:.2f}".replace("-", "−") for name, rate in (("short", short), ("long", long))}
