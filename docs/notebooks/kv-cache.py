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
# # Caching keys and values
#
# A language model writes one token at a time. This notebook shows what it would do again and again
# without a cache, and proves that a cache changes the work and not the text.

# %%
#| label: setup
#| fold: true
#| inputs: [assets/checkpoints/language-model-multi-head-seed-0.safetensors, assets/records/decoding-benchmark.json, assets/records/language-model-multi-head-seed-0.json]
import json
from pathlib import Path

import torch
from IPython.display import HTML, Markdown
from transformers import DynamicCache, StaticCache

from shapes_of_attention.figures.caching import cost_against_length, fill_and_append
from shapes_of_attention.language_model import (
    decode,
    encode,
    generate,
    generate_without_cache,
    load_language_model,
)
from shapes_of_attention.measure.flops import flops_of
from shapes_of_attention.language_model.hugging_face import llama
from shapes_of_attention.language_model.text import STORY_TEST_SEED, make_story

torch.set_num_threads(1)
assets = Path("../../assets")
model = load_language_model(assets / "checkpoints/language-model-multi-head-seed-0.safetensors")
trained = json.loads((assets / "records/language-model-multi-head-seed-0.json").read_text())
benchmark = json.loads((assets / "records/decoding-benchmark.json").read_text())

# %% [markdown]
# ## A model that can write
#
# It is a small Llama, trained here on stories of shapes. In this story it has not read, every shape
# is known after its first appearance.

# %%
#| label: story
story = make_story(2, seed=STORY_TEST_SEED, sentences=5)
prompt = torch.from_numpy(encode(story.words[:16]))[None]  # [1, 16]
Markdown(f"> {decode(prompt[0].numpy())}")

# %%
#| label: model
{
    "parameters": trained["parameters"],
    "training-seconds": f"{trained['seconds']:.0f}",
    "recall": f"{trained['test']['recall']:.1%}",
}

# %% [markdown]
# ## What a pass reads

# %%
#| label: fill-and-append
fill_and_append(["Ann's", "red", "disc"], ["finds", "Bob's", "gold", "ring"])

# %% [markdown]
# ## The same text
#
# **Proof.** With and without the cache, the model writes the same words. The scores behind them
# differ by no more than rounding.

# %%
#| label: same-text
cached = generate(model, prompt, new=40)
uncached = generate_without_cache(model, prompt, new=40)
assert torch.equal(cached, uncached)

with torch.no_grad():
    cache = model.new_cache(batch=1, capacity=cached.shape[1])
    one_by_one = [model(token, cache) for token in cached.split(1, dim=1)]
    difference = (torch.cat(one_by_one, dim=1) - model(cached)).abs().max().item()
assert difference < 1e-5

print("same words, scores within 1e-5")

# %%
#| label: continued
Markdown(f"> … {decode(cached[0, 16:].numpy())}")

# %% [markdown]
# ## The same in transformers
#
# A real Llama of Hugging Face, built from a configuration, with the same weights. `use_cache` is
# its switch; the two kinds of cache differ in how they find room.

# %%
#| label: transformers
theirs = llama(model)
wanted = generate(model, prompt, new=20)


def written(**options):
    return theirs.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=20,
        do_sample=False,
        **options,
    )


dynamic = DynamicCache(config=theirs.config)  # grows with every token
static = StaticCache(config=theirs.config, max_cache_len=36)  # allocated ahead
assert torch.equal(written(use_cache=False), wanted)
assert torch.equal(written(use_cache=True, past_key_values=dynamic), wanted)
assert torch.equal(written(use_cache=True, past_key_values=static), wanted)
print("the same 20 words, all four times")

# %%
#| label: transformers-sizes
held = dynamic.layers[0].keys, static.layers[0].keys
print(f"DynamicCache: keys {list(held[0].shape)}")
print(f"StaticCache:  keys {list(held[1].shape)}")

# %% [markdown]
# The dynamic cache is one token shorter: the last word was written and never read.
#
# ## Bytes
#
# **Proof.** The formula, against the tensors themselves.

# %%
#| label: bytes
config = model.config
formula = 2 * config.layers * config.key_value_heads * config.head_dim * 4  # 4 bytes a number
buffers = [buffer for layer in cache.layers for buffer in layer.buffers]
measured = sum(buffer.nbytes for buffer in buffers) / cache.capacity
assert measured == formula == cache.bytes_per_token()
print(f"2 x {config.layers} layers x {config.key_value_heads} heads x {config.head_dim} x 4 bytes")
print(f"= {formula:,} bytes a token")

# %% [markdown]
# ## FLOPs, bytes and milliseconds
#
# FLOPs of the next token's pass, counted by torch while it runs. The lengths are those of the
# recorded benchmark, the model is the trained one.


# %%
#| label: flops
def next_token_flops(length):
    """Count the FLOPs that the token after `length` others costs, without a cache and with one."""
    tokens = torch.zeros(1, length, dtype=torch.long)
    filled = model.new_cache(batch=1, capacity=length)
    with torch.no_grad():
        model(tokens[:, :-1], filled)
        return flops_of(lambda: model(tokens)), flops_of(lambda: model(tokens[:, -1:], filled))


lengths = [16, 64, 256, 1024]
counted = {length: next_token_flops(length) for length in lengths}
bytes_held = {length: length * formula for length in lengths}
rows = "".join(
    f"<tr><td>{length:,}</td><td>{without / 1e6:,.1f}</td><td>{cached / 1e6:,.2f}</td>"
    f"<td>{without / cached:,.0f}×</td><td>{bytes_held[length] / 1024:,.0f}</td></tr>"
    for length, (without, cached) in counted.items()
)
HTML(
    "<table><thead><tr><th>Tokens so far</th><th>MFLOP, no cache</th><th>MFLOP, cache</th>"
    f"<th>Saved</th><th>Cache, KiB</th></tr></thead><tbody>{rows}</tbody></table>"
)

# %%
#| label: cost-against-length
cost_against_length(benchmark["against_length"])

# %%
#| label: next-token
longest = benchmark["against_length"][-1]
times = longest["milliseconds"]
shortest = benchmark["against_length"][0]["milliseconds"]
{
    "longest": {
        "tokens": f"{longest['length']:,}",
        "uncached": f"{times['ours, no cache']:.0f}",
        "cached": f"{times['ours, cache']:.1f}",
        "ratio": f"{times['ours, no cache'] / times['ours, cache']:.0f}",
    },
    "shortest": {
        "ratio": f"{shortest['ours, no cache'] / shortest['ours, cache']:.1f}",
    },
}

# %%
#| label: generation
speed = benchmark["generation"]["tokens_per_second"]
names = {
    "ours, cache": "this post, cache",
    "theirs, DynamicCache": "transformers, DynamicCache",
    "theirs, StaticCache": "transformers, StaticCache",
    "ours, no cache": "this post, no cache",
    "theirs, no cache": "transformers, no cache",
}
rows = "".join(f"<tr><td>{names[key]}</td><td>{speed[key]:,.0f}</td></tr>" for key in names)
HTML(
    "<table><thead><tr><th>Who decodes</th><th>Tokens a second</th></tr></thead>"
    f"<tbody>{rows}</tbody></table>"
)

# %%
#| label: decoding
{
    "ours-over": {
        "dynamic": f"{benchmark['generation']['ours_over_theirs']['theirs, DynamicCache']:.2f}",
        "static": f"{benchmark['generation']['ours_over_theirs']['theirs, StaticCache']:.2f}",
    },
    "layers": benchmark["model"]["layers"],
    "width": benchmark["model"]["dim"],
    "new-tokens": benchmark["generation"]["new"],
    "prompt-tokens": benchmark["generation"]["prompt"],
}
