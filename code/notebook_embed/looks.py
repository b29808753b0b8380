"""What a page says of how an embed shall look: ``{ .wide width="300" align=left }``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

from markdown import Markdown
from markdown.extensions.attr_list import AttrListTreeprocessor

from notebook_embed.outputs import Figure, Output

__all__ = ["Look", "name_values"]

#: Attributes that are an image's own.
OF_IMAGES = ("loading", "decoding", "fetchpriority")
PIXELS = re.compile(r"(\d+(?:\.\d+)?)(?:px)?")


def name_values(element: etree.Element) -> None:
    """Give an attribute without a value, for which Markdown has None, an empty one: HTML's own."""
    for name, value in element.items():
        if value is None:
            element.set(name, "")


@dataclass(frozen=True)
class Look:
    """Classes, an id and attributes, as attribute lists have them."""

    classes: tuple[str, ...] = ()
    id: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, listed: str, md: Markdown) -> Look:
        """Read what stands between braces, as `md` has it for all else that it makes.

        One that an editor has broken into lines is a list all the same.
        """
        given = etree.Element("figure")
        AttrListTreeprocessor(md).assign_attrs(given, " ".join(listed.split("\n")))
        name_values(given)
        attributes = dict(given.items())
        classes = attributes.pop("class", "").split()
        return cls(tuple(classes), attributes.pop("id", None), attributes)

    def __bool__(self) -> bool:
        return bool(self.classes or self.id or self.attributes)

    def without(self, *classes: str) -> Look:
        return replace(self, classes=tuple(name for name in self.classes if name not in classes))

    def dress(self, box: etree.Element) -> None:
        """Give a figure what is meant for all of it."""
        for name, value in self.attributes.items():
            if name not in (*OF_IMAGES, "width", "height"):
                box.set(name, value)
        if width := self.attributes.get("width", "").strip():
            style = f"width: {width}px" if PIXELS.fullmatch(width) else f"width: {width}"
            style = re.sub(r"pxpx$", "px", style)
            box.set("style", "; ".join(filter(None, [style, box.get("style", "")])))

    @property
    def of_images(self) -> str:
        """What is meant for its images, as attributes of theirs; lazy where it does not say."""
        given = {"loading": "lazy", "decoding": "async"} | {
            name: re.sub(r"[^\w-]", "", value)
            for name, value in self.attributes.items()
            if name in OF_IMAGES
        }
        return " ".join(f'{name}="{value}"' for name, value in given.items())

    def sized(self, output: Output) -> Output:
        """Return a picture in the size that is asked for, in CSS pixels; all else as it is."""
        if not isinstance(output, Figure) or output.image is None:
            return output
        image = output.image
        if any(self.attributes.get(side, "").strip() for side in ("width", "height")):
            image = replace(image, share="")  # the page has the last word
        width = PIXELS.fullmatch(self.attributes.get("width", "").strip())
        height = PIXELS.fullmatch(self.attributes.get("height", "").strip())
        across = float(width[1]) if width else None
        down = float(height[1]) if height else None
        if across is None and down is None:
            return replace(output, image=image)
        across = across if across is not None else (down or 0) * image.width / image.height
        down = down if down is not None else across * image.height / image.width
        return replace(output, image=replace(image, width=round(across), height=round(down)))
