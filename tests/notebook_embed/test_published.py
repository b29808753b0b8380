"""Drafts publish nothing, stop nothing, and their author sees them under a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import Files, get_files

from notebook_embed.errors import EmbedError
from notebook_embed.library import Library, SourceLine, files_below
from notebook_embed.notebook import is_notebook
from notebook_embed.published import (
    drop_compiled,
    drop_excluded,
    drop_notebooks_among_posts,
    drop_unpublished,
    follow_changes,
    make_anew,
    published_pages,
)

NOTEBOOK = "# %%\n#| label: v\nprint(7)\n"
MKDOCS = """
site_name: Trial
theme: material
plugins: [{blog: {blog_dir: ., draft_if_future_date: true}}]
exclude_docs: |
  /nb/old.py
  /old.md
draft_docs: |
  /sketch.md
nav: [index.md, nb/in_nav.py]
"""
PAGES = {
    "index.md": "# T\n",
    "posts/a.md": "---\ndate: 2026-01-02\n---\n![](../nb/shown.py#v) [l](../nb/linked.py#v)\n"
    "[d][x]\n\n[x]: ../nb/defined.py\n\n<!-- ![](../nb/secret.py#v) -->\n\n`![](../nb/secret.py)`\n",
    "posts/d.md": "---\ndate: 2026-01-02\ndraft: true\n---\n"
    "![](../nb/shown.py#nope) ![](../nb/secret.py#v) ![](../nb/malformed.py#v) ![](../nb/linked.py)\n"
    "![](../nb/defined.py) ![](../nb/inner.py) ![](../nb/in_nav.py)\n",
    "posts/f.md": "---\ndate: 2999-01-02\n---\n![](../nb/future.py#v)\n",
    "sketch.md": "![](nb/sketched.py)\n",
    "old.md": "![](nb/of_old.py)\n",
}
DRAFTS = {"nb/secret.py", "nb/malformed.py", "nb/future.py", "nb/sketched.py", "nb/of_old.py"}
SHOWN = {f"nb/{name}.py" for name in ("shown", "linked", "defined", "inner", "in_nav", "alone")}


@pytest.fixture
def site(tmp_path: Path) -> tuple[Files, MkDocsConfig, Library]:
    (tmp_path / "mkdocs.yml").write_text(MKDOCS)
    texts = PAGES | dict.fromkeys(DRAFTS | SHOWN | {"nb/old.py"}, NOTEBOOK)
    texts["nb/malformed.py"] = "# %%\n#| label: [\n"
    texts["nb/shown.py"] += "\n# %% [markdown]\n# ![](inner.py#v)\n"
    for name, text in texts.items():
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text(text)
    config = load_config(str(tmp_path / "mkdocs.yml"))
    excluded = config.exclude_docs
    assert excluded is not None
    library = Library.look(tmp_path / "docs", "nb", excluded.match_file)
    return get_files(config), config, library


def test_notebooks_that_only_drafts_use_are_dropped(
    site: tuple[Files, MkDocsConfig, Library],
) -> None:
    files, config, library = site
    pages = published_pages(files, config, serving=False)
    assert {page.src_uri for page in pages} == {"index.md", "posts/a.md"}
    drop_unpublished(library, pages, files, config)
    assert library.notebooks.keys() == SHOWN
    assert not DRAFTS & {file.src_uri for file in files}
    with pytest.raises(EmbedError, match=r"a\.md:4: .*excluded from the site\n  .*exclude_docs"):
        library.find("../nb/old.py#v", SourceLine(Path("a.md"), "posts/a.md", 4))


def test_what_a_plugin_leaves_out_later_is_left_out_at_once(
    site: tuple[Files, MkDocsConfig, Library],
) -> None:
    files, config, _ = site

    class Exclude(BasePlugin):
        def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
            return Files([file for file in files if not file.src_uri.startswith("posts/")])

    assert drop_excluded(files, config) == set()
    config.plugins["exclude"] = Exclude()
    assert drop_excluded(files, config) == {"posts/a.md", "posts/d.md", "posts/f.md"}
    pages = published_pages(files, config, serving=False)
    assert {page.src_uri for page in pages} == {"index.md"}


def test_their_author_sees_them_and_what_is_wrong_with_them(
    site: tuple[Files, MkDocsConfig, Library],
) -> None:
    files, config, library = site
    config.plugins["material/blog"].config.draft = True  # as it is under a server
    pages = published_pages(files, config, serving=True)
    assert {page.src_uri for page in pages} == PAGES.keys() - {"old.md"}
    drop_unpublished(library, pages, files, config)
    assert "malformed.py:2: malformed cell option" in library.broken["nb/malformed.py"].message


def test_what_notebooks_write_and_remove_is_as_in_the_next_build(
    site: tuple[Files, MkDocsConfig, Library],
) -> None:
    files, config, _ = site
    docs = Path(config.docs_dir)
    (docs / "gone.csv").write_text("1")
    (docs / "nowhere.csv").symlink_to("none.csv")
    files = get_files(config)
    before = set(files_below(docs, docs))
    (docs / "gone.csv").unlink()
    (docs / "old.md").unlink()
    for name in ("nb/a.csv", "a.md", "nb/index.md", "nb/.hidden"):
        (docs / name).write_text("", "utf-8")
    follow_changes(files, before, config)
    assert [file.src_uri for file in files] == [file.src_uri for file in get_files(config)]
    assert "a.md" in {file.src_uri for file in files}


def test_a_dirty_build_makes_pages_anew_that_show_notebooks(
    site: tuple[Files, MkDocsConfig, Library],
) -> None:
    config = site[1]
    others = {"index.md": "# T\n", "links.md": "[a](index.md) `::: a.b`\n"}
    filled = {
        "value.md": "![](nb/shown.py#v)\n",
        "code.md": "# T\n\n::: a.b\n",
        "macro.md": "{{ a }}\n",
    }
    for name, text in (others | filled).items():
        Path(config.docs_dir, name).write_text(text, "utf-8")
    files = get_files(config)
    for name in others | filled:
        made = files.get_file_from_path(name)
        assert made is not None
        Path(made.abs_dest_path).parent.mkdir(parents=True, exist_ok=True)
        Path(made.abs_dest_path).write_text("", "utf-8")
    make_anew({"nb/shown.py"}, files)
    modified = {file.src_uri for file in files.documentation_pages() if file.is_modified()}
    assert modified & (others | filled).keys() == filled.keys()


def test_what_python_makes_of_modules_is_not_published(
    site: tuple[Files, MkDocsConfig, Library],
) -> None:
    config = site[1]
    made = ("nb/__pycache__/a.cpython-311.pyc", "nb/__pycache__/x.nbi", "nb/old.pyo")
    for name in (*made, "nb/a.py", "nb/pycache.txt"):
        Path(config.docs_dir, name).parent.mkdir(exist_ok=True)
        Path(config.docs_dir, name).write_text("", "utf-8")
    files = get_files(config)
    before = {file.src_uri for file in files}
    drop_compiled(files)
    assert before - {file.src_uri for file in files} == set(made)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.py", "# %%\n1", True),
        ("x.py", "#%% [markdown]\n# a", True),
        ("x.py", "# ---\n# jupyter:\n#   kernelspec: {name: python3}\n# ---\n1\n", True),
        ("x.py", "import sys\nsys.exit('usage: x FILE')\n", False),
        ("x.py", "print('# %%')\n", False),
        ("x.py", "", False),
        ("x.ipynb", "", True),
        ("x.md", "# %%\n", False),
    ],
)
def test_a_module_beside_notebooks_is_none(
    tmp_path: Path, name: str, text: str, expected: bool
) -> None:
    (tmp_path / name).write_text(text)
    assert is_notebook(tmp_path / name) is expected


def test_an_embed_of_a_module_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("X = 1\n")
    library = Library.read(tmp_path, ".")
    with pytest.raises(EmbedError, match=r"p\.md:3: 'helper\.py' is a module, no notebook"):
        library.find("helper.py#v", SourceLine(Path("p.md"), "p.md", 3))


def test_an_embed_of_what_is_there_and_has_not_run_says_so(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "else").mkdir()
    (tmp_path / "else/g.py").write_text("# %%\n1\n")
    (tmp_path / "else/page.md").write_text("# A page\n")
    library = Library.read(tmp_path, "notebooks")
    at = SourceLine(Path("p.md"), "p.md", 3)
    with pytest.raises(EmbedError, match=r"p\.md:3: the notebook 'else/g\.py' has not run"):
        library.find("else/g.py#a", at)
    with pytest.raises(EmbedError, match=r"p\.md:3: 'else/page\.md' is no notebook"):
        library.find("else/page.md#a", at)


@pytest.mark.parametrize("serving", [True, False])
def test_a_post_that_is_not_utf_8_is_named(
    site: tuple[Files, MkDocsConfig, Library], serving: bool
) -> None:
    files, config, library = site
    (library.docs / "posts/a.md").write_bytes(
        "---\ndate: 2026-01-02\n---\nGrüße\n".encode("latin-1")
    )
    drop_notebooks_among_posts(files, config)
    with pytest.raises(EmbedError, match=r"(?s)posts/a\.md:4: the page is not UTF-8.*Save it as"):
        published_pages(files, config, serving=serving)


def test_a_post_that_is_a_link_to_nowhere_is_named(
    site: tuple[Files, MkDocsConfig, Library],
) -> None:
    _, config, library = site
    (library.docs / "posts/b.md").symlink_to("gone.md")
    with pytest.raises(EmbedError, match=r"posts/b\.md: the file cannot be read: .*No such file"):
        drop_notebooks_among_posts(get_files(config), config)
