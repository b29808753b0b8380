"""The families side by side, each as a module from queries, keys and values to their mix.

All have budgets that do not grow with length, so that their cost can grow in proportion to it.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.efficient.adaptive_span import AdaptiveSpanAttention
from shapes_of_attention.efficient.block_sparse import block_layout, block_sparse_attention
from shapes_of_attention.efficient.entmax import EntmaxAttention
from shapes_of_attention.efficient.linformer import LinformerAttention
from shapes_of_attention.efficient.local import local_attention
from shapes_of_attention.efficient.performer import PerformerAttention
from shapes_of_attention.efficient.reformer import ReformerAttention, shared_attention
from shapes_of_attention.models.attention import explicit_attention
from shapes_of_attention.models.options import check_sizes

__all__ = ["CONTROLS", "FAMILIES", "SHARED", "Budget", "build_family"]

#: The families by name, in the order of the post.
FAMILIES = (
    "explicit",
    "fused",
    "local",
    "block-sparse",
    "adaptive-span",
    "entmax",
    "linformer",
    "performer",
    "reformer",
)

#: What a family is to be compared with, and is none itself: what the Reformer comes close to.
CONTROLS = ("shared",)

#: Those whose queries are their keys.
SHARED = ("reformer", "shared")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much each family may look at.

    Attributes
    ----------
    window : tokens to either side, of local attention.
    block : tokens in a block of block-sparse attention: neighbours, one global, two at random.
    span, ramp : where the adaptive span begins, and the width of its slope, in tokens.
    rank : mixtures of Linformer.
    features : random features of Performer.
    chunk, rounds : tokens in a chunk and rounds of hashing, of Reformer.
    """

    window: int = 64
    block: int = 32
    span: int = 64
    ramp: int = 32
    rank: int = 64
    features: int = 64
    chunk: int = 32
    rounds: int = 2

    def __post_init__(self) -> None:
        check_sizes(self, or_zero=("window", "span"))


class Explicit(nn.Module):
    """Full attention, step by step: all weights exist at once."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return explicit_attention(query, key, value)[0]


class Fused(nn.Module):
    """Full attention in one step of torch's, tile by tile (FlashAttention, arXiv 2205.14135)."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(query, key, value)


class Local(nn.Module):
    """Local attention with a fixed window."""

    def __init__(self, *, window: int) -> None:
        super().__init__()
        self.window = window

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return local_attention(query, key, value, window=self.window)


class BlockSparse(nn.Module):
    """Block-sparse attention in the layout of Big Bird."""

    def __init__(self, *, tokens: int, block: int) -> None:
        super().__init__()
        self.block = block
        self.layout: Tensor
        self.register_buffer("layout", block_layout(-(-tokens // block)))

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return block_sparse_attention(query, key, value, layout=self.layout, block=self.block)


class SharedReformer(ReformerAttention):
    """Reformer behind the interface of the others: its queries are its keys."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(query, value)


class Shared(nn.Module):
    """Full attention whose queries are its keys and no token sees itself, if it sees another."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return shared_attention(query, value)


def build_family(
    name: str, *, heads: int, head_dim: int, tokens: int, budget: Budget | None = None
) -> nn.Module:
    """Build attention of a family or control: query, key, value [batch, heads, tokens, head_dim].

    What is random (Linformer's first projections) comes from torch's global seed; directions and
    rotations have seeds of their own.

    Raises
    ------
    ValueError
        If there is no such family.
    """
    budget = budget or Budget()
    if name == "explicit":
        return Explicit()
    if name == "fused":
        return Fused()
    if name == "local":
        return Local(window=budget.window)
    if name == "block-sparse":
        return BlockSparse(tokens=tokens, block=budget.block)
    if name == "adaptive-span":
        return AdaptiveSpanAttention(
            heads=heads, longest=tokens, ramp=budget.ramp, initial=min(budget.span, tokens)
        )
    if name == "entmax":
        return EntmaxAttention(heads=heads)
    if name == "linformer":
        return LinformerAttention(tokens=tokens, rank=min(budget.rank, tokens))
    if name == "performer":
        return PerformerAttention(head_dim=head_dim, features=budget.features)
    if name == "reformer":
        # Buckets about as large as a chunk, and an even number of them.
        buckets = max(2, 2 * round(tokens / budget.chunk / 2))
        return SharedReformer(
            head_dim=head_dim, buckets=buckets, chunk=budget.chunk, rounds=budget.rounds
        )
    if name == "shared":
        return Shared()
    raise ValueError(f"there is no family {name!r}; there are {', '.join(FAMILIES)}")
