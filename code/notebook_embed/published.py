"""What is published: pages that are no drafts, and the notebooks that are not theirs alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel, get_files
from mkdocs.utils.meta import get_data

from notebook_embed.files import read_text
from notebook_embed.library import Library, files_below, find_addresses
from notebook_embed.notebook import SUFFIXES, is_notebook

__all__ = [
    "drop_compiled",
    "drop_excluded",
    "drop_notebooks_among_posts",
    "drop_unpublished",
    "follow_changes",
    "is_among_posts",
    "make_anew",
    "named_nowhere",
    "published_pages",
    "without_page",
]


def published_pages(files: Files, config: MkDocsConfig, *, serving: bool) -> list[File]:
    """Return the pages that this build makes: no drafts, unless it is for their author."""
    drafts = set(_drafts_of_blogs(files, config))
    pages = files.documentation_pages(inclusion=_shown(serving))
    return [file for file in pages if file.src_uri not in drafts]


def without_page(uris: Iterable[str], files: Files, *, serving: bool) -> set[str]:
    """Return those of the notebooks whose own pages this build does not make."""
    made = {file.src_uri for file in files.documentation_pages(inclusion=_shown(serving))}
    return set(uris) - made


def _shown(serving: bool) -> Any:
    return InclusionLevel.is_in_serve if serving else InclusionLevel.is_included


def drop_excluded(files: Files, config: MkDocsConfig) -> set[str]:
    """Take from `files` what the plugin mkdocs-exclude leaves out, which looks later; return it."""
    if (plugin := config.plugins.get("exclude")) is None:
        return set()
    left = {file.src_uri for file in plugin.on_files(files, config=config)}
    dropped = [file for file in files if file.src_uri not in left]
    for file in dropped:
        files.remove(file)
    return {file.src_uri for file in dropped}


def drop_notebooks_among_posts(files: Files, config: MkDocsConfig) -> list[str]:
    """Take from `files` the Markdown notebooks that Material's blogs would take for posts.

    One whose header has a date is a post. Returns the URIs of the others.

    Raises
    ------
    EmbedError : one of the files there cannot be read.
    """
    dropped = []
    for file in files.documentation_pages():
        if not is_among_posts(file.src_uri, config) or not file.abs_src_path:
            continue
        if is_notebook(Path(file.abs_src_path)) and "date" not in get_data(_text(file))[1]:
            files.remove(file)
            dropped.append(file.src_uri)
    return dropped


def follow_changes(files: Files, before: Collection[Path], config: MkDocsConfig) -> None:
    """Let `files` be what the next build would find: notebooks wrote files, or took some away.

    `before` are those that were there when this build began.
    """
    docs = Path(config.docs_dir)
    now = set(files_below(docs, docs))
    if now == set(before):
        return
    for path in set(before) - now:
        if (gone := files.get_file_from_path(path.relative_to(docs).as_posix())) is not None:
            files.remove(gone)
    found, new = list(get_files(config)), now.difference(before)
    for file in found:
        if docs / file.src_uri in new:
            files.append(file)
    order = {file.src_uri: place for place, file in enumerate(found)}
    for file in sorted(files, key=lambda file: order.get(file.src_uri, len(order))):
        files.remove(file)
        files.append(file)


def make_anew(uris: Collection[str], files: Files) -> None:
    """Let a build that passes over pages as they were make those that notebooks or modules fill."""
    for file in files.documentation_pages(inclusion=InclusionLevel.all):
        text = _text(file)
        filled = "{{" in text or re.search(r"^[ \t]*::: ", text, re.M)
        if filled or any(uri in uris for uri in _used(text, file.src_uri)):
            vars(file)["is_modified"] = lambda: True


def drop_compiled(files: Files) -> None:
    """Take from `files` what Python has made of modules: it names folders of this machine."""
    for file in list(files):
        path = PurePosixPath(file.src_uri)
        if "__pycache__" in path.parts or path.suffix in (".pyc", ".pyo"):
            files.remove(file)


def named_nowhere(uris: Sequence[str], files: Files) -> list[str]:
    """Return those that no page embeds or links to, be it published or a draft."""
    if not uris:
        return []
    pages = files.documentation_pages(inclusion=InclusionLevel.all)
    named = {uri for file in pages for uri in _used(_text(file), file.src_uri)}
    return [uri for uri in uris if uri not in named]


def is_among_posts(uri: str, config: MkDocsConfig) -> bool:
    """Tell whether a file lies where Material's blogs take every page for a post."""
    blogs = [plugin for name, plugin in config.plugins.items() if "material/blog" in name]
    return any(blog.config.enabled and uri.startswith(_folder_of_posts(blog)) for blog in blogs)


def _folder_of_posts(blog: Any) -> str:
    folder: str = blog.config.post_dir.format(blog=blog.config.blog_dir)
    return f"{posixpath.normpath(folder)}/"


def _drafts_of_blogs(files: Files, config: MkDocsConfig) -> Iterator[str]:
    """Name the posts that Material's blogs leave out, as they see it, before they do.

    Raises
    ------
    EmbedError : a post cannot be read, or is in another encoding than UTF-8.
    """
    blogs = [plugin for name, plugin in config.plugins.items() if "material/blog" in name]
    blogs = [blog for blog in blogs if blog.config.enabled and not blog.config.draft]
    # A post asks this plugin for what holds for its whole folder, and it may not have looked yet.
    if blogs and (folders := config.plugins.get("material/meta")) is not None:
        folders.on_files(files, config=config)
    for blog in blogs:
        from material.plugins.blog.structure import Post

        for file in files.documentation_pages():
            if file.src_uri.startswith(_folder_of_posts(blog)):
                if file.abs_src_path:  # the blog's own error would name no file
                    read_text(Path(file.abs_src_path), "the page")
                page = file.page
                if blog._is_excluded(Post(file, config)):
                    yield file.src_uri
                file.page = page  # a post takes that place when it is made


def drop_unpublished(
    library: Library, pages: Iterable[File], files: Files, config: MkDocsConfig
) -> None:
    """Take from `library` and from `files` the notebooks that only unpublished pages use."""
    own = {*library.notebooks, *library.broken}
    published = {file.src_uri for file in pages}
    needed = {uri for uri in own if f"'{uri}'" in str(config.nav)}
    for uri, notebook in library.notebooks.items():
        prose = "\n\n".join(
            cell.source for cell in notebook.cells if cell.kind in ("markdown", "html")
        )
        needed.update(set(_used(prose, uri)) - {uri})
    unpublished: set[str] = set()
    for file in files.documentation_pages(inclusion=InclusionLevel.all):
        if file.src_uri not in own:
            used = needed if file.src_uri in published else unpublished
            used.update(_used(_text(file), file.src_uri))
    for uri in own & unpublished - needed:
        library.notebooks.pop(uri, None)
        library.broken.pop(uri, None)
        if (source := files.get_file_from_path(uri)) is not None:
            files.remove(source)


def _text(file: File) -> str:
    try:
        return file.content_string
    except (OSError, UnicodeDecodeError):
        return ""


def _used(text: str, page: str) -> Iterator[str]:
    """Name the notebooks that a page embeds or links to, as far as a quick look can tell."""
    for address in find_addresses(text):
        path = unquote(re.split("[#?]", address)[0])
        if path.endswith(SUFFIXES):
            yield posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
