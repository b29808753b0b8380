"""Pages and figures in a real browser, under the site's own policy, which forbids all scripts but its own."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from notebook_embed.live_views import files_for
from tests.notebook_embed.corpus import PLOT
from tests.support.browser import (
    PATIENCE,
    profile,
    wait_until_instant,
    wait_until_ready,
)
from tests.support.pages import frames

POST = "posts/vision.html"
LIVE = "#fig-curve.nb-figure--live"
Opener = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, served) -> Iterator[Opener]:
    """Open a page; at the end nothing may have been logged, and no other host asked."""
    complaints = []
    readers = contextlib.ExitStack()

    def open_(name: str, *, width: int = 1280, **options: Any) -> Page:
        viewport = {"width": width, "height": 800}
        reader = profile(browser, search=True, viewport=viewport, **options)
        page = readers.enter_context(reader).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((served.url, "data:", "blob:"))
                else complaints.append(request.url)
            ),
        )
        page.goto(served.url + name)
        wait_until_ready(page)
        return page

    with readers:
        yield open_
    assert complaints == []


def draw(page: Page) -> None:
    page.locator("#fig-curve").scroll_into_view_if_needed()
    page.mouse.wheel(0, 10)
    page.wait_for_selector(LIVE)


def tick_colour(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.querySelector('.xtick text')).fill")


def test_plotly_is_asked_for_only_when_the_reader_comes_near(open_page, served):
    asked = []
    page = open_page("index.html")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served.url + POST)
    wait_until_ready(page)
    page.wait_for_load_state("networkidle")
    frames(page)
    assert not [url for url in asked if "plotly" in url or url.endswith("curve.json")]
    box = page.locator("#fig-curve .nb-figure__canvas").bounding_box()
    draw(page)
    assert page.locator("#fig-curve .nb-figure__canvas").bounding_box()["height"] == box["height"]
    assert len([url for url in asked if "plotly" in url]) == 1


def test_figures_survive_instant_navigation_there_and_back(open_page):
    page = open_page("index.html")
    wait_until_instant(page)
    page.evaluate("window.samePage = true")
    page.get_by_role("link", name="Vision Transformers: Patches & Cross-Attention").first.click()
    draw(page)
    page.get_by_role("link", name="Archive", exact=True).click()
    page.wait_for_selector(".archive")
    assert page.locator(".site-links [aria-current]").inner_text() == "Archive"
    page.go_back()
    draw(page)
    assert page.locator(".js-plotly-plot").count() == 1
    assert page.evaluate("window.samePage") is True


def test_the_scheme_follows_the_system_then_the_reader_and_figures_follow_it(open_page):
    page = open_page(POST, color_scheme="dark")
    draw(page)
    assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
    assert tick_colour(page) == "rgb(164, 168, 177)"
    page.locator("[data-scheme]:visible").click()
    page.wait_for_function("document.body.dataset.mdColorScheme === 'default'")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('.xtick text')).fill === 'rgb(98, 102, 111)'"
    )
    page.reload()
    assert page.evaluate("document.body.dataset.mdColorScheme") == "default"


def test_a_figure_grows_and_shrinks_with_its_column(open_page):
    page = open_page(POST)
    draw(page)
    page.set_viewport_size({"width": 500, "height": 800})
    page.wait_for_function(
        """() => { const w = (s) => document.querySelector(s).getBoundingClientRect().width;
        return Math.abs(w('#fig-curve .main-svg') - w('#fig-curve .nb-figure__canvas')) < 2
          && w('#fig-curve .main-svg') < 500; }"""
    )


def test_a_figures_buttons_work_from_the_keyboard_and_wear_the_schemes_colours(open_page):
    page = open_page(POST, color_scheme="dark")
    draw(page)
    canvas = page.locator("#fig-curve .nb-figure__canvas")
    assert "Falling, Rising" in canvas.get_attribute("aria-description")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        """() => { const { data, layout } = document.querySelector('.js-plotly-plot');
        const menu = layout.updatemenus[0];
        return menu.active === 1 && data[0].y[0] === 1 && menu.bgcolor === 'rgb(30, 33, 40)'; }"""
    )


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("name", ["index.html", POST, "archive.html", "tags.html", "404.html"])
def test_no_page_scrolls_sideways(open_page, name, width):
    page = open_page(name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_heading_that_does_not_sort_looks_like_none_that_does(open_page):
    page = open_page("posts/vision.html")
    heading = page.locator("table.nb-table thead th").first
    heading.scroll_into_view_if_needed()
    heading.evaluate("at => at.role = 'columnheader'")  # as where rows are cards on a phone
    assert heading.evaluate("at => getComputedStyle(at).cursor") != "pointer"
    assert heading.evaluate("at => getComputedStyle(at, '::after').content") == "none"


def test_without_scripts_a_post_reads_whole_in_the_systems_colours(open_page):
    page = open_page(POST, java_script_enabled=False, color_scheme="dark")
    assert page.locator(".nb-figure__image--dark").is_visible()
    assert not page.locator(".nb-figure__image--light").is_visible()
    assert page.locator(".katex-html").first.is_visible()
    assert not page.locator(".site-tools").is_visible()


def test_print_shows_the_light_static_image_of_a_drawn_figure(open_page):
    page = open_page(POST, color_scheme="dark")
    draw(page)
    page.emulate_media(media="print")
    assert page.locator(".nb-figure__image--light").is_visible()
    assert not page.locator(".nb-figure__plot").is_visible()
    assert not page.locator(".site-header").is_visible()


def test_from_the_disk_the_image_stays_and_nothing_is_logged(browser, served):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((served.site / POST).as_uri())
    wait_until_ready(page)
    page.locator("#fig-curve").scroll_into_view_if_needed()
    page.mouse.wheel(0, 10)
    page.wait_for_load_state("networkidle")
    frames(page)
    assert page.locator(".nb-figure__image--light").is_visible()
    assert page.locator(LIVE).count() == 0
    assert complaints == []
    context.close()


def test_search_opens_from_a_button_on_a_phone_and_finds_words(open_page):
    page = open_page("index.html", width=375)
    page.get_by_role("button", name="Search", exact=True).click()
    page.keyboard.type("sequence")
    # What the first letters find comes and goes while the rest is typed.
    first = page.locator(".md-search-result__link").first
    expect(first).to_have_attribute("href", re.compile("posts/vision.html"))


def test_a_page_refuses_scripts_that_are_not_the_site_s_own(browser: Browser, served) -> None:
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    logged = []
    page.on("console", lambda message: logged.append(message.text))
    page.goto(served.url + POST)
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.wasRun = true";
          document.body.append(script);
        }"""
    )
    assert page.evaluate("window.wasRun") is None
    assert any("Content Security Policy" in text for text in logged)
    page.close()


#: Tells a page that it has been painted as a browser does that shows the ground before any text.
GROUND_FIRST = """window.PerformanceObserver = class {
  static supportedEntryTypes = ["paint"];
  constructor(told) {
    this.tell = (name) => {
      const entries = [{ name, entryType: "paint", startTime: 1, duration: 0 }];
      const named = (wanted) => entries.filter((one) => one.name === wanted);
      told({ getEntries: () => entries, getEntriesByName: named });
    };
  }
  observe() {
    setTimeout(() => this.tell("first-paint"));
    window.paintText = () => this.tell("first-contentful-paint");
  }
};"""


def test_a_frame_that_shows_the_ground_alone_starts_no_script(open_page, served):
    page = open_page("index.html")
    page.add_init_script(GROUND_FIRST)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served.url + POST)
    page.wait_for_load_state("networkidle")
    assert not [url for url in asked if url.endswith(".js")]
    page.evaluate("window.paintText()")
    wait_until_ready(page)


def test_no_part_of_a_formula_asks_for_a_font_before_its_time(open_page):
    """Whatever KaTeX's style sheet sets in a font of its own, in a newer version too."""
    drawn = open_page(POST).evaluate(
        """() => {
          const sheet = [...document.styleSheets].find(({ href }) => href?.endsWith("katex.min.css"));
          const wearing = (plain, one) => {
            document.documentElement.toggleAttribute("data-plain-math", plain);
            return getComputedStyle(one).fontFamily;
          };
          return [...sheet.cssRules]
            .filter((rule) => rule instanceof CSSStyleRule && rule.style.fontFamily.includes("KaTeX_"))
            .flatMap((rule) => rule.selectorText.split(",").map((selector) => {
              let one = document.body;
              for (const part of selector.trim().split(/[ >]+/)) {
                const [tag, ...classes] = part.split(".");
                one = one.appendChild(document.createElement(tag || "span"));
                one.className = classes.join(" ");
              }
              if (!one.matches(selector)) throw new Error(`this test cannot read ${selector}`);
              const font = rule.style.fontFamily.split(",")[0];
              return { selector, font, own: wearing(false, one), plain: wearing(true, one) };
            }));
        }"""
    )
    assert len(drawn) > 30
    assert [one for one in drawn if not one["own"].startswith(one["font"])] == []
    assert [one["selector"] for one in drawn if one["plain"] != "serif"] == []


#: A page with one figure or more and no theme around it.
FIGURES = """<!doctype html><meta charset="utf-8"><title>Figures</title><link rel="icon" href="data:,">
<style>body { --nb-ink: #102030; --nb-muted: #405060; --nb-line: #708090; --nb-paper: #fff; --nb-panel: #eee; }</style>
<body data-md-color-scheme="default">{}<script src="assets/nb/figures.js"></script>"""
FIGURE = """<figure class="nb-figure" data-view="{}" data-source="figure.json" data-script="{}" {}>
<div class="nb-figure__canvas"></div></figure>"""
#: A view that takes as long as the test lets it, and says what the page wears.
SLOW = """window.notebookEmbed.register("slow", async (box) => {
  const retheme = () => { box.textContent = document.body.dataset.mdColorScheme; };
  retheme();
  await new Promise((resolve) => { window.finish = resolve; });
  return { retheme };
});"""


def open_figures(open_page: Opener, figures: str, data: Any, scripts: dict[str, str]) -> Page:
    """Open a page of figures, which all have the same data."""
    answers = {
        "figures.html": ("text/html", FIGURES.replace("{}", figures)),
        "figure.json": ("application/json", json.dumps({"data": data, "files": {}})),
        **{name: ("text/javascript", text) for name, text in scripts.items()},
    }

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        kind, text = answers[name]
        route.fulfill(content_type=kind, body=text)

    page = open_page("index.html")
    for name in answers:
        page.route(f"**/{name}", answer)
    page.goto(page.url.replace("index.html", "figures.html"))
    return page


@pytest.fixture
def slow(open_page) -> Page:
    """A page whose figure has been touched, and is still on its way."""
    figure = FIGURE.format("slow", "slow.js", "data-waits")
    page = open_figures(open_page, figure, {}, {"slow.js": SLOW})
    page.locator(".nb-figure__wake").click()
    page.wait_for_function("() => window.finish")
    return page


def test_a_second_touch_does_not_say_that_what_is_on_its_way_is_lost(slow: Page) -> None:
    wake = slow.locator(".nb-figure__wake")
    wake.press("Enter")
    frames(slow)
    assert wake.inner_text() == "One moment …"
    slow.evaluate("window.finish()")
    slow.wait_for_selector(".nb-figure--live")


def leave(page: Page) -> None:
    """Scroll so far from a figure that is on its way that it is given up."""
    page.evaluate("document.body.style.paddingBottom = '9000px'")
    page.evaluate("scrollTo(0, 9000)")
    page.wait_for_selector(".nb-figure__view", state="detached")


def test_a_view_that_was_left_while_it_came_is_offered_again(slow: Page) -> None:
    leave(slow)
    slow.evaluate("window.finish()")
    wake = slow.locator(".nb-figure__wake")
    expect(wake).to_have_text("Touch to try it")
    wake.click()
    slow.wait_for_function("() => document.querySelector('.nb-figure__view')")
    slow.evaluate("window.finish()")
    slow.wait_for_selector(".nb-figure--live")


def test_what_became_of_a_view_that_was_left_is_not_told_of_the_next(slow: Page) -> None:
    leave(slow)
    slow.evaluate("() => { window.first = window.finish; }")
    slow.locator(".nb-figure__wake").click()
    slow.wait_for_function("() => window.finish !== window.first")
    slow.evaluate("window.first()")
    frames(slow)
    assert slow.locator(".nb-figure__wake").inner_text() == "One moment …"
    slow.evaluate("window.finish()")
    slow.wait_for_selector(".nb-figure--live")


def test_a_view_wears_the_scheme_that_was_chosen_while_it_was_on_its_way(slow: Page) -> None:
    slow.evaluate("document.body.dataset.mdColorScheme = 'slate'")
    frames(slow)
    slow.evaluate("window.finish()")
    slow.wait_for_selector(".nb-figure--live")
    assert slow.locator(".nb-figure__view").inner_text() == "slate"


#: Views that take their time: Bokeh gives back none before it has made two documents.
UNHURRIED = """
const { embed_items } = Bokeh.embed;
window.Bokeh = Object.create(Bokeh, { embed: { value: { embed_items: async (...all) => {
  const views = await embed_items(...all);
  while (Bokeh.documents.length < 2) await new Promise((resolve) => setTimeout(resolve));
  return views;
} } } });
"""


def test_two_figures_by_bokeh_that_come_at_once_both_wear_the_page_s_colours(open_page) -> None:
    shown = {"document": {"version": "3.9.2", "title": "", "roots": [PLOT]}, "roots": [PLOT["id"]]}
    texts = {path.name: path.read_text("utf-8") for path in files_for({"nb-bokeh"}).values()}
    silent = "console.log = console.info = () => {};"
    page = open_figures(
        open_page,
        2 * FIGURE.format("nb-bokeh", "bokeh.js", ""),
        shown,
        texts | {"bokeh.min.js": silent + texts["bokeh.min.js"] + UNHURRIED},
    )
    page.mouse.move(5, 5)
    page.mouse.move(9, 9)
    page.wait_for_function("() => document.querySelectorAll('.nb-figure--live').length === 2")
    colours = page.evaluate(
        """() => window.Bokeh.documents.map((one) => [...one._all_models.values()]
          .find((model) => "major_label_text_color" in model).major_label_text_color)"""
    )
    assert colours == ["#405060", "#405060"]
