"""A figure that carries two pictures of the same data: one to read, one to explore."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as MatplotlibFigure
from plotly.graph_objects import Figure as PlotlyFigure

__all__ = ["DASHED", "PIXELS_PER_INCH", "WIDTH", "Figure", "canvas"]

PIXELS_PER_INCH = 96
#: Width of every picture in CSS pixels: that of the text on a large screen.
WIDTH = 600
#: Lines that only compare.
DASHED = (0, (4, 3))

PLOTLY = "application/vnd.plotly.v1+json"
SVG = "image/svg+xml"
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}


def canvas(*, height: int, width: int = WIDTH) -> MatplotlibFigure:
    """Return an empty figure of `width` x `height` CSS pixels that no global state knows."""
    return MatplotlibFigure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A static picture, with an interactive one where that teaches more.

    Jupyter asks for `_repr_mimebundle_` and stores both: readers without a script, on paper or in
    a feed get the SVG, the others get plotly drawn into the same box.
    """

    static: MatplotlibFigure
    interactive: PlotlyFigure | None = None

    def svg(self) -> str:
        """Return the static picture as SVG, the same bytes for the same data.

        Sizes are in CSS pixels; letters are paths, as an `<img>` knows no fonts.
        """
        buffer = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": "shapes-of-attention", "svg.fonttype": "path"}):
            self.static.savefig(
                buffer,
                format="svg",
                dpi=PIXELS_PER_INCH,
                facecolor="none",
                edgecolor="none",
                metadata={"Date": None, "Creator": None, "Type": None, "Format": None},
            )
        width, height = np.round(self.static.get_size_inches() * PIXELS_PER_INCH).astype(int)
        text = buffer.getvalue()
        for name, pixels in (("width", width), ("height", height)):
            text = re.sub(rf'(<svg [^>]*?\b{name}=")[^"]*"', rf'\g<1>{pixels}"', text, count=1)
        # Images come enlarged (`show_image`): smoothing leaves their pixels visible, whereas
        # nearest-pixel sampling would make some pixels wider than others.
        return text.replace(' style="image-rendering:crisp-edges;image-rendering:pixelated"', "")

    def plotly_json(self) -> dict[str, Any]:
        """Return the interactive picture as JSON with typed arrays and no template.

        Raises
        ------
        ValueError
            If the figure is static.
        """
        if self.interactive is None:
            raise ValueError("this figure is static: it has no interactive picture")
        content = self.interactive.to_plotly_json()
        content["layout"].pop("template", None)
        return {
            "data": packed(content["data"]),
            "layout": packed(content["layout"]),
            "config": dict(CONFIG),
        }

    def _repr_mimebundle_(
        self, include: Sequence[str] | None = None, exclude: Sequence[str] | None = None
    ) -> dict[str, Any]:
        bundle: dict[str, Any] = {SVG: self.svg()}
        if self.interactive is not None:
            bundle[PLOTLY] = self.plotly_json()
        return bundle


def packed(value: Any) -> Any:
    """Return `value` with its number lists as typed arrays; short ones (ranges) stay readable.

    Whether 32 bits do, whoever shows the figure decides.
    """
    if isinstance(value, dict):
        return {key: packed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        is_long_and_numeric = len(value) > 4 and all(
            isinstance(item, Real) and not isinstance(item, bool) for item in value
        )
        if is_long_and_numeric:
            return typed(np.asarray(value, dtype="<f8"))
        return [packed(item) for item in value]
    return value


def typed(numbers: np.ndarray[Any, Any]) -> dict[str, str]:
    """Return `numbers` as plotly's typed array: little-endian, base64."""
    code = f"{numbers.dtype.kind}{numbers.dtype.itemsize}"
    return {"dtype": code, "bdata": base64.b64encode(numbers.tobytes()).decode("ascii")}
