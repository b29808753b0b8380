"""What is in the site, file by file: links, ids, feeds, downloads, and nothing of the machine."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree

import html5lib
import nbformat
import pytest
from PIL import Image

from blog_site.content_security import WORKER, worker_policy
from tests.support.published import BUILT_ON, COMMIT, ROOT, Site
from tests.support.servers import BASE, ORIGIN


class Document(HTMLParser):
    """The links, ids, images and loaded files of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if identity := found.get("id"):
            self.ids.append(identity)
        if tag == "a" and found.get("href"):
            self.links.append(found["href"] or "")
        if tag == "img":
            self.images.append(found)
        for key in ("src", "data-plotly"):
            if found.get(key):
                self.loads += (found[key] or "").split()
        if tag == "link" and found.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(found.get("href") or "")


@pytest.fixture(scope="module")
def documents(published: Site) -> dict[str, Document]:
    return {name: Document(published.text(name)) for name in published.pages}


def target(page: str, url: str) -> tuple[str, str] | None:
    """Return the file of the site and the fragment that a link means; None: another host."""
    absolute = urlsplit(urljoin(ORIGIN + BASE + page, url))
    if f"{absolute.scheme}://{absolute.netloc}" != ORIGIN:
        return None
    assert absolute.path.startswith(BASE), f"{page}: {url} leaves the base path"
    name = unquote(absolute.path.removeprefix(BASE)) or "index.html"
    return (name + "index.html" if name.endswith("/") else name), unquote(absolute.fragment)


def test_there_is_a_page_for_all_that_should_have_one(published: Site) -> None:
    pages = set(published.pages)
    assert {"404.html", "index.html", "archive.html", "tags.html", "authoring-guide.html"} <= pages
    assert "posts/vision-transformers.html" in pages
    for notebook in (ROOT / "docs/notebooks").glob("*.py"):
        assert f"notebooks/{notebook.stem}.html" in pages


def test_every_link_and_anchor_leads_somewhere(
    published: Site, documents: dict[str, Document]
) -> None:
    dead = []
    for page, document in documents.items():
        for url in [*document.links, *document.loads]:
            if url.startswith(("mailto:", "data:")) or (found := target(page, url)) is None:
                continue
            name, fragment = found
            if not (published.folder / name).is_file():
                dead.append(f"{page}: {url}")
            elif fragment and name in documents and fragment not in documents[name].ids:
                dead.append(f"{page}: {url} (no such anchor)")
    assert not dead, "\n".join(dead)


def test_nothing_is_loaded_from_another_host(
    published: Site, documents: dict[str, Document]
) -> None:
    foreign = [
        f"{page}: {url}"
        for page, document in documents.items()
        for url in document.loads
        if not url.startswith("data:") and target(page, url) is None
    ]
    for style in published.folder.rglob("*.css"):
        for url in re.findall(r"url\(['\"]?([^)'\"]+)", style.read_text("utf-8")):
            if url.startswith(("http", "//")):
                foreign.append(f"{style.name}: {url}")
            elif not url.startswith(("data:", "#")):
                assert (style.parent / url.split("?")[0]).is_file(), f"{style.name}: {url}"
    assert not foreign, "\n".join(foreign)


def test_ids_are_given_once_a_page(documents: dict[str, Document]) -> None:
    for page, document in documents.items():
        twice = {identity for identity in document.ids if document.ids.count(identity) > 1}
        assert not twice, f"{page}: {twice}"


def test_every_page_is_valid_html(published: Site) -> None:
    troubles = []
    for name in published.pages:
        parser = html5lib.HTMLParser()
        parser.parse(published.text(name))
        troubles += [f"{name}, line {line}: {what} {of}" for (line, _), what, of in parser.errors]
    assert not troubles, "\n".join(troubles)


def test_the_policy_names_the_one_script_that_stands_in_a_page(published: Site) -> None:
    for name in published.pages:
        document = html5lib.parse(published.text(name), namespaceHTMLElements=False)
        metas = {meta.get("http-equiv"): meta.get("content") for meta in document.iter("meta")}
        scripts = [
            script.text or ""
            for script in document.iter("script")
            if not script.get("src") and script.get("type") in (None, "module")
        ]
        assert len(scripts) == 1, f"{name}: {scripts}"
        digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
        assert f"script-src 'self' 'sha256-{digest}';" in (metas["Content-Security-Policy"] or "")


def test_browsers_are_told_to_compile_what_starts_every_page(published: Site) -> None:
    (bundle,) = (published.folder / "assets/javascripts").glob("bundle.*.min.js")
    assert bundle.read_text("utf-8").startswith("//# allFunctionsCalledOnLoad\n")
    assert f'src="{bundle.relative_to(published.folder)}"' in published.text("index.html")


def test_images_have_alt_texts_and_sizes(documents: dict[str, Document]) -> None:
    count = 0
    for page, document in documents.items():
        for image in document.images:
            count += 1
            assert image.get("alt") is not None, f"{page}: {image}"
            assert image.get("width"), f"{page}: {image}"
            assert image.get("height"), f"{page}: {image}"
    assert count > 20


def test_feeds_parse_and_link_to_pages(published: Site) -> None:
    for name in ("feed.xml", "feed-updated.xml"):
        root = ElementTree.fromstring(published.text(name))
        links = [item.findtext("link") or "" for item in root.iter("item")]
        assert links, name
        for link in links:
            found = target("index.html", link)
            assert found is not None, link
            assert (published.folder / found[0]).is_file(), link
    for name in ("feed.json", "feed-updated.json"):
        items = json.loads(published.text(name))["items"]
        assert items, name
        for item in items:
            found = target("index.html", item["url"])
            assert found is not None, item["url"]
            assert (published.folder / found[0]).is_file(), item["url"]


def test_the_sitemap_lists_pages(published: Site) -> None:
    root = ElementTree.fromstring(published.text("sitemap.xml"))
    listed = [node.text or "" for node in root.iter() if node.tag.endswith("loc")]
    assert f"{ORIGIN}{BASE}{published.post}" in listed
    for url in listed:
        found = target("index.html", url)
        assert found is not None
        assert (published.folder / found[0]).is_file(), url


def test_downloads_are_notebooks_that_ran(published: Site) -> None:
    downloads = list((published.folder / "notebooks").glob("*.ipynb"))
    assert len(downloads) == len(list((ROOT / "docs/notebooks").glob("[!_]*")))
    for path in downloads:
        node = nbformat.read(path, as_version=4)
        nbformat.validate(node)
        assert any(cell.get("outputs") for cell in node.cells)


def test_search_finds_posts_and_not_the_code_of_notebooks(published: Site) -> None:
    entries = json.loads(published.text("search/search_index.json"))["docs"]
    places = {entry["location"].split("#")[0] for entry in entries}
    assert published.post in places
    assert not [place for place in places if place.startswith("notebooks/")]


def test_every_post_has_a_preview_image_of_its_own(published: Site) -> None:
    posts = [page for page in published.pages if page.startswith("posts/")]
    images = set()
    for post in posts:
        found = re.search(r'<meta property="og:image" content="([^"]+)"', published.text(post))
        assert found is not None, post
        place = target(post, found.group(1))
        assert place is not None, post
        assert Image.open(published.folder / place[0]).size == (1200, 630), post
        images.add(place[0])
    assert len(images) == len(posts) > 1


def test_hosts_get_the_policy_as_a_header_and_all_get_the_list_of_packages(
    published: Site,
) -> None:
    page = html5lib.parse(published.text("index.html"), namespaceHTMLElements=False)
    (own,) = [
        meta.get("content")
        for meta in page.iter("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    told = published.text("_headers")
    assert f"/*\n  Content-Security-Policy: {own}; frame-ancestors 'self'\n" in told
    assert f"/{WORKER}\n  ! Content-Security-Policy\n" in told
    assert f"  Content-Security-Policy: {worker_policy()}\n" in told.partition(WORKER)[2]
    assert (published.folder / WORKER).is_file()
    names = {each["name"] for each in json.loads(published.text("sbom.json"))["components"]}
    assert {"katex", "mkdocs-material", "torch"} <= names


def test_the_footer_names_the_commit_and_its_day(published: Site) -> None:
    for page in published.pages:
        footer = published.text(page).rpartition("<footer")[2]
        assert COMMIT[:9] in footer, page
        assert f'datetime="{BUILT_ON}"' in footer, page


def test_git_keeps_all_that_the_site_is_made_of() -> None:
    command = ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "--directory"]
    run = subprocess.run(
        [*command, "docs", "code", "assets", "tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    caches = re.compile(
        r"__pycache__/|\.ipynb_checkpoints/|\.egg-info/|\.(mypy|ruff|pytest)_cache/"
    )
    lost = [path for path in run.stdout.splitlines() if not caches.search(path)]
    assert not lost, f"git ignores files of the project: {lost}"


def test_nothing_tells_where_it_was_built(published: Site) -> None:
    here = {str(ROOT), str(published.folder.parent), str(Path.home())}
    told = []
    for path in published.folder.rglob("*"):
        if path.is_file() and "/notebook-embed/" not in path.as_posix():
            content = path.read_bytes()
            told += [f"{path.name}: {name}" for name in here if name.encode() in content]
    assert not told, "\n".join(told)
