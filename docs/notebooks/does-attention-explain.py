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
# # Does attention explain?
#
# A map of attention says where a model looked. Whether it looked there *because* the answer lies
# there is another question. We drew the images, so we can score the maps against the truth; and we
# hold the model, so we can hide things from it and see what moves.

# %%
#| label: setup
#| inputs:
#|   - assets/checkpoints/flagship.safetensors
#|   - assets/checkpoints/contrast-self-attention.safetensors
import json
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from IPython.display import HTML

from shapes_of_attention.data import IMAGE_TEST_SEED, KINDS, make_shapes
from shapes_of_attention.figures import attention_views, explanations
from shapes_of_attention.figures.toolkit.dot_rows import DotRow, Series, dot_rows
from shapes_of_attention.figures.toolkit.table import NOTHING, mean_and_deviation, sortable_table
from shapes_of_attention.interpret.hiding import hide_each_shape, pick_image
from shapes_of_attention.interpret.knockout import keys_hidden, weights_replaced
from shapes_of_attention.measure.attention_score import AttentionScore
from shapes_of_attention.measure.colours import company_error
from shapes_of_attention.measure.ideal import ideal_attention
from shapes_of_attention.measure.intervention import Intervention
from shapes_of_attention.measure.regions import patch_cover
from shapes_of_attention.measure.shares import AttentionShares
from shapes_of_attention.models import attention_names, capture_attention
from shapes_of_attention.palette import OLIVE
from shapes_of_attention.studies.record import (
    at_the_edge,
    errors_by_rate,
    comparable,
    read_records,
)
from shapes_of_attention.training.checkpoint import load_model

torch.set_num_threads(1)
folder = Path("../../assets/checkpoints")
teaching = load_model(folder / "flagship.safetensors")
deeper = load_model(folder / "contrast-self-attention.safetensors")
batches = [
    make_shapes(range(start, start + 64), seed=IMAGE_TEST_SEED) for start in range(0, 256, 64)
]
batch = batches[0]

for name, model in (("teaching", teaching), ("deeper", deeper)):
    print(name, *attention_names(model), sep="\n  ")

# %%
#| label: images-scored
print(sum(len(batch) for batch in batches))

# %% [markdown]
# ## A score against the truth
#
# For every head: how much of its attention lands on patches of the query's group, plain and with
# each weight times the length of what it brings, and how much on the group's *other* shapes.

# %%
#| label: shares
reference = AttentionScore(teaching, attention_names(teaching)).over(batches).result()
shares = reference.modules
deeper_shares = AttentionScore(deeper, attention_names(deeper)).over(batches).result().modules
print({name: found.group.shape for name, found in shares.items()}, "heads x kinds")

# %%
#| label: head-scores
FIRST, SECOND = "decoder.0.cross_attention", "decoder.1.cross_attention"
ones = np.ones(len(KINDS))
blocks = [
    (
        title,
        [
            (f"head {head + 1}", found.group[head], found.group_by_value[head], found.others[head])
            for head in range(4)
        ],
    )
    for title, found in (("Decoder 1", shares[FIRST]), ("Decoder 2", shares[SECOND]))
]
uniform = (reference.group_uniform, reference.group_uniform, reference.others_uniform)
blocks.append(
    ("To compare", [("uniform", *uniform), ("ideal", ones, ones, reference.others_ideal)])
)
explanations.head_scores(blocks, marked=(0, 2))

# %%
#| label: trap
trap = shares[FIRST]
{
    "group": f"{trap.group[2].min():.0%} to {trap.group[2].max():.0%}",
    "by-value": f"{trap.group_by_value[2].min():.0%} to {trap.group_by_value[2].max():.0%}",
    "others": f"{trap.others[2].max():.1%}",
}

# %%
#| label: yardsticks
{
    "uniform": {
        "group": f"{reference.group_uniform.min():.0%} to {reference.group_uniform.max():.0%}",
        "others": f"{reference.others_uniform.min():.0%} to {reference.others_uniform.max():.0%}",
    },
    "ideal": {
        "others": f"{reference.others_ideal.min():.0%} to {reference.others_ideal.max():.0%}",
    },
}

# %%
#| label: value-shift
decoder = [shares[name] for name in (FIRST, SECOND)]
shift = [np.abs(found.others - found.others_by_value) for found in decoder]
{"median": f"{100 * np.median(shift):.1f}", "most": f"{100 * np.max(shift):.0f}"}

# %%
#| label: second-layer
hollow_or_box = shares[SECOND].others[0, 1:]
# As the text says: the best by group is head 3 of the first layer; heads 1 and 2 of the second come near.
by_group = np.stack([shares[layer].group.mean(axis=1) for layer in (FIRST, SECOND)])
assert np.unravel_index(by_group.argmax(), by_group.shape) == (0, 2)
assert np.flatnonzero(shares[SECOND].others.max(axis=1) > 0.5).tolist() == [0, 1]
assert shares[FIRST].others.max() < 0.5
{
    "first-head": {
        "other-kinds": f"{hollow_or_box.min():.0%} to {hollow_or_box.max():.0%}",
        "circles": f"{shares[SECOND].others[0, 0]:.0%}",
    },
    "second-head": f"{shares[SECOND].others[1].min():.0%} to {shares[SECOND].others[1].max():.0%}",
}

# %% [markdown]
# ## Hide a shape
#
# The first image of six shapes or more in which every shape has company and no patch shows two
# shapes. Each of its shapes is hidden in turn from the cross-attention's keys.

# %%
#| label: hide-image
many = make_shapes(range(256), seed=IMAGE_TEST_SEED)
row = pick_image(many)
teaching_states = hide_each_shape(teaching, many, row)
deeper_states = hide_each_shape(deeper, many, row)
print("image", row, "with", len(teaching_states.hidden) - 1, "shapes")

# %%
#| label: hide-explorer
explanations.hidden_shape(
    many,
    row,
    teaching_states.hidden,
    [("Teaching model", teaching_states.painted), ("Deeper model", deeper_states.painted)],
    teaching_states.truth,
    start=1,
)

# %% [markdown]
# The same for one shape of each of the images, in numbers: the change of the true mean, and of the
# painted colour, over the group's shapes that share no patch with the hidden one.

# %%
#| label: hiding
found = {}
for name, model in (("teaching", teaching), ("deeper", deeper)):
    hiding = Intervention(model).over(batches)
    changes = hiding.changes()
    true, painted = changes.expected[changes.apart], changes.observed[changes.apart]
    found[name] = (true.ravel(), painted.ravel(), hiding.result().as_record())
    print(name, found[name][2])

# %%
#| label: change-scatter
explanations.change_scatter(
    [
        ("Teaching model", *found["teaching"][:2], found["teaching"][2]["slope"],
         explanations.TEACHING),
        ("Deeper model", *found["deeper"][:2], found["deeper"][2]["slope"], explanations.DEEPER),
    ]
)  # fmt: skip

# %%
#| label: hidden
{
    "slope": {
        "teaching": f"{found['teaching'][2]['slope']:.2f}",
        "deeper": f"{found['deeper'][2]['slope']:.2f}",
    },
    "correlation": f"{found['teaching'][2]['correlation']:.3f}",
    "shapes": found["teaching"][2]["shapes"],
}

# %% [markdown]
# ## One head at a time
#
# From here on the scan on record is used: `python -m shapes_of_attention.interpret.scan heads`.

# %%
#| label: scan
#| inputs: assets/records/interpretation-heads.json
record = json.loads(Path("../../assets/records/interpretation-heads.json").read_text())
scan = {
    "teaching": record["models"]["flagship"],
    "deeper": record["models"]["contrast-self-attention"],
}
print(record["command"], "over", record["images"], "images")

# %%
#| label: head-effects
modules = scan["teaching"]["modules"]
carried = {name: np.array(modules[name]["heads"]) for name in (FIRST, SECOND)}  # [heads, kinds]
stilled = {name: np.array(modules[name]["stilled"]) for name in (FIRST, SECOND)}
explanations.head_effects(
    [
        (
            title,
            [(f"head {head + 1}", carried[name][head], stilled[name][head]) for head in range(4)],
        )
        for title, name in (("Decoder 1", FIRST), ("Decoder 2", SECOND))
    ]
)

# %%
#| label: one-head
{
    "carries": {
        "trap": f"{np.abs(carried[FIRST][2]).max():.1%}",
        "first-head": f"{carried[SECOND][0, 1:].min():.0%} to {carried[SECOND][0, 1:].max():.0%}",
        "second-head": f"{carried[SECOND][1].min():.0%} to {carried[SECOND][1].max():.0%}",
        "both": f"{carried[SECOND][:2].sum(axis=0).mean():.0%}",
    },
    "error": {
        "trap-stilled": f"{stilled[FIRST][2].mean():.0f}",
        "as-it-is": f"{np.mean(scan['teaching']['error']):.0f}",
    },
}

# %% [markdown]
# Which score foretells what a head carries? Every decoder head of both models and every kind is
# one point. A head carries a kind if hiding a shape from it alone moves the colour by a tenth of
# the true change or more.

# %%
#| label: score-against-effect
points = []
for number, (name, given) in enumerate((("teaching", shares), ("deeper", deeper_shares))):
    for module, share in given.items():
        if module.startswith("decoder"):
            effect = np.ravel(scan[name]["modules"][module]["heads"])
            scores = (share.group.ravel(), share.group_by_value.ravel(), share.others.ravel())
            points.append((effect, *scores, np.full(len(effect), number)))
effect, whole, by_value, others, models = map(np.concatenate, zip(*points, strict=True))
match = {
    name: float(np.corrcoef(score, effect)[0, 1])
    for name, score in (("group", whole), ("by value", by_value), ("others", others))
}
explanations.score_against_effect(
    [("on the whole group", whole, match["group"]), ("on other shapes", others, match["others"])],
    effect,
    models,
    [("teaching model", explanations.TEACHING), ("deeper model", explanations.DEEPER)],
)

# %%
#| label: match
idle = (whole > 0.9) & (effect < 0.1)
{
    "points": len(effect),
    "group": f"{match['group']:.2f}",
    "by-value": f"{match['by value']:.2f}",
    "others": f"{match['others']:.2f}",
    "on-the-group": {
        "high": int((whole > 0.9).sum()),
        "idle": int(idle.sum()),
        "against": {2: "two"}[int((effect[idle] < -0.1).sum())],
    },
    "on-the-others": {
        "high": int((others > 0.4).sum()),
        "idle": int(((others > 0.4) & (effect < 0.1)).sum()),
    },
}

# %% [markdown]
# Those with much attention on the other shapes that carry next to nothing: one head of the deeper
# model, for hollow circles and hollow rectangles. The error of these kinds when it is stilled:

# %%
#| label: idle-head
asked = np.array(scan["deeper"]["modules"]["decoder.1.self_attention"]["stilled"])[0]
assert int(((others > 0.4) & (effect < 0.1)).sum()) == 2
hollow = [1, 3]
{
    when: " and ".join(f"{error:.1f}" for error in np.array(found)[hollow])
    for when, found in (("before", scan["deeper"]["error"]), ("after", asked))
}

# %% [markdown]
# ## Where the mean is made
#
# Hide a shape from one attention module only, all its heads, and see what of the true change is
# painted.

# %%
#| label: hiding-by-module
explanations.hiding_by_module(
    [
        (title, colour, {module: f["slope"] for module, f in scan[name]["modules"].items()})
        for title, colour, name in (
            ("Teaching model", explanations.TEACHING, "teaching"),
            ("Deeper model", explanations.DEEPER, "deeper"),
        )
    ]
)

# %%
#| label: hiding-by-kind
layers = {
    name: np.array(scan["teaching"]["modules"][f"encoder.{number}.attention"]["by_kind"])
    for number, name in enumerate(("first", "second"))
}
circles, rectangles = layers["second"][:2], layers["second"][2:]
assert layers["first"].max() < 0 and circles.min() > 0.3 and rectangles.max() < -0.1  # as it says
{
    name: f"{kinds.min():+.0%} to {kinds.max():+.0%}".replace("-", "−")
    for name, kinds in layers.items()
}

# %%
#| label: deeper
LAST = "decoder.2.self_attention"
averaging = np.array(scan["deeper"]["modules"][LAST]["heads"])[0]
mean_share = deeper_shares[LAST].others[0]
{
    "slope": {
        "everywhere": f"{scan['deeper']['everywhere']['slope']:.2f}",
        "last-self-attention": f"{scan['deeper']['modules'][LAST]['slope']:.2f}",
        "circles": f"{scan['deeper']['cross_attention']['by_kind'][0]:.2f}",
    },
    "averaging-head": {
        "carries": f"{averaging.min():.0%} to {averaging.max():.0%}",
        "others": f"{mean_share.min():.0%} to {mean_share.max():.0%}",
    },
}

# %%
#| label: deeper-maps
# The first image with three kept filled circles, and the patch that the first of them fills most.
three = int(np.flatnonzero((many.kept & (many.kind == 0)).sum(axis=1) >= 3)[0])
slot = int(np.flatnonzero(many.kept[three] & (many.kind[three] == 0))[0])
query = int(patch_cover(many, 16)[three, slot].argmax())
goal = ideal_attention(many, three)
with torch.no_grad(), capture_attention(deeper) as weights:
    deeper(torch.from_numpy(many.image[three : three + 1]).float() / 255)
crossing, averaging_map = (
    weights[module][0, 0, query].numpy() for module in ("decoder.1.cross_attention", LAST)
)
attention_views.attention_map(
    many.image[three],
    query,
    [
        ("Cross-attention 2, head 1", crossing),
        ("Self-attention 3, head 1", averaging_map),
        ("Ideal", goal.weights[query]),
    ],
    columns=2,
)

# %%
#| label: deeper-map
carried = np.abs(
    [f["heads"] for name, f in scan["deeper"]["modules"].items() if name.endswith("cross_attention")]
)  # [layers, heads, kinds]
assert carried.argmax() == np.ravel_multi_index((1, 0, 0), carried.shape)  # the head of the map
{
    "group": f"{crossing[goal.group[query]].sum():.0%}",
    "carries": f"{carried.max():.0%}",
    "next": f"{np.sort(carried, axis=None)[-2]:.0%}",
}

# %% [markdown]
# ## Depth, self-attention, or chance?
#
# Both, one and neither, three seeds each: equal images, float32, each with its own learning rate.
# `python -m shapes_of_attention study vision --only "depth/*" "compare/encoder-decoder/*"`.

# %%
#| label: depth-runs
#| inputs:
#|   - assets/records/compare-encoder-decoder-seed-*.json
#|   - assets/records/contrast-*.json
#|   - assets/records/depth-*.json
#|   - assets/records/flagship.json
#|   - assets/records/tune-depth-*.json
ARCHITECTURES = {
    "encoder-decoder": "2 layers",
    "2-layers-self": "2, self-attention",
    "3-layers": "3 layers",
    "3-layers-self": "3, self-attention",
}
depth = comparable(
    run
    for run in read_records(Path("../../assets/records"), families=("compare", "depth"))
    if run.is_listed and run.label in ARCHITECTURES
)


def carried_by(run, module_is):
    """Give what the module that carries most of the mean carries, of those chosen."""
    slopes = run.test["intervention_by_module"]
    return max((slope for name, slope in slopes.items() if module_is(name)), default=None)


def crossing_share(run, measure):
    """Average over the kinds what the best head of the cross-attention has on the right shapes."""
    return np.mean([best["share"] for best in run.test["attention"]["best"][measure].values()])


carriers = {
    "cross": lambda run: run.test["intervention"]["slope"],
    "self": lambda run: carried_by(run, lambda name: name.endswith("self_attention")),
    "encoder": lambda run: carried_by(run, lambda name: name.startswith("encoder")),
}
slopes = {
    label: {
        name: [found for run in depth[label] if (found := carried(run)) is not None]
        for name, carried in carriers.items()
    }
    for label in ARCHITECTURES
}
for label in ARCHITECTURES:
    for run in depth[label]:
        modules = run.test["intervention_by_module"]
        most = max(modules, key=modules.get)
        print(
            f"{run.name:32s} rate {run.config['learning_rate']:.2g}  most by {most}: {modules[most]}"
        )

# %%
#| label: depth-dots
dot_rows(
    [
        Series(name="hidden from all cross-attention", colour=explanations.TEACHING),
        Series(name="from one self-attention of the decoder", colour=explanations.DEEPER),
        Series(name="from one attention of the encoder", colour=OLIVE),
    ],
    [
        DotRow(label=name, values=list(slopes[label].values()))
        for label, name in ARCHITECTURES.items()
    ],
    title="of the true change, %",
    ticks=((0, "0"), (0.5, "50"), (1, "100")),
    limits=(-0.25, 1.1),
)

# %%
#| label: depth-table
HTML(
    sortable_table(
        "The decoder has",
        (
            "Colour error",
            "Hidden from cross-attention",
            "From one self-attention",
            "Best cross map: group",
            "Other shapes",
        ),
        [
            (
                name,
                [
                    mean_and_deviation([run.score.colour_error for run in depth[label]], ".1f"),
                    mean_and_deviation(slopes[label]["cross"], "z.2f"),
                    mean_and_deviation(slopes[label]["self"], ".2f")
                    if slopes[label]["self"]
                    else NOTHING,
                    *(
                        mean_and_deviation(
                            [100 * crossing_share(run, measure) for run in depth[label]], ".0f", "%"
                        )
                        for measure in ("weights", "others")
                    ),
                ],
            )
            for label, name in ARCHITECTURES.items()
        ],
    )
)

# %%
#| label: depth
with_self = [run for label in ARCHITECTURES if label.endswith("self") for run in depth[label]]
without = [run for label in ARCHITECTURES if not label.endswith("self") for run in depth[label]]
# What the text says of all models with self-attention, and of all without, it says of each.
assert len(with_self) == len(without) == 6
assert all(abs(carriers["cross"](run)) < 0.1 < 0.9 < carriers["cross"](other)
           for run in with_self for other in without)  # fmt: skip

# The two models above are of another precision, and the teaching model saw more images.
above = {
    run.family: run
    for run in read_records(Path("../../assets/records"), families=("contrast", "flagship"))
    if run.is_listed
}
assert {run.precision for run in above.values()} == {"bf16"}
assert all(run.precision == "float32" for runs in depth.values() for run in runs)
assert depth["encoder-decoder"][0].images < above["flagship"].images

makers = [max(f := run.test["intervention_by_module"], key=f.get) for run in depth["3-layers-self"]]
assert sorted(makers) == [f"decoder.{n}.self_attention" for n in (1, 2, 2)]
assert min(slopes["3-layers-self"]["self"]) < 0.5


def between(values, form):
    """Write the least and the largest of some values."""
    return f"{min(values):{form}} to {max(values):{form}}".replace("-", "−")


def shares_of(runs, measure):
    return between([crossing_share(run, measure) for run in runs], ".0%")


tried = errors_by_rate(
    {
        label: [
            run
            for run in read_records(Path("../../assets/records"), families=("tune",))
            if run.label == f"depth-{label}"
        ]
        for label in ARCHITECTURES
        if label != "encoder-decoder"
    },
    "colour/colour_error_median",
)
at_the_edge(tried, told={"3-layers-self": "smallest"})
blinded = np.array(
    [[run.test["intervention"]["slope_by_kind"][kind] for kind in KINDS] for run in with_self]
)  # [runs, kinds]
# As the text says: circles and rectangles mostly go opposite ways, and where a best head has most on
# the other shapes, the colour of that kind does not follow.
assert np.sum(blinded[:, 0] * blinded[:, 2] < 0) > len(blinded) / 2
others_most, misled, kind = max(
    (run.test["attention"]["best"]["others"][kind]["share"], number, kind)
    for number, run in enumerate(with_self)
    for kind in KINDS
)
assert kind == "filled rectangle" and blinded[misled, KINDS.index(kind)] < 0
blind = np.mean([list(run.test["attention"]["others_uniform"].values()) for run in with_self])
{
    "images": f"{depth['encoder-decoder'][0].images:,}",
    "teaching": between(slopes["encoder-decoder"]["cross"], ".2f"),
    "cross-by-kind": {
        "circles": between(blinded[:, 0], ".2f"),
        "rectangles": between(blinded[:, 2], ".2f"),
        "hollow": between(blinded[:, [1, 3]].ravel(), ".2f"),
    },
    "cross": {
        "with": between([carriers["cross"](run) for run in with_self], ".2f"),
        "without": between([carriers["cross"](run) for run in without], ".2f"),
    },
    "self": {
        "two": between(slopes["2-layers-self"]["self"], ".2f"),
        "three": between(slopes["3-layers-self"]["self"], ".2f"),
    },
    "encoder": between([carriers["encoder"](run) for run in without], ".2f"),
    "on-group": shares_of(with_self, "weights"),
    "on-others": shares_of(with_self, "others"),
    "on-others-most": f"{others_most:.0%}",
    "blind": f"{blind:.0%}",
    "blind-there": f"{with_self[misled].test['attention']['others_uniform'][kind]:.0%}",
    "others-without": shares_of(without, "others"),
    "smallest-rate": f"{min(tried['3-layers-self']):g}",
}

# %% [markdown]
# ## Bare background
#
# Attention must go somewhere. Does it matter that much of it goes to black patches? Hide them all,
# from every module.

# %%
#| label: background
black = (patch_cover(batch, 16) < 1).all(axis=1)  # [batch, patches]
showing = patch_cover(batch, 16).max(axis=1) >= 64  # patches that show a shape
with torch.no_grad(), capture_attention(deeper) as weights:
    deeper(torch.from_numpy(batch.image).float() / 255)
looks = AttentionShares()
looks.add(weights, black[:, None, None, :], showing[:, None])
on_black = {module: share[:, 0] for module, share in looks.result().modules.items()}  # [heads]
without_black = {}
for name, model in (("teaching", teaching), ("deeper", deeper)):
    with keys_hidden(model, attention_names(model), torch.from_numpy(~black)[:, None, None, :]):
        without_black[name] = float(np.median(company_error(model, [batch])[0]))
print({module: np.round(shares, 2).tolist() for module, shares in on_black.items()})
print(without_black)

# %%
#| label: black
{
    "most": f"{max(max(shares) for shares in on_black.values()):.0%}",
    "error-without": f"{without_black['deeper']:.1f}",
}

# %% [markdown]
# ## Exchange the weights
#
# Take a head's weights away and put others in their place. Once the truth that we can write down,
# once the learned weights in a random order of the keys.

# %%
#| label: exchange
truth = torch.from_numpy(np.stack([ideal_attention(batch, row).weights for row in range(64)]))
truth = truth[:, None]  # [batch, 1, query, key]
asks = truth.sum(dim=-1, keepdim=True) > 0
generator = torch.Generator().manual_seed(0)


def heads(*numbers):
    """Choose heads: bool [4, 1, 1]."""
    return torch.isin(torch.arange(4), torch.tensor(numbers))[:, None, None]


def ideal_in(*numbers):
    """Put the ideal weights into some heads, for queries that have something to ask."""
    return lambda weights: torch.where(heads(*numbers) & asks, truth, weights)


def shuffled(*numbers):
    """Give every query of some heads its own weights in a random order of the keys."""

    def change(weights):
        order = torch.rand(weights.shape, generator=generator).argsort(dim=-1)
        return torch.where(heads(*numbers), weights.gather(-1, order), weights)

    return change


def error_with(model, changes):
    """Exchange weights in some modules and take the median colour error of shapes with company."""
    with ExitStack() as stack:
        for module, change in changes.items():
            stack.enter_context(weights_replaced(model, module, change))
        error, _ = company_error(model, [batch])
    return float(np.median(error))


cross = [name for name in attention_names(deeper) if name.endswith("cross_attention")]
errors = {
    "learned": error_with(teaching, {}),
    "ideal": error_with(teaching, {SECOND: ideal_in(0, 1)}),
    "shuffled": error_with(teaching, {SECOND: shuffled(0, 1)}),
    "idle": error_with(teaching, {SECOND: shuffled(2, 3)}),
    "deeper": error_with(deeper, {}),
    "deeper, cross": error_with(deeper, {name: shuffled(0, 1, 2, 3) for name in cross}),
    "deeper, self": error_with(deeper, {LAST: shuffled(0)}),
}
print({name: round(error, 2) for name, error in errors.items()})

# %%
#| label: exchanged-weights
blue, purple = explanations.TEACHING, explanations.DEEPER
explanations.exchanged_weights(
    [
        ("Teaching model, as learned", errors["learned"], blue),
        ("L2 heads 1 and 2: the ideal put in", errors["ideal"], blue),
        ("L2 heads 1 and 2: shuffled", errors["shuffled"], blue),
        ("L2 heads 3 and 4: shuffled", errors["idle"], blue),
        ("Deeper model, as learned", errors["deeper"], purple),
        ("All cross-attention shuffled", errors["deeper, cross"], purple),
        ("L3 self-attention, head 1: shuffled", errors["deeper, self"], purple),
    ]
)

# %%
#| label: error
{
    "learned": f"{errors['learned']:.1f}",
    "ideal": f"{errors['ideal']:.1f}",
    "shuffled": f"{errors['shuffled']:.0f}",
    "deeper": f"{errors['deeper']:.1f}",
    "deeper-cross": f"{errors['deeper, cross']:.1f}",
}

# %%
#| label: learned-from-ideal
# How far the learned weights lie from the ideal ones: half the sum of differences.
with torch.no_grad(), capture_attention(teaching) as weights:
    teaching(torch.from_numpy(batch.image).float() / 255)
company = torch.from_numpy(
    np.stack([ideal_attention(batch, r).others.any(axis=1) for r in range(64)])
)
apart = (weights[SECOND][:, 1] - truth[:, 0]).abs().sum(dim=-1) / 2  # [batch, query]
print(f"{apart.numpy()[company].mean():.0%}")
