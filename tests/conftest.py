"""One Playwright a test process: a second one beside it would refuse to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.browser import ARGUMENTS, Launcher
from workbench.browser import find


@pytest.fixture(scope="session")
def launch() -> Iterator[Launcher]:
    """Start browsers; the arguments are Chromium's own, beside those that every test needs."""
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
