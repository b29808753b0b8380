"""Drawing with plotly: what interactive pictures share, in the site's colours and fonts."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from shapes_of_attention.figures.toolkit.pixels import Numbers
from shapes_of_attention.palette import GROUND, INK, LINE, PANEL, WHITE

__all__ = ["BUTTONS", "PLOT", "caption", "numbers_at", "picture_axes"]


#: A row of buttons in a plotly figure, which the page's arrow keys move through.
BUTTONS: dict[str, Any] = {
    "type": "buttons",
    "direction": "right",
    "showactive": True,
    "bgcolor": PANEL,
    "bordercolor": LINE,
    "font": {"color": INK, "size": 15},
}


PLOT_FONT = "Inter, system-ui, sans-serif"


def numbers_at(centres: Numbers, **hover: Any) -> go.Scatter:
    """Number places [shapes, 2], given in pixels (x, y), from 1, legible on any colour."""
    return go.Scatter(
        x=centres[:, 0] - 0.5,
        y=centres[:, 1] - 0.5,
        mode="text",
        text=[str(number) for number in range(1, len(centres) + 1)],
        textfont={"color": WHITE, "size": 16, "shadow": "0 0 3px #000, 0 0 2px #000"},
        showlegend=False,
        **hover,
    )


PLOT = {
    "template": None,
    "autosize": True,
    "dragmode": False,
    "hovermode": "closest",
    "font": {"family": PLOT_FONT},
    "hoverlabel": {
        "bgcolor": GROUND,
        "bordercolor": WHITE,
        "font": {"color": WHITE, "size": 15, "family": PLOT_FONT},
        "align": "left",
    },
}


def picture_axes(column: int, row: int, box: tuple[float, float, float, float]) -> dict[str, Any]:
    """Describe plotly axes over a picture of 128 pixels in `box`: x0, x1, y0, y1 of the paper."""
    number = 2 * row + column + 1
    suffix = "" if number == 1 else str(number)
    common = {"visible": False, "fixedrange": True, "constrain": "domain"}
    return {
        f"xaxis{suffix}": {**common, "range": [-0.5, 127.5], "domain": list(box[:2]),
                           "anchor": f"y{suffix}"},
        f"yaxis{suffix}": {**common, "range": [127.5, -0.5], "domain": list(box[2:]),
                           "anchor": f"x{suffix}", "scaleanchor": f"x{suffix}"},
    }  # fmt: skip


def caption(text: str, x: float, y: float) -> dict[str, Any]:
    """Describe a title above a picture, in paper coordinates."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "center",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": INK, "size": 15},
    }
