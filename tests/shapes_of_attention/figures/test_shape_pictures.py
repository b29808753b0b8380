"""The pictures of the shapes data show the data, stay small, and use the site's colours."""

import base64
import io
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from shapes_of_attention.data import ShapesBatch, ShapesConfig, make_shapes
from shapes_of_attention.figures import Figure
from shapes_of_attention.figures import shapes as figures
from shapes_of_attention.palette import CHANNELS, INK, LINE, MUTED, PANEL

STYLE = Path(__file__).parents[3] / "assets" / "matplotlibrc"
PAPERS = ("#fdfcf9", "#15171c")

BATCH = make_shapes(range(64))
UNFILTERED = make_shapes(range(64), config=ShapesConfig(red_filter=False))


def telling_row() -> int:
    """Return a row with a filled circle that is kept and one that is left out."""
    circles = BATCH.kind == 0
    both = (circles & BATCH.kept).any(axis=1) & (circles & ~BATCH.kept).any(axis=1)
    return int(np.flatnonzero(both)[0])


ROW = telling_row()


def shape_attention() -> Figure:
    kind, colour = BATCH.kind[ROW, :3], BATCH.colour[ROW, :3]
    return figures.shape_attention(np.eye(3), kind, colour, kind, colour)


def averaging(batch: ShapesBatch = BATCH, row: int = ROW) -> Figure:
    return figures.averaging(
        batch.kind[row], batch.colour[row], batch.kept[row], batch.group_mean[row]
    )


DRAWINGS: dict[str, Callable[[], Figure]] = {
    "image_grid": lambda: figures.image_grid(BATCH.image[:6]),
    "kind_gallery": lambda: figures.kind_gallery(BATCH),
    "averaging": averaging,
    "red_plane": lambda: figures.red_plane(BATCH.colour[BATCH.kind == 0]),
    "input_filter_target": lambda: figures.input_filter_target(BATCH, ROW),
    "explorer": lambda: figures.explorer(BATCH, UNFILTERED, ROW),
    "shape_attention": shape_attention,
}


@pytest.fixture(autouse=True)
def house_style():
    with mpl.rc_context(fname=STYLE):
        yield


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_is_600_pixels_wide_and_weighs_less_than_80_kb(name: str) -> None:
    svg = DRAWINGS[name]().svg()
    assert re.search(r'<svg [^>]*width="600"', svg)
    assert len(svg) < 80_000


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_twice_gives_the_same_bundle(name: str) -> None:
    first, second = (json.dumps(DRAWINGS[name]()._repr_mimebundle_()) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", DRAWINGS)
def test_lines_and_letters_use_tokens_only(name: str) -> None:
    """Black and white stand on black panels; any other grey would be lost on one of the papers."""
    tokens = {INK, MUTED, LINE, PANEL, "#000000", "#ffffff"}
    greys = {
        code
        for code in re.findall(r"#[0-9a-f]{6}\b", DRAWINGS[name]().svg())
        if code[1:3] == code[3:5] == code[5:7]
    }
    assert greys <= tokens
    if name != "image_grid":
        assert INK in DRAWINGS[name]().svg() or MUTED in DRAWINGS[name]().svg()


def test_letters_are_19_pixels_high() -> None:
    """That is 11 pixels when the figure is shown 343 pixels wide."""
    assert mpl.rcParams["font.size"] / 72 * 96 * 343 / 600 >= 11
    for name in ("axes.titlesize", "axes.labelsize", "xtick.labelsize", "legend.fontsize"):
        assert mpl.rcParams[name] == mpl.rcParams["font.size"]


def test_image_grid_shows_the_images_themselves() -> None:
    svg = figures.image_grid(BATCH.image[:2], columns=2).svg()
    codes = re.findall(r"base64,([^\"]+)", svg)
    assert len(codes) == 2
    for number, code in enumerate(codes):
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(code))).convert("RGB"))
        np.testing.assert_array_equal(shown[1::3, 1::3], BATCH.image[number].transpose(1, 2, 0))


def test_kind_gallery_says_which_kind_is_missing() -> None:
    with pytest.raises(ValueError, match="kind 'filled circle'"):
        figures.kind_gallery(BATCH, examples=1000)


def test_averaging_marks_what_is_left_out() -> None:
    circles = BATCH.kind[ROW] == 0
    assert (circles & ~BATCH.kept[ROW]).any()
    assert "<!-- left out -->" in averaging().svg()
    assert "<!-- left out -->" not in averaging(UNFILTERED).svg()


def test_averaging_holds_a_full_image_of_one_kind() -> None:
    slots = 8
    figure = figures.averaging(
        np.zeros(slots, dtype=np.int8),
        np.full((slots, 3), 200, dtype=np.float32),
        np.array([True] * 4 + [False] * 4),
        np.full((slots, 3), 200, dtype=np.float32),
    )
    (axes,) = figure.static.axes
    spans = sorted((p.center[0] - p.radius, p.center[0] + p.radius) for p in axes.patches)  # type: ignore[attr-defined]
    assert len(spans) == 4 + 1 + 4
    assert spans[0][0] >= 0
    assert spans[-1][1] <= 600
    assert all(right <= left for (_, right), (left, _) in itertools.pairwise(spans))


def test_explorer_switches_between_three_views() -> None:
    content = figures.explorer(BATCH, UNFILTERED, ROW).plotly_json()
    pictures = [trace for trace in content["data"] if trace["type"] == "image"]
    expected = (BATCH.image[ROW], BATCH.target[ROW], UNFILTERED.target[ROW])
    for trace, picture in zip(pictures, expected, strict=True):
        code = trace["source"].removeprefix("data:image/png;base64,")
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(code))))
        np.testing.assert_array_equal(shown, picture.transpose(1, 2, 0))
    (menu,) = content["layout"]["updatemenus"]
    assert [button["label"] for button in menu["buttons"]] == [trace["name"] for trace in pictures]
    for place, button in enumerate(menu["buttons"]):
        visible = button["args"][0]["visible"]
        assert len(visible) == len(content["data"])
        assert visible[:3] == [place == other for other in range(3)]
        assert all(visible[3:])


def test_explorer_tells_every_shape_and_what_becomes_of_it() -> None:
    content = figures.explorer(BATCH, UNFILTERED, ROW).plotly_json()
    stories = [trace["text"] for trace in content["data"] if trace.get("hoveron") == "fills"]
    slots = np.flatnonzero(BATCH.present[ROW])
    assert len(stories) == len(slots)
    for story, slot in zip(stories, slots, strict=True):
        assert figures.rgb(BATCH.colour[ROW, slot]) in story
        assert ("left out" in story) == (not BATCH.kept[ROW, slot])
        if BATCH.kept[ROW, slot]:
            assert figures.rgb(BATCH.group_mean[ROW, slot]) in story


def test_explorer_outlines_lie_on_the_boxes() -> None:
    content = figures.explorer(BATCH, UNFILTERED, ROW).plotly_json()
    areas = [trace for trace in content["data"] if trace.get("hoveron") == "fills"]
    for trace, box in zip(areas, BATCH.box[ROW, BATCH.present[ROW]], strict=True):
        for axis, low, high in (("x", box[0], box[2]), ("y", box[1], box[3])):
            line = np.frombuffer(base64.b64decode(trace[axis]["bdata"]), trace[axis]["dtype"])
            # plotly centres pixel i on i, the data lets it span i to i + 1
            np.testing.assert_allclose([line.min(), line.max()], [low - 0.5, high - 0.5], atol=1e-3)


def test_explorer_leaves_its_width_to_the_page() -> None:
    layout = figures.explorer(BATCH, UNFILTERED, ROW).plotly_json()["layout"]
    assert layout["autosize"] is True
    assert "width" not in layout
    assert "height" not in layout
    assert "template" not in layout


def test_explorer_lets_a_finger_scroll_the_page() -> None:
    layout = figures.explorer(BATCH, UNFILTERED, ROW).plotly_json()["layout"]
    assert layout["dragmode"] is False
    assert layout["xaxis"]["fixedrange"] is True
    assert layout["yaxis"]["fixedrange"] is True


def luminance(code: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    levels = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("colour", CHANNELS.values())
def test_channel_colours_stand_out_on_both_papers(colour: str, paper: str) -> None:
    bright, dark = sorted((luminance(colour), luminance(paper)), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= 3
