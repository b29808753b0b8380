"""A saved page is shown before the rest of the site, and is the one that the rest will have."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.commands.build import build

from notebook_embed.aside import here_only
from notebook_embed.serving import Builds
from workbench.author import Author, authoring
from workbench.edits import Edits

MKDOCS = """
site_name: Trial
site_url: http://127.0.0.1:8123/
use_directory_urls: false
theme: {name: material, font: false, custom_dir: theme}
plugins:
  - notebook-embed: {execute: never}
  - blog: {blog_dir: .}
  - tags
  - search
markdown_extensions: [attr_list, footnotes, md_in_html, pymdownx.superfences, words, toc: {permalink: true}]
"""
POST = "docs/posts/circles.md"
CIRCLES, ABOUT = "2026/01/02/circles.html", "about.html"
FILES = {
    "mkdocs.yml": MKDOCS,
    "requirements.txt": "",
    "theme/partials/post.html": "<h2>{{ post.title }}</h2>{{ post.content }}",
    "code/shapes.py": "def circle():\n    return 1\n",
    "docs/index.md": "# Trial\n",
    "docs/tags.md": "# Tags\n\n<!-- material/tags -->\n",
    "docs/about.md": "# About\n\nTwo words.\n",
    "docs/words.md": "An area is a size.\n",
    POST: """\
---
date: 2026-01-02
tags: [circles]
---
# Circles

The area is ![](../notebooks/areas.ipynb#area). WORDS

<!-- more -->

![How large](../notebooks/areas.ipynb#drawn)

::: shapes.circle

## Last
""",
    "docs/posts/squares.md": "---\ntitle: Squares\ndate: 2026-01-03\n---\n# Squares\n\n[Circles](circles.md#last)\n",
}


class Words(Extension):
    """Reads another page of the site where a parser is made, and shows it."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown's own name
        words = Path("docs/words.md").read_text("utf-8").strip()
        shown = Preprocessor(md)
        shown.run = lambda lines: [line.replace("WORDS", words) for line in lines]
        md.preprocessors.register(shown, "words", 28)


def make(folder: Path) -> None:
    """Write the blog; its notebook was run by somebody else."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    value = nbformat.v4.new_output("execute_result", {"text/plain": "28.3"})
    drawing = nbformat.v4.new_output("display_data", {"image/svg+xml": "<svg/>"})
    cells = [
        nbformat.v4.new_code_cell("#| label: area\n28.3", outputs=[value]),
        nbformat.v4.new_code_cell("#| label: drawn\ndraw()", outputs=[drawing]),
    ]
    (folder / "docs/notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "docs/notebooks/areas.ipynb")


@pytest.fixture(scope="module")
def blog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Author]:
    root = tmp_path_factory.mktemp("page-first")  # one a worker: each changes it
    make(root)
    (root / "served").mkdir()
    words = ModuleType("words")
    words.makeExtension = Words  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1767312000")
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        patch.setitem(sys.modules, "words", words)
        # The fork that builds the rest is niced: beside busy processes a minute may not do.
        patch.setattr("notebook_embed.serving.PATIENCE_SECONDS", 900.0)
        with authoring(root, root / "served") as author:
            assert not author.told
            yield author


def fresh_site(blog: Author) -> Path:
    """Build as a server does that starts now."""
    folder = blog.root / f"fresh-{len(list(blog.root.glob('fresh-*')))}"
    folder.mkdir()
    other = Builds(build, folder)
    other.server = blog.server
    other(other.load())
    return other.site


def tree(site: Path) -> dict[str, bytes]:
    return {str(p.relative_to(site)): p.read_bytes() for p in site.rglob("*") if p.is_file()}


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
    assert blog.change(file, old, new) == [url, "aside", "same"]
    assert first == [blog.page(url)] != [before]
    assert (fresh_site(blog) / url).read_text("utf-8") == first[0]


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
    assert blog.change("docs/about.md", "Two words", "Three words") == [ABOUT, "aside", "same"]
    assert ("Another" in blog.page(ABOUT)) == (file == "mkdocs.yml")


def test_what_an_editor_locks_is_built(blog: Author) -> None:
    """Emacs puts a link that leads nowhere beside a file that has been changed, but not saved."""
    locked = [POST, "code/shapes.py", "docs/about.md", "docs/notebooks/areas.ipynb"]
    locks = [(blog.root / name).with_name(f".#{Path(name).name}") for name in locked]
    for lock in locks:
        lock.symlink_to("author@host.123")
    try:
        assert blog.change("code/shapes.py", "return 1", "return 3") == ["whole"]
        assert blog.change("docs/about.md", "Two words", "Three words") == [ABOUT, "aside", "same"]
        assert not blog.told
        assert tree(fresh_site(blog)) == tree(blog.builds.site)
    finally:
        for lock in locks:
            lock.unlink()


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
    assert "An area" in blog.page(CIRCLES)


def test_a_mistake_is_told_at_once_and_the_page_stays(blog: Author) -> None:
    before, told = blog.page(CIRCLES), list[str]()
    blog.server.meanwhile = lambda: told.append(blog.told)
    assert blog.change(POST, "ipynb#area)", "ipynb#aera)") == [CIRCLES, "aside", "same"]
    assert "no cell labelled 'aera'" in told[0]
    assert blog.told == told[0], "as the whole site tells it"
    assert blog.page(CIRCLES) == before
    # Another page shows meanwhile; the mistake is still told.
    assert blog.change("docs/about.md", "Two words", "Three words") == [ABOUT, "aside", "same"]
    assert "Three words" in blog.page(ABOUT)
    assert blog.told == told[1] == told[0]
    # Mended, it shows at once, and nothing is told any more.
    assert blog.change(POST, "ipynb#aera)", "ipynb#area) now") == [CIRCLES, "aside", "same"]
    assert told[2] == blog.told == ""
    assert "now" in blog.page(CIRCLES)
    assert tree(blog.builds.site) == tree(fresh_site(blog))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [("no_such_option: 1\nstrict: true\n", "no_such_option"), ("site_name: [\n", "mkdocs.yml")],
)
def test_a_wrong_configuration_is_told_and_the_site_stays(
    blog: Author, wrong: str, told: str
) -> None:
    text, before = (blog.root / "mkdocs.yml").read_text("utf-8"), tree(blog.builds.site)
    assert "strict:" not in text
    assert blog.save("mkdocs.yml", f"{text}\n{wrong}") == []
    assert told in blog.told
    assert tree(blog.builds.site) == before
    assert blog.save("mkdocs.yml", text) == ["whole"]
    assert blog.told == ""
    assert tree(blog.builds.site) == before


def test_a_warning_is_given_as_by_any_build(blog: Author) -> None:
    about = "docs/about.md"
    assert blog.change(about, "Two words", "[Two](nowhere.md) words") == [ABOUT, "aside", "same"]
    assert any("nowhere.md" in warning for warning in blog.builds.trouble.warnings)
    assert blog.change(about, "(nowhere.md)", "(nowhere.md) more") == [ABOUT, "aside", "same"]
    assert any("nowhere.md" in warning for warning in blog.builds.trouble.warnings)
    assert "more" in blog.page(ABOUT)


def test_the_next_save_ends_the_build_behind_and_nothing_is_lost(blog: Author) -> None:
    def save_again() -> None:
        blog.server._want_rebuild = True

    index = blog.page("index.html")
    blog.server.meanwhile = save_again
    assert blog.change(POST, "The area", "One area") == [CIRCLES]
    assert "One area" in blog.page(CIRCLES)
    assert blog.page("index.html") == index, "the rest waits"
    assert blog.change("docs/about.md", "Two words", "Three words") == [ABOUT]
    blog.server.meanwhile = lambda: None
    blog.server._want_rebuild = False
    assert blog.change(POST, "One area", "Some area") == [CIRCLES, "aside", "same"]
    assert "Some area" in blog.page("index.html")
    assert "Three words" in blog.page(ABOUT)
    assert not list(blog.builds.site.parent.glob("*.building"))


def test_the_rest_corrects_what_the_page_takes_from_others(blog: Author) -> None:
    """Circles are saved again, ended before the rest is built, and named anew in the same go."""
    blog.server.meanwhile = lambda: setattr(blog.server, "_want_rebuild", True)
    assert blog.change(POST, "The area", "One area") == [CIRCLES]
    blog.server.meanwhile = lambda: None
    blog.server._want_rebuild = False
    assert blog.change(POST, "tags: [circles]", "tags: [round]") == ["whole"]
    assert "round" in blog.page("tags.html")


@pytest.mark.parametrize("able", [False, True])
def test_where_a_fork_cannot_build_the_server_does(
    blog: Author, monkeypatch: pytest.MonkeyPatch, able: bool
) -> None:
    if not able:
        monkeypatch.setattr("notebook_embed.aside.ABLE", False)
    else:  # it asks for what a fork has not, however late
        monkeypatch.setattr("notebook_embed.staging.past_return", here_only)
    assert blog.change(POST, "The area", "One area") == [CIRCLES, "whole", "same"]
    assert "One area" in blog.page("index.html")
    # Ended by the next save, this leaves nothing behind either.
    blog.server.meanwhile = lambda: setattr(blog.server, "_want_rebuild", True)
    assert blog.change(POST, "One area", "Some area")[0] == CIRCLES
    blog.server.meanwhile = lambda: None
    blog.server._want_rebuild = False
    assert blog.change(POST, "Some area", "Any area") == [CIRCLES, "whole", "same"]
    assert tree(blog.builds.site) == tree(fresh_site(blog))


def test_what_is_kept_does_not_grow_with_the_number_of_saves(blog: Author) -> None:
    blog.change(POST, "The area", "Area 0")
    kept = len(blog.builds.pages._used)
    for k in range(3):
        assert blog.change(POST, f"Area {k}", f"Area {k + 1}") == [CIRCLES, "aside", "same"]
    assert len(blog.builds.pages._used) == kept


def test_what_an_extension_reads_is_read_again_where_it_has_changed(blog: Author) -> None:
    assert "An area is a size." in blog.page(CIRCLES)
    news = blog.change("docs/words.md", "a size", "a number")
    assert news == ["words.html", "aside", "same"]
    for name in (CIRCLES, "index.html"):  # the index shows the post's beginning
        assert "An area is a number." in blog.page(name)


def test_another_alt_text_is_that_of_the_notebooks_page_too(blog: Author) -> None:
    assert blog.change(POST, "![How large]", "![A circle]") == [CIRCLES, "aside", "same"]
    assert 'alt="A circle"' in blog.page("notebooks/areas.html")
    assert tree(blog.builds.site) == tree(fresh_site(blog))


def test_after_a_walk_of_edits_the_site_is_what_a_build_makes_now(blog: Author) -> None:
    """`make campaign` goes further, in this site."""
    edits = Edits(blog.root, random.Random(7), [])
    there = {path: path.read_bytes() for path in (blog.root / "docs").rglob("*.*")}
    first = dict[str, str]()
    blog.server.meanwhile = lambda: first.update({blog.news[-1]: blog.page(blog.news[-1])})
    for _ in range(16):
        kind, changes = edits.draw()
        undo = edits.undoing(changes)
        first.clear()
        blog.write(changes)
        blog.look()
        assert all(blog.page(name) == page for name, page in first.items()), (kind, changes)
        if blog.told:
            edits.broken.append(undo)
    while edits.broken:
        blog.write(edits.broken.pop())
    blog.look()
    assert not blog.told
    assert tree(blog.builds.site) == tree(fresh_site(blog))
    for path in (blog.root / "docs").rglob("*.*"):
        path.unlink()
    for path, content in there.items():
        path.write_bytes(content)
