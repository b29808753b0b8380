"""What feeds say of a page without a description.

mkdocs-rss-plugin takes the page's Markdown and knows nothing of embeds: readers would get the
addresses of notebooks. So it is handed what the page became, while it looks.
"""

from __future__ import annotations

import re
from functools import partial
from html import unescape
from urllib.parse import urljoin

from notebook_embed.fragments import candidates
from notebook_embed.library import readable
from notebook_embed.notebook import SUFFIXES

__all__ = ["abstract", "names_notebooks"]

_ADDRESS = re.compile(r"""(?P<before>\b(?:href|src|(?P<several>srcset))=["'])(?P<address>[^"']*)""")
# Those of other pages among them, which a feed cannot use as written either.
_NOTEBOOK = re.compile(rf"({'|'.join(map(re.escape, SUFFIXES))})\b")


def names_notebooks(text: str) -> bool:
    """Tell whether there may be addresses of notebooks in a page's Markdown."""
    return bool(_NOTEBOOK.search(readable(text)))


def _absolute(url: str, found: re.Match[str]) -> str:
    address, absolute = found["address"], partial(_joined, url)
    return found["before"] + (
        candidates(address, absolute) if found["several"] else absolute(address)
    )


def abstract(html: str, separator: str, url: str) -> str:
    """Return the beginning of a page in a form that may be cut and taken for Markdown.

    That is the HTML above `separator`, with absolute addresses, or where there is none the text of
    the page: HTML cut anywhere is none.
    """
    html = re.sub(r'<a class="headerlink".*?</a>', "", html)
    head, found, _ = html.partition(separator) if separator else (html, "", "")
    if found:
        whole = _ADDRESS.sub(partial(_absolute, url), head)
        # No line is empty, so that all of it is one block of HTML.
        return "<div>" + re.sub(r"\n\s*\n", "\n", whole) + "</div>\n\n" + separator
    text = unescape(re.sub(r"<(script|style|svg)\b.*?</\1>|<[^>]+>", " ", html, flags=re.S))
    return re.sub(r"([\\`*_{}\[\]<>#!|$&])", r"\\\1", " ".join(text.split()))


def _joined(base: str, address: str) -> str:
    """Return an address as seen from `base`; what is none stays as it is."""
    try:
        return urljoin(base, address)
    except ValueError:
        return address
