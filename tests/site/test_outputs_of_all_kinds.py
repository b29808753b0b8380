"""Outputs of every kind in stock Material, in a browser: drawn, sized, at rest, from one host."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from notebook_embed import outputs
from notebook_embed.outputs import RENDERERS, Bundle, Renderer
from tests.notebook_embed import test_corpus
from tests.notebook_embed.corpus import NOTEBOOKS
from tests.support.browser import AT_REST, Launcher, Watched, wait_until_instant, watched
from tests.support.servers import BASE, ORIGIN, pages_of

# Evaluating text as code is forbidden, and so is every other host.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self' data:; frame-src about:"
)
# Formulas are set while the site is built: nothing moves, and no script is needed.
WITH_FORMULAS = test_corpus.MKDOCS + "  - blog_site.katex\nextra_css: [katex/katex.min.css]\n"
KATEX = Path(__file__).parents[2] / "assets/theme/assets/site/katex"
SHOWN = [name for name, kind in NOTEBOOKS.items() if kind.embeds]
LIVE = [name for name in SHOWN if name.startswith("plotly") and name != "plotly-map"]
# What others' libraries draw, and where in the figure that is to be seen.
DRAWN = {
    "vega-lite": "svg.marks",
    "vega": "svg.marks",
    "vega-csv": "svg.marks path[aria-label='a: y; b: 3']",
    "altair-html": "svg.marks",
    "bokeh": ".bk-Figure",
    "bokeh-widgets": ".bk-Slider",
    "widget-controls": ".jupyter-widgets .noUi-handle",
    "widget-icons": ".jupyter-button .fa-check",
}

PICTURE = "img.nb-figure__image"
Key = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """A notebook of the corpus that shows a row of the table, and what is to be seen of it.

    `drawn` selects what readers with scripts see; `still` what others see, where it is not the same.
    """

    notebook: str
    drawn: str
    still: str = ""
    has_ground: bool = False  # of its own, whatever the page's is


#: The table of the documentation: type, and what readers get.
ROWS: dict[Key, Row] = {
    ("application/vnd.notebook-embed.view+json", "a figure that a script of the site draws"): Row("own-view", ".spinner", PICTURE),
    ("application/vnd.plotly.v1+json", "an interactive figure"): Row("plotly", ".main-svg .trace", PICTURE),
    ("application/vnd.vegalite.v*+json", "an interactive chart"): Row("vega-lite", "svg.marks", PICTURE),
    ("application/vnd.vega.v*+json", "an interactive chart"): Row("vega", "svg.marks", PICTURE),
    ("application/vnd.bokehjs_exec.v0+json", "an interactive figure"): Row("bokeh", ".bk-Figure", ".nb-notice"),
    ("application/vnd.jupyter.widget-view+json", "the controls, without their kernel"): Row("widget-controls", ".noUi-handle", ".nb-widget"),
    ("image/svg+xml", "a figure, in both schemes"): Row("svg", PICTURE),
    ("text/latex", "a formula, where it is nothing else"): Row("sympy", ".katex"),
    ("image/png", "a figure"): Row("png", PICTURE, has_ground=True),
    ("image/jpeg", "a figure"): Row("jpeg", PICTURE, has_ground=True),
    ("image/webp", "a figure"): Row("webp", PICTURE, has_ground=True),
    ("image/avif", "a figure"): Row("avif", PICTURE, has_ground=True),
    ("image/gif", "a figure"): Row("gif", PICTURE, has_ground=True),
    ("image/bmp", "a figure"): Row("bmp", PICTURE, has_ground=True),
    ("video/*", "a video with the browser's controls"): Row("video", "video", has_ground=True),
    ("audio/*", "a recording with the browser's controls"): Row("audio", "audio"),
    ("application/vnd.notebook-embed.values+json", "a table of the entries of a mapping"): Row("mapping", "td"),
    ("text/html", "itself"): Row("pandas", "td"),
    ("text/markdown", "Markdown of the site"): Row("markdown", "strong"),
    ("text/latex", "text with formulas"): Row("latex-mixed", ".katex"),
    ("application/pdf", "a link to the document"): Row("pdf", "a[href$='.pdf']"),
    ("application/json", "its text, indented"): Row("json", "pre"),
    ("text/plain", "a block of text"): Row("expression", "pre"),
}  # fmt: skip
HIGH = 5_000  # pixels: higher than a page with all rows
ALIVE = sum(bool(row.still) for row in ROWS.values())

# Of each picture in the page that is to be seen: its file has come, and its box has its size.
PICTURES = """async () => {
  const seen = [...document.querySelectorAll("article img")].filter((one) => one.checkVisibility());
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


def embeds_of_rows(place: str) -> list[str]:
    return [
        f"![A sight](notebooks/{row.notebook}.ipynb#shown){{ #{place}-{number} }}"
        for number, row in enumerate(ROWS.values())
    ]


def key_of(renderer: Renderer) -> Key:
    return renderer.mime, renderer.shown


def noting(taken: dict[str, set[Key]]) -> Callable[[], tuple[Renderer, ...]]:
    """Return the generator's renderers, which note what they show of each notebook in `taken`."""

    def noting_one(renderer: Renderer) -> Renderer:
        def render(bundle: Bundle, mime: str) -> outputs.Output | None:
            made = renderer.render(bundle, mime)
            if made is not None:
                name = Path(bundle.notebook.uri).stem
                taken.setdefault(name, set()).add(key_of(renderer))
            return made

        return replace(renderer, render=render)

    known = tuple(map(noting_one, RENDERERS))
    return lambda: known


@pytest.fixture(scope="module")
def taken() -> dict[str, set[Key]]:
    """By notebook, the rows of the table that show something of it, once the site is built."""
    return {}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, taken: dict[str, set[Key]]) -> Path:
    root = tmp_path_factory.mktemp("kinds")
    embeds = [f"![A sight]({{}}/{name}.ipynb#shown)" for name in SHOWN]
    (root / "docs").mkdir()
    page = "\n\n".join(
        f'<a id="{name}"></a>\n\n{embed}' for name, embed in zip(SHOWN, embeds, strict=True)
    )
    (root / "docs/all.md").write_text("# All\n\n" + page.format(*["notebooks"] * len(SHOWN)) + "\n")
    (root / "docs/rows.md").write_text("# Rows\n\n" + "\n\n".join(embeds_of_rows("row")) + "\n")
    folded, tabbed = ("\n\n    ".join(embeds_of_rows(place)) for place in ("fold", "tab"))
    (root / "docs/hidden.md").write_text(
        f'# Hidden\n\n??? note "Closed"\n\n    {folded}\n\n'
        f'=== "Front"\n\n    A word.\n\n=== "Back"\n\n    {tabbed}\n'
    )
    shutil.copytree(KATEX, root / "docs/katex")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "renderers", noting(taken))
        made = test_corpus.make(root, only=(), config=WITH_FORMULAS)
    for html in made.rglob("*.html"):
        meta = f'<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        html.write_text(html.read_text("utf-8").replace("<head>", meta, 1), "utf-8")
    return made


@pytest.fixture(scope="module")
def browser(site: Path, launch: Launcher) -> Iterator[Browser]:
    with pages_of(site) as server:
        yield launch(f"--host-resolver-rules=MAP shapes.localhost:80 127.0.0.1:{server.port}")


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Watched]:
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
    for weight, icon in (("900", ".fa-check"), ("400", ".fa-bell-o")):
        page.wait_for_function(f"document.fonts.check('{weight} 14px \"Font Awesome 5 Free\"')")
        drawn_in = page.locator(icon).first.evaluate("(one) => getComputedStyle(one).fontWeight")
        assert drawn_in == weight, "an icon is a letter of its own font"
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
    slider = page.locator('figure:has(a[href*="/bokeh-widgets.html"]) .noUi-target')
    ground = "(one) => getComputedStyle(one).backgroundColor"
    panel = """(one) => { const probe = document.body.appendChild(document.createElement('i'));
      probe.style.background = getComputedStyle(one.getRootNode().host).getPropertyValue('--nb-panel');
      return getComputedStyle(probe).backgroundColor; }"""
    assert slider.evaluate(ground) == slider.evaluate(panel), "a control has the page's colours"
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
    bare = tab.page.locator('figure:has(a[href*="/plotly-bare.html"])').first
    bare.scroll_into_view_if_needed()
    bare.locator(".main-svg .trace").first.wait_for()
    tab.page.emulate_media(media="print")
    assert tab.page.locator(".nb-figure__canvas:has(img) .nb-figure__plot:visible").count() == 0
    assert bare.locator(".main-svg .trace").first.is_visible(), (
        "where there is no picture, what is drawn"
    )
    assert tab.page.locator('[data-view="nb-vega"] .nb-figure__view:visible').count() == 0
    told = '[data-view="nb-widgets"] .nb-figure__stand-in'
    assert "Even 4" in tab.page.locator(told).first.inner_text()
    assert tab.page.evaluate(PICTURES) == []
    cut = """[...document.querySelectorAll(".nb-output:not(.nb-output--latex), .nb-output pre")]
      .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent.slice(0, 20))"""
    assert tab.page.evaluate(cut) == [], "paper does not scroll"
    tab.page.emulate_media(media="screen")


def test_a_page_without_such_figures_asks_for_no_bundle(tab: Watched) -> None:
    before = len(tab.requests)
    tab.page.goto(f"{ORIGIN}{BASE}index.html")
    tab.page.mouse.move(5, 5)
    tab.page.mouse.move(9, 9)
    asked = tab.requests[before:]
    assert not [one for one in asked if re.search(r"plotly|vega|bokeh|widgets", one)]


# ---- each row of the table, wherever readers meet it ----

#: Rows by their keys, and what is wrong with them.
Faults = dict[Key, list[str]]

MEDIA = """(media) => new Promise((resolve) => {
  if (media.readyState) resolve(media.videoWidth ?? media.duration);
  media.addEventListener("loadedmetadata", () => resolve(media.videoWidth ?? media.duration));
  media.addEventListener("error", () => resolve(0));
})"""


def drawn(row: Row) -> str:
    return row.drawn


def still(row: Row) -> str:
    return row.still or row.drawn


def either(row: Row) -> str:
    return f"{row.still or row.drawn}, {row.drawn}"


def unseen(tab: Watched, place: str, what_of: Callable[[Row], str] = drawn) -> Faults:
    """Return what cannot be seen of the rows at `place`, or has not the size that it should have."""
    page = tab.page
    faults: Faults = {key: [] for key in ROWS}
    room = page.locator("article").bounding_box()
    assert room
    for number, (key, row) in enumerate(ROWS.items()):
        box = page.locator(f"#{place}-{number}")
        what = box.locator(what_of(row)).locator("visible=true").first
        if what_of is drawn:
            what.wait_for()
        if not what.count():
            faults[key].append("nothing is seen")
            continue
        own, whole = what.bounding_box(), box.bounding_box()
        assert own and whole
        if min(own["width"], own["height"]) < 5:
            faults[key].append(f"it has no size: {own}")
        if whole["x"] < room["x"] - 1 or whole["width"] > room["width"] + 1:
            faults[key].append(f"it is wider than the text: {whole}")
        if what_of is drawn and row.drawn in ("video", "audio") and not what.evaluate(MEDIA):
            faults[key].append("it does not play")
    if what_of is drawn:
        assert page.evaluate(PICTURES) == []
    return faults


def clear(tab: Watched, place: str) -> dict[Key, int]:
    """Return how many pixels of each row at `place` stand out from the page's ground."""
    page = tab.page
    page.evaluate(AT_REST)
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    shot = np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB"))
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    paper = np.array([int(level) for level in re.findall(r"\d+", ground)[:3]])
    found = {}
    for number, key in enumerate(ROWS):
        box = page.locator(f"#{place}-{number} > :not(figcaption)").first.bounding_box()
        assert box
        left, top = round(box["x"]), round(box["y"])
        part = shot[top : top + round(box["height"]), left : left + round(box["width"])]
        found[key] = int((contrast(part, paper) > 3).sum())
    return found


def illegible(seen: Mapping[Key, int], measure: Mapping[Key, int]) -> Faults:
    """Return which rows stand out less than a third as much as on a light screen."""
    enough = {key: 12 if row.has_ground else measure[key] / 3 for key, row in ROWS.items()}
    return {key: [f"{seen[key]} pixels"] * (seen[key] < enough[key]) for key in ROWS}


def contrast(colours: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Return the contrast of colours [..., 3] with a ground [3] as WCAG 2.2 defines it: [...]."""

    def luminance(colour: np.ndarray) -> np.ndarray:
        level = np.asarray(colour, float) / 255
        linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
        return linear @ np.array([0.2126, 0.7152, 0.0722])

    one, other = luminance(colours) + 0.05, luminance(ground) + 0.05
    return np.maximum(one, other) / np.minimum(one, other)


def tops(tab: Watched) -> dict[Key, int]:
    """Return how far below the first row each row stands, in pixels."""
    found: list[float] = tab.page.evaluate(
        """() => [...document.querySelectorAll("[id^='row-']")].map((one) => one.getBoundingClientRect().top)"""
    )
    return {key: round(top - found[0]) for key, top in zip(ROWS, found, strict=True)}


def moved(drawn: Watched, bare: Watched) -> Faults:
    """Return which rows stand elsewhere once all are drawn than where no script runs."""
    pairs = zip(ROWS, tops(drawn).values(), tops(bare).values(), strict=True)
    return {
        key: [f"{before} -> {after}"] * (abs(after - before) > 1) for key, after, before in pairs
    }


def go(tab: Watched, name: str) -> None:
    """Follow a link in place, and wait until all that lives on the page is drawn."""
    wait_until_instant(tab.page)
    tab.page.evaluate("window.sameDocument = true")
    tab.page.locator(f'a[href$="{name}.html"]').first.click()
    tab.page.wait_for_url(f"**/{name}.html")
    tab.page.wait_for_selector(f"article h1:text-is('{name.capitalize()}')")
    assert tab.page.evaluate("window.sameDocument"), "the page has not been loaded anew"


def wait_until_drawn(tab: Watched, count: int) -> None:
    tab.page.wait_for_function(
        "(count) => document.querySelectorAll('.nb-figure--live').length === count", arg=count
    )


@pytest.fixture(scope="module")
def faults(site: Path, browser: Browser) -> dict[str, Faults]:
    """What is wrong with a row, wherever readers meet it; all that is on a page is near."""
    found: dict[str, Faults] = {}
    high = {"viewport": {"width": 1280, "height": HIGH}}
    with (
        watched(browser, java_script_enabled=False, **high) as bare,
        watched(browser, **high) as tab,
    ):
        page = tab.page
        bare._open(f"{ORIGIN}{BASE}rows.html")
        found["without scripts"] = unseen(bare, "row", still)
        tab.page.goto(f"{ORIGIN}{BASE}index.html")
        go(tab, "rows")
        wait_until_drawn(tab, ALIVE)
        found["after instant navigation"] = unseen(tab, "row")
        found["when it is drawn"] = moved(tab, bare)
        measure: dict[Key, int] = {}
        for scheme in ("default", "slate"):
            page.evaluate("(scheme) => { document.body.dataset.mdColorScheme = scheme; }", scheme)
            for media in ("screen", "print"):
                page.emulate_media(media=media)
                at = f"on {media}, scheme {scheme}"
                found[at] = unseen(tab, "row", drawn if media == "screen" else either)
                measure = measure or clear(tab, "row")
                for _ in range(100):  # charts are drawn anew in their own time
                    found[f"legible {at}"] = illegible(clear(tab, "row"), measure)
                    if not any(found[f"legible {at}"].values()):
                        break
            page.emulate_media(media="screen")
        for one in (tab, bare):
            one.page.set_viewport_size({"width": 375, "height": HIGH})
        found["on a phone"] = unseen(tab, "row")
        found["when it is drawn on a phone"] = moved(tab, bare)
        page.set_viewport_size({"width": 1280, "height": 2 * HIGH})
        go(tab, "hidden")
        wait_until_drawn(tab, 0)  # nothing before it is seen
        page.locator("article summary").click()
        wait_until_drawn(tab, ALIVE)
        found["in a fold"] = unseen(tab, "fold")
        page.locator("label", has_text="Back").click()
        wait_until_drawn(tab, 2 * ALIVE)
        found["in a tab"] = unseen(tab, "tab")
        assert [one for one in tab.take() if "WebGL" not in one and "GPU" not in one] == []
    return found


@pytest.mark.parametrize("key", ROWS, ids=": ".join)
def test_a_row_of_the_table_is_seen_wherever_readers_meet_it(
    faults: Mapping[str, Faults], taken: Mapping[str, set[Key]], key: Key
) -> None:
    assert key in taken[ROWS[key].notebook], "another row shows this notebook"
    assert {where: found[key] for where, found in faults.items() if found[key]} == {}


def test_each_row_of_the_table_has_a_notebook() -> None:
    assert list(ROWS) == [key_of(renderer) for renderer in RENDERERS]
