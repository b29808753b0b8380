"""Reformer: hashing brings tokens together that point the same way, and they look at each other.

Queries and keys are shared: one vector a token asks and answers, its length left out as a key.
Random rotations sort these vectors into buckets. Tokens of a bucket are put side by side and cut
into chunks, and a token looks at its own chunk and the one before. Several rounds of hashing find
what one of them misses.

The paper cuts the sorted sequence into equal chunks, wherever buckets end. Where a chunk begins
then depends on tokens to come, even in the causal form. Here the chunks of each bucket begin with
its first token. What a token sees depends on the past alone, at the price of a last chunk that is
not full.

Source: "Reformer: the efficient Transformer", arXiv 2001.04451.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from shapes_of_attention.efficient.inputs import check_inputs

__all__ = ["ReformerAttention", "hash_buckets", "lsh_attention", "lsh_mask", "shared_attention"]

#: The score of a token with itself: low enough to count only where it finds no other.
_ITSELF = -1e5


def shared_attention(shared: Tensor, value: Tensor, *, causal: bool = False) -> Tensor:
    """Compute shared-QK attention in full: what hashing comes close to.

    shared, value : [batch, heads, tokens, head_dim] -> the same.

    Raises
    ------
    ValueError
        If shapes do not match.
    """
    check_inputs(shared, shared, value)
    tokens = shared.shape[2]
    scores = shared @ functional.normalize(shared, dim=-1).transpose(-2, -1)
    scores = scores / math.sqrt(shared.shape[-1])
    itself = torch.eye(tokens, dtype=torch.bool, device=shared.device)
    scores = scores.masked_fill(itself, _ITSELF)
    if causal:
        ahead = torch.ones_like(itself).triu(1)
        scores = scores.masked_fill(ahead, torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1) @ value


def hash_buckets(shared: Tensor, rotations: Tensor) -> Tensor:
    """Sort vectors into buckets by direction: h(x) = argmax of [x R; -x R].

    shared [batch, heads, tokens, head_dim], rotations [rounds, head_dim, buckets / 2]
    -> int [batch, heads, rounds, tokens]. Without columns all share one bucket.
    """
    turned = shared.unsqueeze(2) @ rotations  # [batch, heads, rounds, tokens, buckets / 2]
    if not turned.shape[-1]:
        return turned.new_zeros(turned.shape[:-1], dtype=torch.long)
    return torch.cat([turned, -turned], dim=-1).argmax(dim=-1)


def lsh_attention(
    shared: Tensor, value: Tensor, *, rotations: Tensor, chunk: int, causal: bool = False
) -> Tensor:
    """Let each token look at those of its bucket, in several rounds.

    A round takes time and memory in proportion to tokens x chunk, besides hashing and sorting.
    Pairs that meet in several rounds count once. One bucket in one chunk, or rounds enough for
    every pair to meet, give `shared_attention`.

    Parameters
    ----------
    shared, value : [batch, heads, tokens, head_dim]
    rotations : [rounds, head_dim, buckets / 2], random numbers.
    chunk : tokens that look at each other at a time.
    causal : look back only.

    Returns
    -------
    [batch, heads, tokens, head_dim]

    Raises
    ------
    ValueError
        If shapes do not match or a chunk holds no token.
    """
    check_inputs(shared, shared, value)
    rounds = len(rotations)
    slot, chunks, code = _hashed_seats(shared, rotations, chunk)

    # Which token sits in which slot, -1 where none does: [batch, heads, rounds, chunks, chunk]
    batch, heads, tokens, _ = shared.shape
    place = torch.arange(tokens, device=shared.device).expand_as(slot)
    empty = torch.full((batch, heads, rounds, chunks * chunk), -1, device=shared.device)
    token = empty.scatter(-1, slot, place).unflatten(-1, (chunks, chunk))
    seen = _with_previous(token, fill=-1)  # [.., chunks, 2 * chunk]

    query = _take(shared, token)  # [batch, heads, rounds, chunks, chunk, head_dim]
    key = _take(functional.normalize(shared, dim=-1), seen)
    scores = query @ key.transpose(-2, -1) / math.sqrt(shared.shape[-1])

    asking, asked = token.unsqueeze(-1), seen.unsqueeze(-2)
    meet = torch.zeros_like(scores)  # rounds in which a pair meets
    own = torch.zeros_like(scores, dtype=torch.bool)  # whether it meets in this one
    for number in range(rounds):
        codes = code[:, :, number]
        together = _meet(_take_numbers(codes, token), _take_numbers(codes, seen))
        meet += together
        own[:, :, number] = together[:, :, number]
    allowed = own & (asked >= 0) & (asking >= 0)
    if causal:
        allowed &= asked <= asking
    scores = scores.masked_fill(asking == asked, _ITSELF) - meet.clamp_min(1).log()
    scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)

    total = scores.logsumexp(dim=-1)  # [batch, heads, rounds, chunks, chunk]
    mixed = (scores - total.unsqueeze(-1)).exp() @ _take(value, seen)
    # Back from slots to tokens, then the rounds are joined by how much weight each one found.
    total = total.flatten(-2).gather(-1, slot)  # [batch, heads, rounds, tokens]
    index = slot.unsqueeze(-1).expand(*slot.shape, value.shape[-1])
    mixed = mixed.flatten(3, 4).gather(3, index)  # [batch, heads, rounds, tokens, head_dim]
    return (total.softmax(dim=2).unsqueeze(-1) * mixed).sum(dim=2)


def lsh_mask(shared: Tensor, *, rotations: Tensor, chunk: int, causal: bool = False) -> Tensor:
    """Tell which keys `lsh_attention` mixes: bool [batch, heads, query, key].

    For counting and checking: all pairs are held at once, which hashing is there to avoid. A token
    counts for itself only where it finds no other, since it weighs nothing beside others.

    shared [batch, heads, tokens, head_dim]; the rest as for `lsh_attention`.

    Raises
    ------
    ValueError
        If shapes do not match or a chunk holds no token.
    """
    check_inputs(shared, shared, shared)
    _, _, code = _hashed_seats(shared, rotations, chunk)
    met = _meet(code, code).any(dim=2)  # in any round
    if causal:
        met = met.tril()
    itself = torch.eye(met.shape[-1], dtype=torch.bool, device=met.device)
    others = met & ~itself
    return others | (itself & ~others.any(dim=-1, keepdim=True))


def _hashed_seats(shared: Tensor, rotations: Tensor, chunk: int) -> tuple[Tensor, int, Tensor]:
    """Hash tokens and seat them, see `_seats`; or raise ValueError where they cannot be."""
    if rotations.ndim != 3 or rotations.shape[1] != shared.shape[-1] or not len(rotations):
        raise ValueError(
            f"rotations must be [rounds, {shared.shape[-1]}, buckets / 2], "
            f"got {tuple(rotations.shape)}"
        )
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1, got {chunk}")
    buckets = max(2 * rotations.shape[2], 1)
    return _seats(hash_buckets(shared.detach(), rotations), buckets, chunk)


def _meet(asking: Tensor, asked: Tensor) -> Tensor:
    """Tell which queries [.., query] look at which keys [.., key] by their codes, see `_seats`."""
    ahead = asking.unsqueeze(-1) - asked.unsqueeze(-2)  # chunks
    return (ahead == 0) | (ahead == 1)


def _seats(bucket: Tensor, buckets: int, chunk: int) -> tuple[Tensor, int, Tensor]:
    """Seat the tokens bucket by bucket, each bucket in chunks of its own, in order of place.

    bucket [.., tokens] -> slot [.., tokens], the number of chunks, and a code [.., tokens]: a token
    sees another if the codes are equal (same chunk) or one apart (the chunk before, same bucket).
    """
    order = bucket.argsort(dim=-1, stable=True)
    rank = torch.zeros_like(order).scatter(
        -1, order, torch.arange(bucket.shape[-1], device=bucket.device).expand_as(order)
    )
    number = torch.zeros(*bucket.shape[:-1], buckets, dtype=torch.long, device=bucket.device)
    number = number.scatter_add(-1, bucket, torch.ones_like(bucket))
    rank = rank - (number.cumsum(-1) - number).gather(-1, bucket)  # within the bucket
    chunks = -(-number // chunk)
    first = (chunks.cumsum(-1) - chunks).gather(-1, bucket)  # chunks of buckets before
    slot = first * chunk + rank
    return slot, int(chunks.sum(-1).max()), slot // chunk + 2 * bucket


def _with_previous(token: Tensor, *, fill: int) -> Tensor:
    """Put the chunk before each chunk in front of it: [.., chunks, chunk] -> [.., 2 * chunk]."""
    previous = functional.pad(token[..., :-1, :], (0, 0, 1, 0), value=fill)
    return torch.cat([previous, token], dim=-1)


def _take(x: Tensor, token: Tensor) -> Tensor:
    """Take the vectors of tokens: x [b, h, tokens, d], token [b, h, ...] -> [b, h, ..., d]."""
    index = token.clamp_min(0).flatten(2).unsqueeze(-1).expand(-1, -1, -1, x.shape[-1])
    return x.gather(2, index).unflatten(2, token.shape[2:])


def _take_numbers(x: Tensor, token: Tensor) -> Tensor:
    """Take the numbers of tokens: x [b, h, tokens], token [b, h, ...] -> [b, h, ...]."""
    return x.gather(2, token.clamp_min(0).flatten(2)).unflatten(2, token.shape[2:])


class ReformerAttention(nn.Module):
    """Shared-QK attention by hashing, with rotations drawn once.

    Parameters
    ----------
    head_dim : width of a token's vector in a head.
    buckets : even number of buckets.
    chunk : tokens in a chunk.
    rounds : rounds of hashing.
    causal : look back only.
    seed : of the rotations.
    """

    def __init__(
        self,
        *,
        head_dim: int,
        buckets: int,
        chunk: int,
        rounds: int,
        causal: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if buckets < 2 or buckets % 2:
            raise ValueError(f"buckets must be an even number from 2, got {buckets}")
        if rounds < 1 or chunk < 1:
            raise ValueError(f"rounds and chunk must be at least 1, got {rounds} and {chunk}")
        self.chunk, self.causal = chunk, causal
        generator = torch.Generator().manual_seed(seed)
        self.rotations: Tensor
        drawn = torch.randn(rounds, head_dim, buckets // 2, generator=generator)
        self.register_buffer("rotations", drawn)

    def forward(self, shared: Tensor, value: Tensor) -> Tensor:
        """Attend: shared vectors and values [batch, heads, tokens, head_dim] -> the same."""
        return lsh_attention(
            shared, value, rotations=self.rotations, chunk=self.chunk, causal=self.causal
        )
