"""A page has the title that MkDocs gives it, as HTML."""

from __future__ import annotations

from pathlib import Path

import pytest
from mkdocs.config.base import load_config
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Link
from mkdocs.structure.pages import Page

from notebook_embed.titles import title_as_html


@pytest.mark.parametrize(
    ("of_navigation", "text", "shown"),
    [
        ("A & B", "---\ntitle: Meta\n---\n# Heading\n", "A &amp; B"),
        ("Nav name", "---\ntitle: <cls>\n---\n", "Nav name"),
        (
            None,
            "---\ntitle: What <cls> sees & A<B\n---\n# Heading\n",
            "What &lt;cls&gt; sees &amp; A&lt;B",
        ),
        (None, "# Q & `A<B`\n", "Q &amp; A&lt;B"),
        (None, "Text\n", "Of a file"),
    ],
)
def test_a_title_is_shown_as_it_was_written(
    tmp_path: Path, of_navigation: str | None, text: str, shown: str
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/of-a-file.md").write_text(text, "utf-8")
    (tmp_path / "mkdocs.yml").write_text("site_name: S\n", "utf-8")
    config = load_config(str(tmp_path / "mkdocs.yml"))
    file = File("of-a-file.md", config.docs_dir, config.site_dir, use_directory_urls=False)
    page = Page(of_navigation, file, config)
    page.read_source(config)
    page.render(config, Files([file]))
    assert title_as_html(page) == shown


def test_what_names_a_link_is_text() -> None:
    assert title_as_html(Link("A & B", "https://example.org/")) == "A &amp; B"
