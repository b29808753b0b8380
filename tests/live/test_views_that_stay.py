"""What a reader has set in a view is there again after a long way down the page and back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import PATIENCE, Launcher
from tests.support.servers import files_of

STATIC = Path(__file__).parents[2] / "code/notebook_embed/static"
KEPT = 8  # as in figures.js

VIEW = """
window.notebookEmbed.register("dial", (box) => {
  box.innerHTML = `<input type="number" value="1"><button>more</button><b>0</b>`;
  const [, more, count] = box.children;
  more.addEventListener("pointerdown", () => (count.textContent = Number(count.textContent) + 1));
});
"""
FIGURE = """<figure class="nb-figure" id="{name}-{number}" style="margin: 0 0 {below}px"
  data-view="dial" data-source="dial.json" data-script="dial.js">
  <div class="nb-figure__canvas" style="height: 100px"></div><figcaption>Dial</figcaption></figure>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with one view more than are kept, each far from the next, and a witness beside each.

    Nobody touches a witness: once it is taken down, so is what stood beside it and is not kept.
    """
    folder = tmp_path_factory.mktemp("dials")
    shutil.copy(STATIC / "figures.js", folder)
    (folder / "dial.js").write_text(VIEW)
    (folder / "dial.json").write_text('{"data": {}, "files": {}}')
    figures = "".join(
        FIGURE.format(name=name, number=number, below=below)
        for number in range(KEPT + 1)
        for name, below in (("dial", 0), ("witness", 5000))
    )
    (folder / "index.html").write_text(
        f'<!doctype html><link rel="icon" href="data:,">{figures}<script src="figures.js"></script>'
    )
    return folder


@pytest.fixture
def page(folder: Path, launch: Launcher) -> Iterator[Page]:
    with files_of(folder) as port:
        page = launch().new_page(viewport={"width": 390, "height": 844})
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(f"http://127.0.0.1:{port}/index.html")
        page.mouse.move(10, 500)  # the first sign of a reader
        yield page
        page.context.close()


def come_to(page: Page, number: int) -> Locator:
    figure = page.locator(f"#dial-{number}")
    figure.evaluate("figure => figure.scrollIntoView()")
    for name in ("dial", "witness"):
        expect(page.locator(f"#{name}-{number} input")).to_be_visible()
    return figure


def go_far_from(page: Page, number: int) -> None:
    come_to(page, number + 2 if number + 2 <= KEPT else number - 2)
    expect(page.locator(f"#witness-{number} input")).to_have_count(0)


def test_a_number_that_was_set_is_there_again(page: Page) -> None:
    come_to(page, 1).locator("input").fill("42")
    go_far_from(page, 1)
    expect(come_to(page, 1).locator("input")).to_have_value("42")


def test_so_is_what_a_press_let_go_elsewhere_and_a_key_have_set(page: Page) -> None:
    come_to(page, 1).locator("button").hover()
    page.mouse.down()
    page.mouse.move(300, 600)
    page.mouse.up()
    go_far_from(page, 1)
    expect(come_to(page, 1).locator("b")).to_have_text("1")
    come_to(page, 3).locator("input").press("ArrowUp")
    go_far_from(page, 3)
    expect(come_to(page, 3).locator("input")).to_have_value("2")


def test_what_only_scrolls_or_passes_through_keeps_nothing(page: Page) -> None:
    button = come_to(page, 1).locator("button")
    button.dispatch_event("pointerdown")
    button.dispatch_event("pointercancel")
    button.press("Tab")
    page.locator("#dial-1 figcaption").click()
    go_far_from(page, 1)
    expect(page.locator("#dial-1 input")).to_have_count(0)


def test_of_more_than_are_kept_the_one_set_longest_ago_goes(page: Page) -> None:
    for number in range(KEPT + 1):
        come_to(page, number).locator("input").fill(str(10 + number))
    expect(page.locator("#dial-0 input")).to_have_count(0)
    for number in range(1, KEPT + 1):
        expect(come_to(page, number).locator("input")).to_have_value(str(10 + number))
