"""Attention that costs less than all pairs, or looks at fewer of them: one module a family.

All work on queries, keys and values [batch, heads, tokens, head_dim].
"""

from shapes_of_attention.efficient.adaptive_span import AdaptiveSpanAttention
from shapes_of_attention.efficient.block_sparse import block_layout, block_sparse_attention
from shapes_of_attention.efficient.entmax import EntmaxAttention, entmax, entmax_attention
from shapes_of_attention.efficient.families import CONTROLS, FAMILIES, Budget, build_family
from shapes_of_attention.efficient.linformer import LinformerAttention, linformer_attention
from shapes_of_attention.efficient.local import local_attention
from shapes_of_attention.efficient.performer import (
    PerformerAttention,
    orthogonal_directions,
    performer_attention,
)
from shapes_of_attention.efficient.reformer import (
    ReformerAttention,
    lsh_attention,
    shared_attention,
)

__all__ = [
    "CONTROLS",
    "FAMILIES",
    "AdaptiveSpanAttention",
    "Budget",
    "EntmaxAttention",
    "LinformerAttention",
    "PerformerAttention",
    "ReformerAttention",
    "block_layout",
    "block_sparse_attention",
    "build_family",
    "entmax",
    "entmax_attention",
    "linformer_attention",
    "local_attention",
    "lsh_attention",
    "orthogonal_directions",
    "performer_attention",
    "shared_attention",
]
