"""Remember from build to build what pure functions return: code in colours, the words of a page.

What a pure function returns depends on what it is given and on its code alone. So it is kept by a
digest of the first, and all is forgotten as soon as any code has changed. Nothing can be out of
date here, unlike where files are read: pages and outputs of notebooks are none of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from notebook_embed.kept_json import loaded, read_kept, write_kept

__all__ = ["Remembered", "entries_of", "remembering_code", "remembering_words"]

Value = TypeVar("Value")


class Remembered:
    """What functions have returned, in a file of their own.

    `fresh` takes nothing from an earlier process. Call `begin` before a build, once all plugins are
    loaded, and `keep` after it: what no page needed any more is then forgotten.
    """

    def __init__(self, file: Path, *, fresh: bool = False) -> None:
        self._file, self._fresh = file, fresh
        self._known: dict[str, str] = {}
        self._used: dict[str, str] = {}
        self._code: str | None = None

    def begin(self) -> None:
        code = loaded()
        if code != self._code:
            kept = {} if self._fresh or self._code is not None else read_kept(self._file)
            self._known = kept.get("made", {}) if kept.get("code") == code else {}
            self._code = code
        self._used = {}

    def keep(self, *, on_disk: bool) -> None:
        changed = self._used != self._known
        self._known = self._used
        if changed and on_disk:
            write_kept(self._file, {"code": self._code, "made": self._known})

    def __call__(self, make: Callable[[], Value], name: str, *given: object) -> Value:
        """Return what `make` returns, a function that `name` names and all that it is `given`.

        What is given tells itself apart by its `repr`. What JSON would not give back as it was, is
        made each time.
        """
        key = hashlib.sha256(repr((name, given)).encode()).hexdigest()
        if (text := self._used.get(key) or self._known.get(key)) is not None:
            self._used[key] = text
            known: Value = json.loads(text)
            return known
        value = make()
        with suppress(TypeError, ValueError):
            if json.loads(text := json.dumps(value)) == value:
                self._used[key] = text
        return value


def remembering_code(highlighter: type[Any], remembered: Remembered) -> type[Any]:
    """Return what pymdownx puts code in colours with, a class, as one that remembers blocks."""

    class Highlighter(highlighter):
        def highlight(self, src: str, language: str, *args: Any, **options: Any) -> Any:
            def make() -> Any:
                return super(Highlighter, self).highlight(src, language, *args, **options)

            settings = {name: value for name, value in vars(self).items() if name != "md"}
            inline = len(args) > 5 or options.get("inline")  # then it is an element
            # Versions differ in what they set; where a title is HTML, the parser keeps it.
            if inline or settings.get("title_mode", "text") != "text":
                return make()
            numbered = settings.get("line_spans") or settings.get("line_anchors")
            unused = () if numbered else ("code_block_count",)
            given = {name: value for name, value in options.items() if name not in unused}
            return remembered(make, "code", settings, src, language, args, given)

    return Highlighter


def remembering_words(index: Any, remembered: Remembered) -> Callable[[Any], None]:
    """Return what adds a page to Material's index for search, as one that remembers its words."""
    add = index.add_entry_from_context

    def remember(page: Any) -> None:
        named = {name: page.meta.get(name) for name in ("title", "tags", "search")}
        anchors = [(item.id, item.url) for item in _flat(page.toc)]
        given = (page.url, str(page.title), named, anchors, page.content)
        index.entries += remembered(lambda: entries_of(page, index, add), "words", *given)

    return remember


def entries_of(page: Any, index: Any, add: Callable[[Any], None]) -> list[Any]:
    """Return the entries that `add` makes of a page, and leave none of them in Material's index."""
    before = len(index.entries)
    add(page)
    made: list[Any] = index.entries[before:]
    del index.entries[before:]
    return made


def _flat(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        yield item
        yield from _flat(item.children)
