"""What belongs together in HTML of a notebook still does when its ids have other names."""

from __future__ import annotations

from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

import pytest

from notebook_embed.fragments import add_fragment

IDS = '<b id="a">one</b><b id="b">two</b>'


def added(html: str) -> list[dict[str, str]]:
    """Return the attributes of all elements of a fragment in which ids get an ``x-``."""
    root = etree.Element("div")
    add_fragment(root, html, address=str, named=lambda name: f"x-{name}", keep=lambda *_: None)
    return [dict(element.items()) for element in root.iter()]


@pytest.mark.parametrize("name", ["aria-labelledby", "aria-describedby", "aria-owns", "aria-flowto", "aria-controls", "aria-details", "aria-errormessage", "headers", "itemref", "for"])  # fmt: skip
def test_a_list_of_ids_keeps_its_targets(name: str) -> None:
    """A word that is no id here stays: the page itself may have it."""
    html = f'<i {name}="a  elsewhere b">all</i>{IDS}'
    assert {name: "x-a  elsewhere x-b"} in added(html)


@pytest.mark.parametrize("name", ["for", "form", "list", "aria-activedescendant", "popovertarget", "commandfor", "aria-controls"])  # fmt: skip
def test_an_attribute_that_names_an_element_keeps_its_target(name: str) -> None:
    assert {name: "x-b"} in added(f'<i {name}="b">one</i>{IDS}')


@pytest.mark.parametrize(
    ("html", "found"),
    [
        (
            '<details name="g"></details><details name="g"></details>',
            [{"name": "x-g"}, {"name": "x-g"}],
        ),
        ('<img usemap="#m"><map name="m"></map>', [{"usemap": "#x-m"}, {"name": "x-m"}]),
        ('<input type="Radio" name="r">', [{"type": "Radio", "name": "x-r"}]),
        ('<input name="r"><i class="a">a</i><b id="a"></b>', [{"name": "r"}, {"class": "a"}, {"id": "x-a"}]),
        ('<img usemap="">', [{"usemap": ""}]),
    ],
)  # fmt: skip
def test_names_of_groups_and_maps_are_their_own(html: str, found: list[dict[str, str]]) -> None:
    assert added(html)[1:] == found
