"""Run notebooks before MkDocs renders pages, and give each notebook a page of its own."""

from __future__ import annotations

import os
import posixpath
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import mkdocs_jupyter.config
import nbformat
from jinja2 import Environment, FileSystemBytecodeCache
from markdown import Markdown
from mkdocs.config import config_options as opt
from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url
from mkdocs.utils.meta import get_data
from mkdocs.utils.templates import TemplateContext

from notebook_embed.addresses import refuse_shared_addresses
from notebook_embed.files import write_whole
from notebook_embed.kernels import GIVEN
from notebook_embed.library import Library
from notebook_embed.markdown_extension import check_embeds
from notebook_embed.notebook import MODES, Notebook
from notebook_embed.outputs import Figure, render_outputs
from notebook_embed.page_cache import PageCache
from notebook_embed.page_html import FULL_BUNDLE
from notebook_embed.plotly_figures import full_bundle
from notebook_embed.published import drop_unpublished, published_pages
from notebook_embed.runner import Executed, Settings, execute_all
from notebook_embed.shown_cells import downloaded, visible_outputs

STATIC = Path(__file__).parent / "static"
STATIC_URI = "assets/notebook-embed"


class NotebookEmbedConfig(Config):
    notebooks = opt.Type(str, default="notebooks")
    code = opt.ListOfItems(opt.Type(str), default=["code"])
    requirements = opt.Type(str, default="requirements.txt")
    inputs = opt.ListOfItems(opt.Type(str), default=[])
    cache = opt.Type(str, default=".cache/notebooks")
    kernel_environment = opt.Type(dict, default={})
    pass_environment = opt.ListOfItems(opt.Type(str), default=[])
    timeout = opt.Type((int, float), default=600)
    jobs = opt.Type(int, default=0)
    scheduler = opt.Type(str, default="")
    execute = opt.Choice(MODES, default="always")
    dark = opt.Type(dict, default={})
    views = opt.Type(dict, default={})
    watch = opt.ListOfItems(opt.Type(str), default=[])


class NotebookFile(File):
    """A notebook, which MkDocs shall take for a page although its name does not end in ``.md``."""

    def is_documentation_page(self) -> bool:
        return True


class NotebookEmbedPlugin(BasePlugin[NotebookEmbedConfig]):
    """See the package's documentation; the options are those of `NotebookEmbedConfig`."""

    library: Library
    root: Path
    pages: dict[str, Page]
    serving = False

    def on_startup(self, *, command: str, dirty: bool) -> None:
        self.serving = command == "serve"

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        if "mkdocs-jupyter" not in config.plugins:
            raise PluginError("notebook-embed needs mkdocs-jupyter among the plugins")
        self.root, self.pages = Path(config.config_file_path).parent, {}
        excluded = config.exclude_docs
        self.library = Library.look(
            Path(config.docs_dir),
            self.config.notebooks,
            excluded.match_file if excluded else lambda uri: False,
        )
        config.markdown_extensions.append("notebook_embed")
        config.mdx_configs["notebook_embed"] = {
            "library": self.library,
            "code": [str(self.root / folder) for folder in self.config.code],
        }
        if (blog := config.plugins.get("material/blog")) is not None:
            separator = blog.config.post_excerpt_separator
            config.mdx_configs["notebook_embed"]["separator"] = separator
        # mkdocs-jupyter inlines 575 KB of styles into each page; our template has none.
        mkdocs_jupyter.config.settings.templates_dir = str(Path(__file__).parent / "templates")
        for name in sorted(path.name for path in STATIC.glob("*")):
            uri = f"{STATIC_URI}/{name}"
            if name == "figures.js":
                config.extra_javascript.append(uri)
            elif name.endswith(".css"):
                config.extra_css.append(uri)
        return config

    @event_priority(100)  # before mkdocs-jupyter looks for notebooks, and the blog for posts
    def _run_notebooks(self, files: Files, config: MkDocsConfig) -> Files:
        library = self.library
        pages = published_pages(files, config, serving=self.serving)
        drop_unpublished(library, pages, files, config)
        for file in pages:
            if file.src_uri not in library.notebooks and file.abs_src_path:
                convert = partial(self._check, file.src_uri, config)
                library.alts |= check_embeds(
                    library, Path(file.abs_src_path), file.src_uri, convert
                )
        executed = execute_all(library.notebooks, self._settings())
        for uri, notebook in library.notebooks.items():
            self._add(notebook, executed[uri], files, config)
        for path in sorted(STATIC.glob("*")):
            uri = f"{STATIC_URI}/{path.name}"
            files.append(File.generated(config, uri, abs_src_path=str(path)))
        return files

    @staticmethod
    def _check(uri: str, config: MkDocsConfig, text: str) -> None:
        """Let the site's own Markdown look up what the page `uri` embeds."""
        ours = {**config.mdx_configs["notebook_embed"], "page": uri, "checking": True}
        Markdown(
            extensions=config.markdown_extensions,
            extension_configs={**config.mdx_configs, "notebook_embed": ours},
        ).convert(get_data(text)[0])

    @event_priority(-10)  # after mkdocs-jupyter has wrapped the files
    def _keep_sources(self, files: Files, config: MkDocsConfig) -> Files:
        for uri in self.library.notebooks:
            # Its wrapper forgets where the file came from, unless that is below docs/.
            file = files.get_file_from_path(uri)
            assert file is not None
            file.abs_src_path = str(self._shell(uri))
        return files

    on_files = CombinedEvent(_run_notebooks, _keep_sources)

    @event_priority(-100)  # when all files have their addresses
    def on_nav(self, nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
        refuse_shared_addresses(files, Path(config.docs_dir))
        return nav

    def on_env(self, env: Environment, config: MkDocsConfig, files: Files) -> Environment:
        # Templates are compiled once, not for every build.
        folder = self.root / ".cache" / "templates"
        folder.mkdir(parents=True, exist_ok=True)
        env.bytecode_cache = FileSystemBytecodeCache(str(folder))
        return env

    def _shell(self, uri: str) -> Path:
        """Return the path of the notebook that mkdocs-jupyter gets to see."""
        return self.root / ".cache" / "pages" / f"{posixpath.splitext(uri)[0]}.ipynb"

    def _settings(self) -> Settings:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        given = {
            name: str(value).replace("{root}", str(self.root))
            for name, value in self.config.kernel_environment.items()
        }
        return Settings(
            root=self.root,
            cache=self.root / self.config.cache,
            code=[self.root / folder for folder in self.config.code],
            requirements=self.root / self.config.requirements,
            inputs=self.config.inputs,
            environment={
                **GIVEN,
                "IPYTHONDIR": str(self.root / ".cache" / "ipython"),
                "PYTHONPATH": os.pathsep.join(str(self.root / path) for path in self.config.code),
                **given,
            },
            secret={
                name: os.environ[name]
                for name in self.config.pass_environment
                if name in os.environ
            },
            timeout=self.config.timeout,
            jobs=self.config.jobs or cores or 2,
            scheduler=self.config.scheduler,
            execute=self.config.execute,
            fresh=bool(os.environ.get("NOTEBOOK_EMBED_FRESH")),
            why=bool(os.environ.get("NOTEBOOK_EMBED_WHY")),
        )

    def _add(
        self, notebook: Notebook, executed: Executed, files: Files, config: MkDocsConfig
    ) -> None:
        """Put a notebook's page, its download and the files of its figures into the site."""
        stem = posixpath.splitext(notebook.uri)[0]
        folder = posixpath.join("figures", posixpath.relpath(stem, self.config.notebooks))
        rendered = {}
        for cell, raw in zip(notebook.cells, executed.node.cells, strict=True):
            if cell.kind != "code":
                continue
            rendered[cell.name], made = render_outputs(
                notebook,
                cell,
                visible_outputs(cell, raw.outputs),
                folder=folder,
                dark=self.config.dark,
                views=self.config.views,
            )
            for uri, content in made.items():
                files.append(File.generated(config, uri, content=content))
        self.library.outputs[notebook.uri] = rendered
        shown = [output for outputs in rendered.values() for output in outputs]
        whole = f"{STATIC_URI}/{FULL_BUNDLE}"
        if any(isinstance(output, Figure) and output.full for output in shown) and (
            files.get_file_from_path(whole) is None
        ):
            files.append(File.generated(config, whole, abs_src_path=str(full_bundle())))

        if (source := files.get_file_from_path(notebook.uri)) is not None:
            files.remove(source)
        page = NotebookFile(notebook.uri, None, config.site_dir, config.use_directory_urls)
        page.abs_src_path = str(self._shell(notebook.uri))
        files.append(page)
        self.library.pages[notebook.uri] = page.url
        download = File.generated(
            config, f"{stem}.executed.ipynb", content=downloaded(notebook, executed.node)
        )
        download.dest_uri = f"{stem}.ipynb"
        files.append(download)

    @event_priority(100)  # before mkdocs-jupyter looks at the notebook
    def on_pre_page(self, page: Page, config: MkDocsConfig, files: Files) -> Page:
        notebook = self.library.notebooks.get(page.file.src_uri)
        if notebook is None:
            return page
        # The site's own Markdown renders the notebook, mathematics and all; mkdocs-jupyter makes
        # the page of it.
        own = Page(None, page.file, config)
        page.file.page = page
        own.markdown = f"![]({posixpath.basename(notebook.uri)})"
        if (cache := config.plugins.get(PageCache.NAME)) is not None:
            cache.attend(own)
        own.render(config, files)
        node = nbformat.from_dict(notebook.node)
        shell = nbformat.v4.new_notebook(metadata=node.metadata, cells=[])
        shell.metadata["notebook_embed"] = {"html": own.content}
        write_whole(self._shell(notebook.uri), nbformat.writes(shell).encode())
        page.notebook_embed = own  # type: ignore[attr-defined]
        return page

    def on_page_content(self, html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
        notebook = self.library.notebooks.get(page.file.src_uri)
        if notebook is None:
            self.pages[page.file.src_uri] = page
            return html
        own = page.notebook_embed  # type: ignore[attr-defined]
        page.toc, page.title = own.toc, notebook.title
        page.present_anchor_ids, page.links_to_anchors = (
            own.present_anchor_ids,
            own.links_to_anchors,
        )
        page.meta["search"] = {"exclude": True}
        page.meta["notebook"] = self._links(notebook.uri)
        # mkdocs-jupyter ends every page with a style element, whatever the template says.
        return html.rpartition("<style>")[0].strip()

    def on_page_context(
        self, context: TemplateContext, page: Page, config: MkDocsConfig, nav: Any
    ) -> TemplateContext:
        if page.file.src_uri in self.library.notebooks:
            head, end, rest = (page.content or "").partition("</h1>")
            page.content = head + end + self._provenance(page.file.src_uri, page) + rest
            return context
        used = self.library.used.get(page.file.src_uri, [])
        if used:
            page.meta["notebooks"] = [self._links(uri) for uri in used]
        return context

    def _provenance(self, uri: str, page: Page) -> str:
        """Say on a notebook's page where to download it, and which pages show what it makes."""
        links = self._links(uri)
        download = get_relative_url(links["download"], page.url)
        shown = [
            f'<a href="{get_relative_url(other.url, page.url)}">{escape(str(other.title))}</a>'
            for name, other in sorted(self.pages.items())
            if uri in self.library.used.get(name, [])
        ]
        return (
            f'<p class="nb-notebook__links"><a href="{download}" download>Download as .ipynb</a>'
            + (f" · Shown in {', '.join(shown)}" if shown else "")
            + "</p>"
        )

    def _links(self, uri: str) -> dict[str, str]:
        """Return a notebook's title and the URLs of its page and download, relative to the site."""
        return {
            "title": self.library.notebooks[uri].title,
            "url": self.library.pages[uri],
            "download": f"{posixpath.splitext(uri)[0]}.ipynb",
        }

    def on_serve(
        self, server: LiveReloadServer, config: MkDocsConfig, builder: Any
    ) -> LiveReloadServer:
        root = Path(config.config_file_path).parent  # the first build may have got nowhere
        for folder in [*self.config.code, *self.config.watch, self.config.requirements]:
            if (root / folder).exists():
                server.watch(str(root / folder))
        return server
