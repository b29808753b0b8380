"""Keep what is found out about a theme's templates, as MkDocs makes an environment for every build.

Templates are compiled once. The list of a theme's files, ten thousand icons among them, is made
once by a process where the theme is an installed package, which nobody edits while it runs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader
from mkdocs.theme import Theme

__all__ = ["keep_templates"]


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


def keep_templates(theme: Theme, root: Path) -> None:
    """Let the environments of `theme` share what they compile, below `root`, and what they list."""
    make: Any = theme.get_env
    folder = root / ".cache" / "templates"
    folder.mkdir(parents=True, exist_ok=True)

    def get_env() -> Environment:
        env: Environment = make()
        env.bytecode_cache = FileSystemBytecodeCache(str(folder))
        if type(env.loader) is FileSystemLoader:
            env.loader = ListedLoader(env.loader.searchpath)
        return env

    theme.get_env = get_env  # type: ignore[method-assign]
