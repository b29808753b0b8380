"""With the option `sanitise` nothing that a notebook brings can run."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fuzz import many
from tests.support.given_outputs import Docs, display

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
