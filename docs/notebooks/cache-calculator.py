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
# # How large is a cache?
#
# Sizes of known models, as the configurations in transformers have them, and what each kind of
# attention would keep of their texts.

# %%
#| label: setup
from dataclasses import replace
from typing import get_args

import torch
from transformers import DeepseekV3Config, MistralConfig, MistralForCausalLM

from shapes_of_attention.figures.cache_calculator import calculator
from shapes_of_attention.language_model import LanguageModel, LanguageModelConfig
from shapes_of_attention.language_model.cache_size import cache_bytes
from shapes_of_attention.language_model.model import AttentionKind

# %% [markdown]
# The defaults of these configurations are those of
# [Mistral 7B](https://huggingface.co/docs/transformers/model_doc/mistral) and of
# [DeepSeek-V3](https://huggingface.co/docs/transformers/model_doc/deepseek_v3).

# %%
#| label: sizes
deepseek, mistral = DeepseekV3Config(), MistralConfig()


def sizes(config):
    """Read a model's sizes; a latent, where it has none of its own, is like DeepSeek's."""
    return LanguageModelConfig(
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        head_dim=getattr(config, "v_head_dim", config.hidden_size // config.num_attention_heads),
        groups=mistral.num_key_value_heads,
        latent_dim=deepseek.kv_lora_rank,
        rotary_dim=deepseek.qk_rope_head_dim,
    )


models = {
    name: (sizes(config), mistral.sliding_window)
    for name, config in (
        ("Mistral 7B", mistral),
        ("DeepSeek-V3", deepseek),
    )
}
models["The small model of this post"] = (LanguageModelConfig(), 32)

# %%
#| label: calculator
calculator(models, tokens=32_768, sequences=1, bytes_per_number=2)

# %% [markdown]
# **Proof.** The calculator's numbers are what real caches of our model hold.

# %%
#| label: proof
small, window = models["The small model of this post"]
counted = cache_bytes(small, window=window, tokens=100, sequences=3, bytes_per_number=4)
for kind in get_args(AttentionKind):
    model = LanguageModel(replace(small, attention=kind))
    held = model.new_cache(batch=3, capacity=100)
    assert counted[kind] == sum(b.nbytes for layer in held.layers for b in layer.buffers)
print("the calculator counts what the buffers hold, byte for byte")

# %% [markdown]
# ## What is fetched for a token
#
# When does the cache of one text weigh as much as all weights? The model is counted on the `meta`
# device, which holds no numbers.

# %%
#| label: reading
with torch.device("meta"):
    parameters = sum(weight.numel() for weight in MistralForCausalLM(mistral).parameters())
name = "Mistral 7B"
model, window = models[name]
of_a_token = cache_bytes(model, window=window, tokens=1)
weights = 2 * parameters  # bytes, as those of the cache: 16 bits a number
{
    "name": name,
    "parameters": f"{parameters / 1e9:.1f} billion",
    "window": f"{mistral.sliding_window:,}",
    "even": {
        "grouped": f"{weights / of_a_token['grouped-query']:,.0f}",
        "multi-head": f"{weights / of_a_token['multi-head']:,.0f}",
    },
}
