"""The lab on a page, by mouse, touch and keyboard; under the site's policy; whatever the address says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from blog_site.content_security import policy, worker_policy
from shapes_of_attention.live_weights import packed
from tests.support.browser import PATIENCE, Launcher
from tests.support.servers import files_of
from workbench.live_page import FLAGSHIP, SCENE, furnish

AXE = Path(__file__).parents[1] / "site/vendor/axe.min.js"


@dataclass
class Lab:
    """A page with the lab on it, and what went wrong or was asked for."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def open(self, query: str = "", *, wake: bool = True) -> None:
        self.page.goto(f"{self.address}{query}")
        if wake:
            self.page.locator(".nb-figure__wake").click()
            self.page.wait_for_selector(".nb-figure--live", timeout=1000 * PATIENCE)
            self.settled()

    @property
    def state(self) -> str:
        return str(self.page.locator(".nb-figure__view").get_attribute("data-state"))

    def settled(self) -> str:
        """Wait until what is drawn is what the reader has made, and say what that is."""
        self.page.wait_for_function(
            "() => { const box = document.querySelector('.nb-figure__view');"
            " return box.dataset.state && box.dataset.state === box.dataset.wanted; }",
            timeout=1000 * PATIENCE,
        )
        return self.state

    def shape(self, number: int) -> Any:
        return self.page.locator(f"[data-shape='{number - 1}']")

    def middle(self, number: int) -> tuple[float, float]:
        """Say where on the screen a shape has its middle."""
        box = self.shape(number).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def painted(self) -> list[int]:
        """The pixels of what the model has painted."""
        return list(
            self.page.evaluate(
                "() => { const copy = new OffscreenCanvas(128, 128).getContext('2d');"
                " copy.drawImage(document.querySelector('.lab__picture canvas'), 0, 0);"
                " return [...copy.getImageData(0, 0, 128, 128).data]; }"
            )
        )

    def shows_something(self) -> bool:
        """Tell whether any pixel of it is not black; every fourth number says how opaque it is."""
        return any(level for at, level in enumerate(self.painted()) if at % 4 != 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("lab")
    furnish(folder)
    return folder


@pytest.fixture(scope="module")
def browser(launch: Launcher) -> Browser:
    return launch()


@pytest.fixture
def lab_of(browser: Browser, folder: Any) -> Iterator[Callable[..., Lab]]:
    with files_of(folder) as port:
        contexts = []

        def make(**options: Any) -> Lab:
            context = browser.new_context(**options)
            context.set_default_timeout(1000 * PATIENCE)
            contexts.append(context)
            lab = Lab(context.new_page(), f"http://127.0.0.1:{port}/lab.html")
            lab.page.on("request", lambda request: lab.requests.append(request.url))
            lab.page.on("pageerror", lambda error: lab.troubles.append(str(error)))
            lab.page.on(
                "console",
                lambda m: lab.troubles.append(m.text) if m.type in ("error", "warning") else None,
            )
            return lab

        yield make
        for context in contexts:
            context.close()


@pytest.fixture
def lab(lab_of: Callable[..., Lab]) -> Iterator[Lab]:
    lab = lab_of(viewport={"width": 1280, "height": 1400})
    yield lab
    assert lab.troubles == []


def test_nothing_is_fetched_before_the_reader_touches_the_picture(lab: Lab) -> None:
    lab.open(wake=False)
    lab.page.mouse.move(300, 200)
    lab.page.mouse.wheel(0, 50)
    expect(lab.page.locator(".nb-figure__wake")).to_be_visible()
    assert not [url for url in lab.requests if "live" in url or "lab.json" in url]
    lab.page.locator(".nb-figure__wake").press("Enter")
    lab.page.wait_for_selector(".nb-figure--live", timeout=1000 * PATIENCE)
    assert [url for url in lab.requests if url.endswith("flagship.safetensors.gz")]
    expect(lab.shape(1)).to_be_focused()  # the keyboard goes on where the view begins


def test_a_shape_is_dragged_and_the_model_repaints(lab: Lab) -> None:
    lab.open()
    before = lab.painted()
    x, y = lab.middle(1)
    unit = lab.page.locator(".lab__canvas").bounding_box()["width"] / 128
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    for step in range(1, 21):
        lab.page.mouse.move(x + step * unit, y)
    lab.page.mouse.up()
    assert lab.settled().startswith("o30_12_30_30_4_")
    assert lab.painted() != before
    lab.page.get_by_role("button", name="Undo").click()
    assert lab.settled().startswith("o10_12_30_30_4_"), "one drag is one step back"
    assert lab.painted() == before


@pytest.mark.parametrize("number", [1, 5])
def test_a_shape_that_is_deleted_in_the_hand_leaves_it_empty(lab: Lab, number: int) -> None:
    lab.open()
    shapes = SCENE.split("*")[:5]
    x, y = lab.middle(number)
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x, y + 4)
    lab.page.keyboard.press("Delete")
    for step in range(1, 6):
        lab.page.mouse.move(x, y + 30 * step)
    lab.page.mouse.up()
    left = [shape for i, shape in enumerate(shapes, 1) if i != number]
    assert lab.settled().split("*")[:4] == left, "no other shape has moved"
    lab.shape(2).press("ArrowLeft")  # the view goes on
    assert lab.settled().split("*")[1] != left[1]


def test_a_drag_ends_where_the_pointer_is_taken_away(lab: Lab) -> None:
    lab.open()
    x, y = lab.middle(1)
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.evaluate(
        """() => document.querySelector(".lab__shapes").addEventListener(
          "pointermove", (event) => event.currentTarget.releasePointerCapture(event.pointerId), { once: true })"""
    )
    lab.page.mouse.move(x, y + 20)
    dragged = lab.settled()
    assert dragged != SCENE
    lab.page.mouse.move(x, y + 60)
    lab.page.mouse.move(x, y + 80)
    assert lab.settled() == dragged
    lab.page.mouse.up()


def test_moves_stay_in_the_training_set_until_the_reader_leaves_it(lab: Lab) -> None:
    lab.open()
    for _ in range(40):
        lab.shape(1).press("ArrowRight")
    assert lab.settled().startswith("o48_12_30_30_4_"), "two pixels before its neighbour"
    lab.page.get_by_label("Leave the training set").check()
    for _ in range(4):
        lab.shape(1).press("ArrowRight")
    assert lab.settled().startswith("o56_12_30_30_4_")
    expect(lab.page.locator(".lab__badge")).to_contain_text("shapes that touch")


def test_the_keyboard_alone_does_everything(lab: Lab) -> None:
    lab.open()
    press = lab.page.keyboard.press
    press("ArrowDown")
    press("Shift+ArrowRight")
    assert lab.settled().startswith("o10_14_32_32_4_")
    press("Tab")
    expect(lab.shape(2)).to_be_focused()
    expect(lab.shape(2)).to_have_attribute("aria-pressed", "true")
    press("Delete")
    assert lab.settled().count("o") == 1
    expect(lab.page.locator(".lab__heard")).to_contain_text("of")
    lab.page.get_by_role("button", name="Add a hollow rectangle").press("Enter")
    assert "*b" in lab.settled()
    red = lab.page.get_by_role("slider", name="red")
    red.press("Home")
    assert re.search(r"\*b[^*]*_00[0-9a-f]{4}\*", lab.settled())
    lab.page.get_by_role("button", name="Make it a filled circle").press("Enter")
    expect(lab.page.locator(".lab__heard")).to_contain_text("left out")
    asks = lab.page.get_by_role("slider", name="The patch that asks")
    asks.press("Home")
    asks.press("ArrowRight")
    assert "*p2*" in lab.settled()


def test_what_the_patch_that_asks_shows_is_told_in_words(lab: Lab) -> None:
    lab.open()
    told = lab.page.get_by_text("The patch in")
    share = r"[\d.]+%"
    expect(told).to_have_text(
        re.compile(
            r"^The patch in row \d, column \d asks. It shows a hollow circle, one of 2. "
            rf"On patches of its group: {share}, of which {share} on the other shapes. "
            rf"Uniform attention would put {share} there.$"
        )
    )
    lab.shape(5).focus()
    expect(told).to_contain_text("It shows a filled circle, alone of its kind. On patches")
    lab.page.get_by_role("slider", name="red").press("Home")
    expect(told).to_contain_text("a filled circle whose red does not lead: it must turn black.")
    lab.page.get_by_role("slider", name="The patch that asks").press("Home")
    expect(told).to_have_text(
        "The patch in row 1, column 1 asks. It shows background, which asks for no colour."
    )


def test_a_hidden_shape_has_no_vote(lab: Lab) -> None:
    lab.open()
    target = "() => [...document.querySelectorAll('.lab__swatch[title=true]')].map((s) => s.style.background)"
    before = lab.page.evaluate(target)
    lab.page.get_by_label("Hide Hollow circle 1 from the keys").check()
    assert "*k1" in lab.settled()
    after = lab.page.evaluate(target)
    assert after[1] == "rgb(74, 163, 226)", "the other ring keeps its own colour"
    assert after[0] == after[1] != before[1]
    assert after[2:] == before[2:]


def test_heads_are_stilled_and_replaced_until_it_is_taken_back(lab: Lab) -> None:
    lab.open()
    before = lab.painted()
    lab.page.get_by_label("Still this head").check()
    assert "*sd2.1" in lab.settled()
    assert lab.painted() != before
    lab.page.get_by_role("button", name="is still").click()
    assert "*sd2.1" not in lab.settled()
    assert lab.painted() == before
    lab.page.get_by_label("Put the ideal in its place").check()
    assert "*id2.1" in lab.settled()


def test_of_another_model_the_head_that_is_shown_is_changed(folder: Path, lab: Lab) -> None:
    content = json.loads((folder / "lab.json").read_text("utf-8"))
    content["data"]["models"].append({"name": "encoder-only", "title": "One stream"})
    content["data"]["averages"]["encoder-only"] = {
        f"encoder.{layer}.attention": [0.0] * 128 for layer in range(4)
    }
    lab.page.route("**/lab.json", lambda route: route.fulfill(json=content))
    weights = packed(FLAGSHIP.with_name("compare-encoder-only-seed-0.safetensors"))
    held: list[Route] = []
    lab.page.route("**/encoder-only.*", lambda route: held.append(route))
    lab.open()
    hide = lab.page.get_by_label("Hide Hollow circle 1 from the keys")
    with lab.page.expect_request("**/encoder-only.*"):
        lab.page.get_by_label("Model").select_option("encoder-only")
    expect(lab.page.get_by_label("Layer")).to_have_value("e4")  # it has no d2
    hide.focus()
    held[0].fulfill(body=weights)
    lab.settled()
    expect(hide).to_be_disabled()  # there is no cross-attention whose keys these are
    expect(hide).to_be_focused()
    hide.press("Space")
    expect(hide).not_to_be_checked()
    before = lab.painted()
    for change, written in (("Still this", "*se4.1"), ("Put the ideal", "*ie4.1")):
        box = lab.page.get_by_label(change)
        box.check()
        assert written in lab.settled()
        assert lab.painted() != before
        box.uncheck()
        assert written not in lab.settled()
        assert lab.painted() == before


def test_a_scene_is_an_address_and_reset_leads_back(lab: Lab) -> None:
    lab.open()
    lab.page.get_by_role("button", name="Remove").click()
    scene = lab.settled()
    lab.page.wait_for_function("(scene) => location.search.includes(scene)", arg=scene)
    shown = lab.painted()
    lab.page.reload()
    lab.page.locator(".nb-figure__wake").click()
    lab.page.wait_for_selector(".nb-figure--live", timeout=1000 * PATIENCE)
    assert lab.settled() == scene
    assert lab.painted() == shown
    lab.page.get_by_role("button", name="Reset").click()
    assert lab.settled() == SCENE


@pytest.mark.parametrize(
    ("scene", "word"),
    [
        ("ad1.2", "holds no scene"),
        ("%00*zz*c1_2*o9e9_1_1_1_1_ffffff", "holds no scene"),
        ("c60_60_20_20_0_808080", ""),
        ("r10_10_8_8_0_ff0000*f", "sides below 16"),
        ("r10_10_60_60_0_ff0000", "sides above 40"),
        ("r10_10_30_30_0_ff0000*o20_20_30_30_4_00ff00", "shapes that touch"),
        ("r-900_-900_30_30_0_ff0000", "at the edge"),
        (
            "*".join(f"c{16 * (i % 8)}_{16 * (i // 8)}_8_8_0_ff2010" for i in range(30)),
            "more than 8",
        ),
    ],
)
def test_nonsense_in_the_address_is_answered_in_words(lab: Lab, scene: str, word: str) -> None:
    lab.open(f"?live={scene}#fig-lab")
    if word:
        expect(lab.page.locator(".lab")).to_contain_text(word)
    assert lab.shows_something(), "never a blank"


def test_no_shapes_at_all_are_no_mistake(lab: Lab) -> None:
    lab.open()
    for _ in range(5):
        lab.shape(1).focus()
        lab.page.keyboard.press("Delete")
    lab.settled()
    expect(lab.page.locator(".lab__badge")).to_contain_text("No shapes")
    expect(lab.page.locator(".lab__shapes")).to_be_focused()
    expect(lab.page.get_by_role("button", name="Remove")).to_be_disabled()


def test_the_keyboard_is_never_sent_back_to_the_beginning_of_the_page(lab: Lab) -> None:
    lab.open(f"?live={SCENE.replace('*v1', '')}#fig-lab", wake=False)
    lab.page.locator(".nb-figure__wake").press("Enter")
    expect(lab.page.locator(".lab__shapes")).to_be_focused()  # no shape is chosen
    lab.shape(1).press("ArrowDown")
    undo = lab.page.get_by_role("button", name="Undo")
    undo.focus()
    for _ in range(3):  # the move, the choice, and once more than there is
        lab.page.keyboard.press("Enter")
    expect(undo).to_be_disabled()
    expect(undo).to_be_focused()
    assert lab.settled() == SCENE.replace("*v1", "")
    still = lab.page.get_by_label("Still this head")
    still.check()
    lab.page.get_by_label("Put the ideal in its place").check()
    lab.page.get_by_role("button", name="is still").press("Enter")
    ideal = lab.page.get_by_role("button", name="has the ideal weights")
    expect(ideal).to_be_focused()
    lab.page.keyboard.press("Enter")
    expect(still).to_be_focused()


def test_a_newer_scene_replaces_one_that_waits(lab: Lab) -> None:
    """However fast the reader moves, at most one scene is under way and one waits."""
    lab.open()
    lab.page.evaluate(
        """() => {
          const post = Worker.prototype.postMessage;
          window.posted = [];
          Worker.prototype.postMessage = function (message) {
            window.posted.push(message.shapes[0].box[0]);
            return post.call(this, message);
          };
          const shape = document.querySelector("[data-shape='0']");
          for (let step = 0; step < 10; step++)
            shape.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
        }"""
    )
    assert lab.settled().startswith("o30_")
    assert lab.page.evaluate("window.posted") == [12, 30]


def test_a_finger_drags_a_shape_and_does_not_scroll_the_page(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of(viewport={"width": 375, "height": 800}, has_touch=True, is_mobile=True)
    lab.open()
    lab.shape(1).scroll_into_view_if_needed()
    x, y = lab.middle(1)
    unit = lab.page.locator(".lab__canvas").bounding_box()["width"] / 128
    top = lab.page.evaluate("scrollY")
    session = lab.page.context.new_cdp_session(lab.page)
    touch = "Input.dispatchTouchEvent"
    session.send(touch, {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        point = {"x": x, "y": y + step * unit}
        session.send(touch, {"type": "touchMove", "touchPoints": [point]})
    session.send(touch, {"type": "touchEnd", "touchPoints": []})
    lab.page.wait_for_function(
        "() => document.querySelector('.nb-figure__view').dataset.state.startsWith('o10_22_')"
    )
    assert lab.page.evaluate("scrollY") == top
    width = lab.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 375, "nothing sticks out of a phone"
    assert lab.troubles == []


@pytest.mark.parametrize("switches_first", [True, False])
def test_on_a_phone_what_a_reader_changes_stands_above_what_that_changes(
    folder: Path, lab_of: Callable[..., Lab], *, switches_first: bool
) -> None:
    """By a shape's switch or in the canvas: pictures follow the one for which a reader has come."""
    content = json.loads((folder / "lab.json").read_text("utf-8"))
    content["data"] |= {"parts": ["colours", "look"], "switchesFirst": switches_first}
    lab = lab_of(viewport={"width": 390, "height": 844})
    lab.page.route("**/lab.json", lambda route: route.fulfill(json=content))
    lab.open()
    middle = (
        (".lab__colour", ".lab__picture") if switches_first else (".lab__picture", ".lab__colour")
    )
    tops = [
        lab.page.locator(name).first.bounding_box()["y"]
        for name in (".lab__canvas", *middle, ".lab__looks")
    ]
    assert tops == sorted(tops)
    changes, shows = (1, 2) if switches_first else (0, 1)
    assert tops[shows] - tops[changes] < 844 / 2, "both are in sight"
    assert lab.troubles == []


def test_of_two_fingers_the_first_one_drags(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of(viewport={"width": 375, "height": 800}, has_touch=True, is_mobile=True)
    lab.open()
    lab.page.locator(".lab__canvas").scroll_into_view_if_needed()
    unit = lab.page.locator(".lab__canvas").bounding_box()["width"] / 128
    session = lab.page.context.new_cdp_session(lab.page)
    (x1, y1), (x2, y2) = lab.middle(1), lab.middle(2)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touched = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    touch("touchStart", (x1, y1))
    touch("touchStart", (x1, y1), (x2, y2))
    touch("touchMove", (x1, y1 + 6 * unit), (x2, y2 + 4 * unit))
    touch("touchMove", (x1, y1 + 10 * unit))  # the other one is up
    touch("touchEnd")
    lab.page.wait_for_function(
        "() => document.querySelector('.nb-figure__view').dataset.wanted.startsWith('o10_22_')"
    )
    assert lab.settled().split("*")[1] == SCENE.split("*")[1], "the other one moves nothing"
    assert lab.troubles == []


def test_without_webassembly_javascript_does_the_same(folder: Any, lab: Lab) -> None:
    lab.open()
    fast = lab.painted()
    lab.page.route("**/*.wasm", lambda route: route.fulfill(body="no module"))
    lab.page.reload()
    lab.page.locator(".nb-figure__wake").click()
    lab.page.wait_for_selector(".nb-figure--live", timeout=1000 * PATIENCE)
    lab.settled()
    expect(lab.page.locator(".lab")).to_contain_text("by JavaScript")
    assert max(abs(a - b) for a, b in zip(fast, lab.painted(), strict=True)) <= 1


@pytest.mark.parametrize("file", ["worker.js", "products.js", "flagship.safetensors.gz", "*.wasm"])
def test_what_cannot_be_fetched_is_told_and_tried_again(lab: Lab, file: str) -> None:
    """The worker's script, one that it imports, the weights, the kernel: with the network all is whole again."""
    lab.page.route(f"**/{file}", lambda route: route.abort())
    lab.open(wake=False)
    lab.page.locator(".nb-figure__wake").click()
    expect(lab.page.locator(".lab")).to_contain_text("could not be loaded")
    lab.page.unroute(f"**/{file}")
    lab.shape(1).press("ArrowDown")
    assert lab.settled().startswith("o10_14_")
    expect(lab.page.locator(".lab")).to_contain_text("by WebAssembly")
    assert lab.shows_something()
    lab.troubles.clear()  # the browser notes what did not come


@pytest.mark.parametrize("file", ["lab.js", "editor.js", "lab.css"])
def test_a_view_that_does_not_come_whole_is_offered_again(lab: Lab, file: str) -> None:
    lab.page.route(f"**/{file}", lambda route: route.abort())
    lab.open(wake=False)
    wake = lab.page.locator(".nb-figure__wake")
    wake.click()
    expect(wake).to_contain_text("could not be loaded")
    expect(lab.page.locator(".lab")).to_have_count(0)
    lab.page.unroute(f"**/{file}")
    wake.click()
    lab.page.wait_for_selector(".nb-figure--live", timeout=1000 * PATIENCE)
    lab.settled()
    lab.troubles.clear()  # the browser notes what did not come


@pytest.mark.parametrize("scheme", ["default", "slate"])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_live_view_has_no_accessibility_mistakes(
    lab_of: Callable[..., Lab], width: int, scheme: str
) -> None:
    lab = lab_of(viewport={"width": width, "height": 1400}, reduced_motion="reduce")
    lab.open(f"?live={SCENE}*sd2.1*k2*f#fig-lab")
    lab.page.evaluate(f"document.body.dataset.mdColorScheme = '{scheme}'")
    lab.page.evaluate(AXE.read_text("utf-8"))
    found = lab.page.evaluate("axe.run('figure', { rules: { 'target-size': { enabled: true } } })")
    assert [
        (each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]
    ] == []


def test_from_the_disk_a_sentence_says_why_it_stays_still(browser: Browser, folder: Path) -> None:
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto((folder / "lab.html").as_uri())
    expect(page.locator(".nb-figure__still")).to_contain_text("From the disk")
    expect(page.locator(".nb-figure__wake")).to_have_count(0)
    page.close()


@pytest.mark.parametrize(
    ("of_worker", "backend"), [(worker_policy(), "WebAssembly"), (policy(""), "JavaScript")]
)
def test_the_policy_holds_as_a_header_too(lab: Lab, of_worker: str, backend: str) -> None:
    """Only the worker's own response may allow WebAssembly; where it does not, JavaScript serves."""

    def answer(route: Route) -> None:
        response = route.fetch()
        held = of_worker if route.request.url.endswith("worker.js") else policy("")
        headers = {**response.headers, "content-security-policy": held}
        route.fulfill(response=response, headers=headers)

    lab.page.route("**/*", answer)
    lab.open()
    expect(lab.page.locator(".lab")).to_contain_text(f"by {backend}")
    if backend == "JavaScript":
        lab.troubles.clear()  # the browser notes what it forbade


@pytest.mark.parametrize("file", ["flagship.safetensors.gz", "worker.js"])
def test_a_change_made_while_a_file_is_on_its_way_in_vain_tries_again_by_itself(
    lab: Lab, file: str
) -> None:
    held: list[Route] = []
    lab.page.route(f"**/{file}", lambda route: held.append(route), times=1)
    lab.open(wake=False)
    with lab.page.expect_request(f"**/{file}"):
        lab.page.locator(".nb-figure__wake").click()
    lab.shape(1).press("ArrowDown")
    lab.page.wait_for_function(
        "() => document.querySelector('.nb-figure__view').dataset.wanted.startsWith('o10_14_')"
    )
    held[0].abort()
    assert lab.settled().startswith("o10_14_")
    assert lab.shows_something()
    lab.troubles.clear()  # the browser notes what did not come
