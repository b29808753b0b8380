"""Who may look at whom: masks [query, key], True where a query may look.

Masks are for pictures and for checking. A mask alone saves nothing: attention that computes all
scores and then crosses most of them out costs as much as full attention. The modules beside this
one compute only what their mask keeps. The mask that looks back only is
`models.attention.causal_mask`.

Sources: windows and global tokens as in Longformer (arXiv 2004.05150), strides as in the Sparse
Transformer (arXiv 1904.10509), blocks at random as in Big Bird (arXiv 2007.14062).
"""

import torch
from torch import Tensor

__all__ = [
    "block_mask",
    "full_mask",
    "global_mask",
    "layers_to_all",
    "local_mask",
    "strided_mask",
]


def full_mask(tokens: int) -> Tensor:
    """Let everyone look at everyone: bool [tokens, tokens].

    Raises
    ------
    ValueError
        If there is no token.
    """
    return torch.ones(_checked(tokens), tokens, dtype=torch.bool)


def local_mask(tokens: int, *, window: int) -> Tensor:
    """Let a token look at most `window` tokens to either side: bool [tokens, tokens].

    Raises
    ------
    ValueError
        If there is no token or the window is negative.
    """
    if window < 0:
        raise ValueError(f"window must not be negative, got {window}")
    return _distance(tokens).abs() <= window


def global_mask(tokens: int, *, number: int) -> Tensor:
    """Let the first `number` tokens see all and be seen by all: bool [tokens, tokens].

    Raises
    ------
    ValueError
        If there are not so many tokens, or none.
    """
    if not 0 <= number <= tokens:
        raise ValueError(f"number must be from 0 to {tokens}, got {number}")
    chosen = torch.arange(_checked(tokens)) < number
    return chosen[:, None] | chosen[None, :]


def strided_mask(tokens: int, *, stride: int) -> Tensor:
    """Let a token look at every `stride`-th token from itself: bool [tokens, tokens].

    With a window of `stride` tokens beside it, any token reaches any other in two steps.

    Raises
    ------
    ValueError
        If there is no token or the stride is below 1.
    """
    if stride < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    return _distance(tokens) % stride == 0


def block_mask(tokens: int, *, block: int, layout: Tensor) -> Tensor:
    """Enlarge a layout of blocks, bool [blocks, blocks], to one of tokens: [tokens, tokens].

    Raises
    ------
    ValueError
        If there is no token, a block holds none, or the layout has another number of blocks.
    """
    if block < 1:
        raise ValueError(f"block must be at least 1, got {block}")
    blocks = -(-_checked(tokens) // block)
    if layout.shape != (blocks, blocks):
        raise ValueError(
            f"{tokens} tokens in blocks of {block} need a layout [{blocks}, {blocks}], "
            f"got {tuple(layout.shape)}"
        )
    wide = layout.bool().repeat_interleave(block, dim=0).repeat_interleave(block, dim=1)
    return wide[:tokens, :tokens]


def layers_to_all(mask: Tensor) -> int:
    """Count the layers after which all that can ever reach a token has reached it.

    mask : bool [tokens, tokens], True where a query may look, the same in each layer.
    """
    reached, layers = mask.bool(), 1
    while True:
        further = (reached.float() @ mask.float()) > 0
        if torch.equal(further | reached, reached):
            return layers
        reached, layers = further | reached, layers + 1


def _distance(tokens: int) -> Tensor:
    place = torch.arange(_checked(tokens))
    return place[:, None] - place[None, :]


def _checked(tokens: int) -> int:
    if tokens < 1:
        raise ValueError(f"tokens must be at least 1, got {tokens}")
    return tokens
