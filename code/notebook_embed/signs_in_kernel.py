r"""Lets a kernel say what no file can hold: half of a sign (``"\ud800"``), written as Python does.

Else such a message is lost, be it a print, an output or an error. This file is sent to the kernel
as text before the first cell runs; the builder does the same with what a notebook's file holds, and
has no need of IPython for it.
"""

from __future__ import annotations

from typing import Any


def register() -> None:
    """Let all that the kernel sends be text that has an encoding."""
    from IPython.core.getipython import get_ipython

    session = getattr(getattr(get_ipython(), "kernel", None), "session", None)
    if session is None:
        return
    pack = session.pack

    def packing(message: Any) -> Any:
        try:
            packed = pack(message)
            if isinstance(packed, bytes):
                packed.decode("utf-8")  # some halves are let through as bytes of no sign
        except UnicodeError:
            return pack(whole(message))
        return packed

    session.pack = packing


def whole(tree: Any) -> Any:
    """Return a message with halves of signs written as ``print`` writes them to ``stderr``."""
    if isinstance(tree, str):
        return tree.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(tree, dict):
        return {whole(key): whole(value) for key, value in tree.items()}
    return [whole(item) for item in tree] if isinstance(tree, (list, tuple)) else tree
