"""Drawing with plotly: what interactive pictures share, in the site's colours and fonts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from shapes_of_attention.figures.toolkit.pixels import Levels, Numbers, small_uri
from shapes_of_attention.palette import GROUND, INK, LINE, PANEL, WHITE

__all__ = ["BARE", "PLOT", "add_states", "button_row", "caption", "numbers_at", "picture_axes"]

#: Settings of every picture: what moves is up to its own buttons.
BARE = {"template": None, "autosize": True, "dragmode": False, "hovermode": "closest"}
_FONT = "Inter, system-ui, sans-serif"
#: Settings of pictures made of images, on which words are white.
PLOT = {
    **BARE,
    "font": {"family": _FONT},
    "hoverlabel": {
        "bgcolor": GROUND,
        "bordercolor": WHITE,
        "font": {"color": WHITE, "size": 15, "family": _FONT},
        "align": "left",
    },
}


def button_row(
    buttons: Sequence[dict[str, Any]],
    *,
    gap: int = 6,
    left: bool = False,
    below: bool = False,
    size: int = 15,
    **more: Any,
) -> dict[str, Any]:
    """Describe a row of buttons, through which the page's arrow keys move.

    It stands above the plot or `below`, in the middle or on the `left`, `gap` pixels from it;
    `size` is that of its letters, in pixels. `more` are further settings, such as `active`.
    """
    return {
        "type": "buttons",
        "direction": "right",
        "showactive": True,
        "bgcolor": PANEL,
        "bordercolor": LINE,
        "font": {"color": INK, "size": size},
        "x": 0 if left else 0.5,
        "xanchor": "left" if left else "center",
        "y": 0 if below else 1,
        "yanchor": "top" if below else "bottom",
        "pad": {"t": gap if below else 0, "b": 0 if below else gap, "l": 0, "r": 0},
        "buttons": list(buttons),
        **more,
    }


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


def add_states(
    plot: go.Figure, number: int, pictures: Iterable[Numbers | Levels], start: int, **hover: Any
) -> None:
    """Lay pictures [3, size, size] over each other on axes `number`; only `start` is seen."""
    suffix = _suffix(number)
    for state, picture in enumerate(pictures):
        plot.add_trace(
            go.Image(
                source=small_uri(picture),
                xaxis=f"x{suffix}",
                yaxis=f"y{suffix}",
                visible=state == start,
                **hover,
            )
        )


def picture_axes(
    number: int, *, box: tuple[float, float, float, float] | None = None, size: int = 128
) -> dict[str, Any]:
    """Describe plotly's axes `number`, from 0, over a square picture of `size` pixels.

    `box` is their place on the paper, x0, x1, y0, y1; without one they have it all.
    """
    suffix = _suffix(number)
    common = {"visible": False, "fixedrange": True, "constrain": "domain"}
    x = {**common, "range": [-0.5, size - 0.5]}
    y = {**common, "range": [size - 0.5, -0.5], "scaleanchor": f"x{suffix}"}
    if box:
        x |= {"domain": list(box[:2]), "anchor": f"y{suffix}"}
        y |= {"domain": list(box[2:]), "anchor": f"x{suffix}"}
    return {f"xaxis{suffix}": x, f"yaxis{suffix}": y}


def _suffix(number: int) -> str:
    return "" if number == 0 else str(number + 1)


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
