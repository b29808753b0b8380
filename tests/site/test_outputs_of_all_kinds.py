"""Outputs of every kind in stock Material, in a browser: drawn, sized, at rest, from one host."""

from __future__ import annotations

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
    closed = f'??? note "Closed"\n\n    {embeds[SHOWN.index("plotly")].format("notebooks")}\n'
    (root / "docs/closed.md").write_text(f"# Closed\n\n{closed}")
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


def test_on_paper_the_pictures_stand(tab: Watched) -> None:
    tab.page.emulate_media(media="print")
    assert tab.page.locator(".nb-figure__plot:visible").count() == 0
    assert tab.page.evaluate(PICTURES) == []
    tab.page.emulate_media(media="screen")


def test_a_page_without_such_figures_asks_for_no_bundle(tab: Watched) -> None:
    before = len(tab.requests)
    tab.page.goto(f"{ORIGIN}{BASE}index.html")
    tab.page.mouse.move(5, 5)
    tab.page.mouse.move(9, 9)
    asked = tab.requests[before:]
    assert not [one for one in asked if "plotly" in one]
    tab.page.goto(f"{ORIGIN}{BASE}closed.html")
    tab.page.locator("summary").click()
    tab.page.wait_for_selector(".nb-figure--live")
