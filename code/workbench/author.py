"""An author who saves files of a blog and has them built as by a server, without a browser."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mkdocs.commands.build import build

from notebook_embed.serving import Builds, Server

__all__ = ["Author", "authoring"]


class Author:
    """Saves files of the blog in `root`; `news` is what a browser would get, in order.

    The site goes to ``site`` below `served`.
    """

    def __init__(self, root: Path, served: Path) -> None:
        self.root, self.news = root, list[str]()
        self.builds = Told(self, served)
        self.server = self.builds.server = Watching(self)

    def start(self) -> None:
        """Build for the first time, and watch what a server does."""
        config = self.builds.load()
        config.plugins.on_startup(command="serve", dirty=False)
        for name in (config.docs_dir, str(config.config_file_path)):
            self.server.watch(name)
        self.builds(config)
        config.plugins.on_serve(self.server, config=config, builder=self.builds)
        for name in config.watch:
            self.server.watch(name)
        self.builds.first.take_in()

    def write(self, changes: Mapping[str, str | None]) -> None:
        """Write files below the blog's folder; those that are None go."""
        for name, text in changes.items():
            path = self.root / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")

    def save(self, name: str, text: str) -> list[str]:
        self.write({name: text})
        return self.look()

    def change(self, name: str, old: str, new: str) -> list[str]:
        text = (self.root / name).read_text("utf-8")
        assert old in text
        return self.save(name, text.replace(old, new))

    def look(self) -> list[str]:
        """Build what was saved; return what a browser got, in order."""
        self.news.clear()
        with self.builds.trouble.caught():  # as the server does: mkdocs.yml may be wrong
            self.builds()
        return list(self.news)

    def page(self, name: str) -> str:
        return (self.builds.site / name).read_text("utf-8")

    @property
    def told(self) -> str:
        """What stopped the last build, empty if nothing did."""
        return self.builds.trouble.text


class Told(Builds):
    """Builds, of which those of the whole site are told, wherever they are done."""

    def __init__(self, author: Author, served: Path) -> None:
        super().__init__(self._build, served)
        self.author = author

    def _build(self, config: Any, **options: Any) -> None:
        self.author.news.append("whole")
        build(config, **options)

    def _behind(self) -> bool:
        there = os.getpid()
        whole = super()._behind()
        assert os.getpid() == there
        if whole and "whole" not in self.author.news:
            self.author.news.append("aside")
        return whole


class Watching(Server):
    """The server, which is not asked for anything here."""

    def __init__(self, author: Author) -> None:
        site = str(author.builds.site)
        trouble = author.builds.trouble
        options = {"host": "127.0.0.1", "port": 0, "root": site}
        super().__init__(trouble, builder=author.builds, **options)
        self.author = author
        self.meanwhile = lambda: None

    def show_first(self, url: str) -> None:
        self.author.news.append(url)
        self.meanwhile()

    def show_rest(self, *, same: bool) -> None:
        self.author.news.append("same" if same else "other")


@contextmanager
def authoring(root: Path, served: Path) -> Iterator[Author]:
    """Have the blog in `root` built for the first time, and be in its folder within the block.

    What stops that build is `told`, as it is of every other.
    """
    there, logger = Path.cwd(), logging.getLogger("mkdocs")
    os.chdir(root)
    author = Author(root, served)
    logger.addHandler(author.builds.trouble)
    try:
        with author.builds.trouble.caught():
            author.start()
        yield author
    finally:
        logger.removeHandler(author.builds.trouble)
        author.server.server_close()
        os.chdir(there)
