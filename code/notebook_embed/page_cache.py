"""While a server builds again and again: pages that cannot have changed are not converted again.

A page's HTML depends on its own Markdown and on what all pages share: the notebooks and their
outputs, modules whose code is shown, where files are, and the configuration. As long as these are
the same, what an earlier build made is taken. An extension that reads other files
(``pymdownx.snippets``) would break this, and then every page is converted.
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin, event_priority
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from notebook_embed.library import Library

__all__ = ["PageCache"]

# What Page.render sets. The links to other files' anchors name files, which each build makes anew.
_RENDERED = ("content", "toc", "_title_from_render", "present_anchor_ids")
_EXCERPT = ("content", "more", "toc")


class PageCache(BasePlugin):  # type: ignore[type-arg]
    """What the builds of one server have made, by what it was made of: a plugin of the server's.

    `keep` holds what a build has made for the next ones; call it where the build has succeeded
    without a warning, for what is taken from here gives none.
    """

    NAME = "notebook-embed/page-cache"

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}
        self._used: dict[str, Any] = {}
        self._shared = ""

    @event_priority(-100)  # when all files are known
    def on_nav(self, nav: Navigation, *, config: MkDocsConfig, files: Files) -> Navigation:
        self._used, self._shared = {}, _shared(config, files)
        return nav

    @event_priority(-100)  # after those who bring a renderer of their own
    def on_pre_page(self, page: Page, *, config: MkDocsConfig, files: Files) -> Page:
        if "render" not in vars(page):
            self.attend(page)
        return page

    @event_priority(-100)  # after the blog has made the excerpt
    def on_page_markdown(
        self, markdown: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str:
        if (excerpt := getattr(page, "excerpt", None)) is not None:
            vars(excerpt)["render"] = self._excerpt(excerpt, excerpt.render)
        return markdown

    def on_env(self, env: Environment, *, config: MkDocsConfig, files: Files) -> Environment:
        search = config.plugins.get("material/search")
        if (index := getattr(search, "search_index", None)) is not None:
            vars(index)["add_entry_from_context"] = self._index(index, index.add_entry_from_context)
        return env

    def attend(self, page: Page) -> None:
        """Let `page` take from here what it would render."""
        vars(page)["render"] = self._page(page, page.render)

    def keep(self) -> None:
        self._kept = self._used

    @contextmanager
    def trial(self) -> Iterator[Callable[[], None]]:
        """Forget what is made in the block, unless it calls what it is given.

        What has given a warning must give it again.
        """
        before, good = set(self._used), list[bool]()
        try:
            yield lambda: good.append(True)
        finally:
            for key in [] if good else self._used.keys() - before:
                del self._used[key]

    def _once(self, make: Callable[[], Any], *parts: object) -> Any:
        """Return a copy of what was made of these parts before, else what `make` returns."""
        key = hashlib.sha256(repr((self._shared, parts)).encode()).hexdigest()
        known = self._kept if key in self._kept else self._used
        if key not in known:
            made = make()
            self._used[key] = copy.deepcopy(made)
            return made
        self._used[key] = known[key]
        return copy.deepcopy(known[key])

    def _page(self, page: Page, real: Callable[..., None]) -> Callable[..., None]:
        def render(config: MkDocsConfig, files: Files) -> None:
            library: Library = config.mdx_configs["notebook_embed"]["library"]

            def make() -> tuple[dict[str, Any], dict[str, dict[str, str]], list[str]]:
                real(config, files)
                links = {f.src_uri: to for f, to in (page.links_to_anchors or {}).items()}
                used = library.used.get(page.file.src_uri, [])
                return {name: getattr(page, name) for name in _RENDERED}, links, used

            uri, url = page.file.src_uri, page.file.url
            values, links, used = self._once(make, "page", uri, url, page.markdown)
            vars(page).update(values)
            page.links_to_anchors = {
                file: to
                for name, to in links.items()
                if (file := files.get_file_from_path(name)) is not None
            }
            for notebook in used:
                library.use(uri, notebook)

        return render

    def _excerpt(self, excerpt: Any, real: Callable[..., None]) -> Callable[..., None]:
        def render(page: Page, separator: str) -> None:
            def make() -> dict[str, Any]:
                real(page, separator)
                return {name: getattr(excerpt, name) for name in _EXCERPT}

            post = excerpt.post
            written = (post.file.src_uri, post.url, page.url, post.title, post.markdown, separator)
            vars(excerpt).update(self._once(make, "excerpt", *written))

        return render

    def _index(self, index: Any, real: Callable[..., None]) -> Callable[..., None]:
        def add(page: Page) -> None:
            def make() -> list[Any]:
                before = len(index.entries)
                real(page)
                made: list[Any] = index.entries[before:]
                del index.entries[before:]
                return made

            named = (page.meta.get("tags"), page.meta.get("search"), page.meta.get("title"))
            index.entries += self._once(make, "search", page.url, page.title, named, page.content)

        return add


def _shared(config: MkDocsConfig, files: Files) -> str:
    """Return a digest of what every page may depend on, beside its own text."""
    options = config.mdx_configs["notebook_embed"]
    library: Library = options["library"]
    digest = hashlib.sha256()
    if "pymdownx.snippets" in config.markdown_extensions:
        digest.update(os.urandom(16))
    if config.config_file_path:
        digest.update(Path(config.config_file_path).read_bytes())
    for file in sorted(files, key=lambda file: file.src_uri):
        digest.update(f"{file.src_uri} {file.dest_uri}\n".encode())
    for uri in sorted(library.notebooks):
        digest.update(repr((uri, library.notebooks[uri].cells, library.outputs[uri])).encode())
    digest.update(repr(sorted(library.alts.items())).encode())
    digest.update(
        repr(sorted((uri, error.message) for uri, error in library.failed.items())).encode()
    )
    for folder in options["code"]:
        for path in sorted(Path(folder).rglob("*.py")):
            digest.update(f"{path} {path.stat().st_mtime_ns}\n".encode())
    return digest.hexdigest()
