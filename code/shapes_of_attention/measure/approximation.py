"""How far approximations of attention are from what they approximate, at a given budget.

Two sorts of attention over tokens without order: *diffuse*, where queries and keys are normal
numbers and a query spreads its weight, and *peaked*, where tokens belong to sixteen groups and each
seeks its own. Nothing is trained: projections, directions and rotations are random.

An error is that of the mix, relative to the size of what it should be. Where values are small
numbers around zero, so is nearly every right answer, and errors look large; with values around one
they look small. `answering_mean` is what a constant answer would score in the same setting.

A budget says what a method may spend, `keys_seen` what it got for it. A window is cut at the ends
of the sequence. Hashing leaves seats empty, and in several rounds a token meets the same others
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shapes_of_attention.efficient.linformer import linformer_attention
from shapes_of_attention.efficient.local import local_attention
from shapes_of_attention.efficient.masks import local_mask
from shapes_of_attention.efficient.performer import orthogonal_directions, performer_attention
from shapes_of_attention.efficient.reformer import lsh_attention, lsh_mask, shared_attention
from shapes_of_attention.models.attention import explicit_attention

__all__ = [
    "APPROXIMATIONS",
    "SETTINGS",
    "BudgetError",
    "answering_mean",
    "approximate",
    "budget_errors",
    "keys_looked_at",
    "keys_seen",
    "peaked_groups",
    "relative_error",
]

#: Seats in a chunk of Reformer. In a round a token looks at two chunks at most.
_CHUNK = 16

Draw = tuple[Tensor, Tensor, Tensor]


def diffuse(seed: int, *, value_mean: float = 0.0, tokens: int = 512, dim: int = 32) -> Draw:
    """Draw q, k, v [1, 1, tokens, dim] without structure; `value_mean` is added to all values."""
    generator = torch.Generator().manual_seed(seed)
    q, k, v = torch.randn(3, 1, 1, tokens, dim, generator=generator)
    return q, k, v + value_mean


def peaked(seed: int, *, value_mean: float = 0.0, tokens: int = 512, dim: int = 32) -> Draw:
    """Draw tokens around sixteen group centres; the query of a token resembles its group's keys.

    q, k, v are [1, 1, tokens, dim]; `value_mean` is added to all values.
    """
    generator = torch.Generator().manual_seed(seed)
    centre, group = _groups(generator, tokens, dim)
    noise = torch.randn(3, 1, 1, tokens, dim, generator=generator)
    q, k = (1.5 * centre[group] + 0.3 * noise[place] for place in (0, 1))
    return q, k, centre[group] + noise[2] + value_mean


def peaked_groups(seed: int, *, tokens: int = 512, dim: int = 32) -> Tensor:
    """Tell the group of each token in what `peaked` draws from the same seed: int [tokens]."""
    return _groups(torch.Generator().manual_seed(seed), tokens, dim)[1]


def _groups(generator: torch.Generator, tokens: int, dim: int) -> tuple[Tensor, Tensor]:
    """Draw the centres of sixteen groups [16, dim] and the group of each token [tokens]."""
    centre = torch.randn(16, dim, generator=generator)
    return centre, torch.randint(16, (tokens,), generator=generator)


#: The two sorts of attention: name -> draws queries, keys and values from a seed.
SETTINGS: dict[str, Callable[..., Draw]] = {"diffuse": diffuse, "peaked": peaked}


def keys_looked_at(query: Tensor, key: Tensor) -> float:
    """Give the effective number of keys that a query looks at: exp of the mean entropy."""
    weights = explicit_attention(query, key, key)[1].double().clamp_min(1e-30)
    return float((-(weights * weights.log()).sum(dim=-1)).mean().exp())


def _local(q: Tensor, k: Tensor, v: Tensor, *, budget: int, seed: int) -> tuple[Tensor, Tensor]:
    return local_attention(q, k, v, window=budget // 2), explicit_attention(q, k, v)[0]


def _linformer(q: Tensor, k: Tensor, v: Tensor, *, budget: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    project = torch.randn(budget, k.shape[2], generator=generator) / budget**0.5
    found = linformer_attention(q, k, v, to_keys=project, to_values=project)
    return found, explicit_attention(q, k, v)[0]


def _performer(q: Tensor, k: Tensor, v: Tensor, *, budget: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    directions = orthogonal_directions(budget, q.shape[-1], generator=generator)
    found = performer_attention(q, k, v, directions=directions)
    return found, explicit_attention(q, k, v)[0]


def _reformer(q: Tensor, k: Tensor, v: Tensor, *, budget: int, seed: int) -> tuple[Tensor, Tensor]:
    shared, turns = _hashing(q, k, budget=budget, seed=seed)
    found = lsh_attention(shared, v, rotations=turns, chunk=_CHUNK)
    return found, shared_attention(shared, v)


def _hashing(q: Tensor, k: Tensor, *, budget: int, seed: int) -> tuple[Tensor, Tensor]:
    """Give Reformer's shared vectors [.., tokens, dim] and rotations [rounds, dim, buckets / 2]."""
    # A shared key loses its length, so the query gets it: scores spread as far as the others'.
    shared = q * k.norm(dim=-1).mean()
    generator = torch.Generator().manual_seed(seed)
    return shared, torch.randn(budget // (2 * _CHUNK), q.shape[-1], 16, generator=generator)


#: The approximations by name. Budgets are rank for Linformer and features for Performer. For local
#: attention and Reformer they are keys at most, and `keys_seen` tells how many they get: in a round
#: of hashing a token could see 32, and where buckets hold 16 tokens it sees half of that.
APPROXIMATIONS = {
    "local": _local,
    "linformer": _linformer,
    "performer": _performer,
    "reformer": _reformer,
}


def approximate(
    name: str, query: Tensor, key: Tensor, value: Tensor, *, budget: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Mix the values by an approximation, and by what it claims to approximate.

    Reformer claims to approximate attention with shared queries and keys, the others full
    attention.

    Parameters
    ----------
    name : one of `APPROXIMATIONS`.
    query, key, value : [batch, heads, tokens, head_dim]
    budget : what it may look at, see `APPROXIMATIONS`; for Reformer a multiple of 32.
    seed : of what is random in it.

    Returns
    -------
    Both mixes, [batch, heads, tokens, head_dim].

    Raises
    ------
    ValueError
        For an unknown name, or a budget that buys nothing.
    """
    _check(name, budget)
    return APPROXIMATIONS[name](query, key, value, budget=budget, seed=seed)


def keys_seen(name: str, query: Tensor, key: Tensor, *, budget: int, seed: int) -> Tensor:
    """Tell which keys an approximation mixes for which query: those whose value can change it.

    Only of methods that leave keys out. Reformer's is hashing as in arXiv 2001.04451, with chunks
    that begin anew in each bucket; a token that finds another does not see itself.

    Parameters
    ----------
    name : local or reformer.
    query, key : [batch, heads, tokens, head_dim]
    budget, seed : as for `approximate`.

    Returns
    -------
    bool [batch, heads, query, key]

    Raises
    ------
    ValueError
        For any other name, or a budget that buys nothing.
    """
    _check(name, budget)
    if name == "local":
        mask = local_mask(query.shape[2], window=budget // 2)
        return mask.expand(*query.shape[:2], -1, -1)
    if name == "reformer":
        shared, turns = _hashing(query, key, budget=budget, seed=seed)
        return lsh_mask(shared, rotations=turns, chunk=_CHUNK)
    raise ValueError(f"{name} leaves no key out")


def _check(name: str, budget: int) -> None:
    """Raise ValueError for an unknown approximation, or a budget that buys nothing."""
    if name not in APPROXIMATIONS:
        raise ValueError(
            f"there is no approximation {name!r}; there are {', '.join(APPROXIMATIONS)}"
        )
    least = 2 * _CHUNK if name == "reformer" else 2 if name == "local" else 1
    if budget < least:
        raise ValueError(f"{name} needs a budget of {least} at least, got {budget}")


def relative_error(found: Tensor, wanted: Tensor) -> float:
    """Give the length of the difference as a part of the length of what is wanted."""
    return float((found - wanted).norm() / wanted.norm())


@dataclass(frozen=True, kw_only=True)
class BudgetError:
    """Relative errors of one approximation in one setting, one for each seed.

    Attributes
    ----------
    setting, name, budget : see `SETTINGS`, `APPROXIMATIONS`.
    value_mean : what was added to all values.
    against_claim : error against what the approximation claims to approximate.
    against_full : error against full attention, the same for all.
    """

    setting: str
    name: str
    budget: int
    value_mean: float
    against_claim: tuple[float, ...]
    against_full: tuple[float, ...]


def budget_errors(
    *,
    budgets: Sequence[int],
    value_mean: float = 0.0,
    seeds: Iterable[int] = range(4),
    settings: Iterable[str] = tuple(SETTINGS),
    names: Iterable[str] = tuple(APPROXIMATIONS),
) -> list[BudgetError]:
    """Measure approximations at some budgets, setting by setting, name by name."""
    seeds, names = tuple(seeds), tuple(names)
    found = []
    for setting in settings:
        drawn = [SETTINGS[setting](seed, value_mean=value_mean) for seed in seeds]
        full = [explicit_attention(*draw)[0] for draw in drawn]
        for name in names:
            for budget in budgets:
                mixes = [
                    approximate(name, *draw, budget=budget, seed=seed)
                    for draw, seed in zip(drawn, seeds, strict=True)
                ]
                found.append(
                    BudgetError(
                        setting=setting,
                        name=name,
                        budget=budget,
                        value_mean=value_mean,
                        against_claim=tuple(relative_error(*pair) for pair in mixes),
                        against_full=tuple(
                            relative_error(mix, want)
                            for (mix, _), want in zip(mixes, full, strict=True)
                        ),
                    )
                )
    return found


def answering_mean(
    setting: str, *, value_mean: float = 0.0, seeds: Iterable[int] = range(4)
) -> float:
    """Measure the error of answering every query with the mean of all values, over some seeds.

    Whoever errs more in the same setting does worse than looking at nothing. Answering zero errs by
    one in every setting.
    """
    errors = []
    for seed in seeds:
        query, key, value = SETTINGS[setting](seed, value_mean=value_mean)
        wanted = explicit_attention(query, key, value)[0]
        errors.append(relative_error(value.mean(dim=2, keepdim=True).expand_as(wanted), wanted))
    return float(np.mean(errors))
