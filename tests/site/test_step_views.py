"""Views that are gone through in steps: touched, by keyboard and pointer, they tell what is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect

from tests.support.browser import wait_for_fonts, watched
from tests.support.pages import frames, pixels
from tests.support.published import Site
from tests.support.servers import BASE, ORIGIN


@contextmanager
def reader(browser: Browser, page: str, view: str) -> Iterator[Page]:
    """Come near a view of a post on a phone; at the end nothing may have gone wrong."""
    with watched(browser, viewport={"width": 375, "height": 812}, has_touch=True) as tab:
        tab.page.goto(ORIGIN + BASE + page)
        wait_for_fonts(tab.page)
        figure = tab.page.locator(f"figure[data-view={view}]")
        figure.scroll_into_view_if_needed()
        tab.page.mouse.wheel(0, 10)
        tab.page.wait_for_selector(f"figure[data-view={view}] .steps__words:not(:empty)")
        yield tab.page
        assert not tab.take()


def test_tiles_end_in_the_exact_answer_and_stop_at_either_end(
    published: Site, browser: Browser
) -> None:
    with reader(browser, "posts/efficient-attention.html", "tiles") as page:
        figure = page.locator("figure[data-view=tiles]")
        answer, next_tile = figure.locator("dd").last, figure.get_by_text("Next tile")
        said = [answer.inner_text()]
        expect(figure.get_by_text("Back")).to_be_disabled()
        grid = figure.get_by_role("slider")
        for tile in (2, 3):
            next_tile.tap()  # is over before its click has come
            expect(grid).to_have_attribute("aria-valuetext", f"Tile {tile} of 9")
            said.append(answer.inner_text())
        expect(figure.locator(".steps__words")).to_contain_text("its answer is exact")
        post = published.text("posts/efficient-attention.html")
        prose = re.sub(r"<[^>]*>", "", post)
        assert f"goes from {said[0]} to {said[1]} to {said[2]}" in " ".join(prose.split())
        next_tile.focus()
        for _ in range(7):  # once more than there are
            page.keyboard.press("Enter")
        expect(grid).to_have_attribute("aria-valuetext", "Tile 9 of 9")
        expect(next_tile).to_be_disabled()
        expect(next_tile).to_be_focused()
        grid.press("ArrowUp")
        expect(grid).to_have_attribute("aria-valuetext", "Tile 6 of 9")
        grid.press("End")
        grid.press("ArrowLeft")
        grid.press("ArrowDown")  # there is no row below
        expect(grid).to_have_attribute("aria-valuetext", "Tile 8 of 9")
        grid.press("Home")
        grid.press("Control+ArrowRight")  # the browser's
        expect(grid).to_have_attribute("aria-valuetext", "Tile 1 of 9")
        scrolled = page.evaluate("() => scrollY")
        for key in ("ArrowLeft", "ArrowRight", "ArrowRight", "ArrowUp"):
            grid.press(key)
        expect(grid).to_have_attribute("aria-valuetext", "Tile 3 of 9")  # there is no row above
        frames(page, 10)  # a scroll that is smooth would have begun
        assert page.evaluate("() => scrollY") == scrolled, "an arrow key scrolls the page"


def test_a_pattern_is_chosen_and_a_token_asks(published: Site, browser: Browser) -> None:
    with reader(browser, "posts/efficient-attention.html", "patterns") as page:
        figure = page.locator("figure[data-view=patterns]")

        def choose(name: str) -> None:
            button = figure.get_by_role("button", name=name, exact=True)
            button.tap()
            expect(button).to_have_attribute("aria-pressed", "true")

        choose("local")
        grid = figure.get_by_role("slider")
        grid.press("Home")
        words = figure.locator(".steps__words").last
        expect(words).to_contain_text("Token 1 looks at 4 of 32. Through two layers 7 have")
        expect(words).to_contain_text("all after 11 layers")
        choose("causal")
        grid.press("ArrowDown")
        expect(words).to_contain_text("Token 2 looks at 2 of 32.")
        expect(words).to_contain_text("all 2 that it may ever hear of after 1 layer.")


def test_a_tapped_shape_asks_and_the_keyboard_goes_on(published: Site, browser: Browser) -> None:
    with reader(browser, "posts/foundations-of-attention.html", "asking") as page:
        figure = page.locator("figure[data-view=asking]")
        words, line = figure.locator(".steps__words"), figure.get_by_role("slider")
        expect(words).to_contain_text("asks")
        for key in ("End", "Home"):  # whose curves to the other end are the highest
            line.press(key)
            opaque = pixels(figure.locator("canvas"))[..., 3]
            assert opaque.any()
            assert not opaque[0].any(), "a curve is cut at its top"
        expect(line).to_have_attribute("aria-valuenow", "1")
        line.press("End")
        line.press("ArrowLeft")
        expect(line).to_have_attribute("aria-valuenow", "49")
        figure.locator("canvas").tap()  # in its middle, wherever that is by then
        expect(line).to_have_attribute("aria-valuenow", re.compile("2[4-7]"))


def test_a_word_of_the_glossary_opens_by_touch_and_stays_on_the_screen(
    published: Site, browser: Browser
) -> None:
    with watched(browser, viewport={"width": 375, "height": 812}, has_touch=True) as tab:
        page = tab.page
        page.goto(ORIGIN + BASE + "posts/foundations-of-attention.html")
        word = page.locator("abbr[tabindex]", has_text="seed").first
        word.scroll_into_view_if_needed()
        word.tap()
        expect(word).to_be_focused()
        shown = word.evaluate("""word => {
          const look = getComputedStyle(word, "::after");
          return [look.content, parseFloat(look.width), document.documentElement.scrollWidth];
        }""")
        assert shown[0] == f'"{word.get_attribute("title")}"'
        assert 200 < shown[1] <= 375 and shown[2] <= 375
