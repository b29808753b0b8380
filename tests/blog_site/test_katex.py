from __future__ import annotations

import json

import markdown
import pytest

from blog_site.errors import SiteError
from blog_site.katex import render
from notebook_embed.aside import ABLE, Refused, in_fork

EXTENSIONS = ["toc", "pymdownx.arithmatex", "blog_site.katex"]
CONFIG = {"pymdownx.arithmatex": {"generic": True}}


def convert(text: str) -> tuple[str, list]:
    parser = markdown.Markdown(extensions=EXTENSIONS, extension_configs=CONFIG)
    return parser.convert(text), parser.toc_tokens


def test_a_formula_becomes_html_for_the_eye_and_mathml_for_assistive_technology():
    html, _ = convert("The score $q \\cdot k < 1$.")
    assert '<bdi class="math" data-search-exclude="">' in html
    assert "<math" in html
    assert 'class="katex-html" aria-hidden="true"' in html
    assert "arithmatex" not in html


def test_a_block_is_set_in_display_style_with_its_ampersands():
    html, _ = convert("$$\n\\begin{aligned} a &= b \\\\ c &< d \\end{aligned}\n$$")
    assert '<div class="math math--display"' in html
    assert "katex-display" in html
    assert "&amp;amp;" not in html


def test_a_formula_in_a_heading_leaves_a_readable_id_and_contents_entry():
    html, contents = convert("# Costs $\\mathcal{O}(n^2)$\n\n# Costs $\\mathcal{O}(n^2)$")
    assert [entry["name"] for entry in contents] == ["Costs O(n^2)", "Costs O(n^2)"]
    assert [entry["id"] for entry in contents] == ["costs-on2", "costs-on2_1"]
    assert "annotation" in html


def test_signs_of_a_formula_in_a_heading_stay_in_the_contents():
    _, contents = convert("# A $i<j$ and $k>l$")
    assert [entry["name"] for entry in contents] == ["A i&lt;j and k&gt;l"]
    extensions = [*EXTENSIONS, "pymdownx.inlinehilite"]
    parser = markdown.Markdown(extensions=extensions, extension_configs=CONFIG)
    parser.convert("`x` and `y`\n\n# Q with $O(n^2)$ and `<cls>`")
    assert [entry["id"] for entry in parser.toc_tokens] == ["q-with-on2-and-cls"]


def test_dollars_in_code_and_prices_are_left_alone():
    html, _ = convert("It costs 5$ or `$x$`.")
    assert "katex" not in html


def test_tex_that_cannot_be_parsed_is_named():
    with pytest.raises(SiteError, match=r'formula "x\^\{2": Expected \'}\''):
        convert("Here $x^{2$ is broken.")


def test_unknown_commands_are_errors_too():
    with pytest.raises(ValueError, match=r"Undefined control sequence: \\nonsense"):
        render(r"\nonsense")


def test_a_broken_formula_stops_the_build_with_file_and_line(blog, caplog):
    blog.write(
        "docs/posts/broken.md",
        "---\ntitle: B\ndate: 2026-01-01\ndescription: B.\n---\n\nText.\n\nThen $\\frac{1$ fails.\n",
    )
    with pytest.raises(SystemExit):
        blog.build()
    assert 'docs/posts/broken.md:9: cannot set the formula "\\\\frac{1"' in caplog.text


def test_formulas_stay_out_of_the_search_index(built):
    index = json.loads((built.site / "search/search_index.json").read_text(encoding="utf-8"))
    text = json.dumps(index["docs"])
    assert "weighted mean of" in text
    assert "is a score" in text
    assert "cdot" not in text
    assert "sqrt" not in text


@pytest.mark.parametrize("extensions", [EXTENSIONS, EXTENSIONS[::-1]])
def test_prices_are_no_formulas(extensions: list[str]) -> None:
    text = "Prices of $5-$10 rose, of $20 to $30 too; $x$ did not, nor $a_1$, $b$."
    parser = markdown.Markdown(extensions=extensions, extension_configs=CONFIG)
    html = parser.convert(text)
    assert "Prices of $5-$10 rose, of $20 to $30 too; " in html
    assert html.count('<bdi class="math"') == 3


@pytest.mark.skipif(not ABLE, reason="libraries bear no forks here")
def test_a_fork_knows_what_was_rendered_and_leaves_the_rest_to_its_parent():
    known = render("a + b")
    again = in_fork(lambda: render("a + b"), ended=bool, seconds=600)
    assert again == known
    with pytest.raises(Refused):
        in_fork(lambda: render("a + b + c"), ended=bool, seconds=600)
