"""Change one thing inside a model and run it again: hide keys, move weights, still a head.

A map of attention says where a layer looked. What follows from it can only be learned by changing
it. Everything here is a context or a wrapper: the model is itself again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from shapes_of_attention.models import EncoderDecoder, attention_names, attention_of

__all__ = [
    "HiddenFrom",
    "head_averages",
    "heads_stilled",
    "keys_hidden",
    "weights_replaced",
]


@contextmanager
def keys_hidden(model: nn.Module, names: Iterable[str], mask: Tensor) -> Iterator[None]:
    """Let the named attention modules look only where `mask` is True, and where they may already.

    `mask` is bool and broadcasts to [batch, heads, query, key]; [batch, 1, 1, key] hides the same
    keys from every query. What a module's own mask hides stays hidden.
    """

    def masked(_: nn.Module, given: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        own = options.get("mask")
        return given, {**options, "mask": mask if own is None else mask & own}

    modules = [attention_of(model, name) for name in names]
    handles = [module.register_forward_pre_hook(masked, with_kwargs=True) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class HiddenFrom(nn.Module):
    """A model whose `memory_mask` hides keys from other attention modules, or from one head.

    It takes the place of the model wherever an experiment passes a mask, so that one and the same
    intervention can be made anywhere.

    Parameters
    ----------
    model : the model; all its attention is between patches.
    names : the attention modules from which the masked keys are hidden, beside those that their
        own masks hide.
    head : the only head that they are hidden from; every head when not given.
    """

    def __init__(
        self, model: EncoderDecoder, names: Sequence[str], *, head: int | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self.config = model.config
        self.names = tuple(names)
        self.head = head

    def forward(self, image: Tensor, *, memory_mask: Tensor | None = None) -> Tensor:
        """Paint [batch, 3, size, size]; `memory_mask` is bool [batch, 1, 1, patches]."""
        if memory_mask is None:
            return self.model(image)
        if self.head is not None:
            other_heads = torch.arange(self.config.heads)[:, None, None] != self.head
            other_heads = other_heads.to(memory_mask.device)
            memory_mask = memory_mask | other_heads  # [batch, heads, 1, patches]
        with keys_hidden(self.model, self.names, memory_mask):
            return self.model(image)


@contextmanager
def weights_replaced(
    model: nn.Module, name: str, change: Callable[[Tensor], Tensor]
) -> Iterator[None]:
    """Run with `change(weights)` in place of an attention module's weights.

    Both are [batch, heads, query, key]. Softmax has been taken: rows should go on adding up to one.
    """
    module = attention_of(model, name)
    before = module.explicit
    module.explicit = True  # the fused path has no weights to change
    handle = module.softmax.register_forward_hook(lambda _, __, weights: change(weights))
    try:
        yield
    finally:
        handle.remove()
        module.explicit = before


@contextmanager
def heads_stilled(
    model: nn.Module, name: str, heads: Sequence[int], still: Tensor
) -> Iterator[None]:
    """Run with some heads of an attention module giving the same answer everywhere.

    `still` [dim] is what the heads, side by side, give on average (`head_averages`). A constant
    says nothing about the image, and unlike zeros it is what later layers are used to.
    """
    module = attention_of(model, name)
    width = module.output.in_features // module.heads
    chosen = torch.zeros(module.heads, dtype=torch.bool)
    chosen[list(heads)] = True
    chosen = chosen.repeat_interleave(width)  # [dim]

    def stilled(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
        return (torch.where(chosen, still, given[0]),)

    handle = module.output.register_forward_pre_hook(stilled)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def head_averages(model: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """Average what each attention module's heads give over images and queries.

    `image` [batch, 3, size, size] -> module name -> [dim], heads side by side, before they are
    joined.
    """
    names = attention_names(model)
    inputs: dict[str, Tensor] = {}
    handles = []
    for name in names:

        def keep(_: nn.Module, given: tuple[Tensor], name: str = name) -> None:
            inputs[name] = given[0].mean(dim=(0, 1))

        handles.append(attention_of(model, name).output.register_forward_pre_hook(keep))
    try:
        model(image)
    finally:
        for handle in handles:
            handle.remove()
    return inputs
