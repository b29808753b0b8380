"""Feeds get what a page shows, not how it was written."""

from __future__ import annotations

import markdown
from hypothesis import given
from hypothesis import strategies as st

from notebook_embed.feeds import abstract, names_notebooks

URL = "https://a.example/posts/x.html"
HTML = (
    '<h1 id="t">T<a class="headerlink" href="#t">&para;</a></h1>\n<p>It is <span class="nb-value">7</span>, <a href="../nb/x.html">here</a>.</p>\n\n'
    '<figure><img src="../figures/x.svg" srcset="a.svg, b.svg 2x" alt="A *bar*"></figure>\n<!-- more -->\n<p>Rest</p>'
)


def test_an_excerpt_is_whole_and_its_addresses_lead_anywhere() -> None:
    text = abstract(HTML, "<!-- more -->", URL)
    shown = markdown.markdown(text[: text.find("<!-- more -->")], output_format="html")
    assert '<a href="https://a.example/nb/x.html">here</a>' in shown
    assert '<img src="https://a.example/figures/x.svg" ' in shown
    assert 'srcset="https://a.example/posts/a.svg, https://a.example/posts/b.svg 2x"' in shown
    assert '<span class="nb-value">7</span>' in shown
    assert "Rest" not in shown
    assert "&para;" not in shown


def test_what_is_no_address_stays_in_an_excerpt() -> None:
    text = abstract('<a href="//[x">a</a><!-- more -->', "<!-- more -->", URL)
    assert '<a href="//[x">a</a>' in text


@given(st.integers(1, 200))
def test_text_may_be_cut_anywhere(length: int) -> None:
    text = abstract(HTML, "<!-- fold -->", URL)
    shown = markdown.markdown(text[:length])
    assert shown.replace("</p>", "").replace("<p>", "").count("<") == 0
    assert text.startswith("T It is 7 , here")


@given(st.text(max_size=40))
def test_any_text_stays_text(words: str) -> None:
    html = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = abstract(f"<p>a {html}</p>", "", URL)
    assert "<em>" not in markdown.markdown(text)
    assert "<img" not in markdown.markdown(text)


def test_pages_that_name_no_notebook_are_left_alone() -> None:
    assert names_notebooks("![](../nb/x.py#v)")
    assert names_notebooks("[l](<x.ipynb>)")
    assert not names_notebooks("`x.py` and <!-- x.py -->\n\n```\nx.py\n```\n[p](p.png)")
