"""Build a site aside and swap it in whole, so that what is served is never half of anything."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from notebook_embed.errors import EmbedError

__all__ = ["only_build", "set_source_date", "swap_in"]


@contextlib.contextmanager
def only_build(lock_file: Path) -> Iterator[None]:
    """Hold the lock of the one build that may run; the system frees it when a build dies.

    Raises
    ------
    EmbedError : another build holds it.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(lock_file)
    try:
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

    On Linux the two are exchanged in one step. Elsewhere there is an instant without a site.
    """
    if not site.exists():
        new.rename(site)
        return
    if _exchange(new, site):
        shutil.rmtree(new, ignore_errors=True)
        return
    aside = site.with_name(f"{site.name}.previous")
    shutil.rmtree(aside, ignore_errors=True)
    site.rename(aside)
    try:
        new.rename(site)
    except OSError:
        aside.rename(site)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two paths atomically (renameat2, RENAME_EXCHANGE); False where it cannot be done."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
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
    git = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    try:
        stamp = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        stamp = ""
    os.environ["SOURCE_DATE_EPOCH"] = stamp or "0"
