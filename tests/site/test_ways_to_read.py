"""The ways to read: by keyboard, without scripts, in either scheme, without motion, on paper, from the disk."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import wait_until_ready, watched
from tests.support.pages import (
    PROBE,
    SCHEMES,
    WIDTHS,
    bring_alive,
    frames,
    interactive,
    look,
    report,
    toggle,
    until,
)
from tests.support.published import Site
from tests.support.servers import BASE, ORIGIN

pytestmark = pytest.mark.usefixtures("nothing_is_missing")


def changes(canvas: Locator, before: bytes) -> bool:
    """Wait until a picture is another; tell whether it came to that."""
    return until(lambda: canvas.screenshot() != before)


def test_every_figure_is_reached_and_operated_by_keyboard(
    published: Site, browser: Browser
) -> None:
    troubles = []
    seen = switched = 0
    for name in published.pages:
        # A notebook's page has the same figures, between many more stops.
        if "data-plotly=" not in published.text(name) or name.startswith("notebooks/"):
            continue
        with watched(browser, **look("light", 1280)) as tab:
            page = tab.page
            page.goto(ORIGIN + BASE + name)
            rings: dict[str, str] = {}  # figure -> how its focus is shown
            while True:
                page.keyboard.press("Tab")
                tag, figure, ring = page.evaluate(
                    """() => {
                      const at = document.activeElement;
                      const figure = at.matches(".nb-figure__canvas") ? at.parentElement.id : null;
                      return [at.localName, figure, getComputedStyle(at).outlineStyle];
                    }"""
                )
                if tag == "body":
                    break  # once around
                if figure:
                    rings[figure] = ring
                if figure and page.locator(f"#{figure}[data-plotly]").count():
                    page.wait_for_selector(f"#{figure}.nb-figure--live")
                    if page.locator(f"#{figure} .updatemenu-button").count() > 1:
                        canvas = page.locator(f"#{figure} .nb-figure__canvas")
                        before = canvas.screenshot()
                        page.keyboard.press("ArrowRight")
                        switched += 1
                        if not changes(canvas, before):
                            troubles.append(f"{name}: #{figure}: an arrow key switches nothing")
            for id_ in interactive(page):
                seen += 1
                if rings.get(id_, "none") == "none":
                    troubles.append(f"{name}: #{id_}: focus is {rings.get(id_, 'never there')}")
            troubles += [f"{name}: {trouble}" for trouble in tab.take()]
    report(troubles)
    assert seen > switched > 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_post_reads_whole_without_scripts(
    published: Site, browser: Browser, scheme: str
) -> None:
    with watched(browser, **look(scheme, 375), java_script_enabled=False) as tab:
        page = tab.page
        page.goto(ORIGIN + BASE + published.post)
        figures = page.locator("figure.nb-figure:has(.nb-figure__canvas)")
        assert figures.count() > 5
        folded = page.locator("details:not([open]) > summary")
        while folded.count():  # a fold needs no script
            folded.first.click()
        for number in range(figures.count()):
            figures.nth(number).scroll_into_view_if_needed()
            shown = figures.nth(number).locator("img:visible")
            assert shown.count() == 1, f"figure {number} shows {shown.count()} images"
            kind = "dark" if scheme == "dark" else "light"
            assert f"--{kind}" in str(shown.get_attribute("class"))
        assert page.locator(".katex").count() > 5, "mathematics is set"
    report(tab.take())


def test_the_switch_goes_round_by_keyboard_and_is_remembered(
    published: Site, browser: Browser
) -> None:
    with watched(browser, **look("dark", 375)) as tab:
        page = tab.page
        page.goto(ORIGIN + BASE + published.post)
        page.locator("[data-scheme]:visible").focus()
        seen = []
        for _ in range(3):
            seen.append(page.locator("body").get_attribute("data-md-color-scheme"))
            paper, bar = page.evaluate(
                """() => {
                  const bar = document.querySelector("meta[name=theme-color]").content;
                  const probe = document.createElement("i");
                  probe.style.color = bar;
                  document.body.append(probe);
                  return [getComputedStyle(document.body).backgroundColor,
                          getComputedStyle(probe).color];
                }"""
            )
            assert paper == bar, "the browser's own bar wears another colour"
            page.keyboard.press("Enter")
        assert seen == ["slate", "default", "slate"], "as the system has it, light, dark"
        page.emulate_media(color_scheme="light")
        expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "default")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.reload()
        assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"
    report(tab.take())


def test_who_wants_no_motion_gets_none(published: Site, browser: Browser) -> None:
    with watched(browser, reduced_motion="reduce") as tab:
        tab.page.goto(ORIGIN + BASE + published.post)
        toggle(tab.page, "dark")
        moving = tab.page.evaluate(
            """() => [...document.querySelectorAll("*")].flatMap((element) =>
              [null, "::before", "::after"].map((pseudo) => getComputedStyle(element, pseudo))
                .filter((style) => /[1-9]/.test(style.transitionDuration + style.animationDuration)
                  || style.scrollBehavior !== "auto")
                .map(() => element.outerHTML.slice(0, 80)))"""
        )
        assert not moving
        assert not tab.page.evaluate("() => document.getAnimations().length")


def test_paper_shows_every_figure(published: Site, browser: Browser) -> None:
    with watched(browser, **look("dark", 1280)) as tab:
        page = tab.page
        page.add_init_script(path=PROBE)
        page.goto(ORIGIN + BASE + published.post)
        for id_ in interactive(page):
            assert bring_alive(page, id_) is None
        page.emulate_media(media="print")
        page.evaluate("() => probe.pictures()")
        hidden = page.evaluate(
            """() => [...document.querySelectorAll("figure.nb-figure:has(.nb-figure__canvas)")]
              .filter((figure) => [...figure.querySelectorAll("img")]
                .filter(probe.visible).length !== 1)
              .map((figure) => figure.id)"""
        )
        assert not hidden, f"no one image on paper: {hidden}"
    report(tab.take())


def families_loaded(page: Page) -> set[str]:
    """Return the families of fonts that have come; DevTools would ask for the page again."""
    # What stands in for a font bears its name and has its height.
    names = page.evaluate(
        """() => [...document.fonts]
          .filter((font) => font.status === "loaded" && font.ascentOverride === "normal")
          .map((font) => font.family)"""
    )
    return {name.strip('"') for name in names}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_site_reads_well_from_the_disk(published: Site, browser: Browser, width: int) -> None:
    with watched(browser, **look("light", width)) as tab:
        page = tab.page
        page.add_init_script(path=PROBE)
        page.goto((published.folder / "index.html").as_uri())
        page.locator("main a", has_text="Vision Transformers").first.click()
        page.wait_for_url(f"**/{published.post}")
        wait_until_ready(page)
        for id_ in interactive(page):
            page.locator(f"#{id_}").scroll_into_view_if_needed()
        page.mouse.wheel(0, 200)
        page.wait_for_load_state("networkidle")
        frames(page)
        page.evaluate("() => probe.pictures()")
        troubles = page.evaluate(
            "() => [...probe.blanks(), ...probe.sideways(), ...probe.clipped()]"
        )
        families = {"Inter", "Source Serif 4", "KaTeX_Main"}
        assert until(lambda: families <= families_loaded(page)), families_loaded(page)
        toggle(page, "dark")
        page.evaluate("() => probe.pictures()")
        troubles += page.evaluate("() => probe.blanks()")
        assert page.get_by_role("button", name="Search").count() == 0, "it cannot work here"
        unreachable = page.evaluate(
            """() => [...document.querySelectorAll(".highlight pre > code")].filter(
              (code) => code.scrollWidth > code.clientWidth + 1 && code.tabIndex < 0).length"""
        )
        assert not unreachable, "code that scrolls is out of the keyboard's reach"
        page.locator(".site-links a", has_text="About").click()
        page.wait_for_url("**/about.html")
    report(troubles + tab.take())


@pytest.mark.parametrize("width", [390, 1000, 1500])
def test_a_table_begins_where_its_text_does(published: Site, browser: Browser, width: int) -> None:
    seen = 0
    for name in published.pages:
        if "<table " not in published.text(name) or name.startswith("notebooks/"):
            continue
        with watched(browser, **look("light", width)) as tab:
            tab.page.goto(ORIGIN + BASE + name)
            tab.page.wait_for_selector(".md-typeset__table > table", state="attached")
            apart = tab.page.evaluate(
                """() => {
                  const left = (it) => it.getBoundingClientRect().left;
                  const measure = document.querySelector(".md-content__inner > p");
                  return [...document.querySelectorAll(".md-content__inner > * > * > table")]
                    .filter((table) => table.clientWidth <= measure.clientWidth)
                    .map((table) => left(table) - left(measure));
                }"""
            )
            assert all(abs(pixels) <= 1 for pixels in apart), (name, apart)
            seen += len(apart)
    assert seen
