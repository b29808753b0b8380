"""While a server builds again and again: a page whose body was saved is shown before the rest.

Its author looks at one page, and that page needs no other to be made again: the configuration, the
files, the navigation and the templates are those of the last whole build. The whole site is built
behind it, until the next save, and corrects what the page takes from others.

What decides where pages go, and what others show of a page, is its front matter and its title. Once
these change, or anything but the body of one page, the whole site comes first.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from jinja2 import Environment, Template
from mkdocs.commands import build as mkdocs_build
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.utils import get_markdown_title
from mkdocs.utils.templates import TemplateContext

from notebook_embed.folders import folders_below
from notebook_embed.imports import stamp_if_there
from notebook_embed.page_cache import PageCache
from notebook_embed.watching import is_passing

__all__ = ["Interrupted", "Left", "PageFirst", "Shown"]

Stamps = dict[str, tuple[int, ...]]


class Interrupted(BaseException):
    """A file was saved while the site was built behind a page: build anew. No mistake of anyone's.

    Whoever catches errors, as MkDocs does to report them, has nothing to do with it.
    """


@dataclass(frozen=True)
class Shown:
    """A page that was shown first: its file, its URL below the site's, and where it was written.

    Where there is a `mistake` in it, the page that was there stays.
    """

    source: Path
    url: str
    path: Path
    mistake: click.ClickException | None = None


@dataclass(frozen=True)
class Left:
    """What another process tells of a whole build, after which only bodies of pages had changed."""

    stamps: Stamps
    written: dict[str, str]


@dataclass
class Build:
    """What a build leaves; pages by the path of their source.

    `before` holds what pages were before they were read, `written` what was made of each, `head`
    what a page tells the rest of the site. `together` names those that another plugin finished when
    all pages were read, such as lists of tags: nobody can do so for one of them.
    """

    stamps: Stamps
    config: MkDocsConfig | None = None
    files: Files | None = None
    nav: Navigation | None = None
    env: Environment | None = None
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    head: dict[str, str] = field(default_factory=dict)
    content: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    together: set[str] = field(default_factory=set)
    plugins: dict[str, dict[str, Any]] = field(default_factory=dict)


class PageFirst(BasePlugin):  # type: ignore[type-arg]
    """What the last whole build of a server left, and a page made of it: a plugin of the server's.

    `watched` gives the files and folders whose changes build the site, `pages` holds what was made
    of pages. Call `begin` before a build reads anything, then `keep` where it succeeded or `drop`
    where it did not. `saved_again` tells whether the build that is under way shall end.
    """

    NAME = "notebook-embed/page-first"

    def __init__(self, watched: Callable[[], Iterable[str]], pages: PageCache) -> None:
        self._watched, self._pages = watched, pages
        self._build = Build({})
        self._whole: Build | None = None
        self._shown: Stamps = {}  # pages shown since the last whole build, as they were then
        self.saved_again: Callable[[], bool] = lambda: False

    def begin(self) -> None:
        self._build = Build(_stamps(self._watched()))

    def keep(self) -> None:
        self._whole, self._shown = self._build, {}
        self._whole.plugins = dict(_states(self._whole))
        self.take_in()

    def take_in(self) -> None:
        """Take what is watched since the build has begun for what it has seen."""
        if self._whole is not None:
            self._whole.stamps = _stamps(self._watched()) | self._whole.stamps

    def left(self) -> Left:
        """Return what the last whole build left that `take` needs in another process."""
        assert self._whole is not None
        return Left(self._whole.stamps, self._whole.written)

    def take(self, left: Left) -> None:
        """Take a whole build of another process, which has begun as a copy of this one, for ours.

        All else that a page is made of is as it was, for otherwise no page had been shown first.
        """
        assert self._whole is not None
        self._whole.stamps, self._whole.written, self._shown = left.stamps, left.written, {}

    def drop(self) -> None:
        """Let plugins, which go on from build to build, be as the last whole build left them."""
        if self._whole is not None and self._whole.config is not None:
            for name, state in self._whole.plugins.items():
                vars(self._whole.config.plugins[name]).update(state)

    def show(self, site: Path, aside: Path) -> Shown | None:
        """Make the one page whose body changed since the last whole build, and put it into `site`.

        None where the whole site has to come first: something else changed as well. Warnings are
        left to the build of the whole site, which tells them with all others. `aside` is a folder
        on the same disk.
        """
        if (whole := self._whole) is None or (path := self._saved(whole)) is None:
            return None
        now = stamp_if_there(Path(path))
        if now is None or (file := self._page_file(whole, path)) is None:
            return None
        self.drop()
        place = site / file.dest_uri
        try:
            if _digest(place.read_bytes()) != whole.written.get(path):
                return None  # others work on pages once they are written
            with _silence() as warnings, self._pages.trial(path) as is_good:
                content = self._make(whole, file, path, aside)
                if content is None:
                    return None
                if not warnings:
                    is_good()
        except click.ClickException as mistake:
            self._shown[path] = now
            return Shown(Path(path), file.url, place, mistake)
        except Exception:
            return None
        (aside / "page.html").replace(place)
        whole.written[path] = _digest(content)
        self._shown[path] = now
        return Shown(Path(path), file.url, place)

    def _saved(self, whole: Build) -> str | None:
        """Name the one file that was saved after what is shown."""
        now = _stamps(self._watched())
        paths = now.keys() | whole.stamps.keys()
        changed = {path for path in paths if now.get(path) != whole.stamps.get(path)}
        latest = [path for path in changed if self._shown.get(path) != now.get(path)]
        return latest[0] if len(latest) == 1 and changed <= {*self._shown, *latest} else None

    def _page_file(self, whole: Build, path: str) -> File | None:
        """Return the file of a page that can be made alone."""
        if path not in whole.written or path in whole.together or whole.files is None:
            return None
        file = next(file for file in whole.files.documentation_pages() if file.abs_src_path == path)
        # Material's lists of posts show others; links in a post's front matter are settled late.
        alone = type(file.page).__name__ in ("Page", "Post")
        settings = getattr(file.page, "config", None)
        return file if alone and not (settings and settings.links) else None

    def _make(self, whole: Build, file: File, path: str, aside: Path) -> bytes | None:
        """Write a page aside as a build does, or return None if it tells others something new."""
        config, files, nav, env, page = whole.config, whole.files, whole.nav, whole.env, file.page
        assert config and files and nav and env and page
        _restore(page, whole.before[path])
        if type(page).__name__ == "Post":  # its text is read as it is made
            try:
                read = type(page)(file, config)  # type: ignore[call-arg]
            finally:
                file.page = page
            page.markdown, page.meta = read.markdown, read.meta
        config.mdx_configs["notebook_embed"]["library"].used.pop(file.src_uri, None)
        self._build, build = Build({}), self._build
        try:
            mkdocs_build._populate_page(page, config, files)
            if self._build.head.get(path) != whole.head[path]:
                return None
            there, file.abs_dest_path = file.abs_dest_path, str(aside / "page.html")
            try:
                pages = files.documentation_pages()
                excluded = file.inclusion.is_excluded()
                mkdocs_build._build_page(page, config, pages, nav, env, excluded=excluded)
            finally:
                file.abs_dest_path = there
        finally:
            self._build = build
        return (aside / "page.html").read_bytes()

    # What follows is what a build tells while it is under way.

    @event_priority(-45)  # after the notebooks, before Material's blog reads all posts
    def _before_the_blog(self, files: Files, *, config: MkDocsConfig) -> Files:
        self._look()
        return files

    @event_priority(-200)
    def _after_all(self, files: Files, *, config: MkDocsConfig) -> Files:
        self._look()
        return files

    on_files = CombinedEvent(_before_the_blog, _after_all)

    @event_priority(-200)
    def on_nav(self, nav: Navigation, *, config: MkDocsConfig, files: Files) -> Navigation:
        self._look()
        self._build.config, self._build.files, self._build.nav = config, files, nav
        return nav

    @event_priority(200)
    def on_pre_page(self, page: Page, *, config: MkDocsConfig, files: Files) -> Page:
        self._look()
        if (path := page.file.abs_src_path) is not None:
            self._build.before[path] = _state(page)
        return page

    @event_priority(200)
    def on_page_markdown(
        self, markdown: str, *, page: Page, config: MkDocsConfig, files: Files
    ) -> str:
        # The title is what MkDocs and Material see before they render a page.
        if (path := page.file.abs_src_path) is not None:
            self._build.head[path] = repr((page.meta, get_markdown_title(markdown)))
        return markdown

    @event_priority(-200)
    def on_page_content(self, html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
        if (path := page.file.abs_src_path) is not None:
            self._build.head[path] += repr(page.title)
            self._build.content[path] = html
        return html

    @event_priority(-200)
    def on_env(self, env: Environment, *, config: MkDocsConfig, files: Files) -> Environment:
        self._look()
        self._build.env = env
        for file in files.documentation_pages():
            path, content = file.abs_src_path, file.page and file.page.content
            if path is not None and self._build.content.get(path) is not content:
                self._build.together.add(path)
        self._build.content.clear()
        return env

    def on_pre_template(
        self, template: Template, *, template_name: str, config: MkDocsConfig
    ) -> Template:
        self._look()
        return template

    @event_priority(200)
    def on_page_context(
        self, context: TemplateContext, *, page: Page, config: MkDocsConfig, nav: Navigation
    ) -> TemplateContext:
        self._look()
        return context

    @event_priority(-200)
    def on_post_page(self, output: str, *, page: Page, config: MkDocsConfig) -> str:
        self._look()
        if (path := page.file.abs_src_path) is not None:
            self._build.written[path] = _digest(output.encode("utf-8", "xmlcharrefreplace"))
        return output

    def _look(self) -> None:
        if self.saved_again():
            raise Interrupted


def _stamps(watched: Iterable[str]) -> Stamps:
    """Return the state of every file that is one of the watched, or below one."""
    found: Stamps = {}
    for top in map(Path, watched):
        below = (
            Path(folder, name)
            for folder, names in folders_below(top)
            for name in names
            if not is_passing(f"{folder}/{name}")
        )
        for path in [top] if top.is_file() else below:
            if (now := stamp_if_there(path)) is not None:  # else a link that leads nowhere
                found[str(path)] = now
    return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _state(page: Page) -> dict[str, Any]:
    """Return what a page is made of; builds add to its lists and to a post's settings."""
    state = {name: _copied(value) for name, value in vars(page).items()}
    if (settings := state.get("config")) is not None:
        state["config"] = settings, dict(settings.data)
    return state


def _restore(page: Page, state: Mapping[str, Any]) -> None:
    vars(page).clear()
    vars(page).update((name, _copied(value)) for name, value in state.items())
    if "config" in state:
        settings, data = state["config"]
        settings.data = dict(data)
        vars(page)["config"] = settings


def _copied(value: Any) -> Any:
    return value.copy() if type(value) in (list, dict, set) else value


def _states(build: Build) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give what the plugins of a build know."""
    assert build.config is not None
    for name, plugin in build.config.plugins.items():
        if not isinstance(plugin, PageFirst):
            yield name, dict(vars(plugin))


@contextmanager
def _silence() -> Iterator[list[str]]:
    """Keep what MkDocs and its plugins have to say to nobody, and give the warnings."""
    logger, warnings = logging.getLogger("mkdocs"), list[str]()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    handlers, logger.handlers = logger.handlers, [handler]
    try:
        yield warnings
    finally:
        logger.handlers = handlers
