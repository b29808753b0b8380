"""Keep what is found out about a theme's templates, as MkDocs makes an environment for every build.

Templates are compiled once. The list of a theme's files, ten thousand icons among them, is made
once by a process where the theme is an installed package, which nobody edits while it runs.
"""

from __future__ import annotations

import contextlib
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import BytecodeCache, Environment, FileSystemLoader
from jinja2.bccache import Bucket
from mkdocs.theme import Theme

from notebook_embed.files import write_whole

__all__ = ["Compiled", "keep_templates"]


class ListedLoader(FileSystemLoader):
    """Loads from folders, of which those of installed packages are listed once."""

    def list_templates(self) -> list[str]:
        found: set[str] = set()
        for folder in self.searchpath:
            installed = "site-packages" in Path(folder).parts
            found.update(_listed(folder) if installed else _list(folder))
        return sorted(found)


def _list(folder: str) -> list[str]:
    return FileSystemLoader(folder).list_templates()


_listed = cache(_list)


class Compiled(BytecodeCache):
    """Compiled templates in a folder: what has been damaged there is compiled again.

    Jinja's own cache runs whatever stands in its files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            digest, _, code = self._path(bucket).read_bytes().partition(b"\n")
            if digest == _digest(code):
                bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        code = bucket.bytecode_to_string()
        write_whole(self._path(bucket), _digest(code) + b"\n" + code, synced=False)

    def _path(self, bucket: Bucket) -> Path:
        return self.folder / f"{bucket.key}.{jinja2.__version__}.compiled"


def _digest(code: bytes) -> bytes:
    return hashlib.sha256(code).hexdigest().encode()


def keep_templates(theme: Theme, root: Path) -> None:
    """Let the environments of `theme` share what they compile, below `root`, and what they list."""
    make: Any = theme.get_env
    compiled = Compiled(root / ".cache" / "templates")

    def get_env() -> Environment:
        env: Environment = make()
        env.bytecode_cache = compiled
        if type(env.loader) is FileSystemLoader:
            env.loader = ListedLoader(env.loader.searchpath)
        return env

    theme.get_env = get_env  # type: ignore[method-assign]
