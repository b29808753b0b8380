"""The parts that pictures are made of: patches and their pixels, tables, rows of buttons."""

import ast
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from shapes_of_attention import figures
from shapes_of_attention.data import KINDS
from shapes_of_attention.figures import attention_views, results, shapes
from shapes_of_attention.figures.toolkit import draw, pixels, plot, table
from shapes_of_attention.figures.toolkit.diagram import EDGE, Diagram
from shapes_of_attention.figures.toolkit.figure import canvas
from shapes_of_attention.palette import AMBER, CHANNELS, INK, LINE, MUTED, PANEL, ink_on


@settings(deadline=None)
@given(grid=st.integers(1, 6), side=st.integers(1, 5), seed=st.integers(0, 1000))
def test_patches_in_reading_order_make_up_the_image(grid: int, side: int, seed: int) -> None:
    size = grid * side
    image = np.random.default_rng(seed).integers(0, 256, (3, size, size), dtype=np.uint8)
    rows = [
        np.concatenate(
            [pixels.patch_of(image, row * grid + place, grid) for place in range(grid)], axis=2
        )
        for row in range(grid)
    ]
    np.testing.assert_array_equal(np.concatenate(rows, axis=1), image)


@settings(deadline=None)
@given(grid=st.integers(1, 6), side=st.integers(1, 5))
def test_each_pixel_has_the_value_of_its_patch(grid: int, side: int) -> None:
    cells = np.arange(grid * grid).reshape(grid, grid)
    spread = pixels.over_pixels(cells, grid * side)
    for cell in range(grid * grid):
        assert (pixels.patch_of(spread[None], cell, grid) == cell).all()


def test_levels_are_whole_and_within_their_range() -> None:
    found = pixels.levels(np.array([-3.0, 0.4, 0.6, 254.7, 300.0]))
    assert found.dtype == np.uint8 and found.tolist() == [0, 0, 1, 255, 255]


def test_a_number_in_a_table_stands_apart_from_its_words_and_names_are_no_markup() -> None:
    written = table.sortable_table(
        "Model", ["Error"], [("a < b & c", [table.mean_and_range([1.0, 2.0], ".1f", "%")])]
    )
    assert "a &lt; b &amp; c" in written
    assert re.findall(r'data-value="([^"]*)"', written) == ["1.5"]
    assert "1.5%<br><small>1.0–2.0</small>" in written
    assert table.mean_and_range([1.0], ".1f") == table.value_cell(1.0, ".1f")
    assert "±" in table.mean_and_deviation([1.0, 2.0], ".1f")
    assert table.value_cell(-0.5, ".1f") == '<td data-value="-0.5">−0.5</td>'
    assert "±" not in table.mean_and_deviation([1.0], ".1f")


def test_no_picture_asks_how_many_dots_its_figure_has() -> None:
    for path in Path(figures.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr != "dpi", f"{path}:{node.lineno}: use PIXELS_PER_INCH"


def test_no_picture_leaves_out_what_it_has_no_partner_for() -> None:
    for path in Path(figures.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "strict":
                assert getattr(node.value, "value", None) is True, f"{path}:{node.value.lineno}"


@pytest.mark.parametrize(("below", "side", "edge"), [(True, "t", "top"), (False, "b", "bottom")])
def test_buttons_keep_their_gap_from_the_plot(below: bool, side: str, edge: str) -> None:
    row = plot.button_row([{"label": "a"}], below=below, gap=7)
    assert row["yanchor"] == edge
    assert {name for name, gap in row["pad"].items() if gap} == {side}


@pytest.mark.parametrize("dots", [96, 100])
def test_things_stand_where_their_pixels_say(dots: int) -> None:
    with mpl.rc_context({"figure.dpi": dots}):  # 100 in a notebook outside the site's build
        figure = canvas(height=200)
    box = draw.panel(figure, 60, 20, 300, 100).get_position()
    np.testing.assert_allclose((box.x0, box.x1), (0.1, 0.6))
    np.testing.assert_allclose((box.y0, box.y1), (0.4, 0.9))
    draw.write_upright(figure, 60, 50, "up")
    (text,) = figure.texts
    np.testing.assert_allclose(text.get_position(), (0.1, 0.75))
    assert text.get_rotation() == 90
    draw.write(figure, 60, 50, "along")
    np.testing.assert_allclose(figure.texts[-1].get_position(), (0.1, 0.75))
    results.draw_legend(figure, [results.MODEL_LOOKS["unet"]])
    np.testing.assert_allclose(figure.texts[-1].get_position(), (0.06, 1 - 14 / 200))
    (mark,) = figure.artists
    assert isinstance(mark, Line2D)
    np.testing.assert_allclose(mark.get_ydata(), 1 - 14 / 200)


@pytest.mark.parametrize("fill", [*CHANNELS.values(), AMBER, PANEL, LINE, "none"])
def test_words_in_a_box_can_be_read_on_its_fill(fill) -> None:
    diagram = Diagram(height=60)
    diagram.box(0, 0, 100, 50, "words", fill=fill)
    diagram.box(0, 0, 100, 50, "others", fill=fill, colour=MUTED)
    words, others = diagram.figure().static.axes[0].texts
    assert words.get_color() == (ink_on(fill) if fill in (*CHANNELS.values(), AMBER) else INK)
    assert others.get_color() == MUTED


SHARES = np.linspace(-0.1, 1.1, 41)


def test_numbers_can_be_read_on_their_cells() -> None:
    diagram = Diagram(height=60)
    told = diagram.cells(0, 0, 10, [[*SHARES, np.nan]], low=0, high=1, write=".1f")
    drawn = diagram.figure().static.axes[0]
    inks = [ink_on(mpl.colors.to_hex(cell.get_facecolor())) for cell in drawn.patches[:-1]]
    assert len(set(inks)) == 2
    assert [text.get_color() for text in drawn.texts] == inks == told[0, :-1].tolist()

    figure = canvas(height=60)
    draw.number_cells(figure, 0, 0, (10, 40), SHARES, texts=list("n" * len(SHARES)))
    weights = np.linspace(0.01, 1, 30).reshape(5, 6)
    kinds, colours = np.arange(6, dtype=np.int8) % len(KINDS), np.zeros((6, 3), np.float32)
    pairs = shapes.shape_attention(weights, kinds[:5], colours[:5], kinds, colours).static
    for axes in (*figure.axes, *(axes for axes in pairs.axes if axes.texts)):
        (mesh,) = axes.collections
        inks = [
            ink_on(mpl.colors.to_hex(colour)) for colour in mesh.to_rgba(mesh.get_array().ravel())
        ]
        assert len(set(inks)) == 2
        assert [text.get_color() for text in axes.texts] == inks


def test_shares_of_channels_can_be_read_on_their_bars() -> None:
    [axes] = attention_views.channel_shares({"all": np.full(3, 1 / 3)}).static.axes
    fills = [mpl.colors.to_hex(bar.get_facecolor()) for bar in axes.patches[:3]]
    assert [text.get_color() for text in axes.texts] == [ink_on(fill) for fill in fills]


@settings(deadline=None, max_examples=25)
@given(
    x=st.integers(0, 100),
    y=st.integers(0, 50),
    width=st.integers(4, 100),
    height=st.integers(4, 50),
    line=st.integers(1, 3),
)
def test_no_edge_is_cut_at_the_border_of_a_drawing(x, y, width, height, line) -> None:
    diagram = Diagram(height=100, width=200)
    diagram.box(x, y, width, height)
    diagram.outline(x, y, width, height, line=line)
    for part, edge in zip(diagram.figure().static.axes[0].patches, (EDGE, line), strict=True):
        found = part.get_patch_transform().transform_path(part.get_path()).get_extents()
        assert min(found.x0, found.y0) >= edge / 2 - 1e-6
        assert found.x1 <= 200 - edge / 2 + 1e-6
        assert found.y1 <= 100 - edge / 2 + 1e-6


@pytest.mark.parametrize(("x", "y"), [(0, 20), (20, 0), (0, 0), (72, 20), (20, 72), (20, 20)])
def test_a_disc_is_round_wherever_it_stands(x, y) -> None:
    diagram = Diagram(height=100, width=100)
    diagram.box(x, y, 28, 28, radius=14)
    [disc] = diagram.figure().static.axes[0].patches
    assert isinstance(disc, Circle)
