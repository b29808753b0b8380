"""Counts the work of a pass: the FLOPs of its matrix products, fused attention's among them."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["flops_of"]


def _attention(query: Any, key: Any, *_: Any, **__: Any) -> int:
    """Count the two products of attention, scores and mix, from the shapes of queries and keys."""
    batch, heads, queries, dim = query
    return int(4 * batch * heads * queries * key[2] * dim)


def flops_of(work: Callable[[], object]) -> int:
    """Count the floating-point operations of all matrix products in `work`.

    Attention is counted in full; of causal attention about half is never needed.
    """
    # Torch's counter leaves out the fused attention of processors.
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    with FlopCounterMode(display=False, custom_mapping={fused: _attention}) as counter:
        work()
    return int(counter.get_total_flops())
