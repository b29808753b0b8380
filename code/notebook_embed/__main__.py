"""``python -m notebook_embed build``: build the site aside, then swap it in."""

from __future__ import annotations

import logging
import os
import signal
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

import click

from notebook_embed.errors import EmbedError, shown
from notebook_embed.files import configuration
from notebook_embed.progress import log
from notebook_embed.publish import set_source_date


@click.group()
def main() -> None:
    """Build or serve a MkDocs site whose pages embed notebooks."""
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    # As Ctrl-C does: what is under way is cleared away, kernels above all.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if find_spec("mkdocs") is None:
        raise EmbedError(
            "MkDocs is not installed", remedy="pip install 'notebook-embed[mkdocs]' brings it."
        )


@main.command()
@click.option("--fresh", is_flag=True, help="Run every notebook, whatever the cache holds.")
@click.option("--why", is_flag=True, help="Say of each notebook why it runs, or why not.")
@click.option("--site-dir", help="Where the site goes, if not where mkdocs.yml says.")
def build(fresh: bool, why: bool, site_dir: str | None) -> None:
    """Build the site; the previous one stays until the new one is whole."""
    root = Path.cwd()
    if not configuration(root).exists():
        raise EmbedError("there is no mkdocs.yml in this folder", file="mkdocs.yml", line=1)
    os.environ.update({"NOTEBOOK_EMBED_FRESH": "1"} if fresh else {})
    os.environ.update({"NOTEBOOK_EMBED_WHY": "1"} if why else {})
    set_source_date(root)
    site = shown(_mkdocs(root, {} if site_dir is None else {"site_dir": site_dir}))
    log.info("The site is in %s/: open %s/index.html.", site, site)


@main.command()
@click.option("-a", "--dev-addr", metavar="IP:PORT", help="Where, if not where mkdocs.yml says.")
def serve(dev_addr: str | None) -> None:
    """Serve the site on this machine and build it anew on every save."""
    from notebook_embed import serving

    set_source_date(Path.cwd())
    deferred = _log_to_terminal(logging.INFO)
    serving.serve(partial(_build, deferred=deferred), dev_addr)


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


def _mkdocs(root: Path, options: dict[str, str]) -> str:
    """Build the site and return its folder."""
    from mkdocs.config import load_config

    deferred = _log_to_terminal(logging.WARNING)
    config = load_config(str(configuration(root)), strict=True, **options)
    config.plugins.on_startup(command="build", dirty=False)
    try:
        _build(config, deferred=deferred)
    finally:
        config.plugins.on_shutdown()
    return config.site_dir


if __name__ == "__main__":
    main(prog_name="python -m notebook_embed")
