"""Text is drawn with the site's own fonts, whenever they come, and code with one look for one kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from blog_site.code_blocks import LOOKS
from tests.support.browser import AT_REST, wait_until_instant, wait_until_ready, watched
from tests.support.pages import (
    look,
    report,
    until,
)
from tests.support.published import Site
from tests.support.servers import BASE, ORIGIN

pytestmark = pytest.mark.usefixtures("nothing_is_missing")


def drawn_with(page: Page, selector: str) -> set[str]:
    """Return the PostScript names of the shipped fonts that draw the first such element's text."""
    session = page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        session.send(f"{domain}.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    query = {"nodeId": root, "selector": selector}
    node = session.send("DOM.querySelector", query)["nodeId"]
    fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    session.detach()
    return {font["postScriptName"] for font in fonts if font["isCustomFont"]}


OWN_FONTS = {
    "article h1": "Inter-Regular",
    "article .post-intro p, article > p": "SourceSerif4-Regular",
    "article em:not(details *)": "SourceSerif4-Italic",
    "article code:not(details *)": "JetBrainsMono-Regular",
    "article .katex-html .mrel:not(details *)": "KaTeX_Main-Regular",
    "article .katex-html .mathnormal:not(details *)": "KaTeX_Math-Italic",
}


def comes(page: Page, selector: str, font: str) -> bool:
    """Wait until text is drawn with a font; tell whether it came to that."""
    return until(lambda: font in drawn_with(page, selector))


def expect_own_fonts(page: Page, but: tuple[str, ...] = ()) -> None:
    """Wait until each kind of text is drawn with its own font, not with what stands in for it."""
    for selector, name in OWN_FONTS.items():
        if name.startswith(but):
            continue
        page.locator(selector).first.scroll_into_view_if_needed()
        assert comes(page, selector, name), f"{selector}: {drawn_with(page, selector)}"


def expect_text_before_fonts(page: Page) -> None:
    first = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
    fonts = """() => performance.getEntriesByType('resource')
      .filter(({ name }) => name.endsWith('.woff2')).map(({ startTime }) => startTime)"""
    assert min(page.evaluate(fonts)) > page.evaluate(first), "text waits for fonts"


def test_every_reader_gets_the_fonts(published: Site, browser: Browser) -> None:
    """On a first visit once the text is painted; then from the start, and on every page."""
    post = ORIGIN + BASE + published.post
    with watched(browser, **look("light", 375)) as tab:
        page = tab.page
        page.goto(post)
        expect_own_fonts(page)
        expect_text_before_fonts(page)
        page.goto(ORIGIN + BASE + "archive.html")
        wait_until_instant(page)
        page.evaluate("() => { window.samePage = true; }")
        page.locator("main a[href$='.html']", has_text="Vision Transformers").first.click()
        page.wait_for_url(f"**/{published.post}")
        page.locator("article .katex").first.wait_for(state="attached")  # the archive has none
        assert page.evaluate("() => window.samePage")
        expect_own_fonts(page)
        page.reload()
        page.wait_for_function("() => document.fonts.status === 'loaded'")
        expect_own_fonts(page)
    report(tab.take())
    with watched(browser, **look("light", 375), java_script_enabled=False) as tab:
        tab.page.goto(post)
        expect_own_fonts(tab.page)
    report(tab.take())


@pytest.mark.parametrize("late_one", ["main.*", "katex.min", "site", "figures"])
def test_text_comes_first_when_a_style_sheet_is_late(
    published: Site, browser: Browser, late_one: str
) -> None:
    """At a page's end a browser lays it out with those that have come."""
    with watched(browser, **look("light", 375)) as tab:
        waiting: list[Route] = []
        tab.page.route(f"**/{late_one}.css", lambda route: waiting.append(route))
        tab.page.evaluate("address => location.assign(address)", ORIGIN + BASE + published.post)
        tab.page.wait_for_function(
            """() => document.readyState === "interactive"
              && [...document.styleSheets].filter(({ href }) => href).length === 3
              && document.body.offsetHeight > 0""",
            polling=100,  # no frame need be drawn while a sheet is awaited
        )
        waiting.pop().continue_()
        wait_until_ready(tab.page)
        expect_own_fonts(tab.page)
        expect_text_before_fonts(tab.page)
    report(tab.take())


def test_a_font_that_does_not_come_keeps_no_other(published: Site, browser: Browser) -> None:
    with watched(browser, **look("light", 375)) as tab:
        waiting: list[Route] = []
        for late_one in ("inter-*", "KaTeX_Main-*"):
            tab.page.route(f"**/{late_one}.woff2", lambda route: waiting.append(route))
        tab.page.goto(ORIGIN + BASE + published.post, wait_until="domcontentloaded")
        expect_own_fonts(tab.page, but=("Inter", "KaTeX"))
        formula = tab.page.locator("article .katex-html .mrel").first
        plain = formula.evaluate("one => getComputedStyle(one).fontFamily")
        assert "KaTeX" not in plain, "it would not be seen"
        held = {Path(route.request.url).name.split("-")[0] for route in waiting}
        assert held == {"inter", "KaTeX_Main"}
        for route in waiting:
            route.continue_()
        expect_own_fonts(tab.page)
    report(tab.take())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_of_code_look_as_those_whose_place_they_take(
    published: Site, browser: Browser, scheme: str
) -> None:
    with watched(browser, **look(scheme, 1280)) as tab:
        tab.page.goto(ORIGIN + BASE + published.post)
        tab.page.evaluate(AT_REST)
        drawn = tab.page.evaluate(
            """(kinds) => {
              const code = document.querySelector(".highlight code");
              return kinds.map((kind) => {
                const word = document.createElement("span");
                if (kind) word.className = kind;
                code.append(word);
                const style = getComputedStyle(word);
                const found = [...style].map((name) => `${name}: ${style.getPropertyValue(name)}`);
                word.remove();
                return found;
              });
            }""",
            kinds := sorted({*LOOKS, *LOOKS.values()}),
        )
    by_kind = dict(zip(kinds, drawn, strict=True))
    assert {kind for kind, look_of in LOOKS.items() if by_kind[kind] != by_kind[look_of]} == set()
    assert by_kind["p"] != by_kind[""]
    report(tab.take())
