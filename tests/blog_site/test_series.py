from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from blog_site.errors import SiteError
from blog_site.series import SeriesEntry, collect_series


@dataclass
class Post:
    name: str
    meta: dict = field(default_factory=dict)
    url: str = ""
    title: str | None = ""
    file: Any = None

    def __post_init__(self) -> None:
        self.file = SimpleNamespace(src_uri=self.name, abs_src_path=f"/docs/{self.name}")


def uri(entry: SeriesEntry | None) -> str:
    assert entry is not None
    return entry.post.file.src_uri


def post(name: str, part: object, series: str = "S") -> Post:
    return Post(name, {"series": {"name": series, "part": part}})


@pytest.mark.parametrize("declared", [{"name": "S", "part": True}, {"name": " ", "part": 1}])
def test_no_name_and_no_number_are_refused(declared: dict) -> None:
    with pytest.raises(SiteError, match="series must be"):
        collect_series([Post("a", {"series": declared})])


def test_a_short_title_may_be_left_empty() -> None:
    found = collect_series([Post("a", {"series": {"name": "S", "part": 1, "short": None}})])
    assert found["a"].entries[0].short is None


def test_posts_are_ordered_by_part_and_know_their_neighbours():
    found = collect_series([post("c", 3), post("a", 1), post("b", 2), Post("alone")])
    assert [entry.post.file.src_uri for entry in found["b"].entries] == ["a", "b", "c"]
    assert found["a"].previous is None
    assert uri(found["b"].previous) == "a"
    assert uri(found["b"].following) == "c"
    assert "alone" not in found


def test_missing_parts_are_skipped_without_a_placeholder():
    found = collect_series([post("c", 3), post("a", 1)])
    assert [entry.part for entry in found["c"].entries] == [1, 3]
    assert uri(found["c"].previous) == "a"


def test_two_posts_with_one_part_are_an_error_that_names_both():
    with pytest.raises(SiteError, match=r"/docs/b: a is part 1 of 'S' too"):
        collect_series([post("a", 1), post("b", 1)])


def test_an_error_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("---\ntitle: A\nseries:\n  name: S\n  part: 2\n  needs: {1: it}\n---\n")
    needing = Post("a.md", {"series": {"name": "S", "part": 2, "needs": {1: "it"}}})
    needing.file.abs_src_path = str(file)
    with pytest.raises(SiteError, match=r"a\.md:6: needs part 1 of 'S'"):
        collect_series([needing])
    with pytest.raises(SiteError, match=r"a\.md:5: b is part 2 of 'S' too"):
        collect_series([post("b", 2), needing])


def test_a_post_builds_on_other_parts():
    needing = Post("c", {"series": {"name": "S", "part": 3, "needs": {2: "masks", 1: "heads"}}})
    found = collect_series([needing, post("a", 1), post("b", 2)])
    assert [(uri(entry), what) for entry, what in found["c"].needs] == [
        ("a", "heads"),
        ("b", "masks"),
    ]
    assert found["a"].needs == ()
    with pytest.raises(
        SiteError, match=r"/docs/c: needs part 2 of 'S'; there are \[1\] besides it"
    ):
        collect_series([needing, post("a", 1)])


@pytest.mark.parametrize(
    "declared",
    [
        "S",
        {"name": "S"},
        {"name": "S", "part": "1"},
        {"name": "S", "part": 1, "x": 2},
        {"name": "S", "part": 1, "needs": "part 2"},
        {"name": "S", "part": 1, "needs": {"two": "masks"}},
        {"name": "S", "part": 1, "needs": {2: ["masks"]}},
    ],
)
def test_a_malformed_series_is_an_error(declared):
    with pytest.raises(SiteError, match="series must be"):
        collect_series([Post("a", {"series": declared})])


def test_the_box_lists_the_posts_that_exist_and_marks_this_one(built):
    html = built.html("posts/vision.html")
    box = html[html.index('<nav class="series"') :].split("</nav>")[0]
    assert '<li value="1">' in box
    assert '<a href="foundations-of-attention.html">Foundations of Attention</a>' in box
    assert '<span aria-current="page">Vision</span>' in box
    assert 'value="2"' not in box
    assert 'rel="prev" href="foundations-of-attention.html"' in html


def test_a_post_outside_a_series_has_no_box(built):
    assert 'class="series"' not in built.html("posts/a-post-on-its-own.html")


def test_templates_get_plain_data():
    needing = Post("b", {"series": {"name": "S", "part": 2, "short": "B", "needs": {1: "heads"}}})
    first = post("a", 1)
    first.url, first.title = "a.html", "The first"
    data = collect_series([first, needing])["b"].as_data()
    assert json.loads(json.dumps(data)) == data
    a = {"part": 1, "title": "The first", "short": None, "url": "a.html"}
    b = {"part": 2, "title": "", "short": "B", "url": ""}
    assert (data["entries"], data["previous"], data["following"]) == ([a, b], a, None)
    assert data["needs"] == [{**a, "what": "heads"}]
