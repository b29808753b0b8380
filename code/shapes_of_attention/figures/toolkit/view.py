"""A figure drawn by a script of the site's own, over data that a notebook made."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapes_of_attention.figures.toolkit.figure import SVG, Figure
from shapes_of_attention.figures.toolkit.pixels import Numbers

__all__ = ["View", "bits", "packed"]

VIEW = "application/vnd.notebook-embed.view+json"


@dataclass(frozen=True, kw_only=True)
class View:
    """A static picture, and what the script named `view` needs to draw the moving one.

    `data` comes with the figure; each of `files` is fetched when the script asks for it by name.
    A view that `waits` is asked for nothing before the reader touches its picture.
    """

    static: Figure
    view: str
    data: Mapping[str, Any]
    files: Mapping[str, Any] = field(default_factory=dict)
    waits: bool = False

    def _repr_mimebundle_(
        self, include: Sequence[str] | None = None, exclude: Sequence[str] | None = None
    ) -> dict[str, Any]:
        content: dict[str, Any] = {
            "view": self.view,
            "data": dict(self.data),
            "files": dict(self.files),
        }
        if self.waits:
            content["waits"] = True
        return {SVG: self.static.svg(), VIEW: content}


def packed(weights: Numbers) -> str:
    """Pack rows of weights [..., keys], at least zero, as one byte each.

    The reader divides each row by its sum. Running sums are rounded rather than weights, so that a
    long tail of small weights keeps its mass: in a row that adds up to one, neither a weight nor
    the sum over neighbouring keys is off by more than 1/100 of the row's largest weight.
    """
    largest = np.maximum(weights.max(axis=-1, keepdims=True), 1e-12)
    running = np.round(np.cumsum(weights / largest * 254, axis=-1, dtype=np.float64))
    levels = np.diff(running, axis=-1, prepend=0)
    return base64.b64encode(levels.astype(np.uint8).tobytes()).decode("ascii")


def bits(flags: NDArray[np.bool_]) -> str:
    """Pack booleans into bits, the first in the highest bit of the first byte."""
    return base64.b64encode(np.packbits(flags).tobytes()).decode("ascii")
