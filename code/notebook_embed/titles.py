"""How a page's title is shown: a heading is HTML already, and what else names a page is text."""

from __future__ import annotations

from html import escape
from typing import Any

__all__ = ["title_as_html"]


def title_as_html(page: Any) -> str:
    """Return the title of a page, or of what stands for one in a navigation, as HTML.

    Which of its titles a page has, that of the navigation, of its front matter, of its first
    heading or of its file, MkDocs has decided.
    """
    title = str(page.title)
    is_heading = title == getattr(page, "_title_from_render", None)
    return title if is_heading else escape(title, quote=False)
