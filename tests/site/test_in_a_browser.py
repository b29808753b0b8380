"""The blog in a real browser: every page, light and dark, narrow and wide, and every way to read it."""

from __future__ import annotations

import gzip
import io
import json
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from audit import WEIGHT
from blog_site.code_blocks import LOOKS
from tests.support.browser import Watched, profile, watched
from tests.support.published import Site
from tests.support.servers import BASE, ELSEWHERE, ORIGIN, Server

HERE = Path(__file__).parent
PROBE = HERE / "probe.js"
AXE = HERE / "vendor" / "axe.min.js"

NOWHERE = "posts/no-such-post.html"
WIDTHS = (375, 1280)
SCHEMES = {"light": "default", "dark": "slate"}
OTHER = {"light": "dark", "dark": "light"}
# Axe takes a second a page. These looks and, after the switch, the two others are audited.
AUDITED = (("light", 375), ("dark", 1280))
INK = {"light": "rgb(33, 36, 43)", "dark": "rgb(232, 230, 225)"}

every_look = pytest.mark.parametrize(
    ("scheme", "width"), [(scheme, width) for width in WIDTHS for scheme in SCHEMES]
)


@pytest.fixture(autouse=True)
def nothing_is_missing(server: Server) -> Iterator[None]:
    """Ask the server too: a file that is asked for as the tab closes is missed by the tab."""
    start = len(server.log)
    yield
    missing = {path for status, path in server.log[start:] if status >= 400 and NOWHERE not in path}
    assert not missing, f"asked for and not there: {sorted(missing)}"


def look(scheme: str, width: int) -> dict[str, Any]:
    return {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}


def report(troubles: list[str]) -> None:
    assert not troubles, f"{len(troubles)} troubles:\n  " + "\n  ".join(troubles)


def interactive(page: Page) -> list[str]:
    """Return the ids of the page's interactive figures."""
    figures = page.locator("figure.nb-figure[data-plotly]")
    return [str(id_) for id_ in figures.evaluate_all("figures => figures.map(f => f.id)")]


def expected_traces(site: Site, page: Page, id_: str) -> list[dict[str, Any]]:
    """Read the figure's file from the disk, typed arrays as numpy arrays."""

    def unpacked(value: Any) -> Any:
        if not (isinstance(value, dict) and "bdata" in value):
            return value
        import base64

        flat = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        shape = [int(n) for n in str(value.get("shape", flat.size)).split(",")]
        return flat.reshape(shape)

    url = page.locator(f"#{id_}").evaluate(
        "f => new URL(f.dataset.plotly, document.baseURI).pathname"
    )
    spec = json.loads(site.text(str(url).removeprefix(BASE)))
    return [{key: unpacked(value) for key, value in trace.items()} for trace in spec["data"]]


def same(expected: Any, drawn: Any) -> bool:
    if isinstance(expected, np.ndarray):
        return bool(np.array_equal(expected, np.asarray(drawn, expected.dtype), equal_nan=True))
    return bool(expected == drawn)


def bring_alive(page: Page, id_: str) -> str | None:
    """Scroll to a figure as a reader does; return what is wrong if it is not drawn."""
    for _ in range(10):
        # What lies above is laid out as it comes near, and may be higher than was guessed.
        page.locator(f"#{id_}").scroll_into_view_if_needed()
        page.mouse.move(3, 300)
        page.mouse.move(5, 310)
        try:
            page.wait_for_selector(f"#{id_}.nb-figure--live", timeout=1_000)
            break
        except PlaywrightTimeoutError:
            continue
    else:
        return f"#{id_} is not drawn after ten seconds in view"
    page.evaluate("async () => { await probe.frame(); await probe.frame(); }")
    return None


def figure_troubles(site: Site, page: Page, id_: str, scheme: str) -> list[str]:
    """Draw an interactive figure; compare it with its file, its box and the page's colours."""
    if trouble := bring_alive(page, id_):
        return [trouble]
    plot = page.evaluate("id => probe.plot(id)", id_)
    troubles = []
    for side in ("width", "height"):
        if plot["box"][side] < 100 or abs(plot["box"][side] - plot["canvas"][side]) > 2:
            troubles.append(
                f"#{id_}: {side} of the plot {plot['box']}, of its place {plot['canvas']}"
            )
    if plot["offset"] > 2:
        troubles.append(f"#{id_}: the plot is {plot['offset']} px from its place")
    if plot["marks"] == 0:
        troubles.append(f"#{id_}: the plot is empty")
    expected = expected_traces(site, page, id_)
    if len(expected) != len(plot["data"]):
        troubles.append(f"#{id_}: {len(plot['data'])} traces drawn of {len(expected)}")
    for number, (trace, drawn) in enumerate(zip(expected, plot["data"], strict=False)):
        for key in ("type", "x", "y", "z", "text", "source"):
            # Plotly unpacks the arrays of a hidden trace when it is shown.
            packed = trace.get("visible") is False and isinstance(trace.get(key), np.ndarray)
            if key in trace and not packed and not same(trace[key], drawn.get(key)):
                troubles.append(f"#{id_}: {key} of trace {number} is not what its file says")
    if plot["ink"] != INK[scheme]:
        troubles.append(f"#{id_}: the ink is {plot['ink']}, {scheme} wants {INK[scheme]}")
    for word in plot["words"]:
        if word["fill"] not in (plot["ink"], plot["muted"]):
            troubles.append(f"#{id_}: {word['text']!r} is {word['fill']} in {scheme}")
    if plot["outside"]:
        troubles.append(f"#{id_}: words leave the plot: {plot['outside']}")
    shot = page.locator(f"#{id_} .nb-figure__canvas").screenshot()
    colours = Image.open(io.BytesIO(shot)).convert("RGB").getcolors(1 << 24)
    if colours is None or len(colours) < 16:
        troubles.append(f"#{id_}: the plot is one flat colour")
    return troubles


def page_troubles(site: Site, tab: Watched, scheme: str) -> list[str]:
    """Look at the page in the tab as it is now, from top to bottom."""
    page = tab.page
    troubles = []
    if page.locator("body").get_attribute("data-md-color-scheme") != SCHEMES[scheme]:
        troubles.append(f"the page is not {scheme}")
    before = page.evaluate("() => probe.canvases()")
    for id_ in interactive(page):
        troubles += figure_troubles(site, page, id_, scheme)
    page.evaluate("() => probe.pictures()")
    troubles += page.evaluate("() => [...probe.blanks(), ...probe.sideways(), ...probe.clipped()]")
    after = page.evaluate("() => probe.canvases()")
    for was, now in zip(before, after, strict=True):
        if abs(was["height"] - now["height"]) > 2:
            troubles.append(f"#{was['id']} jumped from {was['height']} to {now['height']} px")
    return troubles + tab.take()


def barriers(page: Page) -> list[str]:
    """Return what axe-core finds: WCAG, its own advice, and targets too small for a finger."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    # All parts laid out, and seen from the top: the header lies over nothing there.
    page.evaluate("() => document.documentElement.classList.remove('partly')")
    page.evaluate("async () => { scrollTo(0, 0); await probe.frame(); await probe.frame(); }")
    found = page.evaluate(
        "() => axe.run({ rules: { 'target-size': { enabled: true } } })"
        ".then((result) => result.violations)"
    )
    return [
        f"axe: {rule['id']}: {node['html'][:120]} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"][:3]
    ]


def toggle(page: Page, scheme: str) -> None:
    """Press the site's own switch until the page is light or dark, as asked."""
    for _ in range(3):
        page.locator("[data-scheme]:visible").click()
        if page.locator("body").get_attribute("data-md-color-scheme") == SCHEMES[scheme]:
            return
    raise AssertionError(f"the switch does not make the page {scheme}")


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
        page.wait_for_url("**/archive.html")
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


def test_every_figure_is_reached_and_operated_by_keyboard(
    published: Site, browser: Browser
) -> None:
    troubles = []
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
                        before = page.locator(f"#{figure} .nb-figure__canvas").screenshot()
                        page.keyboard.press("ArrowRight")
                        page.wait_for_timeout(400)
                        after = page.locator(f"#{figure} .nb-figure__canvas").screenshot()
                        if before == after:
                            troubles.append(f"{name}: #{figure}: an arrow key switches nothing")
            for id_ in interactive(page):
                if rings.get(id_, "none") == "none":
                    troubles.append(f"{name}: #{id_}: focus is {rings.get(id_, 'never there')}")
            troubles += [f"{name}: {trouble}" for trouble in tab.take()]
    report(troubles)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_post_reads_whole_without_scripts(
    published: Site, browser: Browser, scheme: str
) -> None:
    with watched(browser, **look(scheme, 375), java_script_enabled=False) as tab:
        page = tab.page
        page.goto(ORIGIN + BASE + published.post)
        figures = page.locator("figure.nb-figure:has(.nb-figure__canvas)")
        assert figures.count() > 5
        for number in range(figures.count()):
            figures.nth(number).scroll_into_view_if_needed()
            shown = figures.nth(number).locator("img:visible")
            assert shown.count() == 1, f"figure {number} shows {shown.count()} images"
            kind = "dark" if scheme == "dark" else "light"
            assert f"--{kind}" in str(shown.get_attribute("class"))
        assert page.locator(".katex").count() > 5, "mathematics is set"
    report(tab.take())


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
    "article em": "SourceSerif4-Italic",
    "article code": "JetBrainsMono-Regular",
    "article .katex-html .mrel": "KaTeX_Main-Regular",
    "article .katex-html .mathnormal": "KaTeX_Math-Italic",
}


def expect_own_fonts(page: Page, but: tuple[str, ...] = ()) -> None:
    """Wait until each kind of text is drawn with its own font, not with what stands in for it."""
    for selector, name in OWN_FONTS.items():
        if name.startswith(but):
            continue
        page.locator(selector).first.scroll_into_view_if_needed()
        for _ in range(50):
            if name in (found := drawn_with(page, selector)):
                break
            page.wait_for_timeout(100)
        assert name in found, f"{selector}: {found}"


def test_every_reader_gets_the_fonts(published: Site, browser: Browser) -> None:
    """On a first visit once the text is painted; then from the start, and on every page."""
    post = ORIGIN + BASE + published.post
    with watched(browser, **look("light", 375)) as tab:
        page = tab.page
        page.goto(post)
        expect_own_fonts(page)
        first = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
        fonts = """() => performance.getEntriesByType('resource')
          .filter(({ name }) => name.endsWith('.woff2')).map(({ startTime }) => startTime)"""
        painted = page.evaluate(first)
        assert min(page.evaluate(fonts)) > painted, "text waits for fonts"
        page.goto(ORIGIN + BASE + "archive.html")
        page.wait_for_load_state("networkidle")
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_of_code_look_as_those_whose_place_they_take(
    published: Site, browser: Browser, scheme: str
) -> None:
    with watched(browser, **look(scheme, 1280)) as tab:
        tab.page.goto(ORIGIN + BASE + published.post)
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


def late(route: Route) -> None:
    """Answer when all that did not wait for this one has happened."""
    time.sleep(1)
    route.continue_()


def test_text_is_painted_before_any_script_runs(published: Site, browser: Browser) -> None:
    with watched(browser, **look("light", 375)) as tab:
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
        tab.page.wait_for_load_state("networkidle")  # instant needs the map of the site
        tab.page.locator("main h2 a").first.click()
        tab.page.locator(".post-meta, .neighbours").first.wait_for()
        assert tab.page.evaluate("() => window.samePage")
        assert tab.page.evaluate(kept)
        tab.page.locator(".site-brand").click()
        tab.page.locator("main h2 a").first.wait_for()
        assert tab.page.evaluate(kept)
        fetched = [url for url in tab.requests if url.endswith(".css")]
        assert len(fetched) == len(set(fetched)) > 2
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


@pytest.mark.parametrize("width", WIDTHS)
def test_the_site_reads_well_from_the_disk(published: Site, browser: Browser, width: int) -> None:
    with watched(browser, **look("light", width)) as tab:
        page = tab.page
        page.add_init_script(path=PROBE)
        page.goto((published.folder / "index.html").as_uri())
        page.locator("main a", has_text="Vision Transformers").first.click()
        page.wait_for_url(f"**/{published.post}")
        for id_ in interactive(page):
            page.locator(f"#{id_}").scroll_into_view_if_needed()
        page.mouse.wheel(0, 200)
        page.wait_for_timeout(500)
        page.evaluate("() => probe.pictures()")
        troubles = page.evaluate(
            "() => [...probe.blanks(), ...probe.sideways(), ...probe.clipped()]"
        )
        # What stands in for a font bears its name and has its height; DevTools would ask for the page again.
        loaded = page.evaluate(
            """() => [...document.fonts]
              .filter((font) => font.status === "loaded" && font.ascentOverride === "normal")
              .map((font) => font.family)"""
        )
        families = {name.strip('"') for name in loaded}
        assert {"Inter", "Source Serif 4", "KaTeX_Main"} <= families, families
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
    with watched(browser, **look("dark", 375)) as tab:
        page = tab.page
        page.goto(ORIGIN + BASE + "about.html")
        page.get_by_role("button", name="Search").click()
        page.keyboard.type("red circles", delay=20)
        result = page.locator(".md-search-result__link", has_text="red circles").first
        result.click()
        page.wait_for_url(f"**/{published.post}*#*")
        heading = page.locator(":target, #" + page.url.rpartition("#")[2]).first
        assert "red circles" in heading.inner_text()
        page.locator("mark").first.wait_for(state="attached")  # what was searched for is marked
    report(tab.take())


def test_the_first_paint_has_the_right_colours(published: Site, browser: Browser) -> None:
    with watched(browser, **look("dark", 375)) as tab:
        page = tab.page
        page.route("**/bundle.*.js", lambda route: route.fulfill(body=""))  # comes after the paint
        page.goto(ORIGIN + BASE + published.post)
        paper = "() => getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(paper) == "rgb(21, 23, 28)"
    report(tab.take())


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


def test_the_first_sight_of_a_figure_costs_no_script(published: Site, browser: Browser) -> None:
    with watched(browser, color_scheme="light", viewport={"width": 1280, "height": 12_000}) as tab:
        tab.page.goto(ORIGIN + BASE + published.post)
        (id_, *_) = interactive(tab.page)
        assert tab.page.locator(f"#{id_} img:visible").count() == 1
        tab.page.wait_for_timeout(700)
        assert not tab.bundles(), "plotly is loaded for a reader who only looks"
        tab.page.mouse.move(3, 300)
        tab.page.wait_for_selector(f"#{id_}.nb-figure--live")
        assert tab.bundles() == 1
    report(tab.take())
