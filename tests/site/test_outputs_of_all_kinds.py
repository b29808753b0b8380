"""Outputs of every kind in stock Material, in a browser: drawn, sized, at rest, from one host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook_embed import test_corpus
from tests.notebook_embed.corpus import NOTEBOOKS
from tests.support.browser import Launcher, Watched, watched
from tests.support.servers import BASE, ORIGIN, pages_of

# Evaluating text as code is forbidden, and so is every other host.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self' data:; frame-src about:"
)
SHOWN = [name for name, kind in NOTEBOOKS.items() if kind.embeds]
LIVE = [name for name in SHOWN if name.startswith("plotly") and name != "plotly-map"]
# What others' libraries draw, and where in the figure that is to be seen.
DRAWN = {
    "vega-lite": "svg.marks",
    "vega": "svg.marks",
    "altair-html": "svg.marks",
    "bokeh": ".bk-Figure",
    "bokeh-widgets": ".bk-Slider",
    "widget-controls": ".jupyter-widgets .noUi-handle",
}
# Where readers cannot see it at first: in a closed fold, and in a tab that is not chosen.
HIDDEN = ("plotly", "vega-lite", "bokeh", "widget-controls")

# Of each picture in the page that is to be seen: its file has come, and its box has its size.
PICTURES = """async () => {
  const seen = [...document.querySelectorAll("article img")].filter((one) => getComputedStyle(one).display !== "none");
  for (const one of seen) one.loading = "eager";
  await Promise.allSettled(seen.map((one) => one.decode()));
  return seen.filter((one) => !one.naturalWidth || !one.clientWidth || !one.clientHeight).map((one) => one.src);
}"""
SHIFT = """() => new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((one) => { sum += one.value; }))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 100);
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kinds")
    embeds = [f"![A sight]({{}}/{name}.ipynb#shown)" for name in SHOWN]
    (root / "docs").mkdir()
    page = "\n\n".join(
        f'<a id="{name}"></a>\n\n{embed}' for name, embed in zip(SHOWN, embeds, strict=True)
    )
    (root / "docs/all.md").write_text("# All\n\n" + page.format(*["notebooks"] * len(SHOWN)) + "\n")
    inside = [embeds[SHOWN.index(name)].format("notebooks") for name in HIDDEN]
    folded = "".join(f"    {embed}\n\n" for embed in inside)
    (root / "docs/closed.md").write_text(
        f'# Closed\n\n??? note "Closed"\n\n{folded}\n=== "Front"\n\n    A word.\n\n=== "Back"\n\n{folded}'
    )
    made = test_corpus.make(root, only=())
    for html in made.rglob("*.html"):
        meta = f'<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        html.write_text(html.read_text("utf-8").replace("<head>", meta, 1), "utf-8")
    return made


@pytest.fixture(scope="module")
def tab(site: Path, launch: Launcher) -> Iterator[Watched]:
    with pages_of(site) as server:
        browser = launch(f"--host-resolver-rules=MAP shapes.localhost:80 127.0.0.1:{server.port}")
        with watched(browser, viewport={"width": 1280, "height": 900}) as tab:
            tab.page.goto(f"{ORIGIN}{BASE}all.html")
            yield tab


def test_every_picture_has_come_and_has_its_size(tab: Watched) -> None:
    assert tab.page.evaluate(PICTURES) == []
    assert tab.page.evaluate(SHIFT) < 0.02
    tab.page.evaluate("document.body.dataset.mdColorScheme = 'slate'")
    assert tab.page.evaluate(PICTURES) == []
    tab.page.evaluate("document.body.dataset.mdColorScheme = 'default'")


def test_live_figures_are_drawn_or_stay_pictures(tab: Watched) -> None:
    page = tab.page
    page.mouse.move(5, 5)
    page.mouse.move(9, 9)
    for name in LIVE:
        figure = page.locator(f'figure:has(a[href*="{name}.html"])').first
        figure.scroll_into_view_if_needed()
        if name == "plotly-surface":  # without a graphics card there may be no WebGL
            page.wait_for_function("() => window.Plotly?.version")
            assert (
                figure.locator(".nb-figure__image").first.is_visible()
                or figure.locator("canvas").count()
            )
            continue
        page.wait_for_selector(f'.nb-figure--live:has(a[href*="{name}.html"])')
        assert figure.locator(".main-svg").count() >= (2 if name == "plotly-two" else 1)
    assert tab.page.evaluate(SHIFT) < 0.02
    hosts = [
        one for one in tab.requests if not one.startswith((ORIGIN, "data:", "blob:", "about:"))
    ]
    assert hosts == []
    said = [one for one in tab.take() if "WebGL" not in one and "GPU" not in one]
    assert [one for one in said if "Policy" in one or "page error" in one or "host" in one] == []


def test_charts_and_controls_of_others_are_drawn_in_both_schemes(tab: Watched) -> None:
    page = tab.page
    for name, drawn in DRAWN.items():
        figure = page.locator(f'figure:has(a[href*="/{name}.html"])').first
        figure.scroll_into_view_if_needed()
        page.wait_for_selector(f'.nb-figure--live:has(a[href*="/{name}.html"]) {drawn}')
        box, room = (figure.locator(one).bounding_box() for one in (drawn, ".nb-figure__canvas"))
        assert box and room and box["width"] > 5 and box["height"] > 5
        assert (
            box["x"] >= room["x"] - 1 and box["x"] + box["width"] <= room["x"] + room["width"] + 1
        )
    assert page.evaluate(SHIFT) < 0.02
    chart = page.locator('figure:has(a[href*="/vega-lite.html"])').first
    title = chart.locator(".role-axis-title text").first
    chart.scroll_into_view_if_needed()
    light = title.evaluate("(one) => getComputedStyle(one).fill")
    page.evaluate("document.body.dataset.mdColorScheme = 'slate'")
    page.wait_for_function(
        """(light) => document.querySelector('figure:has(a[href*="/vega-lite.html"]) .role-axis-title text')
             && getComputedStyle(document.querySelector('figure:has(a[href*="/vega-lite.html"]) .role-axis-title text')).fill !== light""",
        arg=light,
    )
    page.evaluate("document.body.dataset.mdColorScheme = 'default'")
    assert [
        one for one in tab.take() if "Policy" in one or "page error" in one or "host" in one
    ] == []


def test_what_is_joined_in_the_browser_moves_together(tab: Watched) -> None:
    controls = tab.page.locator('figure:has(a[href*="/widget-controls.html"])').first
    controls.scroll_into_view_if_needed()
    controls.locator(".noUi-handle").press("ArrowRight")
    field = controls.locator("input[type=number]").element_handle()
    tab.page.wait_for_function("(field) => field.value === '5'", arg=field)


def test_on_paper_the_pictures_stand(tab: Watched) -> None:
    tab.page.emulate_media(media="print")
    assert tab.page.locator(".nb-figure__plot:visible").count() == 0
    assert tab.page.locator('[data-view="nb-vega"] .nb-figure__view:visible').count() == 0
    told = '[data-view="nb-widgets"] .nb-figure__stand-in'
    assert "Even 4" in tab.page.locator(told).first.inner_text()
    assert tab.page.evaluate(PICTURES) == []
    tab.page.emulate_media(media="screen")


def test_a_page_without_such_figures_asks_for_no_bundle(tab: Watched) -> None:
    before = len(tab.requests)
    tab.page.goto(f"{ORIGIN}{BASE}index.html")
    tab.page.mouse.move(5, 5)
    tab.page.mouse.move(9, 9)
    asked = tab.requests[before:]
    assert not [one for one in asked if re.search(r"plotly|vega|bokeh|widgets", one)]


def test_in_a_closed_fold_and_a_hidden_tab_after_instant_navigation(tab: Watched) -> None:
    page = tab.page
    page.goto(f"{ORIGIN}{BASE}all.html")
    page.mouse.move(5, 5)
    page.mouse.move(9, 9)
    for name in HIDDEN:  # what lives on the page that is left lets the next one live
        page.locator(f'figure:has(a[href*="/{name}.html"])').first.scroll_into_view_if_needed()
        page.wait_for_selector(f'.nb-figure--live:has(a[href*="/{name}.html"])')
    tab.take()
    page.evaluate("window.sameDocument = true")
    page.locator('a[href$="closed.html"]').first.click()
    page.wait_for_url("**/closed.html")
    page.wait_for_selector("article summary")
    assert page.evaluate("window.sameDocument"), "the page has not been loaded anew"
    assert page.locator(".nb-figure--live").count() == 0, "nothing is drawn before it is seen"
    page.locator("article summary").click()
    page.locator("label", has_text="Back").click()
    for place in ("details", ".tabbed-content"):
        for name in HIDDEN:
            figure = page.locator(f'{place} figure:has(a[href*="/{name}.html"])').first
            figure.scroll_into_view_if_needed()
            page.wait_for_selector(f'{place} .nb-figure--live:has(a[href*="/{name}.html"])')
    said = [one for one in tab.take() if "WebGL" not in one and "GPU" not in one]
    assert [one for one in said if "Policy" in one or "page error" in one or "host" in one] == []


def test_without_scripts_a_picture_stands_or_a_sentence(site: Path, launch: Launcher) -> None:
    with pages_of(site) as server:
        browser = launch(f"--host-resolver-rules=MAP shapes.localhost:80 127.0.0.1:{server.port}")
        with watched(browser, java_script_enabled=False) as plain:
            plain._open(f"{ORIGIN}{BASE}all.html")
            for name, seen in (("vega-lite", "img"), ("bokeh", "p"), ("widget-controls", "span")):
                figure = plain.page.locator(f'figure:has(a[href*="/{name}.html"])').first
                assert figure.locator(f".nb-figure__canvas {seen}:visible").count() >= 1, name
