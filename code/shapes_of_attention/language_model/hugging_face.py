"""The same weights in Hugging Face's models, to compare with: Llama, and DeepSeek's attention."""

from collections.abc import Iterator

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.deepseek_v3.configuration_deepseek_v3 import DeepseekV3Config
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3Attention

from shapes_of_attention.language_model.latent import LatentAttention
from shapes_of_attention.language_model.model import LanguageModel

__all__ = ["deepseek_attention", "interleave_pairs", "llama", "llama_names"]


def llama_names(model: LanguageModel) -> Iterator[tuple[str, str]]:
    """Pair the names of our parameters with those of Llama's."""
    yield "embedding.weight", "model.embed_tokens.weight"
    yield "norm.weight", "model.norm.weight"
    yield "score.weight", "lm_head.weight"
    parts = {
        "attention_norm": "input_layernorm",
        "attention.query": "self_attn.q_proj",
        "attention.key": "self_attn.k_proj",
        "attention.value": "self_attn.v_proj",
        "attention.output": "self_attn.o_proj",
        "feed_forward_norm": "post_attention_layernorm",
        "feed_forward.gate": "mlp.gate_proj",
        "feed_forward.expand": "mlp.up_proj",
        "feed_forward.contract": "mlp.down_proj",
    }
    for number in range(len(model.blocks)):
        for ours, theirs in parts.items():
            yield f"blocks.{number}.{ours}.weight", f"model.layers.{number}.{theirs}.weight"


def llama(model: LanguageModel) -> LlamaForCausalLM:
    """Build Hugging Face's Llama with a copy of the model's weights.

    Raises
    ------
    ValueError
        For latent attention, which Llama has not.
    """
    config = model.config
    if config.attention == "latent":
        raise ValueError("Llama has no latent attention")
    theirs = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.dim,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.key_value_heads,
            head_dim=config.head_dim,
            intermediate_size=config.hidden,
            max_position_embeddings=config.context,
            rms_norm_eps=config.norm_epsilon,
            rope_parameters={"rope_type": "default", "rope_theta": config.rotary_base},
            tie_word_embeddings=False,
            # Words, none of which ends a text.
            bos_token_id=None,
            eos_token_id=None,
        )
    )
    weights = model.state_dict()
    theirs.load_state_dict({name: weights[ours] for ours, name in llama_names(model)})
    theirs.eval()
    return theirs


def deepseek_attention(
    ours: LatentAttention, *, norm_epsilon: float = 1e-6, interleaved: bool = False
) -> DeepseekV3Attention:
    """Build transformers' DeepSeek-V3 attention with a copy of the weights.

    `interleaved` chooses its layout in which neighbouring dimensions are turned as a pair.
    """
    config = DeepseekV3Config(
        hidden_size=ours.output.out_features,
        num_attention_heads=ours.heads,
        num_key_value_heads=ours.heads,
        num_hidden_layers=1,
        q_lora_rank=None if ours.query_down is None else ours.query_down.out_features,
        kv_lora_rank=ours.latent_dim,
        qk_rope_head_dim=ours.rotary_dim,
        qk_nope_head_dim=ours.head_dim,
        v_head_dim=ours.head_dim,
        rms_norm_eps=norm_epsilon,
        rope_interleave=interleaved,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
    )
    config._attn_implementation = "eager"
    theirs = DeepseekV3Attention(config, layer_idx=0)
    query_up = ours.query_up.weight.unflatten(0, (ours.heads, -1))
    compress = ours.compress.weight
    if interleaved:
        query_up = torch.cat(
            [query_up[:, : ours.head_dim], interleave_pairs(query_up[:, ours.head_dim :])], dim=1
        )
        compress = torch.cat(
            [compress[: ours.latent_dim], interleave_pairs(compress[None, ours.latent_dim :])[0]]
        )
    # Theirs holds each head's keys and values side by side.
    key_up = ours.key_up.weight.unflatten(0, (ours.heads, -1))
    value_up = ours.value_up.weight.unflatten(0, (ours.heads, -1))
    weights = {
        "kv_a_proj_with_mqa.weight": compress,
        "kv_a_layernorm.weight": ours.latent_norm.weight,
        "kv_b_proj.weight": torch.cat([key_up, value_up], dim=1).flatten(0, 1),
        "o_proj.weight": ours.output.weight,
    }
    if ours.query_down is not None and ours.query_norm is not None:
        weights["q_a_proj.weight"] = ours.query_down.weight
        weights["q_a_layernorm.weight"] = ours.query_norm.weight
        weights["q_b_proj.weight"] = query_up.flatten(0, 1)
    else:
        weights["q_proj.weight"] = query_up.flatten(0, 1)
    theirs.load_state_dict({name: weight.detach().clone() for name, weight in weights.items()})
    return theirs.eval()


def interleave_pairs(rows: Tensor) -> Tensor:
    """Bring dimension i and its partner i + half side by side: [heads, dims, ...] -> the same."""
    first, second = rows.chunk(2, dim=1)
    return torch.stack([first, second], dim=2).flatten(1, 2)
