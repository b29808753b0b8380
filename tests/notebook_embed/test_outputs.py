"""Outputs become HTML and files."""

from __future__ import annotations

import base64
import html
import json
import re
import sys
import uuid
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError

import nbformat
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from notebook_embed import chart_data, charts, plotly_figures
from notebook_embed import outputs as outputs_module
from notebook_embed.bokeh_figures import settle_bokeh
from notebook_embed.errors import EmbedError
from notebook_embed.outputs import Figure, Media, Renderer, Text, render_outputs
from notebook_embed.pictures import RASTERS, recolour
from notebook_embed.pictures import svg_size as _svg_size
from notebook_embed.plotly_figures import narrowed as _narrow
from notebook_embed.widgets import settle_widgets
from tests.notebook_embed import corpus
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


@pytest.mark.parametrize(
    ("width", "size", "share"),
    [
        ("9px", (9, 4), ""),
        (" 8 ", (8, 4), ""),
        ("50%", (2, 1), "50%"),
        ("12.5%", (2, 1), "12.5%"),
        ("0%", (2, 1), ""),
        ("5em", (2, 1), ""),
        ('1%"><b>', (2, 1), ""),
        ([3], (2, 1), ""),
    ],
)
def test_a_picture_has_the_width_that_its_cell_asks_for(
    docs: Docs, width: object, size: tuple[int, int], share: str
) -> None:
    output = display(image_png=PNG) | {"metadata": {"image/png": {"width": width}}}
    (figure,), _ = render(docs, output)
    assert (figure.image.width, figure.image.height) == size
    assert figure.image.share == share
    docs.notebook(CELL, {"a": [output]})
    for page in ("![x](../nb/x.py#a)", "![x](../nb/x.py)"):
        shown = docs.convert(page)
        assert re.findall(r'<img [^>]*style="([^"]*)"', shown) == [f"width: {share}"] * bool(share)


@pytest.mark.parametrize("asked", ["width=30", "width=40%", "height=20"])
def test_the_page_has_the_last_word_on_the_width_of_a_picture(docs: Docs, asked: str) -> None:
    output = display(image_png=PNG) | {"metadata": {"image/png": {"width": "50%"}}}
    docs.notebook(CELL, {"a": [output]})
    assert "width: 50%" in docs.convert("![x](../nb/x.py#a)")
    assert "width: 50%" not in docs.convert(f"![x](../nb/x.py#a){{ {asked} }}")


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
    assert recolour("#1111119 #AA#222222", swap) == "#1111119 #AA#222222"
    assert recolour("url(#111111)", swap) == "url(#111111)", "a reference is no colour"


def test_a_colour_that_is_a_word_is_one_where_a_colour_is_given() -> None:
    given = '<g class="red" fill="red" style="stroke: RED; color:darkred"><text>red</text></g>'
    assert recolour(given, {"red": "#f88", "#fff": "#000"}) == (
        '<g class="red" fill="#f88" style="stroke: #f88; color:darkred"><text>red</text></g>'
    )


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


@settings(deadline=None)
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


GIF = "R0lGODlhAgABAIAAAAAAAP///yH5BAEAAAAALAAAAAACAAEAAAICRAoAOw=="
SIN = {"type": "scatter", "y": [1, 2]}


def plot(*traces: dict, **more: object) -> dict:
    figure = {"data": list(traces), "layout": {}, **more}
    return {
        "output_type": "display_data",
        "data": {PLOTLY: figure, "image/svg+xml": SVG, "text/plain": "F"},
        "metadata": {},
    }


@pytest.mark.parametrize(
    ("figure", "full"),
    [
        (plot(SIN, {"type": "bar", "y": [1]}, {"y": [1]}), False),
        (plot({"type": "surface", "z": [[1]]}), True),
        (plot(SIN, frames=[{"data": [{"type": "scatter3d"}]}]), True),
        (plot(SIN, layout={"updatemenus": [{"buttons": [{"args": [{"type": "funnel"}]}]}]}), True),
        (plot(SIN, layout={"sliders": [{"steps": [{"args": [{"type": ["bar", "ohlc"]}]}]}]}), True),
        (plot(SIN, layout={"xaxis": {"type": "date"}, "updatemenus": None}), False),
    ],
)
def test_a_trace_that_the_small_bundle_lacks_asks_for_the_full_one(
    docs: Docs, figure: dict, full: bool
) -> None:
    (shown,), _ = render(docs, figure)
    assert shown.full == full
    assert shown.data_uri


@pytest.mark.parametrize("trace", ["scattergeo", "choropleth", "densitymap", "not-yet-invented"])
def test_a_trace_that_no_bundle_draws_here_stays_a_picture_and_is_told(
    docs: Docs, trace: str, caplog: pytest.LogCaptureFixture
) -> None:
    (shown,), _ = render(docs, plot({"type": trace}))
    assert shown.data_uri is None
    assert shown.image is not None
    assert (
        f"nb/x.py:2 (cell a): a plotly figure that stays a picture: the trace '{trace}'"
        in caplog.text
    )
    bare = plot({"type": trace})
    del bare["data"]["image/svg+xml"]
    with pytest.raises(EmbedError, match=rf"nb/x.py:2 \(cell a\): .* no page can draw.*'{trace}'"):
        render(docs, bare)


def test_the_bundles_have_the_traces_that_the_code_says() -> None:
    small = (Path(plotly_figures.__file__).parent / "static/plotly-cartesian.min.js").read_text()
    whole = plotly_figures.full_bundle()
    assert whole is not None
    named = [
        set(re.findall(r'moduleType:"trace",name:"(\w+)"', text))
        for text in (small, whole.read_text("utf-8"))
    ]
    assert named[0] == plotly_figures.CARTESIAN
    assert named[1] - plotly_figures.ELSEWHERE == plotly_figures.CARTESIAN | plotly_figures.FULL


@pytest.mark.parametrize("mime", [mime for mime in RASTERS if mime != "image/png"])
def test_pictures_of_all_kinds_are_figures(docs: Docs, mime: str) -> None:
    from PIL import Image as Pillow

    content = BytesIO()
    Pillow.new("RGB", (3, 2)).save(content, mime.partition("/")[2].upper())
    output = display(text_plain="<IPython.core.display.Image object>")
    output["data"][mime] = base64.b64encode(content.getvalue()).decode()
    (figure,), files = render(docs, output)
    assert (figure.image.width, figure.image.height) == (3, 2)
    assert files[figure.image.uri] == content.getvalue()


@pytest.mark.parametrize(
    ("mime", "kind"), [("audio/wav", "audio"), ("audio/mpeg", "audio"), ("video/mp4", "video"), ("application/pdf", "document")]
)  # fmt: skip
def test_recordings_and_documents_are_files(docs: Docs, mime: str, kind: str) -> None:
    output = display(text_plain="<IPython.lib.display.X object>")
    output["data"][mime] = GIF
    (media,), files = render(docs, output)
    assert isinstance(media, Media)
    assert (media.kind, media.mime) == (kind, mime)
    assert list(files) == [media.uri]


REPRS = [
    "<IPython.core.display.Image object>",
    "alt.Chart(...)",
    "IntSlider(value=7,\n description='x')",
    "<xarray.X <y> at 0x7f>",
    "plotly.graph_objs.F({})",
]


@pytest.mark.parametrize("text", REPRS)
def test_a_repr_never_takes_the_place_of_what_is_not_known(docs: Docs, text: str) -> None:
    output = display(text_plain=text)
    output["data"]["application/x-new"] = {}
    with pytest.raises(EmbedError, match="unknown output type application/x-new"):
        render(docs, output)
    assert render(docs, display(text_plain=text))[0][0].kind == "plain", "alone it is what is meant"


@pytest.mark.parametrize("mime", ["application/javascript", "application/geo+json"])
def test_what_is_known_not_to_be_shown_is_said_to_readers_and_authors(
    docs: Docs, mime: str, caplog: pytest.LogCaptureFixture
) -> None:
    output = display(text_plain="<IPython.display.X object>")
    output["data"][mime] = {}
    (note,), _ = render(docs, output)
    assert f"An output of type <code>{mime}</code> is not shown here." in note.content
    assert f"nb/x.py:2 (cell a): an output of type {mime} is not shown" in caplog.text


def test_a_damaged_form_gives_way_to_the_next_and_is_told(
    docs: Docs, caplog: pytest.LogCaptureFixture
) -> None:
    (shown,), _ = render(docs, display(image_png="%%%", text_html="<b>x</b>"))
    assert shown == Text("html", "<b>x</b>")
    assert "an output is malformed: image/png" in caplog.text
    with pytest.raises(EmbedError, match="an output is malformed: image/webp: no picture"):
        render(docs, display(image_webp="UklGRg==", text_plain="<W object>"))


def test_latex_comes_before_its_picture_and_a_table_in_latex_after_html(docs: Docs) -> None:
    (formula,), _ = render(docs, display(text_latex="$\\displaystyle x$", image_png=PNG))
    assert formula.kind == "latex"
    table = "\\begin{tabular}{l}\n1 & 2\\\\\n\\end{tabular}"
    (shown,), _ = render(docs, display(text_latex=table, text_html="<table></table>"))
    assert shown.kind == "html"


def test_an_svg_that_is_no_xml_is_put_into_the_page(docs: Docs) -> None:
    (shown,), _ = render(docs, display(image_svg__xml="<svg width=4 height=4><path></svg>"))
    assert shown == Text("html", "<svg width=4 height=4><path></svg>")


@pytest.mark.parametrize("text", ["", " ", "a drawing", "<p>none</p>"])
def test_what_holds_no_svg_leaves_the_picture_to_another_form(docs: Docs, text: str) -> None:
    (shown,), _ = render(docs, display(image_svg__xml=text, image_png=PNG))
    assert isinstance(shown, Figure)


def test_another_package_may_bring_a_renderer(docs: Docs, monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "shouting"

        @staticmethod
        def load() -> Renderer:
            return Renderer("text/x-*", "loud text", lambda b, m: Text("plain", b.text(m).upper()))

    monkeypatch.setattr(outputs_module, "entry_points", lambda group: [Point])
    outputs_module.renderers.cache_clear()
    try:
        output = display(text_plain="quiet")
        output["data"]["text/x-loud"] = ["a\n", "b"]
        assert render(docs, output)[0] == [Text("plain", "A\nB")]
    finally:
        outputs_module.renderers.cache_clear()


TYPES = st.sampled_from(
    [*(r.mime.replace("*", "x") for r in outputs_module.RENDERERS), "application/x-new", "a/b"]
)
FORMS = st.one_of(
    st.text(max_size=12),
    st.sampled_from([PNG, GIF, SVG, "<X object>", *REPRS, "$x$", "{}", "[1]", ""]),
    st.dictionaries(st.sampled_from(["data", "layout", "view", "entries"]), st.none() | st.lists(st.integers(), max_size=2), max_size=3),
    st.lists(st.text(max_size=3), max_size=2),
    st.none(),
    st.integers(),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.dictionaries(TYPES, FORMS, max_size=4))
@example(
    data={
        "application/vnd.notebook-embed.view+json": None,
        outputs_module.SVG: "",
        "image/png": PNG,
    }
)
def test_any_output_is_shown_or_named(docs: Docs, data: dict) -> None:
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    try:
        shown, _ = render(docs, output)
    except EmbedError as error:
        assert error.file is not None
        assert "nb/x.py:2 (cell a)" in str(error)
        return
    others = set(data) - {"text/plain"}
    if not shown:
        assert not others
        assert not data.get("text/plain")
        return
    assert len(shown) == 1, "one output, be it a note that it is not shown"
    if others and isinstance(shown[0], Text) and shown[0].kind == "plain":
        assert not outputs_module.is_repr(html.unescape(shown[0].content))
    if any(data.get(mime) == PNG for mime in RASTERS):
        assert not isinstance(shown[0], Text) or shown[0].kind == "latex", "a picture was meant"


def test_the_page_lists_the_types_that_the_code_knows() -> None:
    guide = Path(__file__).parents[2] / "docs/notebook-embed/outputs.md"
    written = guide.read_text("utf-8")
    opening, closing = re.findall(r"<!-- /?outputs.*?-->", written)
    rows = [f"| `{r.mime}` | {r.shown} |" for r in outputs_module.RENDERERS]
    table = "\n".join(["", "| type | readers get |", "|---|---|", *rows, ""])
    made = written.partition(opening)[0] + opening + table + closing + written.partition(closing)[2]
    assert made == written, "write the table anew: " + table


BARS = {"mark": "bar", "config": {"axis": {"labelColor": "#123456"}}}
CHART = "application/vnd.vegalite.v6+json"


def chart(spec: dict[str, Any] = BARS, **others: Any) -> dict[str, Any]:
    output = display(text_plain="alt.Chart(...)", **others)
    output["data"][CHART] = spec
    return output


def test_a_chart_by_vega_is_drawn_over_its_picture(
    docs: Docs, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own,), files = render(docs, chart(image_png=PNG))
    assert own.image.uri.endswith(".png")
    assert own.view == "nb-vega" and own.view_uri == "assets/notebook-embed/vega.js"
    given = json.loads(files[own.data_uri])["data"]["spec"]["config"]
    assert given["axis"]["labelColor"] == "#123456", "what an author sets stays"
    assert given["axis"]["titleColor"] == "$nb-ink", "the rest is the page's"
    drawer: Any = ModuleType("vl_convert")
    drawer.vegalite_to_svg = lambda spec: SVG if spec["mark"] == "bar" else 1 / 0
    monkeypatch.setitem(sys.modules, "vl_convert", drawer)
    (drawn,), files = render(docs, chart())
    assert files[drawn.image.uri] == SVG.encode() and drawn.view == "nb-vega"
    with pytest.raises(EmbedError, match=r"an output is malformed: .*the chart cannot be drawn"):
        render(docs, chart({"mark": "?"}))
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    (bare,), _ = render(docs, chart({"mark": "point", "height": 100}))
    assert bare.image is None and "drawn by a script" in bare.stands_in and bare.height == 160


@pytest.mark.parametrize(
    "spec",
    [
        {"mark": "bar", "data": {"url": "https://elsewhere.example/x.csv"}},
        {"mark": "bar", "data": {"url": "x.csv"}},
        {"mark": "image", "encoding": {"url": {"field": "picture"}}},
        {"layer": [{"mark": "geoshape", "data": {"url": "//elsewhere.example/world.json"}}]},
    ],
)
def test_a_chart_that_would_fetch_stays_a_picture(docs: Docs, spec: dict[str, Any]) -> None:
    (shown,), _ = render(docs, chart(spec, image_png=PNG))
    assert shown.view is None and shown.image is not None
    table = {"mark": "bar", "data": {"values": [{"url": "https://elsewhere.example/"}]}}
    assert render(docs, chart(table, image_png=PNG))[0][0].view == "nb-vega"


ROWS = [{"a": "A", "b": 3}, {"a": "B", "b": 4.5}, {"a": "C", "b": None}]


@pytest.mark.parametrize(
    ("name", "content", "data"),
    [
        ("d.json", json.dumps(ROWS), {"url": "d.json"}),
        ("d.txt", json.dumps(ROWS), {"url": "./d.txt", "format": {"type": "json"}}),
        ("d é.csv", "\ufeffa,b\r\nA,3\r\nB,4.5\r\nC,", {"url": "d%20%C3%A9.csv?x=1"}),
        ("d.tsv", "a\tb\nA\t3\nB\t4.5\nC\t", {"url": "d.tsv", "name": "x"}),
    ],
)
@pytest.mark.parametrize("place", ["top", "layer", "lookup", "facet", "vega"])
def test_a_chart_shows_the_file_that_it_names(
    docs: Docs, monkeypatch: pytest.MonkeyPatch, name: str, content: str, data: Any, place: str
) -> None:
    data, drawn = {**data}, []
    drawer: Any = ModuleType("vl_convert")

    def draw(spec: Any) -> str:
        drawn.append(spec)
        return SVG

    drawer.vegalite_to_svg = drawer.vega_to_svg = draw
    monkeypatch.setitem(sys.modules, "vl_convert", drawer)
    docs.write(f"nb/{name}", content)
    if place == "vega":
        data["format"] = {**data.get("format", {}), "parse": {"b": "number"}}
    spec: dict[str, Any] = {
        "top": {"mark": "bar", "data": data},
        "layer": {"hconcat": [{"layer": [{"mark": "bar", "data": data}]}]},
        "lookup": {"transform": [{"lookup": "a", "from": {"data": data, "key": "a"}}]},
        "facet": {"facet": {"field": "a"}, "data": data, "spec": {"mark": "bar"}},
        "vega": {"data": [data], "marks": [{"type": "group", "data": [data]}]},
    }[place]
    output = chart({**spec, "title": f"{place} {name}"})
    if place == "vega":
        output["data"] = {"application/vnd.vega.v5+json": output["data"][CHART]}
    (shown,), files = render(docs, output)
    assert shown.view == "nb-vega" and shown.image is not None
    given = json.loads(files[shown.data_uri])["data"]["spec"]
    for made in (given, *drawn):
        text = json.dumps(made)
        assert '"url"' not in text
        typed = place != "vega" or "json" in str(data)
        assert ('{"a": "B", "b": 4.5}' if typed else '{"a": "B", "b": "4.5"}') in text
    docs.write(f"nb/{name}", content.replace("4.5", "7.5"))
    assert "7.5" in str(render(docs, output)[1]), "a saved change is seen"


@pytest.mark.parametrize(
    ("url", "content", "why"),
    [
        ("gone.json", None, "No such file"),
        ("d.json", "[{", "cannot be read: "),
        ("d.json", '[{"a": NaN}]', "NaN is no JSON"),
        ("/d.json", "[]", "no file beside the notebook"),
        ("file:///etc/hostname", None, "no file beside the notebook"),
        ("https://data.invalid/x.json", None, "nobody answers"),
        ("http://[", None, "Invalid IPv6"),
        ("a,b\n" + "1,2\n" * 100, None, "too long"),
    ],
)
def test_a_chart_whose_data_are_out_of_reach_says_so(
    docs: Docs,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    content: str | None,
    why: str,
) -> None:
    def silent(*asked: Any, **how: Any) -> Any:
        raise URLError("nobody answers")

    monkeypatch.setattr(chart_data, "urlopen", silent)
    if content is not None:
        docs.write("nb/d.json", content)
    spec = {"mark": "bar", "data": {"url": url}}
    (shown,), files = render(docs, chart(spec))
    assert not files, "no picture without its data"
    named = url if len(url) < 100 else "a,b 1,2 "
    assert f"Its data at '{named}" in shown.content and "' cannot be read" in shown.content
    assert why in shown.content and len(shown.content) < 400
    assert chart_data.files_of([chart(spec)], docs.root / "nb") == (
        [docs.root / "nb/d.json"] if content and not url.startswith("/") else []
    )
    assert "nb/x.py:2 (cell a): an output of type" in caplog.text
    (own,), _ = render(docs, chart(spec, image_png=PNG))
    assert own.image is not None and own.view is None
    assert f"a chart that stays a picture: its data at '{named}" in caplog.text


def test_a_host_that_does_not_answer_is_asked_once(
    docs: Docs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def silent(*where: Any, **how: Any) -> Any:
        asked.append(where)
        raise URLError("nobody answers")

    monkeypatch.setattr(chart_data, "urlopen", silent)
    for mark in ("bar", "line"):
        render(docs, chart({"mark": mark, "data": {"url": "https://slow.invalid/x.json"}}))
    assert len(asked) == 1


def test_data_on_another_host_are_read_when_the_site_is_built(
    docs: Docs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chart_data, "urlopen", lambda *_, **__: BytesIO(b"a,b\nA,3\n"))
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    spec = {"mark": "bar", "data": {"url": "//elsewhere.example/x.csv"}}
    (shown,), files = render(docs, chart(spec))
    assert json.loads(files[shown.data_uri])["data"]["spec"]["data"] == {
        "values": [{"a": "A", "b": 3}]
    }


def test_a_chart_that_nobody_trusts_reads_nothing_outside_its_folder(docs: Docs) -> None:
    docs.notebook(CELL, {})
    notebook = docs.library.notebooks["nb/x.py"]
    docs.write("secret.json", '[{"a": "SECRET"}]')
    for url in ("../secret.json", "https://data.invalid/y.json"):
        output = chart({"mark": "bar", "data": {"url": url}})
        (shown,), files = render_outputs(
            *(notebook, notebook.cells[0], [output]), folder="f", dark={}, trusted=False
        )
        assert not files and "cannot be read" in str(shown)


def test_a_chart_that_nobody_trusts_lets_nobody_fetch(
    docs: Docs, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs.notebook(CELL, {})
    notebook = docs.library.notebooks["nb/x.py"]
    drawn: list[Any] = []
    monkeypatch.setattr(charts, "picture", lambda *chart, **how: drawn.append(chart))
    spec = {
        "signals": [{"name": "u", "value": "http://127.0.0.1/x"}],
        "data": [{"name": "t", "url": {"signal": "u"}}],
    }
    output = {
        "output_type": "display_data",
        "data": {"application/vnd.vega.v5+json": spec},
        "metadata": {},
    }
    (shown,), files = render_outputs(
        *(notebook, notebook.cells[0], [output]), folder="f", dark={}, trusted=False
    )
    assert not drawn and not files and "fetches what it shows" in str(shown)


TABLE = 'a,b\n1,"x, ""y""\nz"\r\n2,\n'
ROWS = [{"a": "1", "b": 'x, "y"\nz'}, {"a": "2", "b": ""}]


@pytest.mark.parametrize(
    ("form", "table", "rows"),
    [
        ({"type": "csv"}, TABLE, ROWS),
        ({"type": "tsv"}, "a\tb\n1\t2", [{"a": "1", "b": "2"}]),
        ({"type": "dsv", "delimiter": "|"}, "a|b\r1|2\r", [{"a": "1", "b": "2"}]),
        ({"type": "csv", "header": ["a"]}, "1\n\n2", [{"a": "1"}, {"a": ""}, {"a": "2"}]),
        ({"type": "csv"}, "", []),
    ],
)
def test_a_chart_s_table_in_text_is_rows(
    form: dict[str, Any], table: str, rows: list[dict[str, str]]
) -> None:
    """What makes code of its titles in the browser is done before; the author's types stay."""
    own = {"values": table, "format": {**form, "parse": {"a": "number"}}}
    read = {"values": rows, "format": {"parse": {"a": "number"}}}
    for spec, made in (
        ({"data": own}, {"data": read}),
        ({"layer": [{"data": own}, {"mark": "bar"}]}, {"layer": [{"data": read}, {"mark": "bar"}]}),
        ({"data": [own, {"name": "s"}]}, {"data": [read, {"name": "s"}]}),  # as Vega has it
        (
            {"datasets": {"d": table, "e": table}, "data": {"name": "d", "format": form}},
            {"datasets": {"d": rows, "e": table}, "data": {"name": "d", "format": {}}},
        ),
    ):
        assert charts.with_rows(spec) == made


@pytest.mark.parametrize(
    "data",
    [
        {"values": "[1]", "format": {"type": "json"}},
        {"values": [{"format": {"type": "csv"}, "values": "a"}], "format": {"type": "csv"}},
        {"values": "a", "format": {"type": "dsv"}},
        {"values": "a", "format": {"type": "dsv", "delimiter": "\n"}},
        {"values": "a", "format": "csv"},
        {"name": "d", "format": {"type": "csv"}},
        {"url": "x.csv", "format": {"type": "csv"}},
    ],
)
def test_other_data_of_a_chart_stay(data: dict[str, Any]) -> None:
    assert charts.with_rows({"data": data}) == {"data": data}


def test_a_chart_with_a_ground_of_its_own_keeps_its_colours() -> None:
    for spec in ({"background": "#eee"}, {"config": {"background": "#eee"}}):
        assert charts.coloured(spec, lite=True) == spec


@settings(deadline=None)
@given(st.recursive(st.none() | st.text() | st.floats(allow_nan=False), st.lists))
def test_html_that_is_not_by_altair_stays(content: Any) -> None:
    html = f'<div id="altair-viz-1"></div><script>x }})({json.dumps(content)}</script>'
    assert charts.with_charts({"text/html": html}) == {"text/html": html}


def test_of_notebooks_of_others_no_chart_or_control_runs(docs: Docs) -> None:
    outputs = [chart(image_png=PNG), *corpus.bokeh(corpus.PLOT)]
    with_state = display(text_html="<div>4</div>")
    view = {"model_id": "w0", "state": {"w0": {"model_name": "IntSliderModel", "state": {}}}}
    with_state["data"]["application/vnd.jupyter.widget-view+json"] = view
    docs.notebook("# %%\n#| label: it\n1\n", {}, uri="nb/y.py")
    notebook = docs.library.notebooks["nb/y.py"]
    options: Any = {"folder": "f", "dark": {}}
    for trusted in (True, False):
        shown, _ = render_outputs(
            notebook, notebook.code_cells[0], [*outputs, with_state], trusted=trusted, **options
        )
        live = [one.view for one in shown if isinstance(one, Figure) and one.view]
        assert live == (["nb-vega", "nb-bokeh", "nb-widgets"] if trusted else [])
        assert len(shown) == 3, "nothing is lost, and what only loads Bokeh shows nothing"


def test_the_random_names_of_a_run_are_not_in_its_outputs() -> None:
    def run(slider: str, box: str) -> list[Any]:
        own = {"model_module": "@jupyter-widgets/controls", "model_name": "IntSliderModel"}
        state = {
            slider: {**own, "state": {"value": 3}},
            box: {
                **own,
                "model_name": "VBoxModel",
                "state": {"children": [f"IPY_MODEL_{slider}"]},
            },
        }
        view = display(text_plain="VBox(...)")
        view["data"]["application/vnd.jupyter.widget-view+json"] = {"model_id": box}
        place = display(text_html=f'<div id="{slider}" data-root-id="p1" style=""></div>')
        cell = nbformat.v4.new_code_cell(outputs=[nbformat.from_dict(o) for o in (view, place)])
        stored = {"application/vnd.jupyter.widget-state+json": {"state": state}}
        node = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": stored})
        settle_widgets(node)
        settle_bokeh(node)
        return list(node.cells[0].outputs)

    names = [str(uuid.UUID(int=number)) for number in range(4)]
    assert run(*names[:2]) == run(*names[2:])


def clear(colour: tuple[int, int, int, int] = (0, 0, 0, 0), form: str = "PNG") -> str:
    from PIL import Image

    made = BytesIO()
    Image.new("RGBA", (4, 2), colour).save(made, form)
    return base64.b64encode(made.getvalue()).decode()


def colour_of(content: bytes) -> Any:
    from PIL import Image

    return Image.open(BytesIO(content)).convert("RGBA").getpixel((0, 0))


@pytest.mark.parametrize("of_form", [True, False])
@pytest.mark.parametrize("needed", ["light", "dark"])
def test_a_clear_picture_has_the_ground_that_it_says_it_needs(
    docs: Docs, needed: str, of_form: bool
) -> None:
    output = display(image_png=clear())
    said = {"needs_background": needed}
    output["metadata"] = {"image/png": said} if of_form else said
    (figure,), files = render(docs, output)
    on_light, on_dark = files[figure.image.uri], files[figure.image.dark_uri]
    own, ground = (on_light, on_dark) if needed == "light" else (on_dark, on_light)
    assert colour_of(own) == (0, 0, 0, 0)
    assert (colour_of(ground)[0] > 200) is (needed == "light")
    assert colour_of(ground)[3] == 255


@pytest.mark.parametrize("picture", [PNG, clear((1, 2, 3, 255)), "R0lGODlhAQABAIAAAAAAAP///ywAAA"])
def test_what_hides_its_ground_or_is_damaged_has_one_form(docs: Docs, picture: str) -> None:
    output = display(image_png=picture)
    output["metadata"] = {"needs_background": "light"}
    if picture.startswith("R0"):
        output["data"] = {"image/gif": picture + "=" * (-len(picture) % 4)}
    (figure,), files = render(docs, output)
    assert figure.image.dark_uri is None
    assert len(files) == 1


@pytest.mark.parametrize("needed", ["light", "dark"])
def test_a_drawing_has_the_ground_that_it_says_it_needs(docs: Docs, needed: str) -> None:
    output = display(image_svg__xml=SVG.replace("#21242b", "#777777"))
    output["metadata"] = {"needs_background": needed}
    (figure,), files = render(docs, output)
    on_light, on_dark = files[figure.image.uri], files[figure.image.dark_uri]
    assert (b"background-color" in on_dark) is (needed == "light")
    assert (b"background-color" in on_light) is (needed == "dark")


def test_a_ground_that_is_no_name_is_none(docs: Docs) -> None:
    output = display(image_png=clear((1, 2, 3, 0)))
    output["metadata"] = {"needs_background": ["light"]}
    (figure,), _ = render(docs, output)
    assert figure.image.dark_uri is None


def test_a_picture_is_named_by_the_text_that_its_notebook_gives_it(docs: Docs) -> None:
    first, second = display(image_png=PNG), display(image_png=PNG)
    first["metadata"] = {"image/png": {"alt": "A  falling\ncurve", "width": 4}}
    second["metadata"] = {"image/png": {"alt": "A rising one"}}
    docs.notebook(CELL, {"a": [first, second]})
    for page in ("![](../nb/x.py)", "![](../nb/x.py#a)"):
        shown = docs.convert(page)
        assert re.findall(r'<img [^>]*alt="([^"]+)"', shown) == ["A falling curve", "A rising one"]
        assert "Output of cell" not in shown
    assert 'alt="Both (1 of 2)"' in docs.convert("![Both](../nb/x.py#a)")
    docs.notebook(CELL, {"a": [first]})
    assert 'alt="A falling curve"' in docs.convert("See [![](../nb/x.py#a)](y.md).")
    docs.notebook(CELL, {"a": [first, display(image_png=PNG)]})
    with pytest.raises(EmbedError, match="without alt text"):
        docs.convert("![](../nb/x.py#a)")
