"""The calculator of caches and the steps of routing: they compute what the code computes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, expect

from shapes_of_attention.figures.cache_calculator import SIZES, binary
from shapes_of_attention.language_model import LanguageModelConfig
from shapes_of_attention.language_model.cache_size import cache_bytes
from tests.support.browser import watched
from tests.support.published import Site
from tests.support.servers import BASE, ORIGIN


def data_of(published: Site, view: str) -> tuple[str, dict[str, Any]]:
    """Return the post that has a view, and what its script is given."""
    for page in published.pages:
        found = re.search(
            rf'<figure[^>]*data-source="([^"]+)"[^>]*data-view="{view}"', published.text(page)
        )
        if found and page.startswith("posts/"):
            return page, dict(json.loads(published.text(found[1].removeprefix("../")))["data"])
    raise AssertionError(f"no post has {view}")


LIVE = re.compile(r"\bnb-figure--live\b")
#: What of a view reaches beyond its right edge.
BEYOND = """view => [...view.querySelectorAll("*")]
  .filter((one) => one.getBoundingClientRect().right > view.getBoundingClientRect().right + 1)
  .map((one) => one.className)"""


@contextmanager
def reader(browser: Browser, page: str, inside: str) -> Iterator[Page]:
    with watched(browser, viewport={"width": 375, "height": 812}) as tab:
        tab.page.goto(ORIGIN + BASE + page)
        tab.page.wait_for_function("() => window.notebookEmbed")
        tab.page.mouse.move(100, 300)  # the first sign of a reader
        tab.page.locator(inside).wait_for()
        yield tab.page
        assert not tab.page.locator(inside).evaluate(BEYOND)
        assert not tab.take()


def test_the_calculator_counts_as_the_code_does(published: Site, browser: Browser) -> None:
    page, data = data_of(published, "cache-calculator")
    first = data["models"][0]
    config = LanguageModelConfig(**{size: first[size] for size in SIZES})

    def counted(tokens: int) -> list[str]:
        found = cache_bytes(
            config,
            window=first["window"],
            tokens=tokens,
            sequences=data["sequences"],
            bytes_per_number=data["bytes"],
        )
        return [binary(found[kind]) for kind, _ in data["titles"]]

    with reader(browser, page, ".calculator") as tab:
        shown = tab.locator(".calculator__count b")
        expect(shown).to_have_text(counted(data["tokens"]))
        tokens = tab.get_by_label("Tokens of a text")
        tokens.fill("1000")
        expect(shown).to_have_text(counted(1000))
        # Once a figure further down, in which nothing is set, is taken down, so is all that is not kept.
        witness = tab.locator("figure[data-plotly]").first
        witness.scroll_into_view_if_needed()
        expect(witness).to_have_class(LIVE)
        tab.evaluate("() => scrollTo(0, document.body.scrollHeight)")
        expect(witness).not_to_have_class(LIVE)
        tokens.scroll_into_view_if_needed()
        expect(tokens).to_have_value("1000")
        for wrong in ("", "0", "-3", "1.5"):
            tokens.fill(wrong)
            expect(tab.locator(".calculator__note")).to_contain_text("Whole numbers from 1")
            expect(shown).to_have_text(counted(1000))
        tokens.fill("2000")
        expect(tab.locator(".calculator__note")).to_be_empty()
        tab.get_by_label("Heads", exact=True).fill("7")
        expect(tab.locator(".calculator__note")).to_contain_text("equal groups")


def test_the_calculator_writes_bytes_as_the_picture_does(published: Site, browser: Browser) -> None:
    """Around all that decides a unit or a digit, at what halves are, and anywhere."""
    page, _ = data_of(published, "cache-calculator")
    edges = [
        edge * 1024**power
        for power in range(5)
        for around in (1, 9.995, 10, 99.95, 100, 1000, 1023.5, 1024)
        for edge in (around, around * (1 - 1e-6), around * (1 + 1e-6), around - 0.005)
    ]
    halves = [(one + 0.5) / 100 * 1024 for one in range(100, 1000, 7)]
    anywhere = np.exp(np.random.default_rng(0).uniform(0, 36, 2000)).round().tolist()
    counts = [0, *edges, *halves, *anywhere]
    with reader(browser, page, ".calculator") as tab:
        script = f"{BASE}assets/site/cache-calculator.js"
        written = tab.evaluate(
            "async ([script, counts]) => counts.map((await import(script)).binary)",
            [script, counts],
        )
    assert written == [binary(count) for count in counts]


def test_routing_chooses_and_weighs_as_the_router_does(published: Site, browser: Browser) -> None:
    page, data = data_of(published, "routing")
    shares, bias = np.array(data["probabilities"]), np.array(data["bias"])
    with reader(browser, page, ".routing") as tab:
        words = tab.locator(".routing__words")
        image = tab.get_by_role("slider", name="Patch")
        tab.get_by_role("button", name="4 Work and add").click()
        last, below = len(shares) - 1, 1 + data["grid"]
        keys = {"Home": 0, "ArrowUp": 0, "ArrowRight": 1, "ArrowDown": below, "End": last}
        for key, patch in keys.items():
            image.press(key)
            for added in (bias, 0 * bias):
                tab.get_by_label("balancing bias").set_checked(bool(added.any()))
                best = np.argsort(-(shares[patch] + added))[: data["chosen"]]
                weights = shares[patch][best] / shares[patch][best].sum()
                parts = [
                    f"{weight:.2f} × E{expert + 1}"
                    for expert, weight in zip(best, weights, strict=True)
                ]
                expect(words).to_contain_text(" + ".join(parts))
