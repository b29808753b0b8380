"""How well a model redraws series, and where its attention goes, against the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shapes_of_attention.measure.shares import AttentionShares
from shapes_of_attention.models.capture import capture_attention
from shapes_of_attention.series.data import (
    SERIES_KINDS,
    SeriesBatch,
    SeriesConfig,
    profile,
    same_group,
)

__all__ = [
    "REACHES",
    "TOLERANCE",
    "AmplitudeResult",
    "TokenAttention",
    "TokenShares",
    "TokenTruth",
    "amplitude_errors",
    "by_situation",
    "drawn_amplitudes",
    "ideal_attention",
    "join_slots",
    "kind_blind_error",
    "redraw",
    "score_amplitudes",
    "score_attention",
    "score_redrawing",
    "shift_difference",
    "token_truth",
]

#: A shape counts as well drawn when its amplitude is this close to its group's mean.
TOLERANCE = 0.1

#: Where `by_reach` divides, in samples.
REACHES = (0, 60, 120, 180, 240, 300)


@torch.no_grad()
def redraw(model: nn.Module, batch: SeriesBatch, *, size: int = 256) -> NDArray[np.float32]:
    """Let a model redraw a batch: float32 [batch, length]."""
    device = next(model.parameters()).device
    parts = torch.from_numpy(batch.signal).to(device).split(size)
    drawn: NDArray[np.float32] = torch.cat([model(part) for part in parts]).cpu().numpy()
    return drawn


def drawn_amplitudes(drawn: NDArray[np.float32], batch: SeriesBatch) -> NDArray[np.float32]:
    """Read each shape's amplitude off drawn series, by least squares over the shape's span.

    `drawn` [batch, length] -> [batch, slots], NaN in empty slots. Negative where a shape was drawn
    the wrong way up.
    """
    samples = np.arange(drawn.shape[1], dtype=np.float32) + np.float32(0.5)
    amplitude = np.full(batch.kind.shape, np.nan, dtype=np.float32)
    sign = np.where(batch.inverted, -1, 1)
    for slot in range(batch.kind.shape[1]):
        start, end = batch.span[:, slot, :1], batch.span[:, slot, 1:]
        half = np.maximum((end - start) / 2, np.float32(1e-6))
        place = ((samples - (start + end) / 2) / half).astype(np.float32)
        shape = profile(batch.kind[:, slot, None], place)
        fit = (shape * drawn).sum(axis=1) / np.maximum(np.square(shape).sum(axis=1), 1e-6)
        amplitude[:, slot] = np.where(batch.present[:, slot], sign[:, slot] * fit, np.nan)
    return amplitude


def amplitude_errors(drawn: NDArray[np.float32], batch: SeriesBatch) -> NDArray[np.float32]:
    """Give each shape's absolute difference from its group's mean: [batch, slots], NaN if empty."""
    errors: NDArray[np.float32] = np.abs(drawn_amplitudes(drawn, batch) - batch.group_mean)
    return errors


@dataclass(frozen=True, kw_only=True)
class AmplitudeResult:
    """How drawn series differ from the true ones; amplitudes are in the unit of the signal.

    Attributes
    ----------
    amplitude_error_median, amplitude_error_mean : over shapes, of the absolute difference between
        the drawn amplitude and the group's mean.
    within_tolerance : share of the shapes whose error is at most `TOLERANCE`.
    mse : mean squared difference over all samples.
    """

    amplitude_error_median: float
    amplitude_error_mean: float
    within_tolerance: float
    mse: float

    def as_record(self) -> dict[str, float]:
        """Write it down as records do, in five digits, the mean square in six."""
        return {
            "amplitude_error_median": round(self.amplitude_error_median, 5),
            "amplitude_error_mean": round(self.amplitude_error_mean, 5),
            "within_tolerance": round(self.within_tolerance, 5),
            "mse": round(self.mse, 6),
        }


def score_amplitudes(drawn: NDArray[np.float32], batch: SeriesBatch) -> AmplitudeResult:
    """Summarise how drawn series [batch, length] differ from the true ones."""
    errors = amplitude_errors(drawn, batch)[batch.present]
    return AmplitudeResult(
        amplitude_error_median=float(np.median(errors)),
        amplitude_error_mean=float(errors.mean()),
        within_tolerance=float((errors <= TOLERANCE).mean()),
        mse=float(np.square(drawn - batch.target).mean()),
    )


def score_redrawing(model: nn.Module, batch: SeriesBatch) -> AmplitudeResult:
    """Let a model redraw a batch and judge the amplitudes."""
    return score_amplitudes(redraw(model, batch), batch)


def kind_blind_error(
    batch: SeriesBatch,
    measure: Callable[[NDArray[np.float64]], np.floating[Any]],
    *,
    company: bool = True,
) -> float:
    """Find how little one linear mixture errs that does not tell kinds apart.

    Every shape is drawn at one mixture of its own amplitude, the mean of all shapes of its series
    and the middle of the range that amplitudes are drawn from, in the proportion that errs least.
    The parts add up to one; the last may be below zero.

    Parameters
    ----------
    measure : what is to be low, such as the mean or the median of the errors.
    company : whether the mean of all shapes is mixed in; without it no other shape is looked at.
    """
    present = batch.present
    own, wanted = batch.amplitude[present], batch.group_mean[present]
    of_all = np.nanmean(np.where(present, batch.amplitude, np.nan), axis=1, keepdims=True)
    everybody = np.broadcast_to(of_all, present.shape)[present]
    middle = sum(SeriesConfig().amplitude) / 2
    parts = np.linspace(0, 1, 41)
    return min(
        float(measure(np.abs(a * own + b * everybody + (1 - a - b) * middle - wanted)))
        for a in parts
        for b in (parts if company else (0.0,))
    )


def by_situation(
    errors: NDArray[np.float32], batch: SeriesBatch
) -> dict[str, dict[str, dict[str, float]]]:
    """Split amplitude errors [batch, slots] by what makes a shape hard for one model or another.

    `by_reach` : for groups of two, samples from one shape to the other. Larger groups reach farther
        and have means that are easier to guess, which would blur the two.
    `by_company` : shapes of its group, itself included.
    `by_to_come` : how many shapes of its group lie to its right.
    """
    same = same_group(batch.kind)
    size = same.sum(axis=2)
    start, end = batch.span[..., 0], batch.span[..., 1]
    apart = np.maximum(start[:, None, :] - end[:, :, None], start[:, :, None] - end[:, None, :])
    reach = np.where(same, apart, 0).max(axis=2)
    right = (same & (start[:, None, :] > start[:, :, None])).sum(axis=2)

    def split(
        value: NDArray[Any], edges: tuple[int, ...], chosen: NDArray[np.bool_]
    ) -> dict[str, dict[str, float]]:
        found = {}
        for low, high in zip(edges, (*edges[1:], None), strict=True):
            inside = chosen & (value >= low)
            if high is not None:
                inside &= value < high
            if not inside.any():
                continue
            found[str(low)] = {
                "mean": round(float(errors[inside].mean()), 5),
                "median": round(float(np.median(errors[inside])), 5),
                "shapes": int(inside.sum()),
            }
        return found

    return {
        "by_reach": split(reach, REACHES, batch.present & (size == 2)),
        "by_company": split(size, (1, 2, 3, 4, 5), batch.present),
        "by_to_come": split(right, (0, 1, 2, 3), batch.present & (size > 1)),
    }


def shift_difference(model: nn.Module, batch: SeriesBatch, *, shift: int) -> float:
    """Say how far a redrawing of the series moved by `shift` samples is from the moved redrawing.

    The median, over shapes, of the difference in amplitude. Series move to the right as on a ring:
    what leaves at the end comes in at the start. Shapes that are carried over the edge are not
    counted, but a model still sees them, cut in two or at the other end, and others may ask for
    them. But for these nothing about the answer changes, so that by the median this is about zero
    for a model that treats all places alike.
    """
    moved = SeriesBatch(
        **{
            **{name: getattr(batch, name) for name in batch.__dataclass_fields__},
            "signal": np.roll(batch.signal, shift, axis=1),
            "span": batch.span + np.float32(shift),
        }
    )
    inside = batch.present & (batch.span[..., 1] < batch.signal.shape[1] - shift)
    here = drawn_amplitudes(redraw(model, batch), batch)
    there = drawn_amplitudes(redraw(model, moved), moved)
    return round(float(np.median(np.abs(here - there)[inside])), 5)


@dataclass(frozen=True, kw_only=True)
class TokenTruth:
    """Which shape a token shows; bool arrays are [batch, slots, tokens].

    Attributes
    ----------
    asks : the token's middle lies in the shape, so that the token must draw it.
    holds : the token shares at least one sample in five with the shape.
    group, others : the token holds a shape of the slot's group; one besides the slot's own.
    """

    asks: NDArray[np.bool_]
    holds: NDArray[np.bool_]
    group: NDArray[np.bool_]
    others: NDArray[np.bool_]


def token_truth(batch: SeriesBatch, *, token: int) -> TokenTruth:
    """Work out which tokens of `token` samples show which shape, and which its group."""
    start = np.arange(0, batch.signal.shape[1], token)
    low, high = batch.span[..., :1], batch.span[..., 1:]
    shared = np.minimum(start + token, high) - np.maximum(start, low)
    present = batch.present[..., None]
    holds = (shared >= token / 5) & present
    middle = start + token / 2
    asks = (low <= middle) & (middle < high) & present
    same = same_group(batch.kind)
    other = same & ~np.eye(batch.kind.shape[1], dtype=np.bool_)
    group = np.einsum("bij,bjt->bit", same, holds)
    # A token between two shapes may hold both: what is the query's own does not count as another.
    others = np.einsum("bij,bjt->bit", other, holds) & ~holds
    return TokenTruth(asks=asks, holds=holds, group=group, others=others)


def ideal_attention(batch: SeriesBatch, *, token: int, row: int = 0) -> NDArray[np.float32]:
    """Write down the attention that averages over groups: [tokens, tokens], for one series.

    A token that draws a shape gives each shape of the group the same weight, spread over its
    tokens. Tokens between shapes have no group to ask: their rows are NaN.
    """
    truth = token_truth(batch, token=token)
    tokens = truth.asks.shape[2]
    weights = np.full((tokens, tokens), np.nan, dtype=np.float32)
    each = truth.holds[row] / np.maximum(truth.holds[row].sum(axis=1, keepdims=True), 1)
    for slot in np.flatnonzero(batch.present[row]):
        group = batch.kind[row] == batch.kind[row, slot]
        weights[truth.asks[row, slot]] = each[group].sum(axis=0) / group.sum()
    return weights


def join_slots(
    asks: NDArray[np.bool_], right: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say what is right for each token that must draw a shape: what is right for that shape.

    No token must draw two shapes, as no two lie over each other.

    Parameters
    ----------
    asks : [batch, slots, query], the tokens that must draw the slot's shape.
    right : [batch, slots, key], the tokens that are right for it.

    Returns
    -------
    right : [batch, query, key]
    asks : [batch, query]
    """
    joined: NDArray[np.bool_] = np.einsum("bsq,bsk->bqk", asks, right)
    asking: NDArray[np.bool_] = np.any(asks, axis=1)
    return joined, asking


@dataclass(frozen=True, kw_only=True)
class TokenShares:
    """Mean shares of attention of one module's heads, parts of one, over tokens that draw a shape.

    Attributes
    ----------
    group : [heads], on tokens that hold a shape of its group.
    others : [heads], on tokens of the *others* of its group, over shapes in company.
    others_by_kind : [heads, kinds], the same kind by kind.
    """

    group: NDArray[np.float64]
    others: NDArray[np.float64]
    others_by_kind: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TokenAttention:
    """Where attention between tokens went, and what that is to be compared with.

    Attributes
    ----------
    modules : name of a module -> shares of its heads.
    group_uniform, others_uniform : what attention to all tokens alike would score.
    others_ideal : what averaging the group alike would.
    """

    modules: dict[str, TokenShares]
    group_uniform: float
    others_uniform: float
    others_ideal: float

    def as_record(self) -> dict[str, Any]:
        """Write it down as records do, in four digits."""

        def listed(share: NDArray[np.float64]) -> list[float]:
            return [round(float(x), 4) for x in share]

        return {
            "layers": {
                name: {"group": listed(found.group), "others": listed(found.others)}
                for name, found in self.modules.items()
            },
            "uniform": {
                "group": round(self.group_uniform, 4),
                "others": round(self.others_uniform, 4),
            },
            "ideal": {"group": 1.0, "others": round(self.others_ideal, 4)},
            "by_kind": {
                kind: {
                    name: listed(found.others_by_kind[:, number])
                    for name, found in self.modules.items()
                }
                for number, kind in enumerate(SERIES_KINDS)
            },
        }


def score_attention(model: nn.Module, batch: SeriesBatch, *, token: int) -> TokenAttention:
    """Say which share of attention lands where it should, for each layer and head."""
    truth = token_truth(batch, token=token)
    company = truth.asks & truth.others.any(axis=2, keepdims=True)
    with torch.no_grad(), capture_attention(model) as weights:
        model(torch.from_numpy(batch.signal))
    # First all shapes, then kind by kind.
    chosen = [company, *(company & (batch.kind == n)[..., None] for n in range(len(SERIES_KINDS)))]
    joined = [join_slots(asks, truth.others) for asks in chosen]
    others, group = AttentionShares(), AttentionShares()
    others.add(weights, *(np.stack(part, axis=1) for part in zip(*joined, strict=True)))
    right, asks = join_slots(truth.asks, truth.group)
    group.add(weights, right[:, None], asks[:, None])
    on_group, on_others = group.result(), others.result()
    size = same_group(batch.kind).sum(axis=2)
    ideal = np.broadcast_to((1 - 1 / np.maximum(size, 1))[..., None], company.shape)
    return TokenAttention(
        modules={
            name: TokenShares(
                group=on_group.modules[name][:, 0],
                others=share[:, 0],
                others_by_kind=share[:, 1:],
            )
            for name, share in on_others.modules.items()
        },
        group_uniform=float(on_group.uniform[0]),
        others_uniform=float(on_others.uniform[0]),
        others_ideal=float(ideal[company].mean()),
    )
