"""Static pictures: their sizes, SVG that stands by itself, and its twin for the dark scheme."""

from __future__ import annotations

import base64
import binascii
import html
import re
import struct
from collections.abc import Mapping
from io import BytesIO
from xml.parsers import expat

__all__ = [
    "OPENING",
    "RASTERS",
    "decoded",
    "on_ground",
    "raster_size",
    "recolour",
    "standalone_svg",
    "svg_size",
    "view_box",
]

#: MIME types of pictures made of pixels, and the suffixes of their files.
RASTERS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/gif": "gif",
    "image/bmp": "bmp",
}
NAMESPACES = {
    "xmlns": "http://www.w3.org/2000/svg",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
}
# CSS pixels; of units that depend on letters, what browsers take where nothing is said.
UNITS = {"": 1, "px": 1, "pt": 96 / 72, "pc": 16, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4}
UNITS |= {"q": 96 / 101.6, "em": 16, "rem": 16, "ex": 8}
LENGTH = re.compile(r"\s*\+?((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-z]*)\s*", re.I)
UNKNOWN_SIZE = (640, 480)


def decoded(data: str) -> bytes:
    """Return what base64 stands for.

    Raises
    ------
    ValueError : it is no base64.
    """
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"no base64: {error}") from None


def raster_size(content: bytes) -> tuple[int, int]:
    """Return the width and height of a picture in pixels.

    Raises
    ------
    ValueError : the content is no picture.
    """
    if content.startswith(b"\x89PNG") and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    if content[:4] == b"GIF8" and len(content) >= 10:
        width, height = struct.unpack("<HH", content[6:10])
        return width, height
    from PIL import Image as Pillow  # few notebooks show other pictures than PNG

    try:
        with Pillow.open(BytesIO(content)) as picture:
            return picture.size
    except Exception as error:  # Pillow's readers raise whatever a damaged file makes them
        raise ValueError(f"no picture that can be read ({type(error).__name__})") from None


def on_ground(content: bytes, colour: str) -> bytes | None:
    """Return a picture of pixels on a plane of `colour`, or None where it hides what is behind it.

    One that moves is left as it is.
    """
    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(content)) as picture:
            if getattr(picture, "is_animated", False) or not picture.has_transparency_data:
                return None
            drawn = picture.convert("RGBA")
            if drawn.getchannel("A").getextrema()[0] == 255:
                return None
            ground = Pillow.new("RGBA", drawn.size, colour)
            made = BytesIO()
            Pillow.alpha_composite(ground, drawn).convert("RGB").save(made, picture.format)
    except AttributeError:  # no picture's fault: another Pillow, or a mistake here
        raise
    except Exception:  # browsers show some pictures that Pillow cannot read
        return None
    return made.getvalue()


#: The tag that an SVG begins with, whatever stands in its attributes.
OPENING = re.compile(r"<svg(?=[\s/>])(?:\"[^\"]*\"|'[^']*'|[^>\"'])*>")


def standalone_svg(svg: str) -> str | None:
    """Return `svg` as a file of its own, or None where it only works inside a page.

    In a page an SVG needs no namespaces, and may use the names that HTML has for signs.
    """
    text = svg.strip().lstrip("\ufeff")
    # XML knows five names; the others are HTML's.
    text = re.sub(
        r"&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z][A-Za-z0-9]*;",
        lambda found: html.unescape(found[0]) if html.unescape(found[0]) != found[0] else found[0],
        text,
    )
    opening = OPENING.search(text)
    if opening is None:
        return None
    missing = ""
    if not re.search(r"\sxmlns\s*=", opening[0]):
        missing += f' xmlns="{NAMESPACES["xmlns"]}"'
    if "xlink:" in text and not re.search(r"xmlns:xlink\s*=", text):
        missing += f' xmlns:xlink="{NAMESPACES["xmlns:xlink"]}"'
    if missing:
        at = opening.start() + len("<svg")
        text = text[:at] + missing + text[at:]
    return None if _root(text) is None else (text if missing or text != svg.strip() else svg)


def svg_size(svg: str) -> tuple[int, int]:
    """Return the size in CSS pixels: `width` and `height`, else the view box, else 640 x 480."""
    root = _root(svg) or {}
    box = view_box(root.get("viewBox", ""))
    sides = [_length(root.get(side, "")) for side in ("width", "height")]
    if box and box[0] and box[1]:
        if sides[0] and not sides[1]:
            sides[1] = sides[0] * box[1] / box[0]
        elif sides[1] and not sides[0]:
            sides[0] = sides[1] * box[0] / box[1]
        elif not sides[0]:
            sides = [*box]
    if not (sides[0] and sides[1]):
        return UNKNOWN_SIZE
    return max(1, round(sides[0])), max(1, round(sides[1]))


def recolour(svg: str, colours: Mapping[str, str]) -> str:
    """Replace each colour of `svg` that `colours` names, all at once.

    A colour is found as a whole; one that is a word, as `white`, only where a colour is given.
    """
    if not colours:
        return svg
    lower = {key.lower(): value for key, value in colours.items()}
    words = "|".join(key for key in colours if key.isalpha())
    others = "|".join(re.escape(key) for key in colours if not key.isalpha())
    given = r"(?P<given>(?:fill|stroke|color|background)\s*[:=]\s*[\"']?\s*)"
    # What follows a bracket is a reference, as in url(#add).
    found = [rf"(?<![\w(-])(?P<colour>{others})"] if others else []
    found += [rf"{given}(?P<word>{words})"] if words else []
    pattern = re.compile(rf"(?:{'|'.join(found)})(?![\w-])", re.IGNORECASE)

    def replaced(match: re.Match[str]) -> str:
        parts = match.groupdict("")
        colour = parts.get("colour") or parts["word"]
        return parts.get("given", "") + lower[colour.lower()]

    return pattern.sub(replaced, svg)


def _root(svg: str) -> dict[str, str] | None:
    """Return the attributes of the outermost element, or None where `svg` is not well-formed."""
    found: list[dict[str, str]] = []
    parser = expat.ParserCreate(namespace_separator="}")  # prefixes have to be declared

    def begin(name: str, attributes: dict[str, str]) -> None:
        if not found:
            found.append(attributes)

    parser.StartElementHandler = begin
    try:
        parser.Parse(svg.strip().encode(), True)
    except (expat.ExpatError, UnicodeEncodeError):
        return None
    return found[0] if found else None


def _length(text: str) -> float | None:
    match = LENGTH.fullmatch(text)
    if match is None or match[2].lower() not in UNITS:
        return None
    return float(match[1]) * UNITS[match[2].lower()] or None


def view_box(text: str) -> list[float] | None:
    """Return the width and height that a `viewBox` has, or None where it has none."""
    try:
        numbers = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        return None
    return numbers[2:] if len(numbers) == 4 and min(numbers[2:]) > 0 else None
