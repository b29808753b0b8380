"""Pictures of the 2-D shapes data: a batch, the kinds, the two rules, one image to explore.

All are 600 px wide with letters of 19 px, so that they still read at 343 px on a phone.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from shapes_of_attention.data import KINDS, ShapesBatch, red_dominant
from shapes_of_attention.figures.toolkit.draw import (
    frame,
    ink_at,
    letters,
    panel,
    show_image,
    write,
)
from shapes_of_attention.figures.toolkit.figure import DASHED, WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.glyphs import circle_of, cross, glyph, outline, rgb, ring
from shapes_of_attention.figures.toolkit.pixels import Levels, Numbers, data_uri
from shapes_of_attention.figures.toolkit.plot import PLOT, button_row, numbers_at, picture_axes
from shapes_of_attention.palette import GROUND, INK, LINE, WHITE

__all__ = [
    "averaging",
    "explorer",
    "image_grid",
    "input_filter_target",
    "kind_gallery",
    "red_plane",
    "rgb",
    "shape_attention",
]

TITLE = 36


def image_grid(image: Levels, *, columns: int = 3) -> Figure:
    """Draw images [batch, 3, height, width] in a grid."""
    gap = 12
    side = (WIDTH - (columns - 1) * gap) // columns
    rows = -(-len(image) // columns)
    figure = canvas(height=rows * side + (rows - 1) * gap)
    for place, picture in enumerate(image):
        row, column = divmod(place, columns)
        show_image(panel(figure, column * (side + gap), row * (side + gap), side, side), picture)
    return Figure(static=figure)


def kind_gallery(batch: ShapesBatch, *, examples: int = 5) -> Figure:
    """Cut the first `examples` shapes of each kind out of the images: one row a kind, one scale.

    Raises
    ------
    ValueError
        If the batch holds fewer shapes of a kind.
    """
    side, gap, label = 80, 8, 200
    figure = canvas(height=len(KINDS) * side + (len(KINDS) - 1) * gap)
    extents = (batch.box[..., 2:] - batch.box[..., :2])[batch.present]
    window = int(np.ceil(extents.max())) + 2
    for number, name in enumerate(KINDS):
        found = np.argwhere(batch.kind == number)[:examples]
        if len(found) < examples:
            raise ValueError(f"{examples} shapes of kind {name!r} are needed, found {len(found)}")
        cuts = [cut_out(batch.image[row], batch.box[row, slot], window) for row, slot in found]
        strip = np.concatenate(cuts, axis=2)  # [3, window, examples * window]
        top = number * (side + gap)
        show_image(panel(figure, label, top, examples * side, side), strip)
        write(figure, 0, top + side / 2, name, colour=INK)
    return Figure(static=figure)


def averaging(
    kind: NDArray[np.int8],
    colour: NDArray[np.float32],
    kept: NDArray[np.bool_],
    group_mean: NDArray[np.float32],
) -> Figure:
    """Write the averages of one image as sums of its shapes; those left out stand apart, crossed.

    `kind` [slots], `colour` [slots, 3], `kept` [slots], `group_mean` [slots, 3], levels 0-255.
    """
    head, strip, gap, divide = 32, 68, 14, 64
    groups = [
        (
            number,
            np.flatnonzero((kind == number) & kept),
            np.flatnonzero((kind == number) & ~kept),
        )
        for number in range(len(KINDS))
        if np.any(kind == number)
    ]
    most = max(len(members) + 1 + len(left_out) for _, members, left_out in groups)
    step = min(92.0, (WIDTH - divide - 16) / most)
    size = step * 0.54
    row_height = head + strip + gap
    middle = strip / 2
    figure = canvas(height=len(groups) * row_height - gap)
    for row, (number, members, left_out) in enumerate(groups):
        top = row * row_height
        write(figure, 0, top + head / 2 - 2, KINDS[number], colour=INK)
        axes = panel(figure, 0, top + head, WIDTH, strip, background=GROUND)
        axes.set(xlim=(0, WIDTH), ylim=(0, strip))
        frame(axes)
        x = step / 2
        for place, slot in enumerate(members):
            if place:
                letters(axes, x - step / 2, middle, "+")
            axes.add_patch(glyph(number, (x, middle), size, colour[slot]))
            x += step
        if len(members) > 1:
            x += divide
            letters(axes, x - (step + divide) / 2, middle, f"÷ {len(members)}  =")
        elif len(members):
            letters(axes, x - step / 2, middle, "=")
        if len(members):
            axes.add_patch(glyph(number, (x, middle), size, group_mean[members[0]]))
        if len(left_out):
            write(figure, WIDTH, top + head / 2 - 2, "left out", align="right")
        for place, slot in enumerate(left_out, start=1):
            centre = (WIDTH - (place - 0.5) * step, middle)
            axes.add_patch(glyph(number, centre, size, colour[slot]))
            cross(axes, centre, size / 2)
    return Figure(static=figure)


def red_plane(colour: NDArray[np.float32]) -> Figure:
    """Draw filled circles' colours [circles, 3] as points: red upwards, its larger rival along.

    Points above the diagonal are kept (dots), the others are left out (crosses).
    """
    side = 490
    figure = canvas(height=side + 84)
    axes = panel(figure, 84, 10, side, side, background=GROUND)
    axes.set(xlim=(-6, 261), ylim=(-6, 261), xlabel="the larger of G and B")
    axes.set_ylabel("R", rotation=0, labelpad=18)
    axes.xaxis.set_visible(True)
    axes.yaxis.set_visible(True)
    axes.set_xticks([0, 100, 200])
    axes.set_yticks([0, 100, 200])
    axes.tick_params(length=0, pad=8)
    axes.plot([0, 255], [0, 255], color=WHITE, linewidth=1.5, linestyle=DASHED)
    kept = red_dominant(colour)
    rival = colour[:, 1:].max(axis=1)
    for chosen, marker, size in ((kept, "o", 60), (~kept, "x", 50)):
        axes.scatter(
            rival[chosen], colour[chosen, 0], c=colour[chosen] / 255, marker=marker, s=size
        )
    letters(axes, 8, 238, "kept", align="left")
    letters(axes, 30, 8, "left out", align="left")
    return Figure(static=figure)


def input_filter_target(batch: ShapesBatch, row: int = 0) -> Figure:
    """Draw one image of the batch, its filled circles as the filter sees them, and its target."""
    gap = 12
    side = (WIDTH - 2 * gap) // 3
    figure = canvas(height=TITLE + side)
    pictures = (
        ("Input", batch.image[row]),
        ("Filter", spotlight(batch, row)),
        ("Target", batch.target[row]),
    )
    for place, (title, picture) in enumerate(pictures):
        left = place * (side + gap)
        write(figure, left + side / 2, TITLE / 2 - 2, title, colour=INK, align="center")
        axes = panel(figure, left, TITLE, side, side)
        show_image(axes, picture)
        if title == "Input":
            continue
        for slot in np.flatnonzero(batch.kind[row] == 0):
            centre, radius = circle_of(batch.box[row, slot])
            if batch.kept[row, slot]:
                if title == "Filter":
                    ring(axes, centre, radius + 2.5, dashed=False)
            elif title == "Filter":
                cross(axes, centre, radius)
            else:
                ring(axes, centre, radius, dashed=True)
    return Figure(static=figure)


def shape_attention(
    weights: Numbers,
    query_kind: NDArray[np.int8],
    query_colour: NDArray[np.float32],
    key_kind: NDArray[np.int8],
    key_colour: NDArray[np.float32],
) -> Figure:
    """Draw attention weights [queries, keys] between shapes; each row and column wears its shape.

    `query_kind` [queries], `query_colour` [queries, 3], `key_kind` [keys], `key_colour` [keys, 3].
    """
    queries, keys = weights.shape
    label, head = 40, 64
    cell = (WIDTH - label - head) / keys
    height = label + head + queries * cell
    figure = canvas(height=round(height))
    axes = panel(figure, label + head, label + head, keys * cell, queries * cell)
    axes.set(xlim=(0, keys), ylim=(queries, 0))
    cells = axes.pcolormesh(weights, vmin=0, vmax=1, edgecolors=GROUND, linewidth=1)
    for row, column in np.argwhere(weights > 0.005):
        weight = weights[row, column]
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{weight:.2g}",
            color=ink_at(cells, weight),
            ha="center",
            va="center_baseline",
        )
    size = min(cell, head) * 0.6
    strips = (
        (panel(figure, label + head, label, keys * cell, head), key_kind, key_colour, False),
        (panel(figure, label, label + head, head, queries * cell), query_kind, query_colour, True),
    )
    for strip, kinds, colours, upright in strips:
        length = len(kinds) * cell
        strip.set_facecolor(GROUND)
        strip.set(xlim=(0, head if upright else length), ylim=(length if upright else head, 0))
        for place, (number, colour) in enumerate(zip(kinds, colours, strict=True)):
            along = (place + 0.5) * cell
            centre = (head / 2, along) if upright else (along, head / 2)
            strip.add_patch(glyph(int(number), centre, size, colour))
    write(figure, label + head, label / 2 - 4, "keys: shapes of the input", colour=INK)
    figure.text(
        (label / 2 - 4) / WIDTH,
        1 - (label + head) / height,
        "queries: shapes of the target",
        color=INK,
        rotation=90,
        ha="center",
        va="top",
    )
    return Figure(static=figure)


def explorer(batch: ShapesBatch, unfiltered: ShapesBatch, row: int = 0) -> Figure:
    """Show one image with every shape open to question; buttons switch input, target, no filter.

    `unfiltered` holds the same images made without the red filter. The static picture numbers
    the shapes; the interactive one tells, for each, its kind, colour and fate.
    """
    top, height = 44, 600
    figure = canvas(height=height)
    write(figure, WIDTH / 2, top / 2 - 2, "Input, shapes numbered", colour=INK, align="center")
    side = height - top
    axes = panel(figure, (WIDTH - side) / 2, top, side, side)
    show_image(axes, batch.image[row])
    slots = np.flatnonzero(batch.present[row])
    centres = (batch.box[row, slots, :2] + batch.box[row, slots, 2:]) / 2
    for number, (x, y) in enumerate(centres, start=1):
        letters(axes, x, y, str(number))
    return Figure(
        static=figure, interactive=explorer_plot(batch, unfiltered, row, slots, centres, top)
    )


def explorer_plot(
    batch: ShapesBatch,
    unfiltered: ShapesBatch,
    row: int,
    slots: NDArray[np.intp],
    centres: Numbers,
    top: int,
) -> go.Figure:
    """Build the interactive half of `explorer`: three views, and an area to touch a shape."""
    views = {
        "Input": batch.image[row],
        "Target": batch.target[row],
        "Target, no filter": unfiltered.target[row],
    }
    plot = go.Figure()
    for place, (name, picture) in enumerate(views.items()):
        plot.add_trace(
            go.Image(
                source=data_uri(picture),
                name=name,
                hoverinfo="skip",
                visible=place == 0,
            )
        )
    for number, slot in enumerate(slots, start=1):
        x, y = outline(int(batch.kind[row, slot]), batch.box[row, slot])
        left_out = not batch.kept[row, slot]
        plot.add_trace(
            go.Scatter(
                x=x - 0.5,
                y=y - 0.5,
                mode="lines",
                line={"color": WHITE, "width": 1.5 if left_out else 0, "dash": "dot"},
                fill="toself",
                fillcolor="rgba(255,255,255,0)",
                hoveron="fills",
                hoverinfo="text",
                text=story(batch, unfiltered, row, slot, number),
                showlegend=False,
            )
        )
    plot.add_trace(numbers_at(centres, hoverinfo="skip"))
    size = batch.image.shape[-1]
    others = [True] * (len(slots) + 1)
    buttons = [
        {
            "label": name,
            "method": "restyle",
            "args": [{"visible": [name == other for other in views] + others}],
        }
        for name in views
    ]
    plot.update_layout(
        **PLOT,
        **picture_axes(0, size=size),
        margin={"l": 0, "r": 0, "t": top, "b": 0},
        shapes=[
            {
                "type": "rect",
                "x0": -0.5,
                "x1": size - 0.5,
                "y0": -0.5,
                "y1": size - 0.5,
                "line": {"color": LINE, "width": 1},
            }
        ],
        updatemenus=[button_row(buttons)],
    )
    return plot


def story(batch: ShapesBatch, unfiltered: ShapesBatch, row: int, slot: np.intp, number: int) -> str:
    """Say in five short lines what a shape is and what becomes of it."""
    kind = KINDS[batch.kind[row, slot]]
    lines = [f"<b>{number}: {kind}</b>", f"colour: {rgb(batch.colour[row, slot])}"]
    if batch.kept[row, slot]:
        if kind == KINDS[0]:
            lines.append("kept: red leads")
        lines.append(f"target: {rgb(batch.group_mean[row, slot])}")
    else:
        lines += ["left out: red does not lead", "target: black"]
    lines.append(f"no filter: {rgb(unfiltered.group_mean[row, slot])}")
    return "<br>".join(lines)


def spotlight(batch: ShapesBatch, row: int) -> Levels:
    """Return the image with all but its filled circles dimmed to a quarter: [3, size, size]."""
    picture: Levels = batch.image[row] // 4
    for slot in np.flatnonzero(batch.kind[row] == 0):
        x0, y0, x1, y1 = outward(batch.box[row, slot])
        picture[:, y0:y1, x0:x1] = batch.image[row, :, y0:y1, x0:x1]
    return picture


def cut_out(picture: Levels, box: NDArray[np.float32], window: int) -> Levels:
    """Return the shape in `box` in the middle of a black square: [3, window, window]."""
    x0, y0, x1, y1 = outward(box)
    square = np.zeros((3, window, window), dtype=np.uint8)
    left, upper = (window - (x1 - x0)) // 2, (window - (y1 - y0)) // 2
    square[:, upper : upper + y1 - y0, left : left + x1 - x0] = picture[:, y0:y1, x0:x1]
    return square


def outward(box: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Return the whole pixels that a box touches, as x0, y0, x1, y1."""
    x0, y0 = np.floor(box[:2]).astype(int)
    x1, y1 = np.ceil(box[2:]).astype(int)
    return int(x0), int(y0), int(x1), int(y1)
