"""A saved page is shown before the rest of the site, and is the one that the rest will have."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from mkdocs.commands.build import build

from notebook_embed.serving import Builds, Server

MKDOCS = """
site_name: Trial
site_url: http://127.0.0.1:8123/
use_directory_urls: false
theme: {name: material, font: false}
plugins:
  - notebook-embed: {execute: never}
  - blog: {blog_dir: .}
  - tags
  - search
markdown_extensions: [attr_list, footnotes, md_in_html, pymdownx.superfences, toc: {permalink: true}]
"""
POST = "docs/posts/circles.md"
FILES = {
    "mkdocs.yml": MKDOCS,
    "requirements.txt": "",
    "code/shapes.py": "def circle():\n    return 1\n",
    "docs/index.md": "# Trial\n",
    "docs/tags.md": "# Tags\n\n<!-- material/tags -->\n",
    "docs/about.md": "# About\n\nTwo words.\n",
    POST: """\
---
date: 2026-01-02
tags: [circles]
---
# Circles

The area is ![](../notebooks/areas.ipynb#area).

<!-- more -->

::: shapes.circle

## Last
""",
    "docs/posts/squares.md": "---\ndate: 2026-01-03\n---\n# Squares\n\n[Circles](circles.md#last)\n",
}


class Author:
    """Saves files of a blog and has them built, without a browser: `news` is what one would get."""

    def __init__(self, root: Path) -> None:
        self.root, self.news = root, list[str]()
        self.builds = Builds(self.build, root / "served")
        self.server = self.builds.server = Watching(self)
        self.fails = False

    def build(self, config, **options) -> None:
        self.news.append("whole")
        build(config, **options)

    def start(self) -> None:
        config = self.builds.load()
        config.plugins.on_startup(command="serve", dirty=False)
        for name in ("docs", "code", "mkdocs.yml"):
            self.server.watch(str(self.root / name))
        self.builds(config)

    def save(self, name: str, text: str) -> list[str]:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return self.look()

    def change(self, name: str, old: str, new: str) -> list[str]:
        text = (self.root / name).read_text("utf-8")
        assert old in text
        return self.save(name, text.replace(old, new))

    def look(self) -> list[str]:
        """Build what was saved; return what a browser got, in order."""
        self.news.clear()
        self.builds()
        return list(self.news)

    def page(self, name: str = "2026/01/02/circles.html") -> str:
        return (self.builds.site / name).read_text("utf-8")


class Watching(Server):
    """The server, which is not asked for anything here."""

    def __init__(self, author: Author) -> None:
        site = str(author.builds.site)
        trouble = author.builds.trouble
        options = {"host": "127.0.0.1", "port": 0, "root": site}
        super().__init__(trouble, builder=author.builds, **options)
        self.author = author
        self.meanwhile = lambda: None

    def show_first(self, url: str) -> None:
        self.author.news.append(url)
        self.meanwhile()

    def show_rest(self, *, same: bool) -> None:
        self.author.news.append("same" if same else "other")


@pytest.fixture(scope="module")
def blog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Author]:
    def make(folder: Path) -> None:
        for name, text in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        value = nbformat.v4.new_output("execute_result", {"text/plain": "28.3"})
        cell = nbformat.v4.new_code_cell("#| label: area\n28.3", outputs=[value])
        (folder / "docs/notebooks").mkdir()
        nbformat.write(
            nbformat.v4.new_notebook(cells=[cell]), folder / "docs/notebooks/areas.ipynb"
        )
        (folder / "served").mkdir()

    root = tmp_path_factory.mktemp("page-first")  # one a worker: each changes it
    make(root)
    there = Path.cwd()
    logger = logging.getLogger("mkdocs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1767312000")
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        os.chdir(root)
        author = Author(root)
        logger.addHandler(author.builds.trouble)
        try:
            author.start()
            yield author
        finally:
            logger.removeHandler(author.builds.trouble)
            author.server.server_close()
            os.chdir(there)


@pytest.fixture(autouse=True)
def as_it_was(blog: Author) -> Iterator[None]:
    yield
    blog.server.meanwhile = lambda: None
    blog.server._want_rebuild = False
    for name, text in FILES.items():
        if (blog.root / name).read_text("utf-8") != text:
            (blog.root / name).write_text(text, "utf-8")
    for path in (blog.root / "docs/posts").glob("new*"):
        path.unlink()
    blog.look()
    assert not blog.builds.trouble.text


CIRCLES, ABOUT = "2026/01/02/circles.html", "about.html"
BODIES = [
    (POST, "The area is", "Its area is", CIRCLES),
    (POST, "## Last", "## The last\n\nWords[^1].\n\n[^1]: A note.", CIRCLES),
    (POST, "![](../notebooks/areas.ipynb#area)", "not told", CIRCLES),
    (POST, "## Last", "![](../notebooks/areas.ipynb)\n\n## Last", CIRCLES),
    (POST, "::: shapes.circle", "```python\nx = 1\n```", CIRCLES),
    ("docs/about.md", "Two words", "Three words", ABOUT),
]


@pytest.mark.parametrize(("file", "old", "new", "url"), BODIES)
def test_a_changed_body_is_shown_first_and_is_the_page_of_the_whole_site(
    blog: Author, file: str, old: str, new: str, url: str
) -> None:
    before, first = blog.page(url), list[str]()
    blog.server.meanwhile = lambda: first.append(blog.page(url))
    assert blog.change(file, old, new) == [url, "whole", "same"]
    assert first == [blog.page(url)] != [before]
    # As a server that starts now makes it.
    fresh = blog.root / f"fresh-{len(list(blog.root.glob('fresh-*')))}"
    fresh.mkdir()
    other = Builds(build, fresh)
    other.server = blog.server
    other(other.load())
    assert (other.site / url).read_text("utf-8") == first[0]


WHOLE = [
    (POST, "tags: [circles]", "tags: [round]"),
    (POST, "# Circles", "# Rings"),
    (POST, "date: 2026-01-02", "date: 2026-01-04"),
    ("docs/tags.md", "# Tags\n", "# Tags\n\nAll of them.\n"),
    ("docs/index.md", "# Trial\n", "# Trial\n\nWords.\n"),
    ("code/shapes.py", "return 1", "return 2"),
    ("mkdocs.yml", "site_name: Trial", "site_name: Another"),
]


@pytest.mark.parametrize(("file", "old", "new"), WHOLE)
def test_what_others_show_of_a_page_or_what_is_no_page_takes_the_whole_site(
    blog: Author, file: str, old: str, new: str
) -> None:
    assert blog.change(file, old, new) == ["whole"]
    # What is shown next is made of the new site.
    assert blog.change("docs/about.md", "Two words", "Three words") == [ABOUT, "whole", "same"]
    assert ("Another" in blog.page(ABOUT)) == (file == "mkdocs.yml")


def test_a_new_page_and_one_that_is_gone_take_the_whole_site(blog: Author) -> None:
    assert blog.save("docs/posts/new.md", "---\ndate: 2026-01-05\n---\n# New\n") == ["whole"]
    (blog.root / "docs/posts/new.md").unlink()
    assert blog.look() == ["whole"]
    assert not (blog.builds.site / "2026/01/05/new.html").exists()


def test_two_pages_that_are_saved_at_once_take_the_whole_site(blog: Author) -> None:
    about = blog.root / "docs/about.md"
    about.write_text(about.read_text("utf-8") + "\nMore.\n", "utf-8")
    assert blog.change(POST, "The area", "An area") == ["whole"]
    assert "More." in blog.page(ABOUT)
    assert "An area" in blog.page()


def test_a_mistake_is_told_by_the_whole_site_and_the_page_stays(blog: Author) -> None:
    before = blog.page()
    assert blog.change(POST, "ipynb#area)", "ipynb#aera)") == ["whole"]
    assert "no cell labelled 'aera'" in blog.builds.trouble.text
    assert blog.page() == before
    # Mended, it shows at once, and nothing is told any more.
    told = list[str]()
    blog.server.meanwhile = lambda: told.append(blog.builds.trouble.text)
    assert blog.change(POST, "ipynb#aera)", "ipynb#area) now") == [CIRCLES, "whole", "same"]
    assert told == [""]
    assert blog.builds.trouble.text == ""
    assert "now" in blog.page()


def test_a_warning_is_given_as_by_any_build(blog: Author) -> None:
    about = "docs/about.md"
    assert blog.change(about, "Two words", "[Two](nowhere.md) words") == ["whole"]
    assert any("nowhere.md" in warning for warning in blog.builds.trouble.warnings)
    assert blog.change(about, "(nowhere.md)", "(nowhere.md) more") == ["whole"]
    assert any("nowhere.md" in warning for warning in blog.builds.trouble.warnings)
    assert "more" in blog.page(ABOUT)


def test_the_next_save_ends_the_build_behind_and_nothing_is_lost(blog: Author) -> None:
    def save_again() -> None:
        blog.server._want_rebuild = True

    index = blog.page("index.html")
    blog.server.meanwhile = save_again
    assert blog.change(POST, "The area", "One area") == [CIRCLES, "whole"]
    assert "One area" in blog.page()
    assert blog.page("index.html") == index, "the rest waits"
    assert blog.change("docs/about.md", "Two words", "Three words") == [ABOUT, "whole"]
    blog.server.meanwhile = lambda: None
    blog.server._want_rebuild = False
    assert blog.change(POST, "One area", "Some area") == [CIRCLES, "whole", "same"]
    assert "Some area" in blog.page("index.html")
    assert "Three words" in blog.page(ABOUT)
    assert not list(blog.builds.site.parent.glob("*.building"))


def test_the_rest_corrects_what_the_page_takes_from_others(blog: Author) -> None:
    """Circles are saved again, ended before the rest is built, and named anew in the same go."""
    blog.server.meanwhile = lambda: setattr(blog.server, "_want_rebuild", True)
    assert blog.change(POST, "The area", "One area") == [CIRCLES, "whole"]
    blog.server.meanwhile = lambda: None
    blog.server._want_rebuild = False
    assert blog.change(POST, "tags: [circles]", "tags: [round]") == ["whole"]
    assert "round" in blog.page("tags.html")
