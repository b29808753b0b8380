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
# # Latent attention
#
# Keys and values of all heads are worked out from one small latent. This notebook proves that
# attention may skip the working out, and measures what that keeps and costs.

# %%
#| label: setup
#| fold: true
#| inputs: [assets/checkpoints/language-model-latent-seed-0.safetensors, assets/records/decoding-benchmark.json, assets/records/language-model-multi-head-seed-0.json, assets/records/language-model-grouped-query-seed-0.json, assets/records/language-model-multi-query-seed-0.json, assets/records/language-model-latent-seed-0.json, assets/records/language-model-multi-head-seed-1.json, assets/records/language-model-grouped-query-seed-1.json, assets/records/language-model-multi-query-seed-1.json, assets/records/language-model-latent-seed-1.json, assets/records/language-model-multi-head-seed-2.json, assets/records/language-model-grouped-query-seed-2.json, assets/records/language-model-multi-query-seed-2.json, assets/records/language-model-latent-seed-2.json]
import json
from pathlib import Path

import torch
from IPython.display import HTML
from transformers.models.deepseek_v3.configuration_deepseek_v3 import DeepseekV3Config

from shapes_of_attention.figures.caching import (
    absorbed_form,
    recall_over_training,
    shared_keys,
    standard_and_latent,
)
from shapes_of_attention.language_model import encode, load_language_model
from shapes_of_attention.language_model.hugging_face import deepseek_attention
from shapes_of_attention.language_model.text import STORY_TEST_SEED, make_story
from shapes_of_attention.studies.language_comparison import comparison

torch.set_num_threads(1)
assets = Path("../../assets")
model = load_language_model(assets / "checkpoints/language-model-latent-seed-0.safetensors")
attention = model.blocks[1].attention
compared = comparison(assets / "records")
benchmark = json.loads((assets / "records/decoding-benchmark.json").read_text())

# %% [markdown]
# ## What is kept of a token

# %%
#| label: shared-keys
shared_keys(heads=8, groups=2)

# %% [markdown]
# ## Standard and latent

# %%
#| label: standard-and-latent
standard_and_latent()

# %% [markdown]
# ## Expanded and absorbed

# %%
#| label: absorbed-form
absorbed_form()

# %% [markdown]
# **Proof.** A trained layer, over a story that it has not read: first with all keys and values
# worked out, then without. The outputs agree, and so do the gradients of every weight.

# %%
#| label: expanded-is-absorbed
story = torch.from_numpy(encode(make_story(2, seed=STORY_TEST_SEED, sentences=6).words))[None]
tokens = model.embedding(story)  # [1, 48, 64]
angles = model.angles[: story.shape[1]]

found = {}
for form in ("expanded", "absorbed"):
    attention.zero_grad()
    query, memory = attention.project(tokens.detach(), angles)
    mixed = getattr(attention, form)(query, memory)  # [1, 48, 64]
    mixed.square().mean().backward()
    found[form] = [mixed.detach(), *(weight.grad.clone() for weight in attention.parameters())]

pairs = list(zip(*found.values(), strict=True))
assert all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)
print(f"outputs, {len(pairs) - 1} gradients: within 1e-5")

# %% [markdown]
# **Proof.** With copied weights, the layer is the one of DeepSeek-V3 in transformers.

# %%
#| label: deepseek
theirs = deepseek_attention(attention)
turned = torch.cat([angles, angles], dim=-1)[None]
mask = torch.full((48, 48), float("-inf")).triu(1)[None, None]
with torch.no_grad():
    wanted, _ = theirs(tokens, (turned.cos(), turned.sin()), mask)
    largest = (attention(tokens, angles) - wanted).abs().max().item()
assert largest < 1e-5
print("ours and DeepSeek's: within 1e-5")

# %% [markdown]
# ## Bytes
#
# **Proof.** What a real cache holds, against the formula.

# %%
#| label: bytes
config = model.config
cache = model.new_cache(batch=1, capacity=100)
held = sum(buffer.nbytes for layer in cache.layers for buffer in layer.buffers) / 100
formula = (config.latent_dim + config.rotary_dim) * config.layers * 4  # 4 bytes a number
assert held == formula
print(f"({config.latent_dim} + {config.rotary_dim}) x {config.layers} layers x 4 bytes")
print(f"= {formula} bytes a token")

# %% [markdown]
# ## DeepSeek-V2
#
# The sizes of its largest model, from the paper.

# %%
#| label: deepseek-v2
layers, heads, head_dim = 60, 128, 128
latent_dim, rotary_dim = 512, 64

standard = 2 * heads * head_dim * layers
latent = (latent_dim + rotary_dim) * layers
print(f"multi-head: {standard:,} numbers a token")
print(f"latent:     {latent:,} numbers a token")
print(f"ratio:      {standard / latent:.1f}")

# %%
#| label: deepseek-v2-ratio
standard / latent

# %% [markdown]
# Its successor kept the sizes of the latent; transformers carries them as defaults.

# %%
#| label: deepseek-v3
successor = DeepseekV3Config()
assert (successor.kv_lora_rank, successor.qk_rope_head_dim) == (latent_dim, rotary_dim)
print(f"DeepSeek-V3: latent {successor.kv_lora_rank}, rotary key {successor.qk_rope_head_dim}")

# %% [markdown]
# ## Trained side by side


# %%
#| label: comparison
#| fold: true
def spread(values, digits, scale=1):
    """Write the mean of values, and the lowest and highest."""
    low, high = (f"{scale * v:.{digits}f}" for v in (min(values), max(values)))
    # A range stays in one line, and goes below its mean where the table is narrow.
    mean = f"{scale * sum(values) / len(values):.{digits}f}"
    return f"{mean} <small>({low}\u2060–\u2060{high})</small>"


rows = "".join(
    f"<tr><td>{name}</td><td>{row['cache_bytes_per_token']:,.0f}</td>"
    f"<td>{spread(row['loss'], 3)}</td><td>{spread(row['recall'], 1, 100)}</td>"
    f"<td>{spread(row['recall_twice'], 1, 100)}</td></tr>"
    for name, row in compared.items()
)
HTML(
    "<table><thead><tr><th>Attention</th><th>Bytes a token</th>"
    "<th>Loss</th><th>Recalled, %</th><th>In stories twice as long, %</th></tr></thead>"
    f"<tbody>{rows}</tbody></table>"
)

# %%
#| label: trained
parameters = [row["parameters"] for row in compared.values()]
seeds = {len(row["loss"]) for row in compared.values()}
assert len(seeds) == 1  # as many runs of each kind
held = {name: row["cache_bytes_per_token"] for name, row in compared.items()}
{
    "parameters": f"{min(parameters):,} to {max(parameters):,}",
    "seeds": {3: "three"}.get(*seeds, *seeds),
    "cache-ratio": f"{held['multi-head'] / held['latent']:.0f}",
}

# %%
#| label: recall-over-training
recall_over_training(compared)

# %%
#| label: speed
kinds = benchmark["kinds"]
rows = "".join(
    f"<tr><td>{name}</td><td>{kinds[-1]['cache_bytes_per_token'][name]:,}</td>"
    + "".join(f"<td>{row['milliseconds'][name]:.1f}</td>" for row in kinds)
    + f"<td>{kinds[-1]['megaflops'][name]:,.0f}</td></tr>"
    for name in kinds[0]["milliseconds"]
)
lengths = "".join(f"<th>ms at {row['length']:,}</th>" for row in kinds)
HTML(
    "<table><thead><tr><th>Attention</th><th>Cache, bytes a token</th>"
    f"{lengths}<th>MFLOP at {kinds[-1]['length']:,}</th></tr></thead><tbody>{rows}</tbody></table>"
)

# %%
#| label: benchmark
{
    "model": "{layers} layers of width {dim}".format(**benchmark["model"]),
    "batch": benchmark["batch_of_kinds"],
}

# %%
#| label: latent-behind
behind = [row["milliseconds"]["latent"] - row["milliseconds"]["multi-query"] for row in kinds]
against = {
    row["length"]: row["milliseconds"]["latent"] / row["milliseconds"]["multi-head"] for row in kinds
}
first, middle, last = against
assert against[first] > 1 > against[middle] > 0.95 > against[last]
{
    "shortest": f"{behind[0]:.1f}",
    "longest": f"{behind[-1]:.1f}",
    "beside-multi-head": f"about level at {middle} tokens, and ahead at {last:,}",
}

# %% [markdown]
# How long does it take to find out? Of each run that did, the last point of its curve at which it
# recalls less than half, and the first at which it recalls nine in ten.


# %%
#| label: found-out
def found_out():
    """Say in steps how long runs recall less than half, and how soon after that nearly all."""
    poor, rich = [], []
    for row in compared.values():
        for curve, recall in zip(row["curves"], row["recall"], strict=True):
            if recall > 0.9:
                found = {point["step"]: point["validation_recall"] for point in curve}
                poor.append(max(step for step, share in found.items() if share < 0.5))
                rich.append(min(step for step, share in found.items() if share >= 0.9) - poor[-1])
    return {
        name: f"{min(steps)} to {max(steps)}"
        for name, steps in (("poor-until", poor), ("steps-later", rich))
    }


found_out()


# %%
#| label: recall
runs = [recall for row in compared.values() for recall in row["recall"]]
learned = [recall for recall in runs if recall > 0.9]
{
    "runs": len(runs),
    "learned": len(learned),
    "least-learned": f"{min(learned):.0%}",
    **found_out(),
}

# %% [markdown]
# Loss in stories twice as long, of the runs that found out.

# %%
#| label: twice
losses = {
    name: [
        loss
        for loss, recall in zip(row["loss_twice"], row["recall"], strict=True)
        if recall > 0.9
    ]
    for name, row in compared.items()
}
assert len(losses["latent"]) == len(losses["multi-query"]) == 2
{
    **{name: f"{min(found):.2f} to {max(found):.2f}" for name, found in losses.items()},
    "runs": "two",
}

# %% [markdown]
# Which runs did not find out? The seeds of each kind:


# %%
#| label: not-learned
def not_learned(name):
    """Name the seeds of a kind of attention that had not found out by the end of training."""
    seeds = [str(seed) for seed, recall in enumerate(compared[name]["recall"]) if recall <= 0.9]
    return " and ".join(seeds) or "none"


most = max(recall for recall in runs if recall <= 0.9)
{**{name: not_learned(name) for name in compared}, "most-recall": f"{most:.0%}"}
