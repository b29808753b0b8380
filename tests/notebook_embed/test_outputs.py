"""Outputs become HTML and files."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_embed.errors import EmbedError
from notebook_embed.outputs import Figure, Text, _narrow, _svg_size, recolour, render_outputs
from tests.support.given_outputs import PNG, SVG, VIEWS, Docs, display, stream

CELL = "# %%\n#| label: a\nx\n"
PLOTLY = "application/vnd.plotly.v1+json"
VIEW = "application/vnd.notebook-embed.view+json"


def render(docs: Docs, *outputs: dict):
    docs.notebook(CELL, {})
    notebook = docs.library.notebooks["nb/x.py"]
    return render_outputs(
        notebook,
        notebook.cells[0],
        outputs,
        folder="figures/x",
        dark={"#21242b": "#E8E6E1"},
        views=VIEWS,
    )


def test_the_richest_alternative_is_taken(docs: Docs) -> None:
    (output,), files = render(docs, display(text_plain="x", text_html="<b>x</b>", image_png=PNG))
    assert isinstance(output, Figure)
    assert output.image is not None
    assert (output.image.width, output.image.height) == (2, 1)
    assert files == {output.image.uri: base64.b64decode(PNG)}


def test_an_unknown_type_beside_a_known_one_does_no_harm(docs: Docs) -> None:
    output = display(text_plain="x")
    output["data"]["application/x-new"] = {}
    assert render(docs, output)[0] == [Text("plain", "x")]


def test_an_unknown_type_alone_is_named(docs: Docs) -> None:
    output = {"output_type": "display_data", "data": {"application/x-new": {}}, "metadata": {}}
    with pytest.raises(
        EmbedError, match=r"nb/x.py:2 \(cell a\): unknown output type application/x-new"
    ):
        render(docs, output)


def test_an_error_is_never_rendered(docs: Docs) -> None:
    with pytest.raises(EmbedError, match="ValueError: no"):
        render(
            docs, {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}
        )


def test_a_figure_drawn_for_dense_screens_has_its_size_in_css_pixels(docs: Docs) -> None:
    output = display(image_png=PNG) | {"metadata": {"image/png": {"width": 1, "height": 1}}}
    (figure,), _ = render(docs, output)
    assert (figure.image.width, figure.image.height) == (1, 1)


def test_colours_of_a_terminal_become_classes_and_markup_is_escaped(docs: Docs) -> None:
    outputs, _ = render(docs, stream("\x1b[31mred\x1b[0m <b>"), stream("warn", "stderr"))
    assert outputs[0] == Text("stream", '<span class="ansi-red-fg">red</span> &lt;b&gt;')
    assert outputs[1] == Text("stderr", "warn")


def test_an_svg_in_the_light_colours_gets_a_dark_twin(docs: Docs) -> None:
    (figure,), files = render(docs, display(image_svg__xml=SVG))
    assert b"#E8E6E1" in files[figure.image.dark_uri]
    assert b"#21242b" in files[figure.image.uri]


def test_an_svg_in_other_colours_needs_none(docs: Docs) -> None:
    (figure,), files = render(docs, display(image_svg__xml=SVG.replace("#21242b", "#ff0000")))
    assert figure.image.dark_uri is None
    assert len(files) == 1


def test_colours_are_replaced_at_once_and_whole() -> None:
    swap = {"#111111": "#222222", "#222222": "#111111"}
    assert recolour("#111111 #222222 #2222229", swap) == "#222222 #111111 #2222229"


@pytest.mark.parametrize(
    ("tag", "size"),
    [
        ('<svg width="72pt" height="36pt">', (96, 48)),
        ('<svg width="100" height="50px">', (100, 50)),
        ('<svg width="100%" viewBox="0 0 30 20">', (30, 20)),
        ('<svg viewBox="-1,-2,30.4,20.6">', (30, 21)),
        ('<svg stroke-width="3" viewBox="0 0 3 4">', (3, 4)),
        ("<svg>", (640, 480)),
    ],
)
def test_the_size_of_an_svg(tag: str, size: tuple[int, int]) -> None:
    assert _svg_size(f'<?xml version="1.0"?>{tag}</svg>') == size


def test_plotly_s_template_stays_out_and_its_image_is_kept(docs: Docs) -> None:
    figure = {"data": [{"type": "bar"}], "layout": {"template": {}, "title": {"text": "t"}}}
    output = {
        "output_type": "display_data",
        "data": {PLOTLY: figure, "image/svg+xml": SVG},
        "metadata": {},
    }
    (shown,), files = render(docs, output)
    assert json.loads(files[shown.data_uri]) == {
        "data": [{"type": "bar"}],
        "layout": {"title": {"text": "t"}},
    }
    assert shown.image is not None


def _packed(values: list[float]) -> dict[str, str]:
    return {"dtype": "f8", "bdata": base64.b64encode(np.array(values, "<f8").tobytes()).decode()}


@given(st.lists(st.floats(-1e30, 1e30, allow_subnormal=False), min_size=1, max_size=20))
def test_numbers_are_halved_only_where_nobody_can_tell(values: list[float]) -> None:
    packed = _narrow({"z": [_packed(values)]})["z"][0]
    kind = {"f4": "<f4", "f8": "<f8"}[packed["dtype"]]
    back = np.frombuffer(base64.b64decode(packed["bdata"]), kind)
    np.testing.assert_allclose(back, values, rtol=1e-6)


def test_numbers_that_need_their_bits_keep_them() -> None:
    assert _narrow(_packed([1e300]))["dtype"] == "f8"
    assert _narrow(_packed([0.5, 255.0]))["dtype"] == "f4"


def test_the_same_output_has_the_same_file_name(docs: Docs) -> None:
    first, second = (render(docs, display(image_svg__xml=SVG))[1] for _ in range(2))
    assert first == second


def view(name: str = "spinner", **content: object) -> dict:
    bundle = {"view": name, "data": {"speed": 3}, **content}
    data = {VIEW: bundle, "image/svg+xml": SVG, "text/plain": "View(...)"}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def test_a_view_has_its_script_its_data_and_its_static_image(docs: Docs) -> None:
    (shown,), files = render(docs, view())
    assert isinstance(shown, Figure)
    assert (shown.view, shown.view_uri) == ("spinner", "assets/spinner.js")
    assert shown.image is not None
    assert shown.image.uri in files
    assert json.loads(files[shown.data_uri]) == {"data": {"speed": 3}, "files": {}}


def test_a_view_s_files_lie_beside_its_data_and_are_found_by_name(docs: Docs) -> None:
    (shown,), files = render(docs, view(files={"left": [1, 2], "right": {"a": None}}))
    named = json.loads(files[shown.data_uri])["files"]
    folder = shown.data_uri.rpartition("/")[0]
    read = {name: json.loads(files[f"{folder}/{file}"]) for name, file in named.items()}
    assert read == {"left": [1, 2], "right": {"a": None}}


def test_a_view_s_files_are_named_after_their_content(docs: Docs) -> None:
    names = [set(render(docs, view(files={"left": content}))[1]) for content in (1, 1, 2)]
    assert names[0] == names[1]
    # The data names the file, so its own name changes as well; the image stays.
    assert len(names[0] & names[2]) == len(names[0]) - 2


def test_a_view_without_a_script_is_named_with_the_nearest(docs: Docs) -> None:
    with pytest.raises(EmbedError, match="there is no view 'spiner'") as caught:
        render(docs, view("spiner"))
    assert "nb/x.py:2 (cell a)" in str(caught.value)
    assert "spinner" in str(caught.value)


def test_two_views_of_one_cell_keep_apart(docs: Docs) -> None:
    (first, second), files = render(docs, view(data={"speed": 1}), view(data={"speed": 2}))
    assert [json.loads(files[each.data_uri])["data"]["speed"] for each in (first, second)] == [1, 2]
