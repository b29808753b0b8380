"""The lab as it is published: below any address, in either scheme, it wakes and repaints."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser

from tests.support.browser import watched
from tests.support.pages import PROBE, barriers, look, report
from tests.support.published import Site
from tests.support.servers import ELSEWHERE, ORIGIN

SETTLED = """() => {
  const { state, wanted } = document.querySelector(".nb-figure__view").dataset;
  return state && state === wanted;
}"""
PAINTED = """() => {
  const copy = new OffscreenCanvas(128, 128).getContext("2d");
  copy.drawImage(document.querySelector(".lab__picture canvas"), 0, 0);
  return copy.getImageData(0, 0, 128, 128).data.reduce((sum, level) => sum + level, 0);
}"""


def test_the_lab_says_how_much_its_readers_load(published: Site) -> None:
    weights = published.folder / "assets/live/flagship.safetensors.gz"
    assert f" {weights.stat().st_size / 1e6:.1f} MB of weights" in published.text("lab.html")


def test_pictures_stand_below_the_switches_of_shapes_where_a_post_asks_to_switch(
    published: Site,
) -> None:
    scenes = {
        path.name.split(".")[0]: json.loads(path.read_text("utf-8"))["data"]
        for path in (published.folder / "figures/live-model").glob("*.json")
    }
    assert {"drag", "crowd", "lab"} < set(scenes)
    assert {name for name, data in scenes.items() if data["switchesFirst"]} == {"hide", "still"}


@pytest.mark.parametrize(("scheme", "width"), [("light", 375), ("dark", 1280)])
def test_the_lab_wakes_below_any_address(
    published: Site, browser: Browser, scheme: str, width: int
) -> None:
    with watched(browser, **look(scheme, width)) as tab:
        tab.page.add_init_script(path=PROBE)
        tab.page.goto(f"{ORIGIN}{ELSEWHERE}lab.html")
        tab.page.locator(".nb-figure__wake").click()
        tab.page.wait_for_selector(".nb-figure--live")
        tab.page.wait_for_function(SETTLED)
        before = tab.page.evaluate(PAINTED)
        tab.page.locator("[data-shape='0']").press("ArrowDown")
        tab.page.wait_for_function(SETTLED)
        assert 0 < tab.page.evaluate(PAINTED) != before
        assert [url for url in tab.requests if not url.startswith(ORIGIN + ELSEWHERE)] == []
        assert barriers(tab.page) == []
    report(tab.take())
