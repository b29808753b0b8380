"""``python -m notebook_embed serve``: build on every save, and tell what stops a build.

An author looks at the browser, so a mistake is shown there too, above the last good site, until a
save has mended it.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from unittest import mock

import click
from mkdocs.commands import serve as mkdocs_serve
from mkdocs.exceptions import Abort
from mkdocs.livereload import LiveReloadServer

from notebook_embed.errors import EmbedError
from notebook_embed.page_cache import PageCache
from notebook_embed.publish import swap_in

__all__ = ["serve"]

ALERT_STYLE = (
    "position: fixed; inset: 0 0 auto 0; z-index: 1000; max-height: 60vh; overflow: auto;"
    " margin: 0; padding: 1em 1.2em; background: #8c1d18; color: #fff;"
    " font: 14px/1.5 monospace; white-space: pre-wrap; overflow-wrap: anywhere"
)
NOTHING_YET = "<!doctype html><title>Not built yet</title><body></body>"
#: Seconds between two looks at the files; MkDocs takes half a second.
POLL_SECONDS = 0.15


class Trouble(logging.Handler):
    """What stopped the last build: `text`, empty if nothing did; and the warnings that it gave."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text, self.warnings = "", list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.warnings.append(record.getMessage())

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Tell here and in the terminal what the block raises, and go on after it.

        Were it raised further, MkDocs would let every browser wait until the mistake is mended.
        """
        self.warnings.clear()
        try:
            yield
        except EmbedError as error:
            self.text = f"Error: {error}"
            click.echo(f"\n{self.text}\n", err=True)
        except Abort as error:  # there were warnings, or mkdocs.yml is wrong; the terminal has it
            self.text = "\n".join([*self.warnings, str(error)])
            click.echo(str(error), err=True)
        except Exception as error:
            kind = "".join(traceback.format_exception_only(error)).strip()
            self.text = f"{kind}\n\nThe terminal shows where it was raised."
            traceback.print_exc()


class Server(LiveReloadServer):
    """MkDocs' server, which shows on every page what stopped the last build."""

    def __init__(self, trouble: Trouble, *, builder: Callable[[], None], **options: Any) -> None:
        def build() -> None:
            with trouble.caught():  # mkdocs.yml is read before the build begins
                builder()

        super().__init__(builder=build, polling_interval=POLL_SECONDS, **options)
        self.trouble = trouble

    def serve_request(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        answers: list[tuple[str, list[tuple[str, str]]]] = []
        content = super().serve_request(environ, lambda *answer: answers.append(answer))
        status, headers = answers[-1]
        if self.trouble.text and dict(headers).get("Content-Type") == "text/html":
            page = b"".join(content)
            if hasattr(content, "close"):
                content.close()
            note = f'<pre role="alert" style="{ALERT_STYLE}">{escape(self.trouble.text)}</pre>'
            before, body, rest = page.rpartition(b"</body>")
            content = [before + note.encode() + body + rest if body else note.encode() + page]
            headers = [(name, value) for name, value in headers if name != "Content-Length"]
            headers.append(("Content-Length", str(len(content[0]))))
        start_response(status, headers)
        return content


def serve(build: Callable[..., None]) -> None:
    """Serve the site in this folder; `build(config, **options)` builds it as MkDocs' own does."""
    trouble, pages = Trouble(), PageCache()
    logging.getLogger("mkdocs").addHandler(trouble)

    def build_or_say_why_not(config: Any, **options: Any) -> None:
        served, staging = Path(config.site_dir), Path(f"{config.site_dir}.building")
        config.site_dir = str(staging)
        with trouble.caught(), pages.building():
            try:
                build(config, **options)
            finally:
                config.site_dir = str(served)
            trouble.text = ""
            if not trouble.warnings:
                pages.keep()
            swap_in(staging, served)  # until here the browser sees the last good site
        if not any(served.iterdir()):
            (served / "index.html").write_text(NOTHING_YET, "utf-8")

    with (
        mock.patch.object(mkdocs_serve, "build", build_or_say_why_not),
        mock.patch.object(mkdocs_serve, "LiveReloadServer", partial(Server, trouble)),
    ):
        mkdocs_serve.serve("mkdocs.yml")
