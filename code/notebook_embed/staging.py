"""Build a site aside, for MkDocs empties the folder of the last one before it knows of a next."""

from __future__ import annotations

import logging
import shutil
from contextlib import ExitStack
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.utils import CountHandler

from notebook_embed.aside import past_return
from notebook_embed.errors import EmbedError, shown
from notebook_embed.publish import bring_back, only_build, swap_in

__all__ = ["Staging"]


log = logging.getLogger("mkdocs.plugins.notebook_embed")


class Staging:
    """The folder that a build writes into, until its site is whole and takes the last one's place.

    A build holds a lock, so that two of them never write into one folder.
    """

    def __init__(self) -> None:
        self._site: Path | None = None
        self._staging = Path()
        self._lock = ExitStack()

    def begin(self, config: MkDocsConfig, root: Path, cache: str, *, serving: bool) -> None:
        """Let MkDocs write elsewhere than to the site's folder.

        Raises
        ------
        EmbedError : another build is running, or the site would take the place of a cache.
        """
        self.abandon()
        site = Path(config.site_dir)
        for kept in (".cache", cache):
            if (root / kept).resolve().is_relative_to(site.resolve()):
                raise EmbedError(
                    f"the site's folder '{shown(site)}' holds {kept}, which builds keep",
                    file=config.config_file_path,
                    remedy="Name a folder of its own: site_dir: site.",
                )
        if serving:  # a temporary folder of this process alone
            self._staging = site.with_name(f"{site.name}.building")
        else:
            self._lock.enter_context(only_build(root / ".cache" / "build.lock"))
            bring_back(site)
            self._staging = root / ".cache" / "site.building"
        self._site, config.site_dir = site, str(self._staging)

    def finish(self, config: MkDocsConfig) -> None:
        """Put the new site in the place of the last one, unless MkDocs is about to refuse it."""
        if self._site is None:
            return
        if not (config.strict and _warned()):
            past_return()
            swap_in(self._staging, self._site)
            log.info("The site is in %s", self._site)
        config.site_dir = str(self._site)
        self.abandon()

    def abandon(self) -> None:
        """Drop what has not become a site."""
        if self._site is not None:
            shutil.rmtree(self._staging, ignore_errors=True)
        self._site = None
        self._lock.close()


def _warned() -> bool:
    """Tell whether MkDocs, which counts warnings in strict builds, has counted one."""
    handlers = logging.getLogger("mkdocs").handlers
    return any(isinstance(handler, CountHandler) and handler.get_counts() for handler in handlers)
