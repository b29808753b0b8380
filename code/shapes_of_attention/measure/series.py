"""How well a model redraws series, and where its attention goes, against the truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shapes_of_attention.models.capture import capture_attention
from shapes_of_attention.series.data import SERIES_KINDS, SeriesBatch, profile, same_group

__all__ = [
    "REACHES",
    "TOLERANCE",
    "TokenTruth",
    "amplitude_errors",
    "attention_score",
    "by_situation",
    "drawn_amplitudes",
    "ideal_attention",
    "redraw",
    "score",
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
    parts = torch.from_numpy(batch.signal).split(size)
    drawn: NDArray[np.float32] = torch.cat([model(part) for part in parts]).numpy()
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


def score(drawn: NDArray[np.float32], batch: SeriesBatch) -> dict[str, float]:
    """Summarise how drawn series [batch, length] differ from the true ones."""
    errors = amplitude_errors(drawn, batch)[batch.present]
    return {
        "amplitude_error_median": round(float(np.median(errors)), 5),
        "amplitude_error_mean": round(float(errors.mean()), 5),
        "within_tolerance": round(float((errors <= TOLERANCE).mean()), 5),
        "mse": round(float(np.square(drawn - batch.target).mean()), 6),
    }


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

    The median, over shapes, of the difference in amplitude. Nothing about the answer changes when a
    series is moved, so this is zero for a model that treats all places alike.
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


def attention_score(model: nn.Module, batch: SeriesBatch, *, token: int) -> dict[str, Any]:
    """Say which share of attention lands where it should, for each layer and head.

    Over all tokens that must draw a shape: the share on tokens that hold a shape of its group, and,
    for shapes with company, the share on tokens of the *others* of the group. `uniform` is what
    attention to all tokens alike would score, `ideal` what averaging the group alike would.
    """
    truth = token_truth(batch, token=token)
    company = truth.asks & truth.others.any(axis=2, keepdims=True)
    with torch.no_grad(), capture_attention(model) as weights:
        model(torch.from_numpy(batch.signal))
    size = same_group(batch.kind).sum(axis=2)
    ideal = np.broadcast_to((1 - 1 / np.maximum(size, 1))[..., None], company.shape)
    layers = {}
    for name, attention in weights.items():
        mass = attention.double().numpy()
        layers[name] = {
            "group": _shares(mass, truth.asks, truth.group),
            "others": _shares(mass, company, truth.others),
        }
    return {
        "layers": layers,
        "uniform": {
            "group": _uniform(truth.asks, truth.group),
            "others": _uniform(company, truth.others),
        },
        "ideal": {"group": 1.0, "others": round(float(ideal[company].mean()), 4)},
        "by_kind": {
            kind: {
                name: _shares(
                    attention.double().numpy(),
                    company & (batch.kind == number)[..., None],
                    truth.others,
                )
                for name, attention in weights.items()
            }
            for number, kind in enumerate(SERIES_KINDS)
        },
    }


def _shares(
    mass: NDArray[np.float64], asks: NDArray[np.bool_], right: NDArray[np.bool_]
) -> list[float]:
    """Average, over the asking tokens, the mass on the right ones, by head.

    `mass` [batch, heads, query, key]; `asks` [batch, slots, query]; `right` [batch, slots, key].
    """
    landed = np.einsum(
        "bhqk,bsk,bsq->h", mass, right.astype(float), asks.astype(float), optimize=True
    )
    return [round(float(share), 4) for share in landed / max(int(asks.sum()), 1)]


def _uniform(asks: NDArray[np.bool_], right: NDArray[np.bool_]) -> float:
    share = right.mean(axis=2)[..., None] * asks
    return round(float(share.sum() / max(int(asks.sum()), 1)), 4)
