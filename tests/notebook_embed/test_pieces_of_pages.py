"""What others convert of a page, apart from its own parser, embeds what the page could."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from notebook_embed.errors import EmbedError

# As markdown-exec converts what code prints, and as mkdocs-macros' filter converts a text.
HOOKS = """
import re
from markdown import Markdown

made = []

def converted(text):
    return Markdown(extensions=made[0].markdown_extensions, extension_configs=made[0].mdx_configs
                    ).convert(text)

def on_config(config):
    made[:] = [config]
    show = lambda source, *more, **most: converted(source)
    fence = {"name": "exec", "class": "exec", "format": show}
    config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [fence]}

def on_page_markdown(markdown, **more):
    return re.sub("<<(.*?)>>", lambda found: converted(found[1]), markdown)

def on_page_context(context, page, **more):
    up = "../" * page.file.src_uri.count("/")
    page.content += converted(f"context ![]({up}nb/x.ipynb#value)")
"""
MKDOCS = """
site_name: Trial
theme: mkdocs
hooks: [hooks.py]
plugins: [{notebook-embed: {notebooks: nb, execute: never}}]
markdown_extensions: [attr_list, pymdownx.superfences]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    node = nbformat.v4.new_notebook()
    value = nbformat.v4.new_output("stream", name="stdout", text="7")
    node.cells = [nbformat.v4.new_code_cell("#| label: value\nprint(7)", outputs=[value])]
    for name, text in (
        ("mkdocs.yml", MKDOCS),
        ("hooks.py", HOOKS),
        ("docs/nb/x.ipynb", nbformat.writes(node)),
        ("docs/index.md", "# First\n\nNothing.\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def made(site: Path, text: str) -> str:
    page = site / "docs/deep/page.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(text)
    config = load_config(str(site / "mkdocs.yml"))
    config.plugins.on_startup(command="build", dirty=False)
    try:
        build(config)
    finally:
        config.plugins.on_shutdown()
    return (site / "site/deep/page/index.html").read_text()


PIECES = ["```exec\nmean {}\n```", "<<mean {}>>", "- a\n\n    ```exec\n    mean {}\n    ```"]


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_embeds_what_its_page_could(site: Path, piece: str) -> None:
    html = made(site, "# Page\n\n" + piece.format("![](../nb/x.ipynb#value) of all"))
    assert re.search(r'mean <span class="nb-value"[^>]*>7</span> of all', html)
    assert "context <span" in html


@pytest.mark.parametrize("piece", PIECES)
def test_a_mistake_in_a_piece_stops_the_build(site: Path, piece: str) -> None:
    with pytest.raises(EmbedError, match=r"page\.md:[346]: .*no cell labelled 'valu'"):
        made(site, "# Page\n\n" + piece.format("![](../nb/x.ipynb#valu)"))
