"""``python -m notebook_embed serve``: build on every save, and tell what stops a build.

An author looks at the browser, so the page that was saved comes first (`page_first`), and a mistake
is shown there too, above the last good site, until a save has mended it. Under plain ``mkdocs
serve`` the plugin asks `tell_in_browser` for the latter.
"""

from __future__ import annotations

import logging
import re
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import click
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort
from mkdocs.livereload import LiveReloadServer, _timestamp

from notebook_embed.aside import Refused, in_fork
from notebook_embed.errors import EmbedError
from notebook_embed.files import configuration
from notebook_embed.page_cache import PageCache
from notebook_embed.page_first import Interrupted, Left, PageFirst
from notebook_embed.watching import Watcher

__all__ = ["Builds", "Server", "serve", "tell_in_browser"]

log = logging.getLogger("mkdocs.commands.serve")  # among the lines that MkDocs' own command prints

ALERT_STYLE = (
    "position: fixed; inset: 0 0 auto 0; z-index: 1000; max-height: 60vh; overflow: auto;"
    " margin: 0; padding: 1em 1.2em; background: #8c1d18; color: #fff;"
    " font: 14px/1.5 monospace; white-space: pre-wrap; overflow-wrap: anywhere"
)
NOTHING_YET = "<!doctype html><title>Not built yet</title><body></body>"
#: Seconds that browsers have for a page shown first, before this process builds the rest.
PAUSE_SECONDS = 0.3
#: How often as long as the last whole build one behind a page may take, and seconds in any case.
PATIENCE, PATIENCE_SECONDS = 10, 60.0
POLL_OF_BROWSERS = re.compile(r"/livereload/(?P<epoch>[0-9]+)/[0-9]+")


class Trouble(logging.Handler):
    """What stopped the last build: `text`, empty if nothing did; and the warnings that it gave.

    `file` is the one that the mistake is in, where that is known.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text, self.warnings = "", list[str]()
        self.file: Path | None = None

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
            if isinstance(error.__context__, click.ClickException):  # what MkDocs gave up for
                self.note(error.__context__)
            else:
                self.text, self.file = "\n".join([*self.warnings, str(error)]), None
            click.echo(str(error), err=True)
        except click.ClickException as error:  # ours, and MkDocs' own
            self.note(error)
            click.echo(f"\n{self.text}\n", err=True)
        except Exception as error:
            kind = "".join(traceback.format_exception_only(error)).strip()
            self.text, self.file = f"{kind}\n\nThe terminal shows where it was raised.", None
            traceback.print_exc()

    def note(self, error: click.ClickException) -> None:
        """Tell this mistake here alone."""
        file = getattr(error, "file", None)
        self.text = f"Error: {error}"
        self.file = None if file is None else Path(file).absolute()


class Server(LiveReloadServer):
    """MkDocs' server, which shows on every page what stopped the last build.

    A page can be shown before the rest of the site. Browsers that have it are then left alone when
    the rest follows, unless it has made another page of it.
    """

    def __init__(self, trouble: Trouble, *, builder: Callable[[], None], **options: Any) -> None:
        def build() -> None:
            with trouble.caught():  # mkdocs.yml is read before the build begins
                builder()

        super().__init__(builder=build, **options)
        self.watcher = Watcher()
        self.observer = self.watcher  # type: ignore[assignment]
        self.trouble, self._bound = trouble, False
        self.build_delay = 0.02  # for all that one save is; MkDocs waits for a next look
        self._first = ("", 0)  # the page shown first, and its epoch
        self._rest, self._others_seen = 0, False  # the epoch of the site that has the same page

    @property
    def watched(self) -> list[str]:
        return list(self._watched_paths)

    @property
    def saved_again(self) -> bool:
        return self._want_rebuild

    def show_first(self, url: str) -> None:
        """Let browsers load the site again, a page of which is new."""
        log.info("Reloading browsers; the rest of the site follows")
        with self._epoch_cond:
            self._first = unquote(urlsplit(urljoin(self.url, url)).path), self._wanted_epoch
            self._visible_epoch, self._others_seen = self._wanted_epoch, False
            self._epoch_cond.notify_all()

    def give_way(self) -> None:
        """Leave the machine to browsers for a while, unless something is saved."""
        with self._rebuild_cond:
            self._rebuild_cond.wait_for(lambda: self._want_rebuild, timeout=PAUSE_SECONDS)

    def show_rest(self, *, same: bool) -> None:
        """Let browsers load the whole site, but not the page shown first if it is the `same`."""
        with self._epoch_cond:
            self._wanted_epoch = _timestamp()
            self._rest = self._wanted_epoch if same and not self._others_seen else 0

    def server_bind(self) -> None:
        """Take the address: before the first build, which may be long, and not again by MkDocs."""
        if self._bound:
            return
        try:
            super().server_bind()
        except OSError as error:
            raise EmbedError(
                f"{self.url} cannot be served: {error.strerror or error}",
                file=configuration(Path()),
                remedy="Stop what serves there, or name another address, "
                "as in 'dev_addr: 127.0.0.1:8001'.",
            ) from error
        self._bound = True

    def serve_request(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "ignore")
        if found := POLL_OF_BROWSERS.fullmatch(path):
            return self._wait_for_news(environ, int(found["epoch"]), start_response)
        if path.endswith((".html", "/")) and path != self._first[0]:
            self._others_seen = True  # and a page that is opened by script tells no address
        return _with_alert(super().serve_request, self.trouble, environ, start_response)

    def _wait_for_news(
        self, environ: dict[str, Any], epoch: int, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a browser that has the site of `epoch` once there is another; or after a while."""
        start_response("200 OK", [("Content-Type", "text/plain")])
        page = unquote(urlsplit(environ.get("HTTP_REFERER", "")).path)

        def news() -> bool:
            first, since = self._first
            has_it = self._visible_epoch == self._rest and page == first and epoch >= since
            return self._visible_epoch > epoch and not has_it

        with self._epoch_cond:
            self._log_poll_request(environ.get("HTTP_REFERER"), request_id=environ["PATH_INFO"])
            self._epoch_cond.wait_for(news, timeout=self.poll_response_timeout)
            return [b"%d" % (self._visible_epoch if news() else epoch)]


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


@dataclass(frozen=True)
class News:
    """What a build in a fork tells: its trouble, what is watched after it, and what it has left."""

    text: str
    file: Path | None
    warnings: list[str]
    watched: list[str]
    left: Left | None


class Builds:
    """Builds the site again and again for `server`, into ``site`` below `folder`.

    `build(config, **options)` builds as MkDocs' own does. The page that was saved comes first.
    `dev_addr` stands in for the one of mkdocs.yml.
    """

    server: Server

    def __init__(
        self, build: Callable[..., None], folder: Path, dev_addr: str | None = None
    ) -> None:
        self.build, self.folder, self.site = build, folder, folder / "site"
        self.dev_addr = dev_addr
        self.site.mkdir()
        self.trouble, self.pages = Trouble(), PageCache()
        self.first = PageFirst(lambda: self.server.watched, self.pages)
        self._took = 0.0  # seconds, by the last whole build

    def load(self) -> MkDocsConfig:
        config = load_config(
            str(configuration(Path())), site_dir=str(self.site), dev_addr=self.dev_addr
        )
        config.plugins[PageCache.NAME] = self.pages
        config.plugins[PageFirst.NAME] = self.first
        return config

    def __call__(self, config: MkDocsConfig | None = None) -> None:
        """Show what was saved, or say why it cannot be."""
        with self.server.watcher.held_back():
            shown = self.first.show(self.site, self.folder)
        if shown is None:
            self._whole(config)
            return
        if shown.mistake is not None:
            self.trouble.note(shown.mistake)
        elif self.trouble.file == shown.source:
            self.trouble.text = ""
        content, told = shown.path.read_bytes(), self.trouble.text
        self.server.show_first(shown.url)
        if not self._behind():
            log.info("Saved again: the rest of the site waits")
            return
        same = shown.path.is_file() and shown.path.read_bytes() == content
        self.server.show_rest(same=same and self.trouble.text == told)

    def _behind(self) -> bool:
        """Build the whole site behind a page that is shown; False if the next save ends this.

        A fork does it, so that this process sees the next save at once, and makes that page while
        nothing else runs. Where a fork cannot, this process does.
        """

        def saved_again() -> bool:
            return self.server.saved_again

        seconds = max(PATIENCE * self._took, PATIENCE_SECONDS)
        try:
            news = (
                None if saved_again() else in_fork(self._aside, ended=saved_again, seconds=seconds)
            )
        except Refused:
            self.server.give_way()
            self.first.saved_again = saved_again
            try:
                self._whole(None)
            except Interrupted:
                return False
            finally:
                self.first.saved_again = lambda: False
            return True
        if news is None:
            return False
        self.trouble.text, self.trouble.file = news.text, news.file
        self.trouble.warnings[:] = news.warnings
        for path in set(news.watched) - set(self.server.watched):
            self.server.watch(path)
        if news.left is not None:
            self.first.take(news.left)
        return True

    def _aside(self) -> News:
        whole = self._whole(None)
        trouble = self.trouble
        left = self.first.left() if whole else None
        return News(trouble.text, trouble.file, trouble.warnings, self.server.watched, left)

    def _whole(self, config: MkDocsConfig | None) -> bool:
        """Build the whole site, and tell whether that went well."""
        log.info("Building documentation...")
        self.first.begin()
        whole, began = False, time.monotonic()
        try:
            config = config or self.load()
            config.site_url = self.server.url
            with self.trouble.caught():
                self.build(config, serve_url=self.server.url)
                self.trouble.text, whole = "", True
                if not self.trouble.warnings:
                    self.pages.keep()
        except Interrupted as saved_again:
            assert config is not None
            config.plugins.on_build_error(error=saved_again)  # type: ignore[arg-type]
            raise
        finally:
            self.first.keep() if whole else self.first.drop()
        self._took = time.monotonic() - began
        if not any(self.site.iterdir()):
            (self.site / "index.html").write_text(NOTHING_YET, "utf-8")
        return whole


def serve(build: Callable[..., None], dev_addr: str | None = None) -> None:
    """Serve the site in this folder; `build(config, **options)` builds it as MkDocs' own does.

    It has the address of mkdocs.yml, or `dev_addr`.

    It goes as MkDocs' command does, which takes neither another builder nor another server.

    Raises
    ------
    EmbedError : the address is taken, or is not one of this machine.
    """
    with tempfile.TemporaryDirectory(prefix="notebook-embed-") as folder:
        builds = Builds(build, Path(folder), dev_addr)
        logging.getLogger("mkdocs").addHandler(builds.trouble)
        config = builds.load()
        config.plugins.on_startup(command="serve", dirty=False)
        host, port = config.dev_addr
        server = builds.server = Server(
            builds.trouble,
            builder=builds,
            host=host,
            port=port,
            root=str(builds.site),
            mount_path=urlsplit(config.site_url or "/").path,
        )
        server.error_handler = partial(_error_page, builds.site)
        try:
            server.server_bind()
            for name in (config.docs_dir, config.config_file_path):
                server.watch(name)
            builds(config)
            config.plugins.on_serve(server, config=config, builder=builds)
            for name in config.watch:
                server.watch(name)
            builds.first.take_in()
            server.serve()
        except KeyboardInterrupt:
            log.info("Shutting down...")
        finally:
            server.shutdown()
            config.plugins.on_shutdown()


def _error_page(site: Path, code: int) -> bytes | None:
    page = site / f"{code}.html"
    return page.read_bytes() if page.is_file() else None
