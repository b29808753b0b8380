"""Write files whole, and say what to do where the system refuses.

Libraries were looked at: ``safer`` does not sync, ``boltons`` leaves a part behind when syncing
fails and is then stopped by it, ``atomicwrites`` is archived, others are months old.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from notebook_embed.errors import EmbedError

__all__ = [
    "HALF_WRITTEN",
    "configuration",
    "in_package",
    "read_text",
    "unwritable",
    "write_whole",
    "writing",
]

# What `write_whole` leaves of a file where it is killed: such a name is nobody else's.
_SUFFIX = ".half-written"
HALF_WRITTEN = f".*.????????{_SUFFIX}"


def configuration(folder: Path) -> Path:
    """Return the file in `folder` that configures its site, by MkDocs' first name if none is."""
    names = ("mkdocs.yml", "mkdocs.yaml")
    return next((folder / name for name in names if (folder / name).exists()), folder / names[0])


def read_text(path: Path, what: str) -> str:
    """Return the text of a file, which is UTF-8, without the mark that some editors begin it with.

    Raises
    ------
    EmbedError : it cannot be read, or is in another encoding; `what` says what it is.
    """
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise EmbedError(
            f"{what} is not UTF-8: {error}", file=path, line=line, remedy="Save it as UTF-8."
        ) from error
    except OSError as error:
        raise EmbedError(f"{what} cannot be read: {error}", file=path, line=1) from error


def in_package(package: str, *paths: str) -> list[Path]:
    """Return those of the files that an installed package has; it is not imported."""
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    files = (Path(folder, path) for folder in folders for path in paths)
    return [file for file in files if file.is_file()]


def write_whole(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Write a file so that whoever looks sees all of it or what was there before.

    What need not outlast a crash of the system, for it is checked when it is read, is not `synced`.

    Raises
    ------
    EmbedError : the disk is full or cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{path.name[:40]}."
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=_SUFFIX)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                if synced:
                    file.flush()
                    os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a refusal of the system to write `path` within the block into an error for authors."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise EmbedError(
            f"cannot be written: {error.strerror}",
            file=path,
            remedy="A file stands where one of its folders is to be: remove it.",
        ) from error
    except OSError as error:
        raise unwritable(error, path) or error from error


# A full disk or quota, a limit on a file's size, a failing or read-only disk, missing permissions.
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES}


def unwritable(error: OSError, path: str | Path) -> EmbedError | None:
    """Turn a write that the system refused into an error that says what to do."""
    if error.errno not in UNWRITABLE:
        return None
    return EmbedError(
        f"cannot be written: {error.strerror or error}",
        file=path,
        remedy="Free some space (or mend the permissions) and build again; "
        "the last good site and the cache are as they were.",
    )
