"""No file of a site takes the place of another."""

from __future__ import annotations

from pathlib import Path

import pytest
from mkdocs.structure.files import File, InclusionLevel

from notebook_embed.addresses import refuse_shared_addresses
from notebook_embed.errors import EmbedError


def file(uri: str, dest: str | None = None) -> File:
    made = File(uri, "docs", "site", False, inclusion=InclusionLevel.INCLUDED)
    made.dest_uri = dest or made.dest_uri
    return made


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (file("posts/a.md", "posts/same.html"), file("posts/b.md", "posts/same.html")),
        (file("nb/x.md"), file("nb/x.py", "nb/x.html")),
        (file("nb/x.md"), file("nb/x.html")),
        (file("posts/map.png", "map.png"), file("map.png")),
    ],
)
def test_two_files_of_one_address_are_both_named(tmp_path: Path, first: File, second: File) -> None:
    for files in ([first, second], [second, first]):
        with pytest.raises(EmbedError, match="two files share the address") as error:
            refuse_shared_addresses(files, tmp_path)
        assert first.src_uri in error.value.message
        assert second.src_uri in error.value.message


def test_the_line_is_that_of_the_slug(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("---\ntitle: B\nslug: same\n---\n\nslug: none\n")
    with pytest.raises(EmbedError, match=r"b\.md:3: .*same\.html: a\.md") as error:
        refuse_shared_addresses([file("a.md", "same.html"), file("b.md", "same.html")], tmp_path)
    assert "another slug" in error.value.message


def test_what_is_not_published_takes_no_address(tmp_path: Path) -> None:
    draft = file("b.md", "same.html")
    draft.inclusion = InclusionLevel.EXCLUDED
    refuse_shared_addresses([file("a.md", "same.html"), draft, file("c.md")], tmp_path)
