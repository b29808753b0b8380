"""Build a site aside and swap it in whole, so that what is served is never half of anything."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from notebook_embed.errors import EmbedError, shown
from notebook_embed.files import writing
from notebook_embed.progress import log

__all__ = ["bring_back", "only_build", "set_source_date", "swap_in"]


@contextlib.contextmanager
def only_build(lock_file: Path) -> Iterator[None]:
    """Hold the lock of the one build that may run; the system frees it when a build dies.

    Raises
    ------
    EmbedError : another build holds it, or the system does not let it be made.
    """
    lock = filelock.FileLock(lock_file)
    try:
        with writing(lock_file):
            lock_file.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
    except filelock.Timeout as error:
        holder = lock_file.with_suffix(".owner")
        who = holder.read_text("utf-8").strip() if holder.exists() else "unknown"
        raise EmbedError(
            f"another build of this site is running (process {who})",
            file=lock_file,
            line=1,
            remedy="Wait for it to end, or stop it, and build again.",
        ) from error
    try:
        lock_file.with_suffix(".owner").write_text(
            f"{os.getpid()} since {time.strftime('%H:%M:%S')}\n", "utf-8"
        )
        yield
    finally:
        lock_file.with_suffix(".owner").unlink(missing_ok=True)
        lock.release()


def swap_in(new: Path, site: Path) -> None:
    """Put the folder `new` in the place of `site`, and remove what was there.

    On Linux the two are exchanged in one step. Elsewhere there is an instant without a site. A link
    stays one: what it leads to is exchanged. Where the folder itself cannot be, as it is a mounted
    volume or stands in a folder of somebody else, what is in it is exchanged piece by piece.

    Raises
    ------
    EmbedError : `site` is a file.
    OSError : the system refuses; the old site is there.
    """
    site = site.resolve()
    site.parent.mkdir(parents=True, exist_ok=True)
    if site.exists() and not site.is_dir():
        raise EmbedError(
            "the site's folder is a file",
            file=site,
            remedy="Remove it, or name another folder: site_dir in mkdocs.yml.",
        )
    try:
        _swap_whole(new, site)
    except OSError as error:
        if error.errno not in FIXED or not site.is_dir():
            raise
        _swap_pieces(new, site)


# Another file system, a mount point, a folder above that may not be written, or holds what may not
# be removed of a site before.
FIXED = {errno.EXDEV, errno.EBUSY, errno.EACCES, errno.EPERM, errno.EROFS}
FIXED |= {errno.ENOTEMPTY, errno.EEXIST}
# What a system or a web server keeps in a volume, and no build has put there.
KEPT = ("lost+found",)


def _swap_whole(new: Path, site: Path) -> None:
    aside = _previous(site)
    with _beside(new, site) as ready:
        bring_back(site)
        if not site.exists():
            ready.rename(site)
            return
        old, moved = site.stat().st_ino, list[str]()
        try:
            ready.rename(aside)  # a name that tells the next build what was under way
            if not _exchange(aside, site):
                aside.rename(ready)
                site.rename(aside)
                ready.rename(site)
            _take_hidden(aside, site, moved)
        except BaseException:  # Ctrl-C, too, and what is hidden and may not move
            _undo(ready, aside, site, old, moved)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _previous(site: Path) -> Path:
    return site.with_name(f".{site.name}.previous")


def bring_back(site: Path) -> None:
    """Give a site what a build that was killed as it swapped sites in has left beside it.

    Raises
    ------
    OSError : the system refuses; nothing is lost.
    """
    site = site.resolve()
    aside = _previous(site)
    if not aside.is_dir():
        return
    if not site.exists():
        aside.rename(site)
        return
    _take_hidden(aside, site, [])
    shutil.rmtree(aside, ignore_errors=True)


def _take_hidden(old: Path, site: Path, moved: list[str]) -> None:
    """Move into `site` what is hidden in `old` and it has not, and list it in `moved`.

    No build has put it there, as MkDocs itself has it: the history of a checkout, a mark for a
    host. It is never in a folder that only a build has use for.
    """
    for hidden in sorted(old.glob(".*")):
        if not os.path.lexists(site / hidden.name):
            moved.append(hidden.name)
            hidden.rename(site / hidden.name)


def _undo(ready: Path, aside: Path, site: Path, old: int, moved: list[str]) -> None:
    """Let `site` be what it was, the folder with the number `old`, and `ready` the new one."""
    if not aside.exists():  # nothing has moved, or all is in place again
        return
    if aside.stat().st_ino != old:
        aside.rename(ready)
        return
    if site.exists():
        for name in moved:
            if os.path.lexists(site / name) and not os.path.lexists(aside / name):
                (site / name).rename(aside / name)
        if _exchange(aside, site):
            aside.rename(ready)
            return
        site.rename(ready)
    aside.rename(site)


@contextlib.contextmanager
def _beside(new: Path, site: Path) -> Iterator[Path]:
    """Give `new`, or a copy of it if it lies on another file system than what is beside `site`."""
    if new.stat().st_dev == site.parent.stat().st_dev:
        yield new
        return
    copy = site.with_name(f".{site.name}.new")
    try:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(new, copy, symlinks=True)
        yield copy
        shutil.rmtree(new, ignore_errors=True)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _swap_pieces(new: Path, site: Path) -> None:
    """Copy `new` into `site`, then exchange what is at the top of both, pages last."""
    ready = site / ".new"
    try:
        shutil.rmtree(ready, ignore_errors=True)
        shutil.copytree(new, ready, symlinks=True)
        pieces = sorted(ready.iterdir(), key=lambda piece: (piece.is_file(), piece.name))
        for piece in pieces:
            _replace(piece, site / piece.name)
        names = {piece.name for piece in pieces}
        for old in site.iterdir():
            if old.name not in names and not old.name.startswith(".") and old.name not in KEPT:
                _remove(old)
    finally:
        shutil.rmtree(ready, ignore_errors=True)
    shutil.rmtree(new, ignore_errors=True)
    log.info(
        "The folder %s cannot be exchanged as a whole (a volume, or not yours): its %d entries "
        "were exchanged one by one, and for an instant readers saw pages of both builds.",
        shown(site),
        len(pieces),
    )


def _replace(piece: Path, place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        if piece.is_dir() and _exchange(piece, place):
            return  # what was there goes with the folder that the pieces came in
        _remove(place)
    elif piece.is_dir():
        place.unlink(missing_ok=True)
    piece.replace(place)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two paths atomically (renameat2, RENAME_EXCHANGE); False where it cannot be done."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # the last one is what Windows says
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    failed = renameat2(here, os.fsencode(first), here, os.fsencode(second), exchange)
    return not failed


def set_source_date(root: Path) -> None:
    """Set SOURCE_DATE_EPOCH to the time of the last commit, so that a commit has one site.

    See https://reproducible-builds.org/specs/source-date-epoch/. Without git it is the day that the
    specification's own clock starts: better the same everywhere than different each time.
    """
    if "SOURCE_DATE_EPOCH" in os.environ:
        return
    # Whoever owns the checkout, as in a container: his notebooks run, so git may read his log.
    git = ["git", "-c", "safe.directory=*", "-C", str(root), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(git, capture_output=True, text=True)
        stamp, trouble = done.stdout.strip(), done.stderr.strip()
    except OSError as error:
        stamp, trouble = "", f"there is no git ({error.strerror})"
    if not stamp and any((folder / ".git").exists() for folder in (root, *root.parents)):
        reason = (trouble.splitlines() or ["it says nothing"])[0]
        log.warning("Pages are dated 1970, as git does not tell the last commit: %s", reason)
    os.environ["SOURCE_DATE_EPOCH"] = stamp or "0"
