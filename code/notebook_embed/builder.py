"""What a Markdown parser knows of the page that it converts, and of the site around it.

MkDocs and Material hand both to tree processors of their own, and to nobody else. This is the one
place that asks these; another builder is taught here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown import Markdown

from notebook_embed.library import page_of

__all__ = ["Page", "UnderWay", "is_excerpt", "links_of_site", "page_under_conversion"]


@dataclass(frozen=True)
class Page:
    """The page under conversion: its URI below ``docs/``, and the URL that it is shown at.

    An excerpt of a post is shown at the URL of an index, where the post's ids must not recur.
    """

    uri: str
    url: str
    excerpt: bool
    file: Path


@dataclass
class UnderWay:
    """The page that a builder is at, for parsers that others make for a piece of it.

    markdown-exec makes one, mkdocs-macros another, and nobody tells these which page it is. `links`
    resolves the links of the page, once its own parser is at work. `error` is what was wrong with a
    piece: who asked for it may take an error for a reason to show something else.
    """

    page: Page | None = None
    links: Any | None = None
    error: Exception | None = None

    def begin(self, page: Page) -> None:
        self.page, self.links, self.error = page, None, None


def page_under_conversion(md: Markdown, docs: Path | None, uri: str) -> Page | None:
    """Return the page that `md` converts: what the builder tells, else `uri` if there is one.

    `docs` is the folder of the pages.
    """
    if (links := links_of_site(md)) is not None:
        file = links.file
        path = docs / file.src_uri if docs else Path(file.abs_src_path or "")
        return Page(file.src_uri, file.url, is_excerpt(md), path)
    if not uri:
        return None
    return Page(uri, page_of(uri), False, (docs or Path()) / uri)


def is_excerpt(md: Markdown) -> bool:
    """Tell whether Material's blog wants no more of a post than its lists show."""
    return "excerpt" in md.treeprocessors


def links_of_site(md: Markdown) -> Any | None:
    """Return what resolves links for MkDocs, with the page's `file`, all `files`, `path_to_url`."""
    if "relpath" not in md.treeprocessors:
        return None
    return md.treeprocessors["relpath"]
