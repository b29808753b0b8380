"""What a page asks for and in which order: text first, and no script for what is only looked at."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Route

from tests.support.browser import wait_until_instant, watched
from tests.support.pages import (
    frames,
    interactive,
    look,
    report,
)
from tests.support.published import Site
from tests.support.servers import BASE, ORIGIN

pytestmark = pytest.mark.usefixtures("nothing_is_missing")


def late(route: Route) -> None:
    """Answer when all that did not wait for this one has happened."""
    time.sleep(1)
    route.continue_()


def test_text_is_painted_before_any_script_runs(published: Site, browser: Browser) -> None:
    with watched(browser, search=True, **look("light", 375)) as tab:
        tab.page.add_init_script(
            """Object.defineProperty(window, "document$", {
              set(value) {
                window.began = performance.now(); // Material does
                Object.defineProperty(window, "document$", { value });
              },
              configurable: true,
            })"""
        )
        tab.page.route("**/site.css", late)  # nothing can be painted without it
        tab.page.goto(ORIGIN + BASE + published.post)
        painted, began = tab.page.evaluate(
            """() => [performance.getEntriesByName("first-contentful-paint")[0].startTime,
                      window.began]"""
        )
    assert 1000 < painted < began
    report(tab.take())


def test_a_style_sheet_is_taken_once_for_all_pages(published: Site, browser: Browser) -> None:
    with watched(browser, **look("dark", 1280)) as tab:
        tab.page.add_init_script(
            """new PerformanceObserver(() => { window.sheets ??= [...document.styleSheets]; })
              .observe({ type: "paint", buffered: true });"""
        )
        tab.page.route("**/bundle.*", late)
        tab.page.goto(ORIGIN + BASE)
        kept = """() => window.sheets.length > 2
          && [...document.styleSheets].every((sheet, at) => sheet === window.sheets[at])"""
        assert tab.page.evaluate(kept)
        tab.page.evaluate("() => { window.samePage = true; }")
        wait_until_instant(tab.page)
        tab.page.locator("main h2 a").first.click()
        tab.page.locator(".post-header").wait_for()  # no other page has one
        assert tab.page.evaluate("() => window.samePage")
        assert tab.page.evaluate(kept)
        tab.page.locator(".site-brand").click()
        tab.page.locator(".posts").first.wait_for()
        assert tab.page.evaluate(kept)
        fetched = [url for url in tab.requests if url.endswith(".css")]
        assert len(fetched) == len(set(fetched)) > 2
    report(tab.take())


def test_a_start_asks_for_the_site_map_once(published: Site, browser: Browser) -> None:
    """Material would ask for one more for each feed, which it takes for the site in another language."""
    with watched(browser, **look("light", 375)) as tab:
        asked: list[str] = []
        tab.page.on("request", lambda request: asked.append(request.url))
        tab.page.goto(ORIGIN + BASE + published.post)
        tab.page.wait_for_load_state("networkidle")
        feeds = tab.page.locator("link[rel=alternate]").evaluate_all(
            "all => all.map(one => one.type)"
        )
    assert [url for url in asked if url.endswith("sitemap.xml")] == [f"{ORIGIN}{BASE}sitemap.xml"]
    assert sorted(feeds) == ["application/feed+json", "application/rss+xml"]
    report(tab.take())


def test_the_first_paint_has_the_right_colours(published: Site, browser: Browser) -> None:
    with watched(browser, **look("dark", 375)) as tab:
        page = tab.page
        page.route("**/bundle.*.js", lambda route: route.fulfill(body=""))  # comes after the paint
        page.goto(ORIGIN + BASE + published.post)
        paper = "() => getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(paper) == "rgb(21, 23, 28)"
    report(tab.take())


def test_the_first_sight_of_a_figure_costs_no_script(published: Site, browser: Browser) -> None:
    with watched(browser, color_scheme="light", viewport={"width": 1280, "height": 12_000}) as tab:
        tab.page.goto(ORIGIN + BASE + published.post)
        (id_, *_) = interactive(tab.page)
        assert tab.page.locator(f"#{id_} img:visible").count() == 1
        tab.page.wait_for_load_state("networkidle")
        frames(tab.page)
        assert not tab.bundles(), "plotly is loaded for a reader who only looks"
        tab.page.mouse.move(3, 300)
        tab.page.wait_for_selector(f"#{id_}.nb-figure--live")
        assert tab.bundles() == 1
    report(tab.take())
