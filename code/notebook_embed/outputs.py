"""Turn the outputs of an executed cell into pieces of a page and the files that they need."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any, Literal

from notebook_embed import bokeh_figures, charts, plotly_figures
from notebook_embed.bokeh_figures import BOKEH
from notebook_embed.chart_data import DataUnreachableError, filled
from notebook_embed.errors import EmbedError, nearest, shown
from notebook_embed.live_views import script_of
from notebook_embed.notebook import Cell, Notebook, in_one_piece
from notebook_embed.pictures import (
    RASTERS,
    decoded,
    on_ground,
    raster_size,
    recolour,
    standalone_svg,
    svg_size,
)
from notebook_embed.progress import log
from notebook_embed.sanitised import harmless_svg
from notebook_embed.terminal import last_state, without_controls
from notebook_embed.unset_colours import CARD, on_card, seen_on_dark
from notebook_embed.widgets import LEFT_OUT, STATE_OF_VIEW, VIEW_OF_WIDGET, height_of

__all__ = [
    "IMAGES",
    "PLOTLY",
    "RENDERERS",
    "VALUES",
    "VIEW",
    "Bundle",
    "Figure",
    "Image",
    "Media",
    "Output",
    "Renderer",
    "Text",
    "Values",
    "attachments_of",
    "formula_in",
    "in_dollars",
    "is_mixed",
    "plain",
    "render_outputs",
    "renderers",
]

PLOTLY = "application/vnd.plotly.v1+json"
# A view of the site's own: {"view": its name, "data": {...}, "files": {name: {...}, ...}}, and
# "waits": true where nothing of it is to be fetched before the reader touches its picture.
VIEW = "application/vnd.notebook-embed.view+json"
# What is in a mapping: {"entries": [{"keys": [...], "type": MIME type, "text": ...}, ...]}, and
# where nothing is listed {"entries": [], "why": "is empty"}.
VALUES = "application/vnd.notebook-embed.values+json"
SVG = "image/svg+xml"
# Pictures, from the richest to the plainest.
IMAGES = {SVG: "svg", **RASTERS}
# Formulas between the signs of LaTeX, of which none is in them: \\[2pt] only ends a line.
_SQUARE = r"\\\[((?:\\[^\[\]]|[^\\])+)\\\]"
_ROUND = r"\\\(((?:\\[^()]|[^\\])+)\\\)"
# A formula, and nothing beside it.
FORMULA = re.compile(
    rf"\s*(?:\$\$(?:\\.|[^$\\])+\$\$|\$(?:\\.|[^$\\])+\$|{_SQUARE}|{_ROUND}"
    r"|\\begin\{(?:equation|align|alignat|gather|multline|eqnarray|split|aligned|gathered|cases|[bBpvV]?matrix"
    r"|array|math|displaymath)\*?\}.+)\s*",
    re.S,
)


#: What a picture without a ground lies on, where its metadata say that it needs a light or a dark
#: one (`needs_background`, as matplotlib's do) and the page is the other.
GROUNDS = {"light": CARD, "dark": "#1e2029"}
#: What files of recordings may end in: no server takes one of these for a page.
RECORDINGS = frozenset(
    "3gpp 3gpp2 aac ac3 aiff amr avi basic flac flv m4a m4v matroska midi mov mp2t mp3 mp4 mpeg "  # noqa: SIM905
    "msvideo ms mxf ogg opus quicktime vorbis wav wave webm".split()
)
#: Stands where a script draws and nothing else can.
DRAWN = '<p class="nb-notice">This figure is drawn by a script of the page.</p>'


@dataclass(frozen=True)
class Image:
    """A static image: where its file goes in the site, and its size in CSS pixels.

    `alt` is the alternative text that the output itself has, `share` the part of the room that it
    asks for, such as ``50%``.
    """

    uri: str
    width: int
    height: int
    dark_uri: str | None = None
    alt: str = ""
    share: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture: static, or interactive where `data_uri` names the file with its data.

    Plotly draws it, with all its traces where `full` says so, or the script `view_uri` of the view
    named `view`. Where there is no image, HTML `stands_in` for it, in a box of `height` CSS pixels.
    """

    image: Image | None
    data_uri: str | None = None
    view: str | None = None
    view_uri: str | None = None
    waits: bool = False
    full: bool = False
    stands_in: str = DRAWN
    height: int = 0
    also: tuple[Text | Values, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Media:
    """A recording or a document: the file that has it, relative to the site, and its MIME type."""

    kind: Literal["audio", "video", "document"]
    uri: str
    mime: str
    also: tuple[Text | Values, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Text:
    """Anything that is read rather than looked at.

    `content` is HTML where its kind is html, plain, stream, stderr or error, and else what it says.
    """

    kind: Literal["html", "latex", "markdown", "plain", "stream", "stderr", "json", "error"]
    content: str
    also: tuple[Text | Values, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Values:
    """A mapping: each entry's keys, from the outside in, and what it shows (None: a picture).

    Where none are known it says why: it ``has more than 1000 entries``.
    """

    entries: tuple[tuple[tuple[str, ...], Text | None], ...]
    why: str = ""
    also: tuple[Text | Values, ...] = field(default=(), compare=False)

    def below(self, keys: tuple[str, ...]) -> Values:
        """Return the entries whose keys begin with `keys`, without these."""
        cut = len(keys)
        return Values(tuple((own[cut:], text) for own, text in self.entries if own[:cut] == keys))


#: What is shown; `also` has the text and the entries that the same output has beside that.
Output = Figure | Media | Text | Values


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """One output in all the forms that it has, by MIME type, and where its files go.

    `stem` is the beginning of their URIs; `files` takes their content. Of a notebook that is not
    `trusted` nothing runs in a page.
    """

    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    notebook: Notebook
    cell: Cell
    stem: str
    files: dict[str, bytes] = field(repr=False)
    dark: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)
    trusted: bool = True

    def text(self, mime: str) -> str:
        """Return the form `mime`, which is text, in one piece.

        Raises
        ------
        ValueError : it is something else.
        """
        if (text := in_one_piece(self.data[mime])) is None:
            raise ValueError(f"it is {type(self.data[mime]).__name__}, not text")
        return text

    def mapping(self, mime: str) -> Mapping[str, Any]:
        """Return the form `mime`, which is JSON with names at its outside.

        Raises
        ------
        ValueError : it is something else.
        """
        value = self.data[mime]
        if isinstance(value, str):
            value = json.loads(value)
        if not isinstance(value, Mapping):
            raise ValueError(f"it is {type(value).__name__}, not a mapping")
        return value

    def file(self, suffix: str, content: bytes, name: str = "") -> str:
        """Name a file after its content, so that browsers may keep it for ever; return its URI."""
        uri = f"{self.stem}{name}.{hashlib.sha256(content).hexdigest()[:8]}.{suffix}"
        self.files[uri] = content
        return uri

    def drawn_by(
        self, view: str, data: Any, still: Image | None, height: int, stands_in: str = DRAWN
    ) -> Figure:
        """Return a figure that one of the generator's own views draws from `data`."""
        text = json.dumps({"data": data, "files": {}}, separators=(",", ":"))  # order has a meaning
        uri = self.file("json", text.encode())
        return Figure(still, uri, view, script_of(view), stands_in=stands_in, height=height)

    def said(self, mime: str, name: str) -> Any:
        """Return what the metadata say of the form `mime`, or of all forms."""
        own = self.metadata.get(mime)
        return own[name] if isinstance(own, Mapping) and name in own else self.metadata.get(name)

    def alt(self, mime: str) -> str:
        """Return the alternative text that the output has for the form `mime`."""
        text = self.said(mime, "alt")
        return " ".join(text.split()) if isinstance(text, str) else ""

    def still(self) -> Image | None:
        """Return the static picture among the forms, or None."""
        for mime in IMAGES:
            if mime in self.data and (picture := picture_of(self, mime)):
                return picture
        return None

    def warn(self, problem: str) -> None:
        """Tell whoever builds, with the cell's place."""
        place = f"{shown(self.notebook.path)}:{self.cell.line} (cell {self.cell.name})"
        log.warning("%s: %s", place, problem)

    def not_shown(self, mime: str, why: str) -> Output:
        """Tell whoever builds and whoever reads that an output is missing, and why."""
        self.warn(f"an output of type {mime} is not shown: {why}")
        why = html.escape(why, quote=False)
        note = f"An output of type <code>{mime}</code> is not shown here. {why}"
        return Text("html", f'<p class="nb-notice">{note}</p>')

    def fail(self, problem: str, remedy: str = "") -> EmbedError:
        """Return the error that stops the build, with the cell's place."""
        return EmbedError(
            problem,
            file=self.notebook.path,
            line=self.cell.line,
            cell=self.cell.name,
            remedy=remedy,
        )


@dataclass(frozen=True)
class Renderer:
    """How outputs of a MIME type are shown.

    `mime` may hold ``*`` for versions. `render` returns None where another form of the same output
    shows more, and raises ValueError where what it is given is damaged. `shown` says in words what
    readers get.
    """

    mime: str
    shown: str
    render: Callable[[Bundle, str], Output | None]


# ---- the forms ----


def view_of(bundle: Bundle, mime: str) -> Output:
    view = bundle.mapping(mime)
    name = view["view"]
    if name not in bundle.views:
        raise bundle.fail(
            f"there is no view '{name}'",
            "Name its script in mkdocs.yml, under 'views'. " + nearest(name, bundle.views),
        )

    def write(part: str, content: Any) -> str:
        text = json.dumps(content, separators=(",", ":"), sort_keys=True)
        return bundle.file("json", text.encode(), part)

    parts = {
        part: write(f".{part}", content).rpartition("/")[2]
        for part, content in view.get("files", {}).items()
    }
    data = write("", {"data": view["data"], "files": parts})
    return Figure(bundle.still(), data, name, bundle.views[name], bool(view.get("waits")))


def plotly_of(bundle: Bundle, mime: str) -> Output | None:
    figure = bundle.mapping(mime)
    still = bundle.still()
    beyond = plotly_figures.traces_of(figure) - plotly_figures.CARTESIAN
    unknown = sorted(beyond - plotly_figures.FULL)
    full = bool(beyond) and plotly_figures.full_bundle() is not None
    if beyond and (unknown or not full):
        why = (
            f"the trace '{unknown[0]}' is fetched from another host, or unknown"
            if unknown
            else f"the trace '{min(beyond)}' needs the package plotly where the site is built"
        )
        if still is None:
            raise bundle.fail(
                f"a plotly figure that no page can draw: {why}",
                "Give it a static picture: show it with fig.show('svg'), or install Chromium.",
            )
        bundle.warn(f"a plotly figure that stays a picture: {why}")
        return Figure(still)
    return Figure(still, bundle.file("json", plotly_figures.plotly_json(figure)), full=full)


def picture_of(bundle: Bundle, mime: str) -> Image | None:
    if mime == SVG:
        return drawing_of(bundle)
    content = decoded(bundle.text(mime))
    width, height = raster_size(content)
    given = bundle.metadata.get(mime)
    given = given if isinstance(given, Mapping) else {}
    sides = [_pixels(given.get(side)) for side in ("width", "height")]
    if sides[0] or sides[1]:  # drawn for screens with a higher density, or asked for in the cell
        sides[0] = sides[0] or round(sides[1] * width / height)
        sides[1] = sides[1] or round(sides[0] * height / width)
        width, height = sides
    share = str(given.get("width", "")).strip()
    share = share if _SHARE.fullmatch(share) else ""
    name, needed = bundle.file(IMAGES[mime], content), bundle.said(mime, "needs_background")
    ground = GROUNDS.get(needed) if isinstance(needed, str) else None
    if ground is None or (twin := on_ground(content, ground)) is None:
        return Image(name, width, height, None, bundle.alt(mime), share)
    other = bundle.file(IMAGES[mime], twin, ".on-ground")
    light, dark = (name, other) if needed == "light" else (other, name)
    return Image(light, width, height, dark, bundle.alt(mime), share)


# What IPython hands on as the width of a picture is any that HTML has.
_SHARE = re.compile(r"(?!0+(?:\.0*)?%)[0-9]{1,3}(?:\.[0-9]+)?%")


def _pixels(value: Any) -> int:
    try:
        return max(0, round(float(str(value).strip().removesuffix("px"))))
    except (TypeError, ValueError, OverflowError):
        return 0


def drawing_of(bundle: Bundle) -> Image | None:
    svg = standalone_svg(bundle.text(SVG))
    if svg is None or not (bundle.trusted or harmless_svg(svg)):
        return None
    width, height = svg_size(svg)
    needed, alt = bundle.said(SVG, "needs_background"), bundle.alt(SVG)
    twin: str | None = recolour(svg, bundle.dark)
    if needed == "dark" and twin == svg and (card := on_card(svg, GROUNDS[needed])):
        dark = bundle.file("svg", svg.encode())
        return Image(bundle.file("svg", card.encode(), ".on-ground"), width, height, dark, alt)
    light = bundle.file("svg", svg.encode())
    if twin == svg:
        twin = seen_on_dark(svg)
        if twin is None and needed == "light":
            twin = on_card(svg, GROUNDS[needed])
    if twin is None:
        return Image(light, width, height, alt=alt)
    return Image(light, width, height, bundle.file("svg", twin.encode(), ".dark"), alt)


def image_of(bundle: Bundle, mime: str) -> Output | None:
    if (picture := picture_of(bundle, mime)) is not None:
        return Figure(picture)
    content = bundle.text(mime)
    if "<svg" not in content.lower():
        raise ValueError("there is no <svg> in it")  # another form may hold the picture
    if standalone_svg(content) is not None:
        return None  # a file with scripts, which run for whoever opens it
    return Text("html", content)  # an SVG that only works inside a page


def vega_of(bundle: Bundle, mime: str) -> Output | None:
    """Show a chart by Vega over its picture: its own, or one that is drawn now."""
    chart, lite = bundle.mapping(mime), "vegalite" in mime
    still = bundle.still()
    folder = bundle.notebook.path.parent
    try:
        chart = filled(chart, folder, lite=lite, trusted=bundle.trusted, remote=still is None)
    except DataUnreachableError as error:
        if still is None:
            why = f"{error}. Put the data into the chart, or a file beside the notebook"
            return bundle.not_shown(mime, f"{why[0].upper()}{why[1:]}.")
        if bundle.trusted:
            bundle.warn(f"a chart that stays a picture: {error}")
        return Figure(still)
    if still is None and not bundle.trusted and charts.fetches(chart):  # who draws it would fetch
        return bundle.not_shown(mime, "It fetches what it shows from an address.")
    if still is None and (svg := charts.picture(chart, lite=lite)) is not None:
        dark = {**charts.DARK, **bundle.dark}
        still = drawing_of(replace(bundle, data={SVG: svg}, dark=dark))
    if bundle.trusted and not charts.fetches(chart):
        data = {"spec": charts.with_rows(charts.coloured(chart, lite=lite)), "lite": lite}
        return bundle.drawn_by("nb-vega", data, still, charts.size_of(chart)[1])
    if still is not None and bundle.trusted:
        bundle.warn("a chart that stays a picture: it fetches what it shows from an address")
    return None if still is None else Figure(still)


def bokeh_of(bundle: Bundle, mime: str) -> Output | None:
    if not bundle.trusted or not bokeh_figures.scripts():
        still = bundle.still()
        return None if still is None else Figure(still)
    data = bokeh_figures.document_of(bundle.text("application/javascript"))
    height = sum(bokeh_figures.size_of(root)[1] for root in data["document"]["roots"])
    return bundle.drawn_by("nb-bokeh", data, bundle.still(), height)


def widget_of(bundle: Bundle, mime: str) -> Output | None:
    """Show a control over what it looks like; without its state there is no more than a note."""
    view = bundle.mapping(mime)
    if "text/html" in bundle.data and LEFT_OUT in bundle.text("text/html"):
        bundle.warn("a control that only its own package can draw is not shown")
    if not bundle.trusted or STATE_OF_VIEW not in view:
        return None
    models = view[STATE_OF_VIEW]
    data = {"model": view["model_id"], "state": models}
    return bundle.drawn_by("nb-widgets", data, None, height_of(models), bundle.text("text/html"))


def media_of(bundle: Bundle, mime: str) -> Output:
    kind: Literal["audio", "video"] = "audio" if mime.startswith("audio/") else "video"
    suffix = re.sub(r"^x-|\W.*$", "", mime.partition("/")[2])
    content = decoded(bundle.text(mime))
    if not content:
        raise ValueError("it is empty")
    return Media(kind, bundle.file(suffix if suffix in RECORDINGS else kind, content), mime)


def table_of(bundle: Bundle, mime: str) -> Values | None:
    """Show the entries of a mapping; where none are known its text says more."""
    values = values_of(bundle, mime)
    return values if values.entries else None


def values_of(bundle: Bundle, mime: str) -> Values:
    mapping = bundle.mapping(mime)
    return Values(
        tuple(
            (
                tuple(entry["keys"]),
                _text(entry["type"], entry["text"]) if entry.get("type") else None,
            )
            for entry in mapping["entries"]
        ),
        str(mapping.get("why", "")),
    )


def formula_of(bundle: Bundle, mime: str) -> Output | None:
    """Show what is nothing but a formula; a table in LaTeX has better forms."""
    return latex_of(bundle, mime) if FORMULA.fullmatch(bundle.text(mime)) else None


def latex_of(bundle: Bundle, mime: str) -> Output:
    return _text("text/latex", bundle.text(mime))


def is_mixed(latex: str) -> bool:
    """Tell whether LaTeX is text with formulas in it, rather than a formula."""
    return bool(re.search(r"\$|(?<!\\)\\[(\[]", latex)) and not FORMULA.fullmatch(latex)


def formula_in(latex: str) -> str:
    r"""Return a formula without the signs around it, be they ``$``, ``$$``, ``\[`` or ``\(``."""
    text = latex.strip()
    if FORMULA.fullmatch(text):
        signs = next((n for n in (r"\[", r"\(", "$$", "$") if text.startswith(n)), "")
        text = text[len(signs) : len(text) - len(signs)].strip()
    return re.sub(r"\n\s*\n", "\n", text)  # Markdown ends a formula where a line is empty


def in_dollars(latex: str) -> str:
    """Return text with formulas as Markdown has them: between dollars."""
    for signs, between in (("$$", _SQUARE), ("$", _ROUND)):
        latex = re.sub(
            rf"(?<!\\){between}",
            lambda found, signs=signs: signs + found[1].strip() + signs,  # type: ignore[misc]
            latex,
        )
    return latex


def text_of(bundle: Bundle, mime: str) -> Text:
    return _text(mime, bundle.text(mime))


def html_of(bundle: Bundle, mime: str) -> Output:
    return Text("html", without_controls(bundle.text(mime)))


def pdf_of(bundle: Bundle, mime: str) -> Output:
    return Media("document", bundle.file("pdf", decoded(bundle.text(mime))), mime)


def json_of(bundle: Bundle, mime: str) -> Output:
    value = bundle.data[mime]
    if isinstance(value, str):
        value = json.loads(value)
    return Text("json", json.dumps(value, indent=2, ensure_ascii=False))


def plain_of(bundle: Bundle, mime: str) -> Output | None:
    """Show text, unless it only names an object that has richer forms, none of them known."""
    text = bundle.text(mime)
    others = [other for other in bundle.data if other not in (mime, VALUES)]
    if others and is_repr(text):
        return None
    if others:
        bundle.warn(
            f"of {' and '.join(sorted(others))} nothing can be shown, its text stands there"
        )
    return _text(mime, text)


def is_repr(text: str) -> bool:
    """Tell whether a text only names an object: ``<X object>``, ``X(...)``."""
    return bool(re.fullmatch(r"\s*(<[^<>\n]*(<[^<>\n]*>[^<>\n]*)*>|[\w.]+\(.*\))\s*", text, re.S))


#: From the richest to the plainest. Of several forms of one output the first that can be shown is.
RENDERERS = (
    Renderer(VIEW, "a figure that a script of the site draws", view_of),
    Renderer(PLOTLY, "an interactive figure", plotly_of),
    Renderer("application/vnd.vegalite.v*+json", "an interactive chart", vega_of),
    Renderer("application/vnd.vega.v*+json", "an interactive chart", vega_of),
    Renderer(BOKEH, "an interactive figure", bokeh_of),
    Renderer(VIEW_OF_WIDGET, "the controls, without their kernel", widget_of),
    Renderer(SVG, "a figure, in both schemes", image_of),
    Renderer("text/latex", "a formula, where it is nothing else", formula_of),
    *(Renderer(mime, "a figure", image_of) for mime in RASTERS),
    Renderer("video/*", "a video with the browser's controls", media_of),
    Renderer("audio/*", "a recording with the browser's controls", media_of),
    Renderer(VALUES, "a table of the entries of a mapping", table_of),
    Renderer("text/html", "itself", html_of),
    Renderer("text/markdown", "Markdown of the site", text_of),
    Renderer("text/latex", "text with formulas", latex_of),
    Renderer("application/pdf", "a link to the document", pdf_of),
    Renderer("application/json", "its text, indented", json_of),
    Renderer("text/plain", "a block of text", plain_of),
)
# Known, and known not to be shown: readers are told.
UNSUPPORTED = {
    BOKEH: "Its scripts come with the package bokeh, where the site is built.",
    "application/javascript": "Scripts of a notebook are not run.",
    SVG: "It holds a script.",
    VIEW_OF_WIDGET: "Its state is not stored in the notebook.",
    "application/vnd.vegalite.v*+json": "Its picture needs vl-convert-python.",
    "application/vnd.vega.v*+json": "Its picture needs vl-convert-python.",
    "application/geo+json": "Maps would be fetched from another host.",
}


@lru_cache(maxsize=1)
def renderers() -> tuple[Renderer, ...]:
    """Return all renderers; first those of other packages, by entry point."""
    found: list[Renderer] = []
    for point in sorted(entry_points(group="notebook_embed.renderers"), key=lambda p: p.name):
        loaded = point.load()
        found += [loaded] if isinstance(loaded, Renderer) else list(loaded)
    return (*found, *RENDERERS)


def render_outputs(
    notebook: Notebook,
    cell: Cell,
    outputs: Iterable[Mapping[str, Any]],
    *,
    folder: str,
    dark: Mapping[str, str],
    views: Mapping[str, str] | None = None,
    trusted: bool = True,
) -> tuple[list[Output], dict[str, bytes]]:
    """Return a cell's outputs in order, and the content of the files that they refer to by URI.

    Parameters
    ----------
    folder : where the files go, relative to the site.
    dark : maps the colours of the light scheme to those of the dark one; an SVG that uses them gets
        a twin for the dark scheme.
    views : maps the names of the site's own views to the URIs of their scripts.
    trusted : whether what the outputs hold may run in a page.

    Raises
    ------
    EmbedError : an output has no type that can be shown, or the cell raised.
    """
    rendered: list[Output] = []
    files: dict[str, bytes] = {}
    for number, output in enumerate(bokeh_figures.without_scaffold(outputs)):
        stem = f"{folder}/{cell.name}" + (f"-{number + 1}" if number else "")
        bundle = Bundle(
            data=charts.with_charts(output.get("data") or {}),
            metadata=output.get("metadata") or {},
            notebook=notebook,
            cell=cell,
            stem=stem,
            files=files,
            dark=dark,
            views=views or {},
            trusted=trusted,
        )
        if (made := _render(output, bundle)) is not None:
            rendered.append(made)
    return rendered, files


def attachments_of(
    notebook: Notebook, *, folder: str, trusted: bool = True
) -> tuple[dict[tuple[str, str], dict[str, str]], dict[str, bytes]]:
    """Return what is attached to cells: URIs by notebook, cell and name, and contents by URI.

    Of a notebook that is not `trusted` only pictures are published; the URI of all else is empty.

    Raises
    ------
    EmbedError : what is attached cannot be read.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    files: dict[str, bytes] = {}
    for cell, raw in zip(notebook.cells, notebook.node.cells, strict=True):
        for name, forms in (raw.get("attachments") or {}).items():
            mime = next((known for known in IMAGES if known in forms), next(iter(forms), ""))
            bundle = Bundle(
                data=forms,
                metadata={},
                notebook=notebook,
                cell=cell,
                stem=f"{folder}/{cell.name}",
                files=files,
            )
            try:
                text = bundle.text(mime)
                content = text.encode() if text.lstrip()[:1] == "<" else decoded(text)
            except (KeyError, ValueError) as error:
                problem = f"the attachment '{name}' is malformed: {error}"
                raise bundle.fail(problem, "Attach it anew.") from None
            if mime == SVG and (alone := standalone_svg(content.decode("utf-8", "replace"))):
                content = alone.encode()
            attached = found.setdefault((notebook.uri, cell.name), {})
            if not (trusted or mime in RASTERS or (mime == SVG and harmless_svg(content))):
                bundle.warn(f"the attachment '{name}' is kept out: no picture, or one with scripts")
                attached[name] = ""
                continue
            suffix = IMAGES.get(mime) or re.sub(r"\W", "", name.rpartition(".")[2]) or "bin"
            attached[name] = bundle.file(suffix, content, ".attached")
    return found, files


def _render(output: Mapping[str, Any], bundle: Bundle) -> Output | None:
    kind = output["output_type"]
    if kind == "stream":
        name: Literal["stream", "stderr"] = "stream" if output["name"] == "stdout" else "stderr"
        return Text(name, last_state(output["text"].rstrip("\n")))
    if kind == "error":
        if not bundle.notebook.may_raise(bundle.cell):
            raise bundle.fail(
                f"{output['ename']}: {output['evalue']}",
                "A cell that may raise says so: by the tag raises-exception, or '#| error: true'.",
            )
        return Text("error", last_state("\n".join(output["traceback"])))
    damaged = ""
    for renderer in renderers():
        for mime in bundle.data:
            if not fnmatchcase(mime, renderer.mime):
                continue
            try:
                made = renderer.render(bundle, mime)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                damaged = damaged or f"an output is malformed: {mime}: {error}"
                continue
            if made is not None:
                if damaged:
                    bundle.warn(f"{damaged}; its next best form is shown")
                return replace(made, also=_also(bundle, mime))
    if damaged:
        raise bundle.fail(damaged, "Show it anew in the notebook, or leave it out.")
    for known, why in UNSUPPORTED.items():
        for mime in (mime for mime in bundle.data if fnmatchcase(mime, known)):
            return bundle.not_shown(mime, why)
    types = sorted(set(bundle.data) - {"text/plain", VALUES})
    if not types and not bundle.data.get("text/plain"):
        return None  # an empty display shows nothing in Jupyter either
    raise bundle.fail(
        f"unknown output type {' and '.join(types) or '(none)'}",
        f"An output can be one of {', '.join(dict.fromkeys(r.mime for r in renderers()))}.",
    )


def _also(bundle: Bundle, taken: str) -> tuple[Text | Values, ...]:
    """Return the forms of an output, beside the one that is `taken`, which a page can ask for."""
    found: list[Text | Values] = []
    for mime, read in ((VALUES, values_of), ("text/plain", text_of)):
        if mime in bundle.data and mime != taken:
            with suppress(ValueError, KeyError, TypeError, AttributeError):  # a damaged one is none
                found.append(read(bundle, mime))
    return tuple(found)


def _text(mime: str, content: str) -> Text:
    if mime == "text/plain":
        return Text("plain", last_state(content))
    return Text(mime.removeprefix("text/"), without_controls(content))  # type: ignore[arg-type]


def plain(output: Text) -> str:
    """Return what a reader reads of an output of text, without markup."""
    text = html.unescape(re.sub(r"<[^>]+>", "", output.content))
    return text.strip()
