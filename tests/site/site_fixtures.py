"""The blog itself, built once and served to a real browser under a base path.

The browser knows one host, `ORIGIN`, which Chromium maps to this process's server. So the address
that the site is built for is the one that it has, whatever port is free, and any other host fails.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import filelock
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from playwright.sync_api import Request as BrowserRequest
from playwright.sync_api import Response as BrowserResponse

from ready import READY

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("mkdocs.yml", "requirements.txt", "constraints.txt", "pyproject.toml")
FOLDERS = ("docs", "code", "assets", ".cache/notebooks", ".cache/blog_site")

ORIGIN = "http://shapes.localhost"  # *.localhost counts as secure, as https does
BASE = "/blog/"  # where the site is built for
ELSEWHERE = "/kept/some/where/else/"  # where it is served too

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BUILT_ON = "2026-01-02"


@dataclass(frozen=True)
class Site:
    """A built site on disk."""

    folder: Path

    @property
    def pages(self) -> list[str]:
        """The HTML files, the one for missing pages among them."""
        return sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*.html"))

    @property
    def post(self) -> str:
        """The page with the most interactive figures."""
        posts = [page for page in self.pages if page.startswith("posts/")]
        return max(posts, key=lambda page: (self.text(page).count("data-plotly="), page))

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")


def build_site(project: Path, *, caches: bool = True) -> None:
    """Build a copy of this repository in `project`, as `make site` does."""
    project.mkdir(parents=True)
    for name in SOURCES:
        shutil.copy(ROOT / name, project / name)
    for name in FOLDERS:
        if name.startswith(".cache") and not caches:
            continue
        # What ran before need not run again; a cache that changes meanwhile is no harm.
        with contextlib.suppress(shutil.Error, FileNotFoundError):
            unwanted = shutil.ignore_patterns("__pycache__", "*.lock", "*.tmp")
            shutil.copytree(ROOT / name, project / name, ignore=unwanted)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NOTEBOOK_EMBED")} | {
        "PYTHONPATH": str(project / "code"),
        "SITE_URL": ORIGIN + BASE,
        "SOURCE_DATE_EPOCH": "1767312000",
        "BUILD_COMMIT": COMMIT,
    }
    run = subprocess.run(
        [sys.executable, "-m", "notebook_embed", "build"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    (project / "build.log").write_text(run.stdout + run.stderr, "utf-8")
    (project / "build.code").write_text(str(run.returncode), "utf-8")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site of this repository, built once for all workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    project = shared / "published"
    with filelock.FileLock(shared / "published.lock"):
        if not (project / "build.code").exists():
            build_site(project)
    log = (project / "build.log").read_text("utf-8")
    assert (project / "build.code").read_text("utf-8") == "0", f"the site does not build:\n{log}"
    return Site(project / "site")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves one folder below two base paths, and answers as GitHub Pages where there is nothing."""

    protocol_version = "HTTP/1.1"
    log: list[tuple[int, str]]

    def __init__(self, *args: Any, log: list[tuple[int, str]], **options: Any) -> None:
        self.log = log
        super().__init__(*args, **options)

    def translate_path(self, path: str) -> str:
        for base in (BASE, ELSEWHERE):
            if path.startswith(base):
                return super().translate_path("/" + path.removeprefix(base))
        return str(Path(self.directory, "no such base path"))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory, "404.html").read_bytes()
        self.send_response(code, message)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        number = code.value if isinstance(code, HTTPStatus) else int(code)
        self.log.append((number, self.path))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: `log_request` keeps what matters."""


@dataclass
class Server:
    port: int
    log: list[tuple[int, str]]  # (status, path) of every answer


@pytest.fixture(scope="session")
def server(published: Site) -> Iterator[Server]:
    log: list[tuple[int, str]] = []
    handler = functools.partial(Handler, log=log, directory=str(published.folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield Server(running.server_port, log)
        running.shutdown()


@pytest.fixture(scope="session")
def browser(server: Server, launch: Callable[..., Browser]) -> Browser:
    here = f"MAP shapes.localhost:80 127.0.0.1:{server.port}"
    return launch(f"--host-resolver-rules={here}, MAP * ~NOTFOUND")


@dataclass
class Watched:
    """A browser tab, and all that went wrong in it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"page error: {error}"))
        self.page.on("request", self._request)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._response)
        self._open = self.page.goto
        self.page.goto = self._goto  # type: ignore[method-assign]

    def _goto(self, url: str, **options: Any) -> BrowserResponse | None:
        response = self._open(url, **options)
        self.page.wait_for_selector(READY, state="attached")
        return response

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.troubles.append(f"console {message.type}: {message.text}")

    def _request(self, request: BrowserRequest) -> None:
        self.requests.append(request.url)
        if not request.url.startswith((ORIGIN + "/", "data:", "blob:", "file:")):
            self.troubles.append(f"request to another host: {request.url}")

    def _failed(self, request: BrowserRequest) -> None:
        if request.failure != "net::ERR_ABORTED":  # what the browser itself gives up
            self.troubles.append(f"request failed: {request.url} ({request.failure})")

    def _response(self, response: BrowserResponse) -> None:
        if response.status >= 400:
            self.troubles.append(f"status {response.status}: {response.url}")

    def bundles(self) -> int:
        """How often plotly was asked for."""
        return sum("plotly" in url and url.endswith(".js") for url in self.requests)

    def take(self) -> list[str]:
        """Return what went wrong since the last call."""
        found, self.troubles = self.troubles, []
        return found


@contextlib.contextmanager
def profile(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Start as a new reader; `options` are those of a browser context."""
    context = browser.new_context(**options)
    context.set_default_timeout(10_000)
    try:
        yield context
    finally:
        context.close()


@contextlib.contextmanager
def watched(browser: Browser, **options: Any) -> Iterator[Watched]:
    """Open the one tab of a new reader."""
    with profile(browser, **options) as context:
        yield Watched(context.new_page())
