"""Pictures of all kinds have their sizes, and any SVG is a file that a browser draws."""

from __future__ import annotations

from io import BytesIO
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from notebook_embed.pictures import RASTERS, raster_size, standalone_svg, svg_size

NS = "http://www.w3.org/2000/svg"
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "avif": "AVIF", "gif": "GIF", "bmp": "BMP"}


@pytest.mark.parametrize("suffix", RASTERS.values())
def test_every_kind_of_picture_has_its_size(suffix: str) -> None:
    content = BytesIO()
    Image.new("RGB", (31, 17)).save(content, FORMATS[suffix])
    assert raster_size(content.getvalue()) == (31, 17)


@given(st.binary(max_size=40), st.sampled_from([b"", b"\x89PNG", b"GIF89a", b"RIFF", b"\xff\xd8"]))
def test_what_is_no_picture_is_called_so(content: bytes, head: bytes) -> None:
    try:
        width, height = raster_size(head + content)
    except ValueError as error:
        assert "picture" in str(error)
    else:
        assert width >= 0 <= height


@pytest.mark.parametrize(
    "svg",
    [
        "<svg width='40' height='20'><rect/></svg>",
        '<?xml version="1.0"?>\n<!-- x --><svg width="40" height="20"/>',
        '<svg\n width="40"\n height="20"><use xlink:href="#a"/></svg>',
        '<svg width="40" height="20" aria-label="a > b"><text>&nbsp;&eacute; &amp; &lt;</text></svg>',
        f"<svg xmlns='{NS}' width='40px' height='20px'/>",
        f'<svg xmlns:svg="{NS}" width="40" height="20"><g/></svg>',
    ],
)
def test_an_svg_that_works_in_a_page_works_as_a_file(svg: str) -> None:
    alone = standalone_svg(svg)
    assert alone is not None
    assert ElementTree.fromstring(alone).tag == f"{{{NS}}}svg"
    assert svg_size(alone) == (40, 20)
    assert standalone_svg(alone) == alone


@pytest.mark.parametrize("svg", ["", "<b>", "<svg><path></svg>", "<svg a=1></svg>", "<svgx/>"])
def test_one_that_does_not_is_told_apart(svg: str) -> None:
    assert standalone_svg(svg) is None


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ("width='400' height='100'", (400, 100)),
        ("width = '4e2' height='1e2'", (400, 100)),
        ('width="1in" height="2.54cm"', (96, 96)),
        ('width="30pc" height="25.4MM"', (480, 96)),
        ('width="200" viewBox="0 0 100 50"', (200, 100)),
        ('height="200" width="auto" viewBox="0 0 100 50"', (400, 200)),
        ('width="100%" height="100%" viewBox="0,0,30,20"', (30, 20)),
        ('width="0" height="0" viewBox="0 0 30 20"', (30, 20)),
        ('width="5" height="5" data-width="9"', (5, 5)),
        ('width="x" viewBox="0 0 -3 nan"', (640, 480)),
    ],
)
def test_an_svg_has_the_size_that_a_browser_gives_it(
    attributes: str, size: tuple[int, int]
) -> None:
    assert svg_size(f'<svg xmlns="{NS}" {attributes}/>') == size


@given(st.text(alphabet="<>svg /='\"&;axmlns:0123% widthe\n", max_size=60))
def test_any_text_is_an_svg_of_some_size_or_none(text: str) -> None:
    alone = standalone_svg(f"<svg {text}")
    if alone is not None:
        assert ElementTree.fromstring(alone) is not None
        assert min(svg_size(alone)) > 0
