"""Citations and reading times: small functions of words."""

from __future__ import annotations

from datetime import date

from blog_site.citation import cite
from blog_site.reading_time import reading_minutes


def test_a_citation_has_a_sentence_and_an_escaped_bibtex_entry():
    citation = cite(
        title="Patches & Attention",
        author="Ada Lovelace",
        site="Shapes",
        published=date(2026, 3, 5),
        url="https://example.org/posts/vision_%C3%A9.html",
        slug="vision",
    )
    assert citation.text == (
        "Ada Lovelace. “Patches & Attention.” Shapes, 5 March 2026. "
        "https://example.org/posts/vision_%C3%A9.html"
    )
    assert citation.bibtex == "\n".join(
        [
            "@article{vision-2026,",
            "  title   = {{Patches \\& Attention}},",
            "  author  = {{Ada Lovelace}},",
            "  journal = {Shapes},",
            "  year    = {2026},",
            "  month   = mar,",
            "  url     = {https://example.org/posts/vision_%C3%A9.html},",
            "}",
        ]
    )


def test_reading_time_counts_words_figures_and_formulas_once():
    words = "word " * 230
    assert reading_minutes(f"<p>{words}</p>") == 1
    assert reading_minutes(f"<p>{words}</p><figure><img><img></figure>") == 2
    assert reading_minutes('<p><img alt="as Markdown writes it" src="p.png" /></p>' * 30) == 6
    folded = f"<details><p>{words * 10}</p></details>"
    formula = f'<bdi class="math"><span>{words * 10}</span></bdi>'
    assert reading_minutes(f"<p>{words}{formula}</p>{folded}") == 1
    # Elements without an end leave nothing open, in what is folded or elsewhere.
    for void in ("<track src=x>", "<img>", "<meta>", "<param>", "<base>", "<wbr>"):
        assert reading_minutes(f"<details>{void}</details><p>{words * 3}</p>") == 3
