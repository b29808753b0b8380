"""Every page of the blog in a real browser: light and dark, narrow and wide, at any address."""

from __future__ import annotations

import gzip
from fnmatch import fnmatch

import pytest
from playwright.sync_api import Browser

from audit import WEIGHT
from tests.support.browser import Watched, profile, watched
from tests.support.pages import (
    OTHER,
    PROBE,
    barriers,
    bring_alive,
    every_look,
    interactive,
    look,
    page_troubles,
    report,
    toggle,
)
from tests.support.published import Site
from tests.support.servers import BASE, ELSEWHERE, ORIGIN

pytestmark = pytest.mark.usefixtures("nothing_is_missing")

AUDITED = (("light", 375), ("dark", 1280))


@every_look
def test_every_page_is_whole_and_quiet(
    published: Site, browser: Browser, scheme: str, width: int
) -> None:
    troubles = []
    with profile(browser, **look(scheme, width)) as reader:
        reader.add_init_script(path=PROBE)
        # No page is switched yet: what the last one remembered goes before the next one looks.
        reader.add_init_script("localStorage.clear()")
        for name in published.pages:
            where = f"{name}, {width} px, {scheme}"
            tab = Watched(reader.new_page())
            tab.page.goto(ORIGIN + BASE + name)
            figures = interactive(tab.page)
            if tab.bundles():
                troubles.append(f"{where}: plotly is loaded before the reader has moved")
            troubles += [f"{where}: {t}" for t in page_troubles(published, tab, scheme)]
            if (scheme, width) in AUDITED:
                troubles += [f"{where}: {t}" for t in barriers(tab.page)]
            toggle(tab.page, OTHER[scheme])
            there = f"{where}, switched to {OTHER[scheme]}"
            troubles += [f"{there}: {t}" for t in page_troubles(published, tab, OTHER[scheme])]
            if (scheme, width) in AUDITED:
                troubles += [f"{there}: {t}" for t in barriers(tab.page)]
            if tab.bundles() != bool(figures):
                troubles.append(f"{where}: plotly loaded {tab.bundles()} times for {figures}")
            shifts = tab.page.evaluate("() => probe.shifts")
            # 0.1 is what web vitals call good: fonts that come late move lines by a hair.
            if sum(shift["value"] for shift in shifts) > 0.1:
                troubles.append(f"{where}: the page jumps: {shifts}")
            tab.page.close()
    report(troubles)


def test_any_base_path_will_do(published: Site, browser: Browser) -> None:
    troubles = []
    with profile(browser, **look("light", 1280)) as reader:
        reader.add_init_script(path=PROBE)
        for name in published.pages:
            if name == "404.html":
                continue  # it is shown at any depth, so it must know its base
            tab = Watched(reader.new_page())
            tab.page.goto(ORIGIN + ELSEWHERE + name)
            alive = (bring_alive(tab.page, id_) for id_ in interactive(tab.page))
            troubles += [f"{name}: {trouble}" for trouble in alive if trouble]
            tab.page.evaluate("() => probe.pictures()")
            troubles += [f"{name}: {t}" for t in tab.page.evaluate("() => probe.blanks()")]
            troubles += [f"{name}: {t}" for t in tab.take()]
            foreign = {url for url in tab.requests if not url.startswith(ORIGIN + ELSEWHERE)}
            troubles += [f"{name}: asks for {url}" for url in foreign if ":" in url[:6]]
            tab.page.close()
    report(troubles)


def test_no_page_is_heavier_than_its_budget(published: Site, browser: Browser) -> None:
    """Compressed, as hosts send it, and before the reader has done anything."""
    troubles = []
    for name in published.pages:
        with watched(browser, **look("light", 375)) as tab:
            tab.page.goto(ORIGIN + BASE + name)
            tab.page.wait_for_load_state("networkidle")
            files = {
                published.folder / (url.split("#")[0].removeprefix(ORIGIN + BASE) or "index.html")
                for url in tab.requests
                if url.startswith(ORIGIN + BASE)
            }
        weight = sum(len(gzip.compress(file.read_bytes())) for file in files)
        most = next(most for pattern, most in WEIGHT.items() if fnmatch(name, pattern))
        if not 50_000 < weight < most:
            troubles.append(f"{name}: {weight:,} bytes in {len(files)} files, {most:,} are allowed")
    report(troubles)
