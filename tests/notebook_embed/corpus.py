"""Notebooks of every kind of content that public ones have, made here: each with its outputs stored.

`NOTEBOOKS` maps a name to its cells; `write` puts them into a folder as ``.ipynb`` files. A cell of code
is labelled ``shown`` and has the outputs given, so that no kernel is needed to show it.
"""

from __future__ import annotations

import base64
import json
import math
import struct
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat

Bundle = dict[str, Any]

#: What Material's own guide turns on, as lines of mkdocs.yml.
EXTENSIONS = """markdown_extensions:
  - attr_list
  - footnotes
  - md_in_html
  - pymdownx.details
  - tables
  - pymdownx.arithmatex: {generic: true}
  - pymdownx.superfences
  - pymdownx.tabbed: {alternate_style: true}
  - pymdownx.highlight
"""


@dataclass(frozen=True)
class Kind:
    """A notebook: Markdown before its one cell of code, what that puts out, and words it shows.

    `embeds` says that its cell can be embedded by label, `looks` what stands in its page.
    """

    code: str = "show()"
    outputs: tuple[Bundle, ...] = ()
    markdown: tuple[str, ...] = ()
    attachments: dict[str, Bundle] = field(default_factory=dict)
    embeds: bool = True
    looks: tuple[str, ...] = ()


def shown(**forms: Any) -> Bundle:
    """Return a display; ``/`` in the names of types is written ``_``, and ``+`` ``__``."""
    data = {key.replace("__", "+").replace("_", "/", 1): value for key, value in forms.items()}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def of(mime: str, value: Any, text: str = "<an object>") -> Bundle:
    data = {mime: value, "text/plain": text}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def widget(name: str) -> Bundle:
    return of(
        "application/vnd.jupyter.widget-view+json",
        {"version_major": 2, "version_minor": 0, "model_id": name},
        "IntSlider(value=3)",
    )


def said(text: str, name: str = "stdout") -> Bundle:
    return {"output_type": "stream", "name": name, "text": text}


def png(width: int = 160, height: int = 60) -> str:
    """Return a gradient as PNG, in base64."""
    rows = b"".join(
        b"\0" + bytes(v for x in range(width) for v in (x * 255 // width, 90, y * 255 // height))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")  # fmt: skip
    return base64.b64encode(content).decode()


def picture(kind: str) -> str:
    from PIL import Image

    content = BytesIO()
    Image.open(BytesIO(base64.b64decode(png()))).save(content, kind)
    return base64.b64encode(content.getvalue()).decode()


def tone() -> str:
    """Return a tenth of a second of 440 Hz as a WAV file, in base64."""
    samples = b"".join(
        struct.pack("<h", round(9000 * math.sin(2 * math.pi * 440 * n / 8000))) for n in range(800)
    )
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    content = head + b"data" + struct.pack("<I", len(samples)) + samples
    return base64.b64encode(b"RIFF" + struct.pack("<I", len(content)) + content).decode()


def film() -> str:
    """Return one frame as a film: VP8 in WebM, in base64. A WebP picture holds such a frame."""

    def element(name: str, content: bytes) -> bytes:
        return bytes.fromhex(name) + struct.pack(">Q", 1 << 56 | len(content)) + content

    def number(name: str, value: int) -> bytes:
        return element(name, value.to_bytes(4, "big"))

    webp = base64.b64decode(picture("WEBP"))
    at = webp.index(b"VP8 ")
    frame = webp[at + 8 : at + 8 + int.from_bytes(webp[at + 4 : at + 8], "little")]
    head = number("4286", 1) + number("42f7", 1) + number("42f2", 4) + number("42f3", 8)
    head += element("4282", b"webm") + number("4287", 2) + number("4285", 2)
    length = element("4489", struct.pack(">d", 1000.0))
    info = (
        number("2ad7b1", 1_000_000)
        + length
        + element("4d80", b"corpus")
        + element("5741", b"corpus")
    )
    size = element("e0", number("b0", 160) + number("ba", 60))
    track = number("d7", 1) + number("73c5", 1) + number("83", 1) + element("86", b"V_VP8") + size
    cluster = number("e7", 0) + element("a3", b"\x81\0\0\x80" + frame)
    segment = element("1549a966", info) + element("1654ae6b", element("ae", track))
    content = element("1a45dfa3", head) + element(
        "18538067", segment + element("1f43b675", cluster)
    )
    return base64.b64encode(content).decode()


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60"><path d="M5 55L60 20L120 40L195 5" fill="none" stroke="#21242b" stroke-width="2"/></svg>'
LINE = {"type": "scatter", "y": [1, 3, 2], "name": "line"}


def plot(*data: Bundle, still: bool = True, **layout: Any) -> Bundle:
    forms: Bundle = {"application/vnd.plotly.v1+json": {"data": list(data), "layout": layout}}
    forms |= {"image/svg+xml": SVG} if still else {}
    return {"output_type": "display_data", "data": {**forms, "text/plain": "Figure({})"}, "metadata": {}}  # fmt: skip


FRAME = """<div><style scoped>.dataframe tbody tr th:only-of-type { vertical-align: middle; }
.dataframe tbody tr th { vertical-align: top; } .dataframe thead th { text-align: right; }</style>
<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th><th>city</th><th>people</th></tr></thead>
<tbody><tr><th>0</th><td>Ulm</td><td>128928</td></tr><tr><th>1</th><td>Bonn</td><td>335975</td></tr></tbody></table><p>2 rows × 2 columns</p></div>"""
STYLED = """<style type="text/css">#T_ab_row0_col0 { background-color: #440154; color: #f1f1f1; }</style>
<table id="T_ab"><thead><tr><th class="blank">&nbsp;</th><th>a</th></tr></thead><tbody><tr><th>0</th><td id="T_ab_row0_col0">0.5</td></tr></tbody></table>"""
BAR = "".join(f"\r{n * 10:3d}%|{'█' * n}{' ' * (10 - n)}| {n}/10" for n in range(11))
ESC = "\x1b["
TABLE = "| a | b |\n|:--|--:|\n| left | 1 |"

BARS: Bundle = {
    "data": {"values": [{"a": "A", "b": 28}, {"a": "B", "b": 55}, {"a": "C", "b": 43}]},
    "width": 240,
    "height": 160,
    "encoding": {"x": {"field": "a", "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}},
    "layer": [
        {"mark": {"type": "bar", "tooltip": True}, "params": [{"name": "pick", "select": "point"}],
         "encoding": {"opacity": {"condition": {"param": "pick", "value": 1}, "value": 0.3}}},
        {"mark": {"type": "text", "dy": -8}, "encoding": {"text": {"field": "b"}}},
    ],
}  # fmt: skip
WORD: Bundle = {
    "width": 200,
    "height": 80,
    "marks": [{"type": "text", "encode": {"enter": {"text": {"signal": "upper('a word')"}, "x": {"value": 20}, "y": {"value": 40}}}}],
}  # fmt: skip


def altair_html(spec: Bundle) -> str:
    """Return what Altair puts out where its renderer is left as it is: it asks another host."""
    return (
        '<div id="altair-viz-0f"></div><script type="text/javascript">(function(spec, embedOpt){\n'
        "function loadScript(src) { return new Promise((resolve) => { const one = "
        'document.createElement("script"); one.src = src; one.onload = resolve; document.head.append(one); }); }\n'
        'loadScript("https://cdn.jsdelivr.net/npm/vega@6").then(() => vegaEmbed("#altair-viz-0f", spec));\n'
        f'}})({json.dumps(spec)}, {{"mode": "vega-lite"}});</script>'
    )


def model(name: str, number: int, **attributes: Any) -> Bundle:
    """Return a model of Bokeh."""
    return {"type": "object", "name": name, "id": f"p{number}", "attributes": attributes}


PLOT = model(
    "Figure", 1, width=400, height=260,
    x_range=model("DataRange1d", 2), y_range=model("DataRange1d", 3),
    x_scale=model("LinearScale", 4), y_scale=model("LinearScale", 5),
    title=model("Title", 6, text="A line"),
    renderers=[model("GlyphRenderer", 7,
        data_source=model("ColumnDataSource", 8, data={"type": "map", "entries": [["x", [1, 2, 3]], ["y", [3, 1, 2]]]}),
        view=model("CDSView", 9, filter=model("AllIndices", 10)),
        glyph=model("Line", 11, x={"type": "field", "field": "x"}, y={"type": "field", "field": "y"}))],
    below=[model("LinearAxis", 12, ticker=model("BasicTicker", 13), formatter=model("BasicTickFormatter", 14))],
    left=[model("LinearAxis", 15, ticker=model("BasicTicker", 16), formatter=model("BasicTickFormatter", 17))],
)  # fmt: skip
COLUMN = model("Column", 20, children=[model("Slider", 21, start=0, end=9, value=3, title="n"), PLOT])  # fmt: skip


#: As Bokeh has it, where its scripts are left at another host.
LOAD = (
    'const one = document.createElement("script"); '
    'one.src = "https://cdn.bokeh.org/bokeh/release/bokeh-3.9.2.min.js"; document.head.append(one);'
)


def bokeh(root: Bundle) -> tuple[Bundle, ...]:
    """Return what Bokeh puts out for `show`: what loads it, a place, and a script."""
    document = {"6f": {"version": "3.9.2", "title": "", "roots": [root]}}
    script = (
        "(function(root) {\n  function embed_document(root) {\n"
        f"  const docs_json = {json.dumps(document)};\n  const render_items = [];\n  }}\n}})(window);"
    )
    place = f'<div id="0f" data-root-id="{root["id"]}" style="display: contents;"></div>'
    return (
        shown(text_html='<a class="bk-notebook-logo"></a> Loading BokehJS ...'),
        of("application/javascript", LOAD, "") | {"data": {"application/javascript": LOAD, "application/vnd.bokehjs_load.v0+json": LOAD}},
        shown(text_html=place),
        of("application/javascript", script, "") | {"metadata": {"application/vnd.bokehjs_exec.v0+json": {"id": root["id"]}}}
        | {"data": {"application/javascript": script, "application/vnd.bokehjs_exec.v0+json": ""}},
    )  # fmt: skip


NOTEBOOKS: dict[str, Kind] = {
    # --- pictures
    "png": Kind(outputs=(shown(image_png=png(), text_plain="<Figure size 640x480 with 1 Axes>"),), looks=("<img",)),
    "png-retina": Kind(outputs=({**shown(image_png=png()), "metadata": {"image/png": {"width": 80, "height": 30}}},), looks=('width="80" height="30"',)),
    "jpeg": Kind(outputs=(of("image/jpeg", picture("JPEG")),), looks=(".jpg",)),
    "webp": Kind(outputs=(of("image/webp", picture("WEBP")),), looks=(".webp",)),
    "avif": Kind(outputs=(of("image/avif", picture("AVIF")),), looks=(".avif",)),
    "gif": Kind(outputs=(of("image/gif", picture("GIF")),), looks=(".gif",)),
    "bmp": Kind(outputs=(of("image/bmp", picture("BMP")),), looks=(".bmp",)),
    "svg": Kind(outputs=(of("image/svg+xml", SVG),), looks=("nb-figure__image--dark",)),
    "svg-bare": Kind(outputs=(of("image/svg+xml", "<svg width='200' height='60'><rect width='200' height='60' fill='teal'/></svg>"),), looks=('width="200" height="60"',)),
    "svg-entities": Kind(outputs=(of("image/svg+xml", "<svg viewBox='0 0 200 60'><text y='30'>caf&eacute;&nbsp;&copy;</text></svg>"),), looks=('width="200" height="60"',)),
    "svg-no-xml": Kind(outputs=(of("image/svg+xml", "<svg width=200 height=60><circle cx=30 cy=30 r=20></svg>"),), looks=("<svg width=200",)),
    "two-pictures": Kind(outputs=(shown(image_png=png()), of("image/svg+xml", SVG)), looks=("(2 of 2)",)),
    "picture-and-text": Kind(outputs=(said("mean 3\n"), shown(image_png=png())), looks=("mean 3", "<img")),
    # --- interactive
    "plotly": Kind(outputs=(plot(LINE),), looks=("data-plotly=",)),
    "plotly-two": Kind(outputs=(plot(LINE), plot({"type": "bar", "y": [3, 1]})), looks=("nb-figure--part",)),
    "plotly-surface": Kind(outputs=(plot({"type": "surface", "z": [[1, 2, 1], [2, 4, 2], [1, 2, 1]]}),), looks=("data-bundle=",)),
    "plotly-sankey": Kind(outputs=(plot({"type": "sankey", "node": {"label": ["a", "b"]}, "link": {"source": [0], "target": [1], "value": [2]}}),), looks=("data-bundle=",)),
    "plotly-map": Kind(outputs=(plot({"type": "scattergeo", "lat": [0], "lon": [0]}),), looks=("<img",)),
    "plotly-frames": Kind(outputs=(plot(LINE, {"type": "bar", "y": [2, 1]}),), looks=("data-plotly=",)),
    "plotly-bare": Kind(outputs=(plot(LINE, still=False, height=260),), looks=("data-plotly=", "nb-notice")),
    "own-view": Kind(outputs=({**shown(image_svg__xml=SVG), "data": {"application/vnd.notebook-embed.view+json": {"view": "spinner", "data": {"word": "spun"}}, "image/svg+xml": SVG}},), looks=('data-view="spinner"', "<img")),
    # --- sound, film, documents
    "audio": Kind(outputs=(of("audio/wav", tone()),), looks=("<audio", "controls")),
    "audio-html": Kind(outputs=(shown(text_html=f'<audio controls="controls"><source src="data:audio/wav;base64,{tone()}" type="audio/wav"/></audio>', text_plain="<IPython.lib.display.Audio object>"),), looks=("<audio",)),
    "video": Kind(outputs=(of("video/webm", film()),), looks=("<video", "controls")),
    "pdf": Kind(outputs=(of("application/pdf", picture("PDF")),), looks=(".pdf",)),
    "iframe": Kind(outputs=(shown(text_html='<iframe width="300" height="80" src="about:blank" title="x"></iframe>', text_plain="<IFrame>"),), looks=("<iframe",)),
    # --- text
    "stdout": Kind(outputs=(said("one\ntwo\n"),), looks=("one\ntwo",)),
    "stderr": Kind(outputs=(said("beware\n", "stderr"),), looks=("nb-output--stderr",)),
    "both-streams": Kind(outputs=(said("out\n"), said("err\n", "stderr"), said("out again\n")), looks=("out again",)),
    "progress": Kind(outputs=(said(BAR + "\n", "stderr"),), looks=("100%|██████████| 10/10",)),
    "progress-nested": Kind(outputs=(said(f"outer 0\ninner 0{ESC}A\router 1\ninner 1\n"),), looks=("outer 1\ninner 1",)),
    "ansi": Kind(outputs=(said(f"{ESC}31mred{ESC}0m {ESC}1;44mbold on blue{ESC}0m {ESC}38;5;208morange{ESC}0m {ESC}7minverse{ESC}0m\n"),), looks=("ansi-red-fg", "ansi-blue-bg", "rgb(255, 135, 0)")),
    "long-text": Kind(outputs=(said("".join(f"epoch {n}\n" for n in range(500))),), looks=("nb-output--long",)),
    "wide-text": Kind(outputs=(said("x" * 400 + "\n"),), looks=("xxxx",)),
    "expression": Kind(outputs=(shown(text_plain="[1, 2, 3]"),), looks=("[1, 2, 3]",)),
    "numpy-scalar": Kind(outputs=(shown(text_plain="np.float64(2.5)"),), looks=("2.5",)),
    "angle-brackets": Kind(outputs=(said("<b>not bold</b> &amp;\n"),), looks=("&lt;b&gt;not bold&lt;/b&gt; &amp;amp;",)),
    "unicode": Kind(outputs=(said("größe 数 🙂 \u200bzero\n"),), looks=("größe 数 🙂",)),
    "mapping": Kind(outputs=(of("application/vnd.notebook-embed.values+json", {"entries": [{"keys": ["small", "mean"], "type": "text/plain", "text": "0.5"}, {"keys": ["bold"], "type": "text/markdown", "text": "**b**"}]}, "{...}"),), looks=("small.mean", "<strong>b</strong>")),
    "json": Kind(outputs=(of("application/json", {"a": [1, {"b": None}]}),), looks=("null",)),
    "error-alternative": Kind(outputs=(shown(text_html="", text_plain="<IPython.core.display.HTML object>"),), embeds=False),
    # --- tables and HTML
    "pandas": Kind(outputs=(shown(text_html=FRAME, text_plain="   city"),), looks=("128928",)),
    "pandas-styler": Kind(outputs=(shown(text_html=STYLED, text_plain="<Styler>"),), looks=('id="T_ab_row0_col0"', "#T_ab_row0_col0")),
    "r-table": Kind(outputs=(shown(text_html="<table><tr><th>x</th></tr><tr><td>1</td></tr></table>", text_latex="\\begin{tabular}{l}\nx\\\\\n1\\\\\n\\end{tabular}", text_markdown=TABLE, text_plain="  x"),), looks=("<th>x</th>",)),
    "html-unclosed": Kind(outputs=(shown(text_html="<div><b>open<ul><li>a<li>b"),), looks=("<b>open",)),
    "html-document": Kind(outputs=(shown(text_html="<!DOCTYPE html><html><body><p>whole</p></body></html>"),), looks=("<p>whole</p>",)),
    "html-script": Kind(outputs=(shown(text_html="<p id='t'>before</p><script>1 < 2</script>"),), looks=("before",)),
    "html-details": Kind(outputs=(shown(text_html="<details><summary>more</summary>inside</details>"),), looks=("<summary>more</summary>",)),
    # --- mathematics
    "sympy": Kind(outputs=(shown(text_latex="$\\displaystyle x^{2}$", image_png=png(), text_plain="x**2"),), looks=("x^{2}",)),
    "latex-align": Kind(outputs=(shown(text_latex="\\begin{align}a &= b\\\\ c &= d\\end{align}", text_plain="<Latex>"),), looks=("a &amp;= b",)),
    "latex-mixed": Kind(outputs=(shown(text_latex="The root $x$ and $$y$$ of it", text_plain="<Latex>"),), looks=("The root", "displaystyle y")),
    # --- Markdown as output
    "markdown": Kind(outputs=(shown(text_markdown="**bold**\n- a\n  - b\n\n" + TABLE, text_plain="<Markdown>"),), looks=("<strong>bold</strong>", "<td")),
    "markdown-link": Kind(outputs=(shown(text_markdown="[data](data.csv)", text_plain="<Markdown>"),), looks=('href="../notebooks/data.csv"',)),
    # --- Markdown cells
    "lists": Kind(markdown=("Text:\n- a\n  - b\n    1. c\n  \n  para\n- d", "1. one", "- bullet"), embeds=False, looks=("<li>b", "<ol>")),
    "tables": Kind(markdown=(f"Above:\n{TABLE}",), embeds=False, looks=("<td", "left")),
    "alerts": Kind(markdown=('<div class="alert alert-info">\n\n**Note:** use `x` here.\n\n</div>', "<div class=\"alert\">raw `x` and more</div>"), embeds=False, looks=("<strong>Note:</strong>", "raw `x` and more")),
    "open-heading": Kind(markdown=("<h2>Open", "After."), embeds=False, looks=("<p>After.</p>",)),
    "open-emphasis": Kind(markdown=("*open", "closed* <b>x"), embeds=False, looks=("<p>*open</p>",)),
    "references": Kind(markdown=("[a] and [^1].\n\n[a]: https://example.org/\n[^1]: Foot.", "Again [a]."), embeds=False, looks=("https://example.org/", "Foot.")),
    "attachment": Kind(markdown=("![pasted](attachment:image.png)",), attachments={"image.png": {"image/png": png(40, 20)}}, embeds=False, looks=(".attached.",)),
    "relative-files": Kind(markdown=('[csv](data.csv) <img src="pic.svg" alt="p">',), embeds=False, looks=("notebooks/data.csv", "notebooks/pic.svg")),
    "formulas": Kind(markdown=("Inline $a_i$ and\n\n$$\n\\sum_i a_i\n+ b\n- c\n$$",), embeds=False, looks=("a_i",)),
    "code-in-markdown": Kind(markdown=("```python\nx = '<b>'\n```\n\n~~~\n# no title\n~~~",), embeds=False, looks=("&lt;b&gt;",)),
    "two-titles": Kind(markdown=("# First\n\n## a", "# Second\n\n## b"), embeds=False, looks=("Second",)),
    "html-comment": Kind(markdown=("a <!-- hidden --> b", "<!-- open"), embeds=False, looks=("a ", " b")),
    # --- widgets, by their stored state
    "widget-tqdm": Kind(outputs=(widget("bar"),), looks=("100%", "<progress value=", "10/10")),
    "widget-slider": Kind(outputs=(widget("slider"),), looks=("<span>Size</span> <span>3</span>",)),
    "widget-choice": Kind(outputs=(widget("choice"),), looks=("second",)),
    "widget-output": Kind(outputs=(widget("out"),), looks=("<pre>printed</pre>",)),
    "widget-controls": Kind(outputs=(widget("tab"),), looks=('data-view="nb-widgets"', "<span>Even</span> <span>4</span>")),
    "widget-icons": Kind(outputs=(widget("buttons"),), looks=('data-view="nb-widgets"',)),
    "widget-foreign": Kind(outputs=(widget("map"),), looks=("LeafletMap, a control of jupyter-leaflet, is not shown here.",)),
    "widget-lost": Kind(outputs=(widget("gone"),), looks=("Its state is not stored",)),
    # --- charts of others
    "vega-lite": Kind(outputs=(of("application/vnd.vegalite.v6+json", BARS, "alt.Chart(...)"),), looks=('data-view="nb-vega"', "<img")),
    "vega": Kind(outputs=(of("application/vnd.vega.v5+json", WORD, "<Vega>"),), looks=('data-view="nb-vega"', "<img")),
    "altair-html": Kind(outputs=(shown(text_html=altair_html(BARS), text_plain="alt.Chart(...)"),), looks=('data-view="nb-vega"',)),
    "vega-csv": Kind(outputs=(of("application/vnd.vegalite.v6+json", {**BARS, "data": {"values": "a,b\nx,2\ny,3", "format": {"type": "csv"}}}, "alt.Chart(...)"),), looks=('data-view="nb-vega"', "<img")),
    "vega-fetching": Kind(outputs=({**shown(image_png=png()), "data": {"application/vnd.vegalite.v6+json": {**BARS, "data": {"url": "https://elsewhere.example/x.csv"}}, "image/png": png()}},), looks=("<img",)),
    "bokeh": Kind(outputs=bokeh(PLOT), looks=('data-view="nb-bokeh"', "min-height: 260px")),
    "bokeh-widgets": Kind(outputs=bokeh(COLUMN), looks=('data-view="nb-bokeh"',)),
    # --- what is said not to be shown
    "javascript": Kind(outputs=(of("application/javascript", "alert(1)"),), looks=("application/javascript",)),
    "geojson": Kind(outputs=(of("application/geo+json", {"type": "Point"}),), looks=("application/geo+json",)),
    "unknown-with-text": Kind(outputs=(of("application/x-new", "?", text="a word"),), looks=("a word",)),
    "unknown-with-picture": Kind(outputs=({**shown(image_png=png(), text_plain="<X object>"), "metadata": {}},), looks=("<img",)),
    "nothing": Kind(outputs=(), embeds=False),
}  # fmt: skip


#: Draws the view of "own-view", as large as its picture.
SPINNER = """window.notebookEmbed.register("spinner", (box, data) => {
  const word = document.createElement("p");
  word.className = "spinner";
  word.style.cssText = "width: 200px; height: 60px; margin: 0 auto; background: var(--nb-paper); color: var(--nb-ink)";
  word.textContent = data.word;
  box.append(word);
});
"""


def control(kind: str, **state: Any) -> Bundle:
    """Return the stored state of one of Jupyter's own widgets."""
    module = {"module": "@jupyter-widgets/controls", "module_version": "2.0.0"}
    drawn = (
        {}
        if kind == "Link"
        else {f"_view_{key}": value for key, value in {**module, "name": f"{kind}View"}.items()}
    )
    own = {f"_model_{key}": value for key, value in {**module, "name": f"{kind}Model"}.items()}
    return {
        **{f"model_{key}": value for key, value in {**module, "name": f"{kind}Model"}.items()},
        "state": {**own, **drawn, **state},
    }  # fmt: skip


STATE: Bundle = {
    "bar": {"model_name": "HBoxModel", "state": {"children": ["IPY_MODEL_a", "IPY_MODEL_b", "IPY_MODEL_c"]}},
    "a": {"model_name": "HTMLModel", "state": {"value": "100%"}},
    "b": {"model_name": "FloatProgressModel", "state": {"value": 10.0, "max": 10.0}},
    "c": {"model_name": "HTMLModel", "state": {"value": " 10/10 [00:00&lt;00:00]"}},
    "slider": {"model_name": "IntSliderModel", "state": {"value": 3, "description": "Size"}},
    "map": {"model_name": "LeafletMapModel", "model_module": "jupyter-leaflet", "state": {"center": [0, 0]}},
    "choice": {"model_name": "DropdownModel", "state": {"_options_labels": ["first", "second"], "index": 1}},
    "buttons": control("VBox", children=["IPY_MODEL_press", "IPY_MODEL_bell"]),
    "press": control("Button", description="Press", icon="check"),
    "bell": control("Button", description="Ring", icon="bell-o"),
    "tab": control("Tab", children=["IPY_MODEL_box", "IPY_MODEL_pick"], titles=["One", "Two"], selected_index=0),
    "box": control("VBox", children=["IPY_MODEL_first", "IPY_MODEL_same"]),
    "pick": control("Dropdown", _options_labels=["x", "y"], index=0, description="Choose"),
    "first": control("IntSlider", value=4, min=0, max=9, description="Even"),
    "same": control("IntText", value=4, description="Same"),
    "link": control("Link", source=["IPY_MODEL_first", "value"], target=["IPY_MODEL_same", "value"]),
    "out": {"model_name": "OutputModel", "state": {"outputs": [said("printed")]}},
}  # fmt: skip
WIDGETS = {"application/vnd.jupyter.widget-state+json": {"version_major": 2, "version_minor": 0, "state": STATE}}  # fmt: skip


def write(folder: Path) -> None:
    """Write all notebooks, and the files beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.csv").write_text("a\n1\n")
    (folder / "pic.svg").write_text(SVG)
    (folder / "spinner.js").write_text(SPINNER)
    for name, kind in NOTEBOOKS.items():
        cells = [nbformat.v4.new_markdown_cell(f"# {name.replace('-', ' ').capitalize()}", id="t")]
        for number, text in enumerate(kind.markdown):
            cell = nbformat.v4.new_markdown_cell(text, id=f"m{number}")
            if kind.attachments:
                cell["attachments"] = kind.attachments
            cells.append(cell)
        code = nbformat.v4.new_code_cell(f"#| label: shown\n{kind.code}", id="c", execution_count=1)
        code.outputs = [nbformat.from_dict(output) for output in kind.outputs]
        cells.append(code)
        node = nbformat.v4.new_notebook(cells=cells, metadata={"widgets": WIDGETS})
        (folder / f"{name}.ipynb").write_text(nbformat.writes(node), "utf-8")
