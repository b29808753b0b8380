"""``python -m notebook_embed serve``: build on every save, and tell what stops a build.

An author looks at the browser, so a mistake is shown there too, above the last good site, until a
save has mended it. Under plain ``mkdocs serve`` the plugin asks `tell_in_browser` for the same.
"""

from __future__ import annotations

import logging
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort
from mkdocs.livereload import LiveReloadServer

from notebook_embed.errors import EmbedError
from notebook_embed.page_cache import PageCache

__all__ = ["Server", "serve", "tell_in_browser"]

log = logging.getLogger("mkdocs.commands.serve")  # among the lines that MkDocs' own command prints

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
        except Abort as error:  # there were warnings, or mkdocs.yml is wrong; the terminal has it
            self.text = "\n".join([*self.warnings, str(error)])
            click.echo(str(error), err=True)
        except click.ClickException as error:  # ours, and MkDocs' own
            self.text = f"Error: {error}"
            click.echo(f"\n{self.text}\n", err=True)
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
        self.trouble, self._bound = trouble, False

    def server_bind(self) -> None:
        """Take the address: before the first build, which may be long, and not again by MkDocs."""
        if self._bound:
            return
        try:
            super().server_bind()
        except OSError as error:
            raise EmbedError(
                f"{self.url} cannot be served: {error.strerror or error}",
                file="mkdocs.yml",
                remedy="Stop what serves there, or name another address, "
                "as in 'dev_addr: 127.0.0.1:8001'.",
            ) from error
        self._bound = True

    def serve_request(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        return _with_alert(super().serve_request, self.trouble, environ, start_response)


def tell_in_browser(server: LiveReloadServer) -> None:
    """Let MkDocs' own server tell what stops a build after the first, and go on.

    By itself it prints a traceback and lets every browser wait until the mistake is mended.
    """
    trouble, build = Trouble(), server.builder
    logging.getLogger("mkdocs").addHandler(trouble)

    def build_or_say_why_not() -> None:
        with trouble.caught():
            build()
            trouble.text = ""

    server.builder = build_or_say_why_not
    server.set_app(partial(_with_alert, server.serve_request, trouble))


Serve = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def _with_alert(
    serve: Serve, trouble: Trouble, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer as `serve` does; in a page say what stopped the last build."""
    answers: list[tuple[str, list[tuple[str, str]]]] = []
    content = serve(environ, lambda *answer: answers.append(answer))
    status, headers = answers[-1]
    if trouble.text and dict(headers).get("Content-Type") == "text/html":
        page = b"".join(content)
        if hasattr(content, "close"):
            content.close()
        note = f'<pre role="alert" style="{ALERT_STYLE}">{escape(trouble.text)}</pre>'
        before, body, rest = page.rpartition(b"</body>")
        content = [before + note.encode() + body + rest if body else note.encode() + page]
        headers = [(name, value) for name, value in headers if name != "Content-Length"]
        headers.append(("Content-Length", str(len(content[0]))))
    start_response(status, headers)
    return content


def serve(build: Callable[..., None]) -> None:
    """Serve the site in this folder; `build(config, **options)` builds it as MkDocs' own does.

    It goes as MkDocs' command does, which takes neither another builder nor another server.

    Raises
    ------
    EmbedError : the address is taken, or is not one of this machine.
    """
    trouble, pages = Trouble(), PageCache()
    logging.getLogger("mkdocs").addHandler(trouble)
    with tempfile.TemporaryDirectory(prefix="notebook-embed-") as folder:
        served = Path(folder, "site")
        served.mkdir()

        def load() -> MkDocsConfig:
            config = load_config("mkdocs.yml", site_dir=str(served))
            config.plugins[PageCache.NAME] = pages
            return config

        def build_or_say_why_not(config: MkDocsConfig | None = None) -> None:
            log.info("Building documentation...")
            config = config or load()
            config.site_url = server.url
            with trouble.caught():
                build(config, serve_url=server.url)
                trouble.text = ""
                if not trouble.warnings:
                    pages.keep()
            if not any(served.iterdir()):
                (served / "index.html").write_text(NOTHING_YET, "utf-8")

        config = load()
        config.plugins.on_startup(command="serve", dirty=False)
        host, port = config.dev_addr
        path = urlsplit(config.site_url or "/").path
        server: LiveReloadServer = Server(
            trouble,
            builder=build_or_say_why_not,
            host=host,
            port=port,
            root=str(served),
            mount_path=path,
        )
        server.error_handler = partial(_error_page, served)
        try:
            server.server_bind()
            build_or_say_why_not(config)
            watched = [config.docs_dir, config.config_file_path]
            server = config.plugins.on_serve(server, config=config, builder=build_or_say_why_not)
            for name in [*watched, *config.watch]:
                server.watch(name)
            server.serve()
        except KeyboardInterrupt:
            log.info("Shutting down...")
        finally:
            server.shutdown()
            config.plugins.on_shutdown()


def _error_page(site: Path, code: int) -> bytes | None:
    page = site / f"{code}.html"
    return page.read_bytes() if page.is_file() else None
