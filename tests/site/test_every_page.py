"""Every page of the blog in a real browser: light and dark, narrow and wide, at any address."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from audit import WEIGHT
from tests.support.browser import Watched, profile
from tests.support.pages import (
    BY_SCHEME,
    OTHER,
    PROBE,
    barriers,
    interactive,
    look,
    page_troubles,
    report,
    toggle,
)
from tests.support.published import Site
from tests.support.servers import BASE, ELSEWHERE, ORIGIN

pytestmark = pytest.mark.usefixtures("nothing_is_missing")

# A page comes in one scheme and is switched to the other, so these two show each width in both and
# each scheme both ways. One is where the site was not built for: any base path will do.
LOOKS = [("light", 375, BASE), ("dark", 1280, ELSEWHERE)]
# `make campaign` looks at what comes in the other scheme as well.
if "EVERY_LOOK" in os.environ:
    LOOKS += [("dark", 375, BASE), ("light", 1280, ELSEWHERE)]


@pytest.mark.parametrize(("scheme", "width", "home"), LOOKS)
def test_every_page_is_whole_and_quiet(
    published: Site, browser: Browser, scheme: str, width: int, home: str
) -> None:
    troubles = []
    with profile(browser, **look(scheme, width)) as reader:
        reader.add_init_script(path=PROBE)
        # No page is switched yet: what the last one remembered goes before the next one looks.
        reader.add_init_script("localStorage.clear()")
        for name, base, tab in opened(reader, published.pages, home):
            where = f"{name}, {width} px, {scheme}"
            figures = interactive(tab.page)
            if tab.bundles():
                troubles.append(f"{where}: plotly is loaded before the reader has moved")
            if (scheme, width) == ("light", 375):
                troubles += weight_troubles(published, tab, name)
            troubles += [f"{where}: {t}" for t in page_troubles(published, tab, scheme)]
            troubles += [f"{where}: {t}" for t in barriers(tab.page)]
            toggle(tab.page, OTHER[scheme])
            there = f"{where}, switched to {OTHER[scheme]}"
            troubles += [f"{there}: {t}" for t in page_troubles(published, tab, OTHER[scheme])]
            troubles += [f"{there}: {t}" for t in barriers(tab.page, BY_SCHEME)]
            if tab.bundles() != bool(figures):
                troubles.append(f"{where}: plotly loaded {tab.bundles()} times for {figures}")
            shifts = tab.page.evaluate("() => probe.shifts")
            # 0.1 is what web vitals call good: fonts that come late move lines by a hair.
            if sum(shift["value"] for shift in shifts) > 0.1:
                troubles.append(f"{where}: the page jumps: {shifts}")
            # What is folded is looked at last: the page grows as it opens.
            tab.page.evaluate("async () => { probe.unfold(); await probe.pictures(); }")
            troubles += [f"{where}, unfolded: {t}" for t in tab.page.evaluate("probe.blanks()")]
            if base != BASE:
                foreign = {url for url in tab.requests if not url.startswith(ORIGIN + base)}
                troubles += [f"{where}: asks for {url}" for url in foreign]
            troubles += [f"{where}, at the end: {t}" for t in tab.take()]
            tab.page.close()
    report(troubles)


def test_nothing_stands_beside_its_text(published: Site, browser: Browser) -> None:
    troubles = []
    with profile(browser, **look("light", 1000)) as reader:
        reader.add_init_script(path=PROBE)
        page = reader.new_page()
        for name in published.pages:
            page.goto(ORIGIN + BASE + name)
            troubles += [f"{name}: {trouble}" for trouble in page.evaluate("probe.beside()")]
    report(troubles)


def opened(
    reader: BrowserContext, pages: list[str], home: str
) -> Iterator[tuple[str, str, Watched]]:
    """Give each page in a tab of its own: its name, its base path and the tab.

    The next one loads meanwhile, as it takes half a second to know that no more is asked for.
    """

    def open_next(name: str) -> tuple[str, str, Watched]:
        # That page is shown at any depth, so it must know its base.
        base = BASE if name == "404.html" else home
        tab = Watched(reader.new_page())  # a mouse that lay on the last page would be a sign
        tab.page.goto(ORIGIN + base + name)
        return name, base, tab

    waiting = open_next(pages[0])
    for name in [*pages[1:], None]:
        now, waiting = waiting, open_next(name) if name else waiting
        now[2].page.bring_to_front()
        yield now


@cache
def compressed(file: Path) -> int:
    return len(gzip.compress(file.read_bytes()))


def weight_troubles(site: Site, tab: Watched, name: str) -> list[str]:
    """Weigh a page as hosts send it, compressed, and before the reader has done anything."""
    tab.page.wait_for_load_state("networkidle")
    files = {
        site.folder / (url.split("#")[0].removeprefix(ORIGIN + BASE) or "index.html")
        for url in tab.requests
        if url.startswith(ORIGIN + BASE)
    }
    weight = sum(map(compressed, files))
    most = next(most for pattern, most in WEIGHT.items() if fnmatch(name, pattern))
    if 50_000 < weight < most:
        return []
    return [f"{name}: {weight:,} bytes in {len(files)} files, {most:,} are allowed"]
