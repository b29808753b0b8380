"""The built pages: nothing foreign, nothing inline, and what every page must say."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlparse
from xml.etree import ElementTree

import pytest

from tests.support.scratch_blog import URL, Blog

ROOT = Path(__file__).resolve().parents[2]

# Links that a browser follows by itself; canonical, alternate, prev and next it does not.
LOADED_LINKS = {"stylesheet", "preload", "icon", "modulepreload", "prefetch", "preconnect"}
LOADED_LINKS |= {"dns-prefetch", "manifest", "apple-touch-icon"}


class Resources(HTMLParser):
    """Everything that a browser loads by itself, and every script without a file."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline_scripts: list[dict] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.handlers += [name for name in attributes if name.startswith("on")]
        if tag == "link" and set((attributes.get("rel") or "").split()) & LOADED_LINKS:
            self.loaded.append(attributes.get("href") or "")
        if tag in {"script", "img", "source", "iframe", "video", "audio", "embed", "use"}:
            for name in ("src", "srcset", "href", "xlink:href"):
                if value := attributes.get(name):
                    self.loaded.append(value)
        if tag == "script" and "src" not in attributes:
            self.inline_scripts.append(attributes)


def resources(html: str) -> Resources:
    parser = Resources()
    parser.feed(html)
    return parser


def pages(blog: Blog) -> list[Path]:
    return sorted(blog.site.rglob("*.html"))


def test_no_page_loads_anything_from_another_host(built):
    assert len(pages(built)) >= 8
    for page in pages(built):
        for url in resources(page.read_text(encoding="utf-8")).loaded:
            assert not urlparse(url).netloc, f"{page.name} loads {url}"


def test_no_style_sheet_loads_anything_from_another_host(built):
    for sheet in built.site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert "@import" not in text
        for url in re.findall(r"url\(\s*[\"']?([^)\"']+)", text):
            assert url.startswith("data:") or not urlparse(url).netloc, f"{sheet.name}: {url}"
            if not url.startswith(("data:", "#")):
                assert (sheet.parent / url).is_file(), f"{sheet.name} names {url}"


def test_our_scripts_name_no_other_host():
    scripts = [*(ROOT / "assets/theme").rglob("*.js")]
    scripts.append(ROOT / "code/notebook_embed/static/figures.js")
    for script in scripts:
        # A namespace is a name that looks like an address; nothing is fetched from it.
        text = script.read_text(encoding="utf-8").replace('"http://www.w3.org/2000/svg"', "")
        assert "://" not in text, script.name


def test_no_page_has_inline_code_but_the_one_that_the_policy_names(built):
    for page in pages(built):
        found = resources(page.read_text(encoding="utf-8"))
        data = {"application/json", "application/ld+json"}
        code = [script for script in found.inline_scripts if script.get("type") not in data]
        assert len(code) == 1 and "data-base" in code[0], page.name
        assert not found.handlers, page.name


def test_everything_that_a_page_loads_is_there(built):
    for page in pages(built):
        if page.name == "404.html":
            continue  # its addresses are absolute: it is shown at any address
        for url in resources(page.read_text(encoding="utf-8")).loaded:
            assert (page.parent / urlparse(url).path).resolve().is_file(), f"{page.name}: {url}"


def test_the_footer_says_what_built_the_page(built):
    for name in ("index.html", "posts/vision.html"):
        footer = built.html(name).split('<footer class="site-footer"')[1]
        assert "<code>012345678</code>" in footer
        assert '<time datetime="2026-09-21">' in footer
        for package in ("python", "torch", "plotly", "mkdocs-material"):
            assert re.search(rf"{package} \d+\.\d+", footer)


def test_a_post_says_what_it_is(built):
    html = built.html("posts/vision.html")
    assert html.count("<h1") == 1
    assert '<meta name="description" content="What a vision transformer attends to.">' in html
    assert '<meta property="og:type" content="article">' in html
    assert "Shapes · Part 3" in html
    assert '<p class="post-lead">At the end you can say where a patch looks.</p>' in html
    needs = re.search(r'<p class="post-meta post-needs">(.*?)</p>', html, re.S)
    assert needs is not None
    assert '<a href="foundations-of-attention.html">part 1</a>: dot products.' in needs[1]
    assert re.search(r"updated\s+<time datetime=\"2026-04-01\"", html)
    assert re.search(r"\d+ min read", html)
    assert f'<link rel="canonical" href="{URL}posts/vision.html">' in html
    assert "@article{vision-2026," in html
    assert ">The dataset</a>" in html
    assert 'aria-label="Download The dataset as ipynb"' in html


def test_the_front_page_shows_a_series_as_a_path_and_other_posts_by_their_words(built):
    html = built.html("index.html")
    path = html[html.index('<section class="path') :].split("</section>")[0]
    assert re.findall(r'<li class="path__step" value="(\d)"', path) == ["1", "3"]
    assert "Say where a patch looks." in path
    assert "Dot products and masks." in path  # its description, where there is no goal
    assert re.search(r"\d+ min read\s*<span[^>]*>needs part 1</span>", path)
    excerpts = html.split("</section>", 1)[1]
    assert "Nothing before it and nothing after it." in excerpts
    assert "An image is a sequence of patches." not in html


def test_the_archive_and_the_topics_list_every_post(built):
    for name in ("vision", "foundations-of-attention", "a-post-on-its-own"):
        assert f'href="posts/{name}.html"' in built.html("archive.html")
    topics = built.html("tags.html")
    assert topics.count('href="posts/vision.html"') == 2
    assert 'href="posts/a-post-on-its-own.html"' not in topics


def test_feeds_hold_every_post_with_its_date_and_no_wall_clock(built):
    feed = ElementTree.parse(built.site / "feed.xml").getroot().find("channel")
    assert feed is not None
    items = {item.findtext("title"): item.findtext("pubDate") for item in feed.iter("item")}
    assert list(items) == [
        "Vision Transformers: Patches & Cross-Attention",
        "A post on its own",
        "Foundations of Attention",
    ]
    assert items["A post on its own"] == "Sun, 01 Feb 2026 00:00:00 +0000"
    tags = {tag.text for tag in feed.iter("category")}
    assert tags >= {"attention", "R&D"}
    assert 'id="tag:r-26-d"' in built.html("tags.html")
    assert feed.findtext("pubDate", "").startswith("Mon, 21 Sep 2026")
    assert feed.findtext("image/url") == f"{URL}assets/social/default.png"
    updated = json.loads((built.site / "feed-updated.json").read_text(encoding="utf-8"))
    assert updated["items"][0]["date_modified"].startswith("2026-04-01")


def test_robots_and_sitemap_name_the_address(built):
    assert f"Sitemap: {URL}sitemap.xml" in (built.site / "robots.txt").read_text(encoding="utf-8")
    assert f"{URL}posts/vision.html" in (built.site / "sitemap.xml").read_text(encoding="utf-8")


def test_two_builds_are_the_same_bytes(built, blog, monkeypatch):
    monkeypatch.setenv("BUILD_COMMIT", "0123456789abcdef")
    blog.build()

    def tree(site: Path) -> dict[str, str]:
        return {
            path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(site.rglob("*"))
            if path.is_file()
        }

    assert tree(blog.site) == tree(built.site)


def test_a_post_without_a_description_stops_a_strict_build(blog):
    blog.write("docs/posts/bare.md", "---\ntitle: Bare\ndate: 2026-01-01\n---\n\nText.\n")
    with pytest.raises(SystemExit, match="strict mode"):
        blog.build()


def test_tags_that_share_an_address_stop_a_strict_build_with_both_pages(blog, caplog):
    text = "---\ntitle: Maps\ndate: 2026-01-01\ndescription: Maps.\ntags: [Vision]\n---\n\nText.\n"
    blog.write("docs/posts/maps.md", text)
    with pytest.raises(SystemExit, match="strict mode"):
        blog.build()
    [told] = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert all(part in told for part in ("posts/maps.md", "posts/third.md", "'Vision'", "'vision'"))


def test_topics_are_sorted_as_in_a_dictionary(built):
    page = (built.site / "tags.html").read_text(encoding="utf-8")
    topics = re.findall(r'href="#tag:[^"]*" class="page-toc__link">([^<]+)<', page)
    assert topics == ["attention", "R&D", "vision"]


def test_vendored_files_are_those_of_the_record():
    record = json.loads((ROOT / "assets/vendored.json").read_text(encoding="utf-8"))
    assert {"katex", "plotly.js-cartesian-dist-min"} <= {package["name"] for package in record}
    for package in record:
        assert (ROOT / package["licence_text"]).is_file()
        for name, digest in package["sha256"].items():
            assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == digest, name
