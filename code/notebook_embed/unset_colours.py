"""SVG that would vanish on dark pages: in black, set or by default, without a ground.

Where all of it is black it is drawn in light ink. Where it has other colours too, nobody can know
which of its black parts lie on them, so the whole gets a light card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

from notebook_embed.pictures import OPENING, view_box

__all__ = ["CARD", "INK", "on_card", "seen_on_dark"]

INK = "#e6e7e9"
CARD = "#f3f3f4"

#: What is painted, black unless it or what holds it says otherwise.
PAINTED = {"path", "rect", "circle", "ellipse", "polygon", "polyline", "text", "use"}
#: What is drawn elsewhere, or not at all.
ELSEWHERE = {"defs", "symbol", "clipPath", "mask", "marker", "pattern", "metadata", "style"}
#: What gives colours in other ways than `fill` and `stroke`.
UNKNOWABLE = {"linearGradient", "radialGradient", "pattern", "mask", "filter", "foreignObject"}
COLOURED = ("fill", "stroke", "color", "stop-color")
SETTING = re.compile(r"(?<![\w-])(fill|stroke|color|stop-color)\s*:\s*([^;{}!]+)")
NO_COLOUR = {"none", "transparent", "inherit", "currentcolor", "context-fill", "context-stroke"}
BLACK = re.compile(r"#000(?:000)?(?![0-9a-f])|black|rgb\(\s*0%?\s*,\s*0%?\s*,\s*0%?\s*\)", re.I)
#: Luminance below which a colour has less than a contrast of 3 with a dark page.
DARK = 0.125


def on_card(svg: str, colour: str) -> str | None:
    """Return a well-formed `svg` on a plane of `colour`, or None where it has one of its own."""
    root = etree.fromstring(svg.strip())
    if _has_ground(root):
        return None
    return _with(svg, "style", f"background-color: {colour}", root.get("style"))


def seen_on_dark(svg: str) -> str | None:
    """Return a well-formed `svg` for dark pages, or None where it needs no other form for them."""
    if "prefers-color-scheme" in svg or "light-dark(" in svg:
        return None
    root = etree.fromstring(svg.strip())
    sheets = " ".join("".join(one.itertext()) for one in root.iter() if _name(one) == "style")
    if _has_ground(root):
        return None
    values = [value for element in root.iter() for value in _own(element).values()]
    values += [value.strip() for _, value in SETTING.findall(sheets)]
    unset = any(not filled for _, filled in _painted(root, sheets))
    colours = [value for value in values if value.lower() not in NO_COLOUR]
    inherits = any(value.lower() == "currentcolor" for value in values)
    if not (unset or inherits or any(_is_dark(value) for value in colours)):
        return None
    unknown = any(_name(one) in UNKNOWABLE for one in root.iter())
    if unknown or not all(BLACK.fullmatch(value) for value in colours):
        return _with(svg, "style", f"background-color: {CARD}", root.get("style"))
    drawn = re.sub(
        rf"((?<![\w-])(?:fill|stroke|color)\s*(?:=\s*[\"']|:)\s*)(?:{BLACK.pattern})",
        rf"\g<1>{INK}",
        svg,
        flags=re.I,
    )
    for name in ("fill", "color"):
        if root.get(name) is None and name not in _own(root):
            drawn = _with(drawn, name, INK)
    return drawn


def _name(element: etree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _own(element: etree.Element) -> dict[str, str]:
    """Return the colours that an element sets, by attribute or, stronger, by style."""
    attributes = {name: element.get(name, "") for name in COLOURED if element.get(name)}
    return attributes | {
        name: value.strip() for name, value in SETTING.findall(element.get("style", ""))
    }


def _painted(root: etree.Element, sheets: str) -> Iterator[tuple[etree.Element, bool]]:
    """Go through what is painted, in its order, and say of each whether somebody set its fill."""
    ahead = [(root, False)]
    while ahead:
        element, filled = ahead.pop()
        name = _name(element)
        if name in ELSEWHERE:
            continue
        by_sheet = bool(element.get("class")) and "fill" in sheets
        filled = filled or "fill" in _own(element) or by_sheet
        if name in PAINTED:
            yield element, filled or bool(re.search(rf"\b{name}\b[^}}]*fill\s*:", sheets))
        ahead += [(child, filled) for child in reversed(element)]


def _has_ground(root: etree.Element) -> bool:
    """Tell whether the drawing begins with a plane of a colour that covers all of it."""
    if "background" in root.get("style", ""):
        return True
    first = next((one for one, _ in _painted(root, "") if _own(one).get("fill") != "none"), None)
    if first is None or not _own(first).get("fill"):
        return False
    own = [_number(root.get(side)) for side in ("width", "height")]
    wide, high = view_box(root.get("viewBox", "")) or own
    if _name(first) == "rect":
        across, down = (first.get(side, "") for side in ("width", "height"))
        whole = (across, down) == ("100%", "100%")
        return whole or (_number(across) >= wide > 0 and _number(down) >= high > 0)
    corners = first.get("points") or first.get("d") or ""
    if re.search(r"[^MLZz\d\s.,+-]", corners):  # more than straight lines
        return False
    found = _numbers(corners)
    xs, ys = found[::2], found[1::2]
    if len(ys) < 4 or not (wide > 0 and high > 0):
        return False
    return max(xs) - min(xs) >= 0.99 * wide and max(ys) - min(ys) >= 0.99 * high


def _numbers(text: str) -> list[float]:
    return [float(part) for part in re.findall(r"-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?", text)]


def _number(text: str | None) -> float:
    return next(iter(_numbers(text or "")), 0.0)


def _is_dark(colour: str) -> bool:
    from PIL import ImageColor  # knows the names that CSS has

    try:
        red, green, blue, *alpha = ImageColor.getrgb(colour)
    except ValueError:
        return False  # a gradient, a variable
    linear = [
        level / 12.92 if (level := part / 255) <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4
        for part in (red, green, blue)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return luminance < DARK and (not alpha or alpha[0] > 0)


def _with(svg: str, name: str, value: str, before: str | None = None) -> str:
    """Return `svg` with an attribute of its outermost element, which has `before` of it so far."""
    opening = OPENING.search(svg)
    assert opening is not None
    tag = opening[0]
    if before is not None:
        tag = re.sub(
            rf"(\s{name}\s*=\s*)([\"'])",
            lambda found: f"{found[1]}{found[2]}{value}; ",
            tag,
            count=1,
        )
    else:
        tag = f'<svg {name}="{value}"' + tag[len("<svg") :]
    return svg[: opening.start()] + tag + svg[opening.end() :]
