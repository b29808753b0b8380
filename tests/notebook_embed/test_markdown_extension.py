"""What an author writes, and what readers get."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from notebook_embed.errors import EmbedError
from tests.support.given_outputs import Docs


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


def test_several_figures_of_a_cell_stand_in_one_figure_and_are_counted(page: Docs) -> None:
    html = page.convert("![x](../nb/x.py#both)")
    assert html.count("<figure") == 1
    assert 'alt="x (1 of 2)"' in html
    assert 'alt="x (2 of 2)"' in html


def test_a_figure_embedded_twice_has_two_ids(page: Docs) -> None:
    html = page.convert("![x](../nb/x.py#figure)\n\n![x](../nb/x.py#figure)")
    assert re.findall(r'<figure[^>]* id="([^"]+)"', html) == ["fig-figure", "fig-figure-2"]


def test_attributes_reach_the_figure(page: Docs) -> None:
    html = page.convert("![x](../nb/x.py#figure){ .wide .tall #mine }")
    assert '<figure class="nb-figure wide tall" id="mine">' in html


def test_a_value_stands_in_its_sentence(page: Docs) -> None:
    html = page.convert("It is ![](../nb/x.py#value), *half*.")
    assert html == '<p>It is <span class="nb-value">50%</span>, <em>half</em>.</p>'


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


def test_an_embed_in_an_admonition_and_a_list(page: Docs) -> None:
    html = page.convert(
        "!!! note\n\n    ![x](../nb/x.py#figure)\n\n- item\n\n    ![x](../nb/x.py#figure)\n"
    )
    assert html.count("<figure") == 2


def test_a_whole_notebook_is_set_by_the_page_s_own_markdown(page: Docs) -> None:
    html = page.convert("![](../nb/x.py)")
    assert "<h2" in html, "its first heading gives way to the page's own"
    assert "<h1" not in html
    assert html.count('<div class="nb-cell">') == 9
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
        ("![x](/etc/x.py#a)", 1, "leaves the docs folder"),
        # The same reference alone and in a sentence, in the other order than the parser's.
        ("b ![](../nb/x.py#figure) c\n\n![x](../nb/x.py#figure)", 1, "no value that a sentence"),
        ("![x](../nb/x.py#figure)\n\n![](../nb/x.py#figure)", 3, "a figure without alt text"),
    ],
)
def test_a_mistake_names_its_line(page: Docs, text: str, line: int, problem: str) -> None:
    with pytest.raises(EmbedError, match=rf"posts/page\.md:{line}: .*{re.escape(problem)}"):
        page.convert(text)


def test_a_page_with_front_matter_counts_its_lines(page: Docs) -> None:
    text = "---\ntitle: x\n---\n\n![](../nb/x.py#figure)\n"
    page.write("posts/page.md", text)
    converter_sees = text.split("---\n")[2]
    from markdown import markdown

    from notebook_embed.markdown_extension import NotebookEmbedExtension

    extension = NotebookEmbedExtension(library=page.library, page="posts/page.md")
    with pytest.raises(EmbedError, match=r"page\.md:5: "):
        markdown(converter_sees, extensions=[extension])
