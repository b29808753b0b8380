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
# # The families, trained
#
# Each family in the same small transformer on the series task, at one length or two, for equally many
# steps, each at the learning rate that did best in its own sweep, read from the records of
# `python -m shapes_of_attention study efficient`. Then a look into the model with full attention:
# how far away is what it looks at?

# %%
#| label: setup
#| inputs:
#|   - assets/records/efficient-compare.json
#|   - assets/records/efficient-speed.json
#|   - assets/records/efficient-tune.json
#|   - assets/checkpoints/efficient-fused.safetensors
from pathlib import Path

import numpy as np
import torch
from IPython.display import HTML

from shapes_of_attention.efficient.families import CONTROLS, FAMILIES, Budget
from shapes_of_attention.efficient.model import build_efficient_model, load_efficient_model
from shapes_of_attention.figures import efficiency
from shapes_of_attention.figures.toolkit.table import (
    NOTHING,
    mean_and_deviation,
    sortable_table,
    value_cell,
)
from shapes_of_attention.measure.series import join_slots, kind_blind_error, token_truth
from shapes_of_attention.measure.shares import AttentionShares
from shapes_of_attention.models.attention import explicit_attention
from shapes_of_attention.series.data import SeriesConfig, make_series, same_group
from shapes_of_attention.studies.record import (
    at_the_edge,
    errors_by_rate,
    comparable,
    grouped,
    read_records,
    spread,
)

torch.set_num_threads(1)
assets = Path("../../assets")
records = read_records(assets / "records", "efficient")


def by_family(groups):
    """Sort groups of runs by their family and their length."""
    found = {}
    for label, group in groups.items():
        family, _, length = label.rpartition("-")
        found[family, int(length)] = group
    return found


runs = by_family(comparable(record for record in records if record.family == "compare"))
SEEDS = max(len(seeds) for seeds in runs.values())
runs = {key: seeds for key, seeds in runs.items() if len(seeds) == SEEDS}  # those that are done
timed = by_family(grouped(records, "speed"))
families = [name for name in (*FAMILIES, *CONTROLS) if any(family == name for family, _ in runs)]
lengths = sorted({length for _, length in runs})
print(SEEDS, "seeds of", len(families), "families at", lengths, "samples")


# %%
#| label: read
#| fold: true
def errors_of(family, length):
    return [run.test["amplitude_error_mean"] for run in runs[family, length]]


def milliseconds(family, length):
    [record] = timed[family, length]
    return 1000 * record.seconds / record.steps


def named(length):
    return "short" if length == lengths[0] else "long"


some = runs["fused", lengths[0]][0]
budget = Budget(**some.config["model"]["budget"])

# %%
#| label: setting
{
    "samples": {named(length): f"{length:,}" for length in lengths},
    "tokens": " and ".join(str(length // 10) for length in lengths),
    "steps": f"{some.steps:,}",
    "series": f"{some.steps * some.config['batch']:,}",
    "seeds": SEEDS,
    "window": budget.window,
    "rank": f"{budget.rank}",
}

# %% [markdown]
# Each family's rate is the best of its sweep, and none is the largest or smallest that was tried.

# %%
#| label: rates
tuned = errors_by_rate(comparable(run for run in records if run.family == "tune"), "amplitude_error_mean")
at_the_edge({family: tuned[family] for family in families})
for (family, length), seeds in runs.items():
    if family in tuned:
        used = {record.config["run"]["learning_rate"] for record in seeds}
        assert used == {min(tuned[family], key=tuned[family].get)}, (family, length)
for family in families:
    print(f"{family:14s}", *(f"{rate:g}: {error:.3f}  " for rate, error in tuned[family].items()))

# %% [markdown]
# ## Three yardsticks
#
# They need no training. *Nobody*: each shape hedges between its own amplitude and the middle of the
# range, in the proportion that errs least, and looks at no other shape. *Everybody*: each shape
# takes the mean of all shapes of its series, whatever their kind. *Both* hedges between all three.

# %%
#| label: yardsticks
tests = make_series(range(512), seed=1, config=SeriesConfig(length=lengths[0]))
of_all = np.nanmean(np.where(tests.present, tests.amplitude, np.nan), axis=1, keepdims=True)
nobody = kind_blind_error(tests, np.mean, company=False)
everybody = float(np.abs(of_all - tests.group_mean)[tests.present].mean())
both = kind_blind_error(tests, np.mean)
found_company = {family for family in families if min(tuned[family].values()) < both}
assert found_company == {"fused", "shared", "reformer"}  # as the post says of the sweeps
yardsticks = {"nobody": nobody, "everybody": everybody, "both": both}
{name: f"{error:.3f}" for name, error in yardsticks.items()}


# %% [markdown]
# How much of its company can a shape see through two windows, one a layer?


# %%
#| label: in-reach
def share_in_reach(length):
    """Give the share of shapes in company whose whole group lies within two windows."""
    batch = make_series(range(512), seed=1, config=SeriesConfig(length=length))
    place = batch.span.mean(axis=2) / 10  # [series, slots], in tokens
    both = batch.present[:, :, None] & batch.present[:, None, :]
    group = (batch.kind[:, :, None] == batch.kind[:, None, :]) & both
    away = np.where(group, np.abs(place[:, :, None] - place[:, None, :]), 0).max(axis=2)
    return float((away <= 2 * budget.window)[group.sum(axis=2) > 1].mean())


{name: f"{share_in_reach(length):.0%}" for name, length in zip(("short", "long"), lengths)}

# %% [markdown]
# ## Accuracy beside cost

# %%
#| label: accuracy
efficiency.accuracy_beside_cost(
    [
        {
            "family": family,
            "length": length,
            "seconds": milliseconds(family, length) / 1000,
            "errors": errors_of(family, length),
        }
        for length in lengths
        for family in families
        if (family, length) in runs
    ],
    yardsticks=yardsticks,
)


# %%
#| label: trained-table
#| fold: true
def cells(family):
    """Give mean error, its deviation, and milliseconds a step of a family at each length."""
    return [
        cell
        for length in lengths
        for cell in (
            (
                mean_and_deviation(errors_of(family, length), ".3f"),
                value_cell(milliseconds(family, length), ".0f"),
            )
            if (family, length) in runs
            else (NOTHING, NOTHING)
        )
    ]


titles = [f"{title}<br>{length:,}" for length in lengths for title in ("Error", "ms a step")]
HTML(
    sortable_table(
        "Family", titles, [(efficiency.NAMES[family], cells(family)) for family in families]
    )
)


# %%
#| label: error
def in_words(values):
    """Say a mean and its standard deviation."""
    return f"{spread(values):.3f}"


said = {}
for family, length in runs:
    said.setdefault(family, {})[named(length)] = in_words(errors_of(family, length))
said

# %% [markdown]
# What the post says of single starts holds for each, and what it calls little is little beside what
# starts differ by.

# %%
#| label: single-starts
assert min(errors_of("linformer", lengths[1])) > both
for length in lengths:
    assert abs(np.array(errors_of("local", length)) - nobody).max() < 0.003
hashed, control = (np.array(errors_of(name, lengths[1])) for name in ("reformer", "shared"))
assert 0 < hashed.mean() - control.mean() < hashed.std(ddof=1)
hashed, control = (np.array(errors_of(name, lengths[0])) for name in ("reformer", "shared"))
print(f"buckets cost {hashed.mean() / control.mean() - 1:.0%} at the shorter length")

# %% [markdown]
# Starts differ in their weights alone: what a family draws besides is the same in both layers,
# whatever the seed of the weights.

# %%
#| label: one-draw
for family in ("performer", "reformer", "block-sparse"):
    drawn = []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        model = build_efficient_model({"length": lengths[0], "family": family, "budget": budget})
        for layer in model.layers:
            [buffer] = layer.attend.buffers()
            drawn.append(buffer)
    assert all(torch.equal(drawn[0], other) for other in drawn)
    print(f"{family:13s}one draw in {len(drawn)} layers")

# %%
#| label: step
# in milliseconds
times = {}
for family, length in timed:
    times.setdefault(named(length), {})[family] = f"{milliseconds(family, length):.0f}"
times

# %% [markdown]
# ## What they learned besides weights

# %%
#| label: learned
#| fold: true
for (_, length), seeds in runs.items():
    for record in seeds:
        for what in ("spans", "alphas"):
            for layer, found in enumerate(record.test.get(what, ()), start=1):
                shown = "  ".join(f"{x:.0f}" if what == "spans" else f"{x:.2f}" for x in found)
                print(f"{length:5d} samples, layer {layer}, {what}: {shown}")

# %%
#| label: spans
spans = {
    named(length): np.array([run.test["spans"] for run in seeds])  # [seeds, layers, heads]
    for (family, length), seeds in runs.items()
    if family == "adaptive-span"
}
short = spans["short"]
{
    "start": f"{budget.span}",
    "start-ends": f"{budget.span + budget.ramp}",
    "slope": f"{budget.ramp}",
    "closed": f"{(short < 1).sum()} of {short.size}",
    "widest": f"{short.max(axis=(1, 2)).min():.0f} to {short.max(axis=(1, 2)).max():.0f}",
    "tokens": f"{lengths[0] // 10}",
}

# %%
#| label: performer-seeds
late = sorted(errors_of("performer", lengths[1]))
{"most": " and ".join(f"{error:.3f}" for error in late[:-1]), "last": f"{late[-1]:.3f}"}

# %%
#| label: alphas
alphas = np.concatenate(
    [
        np.ravel(run.test["alphas"])
        for (family, _), seeds in runs.items()
        if family == "entmax"
        for run in seeds
    ]
)
print(f"{alphas.min():.2f} to {alphas.max():.2f}")

# %% [markdown]
# ## Where it looks
#
# The model with full attention at the longer length, on test series. For tokens that must draw a
# shape in company: which share of each head's attention falls beyond one window of local
# attention, and which on the other shapes of the group?

# %%
#| label: looks
full = load_efficient_model(assets / "checkpoints" / "efficient-fused.safetensors")
heard = []
for layer in full.layers:
    layer.attend.register_forward_pre_hook(lambda _, given: heard.append(given))
batch = make_series(range(64), seed=1, config=SeriesConfig(length=full.config.length))
with torch.no_grad():
    full(torch.from_numpy(batch.signal))

truth = token_truth(batch, token=10)  # asks, others: [series, slots, tokens]
asks = truth.asks & truth.others.any(axis=2, keepdims=True)
others, asking = join_slots(asks, truth.others)  # [series, query, key], [series, query]
place = np.arange(asks.shape[2])
beyond = np.broadcast_to(np.abs(place[:, None] - place) > budget.window, others.shape)

looks = AttentionShares()
looks.add(
    {f"layer {n}": explicit_attention(*given)[1] for n, given in enumerate(heard, start=1)},
    np.stack([beyond, others], axis=1),  # two groups of keys for each query
    np.stack([asking, asking], axis=1),
)
looked = looks.result()
for name, share in looked.modules.items():
    print(f"{name}: beyond", *(f"{part:.0%}" for part in share[:, 0]), end="")
    print("  on the others", *(f"{part:.0%}" for part in share[:, 1]))
even_far, even_found = looked.uniform
print(f"uniform: beyond {even_far:.0%}  on the others {even_found:.0%}")

size = same_group(batch.kind).sum(axis=2)[..., None]  # [series, slots, 1]
ideal = np.broadcast_to(1 - 1 / np.maximum(size, 1), asks.shape)[asks].mean()
print(f"ideal: on the others {ideal:.0%}")

# %%
#| label: share
shares = looked.modules.values()  # of each layer: [heads, 2]
{
    "far": {
        "learned": f"{np.stack([share[:, 0] for share in shares]).mean():.0%}",
        "uniform": f"{even_far:.0%}",
    },
    "on-the-others": {
        "best": f"{max(share[:, 1].max() for share in shares):.0%}",
        "uniform": f"{even_found:.0%}",
        "ideal": f"{ideal:.0%}",
    },
}
