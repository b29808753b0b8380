"""The syntax: Markdown's own image syntax, with a notebook as the source of the image.

```markdown
![What is to be seen](../notebooks/x.py#label "A *caption*.")    alone in its paragraph: a figure
The error is ![](../notebooks/x.py#error) levels.                in a sentence: a value
The error is ![](../notebooks/x.py#errors.small) levels.         one entry of a mapping
![...](../notebooks/x.py#label){ .source }                       the code, then the output
![...](../notebooks/x.py#label){ .source-only }                  the code alone
![...](../notebooks/x.py#label){ .tabs }                         output and code, side by side
The error is ![](../notebooks/x.py#error:.2f) levels.            a value in a format
![](../notebooks/x.py)                                           the whole notebook
::: package.module.function                                      code of a module, by name
```
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.extensions import Extension
from markdown.inlinepatterns import ImageInlineProcessor
from markdown.treeprocessors import Treeprocessor

from notebook_embed.apart import Join, apart
from notebook_embed.builder import UnderWay, is_excerpt
from notebook_embed.cells import CellMarkdown
from notebook_embed.errors import EmbedError, nearest, shown
from notebook_embed.excerpts import Excerpt
from notebook_embed.files import read_text
from notebook_embed.fragments import renamed, settle, to_the_letter
from notebook_embed.image_syntax import ImageSyntax, set_aside
from notebook_embed.library import (
    Embed,
    Found,
    Library,
    SourceLine,
    before_templates,
    find_embeds,
    find_likely,
    is_reference,
    readable,
    seems_reference,
)
from notebook_embed.looks import Look, name_values
from notebook_embed.module_code import find_code
from notebook_embed.notebook import SUFFIXES, Cell, Notebook
from notebook_embed.outputs import Figure, Output, Text, Values, plain
from notebook_embed.page_html import Origin, PageWriter, unnamed
from notebook_embed.progress import log
from notebook_embed.remembered import Remembered, remembering_code
from notebook_embed.source_lines import SourceLines, source_lines, take
from notebook_embed.values import formatted, read_value

__all__ = ["NotebookEmbedExtension", "check_embeds"]

NO_ALT_REMEDY = "Say in the square brackets what there is to see, for those who cannot."


class NotebookEmbedExtension(Extension):
    """Embed notebooks that ran before; `library` holds what they put out.

    Code has the colours that are `remembered` of an earlier build. `cells` converts the Markdown of
    notebooks, apart from that of the page. `page` names the page's URI for use outside MkDocs,
    whose link processor tells it otherwise; where that is not told, it is the page `under_way`.
    """

    def __init__(
        self,
        library: Library | None = None,
        cells: CellMarkdown | None = None,
        remembered: Remembered | None = None,
        under_way: UnderWay | None = None,
        **options: Any,
    ) -> None:
        self.remembered = remembered
        self.library = library  # Markdown would turn an option whose default is None into a bool
        self.cells = cells or CellMarkdown()
        self.under_way = under_way or UnderWay()
        self.config = {
            "page": ["", "the URI of the page, where nobody else tells it"],
            "code": [[], "folders in which '::: package.module' is looked up"],
            "separator": ["<!-- more -->", "what a list of posts shows ends here"],
            "figures": ["", "the word that figures with a caption are numbered by"],
            "sanitise": [False, "strip what notebooks bring of all that can run"],
            "checking": [False, "look references up and show nothing: notebooks have not run yet"],
        }
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown calls it so
        md.registerExtension(self)
        if self.remembered is not None:
            _remember_code(md, self.remembered)
        if self.library is None:
            return  # MkDocs makes one parser while it checks its configuration
        # After line ends are made alike (30), before HTML is taken out (20).
        md.preprocessors.register(Excerpt(md, self.getConfig("separator")), "excerpt", 29)
        lines = source_lines(md)
        lines.docs, lines.uri = self.library.docs, self.getConfig("page")
        lines.under_way = self.under_way
        _note_errors(md, lines)
        writer = PageWriter(
            md,
            self.library,
            lines,
            self.cells,
            checking=self.getConfig("checking"),
            figures=self.getConfig("figures"),
            sanitise=self.getConfig("sanitise"),
        )
        roots = [Path(root) for root in self.getConfig("code")]
        md.parser.blockprocessors.register(EmbedBlock(md.parser, writer), "notebook_embed", 25)
        md.parser.blockprocessors.register(
            CodeBlock(md.parser, writer, roots), "notebook_embed_code", 26
        )
        # Before Markdown's own images (150) and after code spans (190) and escapes (180).
        md.inlinePatterns.register(EmbedInline(md, writer), "notebook_embed", 155)
        # After footnotes are parsed (50), before inline patterns (20).
        md.treeprocessors.register(Join(md), "notebook_embed_join", 45)
        # After inline patterns (20) and attribute lists (8), before MkDocs resolves links (0).
        md.treeprocessors.register(Finish(md, writer), "notebook_embed", 7)
        md.treeprocessors.register(Settle(md, writer), "notebook_embed_settle", -1)


def _remember_code(md: Markdown, remembered: Remembered) -> None:
    """Let the parser's code be put in colours once for all builds."""
    for one in md.registeredExtensions:
        if (given := getattr(one, "get_pymdownx_highlighter", None)) is not None:
            highlighter = remembering_code(given(), remembered)
            vars(one)["get_pymdownx_highlighter"] = lambda made=highlighter: made
            break  # pymdownx takes the first as well


def _note_errors(md: Markdown, lines: SourceLines) -> None:
    """Keep what is wrong with a piece of a page for the page: who converts it may pass over it."""
    convert = md.convert

    def converting(source: str) -> str:
        try:
            return str(convert(source))
        except EmbedError as error:
            if lines.is_of_a_piece:
                lines.under_way.error = error
            raise

    vars(md)["convert"] = converting


def check_embeds(
    library: Library, page: Path, uri: str, convert: Callable[[str], object] | None = None
) -> dict[tuple[str, str], str]:
    """Check every reference of a page before anything runs; return alt texts by notebook and cell.

    `convert` converts a page with the option `checking`: a quick look finds the references, and
    what Markdown makes of the page decides whether one that leads nowhere is an embed at all, and
    whether a notebook outside the library's folder joins it.

    Raises
    ------
    EmbedError : a reference leads nowhere.
    """
    alts = {}
    text = read_text(page, "the page")

    def note(embed: Embed, *, take_in: bool = False) -> None:
        at = SourceLine(page, uri, embed.line)
        if (href := before_templates(embed.href)) is None:
            return
        notebook, cell, keys, _ = library.find(href, at, take_in=take_in)
        if cell is not None and not keys and embed.alt.strip():
            alts[notebook.uri, cell.name] = unescaped(embed.alt.strip())

    # What the quick look takes for code or for no image may be one, and its notebook must run.
    unsure = [embed for embed in find_likely(text) if library.is_left_out(embed.href, uri)]
    for embed in find_embeds(text):
        try:
            note(embed, take_in=convert is None)
        except EmbedError:
            if convert is None:
                raise
            unsure.append(embed)
    if convert is not None and unsure:
        convert(text)  # raises it again, with the line that the parser knows, if it is one
        for embed in unsure:
            with suppress(EmbedError):
                note(embed)
    return alts


def located(writer: PageWriter, number: int | None, text: str) -> SourceLine:
    """Return where `text`, stamped with `number`, stands in the page's file."""
    page = writer.page
    return writer.lines.locate(number, text) or SourceLine(page.file, page.uri)


def check(writer: PageWriter, href: str, at: SourceLine) -> None:
    """Look a reference up, as far as it is known before a plugin such as mkdocs-macros fills it in.

    Raises
    ------
    EmbedError : it leads nowhere.
    """
    if (known := before_templates(href)) is not None:
        find(writer, known, at)


def find(writer: PageWriter, href: str, at: SourceLine) -> Found:
    """Return what `href` means, and note that the page embeds it."""
    found = writer.library.find(href, at, take_in=writer.checking)
    writer.library.use(writer.page.uri, found.notebook.uri)
    return found


def unescaped(alt: str) -> str:
    """Return alt text as Markdown means it, without backslashes and names of signs."""
    return html.unescape(re.sub(r"\\([\\`*_{}\[\]()>#+\-.!|\"'<&$])", r"\1", alt))


@dataclass(frozen=True)
class Written:
    """An image as it stands in a paragraph: all of its text, and what is in it."""

    text: str
    alt: str
    href: str
    title: str | None
    look: Look

    @property
    def embeds(self) -> bool:
        return is_reference(take(self.href)[1])


_ATTRIBUTES = re.compile(r"\s*\{:?\s*([^{}]*)\}")


class EmbedBlock(BlockProcessor):
    """Embeds alone in their paragraph: one, or several below each other."""

    START = re.compile(r"^ {0,3}!\[")

    def __init__(self, parser: Any, writer: PageWriter) -> None:
        super().__init__(parser)
        self.writer = writer
        self.syntax = ImageSyntax(r"\!\[", parser.md)

    def test(self, parent: etree.Element, block: str) -> bool:
        return bool(self.START.match(block)) and bool(self._parse(block))

    def _parse(self, block: str) -> list[Written]:
        """Return the images in `block`, if there is nothing else and each embed is for itself.

        Several in one line stay beside each other, unless one has a caption.
        """
        images: list[Written] = []
        apart = True
        text = block.strip()
        veiled = self.syntax.veiled(text, set_aside(self.parser.md))
        while text:
            if (image := self._image(text, veiled)) is None:
                return []
            images.append(image)
            behind = text[len(image.text) :]
            text = behind.lstrip()
            veiled = veiled[len(veiled) - len(text) :]
            apart = apart and (not text or "\n" in behind[: len(behind) - len(text)])
        embeds = [image for image in images if image.embeds]
        return images if embeds and (apart or any(image.title for image in embeds)) else []

    def _image(self, text: str, veiled: str) -> Written | None:
        """Return the image that `text` begins with; `veiled` shows the brackets that count."""
        if not veiled.startswith("![") or (image := self.syntax.read(veiled, 2)) is None:
            return None
        look, end = Look(), image.end
        if listed := _ATTRIBUTES.match(text, end):
            look, end = Look.of(listed[1], self.parser.md), listed.end()
        alt = unescaped(" ".join(image.alt.split()))
        return Written(text[:end], alt, image.href, image.title, look)

    def run(self, parent: etree.Element, blocks: list[str]) -> None:
        for image in self._parse(blocks.pop(0)):
            if image.embeds:
                with apart(parent):
                    self._embed(parent, image)
            else:
                self.parser.parseBlocks(parent, [image.text])

    def _embed(self, parent: etree.Element, image: Written) -> None:
        number, href = take(image.href)
        at = located(self.writer, number, href)
        if self.writer.checking:
            check(self.writer, href, at)
            return
        found = find(self.writer, href, at)
        if (error := self.writer.library.failed.get(found.notebook.uri)) is not None:
            self.writer.failure(parent, error)
            if found.cell is not None:
                return
        look = image.look
        with self.writer.lines.within(number):
            if found.cell is None:
                with self.writer.library.showing(found.notebook, at):
                    self._notebook(parent, found.notebook, image.title, look)
            else:
                self._cell(parent, found, found.cell, image.alt, image.title, look, at)

    def _notebook(
        self, parent: etree.Element, notebook: Notebook, title: str | None, look: Look
    ) -> None:
        writer = self.writer
        if not title:
            writer.notebook(parent, notebook, look)
            return
        box = writer.box(parent, "figure", "nb-figure", look)
        writer.notebook(box, notebook)
        writer.caption(box, notebook, None, title)

    def _cell(
        self,
        parent: etree.Element,
        found: Found,
        cell: Cell,
        alt: str,
        title: str | None,
        look: Look,
        at: SourceLine,
    ) -> None:
        writer, notebook = self.writer, found.notebook
        source_only = "source-only" in look.classes
        tabs = "tabs" in look.classes and not source_only
        if source_only or tabs or "source" in look.classes:
            if not (cell.options.echo and cell.options.include):
                raise EmbedError(
                    f"the code of the cell '{cell.label}' is hidden",
                    file=at.file,
                    line=at.line,
                    remedy="Its tags or options say so. Change them, or embed its output alone. "
                    f"It stands in {notebook.uri}:{cell.line}.",
                )
            if source_only:
                self._listing(parent, notebook, cell, title, look)
            elif tabs:
                parent, beside = writer.tabs(parent, cell, "Result", "Code")
                writer.fence(beside, cell.code, notebook.language)
            else:
                writer.code(parent, cell, notebook.language)
        if source_only:
            return
        look = look.without("source", "tabs")
        outputs = in_format(writer.library.outputs_of(found, at), found, at)
        pictures = [output for output in outputs if isinstance(output, Figure)]
        alt = alt or cell.options.alt
        if pictures and not alt and all(one.image and one.image.alt for one in pictures):
            alt = unnamed(cell)  # each has its own
        if own := title is None:
            title = cell.options.caption if pictures else cell.options.table_caption
        if pictures and not alt:
            raise EmbedError(
                "a figure without alt text",
                file=at.file,
                line=at.line,
                remedy=NO_ALT_REMEDY,
            )
        origin = Origin(notebook, cell)
        if not pictures and title is None and not look:
            for output in outputs:
                writer.output(parent, output, alt, origin)
            return
        box = writer.figure(parent, pictures, notebook, cell, look, titled=bool(title))
        writer.fill(box, [look.sized(output) for output in outputs], alt, origin, look)
        writer.caption(box, notebook, cell, title, own=own)

    def _listing(
        self,
        parent: etree.Element,
        notebook: Notebook,
        cell: Cell,
        title: str | None,
        look: Look,
    ) -> None:
        """Show the code of a cell, as a figure where it has a caption or attributes."""
        look = look.without("source", "source-only", "tabs")
        if not title and not look:
            self.writer.code(parent, cell, notebook.language)
            return
        box = self.writer.box(parent, "figure", "nb-figure", look, f"lst-{cell.name}")
        self.writer.code(box, cell, notebook.language)
        if title:
            self.writer.caption(box, notebook, cell, title)


class EmbedInline(ImageInlineProcessor):
    """An embed inside a sentence: a value."""

    def __init__(self, md: Markdown, writer: PageWriter) -> None:
        super().__init__(r"\!\[", md)
        self.writer = writer

    def handleMatch(self, m: re.Match[str], data: str) -> Any:  # noqa: N802
        element, start, end = super().handleMatch(m, data)
        number, href = take("" if element is None else element.get("src", ""))
        if element is None or not is_reference(href):
            return None, None, None
        at = located(self.writer, number, href)
        if self.writer.checking:
            check(self.writer, href, at)
            return etree.Element("span"), start, end
        found = find(self.writer, href, at)
        notebook, cell = found.notebook, found.cell
        if (error := self.writer.library.failed.get(notebook.uri)) is not None:
            note = etree.Element(
                "strong", {"class": "nb-failed", "title": to_the_letter(error.message)}
            )
            note.text = to_the_letter(f"({notebook.title} failed)")
            return note, start, end

        def fail(problem: str, remedy: str) -> EmbedError:
            return EmbedError(problem, file=at.file, line=at.line, remedy=remedy)

        if cell is None:
            raise fail("a whole notebook inside a sentence", "Put it into a paragraph of its own.")
        title = take(element.get("title", ""))[1]
        outputs = in_format(self.writer.library.outputs_of(found, at), found, at)
        where = f"It stands in {notebook.uri}:{cell.line}."
        if len(outputs) > 1:
            raise fail(
                f"the cell '{cell.label}' has {len(outputs)} outputs, a value is one",
                f"Let the cell put out one value, or embed it in a paragraph of its own. {where}",
            )
        output = outputs[0]
        if isinstance(output, Values):
            name = ".".join([cell.name, *found.keys])
            names = [".".join([name, *keys]) for keys, _ in output.entries]
            raise fail(
                f"'{name}' is a mapping, a value is one of its entries",
                f"Name one. {nearest('', names)} {where}",
            )

        def no_value() -> EmbedError:
            return fail(
                f"the output of '{cell.label}' is no value that a sentence can hold",
                f"A figure or table goes into a paragraph of its own. {where}",
            )

        if isinstance(output, Figure) and output.image:
            alt = unescaped(element.get("alt", "")) or cell.options.alt or output.image.alt
            picture = self.writer.picture(output.image, alt, title)
            no_alt = fail("a figure without alt text", NO_ALT_REMEDY)
            if not _alone(data, start, end):  # what holds the words is not known yet
                self.writer.beside_words.append((picture, no_value(), no_alt))
            elif not alt:
                raise no_alt
            return picture, start, end
        if not isinstance(output, Text) or output.kind in ("html", "stderr", "error"):
            raise no_value()
        try:
            span = self.writer.value(output, Origin(notebook, cell), unquote=not found.keys)
        except ValueError:
            raise fail(
                f"the output of '{cell.label}' is no value that a sentence can hold",
                f"Text with blocks of its own goes into a paragraph of its own. {where}",
            ) from None
        if "\n" in str(span.text) and output.kind not in ("markdown", "latex"):
            raise fail(
                f"the output of '{cell.label}' has several lines, a value has one",
                f"Embed it in a paragraph of its own. {where}",
            )
        if title:  # as Markdown has it for images
            span.set("title", title)
        return span, start, end


# What stands in a piece of text beside words: marks of the parser's own, attributes, spaces.
_NO_WORDS = re.compile(r"\x02[^\x03]*\x03|\{[^{}]*\}|\s")


def _alone(data: str, start: int | None, end: int | None) -> bool:
    """Tell whether an image is all there is in a link, a cell of a table or a heading."""
    rest = _NO_WORDS.sub("", take(data[:start] + data[end:])[1])
    return not re.search(r"\w", re.sub(r"!\[[^\]]*\]\([^)]*\)", "", rest))


def in_format(outputs: list[Output], found: Found, at: SourceLine) -> list[Output]:
    """Return the outputs with their one value in the format that a reference asks for.

    Raises
    ------
    EmbedError : there is no one value, or it cannot have that format.
    """
    if not found.spec or found.cell is None:
        return outputs
    name = ".".join([found.cell.name, *found.keys])
    problem = f"the address '{name}:{found.spec}' ends in ':{found.spec}'"
    try:
        if len(outputs) != 1:
            raise ValueError("only one value has a format")
        output = _printed(outputs[0])
        quoted = not found.keys and output.kind == "plain"
        text = formatted(plain(output), found.spec, quoted=quoted)
    except ValueError as error:
        remedy = f"{error}. It stands in {found.notebook.uri}:{found.cell.line}."
        raise EmbedError(problem, file=at.file, line=at.line, remedy=remedy) from None
    return [Text("stream", html.escape(text, quote=False))]


def _printed(output: Output) -> Text:
    """Return the text of a value, which may have a richer look beside it, as sympy's numbers have.

    Raises
    ------
    ValueError : it is no value.
    """
    if isinstance(output, Text) and output.kind in ("plain", "stream"):
        return output
    for form in output.also:
        if isinstance(form, Text) and read_value(plain(form)).value is not None:
            return form
    if isinstance(output, Text):
        raise ValueError(f"the cell shows {output.kind}, which has none")
    raise ValueError("only one value has a format")


class CodeBlock(BlockProcessor):
    """Code of a module, by its qualified name: ``::: package.module.function``."""

    SYNTAX = re.compile(r"^::: +(?P<name>[A-Za-z_][\w.]*)[ \t]*(?:\{(?P<attributes>[^{}]*)\})?\s*$")

    def __init__(self, parser: Any, writer: PageWriter, roots: list[Path]) -> None:
        super().__init__(parser)
        self.writer, self.roots = writer, roots

    def test(self, parent: etree.Element, block: str) -> bool:
        return bool(self.SYNTAX.match(block.strip()))

    def run(self, parent: etree.Element, blocks: list[str]) -> None:
        match = self.SYNTAX.match(blocks.pop(0).strip())
        assert match is not None
        name, attributes = match["name"], match["attributes"] or ""
        at = located(self.writer, self.writer.lines.directive, f"::: {name}")
        found = find_code(name, self.roots, at, docstring=".no-docstring" not in attributes)
        folded = ".folded" in attributes
        with apart(parent):
            box = etree.SubElement(
                parent, "details" if folded else "div", {"class": "nb-code nb-code--module"}
            )
        if folded:
            etree.SubElement(box, "summary").text = to_the_letter(name)
        self.writer.fence(box, found.source, "python", title=found.file)


# Where a picture may stand beside words.
HOLDERS = {"h1", "h2", "h3", "h4", "h5", "h6", "a", "td", "th", "figcaption"}


_IMAGE_IN_HTML = re.compile(r"""<img\s[^<>]*?\bsrc\s*=\s*["']?([^"'\s<>]+)""", re.I)


class Finish(Treeprocessor):
    """Set what could not be set before inline patterns ran, and let no embed slip through."""

    def __init__(self, md: Markdown, writer: PageWriter) -> None:
        super().__init__(md)
        self.writer = writer

    def run(self, root: etree.Element) -> None:
        lines = self.writer.lines
        if (error := lines.under_way.error) is not None and not lines.is_of_a_piece:
            lines.under_way.error = None
            raise error
        for element in root.iter():
            name_values(element)
        for box in root.iter("div"):
            if "data-nb-demote" in box.attrib:
                del box.attrib["data-nb-demote"]
                for element in box.iter():
                    if re.fullmatch("h[1-5]", str(element.tag)):
                        element.tag = f"h{int(element.tag[1]) + 1}"
        self._number(root)
        self._settle_beside_words(root)
        self._tell_of_html()
        _leave_links(root)
        for image in root.iter("img"):
            if is_reference(src := image.get("src", "")):
                at = located(self.writer, self.writer.lines.definitions.get(src), src)
                raise EmbedError(
                    f"the notebook '{src}' is embedded by reference",
                    file=at.file,
                    line=at.line,
                    remedy="Write the path in round brackets: ![alt](path#label).",
                )
            if seems_reference(src) and not self.writer.checking and not is_excerpt(self.md):
                at = located(self.writer, self.writer.lines.definitions.get(src), f"]({src}")
                log.warning(
                    "%s%s: '%s' is no notebook, so no part of it is shown. Notebooks end in %s.",
                    shown(at.file),
                    f":{at.line}" if at.line else "",
                    *(src, ", ".join(SUFFIXES)),
                )

    def _tell_of_html(self) -> None:
        """Say which images in HTML of the page would be embeds in Markdown: nothing fills them."""
        if self.writer.checking or is_excerpt(self.md):
            return
        for html_block in self.md.htmlStash.rawHtmlBlocks:
            for found in _IMAGE_IN_HTML.finditer(re.sub("(?s)<!--.*?-->", "", str(html_block))):
                src, tag = found[1], found[0].rpartition("\n")[2]
                if not is_reference(src) or (at := located(self.writer, None, tag)).line is None:
                    continue  # a notebook's own HTML has it
                if at.file == self.writer.page.file:  # the same may stand in a comment, or as code
                    lines = enumerate(readable(read_text(at.file, "the page")).split("\n"), 1)
                    at = replace(at, line=next((n for n, line in lines if tag in line), at.line))
                log.warning(
                    "%s:%s: '%s' stands in HTML, where no notebook is embedded. Write it as "
                    "Markdown does: ![alt](path#label).",
                    *(shown(at.file), at.line, src),
                )

    def _settle_beside_words(self, root: etree.Element) -> None:
        pictures, self.writer.beside_words = self.writer.beside_words, []
        if not pictures:
            return
        inside = {id(one) for held in root.iter() if held.tag in HOLDERS for one in held.iter()}
        for picture, no_value, no_alt in pictures:
            if id(picture) not in inside:
                raise no_value
            if not picture[0].get("alt"):
                raise no_alt

    def _number(self, root: etree.Element) -> None:
        """Number the figures in the order of the page; let links without words say the numbers.

        A figure that is alone and that no such link names has no number, nor has one in a list of
        posts. A list shows only the beginning of a post, and what a failed notebook would have
        shown is missing, so there a link may name what is not there.
        """
        writer = self.writer
        if not writer.figures or writer.checking:
            return
        boxes = [box for box in root.iter("figure") if "data-nb-number" in box.attrib]
        words = [f"{writer.figures}\u00a0{number}" for number, _ in enumerate(boxes, 1)]
        ids = [box.attrib.pop("data-nb-number") for box in boxes]
        numbers = dict(
            zip(reversed(ids), reversed(words), strict=True)
        )  # of two the first is meant
        links = [
            link
            for link in root.iter("a")
            if link.get("href", "").startswith("#fig-") and not len(link)
            if not (link.text or "").strip()
        ]
        partial = is_excerpt(self.md) or writer.library.failed
        for link in links:
            href = link.get("href", "")
            if href[1:] not in numbers and not partial:
                at = located(writer, None, f"]({href})")
                raise EmbedError(
                    f"no figure with a caption is named '{href}' on this page",
                    file=at.file,
                    line=at.line,
                    remedy=nearest(href[1:], numbers),
                )
            link.text = to_the_letter(numbers.get(href[1:], writer.figures))
        if not links and (len(boxes) == 1 or is_excerpt(self.md)):
            return
        for box, word in zip(boxes, words, strict=True):
            mark = etree.Element("span", {"class": "nb-figure__number"})
            mark.text, mark.tail = to_the_letter(word), " "
            next(box.iter("figcaption")).insert(0, mark)


def _leave_links(root: etree.Element) -> None:
    """Tell mkdocs-glightbox which pictures stand in a link, which it only sees right around one.

    It would put a link of its own into the author's, which then leads nowhere.
    """
    for link in root.iter("a"):
        for holder in link.iter("span"):
            if holder.get("class", "").split()[:1] != ["nb-picture"]:
                continue
            for picture in holder:
                picture.set("class", f"{picture.get('class', '')} off-glb".strip())


FOOTNOTE_ID = re.compile(r"fn(ref\d*)?\W")


class Settle(Treeprocessor):
    """Gives what notebooks brought its last form, when links of the page are resolved."""

    def __init__(self, md: Markdown, writer: PageWriter) -> None:
        super().__init__(md)
        self.writer = writer

    def run(self, root: etree.Element) -> None:
        settle(root)
        self.writer.settle_links(root)
        ids, self.writer.ids = self.writer.ids, set()
        if not is_excerpt(self.md):
            return
        # Posts of one list may have ids of one name, and links lead to the post itself. Those of
        # headings are for the list's contents.
        for element in root.iter():
            named = FOOTNOTE_ID.match(element.get("id", ""))
            if named and element.tag in ("sup", "li"):
                del element.attrib["id"]
        if ids:
            post = quote(self.writer.page.uri, safe="").replace("%", "~")
            apart = (one for one in root.iter() if not re.fullmatch("h[1-6]", str(one.tag)))
            renamed(apart, lambda name: f"{post}~~{name}" if name in ids else name)


def makeExtension(**options: Any) -> NotebookEmbedExtension:  # noqa: N802 - Markdown asks for it
    return NotebookEmbedExtension(**options)
