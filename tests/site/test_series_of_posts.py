"""The posts as a series: each is one sitting, each figure has one place, and old addresses lead on."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from playwright.sync_api import Browser

from tests.site.test_no_number_is_typed import POSTS
from tests.support.browser import wait_for_fonts, watched
from tests.support.published import Site
from tests.support.servers import BASE, ORIGIN

#: Minutes that a post may take, by the site's own count (blog_site.reading_time), in their order.
AT_MOST = {
    "foundations-of-attention": 25,
    "efficient-attention": 25,
    "vision-transformers": 30,
    "does-attention-explain": 25,
    "what-beats-what": 20,
    "caching-and-latent-attention": 25,
    "mixture-of-experts": 20,
}

#: Anchors that posts had before sections of theirs became posts of their own.
OLD_ANCHORS = {
    "vision-transformers": """
        fig-puzzle attention-in-short shapes-on-black fig-batch four-kinds fig-kinds
        rule-one-every-kind-takes-its-mean-colour fig-averaging rule-two-only-red-circles-count
        fig-red-filter both-rules-at-once fig-input-filter-target fig-one-image fig-truth
        the-target-is-attention fig-ideal-attention fig-one-by-one from-pixels-to-tokens
        fig-four-steps one-token-a-channel fig-channel-tokens notation where-is-a-token
        without-positions-nobody-knows three-ways-to-say-where fig-clocks how-alike-are-two-places
        fig-position-maps one-picture-asks-another self-and-cross fig-sources the-model fig-blocks
        one-query-step-by-step fig-mechanism is-it-the-real-thing without-one-half
        where-the-model-looks fig-explorer fig-drag one-patch-five-views fig-one-patch
        all-queries-at-once fig-matrices fig-beside-ideal fig-disc-to-ring held-out-examples
        fig-held-out red-green-and-blue-apart fig-channel-shares fig-circles-by-channel
        does-attention-explain a-score-that-flatters fig-head-scores count-what-is-carried
        hide-a-shape fig-hide-explorer fig-hide fig-change-scatter one-head-at-a-time
        fig-head-effects fig-still fig-score-against-effect exchange-the-weights
        fig-exchanged-weights a-model-whose-maps-mislead fig-deeper-maps fig-hiding-by-module
        what-is-shown-and-what-is-not the-red-filter-at-work turn-the-red-down fig-red-slider
        how-sharp-how-exact fig-threshold-curves fig-turn-red with-and-without fig-on-and-off
        units-that-find-red-circles fig-unit-ranking fig-best-units fig-activation-maps
        fig-class-profile results what-it-paints fig-examples fig-recolour where-it-fails
        fig-worst fig-crowding fig-crowd five-models-one-budget fig-comparison
        fig-comparison-chart fig-curves fig-rates the-same-images-painted-by-each fig-paintings
        the-fully-connected-network the-u-net one-token-a-channel_1 what-each-part-is-worth
        fig-ablations fig-changes discussion what-cross-attention-taught-us patch-size positions
        cheaper-attention what-comes-next multi-head-latent-attention many-heads-one-cache
        fig-shared-keys compress-then-expand fig-standard-and-latent why-there-is-a-second-key
        the-module what-the-cache-holds measured fig-comparison-2 fig-recall-over-training
        fig-speed when-not-to-use-it mixture-of-experts where-the-cost-sits two-of-eight
        fig-one-token balance fig-load-over-training fig-layer-loads who-takes-what
        fig-expert-maps fig-expert-gallery fig-expert-diet was-it-worth-it fig-error-curves
        fig-results fig-speed-2 when-not-to-use-it_1 a-snippet-that-cannot-run references
    """,
    "efficient-attention": """
        what-the-square-costs fig-full leaving-pairs-out local-attention-in-linear-time
        learning-how-far-to-look fig-soft-mask zeros-that-mean-it
        fig-entmax-weights linformer-fewer-keys fig-linformer-diagram
        performer-features-instead-of-pairs fig-performer-diagram reformer-hash-sort-compare
        fig-reformer-diagram what-can-be-proved what-they-get-wrong fig-errors what-they-cost
        fig-all fig-table fig-peers keys-and-values-cached the-same-work-again-and-again
        fig-fill-and-append in-shapes the-difference-in-code the-same-text in-a-framework
        what-it-saves fig-flops fig-cost-against-length fig-generation when-not-to-use-it
        trained-on-the-series fig-accuracy fig-trained-table where-plain-attention-wins
        sparsity-that-is-learned exercises references
    """,
}


def post_page(slug: str) -> str:
    return f"posts/{slug}.html"


def minutes(html: str) -> int:
    found = re.search(r"(\d+) min read", html)
    assert found
    return int(found[1])


@pytest.mark.parametrize("slug", AT_MOST)
def test_a_post_is_one_sitting(published: Site, slug: str) -> None:
    assert minutes(published.text(post_page(slug))) <= AT_MOST[slug]


class LongCode(HTMLParser):
    """Counts the lines of code blocks that stand open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.folds = self.blocks = 0
        self.lengths: list[int] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.folds += tag == "details"
        self.blocks += tag == "pre"
        if tag == "pre" and not self.folds:
            self.lengths.append(1)

    def handle_endtag(self, tag: str) -> None:
        self.folds -= tag == "details"
        self.blocks -= tag == "pre"

    def handle_data(self, data: str) -> None:
        if self.blocks and not self.folds:
            self.lengths[-1] += data.count("\n")


@pytest.mark.parametrize("slug", AT_MOST)
def test_code_of_more_than_twenty_lines_is_folded(published: Site, slug: str) -> None:
    text = published.text(post_page(slug)).partition("post-footer")[0]
    # The last line of a block ends with a line end of its own.
    assert max(LongCode(text).lengths, default=0) <= 21


@pytest.mark.parametrize("slug", AT_MOST)
def test_every_formula_fits_a_phone(published: Site, browser: Browser, slug: str) -> None:
    # A wider one would scroll, but nothing on a phone says so: break it into lines.
    with watched(browser, viewport={"width": 390, "height": 844}) as tab:
        tab.page.goto(ORIGIN + BASE + post_page(slug))
        wait_for_fonts(tab.page)
        wide = tab.page.evaluate("""() => {
          for (const fold of document.querySelectorAll("details")) fold.open = true;
          return [...document.querySelectorAll(".math--display, .katex-display")]
            .filter((formula) => formula.scrollWidth > formula.clientWidth)
            .map((formula) => `${formula.scrollWidth} px: ${formula.textContent}`);
        }""")
        assert not wide


def test_every_post_is_in_the_table() -> None:
    assert {post.stem for post in POSTS} == set(AT_MOST)


def test_a_figure_appears_in_one_post_only() -> None:
    # Alone in its paragraph an embed is a figure, a table or code; in a sentence it is a value.
    alone = re.compile(r"\n\n *!\[[^\]]*\]\(\.\./notebooks/([^) ]+)[^\n]*(?=\n\n|\n?$)")
    shown = Counter(
        embed for post in POSTS for embed in set(alone.findall(post.read_text("utf-8")))
    )
    assert len(shown) > 80
    assert not [embed for embed, posts in shown.items() if posts > 1]


def test_series_feeds_and_citations_know_every_post(published: Site) -> None:
    slugs = list(AT_MOST)
    index = published.text("index.html")
    assert re.findall(r'path__title"><a href="posts/([\w-]+)\.html"', index) == slugs
    for name in ("feed", "feed-updated"):  # newest first; of one day, the later part
        items = json.loads(published.text(f"{name}.json"))["items"]
        pages = [ORIGIN + BASE + post_page(slug) for slug in reversed(slugs)]
        assert [item["url"] for item in items] == pages
        assert (
            re.findall(r"<link>([^<]*/posts/[^<]*)</link>", published.text(f"{name}.xml")) == pages
        )
    archive = published.text("archive.html")
    search = published.text("search/search_index.json")
    listed = re.findall(r'href="posts/([\w-]+)\.html"', archive)
    assert listed == slugs[::-1]
    for at, slug in enumerate(slugs):
        html = published.text(post_page(slug))
        box = html.partition('<nav class="series"')[2].partition("</nav>")[0]
        assert re.findall(r'href="([\w-]+)\.html"', box) == slugs[:at] + slugs[at + 1 :]
        neighbours = html.partition('<nav class="neighbours"')[2].partition("</nav>")[0]
        around = [*slugs[max(at - 1, 0) : at], *slugs[at + 1 : at + 2]]
        assert re.findall(r'href="([\w-]+)\.html"', neighbours) == around
        assert f"@article{{{slug}-" in html
        assert f'"location":"{post_page(slug)}"' in search


def test_a_notebook_names_the_posts_that_show_it(published: Site) -> None:
    for post in POSTS:
        for name in set(re.findall(r"\(\.\./notebooks/([\w-]+)\.py#", post.read_text("utf-8"))):
            page = published.text(f"notebooks/{name}.html")
            shown = re.search(r"Shown in (.*)", page)
            assert shown, name
            assert f'href="../{post_page(post.stem)}"' in shown[1], f"{name}: {post.stem}"


@pytest.mark.parametrize("slug", OLD_ANCHORS)
def test_old_addresses_lead_to_where_their_section_went(published: Site, slug: str) -> None:
    html = published.text(post_page(slug))
    ids = set(re.findall(r'\bid="([^"]+)"', html))
    assert set(OLD_ANCHORS[slug].split()) <= ids
    # A link without scripts; test_every_link_and_anchor_leads_somewhere follows it.
    moved = re.findall(r'<a class="moved" href="([^"]+)" id="([^"]+)"', html)
    assert len(moved) > 5
    assert all(re.match(r"[\w-]+\.html(#|$)", link) for link, _ in moved)


def test_a_browser_is_led_on(published: Site, browser: Browser) -> None:
    with watched(browser) as tab:
        tab.page.goto(ORIGIN + BASE + post_page("vision-transformers") + "#fig-head-scores")
        tab.page.wait_for_url("**/does-attention-explain.html#fig-head-scores")
        tab.page.locator("#fig-head-scores").wait_for()
        assert not tab.take()
