"""All that happens before a page is rendered, whoever builds the site.

Notebooks are read, references to them checked, what must run is run, and outputs become pieces of
pages and files. Afterwards the Markdown extension only looks things up.
"""

from __future__ import annotations

import logging
import os
import posixpath
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from notebook_embed.cell_options import Hidden
from notebook_embed.chart_data import ask_anew, asks_others, files_of
from notebook_embed.errors import joined
from notebook_embed.forks import ahead
from notebook_embed.imports import stamp_if_there
from notebook_embed.kernels import GIVEN, environment_of
from notebook_embed.latest import latest
from notebook_embed.library import Library, files_below, page_of
from notebook_embed.live_views import STATIC_URI, files_for
from notebook_embed.markdown_extension import check_embeds
from notebook_embed.notebook import SUFFIXES, Notebook, is_notebook
from notebook_embed.options import Options
from notebook_embed.outputs import Figure, Output, attachments_of, render_outputs
from notebook_embed.page_html import FULL_BUNDLE
from notebook_embed.plotly_figures import full_bundle
from notebook_embed.progress import heard, log
from notebook_embed.remembered import Remembered
from notebook_embed.runner import Executed, Settings, execute_all
from notebook_embed.shown_cells import downloaded, visible_outputs
from notebook_embed.widgets import settle_widgets

__all__ = ["STATIC_FILES", "Prepared", "kernel_settings", "prepare"]

#: What pages with figures load, and its licences.
STATIC_FILES = {
    f"{STATIC_URI}/{path.name}": path
    for path in sorted((Path(__file__).parent / "static").iterdir())
}

# Where kernels keep what IPython does, for all projects, below the author's home.
IPYTHON = ".cache/ipython"
# So often notebooks are read again because others wrote them.
ROUNDS = 3

#: Converts a page, given its URI and text, with the extension's option `checking`.
Check = Callable[[Library, str, str], object]


@dataclass(frozen=True)
class Prepared:
    """What pages are rendered from, and the files that they refer to.

    `files` maps URIs to contents, or to the path of a file that is copied as it is. `downloads`
    maps a notebook to the URI of its executed form, which is among the files. `loaded` are modules
    that notebooks loaded from where no option names them, and files whose data charts show.
    """

    library: Library
    files: dict[str, bytes | Path]
    downloads: dict[str, str]
    loaded: set[Path]


def prepare(
    root: Path,
    options: Options,
    *,
    docs: Path | None = None,
    pages: Mapping[str, Path] | None = None,
    check: Check | None = None,
    is_excluded: Callable[[str], bool] = lambda uri: False,
    hidden: Callable[[str], Hidden | None] = lambda uri: None,
    select: Callable[[Library], None] = lambda library: None,
    url: Callable[[str], str] = page_of,
    keep_going: bool = False,
    fresh: bool = False,
    why: bool = False,
    remembered: Remembered | None = None,
) -> Prepared:
    """Run the notebooks of the site in `root` and give what its pages need of them.

    Parameters
    ----------
    docs : the folder of pages and notebooks, ``root/docs`` where it is not given.
    pages : pages by URI, relative to `docs`; all its Markdown files where they are not given.
    check : converts a page with the site's own Markdown, so that a reference in a comment or in
        code is known to be none. Without it a quick look decides.
    is_excluded : tells of a notebook, by its URI, that the site leaves it out.
    hidden : tells what the site hides of a notebook, by its URI.
    select : takes from a library what is not to be published, before anything of it is used.
    url : gives the URL of a notebook's own page.
    keep_going : as a server does, let notebooks fail, which the library then names, and pages say
        so in their place; the process of the notebook that ran last may stay (`forks.let_go`).
    fresh, why : run all notebooks whatever the cache holds; say of each why it runs.
    remembered : what an earlier build has parsed.

    Raises
    ------
    EmbedError : a notebook is malformed or fails, or a reference leads nowhere.
    """
    docs = docs or root / "docs"
    settings = kernel_settings(root, options, serving=keep_going, fresh=fresh, why=why)
    if options.cache == Options.cache:
        _take_over(root / ".cache" / "notebooks", settings.cache)
    with suppress(OSError):  # IPython, which makes no folder above its own, says what is wrong
        (root / IPYTHON).mkdir(parents=True, exist_ok=True)
    pages = _pages(docs) if pages is None else pages
    with _kernels_ahead(settings):
        for _ in range(ROUNDS):
            library = Library.look(docs, options.notebooks, is_excluded, remembered, hidden)
            library.execute = options.execute
            select(library)
            _check_pages(library, pages, check, keep_going=keep_going)
            before = _stamps(library, options.notebooks)
            failed = library.failed if keep_going else None
            executed = execute_all(library.notebooks, settings, failed)
            if _stamps(library, options.notebooks) == before:
                break
            # Some wrote notebooks, or took some away: the next build would see these.
            settings = replace(settings, fresh=False)
            pages = {uri: path for uri, path in pages.items() if path.exists()}
    ask_anew()
    loaded = {path for one in executed.values() for path in one.loaded}
    prepared = Prepared(library, {**STATIC_FILES}, {}, loaded)
    for uri, notebook in library.notebooks.items():
        library.pages[uri] = url(uri)
        _add(prepared, notebook, executed[uri], options)
    return prepared


def _check_pages(
    library: Library, pages: Mapping[str, Path], check: Check | None, *, keep_going: bool
) -> None:
    """Look up what pages embed, before anything runs."""
    if library.broken and not keep_going:
        raise joined(list(library.broken.values()))
    library.pass_over_broken()
    for uri, path in pages.items():
        if uri not in library.notebooks:
            convert = None if check is None else _bound(check, library, uri)
            library.alts |= check_embeds(library, path, uri, convert)


def _stamps(library: Library, folder: str) -> dict[Path, tuple[int, ...] | None]:
    """Return the state of all files that are notebooks, or may be."""
    known = {notebook.path for notebook in library.notebooks.values()}
    below = files_below(library.docs, library.docs / folder)
    return {
        path: stamp_if_there(path)
        for path in known.union(path for path in below if path.suffix in SUFFIXES)
    }


def _kernels_ahead(settings: Settings) -> AbstractContextManager[None]:
    """Begin to start kernels where all notebooks will run, as nothing is kept of them."""
    all_run = settings.fresh or not settings.cache.is_dir()
    wanted = all_run and settings.forks and not settings.scheduler
    return ahead(environment_of(settings.given)) if wanted else nullcontext()


def _take_over(last: Path, cache: Path) -> None:
    """Go on with what an earlier version of this package has kept elsewhere."""
    if last.is_dir() and not cache.exists():
        with suppress(OSError):  # then all notebooks run
            last.rename(cache)


def kernel_settings(
    root: Path,
    options: Options,
    *,
    serving: bool = False,
    fresh: bool = False,
    why: bool = False,
) -> Settings:
    """Return how the notebooks of the site in `root` run."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    given = {
        name: str(value).replace("{root}", str(root))
        for name, value in options.kernel_environment.items()
    }
    return Settings(
        root=root,
        cache=root / options.cache,
        code=[root / folder for folder in options.code],
        requirements=root / options.requirements,
        inputs=list(options.inputs),
        environment={
            **GIVEN,
            "IPYTHONDIR": str(root / IPYTHON),
            "PYTHONPATH": os.pathsep.join(str(root / path) for path in options.code),
            **given,
        },
        secret={name: os.environ[name] for name in options.pass_environment if name in os.environ},
        timeout=options.timeout,
        jobs=options.jobs or cores or 2,
        scheduler=options.scheduler,
        forks=options.forks,
        serving=serving,
        execute=options.execute,
        fresh=fresh,
        why=why,
    )


def _pages(docs: Path) -> dict[str, Path]:
    return {
        path.relative_to(docs).as_posix(): path
        for path in sorted(docs.rglob("*.md"))
        if path.is_file() and not is_notebook(path)  # what Emacs locks is a link that leads nowhere
    }


def _bound(check: Check, library: Library, uri: str) -> Callable[[str], object]:
    return lambda text: check(library, uri, text)


def _add(prepared: Prepared, notebook: Notebook, executed: Executed, options: Options) -> None:
    """Put what a notebook's cells put out into the library, and its files among the files."""
    stem = posixpath.splitext(notebook.uri)[0]
    folder = posixpath.join("figures", stem.removeprefix(f"{options.notebooks.strip('/')}/"))
    failed = notebook.uri in prepared.library.failed
    dark, views = tuple(options.dark.items()), tuple(options.views.items())
    outputs = [output for cell in executed.node.cells for output in cell.get("outputs", [])]
    charted = files_of(outputs, notebook.path.parent)
    prepared.loaded.update(charted)
    # What another host answers now nobody knows: such a notebook has a state of its own each time.
    now: list[object] = [object()] if asks_others(outputs) else []
    state = (*now, *((path, stamp_if_there(path)) for path in charted))
    made = _pieces(notebook, executed, folder, dark, views, failed, not options.sanitise, state)
    for record in made.said:
        log.handle(record)
    prepared.library.outputs[notebook.uri] = dict(made.outputs)
    prepared.library.attachments.update(made.attachments)
    prepared.files.update(made.files)
    shown = [output for outputs in made.outputs.values() for output in outputs]
    figures = [output for output in shown if isinstance(output, Figure)]
    if any(figure.full for figure in figures) and (bundle := full_bundle()) is not None:
        prepared.files[f"{STATIC_URI}/{FULL_BUNDLE}"] = bundle
    prepared.files.update(files_for(figure.view for figure in figures))
    prepared.downloads[notebook.uri] = f"{stem}.ipynb"
    prepared.files[f"{stem}.ipynb"] = made.download


@dataclass(frozen=True)
class _Pieces:
    """What becomes of a notebook; `said` is what there was to say about it."""

    outputs: dict[str, list[Output]]
    attachments: dict[tuple[str, str], dict[str, str]]
    files: dict[str, bytes]
    download: bytes
    said: list[logging.LogRecord]


@latest(lambda notebook, *others: notebook.path)
def _pieces(
    notebook: Notebook,
    executed: Executed,
    folder: str,
    dark: tuple[tuple[str, str], ...],
    views: tuple[tuple[str, str], ...],
    failed: bool,
    trusted: bool,
    state: tuple[object, ...],  # of the data that are shown and stand elsewhere
) -> _Pieces:
    with heard() as said:
        settle_widgets(executed.node)  # of outputs stored in the notebook's own file
        rendered: dict[str, list[Output]] = {}
        files: dict[str, bytes] = {}
        for cell, raw in zip(notebook.cells, executed.node.cells, strict=True):
            if cell.kind != "code" or failed:
                continue
            rendered[cell.name], made = render_outputs(
                notebook,
                cell,
                visible_outputs(cell, raw.outputs),
                folder=folder,
                dark=dict(dark),
                views=dict(views),
                trusted=trusted,
            )
            files.update(made)
        attached, made = attachments_of(notebook, folder=folder, trusted=trusted)
        files.update(made)
    download = downloaded(notebook, executed.node).encode()
    return _Pieces(rendered, attached, files, download, said)
