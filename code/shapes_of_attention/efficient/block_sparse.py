"""Block-sparse attention: a layout says which blocks of queries see which blocks of keys.

Only chosen blocks are computed. Any pattern can be told in blocks: a window, a few global tokens,
some blocks at random; together they make Big Bird.

Sources: Sparse Transformer (arXiv 1904.10509), Longformer (2004.05150), Big Bird (2007.14062).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from shapes_of_attention.efficient.inputs import check_inputs

__all__ = ["block_layout", "block_sparse_attention"]


def block_layout(
    blocks: int, *, window: int = 1, global_blocks: int = 1, random_blocks: int = 2, seed: int = 0
) -> Tensor:
    """Choose blocks as Big Bird does: bool [blocks, blocks].

    Parameters
    ----------
    window : blocks to either side of a block's own.
    global_blocks : blocks at the start that see all and are seen by all.
    random_blocks : further blocks for each row, at random; fewer where no more are left.
    seed : of those at random.

    Raises
    ------
    ValueError
        If there is no block, or a number is negative.
    """
    if blocks < 1:
        raise ValueError(f"blocks must be at least 1, got {blocks}")
    if min(window, global_blocks, random_blocks) < 0:
        raise ValueError(
            f"window, global_blocks and random_blocks must not be negative, "
            f"got {window}, {global_blocks} and {random_blocks}"
        )
    place = torch.arange(blocks)
    layout = (place[:, None] - place[None, :]).abs() <= window
    layout |= (place < global_blocks)[:, None] | (place < global_blocks)[None, :]
    generator = torch.Generator().manual_seed(seed)
    # Chosen blocks draw no lot, so the smallest lots fall on blocks that are still free.
    lots = torch.rand(blocks, blocks, generator=generator).masked_fill(layout, 2.0)
    least = lots.argsort(dim=1)[:, :random_blocks]
    return layout | torch.zeros_like(layout).scatter(1, least, True)


def block_sparse_attention(
    query: Tensor, key: Tensor, value: Tensor, *, layout: Tensor, block: int, causal: bool = False
) -> Tensor:
    """Compute attention in the chosen blocks alone.

    Takes time and memory in proportion to chosen blocks x block². A layout of all blocks gives full
    attention.

    Parameters
    ----------
    query, key, value : [batch, heads, tokens, head_dim]
    layout : bool [blocks, blocks], rows are blocks of queries; the last block may be shorter.
    block : tokens in a block.
    causal : cross out what lies ahead of a query. A query left with nothing gets zeros.

    Returns
    -------
    [batch, heads, tokens, head_dim]

    Raises
    ------
    ValueError
        If shapes do not match or a row of the layout is empty.
    """
    check_inputs(query, key, value)
    tokens, head_dim = query.shape[2:]
    if block < 1:
        raise ValueError(f"block must be at least 1, got {block}")
    blocks = -(-tokens // block)
    if layout.shape != (blocks, blocks):
        raise ValueError(
            f"{tokens} tokens in blocks of {block} need a layout [{blocks}, {blocks}], "
            f"got {tuple(layout.shape)}"
        )
    layout = layout.bool()
    if not layout.any(dim=1).all():
        row = int((~layout.any(dim=1)).nonzero()[0])
        raise ValueError(f"row {row} of the layout has no block to look at")

    missing = blocks * block - tokens
    q, k, v = (
        functional.pad(x, (0, 0, 0, missing)).unflatten(2, (blocks, block))
        for x in (query, key, value)
    )  # [batch, heads, blocks, block, head_dim]
    place = torch.arange(blocks * block, device=query.device).unflatten(0, (blocks, block))
    number = layout.sum(dim=1)
    parts, rows_done = [], []
    # Rows with as many blocks each are computed at once; a global row alone has them all.
    for width in number.unique().tolist():
        rows = (number == width).nonzero()[:, 0]
        chosen = layout[rows].nonzero()[:, 1].unflatten(0, (len(rows), width))  # [rows, width]
        near_k = k[:, :, chosen].flatten(3, 4)  # [batch, heads, rows, width * block, head_dim]
        near_v = v[:, :, chosen].flatten(3, 4)
        scores = q[:, :, rows] @ near_k.transpose(-2, -1) / math.sqrt(head_dim)
        behind = place[chosen].flatten(1)[:, None, :]  # [rows, 1, width * block]
        allowed = (behind < tokens).expand(-1, block, -1)
        if causal:
            allowed = allowed & (behind <= place[rows][:, :, None])
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1).masked_fill(~allowed, 0)
        parts.append(weights @ near_v)
        rows_done.append(rows)
    in_order = torch.cat(rows_done).argsort()
    return torch.cat(parts, dim=2)[:, :, in_order].flatten(2, 3)[:, :, :tokens]
