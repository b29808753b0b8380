"""Tables that sort, in a real browser, under the site's own strict content security policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.support.browser import Watched, profile, wait_until_instant
from tests.support.published import ROOT, Site
from tests.support.servers import BASE, ORIGIN

SITE = ROOT / "assets/theme/assets/site"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'"

# Material announces each page, the first and those of instant navigation, through `document$`.
STUB = """
window.document$ = { listeners: [], subscribe(f) { this.listeners.push(f); f(document); } };
window.navigate = (html) => {
  document.querySelector("main").innerHTML = html;
  document$.listeners.forEach((listener) => listener(document));
};
"""

NUMBERS = """
<table data-sortable>
<thead><tr><th scope="col">Model</th><th scope="col" data-sort="number">Error</th>
<th scope="col">Images</th></tr></thead>
<tbody>
<tr><th scope="row">beta 10</th><td data-value="9.5">9.5 ± 0.2</td><td>1,200</td></tr>
<tr><th scope="row">Alpha</th><td data-value="101">101.0</td><td>90</td></tr>
<tr><th scope="row">beta 9</th><td data-value>–</td><td>\N{MINUS SIGN}3 %</td></tr>
<tr><th scope="row">gamma</th><td data-value="-1e-3">0.0</td><td>700</td></tr>
</tbody></table>
"""
OTHER = """
<div class="sortable"><table><thead><tr><th>Name</th><th>Mixed</th></tr></thead><tbody>
<tr><td>x</td><td>10 apples</td></tr><tr><td>y</td><td>pears</td></tr><tr><td>z</td><td>9</td></tr>
</tbody></table></div>
<table id="plain"><thead><tr><th>Plain</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>
<table data-sortable id="wide"><thead><tr><th colspan="2">Both</th></tr></thead>
<tbody><tr><td>1</td><td>2</td></tr></tbody></table>
"""
PAGE = (
    '<!doctype html><html lang="en" class="js"><title>Trial</title>'
    '<link rel="stylesheet" href="/site.css"><script src="/stub.js"></script>'
    f'<body class="md-typeset"><main>{NUMBERS}</main><script src="/tables.js"></script></body>'
)


@pytest.fixture(scope="module")
def chromium(launch: Callable[..., Browser]) -> Browser:
    return launch()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Open the trial page; whatever the console complains of fails the test."""
    files = {
        "/": ("text/html", PAGE),
        "/stub.js": ("text/javascript", STUB),
        "/tables.js": ("text/javascript", (SITE / "tables.js").read_text("utf-8")),
        "/site.css": ("text/css", (SITE / "site.css").read_text("utf-8")),
    }

    def answer(route: Route) -> None:
        kind, body = files.get(route.request.url.removeprefix(ORIGIN), ("text/plain", ""))
        headers = {"Content-Type": f"{kind}; charset=utf-8", "Content-Security-Policy": POLICY}
        route.fulfill(status=200, headers=headers, body=body)

    with profile(chromium, viewport={"width": 800, "height": 600}) as reader:
        tab = reader.new_page()
        troubles: list[str] = []
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on(
            "console",
            lambda message: (
                troubles.append(message.text)
                # The trial page serves no fonts; what the policy forbids of them is not of interest.
                if message.type == "error" and "font" not in message.text
                else None
            ),
        )
        tab.route("**/*", answer)
        tab.goto(ORIGIN + "/")
        tab.wait_for_selector(".table-sort")
        yield tab
        assert not troubles, troubles


def column(page: Page, number: int) -> list[str]:
    cells = page.locator(f"main table tbody tr > :nth-child({number})")
    return [text.strip() for text in cells.all_inner_texts()]


def states(page: Page) -> list[str | None]:
    headings = page.locator("main table thead th")
    return [headings.nth(n).get_attribute("aria-sort") for n in range(headings.count())]


def test_a_click_sorts_by_value_and_a_second_turns_the_order_around(page: Page) -> None:
    assert column(page, 1) == ["beta 10", "Alpha", "beta 9", "gamma"], "as written, at first"
    assert states(page) == [None, None, None]
    error = page.get_by_role("button", name="Error")
    error.click()
    assert column(page, 1) == ["gamma", "beta 10", "Alpha", "beta 9"], "a dash stays last"
    assert states(page) == [None, "ascending", None]
    error.click()
    assert column(page, 1) == ["Alpha", "beta 10", "gamma", "beta 9"], "a dash stays last"
    assert states(page) == [None, "descending", None]


def test_text_is_read_as_numbers_where_all_of_a_column_is(page: Page) -> None:
    page.get_by_role("button", name="Images").click()
    assert column(page, 3) == ["\N{MINUS SIGN}3 %", "90", "700", "1,200"]
    page.get_by_role("button", name="Model").click()
    assert column(page, 1) == ["Alpha", "beta 9", "beta 10", "gamma"]
    assert states(page) == ["ascending", None, None]


@pytest.mark.parametrize(
    "ordered",
    [
        ["2025-12-31", "2026-01-05", "2026-03-02", "2026-10-01"],
        ["9:30", "12:05", "12:45"],
        ["-.3", ".25", ".5", "1"],
    ],
)
def test_what_begins_alike_is_told_apart_by_the_rest(page: Page, ordered: list[str]) -> None:
    rows = "".join(f"<tr><td>{text}</td></tr>" for text in [*ordered[1:], ordered[0]])
    table = (
        f"<table data-sortable><thead><tr><th>When</th></tr></thead><tbody>{rows}</tbody></table>"
    )
    page.evaluate("html => navigate(html)", table)
    page.get_by_role("button", name="When").click()
    assert column(page, 1) == ordered


def test_headings_are_reached_and_pressed_by_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Error"
    page.keyboard.press("Enter")
    assert states(page)[1] == "ascending"
    page.keyboard.press("Space")
    assert states(page)[1] == "descending"
    focused = page.evaluate("() => document.activeElement.textContent")
    assert focused == "Error", "sorting keeps the keyboard where it is"


def test_tables_of_the_next_page_sort_too_and_others_are_left_alone(page: Page) -> None:
    page.evaluate("html => navigate(html)", OTHER)
    page.wait_for_selector(".sortable .table-sort")
    assert page.locator("#plain .table-sort").count() == 0
    assert page.locator("#wide .table-sort").count() == 0
    page.get_by_role("button", name="Mixed").click()
    cells = page.locator(".sortable td:nth-child(2)").all_inner_texts()
    assert cells == ["9", "10 apples", "pears"], "a column with a word is sorted as words"


def test_a_page_announced_twice_has_one_button_a_heading(page: Page) -> None:
    page.evaluate("() => document$.listeners.forEach((listener) => listener(document))")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert page.locator(".table-sort").count() == 3


def test_numbers_line_up_on_the_right(page: Page) -> None:
    edges = page.locator("td[data-value]").evaluate_all(
        "cells => cells.map((c) => { const r = document.createRange(); r.selectNodeContents(c);"
        " return Math.round(r.getBoundingClientRect().right); })"
    )
    assert len(set(edges)) == 1, edges


def test_buttons_do_not_move_the_table(page: Page) -> None:
    after = page.locator("main table").bounding_box()
    page.evaluate("() => { document$.listeners.length = 0; }")
    page.evaluate("html => navigate(html)", NUMBERS)
    before = page.locator("main table").bounding_box()
    assert after is not None
    assert before is not None
    assert abs(after["height"] - before["height"]) <= 1
    assert abs(after["width"] - before["width"]) <= 2


def test_the_published_table_sorts_after_instant_navigation(
    published: Site, browser: Browser
) -> None:
    pages = [p for p in published.pages if "data-sortable" in published.text(p)]
    assert pages, "a page of the site has a sortable table"
    name = next((p for p in pages if p.startswith("posts/")), pages[0])
    with profile(browser, viewport={"width": 375, "height": 800}) as reader:
        tab = Watched(reader.new_page())
        page = tab.page
        page.goto(ORIGIN + BASE + name)
        wait_until_instant(page)
        page.evaluate("() => { window.samePage = true; }")
        page.locator(".site-links a", has_text="Archive").click()
        archive = page.locator(".archive").first  # the address changes before the page does
        archive.wait_for()
        page.go_back()
        archive.wait_for(state="detached")
        assert page.evaluate("() => window.samePage")
        # Of several tables some may be folded.
        table = page.locator("table[data-sortable]").filter(visible=True).first
        button = table.locator("thead th[data-sort=number] .table-sort").last
        button.click()
        page.wait_for_selector("table[data-sortable] th[aria-sort=ascending]")
        values = table.evaluate(
            "t => { const n = t.querySelector('[aria-sort]').cellIndex;"
            " return [...t.tBodies[0].rows].map((r) => r.cells[n].dataset.value)"
            ".filter(Boolean).map(Number); }"
        )
        assert len(values) > 1
        assert values == sorted(values)
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 375, "a wide table scrolls in its box, the page does not"
        assert not tab.take()
