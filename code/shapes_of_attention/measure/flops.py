"""Counts the work of a pass: the FLOPs of its matrix products, as torch's counter does, and more.

The counter knows neither the attention that processors compute in one piece nor grouped products.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["flops_of"]


def _attention(query: Any, key: Any, *_: Any, **__: Any) -> int:
    """Count the two products of attention, scores and mix, from the shapes of queries and keys."""
    batch, heads, queries, dim = query
    return int(4 * batch * heads * queries * key[2] * dim)


def _attention_backward(_: Any, query: Any, key: Any, *__: Any, **___: Any) -> int:
    """Count the four products of its gradient; computing the scores anew is not counted."""
    return 2 * _attention(query, key)


def _grouped(left: Any, right: Any, *_: Any, **__: Any) -> int:
    """Count a grouped product by its shapes; that of a gradient as well."""
    return 2 * int(left[0]) * int(left[1]) * int(right[-1])


_UNKNOWN_TO_TORCH = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    torch.ops.aten._grouped_mm: _grouped,
}


def flops_of(work: Callable[[], object]) -> int:
    """Count the floating-point operations of all matrix products in `work`, backward ones too.

    Attention is counted in full; of causal attention about half is never needed.
    """
    with FlopCounterMode(display=False, custom_mapping=_UNKNOWN_TO_TORCH) as counter:
        work()
    return int(counter.get_total_flops())
