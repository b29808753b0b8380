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
# # Mixture of experts
#
# Many feed-forward networks, of which a token visits a few. This notebook counts what a feed-forward
# layer costs, proves the mixture against a plain loop and against Mixtral's block, and looks into
# an encoder-decoder that was trained with eight experts in each layer.

# %%
#| label: quiet
#| fold: true
import warnings

warnings.filterwarnings("ignore", message="IProgress not found")  # tqdm misses its widgets

# %%
#| label: setup
#| inputs: ["assets/checkpoints/experts-specimen.safetensors", "assets/records/experts-*.json"]
import json
from functools import partial
from pathlib import Path

import numpy as np
import torch
from IPython.display import HTML
from torch import nn
from torch.nn import functional
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

from shapes_of_attention.data import IMAGE_TEST_SEED, make_shapes
from shapes_of_attention.figures import experts as drawn
from shapes_of_attention.interpret.routing import (
    CONTENTS,
    choices_by_content,
    loads_by_layer,
    patch_contents,
    route,
    unevenness,
)
from shapes_of_attention.measure.expert_load import forward_flops
from shapes_of_attention.measure.flops import flops_of
from shapes_of_attention.models import build_model
from shapes_of_attention.models.experts import (
    MixtureConfig,
    MixtureOfExperts,
    Router,
    Routing,
    balance_loss,
    group_by_expert,
    start_evenly,
)
from shapes_of_attention.studies.record import (
    at_the_edge,
    errors_by_rate,
    comparable,
    read_records,
    spread,
)
from shapes_of_attention.training.checkpoint import load_model

torch.set_num_threads(1)
records = Path("../../assets/records")
recorded = read_records(records, "experts")


# %% [markdown]
# ## What a feed-forward layer costs
#
# Parameters and multiplications of the encoder-decoder's blocks, by what they belong to.

# %%
#| label: our-cost
flagship = build_model("encoder-decoder")
blocks = [*flagship.encoder, *flagship.decoder]
feed_forward = sum(p.numel() for block in blocks for p in block.feed_forward.parameters())
everything = sum(p.numel() for block in blocks for p in block.parameters())

print(f"feed-forward {feed_forward:,} of {everything:,}: {feed_forward / everything:.0%}")

# %% [markdown]
# And the pairs? A token meets 64 keys and mixes 64 values, all heads together as wide as the token.
# Every parameter is one multiplication.

# %%
#| label: our-shares
pairs = len(blocks) * 2 * 64 * 128
{
    "of-parameters": f"{feed_forward / everything:.0%}",
    "pairs": f"{pairs / (everything + pairs):.0%}",
    "feed-forward": f"{feed_forward / (everything + pairs):.0%}",
}

# %% [markdown]
# Mixtral 8x7B, from the sizes in its configuration: width 4096, 32 layers, 32 heads for queries and
# 8 for keys and values, experts of three matrices with an inner width of 14336, 8 of them in a
# layer, 2 for each token, 32000 words.

# %%
#| label: mixtral-cost
dim, inner, layers, words = 4096, 14336, 32, 32_000
attention = 2 * dim * dim + 2 * dim * (dim // 4)
expert = 3 * dim * inner
rest = layers * (attention + 2 * dim + 8 * dim) + 2 * words * dim + dim
total = rest + layers * 8 * expert
active = rest + layers * 2 * expert

print(f"attention, all layers {layers * attention / 1e9:5.1f} billion")
print(f"experts, all layers   {layers * 8 * expert / 1e9:5.1f} billion")
print(f"whole model           {total / 1e9:5.1f} billion")
print(f"used for one token    {active / 1e9:5.1f} billion")

# %%
#| label: mixtral-share
layers * 8 * expert / total

# %% [markdown]
# ## The layer
#
# Eight experts, two for each token, beside a loop that takes the formula at its word.

# %%
#| label: equals-the-loop
torch.manual_seed(0)
layer = MixtureOfExperts(MixtureConfig(dim=32, hidden=48, experts=8, chosen=2))
x = torch.randn(3, 20, 32)

rows = []
for token in x.flatten(0, 1):
    logits = layer.router.score(token)
    row = torch.zeros(32)
    best = logits.topk(2)
    for share, number in zip(best.values.softmax(0), best.indices):
        inner = functional.gelu(layer.experts.expand[number] @ token)
        row += share * (layer.experts.contract[number] @ inner)
    rows.append(row)

difference = (layer(x).flatten(0, 1) - torch.stack(rows)).abs().max()
assert difference < 1e-5
print("equal to the loop, to 1e-5")

# %% [markdown]
# The same for the block of Mixtral in Hugging Face's transformers, with our weights copied into it.
# Gradients too.

# %%
#| label: equals-mixtral
ours = MixtureOfExperts(MixtureConfig(dim=32, hidden=48, form="swiglu"))
theirs = MixtralSparseMoeBlock(
    MixtralConfig(
        hidden_size=32,
        intermediate_size=48,
        num_local_experts=8,
        num_experts_per_tok=2,
        experts_implementation="eager",
    )
)
theirs.load_state_dict(
    {
        "gate.weight": ours.router.score.weight,
        "experts.gate_up_proj": ours.experts.expand,
        "experts.down_proj": ours.experts.contract,
    }
)
outputs = [block(x) for block in (ours, theirs)]
slopes = [
    torch.autograd.grad(out.square().sum(), weights)
    for out, weights in (
        (outputs[0], [ours.router.score.weight, ours.experts.expand, ours.experts.contract]),
        (outputs[1], list(theirs.parameters())),
    )
]
torch.testing.assert_close(outputs[0], outputs[1], atol=1e-5, rtol=1e-5)
torch.testing.assert_close(slopes[0], slopes[1], atol=1e-5, rtol=1e-4)
print("equal to Mixtral's block, to 1e-5, gradients included")

# %% [markdown]
# Are the others really left alone? Count the work. Then put NaN into two experts that no token may
# choose: a layer that computed them, only to multiply by zero, would return NaN.

# %%
#| label: only-the-chosen
dense = nn.Sequential(nn.Linear(32, 8 * 48), nn.GELU(), nn.Linear(8 * 48, 32))
of_mixture, of_dense = (flops_of(partial(part, x)) for part in (layer, dense))

with torch.no_grad():
    layer.experts.expand[:2] = torch.nan
    layer.router.bias[:2] = -torch.inf
assert layer(x).isfinite().all()
print(f"{of_mixture:,} FLOPs, a dense layer of that size {of_dense:,}")

# %% [markdown]
# ## The snippet that cannot run
#
# It looks the experts up with a tensor of numbers. A list of modules takes one number.

# %%
#| label: broken-lookup
experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(16))
try:
    experts[torch.tensor([3, 0, 7])]
except (TypeError, ValueError) as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# Its mask compares the best expert with the expert in column `idx` of the top k.

# %%
#| label: broken-mask
scores = torch.randn(8, 50, 16, generator=torch.Generator().manual_seed(0))
top = scores.topk(2, dim=-1).indices
for column in range(2):
    mask = scores.argmax(dim=-1) == top[..., column]
    print(f"column {column}: the mask lets {mask.float().mean():.0%} of the tokens through")

# %% [markdown]
# The same layer, mended.

# %%
#| label: mended
mended = MixtureOfExperts(MixtureConfig(dim=512, hidden=2048, experts=16, chosen=2))
tokens = torch.randn(8, 50, 512)
out = mended(tokens)
out.square().mean().backward()

print("in", tuple(tokens.shape), " out", tuple(out.shape))
print("the router learns:", bool(mended.router.score.weight.grad.abs().max() > 0))

# %% [markdown]
# ## One token on its way
#
# The encoder-decoder trained with the moving bias, on an image it has not seen.

# %%
#| label: one-token
model = load_model(Path("../../assets/checkpoints/experts-specimen.safetensors"))
batch = make_shapes(range(256), seed=IMAGE_TEST_SEED)
routings = route(model, batch)
contents = patch_contents(batch)  # [images, patches]
LAYER = "encoder.1.feed_forward"
routing = routings[LAYER]


def favourites(routing):
    """Tell which tokens went to the two experts that are likeliest without the bias, in order."""
    likeliest = routing.probabilities.topk(2).indices
    return (likeliest == routing.chosen).all(dim=1).numpy()


# The bias is for later: this is the first patch with a shape on which it changed nothing.
last = routings["decoder.1.feed_forward"]
patch = int(np.flatnonzero((contents.flatten() > 0) & favourites(last))[0])
here = slice(64 * (patch // 64), 64 * (patch // 64) + 64)  # the patches of its image
bias = model.decoder[1].feed_forward.router.bias
drawn.routing_steps(
    batch.image[patch // 64],
    patch % 64,
    Routing(last.probabilities[here], last.chosen[here], last.weights[here]),
    bias.numpy(),
)

# %% [markdown]
# ## Who takes what
#
# First choices in one layer, as colours over images.

# %%
#| label: expert-maps
first = routing.chosen[:, 0].numpy().reshape(len(batch), -1)
drawn.expert_maps(batch.image[:3], first[:3], title="First choice in the encoder's second layer")

# %%
#| label: expert-gallery
generator = np.random.default_rng(0)
cut = batch.image.reshape(len(batch), 3, 8, 16, 8, 16).transpose(0, 2, 4, 1, 3, 5)
cut = cut.reshape(-1, 3, 16, 16)  # [images * patches, 3, 16, 16]
shown = first.flatten()
gallery = []
for number in range(8):
    mine = np.flatnonzero((shown == number) & (contents.flatten() > 0))
    gallery.append(cut[generator.choice(mine, min(8, len(mine)), replace=False)])
drawn.expert_gallery(gallery, routing.load().tolist())

# %%
#| label: empty-share
print(f"{(contents == 0).mean():.0%}")

# %%
#| label: expert-diet
diet = choices_by_content(routing, contents)  # [contents, experts]
of_shapes = diet[:, diet[0] < 0.25]  # experts that empty ground does not choose first
filled, hollow = of_shapes[[1, 3]].mean(axis=0), of_shapes[[2, 4]].mean(axis=0)
assert diet.shape[1] - of_shapes.shape[1] == 2  # as the text says, and this:
assert (hollow > 1.4 * filled).sum() == 2 and (filled > 1.4 * hollow).sum() == 3
drawn.expert_diet(diet, CONTENTS)

# %% [markdown]
# ## Balance
#
# What the balance loss is when the work is shared evenly, and when one expert does it all.

# %%
#| label: balance-values
even = torch.full((16, 8), 1 / 8)
in_turn = (torch.arange(16)[:, None] + torch.arange(2)) % 8
one_for_all = torch.zeros(16, 8)
one_for_all[:, 0] = 1
balanced = balance_loss(Routing(even, in_turn, even[:, :2]))
collapsed = balance_loss(Routing(one_for_all, torch.zeros(16, 1).long(), torch.ones(16, 1)))
assert balanced == 1 and collapsed == 8
print(f"even {balanced:.0f}, all on one of eight {collapsed:.0f}")

# %% [markdown]
# How a router without any training shares out 64 images, over five draws of the weights and all four
# layers; and what its tokens have in common: the length of their mean beside that of what is left
# of a token without it. Then the same with routers that cannot see this mean.


# %%
#| label: untrained
def shares_of_two(model):
    """Give the share of choices of the busiest expert and of the busiest two, for each layer."""
    loads = [np.sort(routing.load().numpy())[::-1] for routing in route(model, sixty_four).values()]
    return [load[0] for load in loads], [load[:2].sum() for load in loads]


def common(model):
    """Compare, at each router, the tokens' mean with their root mean square distance from it."""
    given = []
    hooks = [
        router.register_forward_pre_hook(lambda _, tokens: given.append(tokens[0]))
        for router in model.modules()
        if isinstance(router, Router)
    ]
    route(model, sixty_four)
    for hook in hooks:
        hook.remove()
    means = [tokens.mean(dim=0) for tokens in given]
    return [
        float(mean.norm() / (tokens - mean).square().sum(dim=1).mean().sqrt())
        for tokens, mean in zip(given, means)
    ]


sixty_four = make_shapes(range(64), seed=IMAGE_TEST_SEED)
untrained = {name: [] for name in ("one", "two", "common", "one-even", "two-even")}
for seed in range(5):
    torch.manual_seed(seed)
    fresh = build_model("encoder-decoder", {"experts": 8, "hidden": 128, "chosen_experts": 2})
    one, two = shares_of_two(fresh)
    untrained["one"] += one
    untrained["two"] += two
    untrained["common"] += common(fresh)
    start_evenly(fresh, torch.from_numpy(sixty_four.image).float() / 255)
    one, two = shares_of_two(fresh)
    untrained["one-even"] += one
    untrained["two-even"] += two

{
    name: f"{min(values):.1f} to {max(values):.1f}"
    if name == "common"
    else f"{min(values):.0%} to {max(values):.0%}"
    for name, values in untrained.items()
}

# %% [markdown]
# The load over training, and that of every layer over the last tenth of it, for the three ways to
# balance: older runs, in bfloat16.

# %%
#| label: load-over-training
older = comparable(run for run in recorded if run.family == "specimen")
TITLES = {"unbalanced": "No balance", "loss": "Balance loss", "bias": "Moving bias"}


def course(run, layer):
    """Give the images that a run had seen, and the shares of a layer's experts: [points, experts]."""
    points = run.test["load_over_training"]
    return (
        [run.config["batch_size"] * point["step"] for point in points],
        np.array([point["layers"][layer] for point in points]),
    )


drawn.load_over_training({title: course(older[name][0], LAYER) for name, title in TITLES.items()})

# %%
#| label: layer-loads
loads = {title: loads_by_layer(older[name][0].test, points=4) for name, title in TITLES.items()}
drawn.layer_loads(loads)

# %% [markdown]
# The busiest two experts of each layer, left alone: before training, in its first hundred steps, and
# in its last tenth.


# %%
#| label: busiest-two
def busiest_two(layers):
    """Give the share of choices of each layer's two busiest experts."""
    return {name: float(np.sort(load)[-2:].sum()) for name, load in layers.items()}


first_steps = older["unbalanced"][0].test["load_over_training"][0]
assert first_steps["step"] == 100
torch.manual_seed(0)
fresh = build_model("encoder-decoder", {"experts": 8, "hidden": 128, "chosen_experts": 2})
before = busiest_two({name: r.load().numpy() for name, r in route(fresh, sixty_four).items()})
after = busiest_two(first_steps["layers"])
at_last = busiest_two(loads["No balance"])
assert all(after[name] > before[name] for name in before)  # in every layer
assert max(at_last, key=at_last.get) == "decoder 2"
{
    name: f"{min(shares.values()):.0%} to {max(shares.values()):.0%}"
    for name, shares in (("before", before), ("first", after), ("last", at_last))
} | {"charted": f"{at_last['encoder 2']:.0%}"}

# %%
#| label: unevenness
{
    name: f"{np.mean([unevenness(load) for load in loads[title].values()]):.0%}"
    for name, title in TITLES.items()
} | {
    "images": f"{older['bias'][0].images:,}",
    "errors": ", ".join(f"{older[name][0].score.colour_error:.1f}" for name in TITLES),
}

# %% [markdown]
# How often are the two chosen experts, in any order, those that the router would have taken without
# its bias?

# %%
#| label: bias-and-choice
unmoved = {}
for name, layer_routing in routings.items():
    likeliest = layer_routing.probabilities.topk(2).indices.sort(dim=1).values
    same = (likeliest == layer_routing.chosen.sort(dim=1).values).all(dim=1)
    unmoved[name] = same.float().mean().item()
    print(f"{name:24s} {unmoved[name]:.1%}")

# %%
#| label: unmoved-choices
print(f"{min(unmoved.values()):.0%} to {max(unmoved.values()):.0%}")

# %% [markdown]
# How many choices would a capacity of exactly the even share drop, on held-out images?


# %%
#| label: dropped
def dropped(chosen, factor=1.0):
    """Count the choices that a capacity of so many times the even share drops."""
    capacity = int(factor * chosen.numel() / 8)
    _, counts = group_by_expert(chosen, experts=8, capacity=capacity)
    return chosen.numel() - counts.sum().item()


choices = routing.chosen.numel()
for factor in (1.0, 1.25, 1.5):
    print(f"capacity factor {factor:<4}: {dropped(routing.chosen, factor) / choices:.1%} dropped")

# %%
#| label: dropped-even
{
    "images": len(routing.chosen) // 64,
    "at-once": f"{dropped(routing.chosen) / choices:.0%}",
    "in-batches": f"{sum(map(dropped, routing.chosen.split(16 * 64))) / choices:.0%}",
}

# %% [markdown]
# ## Was it worth it?
#
# Dense layers of three widths, three seeds each, at the rate that did best in the sweep of each.

# %%
#| label: error-curves
dense = comparable(run for run in recorded if not run.family and run.label.startswith("dense-"))
WIDTHS = {"dense-256": "256 wide", "dense-512": "512 wide", "dense-1024": "1024 wide"}
drawn.error_curves(
    {
        title: [
            (
                [point.images for point in run.curve],
                [point.score.colour_error for point in run.curve],
            )
            for run in dense[label]
        ]
        for label, title in WIDTHS.items()
    }
)

# %%
#| label: results
SWEPT = {
    "dense-256": "dense, 256 wide: costs as much as the mixture",
    "dense-512": "dense, 512 wide",
    "dense-1024": "dense, 1024 wide: holds as much as the mixture",
    "mixture": "two of eight experts, each 128 wide",
}
sweeps = comparable(run for run in recorded if run.family == "tune")
tried = errors_by_rate(sweeps, "colour/colour_error_median")
assert not at_the_edge(tried) and {len(rates) for rates in tried.values()} == {5}
best = {label: min(sweeps[label], key=lambda run: run.score.colour_error) for label in SWEPT}
errors = {label: spread([run.score.colour_error for run in runs]) for label, runs in dense.items()}


def cells(values):
    return "".join(f"<td>{value}</td>" for value in values)


def described(label):
    """Write a model's row."""
    run = best[label]
    flops = forward_flops(build_model("encoder-decoder", run.config["options"]))
    long = errors.get(label)
    return [
        f"{run.parameters / 1e6:.2f} M",
        f"{flops / 1e6:.0f}",
        f"{run.score.colour_error:.1f}",
        f"{long.mean:.1f} ± {long.deviation:.1f}" if long else "not run",
    ]


(short_images,) = {f"{run.images:,}" for runs in sweeps.values() for run in runs}
(long_images,) = {f"{run.images:,}" for runs in dense.values() for run in runs}
HTML(
    "<table><thead><tr><th>Feed-forward layers</th><th>Parameters</th><th>MFLOPs an image</th>"
    f"<th>Error after {short_images} images</th><th>After {long_images} images</th>"
    "</tr></thead><tbody>"
    + "".join(
        f"<tr><th scope='row'>{title}</th>{cells(described(label))}</tr>"
        for label, title in SWEPT.items()
    )
    + "</tbody></table>"
)


# %%
#| label: trained
assert {found_errors.count for found_errors in errors.values()} == {3}
means = [found_errors.mean for found_errors in errors.values()]
deviations = [found_errors.deviation for found_errors in errors.values()]
assert max(means) - min(means) < max(deviations)  # the post: widths differ less than seeds
# Where the fall has begun: the first point of the curves after the sweeps' budget.
(moment,) = {
    next(point.images for point in run.curve if point.images > best["mixture"].images)
    for runs in dense.values()
    for run in runs
}
at_moment = [
    point.score.colour_error
    for run in dense["dense-1024"]
    for point in run.curve
    if point.images == moment
]
close = sorted(tried["dense-1024"].values())
short = {label: run.score.colour_error for label, run in best.items()}
assert sorted(short, key=short.get) == ["dense-512", "dense-256", "mixture", "dense-1024"]
{
    "images": {"short": short_images, "long": long_images},
    "short": {label: f"{error:.1f}" for label, error in short.items()},
    "long": {label: f"{e.mean:.1f} ± {e.deviation:.1f}" for label, e in errors.items()},
    "moment": f"{moment:,}",
    "close": f"{close[2] - close[0]:.2f}",
    "at-moment": f"{min(at_moment):.0f} to {max(at_moment):.0f}",
}

# %% [markdown]
# ## Speed
#
# From `python benchmarks/experts.py --record`: another layer's time over that of our mixture, so a
# number above one means that ours is faster.

# %%
#| label: speed
benchmark = json.loads((records / "experts-benchmark.json").read_text())
PEERS = ["dense, equal total", "dense, equal active", "Mixtral, eager", "Mixtral, grouped_mm"]
HTML(
    "<table><thead><tr><th>Tokens</th><th>Experts</th><th>Width</th><th>Pass</th>"
    + "".join(f"<th>{peer}</th>" for peer in PEERS)
    + "</tr></thead><tbody>"
    + "".join(
        "<tr>"
        + cells(
            [
                case["tokens"],
                f"{case['chosen']} of {case['experts']}",
                f"{case['dim']}\u00a0/\u00a0{case['hidden']}",
                case["pass"],
                *(f"{case['times_ours'][peer]:.2f}×" for peer in PEERS),
            ]
        )
        + "</tr>"
        for case in benchmark["cases"]
    )
    + "</tbody></table>"
)


# %%
#| label: speed-ratios
def ratios(peer, passes=("forward", "training"), **sizes):
    """Give how many times as long as ours a peer takes, in the cases of these passes and sizes."""
    return [
        case["times_ours"][peer]
        for case in benchmark["cases"]
        if case["pass"] in passes and all(case[name] == size for name, size in sizes.items())
    ]


def between(found, digits=1):
    """Write the lowest and the highest of some numbers."""
    return f"{min(found):.{digits}f} to {max(found):.{digits}f}"


active = ratios("dense, equal active")
assert min(active) in ratios("dense, equal active", tokens=16)  # as the prose says, and
assert max(active) < 1  # the prose says that the mixture never reaches it
{
    "eager": {
        "training": between(ratios("Mixtral, eager", ["training"])),
        "forward": between(ratios("Mixtral, eager", ["forward"])),
    },
    "grouped": between(ratios("Mixtral, grouped_mm"), 2),
    "equal-total": {
        "many": between(ratios("dense, equal total", dim=256, hidden=512, tokens=512)),
        "few": between(ratios("dense, equal total", dim=256, hidden=512, tokens=16)),
    },
    "equal-active": f"{min(active):.0%} to {max(active):.0%}",
}
