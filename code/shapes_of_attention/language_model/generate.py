"""Greedy generation, token by token: with a cache, and without one."""

import torch
from torch import Tensor

from shapes_of_attention.language_model.model import LanguageModel

__all__ = ["generate", "generate_without_cache"]


@torch.no_grad()
def generate_without_cache(model: LanguageModel, prompt: Tensor, *, new: int) -> Tensor:
    """Append the `new` likeliest tokens to a prompt [batch, tokens], each time reading it all."""
    tokens = prompt
    for _ in range(new):
        scores = model(tokens)  # all tokens, again and again
        tokens = torch.cat([tokens, scores[:, -1:].argmax(dim=-1)], dim=1)
    return tokens


@torch.no_grad()
def generate(model: LanguageModel, prompt: Tensor, *, new: int) -> Tensor:
    """Append the `new` likeliest tokens to a prompt [batch, tokens], reading each token once."""
    cache = model.new_cache(batch=prompt.shape[0], capacity=prompt.shape[1] + new)
    tokens, unread = prompt, prompt
    for _ in range(new):
        scores = model(unread, cache)  # the first pass fills the cache, later ones append
        unread = scores[:, -1:].argmax(dim=-1)
        tokens = torch.cat([tokens, unread], dim=1)
    return tokens
