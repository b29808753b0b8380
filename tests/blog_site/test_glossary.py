"""Words of the glossary open where a page first uses them, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import markdown
import pytest

from blog_site.errors import SiteError
from blog_site.glossary import read_glossary
from tests.support.published import ROOT

GLOSSARY = """\
# Glossary

seed
:   Where chance
    *starts*.

score
logit
:   A [number](https://example.org).

learning rate
:   How far.
"""


@pytest.fixture
def glossary(tmp_path: Path) -> Path:
    file = tmp_path / "glossary.md"
    file.write_text(GLOSSARY, "utf-8")
    return file


def convert(text: str, file: Path) -> str:
    extensions = ["abbr", "blog_site.glossary", "tables", "admonition", "pymdownx.details", "toc"]
    return markdown.markdown(
        text, extensions=extensions, extension_configs={"blog_site.glossary": {"file": file}}
    )


def marked(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<abbr tabindex="0" title="([^"]*)">([^<]*)</abbr>', page)


def test_a_glossary_is_words_and_their_definitions_without_marks(glossary: Path) -> None:
    assert read_glossary(glossary) == {
        "seed": "Where chance starts.",
        "score": "A number.",
        "logit": "A number.",
        "learning rate": "How far.",
    }


@pytest.mark.parametrize(
    ("text", "word", "said"),
    [
        ("token { #token }\n:   A piece.\n", "token", "A piece."),
        ("**query**\n:   Asks.\n", "query", "Asks."),
        ("`softmax`\n:   Shares.\n", "softmax", "Shares."),
        ("key\n\n:   Answers.\n", "key", "Answers."),
        ("key\n :\tAnswers.\n", "key", "Answers."),
        ("key\n:   Answers.\n:   Opens.\n", "key", "Answers. Opens."),
        ("key\n:   Answers\nat last.\n", "key", "Answers at last."),
        ("key\n:   Answers.\n\n    And more.\n", "key", "Answers. And more."),
        ("\ufeffkey\n:   Answers.\n", "key", "Answers."),
    ],
)
def test_all_that_the_page_shows_as_a_definition_opens(
    tmp_path: Path, text: str, word: str, said: str
) -> None:
    file = tmp_path / "glossary.md"
    file.write_text(text, "utf-8")
    assert read_glossary(file) == {word: said}


def test_a_word_opens_where_it_is_first_used(glossary: Path) -> None:
    page = convert(
        "Seeds differ, *each seed* too. A learning rate and\nlogits: each logit, seed by seed.",
        glossary,
    )
    assert marked(page) == [
        ("Where chance starts.", "Seeds"),
        ("How far.", "learning rate"),
        ("A number.", "logits"),
    ]
    text = re.sub(r"<[^>]*>", "", page)
    assert text == (
        "Seeds differ, each seed too. A learning rate and\nlogits: each logit, seed by seed."
    )


@pytest.mark.parametrize(
    ("word", "plural"),
    [
        ("query", "queries"),
        ("key", "keys"),
        ("loss", "losses"),
        ("batch", "batches"),
        ("matrix", "matrixes"),
        ("logit", "Logits"),
    ],
)
def test_a_plural_opens_too(tmp_path: Path, word: str, plural: str) -> None:
    file = tmp_path / "glossary.md"
    file.write_text(f"{word}\n:   What it is.\n", "utf-8")
    assert marked(convert(f"Of {plural} and more.", file)) == [("What it is.", plural)]


@pytest.mark.parametrize(
    "text",
    [
        "# A seed",
        "[a seed](https://example.org)",
        "`seed`",
        "| seed |\n|---|\n| seed |",
        '??? note "A seed"\n\n    Of a seed.',
        "Seedling, reseed, seed-like and pre-seed.",
    ],
)
def test_no_word_opens_in_headings_links_code_tables_folds_or_other_words(
    text: str, glossary: Path
) -> None:
    assert marked(convert(text, glossary)) == []
    assert marked(convert(f"{text}\n\nThen a seed.", glossary)) == [
        ("Where chance starts.", "seed")
    ]


def test_a_page_may_define_words_of_its_own(glossary: Path) -> None:
    page = convert("A seed, a seed and a score.\n\n*[seed]: Of a plant.", glossary)
    assert page.count('<abbr title="Of a plant.">seed</abbr>') == 2
    assert marked(page) == [("A number.", "score")]


def test_a_word_defined_twice_and_a_file_that_is_missing_are_named(glossary: Path) -> None:
    glossary.write_text(GLOSSARY + "\nseed\n:   Again.\n", "utf-8")
    with pytest.raises(SiteError, match=r"glossary\.md:15: 'seed' is defined twice"):
        read_glossary(glossary)
    with pytest.raises(SiteError, match=r"the glossary cannot be read"):
        read_glossary(glossary.with_name("none.md"))


def test_the_words_that_newcomers_lack_are_in_the_site_s_glossary() -> None:
    found = read_glossary(ROOT / "docs/glossary.md")
    wanted = {
        "residual", "held-out", "seed", "learning rate", "FLOP", "PSNR", "logit", "head",
        "palette head",
    }  # fmt: skip
    assert wanted <= set(found)
    assert all(len(text) < 160 for text in found.values()), "an entry is a sentence or two"


def test_titles_of_what_is_cited_are_no_words_of_the_page(glossary: Path) -> None:
    text = "## References\n\n- A seed.\n\n### Older\n\nA seed.\n\n## After\n\nA seed, a score.\n"
    page = convert(text, glossary)
    assert [word for _, word in marked(page)] == ["seed", "score"]
    assert "<abbr" not in page.split("After")[0]
