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
# # Four networks on the series
#
# What was trained by `python -m shapes_of_attention study series`: fully connected, convolutional,
# recurrent and attention models, for equally many steps, three seeds each, each at the learning rate
# that did best in a sweep; variants (dilated, one way, causal) take that of their model. This
# notebook reads the records, and looks into the attention model, trained for twice as many steps.

# %%
#| label: setup
#| inputs:
#|   - assets/records/series-*.json
#|   - assets/checkpoints/series-long-attention.safetensors
from pathlib import Path

import numpy as np
import torch
from IPython.display import HTML

from shapes_of_attention.figures import series_results as drawn
from shapes_of_attention.figures.series_results import results_table
from shapes_of_attention.measure.series import (
    amplitude_errors,
    drawn_amplitudes,
    ideal_attention,
    kind_blind_error,
    redraw,
    score_amplitudes,
)
from shapes_of_attention.models.capture import capture_attention
from shapes_of_attention.series import (
    SERIES_KINDS,
    SERIES_TEST_SEED,
    SeriesConfig,
    make_series,
)
from shapes_of_attention.series.data import same_group
from shapes_of_attention.series.models import ConvolutionConfig, load_series_model, receptive_field
from shapes_of_attention.studies.record import (
    at_the_edge,
    errors_by_rate,
    comparable,
    grouped,
    read_records,
)

torch.set_num_threads(1)
records = read_records(Path("../../assets/records"), "series")
model = load_series_model(Path("../../assets/checkpoints/series-long-attention.safetensors"))
[long] = grouped(records, "long")["attention"]
NAMES = {
    "fully-connected": "fully connected",
    "convolutional": "convolution",
    "convolutional-dilated": "convolution, dilated",
    "recurrent": "recurrent, both ways",
    "recurrent-state-16": "recurrent, smaller state",
    "recurrent-state-256": "recurrent, larger state",
    "recurrent-one-way": "recurrent, one way",
    "attention": "attention",
    "attention-causal": "attention, causal",
}
compared = comparable(record for record in records if record.family == "compare")
SEEDS = max(len(seeds) for seeds in compared.values())
compared = {label: seeds for label, seeds in compared.items() if len(seeds) == SEEDS}
NAMES = {label: name for label, name in NAMES.items() if label in compared}  # those that are done
print(SEEDS, "seeds of", ", ".join(NAMES.values()))


# %%
#| label: read
#| fold: true
def mean_of(name, key="amplitude_error_median"):
    """Average a number of the test over the seeds of a model."""
    return np.mean([record.test[key] for record in compared[name]])


def situations(name, split):
    """Give the mean error of each seed of a model in each situation."""
    return [
        {key: found["mean"] for key, found in record.test[split].items()}
        for record in compared[name]
    ]


def averaged(name, split, key):
    return np.mean([seed[key] for seed in situations(name, split)])


def lines(labels, split):
    """Collect the situations of those models that are there."""
    return {NAMES[label]: situations(label, split) for label in labels if label in NAMES}


# %% [markdown]
# ## The comparison

# %%
#| label: setting
tests = make_series(range(2048), seed=SERIES_TEST_SEED)
some = compared["attention"][0]
{
    "steps": f"{some.steps:,}",
    "series": f"{some.images:,}",
    "seeds": SEEDS,
    "precision": some.precision,
    "test-shapes": f"{tests.present.sum():,}",
}

# %% [markdown]
# How long a step takes was measured by short runs of their own.

# %%
#| label: speed
timed = {label: runs[0] for label, runs in grouped(records, "speed").items()}
milliseconds = {label: 1000 * run.seconds / run.steps for label, run in timed.items()}
{
    "recurrent-over-attention": f"{milliseconds['recurrent'] / milliseconds['attention']:.1f}",
    "one-way-over-attention": (
        f"{milliseconds['recurrent-one-way'] / milliseconds['attention']:.1f}"
    ),
    "smallest-over-attention": (
        f"{milliseconds['recurrent-state-16'] / milliseconds['attention']:.1f}"
    ),
    "attention-over-fully-connected": (
        f"{milliseconds['attention'] / milliseconds['fully-connected']:.1f}"
    ),
}

# %%
#| label: table
HTML(results_table(compared, NAMES, milliseconds=milliseconds))

# %% [markdown]
# Three yardsticks that need no training and tell no kinds apart: keep every amplitude as it is, draw
# every shape at the mean of all shapes of its series, or mix these two and the middle of the range
# in the best proportion.

# %%
#| label: yardsticks
as_it_is = np.abs(tests.amplitude - tests.group_mean)[tests.present]
overall = np.nanmean(np.where(tests.present, tests.amplitude, np.nan), axis=1, keepdims=True)
one_mean = np.abs(overall - tests.group_mean)[tests.present]
mixed = kind_blind_error(tests, np.median)
{
    "one-mean": f"{np.median(one_mean):.3f}",
    "as-it-is": f"{np.median(as_it_is):.3f}",
    "both": f"{mixed:.3f}",
}

# %%
#| label: seed-chart
drawn.seed_chart(
    [
        (name, [record.test["amplitude_error_median"] for record in compared[key]])
        for key, name in NAMES.items()
    ],
    label="median amplitude error",
    reference=mixed,
)

# %%
#| label: error
below = {name for name in NAMES if mean_of(name) < mixed}
# The text names the first two, and then says what the size of the state is worth.
assert below == {"attention", "recurrent", "recurrent-state-16", "recurrent-state-256"}
{name: f"{mean_of(name):.3f}" for name in NAMES}


# %%
#| label: range
def range_of(name, key="amplitude_error_median"):
    """Give the least and the largest of a number of the test over the seeds of a model."""
    found = [record.test[key] for record in compared[name]]
    return {"least": f"{min(found):.3f}", "largest": f"{max(found):.3f}"}


{name: range_of(name) for name in NAMES}

# %% [markdown]
# The recurrent network with smaller and larger states, in units each way:

# %%
#| label: states
STATES = {16: "recurrent-state-16", 64: "recurrent", 256: "recurrent-state-256"}
for units, label in STATES.items():
    options = compared[label][0].config["options"]
    assert options.get("state", options["dim"]) == units, label
# As the text says: the larger the better, and attention is ahead of the largest with the seed of its
# sweep alone.
small, even, large, attention = (
    [record.test["amplitude_error_median"] for record in compared[label]]
    for label in (*STATES.values(), "attention")
)
assert max(large) < min(even) and max(even) < min(small)
# With the smallest, one run of three hardly gets below what needs no kinds, if at all.
assert abs(max(small) - mixed) < 0.002 and max(even) < mixed
chose, *rest = attention
assert compared["attention"][0].seed == 0 and chose < min(large) and max(large) < min(rest)
assert compared[STATES[16]][0].parameters < compared["attention"][0].parameters
{
    **{
        str(units): {**range_of(label), "weights": f"{compared[label][0].parameters:,}"}
        for units, label in STATES.items()
    },
    "attention": {
        "first": f"{chose:.3f}",
        "others": " and ".join(f"{error:.3f}" for error in sorted(rest)),
    },
    "attention-weights": f"{compared['attention'][0].parameters:,}",
}

# %% [markdown]
# How the error fell on series kept apart, step by step:

# %%
#| label: curves
steps = [str(point.measured["step"]) for point in some.curve]
drawn.error_lines(
    {
        NAMES[label]: [
            {
                str(point.measured["step"]): point.measured["amplitude_error_mean"]
                for point in record.curve
            }
            for record in compared[label]
        ]
        for label in ("fully-connected", "convolutional", "recurrent", "attention")
        if label in NAMES
    },
    xlabel="training steps",
    # Every other one is named: on a phone there is no room for more.
    ticks={step: f"{int(step):,}" if place % 2 else "" for place, step in enumerate(steps)},
)

# %% [markdown]
# The learning rates that the sweeps tried, and the mean error that each left. With attention the
# base of the rotary positions was tried too.

# %%
#| label: sweep
tuned = errors_by_rate(grouped(records, "tune"), "amplitude_error_mean")
BASES = sorted(
    (label for label in tuned if label.startswith("positions-rotary-base-")),
    key=lambda label: float(label.split("-")[-1]),
)
SWEPT = ("fully-connected", "convolutional", *STATES.values())
best_base = min(BASES, key=lambda label: min(tuned[label].values()))
shown = {
    **{label: tuned[label] for label in SWEPT},
    **{label: tuned[label] for label in BASES},
}
tried = sorted({rate for found in shown.values() for rate in found})


def title(label):
    base = label.split("-")[-1]
    return NAMES.get(label) or f"attention, base {base}"


def trial(found, rate):
    if rate not in found:
        return "<td>–</td>"
    text = f"{found[rate]:.3f}" if np.isfinite(found[rate]) else "diverged"
    return f"<td>{f'<strong>{text}</strong>' if rate == min(found, key=found.get) else text}</td>"


head = "".join(f"<th>{rate:g}</th>" for rate in tried)
body = "".join(
    f"<tr><td>{title(label)}</td>{''.join(trial(found, rate) for rate in tried)}</tr>"
    for label, found in shown.items()
)
HTML(f"<table><thead><tr><th>Learning rate</th>{head}</tr></thead><tbody>{body}</tbody></table>")

# %%
#| label: chosen
of_models = {
    **{label: tuned[label] for label in SWEPT},
    "attention": tuned[best_base],
}
at_the_edge(of_models)  # raises: every best rate has a worse one on either side
for label, found in of_models.items():
    if label in compared:
        used = {record.config["run"]["learning_rate"] for record in compared[label]}
        assert used == {min(found, key=found.get)}, label
sweep_run = grouped(records, "tune")["recurrent"][0]
others = sorted(min(tuned[label].values()) for label in BASES if label != best_base)
none = min(tuned["positions-none"].values())
assert len(others) == 3 and none < min(tuned[best_base].values()) < others[0]  # as the text says
{
    "steps": f"{sweep_run.steps:,}",
    "base": best_base.split("-")[-1],
    "best": {label: f"{min(found.values()):.3f}" for label, found in of_models.items()},
    "bases": {
        "least": f"{min(min(tuned[label].values()) for label in BASES):.3f}",
        "largest": f"{max(min(tuned[label].values()) for label in BASES):.3f}",
    },
    "none": f"{none:.3f}",
}

# %% [markdown]
# ## What each one cannot do
#
# **Fully connected.** It copies: good where a shape is alone, bad in company.

# %%
#| label: fully-connected
company = same_group(tests.kind).sum(axis=2)  # [series, slots]
copied = amplitude_errors(tests.signal, tests)  # of handing the line back as it is
{
    "alone": f"{averaged('fully-connected', 'by_company', '1'):.3f}",
    "three": f"{averaged('fully-connected', 'by_company', '3'):.3f}",
    "copied": f"{copied[company == 1].mean():.3f}",
}

# %% [markdown]
# Move a series by a token's ten samples, as on a ring: nothing about the answer changes, but for
# shapes that are carried over the edge, which do not count. How much do the drawn amplitudes, by
# the median?

# %%
#| label: moved
{name: f"{mean_of(name, 'shift_difference'):.4f}" for name in NAMES}

# %% [markdown]
# **Convolution.** A window reaches so far and no further. Take groups of two shapes, and sort them
# by how far apart the two stand.


# %%
#| label: window-reach
def reach(**options):
    """Count the samples that a convolution's window reaches to either side."""
    config = ConvolutionConfig(**options)
    return receptive_field(config) // 2 * config.token


{
    "plain": reach(),
    "dilated": reach(dilated=True),
}

# %%
#| label: reach
drawn.error_lines(
    lines(("convolutional", "convolutional-dilated", "attention"), "by_reach"),
    xlabel="samples between the two shapes",
    ticks={"0": "<60", "60": "<120", "120": "<180", "180": "<240", "240": "<300", "300": "300+"},
)

# %%
#| label: near-and-far
{
    "near": {
        "convolution": f"{averaged('convolutional', 'by_reach', '0'):.3f}",
        "dilated": f"{averaged('convolutional-dilated', 'by_reach', '0'):.3f}",
        "attention": f"{averaged('attention', 'by_reach', '0'):.3f}",
    },
    "far": {
        "convolution": f"{averaged('convolutional', 'by_reach', '300'):.3f}",
        "dilated": f"{averaged('convolutional-dilated', 'by_reach', '300'):.3f}",
        "attention": f"{averaged('attention', 'by_reach', '300'):.3f}",
    },
}

# %% [markdown]
# **One way only.** A network that reads from left to right must draw the first shape of a group
# before it has seen the others.

# %%
#| label: to-come
drawn.error_lines(
    lines(("recurrent-one-way", "attention-causal", "recurrent", "attention"), "by_to_come"),
    xlabel="shapes of the group still to come",
    ticks={"0": "none", "1": "1", "2": "2", "3": "3+"},
)

# %%
#| label: causal
same = same_group(tests.kind)
start = tests.span[..., 0]
later = same & (start[:, None, :] > start[:, :, None])  # [series, slots, slots]
to_come = later.sum(axis=2)
seen = np.where(same & ~later, np.nan_to_num(tests.amplitude)[:, None, :], 0).sum(axis=2)
# Knows how many are to come, and takes each of them for the middle of the range.
guessed = (seen + to_come * sum(SeriesConfig().amplitude) / 2) / np.maximum(company, 1)
oracle = np.abs(guessed - tests.group_mean)[tests.present & (to_come == 1)].mean()
assert oracle < averaged("attention-causal", "by_to_come", "1")  # training could mend the rest
{
    "oracle": f"{oracle:.3f}",
    "full": f"{averaged('attention', 'by_to_come', '0'):.3f}",
    "none-to-come": f"{averaged('attention-causal', 'by_to_come', '0'):.3f}",
    "one-to-come": f"{averaged('attention-causal', 'by_to_come', '1'):.3f}",
}

# %%
#| label: ways
{
    name: {
        "none-to-come": f"{averaged(name, 'by_to_come', '0'):.3f}",
        "one-to-come": f"{averaged(name, 'by_to_come', '1'):.3f}",
        "most-to-come": f"{averaged(name, 'by_to_come', '3'):.3f}",
    }
    for name in ("recurrent", "recurrent-one-way")
    if name in NAMES
}

# %% [markdown]
# **All.** How does the error grow with the size of the group? Alone, a shape need only be redrawn.

# %%
#| label: company
drawn.error_lines(
    lines(("fully-connected", "convolutional", "recurrent", "attention"), "by_company"),
    xlabel="shapes in the group",
    ticks={"1": "1", "2": "2", "3": "3", "4": "4", "5": "5+"},
)

# %%
#| label: alone
middle = np.abs(sum(SeriesConfig().amplitude) / 2 - tests.group_mean)
{
    "middle": {
        name: f"{middle[company == size].mean():.2f}"
        for name, size in (("one", 1), ("three", 3))
    },
    "convolution": f"{averaged('convolutional', 'by_company', '1'):.3f}",
    "recurrent": f"{averaged('recurrent', 'by_company', '1'):.3f}",
    "attention": f"{averaged('attention', 'by_company', '1'):.3f}",
}

# %% [markdown]
# **More than ever seen.** Nine or ten shapes a series; training had eight at most.


# %%
#| label: crowded
def crowded(name):
    return np.mean([r.test["crowded"]["amplitude_error_median"] for r in compared[name]])


{
    "attention": f"{crowded('attention'):.3f}",
    "fully-connected": f"{crowded('fully-connected'):.3f}",
}

# %% [markdown]
# ## Positions
#
# The attention model of the comparison has rotary positions. Beside it stand four others, each at
# the rate, and with the base, that did best in a sweep of its own.

# %%
#| label: positions
others = [record for record in records if record.family == "places"]
rotary = compared["attention"]
placed = {**comparable([*others, *rotary]), "rotary": rotary}
ORDER = ("none", "linear", "learned", "sinusoidal", "rotary")
drawn.seed_chart(
    [(name, [record.test["amplitude_error_median"] for record in placed[name]]) for name in ORDER],
    label="median amplitude error",
    reference=mixed,
)


# %%
#| label: positions-table
HTML(results_table(placed, {name: name for name in ORDER}))


# %%
#| label: positions-error
errors = {
    name: [record.test["amplitude_error_median"] for record in placed[name]] for name in ORDER
}
# What the text says of their order: seeds of these three lie in each other's ranges, all of them
# between those of rotary and of linear.
alike = errors["none"] + errors["learned"] + errors["sinusoidal"]
assert max(errors["rotary"]) < min(alike)
assert max(alike) < mixed < min(errors["linear"])
assert all(
    min(errors[one]) < max(errors[other])
    for one in ("none", "learned", "sinusoidal")
    for other in ("none", "learned", "sinusoidal")
)
{name: f"{np.mean(found):.3f}" for name, found in errors.items()} | {
    "least": f"{min(alike):.3f}",
    "largest": f"{max(alike):.3f}",
}

# %%
#| label: positions-setting
of_places = {
    label: tuned[label]
    for name in ORDER
    for label in [
        min(
            (one for one in tuned if one.startswith(f"positions-{name}")),
            key=lambda one: min(tuned[one].values()),
        )
    ]
}
at_the_edge(of_places)  # raises: every best rate has a worse one on either side
rates = {name: placed[name][0].config["run"]["learning_rate"] for name in ORDER}
assert rates["rotary"] == rates["none"] and len(BASES) == 4  # as the text says
assert rates["learned"] == rates["sinusoidal"]
{
    "tables-over-none": {0.5: "half"}[rates["learned"] / rates["none"]],
    **{name: f"{rate:g}" for name, rate in rates.items()},
    "base": f"{placed['sinusoidal'][0].config['options']['base']:g}",
    "linear-over-none": {2: "two"}[round(rates["linear"] / rates["none"], 9)],
}

# %% [markdown]
# ## The model that was trained longer

# %%
#| label: longer
# The model of the comparison, for twice as many steps, at a rate from a sweep of that length.
[first_seed] = [record for record in compared["attention"] if record.seed == long.seed]
assert long.config["options"] == first_seed.config["options"]
assert long.steps == 2 * first_seed.steps and long.precision == first_seed.precision
long_sweep = grouped(records, "sweep")
assert {record.steps for record in long_sweep["attention"]} == {long.steps}
long_tuned = errors_by_rate(long_sweep, "amplitude_error_mean")
at_the_edge(long_tuned)  # raises: the best rate has a worse one on either side
long_rate = min(long_tuned["attention"], key=long_tuned["attention"].get)
assert long.config["run"]["learning_rate"] == long_rate
{
    "rates": {5: "five"}[len(long_tuned["attention"])],
    "rate": f"{long_rate:g}",
    "steps": f"{long.steps:,}",
    "seconds": f"{long.seconds:.0f}",
    "series": f"{long.images:,}",
    "within": f"{long.test['within_tolerance']:.0%}",
    "error": f"{long.test['amplitude_error_median']:.3f}",
}

# %%
#| label: example
some = make_series(range(64), seed=SERIES_TEST_SEED)
groups = np.stack([(some.kind == kind).sum(axis=1) for kind in range(len(SERIES_KINDS))], axis=1)
row = int(np.flatnonzero((groups >= 2).all(axis=1))[0])
example = make_series([row], seed=SERIES_TEST_SEED)
redrawn = redraw(model, example)
print("series", row, score_amplitudes(redrawn, example).as_record())

# %%
#| label: prediction
drawn.predictions(example, {"Given": example.signal, "Redrawn by attention": redrawn})

# %%
#| label: amplitudes
#| fold: true
found = drawn_amplitudes(redrawn, example)[0]
rows = [
    f"<tr><td>{'inverted ' * int(example.inverted[0, slot])}{SERIES_KINDS[example.kind[0, slot]]}</td>"
    f"<td>{example.amplitude[0, slot]:.2f}</td><td>{example.group_mean[0, slot]:.2f}</td>"
    f"<td>{found[slot]:.2f}</td></tr>"
    for slot in np.flatnonzero(example.present[0])
]
HTML(
    "<table><thead><tr><th>Shape</th><th>Amplitude</th><th>Target</th><th>Redrawn</th></tr></thead>"
    f"<tbody>{''.join(rows)}</tbody></table>"
)

# %% [markdown]
# ## Where it looks
#
# Weights of every layer and head over that series, beside the ideal.

# %%
#| label: attention
with torch.no_grad(), capture_attention(model) as weights:
    model(torch.from_numpy(example.signal))
learned = {
    f"{number}": matrix[0].numpy() for number, matrix in enumerate(weights.values(), start=1)
}
ideal = ideal_attention(example, token=10)
known = long.test["attention"]
layers = list(known["layers"])
best_layer, best_head = max(
    ((layer, head) for layer in layers for head in range(4)),
    key=lambda place: known["layers"][place[0]]["others"][place[1]],
)
# A token in the middle of the first shape of the largest group.
largest = int(groups[row].argmax())
first = int(np.flatnonzero(example.kind[0] == largest)[0])
query = int(example.span[0, first].mean() // 10)

drawn.attention_view(
    example,
    learned,
    ideal,
    token=10,
    start=(str(layers.index(best_layer) + 1), best_head, query),
)

# %% [markdown]
# The same head and the same query, as curves over the series, beside what the model redraws:

# %%
#| label: asking
drawn.asking_view(
    example, learned[f"{layers.index(best_layer) + 1}"][best_head], redrawn, token=10, query=query
)

# %% [markdown]
# ## Scored against the truth
#
# For every token that must draw a shape: the share of a head's attention on tokens of its group,
# and on the *other* shapes of the group. Mean over the test series, and the range over the seeds of
# the comparison; the last column is the model trained longer.

# %%
#| label: scores
#| fold: true
seeds = [record.test["attention"] for record in compared["attention"]]
body = ""
for number, layer in enumerate(layers, start=1):
    for what, title in (("group", "its group"), ("others", "the others")):
        # Heads have no order that seeds share: compare the best of each.
        best = [max(seed["layers"][layer][what]) for seed in seeds]
        longest = max(known["layers"][layer][what])
        body += (
            f"<tr><td>layer {number}, best head on {title}</td><td>{np.mean(best):.0%} "
            f"({min(best):.0%}–{max(best):.0%})</td><td>{longest:.0%}</td></tr>"
        )
for what, title in (("group", "its group"), ("others", "the others")):
    body += (
        f"<tr><td>uniform, {title}</td><td>{known['uniform'][what]:.0%}</td><td></td></tr>"
        f"<tr><td>ideal, {title}</td><td>{known['ideal'][what]:.0%}</td><td></td></tr>"
    )
HTML(
    "<table><thead><tr><th>Share of attention</th><th>Seeds: mean (range)</th><th>Trained longer"
    f"</th></tr></thead><tbody>{body}</tbody></table>"
)

# %%
#| label: best-head
{
    "name": f"head {best_head + 1} of layer {layers.index(best_layer) + 1}",
    "group": f"{known['layers'][best_layer]['group'][best_head]:.0%}",
    "others": f"{known['layers'][best_layer]['others'][best_head]:.0%}",
    "uniform": f"{known['uniform']['others']:.0%}",
    "ideal": f"{known['ideal']['others']:.0%}",
}

# %% [markdown]
# The layers of this model share the work: every head of the second puts about as much on the other
# shapes of the group as the ideal does; no head of the first puts half as much there.

# %%
#| label: division-of-labour
first, second = (np.array(known["layers"][layer]["others"]) for layer in layers)  # [heads]
print("on the others, head by head")
print("layer 1:", first.round(2))
print("layer 2:", second.round(2))

assert (first < known["ideal"]["others"] / 2).all()
assert (second > known["ideal"]["others"] - 0.05).all()

# %%
#| label: first-layer
uniform = known["uniform"]["others"]
near = first < uniform / 4  # heads that hardly look at other shapes
[farther] = first[~near]  # as the post says: one looks farther, and more than by chance
assert near.sum() == 3 and farther > uniform
# The same layer in the seeds of the comparison: [seeds, heads].
others = np.array([seed["layers"][layers[0]]["others"] for seed in seeds])
gathering = (others > uniform).sum(axis=1)  # [seeds]
lowest = int(np.argmin([r.test["amplitude_error_median"] for r in compared["attention"]]))
[number] = set(np.delete(gathering, lowest))
assert 0 < gathering[lowest] < number  # as the post says
words = {1: "one", 2: "two", 3: "three", 4: "four"}
{
    "gathering": {
        "best-seed": words[gathering[lowest]],
        "other-seeds": words[number],
        "most": f"{others.max():.0%}",
    },
    "group": f"{np.array(known['layers'][layers[0]]['group'])[near].max():.0%}",
    "others": f"{first[near].max():.0%}",
    "farther": f"{farther:.0%}",
    "farther-head": int(np.flatnonzero(~near)[0]) + 1,
}

# %%
#| label: per-head
#| fold: true
rows = "".join(
    f"<tr><td>layer {number}, {title}</td>"
    + "".join(f"<td>{share:.0%}</td>" for share in known["layers"][layer][what])
    + "</tr>"
    for number, layer in enumerate(layers, start=1)
    for what, title in (("group", "on its group"), ("others", "on the others"))
)
HTML(
    "<table><thead><tr><th>Trained longer</th>"
    + "".join(f"<th>head {head}</th>" for head in range(1, 5))
    + f"</tr></thead><tbody>{rows}</tbody></table>"
)
