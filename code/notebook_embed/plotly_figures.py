"""Plotly's figures: the data that a page loads, and the bundle of plotly.js that draws them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from notebook_embed.files import in_package

__all__ = ["CARTESIAN", "FULL", "full_bundle", "narrowed", "plotly_json", "traces_of"]

#: Types of traces in the bundle that the site brings, a third of the whole; a test compares them.
CARTESIAN = frozenset(
    [
        "bar",
        "box",
        "contour",
        "heatmap",
        "histogram",
        "histogram2d",
        "histogram2dcontour",
        "image",
        "pie",
        "scatter",
        "scatterternary",
        "violin",
    ]
)
#: The others, which the full bundle draws; plotly.py brings it.
FULL = frozenset(
    [
        "barpolar",
        "candlestick",
        "carpet",
        "cone",
        "contourcarpet",
        "funnel",
        "funnelarea",
        "icicle",
        "indicator",
        "isosurface",
        "mesh3d",
        "ohlc",
        "parcats",
        "parcoords",
        "quiver",
        "sankey",
        "scatter3d",
        "scattercarpet",
        "scattergl",
        "scatterpolar",
        "scatterpolargl",
        "scattersmith",
        "splom",
        "streamtube",
        "sunburst",
        "surface",
        "table",
        "treemap",
        "volume",
        "waterfall",
    ]
)
#: Those that fetch maps from another host while they are drawn: they stay pictures.
ELSEWHERE = frozenset(
    [
        "choropleth",
        "choroplethmap",
        "choroplethmapbox",
        "densitymap",
        "densitymapbox",
        "scattergeo",
        "scattermap",
        "scattermapbox",
    ]
)


def traces_of(figure: Mapping[str, Any]) -> set[str]:
    """Return the types of all traces that a figure draws, or may draw after a button is pressed."""
    frames = [
        trace
        for frame in _list(figure.get("frames"))
        if isinstance(frame, Mapping)
        for trace in _list(frame.get("data"))
    ]
    found = {
        str(trace.get("type") or "scatter")
        for trace in [*_list(figure.get("data")), *frames]
        if isinstance(trace, Mapping)
    }
    layout = figure.get("layout")
    layout = layout if isinstance(layout, Mapping) else {}
    for menu in ("updatemenus", "sliders"):
        found |= set(_types_in(layout.get(menu)))
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _types_in(value: Any) -> Iterator[str]:
    """Find what a button's arguments may make of a trace, as in {"type": "surface"}."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            named = [item] if isinstance(item, str) else _list(item)
            if key == "type":
                yield from (name for name in named if name in CARTESIAN | FULL | ELSEWHERE)
            yield from _types_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _types_in(item)


def full_bundle() -> Path | None:
    """Return the file of plotly.js with all traces, which the package plotly brings, or None."""
    return next(iter(in_package("plotly", "package_data/plotly.min.js")), None)


def plotly_json(figure: Mapping[str, Any]) -> bytes:
    """Strip the template (the page brings its own) and halve numbers that need no 64 bits."""
    layout = {key: value for key, value in figure.get("layout", {}).items() if key != "template"}
    slim = {"data": narrowed(figure.get("data", [])), "layout": narrowed(layout)}
    for key in ("frames", "config"):
        if figure.get(key):
            slim[key] = narrowed(figure[key])
    return json.dumps(slim, separators=(",", ":"), sort_keys=True).encode()


def narrowed(value: Any) -> Any:
    """Return a tree of settings whose typed arrays have 32 bits where nobody can tell."""
    if isinstance(value, Mapping):
        if value.get("dtype") == "f8" and "bdata" in value:
            try:
                import numpy as np  # costs a fifth of a second, and few builds come here
            except ImportError:  # the kernel has one of its own
                return dict(value)
            wide = np.frombuffer(base64.b64decode(value["bdata"]), "<f8")
            with np.errstate(over="ignore"):
                narrow = wide.astype("<f4")
            # Where 32 bits lose what an eye could see (time stamps, large counts), all 64 stay.
            if np.allclose(wide, narrow, rtol=1e-6, atol=0, equal_nan=True):
                bdata = base64.b64encode(narrow.tobytes()).decode()
                return {**value, "dtype": "f4", "bdata": bdata}
            return dict(value)
        return {key: narrowed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [narrowed(item) for item in value]
    return value
