"""Tags that differ by more than case have different addresses."""

from __future__ import annotations

import pytest
from pymdownx.slugs import slugify

from blog_site.tag_addresses import tag_address


@pytest.mark.parametrize("tag", ["attention", "Linear attention", "größe", "two-stage", "Größe 3"])
def test_a_tag_of_words_keeps_the_address_that_it_had(tag: str) -> None:
    assert tag_address(tag) == slugify(case="lower")(tag, "-")


def test_signs_tell_tags_apart() -> None:
    tags = ["C", "C++", "C#", "a/b", "ab", "R&D", "RD", ".NET", "NET", "é", "e", "+", "#"]
    assert len({tag_address(tag) for tag in tags}) == len(tags)
    assert all(tag_address(tag) for tag in tags)
