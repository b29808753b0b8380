"""``python -m notebook_embed build``: build the site aside, then swap it in."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import click

from notebook_embed.errors import EmbedError
from notebook_embed.files import unwritable
from notebook_embed.progress import log
from notebook_embed.publish import only_build, set_source_date, swap_in


@click.group()
def main() -> None:
    """Build or serve a MkDocs site whose pages embed notebooks."""
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    # As Ctrl-C does: what is under way is cleared away, kernels above all.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


@main.command()
@click.option("--fresh", is_flag=True, help="Run every notebook, whatever the cache holds.")
@click.option("--why", is_flag=True, help="Say of each notebook why it runs, or why not.")
@click.option("--site-dir", default="site", help="Where the site goes.")
def build(fresh: bool, why: bool, site_dir: str) -> None:
    """Build the site; the previous one stays until the new one is whole."""
    root = Path.cwd()
    if not (root / "mkdocs.yml").exists():
        raise EmbedError("there is no mkdocs.yml in this folder", file="mkdocs.yml", line=1)
    os.environ.update({"NOTEBOOK_EMBED_FRESH": "1"} if fresh else {})
    os.environ.update({"NOTEBOOK_EMBED_WHY": "1"} if why else {})
    set_source_date(root)
    staging, site = root / ".cache" / "site.building", root / site_dir
    try:
        with only_build(root / ".cache" / "build.lock"):
            _mkdocs(root, staging)
            swap_in(staging, site)
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise unwritable(error, error.filename2 or staging) or error from error
    log.info("The site is in %s/: open %s/index.html.", site_dir, site_dir)


@main.command()
def serve() -> None:
    """Serve the site on this machine and build it anew on every save."""
    from notebook_embed import serving

    set_source_date(Path.cwd())
    deferred = _log_to_terminal(logging.INFO)
    serving.serve(partial(_build, deferred=deferred))


class DeferredPageErrors(logging.StreamHandler[TextIO]):
    """Prints what MkDocs logs, but holds back the page it failed at: our errors name it better."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(logging.Formatter("%(levelname)-7s -  %(message)s"))
        self.last: logging.LogRecord | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(("Error reading page", "Error building page")):
            self.last = record
        else:
            super().emit(record)

    def tell(self) -> None:
        if self.last is not None:
            super().emit(self.last)


def _log_to_terminal(level: int) -> DeferredPageErrors:
    logger, handler = logging.getLogger("mkdocs"), DeferredPageErrors()
    logger.addHandler(handler)
    logger.setLevel(level)
    return handler


def _build(config: Any, *, deferred: DeferredPageErrors, **options: Any) -> None:
    """Run MkDocs; what it logged of a page that failed is told where the error is not ours."""
    from mkdocs.commands import build as mkdocs_build

    try:
        mkdocs_build.build(config, **options)
    except EmbedError:
        raise
    except Exception:
        deferred.tell()
        raise


def _mkdocs(root: Path, staging: Path) -> None:
    from mkdocs.config import load_config

    deferred = _log_to_terminal(logging.WARNING)
    config = load_config(str(root / "mkdocs.yml"), strict=True, site_dir=str(staging))
    config.plugins.on_startup(command="build", dirty=False)
    try:
        _build(config, deferred=deferred)
    finally:
        config.plugins.on_shutdown()


if __name__ == "__main__":
    main(prog_name="python -m notebook_embed")
