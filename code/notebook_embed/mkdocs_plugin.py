"""Adapt `prepare` and the Markdown extension to MkDocs; give each notebook a page of its own."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from functools import partial
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urljoin
from uuid import uuid4

import nbformat
from jinja2 import Environment
from markdown import Markdown
from mkdocs.config.base import BaseConfigOption, Config, ValidationError
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url
from mkdocs.utils.meta import get_data
from mkdocs.utils.templates import TemplateContext

from notebook_embed.addresses import refuse_shared_addresses
from notebook_embed.builder import Page as AnyPage
from notebook_embed.builder import UnderWay
from notebook_embed.cache import Cache, clear_old
from notebook_embed.cell_options import Hidden
from notebook_embed.cells import CellMarkdown
from notebook_embed.environment import requirement_files
from notebook_embed.errors import EmbedError, joined, shown
from notebook_embed.feeds import abstract, names_notebooks
from notebook_embed.files import HALF_WRITTEN, unwritable, write_whole
from notebook_embed.forks import let_go
from notebook_embed.library import Library, files_below
from notebook_embed.of_jupyter import hidden_by, source_beside
from notebook_embed.options import Options, checked
from notebook_embed.order import awaited, watched
from notebook_embed.page_cache import PageCache, configured_by
from notebook_embed.places import shown_in
from notebook_embed.prepare import STATIC_FILES, Prepared, prepare
from notebook_embed.progress import log
from notebook_embed.published import (
    drop_compiled,
    drop_excluded,
    drop_notebooks_among_posts,
    drop_unpublished,
    follow_changes,
    is_among_posts,
    make_anew,
    named_nowhere,
    published_pages,
    without_page,
)
from notebook_embed.remembered import Remembered, remembering_words
from notebook_embed.sanitised import without_tags
from notebook_embed.serving import Server, tell_in_browser
from notebook_embed.staging import Staging
from notebook_embed.templates_kept import keep_templates
from notebook_embed.titles import title_as_html

TEMPLATES = Path(__file__).parent / "templates"


class CheckedOption(BaseConfigOption[Any]):
    """One of `Options`, as MkDocs' configuration wants to have it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.default = name, checked(name, None)

    def run_validation(self, value: object) -> Any:
        try:
            return checked(self.name, value)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class NotebookEmbedConfig(Config):
    """Has an option for each field of `Options`."""

    _schema = tuple((one.name, CheckedOption(one.name)) for one in fields(Options))


class NotebookFile(File):
    """A notebook, which MkDocs shall take for a page although its name does not end in ``.md``."""

    def is_documentation_page(self) -> bool:
        return True


class NotebookEmbedPlugin(BasePlugin[NotebookEmbedConfig]):
    """See the package's documentation; the options are those of `Options`."""

    options: Options
    prepared: Prepared
    root: Path
    site_url: str
    pages: dict[str, Page]

    def __init__(self) -> None:
        super().__init__()
        self.staging, self.serving, self.dirty = Staging(), False, False
        self._server: LiveReloadServer | None = None
        self._watched: set[Path] = set()
        self._written: str | None = None
        self._own = f"{os.getpid()}-{uuid4().hex[:8]}"
        self.remembered: Remembered | None = None
        self.under_way = UnderWay()

    @property
    def library(self) -> Library:
        return self.prepared.library

    def on_startup(self, *, command: str, dirty: bool) -> None:
        self.serving, self.dirty = command == "serve", dirty

    def on_shutdown(self) -> None:
        self.staging.abandon()
        if hasattr(self, "root"):
            shutil.rmtree(self._shells, ignore_errors=True)
        let_go()

    @event_priority(100)  # before others note where the site goes
    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        self.options = self._options(config)
        self.root, self.pages = Path(config.config_file_path).absolute().parent, {}
        self.site_url = config.site_url or ""
        if not self.dirty:  # which is to add to the site that is there
            self.staging.begin(config, self.root, self.options.cache, serving=self.serving)
        keep_templates(config.theme, self.root)
        if self.remembered is None:
            fresh = bool(os.environ.get("NOTEBOOK_EMBED_FRESH"))
            self.remembered = Remembered(self.root / ".cache" / "remembered.json", fresh=fresh)
        self.remembered.begin()
        _pass_over_pages(config)
        _forget_last_feed(config)
        config.markdown_extensions.append("notebook_embed")
        config.mdx_configs["notebook_embed"] = {
            "cells": CellMarkdown(),
            "code": [str(self.root / folder) for folder in self.options.code],
            "figures": self.options.number_figures,
            "sanitise": self.options.sanitise,
            "remembered": self.remembered,
            "under_way": self.under_way,
        }
        if (blog := config.plugins.get("material/blog")) is not None:
            separator = blog.config.post_excerpt_separator
            config.mdx_configs["notebook_embed"]["separator"] = separator
        for uri in STATIC_FILES:
            if uri.endswith("/figures.js"):
                config.extra_javascript.append(uri)
            elif uri.endswith(".css"):
                config.extra_css.append(uri)
        return config

    def _options(self, config: MkDocsConfig) -> Options:
        """Read the options, as the plugin is there but once.

        Raises
        ------
        EmbedError : an option is unknown, or the cache lies among the pages or holds the project;
            the plugin stands twice in the configuration.
        """
        file = config.config_file_path
        if any(type(one) is type(self) and one is not self for one in config.plugins.values()):
            raise EmbedError("'notebook-embed' stands twice among the plugins", file=file)
        options = Options.read(dict(self.config), file)
        docs, cache = Path(config.docs_dir), Path(file).parent / options.cache
        if cache.resolve().is_relative_to(docs.resolve()):
            raise EmbedError(
                f"the cache '{options.cache}' lies in the docs folder, and would be published",
                file=file,
                remedy="Name a folder beside it: cache: .notebook-cache.",
            )
        if Path(file).parent.resolve().is_relative_to(cache.resolve()):
            raise EmbedError(
                f"the cache '{options.cache}' is the project's own folder, or one around it",
                file=file,
                remedy="Name a folder of its own: cache: .notebook-cache.",
            )
        return options

    @event_priority(100)  # before mkdocs-jupyter looks for notebooks, and the blog for posts
    def _run_notebooks(self, files: Files, config: MkDocsConfig) -> Files:
        docs = Path(config.docs_dir)
        before = set(files_below(docs, docs))
        left_out = drop_excluded(files, config)
        dropped = drop_notebooks_among_posts(files, config)
        pages = published_pages(files, config, serving=self.serving)
        excluded = config.exclude_docs
        self.prepared = prepare(
            self.root,
            self.options,
            docs=docs,
            pages={page.src_uri: Path(page.abs_src_path) for page in pages if page.abs_src_path},
            check=partial(_check, config),
            is_excluded=lambda uri: (
                uri in left_out or (excluded is not None and excluded.match_file(uri))
            ),
            hidden=partial(self._hidden, config),
            select=partial(drop_unpublished, pages=pages, files=files, config=config),
            url=lambda uri: _page_file(uri, config).url,
            keep_going=self.serving,
            fresh=bool(os.environ.get("NOTEBOOK_EMBED_FRESH")),
            why=bool(os.environ.get("NOTEBOOK_EMBED_WHY")),
            remembered=self.remembered,
        )
        config.mdx_configs["notebook_embed"]["library"] = self.library
        self._watch_inputs(config)
        for uri in named_nowhere(dropped, files):
            log.warning(
                "%s: a notebook among posts that no page names, so it is shown nowhere. With a "
                "date in its header it is a post.",
                shown(docs / uri),
            )
        follow_changes(files, before, config)
        drop_compiled(files)
        if self.dirty:
            make_anew(self.library.notebooks, files)
        for uri in self.library.notebooks:
            if (source := files.get_file_from_path(uri)) is not None:
                files.remove(source)
            if not is_among_posts(uri, config):
                files.append(self._page(uri, config))
        for file in self._made(config, among_posts=False):
            files.append(file)
        return files

    def _made(self, config: MkDocsConfig, *, among_posts: bool) -> Iterator[File]:
        """Return the files that pages refer to."""
        downloads = {*self.prepared.downloads.values()}
        for uri, content in self.prepared.files.items():
            if is_among_posts(uri, config) is not among_posts:
                continue
            # An .ipynb has its page under its own name already.
            name = f"{posixpath.splitext(uri)[0]}.executed.ipynb" if uri in downloads else uri
            if isinstance(content, Path):
                file = File.generated(config, name, abs_src_path=str(content))
            else:
                file = File.generated(config, name, content=content)
            file.dest_uri = uri
            yield file

    def _page(self, uri: str, config: MkDocsConfig) -> File:
        """Return the file of a notebook's own page.

        mkdocs-jupyter makes the page where it is among the plugins and takes the notebook; else the
        page is Markdown that embeds the whole notebook.
        """
        if self._of_jupyter(uri, config):
            return NotebookFile.generated(config, uri, abs_src_path=str(self._shell(uri)))
        return NotebookFile.generated(config, uri, content=_whole(uri))

    def _of_jupyter(self, uri: str, config: MkDocsConfig) -> bool:
        jupyter = config.plugins.get("mkdocs-jupyter")
        if jupyter is None or is_among_posts(uri, config):
            return False
        shell = SimpleNamespace(abs_src_path=str(self._shell(uri)))
        return bool(jupyter.should_include(shell))

    def _hidden(self, config: MkDocsConfig, uri: str) -> Hidden | None:
        """Return what mkdocs-jupyter would hide of a notebook, were it to show it by itself."""
        jupyter = config.plugins.get("mkdocs-jupyter")
        if jupyter is None:
            return None
        as_written = SimpleNamespace(abs_src_path=str(Path(config.docs_dir) / uri))
        shown = self._of_jupyter(uri, config) or jupyter.should_include(as_written)
        return hidden_by(jupyter.config) if shown else None

    @event_priority(-10)  # after mkdocs-jupyter has wrapped the files
    def _keep_sources(self, files: Files, config: MkDocsConfig) -> Files:
        for uri in self.library.notebooks:
            if self._of_jupyter(uri, config):
                # Its wrapper forgets where the file came from, unless that is below docs/.
                file = files.get_file_from_path(uri)
                assert file is not None
                file.abs_src_path = str(self._shell(uri))
        return files

    # After the blog has taken pages among its posts for posts, and moved other files from there.
    @event_priority(-60)
    def _add_what_lies_among_posts(self, files: Files, config: MkDocsConfig) -> Files:
        for uri in self.library.notebooks:
            if is_among_posts(uri, config):
                page = self._page(uri, config)
                is_draft = config.draft_docs is not None and config.draft_docs.match_file(uri)
                page.inclusion = InclusionLevel.DRAFT if is_draft else InclusionLevel.NOT_IN_NAV
                files.append(page)
        for file in self._made(config, among_posts=True):
            files.append(file)
        return files

    on_files = CombinedEvent(_run_notebooks, _keep_sources, _add_what_lies_among_posts)

    @event_priority(-100)  # when all files have their addresses
    def on_nav(self, nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
        refuse_shared_addresses(files, Path(config.docs_dir))
        own = self.library.notebooks
        self.library.without_page = without_page(own, files, serving=self.serving)
        # What is set for one page, when a parser of cells happens to be made, is none of theirs.
        given = {name: dict(options or {}) for name, options in config.mdx_configs.items()}
        names = list(config.markdown_extensions)
        given["notebook_embed"]["cells"].make = partial(_parser_of_cells, names, given)
        return nav

    @event_priority(100)  # before others convert pieces of it
    def on_page_markdown(
        self, markdown: str, page: Page, config: MkDocsConfig, files: Files
    ) -> str:
        self._begin(page, config)
        return markdown

    def _begin(self, page: Page, config: MkDocsConfig) -> None:
        file = page.file
        path = Path(config.docs_dir) / file.src_uri
        self.under_way.begin(AnyPage(file.src_uri, file.url, False, path))

    @property
    def _shells(self) -> Path:
        """The folder of this process alone: a server and a build may be at work at a time."""
        return self.root / ".cache" / "pages" / self._own

    def _shell(self, uri: str) -> Path:
        """Return the path of the notebook that mkdocs-jupyter gets to see."""
        return self._shells / f"{posixpath.splitext(uri)[0]}.ipynb"

    @event_priority(100)  # before mkdocs-jupyter looks at the notebook
    def _render_notebook(self, page: Page, config: MkDocsConfig, files: Files) -> Page:
        notebook = self.library.notebooks.get(page.file.src_uri)
        if notebook is None or not self._of_jupyter(notebook.uri, config):
            return page
        # The site's own Markdown renders the notebook, mathematics and all; mkdocs-jupyter makes
        # the page of it.
        own = Page(None, page.file, config)
        page.file.page = page
        own.markdown = _whole(notebook.uri)
        if (cache := config.plugins.get(PageCache.NAME)) is not None:
            cache.attend(own)
        own.render(config, files)
        node = nbformat.from_dict(notebook.node)
        shell = nbformat.v4.new_notebook(metadata=node.metadata, cells=[])
        shell.metadata["notebook_embed"] = {"html": own.content}
        write_whole(self._shell(notebook.uri), nbformat.writes(shell).encode())
        page.notebook_embed = own  # type: ignore[attr-defined]
        return page

    @event_priority(-10)  # after mkdocs-jupyter has taken the page over
    def _use_own_templates(self, page: Page, config: MkDocsConfig, files: Files) -> Page:
        if hasattr(page, "notebook_embed"):
            vars(page)["render"] = _with_own_templates(page.render)
            download = self.prepared.downloads[page.file.src_uri]
            page.nb_url = get_relative_url(quote(download), page.url)  # type: ignore[attr-defined]
        return page

    on_pre_page = CombinedEvent(_render_notebook, _use_own_templates)

    def _finish_content(self, html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
        notebook = self.library.notebooks.get(page.file.src_uri)
        if notebook is None:
            self.pages[page.file.src_uri] = page
            return html
        page.title = page._title_from_render = self._title(notebook.uri)  # HTML, as a heading is
        page.meta["search"] = {"exclude": True}
        page.meta["notebook"] = self._links(notebook.uri)
        if (own := getattr(page, "notebook_embed", None)) is None:
            return html
        page.toc = own.toc
        page.present_anchor_ids, page.links_to_anchors = (
            own.present_anchor_ids,
            own.links_to_anchors,
        )
        # mkdocs-jupyter ends every page with a style element, whatever the template says.
        return html.rpartition("<style>")[0].strip()

    @event_priority(-74)  # just before mkdocs-rss-plugin looks
    def _offer_abstract(self, html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
        feeds, said = config.plugins.get("rss"), page.meta.get("rss") or {}
        described = page.meta.get("description") or said.get("feed_description")
        if feeds is not None and not described and names_notebooks(page.markdown or ""):
            self._written = page.markdown
            separator = feeds.config.abstract_delimiter
            page.markdown = abstract(html, separator, page.canonical_url or "")
        return html

    @event_priority(-76)
    def _take_abstract_back(self, html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
        if self._written is not None:
            page.markdown, self._written = self._written, None
        return html

    on_page_content = CombinedEvent(_finish_content, _offer_abstract, _take_abstract_back)

    def on_env(self, env: Environment, config: MkDocsConfig, files: Files) -> Environment:
        search: Any = config.plugins.get("material/search")
        index = getattr(search, "search_index", None)
        # A dictionary of Chinese words is a file, which may change.
        if index is not None and not (search.config.jieba_dict or search.config.jieba_dict_user):
            assert self.remembered is not None
            words = remembering_words(index, self.remembered)
            vars(index)["add_entry_from_context"] = words
        return env

    def on_page_context(
        self, context: TemplateContext, page: Page, config: MkDocsConfig, nav: Any
    ) -> TemplateContext:
        self._begin(page, config)  # its template may convert something, too
        if page.file.src_uri in self.library.notebooks:
            head, end, rest = (page.content or "").partition("</h1>")
            page.content = head + end + self._provenance(page.file.src_uri, page) + rest
            return context
        used = self.library.used.get(page.file.src_uri, [])
        if shown := [uri for uri in used if uri not in self.library.without_page]:
            page.meta["notebooks"] = [self._links(uri) for uri in shown]
        return context

    @event_priority(-10)  # after mkdocs-jupyter has put what it was given there
    def on_post_page(self, output: str, page: Page, config: MkDocsConfig) -> str:
        jupyter = config.plugins.get("mkdocs-jupyter")
        if jupyter is None or not hasattr(page, "notebook_embed"):
            return output
        if jupyter.config["include_source"]:
            uri = page.file.src_uri
            content = self.prepared.files[self.prepared.downloads[uri]]
            content = content.read_bytes() if isinstance(content, Path) else content
            write_whole(source_beside(Path(page.file.abs_dest_path), uri), content)
        return output

    def _provenance(self, uri: str, page: Page) -> str:
        """Say on a notebook's page where to download it, and which pages show what it makes."""
        links = self._links(uri)
        download = get_relative_url(links["download"], page.url)
        shown = [
            f'<a href="{get_relative_url(other.url, page.url)}">{title_as_html(other)}</a>'
            for name, other in sorted(self.pages.items())
            if uri in self.library.used.get(name, [])
        ]
        return (
            f'<p class="nb-notebook__links"><a href="{download}" download>Download as .ipynb</a>'
            + "".join(f" · {link}" for link in self._launches(uri))
            + (f" · Shown in {', '.join(shown)}" if shown else "")
            + "</p>"
        )

    def _launches(self, uri: str) -> list[str]:
        path = shown_in(self.library.notebooks[uri].path, self.root)
        url = urljoin(self.site_url, quote(self.prepared.downloads[uri]))
        return launch_links(self.options.launch, path, url)

    def _title(self, uri: str) -> str:
        """Return a notebook's title as HTML, which templates put into pages as it is."""
        title = self.library.notebooks[uri].title
        return escape(without_tags(title) if self.options.sanitise else title, quote=False)

    def _links(self, uri: str) -> dict[str, str]:
        """Return a notebook's title, as HTML, and the URLs of its page and download in the site."""
        return {
            "title": self._title(uri),
            "url": self.library.pages[uri],
            "download": quote(self.prepared.downloads[uri]),
        }

    @event_priority(-200)  # after all who write into the site
    def on_post_build(self, config: MkDocsConfig) -> None:
        assert self.remembered is not None
        self.remembered.keep(on_disk=not self.serving)
        self.staging.finish(config)
        if not (self.serving or self.dirty):
            self._clear_away()
        if self.library.failed:  # under a server; the rest of the site is there
            raise joined(list(self.library.failed.values()))

    def _clear_away(self) -> None:
        with suppress(OSError):  # what may not go stays
            Cache(self.root / self.options.cache).clear_away(self.library.notebooks)
            shells = f"pages/[0-9]*-{'[0-9a-f]' * 8}"  # `_own` of builds that were killed
            patterns = (HALF_WRITTEN, f"templates/{HALF_WRITTEN}", shells)
            clear_old(self.root / ".cache", patterns)

    @event_priority(-200)  # after all who set something back
    def on_build_error(self, error: Exception) -> None:
        self.staging.abandon()
        if isinstance(error, OSError) and (
            ours := unwritable(error, error.filename2 or error.filename or "site")
        ):
            raise ours from error

    def on_serve(
        self, server: LiveReloadServer, config: MkDocsConfig, builder: Any
    ) -> LiveReloadServer:
        # The first build may have got nowhere.
        options, root = self._options(config), Path(config.config_file_path).parent
        waits = isinstance(server, Server)  # for what is not there yet; MkDocs' own cannot
        for folder in [*options.code, *options.watch, options.requirements]:
            if waits or (root / folder).exists():
                server.watch(str(root / folder))
        self._server = server
        self._watch_inputs(config)
        if not isinstance(server, Server):
            tell_in_browser(server)
        return server

    def _watch_inputs(self, config: MkDocsConfig) -> None:
        """Let a change of what the site is made of, beside what MkDocs watches, build it again."""
        if self._server is None:
            return
        found = {*configured_by(config)}
        if hasattr(self, "prepared"):
            found |= self._inputs()
        for path in found - self._watched:
            self._watched.add(path)
            self._server.watch(str(path))

    def _inputs(self) -> set[Path]:
        """Return the files and folders that notebooks declare, or load."""
        names = [*self.options.inputs]
        for notebook in self.library.notebooks.values():
            names += [name for cell in notebook.code_cells for name in cell.inputs]
        found = watched(self.root, names) | self.prepared.loaded
        pinned = requirement_files(self.root / self.options.requirements)
        found |= {path for path in pinned if path.is_file()}
        if isinstance(self._server, Server):
            found |= awaited(self.root, names).union(pinned)
        return found


def launch_links(launch: Mapping[str, str], path: str, url: str) -> list[str]:
    """Return links to where the notebook at `path`, executed at `url`, can be run elsewhere."""
    given = {"{path}": quote(path), "{url}": quote(url, safe="")}
    links = []
    for name, address in launch.items():
        for place, value in given.items():
            address = address.replace(place, value)
        links.append(f'<a href="{escape(address)}">{escape(name)}</a>')
    return links


def _pass_over_pages(config: MkDocsConfig) -> None:
    """Tell mkdocs-jupyter that pages are no notebooks, before it reads every one to find out."""
    jupyter = config.plugins.get("mkdocs-jupyter")
    if jupyter is None:
        return
    if all(name.endswith((".py", ".ipynb")) for name in jupyter.config["include"]):
        jupyter.config["ignore"] = [*jupyter.config["ignore"], "*.md"]


def _forget_last_feed(config: MkDocsConfig) -> None:
    """Let mkdocs-rss-plugin list each page once, where a server builds again and again."""
    if (feeds := config.plugins.get("rss")) is not None and hasattr(feeds, "pages_to_filter"):
        feeds.pages_to_filter = []


def _page_file(uri: str, config: MkDocsConfig) -> File:
    return NotebookFile(uri, None, config.site_dir, config.use_directory_urls)


def _whole(uri: str) -> str:
    """Return the Markdown of a notebook's own page."""
    return f"![]({quote(posixpath.basename(uri))})"


def _check(config: MkDocsConfig, library: Library, uri: str, text: str) -> None:
    """Let the site's own Markdown look up what the page `uri` embeds."""
    ours = {**config.mdx_configs["notebook_embed"], "library": library}
    ours |= {"page": uri, "checking": True}
    Markdown(
        extensions=config.markdown_extensions,
        extension_configs={**config.mdx_configs, "notebook_embed": ours},
    ).convert(get_data(text)[0])


def _with_own_templates(render: Callable[..., None]) -> Callable[..., None]:
    """Let mkdocs-jupyter render with our templates: its own inline 575 KB of styles."""
    from mkdocs_jupyter.config import settings

    def with_templates(*arguments: Any) -> None:
        its_own, settings.templates_dir = settings.templates_dir, str(TEMPLATES)
        try:
            render(*arguments)
        finally:
            settings.templates_dir = its_own

    return with_templates


def _parser_of_cells(extensions: list[str], configs: dict[str, dict[str, Any]]) -> Markdown:
    """Return the site's own Markdown for one cell at a time."""
    names = [*extensions, "md_in_html", "sane_lists"]
    md = Markdown(extensions=list(dict.fromkeys(names)), extension_configs=configs)
    md.notebook_cell = True
    return md
