"""Files in which one build leaves something for the next, and what all of it depends on.

What is left can be made anew at any time. So a file that is damaged or not there holds nothing, and
where none can be written there is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import sysconfig
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from notebook_embed.errors import EmbedError
from notebook_embed.files import write_whole
from notebook_embed.imports import stamp_if_there

__all__ = ["INSTALLED", "installed", "loaded", "read_kept", "write_kept"]

#: The folders of Python's own modules and of installed packages, which stay while a process runs.
INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def read_kept(file: Path) -> dict[str, Any]:
    """Return what is kept; nothing of a file that is damaged or not there."""
    try:
        head, _, body = file.read_bytes().partition(b"\n")
    except OSError:
        return {}
    kept: dict[str, Any] = json.loads(body) if head == _digest(body) else {}
    return kept


def write_kept(file: Path, kept: dict[str, Any]) -> None:
    """Keep it; where that cannot be, there is nothing to read."""
    with suppress(EmbedError, OSError):
        body = json.dumps(kept).encode()
        write_whole(file, _digest(body) + b"\n" + body, synced=False)


@cache
def installed() -> str:
    """Return a digest of the packages that are installed, and of this one's own code."""
    found: list[Any] = [sys.version]
    for folder in map(Path, sys.path):
        with suppress(OSError):
            found += sorted(
                (entry.path, entry.stat().st_mtime_ns)
                for entry in os.scandir(folder)
                if entry.name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth"))
            )
    return _digest(repr([found, _stamps(Path(__file__).parent)]).encode()).decode()


def loaded() -> str:
    """Return a digest of what is installed, and of all code beside it that this process has loaded.

    Of a package all modules count, also those that are not loaded yet.
    """
    here = set[Path]()
    for name, module in list(sys.modules.items()):
        package = sys.modules.get(name.partition(".")[0])
        file = getattr(package, "__file__", None) or getattr(module, "__file__", None)
        if file and not file.startswith(INSTALLED):
            here.add(Path(file).parent if Path(file).name == "__init__.py" else Path(file))
    found = [_stamps(path) for path in sorted(here)]
    return _digest(repr([installed(), found]).encode()).decode()


def _stamps(path: Path) -> list[tuple[str, tuple[int, ...] | None]]:
    """Return the state of a module, or of all modules below a folder."""
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [(str(file), stamp_if_there(file)) for file in files]


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
