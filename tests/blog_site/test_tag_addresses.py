"""Tags have addresses of their own; those that share one are told."""

from __future__ import annotations

import pytest
from pymdownx.slugs import slugify

from blog_site.tag_addresses import spelled_alike, tag_address


@pytest.mark.parametrize("tag", ["attention", "Linear attention", "größe", "two-stage", "Größe 3"])
def test_a_tag_of_words_keeps_the_address_that_it_had(tag: str) -> None:
    assert tag_address(tag) == slugify(case="lower")(tag, "-")


def test_signs_tell_tags_apart() -> None:
    tags = ["C", "C++", "C#", "a/b", "ab", "R&D", "RD", ".NET", "NET", "é", "e", "+", "#"]
    assert len({tag_address(tag) for tag in tags}) == len(tags)
    assert all(tag_address(tag) for tag in tags)


def test_tags_that_share_an_address_are_found_once_a_spelling() -> None:
    tagged = [("a.md", "Maps"), ("a.md", "two-stage"), ("b.md", "maps"), ("c.md", "maps")]
    tagged += [("c.md", "Maps"), ("d.md", "two stage")]
    assert spelled_alike(tagged) == [
        ("b.md", "maps", "a.md", "Maps"),
        ("d.md", "two stage", "a.md", "two-stage"),
    ]
