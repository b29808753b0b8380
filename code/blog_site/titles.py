"""How a page's title is shown: the front matter has text, and a heading is HTML."""

from __future__ import annotations

from html import escape
from typing import Any

__all__ = ["title_as_html"]


def title_as_html(page: Any) -> str:
    """Return the title of a page, or of what stands for one in a navigation, as HTML."""
    declared = (getattr(page, "meta", None) or {}).get("title")
    return escape(str(declared), quote=False) if declared else str(page.title)
