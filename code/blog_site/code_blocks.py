"""Make code that scrolls sideways a stop of the keyboard, before any script has run.

Scripts can tell exactly which code scrolls, but only once it has been laid out, and code far from
view is not. So all code that is too wide for a phone begins as a stop; ``site.js`` takes it back
where there is room.
"""

from __future__ import annotations

import html
import re

__all__ = ["PHONE_COLUMNS", "stop_at_wide_code"]

PHONE_COLUMNS = 36  # characters of code that fit on a phone

_CODE = re.compile(
    r'(?P<head><div class="[^"]*\bhighlight\b[^"]*">(?:<span class="filename">[^<]*</span>)?'
    r"<pre[^>]*>(?:<span></span>)?<code)>(?P<code>.*?)</code>",
    re.DOTALL,
)
_TAG = re.compile(r"<[^>]*>")


def stop_at_wide_code(page: str) -> str:
    """Return a page's HTML with ``tabindex="0"`` on code that is too wide for a phone."""

    def mark(found: re.Match[str]) -> str:
        lines = html.unescape(_TAG.sub("", found["code"])).split("\n")
        if max(map(len, lines)) <= PHONE_COLUMNS:
            return found[0]
        return f'{found["head"]} tabindex="0">{found["code"]}</code>'

    return _CODE.sub(mark, page)
