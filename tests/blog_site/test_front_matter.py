"""What front matter cannot be is told with file and line, before anything is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from blog_site.errors import SiteError
from blog_site.front_matter import check_front_matter, line_of

GOOD = """\
---
title: "1984"
description: >-
  Two
  lines.
date: 2026-01-02
tags: [a, "2026"]
---

# Title
"""


def check(folder: Path, text: str, encoding: str = "utf-8") -> None:
    file = folder / "page.md"
    file.write_bytes(text.encode(encoding))
    check_front_matter(file)


@pytest.mark.parametrize(
    "text",
    [GOOD, GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD, "# No front matter\n", "", "---\n---\n"],
)
def test_what_is_good_passes(tmp_path: Path, text: str) -> None:
    check(tmp_path, text)


@pytest.mark.parametrize(
    ("line", "wrong", "message"),
    [
        (2, "title:", "title must be text, not None"),
        (2, "title: 1984", "title must be text, not 1984"),
        (2, 'title: " "', "title must be text, not ' '"),
        (2, "goal: [a, b]", "goal must be text"),
        (2, "goal: {a: b}", "goal must be text"),
        (7, "tags: attention", "tags must be a list of texts"),
        (7, "tags: [a, 2026]", "tags must be a list of texts"),
        (7, "tags: [a, ]\ntitle: About: it", "the front matter is no YAML: mapping values"),
        (6, "date: 2026-13-45", "the front matter is no YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, line: int, wrong: str, message: str) -> None:
    lines = GOOD.split("\n")
    lines[line - 1] = wrong
    with pytest.raises(SiteError) as told:
        check(tmp_path, "\n".join(lines))
    assert message in str(told.value)
    if "date" not in wrong:  # YAML does not say where the date stands
        assert f"page.md:{line + wrong.count(chr(10))}: " in str(told.value)


def test_a_page_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.md").symlink_to("gone.md")
    with pytest.raises(SiteError, match=r"page\.md: the page cannot be read: No such file"):
        check_front_matter(tmp_path / "page.md")


def test_another_encoding_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"page\.md:11: no text in UTF-8"):
        check(tmp_path, GOOD + "Erd\u00f6s\n", "latin-1")


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (("title",), 2),
        (("series",), 3),
        (("series", "part"), 5),
        (("series", "needs", "1"), 7),
        (("series", "needs", "2"), 6),  # it is not there
        (("title", "part"), 2),
        (("nothing",), None),
    ],
)
def test_the_line_of_a_name_is_found(tmp_path: Path, names: tuple[str, ...], line: int) -> None:
    file = tmp_path / "page.md"
    series = "series:\n  name: S\n  part: 2\n  needs:\n    1: heads\n"
    file.write_text(f"---\ntitle: T\n{series}---\n", "utf-8")
    assert line_of(file, *names) == line


@pytest.mark.parametrize("text", ["", "# No front matter", "---\na: [\n---\n"])
def test_no_line_is_found_where_there_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "page.md"
    assert line_of(file, "series") is None  # nor is there a file
    file.write_text(text, "utf-8")
    assert line_of(file, "series") is None
