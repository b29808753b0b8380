from __future__ import annotations

import re
import tracemalloc
from xml.etree import ElementTree

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blog_site.code_blocks import LOOKS, PHONE_COLUMNS, finish_code

EXTENSIONS = ["pymdownx.superfences", "pymdownx.highlight"]


def convert(code: str, info: str = "python") -> tuple[str, str]:
    plain = markdown.markdown(f"~~~ {info}\n{code}\n~~~", extensions=EXTENSIONS)
    return plain, finish_code(plain)


@pytest.mark.parametrize("info", ["python", "text", '{ .python title="a/module.py" }'])
@pytest.mark.parametrize("more", [0, 1])
def test_only_code_too_wide_for_a_phone_is_a_stop_of_the_keyboard(info: str, more: int) -> None:
    plain, marked = convert("x = 1\n" + "y" * (PHONE_COLUMNS + more), info)
    assert marked.count('<code tabindex="0">') == more
    # `x` and `y` lose their element, and `=` has another.
    spans = r"<span class=\"(?:n|o|p|w)\">|(?<=[xy=])</span>"
    assert re.sub(spans, "", marked.replace(' tabindex="0"', "")) == re.sub(spans, "", plain)


def test_a_character_counts_once_however_it_is_written() -> None:
    plain, marked = convert("<&>" * (PHONE_COLUMNS // 3), "text")
    assert "&lt;" in plain
    assert marked == plain


def test_words_in_code_style_are_left_alone() -> None:
    text = markdown.markdown(f"`{'x' * 80}` and\n\n    {'y' * 80}")
    assert re.search("<code>", text)
    assert finish_code(text) == text


# fmt: off
WORDS = [
    "def", "x", "np.sum", "(", ")", "+=", "in", "12", "3.5", "None", "self", "@", "print", "lambda", "$",
    "class A:", "ValueError", "f'{x:.2f} and'", '"""Say <&>."""', "# a note", " ", "  ", "\t", "\n", "\n    ",
]
# fmt: on


def looks(block: str) -> list[tuple[str, str]]:
    """Give each character that can be seen, and the look that it has."""
    (code,) = ElementTree.fromstring(f"<body>{block}</body>").iter("code")
    found = [(character, "") for character in code.text or ""]
    for word in code:
        kind = word.get("class", "")
        assert len(word) == 0
        found += [(character, LOOKS.get(kind, kind)) for character in word.text or ""]
        found += [(character, "") for character in word.tail or ""]
    return [one for one in found if one[0] != " "]


@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join))
def test_code_keeps_its_text_and_its_look_with_few_elements(code):
    plain, finished = convert(code)
    assert looks(finished) == looks(plain)
    text = [re.sub("<[^>]*>", "", block) for block in (plain, finished)]
    assert text[0] == text[1]
    kinds = re.findall(r'<span class="(\w+)">', finished)
    assert not set(kinds) & set(LOOKS), (
        "what looks as another, or as text, needs no kind of its own"
    )
    assert not re.search(r'<span class="(\w+)">[^<]*</span> *<span class="\1">', finished)


def test_what_looks_alike_shares_an_element_and_names_need_none():
    _, finished = convert("total = (a + b) * f(x)")
    words = re.findall("<code>(.*)\n?</code>", finished)
    assert words == [
        'total <span class="p">= (</span>a <span class="p">+</span> b<span class="p">) *</span> '
        'f<span class="p">(</span>x<span class="p">)</span>'
    ]


def test_marked_lines_stay_marked():
    _, finished = convert("a = 1\nb = 2", '{ .python hl_lines="2" }')
    assert '<span class="hll">b <span class="p">=</span> <span class="mi">2</span>' in finished


def test_pages_that_were_finished_are_not_held() -> None:
    # A server finishes a page on each save, and each time it is another page.
    page = convert("x = 1")[0] + "<p>" + 100_000 * "x"
    finish_code(page)
    tracemalloc.start()
    try:
        for number in range(200):
            finish_code(f"{page}{number}</p>")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000
