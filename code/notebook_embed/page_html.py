"""What readers get: the HTML of figures, values, tables, code and whole notebooks in a page."""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from html import escape, unescape
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

from markdown import Markdown
from markdown.util import AtomicString

from notebook_embed.builder import Page
from notebook_embed.cells import CellMarkdown, definitions_for
from notebook_embed.errors import EmbedError, shown
from notebook_embed.formulas import knows_formulas
from notebook_embed.fragments import SETTLED, add_fragment, readdressed, to_the_letter
from notebook_embed.library import Library, page_of
from notebook_embed.looks import Look
from notebook_embed.notebook import Cell, Notebook
from notebook_embed.outputs import (
    DRAWN,
    Figure,
    Image,
    Media,
    Output,
    Text,
    Values,
    formula_in,
    in_dollars,
    is_mixed,
    plain,
)
from notebook_embed.sanitised import harmless_attribute, harmless_attributes, safe_html
from notebook_embed.source_lines import SourceLines
from notebook_embed.values import read_value

__all__ = ["FULL_BUNDLE", "Origin", "PageWriter"]

#: A value of more characters may be broken into lines, as other words are.
LONG_VALUE = 20
#: The file of plotly.js with all traces, beside the script that loads it.
FULL_BUNDLE = "plotly.min.js"

PLAIN = Look()

# Languages whose kernels call them otherwise than those do who put code in colours.
LANGUAGES = {
    "gnu octave": "octave",
    "sagemath": "sage",
    "standard ml": "sml",
    "visual basic": "vbnet",
    "visual basic .net": "vbnet",
    "wolfram": "mathematica",
    "wolfram language": "mathematica",
}

# What makes code of a fence. All other preprocessors look for marks of theirs, code or not: for
# snippets, files to put in, what is cut off.
OF_FENCES = {
    "pymdownx-pre-norm-ws",
    "fenced_raw_block",
    "normalize_whitespace",
    "pymdownx-post-norm-ws",
    "fenced_code_block",
}
# What is for a page, once: the first forgets the page's ids when it runs again, the second puts in
# files and appends others, the third cuts off, the last reads marks of changes.
OF_PAGES = {"mkdocs_raw_html", "snippet", "excerpt", "critic"}

# Lines of text from which on an output has a box to scroll in, and stays out of the search.
LONG = 60
# Signs from which on an output stays out of the search, be they in one line.
LARGE = 50_000

# As MkDocs names its plugins: with `strict: true` a warning stops the build.
log = logging.getLogger("mkdocs.plugins.notebook_embed")


@dataclass(frozen=True)
class Origin:
    """The cell that a piece of a page comes from; with `strict` its dead links are warned of."""

    notebook: Notebook
    cell: Cell
    strict: bool = False

    def __str__(self) -> str:
        return f"{shown(self.notebook.path)}:{self.cell.line} (cell {self.cell.name})"

    def warn(self, problem: str) -> None:
        log.warning(f"{self}: {problem}")


@dataclass
class Anchors:
    """What links inside of a notebook that a page shows may lead to, and these links.

    `ids` has what became of the ids in its cells, `headings` the headings by the id that Jupyter
    gives them.
    """

    ids: dict[str, str] = field(default_factory=dict)
    headings: dict[str, etree.Element] = field(default_factory=dict)
    links: list[tuple[etree.Element, Origin]] = field(default_factory=list)

    def find_headings(self, box: etree.Element) -> None:
        for element in box.iter():
            if re.fullmatch("h[1-6]", str(element.tag)):
                name = unescape("".join(element.itertext())).strip().replace(" ", "-")
                self.headings.setdefault(name, element)

    def settle(self, link: etree.Element, unique: Callable[[str], str]) -> str:
        """Let a link lead to its place in the notebook, if there is one; return where it leads.

        `unique` makes an id of a name, for a heading that has none.
        """
        target = unquote(link.get("href", "")[1:])
        found = self.ids.get(target, "")
        if not found and (heading := self.headings.get(unescape(target))) is not None:
            found = heading.get("id") or unique(target)
            heading.set("id", found)
        if found:
            link.set("href", f"#{found}")
        return found or target


class PageWriter:
    """Adds pieces to the page under conversion, of what the notebooks in `library` put out."""

    def __init__(
        self,
        md: Markdown,
        library: Library,
        lines: SourceLines,
        cells: CellMarkdown,
        *,
        checking: bool = False,
        figures: str = "",
        sanitise: bool = False,
    ) -> None:
        self.md, self.library, self.lines, self.checking = md, library, lines, checking
        self.cells, self.figures, self.sanitise = cells, figures, sanitise
        #: Pictures in a line with words, each with the error that it is where only a value may be,
        #: and the one that it has no alternative text where a picture may be.
        self.beside_words: list[tuple[etree.Element, EmbedError, EmbedError]] = []
        #: The ids that this page has of notebooks, and names of groups of radio buttons.
        self.ids: set[str] = set()
        #: Of the notebooks that the page shows as a whole; and of the one that is being added.
        self.places: list[Anchors] = []
        self._open: Anchors | None = None

    @property
    def page(self) -> Page:
        """The page under conversion.

        Raises
        ------
        EmbedError : neither MkDocs nor the option `page` tells it.
        """
        if (page := self.lines.page) is None:
            raise EmbedError(
                "which page is converted is not known",
                remedy="Name it: NotebookEmbedExtension(library=library, page='posts/x.md').",
            )
        return page

    def link(self, target: str) -> str:
        """Return the URL of `target`, a file of the site, relative to where the page is shown."""
        here = posixpath.dirname(unquote(self.page.url)) or "."
        return quote(posixpath.relpath(target, here)) + "/" * target.endswith("/")

    def address(self, origin: Origin, url: str) -> str:
        """Return what an address that `origin` holds becomes on this page."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return url
        if parts.scheme == "attachment":
            name = unquote(parts.path)
            attached = self.library.attachments.get((origin.notebook.uri, origin.cell.name), {})
            if name in attached:  # one that is kept out of the site has no address
                return self.link(attached[name]) if attached[name] else url
            origin.warn(f"the cell has no attachment '{name}'")
            return url
        links = self.lines.links
        if parts.scheme or parts.netloc or not parts.path:
            return url
        if parts.path.startswith(("/", "\\")):
            return str(links.path_to_url(url)) if links is not None and origin.strict else url
        target = posixpath.join(posixpath.dirname(origin.notebook.uri), unquote(parts.path))
        path = posixpath.relpath(target, posixpath.dirname(self.page.uri) or ".")
        slash = "/" if parts.path.endswith("/") else ""
        written = urlunsplit(("", "", quote(path) + slash, parts.query, parts.fragment))
        if links is None:
            return written
        if links.files.get_file_from_path(posixpath.normpath(target)) is not None:
            return str(links.path_to_url(written))
        told = links.config.validation.links
        level = told.not_found if posixpath.splitext(parts.path)[1] else told.unrecognized_links
        problem = f"{origin}: '{url}' is not there, seen from the notebook's folder"
        log.log(level if origin.strict else min(level, logging.INFO), problem)
        path = posixpath.relpath(target, posixpath.dirname(unquote(self.page.url)) or ".")
        return urlunsplit(("", "", quote(path) + slash, parts.query, parts.fragment))

    def foreign(self, parent: etree.Element, text: str, origin: Origin) -> None:
        """Add Markdown of a notebook to `parent`, apart from that of the page."""
        links = add_fragment(
            parent,
            self._converted(text, origin),
            address=partial(self.address, origin),
            named=lambda name: self._named(name, origin),
            keep=self.html,
            allowed=harmless_attribute if self.sanitise else None,
        )
        if self._open is not None:  # headings have no ids yet
            self._open.links += [(link, origin) for link in links]
        elif (resolver := self.lines.links) is not None:  # it sees that there is such a place
            for link in links:
                resolver.path_to_url(link.get("href", ""))

    def settle_links(self, root: etree.Element) -> None:
        """Let links inside of notebooks lead to where they do in Jupyter, now that all has its id.

        Who builds is told of those that lead nowhere, unless only a part of a page is made.
        """
        places, self.places = self.places, []
        if self.lines.placed is not None or not any(one.links for one in places):
            return  # of a notebook in a cell the links are those of the notebook around it
        known = {one.get(name) for one in root.iter() for name in ("id", "name")}
        resolver = self.lines.links
        for one in places:
            for link, origin in one.links:
                target = one.settle(link, self.unique)
                if target in known or target.lower() == "top" or self._in_html(target):
                    if resolver is not None:  # it sees that there is such a place
                        resolver.path_to_url(link.get("href", ""))
                elif (page := self._page_with(origin.notebook, target)) is not None:
                    link.set("href", f"{page}#{target}")
                elif not self.page.excerpt and not self.library.failed:
                    origin.warn(
                        f"the link '#{target}' leads nowhere: no heading or id has this name"
                    )

    def _page_with(self, notebook: Notebook, name: str) -> str | None:
        """Return the address of a notebook's own page if a cell has this name; only there it is."""
        page = self.library.pages.get(notebook.uri)
        shown = any(cell.name == name and cell.options.include for cell in notebook.code_cells)
        if not shown or page is None or notebook.uri in self.library.without_page:
            return None
        return self.link(unquote(page))

    def _in_html(self, name: str) -> bool:
        """Tell whether finished HTML of the page has an id, which is no element here."""
        written = rf"""\s(?:id|name)\s*=\s*["']?{re.escape(escape(name))}(?=["'\s>/])"""
        return any(re.search(written, str(html)) for html in self.md.htmlStash.rawHtmlBlocks)

    def _converted(self, text: str, origin: Origin) -> str:
        cell, notebook = origin.cell, origin.notebook
        known = definitions_for(notebook, cell.index, text) if cell.kind == "markdown" else ""
        return self.cells.html(text, notebook, cell.line, definitions=known, sanitise=self.sanitise)

    def _named(self, name: str, origin: Origin) -> str:
        """Return an id of a notebook's Markdown as it is on this page, where others may have it."""
        if note := re.match(r"fn(?:ref\d*)?:|__tabbed_", name):  # counted from 1 in each cell
            name = f"{note[0]}{origin.cell.name}-{name[note.end() :]}"
        given = self.unique(name)
        if self._open is not None:
            self._open.ids.setdefault(name, given)
        return given

    def markdown(self, parent: etree.Element, text: str, *, of_code: bool = False) -> None:
        """Add `text` to `parent` as the site's own Markdown; with `of_code` it is a fence."""
        lines = text.split("\n")
        for name in [item.name for item in self.md.preprocessors._priority]:
            if name in OF_FENCES if of_code else name not in OF_PAGES:
                lines = self.md.preprocessors[name].run(lines)
        self.md.parser.parseChunk(parent, "\n".join(lines))

    @cached_property
    def _knows_formulas(self) -> bool:
        return knows_formulas(self.md)

    def html(self, parent: etree.Element, content: str) -> None:
        """Add finished HTML to `parent`, out of reach of every later step."""
        holder = self.md.htmlStash.store(content)
        if len(parent):
            parent[-1].tail = AtomicString((parent[-1].tail or "") + holder)
        else:
            parent.text = AtomicString((parent.text or "") + holder)

    def failure(self, parent: etree.Element, error: EmbedError) -> None:
        """Say in the place of an embed why there is nothing to see."""
        self.html(
            parent,
            '<div class="nb-output nb-output--error nb-failed">'
            f'<pre tabindex="0">{escape(error.message, quote=False)}</pre></div>',
        )

    def code(self, parent: etree.Element, cell: Cell, language: str) -> None:
        box = etree.SubElement(parent, "details" if cell.folded else "div", {"class": "nb-code"})
        if cell.folded:
            etree.SubElement(box, "summary").text = to_the_letter(cell.options.summary)
            if cell.options.open_fold:
                box.set("open", "")
        self.fence(box, cell.code, language)

    def fence(self, parent: etree.Element, code: str, language: str, title: str = "") -> None:
        """Add code as the site's own fences show it; not all of them know titles."""
        known = "fenced_code_block" in self.md.preprocessors
        fences = type(self.md.preprocessors["fenced_code_block"]).__module__ if known else ""
        info = language = fence_language(language)
        if title and fences.startswith("pymdownx."):
            info += f' title="{title}"'
        elif title:
            head = etree.SubElement(parent, "p", {"class": "nb-code__file"})
            etree.SubElement(head, "code").text = to_the_letter(title)
        if not fences:
            known_as = f' class="language-{language}"' if language else ""
            text = escape(code, quote=False)
            self.html(parent, f"<pre><code{known_as}>{text}</code></pre>")
            return
        marks = "`" * max(3, *(len(run) + 1 for run in [*re.findall(r"`+", code), ""]))
        self.markdown(parent, f"{marks}{info}\n{code}\n{marks}", of_code=True)

    def output(
        self, parent: etree.Element, output: Output, alt: str, origin: Origin, look: Look = PLAIN
    ) -> None:
        if isinstance(output, Figure):
            self.html(parent, self.canvas(output, alt, origin, look))
        elif isinstance(output, Values):
            self.table(parent, output, alt, origin)
        elif isinstance(output, Media):
            self.html(parent, self.media(output, alt))
        elif output.kind == "json":
            box = etree.SubElement(parent, "div", {"class": "nb-output nb-output--json"})
            if _is_large(output.content):
                box.set("data-search-exclude", "")
            self.fence(box, output.content, "json")
        elif output.kind == "latex" and not self._knows_formulas:
            text = output.content.strip()
            formula = in_dollars(text) if is_mixed(text) else f"$$\n{formula_in(text)}\n$$"
            box = etree.SubElement(parent, "div", {"class": "nb-output nb-output--latex"})
            etree.SubElement(box, "p").text = to_the_letter(formula)
        elif output.kind == "markdown" or (output.kind == "latex" and is_mixed(output.content)):
            box = etree.SubElement(parent, "div", {"class": "nb-output nb-output--markdown"})
            text = output.content if output.kind == "markdown" else in_dollars(output.content)
            self.foreign(box, text, replace(origin, strict=True))
        elif output.kind == "latex":
            box = etree.SubElement(parent, "div", {"class": "nb-output nb-output--latex"})
            formula = f"$$\n{formula_in(output.content)}\n$$"
            if self.sanitise:  # the page's own Markdown lets HTML through where it ends a formula
                self.foreign(box, formula, origin)
            else:
                self.markdown(box, formula)
        elif output.kind == "html":
            # What scrolls sideways must be reachable by keyboard, and named.
            name = escape(alt or "Output")
            content = self._html(output, origin)
            search = " data-search-exclude" if len(content) > LARGE else ""
            self.html(
                parent,
                f'<div class="nb-output nb-output--html" role="group" tabindex="0" '
                f'aria-label="{name}"{search}>{content}</div>',
            )
        else:
            kind = {"plain": "text"}.get(output.kind, output.kind)
            long = " nb-output--long" if output.content.count("\n") > LONG else ""
            search = " data-search-exclude" if _is_large(output.content) else ""
            self.html(
                parent,
                f'<div class="nb-output nb-output--{kind}{long}"{search}>'
                f'<pre tabindex="0">{output.content}</pre></div>',
            )

    def table(self, parent: etree.Element, values: Values, alt: str, origin: Origin) -> None:
        """Add a mapping: the keys as an embed names them, and beside each its value."""
        box = etree.SubElement(parent, "div", {"class": "nb-output nb-output--html"})
        for name, value in (
            ("role", "group"),
            ("tabindex", "0"),
            ("aria-label", to_the_letter(alt or "Values")),
        ):
            box.set(name, value)
        body = etree.SubElement(etree.SubElement(box, "table"), "tbody")
        for keys, text in values.entries:
            row = etree.SubElement(body, "tr")
            head = etree.SubElement(row, "th", {"scope": "row"})
            etree.SubElement(head, "code").text = to_the_letter(".".join(keys))
            cell = etree.SubElement(row, "td")
            if text is None:
                cell.text = AtomicString("(a picture)")
            elif text.kind == "html":
                self.html(cell, self._html(text, origin))
            elif text.kind == "markdown" and self._inline(text, origin) is None:
                self.foreign(cell, text.content, origin)
            else:
                cell.append(self.value(text, origin))

    def _html(self, output: Text, origin: Origin) -> str:
        """Return HTML that a cell put out as it may stand on this page."""
        content = safe_html(output.content) if self.sanitise else output.content
        return readdressed(content, partial(self.address, origin))

    def picture(self, image: Image, alt: str, title: str = "") -> etree.Element:
        """Return a picture for where only an image may stand: a link, a cell of a table."""
        variants = (
            {"": image.uri}
            if not image.dark_uri
            else {"nb-figure__image--light": image.uri, "nb-figure__image--dark": image.dark_uri}
        )
        box = etree.Element("span", {"class": "nb-picture"})
        box.text = AtomicString("")
        for kind, uri in variants.items():
            attributes = {
                "src": self.link(uri),
                "alt": to_the_letter(alt),
                "width": str(image.width),
                "height": str(image.height),
            }
            attributes |= {"class": kind} if kind else {}
            attributes |= {"title": title} if title else {}
            etree.SubElement(
                box, SETTLED + "img", {**attributes, "loading": "lazy", "decoding": "async"}
            )
        return box

    def tabs(self, parent: etree.Element, cell: Cell, *names: str) -> list[etree.Element]:
        """Add tabs as those of ``pymdownx.tabbed``; return the places for what is in them."""
        group = self.unique(f"tabs-{cell.name}")
        box = etree.SubElement(
            parent,
            "div",
            {"class": "tabbed-set tabbed-alternate", "data-tabs": f"{group}:{len(names)}"},
        )
        for number, _ in enumerate(names, 1):
            knob = {"id": f"{group}-{number}", "name": group, "type": "radio"}
            self.ids.add(knob["id"])
            etree.SubElement(
                box, "input", {**knob, **({"checked": "checked"} if number == 1 else {})}
            )
        labels = etree.SubElement(box, "div", {"class": "tabbed-labels"})
        for number, name in enumerate(names, 1):
            etree.SubElement(labels, "label", {"for": f"{group}-{number}"}).text = AtomicString(
                name
            )
        content = etree.SubElement(box, "div", {"class": "tabbed-content"})
        return [etree.SubElement(content, "div", {"class": "tabbed-block"}) for _ in names]

    def media(self, media: Media, alt: str) -> str:
        src, name = escape(self.link(media.uri)), escape(alt or media.kind.capitalize())
        if media.kind == "document":
            inside = f'<a href="{src}" type="{media.mime}">{name} (PDF)</a>'
        else:
            inside = (
                f'<{media.kind} src="{src}" controls preload="metadata" aria-label="{name}">'
                f"</{media.kind}>"
            )
        return f'<div class="nb-output nb-output--{media.kind}">{inside}</div>'

    def value(self, output: Text, origin: Origin, *, unquote: bool = False) -> etree.Element:
        """Return a value as an element for a sentence.

        Raises
        ------
        ValueError : it is Markdown of more than a line of text.
        """
        span = etree.Element("span", {"class": "nb-value"})
        if output.kind in ("markdown", "latex"):
            inline = self._inline(output, origin)
            if inline is None:
                raise ValueError("it has blocks of its own")
            self.html(span, inline)
            shown = plain(Text("html", inline))
        else:
            text = plain(output)
            read = unquote and output.kind == "plain"
            shown = read_value(text).text if read else text
            span.text = to_the_letter(shown)
        if len(shown) > LONG_VALUE:
            span.set("class", "nb-value nb-value--long")
        return span

    def _inline(self, output: Text, origin: Origin) -> str | None:
        """Return the HTML of a value that is Markdown or TeX, or None where no line can hold it."""
        text = output.content.strip()
        if output.kind == "latex" and is_mixed(text):
            text = in_dollars(text)
        elif output.kind == "latex":
            text = f"${formula_in(text)}$"
            if not self._knows_formulas:
                return escape(text, quote=False)
        found = re.fullmatch(r"<p>((?:(?!</?p[\s>]).)*)</p>", self._converted(text, origin), re.S)
        if found is None:
            return None
        safe = not self.sanitise or harmless_attributes(found[1])
        content = found[1] if safe else safe_html(found[1])  # which leaves no formula whole
        return readdressed(content, partial(self.address, origin))

    def canvas(self, figure: Figure, alt: str, origin: Origin, look: Look) -> str:
        name = escape(alt)
        extra = ' tabindex="0"' if figure.data_uri and not figure.view else ""
        if figure.image:
            inside = "".join(self._images(figure.image, name, look))
        else:
            content = self._html(Text("html", figure.stands_in), origin)
            if figure.stands_in == DRAWN and alt != unnamed(origin.cell):
                content += f'<p class="nb-notice">{name}</p>'  # who has no script reads it
            inside = f'<div class="nb-figure__stand-in">{content}</div>'
            extra += f' style="min-height: {figure.height}px"' if figure.height else ""
        return (
            f'<div class="nb-figure__canvas" role="group" aria-label="{name}"{extra}>{inside}</div>'
        )

    def _images(self, image: Image, alt: str, look: Look) -> list[str]:
        variants = [("", image.uri)]
        if image.dark_uri:
            variants = [("--light", image.uri), ("--dark", image.dark_uri)]
        style = f'style="width: {image.share}" ' if image.share else ""
        return [
            f'<img class="nb-figure__image{" nb-figure__image" + kind if kind else ""}" '
            f'src="{self.link(uri)}" alt="{alt}" width="{image.width}" height="{image.height}" '
            f"{style}{look.of_images}>"
            for kind, uri in variants
        ]

    def unique(self, name: str, others: Container[str] = ()) -> str:
        """Return `name`, with a number if the page has that id; none that is among `others`."""
        taken, number = name, 1
        while taken in self.ids or (number > 1 and taken in others):
            number += 1
            taken = f"{name}-{number}"
        self.ids.add(taken)
        return taken

    def box(
        self,
        parent: etree.Element,
        tag: str,
        kind: str,
        look: Look,
        name: str = "",
        others: Container[str] = (),
    ) -> etree.Element:
        """Add an element that looks as asked; without an id in `look` it has one made of `name`."""
        box = etree.SubElement(parent, tag, {"class": " ".join([kind, *look.classes])})
        if (look.id or name) and not self.page.excerpt:
            box.set("id", look.id or self.unique(name, others))
        look.dress(box)
        return box

    def figure(
        self,
        parent: etree.Element,
        pictures: list[Figure],
        notebook: Notebook,
        cell: Cell,
        look: Look,
        *,
        titled: bool,
    ) -> etree.Element:
        name = f"fig-{cell.name}"
        box = self.box(
            *(parent, "figure", "nb-figure", look, name),
            others={f"fig-{label}" for label in notebook.labels},
        )
        if self.figures and titled and pictures and "unnumbered" not in look.classes:
            box.set("data-nb-number", box.get("id") or look.id or name)
        if len(pictures) == 1:
            self._enliven(box, pictures[0])
        return box

    def fill(
        self,
        box: etree.Element,
        outputs: list[Output],
        alt: str,
        origin: Origin,
        look: Look = PLAIN,
    ) -> None:
        """Add outputs to a figure; each of several live pictures is a figure inside of it."""
        pictures = [output for output in outputs if isinstance(output, Figure)]
        number = 0
        for output in outputs:
            inner, name = box, alt
            if isinstance(output, Figure) and len(pictures) > 1:
                number += 1
                name = f"{alt} ({number} of {len(pictures)})"
                if output.data_uri:
                    classes = {"class": "nb-figure nb-figure--part"}
                    inner = etree.SubElement(box, "figure", classes)
                    self._enliven(inner, output)
            if isinstance(output, Figure) and output.image and alt == unnamed(origin.cell):
                name = output.image.alt or name  # as the notebook has it
            self.output(inner, output, name, origin, look)

    def _enliven(self, box: etree.Element, picture: Figure) -> None:
        """Say in a figure what draws it, and where its data are."""
        if not picture.data_uri:
            return
        if picture.view and picture.view_uri:
            box.set("data-view", to_the_letter(picture.view))
            box.set("data-source", self.link(picture.data_uri))
            box.set("data-script", self.link(picture.view_uri))
            if picture.waits:
                box.set("data-waits", "")
            return
        box.set("data-plotly", self.link(picture.data_uri))
        if picture.full:
            box.set("data-bundle", FULL_BUNDLE)

    def caption(
        self,
        box: etree.Element,
        notebook: Notebook,
        cell: Cell | None,
        title: str | None,
        *,
        own: bool = False,
    ) -> None:
        """Add a caption, with a link to the cell on its notebook's page, or to that page.

        The title is the page's Markdown; with `own` it is the cell's.
        """
        caption = etree.SubElement(box, "figcaption")
        if title and own and cell and self.sanitise:
            inline = self._inline(Text("markdown", title), Origin(notebook, cell))
            words = escape(title, quote=False) if inline is None else inline
            self.html(etree.SubElement(caption, "span"), words)
        elif title:
            etree.SubElement(caption, "span").text = title
        if self.page.uri == notebook.uri:
            return
        name = escape(notebook.title)
        if notebook.uri in self.library.without_page:
            self.html(caption, f' <span class="nb-figure__origin">{name}</span>')
            return
        page = self.library.pages.get(notebook.uri, page_of(notebook.uri))
        place = f"#{cell.name}" if cell else ""
        about = "The cell that made this" if cell else "The notebook"
        self.html(
            caption,
            f' <a class="nb-figure__origin" href="{self.link(unquote(page))}{place}" '
            f'title="{about}">{name}</a>',
        )

    def notebook(self, parent: etree.Element, notebook: Notebook, look: Look = PLAIN) -> None:
        own_page = self.page.uri == notebook.uri
        box = self.box(parent, "div", "nb-notebook", look)
        if not own_page:
            box.set("data-nb-demote", "")
        outer, self._open = self._open, Anchors()
        try:
            self._cells(box, notebook, own_page=own_page)
            self._open.find_headings(box)
            self.places.append(self._open)
        finally:
            self._open = outer
        keep_one_title(box)

    def _cells(self, box: etree.Element, notebook: Notebook, *, own_page: bool) -> None:
        for cell in notebook.cells:
            if not cell.options.include:
                continue
            if cell.kind == "markdown":
                self.foreign(box, cell.source, Origin(notebook, cell, strict=True))
            elif cell.kind in ("html", "text"):
                as_html = cell.kind == "html" and not self.sanitise
                text = cell.source if as_html else escape(cell.source, quote=False)
                raw = Text("html" if as_html else "plain", text)
                self.output(box, raw, f"Cell {cell.name}", Origin(notebook, cell, strict=True))
            elif cell.kind == "code":
                part = etree.SubElement(box, "div", {"class": "nb-cell"})
                if own_page:
                    part.set("id", cell.name)
                    self.ids.add(cell.name)
                if cell.code.strip() and cell.options.echo:
                    self.code(part, cell, notebook.language)
                if cell.options.output:
                    self._outputs(part, notebook, cell)

    def _outputs(self, part: etree.Element, notebook: Notebook, cell: Cell) -> None:
        """Show all that a cell of an embedded notebook put out."""
        outputs = self.library.outputs.get(notebook.uri, {}).get(cell.name, [])
        pictures = [output for output in outputs if isinstance(output, Figure)]
        own = cell.options.alt or unnamed(cell)
        alt = self.library.alts.get((notebook.uri, cell.name), own)
        title = cell.options.caption if pictures else cell.options.table_caption
        if outputs and cell.options.fold_output:
            part = etree.SubElement(part, "details", {"class": "nb-code"})
            etree.SubElement(part, "summary").text = AtomicString("Output")
        if pictures or (outputs and title):
            part = self.figure(part, pictures, notebook, cell, PLAIN, titled=bool(title))
        origin = Origin(notebook, cell)
        self.fill(part, outputs, alt, origin)
        if outputs and title:
            self.caption(part, notebook, cell, title, own=True)


def fence_language(language: str) -> str:
    """Return the word that fences know a language of kernels by; empty where it has none."""
    name = " ".join(language.lower().split()).removeprefix(".net-")
    name = re.sub(r"^c\+\+\d+$", "c++", name)
    word = LANGUAGES.get(name, name.replace(" ", "-")).lstrip(".")
    return word if re.fullmatch(r"[\w#.+-]+", word) else ""


def _is_large(text: str) -> bool:
    """Tell whether a block of text is too much for the search."""
    return text.count("\n") > LONG or len(text) > LARGE


def unnamed(cell: Cell) -> str:
    """Return what a picture is called where its author has not said what there is to see."""
    return f"Output of cell {cell.name}"


def keep_one_title(box: etree.Element) -> None:
    """Let headings from a second title on go down by one level: contents have one top."""
    seen, down = False, 0
    for element in box.iter():
        if found := re.fullmatch("h([1-6])", str(element.tag)):
            if found[1] == "1":
                down, seen = int(seen), True
            if down:
                element.tag = f"h{min(6, int(found[1]) + 1)}"
