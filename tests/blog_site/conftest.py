"""The small blog, built: for tests that read it and for tests that open it in a browser."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Launcher
from tests.support.scratch_blog import EPOCH, Blog
from tests.support.servers import files_of


@pytest.fixture
def blog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Blog:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    return Blog(tmp_path)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Blog:
    """One built blog for all tests that only read; built without a network."""
    blog = Blog(tmp_path_factory.mktemp("blog"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(blog.folder)
        patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
        patch.setenv("BUILD_COMMIT", "0123456789abcdef")
        patch.setattr(socket.socket, "connect", _refuse("connect"))
        patch.setattr(socket, "getaddrinfo", _refuse("getaddrinfo"))
        blog.build()
    return blog


def _refuse(what: str) -> Callable[..., None]:
    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(f"the build wanted the network: {what}{arguments[-1]!r}")

    return refuse


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blog]:
    """A built blog on a server whose address is the site's own: else nothing is instant."""
    folder = tmp_path_factory.mktemp("served")
    with files_of(folder / "site") as port:
        blog = Blog(folder, url=f"http://127.0.0.1:{port}/")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
            blog.build()
        yield blog


@pytest.fixture(scope="session")
def browser(launch: Launcher) -> Browser:
    return launch()
