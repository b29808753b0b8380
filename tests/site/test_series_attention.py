"""The view of attention over a series: series and matrices are linked, and show the weights that came with them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import wait_for_fonts, watched
from tests.support.pages import frames, middles, pixels
from tests.support.published import Site
from tests.support.servers import BASE, ORIGIN

FIGURE = "figure[data-view=series-attention]"
NEAR = 9  # levels of 255 by which a colour may miss: the script's scale has sixteen stops
LINE, LEARNED, IDEAL = range(3)  # its canvases


def unpacked(text: str, tokens: int) -> NDArray[np.float64]:
    """Read weights [heads, query, key], or one head's: [1, query, key]."""
    levels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, tokens, tokens)
    return levels / np.maximum(levels.sum(axis=-1, keepdims=True), 1)


@pytest.fixture(scope="module")
def where(published: Site) -> str:
    pages = [
        page for page in published.pages if 'data-view="series-attention"' in published.text(page)
    ]
    assert pages, "no page has the view"
    return max(pages, key=lambda name: name.startswith("posts/"))


@pytest.fixture(scope="module")
def data(published: Site, where: str) -> dict[str, Any]:
    found = re.search(
        r'<figure[^>]*data-source="([^"]+)"[^>]*data-view="series-attention"', published.text(where)
    )
    assert found
    return dict(json.loads(published.text(found[1].removeprefix("../")))["data"])


@contextmanager
def reader(browser: Browser, where: str) -> Iterator[Page]:
    """Open the page and come near the view; at the end nothing may have gone wrong."""
    viewport = {"width": 1280, "height": 900}
    with watched(browser, color_scheme="light", viewport=viewport) as tab:
        tab.page.add_init_script(path=Path(__file__).parent / "probe.js")
        tab.page.goto(ORIGIN + BASE + where)
        wait_for_fonts(tab.page)
        tab.page.locator(FIGURE).scroll_into_view_if_needed()
        tab.page.mouse.move(3, 300)
        tab.page.mouse.move(5, 310)
        tab.page.wait_for_selector(f"{FIGURE}.nb-figure--live")
        yield tab.page
        assert not tab.take()


def point_at(page: Page, canvas: int, across: float, down: float) -> None:
    """Move the mouse onto a canvas, to shares of its width and height."""
    drawn = page.locator(f"{FIGURE} canvas").nth(canvas)
    drawn.scroll_into_view_if_needed()
    frames(page)  # what comes into view is laid out, and moves the rest
    box = drawn.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])


def test_what_the_mouse_is_on_is_told_everywhere(
    browser: Browser, where: str, data: dict[str, Any]
) -> None:
    tokens = len(data["owner"])
    start = data["start"]
    (weights,) = (
        unpacked(layer["weights"], tokens)[start["head"]]
        for layer in data["layers"]
        if layer["name"] == start["layer"]
    )
    query, key = np.unravel_index(weights.argmax(), weights.shape)
    with reader(browser, where) as page:
        status = page.locator(f"{FIGURE} .explorer__status")
        before = status.inner_text()
        assert before.startswith(f"Samples {start['query'] * data['token']} to")
        for canvas in (LEARNED, IDEAL):
            point_at(page, canvas, (key + 0.5) / tokens, (query + 0.5) / tokens)
            expect(status).to_contain_text(
                f"Query {query + 1}, key {key + 1}: weight {weights[query, key]:.3f}. "
                f"Samples {query * data['token']} to"
            )
        point_at(page, LINE, (key + 0.5) / tokens, 0.3)
        expect(status).to_contain_text(re.compile(rf"^Samples {key * data['token']} to"))
        page.mouse.move(3, 300)
        expect(status).to_have_text(before)


def test_arrow_keys_and_clicks_choose_the_token_that_asks(
    browser: Browser, where: str, data: dict[str, Any]
) -> None:
    tokens, start = len(data["owner"]), data["start"]["query"]
    with reader(browser, where) as page:
        slider = page.locator(FIGURE).get_by_role("slider")
        slider.focus()
        for pressed, token in [
            ("ArrowRight", start + 1), ("ArrowLeft", start), ("Home", 0), ("ArrowDown", 0),
            ("PageUp", 5), ("ArrowUp", 6), ("PageDown", 1), ("End", tokens - 1),
        ]:  # fmt: skip
            page.keyboard.press(pressed)
            expect(slider).to_have_attribute("aria-valuenow", str(token + 1))
            expect(slider).to_have_attribute(
                "aria-valuetext", re.compile(rf"^Samples {token * data['token']} to")
            )
        point_at(page, LEARNED, 0.1, 3.5 / tokens)
        page.mouse.down()
        page.mouse.up()
        expect(slider).to_have_attribute("aria-valuenow", "4")


def test_a_matrix_shows_the_weights_of_the_chosen_head(
    browser: Browser, where: str, data: dict[str, Any]
) -> None:
    tokens = len(data["owner"])
    layer = data["layers"][-1]
    with reader(browser, where) as page:
        figure = page.locator(FIGURE)
        figure.get_by_role("combobox", name="Layer", exact=True).select_option(label=layer["name"])
        figure.get_by_role("combobox", name="Head", exact=True).select_option(
            index=layer["heads"] - 1
        )
        expect(figure.locator(".nb-figure__view")).to_have_attribute(
            "data-state", re.compile(rf"^{len(data['layers']) - 1}~{layer['heads'] - 1}~")
        )
        colours = middles(pixels(figure.locator("canvas").nth(LEARNED)), tokens)
    weights = unpacked(layer["weights"], tokens)[-1]
    full = np.sort(weights, axis=None)[int(data["quantile"] * (weights.size - 1))]
    expected = 255 * colormaps["viridis"](np.sqrt((weights / full).clip(0, 1)))[..., :3]
    off = np.abs(colours - expected).max(axis=-1)
    chosen = data["start"]["query"]
    off[max(chosen - 1, 0) : chosen + 2] = 0  # the frame of the query's row
    assert off.max() <= NEAR
