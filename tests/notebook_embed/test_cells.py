"""Markdown of notebooks: cell by cell, apart from the page, with addresses that hold."""

from __future__ import annotations

import base64
import json
import re
from html import escape, unescape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown import Markdown

from notebook_embed.cells import CellMarkdown, definitions_for
from notebook_embed.commonmark import as_python_markdown
from notebook_embed.errors import EmbedError
from notebook_embed.fragments import candidates, readdressed
from notebook_embed.outputs import attachments_of
from tests.support.given_outputs import PNG, SVG, Docs, display, mapping


def notebook(
    docs: Docs, *cells: str, uri: str = "nb/deep/x.py", outputs: dict | None = None
) -> str:
    """Write a notebook of Markdown cells and one of code; return its embed in a post."""
    text = "".join(
        "# %% [markdown]\n" + "".join(f"# {line}\n" for line in cell.split("\n")) + "\n"
        for cell in cells
    )
    docs.notebook(f"{text}# %%\n#| label: code\nx = 1\n", outputs or {}, uri)
    return f"![](../{uri})"


def test_what_a_cell_leaves_open_ends_with_it(docs: Docs) -> None:
    html = docs.convert(
        notebook(docs, "# T", "<h2>Open", "<div class='a'>text `x", "- a\n- b", "1. one", "- bullet", "</div></section>", "<b>bold", "<!-- open", "Last.") + "\n\nAfter."
    )  # fmt: skip
    assert html.index("</h3>") < html.index('class="a"')
    assert '<div class="a">text `x' in html
    assert re.search(r"<ol>\s*<li>one</li>\s*</ol>\s*<ul>\s*<li>bullet</li>\s*</ul>", html)
    assert "<b>bold</b>" in html
    assert "<p>Last.</p>" in html
    assert html.endswith("<p>After.</p>")
    for tag in ("div", "section", "p", "b", "ul", "ol"):
        assert len(re.findall(rf"<{tag}[\s>]", html)) == html.count(f"</{tag}>"), tag


def test_names_of_a_notebook_and_of_its_page_are_two_worlds(docs: Docs) -> None:
    embed = notebook(
        docs,
        "Ours [a] and[^1] `[b]`.\n\n[a]: https://nb.example/\n[^1]: Note of the notebook.",
        "Again [a] and[^2] and[^1].\n\n[^2]: Second.",
    )
    html = docs.convert(
        f"Page [a], [b] and[^1].\n\n{embed}\n\n[a]: https://page.example/\n[b]: b.md\n[^1]: Note of the page.\n"
    )
    assert re.findall(r'<a href="(https:[^"]+)">a</a>', html) == [
        "https://page.example/",
        "https://nb.example/",
        "https://nb.example/",
    ]
    assert "<code>[b]</code>" in html
    assert html.count("Note of the page.") == 1
    assert html.count("Note of the notebook.") == 2, "each cell prints what it names"
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


def test_a_cell_is_given_the_definitions_that_it_names(docs: Docs) -> None:
    cells = (
        "See [the\nPaper] and[^n], TLA.",
        "> quoted [two\n> words]",
        "Nothing.",
        "[the paper]: https://a.example/\n[two words]: https://b.example/\n"
        "[of a note]: https://c.example/\n\n[^n]: As [of a note] says.\n\n*[TLA]: Three letters",
    )
    html = docs.convert(notebook(docs, *cells))
    assert re.findall(r'<a href="https://(.)\.', html) == ["a", "c", "b"]
    read = docs.library.notebooks["nb/deep/x.py"]
    given = [definitions_for(read, cell.index, cell.source) for cell in read.cells[:3]]
    assert [text.count("]:") for text in given] == [4, 1, 0]


def test_a_note_is_printed_by_the_cells_that_ask_for_it(docs: Docs) -> None:
    notes = "[^a]: First, see[^b].\n\n    Goes on.\n\n[^b]: Second.\n\n[^c]: Third."
    html = docs.convert(notebook(docs, "Text[^c].", f"Own[^c].\n\n{notes}\n\nLast.", notes))
    assert html.count("Third.") == 2
    assert "First" not in html
    assert "Second" not in html
    assert html.index("Own") < html.index("Last.")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


def test_lists_tables_and_html_are_those_of_notebooks(docs: Docs) -> None:
    embed = notebook(
        docs,
        "Text:\n- a\n  - b\n    - c\n\n  para\n- d",
        "Right below:\n| h | i |\n|---|---|\n| 1 | 2 |",
        '<div class="alert">\n\n**bold** `code`\n\n</div>',
        "3) three\n4) four",
        "1. x\n   ```python\n   y = 1\n   ```",
    )
    html = docs.convert(embed)
    assert len(re.findall(r"<ul>", html)) == 3
    assert re.search(r"<p>para</p>\s*</li>\s*<li>\s*<p>d</p>", html)
    assert "<th>h</th>" in html
    assert re.search(r'<div class="alert">\s*<p><strong>bold</strong> <code>code</code></p>', html)
    assert '<ol start="3">' in html
    assert re.search(r"<li>x\s*<div class=\"highlight\">", html)


BOLD = "<p><strong>b</strong></p>"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<details><summary>s</summary>\n\n**b**\n\n</details>", f"<details>|<summary>s</summary>|{BOLD}|</details>"),
        ("<details>\n<summary>s</summary>\n\n**b**\n\n</details>", f"<details>|<summary>s</summary>|{BOLD}|</details>"),
        ("<details open>\n  <summary>s</summary>\n\n**b**\n</details>\n\n*i*", f'<details open="">|<summary>s</summary>|{BOLD}|</details>|<p><em>i</em></p>'),
        ("<details\n  open><summary>s</summary>\n\n**b**\n\n</details>", f'<details open="">|<summary>s</summary>|{BOLD}|</details>'),
        ("<details><summary>s</summary>\n\n<details>\n<summary>t</summary>\n\n**b**\n\n</details>\n\n</details>", f"<details>|<summary>s</summary>|<details>|<summary>t</summary>|{BOLD}|</details>|</details>"),
        ("<table><tr><td>\n\n**b**\n\n</td><td>\n\n- b\n\n</td></tr></table>", f"<table>|<tr>|<td>|{BOLD}|</td>|<td>|<ul>|<li>b</li>|</ul>|</td>|</tr>|</table>"),
        ("text\n<div class='a'>\n\n**b**\n\n</div>", f'<p>text</p>|<div class="a">|{BOLD}|</div>'),
        ("- i\n\n  <details><summary>s</summary>\n\n  **b**\n\n  </details>\n- j", f"<li>|<p>i</p>|<details>|<summary>s</summary>|{BOLD}|</details>|</li>"),
        ("- <details><summary>s</summary>\n\n  **b**\n\n  </details>", f"<li>|<details>|<summary>s</summary>|{BOLD}|</details>|</li>"),
        ("<details><summary>s</summary>**b**</details>", "<summary>s</summary>**b**</details>"),
        ("<div>\n<pre>\na\n\n**b**\n</pre>\n\n**b**\n\n</div>", f"<pre>|a||**b**|</pre>|{BOLD}|</div>"),
        ("<div><!-- a\n\n**b** -->\n\n**b**\n\n</div>", f"**b** -->|{BOLD}|</div>"),
        ("<div><!-- a\n\n**b** -->\n\n**b** --> d\n\n</div>", "**b** -->|<p><strong>b</strong> --&gt; d</p>|</div>"),
        ("<div title='my markdown'>\n\n**b**\n\n</div>", f'<div title="my markdown">|{BOLD}|</div>'),
        ("<div markdown='block'>\n**b**\n\n</div>", f"<div>|{BOLD}|</div>"),
        ("```html\n<details>\n\n**b**\n```", "**b**"),
    ],
)  # fmt: skip
def test_what_empty_lines_set_apart_in_html_is_markdown(
    docs: Docs, written: str, shown: str
) -> None:
    commented = "\n".join(f"# {line}" for line in written.split("\n"))
    docs.notebook(
        f"# %% [markdown]\n{commented}\n\n# %%\n#| label: a\nx\n",
        {"a": [display(text_markdown=written)]},
    )
    html = docs.convert("![](../nb/x.py)")
    assert html.count(shown.replace("|", "\n")) == 2, html


def test_html_is_text_where_notebooks_are_of_others(docs: Docs) -> None:
    docs.notebook("# %%\n1\n", {}, "nb/x.py")
    book = docs.library.notebooks["nb/x.py"]
    written = "<details><summary>s</summary>\n\n**b**\n\n</details>"
    html = CellMarkdown().html(written, book, 1, sanitise=True)
    assert BOLD in html
    assert "<p>&lt;details&gt;&lt;summary&gt;s&lt;/summary&gt;</p>" in html


def test_formulas_with_signs_of_lists_stay() -> None:
    for text in (
        "$$\na\n+ b\n- c\n$$",
        "\\begin{align}\na\n- b\n\\end{align}",
        "a | b - c\n+1 text",
    ):
        assert as_python_markdown(text) == text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"Is $a_1*b_1*c$ *it*?", r"<p>Is $a_1*b_1*c$ <em>it</em>?</p>"),
        (r"$$a_1*b_1*c \\ d<e & f$$", r"<p>$$a_1*b_1*c \\ d&lt;e &amp; f$$</p>"),
        ("$$\na\n=\n- b \\\\ c\n# d\n$$\n*x*", "<p>$$\na\n=\n- b \\\\ c\n# d\n$$</p>\n<p><em>x</em></p>"),
        ("*x*\n$$\na_1*b*\n$$\n*y*", "<p><em>x</em>\n$$\na_1*b*\n$$\n<em>y</em></p>"),
        ("\\begin{align}\na_1*b* \\\\ c\n\\end{align}", "<p>\\begin{align}\na_1*b* \\\\ c\n\\end{align}</p>"),
        ("- $a_1*b*$\n- *c*", "$a_1*b*$</li>\n<li><em>c</em></li>"),
        ("# $a_1*b*$", "$a_1*b*$</h2>"),
        ("| a |\n|---|\n| $a_1*b*$ |", "<td>$a_1*b*$</td>"),
        ("[$a_1*b*$](y.md)", '">$a_1*b*$</a>'),
        ('$"a"$', '<p>$"a"$</p>'),
        ("`$a` *b* `c$`", "<code>$a</code> <em>b</em> <code>c$</code>"),
        ("```\n$a_1*b*$\n```", "$a_1*b*$"),
        ("    $$\n    a\n    $$", "<code>$$"),
        ("the units $`a_b`$ *are*", "<p>the units $<code>a_b</code>$ <em>are</em></p>"),
        ("US$`n`, that is *3*$", "<p>US$<code>n</code>, that is <em>3</em>$</p>"),
        (r"\$5 *and* \$6", r"<p>\$5 <em>and</em> \$6</p>"),
        ("For $5 *and* $6", "<p>For $5 <em>and</em> $6</p>"),
        ("$5–$6 *each*", "<p>$5–$6 <em>each</em></p>"),
    ],
)  # fmt: skip
def test_formulas_of_cells_stay_as_written_where_the_site_knows_none(
    docs: Docs, written: str, shown: str
) -> None:
    commented = "\n".join(f"# {line}" for line in written.split("\n"))
    text = f"# %% [markdown]\n{commented}\n\n# %%\n#| label: a\nx\n"
    docs.notebook(text, {"a": [display(text_markdown=written)]})
    html = docs.convert("![](../nb/x.py)")
    assert html.count(shown) == 2 - shown.endswith("</h2>"), html


def test_formulas_stay_as_written_where_ends_of_lines_count(docs: Docs) -> None:
    docs.notebook("# %% [markdown]\n# $$\n# x_1 + *y*\n# $$\n", {})
    docs.cells = CellMarkdown(lambda: Markdown(extensions=["nl2br"]))
    assert "<p>$$\nx_1 + *y*\n$$</p>" in docs.convert("![](../nb/x.py)")


def test_formulas_of_cells_are_left_to_who_knows_formulas(docs: Docs) -> None:
    docs.notebook("# %% [markdown]\n# $a_1*b*$\n#\n# $$\n# a_1*b*\n# $$\n", {})
    docs.cells = CellMarkdown(lambda: Markdown(extensions=["pymdownx.arithmatex"]))
    html = docs.convert("![](../nb/x.py)")
    assert html.count('class="arithmatex"') == 2
    assert html.count("a_1*b*") >= 2


TABLE = "| a | b |\n|---|---|\n"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (TABLE + "| $|x|$ | c |", "<td>$|x|$</td>\n<td>c</td>"),
        (TABLE + r"| $\|x\|$ | c |", "<td>$\\|x\\|$</td>\n<td>c</td>"),
        (TABLE + "| $$|x|$$ | c |", "|x|$</td>\n<td>c</td>"),
        (TABLE + "| $P(a|b)$ and $c|d$ | c |", "<td>$P(a|b)$ and $c|d$</td>\n<td>c</td>"),
        (TABLE + "| $5 | $6 |", "<td>$5</td>\n<td>$6</td>"),
        (TABLE + r"| `x\|y` | c \| d |", "<td><code>x|y</code></td>\n<td>c | d</td>"),
        (TABLE + "| `$` | `$` |", "<td><code>$</code></td>\n<td><code>$</code></td>"),
        ("text\n| $|x|$ | b |\n|---|---|\n| 1 | 2 |", "<p>text</p>\n<table>\n<thead>\n<tr>\n<th>$|x|$</th>\n<th>b</th>"),
    ],
)  # fmt: skip
def test_tables_have_the_cells_that_jupyter_shows(docs: Docs, written: str, shown: str) -> None:
    assert shown in docs.convert(notebook(docs, written))


def test_a_backslash_at_the_end_of_a_line_ends_it(docs: Docs) -> None:
    html = docs.convert(notebook(docs, "a\\\nb \\\\\nc `d\\\ne`"))
    assert re.search(r"<p>a<br ?/>\s*b \\\nc <code>d\\\ne</code></p>", html), html


@pytest.mark.parametrize(
    ("written", "address", "rest"),
    [
        ("See https://a.org/b_c_d.", "https://a.org/b_c_d", "."),
        ("(https://a.org/b_(c))", "https://a.org/b_(c)", ")"),
        ("*http://a.org/?b=1&amp;c=2*", "http://a.org/?b=1&amp;c=2", "</em>"),
    ],
)
def test_an_address_in_text_is_a_link(docs: Docs, written: str, address: str, rest: str) -> None:
    html = docs.convert(notebook(docs, written))
    assert f'<a href="{address}">{address}</a>{rest}' in html, html


@pytest.mark.parametrize(
    "written",
    [
        "[https://a.org](b)",
        "<a href='b'>see https://a.org</a>",
        "`https://a.org`",
        "<https://a.org>",
        "<span data-x='https://a.org'>x</span>",
        "![https://a.org](b.png)",
    ],
)
def test_an_address_that_is_a_link_already_is_none_again(docs: Docs, written: str) -> None:
    html = docs.convert(notebook(docs, written))
    assert html.count("<a ") == (0 if written[0] in "`!" or "span" in written else 1), html


@pytest.mark.parametrize("between", ["", "\n    para\n"])
@pytest.mark.parametrize("below", ["  ```python\n  x = 1\n  ```", "  # H", "  > q"])
def test_what_an_item_has_below_its_list_is_its_own(docs: Docs, between: str, below: str) -> None:
    from html5lib import parse

    html = docs.convert(notebook(docs, f"- a\n  - b\n{between}{below}\n- c"))
    tree = parse(f"<!doctype html><main>{html}</main>", namespaceHTMLElements=False)
    first, second = tree.findall(".//main/div/ul/li")
    assert "".join(second.itertext()).strip() == "c"
    names = [child.tag for child in first if child.tag != "p"]
    assert names[0] == "ul"
    assert len(names) == 2, html


SIMPLE = st.recursive(
    st.lists(st.sampled_from(["a", "b c", "*d*"]), min_size=1, max_size=3),
    lambda inner: st.lists(st.one_of(st.sampled_from(["e", "f"]), inner), min_size=1, max_size=3),
    max_leaves=6,
)


def written(items: list, indent: int, mark: str) -> list[str]:
    lines: list[str] = []
    for item in items:
        if isinstance(item, list):
            inner = indent + len(mark) + 1 if lines else indent
            lines += written(item, inner, mark)
        else:
            lines.append(f"{' ' * indent}{mark} {item}")
    return lines


@settings(deadline=None)
@given(SIMPLE, st.sampled_from(["-", "*", "+", "1.", "10.", "100.", "123456789)"]))
def test_lists_nest_as_commonmark_has_them(items: list, mark: str) -> None:
    from markdown_it import MarkdownIt

    text = "Words\n\n" + "\n".join(written(items, 0, mark))
    ours = Markdown(extensions=["sane_lists"]).convert(as_python_markdown(text))
    theirs = MarkdownIt("commonmark").render(text)

    def tags(html: str) -> list[str]:
        return re.findall(r"</?(?:ul|ol|li)", html)

    assert tags(ours) == tags(theirs)


def test_addresses_are_those_of_the_notebook_wherever_it_is_shown(docs: Docs) -> None:
    texts = (
        "![md](pic.png) [up](../g.md#b) [own](#c) [out](https://e.example/) <img src='raw.png' alt='r'>",
        '<a href="d a t a.csv">x</a> <video poster="p.png" src=v.mp4></video> [q](f.html?a=1&b=2#c)',
    )
    output = display(
        text_html='<img src="o.png" srcset="o.png 1x, o2.png 2x"><a href=#x>y</a><p>open'
    )
    markdown = display(text_markdown="![o](m.png) and [m](m.csv)")
    embed = notebook(docs, *texts, outputs={"code": [output, markdown]})
    for html in (docs.convert(embed), docs.convert(embed + "\n\n![](../nb/deep/x.py#code)")):
        found = re.findall(r'(?:src|href|poster)="?([^"\s>]+)', html)
        for name in (
            "pic.png",
            "raw.png",
            "d%20a%20t%20a.csv",
            "p.png",
            "v.mp4",
            "o.png",
            "m.png",
            "m.csv",
        ):
            assert f"../nb/deep/{name}" in found, name
        assert "../nb/deep/f.html?a=1&amp;b=2#c" in found
        assert {"../nb/g.md#b", "#c", "#x", "https://e.example/"} <= set(found)
        assert 'srcset="../nb/deep/o.png 1x, ../nb/deep/o2.png 2x"' in html
        assert "<p>open</p>" in html


NOT_ADDRESSES = (
    """<my-chart data='{"a": 1}' action="grow"></my-chart>""",
    '<td data-source="World Bank">7</td>',
    '<figure data-source="World Bank">7</figure>',
    '<div data="[1, 2]" data-script="a.js">x</div>',
)


@pytest.mark.parametrize("written", NOT_ADDRESSES)
def test_what_is_no_address_stays_as_it_is(docs: Docs, written: str) -> None:
    embed = notebook(docs, written, outputs={"code": [display(text_html=written)]})
    html = docs.convert(embed)
    for value in re.findall(r"""=(?:"|')([^"']+|{.*})(?:"|')""", written):
        assert unescape(html).count(value) == 2, html
    assert "nb/deep" not in html


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('<object data="d.svg"></object>', "d.svg"),
        ('<form action="f.html"><button formaction="b.html">x</button></form>', "b.html"),
        ("<svg><image xlink:href='i.png'/></svg>", "i.png"),
        ('<img SRCSET="s.png, t.png 2x" alt="a">', "t.png"),
    ],
)
def test_each_element_has_its_own_attributes_with_addresses(
    docs: Docs, written: str, name: str
) -> None:
    embed = notebook(docs, written, outputs={"code": [display(text_html=written)]})
    html = docs.convert(embed)
    assert html.count(f"../nb/deep/{name}") == 2
    assert not re.search(rf"""["' ]{name[2:]}""", html)


@pytest.mark.parametrize(
    ("srcset", "wanted"),
    [
        ("data:image/png;base64,AAAA 2x", "data:image/png;base64,AAAA 2x"),
        ("data:image/png;base64,AA, b.png 2x", "data:image/png;base64,AA, at/b.png 2x"),
        ("a.png,b.png 2x", "at/a.png,b.png 2x"),
        ("a.png 1x,b.png 2x", "at/a.png 1x,at/b.png 2x"),
        (" a.png ,, b.png  100w ", " at/a.png ,, at/b.png  100w "),
        ("a.png (1, 2) 3w, b.png", "at/a.png (1, 2) 3w, at/b.png"),
        (", ,", ", ,"),
        ("", ""),
    ],
)
def test_several_pictures_are_read_as_browsers_read_them(srcset: str, wanted: str) -> None:
    def address(url: str) -> str:
        return url if url.startswith("data:") else f"at/{url}"

    assert candidates(srcset, address) == wanted


LETTERS = ("&lt;b&gt;", "&copy; x", "&amp;amp;", "&#60;i", "a & b; c", "&nosuch;")


@pytest.mark.parametrize("text", LETTERS)
def test_names_of_signs_in_text_stay_names(docs: Docs, text: str) -> None:
    cell = f"# `{text}`\n\nWrite `{text}`, ![{escape(text)}](p.png '{escape(text)}')."
    outputs = {
        "value": [display(text_plain=repr(text))],
        "entries": [mapping({"a": text})],
        "keys": [mapping({text: "b"})],
    }
    docs.notebook("".join(f"# %%\n#| label: {name}\n0\n\n" for name in outputs), outputs, "nb/v.py")
    html = docs.convert(
        notebook(docs, cell) + "\n\nIt is ![](../nb/v.py#value) or ![](../nb/v.py#entries.a).\n\n"
        f"![{escape(text)}](../nb/v.py#entries)\n\n![](../nb/v.py#keys)"
    )
    shown = escape(text, quote=False)
    assert html.count(f"<code>{shown}</code>") == 3
    assert html.count(f'<span class="nb-value">{shown}</span>') == 3
    assert f'alt="{shown}" ' in html
    assert f'title="{shown}"' in html
    assert f'aria-label="{shown}"' in html


def test_a_value_in_a_sentence_has_the_addresses_of_its_notebook(docs: Docs) -> None:
    notebook(docs, "t", outputs={"code": [display(text_markdown="[data](d.csv) *x*")]})
    html = docs.convert("See ![](../nb/deep/x.py#code), [x].\n\n[x]: y")
    assert '<span class="nb-value"><a href="../nb/deep/d.csv">data</a> <em>x</em></span>, ' in html
    notebook(docs, "t", outputs={"code": [display(text_markdown="- a\n- b")]})
    with pytest.raises(EmbedError, match=r"page\.md:1: .*no value that a sentence can hold"):
        docs.convert("See ![](../nb/deep/x.py#code).")


def ipynb(attachments: dict, source: str) -> str:
    import nbformat

    cells = [nbformat.v4.new_markdown_cell(source), nbformat.v4.new_code_cell("x = 1")]
    cells[0]["attachments"] = attachments
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


def test_an_address_that_none_can_read_stays_as_it_is(docs: Docs) -> None:
    cell = "![logo](http://[your-host]/logo.png) <a href='http://[x'>a</a> [b](http://[y)"
    output = {"a": [display(text_html="<img src='http://[z'>")]}
    docs.notebook(f"# %% [markdown]\n# {cell}\n\n# %%\n#| label: a\nx\n", output)
    html = docs.convert("![](../nb/x.py)")
    for address in ("http://[your-host]/logo.png", "http://[x", "http://[y", "http://[z"):
        assert address in html


def test_what_is_attached_to_a_cell_is_a_file(docs: Docs, caplog: pytest.LogCaptureFixture) -> None:
    svg = base64.b64encode(SVG.encode()).decode()
    forms = {"image.png": {"image/png": PNG}, "a b.svg": {"image/svg+xml": svg}}
    text = '![p](attachment:image.png) ![s](attachment:a%20b.svg) <img src="attachment:image.png">'
    docs.notebook(ipynb(forms, text + " ![gone](attachment:gone.png)"), {}, "nb/x.ipynb")
    known = docs.library.notebooks["nb/x.ipynb"]
    docs.library.attachments, files = attachments_of(known, folder="figures/x")
    html = docs.convert("![](../nb/x.ipynb)")
    shown = re.findall(r'src="\.\./(figures/[^"]+)"', html)
    assert shown == [shown[0], shown[1], shown[0]]
    assert set(shown) == set(files)
    assert files[shown[0]] == base64.b64decode(PNG)
    assert files[shown[1]] == SVG.encode()
    assert "nb/x.ipynb:18 (cell cell-1): the cell has no attachment 'gone.png'" in caplog.text
    docs.notebook(ipynb({"a": {"image/png": "%"}}, "t"), {}, "nb/y.ipynb")
    with pytest.raises(EmbedError, match=r"nb/y.ipynb:\d+ \(cell cell-1\): the attachment 'a' is"):
        attachments_of(docs.library.notebooks["nb/y.ipynb"], folder="f")


def test_a_notebook_that_embeds_itself_is_refused(docs: Docs) -> None:
    embed = notebook(docs, "![](x.py)")
    with pytest.raises(EmbedError, match=r"nb/deep/x\.py:2: .*'nb/deep/x.py' embeds itself"):
        docs.convert(embed)


def test_a_notebook_shows_cells_of_its_own_and_of_others(docs: Docs) -> None:
    docs.notebook("# %%\n#| label: v\nx\n", {"v": [display(text_plain="7")]}, "nb/y.py")
    figure = {"code": [display(image_svg__xml=SVG)]}
    embed = notebook(docs, "It is ![](../y.py#v).", "![fig](x.py#code)", outputs=figure)
    html = docs.convert(embed)
    assert '<span class="nb-value">7</span>' in html
    assert set(re.findall(r'src="([^"]+svg)"', html)) == set(
        re.findall(r'src="([^"]+svg)"', docs.convert("![fig](../nb/deep/x.py#code)"))
    )


PIECES = st.sampled_from(
    ["<div>", "</div>", "<p>", "</p>", "<b", "<b>", "<li>", "</ul>", "<ul>", "<table><tr><td>", "<br/>", "<svg><path/>", "</svg>", "<script>a<b", "</script>", "</script x>", "<script>'<!--", "<style>", "<div/>", "<svg>", "<math>", "<title>", "<title-x>", "<i>", "</b>", "<body id=x>", "</body>", "=y\">", "<a =b>", "<![CDATA[", "]]>", "<!--", "<!-->", "-->", "--!>", "&amp;", "&x;", "`", "```\n", "- a\n", "1. b\n", "> ", "\n\n", "$$", "[a]", "[a]: b\n", "[^1]", "![x](y.png)", "<img src=", "'", '"', "\x02", "*[HTML]: x", "# h\n", "    ", "|", "{ #i .c }"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(PIECES, st.text("abc <>&", max_size=4)), max_size=10).map("".join)


@settings(deadline=None)
@given(text=TEXTS, is_output=st.booleans())
@example(text="<div><![x](y.png)", is_output=False)
@example(text="<div><![x](y.png) <b>b</b>", is_output=True)
def test_no_cell_and_no_output_reaches_beyond_itself(
    tmp_path_factory: pytest.TempPathFactory, text: str, is_output: bool
) -> None:
    from html5lib import parse

    docs = Docs(tmp_path_factory.getbasetemp() / "beyond")
    if is_output:
        embed = notebook(docs, "t", outputs={"code": [display(text_html=text)]})
    else:
        embed = notebook(docs, text.replace("\n", " \n").replace("\r", ""))
    html = docs.convert(f"{embed}\n\nAfter *it*.")
    tree = parse(f"<!doctype html><body><main>{html}</main>", namespaceHTMLElements=False)
    last = tree.find("body/main")[-1]
    assert (last.tag, last[0].tag if len(last) else None) == ("p", "em"), html


def test_one_converter_takes_html_for_text_only_where_it_is_asked_to(docs: Docs) -> None:
    docs.notebook("# %%\n1\n", {}, "nb/x.py")
    book = docs.library.notebooks["nb/x.py"]
    cells = CellMarkdown()
    for sanitise in (False, True, False):
        shown = cells.html("<b>x</b>", book, 1, sanitise=sanitise)
        assert ("<b>" in shown) is not sanitise


def test_a_script_that_names_another_stays_what_it_is() -> None:
    data = '{"a": "<!--<script>"}'
    html = readdressed(f'<script type="application/json">{data}</script><p>x</p>', str)
    script = html.removeprefix('<script type="application/json">').partition("</script>")[0]
    assert "<!--" not in script
    assert json.loads(script) == json.loads(data)
    assert html.endswith("</script><p>x</p>")
