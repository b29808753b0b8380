"""Servers of built sites: one answers as GitHub Pages does, one serves files and no more.

The browser knows one host, `ORIGIN`, which Chromium maps to this process's server. So the address
that the site is built for is the one that it has, whatever port is free, and any other host fails.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

ORIGIN = "http://shapes.localhost"  # *.localhost counts as secure, as https does
BASE = "/blog/"  # where the site is built for
ELSEWHERE = "/kept/some/where/else/"  # where it is served too


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


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


class PatientServer(http.server.ThreadingHTTPServer):
    """Takes it as it comes that a browser leaves before it has read all."""

    request_queue_size = 128  # five would be less than the connections that one tab opens at once

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def pages_of(folder: Path) -> Iterator[Server]:
    """Serve a folder below `BASE` and `ELSEWHERE`, on a port that is free."""
    log: list[tuple[int, str]] = []
    handler = functools.partial(Handler, log=log, directory=str(folder))
    with running(handler) as port:
        yield Server(port, log)


@contextlib.contextmanager
def files_of(folder: Path) -> Iterator[int]:
    """Serve a folder's files, which need not be there yet; give the port."""
    with running(functools.partial(QuietHandler, directory=str(folder))) as port:
        yield port


@contextlib.contextmanager
def running(handler: Any) -> Iterator[int]:
    """Run a server until the block is left; give its port."""
    with PatientServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
