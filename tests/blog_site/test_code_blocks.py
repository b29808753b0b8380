from __future__ import annotations

import re

import markdown
import pytest

from blog_site.code_blocks import PHONE_COLUMNS, stop_at_wide_code

EXTENSIONS = ["pymdownx.superfences", "pymdownx.highlight"]


def convert(code: str, info: str = "python") -> tuple[str, str]:
    plain = markdown.markdown(f"~~~ {info}\n{code}\n~~~", extensions=EXTENSIONS)
    return plain, stop_at_wide_code(plain)


@pytest.mark.parametrize("info", ["python", "text", '{ .python title="a/module.py" }'])
@pytest.mark.parametrize("more", [0, 1])
def test_only_code_too_wide_for_a_phone_is_a_stop_of_the_keyboard(info: str, more: int) -> None:
    plain, marked = convert("x = 1\n" + "y" * (PHONE_COLUMNS + more), info)
    assert marked.count('<code tabindex="0">') == more
    assert marked.replace(' tabindex="0"', "") == plain


def test_a_character_counts_once_however_it_is_written() -> None:
    plain, marked = convert("<&>" * (PHONE_COLUMNS // 3), "text")
    assert "&lt;" in plain
    assert marked == plain


def test_words_in_code_style_are_left_alone() -> None:
    text = markdown.markdown(f"`{'x' * 80}` and\n\n    {'y' * 80}")
    assert re.search("<code>", text)
    assert stop_at_wide_code(text) == text
