"""Notebooks of others: HTML that can run nothing, for sites that say so (the option `sanitise`)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.parsers import expat

from markdown import Markdown

from notebook_embed.errors import EmbedError
from notebook_embed.files import configuration
from notebook_embed.page_parser import PageParser

__all__ = [
    "harmless_attribute",
    "harmless_attributes",
    "harmless_svg",
    "safe_html",
    "without_html",
    "without_tags",
]

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
#: Elements of an SVG, or of HTML in one, that run something or fetch what may.
LIVE = frozenset(
    "script handler listener iframe frame object embed base meta link form fencedframe".split()  # noqa: SIM905
)
#: Attributes of an SVG that name what a link leads to, or, in an animation, come to do so.
ADDRESSES = frozenset("href src to from by values".split())  # noqa: SIM905


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


def harmless_svg(svg: str | bytes) -> bool:
    """Tell whether an SVG runs nothing for whoever opens it as a page of its own.

    One that is damaged may: browsers show it up to the mistake.
    """
    found: list[str] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition("}")[2].lower()
        if tag in LIVE:
            found.append(name)
        for attribute, value in attributes.items():
            own = attribute.rpartition("}")[2].lower()
            plain = re.sub(r"[\x00-\x20\x7f]", "", value).lower()
            # As an image an SVG runs nothing; what a link leads to is a page.
            shown = tag in ("image", "feimage", "img")
            kind = "data:(?!image/)" if shown else "data:(?!image/(?!svg))"
            document = own in ADDRESSES and any(re.match(kind, one) for one in plain.split(";"))
            if own.startswith("on") or document or re.search("(?:java|vb)script:", plain):
                found.append(own)

    def instruct(target: str, data: str) -> None:
        if target == "xml-stylesheet":  # it may be a program
            found.append(target)

    def declare(name: str, *given: Any) -> None:
        found.append(name)

    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = begin
    parser.ProcessingInstructionHandler = instruct
    parser.EntityDeclHandler = declare  # who reads it here may not see what it stands for
    try:
        parser.Parse(svg.encode() if isinstance(svg, str) else svg, True)
    except (expat.ExpatError, UnicodeEncodeError, LookupError, ValueError):
        return False
    return not found


def without_tags(text: str) -> str:
    """Return text in which nothing begins a tag, for templates that turn HTML into text again."""
    return re.sub(r"<(?=[/!?a-z])", "", text, flags=re.I)


def harmless_attributes(content: str) -> bool:
    """Tell whether no attribute runs anything, which alone could in Markdown without HTML."""
    parser = _Attributes()
    parser.feed(content)
    parser.close()
    return parser.harmless


class _Attributes(PageParser):
    harmless = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not all(harmless_attribute(tag, name, value or "") for name, value in attrs):
            self.harmless = False


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
