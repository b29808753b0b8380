"""Feeds are well-formed, whatever authors write."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader, select_autoescape
from mkdocs_rss_plugin.models import PageInformation, RssFeedBase

from blog_site.mkdocs_plugin import FEED

# What XML can hold at all.
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))


@given(TEXT, TEXT, TEXT)
def test_titles_tags_and_descriptions_come_back_as_written(
    title: str, tag: str, description: str
) -> None:
    tags = ["R&D", "<b>", "]]>", tag]
    address = "https://a.example/?x=1&y=2"
    entry = PageInformation(
        title=title,
        authors=("A & B",),
        categories=tags,
        description=description,
        link=address,
        guid=address,
    )
    feed = RssFeedBase(title=title, html_url=address, rss_url=address, entries=[entry])
    # As the plugin makes it.
    environment = Environment(
        autoescape=select_autoescape(["html", "xml"]), loader=FileSystemLoader(FEED.parent)
    )
    root = ElementTree.fromstring(environment.get_template(FEED.name).render(feed=feed))
    item = root.find("channel/item")
    assert item is not None
    assert root.findtext("channel/title") == title
    assert item.findtext("title") == title
    assert item.findtext("description") == description
    assert [category.text or "" for category in item.findall("category")] == tags
    assert item.findtext("link") == address
    assert item.findtext("author") == "A & B"
