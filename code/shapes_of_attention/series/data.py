"""Series of shapes and their targets: series `i` of seed `s` is always the same.

A series shows triangles, rectangles and semicircles, upright or inverted, none touching another,
under smooth noise. Its target shows them in the same places and the same way up, without noise,
each at the mean amplitude of its group. A group is all shapes of one kind in the series, upright
and inverted alike. Amplitude is the distance from zero to the peak, positive in either case: so a
group's mean never cancels out, and which way up a shape stands must be ignored when it looks for
company and kept when it is redrawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shapes_of_attention.data.counter_rng import uniform_draws
from shapes_of_attention.data.draws import between, checked_indices, pick

__all__ = [
    "SERIES_KINDS",
    "SERIES_TEST_SEED",
    "SeriesBatch",
    "SeriesConfig",
    "group_means",
    "make_series",
    "profile",
    "same_group",
]

SERIES_KINDS = ("triangle", "rectangle", "semicircle")
#: Series that no training run sees; sweeps and curves use others.
SERIES_TEST_SEED = 7_000_003

# Draws a slot takes: kind, orientation, width, amplitude, place.
_DRAWS_PER_SLOT = 5


@dataclass(frozen=True, kw_only=True)
class SeriesConfig:
    """How series are drawn; lengths in samples, amplitudes in units of the signal.

    Attributes
    ----------
    length : samples of a series.
    slots, fewest : most and least shapes of a series; every number between is as likely.
    width : smallest and largest width of a shape.
    amplitude : smallest and largest distance from zero to the peak.
    gap : least distance between two shapes, and between a shape and the ends.
    noise : standard deviation of the noise.
    smoothness : standard deviation of the Gaussian window that smooths the noise, in samples.
    """

    length: int = 500
    slots: int = 8
    fewest: int = 5
    width: tuple[float, float] = (20.0, 44.0)
    amplitude: tuple[float, float] = (0.4, 1.6)
    gap: float = 4.0
    noise: float = 0.05
    smoothness: float = 3.0

    def __post_init__(self) -> None:
        for name in ("width", "amplitude"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} must hold 0 < smallest <= largest, got {(low, high)}")
        if not 1 <= self.fewest <= self.slots:
            raise ValueError(
                f"1 <= fewest <= slots is needed, got fewest={self.fewest}, slots={self.slots}"
            )
        if self.gap < 1:
            raise ValueError(
                f"gap must be at least 1, so that no two shapes share a sample, got {self.gap}"
            )
        room = self.slots * (self.width[1] + self.gap) + self.gap
        if self.length < room:
            raise ValueError(
                f"length {self.length} cannot hold {self.slots} of the widest shapes: "
                f"slots * (largest width + gap) + gap = {room:g} samples are needed"
            )
        if self.noise < 0 or self.smoothness <= 0:
            raise ValueError(
                f"noise must not be negative and smoothness must be positive, "
                f"got noise={self.noise}, smoothness={self.smoothness}"
            )


@dataclass(frozen=True, kw_only=True)
class SeriesBatch:
    """Series, their targets, and the truth about every shape, from left to right.

    Attributes
    ----------
    signal, target : float32 [batch, length].
    present : bool [batch, slots], the slot holds a shape.
    kind : int8 [batch, slots], index into `SERIES_KINDS`, -1 in empty slots.
    inverted : bool [batch, slots], the shape points down.
    span : float32 [batch, slots, 2], start and end in samples; sample i is taken at i + 1/2.
    amplitude : float32 [batch, slots], distance from zero to the peak, 0 in empty slots.
    group_mean : float32 [batch, slots], mean amplitude of the group, NaN in empty slots.
    """

    signal: NDArray[np.float32]
    target: NDArray[np.float32]
    present: NDArray[np.bool_]
    kind: NDArray[np.int8]
    inverted: NDArray[np.bool_]
    span: NDArray[np.float32]
    amplitude: NDArray[np.float32]
    group_mean: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.signal)


def make_series(
    indices: Sequence[int] | NDArray[np.integer],
    *,
    seed: int = 0,
    config: SeriesConfig | None = None,
) -> SeriesBatch:
    """Draw the series with the given indices.

    Raises
    ------
    ValueError
        When indices are not a one-dimensional sequence of non-negative integers, or the seed is
        not from 0 to 2**63 - 1.
    """
    config = config or SeriesConfig()
    checked = checked_indices(indices, seed=seed)

    shape_draws = config.slots * _DRAWS_PER_SLOT
    reach = _reach(config)
    draws = uniform_draws(checked, seed=seed, count=1 + shape_draws + config.length + 2 * reach)
    number = config.fewest + pick(draws[:, 0], config.slots - config.fewest + 1)
    present = np.arange(config.slots) < number[:, None]
    kinds, turns, widths, heights, places = np.moveaxis(
        draws[:, 1 : 1 + shape_draws].reshape(len(checked), config.slots, _DRAWS_PER_SLOT), 2, 0
    )
    kind = np.where(present, pick(kinds, len(SERIES_KINDS)), -1).astype(np.int8)
    inverted = present & (turns < 0.5)
    width = np.where(present, between(widths, config.width), np.float32(0))
    amplitude = np.where(present, between(heights, config.amplitude), np.float32(0))
    span = _place(width, places, present, config)
    group_mean = group_means(kind, amplitude)

    sign = np.where(inverted, np.float32(-1), np.float32(1))
    drawn = draw(kind, span, sign * amplitude, config)
    target = draw(kind, span, sign * np.nan_to_num(group_mean), config)
    noise = _smooth_noise(draws[:, 1 + shape_draws :], config)
    return SeriesBatch(
        signal=drawn + noise,
        target=target,
        present=present,
        kind=kind,
        inverted=inverted,
        span=span,
        amplitude=amplitude,
        group_mean=group_mean,
    )


def same_group(kind: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Say which shapes share a mean: `kind` [batch, slots] -> [batch, slots, slots]."""
    return (kind[:, :, None] == kind[:, None, :]) & (kind >= 0)[:, :, None]


def group_means(kind: NDArray[np.int8], amplitude: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give every shape the mean amplitude of the shapes of its own kind.

    `kind` and `amplitude` [batch, slots] -> [batch, slots]; kind -1 is no shape and gets NaN.
    """
    present, same = kind >= 0, same_group(kind)
    # Added slot by slot, lest the order of a library's sum depend on the batch.
    total = np.zeros_like(amplitude)
    for slot in range(kind.shape[1]):
        total += same[:, :, slot] * amplitude[:, None, slot]
    mean = total / np.maximum(same.sum(axis=2), 1)
    return np.where(present, mean, np.float32(np.nan)).astype(np.float32)


def profile(kind: NDArray[np.int8], place: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the height of a shape of amplitude 1 at `place`, -1 at its start and 1 at its end.

    Zero outside. `kind` and `place` broadcast against each other.
    """
    triangle = 1 - np.abs(place)
    semicircle = np.sqrt(np.maximum(1 - place**2, 0))
    height = np.where(kind == 0, triangle, np.where(kind == 1, np.float32(1), semicircle))
    return np.where((np.abs(place) <= 1) & (kind >= 0), height, np.float32(0))


def draw(
    kind: NDArray[np.int8],
    span: NDArray[np.float32],
    peak: NDArray[np.float32],
    config: SeriesConfig,
) -> NDArray[np.float32]:
    """Draw shapes, `peak` [batch, slots] high or deep, on a flat line: [batch, length].

    Each is worked out in a window around it, not over the whole series.
    """
    batch = len(kind)
    window = np.arange(int(np.ceil(config.width[1])) + 1)
    sample = np.floor(span[..., :1]).astype(np.int64) + window  # [batch, slots, window]
    middle = span.mean(axis=2, keepdims=True)
    half = np.maximum((span[..., 1:] - span[..., :1]) / 2, np.float32(1e-6))
    place = (sample.astype(np.float32) + np.float32(0.5) - middle) / half
    height = profile(kind[..., None], place) * peak[..., None]
    inside = (height != 0) & (sample < config.length)
    row = np.broadcast_to(np.arange(batch)[:, None, None], sample.shape)
    drawn = np.zeros((batch, config.length), dtype=np.float32)
    drawn[row[inside], sample[inside]] = height[inside]
    return drawn


def _place(
    width: NDArray[np.float32],
    places: NDArray[np.float32],
    present: NDArray[np.bool_],
    config: SeriesConfig,
) -> NDArray[np.float32]:
    """Line the shapes up and share the free room between them at random: [batch, slots, 2].

    The sorted draws cut the free room into pieces, one before each shape and one after the last, so
    no try is ever in vain.
    """
    number = present.sum(axis=1, keepdims=True)
    free = config.length - config.gap * (number + 1) - width.sum(axis=1, keepdims=True)
    # Empty slots stand last, so their draws must not be among the sorted ones.
    cut = np.sort(np.where(present, places, np.float32(2)), axis=1) * free
    before = np.cumsum(width + np.float32(config.gap), axis=1) - width
    start = np.where(present, cut + before, 0)
    return np.stack([start, start + width], axis=2).astype(np.float32)


def _reach(config: SeriesConfig) -> int:
    return int(np.ceil(3 * config.smoothness))


def _smooth_noise(draws: NDArray[np.float32], config: SeriesConfig) -> NDArray[np.float32]:
    """Smooth uniform draws [batch, length + 2 * reach] by a Gaussian window: [batch, length].

    A weighted sum of many uniforms is all but normal. The result has the configured deviation.
    """
    offsets = np.arange(-_reach(config), _reach(config) + 1)
    window = np.exp(-0.5 * (offsets / config.smoothness) ** 2)
    window *= config.noise * np.sqrt(12 / np.square(window).sum())
    centred = draws - np.float32(0.5)
    noise = np.zeros((len(draws), config.length), dtype=np.float32)
    for shift, weight in enumerate(window):
        noise += np.float32(weight) * centred[:, shift : shift + config.length]
    return noise
