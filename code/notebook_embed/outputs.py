"""Turn the outputs of an executed cell into pieces of a page and the files that they need."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from notebook_embed.errors import EmbedError, nearest
from notebook_embed.notebook import Cell, Notebook

__all__ = [
    "IMAGES",
    "PLOTLY",
    "VALUES",
    "VIEW",
    "Figure",
    "Image",
    "Output",
    "Text",
    "Values",
    "plain",
    "render_outputs",
]

PLOTLY = "application/vnd.plotly.v1+json"
# A view of the site's own: {"view": its name, "data": {...}, "files": {name: {...}, ...}}, and
# "waits": true where nothing of it is to be fetched before the reader touches its picture.
VIEW = "application/vnd.notebook-embed.view+json"
# What is in a mapping: {"entries": [{"keys": [...], "type": MIME type, "text": ...}, ...]}.
VALUES = "application/vnd.notebook-embed.values+json"
# From the richest to the plainest. Of several alternatives for one output the first is taken.
KNOWN = (
    VIEW,
    PLOTLY,
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    VALUES,
    "text/html",
    "text/latex",
    "text/markdown",
    "text/plain",
)
IMAGES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}


@dataclass(frozen=True)
class Image:
    """A static image: where its file goes in the site, and its size in CSS pixels."""

    uri: str
    width: int
    height: int
    dark_uri: str | None = None


@dataclass(frozen=True)
class Figure:
    """A picture: static, or interactive where `data_uri` names the file with its data.

    Plotly draws it, or the script `view_uri` of the site's own view named `view`.
    """

    image: Image | None
    data_uri: str | None = None
    view: str | None = None
    view_uri: str | None = None
    waits: bool = False


@dataclass(frozen=True)
class Text:
    """Anything that is read rather than looked at; `content` is HTML, TeX, Markdown or plain."""

    kind: Literal["html", "latex", "markdown", "plain", "stream", "stderr"]
    content: str


@dataclass(frozen=True)
class Values:
    """A mapping: each entry's keys, from the outside in, and what it shows (None: a picture)."""

    entries: tuple[tuple[tuple[str, ...], Text | None], ...]

    def below(self, keys: tuple[str, ...]) -> Values:
        """Return the entries whose keys begin with `keys`, without these."""
        cut = len(keys)
        return Values(tuple((own[cut:], text) for own, text in self.entries if own[:cut] == keys))


Output = Figure | Text | Values


def render_outputs(
    notebook: Notebook,
    cell: Cell,
    outputs: Iterable[Mapping[str, Any]],
    *,
    folder: str,
    dark: Mapping[str, str],
    views: Mapping[str, str] | None = None,
) -> tuple[list[Output], dict[str, bytes]]:
    """Return a cell's outputs in order, and the content of the files that they refer to by URI.

    Parameters
    ----------
    folder : where the files go, relative to the site.
    dark : maps the colours of the light scheme to those of the dark one; an SVG that uses them gets
        a twin for the dark scheme.
    views : maps the names of the site's own views to the URIs of their scripts.

    Raises
    ------
    EmbedError : an output has no type that can be shown, or the cell raised.
    """
    rendered: list[Output] = []
    files: dict[str, bytes] = {}
    for number, output in enumerate(outputs):
        stem = f"{folder}/{cell.name}" + (f"-{number + 1}" if number else "")
        rendered.append(_render(notebook, cell, output, stem, dark, views or {}, files))
    return rendered, files


def _render(
    notebook: Notebook,
    cell: Cell,
    output: Mapping[str, Any],
    stem: str,
    dark: Mapping[str, str],
    views: Mapping[str, str],
    files: dict[str, bytes],
) -> Output:
    fail = partial(EmbedError, file=notebook.path, line=cell.line, cell=cell.name)
    kind = output["output_type"]
    if kind == "stream":
        name: Literal["stream", "stderr"] = "stream" if output["name"] == "stdout" else "stderr"
        return Text(name, ansi_to_html(output["text"].rstrip("\n")))
    if kind == "error":
        raise fail(
            f"{output['ename']}: {output['evalue']}",
            remedy="A cell that raises is never published, whatever its tags say.",
        )
    data = output["data"]
    mime = next((known for known in KNOWN if known in data), None)
    if mime is None:
        raise fail(
            f"unknown output type {' and '.join(sorted(data)) or '(none)'}",
            remedy=f"An output can be one of {', '.join(KNOWN)}.",
        )
    if mime in (PLOTLY, VIEW):
        still = next((known for known in IMAGES if known in data), None)
        image = _image(data[still], still, stem, dark, files) if still else None
        if mime == PLOTLY:
            return Figure(image, _file(files, stem, "json", _plotly_json(data[PLOTLY])))
        name = data[VIEW]["view"]
        if name not in views:
            raise fail(
                f"there is no view '{name}'",
                remedy="Name its script in mkdocs.yml, under 'views'. " + nearest(name, views),
            )
        waits = bool(data[VIEW].get("waits"))
        return Figure(image, _view_files(files, stem, data[VIEW]), name, views[name], waits)
    if mime in IMAGES:
        size = output.get("metadata", {}).get(mime, {})
        return Figure(_image(data[mime], mime, stem, dark, files, size))
    if mime == VALUES:
        return Values(
            tuple(
                (
                    tuple(entry["keys"]),
                    _text(entry["type"], entry["text"]) if entry.get("type") else None,
                )
                for entry in data[VALUES]["entries"]
            )
        )
    return _text(mime, data[mime])


def _text(mime: str, content: str) -> Text:
    if mime == "text/plain":
        return Text("plain", ansi_to_html(content))
    return Text(mime.removeprefix("text/"), content)  # type: ignore[arg-type]


def ansi_to_html(text: str) -> str:
    """Return text as HTML, with terminal colours as spans of nbconvert's classes."""
    if "\x1b" not in text:
        return html.escape(text, quote=False)
    from nbconvert.filters import ansi2html  # half a second, and few outputs have colours

    return str(ansi2html(text))


def _file(files: dict[str, bytes], stem: str, suffix: str, content: bytes) -> str:
    """Name a file after its content, so that browsers may keep it for ever."""
    uri = f"{stem}.{hashlib.sha256(content).hexdigest()[:8]}.{suffix}"
    files[uri] = content
    return uri


def _view_files(files: dict[str, bytes], stem: str, view: Mapping[str, Any]) -> str:
    """Write a view's data, and beside it each of the files that it fetches when they are needed."""

    def write(name: str, content: Any) -> str:
        text = json.dumps(content, separators=(",", ":"), sort_keys=True)
        return _file(files, name, "json", text.encode())

    parts = {
        name: write(f"{stem}.{name}", content).rpartition("/")[2]
        for name, content in view.get("files", {}).items()
    }
    return write(stem, {"data": view["data"], "files": parts})


def _image(
    data: str,
    mime: str,
    stem: str,
    dark: Mapping[str, str],
    files: dict[str, bytes],
    size: Mapping[str, Any] | None = None,
) -> Image:
    if mime != "image/svg+xml":
        content = base64.b64decode(data)
        width, height = _raster_size(content)
        if size and size.get("width"):  # a figure drawn for screens with a higher density
            width, height = int(size["width"]), int(size["height"])
        return Image(_file(files, stem, IMAGES[mime], content), width, height)
    width, height = _svg_size(data)
    light = _file(files, stem, "svg", data.encode())
    twin = recolour(data, dark)
    if twin == data:
        return Image(light, width, height)
    return Image(light, width, height, _file(files, f"{stem}.dark", "svg", twin.encode()))


def recolour(svg: str, colours: Mapping[str, str]) -> str:
    """Replace each colour of `svg` that `colours` names, all at once."""
    if not colours:
        return svg
    lower = {key.lower(): value for key, value in colours.items()}
    pattern = re.compile("|".join(map(re.escape, colours)) + r"(?![0-9a-fA-F])", re.IGNORECASE)
    return pattern.sub(lambda match: lower[match.group().lower()], svg)


def _raster_size(content: bytes) -> tuple[int, int]:
    if content.startswith(b"\x89PNG"):
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    from io import BytesIO

    from PIL import Image as Pillow

    return Pillow.open(BytesIO(content)).size


def _svg_size(svg: str) -> tuple[int, int]:
    """Return the size in CSS pixels: `width` and `height`, else the view box."""
    opening = re.search(r"<svg\b[^>]*>", svg)
    tag = opening.group() if opening else ""
    unit = {"pt": 96 / 72, "px": 1, "": 1, "in": 96, "mm": 96 / 25.4, "cm": 96 / 2.54, "em": 16}
    size = []
    for side in ("width", "height"):
        found = re.search(rf'\s{side}="([\d.]+)([a-z]*)"', tag)
        if found and found.group(2) in unit:
            size.append(float(found.group(1)) * unit[found.group(2)])
    if len(size) == 2:
        return round(size[0]), round(size[1])
    box = re.search(r'viewBox="[\d.eE+-]+[\s,]+[\d.eE+-]+[\s,]+([\d.]+)[\s,]+([\d.]+)"', tag)
    return (round(float(box.group(1))), round(float(box.group(2)))) if box else (640, 480)


def _plotly_json(figure: Mapping[str, Any]) -> bytes:
    """Strip the template (the page brings its own) and halve numbers that need no 64 bits."""
    layout = {key: value for key, value in figure.get("layout", {}).items() if key != "template"}
    slim = {"data": _narrow(figure.get("data", [])), "layout": _narrow(layout)}
    for key in ("frames", "config"):
        if figure.get(key):
            slim[key] = _narrow(figure[key])
    return json.dumps(slim, separators=(",", ":"), sort_keys=True).encode()


def _narrow(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get("dtype") == "f8" and "bdata" in value:
            import numpy as np  # costs a fifth of a second, and few builds come here

            wide = np.frombuffer(base64.b64decode(value["bdata"]), "<f8")
            with np.errstate(over="ignore"):
                narrow = wide.astype("<f4")
            # Where 32 bits lose what an eye could see (time stamps, large counts), all 64 stay.
            if np.allclose(wide, narrow, rtol=1e-6, atol=0, equal_nan=True):
                bdata = base64.b64encode(narrow.tobytes()).decode()
                return {**value, "dtype": "f4", "bdata": bdata}
            return dict(value)
        return {key: _narrow(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_narrow(item) for item in value]
    return value


def plain(output: Text) -> str:
    """Return what a reader reads of an output of text, without markup."""
    text = html.unescape(re.sub(r"<[^>]+>", "", output.content))
    return text.strip()
