"""What an author writes, and what readers get."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

import jupytext
import markdown
import pytest
from markdown.treeprocessors import Treeprocessor

from notebook_embed.cells import CellMarkdown
from notebook_embed.errors import EmbedError
from notebook_embed.markdown_extension import NotebookEmbedExtension, check_embeds
from notebook_embed.outputs import VALUES, Text
from notebook_embed.page_html import fence_language
from tests.support.given_outputs import PNG, SVG, Docs, display, mapping, stream


def test_a_figure_has_its_alt_text_caption_and_origin(page: Docs) -> None:
    html = page.convert('![Two "bars" & more](../nb/x.py#figure "A *caption* with `code`.")')
    assert html.startswith('<figure class="nb-figure" id="fig-figure">')
    assert 'alt="Two &quot;bars&quot; &amp; more"' in html
    assert "<figcaption><span>A <em>caption</em> with <code>code</code>.</span>" in html
    assert 'href="../nb/x.html#figure"' in html
    assert ">A title</a>" in html


def test_a_figure_has_the_size_of_its_image_and_a_dark_twin(page: Docs) -> None:
    html = page.convert("![x](../nb/x.py#figure)")
    images = re.findall(r"<img [^>]+>", html)
    assert ["--light" in image for image in images] == [True, False]
    assert ["--dark" in image for image in images] == [False, True]
    assert all('width="40" height="20"' in image for image in images)


def test_an_interactive_figure_names_its_data_and_keeps_its_image(page: Docs) -> None:
    html = page.convert("![x](../nb/x.py#plot)")
    assert re.search(r'data-plotly="\.\./figures/x/plot\.[0-9a-f]{8}\.json"', html)
    assert 'tabindex="0"' in html
    assert ".svg" in html


def test_a_view_names_its_script_and_data_relative_to_the_page(page: Docs) -> None:
    html = page.convert("![A wheel](../nb/x.py#view)")
    assert 'data-view="spinner"' in html
    assert 'data-script="../assets/spinner.js"' in html
    assert re.search(r'data-source="\.\./figures/x/view\.[0-9a-f]{8}\.json"', html)
    assert "data-plotly" not in html
    assert "tabindex" not in html  # what the script draws takes the keyboard, not its box
    assert 'alt="A wheel"' in html
    assert "data-waits" not in html


def test_a_view_that_waits_says_so(page: Docs) -> None:
    assert "data-waits" in page.convert("![A wheel](../nb/x.py#waiting-view)")


def test_several_figures_of_a_cell_stand_in_one_figure_and_are_counted(page: Docs) -> None:
    html = page.convert("![x](../nb/x.py#both)")
    assert html.count("<figure") == 1
    assert 'alt="x (1 of 2)"' in html
    assert 'alt="x (2 of 2)"' in html


def test_a_figure_embedded_twice_has_two_ids(page: Docs) -> None:
    html = page.convert("![x](../nb/x.py#figure)\n\n![x](../nb/x.py#figure)")
    assert re.findall(r'<figure[^>]* id="([^"]+)"', html) == ["fig-figure", "fig-figure-2"]


@pytest.mark.parametrize("apart", ["\n", "  \n", "\n\n", " ", "\n  ", "{ .wide }\n"])
def test_figures_in_one_paragraph_keep_their_captions_and_ids(page: Docs, apart: str) -> None:
    one, two = '![One](../nb/x.py#figure "Caption 1")', '![Two](../nb/x.py#plot "Caption 2")'
    html = page.convert(f"{one}{apart}{two}{{ #mine }}\n\nAfter.")
    assert re.findall(r'<figure[^>]* id="([^"]+)"', html) == ["fig-figure", "mine"]
    assert re.findall(r"<figcaption><span>(.*?)</span>", html) == ["Caption 1", "Caption 2"]
    assert html.endswith("<p>After.</p>")


def test_each_embed_on_a_line_of_its_own_is_one_alone(page: Docs) -> None:
    html = page.convert(
        "- a\n\n    ![One](../nb/x.py#figure)\n    ![Two](../nb/x.py#plot)\n    ![](../nb/x.py#lines)"
    )
    assert re.findall(r'<figure[^>]* id="([^"]+)"', html) == ["fig-figure", "fig-plot"]
    assert "a\nb</pre>" in html
    mixed = page.convert(
        '![One](../nb/x.py#figure "C")\n![Y](y.png "tip")\n![Two](../nb/x.py#plot)'
    )
    assert re.findall(r'<figure[^>]* id="([^"]+)"', mixed) == ["fig-figure", "fig-plot"]
    assert '<p><img alt="Y" src="y.png" title="tip" /></p>' in mixed
    with pytest.raises(EmbedError, match=r"page\.md:2: .*no cell labelled 'plo'"):
        page.convert("![One](../nb/x.py#figure)\n![Two](../nb/x.py#plo)")


def test_code_has_a_caption_an_id_and_attributes(page: Docs) -> None:
    html = page.convert(
        '![](../nb/x.py#silent "A *list*"){ #lst-mean .source-only .wide data-x="1" }'
    )
    assert html.startswith('<figure class="nb-figure wide" data-x="1" id="lst-mean">')
    assert "<figcaption><span>A <em>list</em></span>" in html
    assert 'href="../nb/x.html#silent"' in html
    assert "nb-output" not in html
    both = page.convert(
        '![](../nb/x.py#value "Code"){ .source-only }\n\n![](../nb/x.py#value "Value")'
    )
    assert re.findall(r'<figure[^>]* id="([^"]+)"', both) == ["lst-value", "fig-value"]
    named = page.convert("![](../nb/x.py#silent){ .source-only .tabs #x }")
    assert 'id="x"' in named
    assert "figcaption" not in named
    assert "tabbed" not in named, "there is nothing for a second tab"


def test_a_whole_notebook_has_a_caption_an_id_and_attributes(page: Docs) -> None:
    html = page.convert('![](../nb/x.py "My *caption*"){ #my-nb .wide data-x="1" }')
    assert html.startswith('<figure class="nb-figure wide" data-x="1" id="my-nb">')
    assert html.count('<div class="nb-notebook">') == html.count('id="my-nb"') == 1
    assert "<figcaption><span>My <em>caption</em></span>" in html
    assert 'href="../nb/x.html" title="The notebook">A title</a></figcaption>' in html
    assert "<h1" not in html
    bare = page.convert('![](../nb/x.py){ #my-nb .wide data-x="1" }')
    assert '<div class="nb-notebook wide" data-x="1" id="my-nb">' in bare
    assert bare.endswith("</div>")


def test_a_title_in_a_line_is_what_markdown_makes_of_it(page: Docs) -> None:
    html = page.convert('It is ![](../nb/x.py#value "Of *all*"){ #v }.')
    assert '<span class="nb-value" id="v" title="Of *all*">50%</span>' in html
    html = page.convert('## ![F](../nb/x.py#figure "A tip")')
    assert html.count('title="A tip"') == html.count("<img") == 2


def test_attributes_reach_the_figure(page: Docs) -> None:
    html = page.convert("![x](../nb/x.py#figure){ .wide .tall #mine }")
    assert '<figure class="nb-figure wide tall" id="mine">' in html


def test_a_value_stands_in_its_sentence(page: Docs) -> None:
    html = page.convert("It is ![](../nb/x.py#value), *half*.")
    assert html == '<p>It is <span class="nb-value">50%</span>, <em>half</em>.</p>'


@pytest.mark.parametrize(
    "output",
    [
        Text("plain", "'about level at 256 tokens, and ahead later'"),
        Text("markdown", "**about level** at 256 tokens, and *ahead* later"),
        Text("latex", "$a + b + c + d + e + f + g + h$"),
    ],
)
def test_a_long_value_may_be_broken_as_words_are(page: Docs, output: Text) -> None:
    page.library.outputs["nb/x.py"]["value"] = [output]
    html = page.convert("It is ![](../nb/x.py#value).")
    assert html.count('<span class="nb-value nb-value--long">') == 1


@pytest.mark.parametrize(
    "around",
    [
        "# Half is {}",
        "- it is {}",
        "> it is {}",
        "| a |\n|---|\n| {} |",
        "**{}**",
        "x[^1]\n\n[^1]: is {}",
    ],
)
def test_a_value_stands_wherever_text_can(page: Docs, around: str) -> None:
    html = page.convert(around.format("![](../nb/x.py#value)"))
    assert '<span class="nb-value">50%</span>' in html


def test_a_value_of_markdown_is_set_as_markdown_and_its_neighbours_once(page: Docs) -> None:
    html = page.convert(r"See ![](../nb/x.py#rich), 2 \* 3 \* 4 *z*.")
    assert (
        '<span class="nb-value"><strong>x</strong> and <em>y</em></span>, 2 * 3 * 4 <em>z</em>'
        in html
    )


def test_a_table_scrolls_in_a_region_with_a_name(page: Docs) -> None:
    html = page.convert("![All shapes](../nb/x.py#table)")
    assert 'role="group" tabindex="0" aria-label="All shapes"><table>' in html


def test_a_table_with_a_caption_is_a_figure(page: Docs) -> None:
    html = page.convert('![](../nb/x.py#table "All of *them*.")')
    assert html.startswith("<figure")
    assert "All of <em>them</em>." in html


def test_source_comes_before_output(page: Docs) -> None:
    html = page.convert("![](../nb/x.py#lines){ .source }")
    assert html.index("print") < html.index("a\nb</pre>")
    assert "label" not in html


def test_source_only_has_no_output_and_needs_none(page: Docs) -> None:
    html = page.convert("![](../nb/x.py#silent){ .source-only }")
    assert "nb-code" in html
    assert "nb-output" not in html


def test_a_folded_cell_is_folded(page: Docs) -> None:
    html = page.convert("![x](../nb/x.py#figure){ .source }")
    assert '<details class="nb-code">' in html


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("python", "python"),
        ("Wolfram Language", "mathematica"),
        ("C++", "c++"),
        ("C++17", "c++"),
        ("C#", "c#"),
        (".net-csharp", "csharp"),
        ("F#", "f#"),
        ("Q#", "q#"),
        ("R", "r"),
        ("Visual Basic .NET", "vbnet"),
        ("Common Lisp", "common-lisp"),
        ("Objective-C", "objective-c"),
        ("OCaml  5.0", "ocaml-5.0"),
        ("", ""),
        (" ", ""),
        (".", ""),
        ('a"b', ""),
        ("a{.b}", ""),
        ("<b>`", ""),
    ],
)
@pytest.mark.parametrize("fences", [["pymdownx.superfences"], ["fenced_code"], []])
def test_code_of_any_language_is_a_block(
    docs: Docs, fences: list[str], language: str, word: str
) -> None:
    assert fence_language(language) == word
    docs.notebook("# %%\n#| label: a\nx *y*\n\nz\n", {})
    docs.library.notebooks["nb/x.py"].node.metadata["kernelspec"]["language"] = language
    extension = NotebookEmbedExtension(library=docs.library, page="posts/page.md")
    text = "![](../nb/x.py#a){ .source-only }"
    html = markdown.markdown(text, extensions=[*fences, extension])
    assert "<pre>" in html
    assert "".join(re.sub("<[^>]+>", "", html).split()) == "x*y*z"
    if fences != ["pymdownx.superfences"]:
        assert re.findall(r'class="language-([^"]*)"', html) == ([word] if word else [])


def test_code_with_fences_in_it_stays_in_one_block(docs: Docs) -> None:
    docs.notebook('# %%\n#| label: a\nx = """\n```python\n```\n"""\n', {})
    html = docs.convert("![](../nb/x.py#a){ .source-only }\n\nAfter.")
    assert html.count("<pre") == 1
    assert html.endswith("<p>After.</p>")


def test_code_spans_and_fences_embed_nothing(page: Docs) -> None:
    html = page.convert(
        "`![](../nb/no.py#a)`\n\n```\n![](../nb/no.py#a)\n```\n\n    ![](../nb/no.py#a)\n"
    )
    assert html.count("![](../nb/no.py#a)") == 3


def test_other_images_are_left_alone(page: Docs) -> None:
    assert '<img alt="x" src="y.png" />' in page.convert("![x](y.png)")
    assert 'src="https://example.org/x.py"' in page.convert("![x](https://example.org/x.py)")


NO_ADDRESS = "![logo](http://[your-host]/logo.png)"


def test_what_is_no_address_is_no_reference(page: Docs) -> None:
    text = f"    {NO_ADDRESS}\n\n`{NO_ADDRESS}`\n\n{NO_ADDRESS} ![](//[x/x.py) in words\n"
    html = page.convert(f"{text}\n\n{NO_ADDRESS}")
    assert html.count(NO_ADDRESS) == 2
    assert html.count('src="http://[your-host]/logo.png"') == 2
    check_embeds(page.library, page.root / "posts/page.md", "posts/page.md")


def test_an_embed_in_an_admonition_and_a_list(page: Docs) -> None:
    html = page.convert(
        "!!! note\n\n    ![x](../nb/x.py#figure)\n\n- item\n\n    ![x](../nb/x.py#figure)\n"
    )
    assert html.count("<figure") == 2


def test_a_whole_notebook_is_set_by_the_page_s_own_markdown(page: Docs) -> None:
    html = page.convert("![](../nb/x.py)")
    assert "<h2" in html, "its first heading gives way to the page's own"
    assert "<h1" not in html
    assert html.count('<div class="nb-cell">') == 11
    assert "<strong>x</strong>" in html


def test_links_of_a_notebook_hold_on_the_page_that_embeds_it(docs: Docs) -> None:
    docs.notebook(
        "# %% [markdown]\n# [a](other.md#b), [c](#d), [e](https://example.org/), [f](../g.md)\n\n# %%\nx = 1\n",
        {},
        "nb/deep/x.py",
    )
    html = docs.convert("![](../nb/deep/x.py)")
    assert re.findall(r'href="([^"]+)"', html) == [
        "../nb/deep/other.md#b",
        "#d",
        "https://example.org/",
        "../nb/g.md",
    ]


def test_module_code_by_name(page: Docs, tmp_path: Path) -> None:
    root = tmp_path / "code"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg/__init__.py").write_text("from pkg.inner import twice\n")
    (root / "pkg/inner.py").write_text(
        'def twice(x):\n    """Double.\n\n    More.\n    """\n    return 2 * x\n\n\ndef other():\n    pass\n'
    )
    html = re.sub("<[^>]+>", "", page.convert("::: pkg.twice", code=[str(root)]))
    assert "return 2 * x" in html
    assert "Double" in html
    assert "other" not in html
    assert "pkg/inner.py" in html
    assert "Double" not in page.convert("::: pkg.twice { .no-docstring }", code=[str(root)])
    with pytest.raises(EmbedError, match=r"posts/page.md:3: 'pkg' has no 'twic'\n.*'twice'"):
        page.convert("Words.\n\n::: pkg.twic", code=[str(root)])
    with pytest.raises(EmbedError, match="there is no package 'gone'"):
        page.convert("::: gone.twice", code=[str(root)])


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("One.\n\n![](../nb/x.py#figure)", 3, "a figure without alt text"),
        ("One.\n\n![x](../nb/y.py#figure)", 3, "no notebook '../nb/y.py'"),
        ("![x](../nb/x.py#figur)", 1, "no cell labelled 'figur'"),
        ("![x](../nb/x.py#silent)", 1, "no output to embed"),
        ("a\nb ![x](../nb/x.py#figure) c", 2, "no value that a sentence can hold"),
        ("b ![x](../nb/x.py#lines) c", 1, "has several lines"),
        ("b ![x](../nb/x.py#both) c", 1, "has 2 outputs"),
        ("b ![x](../nb/x.py) c", 1, "a whole notebook inside a sentence"),
        (
            "![x](../nb/x.py#both)\n\n![a long\nalt text](../nb/x.py#bot)",
            4,
            "no cell labelled 'bot'",
        ),
        ("![x](../nb/x.py#both)\n\n- a\n\n    ![x](../nb/x.py#bot)", 5, "no cell labelled 'bot'"),
        ("b\n\n![x][nb]\n\n[nb]: ../nb/x.py#figure", 5, "embedded by reference"),
        ("![x](../../x.py#a)", 1, "leaves the docs folder"),
        ("a\n\n![x](../nb/x%2epy#bot)", 3, "no cell labelled 'bot'"),
        ("a\n\nb ![x](../nb/gone.ip%79nb#bot)", 3, "no notebook '../nb/gone.ipynb'"),
        ("![x](/etc/x.py#a)", 1, "leaves the docs folder"),
        (
            "a\n\nb ![](../nb/x.py#rates.smal.mean) c",
            3,
            "mapping 'rates' has no entry 'smal.mean'",
        ),
        ("![](../nb/x.py#rates.large.x)", 1, "has no entry 'large.x'"),
        ("b ![](../nb/x.py#rates.) c", 1, "has no entry ''"),
        ("b ![](../nb/x.py#.large) c", 1, "no cell labelled ''"),
        ("b ![](../nb/x.py#value.large) c", 1, "the cell 'value' shows no mapping"),
        ("b ![](../nb/x.py#rates.small) c", 1, "'rates.small' is a mapping"),
        ("b ![](../nb/x.py#rates.large:.2f) c", 1, "the address 'rates.large:.2f' ends in ':.2f'"),
        # The same reference alone and in a sentence, in the other order than the parser's.
        ("b ![](../nb/x.py#figure) c\n\n![x](../nb/x.py#figure)", 1, "no value that a sentence"),
        ("![x](../nb/x.py#figure)\n\n![](../nb/x.py#figure)", 3, "a figure without alt text"),
    ],
)
def test_a_mistake_names_its_line(page: Docs, text: str, line: int, problem: str) -> None:
    with pytest.raises(EmbedError, match=rf"posts/page\.md:{line}: .*{re.escape(problem)}"):
        page.convert(text)


@pytest.mark.parametrize("name", ["x.py", "x%2epy", "%78.py", "x.p%79", "x.py?a=b"])
def test_an_address_is_read_as_browsers_read_it(page: Docs, name: str) -> None:
    html = page.convert(f"a ![](../nb/{name}#value) b\n\n![F](../nb/{name}#figure)")
    assert html.count('class="nb-value"') == html.count("<figure") == 1


@pytest.mark.parametrize("name", ["a.R", "b%20c.qmd", "d.PY", "e.Ipynb", "f.markdown"])
def test_a_part_of_what_is_no_notebook_is_told(
    page: Docs, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    page.convert(f"Words\n\n![Plot](../nb/{name}#fig)\n\n![Plot][p]\n\n[p]: {name}#fig")
    said = [record.getMessage() for record in caplog.records]
    assert [line.rpartition("posts/")[2] for line in said] == [
        f"page.md:3: '../nb/{name}#fig' is no notebook, so no part of it is shown. "
        "Notebooks end in .py, .ipynb, .md.",
        f"page.md:7: '{name}#fig' is no notebook, so no part of it is shown. "
        "Notebooks end in .py, .ipynb, .md.",
    ]


@pytest.mark.parametrize("source", ["a.svg#only-dark", "a.R", "https://a.example/b.R#c", "a#b"])
def test_a_picture_is_a_picture(page: Docs, source: str, caplog: pytest.LogCaptureFixture) -> None:
    assert f'src="{source}"' in page.convert(f"![Plot]({source})\n\n`![](x.R#y)`")
    assert not caplog.records


def test_one_entry_of_a_mapping_stands_in_a_sentence(page: Docs) -> None:
    html = page.convert("It is ![](../nb/x.py#rates.small.mean) or ![](../nb/x.py#rates.large).")
    assert html == (
        '<p>It is <span class="nb-value">5%</span> or '
        """<span class="nb-value">'a' &amp; &lt;b&gt;</span>.</p>"""
    )


def test_an_entry_of_markdown_is_set_as_markdown(page: Docs) -> None:
    html = page.convert("It is ![](../nb/x.py#rates.bold)!")
    assert '<span class="nb-value"><strong>b</strong> <em>c</em></span>!' in html


def test_a_whole_mapping_is_a_table_and_so_is_an_inner_one(page: Docs) -> None:
    page.library.outputs["nb/x.py"]["rates"].pop(0)
    rows = [
        ("small.mean", "5%"),
        ("large", "'a' &amp; &lt;b&gt;"),
        ("bold", "<strong>b</strong> <em>c</em>"),
    ]
    html = page.convert("![All rates](../nb/x.py#rates)")
    assert re.findall(r'<th scope="row"><code>(.+?)</code></th>', html) == [key for key, _ in rows]
    found = re.findall(r'<td><span class="nb-value">(.*)</span></td>', html)
    assert found == [value for _, value in rows]
    assert '<div aria-label="All rates" class="nb-output nb-output--html" role="group"' in html
    inner = page.convert('![](../nb/x.py#rates.small "The *small* one.")')
    assert re.findall("<code>(.+?)</code>", inner) == ["mean"]
    assert "The <em>small</em> one." in inner


def line_of(page: Docs, text: str) -> int:
    written = (page.root / "nb/x.py").read_text("utf-8").split("\n")
    return next(number for number, line in enumerate(written, 1) if text in line)


def test_an_unknown_key_gets_the_nearest_and_says_where_the_mapping_stands(page: Docs) -> None:
    with pytest.raises(EmbedError) as caught:
        page.convert("b ![](../nb/x.py#rates.small.maen) c")
    assert "Did you mean 'small.mean'? There is: bold, large, small.mean." in str(caught.value)
    assert f"It stands in nb/x.py:{line_of(page, 'label: rates')}." in str(caught.value)


@pytest.mark.parametrize(
    ("code", "keys", "problem", "line"),
    [
        ('x = 1\n{"b": 1,\n "a b": 2}', [["b"], ["a b"]], "the key 'a b' does not fit", 5),
        ('{"b": 1, "c.d": 2}', [["b"], ["c.d"]], "the key 'c.d' does not fit", 3),
        ('{"b": 1, "": 2}', [["b"], [""]], "the key '' does not fit", 2),
        ('{"b": 1, 1: 2, "1": 3}', [["b"], ["1"], ["1"]], "the key '1' stands for two", 3),
        ('{"b": 1, 1: {2: 3}, "1": 3}', [["b"], ["1", "2"], ["1"]], "the key '1' stands", 3),
    ],
)
def test_a_key_that_no_address_can_name_is_refused_where_it_stands(
    docs: Docs, code: str, keys: list[list[str]], problem: str, line: int
) -> None:
    output = mapping({})
    output["data"][VALUES]["entries"] = [
        {"keys": key, "type": "text/plain", "text": "1"} for key in keys
    ]
    docs.notebook(f"# %%\n#| label: a\n{code}\n", {"a": [output]})
    with pytest.raises(EmbedError, match=rf"nb/x.py:{line} \(cell a\): {problem}"):
        docs.convert("It is ![](../nb/x.py#a.b).")
    assert "<table>" in docs.convert("![](../nb/x.py#a)"), "as a table it harms nobody"


def test_a_picture_in_a_mapping_asks_for_a_cell(docs: Docs) -> None:
    docs.notebook("# %%\n#| label: a\nx\n", {"a": [mapping({"b": None, "c": "1"})]})
    with pytest.raises(EmbedError, match=r"posts/page.md:1: 'a.b' is a picture"):
        docs.convert("![x](../nb/x.py#a.b)")
    assert "a picture" in docs.convert("![x](../nb/x.py#a)")


@pytest.mark.parametrize("text", ["{0: 1, ...}", "Counter({0: 1, ...})", "<Scores>"])
def test_a_mapping_without_entries_is_its_text_and_says_why_there_are_none(
    docs: Docs, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    output = display(text_plain=text)
    output["data"][VALUES] = {"entries": [], "why": "has more than 1000 entries"}
    docs.notebook("# %%\n#| label: a\nx\n", {"a": [output]})
    assert f"{escape(text)}</pre>" in docs.convert("![](../nb/x.py#a)")
    assert not caplog.records
    with pytest.raises(EmbedError) as caught:
        docs.convert("It is ![](../nb/x.py#a.b).")
    problem = "posts/page.md:1: the mapping 'a' has more than 1000 entries, so there is no 'a.b'"
    assert problem in str(caught.value)
    assert "It stands in nb/x.py:2." in str(caught.value)
    del output["data"]["text/plain"]
    docs.notebook("# %%\n#| label: a\nx\n", {"a": [output]})
    assert docs.library.outputs["nb/x.py"]["a"] == []


@pytest.mark.parametrize(
    ("cell", "execute", "reason"),
    [
        ("#| eval: false\n1", "always", "It does not run: its options or tags say so"),
        ("#| tags: [skip-execution]\n1", "never", "It does not run: its options or tags say so"),
        ("1", "never", "Its notebook never runs, as 'execute' says, and no output of it is stored"),
        ("#| tags: [remove-stdout]\nprint(1)", "always", "What it prints is left out"),
        ("x = 1", "auto", "Let it end in an expression or print"),
    ],
)
@pytest.mark.parametrize(
    "embed", ["![x](../nb/x.py#a)", "a ![](../nb/x.py#a) b", "a ![](../nb/x.py#a:.1f) b", "a ![](../nb/x.py#a.b) c"]
)  # fmt: skip
def test_a_cell_without_output_says_why(
    docs: Docs, cell: str, execute: str, reason: str, embed: str
) -> None:
    docs.notebook(f"# %%\n#| label: a\n{cell}\n", {})
    docs.library.execute = execute
    with pytest.raises(EmbedError) as caught:
        docs.convert(embed)
    message = str(caught.value)
    assert "posts/page.md:1: the cell 'a' has no output to embed" in message
    assert reason in message
    assert "It stands in nb/x.py:2." in message


def test_a_notebook_that_never_runs_says_so_itself(docs: Docs) -> None:
    text = "# ---\n# execute: never\n# ---\n\n# %%\n#| label: a\n1\n"
    docs.notebook(text, {})
    with pytest.raises(EmbedError, match=r"Its notebook never runs"):
        docs.convert("a ![](../nb/x.py#a) b")


def test_the_alt_text_of_an_entry_is_not_that_of_its_cell(page: Docs) -> None:
    path = page.write("posts/page.md", "![One](../nb/x.py#rates.small)\n")
    assert check_embeds(page.library, path, "posts/page.md") == {}


def test_a_page_with_front_matter_counts_its_lines(page: Docs) -> None:
    text = "---\ntitle: x\n---\n\n![](../nb/x.py#figure)\n"
    page.write("posts/page.md", text)
    converter_sees = text.split("---\n")[2]
    from markdown import markdown

    from notebook_embed.markdown_extension import NotebookEmbedExtension

    extension = NotebookEmbedExtension(library=page.library, page="posts/page.md")
    with pytest.raises(EmbedError, match=r"page\.md:5: "):
        markdown(converter_sees, extensions=[extension])


def test_a_notebook_that_failed_stops_only_what_shows_it(page: Docs) -> None:
    page.library.failed["nb/x.py"] = EmbedError("ValueError: <no>", file="docs/nb/x.py", line=3)
    page.library.outputs["nb/x.py"] = {}
    html = page.convert(
        "A ![](../nb/x.py#value) b.\n\n![F](../nb/x.py#figure)\n\n![](../nb/x.py)\n\nEnd. [](#fig-figure)",
        figures="Figure",
    )
    assert html.count("docs/nb/x.py:3: ValueError: &lt;no&gt;") == 3
    assert html.count('class="nb-failed"') == 1
    assert "nb-cell" in html
    assert '<p>End. <a href="#fig-figure">Figure</a></p>' in html


def test_a_folder_s_address_keeps_its_slash(page: Docs) -> None:
    page.library.pages["nb/x.py"] = "nb/x/"
    html = page.convert('![F](../nb/x.py#figure "C")')
    assert 'nb-figure__origin" href="../nb/x/#figure"' in html


def test_attributes_of_an_embed_are_kept(page: Docs) -> None:
    html = page.convert(
        '![x](../nb/x.py#figure){ width="300" align=left .wide data-x="1" loading=eager title="T" }'
    )
    (figure,) = re.findall(r"<figure[^>]*>", html)
    assert 'style="width: 300px"' in figure
    assert 'align="left"' in figure
    assert 'data-x="1"' in figure
    assert 'title="T"' in figure
    assert html.count('width="300" height="150"') == 2
    assert html.count('loading="eager"') == 2
    wide = page.convert('![x](../nb/x.py#figure){ width="50%" style="color: red" }')
    assert 'style="width: 50%; color: red"' in wide
    assert 'width="40" height="20"' in wide
    lines = page.convert("![x](../nb/x.py#figure){ loading=eager\n  width=300\n}")
    assert 'style="width: 300px"' in lines
    assert lines.count('loading="eager"') == 2
    table = page.convert("![x](../nb/x.py#table){ align=right }")
    assert '<figure align="right" class="nb-figure"' in table


@pytest.mark.parametrize(
    ("around", "holder"),
    [
        ("[![a](../nb/x.py#figure)](https://e.example/)", '<a href="https://e.example/">'),
        ("| h |\n|---|\n| ![a](../nb/x.py#figure) |", "<td>"),
        ("# ![a](../nb/x.py#figure)", '<h1 id="_1">'),
        ("![a](../nb/x.py#figure){ width=80 } ![b](../nb/x.py#figure)", "<p>"),
        ("![a](../nb/x.py#figure)\n![b](../nb/x.py#figure) ![c](../nb/x.py#figure)", "<p>"),
    ],
)
def test_a_picture_stands_wherever_an_image_may(page: Docs, around: str, holder: str) -> None:
    html = page.convert(around).replace(" off-glb", "")
    assert f'{holder}<span class="nb-picture"><img alt="a" class="nb-figure__image--light"' in html
    assert "<figure" not in html
    assert "settled-" not in html
    if "width=80" in around:
        assert html.count('width="80"') == 2


@pytest.mark.parametrize(
    "link", ["[{}](b.md)", "[**{}**](b.md)", "a [words {}](b.md) b", "[{}{{ .small }}](b.md)"]
)
def test_a_lightbox_leaves_a_picture_in_a_link(page: Docs, link: str) -> None:
    html = page.convert(link.format("![F](../nb/x.py#figure)") + "\n\n# ![F](../nb/x.py#figure)")
    linked, alone = html.split("<h1")
    assert len(re.findall(r'<img [^>]*class="[^"]*\boff-glb"', linked)) == 2
    assert "off-glb" not in alone


def test_a_picture_in_a_link_needs_alt_text_too(page: Docs) -> None:
    with pytest.raises(EmbedError, match=r"page\.md:1: a figure without alt text"):
        page.convert("[![](../nb/x.py#figure)](https://e.example/)")


def test_a_picture_beside_words_of_a_heading_needs_alt_text(page: Docs) -> None:
    with pytest.raises(EmbedError, match=r"page\.md:1: a figure without alt text"):
        page.convert("## own ![](../nb/x.py#figure) x")


@pytest.mark.parametrize(
    "tag", ["<p>\n<img src={}>\n</p>", "a <img alt=x src={}> b", "<IMG SRC={} alt=x>"]
)
@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_a_notebook_in_an_image_of_html_is_told(
    page: Docs, caplog: pytest.LogCaptureFixture, tag: str, quote: str
) -> None:
    page.convert("T\n\n" + tag.format(f"{quote}../nb/x.py#figure{quote}"))
    (told,) = caplog.messages
    assert re.search(r"page\.md:[34]: '\.\./nb/x\.py#figure' stands in HTML", told)
    page.convert('<img src="a.svg">\n\n`<img src="../nb/x.py#figure">`')
    assert len(caplog.messages) == 1


def test_an_image_of_html_in_a_comment_is_nothing_to_tell(
    page: Docs, caplog: pytest.LogCaptureFixture
) -> None:
    image = '<img src="../nb/x.py#figure">'
    page.convert(f"See ../nb/x.py#figure.\n\n<!-- {image} -->\n\n<p><!--\n{image} --></p>\n")
    assert not caplog.messages
    page.convert(f"../nb/x.py#figure\n\n<!-- {image}\n-->\n\n`{image}`\n\n<p>\n{image}\n</p>\n")
    (told,) = caplog.messages
    assert "page.md:9: " in told


def test_code_and_result_as_tabs(page: Docs) -> None:
    html = page.convert("![x](../nb/x.py#figure){ .tabs }\n\n![y](../nb/x.py#lines){ .tabs }")
    names = re.findall(r'<label for="([^"]+)">([^<]+)</label>', html)
    assert [name for _, name in names] == ["Result", "Code"] * 2
    assert {of for of, _ in names} == set(re.findall(r'<input[^>]*id="([^"]+)"', html))
    blocks = html.split('<div class="tabbed-block">')[1:]
    assert "<figure" in blocks[0]
    assert "draw" in blocks[1]
    assert "a\nb</pre>" in blocks[2]


@pytest.mark.parametrize(
    ("address", "shown"),
    [("share:.1%", "33.3%"), ("share:.3f", "0.333"), ("share", "0.3333333"), ("day:%d.%m.%Y", "02.01.2020"), ("all.n:,", "12,345"), ("all.x:.1f", "2.5"), ("all.x", "2.5"), ("printed:.0f", "2")],
)  # fmt: skip
def test_a_value_has_the_format_that_the_page_asks_for(
    docs: Docs, address: str, shown: str
) -> None:
    cells = "".join(f"# %%\n#| label: {n}\nx\n\n" for n in ("share", "day", "all", "printed"))
    outputs = {
        "share": [display(text_plain="np.float64(0.3333333)")],
        "day": [display(text_plain="datetime.date(2020, 1, 2)")],
        "all": [mapping({"n": "12345", "x": "2.5", "s": "word"})],
        "printed": [{"output_type": "stream", "name": "stdout", "text": "2.4\n"}],
    }
    docs.notebook(cells, outputs)
    html = docs.convert(f"It is ![](../nb/x.py#{address}).\n\n![](../nb/x.py#{address})")
    assert f'<span class="nb-value">{shown}</span>.' in html
    if ":" in address:
        assert f">{shown}</pre>" in html
    for wrong in ("all.s:.2f", "all:.2f", "share:nonsense", "share:"):
        with pytest.raises(EmbedError, match=rf"page.md:1: the address '{wrong}' ends in ':"):
            docs.convert(f"It is ![](../nb/x.py#{wrong}).")


@pytest.mark.parametrize("look", [{"text_latex": "$0.125$"}, {"image_png": PNG}])
def test_a_value_with_a_richer_look_has_a_format_and_entries(docs: Docs, look: dict) -> None:
    both = mapping({"1": "0.5", "a.b": "2"})
    both["data"] |= display(**look)["data"]
    outputs = {
        "f": [display(text_plain="0.125", **look)],
        "all": [both],
        "formula": [display(text_plain="<IPython.core.display.Latex object>", **look)],
    }
    docs.notebook("".join(f"# %%\n#| label: {name}\nx\n\n" for name in outputs), outputs)
    html = docs.convert(
        "It is ![](../nb/x.py#f:.1f), ![](../nb/x.py#all.1) or ![](../nb/x.py#all.a.b:.1f)."
    )
    assert re.findall(r'<span class="nb-value">(.+?)</span>', html) == ["0.1", "0.5", "2.0"]
    with pytest.raises(EmbedError, match=r"shows latex, which has none|only one value has"):
        docs.convert("It is ![](../nb/x.py#formula:.1f).")


def test_alt_text_and_names_of_files_are_escaped_as_markdown_has_it(docs: Docs) -> None:
    name = 'nb/say "hi" #1 50%?.py'
    docs.notebook("# %%\n#| label: p\nx\n", {"p": [display(image_svg__xml=SVG)]}, name)
    docs.library.pages[name] = "nb/say%20%22hi%22%20%231%2050%25%3F.html"
    html = docs.convert(
        r'![A \[5\] by R&amp;D "x" a\_b](../nb/say%20%22hi%22%20%231%2050%25%3F.py#p "c")'
    )
    assert 'alt="A [5] by R&amp;D &quot;x&quot; a_b"' in html
    assert 'href="../nb/say%20%22hi%22%20%231%2050%25%3F.html#p"' in html


def test_an_id_that_a_label_claims_is_left_to_it(docs: Docs) -> None:
    pictures = {name: [display(image_svg__xml=SVG)] for name in ("pic", "pic-2")}
    docs.notebook("# %%\n#| label: pic\nx\n\n# %%\n#| label: pic-2\nx\n", pictures)
    pic, second = ("![a](../nb/x.py#pic)", "![a](../nb/x.py#pic-2)")
    html = docs.convert(f"{pic}\n\n{pic}\n\n{second}\n\n## Fig pic")
    assert re.findall(r' id="([^"]+)"', html) == ["fig-pic", "fig-pic-3", "fig-pic-2", "fig-pic_1"]


def test_long_text_has_a_box_and_stays_out_of_the_search(docs: Docs) -> None:
    text = {"output_type": "stream", "name": "stdout", "text": "line\n" * 200}
    docs.notebook("# %%\n#| label: log\nx\n", {"log": [text]})
    html = docs.convert("![](../nb/x.py#log)")
    assert '<div class="nb-output nb-output--stream nb-output--long" data-search-exclude>' in html


@pytest.mark.parametrize(
    "output",
    [
        stream("x" * 60_000),
        display(text_plain="x" * 60_000),
        display(application_json=["x"] * 9000),
    ],
)
def test_a_long_line_and_long_data_stay_out_of_the_search(docs: Docs, output: dict) -> None:
    docs.notebook("# %%\n#| label: log\nx\n", {"log": [output]})
    html = docs.convert("![](../nb/x.py#log)")
    assert re.search(r'<div class="nb-output[^>]* data-search-exclude', html)
    assert "nb-output--long" not in html


ALIGNED = r"\begin{align}a_1*b&=\{b*\}_1\\c&<d\end{align}"


def test_a_formula_arrives_whole_where_markdown_knows_none(docs: Docs) -> None:
    outputs = {
        "all": [display(text_latex=ALIGNED)],
        "part": [display(text_latex=r"A $\{a_1\}$ b_1*c* $\\$ d")],
        "inline": [display(text_latex=r"$\{a_1*b*\}\\$")],
    }
    docs.notebook("".join(f"# %%\n#| label: {name}\nx\n\n" for name in outputs), outputs)
    html = docs.convert("\n\n".join(f"![](../nb/x.py#{name})" for name in ("all", "part")))
    assert f"<p>$$\n{escape(ALIGNED)}\n$$</p>" in html
    assert r"<p>A $\{a_1\}$ b_1*c* $\\$ d</p>" in html
    assert r">$\{a_1*b*\}\\$</span> it" in docs.convert("Is ![](../nb/x.py#inline) it.")


@pytest.mark.parametrize(
    ("latex", "formula"),
    [
        (r"\[x^2\]", "x^2"),
        (r" \(x^3\) ", "x^3"),
        ("$$\nx^2\n$$", "x^2"),
        (r"$\displaystyle x$", r"\displaystyle x"),
        (r"$x\$$", r"x\$"),
        (r"\[a\\[2pt] \left[b\right]\]", r"a\\[2pt] \left[b\right]"),
        (r"\begin{bmatrix}1\\[2pt]2\end{bmatrix}", r"\begin{bmatrix}1\\[2pt]2\end{bmatrix}"),
        ("\\[a\n\n+b\\]", "a\n+b"),
        ("x^2", "x^2"),
    ],
)
def test_a_formula_has_one_pair_of_signs(docs: Docs, latex: str, formula: str) -> None:
    docs.notebook("# %%\n#| label: a\nx\n", {"a": [display(text_latex=latex)]})
    text = "![](../nb/x.py#a)\n\nIt is ![](../nb/x.py#a) here."
    html = docs.convert(text)
    assert f"<p>$$\n{formula}\n$$</p>" in html
    assert f">${formula}$</span> here" in html
    extension = NotebookEmbedExtension(library=docs.library, page="posts/page.md")
    html = markdown.markdown(text, extensions=["pymdownx.arithmatex", extension])
    assert f"\n{formula}\n</script>" in html or f">{formula}</script>" in html


def test_text_with_formulas_has_them_in_dollars(docs: Docs) -> None:
    latex = r"Of \(a_1*b*\) and \[c_1\] *all*"
    docs.notebook("# %%\n#| label: a\nx\n", {"a": [display(text_latex=latex)]})
    html = docs.convert("![](../nb/x.py#a)\n\nIt is ![](../nb/x.py#a) here.")
    assert r"<p>Of $a_1*b*$ and $$c_1$$ *all*</p>" in html
    assert r">Of $a_1*b*$ and $\displaystyle c_1$ <em>all</em></span> here" in html
    two = [display(text_latex=r"\(a\) and \(b\)")]
    docs.notebook("# %%\n#| label: a\nx\n", {"a": two})
    assert "<p>$a$ and $b$</p>" in docs.convert("![](../nb/x.py#a)")


def test_a_formula_is_left_to_who_knows_formulas(docs: Docs) -> None:
    docs.notebook("# %%\n#| label: a\nx\n", {"a": [display(text_latex=ALIGNED)]})
    extension = NotebookEmbedExtension(library=docs.library, page="posts/page.md")
    html = markdown.markdown("![](../nb/x.py#a)", extensions=["pymdownx.arithmatex", extension])
    assert 'class="arithmatex"' in html
    assert escape(ALIGNED) in html


def test_a_second_title_goes_below_the_first(docs: Docs) -> None:
    text = "# %% [markdown]\n# # One\n# ## a\n\n# %% [markdown]\n# # Two\n# ## b\n\n# %%\nx = 1\n"
    docs.notebook(text, {})
    html = docs.convert("![](x.py)", page="nb/x.py.md")
    found = re.findall(r"<(h\d)[^>]*>(?:<[^>]*>)*(\w+)", html)
    assert found == [("h2", "One"), ("h3", "a"), ("h3", "Two"), ("h4", "b")]


def test_a_property_comes_with_what_stands_above_it(page: Docs, tmp_path: Path) -> None:
    root = tmp_path / "code"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg/__init__.py").write_text(
        'import functools\n\n\nclass A:\n    @property\n    @functools.cache\n    def p(self):\n        """Doc."""\n        return 1\n\n    size = 3\n'
    )
    html = re.sub("<[^>]+>", "", page.convert("::: pkg.A.p { .no-docstring }", code=[str(root)]))
    assert re.search(r"@property\s+@functools.cache\s+def p\(self\):\s+return 1", html)
    assert "size" not in html


def test_figures_are_numbered_and_links_without_words_name_them(page: Docs) -> None:
    text = (
        "See [](#fig-plot), [](#fig-figure-2) and [this](#fig-figure).\n\n"
        '![a](../nb/x.py#figure "One")\n\n![a](../nb/x.py#figure "Two")\n\n'
        '![a](../nb/x.py#view)\n\n![t](../nb/x.py#table "A table")\n\n![b](../nb/x.py#plot "Three")'
    )
    html = page.convert(text, figures="Figure")
    assert (
        '<a href="#fig-plot">Figure\u00a03</a>, <a href="#fig-figure-2">Figure\u00a02</a>' in html
    )
    assert '<a href="#fig-figure">this</a>' in html
    numbers = re.findall(
        r'<span class="nb-figure__number">Figure\u00a0(\d)</span> <span>(\w+)', html
    )
    assert numbers == [("1", "One"), ("2", "Two"), ("3", "Three")]
    assert "data-nb-number" not in html
    assert "nb-figure__number" not in page.convert(text)
    with pytest.raises(EmbedError, match=r"page\.md:3: no figure .* '#fig-plo' .*\n.*'fig-plot'"):
        page.convert("a\n\nb [](#fig-plo)\n\n" + text, figures="Figure")


@pytest.mark.parametrize(
    "text",
    [
        "## {} The figure",
        "The figure {}\n---",
        "a [see {} it](x.html)",
        "| a |\n|---|\n| see {} it |",
    ],
)
def test_a_picture_stands_beside_words_where_an_image_may(page: Docs, text: str) -> None:
    html = page.convert(text.format("![F](../nb/x.py#figure)"))
    assert re.search(r'<(h2|a|td)\b.*<span class="nb-picture"><img [^>]*alt="F"', html)
    with pytest.raises(EmbedError, match="no value that a sentence can hold"):
        page.convert("One ![F](../nb/x.py#figure) two.\n\n" + text.format("word"))


def test_a_figure_has_a_number_where_one_helps(page: Docs) -> None:
    def marks(text: str) -> list[str]:
        html = page.convert(text, figures="Figure")
        return re.findall(r'number">Figure\u00a0(\d)</span> <span>(.*?)</span>', html)

    one, two, three = (f'![a](../nb/x.py#plot "{name}")' for name in ("One", "Two", "Three"))
    assert marks(one) == []  # there is none to tell it from
    assert marks(f"[](#fig-plot)\n\n{one}") == [("1", "One")]
    assert marks(f"{one}{{ .unnumbered }}\n\n{two}\n\n{three}") == [("1", "Two"), ("2", "Three")]
    # The order is that of the page, whatever order it is read in.
    folded = f"!!! note\n\n    {one}\n\na[^1]\n\n[^1]: b\n\n    {three}\n\n{two}"
    assert marks(folded) == [("1", "One"), ("2", "Two"), ("3", "Three")]
    assert marks(f"{one}{{ #same }}\n\n{two}{{ #same }}") == [("1", "One"), ("2", "Two")]


def test_a_list_of_posts_names_figures_and_numbers_none(page: Docs) -> None:
    text = (
        '![a](../nb/x.py#plot "One")\n\n![a](../nb/x.py#figure "Two")\n\n'
        '%s<!-- more -->\n\n![a](../nb/x.py#plot "Three")'
    )

    def excerpt(text: str) -> str:
        page.write("posts/page.md", text)
        extension = NotebookEmbedExtension(
            library=page.library, page="posts/page.md", figures="Figure"
        )
        md = markdown.Markdown(extensions=[extension])
        md.treeprocessors.register(Treeprocessor(md), "excerpt", 0)
        return md.convert(text)

    assert "nb-figure__number" not in excerpt(text % "")
    html = excerpt(text % "[](#fig-figure), [](#fig-plot-2)\n\n")
    assert ">Figure\u00a02</a>, " in html
    assert ">Figure</a>" in html  # it stands in the post alone


@pytest.mark.parametrize("whole", [True, False])
def test_a_list_of_posts_has_no_footnote_ids_of_theirs(page: Docs, whole: bool) -> None:
    text = (
        "A[^n], B[^n] and C[^m].\n\n[^n]: One ![](../nb/x.py#value).\n[^m]: Two.\n\n## fn and more"
    )
    page.write("posts/page.md", text)
    extension = NotebookEmbedExtension(library=page.library, page="posts/page.md")
    md = markdown.Markdown(extensions=["footnotes", "toc", extension])
    if not whole:
        md.treeprocessors.register(Treeprocessor(md), "excerpt", 0)
    html = md.convert(text)
    assert ('id="fnref:n"' in html) is ('id="fn:m"' in html) is ('id="fnref2:n"' in html) is whole
    assert html.count('href="#fn:n"') == 2
    assert 'id="fn-and-more"' in html


RAW_CELLS = """\
# ---
# title: Not shown
# ---

# %% [raw] raw_mimetype="text/html"
# <b title="a">html</b> [a](b) <img src="p.png">

# %% [raw] raw_mimetype="text/markdown"
# *md* and [a post](../posts/other.md)

# %% [raw]
# plain *&* <i>text</i>

# %% [raw] format="text/plain"
# more

# %% [raw] raw_mimetype="text/latex"
# tex

# %% [raw] raw_mimetype="text/html" tags=["remove-cell"]
# removed
"""


@pytest.mark.parametrize("suffix", [".py", ".ipynb", ".md"])
def test_raw_cells_are_shown_as_what_they_say_they_are(docs: Docs, suffix: str) -> None:
    formats = {".py": "py:percent", ".ipynb": "ipynb", ".md": "md:myst"}
    node = jupytext.reads(RAW_CELLS, fmt="py:percent")
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "P"}
    uri = f"nb/raw{suffix}"
    docs.notebook(jupytext.writes(node, fmt=formats[suffix]), {}, uri)
    html = docs.convert(f"![](../{uri})")
    assert '<b title="a">html</b> [a](b) <img src="../nb/p.png">' in html
    assert "<em>md</em> and <a" in html
    assert ">plain *&amp;* &lt;i&gt;text&lt;/i&gt;</pre>" in html
    assert ">more</pre>" in html
    assert not any(word in html for word in ("tex<", "removed", "Not shown"))
    safe = docs.convert(f"![](../{uri})", sanitise=True)
    assert '&lt;b title="a"&gt;html&lt;/b&gt;' in safe
    assert "<em>md</em>" in safe


@pytest.mark.parametrize(
    ("listed", "kept"),
    [
        ("data-x", 'data-x=""'),
        (".off-glb data-x", 'data-x=""'),
        ("align=left hidden", 'hidden=""'),
        ("width: 300px;", 'width:=""'),
        ("width=300 height", 'style="width: 300px"'),
        ("width=", 'class="nb-figure"'),
        ("loading", 'loading=""'),
        ('.source "cap"', '_cap_=""'),
        ("a<b=c", 'a_b="c"'),
        ("id", 'id="fig-figure"'),
        ("class", 'class="nb-figure"'),
        ("src href alt title", 'title=""'),
    ],
)
def test_a_part_of_attributes_without_a_value_has_an_empty_one(
    page: Docs, listed: str, kept: str
) -> None:
    html = page.convert(f"![x](../nb/x.py#figure){{ {listed} }}")
    assert kept in html
    assert "<figure" in html
    for where in ("![x](a.png)", "[a](b.md)", "[![x](../nb/x.py#figure)](b.md)", "# A ", "a\n"):
        page.convert(f"{where}{{ {listed} }}")


def names_in(html: str, attribute: str) -> list[str]:
    return re.findall(rf'<[^>]*\s{attribute}="([^"]+)"', html)


TABBED = """\
# %% [markdown]
# *A*{ #place } and [there](#place)
#
# === "One"
#
#     text
#
# === "Two"
#
#     more

# %%
#| label: a
1
"""


@pytest.fixture
def tabbed(docs: Docs) -> Docs:
    docs.cells = CellMarkdown(
        lambda: markdown.Markdown(
            extensions=["attr_list", "pymdownx.tabbed"],
            extension_configs={"pymdownx.tabbed": {"alternate_style": True}},
        )
    )
    second = TABBED.replace("label: a", "label: b")
    docs.notebook(TABBED + "\n" + second, {"a": [display(text_plain="1")]})
    return docs


def test_tabs_of_one_page_are_apart_wherever_they_come_from(tabbed: Docs) -> None:
    embeds = "![](../nb/x.py#a){ .tabs }\n\n![](../nb/x.py#a){ .tabs }\n\n![](../nb/x.py)"
    html = tabbed.convert(embeds)
    groups = names_in(html, "name")
    assert len(groups) == 8
    assert sorted(map(groups.count, set(groups))) == [2] * 4
    ids = names_in(html, "id")
    assert len(set(ids)) == len(ids) == 10
    assert len(set(names_in(html, "for")) & set(ids)) == 8


def test_tabs_and_ids_in_a_list_of_posts_are_those_of_one_post(tabbed: Docs) -> None:
    def excerpt(post: str) -> str:
        embeds = "![](../nb/x.py#a){ .tabs }\n\n![](../nb/x.py)"
        tabbed.write(post, embeds)
        extension = NotebookEmbedExtension(library=tabbed.library, page=post, cells=tabbed.cells)
        md = markdown.Markdown(extensions=["attr_list", extension])
        md.treeprocessors.register(Treeprocessor(md), "excerpt", 0)
        first = md.convert(embeds)
        assert md.convert(embeds) == first  # one parser for all lists that a post stands in
        return first

    one, other = excerpt("posts/one.md"), excerpt("posts/other one.md")
    for attribute, number in (("id", 8), ("for", 6), ("name", 6)):
        assert len(names_in(one, attribute)) == len(names_in(other, attribute)) == number
        assert not set(names_in(one, attribute)) & set(names_in(other, attribute))
        assert not any(" " in name for name in names_in(other, attribute))
    assert set(names_in(one, "for")) < set(names_in(one, "id"))
    assert one.count('href="#place"') == 1  # in the post itself it has this name


CONTENTS = """\
# %% [markdown]
# # Notebook
#
# [two](#Part-Two), [code](#The-f(x)-of-it), [umlaut](#%C3%9Cber-uns), [slug](#part-two), [x](#x),
# [y](#y), [out](#from-output), [own](#Own), [cell](#last), [up](#top), [gone](#Part-Three).
#
# <div><a href="#Part-Two">in HTML</a></div>

# %% [markdown]
# <a id="x"></a><a name="y"></a>
#
# ## Part Two
#
# ## The `f(x)` *of* it
#
# ## Über uns
#
# ## Own { #mine }

# %%
#| label: last
show()
"""


@pytest.mark.parametrize("where", ["nb/x.py.md", "posts/page.md"])
def test_links_inside_of_a_notebook_lead_where_they_do_in_jupyter(
    docs: Docs, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    shown = display(text_html='<p id="from-output">x</p>')
    docs.notebook(CONTENTS, {"last": [shown]})
    before = '<a id="x"></a>\n\n## Part Two\n\n' if where.startswith("posts") else ""
    path = "x.py" if where.startswith("nb") else "../nb/x.py"
    html = docs.convert(f"{before}![]({path})", page=where)
    leads = {words: to for to, words in re.findall(r'<a href="#([^"]*)">(.*?)</a>', html)}
    two = re.findall(r'<h[23] id="([^"]+)">Part Two', html)[-1]
    assert leads["two"] == leads["in HTML"] == two
    for words, heading in {"code": "The <code>f", "umlaut": "Über", "own": "Own"}.items():
        assert re.search(rf'<h[23] id="{leads[words]}">{heading}', html), words
    assert leads["own"] == "mine"
    assert [leads[words] for words in ("slug", "y", "out")] == ["part-two", "y", "from-output"]
    assert html.count(f'id="{leads["x"]}"') >= 1
    gone = ["last", "Part-Three"]  # cells have ids on their notebook's own page alone
    told = [record.getMessage() for record in caplog.records if "leads nowhere" in record.message]
    assert len(told) == len(gone)
    for line, name in zip(told, gone, strict=True):
        assert f"nb/x.py:2 (cell cell-1): the link '#{name}' leads nowhere" in line


def test_a_link_to_a_cell_leads_to_the_page_that_has_it(
    docs: Docs, caplog: pytest.LogCaptureFixture
) -> None:
    text = "# %% [markdown]\n# [cell](#last) [and](#A-%26-B)\n#\n# ## A & B\n\n# %%\n#| label: last\n1\n"
    docs.notebook(text, {})
    docs.library.pages["nb/x.py"] = "nb/x.html"
    html = docs.convert("![](../nb/x.py)")
    assert 'href="../nb/x.html#last">cell<' in html
    (to,) = re.findall(r'href="#([^"]+)">and<', html)
    assert f'id="{to}">A &amp; B' in html
    assert "leads nowhere" not in caplog.text


def test_a_notebook_shown_twice_leads_to_itself(docs: Docs) -> None:
    docs.notebook(CONTENTS, {})
    html = docs.convert("![](../nb/x.py)\n\n![](../nb/x.py)")
    first, second = html.split('<div class="nb-notebook">')[1:]
    for part in (first, second):
        for words in ("two", "umlaut", "x"):
            (to,) = re.findall(rf'href="#([^"]+)">{words}<', part)
            assert f'id="{to}"' in part


def test_a_notebook_in_a_notebook_has_links_that_lead_on(
    docs: Docs, caplog: pytest.LogCaptureFixture
) -> None:
    inner = "# %% [markdown]\n# [b](#Part-B)\n\n# %% [markdown]\n# # Part B\n"
    docs.notebook(inner, {}, "nb/inner.py")
    docs.notebook("# %% [markdown]\n# # A\n#\n# ![](inner.py)\n", {}, "nb/outer.py")
    html = docs.convert("![](../nb/outer.py)")
    assert 'href="#part-b">b<' in html and 'id="part-b"' in html
    assert "leads nowhere" not in caplog.text
