"""What a test asks of a page of the blog: each returns what is wrong, in words."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.support.browser import AT_REST, PATIENCE, Watched
from tests.support.published import ROOT, Site
from tests.support.servers import BASE, ELSEWHERE

PROBE = ROOT / "tests/site/probe.js"
AXE = ROOT / "tests/site/vendor/axe.min.js"

NOWHERE = "posts/no-such-post.html"
WIDTHS = (375, 1280)
SCHEMES = {"light": "default", "dark": "slate"}
OTHER = {"light": "dark", "dark": "light"}
INK = {"light": "rgb(33, 36, 43)", "dark": "rgb(232, 230, 225)"}


every_look = pytest.mark.parametrize(
    ("scheme", "width"), [(scheme, width) for width in WIDTHS for scheme in SCHEMES]
)


def look(scheme: str, width: int) -> dict[str, Any]:
    return {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}


def pixels(canvas: Locator) -> NDArray[np.uint8]:
    """Return what a canvas shows, [height, width, 4]: red, green, blue and how opaque.

    Not by `getImageData`, of which a browser warns in its console when it is asked more than once:
    the tests take a warning for a fault of the page.
    """
    png = canvas.evaluate("canvas => canvas.toDataURL()").partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA"))


def middles(shown: NDArray[np.uint8], cells: int) -> NDArray[np.float64]:
    """Return the colours in the middle of `cells` x `cells` cells of `pixels`: [cells, cells, 3]."""
    row, column = (
        ((np.arange(cells) + 0.5) * size / cells).astype(int) for size in shown.shape[:2]
    )
    return shown[np.ix_(row, column)][..., :3].astype(float)


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
        flat = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        shape = [int(n) for n in str(value.get("shape", flat.size)).split(",")]
        return flat.reshape(shape)

    url = page.locator(f"#{id_}").evaluate(
        "f => new URL(f.dataset.plotly, document.baseURI).pathname"
    )
    spec = json.loads(site.text(str(url).removeprefix(BASE).removeprefix(ELSEWHERE)))
    return [{key: unpacked(value) for key, value in trace.items()} for trace in spec["data"]]


def same(expected: Any, drawn: Any) -> bool:
    if isinstance(expected, np.ndarray):
        return bool(np.array_equal(expected, np.asarray(drawn, expected.dtype), equal_nan=True))
    return bool(expected == drawn)


def until(what: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Look again and again until it holds; tell whether it came to that."""
    end = time.monotonic() + seconds
    while not (held := what()) and time.monotonic() < end:
        time.sleep(0.05)
    return held


def frames(page: Page, count: int = 3) -> None:
    """Let the page draw: what an event has set off is on the screen after two frames."""
    page.evaluate(
        """async (count) => {
          for (let i = 0; i < count; i++) await new Promise((done) => requestAnimationFrame(done));
        }""",
        count,
    )


def bring_alive(page: Page, id_: str) -> str | None:
    """Scroll to a figure as a reader does; return what is wrong if it is not drawn."""

    def drawn() -> bool:
        # What lies above is laid out as it comes near, and may be higher than was guessed.
        page.locator(f"#{id_}").scroll_into_view_if_needed()
        page.mouse.move(3, 300)
        page.mouse.move(5, 310)
        try:
            page.wait_for_selector(f"#{id_}.nb-figure--live", timeout=1_000)
        except PlaywrightTimeoutError:
            return False
        return True

    if not until(drawn):
        return f"#{id_} is not drawn after {PATIENCE} seconds in view"
    frames(page)
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
    if Image.open(io.BytesIO(shot)).convert("RGB").getcolors(15) is not None:
        troubles.append(f"#{id_}: the plot is one flat colour")
    return troubles


def live_views(page: Page) -> set[str]:
    """Return the ids of the views that are drawn; far from what is seen they are taken down."""
    drawn = page.locator("figure.nb-figure--live[data-view]")
    return set(drawn.evaluate_all("figures => figures.map(f => f.id)"))


def page_troubles(site: Site, tab: Watched, scheme: str) -> list[str]:
    """Look at the page in the tab as it is now, from top to bottom."""
    page = tab.page
    troubles = []
    if page.locator("body").get_attribute("data-md-color-scheme") != SCHEMES[scheme]:
        troubles.append(f"the page is not {scheme}")
    alive, before = live_views(page), page.evaluate("() => probe.canvases()")
    for id_ in interactive(page):
        troubles += figure_troubles(site, page, id_, scheme)
    page.evaluate("() => probe.pictures()")
    troubles += page.evaluate("() => [...probe.blanks(), ...probe.sideways(), ...probe.clipped()]")
    after = page.evaluate("() => probe.canvases()")
    changed = alive ^ live_views(page)  # a view's controls stand below its picture
    for was, now in zip(before, after, strict=True):
        if was["id"] not in changed and abs(was["height"] - now["height"]) > 2:
            troubles.append(f"#{was['id']} jumped from {was['height']} to {now['height']} px")
    return troubles + tab.take()


# What a switch of the scheme can change: colours, and which picture of two is shown.
BY_SCHEME = ("color-contrast", "link-in-text-block", "image-alt", "role-img-alt", "svg-img-alt")


def barriers(page: Page, only: Sequence[str] = ()) -> list[str]:
    """Return what axe-core finds: WCAG, its own advice, and targets too small for a finger.

    Or what some of its rules find, by their names.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    # Seen from the top: the header lies over nothing there.
    page.evaluate("async () => { scrollTo(0, 0); await probe.frame(); await probe.frame(); }")
    page.evaluate(AT_REST)  # a colour on its way to another is none that a reader reads
    page.evaluate("() => probe.thin()")
    # What passes is not listed, and style sheets, which none of these rules reads, are not fetched
    # again: that would take half of its time.
    found = page.evaluate(
        """(only) => axe.run({
          ...(only.length ? { runOnly: only } : { rules: { "target-size": { enabled: true } } }),
          resultTypes: ["violations"],
          selectors: false,
          preload: { assets: ["media"] },
        }).then((result) => result.violations).finally(() => probe.restore())""",
        list(only),
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
