"""What all tests share: one Playwright a process, and an order that keeps all processes busy."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:  # tests of the generator run where there is no Playwright
    from playwright.sync_api import Browser

    from tests.support.browser import Launcher

# What takes minutes begins first, so that no process is left alone with it at the end.
FIRST = (
    "test_one_commit_one_site.py",
    "test_every_page.py",
    "test_attention_explorer.py",
    "test_serve.py",
)
# What all tests of a file share takes long to make: one process does them, and makes it once.
TOGETHER = (
    "test_corpus.py",
    "test_distributed.py",
    "test_formats_and_listings.py",
    "test_outputs_of_all_kinds.py",
    "test_package.py",
)


def pytest_configure() -> None:
    # What a script starts in its background ignores Ctrl-C, and all that it starts: servers would not end.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Hypothesis allows an example 200 ms, which a busy machine may take for any.
    hypothesis.settings.register_profile("any machine", deadline=None)
    hypothesis.settings.load_profile("any machine")


@pytest.fixture
def git_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let git read no configuration of who runs the tests, and speak English."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.hookimpl(tryfirst=True)  # xdist reads which group a test is of
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (*FIRST, item.path.name).index(item.path.name))
    for item in items:
        if item.path.name in TOGETHER and config.pluginmanager.has_plugin("xdist"):
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="session")
def launch() -> Iterator[Launcher]:
    """Start browsers; the arguments are Chromium's own, beside those that every test needs.

    A second Playwright beside this one would refuse to start.
    """
    from playwright.sync_api import expect, sync_playwright

    from tests.support.browser import ARGUMENTS, PATIENCE
    from workbench.browser import find

    expect.set_options(timeout=1000 * PATIENCE)  # its own five seconds are short on a busy machine
    path = find()  # before, for it may ask Playwright itself
    with sync_playwright() as playwright:
        browsers = []

        def start(*arguments: str) -> Browser:
            browser = playwright.chromium.launch(
                executable_path=path, args=[*ARGUMENTS, *arguments]
            )
            browsers.append(browser)
            return browser

        yield start
        for browser in browsers:
            browser.close()
