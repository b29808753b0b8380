"""What an earlier build has made of a page holds while all that it was made of is the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from markdown.extensions import Extension

from notebook_embed.mkdocs_plugin import NotebookEmbedPlugin
from notebook_embed.page_cache import _shared

CONFIGURATIONS = {
    "mkdocs.yml": "INHERIT: ../base.yml # of all sites\n",
    "../base.yml": "INHERIT: 'inner.yml'\n",
    "../inner.yml": "site_name: One\n",
    "hook.py": "",
}


@pytest.fixture
def config(tmp_path: Path) -> Any:
    (tmp_path / "site").mkdir()
    for name, text in CONFIGURATIONS.items():
        (tmp_path / "site" / name).write_text(text)
    return SimpleNamespace(
        config_file_path=str(tmp_path / "site/mkdocs.yml"),
        hooks={"hook.py": SimpleNamespace(__file__=str(tmp_path / "site/hook.py"))},
        markdown_extensions=["toc", "tables"],
        mdx_configs={"notebook_embed": {"code": []}},
    )


def shared(config: Any) -> str:
    return _shared(config, [])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_change_of_what_configures_a_site_is_one_of_all_pages(config: Any, name: str) -> None:
    before = shared(config)
    assert shared(config) == before
    file = Path(config.config_file_path).parent / name
    file.write_text(file.read_text() + "# a word\n")
    assert shared(config) != before


def test_a_server_watches_what_configures_a_site(config: Any) -> None:
    """Even if its first build has got nowhere."""
    plugin, watched = NotebookEmbedPlugin(), list[str]()
    plugin._server = SimpleNamespace(watch=watched.append)  # type: ignore[assignment]
    for _ in range(2):
        plugin._watch_inputs(config)
    folder = Path(config.config_file_path).parent
    assert sorted(watched) == sorted(str((folder / name).resolve()) for name in CONFIGURATIONS)


@pytest.mark.parametrize("extension", ["pymdownx.snippets", Extension()])
def test_no_page_is_kept_where_an_extension_may_collect_in_it(config: Any, extension: Any) -> None:
    config.markdown_extensions.append(extension)
    assert shared(config) != shared(config)
