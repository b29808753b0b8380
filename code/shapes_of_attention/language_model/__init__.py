"""A small causal language model, its text, its caches and its four kinds of attention."""

from shapes_of_attention.language_model.attention import CausalAttention
from shapes_of_attention.language_model.cache import Cache, CacheOverflowError, LayerCache
from shapes_of_attention.language_model.generate import generate, generate_without_cache
from shapes_of_attention.language_model.latent import LatentAttention
from shapes_of_attention.language_model.model import (
    LanguageModel,
    LanguageModelConfig,
    load_language_model,
)
from shapes_of_attention.language_model.text import VOCABULARY, decode, encode

__all__ = [
    "VOCABULARY",
    "Cache",
    "CacheOverflowError",
    "CausalAttention",
    "LanguageModel",
    "LanguageModelConfig",
    "LatentAttention",
    "LayerCache",
    "decode",
    "encode",
    "generate",
    "generate_without_cache",
    "load_language_model",
]
