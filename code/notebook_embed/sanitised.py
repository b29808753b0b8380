"""Notebooks of others: HTML that can run nothing, for sites that say so (the option `sanitise`)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from markdown import Markdown

from notebook_embed.errors import EmbedError
from notebook_embed.files import configuration

__all__ = ["harmless_attribute", "safe_html", "without_html"]

#: Elements that an output may have beside nh3's own choice.
_MORE_TAGS = "audio button figcaption figure label picture progress section source track video"
_ATTRIBUTES = (
    "class id style role tabindex colspan rowspan scope align valign border width height title dir "
    "lang open hidden"
)
MORE_TAGS, ATTRIBUTES = set(_MORE_TAGS.split()), set(_ATTRIBUTES.split())
OF_ELEMENTS = {
    "a": {"href", "name", "download"},
    "img": {"src", "srcset", "alt", "loading"},
    "audio": {"src", "controls", "preload"},
    "video": {"src", "controls", "preload", "poster"},
    "source": {"src", "srcset", "type"},
    "track": {"src", "kind", "srclang", "label"},
    "progress": {"value", "max"},
    "ol": {"start", "type"},
}
SCHEMES = {"http", "https", "mailto", "data"}


@cache
def _cleaner() -> Any:
    try:
        import nh3
    except ImportError as error:
        raise EmbedError(
            "the option 'sanitise' needs the package 'nh3'",
            file=configuration(Path()),
            remedy="pip install nh3, in the environment that builds.",
        ) from error
    return nh3.Cleaner(
        tags=nh3.ALLOWED_TAGS | MORE_TAGS,
        clean_content_tags={"script", "style", "iframe", "object", "template", "noscript", "title"},
        attributes={"*": ATTRIBUTES, **OF_ELEMENTS},
        attribute_filter=_filtered,
        generic_attribute_prefixes={"aria-"},
        url_schemes=SCHEMES,
        link_rel=None,
    )


def _filtered(tag: str, name: str, value: str) -> str | None:
    if name == "style" and re.search(r"url\s*\(|expression|@import|\\", value, re.I):
        return None  # it may fetch, or hide that it does
    return value if harmless_attribute(tag, name, value) else None


def safe_html(content: str) -> str:
    """Return HTML without scripts, handlers of events, styles, frames and forms.

    Raises
    ------
    EmbedError : the package that does it is not installed.
    """
    return str(_cleaner().clean(content))


def harmless_attribute(tag: str, name: str, value: str) -> bool:
    """Tell whether an attribute runs nothing."""
    plain = re.sub(r"[\x00-\x20\x7f]", "", value).lower()
    scheme = re.match(r"[a-z][a-z0-9+.-]*:", plain)
    if scheme and scheme[0][:-1] not in SCHEMES and name != "style":
        return False
    if plain.startswith("data:") and not (tag in ("img", "audio", "video", "source") or tag == ""):
        return False
    return not name.lower().startswith("on") and name.lower() not in ("srcdoc", "formaction")


def without_html(md: Markdown) -> Markdown:
    """Let a parser of Markdown take HTML for text."""
    for registry, names in (
        (md.preprocessors, ("html_block",)),
        (md.inlinePatterns, ("html", "md_in_html")),
        (md.parser.blockprocessors, ("markdown_block",)),
    ):
        for name in names:
            if name in registry:
                registry.deregister(name)
    return md
