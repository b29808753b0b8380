"""The ways from page to page: links, the list of contents, search, and addresses that are not there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import wait_until_instant, watched
from tests.support.pages import (
    NOWHERE,
    OTHER,
    PROBE,
    WIDTHS,
    every_look,
    interactive,
    look,
    page_troubles,
    report,
    toggle,
)
from tests.support.published import Site
from tests.support.servers import BASE, ORIGIN

pytestmark = pytest.mark.usefixtures("nothing_is_missing")


@every_look
def test_instant_navigation_there_and_back(
    published: Site, browser: Browser, scheme: str, width: int
) -> None:
    with watched(browser, **look(scheme, width)) as tab:
        page = tab.page
        page.add_init_script(path=PROBE)
        page.goto(ORIGIN + BASE + published.post)
        figures = interactive(page)
        assert figures, "the post has an interactive figure"
        troubles = page_troubles(published, tab, scheme)
        wait_until_instant(page)
        page.evaluate("() => { window.survivor = true; }")

        page.locator(".site-links a", has_text="Archive").click()
        page.wait_for_url("**/archive.html")
        page.wait_for_function("() => !document.querySelector('[data-plotly]')")
        troubles += page_troubles(published, tab, scheme)
        page.locator("main a[href$='.html']", has_text="Vision Transformers").first.click()
        page.wait_for_url(f"**/{published.post}")
        page.wait_for_selector("[data-plotly]")
        troubles += page_troubles(published, tab, scheme)
        toggle(page, OTHER[scheme])
        troubles += page_troubles(published, tab, OTHER[scheme])

        page.go_back()
        page.locator(".archive").first.wait_for()  # the address changes before the page does
        page.go_back()
        page.wait_for_selector("[data-plotly]")
        troubles += page_troubles(published, tab, OTHER[scheme])
        assert page.evaluate("() => window.survivor"), "the document was loaded anew"
        assert tab.bundles() == 1, f"plotly was asked for {tab.bundles()} times"
    report(troubles)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_of_contents_follows_the_reader(
    published: Site, browser: Browser, width: int
) -> None:
    longest = max(
        (name for name in published.pages if name.startswith("posts/")),
        key=lambda name: len(published.text(name)),
    )
    with watched(browser, **look("light", width)) as tab:
        page = tab.page
        page.goto(ORIGIN + BASE + longest)
        page.wait_for_function("() => window.document$")
        page.set_viewport_size({"width": 1280, "height": 900})  # a tablet may be turned
        links = page.locator(".page-toc__link")
        for link in (links.last, links.first):
            link.evaluate("it => document.querySelector(it.hash).scrollIntoView()")
            expect(link).to_have_attribute("aria-current", "location")
            expect(link).to_be_in_viewport()


def test_the_skip_link_leads_into_the_text(published: Site, browser: Browser) -> None:
    with watched(browser, **look("light", 1280)) as tab:
        page = tab.page
        page.goto(ORIGIN + BASE + published.post)
        page.keyboard.press("Tab")
        assert "Skip" in page.evaluate("() => document.activeElement.textContent")
        box = page.locator(".md-skip").bounding_box()
        assert box is not None
        assert box["y"] >= 0, "the skip link is out of sight"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        landed = "() => document.activeElement.closest('[data-md-component=content]') !== null"
        assert page.evaluate(landed), "the skip link does not lead into the text"
    report(tab.take())


def test_an_address_that_is_not_there_says_so(published: Site, browser: Browser) -> None:
    with watched(browser, **look("light", 375)) as tab:
        response = tab.page.goto(ORIGIN + BASE + NOWHERE)
        assert response is not None
        assert response.status == 404
        assert tab.page.locator("h1").inner_text() == "This page does not exist"
        tab.page.locator("main a", has_text="archive").click()
        tab.page.wait_for_url(f"**{BASE}archive.html")
        tab.page.locator("main li a").first.wait_for()  # the address changes before the page does
        # The browser itself tells of the page's own status, and of nothing else.
        report([trouble for trouble in tab.take() if "404" not in trouble])


def test_search_finds_a_post_and_leads_to_the_place(published: Site, browser: Browser) -> None:
    with watched(browser, search=True, **look("dark", 375)) as tab:
        page = tab.page
        page.goto(ORIGIN + BASE + "about.html")
        page.get_by_role("button", name="Search").click()
        page.keyboard.type("red circles", delay=20)
        result = page.locator(".md-search-result__link", has_text="red circles").first
        result.click()
        page.wait_for_url("**/posts/*.html*#*")
        heading = page.locator(":target, #" + page.url.rpartition("#")[2]).first
        assert "red circles" in heading.inner_text()
        page.locator("mark").first.wait_for(state="attached")  # what was searched for is marked
    report(tab.take())
