"""Series of posts: ``series: {name: ..., part: n}`` in a post's front matter.

A post may say what it builds on: ``needs: {1: heads and masks}`` names parts of the same series,
and what of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from blog_site.errors import SiteError
from blog_site.front_matter import line_of
from notebook_embed.titles import title_as_html

__all__ = ["Series", "SeriesEntry", "collect_series"]


class _File(Protocol):
    src_uri: str
    abs_src_path: str | None


class _Post(Protocol):
    meta: dict[str, Any]
    url: str
    title: str | None
    file: _File


@dataclass(frozen=True, kw_only=True)
class SeriesEntry:
    """One post's place in its series."""

    part: int
    post: _Post  # templates read `url` and `title` late, when the post has been rendered
    short: str | None  # a title for narrow places, from `series: {short: ...}`
    needs: Mapping[int, str] = field(default_factory=dict)  # part -> what of it

    def as_data(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "title": title_as_html(self.post),
            "short": self.short,
            "url": self.post.url,
        }


@dataclass(frozen=True, kw_only=True)
class Series:
    """A series as one of its posts sees it."""

    name: str
    entries: tuple[SeriesEntry, ...]  # ordered by part; only posts that exist
    part: int
    previous: SeriesEntry | None
    following: SeriesEntry | None
    needs: tuple[tuple[SeriesEntry, str], ...]  # what the post builds on, and what of it

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data; titles are known once posts have been rendered."""
        return {
            "name": self.name,
            "part": self.part,
            "entries": [entry.as_data() for entry in self.entries],
            "previous": self.previous.as_data() if self.previous else None,
            "following": self.following.as_data() if self.following else None,
            "needs": [{**entry.as_data(), "what": what} for entry, what in self.needs],
        }


def collect_series(posts: Iterable[_Post]) -> dict[str, Series]:
    """Return the series of every post that has one, by the post's source path.

    Raises
    ------
    SiteError : a malformed `series`, two posts that claim the same part, or a post that needs a
        part which is not there, or itself.
    """
    members: dict[str, list[SeriesEntry]] = defaultdict(list)
    for post in posts:
        if (declared := post.meta.get("series")) is None:
            continue
        match declared:
            case {"name": str(name), "part": int(part), **rest} if (
                name.strip()
                and not isinstance(part, bool)
                and set(rest) <= {"short", "needs"}
                and (needs := _read_needs(rest.get("needs") or {})) is not None
            ):
                short = str(rest["short"]) if rest.get("short") is not None else None
                entry = SeriesEntry(part=part, post=post, short=short, needs=needs)
                members[name].append(entry)
            case _:
                raise _error(
                    post,
                    "series must be {name: text, part: number}, if need be with short: text and "
                    f"needs: {{part: text}}, not {declared!r}",
                )
    found: dict[str, Series] = {}
    for name, unordered in members.items():
        entries = tuple(sorted(unordered, key=lambda entry: entry.part))
        for before, after in pairwise(entries):
            if before.part == after.part:
                told = f"{before.post.file.src_uri} is part {after.part} of {name!r} too"
                raise _error(after.post, told, "part")
        for at, entry in enumerate(entries):
            found[entry.post.file.src_uri] = Series(
                name=name,
                entries=entries,
                part=entry.part,
                previous=entries[at - 1] if at else None,
                following=entries[at + 1] if at + 1 < len(entries) else None,
                needs=_find_needs(entry, entries, name),
            )
    return found


def _read_needs(declared: object) -> dict[int, str] | None:
    if not isinstance(declared, dict):
        return None
    needs = {
        part: what
        for part, what in declared.items()
        if isinstance(part, int) and isinstance(what, str)
    }
    return needs if len(needs) == len(declared) else None


def _find_needs(
    entry: SeriesEntry, entries: tuple[SeriesEntry, ...], name: str
) -> tuple[tuple[SeriesEntry, str], ...]:
    others = {other.part: other for other in entries if other is not entry}
    for part in entry.needs:
        if part not in others:
            raise _error(
                entry.post,
                f"needs part {part} of {name!r}; there are {sorted(others)} besides it",
                "needs",
                str(part),
            )
    return tuple((others[part], what) for part, what in sorted(entry.needs.items()))


def _error(post: _Post, problem: str, *names: str) -> SiteError:
    """Tell of a mistake in a post's `series`, or in what it says under `names`."""
    file = Path(post.file.abs_src_path or "")
    return SiteError(problem, file=file, line=line_of(file, "series", *names))
