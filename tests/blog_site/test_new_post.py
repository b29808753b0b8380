"""A new post: any title makes a file that the blog can read, and nothing is ever overwritten."""

from __future__ import annotations

import html
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from blog_site.new_post import new_post

TODAY = date(2026, 3, 14)

MKDOCS = """
site_name: Trial
use_directory_urls: false
strict: true
theme: {name: material, font: false}
plugins:
  - blog: {blog_dir: ., post_url_format: "posts/{slug}"}
  - tags
"""


def front_matter(path: Path) -> dict:
    head = path.read_text("utf-8").split("---\n")[1]
    return yaml.safe_load(head)


def start(root: Path, title: str | None) -> subprocess.CompletedProcess[str]:
    """Run the command as `make new-post` does, in the folder `root`."""
    environment = {key: value for key, value in os.environ.items() if key != "TITLE"}
    if title is not None:
        environment["TITLE"] = title
    return subprocess.run(
        [sys.executable, "-m", "blog_site.new_post"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Attention in colour", "attention-in-colour.md"),
        ('He said "why?": a post\'s title', "he-said-why-a-posts-title.md"),
        ("Über Ähnlichkeit – 注意", "über-ähnlichkeit--注意.md"),
        ("1984", "1984.md"),
        ("yes", "yes.md"),
        ("# not a comment", "not-a-comment.md"),
        ("{braces} and [brackets] & *stars*", "braces-and-brackets--stars.md"),
        ("$(touch pwned) `touch pwned`", "touch-pwned-touch-pwned.md"),
        ("back\\slash and a \x7f", "backslash-and-a.md"),
        ("two\nlines:\n  draft: false", "two-lines-draft-false.md"),
        ("../../x", "x.md"),
        ("/etc/passwd", "etcpasswd.md"),
    ],
)
def test_the_title_comes_back_as_it_was_typed(tmp_path: Path, title: str, name: str) -> None:
    path = new_post(title, posts=tmp_path / "posts", today=TODAY)
    assert path == tmp_path / "posts" / name
    found = front_matter(path)
    assert found["title"] == " ".join(title.split())
    assert found["slug"] == name.removesuffix(".md")
    assert found["date"] == {"created": TODAY}
    assert found["draft"] is True
    assert [p.name for p in tmp_path.iterdir()] == ["posts"]


@given(title=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_no_title_leaves_the_folder_or_breaks_the_front_matter(
    tmp_path_factory: pytest.TempPathFactory, title: str
) -> None:
    posts = tmp_path_factory.mktemp("posts")
    try:
        path = new_post(title, posts=posts, today=TODAY)
    except ValueError:
        assert not list(posts.iterdir())
        return
    assert path.parent == posts
    assert front_matter(path)["title"] == " ".join(title.split())


@pytest.mark.parametrize("title", [None, "", "   ", "..", "/", "?!"])
def test_a_title_without_letters_is_refused(tmp_path: Path, title: str | None) -> None:
    run = start(tmp_path, title)
    assert run.returncode == 1
    assert "a post needs a title: make new-post TITLE=" in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.iterdir())


def test_a_post_that_exists_is_left_alone(tmp_path: Path) -> None:
    first = start(tmp_path, "A title")
    assert first.returncode == 0
    assert first.stdout.startswith("docs/posts/a-title.md")
    path = tmp_path / "docs/posts/a-title.md"
    path.write_text("written since", "utf-8")
    second = start(tmp_path, "A  Title!")
    assert second.returncode == 1
    assert "docs/posts/a-title.md: File exists; nothing was written" in second.stderr
    assert path.read_text("utf-8") == "written since"


def test_a_title_too_long_for_a_file_is_refused(tmp_path: Path) -> None:
    run = start(tmp_path, "long " * 100)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr


def test_a_new_post_stays_out_of_the_site_until_it_is_no_draft(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "mkdocs.yml").write_text(MKDOCS, "utf-8")
    (tmp_path / "docs/index.md").write_text("# Trial\n", "utf-8")
    new_post("1984: why & how", posts=tmp_path / "docs/posts", today=TODAY)
    path = tmp_path / "docs/posts/1984-why--how.md"
    page = tmp_path / "site/posts/1984-why--how.html"

    def build() -> None:
        command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
        environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr

    build()
    assert not page.exists()
    draft = "draft: true # shown by `make serve`, left out by `make site`\n"
    text = path.read_text("utf-8")
    assert draft in text
    path.write_text(text.replace(draft, ""), "utf-8")
    build()
    assert "1984: why & how</h1>" in html.unescape(page.read_text("utf-8"))
    assert "The question that this post answers" in (tmp_path / "site/index.html").read_text()
