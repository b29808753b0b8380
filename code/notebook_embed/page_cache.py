"""While a server builds again and again: pages that cannot have changed are not converted again.

A page's HTML depends on its own Markdown, on the notebooks that it shows and their outputs, on the
files that extensions read while it is converted (a glossary), and on what all pages share: modules
whose code is shown, where files are, and the configuration. As long as these are the same, what an
earlier build made is taken. An extension that also looks for files that are not there
(``pymdownx.snippets``) would break this, and so would one that a plugin has brought as an object of
its own (mkdocstrings, mkdocs-autorefs): the plugin may wait for what is found in each page. Then
every page is converted. What plugins do in their hooks is done for each page in any case.
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from notebook_embed.imports import stamp_if_there
from notebook_embed.kept_json import INSTALLED
from notebook_embed.library import Library
from notebook_embed.remembered import entries_of

__all__ = ["PageCache", "configured_by"]

# What Page.render sets. The links to other files' anchors name files, which each build makes anew.
_RENDERED = ("content", "toc", "_title_from_render", "present_anchor_ids")
_EXCERPT = ("markdown", "content", "more", "toc")

# Where a configuration names the one that it adds to.
_INHERIT = re.compile(r"^INHERIT:[ \t]*(['\"]?)(.+?)\1[ \t]*(?:[ \t]#.*)?$", re.M)

Stamps = dict[str, tuple[int, ...] | None]


@dataclass(frozen=True)
class _Made:
    """What was made: it holds while these files and notebooks are as they were then."""

    value: Any
    read: Stamps
    notebooks: dict[str, str]


class PageCache(BasePlugin):  # type: ignore[type-arg]
    """What the builds of one server have made, by what it was made of: a plugin of the server's.

    `keep` holds what a build has made for the next ones; call it where the build has succeeded
    without a warning, for what is taken from here gives none.
    """

    NAME = "notebook-embed/page-cache"

    def __init__(self) -> None:
        self._kept: dict[str, _Made] = {}
        self._used: dict[str, _Made] = {}
        self._shared = ""
        self._notebooks: dict[str, str] = {}  # their digests
        self._tried: dict[str, set[str]] = {}  # keys of what was made for a name
        self._trying = False

    @event_priority(-100)  # when all files are known
    def on_nav(self, nav: Navigation, *, config: MkDocsConfig, files: Files) -> Navigation:
        self._used, self._tried, self._shared = {}, {}, _shared(config, files)
        library: Library = config.mdx_configs["notebook_embed"]["library"]
        self._notebooks = {uri: _digest(library, uri) for uri in library.notebooks}
        return nav

    @event_priority(-100)  # after those who bring a renderer of their own
    def on_pre_page(self, page: Page, *, config: MkDocsConfig, files: Files) -> Page:
        if "render" not in vars(page):
            self.attend(page)
        return page

    @event_priority(200)  # before the blog makes the excerpt, and with it a parser
    def _excerpt_begins(
        self, markdown: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str:
        _listen()
        _here.read = {}
        return markdown

    @event_priority(-100)  # when it has
    def _excerpt_is_there(
        self, markdown: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str:
        read, _here.read = _here.read, None
        if (excerpt := getattr(page, "excerpt", None)) is not None:
            library: Library = config.mdx_configs["notebook_embed"]["library"]
            vars(excerpt)["render"] = self._excerpt(excerpt, excerpt.render, library, read or {})
        return markdown

    on_page_markdown = CombinedEvent(_excerpt_begins, _excerpt_is_there)

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
    def trial(self, name: str) -> Iterator[Callable[[], None]]:
        """Forget what is made in the block, unless it calls what it is given.

        What has given a warning must give it again. The next trial of the same `name` takes the
        place of this one. Nothing is put into the index that readers search.
        """
        before, good, self._trying = set(self._used), list[bool](), True
        try:
            yield lambda: good.append(True)
        finally:
            self._trying = False
            made = self._used.keys() - before
            for key in self._tried.pop(name, set()) if good else made:
                self._used.pop(key, None)
            if good:
                self._tried[name] = made

    def _once(
        self,
        make: Callable[[], Any],
        *parts: object,
        used: Callable[[], list[str]] = list,
        read: Stamps | None = None,
    ) -> Any:
        """Return a copy of what was made of these parts before, else what `make` returns.

        `used` names the notebooks that were shown, once it is made; `read` are files that were read
        for it before.
        """
        key = hashlib.sha256(repr((self._shared, parts)).encode()).hexdigest()
        known = self._used.get(key) or self._kept.get(key)
        if known is not None and self._holds(known):
            self._used[key] = known
            return copy.deepcopy(known.value)
        with _reading(read or {}) as all_read:
            value = make()
        shown = {uri: self._notebooks.get(uri, "") for uri in used()}
        self._used[key] = _Made(copy.deepcopy(value), all_read, shown)
        return value

    def _holds(self, made: _Made) -> bool:
        same = all(self._notebooks.get(uri) == then for uri, then in made.notebooks.items())
        return same and all(stamp_if_there(Path(p)) == then for p, then in made.read.items())

    def _page(self, page: Page, real: Callable[..., None]) -> Callable[..., None]:
        def render(config: MkDocsConfig, files: Files) -> None:
            library: Library = config.mdx_configs["notebook_embed"]["library"]

            def make() -> tuple[dict[str, Any], dict[str, dict[str, str]], list[str]]:
                real(config, files)
                links = {f.src_uri: to for f, to in (page.links_to_anchors or {}).items()}
                used = library.used.get(page.file.src_uri, [])
                return {name: getattr(page, name) for name in _RENDERED}, links, used

            uri, url = page.file.src_uri, page.file.url
            parts = ("page", uri, url, page.markdown)
            values, links, used = self._once(make, *parts, used=lambda: library.used.get(uri, []))
            vars(page).update(values)
            page.links_to_anchors = {
                file: to
                for name, to in links.items()
                if (file := files.get_file_from_path(name)) is not None
            }
            for notebook in used:
                library.use(uri, notebook)

        return render

    def _excerpt(
        self, excerpt: Any, real: Callable[..., None], library: Library, read: Stamps
    ) -> Callable[..., None]:
        def render(page: Page, separator: str) -> None:
            def make() -> dict[str, Any]:
                real(page, separator)
                return {name: getattr(excerpt, name) for name in _EXCERPT}

            post = excerpt.post
            written = (post.file.src_uri, post.url, page.url, post.title, post.markdown, separator)
            used = library.used.get(post.file.src_uri, [])
            made = self._once(make, "excerpt", *written, used=lambda: used, read=read)
            vars(excerpt).update(made)

        return render

    def _index(self, index: Any, real: Callable[..., None]) -> Callable[..., None]:
        def add(page: Page) -> None:
            if self._trying:
                return
            named = (page.meta.get("tags"), page.meta.get("search"), page.meta.get("title"))
            make = partial(entries_of, page, index, real)
            index.entries += self._once(make, "search", page.url, page.title, named, page.content)

        return add


def _shared(config: MkDocsConfig, files: Files) -> str:
    """Return a digest of what every page may depend on, beside its own text."""
    options = config.mdx_configs["notebook_embed"]
    digest = hashlib.sha256()
    extensions = config.markdown_extensions
    if "pymdownx.snippets" in extensions or not all(isinstance(one, str) for one in extensions):
        digest.update(os.urandom(16))
    for path in configured_by(config):
        digest.update(path.read_bytes())
    for file in sorted(files, key=lambda file: file.src_uri):
        digest.update(f"{file.src_uri} {file.dest_uri}\n".encode())
    for folder in options["code"]:
        for path in sorted(Path(folder).rglob("*.py")):
            digest.update(f"{path} {stamp_if_there(path)}\n".encode())
    return digest.hexdigest()


def configured_by(config: MkDocsConfig) -> Iterator[Path]:
    """Give the files of the configuration: its own, those that it inherits from, and hooks."""
    path, seen = Path(config.config_file_path or ""), set[Path]()
    while path.is_file() and path not in seen:
        seen.add(path)
        yield path
        if (parent := _INHERIT.search(path.read_text("utf-8", "replace"))) is None:
            break
        path = Path(os.path.normpath(path.parent / parent[2]))
    hooks: Any = config.hooks  # by their names, though MkDocs says that it is a list
    for hook in hooks.values():
        yield from [Path(file)] if (file := getattr(hook, "__file__", None)) else []


def _digest(library: Library, uri: str) -> str:
    """Return a digest of all that pages may show of a notebook."""
    notebook, error = library.notebooks[uri], library.failed.get(uri)
    alts = sorted((cell, alt) for (of, cell), alt in library.alts.items() if of == uri)
    attached = [(cell, files) for (of, cell), files in library.attachments.items() if of == uri]
    written = (notebook.language, notebook.title, notebook.cells, library.outputs.get(uri))
    parts = (uri, *written, alts, attached, error and error.message)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


# Where a thread is making something: the files that were opened meanwhile, as they were then.
_here = threading.local()


@contextmanager
def _reading(before: Stamps) -> Iterator[Stamps]:
    """Give the files that are read in the block, with the state of each when it was opened."""
    _listen()
    above, _here.read = getattr(_here, "read", None), dict(before)
    try:
        yield _here.read
    finally:
        _here.read = above


@cache  # an audit hook stays for ever
def _listen() -> None:
    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or (read := getattr(_here, "read", None)) is None:
            return
        path, _, flags = arguments
        if isinstance(path, str) and not flags & (os.O_WRONLY | os.O_RDWR):
            path = os.path.abspath(path)  # noqa: PTH100 - this is called for every file
            if not path.startswith(INSTALLED):
                read.setdefault(path, stamp_if_there(Path(path)))

    sys.addaudithook(note)
