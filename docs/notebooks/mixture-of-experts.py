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
#| inputs: ["assets/checkpoints/experts-bias.safetensors", "assets/records/experts-*.json"]
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
    told_by_choice,
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
model = load_model(Path("../../assets/checkpoints/experts-bias.safetensors"))
batch = make_shapes(range(256), seed=IMAGE_TEST_SEED)
routings = route(model, batch)
contents = patch_contents(batch)  # [images, patches]
LAYER = "encoder.1.feed_forward"
MIXTURE = {"experts": 8, "hidden": 128, "chosen_experts": 2}
routing = routings[LAYER]


def favourites(routing):
    """Tell which tokens went to the two experts that are likeliest without the bias, in order."""
    likeliest = routing.probabilities.topk(2).indices
    return (likeliest == routing.chosen).all(dim=1).numpy()


# The bias is for later: this is the first patch that a shape fills by a third, and on which it changed
# nothing.
last = routings["decoder.1.feed_forward"]
lit = (batch.image.max(axis=1) > 0).reshape(-1, 8, 16, 8, 16).mean(axis=(2, 4)).flatten()
patch = int(np.flatnonzero((lit > 1 / 3) & favourites(last))[0])
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
lit_parts = cut.max(axis=1) > 0  # [images * patches, 16, 16]
colours = [  # the mean colour of what is lit, for each expert
    cut.transpose(0, 2, 3, 1)[lit_parts & (shown == number)[:, None, None]].mean(axis=0)
    for number in range(8)
]
assert colours[0].argmin() == 0 and colours[1].argmax() == 0  # no red; red
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
empty, filled, hollow = diet[0], diet[[1, 3]].min(axis=0), diet[[2, 4]].max(axis=0)
# As the post says, counting from one: 1 filled, 4 hollow, 2 any shape, 3 and 8 empty ground.
assert filled[0] > 2 * max(hollow[0], empty[0]) and diet[[2, 4], 3].min() > 7 * diet[[0, 1, 3], 3].max()
assert diet[1:, 1].min() > 10 * empty[1]
assert all(empty[number] > 2 * diet[1:, number].max() for number in (2, 7))
drawn.expert_diet(diet, CONTENTS)

# %% [markdown]
# How much of a patch's content does its first choice tell? Beside it what routers tell that were drawn
# at random, blind to the mean, and read the same tokens.


# %%
#| label: told
def read_by_routers(model, batch):
    """Give the tokens that each layer's router reads: name -> [tokens, dim]."""
    given = {}
    hooks = [
        module.register_forward_pre_hook(
            lambda _, tokens, name=name.removesuffix(".router"): given.update({name: tokens[0]})
        )
        for name, module in model.named_modules()
        if isinstance(module, Router)
    ]
    route(model, batch)
    for hook in hooks:
        hook.remove()
    return given


def told_at_random(tokens, draws=20):
    """Give what the choices of routers tell that are drawn at random."""
    mean = functional.normalize(tokens.mean(dim=0), dim=0)
    found = []
    for seed in range(draws):
        torch.manual_seed(seed)
        rows = nn.Linear(tokens.shape[1], 8, bias=False).weight.detach()
        rows = rows - torch.outer(rows @ mean, mean)
        choice = (tokens @ rows.T).argmax(dim=1).numpy()
        found.append(told_by_choice(choice, contents.flatten()))
    return found


at_random = {
    name: told_at_random(tokens) for name, tokens in read_by_routers(model, batch).items()
}
trained = {
    name: told_by_choice(found.chosen[:, 0].numpy(), contents.flatten())
    for name, found in routings.items()
}
behind = [sum(draw < told for draw in at_random[name]) for name, told in trained.items()]
assert sum(10 < draws < 20 for draws in behind) == 3 and 0 in behind  # as the post says
unlearned = []
for seed in range(5):
    torch.manual_seed(seed)
    fresh = build_model("encoder-decoder", MIXTURE)
    unlearned += told_at_random(read_by_routers(fresh, batch)[LAYER], draws=4)
{
    "trained": f"{trained[LAYER]:.0%}",
    "at-random": f"{min(at_random[LAYER]):.0%} to {max(at_random[LAYER]):.0%}",
    "untrained": f"{min(unlearned):.0%} to {max(unlearned):.0%}",
}

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
    return [
        float(tokens.mean(dim=0).norm() / tokens.std(dim=0, correction=0).norm())
        for tokens in read_by_routers(model, sixty_four).values()
    ]


sixty_four = make_shapes(range(64), seed=IMAGE_TEST_SEED)
untrained = {name: [] for name in ("one", "two", "common", "one-even", "two-even")}
for seed in range(5):
    torch.manual_seed(seed)
    fresh = build_model("encoder-decoder", MIXTURE)
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
# The load over training, and that of every layer over the last tenth of it: without a remedy, from an
# even start without one, and with each of two.

# %%
#| label: load-over-training
TITLES = {
    "unbalanced": "No balance",
    "even-start": "No balance, even start",
    "loss": "Balance loss",
    "bias": "Moving bias",
}
mixtures = comparable(run for run in recorded if not run.family and run.label in TITLES)


def course(run, layer):
    """Give the images that a run had seen, and the shares of a layer's experts: [points, experts]."""
    points = run.test["load_over_training"]
    return (
        [run.config["batch_size"] * point["step"] for point in points],
        np.array([point["layers"][layer] for point in points]),
    )


drawn.load_over_training(
    {title: course(mixtures[name][0], LAYER) for name, title in TITLES.items()}
)

# %%
#| label: layer-loads
last_tenth = {
    name: [loads_by_layer(run.test, points=4) for run in mixtures[name]] for name in TITLES
}
for name in ("unbalanced", "even-start"):  # as the post says: every token visits one expert
    assert last_tenth[name][0]["encoder 2"].max() > 0.49
drawn.layer_loads({title: last_tenth[name][0] for name, title in TITLES.items()})

# %% [markdown]
# The busiest two experts of each layer, over all starts: in the first and the third stretch of steps,
# and in the last tenth of training.


# %%
#| label: busiest-two
def busiest_two(found):
    """Write the share of choices of a layer's two busiest experts, from lowest to highest."""
    shares = [np.sort(load)[-2:].sum() for layers in found for load in layers.values()]
    return f"{min(shares):.0%} to {max(shares):.0%}"


def stretch(name, number):
    """Give the load of a stretch of steps, layer by layer, for each start."""
    return [run.test["load_over_training"][number]["layers"] for run in mixtures[name]]


(first_steps,) = {
    run.test["load_over_training"][0]["step"] for runs in mixtures.values() for run in runs
}
{
    name: {
        "first": busiest_two(stretch(name, 0)),
        "third": busiest_two(stretch(name, 2)),
        "last": busiest_two(last_tenth[name]),
    }
    for name in TITLES
} | {"steps": first_steps}

# %% [markdown]
# How much more than its share does the busiest expert do in the last tenth, averaged over the layers?

# %%
#| label: unevenness
excess = {
    name: spread([np.mean([unevenness(load) for load in layers.values()]) for layers in found])
    for name, found in last_tenth.items()
}
assert {found.count for found in excess.values()} == {3}
{name: f"{found:.0%}" for name, found in excess.items()}

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
# Dense layers of three widths and mixtures of four balances, three seeds each, at the rate that did
# best in the sweep of their kind.

# %%
#| label: results
DENSE = {
    "dense-256": "dense, 256 wide",
    "dense-512": "dense, 512 wide",
    "dense-1024": "dense, 1024 wide",
}
ALL = DENSE | {name: f"mixture: {title.lower()}" for name, title in TITLES.items()}
compared = comparable(run for run in recorded if not run.family and run.label in ALL)
errors = {label: spread([run.score.colour_error for run in compared[label]]) for label in ALL}
assert {found.count for found in errors.values()} == {3}


def cells(values):
    return "".join(f"<td>{value}</td>" for value in values)


def described(label):
    """Write a model's row."""
    run = compared[label][0]
    flops = forward_flops(build_model("encoder-decoder", run.config["options"]))
    return [
        f"{run.parameters / 1e6:.2f} M",
        f"{flops / 1e6:.0f}",
        f"{errors[label]:.1f}",
    ]


HTML(
    "<table><thead><tr><th>Feed-forward layers</th><th>Parameters</th><th>MFLOPs an image</th>"
    "<th>Colour error</th></tr></thead><tbody>"
    + "".join(
        f"<tr><th scope='row'>{title}</th>{cells(described(label))}</tr>"
        for label, title in ALL.items()
    )
    + "</tbody></table>"
)

# %%
#| label: error-curves
drawn.error_curves(
    {
        ALL[label]: [
            (
                [point.images for point in run.curve],
                [point.score.colour_error for point in run.curve],
            )
            for run in compared[label]
        ]
        for label in ("dense-256", "dense-1024", "bias")
    }
)

# %%
#| label: trained
sweeps = comparable(run for run in recorded if run.family == "tune")
tried = errors_by_rate(sweeps, "colour/colour_error_median")
assert not at_the_edge(tried) and {len(rates) for rates in tried.values()} == {5}
in_trials = {label: sorted(errors_of.values()) for label, errors_of in tried.items()}
close = {label: f"{found[2] - found[0]:.2f}" for label, found in in_trials.items()}
by_start = {label: [run.score.colour_error for run in compared[label]] for label in ALL}
# As the post says: widths differ less than starts; mixtures are behind the dense layer of their cost
# on average, and a start of one is not; balance makes no difference that starts do not.
means = [errors[label].mean for label in DENSE]
assert max(means) - min(means) < max(errors[label].deviation for label in DENSE)
assert min(TITLES, key=lambda label: errors[label].mean) == "bias"
assert errors["bias"].mean > errors["dense-256"].mean
assert sum(error > min(by_start["loss"]) for error in by_start["dense-256"]) == 2
assert all(max(by_start["bias"]) > min(by_start[label]) for label in TITLES)
(short_images,) = {f"{run.images:,}" for runs in sweeps.values() for run in runs}
(long_images,) = {f"{run.images:,}" for runs in compared.values() for run in runs}
{
    "images": {"short": short_images, "long": long_images},
    "error": {label: f"{found:.1f}" for label, found in errors.items()},
    "close": close["dense-1024"],
    "close-mixture": close["mixture"],
    "ahead-dense-256": f"{in_trials['dense-256'][1] - in_trials['dense-256'][0]:.1f}",
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
