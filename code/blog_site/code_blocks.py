"""Make code light on a page, and where it scrolls sideways a stop of the keyboard from the start.

Half of a long post's elements are the words of its code, one for each word and bracket. Kinds of
word that the style sheets draw alike need no element each: those that look as text does get none,
and neighbours that look the same share one.

Scripts can tell exactly which code scrolls, but only once it has been laid out, and code far from
view is not. So all code that is too wide for a phone begins as a stop; ``site.js`` takes it back
where there is room.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any

from markdown import Extension, Markdown
from markdown.postprocessors import Postprocessor

__all__ = ["LOOKS", "PHONE_COLUMNS", "finish_code"]

PHONE_COLUMNS = 36  # characters of code that fit on a phone

_ALIKE = {
    "": "kc n na nv sa vc vg vi w",
    "c": "c1 ch cm cs sd",
    "k": "kd kn kp kr kt nd ni nl nt",
    "mi": "cp il m mb mf mh mo se sh sr sx",
    "nf": "bp nb nc ne nn no",
    "p": "o ow",
    "s": "cpf l s1 s2 sb sc si ss",
}
#: Classes of Pygments that look like another in the style sheets: that other, or "" for text.
LOOKS = {kind: look for look, kinds in _ALIKE.items() for kind in kinds.split()}

_CODE = re.compile(
    r'(?P<head><div class="[^"]*\bhighlight\b[^"]*">(?:<span class="filename">[^<]*</span>)?'
    r"<pre[^>]*>(?:<span></span>)?<code)>(?P<code>.*?)</code>",
    re.DOTALL,
)
_PIECE = re.compile(
    r'<span class="(?P<kind>\w+)">(?P<word>[^<]*)</span>|(?P<text>[^<]+)|(?P<tag><[^>]*>)'
)
_TAG = re.compile(r"<[^>]*>")


def finish_code(page: str) -> str:
    """Return a page's HTML with few elements in its code, which is a stop where it is wide."""

    def finish(found: re.Match[str]) -> str:
        lines = html.unescape(_TAG.sub("", found["code"])).split("\n")
        stop = ' tabindex="0"' if max(map(len, lines)) > PHONE_COLUMNS else ""
        return f"{found['head']}{stop}>{_join_alike(found['code'])}</code>"

    return _CODE.sub(finish, page)


@lru_cache(maxsize=1024)  # a server asks again; of whole pages, each new, 1024 would be too many
def _join_alike(code: str) -> str:
    runs: list[tuple[str | None, str]] = []  # how it looks (None: a tag of other use), and its text
    for piece in _PIECE.finditer(code):
        if piece["tag"]:
            runs.append((None, piece["tag"]))
            continue
        kind = piece["kind"] or ""
        look, text = LOOKS.get(kind, kind), piece["text"] or piece["word"]
        if look and len(runs) > 1 and runs[-2][0] == look and _is_blank(runs[-1]):
            text = runs.pop()[1] + text
        if runs and runs[-1][0] == look:
            text = runs.pop()[1] + text
        runs.append((look, text))
    return "".join(f'<span class="{look}">{text}</span>' if look else text for look, text in runs)


def _is_blank(run: tuple[str | None, str]) -> bool:
    return run[0] == "" and not run[1].strip(" ")


class CodePostprocessor(Postprocessor):
    def run(self, text: str) -> str:
        return finish_code(text)


class CodeExtension(Extension):
    """Register it after all that puts stored HTML back into the page."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the library's name)
        md.postprocessors.register(CodePostprocessor(md), "finish-code", -100)


def makeExtension(**options: Any) -> CodeExtension:  # noqa: N802 (the library's name)
    """Return the extension; Python-Markdown looks for this name."""
    return CodeExtension(**options)
