"""Addresses of tags: each tag has one of its own."""

from __future__ import annotations

import re

__all__ = ["tag_address"]


def tag_address(tag: str, separator: str = "-") -> str:
    """Return what stands for `tag` in an address: its words, and what is no letter by its code.

    Material leaves such signs out, and C++ and C# would share an address.
    """
    spelled = re.sub(r"[^\w\s-]", lambda sign: f" {ord(sign[0]):x} ", tag.lower())
    return separator.join(spelled.split())
