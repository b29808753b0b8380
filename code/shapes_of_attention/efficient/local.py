"""Local attention: each token looks at its neighbours, in time and memory linear in length.

Tokens are cut into blocks. A block of queries needs the keys of its own block and of a margin to
either side, nothing else: the scores form a band of small matrices and the full one never exists.

Source: sliding windows in Longformer, arXiv 2004.05150.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from shapes_of_attention.efficient.inputs import check_inputs

__all__ = ["Band", "local_attention"]

#: Smaller blocks than this cost more in bookkeeping than they save in scores.
_SMALLEST_BLOCK = 32


class Band:
    """Cuts tokens into blocks, and gives each block the keys within reach of it.

    Parameters
    ----------
    tokens : number of tokens.
    before, after : how many tokens back and ahead a query may look.

    Attributes
    ----------
    distance : int [block, reach], how far a key lies behind a query of its block; the same in all.
    exists : bool [blocks, 1, reach], False for the padding around the ends.
    """

    def __init__(self, tokens: int, *, before: int, after: int, device: torch.device) -> None:
        self.tokens = tokens
        self.block = min(max(before, after, _SMALLEST_BLOCK), tokens)
        self.blocks = -(-tokens // self.block)
        # A single block holds all tokens, and needs no margin.
        others = (self.blocks - 1) * self.block
        self.before, self.after = min(before, others), min(after, others)
        self.reach = self.before + self.block + self.after
        row = torch.arange(self.block, device=device)[:, None]
        column = torch.arange(self.reach, device=device)
        self.distance = row + self.before - column
        first = torch.arange(self.blocks, device=device)[:, None, None] * self.block
        place = first + column - self.before
        self.exists = (place >= 0) & (place < tokens)

    def cut(self, query: Tensor) -> Tensor:
        """Cut into blocks: [batch, heads, tokens, d] -> [batch, heads, blocks, block, d]."""
        missing = self.blocks * self.block - self.tokens
        return functional.pad(query, (0, 0, 0, missing)).unflatten(2, (self.blocks, self.block))

    def around(self, key: Tensor) -> Tensor:
        """Give each block its keys: [batch, heads, tokens, d] -> [.., blocks, reach, d]."""
        missing = self.blocks * self.block - self.tokens
        padded = functional.pad(key, (0, 0, self.before, self.after + missing))
        # Overlapping views of one tensor: nothing is copied here.
        return padded.unfold(2, self.reach, self.block).transpose(-2, -1)

    def join(self, blocks: Tensor) -> Tensor:
        """Undo `cut`: [batch, heads, blocks, block, d] -> [batch, heads, tokens, d]."""
        return blocks.flatten(2, 3)[:, :, : self.tokens]


def local_attention(
    query: Tensor, key: Tensor, value: Tensor, *, window: int, causal: bool = False
) -> Tensor:
    """Let each query mix the values at most `window` tokens away from it.

    Takes time and memory in proportion to tokens x window. A window as long as the sequence gives
    full attention.

    Parameters
    ----------
    query, key, value : [batch, heads, tokens, head_dim]
    window : how many tokens to either side; 0 leaves a token alone with itself.
    causal : look back only.

    Returns
    -------
    [batch, heads, tokens, head_dim]

    Raises
    ------
    ValueError
        If shapes do not match or the window is negative.
    """
    check_inputs(query, key, value)
    if window < 0:
        raise ValueError(f"window must not be negative, got {window}")
    tokens = query.shape[2]
    window = min(window, tokens - 1)
    band = Band(tokens, before=window, after=0 if causal else window, device=query.device)
    near = band.distance <= window
    near &= band.distance >= (0 if causal else -window)
    # [batch, heads, blocks, block, reach]
    scores = band.cut(query) @ band.around(key).transpose(-2, -1) / math.sqrt(query.shape[-1])
    scores = scores.masked_fill(~(near & band.exists), torch.finfo(scores.dtype).min)
    return band.join(scores.softmax(dim=-1) @ band.around(value))
