"""A figure carries an SVG that never changes by itself, and plotly JSON that travels light."""

import base64
import json
import re
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest

from shapes_of_attention.figures import Figure, canvas
from shapes_of_attention.palette import INK

PLOTLY = "application/vnd.plotly.v1+json"
SVG = "image/svg+xml"


def static_figure(text: str = "words") -> Figure:
    drawing = canvas(width=300, height=200)
    axes = drawing.add_axes((0.2, 0.2, 0.7, 0.7))
    axes.plot([0, 1], [0, 1])
    axes.set_title(text, color=INK)
    return Figure(static=drawing)


def interactive_figure(**trace: object) -> Figure:
    return Figure(static=canvas(width=300, height=200), interactive=go.Figure(go.Scatter(**trace)))


def decoded(array: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(array["bdata"]), dtype="<" + array["dtype"])


def test_a_static_figure_offers_svg_alone() -> None:
    assert set(static_figure()._repr_mimebundle_()) == {SVG}


def test_an_interactive_figure_offers_plotly_and_svg() -> None:
    bundle = interactive_figure(x=[1, 2], y=[3, 4])._repr_mimebundle_()
    assert set(bundle) == {PLOTLY, SVG}
    json.dumps(bundle[PLOTLY], allow_nan=False)


def test_a_static_figure_has_no_plotly_json() -> None:
    with pytest.raises(ValueError, match="static"):
        static_figure().plotly_json()


def test_the_same_data_gives_the_same_svg() -> None:
    assert static_figure().svg() == static_figure().svg()
    figure = static_figure()
    assert figure.svg() == figure.svg()


def test_other_data_gives_another_svg() -> None:
    assert static_figure("words").svg() != static_figure("other words").svg()


def test_svg_holds_neither_date_nor_program() -> None:
    svg = static_figure().svg()
    assert "dc:date" not in svg
    assert "Matplotlib" not in svg


def test_svg_size_is_in_css_pixels() -> None:
    root = ElementTree.fromstring(static_figure().svg())
    assert (root.get("width"), root.get("height")) == ("300", "200")
    assert root.get("viewBox") == "0 0 225 150"


def test_svg_letters_are_paths_and_its_paper_is_clear() -> None:
    svg = static_figure().svg()
    assert "<text" not in svg
    assert INK in svg
    page = re.search(r'<g id="patch_1">.*?</g>', svg, re.S)
    assert page is not None
    assert "fill: none" in page.group()


def test_number_lists_travel_as_typed_arrays() -> None:
    numbers = np.linspace(0, 1, 50)
    (trace,) = interactive_figure(x=numbers, y=list(numbers)).plotly_json()["data"]
    for axis in ("x", "y"):
        assert trace[axis]["dtype"] == "f8"
        np.testing.assert_allclose(decoded(trace[axis]), numbers, rtol=0)


def test_images_travel_as_typed_arrays_of_8_bits_and_keep_their_shape() -> None:
    levels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    heat = Figure(static=canvas(width=300, height=200), interactive=go.Figure(go.Heatmap(z=levels)))
    (trace,) = heat.plotly_json()["data"]
    assert trace["z"]["dtype"] == "u1"
    assert trace["z"]["shape"] == "3, 4"
    np.testing.assert_array_equal(decoded(trace["z"]), levels.ravel())


def test_a_matrix_keeps_its_shape() -> None:
    heat = Figure(
        static=canvas(width=300, height=200),
        interactive=go.Figure(go.Heatmap(z=np.ones((3, 4)))),
    )
    (trace,) = heat.plotly_json()["data"]
    assert (trace["z"]["dtype"], trace["z"]["shape"]) == ("f8", "3, 4")
    assert len(decoded(trace["z"])) == 12


def test_ranges_words_and_switches_stay_as_they_are() -> None:
    figure = interactive_figure(x=[1, 2], y=[3, 4], text=["a", "b", "c", "d", "e", "f"])
    assert figure.interactive is not None
    figure.interactive.update_layout(xaxis_range=[0, 9])
    content = figure.plotly_json()
    assert content["layout"]["xaxis"]["range"] == [0, 9]
    assert content["data"][0]["text"] == ["a", "b", "c", "d", "e", "f"]


def test_the_template_stays_at_home() -> None:
    figure = interactive_figure(x=[1, 2], y=[3, 4])
    assert figure.interactive is not None
    figure.interactive.update_layout(template="plotly_dark")
    assert "template" not in figure.plotly_json()["layout"]
