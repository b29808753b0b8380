"""From pixels to tokens, drawn: the grid, a patch laid flat, its place, the finished token."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.patches import Circle
from numpy.typing import NDArray

from shapes_of_attention.figures.toolkit.diagram import Diagram
from shapes_of_attention.figures.toolkit.draw import panel, write
from shapes_of_attention.figures.toolkit.figure import WIDTH, Figure, canvas
from shapes_of_attention.figures.toolkit.pixels import Levels, Numbers, heat, patch_of, signed
from shapes_of_attention.models.positions import grid_coordinates, rotary_angles
from shapes_of_attention.palette import ACCENT, CHANNELS, GROUND, INK, LINE, MUTED, PANEL, WHITE

__all__ = [
    "channel_tokens",
    "four_steps",
    "position_maps",
    "relative_score",
    "rotary_clocks",
    "row_similarity",
]


def four_steps(image: Levels, cell: int, content: Numbers, positions: Numbers) -> Figure:
    """Draw how one patch becomes a token, in four steps from top to bottom.

    `image` [3, size, size]; `cell` is the patch to follow, in reading order; `content` and
    `positions` [patches, dim] are what the embedding makes of the patches and what is added.
    """
    patches, dim = content.shape
    grid = int(np.sqrt(patches))
    side = image.shape[-1] // grid
    row, column = divmod(cell, grid)
    patch = patch_of(image, cell, grid)

    diagram = Diagram(height=1008)
    # 1: the grid, and the patch enlarged.
    diagram.step(14, 1, f"Cut the image: {grid} × {grid} patches")
    top, size, zoom = 38, 300, 190
    diagram.picture(0, top, size, size, image)
    _lattice(diagram, 0, top, size, grid)
    step = size / grid
    x, y = column * step, top + row * step
    left, upper = WIDTH - zoom, top + 34
    diagram.arrow((x + step, y), (left, upper), colour=MUTED, width=1.5, head=False)
    diagram.arrow((x + step, y + step), (left, upper + zoom), colour=MUTED, width=1.5, head=False)
    diagram.picture(left, upper, zoom, zoom, patch)
    diagram.outline(x, y, step, step, colour=WHITE)
    diagram.outline(left, upper, zoom, zoom)
    diagram.text(
        left + zoom / 2, upper + zoom + 28, f"{side} × {side} pixels", colour=MUTED, align="center"
    )

    # 2: three planes, laid end to end.
    top = 372
    diagram.step(top, 2, f"Lay one patch flat: {3 * side * side} numbers")
    top += 22
    third = (WIDTH - 24) / 3
    for number, plane in enumerate(patch):
        flat = np.zeros((3, 1, plane.size), dtype=np.uint8)
        flat[number] = plane.reshape(1, -1)
        diagram.picture(number * (third + 12), top, third, 44, flat)
        diagram.text(
            number * (third + 12) + third / 2,
            top + 62,
            f"{'RGB'[number]}: {side} × {side}",
            colour=MUTED,
        )

    # 3: content and position. Each strip has a scale of its own: they differ by far.
    label = 84

    def strip(y: float, name: str, values: Numbers) -> None:
        largest = float(np.abs(values).max())
        diagram.text(0, y + 10, name, align="left")
        diagram.text(0, y + 33, f"± {largest:.2g}", colour=MUTED, align="left", size=17)
        painted = heat(values[None], signed(values))
        diagram.picture(label, y, WIDTH - label, 42, painted)

    top = 500
    diagram.step(top, 3, f"Project to {dim} numbers, add the position")
    strip(top + 22, "project", content[cell])
    strip(top + 74, "+ place", positions[cell])

    # 4: the sum, and all tokens, each row relative to its largest: a layer norm comes next.
    top = 660
    tokens = content + positions
    diagram.step(top, 4, f"A token: one of {patches} rows")
    strip(top + 22, "= token", tokens[cell])
    upper, height = top + 88, 256
    rows = tokens / np.abs(tokens).max(axis=1, keepdims=True)
    diagram.picture(label, upper, WIDTH - label, height, heat(rows, mpl.colors.Normalize(-1, 1)))
    line = height / patches
    here = upper + (cell + 0.5) * line
    diagram.outline(label - 2, here - line / 2 - 1, WIDTH - label + 2, line + 2, colour=WHITE)
    diagram.arrow((30, top + 74), (30, here), (label - 6, here))
    diagram.text(0, upper + height - 10, f"{patches} × {dim}", colour=MUTED, align="left", size=17)
    return diagram.figure()


def channel_tokens(image: Levels, cell: int, *, grid: int = 8) -> Figure:
    """Draw one token a patch beside one token a patch and channel, for an image [3, size, size]."""
    side, gap = 141, 12
    diagram = Diagram(height=38 + side + 34)
    row, column = divmod(cell, grid)
    pictures = [("R G B", image)]
    for number, name in enumerate(CHANNELS):
        plane = np.zeros_like(image)
        plane[number] = image[number]
        pictures.append((name, plane))
    for place, (name, picture) in enumerate(pictures):
        x = place * (side + gap)
        diagram.text(x + side / 2, 16, name)
        diagram.picture(x, 34, side, side, picture)
        _lattice(diagram, x, 34, side, grid)
        step = side / grid
        diagram.outline(x + column * step, 34 + row * step, step, step, colour=WHITE, line=2.5)
    diagram.text(side / 2, 34 + side + 22, f"{grid * grid} tokens", colour=INK)
    middle = side + gap + (3 * side + 2 * gap) / 2
    diagram.text(middle, 34 + side + 22, f"3 × {grid * grid} = {3 * grid * grid} tokens")
    return diagram.figure()


def rotary_clocks(*, head_dim: int, places: int = 8) -> Figure:
    """Draw the angle of a fast, a middle and a slow pair of a head at each column of the grid.

    Angles come from `rotary_angles` on an axial grid; the pairs that turn with the column are used.
    """
    angles = rotary_angles(grid_coordinates(1, places), head_dim=head_dim).numpy()
    share = angles.shape[1] // 2
    pairs = (0, share // 4, share // 2)
    label, step = 96, (WIDTH - 96) / places
    figure = canvas(height=round(34 + len(pairs) * step + 4))
    axes = panel(figure, 0, 34, WIDTH, len(pairs) * step)
    axes.set(xlim=(0, WIDTH), ylim=(len(pairs) * step, 0))
    write(figure, label, 14, f"column 1 to {places}", colour=MUTED)
    radius = step * 0.38
    for line, pair in enumerate(pairs):
        y = (line + 0.5) * step
        write(figure, 0, 34 + y, f"pair {pair + 1}", colour=INK)
        for place in range(places):
            x = label + (place + 0.5) * step
            axes.add_patch(Circle((x, y), radius, facecolor=PANEL, edgecolor=LINE, linewidth=1.125))
            angle = float(angles[place, share + pair])
            # From the top, clockwise, as a clock's hand.
            tip = (x + 0.9 * radius * np.sin(angle), y - 0.9 * radius * np.cos(angle))
            axes.plot([x, tip[0]], [y, tip[1]], color=ACCENT, linewidth=2.5)
            axes.plot([x], [y], "o", color=ACCENT, markersize=4)
    return Figure(static=figure)


def row_similarity(table: Numbers) -> NDArray[np.float64]:
    """Compare all rows of a table [places, dim] by the cosine of their angle: [places, places]."""
    rows = np.asarray(table, dtype=np.float64)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows @ rows.T)


def relative_score(*, grid: int, head_dim: int) -> NDArray[np.float64]:
    """Score equal contents at all pairs of places under rotary positions: [places, places].

    A query and key of equal content, with equal strength in each pair of dimensions, score the
    mean cosine of the angles between them: one on the same place.
    """
    angles = rotary_angles(grid_coordinates(grid, grid), head_dim=head_dim).to(torch.float64)
    return np.asarray((angles[:, None] - angles[None]).cos().mean(dim=-1).numpy())


def position_maps(kinds: Mapping[str, NDArray[np.float64]], place: int) -> Figure:
    """Draw how similar one place is to all others, a map for each kind of positions.

    `kinds` holds matrices [places, places] with at most one on the diagonal.
    """
    grid = int(np.sqrt(next(iter(kinds.values())).shape[0]))
    gap, head, foot = 18, 36, 52
    side = (WIDTH - (len(kinds) - 1) * gap) / len(kinds)
    least = min(float(matrix.min()) for matrix in kinds.values())
    figure = canvas(height=round(head + side + foot))
    for number, (name, matrix) in enumerate(kinds.items()):
        left = number * (side + gap)
        write(figure, left + side / 2, 15, name, colour=INK, align="center")
        axes = panel(figure, left, head, side, side)
        axes.pcolormesh(
            matrix[place].reshape(grid, grid),
            vmin=least,
            vmax=1,
            cmap="viridis",
            edgecolors=GROUND,
            linewidth=0.5,
        )
        axes.set(xlim=(0, grid), ylim=(grid, 0))
        row, column = divmod(place, grid)
        axes.plot([column + 0.5], [row + 0.5], "o", color=GROUND, markersize=6)
    bar = panel(figure, WIDTH / 2 - 110, head + side + 22, 220, 16)
    bar.imshow(np.linspace(0, 1, 128)[None], cmap="viridis", aspect="auto")
    write(
        figure, WIDTH / 2 - 122, head + side + 30, f"{least:.1f}".replace("-", "−"), align="right"
    )
    write(figure, WIDTH / 2 + 122, head + side + 30, "1")
    return Figure(static=figure)


def _lattice(diagram: Diagram, x: float, y: float, side: float, grid: int) -> None:
    """Draw thin grey lines between the patches of a picture."""
    for number in range(1, grid):
        along = number * side / grid
        for points in (
            ((x + along, y), (x + along, y + side)),
            ((x, y + along), (x + side, y + along)),
        ):
            diagram.arrow(*points, colour="#8a8a8a", width=0.8, head=False)
