"""What would vanish on a dark page is seen there."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_embed.pictures import standalone_svg
from notebook_embed.unset_colours import CARD, INK, seen_on_dark
from tests.support.fuzz import many

XMLNS = 'xmlns="http://www.w3.org/2000/svg"'
TEXT, RED = "<text>a</text>", '<rect width="3" height="3" fill="red"/>'
MATPLOTLIB = '<g><path d="M 0 20 \nL 10 20 \nL 10 0 \nL 0 0 \nz\n" style="fill: #ffffff"/></g>'
GRAPHVIZ = '<g><polygon fill="white" stroke="none" points="-4,4 -4,-16 6,-16 6,4 -4,4"/></g>'


def dark(inside: str, attributes: str = 'viewBox="0 0 10 20"') -> str | None:
    return seen_on_dark(f"<svg {XMLNS} {attributes}>{inside}</svg>")


@pytest.mark.parametrize(
    "inside",
    [
        TEXT,
        "<path d='M 0 0 L 3 3 L 3 0 z'/>",
        "<g fill='none' stroke='black'><circle r='3'/></g>",
        "<g style='stroke:#000000;fill : none'><circle r='3'/></g>" + TEXT,
        "<circle r='3' stroke='currentColor' fill='none'/>",
        "<style>text { fill: #000 }</style>" + TEXT,
        "<rect width='3' height='3' fill='rgb(0, 0, 0)'/>",
        "<defs><path id='a' d='M 0 0'/></defs><use href='#a'/>",
    ],
)
def test_a_drawing_in_black_alone_is_drawn_in_light_ink(inside: str) -> None:
    twin = dark(inside)
    assert twin is not None
    assert f'color="{INK}"' in twin and f'fill="{INK}"' in twin and CARD not in twin
    assert not re.search("black|#000|rgb", twin)
    assert twin.count("none") == inside.count("none")


@pytest.mark.parametrize(
    "inside",
    [
        RED + TEXT,
        "<g stroke='black'><path fill='none' d='M 0 0'/></g>" + RED,
        "<text fill='navy'>a</text>",
        "<text class='b'>a</text><style>.b { fill: #333 } .c { fill: red }</style>",
        "<defs><linearGradient id='g'><stop offset='1'/></linearGradient></defs>" + TEXT,
        "<foreignObject><p>a</p></foreignObject><path d='M 0 0'/>",
    ],
)
def test_a_drawing_with_other_colours_beside_black_has_a_light_card(inside: str) -> None:
    for attributes in ('viewBox="0 0 10 20"', 'style="overflow: visible"', "style=''"):
        twin = dark(inside, attributes)
        assert twin is not None
        assert twin.count(CARD) == 1 and INK not in twin
        assert standalone_svg(twin) == twin
        assert ("overflow" in twin) is ("overflow" in attributes)


@pytest.mark.parametrize(
    "inside",
    [
        MATPLOTLIB + TEXT,
        GRAPHVIZ + TEXT,
        '<rect width="100%" height="100%" fill="#eee"/>' + TEXT,
        '<rect width="10" height="20px" style="fill:white"/>' + TEXT,
        RED,
        "<text fill='#8899aa'>a</text>",
        "<style>@media (prefers-color-scheme: dark) { text { fill: white } }</style>" + TEXT,
        "<path fill='none' d='M 0 0'/>",
        "",
    ],
)
def test_a_drawing_with_a_ground_or_in_colours_that_are_seen_stays(inside: str) -> None:
    assert dark(inside) is None


PIECES = st.recursive(
    st.sampled_from(
        [TEXT, RED, MATPLOTLIB, "<path/>", "<path d='M'/>", "<style>}{</style>", "<g/>"]
    ),
    lambda inner: st.tuples(
        st.sampled_from(["fill", "style", "class", "stroke", "color"]),
        st.sampled_from(
            ["", "black", "fill:red", "url(#a)", "fill:;", "#1", "var(--x)", "inherit"]
        ),
        st.lists(inner, max_size=3),
    ).map(lambda given: f'<g {given[0]}="{given[1]}">{"".join(given[2])}</g>'),
    max_leaves=6,
)


@settings(max_examples=many(100), deadline=None)
@given(
    PIECES,
    st.sampled_from(["", "viewBox='1 2'", "viewBox='a - . e'", "width='1e9px'", "fill='red'"]),
)
def test_any_drawing_keeps_what_it_says(inside: str, attributes: str) -> None:
    """Its form for dark pages is a drawing too, with the same elements in it."""
    twin = dark(inside, attributes)
    if twin is not None:
        assert standalone_svg(twin) is not None
        assert re.findall("<[/a-z]+", twin) == re.findall("<[/a-z]+", f"<svg >{inside}</svg>")


def test_a_deep_drawing_is_read() -> None:
    assert INK in (dark("<g>" * 3000 + TEXT + "</g>" * 3000) or "")


def test_a_drawing_with_an_unknown_prefix_only_works_inside_a_page() -> None:
    assert standalone_svg(f"<svg {XMLNS}><g ink:label='a'/></svg>") is None
