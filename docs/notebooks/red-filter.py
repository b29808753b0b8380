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
# # The red filter at work
#
# A filled circle counts only where its red exceeds its green and its blue. Nobody told the model.
# Turn one circle's red down and watch at which level it drops out; then look for the units that
# know.

# %%
#| label: setup
#| inputs: assets/checkpoints/flagship.safetensors
import json
from pathlib import Path

import numpy as np
import torch
from IPython.display import HTML

from shapes_of_attention.data import IMAGE_TEST_SEED, ShapesConfig, make_shapes
from shapes_of_attention.figures import red_filter
from shapes_of_attention.figures.toolkit.dot_rows import DotRow, Series, dot_rows
from shapes_of_attention.figures.toolkit.table import (
    NOTHING,
    mean_and_deviation,
    sortable_table,
    value_cell,
)
from shapes_of_attention.interpret.thresholds import climb, find_circles, recoloured
from shapes_of_attention.interpret.units import (
    CLASSES,
    RIVALS,
    SHOWN,
    criterion,
    hidden_activations,
    patch_classes,
)
from shapes_of_attention.measure.colours import colour_error
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import interior_means
from shapes_of_attention.palette import GREY, ORCHID
from shapes_of_attention.studies.record import comparable, read_records, spread
from shapes_of_attention.training.checkpoint import load_model

torch.set_num_threads(1)
folder = Path("../../assets/checkpoints")
model = load_model(folder / "flagship.safetensors")
batch = make_shapes(range(256), seed=IMAGE_TEST_SEED)

# %% [markdown]
# ## Turn the red down
#
# One circle of one image: the first in the test images whose vote moves the mean far enough to be
# seen, and whose rivals leave room on both sides.

# %%
#| label: circle
FAR = np.array([60, 40, 24, 16, 12, 8, 6, 4, 2])
steps = np.concatenate([-FAR, [0], FAR[::-1]]).astype(np.float32)
for circle in find_circles(batch):
    colour = batch.colour[circle.row, circle.slot]
    rival = np.round(colour[1:].max())
    if not (FAR[0] <= rival <= 255 - FAR[0] and batch.present[circle.row].sum() >= 6):
        continue
    ladder = climb(model, batch, circle, rival + steps)
    if np.abs(ladder.mean_in - ladder.mean_out).max(axis=1).min() >= 40:
        break
fine = climb(model, batch, circle, np.arange(rival - 60, rival + 61, 2, dtype=np.float32))
print("image", circle.row, "green and blue", np.round(colour[1:]))

# %%
#| label: red-slider
shown = [len(steps) - 1, 11, 8, 0]
red_filter.red_slider(ladder, fine, circle, shown=shown, start=len(steps) - 1)

# %%
#| label: rival
print(f"{rival:.0f}")

# %% [markdown]
# ## How sharp, how exact?
#
# The same for many circles, each in an image of its own, on record:
# `python -m shapes_of_attention.interpret.scan red`.

# %%
#| label: thresholds
#| inputs: assets/records/interpretation-red.json
record = json.loads(Path("../../assets/records/interpretation-red.json").read_text())
found = record["models"]["flagship"]
leads = np.array(found["leads"])
own = np.array([level for level in found["own_threshold"] if level is not None])
vote = np.array([level for level in found["vote_threshold"] if level is not None])
# Of another form, with the filter and without.
alike = record["models"]["compare-encoder-only-seed-0"]
unfiltered = record["models"]["without-red-filter-seed-0"]
print(found["circles"], "circles;", len(own), "and", len(vote), "pass a half within the range")

# %%
#| label: threshold-curves
curves = [
    ("circle is painted", red_filter.OWN, np.array(found["own"])),
    ("circle's vote counts", red_filter.VOTE, np.array(found["vote"])),
]
curves.append(("vote, trained without filter", red_filter.UNFILTERED, np.array(unfiltered["vote"])))
unseen = ShapesConfig().dominance
red_filter.threshold_curves(
    leads, curves, [(red_filter.OWN, own), (red_filter.VOTE, vote)], unseen=unseen
)


# %%
#| label: threshold
def width(curve):
    """Measure how many levels of red a curve takes from a tenth to nine tenths."""
    curve = np.array(curve)
    rising = slice(0, int(np.argmax(curve >= 0.9)) + 1)
    return float(np.diff(np.interp((0.1, 0.9), curve[rising], leads[rising]))[0])


def between(levels):
    """Write where nine of ten levels lie."""
    low, high = np.quantile(levels, (0.05, 0.95))
    return f"{low:.0f} to {high:.0f}".replace("-", "−")


def width_of_steps(levels):
    """Measure the same for circles that each change in one step, at levels of their own."""
    return float(np.diff(np.quantile(levels, (0.1, 0.9)))[0])


votes = np.array(unfiltered["vote"])
{
    "circles": found["circles"],
    "unseen-lead": f"{unseen:.0f}",
    "own": {
        "median": f"{np.median(own):.1f}".replace("-", "−"),
        "range": between(own),
        "width": f"{width(found['own']):.0f}",
        "steps": f"{width_of_steps(own):.0f}",
    },
    "vote": {
        "median": f"{np.median(vote):.1f}".replace("-", "−"),
        "range": between(vote),
        "width": f"{width(found['vote']):.0f}",
        "steps": f"{width_of_steps(vote):.0f}",
    },
    "unfiltered-vote": f"{votes.min():.0%} to {votes.max():.0%}",
    "alike": f"{np.median([level for level in alike['vote_threshold'] if level is not None]):.1f}".replace("-", "−"),
}

# %% [markdown]
# ## With and without
#
# The same images, painted by the model with the filter and by one of another form, with no decoder,
# that was trained without it.

# %%
#| label: without
#| inputs: assets/checkpoints/without-red-filter-seed-0.safetensors
unfiltered_path = folder / "without-red-filter-seed-0.safetensors"
left_out = (batch.present & ~batch.kept).sum(axis=1)
circles_kept = (batch.kept & (batch.kind == 0)).sum(axis=1)
rows = np.flatnonzero((left_out >= 1) & (circles_kept >= 2))[:3]
small = make_shapes(rows, seed=IMAGE_TEST_SEED)
no_filter = recoloured(small, small.colour, red_filter=False)
with_filter = paint_levels(model, small)
without_filter = paint_levels(load_model(unfiltered_path), small)
means = interior_means(without_filter, no_filter)
off = colour_error(means, no_filter.group_mean)[no_filter.kept]
print(
    "images", rows, "beside", unfiltered_path.stem, "which errs by", round(float(np.median(off)), 1)
)

# %%
#| label: unfiltered-error
print(f"{np.median(off):.0f}")

# %%
#| label: on-and-off
red_filter.filter_on_and_off(
    ("Input", "With filter", "Without"),
    list(zip(small.image, with_filter, without_filter, strict=True)),
)

# %% [markdown]
# ## Units that find red circles
#
# All units of all feed-forward networks are asked, patch by patch. A unit's score is its smallest
# area under the ROC curve against three sets of patches: other filled circles (it must see colour),
# red shapes of other kinds (it must see form), and all the rest. One set of images chooses, another
# one confirms.

# %%
#| label: unit-scores
scores = []
for seed in (IMAGE_TEST_SEED + 1, IMAGE_TEST_SEED + 2):
    images = make_shapes(range(256), seed=seed)
    patches = patch_classes(images)
    activations = hidden_activations(model, images)
    scores.append({name: criterion(found, patches) for name, found in activations.items()})
first, second = scores
for name in first:
    best = first[name].min(axis=0).argmax()
    print(f"{name:36s} best unit {best:3d}: {first[name].min(axis=0)[best]:.2f}")

# %%
#| label: unit-ranking
LAYERS = ("encoder 1", "encoder 2", "decoder 1", "decoder 2")
chosen = np.concatenate([found.min(axis=0) for found in first.values()])
again = np.concatenate([found.min(axis=0) for found in second.values()])
layer = np.repeat(np.arange(4), [found.shape[1] for found in first.values()])
unit = np.concatenate([np.arange(found.shape[1]) for found in first.values()])
red_filter.unit_ranking(chosen, again, layer, LAYERS)

# %%
#| label: best-units
top = np.argsort(-chosen, kind="stable")[:8]
every_first = np.concatenate(list(first.values()), axis=1)  # [rivals, units]
bests = [
    int(np.flatnonzero(layer == number)[chosen[layer == number].argmax()]) for number in range(4)
]
cells = "".join(
    f"<tr><td>{LAYERS[number]}</td><td>{unit[best]}</td>"
    + "".join(f"<td>{area:.2f}</td>" for area in every_first[:, best])
    + f"<td>{chosen[best]:.2f}</td><td>{again[best]:.2f}</td></tr>"
    for number, best in enumerate(bests)
)
HTML(
    "<table><thead><tr><th>Layer</th><th>Best unit</th>"
    + "".join(f"<th>{name.capitalize()}</th>" for name in RIVALS)
    + "<th>Score</th><th>On other images</th></tr></thead><tbody>" + cells + "</tbody></table>"
)  # fmt: skip

# %%
#| label: units
{
    "asked": f"{sum(found.shape[1] for found in first.values()):,}",
    "in-a-layer": {found.shape[1] for found in first.values()}.pop(),
    "shown": SHOWN,
    "images": len(images),
    "best-score": f"{chosen[top[0]]:.2f}",
    "best-score-again": f"{again[top[0]]:.2f}",
    "first-layer-score": f"{chosen[layer == 0].max():.2f}",
    "top-in-second-layer": int((layer[top] == 1).sum()),
    "above": int((chosen > 0.8).sum()),
}

# %% [markdown]
# What the best units do, over images that had no part in choosing them: the first five with a red
# filled circle and another one.

# %%
#| label: activation-maps
row_numbers = np.flatnonzero((left_out >= 1) & (circles_kept >= 1))[:5]
held_out = make_shapes(row_numbers, seed=IMAGE_TEST_SEED)
seen = hidden_activations(model, held_out)
modules = list(first)
red_filter.activation_maps(
    held_out,
    {f"{unit[best]}": seen[modules[layer[best]]][:, :, unit[best]] for best in top[:4]},
)

# %%
#| label: class-profile
# From the second set: mean activation by what a patch shows, in parts of that on red circles.
profile = []
for best in top:
    values = activations[modules[layer[best]]][:, :, unit[best]]
    means = np.array([values[patches == number].mean() for number in range(len(CLASSES))])
    profile.append(means / means[0])
profile = np.array(profile)
red_filter.class_profile([f"{unit[best]}" for best in top], profile)

# %%
#| label: next-best
for best, row in zip(top, profile, strict=True):
    runner_up = int(row[1:].argmax()) + 1
    print(f"unit {unit[best]:3d}: next on {CLASSES[runner_up]}s, {row[runner_up]:.0%}")
runners_up = profile[:, 1:].max(axis=1)
pure = runners_up < 0.05
{
    "pure": {2: "Two"}[int(pure.sum())],
    "pure-most": f"{runners_up[pure].max():.0%}",
    "rest": f"{runners_up[~pure].min():.0%} to {runners_up[~pure].max():.0%}",
}

# %% [markdown]
# ## Are they needed?
#
# Hold the best units of the encoder's second layer still, at zero or at their average, and to
# compare as many others of it, drawn by chance over and over. How many of the kept circles vanish,
# and how far off are the colours of the others? On record:
# `python -m shapes_of_attention.interpret.scan units`.

# %%
#| label: units-stilled
#| inputs: assets/records/interpretation-units.json
stilled = json.loads(Path("../../assets/records/interpretation-units.json").read_text())
COUNTS = (5, 10, 20, 40)


def draws(found, measure):
    """Give what was measured of each draw: [draws]."""
    return np.array([draw[measure] for draw in found["chance"]])


at = {
    held: {found["count"]: found for found in stilled[held] if found["count"] in COUNTS}
    for held in ("average", "zero")
}
print(stilled["command"], "over", stilled["images"], "images,", stilled["draws"], "draws")
print("nothing held:", stilled["as_it_is"])

# %%
#| label: stilled-dots
rows = []
for heading, measure in (
    ("Filled circles", "error_of_circles"),
    ("Other kinds", "error_of_others"),
):
    rows.append(DotRow(label=heading))
    rows += [
        DotRow(label=f"{count} units", values=[draws(found, measure), [found["best"][measure]]])
        for count, found in at["average"].items()
    ]
dot_rows(
    [
        Series(name=f"{stilled['draws']} draws of others", colour=GREY),
        Series(name="the best units", colour=ORCHID),
    ],
    rows,
    title="median colour error, levels",
    ticks=[(tick, str(tick)) for tick in (0, 2, 4, 6, 8)],
    limits=(0, 9.6),
)

# %%
#| label: stilled-table
HTML(
    sortable_table(
        "Units held",
        ("Circles gone", "At most by chance", "Circles’ error", "At most by chance", "Other kinds"),
        [
            (
                f"{count}, at {'their average' if held == 'average' else 'zero'}",
                [
                    value_cell(100 * found["best"]["gone"], ".1f", "%"),
                    value_cell(100 * draws(found, "gone").max(), ".1f", "%"),
                    value_cell(found["best"]["error_of_circles"], ".1f"),
                    value_cell(draws(found, "error_of_circles").max(), ".1f"),
                    value_cell(found["best"]["error_of_others"], ".1f"),
                ],
            )
            for held in at
            for count, found in at[held].items()
        ],
    )
)

# %%
#| label: stilled
five, ten, twenty, forty = (at["average"][count] for count in COUNTS)
# What the text says of all counts, it says of each.
for found in at["average"].values():
    assert found["best"]["error_of_circles"] > draws(found, "error_of_circles").max()
    assert found["best"]["error_of_others"] < np.quantile(draws(found, "error_of_others"), 0.95)
    assert draws(found, "gone").max() == 0 and found["best"]["let_in"] == 0
assert twenty["best"]["error_of_circles"] < ten["best"]["error_of_circles"]
{
    "draws": stilled["draws"],
    "images": stilled["images"],
    "error": {
        "none": f"{stilled['as_it_is']['error_of_circles']:.1f}",
        "five": f"{five['best']['error_of_circles']:.1f}",
        "five-at-most-by-chance": f"{draws(five, 'error_of_circles').max():.1f}",
        "ten": f"{ten['best']['error_of_circles']:.1f}",
        "twenty": f"{twenty['best']['error_of_circles']:.1f}",
        "forty": f"{forty['best']['error_of_circles']:.1f}",
    },
    "gone": {
        "five": f"{five['best']['gone']:.0%}",
        "ten": f"{ten['best']['gone']:.0%}",
        "twenty": f"{twenty['best']['gone']:.0%}",
        "five-at-zero": f"{at['zero'][5]['best']['gone']:.0%}",
    },
}

# %% [markdown]
# ## What is the encoder's attention for?
#
# Limit how far the encoder sees, in the trained model, on record by
# `python -m shapes_of_attention.interpret.scan reach --images 512`; and train it on so that it can get
# used to that: `python -m shapes_of_attention study vision --only "reach/warm-*"`.

# %%
#| label: reach-runs
#| inputs:
#|   - assets/records/interpretation-reach.json
#|   - assets/records/reach-warm-*.json
reach = json.loads(Path("../../assets/records/interpretation-reach.json").read_text())
reaches = reach["reaches"]
trained_on = comparable(
    run
    for run in read_records(Path("../../assets/records"), families=("reach",))
    if run.is_listed and run.label.startswith("warm-")
)
after = {"own patch": trained_on["warm-own-patch"], "full": trained_on["warm-full"]}
for runs in after.values():
    for run in runs:
        print(
            f"{run.name:28s} error {run.score.colour_error:.2f}  removed "
            f"{run.score.filtered_removed:.1%}  slope {run.test['intervention']['slope']:.2f}"
        )

# %%
#| label: reach
LAST = "encoder.1.feed_forward.activation"
HTML(
    sortable_table(
        "The encoder sees",
        ("Colour error", "Trained on", "Follows when hidden", "Kind told", "Best unit"),
        [
            (
                {"own patch": "its own patch", "full": "all 8×8"}.get(name, name),
                [
                    value_cell(found["colour"]["colour_error_median"], ".1f"),
                    mean_and_deviation([run.score.colour_error for run in after[name]], ".1f")
                    if name in after
                    else NOTHING,
                    value_cell(100 * found["intervention"]["slope"], ".0f", "%"),
                    value_cell(100 * found["kinds_read"]["right"], ".1f", "%"),
                    value_cell(found["best_units"][LAST], ".2f"),
                ],
            )
            for name, found in reaches.items()
        ],
    )
)


# %%
#| label: limited
def over_seeds(name, measure, form):
    """Write mean and, of several, standard deviation over the models that were trained on."""
    return f"{spread([measure(run) for run in after[name]]):{form}}"


own, near, full = (reaches[name] for name in ("own patch", "3×3", "full"))


def averaging(found):
    """Give how much of its attention head 2 of the decoder's second layer has on the group."""
    return np.array(found["on_group"]["decoder.1.cross_attention"][1])  # [kinds]


{
    "images": reach["images"],
    "trained-on": {
        "images": f"{after['own patch'][0].config['budget_images']:,}",
        **{
            key: {
                "error": over_seeds(name, lambda run: run.score.colour_error, ".1f"),
                "removed": over_seeds(name, lambda run: 100 * run.score.filtered_removed, ".0f"),
                "slope": over_seeds(name, lambda run: run.test["intervention"]["slope"], ".2f"),
            }
            for key, name in (("own", "own patch"), ("full", "full"))
        },
    },
    "error": {
        name: f"{found['colour']['colour_error_median']:.1f}"
        for name, found in (("own", own), ("near", near), ("full", full))
    },
    "removed": f"{own['colour']['filtered_removed']:.0%}",
    "slope": {
        "own": f"{own['intervention']['slope']:.2f}",
        "full": f"{full['intervention']['slope']:.2f}",
    },
    "unit": {"own": f"{own['best_units'][LAST]:.2f}", "full": f"{full['best_units'][LAST]:.2f}"},
    "told": {
        "own": f"{own['kinds_read']['right']:.0%}",
        "near": f"{near['kinds_read']['right']:.1%}",
        "inside": f"{own['kinds_read']['inside']:.0%}",
        "guess": f"{own['kinds_read']['inside_by_guess']:.0%}",
        "share-inside": f"{own['kinds_read']['patches_inside'] / own['kinds_read']['patches']:.0%}",
    },
    "on-group": {
        "own": f"{averaging(own).min():.0%} to {averaging(own).max():.0%}",
        "full": f"{averaging(full).min():.0%} to {averaging(full).max():.0%}",
    },
}
