"""The attention explorer in a browser: what it shows is what the models did, whoever operates it how."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page, Route, expect

from shapes_of_attention.data import IMAGE_TEST_SEED, make_shapes
from shapes_of_attention.measure.ideal import ideal_attention
from shapes_of_attention.models import capture_attention
from shapes_of_attention.training.checkpoint import load_model
from tests.support.browser import (
    Watched,
    wait_for_fonts,
    wait_until_instant,
    wait_until_ready,
    watched,
)
from tests.support.pages import frames, middles, pixels, until
from tests.support.published import ROOT, Site
from tests.support.servers import BASE, ORIGIN

HERE = Path(__file__).parent
CHECKPOINTS = ROOT / "assets/checkpoints"
FIGURE = "figure[data-view=attention-explorer]"
LAST = "decoder.1.cross_attention"
BYTE = 0.01  # how far a weight that travelled as a byte may be off, in parts of its row's largest
NEAR = 9  # levels of 255 by which a colour may miss: the script's scale has sixteen stops
HEAVY = re.compile(r"/explorer\.flagship-\d+\.")  # what an explorer fetches for its first view
SETTLED = 400  # ms after which the address has followed

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Shipped:
    """What the site sends to the explorer."""

    site: Site
    page: str  # the post that has it, or else its notebook
    source: str

    @property
    def content(self) -> dict[str, Any]:
        return dict(json.loads(self.site.text(self.source)))

    @property
    def views(self) -> list[str]:
        """The views that the page links to."""
        linked = set(re.findall(r'href="\?explore=([^"#]+)#fig-', self.site.text(self.page)))
        assert len(linked) >= 3, f"{self.page} links to {len(linked)} views"
        return sorted(linked)

    def levels(self, model: str, image: int) -> dict[str, NDArray[np.float64]]:
        """Return a file's bytes, layer by layer: [heads, query, key]."""
        content = self.content
        folder = self.source.rpartition("/")[0]
        file = json.loads(self.site.text(f"{folder}/{content['files'][f'{model}-{image}']}"))
        (found,) = (each for each in content["data"]["models"] if each["name"] == model)
        return {
            layer["name"]: np.frombuffer(base64.b64decode(file[layer["name"]]), np.uint8)
            .reshape(layer["heads"], layer["queries"], layer["keys"])
            .astype(float)
            for layer in found["layers"]
        }


@pytest.fixture(scope="module")
def shipped(published: Site) -> Shipped:
    pages = [page for page in published.pages if "attention-explorer" in published.text(page)]
    assert pages, "no page has the explorer"
    page = max(pages, key=lambda name: name.startswith("posts/"))
    found = re.search(
        r'<figure[^>]*data-source="([^"]+)"[^>]*data-view="attention-explorer"',
        published.text(page),
    )
    assert found, page
    return Shipped(published, page, found[1].removeprefix("../"))


@pytest.fixture(scope="module")
def truth(shipped: Shipped) -> dict[str, dict[str, Weights]]:
    """Compute the attention anew, from the checkpoints that the figure names."""
    data = shipped.content["data"]
    by_hash = {
        hashlib.sha256(path.read_bytes()).hexdigest()[:12]: path
        for path in CHECKPOINTS.glob("*.safetensors")
    }
    batch = make_shapes(range(len(data["examples"])), seed=IMAGE_TEST_SEED)
    image = torch.from_numpy(batch.image).float() / 255
    found: dict[str, dict[str, Weights]] = {}
    for model in data["models"]:
        assert model["checkpoint"] in by_hash, f"{model['name']} is of no checkpoint that is kept"
        network = load_model(by_hash[model["checkpoint"]])
        with torch.no_grad(), capture_attention(network) as captured:
            network(image)
        found[model["name"]] = {name: weights.numpy() for name, weights in captured.items()}
    return found


def off_scale(
    drawn: NDArray[np.float64], weights: Weights, error: Any, full: float
) -> NDArray[np.float64]:
    """Return how far colours are from those of weights that may be off by `error`.

    Colour grows with the square root of a weight, from nothing to `full`. -> the shape of `weights`
    """
    share = np.stack([weights + error * part for part in np.linspace(-1, 1, 201)]) / full
    expected = 255 * colormaps["viridis"](np.sqrt(share.clip(0, 1)))[..., :3]
    return np.asarray(np.abs(drawn - expected).max(axis=-1).min(axis=0))


def black(image: int, *, but: int) -> NDArray[np.bool_]:
    """Tell which patches of a held-out image have a black middle, one of them left out."""
    middle = make_shapes([image], seed=IMAGE_TEST_SEED).image[0].max(axis=0)[8::16, 8::16].ravel()
    return np.asarray((middle == 0) & (np.arange(64) != but))


class Explorer:
    """The explorer on a page, as a reader has it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.figure = page.locator(FIGURE)
        self.slider = page.get_by_role("slider")
        self.status = page.locator(".explorer__status")
        self.detail = page.locator(".explorer__detail")
        self.canvases = page.locator(".explorer__canvas")

    def wake(self) -> Explorer:
        """Come near and move, as a reader does."""
        self.figure.scroll_into_view_if_needed()
        self.page.mouse.move(3, 300)
        self.page.mouse.move(5, 310)
        self.page.wait_for_selector(f"{FIGURE}.nb-figure--live")
        return self

    @property
    def drawn(self) -> list[str]:
        """The pixels of its canvases; a screenshot of them also depends on where the page stands."""
        return list(self.canvases.evaluate_all("all => all.map((canvas) => canvas.toDataURL())"))

    @property
    def state(self) -> str:
        return str(self.page.locator(".nb-figure__view").get_attribute("data-state"))

    def reaches(self, state: str) -> None:
        """Wait until the explorer shows a view and the address says so."""
        expect(self.page.locator(".nb-figure__view")).to_have_attribute("data-state", state)
        self.page.wait_for_function(
            "state => new URL(location).searchParams.get('explore') === state", arg=state
        )

    def weights(self) -> Weights:
        """Return the weights of the row that is shown, [keys]."""
        box = self.page.locator(".nb-figure__view")
        return np.array(box.evaluate("box => box.explorer.weights()"), np.float32)

    def select(self, label: str) -> Locator:
        return self.page.get_by_role("combobox", name=label, exact=True)

    def choose(self, label: str, option: str) -> None:
        self.select(label).select_option(label=option)

    def place(self, canvas: int, cell: int, of: int) -> tuple[float, float]:
        """Return where a cell of a canvas of `of` x `of` cells is in the window."""
        self.canvases.nth(canvas).scroll_into_view_if_needed()
        frames(self.page)  # what comes into view is laid out, and moves the rest
        box = self.canvases.nth(canvas).bounding_box()
        assert box is not None
        row, column = divmod(cell, of)
        return (
            box["x"] + (column + 0.5) * box["width"] / of,
            box["y"] + (row + 0.5) * box["height"] / of,
        )

    def pixels(self, canvas: int, cells: int) -> NDArray[np.float64]:
        """Return the colours in the middle of `cells` x `cells` cells of a canvas: [cells ** 2, 3]."""
        return middles(pixels(self.canvases.nth(canvas)), cells).reshape(-1, 3)


@contextmanager
def reader(
    browser: Browser,
    shipped: Shipped,
    query: str = "",
    *,
    width: int = 1280,
    instant: bool = True,
    **options: Any,
) -> Iterator[tuple[Explorer, Watched]]:
    """Open the explorer's page; at the end nothing may have gone wrong in it.

    Links are `instant` once the map of the site is read, or never.
    """
    options = {"color_scheme": "light", "viewport": {"width": width, "height": 900}} | options
    with watched(browser, **options) as tab:
        tab.page.add_init_script(path=HERE / "probe.js")
        if not instant:
            tab.page.route("**/sitemap.xml", lambda route: route.fulfill(body="<urlset/>"))
        tab.page.goto(ORIGIN + BASE + shipped.page + query)
        wait_for_fonts(tab.page)
        yield Explorer(tab.page), tab
        assert not tab.take()


# ---- the data ----


def test_shipped_rows_add_up_to_one_and_are_those_of_the_recorded_checkpoints(
    shipped: Shipped, truth: dict[str, dict[str, Weights]]
) -> None:
    content = shipped.content
    assert len(content["data"]["examples"]) >= 8
    for model in content["data"]["models"]:
        for image in range(len(content["data"]["examples"])):
            for layer, levels in shipped.levels(model["name"], image).items():
                sums = levels.sum(axis=-1, keepdims=True)
                assert (sums > 0).all(), f"{model['name']}, image {image}, {layer}: an empty row"
                expected = truth[model["name"]][layer][image]
                largest = expected.max(axis=-1, keepdims=True)
                # What was sent adds up to one before it is divided by its sum, as near as a byte can.
                np.testing.assert_allclose(sums * largest / 254, 1, atol=BYTE / 2)
                worst = (np.abs(levels / sums - expected) / largest).max()
                assert worst <= BYTE, f"{model['name']}, image {image}, {layer}: off by {worst}"


# ---- what it shows ----


@pytest.mark.parametrize(
    ("state", "model", "layer"),
    [
        (f"5~flagship~{LAST}~1~22", "flagship", LAST),
        ("2~flagship~encoder.0.attention~3~30", "flagship", "encoder.0.attention"),
        (f"1~flagship~{LAST}~mean~28", "flagship", LAST),
        (f"3~channels~{LAST}~2~12", "channels", LAST),
    ],
)
def test_the_picture_is_the_tensor_that_the_model_computed(
    browser: Browser,
    shipped: Shipped,
    truth: dict[str, dict[str, Weights]],
    state: str,
    model: str,
    layer: str,
) -> None:
    image, _, _, head, patch = state.split("~")
    query = int(patch) - 1
    heads = truth[model][layer][int(image) - 1]
    matrix = heads.mean(axis=0) if head == "mean" else heads[int(head) - 1]
    with reader(browser, shipped, f"?explore={state}") as (explorer, _):
        explorer.wake()
        assert explorer.state == state
        error = BYTE * heads.max(axis=(0, 2))[:, None]  # of each row
        np.testing.assert_allclose(explorer.weights(), matrix[query], atol=float(error[query, 0]))

        # The matrix, pixel by pixel, apart from the frame around its row.
        seen = matrix.reshape(64, -1, 64).sum(axis=1)  # the channels of a patch together
        error = error * matrix.shape[-1] / 64
        off = off_scale(explorer.pixels(2, 64).reshape(64, 64, 3), seen, error, 0.35)
        off[max(query - 1, 0) : query + 2] = 0
        assert off.max() <= NEAR

        # Over the image: bright where the weight is, looked at where the image is black.
        dark = black(int(image) - 1, but=query)
        off = off_scale(explorer.pixels(0, 8) / 0.75, seen[query], error[query], seen[query].max())
        assert off[dark].max() <= NEAR


def test_the_ideal_and_the_score_are_those_of_the_drawing(
    browser: Browser, shipped: Shipped, truth: dict[str, dict[str, Weights]]
) -> None:
    batch = make_shapes([4], seed=IMAGE_TEST_SEED)
    ideal = ideal_attention(batch, 0)
    query = int(np.flatnonzero(ideal.others.any(axis=1))[0])
    row = truth["flagship"][LAST][4, 0, query]
    with reader(browser, shipped, f"?explore=5~flagship~{LAST}~1~{query + 1}") as (explorer, _):
        explorer.wake()
        weights, full = ideal.weights[query], ideal.weights[query].max()
        off = off_scale(explorer.pixels(1, 8) / 0.75, weights, BYTE * full, full)
        assert off[black(4, but=query)].max() <= NEAR
        told = [float(number) for number in re.findall(r"([\d.]+)%", explorer.status.inner_text())]
        expected = [row[ideal.group[query]].sum(), row[ideal.others[query]].sum()]
        expected.append(ideal.group[query].mean())
        np.testing.assert_allclose(told, 100 * np.array(expected), atol=1.1)


def test_attention_apart_by_channel_shows_three_planes_whose_shares_add_up(
    browser: Browser, shipped: Shipped, truth: dict[str, dict[str, Weights]]
) -> None:
    with reader(browser, shipped, f"?explore=3~channels~{LAST}~2~12~apart") as (explorer, _):
        explorer.wake()
        titles = explorer.page.locator(".explorer__title").all_inner_texts()
        assert [title[0] for title in titles] == ["R", "G", "B"]
        parts = truth["channels"][LAST][2, 1, 11].reshape(3, 64)
        shares = [float(re.findall(r"([\d.]+)%", title)[0]) for title in titles]
        np.testing.assert_allclose(shares, 100 * parts.sum(axis=1), atol=1.1)
        for plane, part in enumerate(parts):
            drawn = explorer.pixels(plane, 8) / 0.75
            off = off_scale(drawn, part, BYTE * parts.max(), parts.max())
            assert off[black(2, but=11)].max() <= NEAR
        explorer.choose("Model", "2 + 2 layers")
        explorer.reaches(f"3~flagship~{LAST}~2~12")
        expect(explorer.select("Keys in")).to_be_hidden()


# ---- mouse, keyboard, touch ----


def test_a_cell_of_the_matrix_is_told_and_shown_while_the_mouse_is_on_it(
    browser: Browser, shipped: Shipped, truth: dict[str, dict[str, Weights]]
) -> None:
    with reader(browser, shipped, f"?explore=5~flagship~{LAST}~1~22") as (explorer, tab):
        explorer.wake()
        before = [explorer.canvases.nth(each).screenshot() for each in range(3)]
        query, key = 27, 29
        tab.page.mouse.move(*explorer.place(2, 64 * query + key, of=64))
        row = truth["flagship"][LAST][4, 0, query]
        expect(explorer.detail).to_contain_text("From row 4, column 4 to row 4, column 6")
        (weight, _) = re.findall(r"([\d.]+)%", explorer.detail.inner_text())
        assert float(weight) == pytest.approx(100 * row[key], abs=1.1)

        def everywhere() -> bool:
            return all(explorer.canvases.nth(i).screenshot() != was for i, was in enumerate(before))

        assert until(everywhere), "not everywhere"
        tab.page.mouse.move(3, 300)
        expect(explorer.detail).to_contain_text("Weights from checkpoint")


def test_a_click_shows_the_patch_under_the_mouse_before_it_moves_on(
    browser: Browser, shipped: Shipped
) -> None:
    with reader(browser, shipped) as (explorer, tab):
        explorer.wake()
        tab.page.mouse.move(*explorer.place(0, 10, of=8))
        tab.page.mouse.down()
        tab.page.mouse.up()
        explorer.reaches(f"5~flagship~{LAST}~1~11")
        clicked = explorer.canvases.nth(0).screenshot()
        tab.page.mouse.move(3, 300)
        frames(tab.page)
        assert explorer.canvases.nth(0).screenshot() == clicked
        tab.page.mouse.click(*explorer.place(2, 64 * 40 + 3, of=64))  # a row of the matrix
        explorer.reaches(f"5~flagship~{LAST}~1~41")


def test_the_keyboard_alone_does_all(browser: Browser, shipped: Shipped) -> None:
    with reader(browser, shipped) as (explorer, tab):
        explorer.wake()
        page = tab.page
        explorer.select("Image").focus()
        page.keyboard.press("ArrowDown")
        explorer.reaches(f"6~flagship~{LAST}~1~22")
        stops = []
        for _ in range(5):
            page.keyboard.press("Tab")
            stops.append(page.evaluate("() => document.activeElement.localName"))
            if stops[-1] == "div":
                break
        assert stops == ["select", "select", "select", "div"], "model, layer, head, patch"
        ring = "() => getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(ring) == "solid"
        for key, patch in [
            ("Home", 1), ("ArrowLeft", 1), ("ArrowUp", 1), ("ArrowRight", 2), ("ArrowDown", 10),
            ("End", 64), ("ArrowRight", 64), ("ArrowDown", 64), ("ArrowUp", 56), ("ArrowLeft", 55),
        ]:  # fmt: skip
            page.keyboard.press(key)
            expect(explorer.slider).to_have_attribute("aria-valuenow", str(patch))
            place = f"row {(patch - 1) // 8 + 1}, column {(patch - 1) % 8 + 1}"
            expect(explorer.slider).to_have_attribute("aria-valuetext", place)
            expect(explorer.status).to_contain_text(place)
        explorer.reaches(f"6~flagship~{LAST}~1~55")
        scrolled = page.evaluate("() => scrollY")
        page.keyboard.press("ArrowDown")
        frames(page, 10)  # a scroll that is smooth would have begun
        assert page.evaluate("() => scrollY") == scrolled, "the arrow key scrolls the page"


def test_a_finger_picks_patches_and_scrolls_the_page(browser: Browser, shipped: Shipped) -> None:
    with reader(browser, shipped, width=375, has_touch=True, is_mobile=True) as (explorer, tab):
        explorer.figure.scroll_into_view_if_needed()
        tab.page.touchscreen.tap(3, 300)
        tab.page.wait_for_selector(f"{FIGURE}.nb-figure--live")
        tab.page.touchscreen.tap(*explorer.place(0, 35, of=8))
        explorer.reaches(f"5~flagship~{LAST}~1~36")
        tab.page.touchscreen.tap(*explorer.place(1, 12, of=8))  # the ideal is as good a place
        explorer.reaches(f"5~flagship~{LAST}~1~13")
        tab.page.touchscreen.tap(*explorer.place(2, 64 * 20 + 7, of=64))
        explorer.reaches(f"5~flagship~{LAST}~1~21")
        expect(explorer.detail).to_contain_text("Weights from checkpoint")
        assert explorer.canvases.nth(0).evaluate("c => getComputedStyle(c).touchAction") != "none"
        assert tab.page.evaluate("() => probe.sideways()") == []


# ---- the address ----


def test_a_view_is_in_the_address_and_comes_back_with_it(
    browser: Browser, shipped: Shipped
) -> None:
    with reader(browser, shipped, "?kept=1") as (explorer, tab):
        explorer.wake()
        assert "explore" not in tab.page.url, "only what the reader chose is in the address"
        for label, option in (
            ("Image", "3"), ("Model", "RGB, head start"), ("Layer", "decoder 1, cross"),
            ("Head", "mean"), ("Keys in", "G"),
        ):  # fmt: skip
            explorer.choose(label, option)
        state = "3~channels~decoder.0.cross_attention~mean~22~G"
        explorer.reaches(state)
        assert tab.page.url.endswith(f"?kept=1&explore={state}#fig-explorer")
        seen = explorer.drawn
        status = explorer.status.inner_text()
        tab.page.reload()
        explorer.wake()
        assert explorer.state == state
        assert explorer.status.inner_text() == status
        explorer.figure.scroll_into_view_if_needed()
        assert explorer.drawn == seen


@pytest.mark.parametrize(
    ("wished", "shown"),
    [
        ("", f"5~flagship~{LAST}~1~22"),
        ("nonsense", f"1~flagship~{LAST}~1~1"),
        ("99~flagship~no.such.layer~99~99", f"8~flagship~{LAST}~4~64"),
        ("-3~nobody~encoder.0.attention~-1~-1", "1~flagship~encoder.0.attention~1~1"),
        (f"2~flagship~{LAST}~1~5~apart", f"2~flagship~{LAST}~1~5"),
        (f"2~channels~{LAST}~1~5~toString", f"2~channels~{LAST}~1~5"),
        ("%22%3E%3Cscript%3Ealert(1)%3C/script%3E~~~~~", f"1~flagship~{LAST}~1~1"),
    ],
)
def test_an_address_that_asks_for_too_much_gets_the_nearest(
    browser: Browser, shipped: Shipped, wished: str, shown: str
) -> None:
    with reader(browser, shipped, f"?explore={wished}") as (explorer, _):
        explorer.wake()
        assert explorer.state == shown


def test_links_in_the_page_open_views_in_place(browser: Browser, shipped: Shipped) -> None:
    views = [f"7~flagship~{LAST}~2~41", f"5~flagship~{LAST}~1~22"]
    with reader(browser, shipped) as (explorer, tab):
        tab.page.evaluate(
            """views => {
              window.survivor = true;
              const figure = document.querySelector("figure[data-view=attention-explorer]");
              for (const view of views) {
                const link = document.createElement("a");
                link.href = `?explore=${view}#fig-explorer`;
                link.textContent = view;
                figure.after(link, " ");
              }
            }""",
            views,
        )
        explorer.wake()
        for view in [*views, *views]:
            tab.page.get_by_text(view, exact=True).click()
            explorer.reaches(view)
            expect(explorer.slider).to_be_focused()
            expect(explorer.canvases.nth(0)).to_be_in_viewport()
            header = tab.page.locator(".md-header").bounding_box()
            figure = explorer.figure.bounding_box()
            assert header is not None and figure is not None
            assert figure["y"] >= header["y"] + header["height"], "the header lies on the controls"
        assert tab.page.evaluate("() => window.survivor"), "the document was loaded anew"


def test_every_link_to_a_view_in_the_post_opens_just_that_view(
    browser: Browser, shipped: Shipped
) -> None:
    with reader(browser, shipped) as (explorer, tab):
        explorer.wake()
        for view in shipped.views:
            link = tab.page.locator(f"a[href*='{view}']")
            link.hover()  # what comes into view is laid out, and moves the rest
            frames(tab.page)
            link.click()
            explorer.reaches(view)


@pytest.mark.parametrize(
    ("asleep", "instant"),
    [
        ("not yet awake", True),
        ("asleep again", False),
        ("asleep again", True),
        ("on its way", False),
        ("on its way", True),
    ],
)
def test_a_link_to_a_view_opens_it_however_far_the_explorer_is(
    browser: Browser, shipped: Shipped, asleep: str, instant: bool
) -> None:
    with reader(browser, shipped, instant=instant) as (explorer, tab):
        page = tab.page
        wait_until_instant(page)
        page.evaluate("() => { window.survivor = true; }")
        if asleep == "asleep again":
            explorer.wake()
        held: list[Route] = []
        if asleep == "on its way":
            page.route(HEAVY, lambda route: held.append(route), times=1)
            with page.expect_request(HEAVY):
                explorer.figure.scroll_into_view_if_needed()
                page.mouse.move(3, 300)
        for view in shipped.views:
            if asleep == "asleep again":
                page.get_by_role("contentinfo").scroll_into_view_if_needed()
                page.wait_for_selector(f"{FIGURE}:not(.nb-figure--live)")
            page.locator(f"a[href*='{view}']").evaluate("link => link.click()")
            while held:
                held.pop().continue_()
            explorer.reaches(view)
        assert page.evaluate("() => window.survivor"), "the document was loaded anew"


def test_a_link_that_loads_the_page_anew_opens_its_view_as_an_address_does(
    browser: Browser, shipped: Shipped
) -> None:
    with reader(browser, shipped, instant=False) as (explorer, tab):
        wait_until_instant(tab.page)  # as much as it will be
        view = shipped.views[0]
        with tab.page.expect_navigation():
            tab.page.locator(f"a[href*='{view}']").evaluate("link => link.click()")
        wait_until_ready(tab.page)
        explorer.wake().reaches(view)


def test_the_explorer_survives_instant_navigation_there_and_back(
    browser: Browser, shipped: Shipped
) -> None:
    with reader(browser, shipped) as (explorer, tab):
        page = tab.page
        page.evaluate("() => { window.survivor = true; }")
        wait_until_instant(page)
        explorer.wake()
        explorer.choose("Head", "mean")
        explorer.reaches(f"5~flagship~{LAST}~mean~22")
        explorer.choose("Head", "1")  # left before the address has followed
        page.locator(".site-links a", has_text="Archive").click()
        page.wait_for_url("**/archive.html")
        page.wait_for_function("() => !document.querySelector('[data-view]')")
        # The page's own clock, on which the address follows too.
        page.evaluate("(wait) => new Promise((done) => setTimeout(done, wait))", SETTLED)
        assert page.url == f"{ORIGIN}{BASE}archive.html", "the state follows onto another page"
        page.go_back()
        page.wait_for_selector(FIGURE)
        explorer.wake()
        assert page.locator(".nb-figure__view").count() == 1
        assert explorer.state.startswith(f"5~flagship~{LAST}~")
        explorer.slider.press("ArrowRight")
        expect(explorer.slider).to_have_attribute("aria-valuenow", "23")
        assert page.evaluate("() => window.survivor"), "the document was loaded anew"
        scripts = [url for url in tab.requests if url.endswith("attention-explorer.js")]
        assert len(scripts) == 1


# ---- the page around it ----


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_no_barriers_keeps_its_height_and_wears_the_scheme_s_colours(
    browser: Browser, shipped: Shipped, width: int, scheme: str
) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, "reduced_motion": "reduce"}
    with reader(browser, shipped, width=width, **options) as (explorer, tab):
        box = explorer.page.locator(f"{FIGURE} .nb-figure__canvas")
        before = box.evaluate("b => b.getBoundingClientRect().height")
        explorer.wake()
        heights = []
        for view in (
            f"5~flagship~{LAST}~1~22", f"1~channels~{LAST}~2~20~apart",
            f"1~from-nothing~{LAST}~2~20~apart", f"7~deeper~{LAST}~1~41",
        ):  # fmt: skip
            box.locator(".nb-figure__view").evaluate("(box, view) => box.explorer.open(view)", view)
            explorer.reaches(view)
            heights.append(box.evaluate("b => b.getBoundingClientRect().height"))
        assert heights == [before] * 4
        tab.page.evaluate("() => probe.pictures()")
        shifts = tab.page.evaluate("() => probe.shifts")
        assert not [s for s in shifts if any("nb-figure" in node for node in s["nodes"])], shifts
        assert (
            tab.page.evaluate("() => [...probe.blanks(), ...probe.sideways(), ...probe.clipped()]")
            == []
        )
        tab.page.evaluate((HERE / "vendor/axe.min.js").read_text("utf-8"))
        found = tab.page.evaluate(
            f"() => axe.run(document.querySelector('{FIGURE}'), {{ resultTypes: ['violations'] }})"
            ".then((result) => result.violations)"
        )
        assert [rule["id"] for rule in found] == []
        explorer.wake()  # the page has grown, and it may be far away
        schemes = {"light": "default", "dark": "slate"}
        ink = {"light": "rgb(33, 36, 43)", "dark": "rgb(232, 230, 225)"}
        assert explorer.status.evaluate("p => getComputedStyle(p).color") == ink[scheme]
        other = "dark" if scheme == "light" else "light"
        body, switch = tab.page.locator("body"), tab.page.locator("[data-scheme]:visible")
        for _ in range(3):
            if body.get_attribute("data-md-color-scheme") != schemes[other]:
                switch.click()
        explorer.wake()  # on a phone the switch is at the top of the page, far away
        expect(explorer.status).to_have_css("color", ink[other])


def test_weights_come_when_they_are_needed_and_once(browser: Browser, shipped: Shipped) -> None:
    def fetched(tab: Watched) -> list[str]:
        return re.findall(r"explorer\.([a-z]+-\d+)\.", "\n".join(tab.requests))

    with reader(browser, shipped) as (explorer, tab):
        explorer.wake()
        assert fetched(tab) == ["flagship-4"]
        explorer.choose("Image", "2")
        explorer.reaches(f"2~flagship~{LAST}~1~22")
        explorer.choose("Image", "5")
        explorer.reaches(f"5~flagship~{LAST}~1~22")
        assert fetched(tab) == ["flagship-4", "flagship-1"]


def test_without_a_network_what_was_there_stays_and_the_reader_is_told(
    browser: Browser, shipped: Shipped
) -> None:
    with reader(browser, shipped) as (explorer, tab):
        explorer.wake()
        tab.page.route("**/explorer.flagship-2.*", lambda route: route.abort())
        explorer.choose("Image", "3")
        expect(explorer.status).to_contain_text("could not be loaded")
        assert explorer.state == f"5~flagship~{LAST}~1~22"
        expect(explorer.select("Image")).to_have_value("4")
        tab.page.unroute("**/explorer.flagship-2.*")
        explorer.choose("Image", "3")
        explorer.reaches(f"3~flagship~{LAST}~1~22")
        # The browser itself tells of the request that this test has stopped.
        assert all("ERR_FAILED" in trouble for trouble in tab.take())


def test_what_fails_after_something_newer_was_asked_for_changes_nothing(
    browser: Browser, shipped: Shipped
) -> None:
    with reader(browser, shipped) as (explorer, tab):
        explorer.wake()
        page = tab.page

        def ask(image: int) -> Route:
            held: list[Route] = []
            page.route(f"**/explorer.flagship-{image - 1}.*", lambda route: held.append(route))
            explorer.choose("Image", str(image))
            while not held:
                frames(page)
            return held[0]

        def fail(route: Route) -> None:
            with page.expect_event("requestfailed"):
                route.abort()
            frames(page)

        older, newer = ask(3), ask(2)
        fail(older)
        explorer.slider.press("ArrowRight")  # goes on from what was asked for last
        newer.continue_()
        explorer.reaches(f"2~flagship~{LAST}~1~23")

        older, newer = ask(4), ask(6)
        newer.continue_()
        explorer.reaches(f"6~flagship~{LAST}~1~23")
        fail(older)
        expect(explorer.status).to_contain_text("row 3, column 7 asks")
        assert all("ERR_FAILED" in trouble for trouble in tab.take())


@pytest.mark.parametrize("missing", ["**/attention-explorer.js", "**/explorer.*.json"])
def test_where_its_script_or_data_is_missing_the_static_image_stays(
    browser: Browser, shipped: Shipped, missing: str
) -> None:
    with reader(browser, shipped) as (explorer, tab):
        tab.page.route(missing, lambda route: route.abort())
        explorer.figure.scroll_into_view_if_needed()
        with tab.page.expect_event("requestfailed"):
            tab.page.mouse.move(3, 300)
            tab.page.mouse.move(5, 310)
        frames(tab.page)
        assert explorer.figure.locator("img:visible").count() == 1
        assert tab.page.locator(".nb-figure--live[data-view]").count() == 0
        assert all("ERR_FAILED" in trouble for trouble in tab.take())


def test_without_scripts_and_on_paper_the_static_image_is_shown(
    browser: Browser, shipped: Shipped
) -> None:
    with reader(browser, shipped, java_script_enabled=False) as (explorer, _):
        picture = explorer.figure.locator("img:visible")
        assert picture.count() == 1
        room, drawn = (
            explorer.figure.locator(".nb-figure__canvas").bounding_box(),
            picture.bounding_box(),
        )
        assert room is not None and drawn is not None
        assert room["height"] < drawn["height"] + 30, "room is kept for what will not be drawn"
    with reader(browser, shipped) as (explorer, tab):
        explorer.wake()
        assert explorer.figure.locator("img:visible").count() == 0
        tab.page.emulate_media(media="print")
        assert explorer.figure.locator("img:visible").count() == 1
        expect(explorer.slider).to_be_hidden()
