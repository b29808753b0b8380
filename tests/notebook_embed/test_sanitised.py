"""With the option `sanitise` nothing that a notebook brings can run."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from html.parser import HTMLParser

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown import Markdown, markdown
from pymdownx.arithmatex import ArithmatexExtension

from notebook_embed.errors import EmbedError
from notebook_embed.markdown_extension import NotebookEmbedExtension
from notebook_embed.outputs import attachments_of, render_outputs
from notebook_embed.sanitised import harmless_svg, without_tags
from tests.support.fuzz import many
from tests.support.given_outputs import PNG, SVG, Docs, display

VECTORS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//e.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<img src='x' OnLoad='alert(1)'>",
    '<svg onload="alert(1)"><script>alert(1)</script></svg>',
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
    '<math><mtext><table><mglyph><style><img src=x onerror="alert(1)">',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="java\tscript:alert(1)">x</a>',
    '<a href=" &#106;avascript:alert(1)">x</a>',
    '<a href="vbscript:x">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<iframe src="javascript:alert(1)"></iframe>',
    '<object data="javascript:alert(1)"></object>',
    '<embed src="javascript:alert(1)">',
    '<form action="javascript:alert(1)"><button formaction="javascript:alert(1)">x</button></form>',
    '<meta http-equiv="refresh" content="0;url=javascript:alert(1)">',
    '<base href="//e.example/">',
    '<link rel="stylesheet" href="//e.example/x.css">',
    "<style>@import '//e.example/x.css';</style>",
    '<p style="background:url(//e.example/x)">x</p>',
    '<details open ontoggle="alert(1)">x</details>',
    '<video><source onerror="alert(1)"></video>',
    '<b onmouseover="alert(1)"><!--</b><script>alert(1)</script>-->x</b>',
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<template><script>alert(1)</script></template>",
    '<input autofocus onfocus="alert(1)">',
    "<x onclick=alert(1)>x</x>",
    "<div/onclick=alert(1)>x</div>",
]  # fmt: skip
MARKDOWN = [
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "![x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    'a *b*{ onclick="alert(1)" }',
    "[x]: javascript:alert(1)\n[x]",
]
BAD_TAGS = {"script", "iframe", "object", "embed", "form", "meta", "base", "link", "style", "template", "input", "svg", "math"}  # fmt: skip


class Look(HTMLParser):
    """Collects what could run in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BAD_TAGS:
            self.found.append(tag)
        for name, value in attrs:
            plain = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or name in ("srcdoc", "formaction"):
                self.found.append(name)
            if re.match(r"javascript:|vbscript:|data:text", plain) or "url(" in plain:
                self.found.append(f"{name}={value}")


def dangers(html: str) -> list[str]:
    look = Look()
    look.feed(html)
    look.close()
    return look.found


def shown(
    docs: Docs, *, html: str = "", cell: str = "", markdown: str = "", sanitise: bool = True
) -> str:
    lines = "".join(f"# {line}\n" for line in (cell or "t").split("\n"))
    outputs = [display(text_html=html or "<b>kept</b>"), display(text_markdown=markdown or "*k*")]
    docs.notebook(f"# %% [markdown]\n{lines}\n# %%\n#| label: a\nx\n", {"a": outputs})
    return docs.convert("![](../nb/x.py)\n\n![](../nb/x.py#a)", sanitise=sanitise)


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_of_an_output_or_a_cell_can_run(docs: Docs, vector: str) -> None:
    assert dangers(f"{vector}") or "<!--" in vector or "xlink" in vector or "<noscript" in vector
    assert dangers(shown(docs, html=vector)) == []
    assert dangers(shown(docs, cell=vector, markdown=vector)) == []


@pytest.mark.parametrize("text", MARKDOWN)
def test_nothing_of_markdown_can_run(docs: Docs, text: str) -> None:
    assert dangers(shown(docs, cell=text, markdown=text, sanitise=False))
    assert dangers(shown(docs, cell=text, markdown=text)) == []


def test_what_is_harmless_stays(docs: Docs) -> None:
    table = '<table class="dataframe" border="1"><tr><td colspan="2" style="color: red">1</td></tr></table>'
    html = shown(
        docs,
        html=f'{table}<details open><summary>s</summary>d</details><img src="data:image/png;base64,AA==" alt="i">',
    )
    assert html.count('<td colspan="2" style="color: red">1</td>') == 2
    assert html.count("<summary>s</summary>") == 2
    assert html.count('src="data:image/png;base64,AA=="') == 2
    text = shown(docs, cell="**b** <i>x</i> [a](y.md)\n\n```\n<b>\n```\n")
    assert "<strong>b</strong> &lt;i&gt;x&lt;/i&gt;" in text
    assert 'href="../nb/y.md"' in text


PIECES = st.sampled_from(
    ["<", ">", "script", "img", " src=", " onerror=", "javascript:", "'", '"', "/", "svg", "<!--", "-->", "=", "a", " href=", "&#106;", "\t", "math", "style", "iframe", "x", "\n\n", "](", "[", ")"]
)  # fmt: skip
#: An attack, and anything around it: of single pieces side by side next to none is one.
ATTACKS = st.builds(
    "<{} {}>".format,
    st.sampled_from(["script", "img", "svg", "a", "iframe", "math", "p"]),
    st.sampled_from(["onerror=x", "href=javascript:x", "src='javascript:x'", "srcdoc=x"]),
)
AROUND = st.lists(st.one_of(PIECES, ATTACKS), max_size=8).map("".join)
TEXTS = st.builds("{}{}{}".format, AROUND, ATTACKS, AROUND)


@settings(deadline=None, max_examples=many(60))
@given(text=TEXTS)
def test_no_text_at_random_can_run(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    docs = Docs(tmp_path_factory.getbasetemp() / "sanitised")
    assert dangers(shown(docs, html=text, cell=text, markdown=text)) == []


@pytest.mark.parametrize("vector", [*VECTORS, *MARKDOWN])
def test_nothing_of_a_caption_or_a_value_in_a_sentence_can_run(docs: Docs, vector: str) -> None:
    caption = json.dumps(vector)
    docs.notebook(
        f"# %%\n#| label: a\n#| fig-cap: {caption}\n#| tbl-cap: {caption}\nx\n\n# %%\n#| label: b\ny\n",
        {"a": [display(image_png=PNG)], "b": [display(text_markdown=vector)]},
    )
    pages = ["![](../nb/x.py)", "![p](../nb/x.py#a)"]
    assert dangers(docs.convert("\n\n".join(pages), sanitise=True)) == []
    with suppress(EmbedError):  # it is more than a sentence holds
        assert dangers(docs.convert("A ![](../nb/x.py#b) b.", sanitise=True)) == []


def test_a_caption_keeps_its_marks_and_that_of_a_page_its_html(docs: Docs) -> None:
    docs.notebook(
        '# %%\n#| label: a\n#| fig-cap: "*A* [b](c.md) <i>"\nx\n', {"a": [display(image_png=PNG)]}
    )
    caption = '<span><em>A</em> <a href="../nb/c.md">b</a> &lt;i&gt;</span>'
    assert caption in docs.convert("![p](../nb/x.py#a)", sanitise=True)
    assert "<i>own</i>" in docs.convert('![p](../nb/x.py#a "<i>own</i>")', sanitise=True)


@pytest.mark.parametrize("generic", [True, False])
@pytest.mark.parametrize(
    "latex",
    [
        "hello\n<script>alert(1)</script>\n",
        "\\begin{align}x\n<script>alert(1)</script>\n\\end{align}",
        "\\begin{align}x$$\n\n<img src=x onerror=alert(1)>\n\n$$\\end{align}",
        "$x$ and\n\n<script>alert(1)</script>",
    ],
)
def test_nothing_of_a_formula_can_run(docs: Docs, latex: str, generic: bool) -> None:
    docs.notebook("# %%\n#| label: a\nx\n", {"a": [display(text_latex=latex)]})
    formulas = ArithmatexExtension(generic=generic)
    docs.cells.make = lambda: Markdown(extensions=["extra", formulas])
    extension = NotebookEmbedExtension(
        library=docs.library, page="posts/page.md", cells=docs.cells, sanitise=True
    )
    docs.write("posts/page.md", "![](../nb/x.py)")
    page = markdown("![](../nb/x.py)", extensions=[formulas, extension])
    assert "alert" in page
    found = dangers(page.replace('<script type="math/tex; mode=display">', ""))
    assert [one for one in found if generic or one != "script"] == []


@pytest.mark.parametrize("generic", [True, False])
def test_a_formula_in_a_sentence_stays(docs: Docs, generic: bool) -> None:
    docs.notebook("# %%\n#| label: a\nx\n", {"a": [display(text_latex="$x^2$")]})
    formulas = ArithmatexExtension(generic=generic)
    docs.cells.make = lambda: Markdown(extensions=["extra", formulas])
    extension = NotebookEmbedExtension(
        library=docs.library, page="posts/page.md", cells=docs.cells, sanitise=True
    )
    text = "It is ![](../nb/x.py#a)."
    docs.write("posts/page.md", text)
    assert "x^2" in markdown(text, extensions=[formulas, extension])


RUNS = [
    '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    '<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:script>alert(1)</s:script></s:svg>',
    '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    '<svg xmlns="http://www.w3.org/2000/svg"><a href="java&#10;script:alert(1)"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><set attributeName="href" to="javascript:a"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><a href="data:text/html,x"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><a href="data:image/svg+xml,x"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><set attributeName="href" to="data:text/html,x"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><animate values="#a; data:image/svg+xml,x"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="x"/></foreignObject></svg>',
    '<?xml-stylesheet type="text/xsl" href="x"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    '<!DOCTYPE svg [<!ENTITY x "<script/>">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><b></svg>',
]  # fmt: skip


@pytest.mark.parametrize("svg", RUNS)
def test_no_drawing_that_runs_for_whoever_opens_it_is_published(docs: Docs, svg: str) -> None:
    assert not harmless_svg(svg)
    docs.notebook("# %%\n#| label: a\nx\n", {})
    notebook = docs.library.notebooks["nb/x.py"]
    for forms in ({"image/svg+xml": svg}, {"image/svg+xml": svg, "image/png": PNG}):
        output = {"output_type": "display_data", "data": forms, "metadata": {}}
        with suppress(EmbedError):  # one with a prefix is no SVG that a page knows
            outputs, files = render_outputs(
                notebook, notebook.cells[0], [output], folder="f", dark={}, trusted=False
            )
            assert not [uri for uri in files if uri.endswith(".svg")]
            assert len(outputs) == 1


def test_a_harmless_drawing_is_published(docs: Docs) -> None:
    drawing = (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink" width="9" '
        'height="9"><style>a{}</style><image l:href="data:image/png;base64,AA=="/><use l:href="#a"/>'
        '<text aria-label="data: 3" id="m:1">x</text></svg>'
    )
    assert harmless_svg(drawing)
    assert harmless_svg(SVG)
    image = "data:image/svg+xml;base64,PHN2Zy8+"
    assert harmless_svg(drawing.replace("<text", f'<image l:href="{image}"/><text', 1))
    assert harmless_svg(drawing.replace("data: 3", "x: 1; data: 3"))


def test_of_what_is_attached_only_pictures_are_published(
    docs: Docs, caplog: pytest.LogCaptureFixture
) -> None:
    attached = {
        "report.html": {"text/html": "<script>alert(1)</script>"},
        "page.html": {"application/octet-stream": "PGI+"},
        "runs.svg": {"image/svg+xml": RUNS[0]},
        "still.svg": {"image/svg+xml": SVG},
        "still.png": {"image/png": PNG},
    }
    words = " ".join(f"[x](attachment:{name})" for name in attached)
    cell = nbformat.v4.new_markdown_cell(words, attachments=attached)
    docs.notebook(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])), {}, "nb/x.ipynb")
    notebook = docs.library.notebooks["nb/x.ipynb"]
    found, files = attachments_of(notebook, folder="f", trusted=False)
    assert sorted(uri.rpartition(".")[2] for uri in files) == ["png", "svg"]
    assert len(attachments_of(notebook, folder="f")[1]) == len(attached)
    docs.library.attachments.update(found)
    page = docs.convert("![](../nb/x.ipynb)", sanitise=True)
    assert page.count("attached.") == page.count(' href="') == 2
    assert caplog.text.count("is kept out") == 3
    assert "has no attachment" not in caplog.text


@pytest.mark.parametrize(
    ("mime", "suffix"),
    [("video/html", "video"), ("audio/x-svg+xml", "audio"), ("video/mp4", "mp4"), ("audio/x-wav", "wav")],
)  # fmt: skip
def test_no_recording_is_served_as_a_page(docs: Docs, mime: str, suffix: str) -> None:
    docs.notebook("# %%\n#| label: a\nx\n", {})
    notebook = docs.library.notebooks["nb/x.py"]
    output = {"output_type": "display_data", "data": {mime: "PGI+"}, "metadata": {}}
    made = render_outputs(notebook, notebook.cells[0], [output], folder="f", dark={})
    assert [uri.rpartition(".")[2] for uri in made[1]] == [suffix]


def test_no_title_begins_a_tag() -> None:
    assert without_tags("</title><script>x</script> 1 < 2 <!-- <b>") == (
        "/title>script>x/script> 1 < 2 !-- b>"
    )
