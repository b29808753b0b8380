"""Hide the red, the green or the blue keys of one shape: which colour decides whether it is seen.

Only for models with a token a patch and channel. Hidden are the chosen channel's keys of all
patches that the shape touches, from the cross-attention alone: the decoder's own query still shows
the whole patch, as it does in every intervention here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from shapes_of_attention.data import KINDS, ShapesBatch
from shapes_of_attention.data.rules import FILLED_CIRCLE, same_group
from shapes_of_attention.measure.colours import REMOVED_BELOW
from shapes_of_attention.measure.ideal import KEY_PIXELS
from shapes_of_attention.measure.intervention import change_without, choose_one
from shapes_of_attention.measure.painting import paint_levels
from shapes_of_attention.measure.regions import interior_means, patch_cover
from shapes_of_attention.models import EncoderDecoder

__all__ = [
    "CHANNELS",
    "HIDDEN",
    "SUBJECTS",
    "ChannelEffect",
    "ChannelIntervention",
    "subjects_in",
]

CHANNELS = ("red", "green", "blue")
#: What is hidden of a shape, in turn -> the channels whose keys those are. A circle left out for
#: its green or its blue would count without both, if keys were all that decides.
HIDDEN: dict[str, tuple[int, ...]] = {
    "nothing": (),
    "red": (0,),
    "green": (1,),
    "blue": (2,),
    "green and blue": (1, 2),
    "all": (0, 1, 2),
}
#: The shapes that keys are hidden of: kept ones of each kind, and the circles that are left out.
SUBJECTS = (*KINDS, "left-out filled circle")


@dataclass(frozen=True, kw_only=True)
class ChannelEffect:
    """What became of the shapes of one sort when some of their keys were hidden.

    Attributes
    ----------
    shapes : whose keys were hidden, one an image at most.
    visible : share of them that are painted, not black (`REMOVED_BELOW`).
    brightness : mean over them of the brightest channel of the painted colour, levels 0-255.
    colour_change : [red, green, blue], mean change of the painted colour against nothing hidden,
        levels 0-255.
    others : shapes of their groups that share no patch with them, and lost nothing.
    others_slope : [red, green, blue], how much of the change of the true mean that would follow if
        the shape had no vote the others' painted colour shows, channel by channel; 1 is all of it.
        None where there are no others.
    """

    shapes: int
    visible: float
    brightness: float
    colour_change: tuple[float, float, float]
    others: int
    others_slope: tuple[float, float, float] | None

    def as_record(self) -> dict[str, Any]:
        """Write it down as records do, in four digits."""
        found = asdict(self)
        for name in ("visible", "brightness"):
            found[name] = round(found[name], 4)
        for name in ("colour_change", "others_slope"):
            if found[name] is not None:
                found[name] = [round(x, 4) for x in found[name]]
        return found


class ChannelIntervention:
    """Hides keys of one shape of each sort, channel by channel, and watches it and its group.

    Raises
    ------
    ValueError
        If the model's tokens hold all three channels: there are no red keys to hide.
    """

    def __init__(self, model: EncoderDecoder) -> None:
        if model.config.tokens != "channel":
            raise ValueError(
                f"a model with {model.config.tokens} tokens has no keys of one channel; "
                "take one that was built with tokens='channel'"
            )
        self.model = model
        self.patch = model.config.patch
        #: (subject, what is hidden) -> painted colours [shapes, 3] of the shapes themselves
        self._own: dict[tuple[str, str], list[NDArray[np.float32]]] = {}
        #: ... -> changes of the others' true mean and of their painted colour, [others, 3] each
        self._others: dict[tuple[str, str], list[tuple[NDArray[np.float32], ...]]] = {}

    def over(self, batches: Iterable[ShapesBatch]) -> Self:
        """Take in several batches."""
        for batch in batches:
            self.add(batch)
        return self

    def add(self, batch: ShapesBatch) -> None:
        """Paint a batch with nothing hidden, then for each sort of shape and set of channels."""
        touched = patch_cover(batch, self.patch) >= KEY_PIXELS  # [batch, slots, patches]
        same = same_group(batch.kind, batch.kept)
        before = interior_means(paint_levels(self.model, batch), batch)
        for subject, fit in zip(SUBJECTS, subjects_in(batch), strict=True):
            rows, hidden = choose_one(fit)
            if len(rows) == 0:
                continue
            # Of the groups that lost a vote, the members that share no patch with the hidden one.
            others = same[rows, hidden]
            others[np.arange(len(rows)), hidden] = False
            own_patches = touched[rows, hidden]  # [rows, patches]
            others &= ~(touched[rows] & own_patches[:, None]).any(axis=2)
            row, slot = np.nonzero(others)
            image = rows[row]
            expected = change_without(batch, image, slot, gone=hidden[row])
            for name, channels in HIDDEN.items():
                after = before if not channels else self._paint(batch, rows, own_patches, channels)
                self._own.setdefault((subject, name), []).append(after[rows, hidden])
                self._others.setdefault((subject, name), []).append(
                    (expected, (after - before)[image, slot])
                )

    def _paint(
        self,
        batch: ShapesBatch,
        rows: NDArray[np.int64],
        patches: NDArray[np.bool_],
        channels: tuple[int, ...],
    ) -> NDArray[np.float32]:
        """Paint with some channels of some patches [rows, patches] hidden: [batch, slots, 3]."""
        seen = np.ones((len(batch), len(CHANNELS), patches.shape[1]), dtype=np.bool_)
        for channel in channels:
            seen[rows, channel] = ~patches
        # The keys are all patches of red, then of green, then of blue.
        mask = torch.from_numpy(seen.reshape(len(batch), -1))[:, None, None, :]
        return interior_means(paint_levels(self.model, batch, memory_mask=mask), batch)

    def result(self) -> dict[str, dict[str, ChannelEffect]]:
        """Summarise: sort of shape -> what was hidden of it -> what became of it."""
        found: dict[str, dict[str, ChannelEffect]] = {}
        for (subject, name), parts in self._own.items():
            colour = np.concatenate(parts)
            nothing = np.concatenate(self._own[subject, "nothing"])
            expected, observed = (
                np.concatenate(part) for part in zip(*self._others[subject, name], strict=True)
            )
            slope = (expected * observed).sum(axis=0, dtype=np.float64) / np.maximum(
                np.square(expected).sum(axis=0, dtype=np.float64), 1e-12
            )
            found.setdefault(subject, {})[name] = ChannelEffect(
                shapes=len(colour),
                visible=float((colour.max(axis=1) >= REMOVED_BELOW).mean()),
                brightness=float(colour.max(axis=1).mean()),
                colour_change=_triple((colour - nothing).mean(axis=0)),
                others=len(expected),
                others_slope=_triple(slope) if len(expected) else None,
            )
        return found


def subjects_in(batch: ShapesBatch) -> list[NDArray[np.bool_]]:
    """Find the shapes of each of `SUBJECTS`: bool [batch, slots] each."""
    kept = [(batch.kind == kind) & batch.kept for kind in range(len(KINDS))]
    return [*kept, (batch.kind == FILLED_CIRCLE) & batch.present & ~batch.kept]


def _triple(values: NDArray[np.floating[Any]]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
