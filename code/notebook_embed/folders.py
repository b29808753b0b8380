"""Walk through folders, and through links in them, and come to an end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

__all__ = ["folders_below", "leads_up"]


def folders_below(
    top: str | os.PathLike[str], enter: Callable[[str], bool] = lambda folder: True
) -> Iterator[tuple[str, list[str]]]:
    """Give `top` and each folder below it, with the names of its files, through links as well.

    A link that leads to a folder around it, or around one that another link led out of, has no end:
    it is passed over, and so is a folder that `enter` refuses.
    """
    here = os.fspath(top)
    waiting: list[tuple[str, str, tuple[str, ...]]] = [(here, os.path.realpath(here), ())]
    while waiting:
        here, real, left = waiting.pop()
        files = []
        for entry in _entries(here):
            if not _is_folder(entry):
                files.append(entry.name)
                continue
            to, out_of = os.path.join(real, entry.name), left  # noqa: PTH118 - no objects: it is asked of thousands
            if _is_link(entry):
                to, out_of = os.path.realpath(entry.path), (*left, real)
                if any(_is_below(one, to) for one in out_of):
                    continue
            if enter(entry.path):
                waiting.append((entry.path, to, out_of))
        yield here, files


def leads_up(link: os.DirEntry[str]) -> bool:
    """Tell whether an entry of a folder is a link to this folder, or to one around it.

    Around it are those that other links on its path led out of, too.
    """
    if not _is_link(link) or not _is_folder(link):
        return False
    to, folder = os.path.realpath(link.path), os.path.dirname(link.path)  # noqa: PTH120
    while not _is_below(os.path.realpath(folder), to):
        folder, below = os.path.dirname(folder), folder  # noqa: PTH120
        if folder == below:
            return False
    return True


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name, reverse=True)
    except OSError:  # it went a moment ago, or may not be read
        return []


def _is_link(entry: os.DirEntry[str]) -> bool:
    is_junction: Callable[[], bool] = getattr(entry, "is_junction", bool)  # from Python 3.12 on
    return entry.is_symlink() or is_junction()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links that lead to each other
        return False


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))  # noqa: PTH118
