"""A notebook of each kind is shown, whole and by label, and nothing of it is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from tests.notebook_embed.corpus import EXTENSIONS, NOTEBOOKS, write

MKDOCS = f"""
site_name: Corpus
site_url: http://shapes.localhost/blog/
use_directory_urls: false
strict: true
theme: {{name: material, font: false, features: [navigation.instant], palette: {{scheme: default}}}}
plugins:
  - notebook-embed:
      execute: never
      dark: {{"#21242b": "#e8e6e1"}}
      views: {{spinner: notebooks/spinner.js}}
{EXTENSIONS}  - toc: {{permalink: true}}
"""


def make(root: Path, only: Iterable[str] = NOTEBOOKS, config: str = MKDOCS) -> Path:
    """Build a site of stock Material with a page for each notebook, by label and whole."""
    write(root / "docs/notebooks")
    (root / "mkdocs.yml").write_text(config)
    (root / "docs/index.md").write_text("# Corpus\n")
    for name in only:
        kind = NOTEBOOKS[name]
        by_label = f"![A sight](../notebooks/{name}.ipynb#shown)\n\n" if kind.embeds else ""
        page = root / f"docs/pages/{name}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(
            f"# {name}\n\n{by_label}![](../notebooks/{name}.ipynb)\n\nAfter *it*.\n", "utf-8"
        )
    site = load_config(str(root / "mkdocs.yml"))
    site.plugins.on_startup(command="build", dirty=False)
    build(site)
    return root / "site"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    site = make(tmp_path_factory.mktemp("corpus"))

    def read(name: str) -> str:
        text = (site / f"pages/{name}.html").read_text("utf-8")
        found = re.search(r"<article.*?</article>", text, re.S)
        assert found
        return found[0]

    return read


def test_there_are_sixty_kinds() -> None:
    assert len(NOTEBOOKS) >= 60


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_of_this_kind_is_shown(page: Callable[[str], str], name: str) -> None:
    html, kind = page(name), NOTEBOOKS[name]
    for look in kind.looks:
        assert html.count(look) >= (2 if kind.embeds else 1), look
    assert "<p>After <em>it</em>.</p>" in html, "nothing of it reaches beyond it"
    assert not re.search(r"&lt;[\w.]+ object|&lt;(?:Latex|Markdown|Styler|Figure)", html)
    ids = [one for one in re.findall(r'\bid="([^"]+)"', html) if not one.startswith("T_ab")]
    assert len(ids) == len(set(ids))


def test_dead_links_of_a_notebook_name_its_line_and_stop_a_strict_build(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from mkdocs.exceptions import Abort

    (tmp_path / "docs/notebooks").mkdir(parents=True)
    (tmp_path / "mkdocs.yml").write_text(MKDOCS)
    (tmp_path / "docs/index.md").write_text("# Corpus\n\n![](notebooks/x.py)\n")
    text = "# %% [markdown]\n# # T\n#\n# [a](gone.csv) ![b](gone.png) [c](https://e.example)\n\n# %%\nx = 1\n"
    (tmp_path / "docs/notebooks/x.py").write_text(text)
    config = load_config(str(tmp_path / "mkdocs.yml"))
    config.plugins.on_startup(command="build", dirty=False)
    with pytest.raises(Abort):
        build(config)
    for name in ("gone.csv", "gone.png"):
        told = f"docs/notebooks/x.py:2 (cell cell-1): '{name}' is not there"
        assert any(told in line for line in caplog.messages), caplog.messages
