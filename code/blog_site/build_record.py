"""What built this site: commit, date and versions; never the wall clock."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["BuildRecord", "read_build_record"]

# Shown in this order. The names are those of the packages' metadata.
PACKAGES = ("torch", "plotly", "mkdocs-material")


@dataclass(frozen=True, kw_only=True)
class BuildRecord:
    """The footer's data; fields that cannot be known are None."""

    commit: str | None  # short, 9 hex digits
    dirty: bool  # the working tree differs from the commit
    timestamp: int | None  # seconds since the epoch
    date: str | None  # of `timestamp`, ISO 8601, UTC
    versions: dict[str, str]

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def read_build_record(root: Path) -> BuildRecord:
    """Return the record of a build of the project at `root`.

    ``SOURCE_DATE_EPOCH`` (reproducible-builds.org) and ``BUILD_COMMIT`` come before git, so that an
    unpacked archive without a repository can still say what it is.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or _git(root, "log", "-1", "--format=%ct")
    commit = os.environ.get("BUILD_COMMIT") or _git(root, "rev-parse", "HEAD")
    timestamp = int(epoch) if epoch else None
    return BuildRecord(
        commit=commit[:9] if commit else None,
        dirty=bool(_git(root, "status", "--porcelain", "--untracked-files=no")),
        timestamp=timestamp,
        date=None if timestamp is None else f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d}",
        versions=_versions(),
    )


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git prints, or None where there is no git, no repository or no commit."""
    try:
        done = subprocess.run(
            # Whoever owns the checkout: in a container it is often someone else.
            ["git", "-c", "safe.directory=*", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            # The local part ("+cpu") names a build for one machine, not a version.
            found[package] = version(package).split("+")[0]
        except PackageNotFoundError:
            continue
    return found
