"""Look inside a model while it runs: attention weights and activations, by the module's name."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from shapes_of_attention.models.attention import Attention

__all__ = ["attention_names", "attention_of", "capture_attention", "capture_outputs"]


def attention_names(model: nn.Module) -> list[str]:
    """List the attention modules of a model in the order in which they run."""
    return [name for name, module in model.named_modules() if isinstance(module, Attention)]


def attention_of(model: nn.Module, name: str) -> Attention:
    """Return the attention module of that name.

    Raises
    ------
    KeyError
        If the model has no attention module of that name.
    """
    module = dict(model.named_modules()).get(name)
    if not isinstance(module, Attention):
        raise KeyError(f"the model has no attention {name!r}; it has {attention_names(model)}")
    return module


@contextmanager
def capture_outputs(model: nn.Module, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """Collect what the named modules return during forward passes made in this context.

    Yields a dictionary that the last forward pass fills: module name -> output, detached.

    Raises
    ------
    KeyError
        For a name that is no module of the model.
    """
    modules = dict(model.named_modules())
    captured: dict[str, Tensor] = {}
    handles = []
    try:
        for name in names:
            if name not in modules:
                raise KeyError(f"the model has no module {name!r}; it has {sorted(modules)}")

            def keep(_: nn.Module, __: Any, output: Tensor, name: str = name) -> None:
                captured[name] = output.detach()

            handles.append(modules[name].register_forward_hook(keep))
        yield captured
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def capture_attention(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect the weights of every attention module during forward passes made in this context.

    Yields a dictionary that the last forward pass fills: name of the attention module, such as
    `decoder.1.cross_attention` -> weights [batch, heads, query, key]. Within the context attention
    takes its explicit path.
    """
    found = {name: m for name, m in model.named_modules() if isinstance(m, Attention)}
    before = {name: module.explicit for name, module in found.items()}
    weights: dict[str, Tensor] = {}
    handles = []
    try:
        for name, module in found.items():

            def keep(_: nn.Module, __: Any, output: Tensor, name: str = name) -> None:
                weights[name] = output.detach()

            module.explicit = True
            handles.append(module.softmax.register_forward_hook(keep))
        yield weights
    finally:
        for handle in handles:
            handle.remove()
        for name, module in found.items():
            module.explicit = before[name]
