"""Addresses of tags: each tag has one of its own, or a warning tells of those that share one."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["spelled_alike", "tag_address"]


def tag_address(tag: str, separator: str = "-") -> str:
    """Return what stands for `tag` in an address: its words, and what is no letter by its code.

    Material leaves such signs out, and C++ and C# would share an address.
    """
    spelled = re.sub(r"[^\w\s-]", lambda sign: f" {ord(sign[0]):x} ", tag.lower())
    return separator.join(spelled.split())


def spelled_alike(tagged: Iterable[tuple[str, str]]) -> list[tuple[str, str, str, str]]:
    """Find tags that are not the same and yet share an address, as `Maps` and `maps` do.

    Parameters
    ----------
    tagged : pages and their tags, one by one.

    Returns
    -------
    A page, its tag, and the page and the tag that had the address before, for each other spelling.
    """
    first: dict[str, tuple[str, str]] = {}
    found: dict[tuple[str, str], tuple[str, str, str, str]] = {}
    for page, tag in tagged:
        page_before, before = first.setdefault(tag_address(tag), (page, tag))
        if tag != before:
            found.setdefault((before, tag), (page, tag, page_before, before))
    return list(found.values())
