"""The syntax: Markdown's own image syntax, with a notebook as the source of the image.

```markdown
![What is to be seen](../notebooks/x.py#label "A *caption*.")    alone in its paragraph: a figure
The error is ![](../notebooks/x.py#error) levels.                in a sentence: a value
The error is ![](../notebooks/x.py#errors.small) levels.         one entry of a mapping
![...](../notebooks/x.py#label){ .source }                       the code, then the output
![...](../notebooks/x.py#label){ .source-only }                  the code alone
![](../notebooks/x.py)                                           the whole notebook
::: package.module.function                                      code of a module, by name
```
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections import Counter
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.extensions import Extension
from markdown.extensions.attr_list import get_attrs_and_remainder
from markdown.inlinepatterns import ImageInlineProcessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from notebook_embed.errors import EmbedError, nearest
from notebook_embed.excerpts import Excerpt
from notebook_embed.library import (
    Embed,
    Found,
    Library,
    SourceLine,
    find_embeds,
    is_reference,
    page_of,
)
from notebook_embed.module_code import find_code
from notebook_embed.notebook import Cell, Notebook
from notebook_embed.outputs import Figure, Image, Output, Text, Values, plain

__all__ = ["NotebookEmbedExtension", "check_embeds"]


@dataclass(frozen=True)
class Page:
    """The page under conversion: its URI below ``docs/``, and the URL that it is shown at.

    An excerpt of a post is shown at the URL of an index, where the post's ids must not recur.
    """

    uri: str
    url: str
    excerpt: bool


class NotebookEmbedExtension(Extension):
    """Embed notebooks that ran before; `library` holds what they put out.

    `page` names the page's URI for use outside MkDocs, whose link processor tells it otherwise.
    """

    def __init__(self, library: Library | None = None, **options: Any) -> None:
        self.library = library  # Markdown would turn an option whose default is None into a bool
        self.config = {
            "page": ["", "the URI of the page, where nobody else tells it"],
            "code": [[], "folders in which '::: package.module' is looked up"],
            "separator": ["<!-- more -->", "what a list of posts shows ends here"],
        }
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown calls it so
        md.registerExtension(self)
        if self.library is None:
            return  # MkDocs makes one parser while it checks its configuration
        # After line ends are made alike (30), before HTML is taken out (20).
        md.preprocessors.register(Excerpt(md, self.getConfig("separator")), "excerpt", 29)
        embedder = Embedder(md, self.library, self.getConfig("page"))
        roots = [Path(root) for root in self.getConfig("code")]
        md.parser.blockprocessors.register(EmbedBlock(md.parser, embedder), "notebook_embed", 25)
        md.parser.blockprocessors.register(
            CodeBlock(md.parser, embedder, roots), "notebook_embed_code", 26
        )
        # Before Markdown's own images (150) and after code spans (190) and escapes (180).
        md.inlinePatterns.register(EmbedInline(md, embedder), "notebook_embed", 155)
        # After inline patterns (20) and attribute lists (8), before MkDocs resolves links (0).
        md.treeprocessors.register(Finish(md, embedder), "notebook_embed", 7)


def check_embeds(library: Library, page: Path, uri: str) -> dict[tuple[str, str], str]:
    """Check every reference of a page before anything runs; return alt texts by notebook and cell.

    Raises
    ------
    EmbedError : a reference leads nowhere.
    """
    alts = {}
    for embed in find_embeds(page.read_text("utf-8-sig")):
        notebook, cell, keys = library.find(embed.href, SourceLine(page, uri, embed.line))
        if cell is not None and not keys and embed.alt.strip():
            alts[notebook.uri, cell.name] = embed.alt.strip()
    return alts


class Embedder:
    """What the block, the inline and the closing step share while one page is converted."""

    def __init__(self, md: Markdown, library: Library, page: str) -> None:
        self.md, self.library, self._page = md, library, page
        self._ids: Counter[str] = Counter()
        self._seen: Counter[tuple[str, bool]] = Counter()
        self._written: dict[str, tuple[str, list[Embed]]] = {}  # pages as they are on disk

    @property
    def page(self) -> Page:
        # MkDocs and Material hand the page to their own link processor, and to nobody else.
        if "relpath" in self.md.treeprocessors:
            file = self.md.treeprocessors["relpath"].file
            return Page(file.src_uri, file.url, "excerpt" in self.md.treeprocessors)
        return Page(self._page, page_of(self._page), False)

    def locate(self, text: str, *, alone: bool = True) -> SourceLine:
        """Say where in the page's file `text` stands, which is part of it as written.

        Markdown's parser keeps no lines, and takes paragraphs before what is inside of them: the
        n-th reference that stands alone (or does not) is looked up among those that do (or do not).
        """
        page = self.page
        path = self.library.docs / page.uri
        if page.uri not in self._written:
            try:
                written = path.read_text("utf-8-sig")
            except (OSError, UnicodeDecodeError):
                return SourceLine(path, page.uri)
            self._written[page.uri] = written, list(find_embeds(written))
        written, found = self._written[page.uri]
        nth = self._seen[text, alone]
        self._seen[text, alone] += 1
        embeds = [embed for embed in found if embed.href == text]
        lines = [embed.line for embed in embeds if embed.alone == alone]
        if not lines:  # indented, by reference, or no embed at all: where else it stands whole
            whole = re.compile(re.escape(text) + r"(?![\w.-])")
            lines = [n for n, line in enumerate(written.split("\n"), 1) if whole.search(line)]
        return SourceLine(path, page.uri, lines[min(nth, len(lines) - 1)] if lines else None)

    def link(self, target: str) -> str:
        """Return the URL of `target`, relative to where the page is shown."""
        return posixpath.relpath(target, posixpath.dirname(self.page.url) or ".")

    def find(self, href: str, at: SourceLine) -> Found:
        found = self.library.find(href, at)
        self.library.use(self.page.uri, found.notebook.uri)
        return found

    # Pieces of a page

    def markdown(self, parent: etree.Element, text: str) -> None:
        """Add `text` to `parent` as the site's own Markdown, fences and all."""
        lines = text.split("\n")
        for name in [item.name for item in self.md.preprocessors._priority]:
            if name != "mkdocs_raw_html":  # it forgets the page's ids when it runs again
                lines = self.md.preprocessors[name].run(lines)
        self.md.parser.parseChunk(parent, "\n".join(lines))

    def html(self, parent: etree.Element, content: str) -> None:
        """Add finished HTML to `parent`, out of reach of every later step."""
        holder = self.md.htmlStash.store(content)
        if len(parent):
            parent[-1].tail = AtomicString((parent[-1].tail or "") + holder)
        else:
            parent.text = AtomicString((parent.text or "") + holder)

    def code(self, parent: etree.Element, cell: Cell, language: str) -> None:
        box = etree.SubElement(parent, "details" if cell.folded else "div", {"class": "nb-code"})
        if cell.folded:
            etree.SubElement(box, "summary").text = AtomicString("Code")
        self.fence(box, cell.code, language)

    def fence(self, parent: etree.Element, code: str, info: str) -> None:
        marks = "`" * max(3, *(len(run) + 1 for run in [*re.findall(r"`+", code), ""]))
        self.markdown(parent, f"{marks}{info}\n{code}\n{marks}")

    def output(self, parent: etree.Element, output: Output, alt: str) -> None:
        if isinstance(output, Figure):
            self.html(parent, self.canvas(output, alt))
        elif isinstance(output, Values):
            self.table(parent, output, alt)
        elif output.kind == "markdown":
            self.markdown(
                etree.SubElement(parent, "div", {"class": "nb-output nb-output--markdown"}),
                output.content,
            )
        elif output.kind == "latex":
            formula = output.content.strip().strip("$").strip()
            box = etree.SubElement(parent, "div", {"class": "nb-output nb-output--latex"})
            self.markdown(box, f"$$\n{formula}\n$$")
        elif output.kind == "html":
            # What scrolls sideways must be reachable by keyboard, and named.
            name = escape(alt or "Output")
            self.html(
                parent,
                f'<div class="nb-output nb-output--html" role="group" tabindex="0" '
                f'aria-label="{name}">{output.content}</div>',
            )
        else:
            kind = {"plain": "text", "stream": "stream", "stderr": "stderr"}[output.kind]
            self.html(
                parent,
                f'<div class="nb-output nb-output--{kind}">'
                f'<pre tabindex="0">{output.content}</pre></div>',
            )

    def table(self, parent: etree.Element, values: Values, alt: str) -> None:
        """Add a mapping: the keys as an embed names them, and beside each its value."""
        box = etree.SubElement(parent, "div", {"class": "nb-output nb-output--html"})
        for name, value in (("role", "group"), ("tabindex", "0"), ("aria-label", alt or "Values")):
            box.set(name, value)
        body = etree.SubElement(etree.SubElement(box, "table"), "tbody")
        for keys, text in values.entries:
            row = etree.SubElement(body, "tr")
            head = etree.SubElement(row, "th", {"scope": "row"})
            etree.SubElement(head, "code").text = AtomicString(".".join(keys))
            cell = etree.SubElement(row, "td")
            if text is None:
                cell.text = AtomicString("(a picture)")
            elif text.kind == "html":
                self.html(cell, text.content)
            else:
                cell.append(value_of(text))

    def canvas(self, figure: Figure, alt: str) -> str:
        name = escape(alt)
        extra = ' tabindex="0"' if figure.data_uri and not figure.view else ""
        images = "".join(self._images(figure.image, name)) if figure.image else ""
        return (
            f'<div class="nb-figure__canvas" role="group" aria-label="{name}"{extra}>{images}</div>'
        )

    def _images(self, image: Image, alt: str) -> list[str]:
        variants = [("", image.uri)]
        if image.dark_uri:
            variants = [("--light", image.uri), ("--dark", image.dark_uri)]
        return [
            f'<img class="nb-figure__image{" nb-figure__image" + kind if kind else ""}" '
            f'src="{self.link(uri)}" alt="{alt}" width="{image.width}" height="{image.height}" '
            'loading="lazy" decoding="async">'
            for kind, uri in variants
        ]

    def unique(self, name: str) -> str:
        self._ids[name] += 1
        return name if self._ids[name] == 1 else f"{name}-{self._ids[name]}"


class ImageSyntax(ImageInlineProcessor):
    """Markdown's own parser of images, for blocks: there nothing is stashed yet."""

    def unescape(self, text: str) -> str:
        return text


class EmbedBlock(BlockProcessor):
    """An embed alone in its paragraph."""

    START = re.compile(r"^ {0,3}!\[")

    def __init__(self, parser: Any, embedder: Embedder) -> None:
        super().__init__(parser)
        self.embedder = embedder
        self.syntax = ImageSyntax(r"\!\[", parser.md)

    def test(self, parent: etree.Element, block: str) -> bool:
        return bool(self.START.match(block)) and self._parse(block) is not None

    def _parse(self, block: str) -> tuple[str, str, str | None, list[tuple[str, str]]] | None:
        """Return alt text, reference, title and attributes, if that is all there is in `block`."""
        text = block.strip()
        alt, index, handled = self.syntax.getText(text, 2)
        if not handled:
            return None
        href, title, index, handled = self.syntax.getLink(text, index)
        if not handled or not is_reference(href):
            return None
        rest = text[index:].strip()
        attributes: list[tuple[str, str]] = []
        if rest:
            listed = re.fullmatch(r"\{:?\s*([^{}]*)\}", rest, re.S)
            if not listed:
                return None
            attributes = get_attrs_and_remainder(listed.group(1))[0]
        return " ".join(alt.split()), href, title, attributes

    def run(self, parent: etree.Element, blocks: list[str]) -> None:
        parsed = self._parse(blocks.pop(0))
        assert parsed is not None
        alt, href, title, attributes = parsed
        embedder = self.embedder
        at = embedder.locate(href)
        found = embedder.find(href, at)
        classes = [value for key, value in attributes if key == "."]
        own_id = dict(attributes).get("id")
        if found.cell is None:
            self._whole(parent, found.notebook, alt, classes)
        else:
            self._cell(parent, found, found.cell, alt, title, classes, own_id, at)

    def _cell(
        self,
        parent: etree.Element,
        found: Found,
        cell: Cell,
        alt: str,
        title: str | None,
        classes: list[str],
        own_id: str | None,
        at: SourceLine,
    ) -> None:
        embedder, notebook = self.embedder, found.notebook
        source_only = "source-only" in classes
        if source_only or "source" in classes:
            embedder.code(parent, cell, notebook.language)
        if source_only:
            return
        extra = [name for name in classes if name != "source"]
        outputs = embedder.library.outputs_of(found, at)
        if not outputs:
            raise EmbedError(
                f"the cell '{cell.label}' has no output to embed",
                file=at.file,
                line=at.line,
                remedy=f"Let it end in an expression, or embed its code alone: {{ .source-only }}. "
                f"It stands in {notebook.uri}:{cell.line}.",
            )
        pictures = [output for output in outputs if isinstance(output, Figure)]
        if pictures and not alt:
            raise EmbedError(
                "a figure without alt text",
                file=at.file,
                line=at.line,
                remedy="Say in the square brackets what there is to see, for those who cannot.",
            )
        if not pictures and title is None and not extra:
            for output in outputs:
                embedder.output(parent, output, alt)
            return
        box = self._figure(parent, pictures, cell, extra, own_id)
        for number, output in enumerate(outputs, 1):
            part = f" ({number} of {len(outputs)})" if len(pictures) > 1 else ""
            embedder.output(box, output, alt + part)
        self._caption(box, notebook, cell, title)

    def _figure(
        self,
        parent: etree.Element,
        pictures: list[Figure],
        cell: Cell,
        classes: list[str],
        own_id: str | None,
    ) -> etree.Element:
        box = etree.SubElement(parent, "figure", {"class": " ".join(["nb-figure", *classes])})
        if not self.embedder.page.excerpt:
            box.set("id", own_id or self.embedder.unique(f"fig-{cell.name}"))
        interactive = [p.data_uri for p in pictures if p.data_uri and not p.view]
        if interactive:
            box.set("data-plotly", " ".join(self.embedder.link(uri) for uri in interactive))
        for picture in pictures:
            if picture.view and picture.data_uri and picture.view_uri:
                box.set("data-view", picture.view)
                box.set("data-source", self.embedder.link(picture.data_uri))
                box.set("data-script", self.embedder.link(picture.view_uri))
        return box

    def _caption(
        self, box: etree.Element, notebook: Notebook, cell: Cell, title: str | None
    ) -> None:
        caption = etree.SubElement(box, "figcaption")
        if title:
            etree.SubElement(caption, "span").text = title
        page = self.embedder.library.pages.get(notebook.uri, page_of(notebook.uri))
        if self.embedder.page.uri != notebook.uri:
            self.embedder.html(
                caption,
                f' <a class="nb-figure__origin" href="{self.embedder.link(page)}#{cell.name}" '
                f'title="The cell that made this">{escape(notebook.title)}</a>',
            )

    def _whole(
        self, parent: etree.Element, notebook: Notebook, alt: str, classes: list[str]
    ) -> None:
        embedder = self.embedder
        own_page = embedder.page.uri == notebook.uri
        box = etree.SubElement(parent, "div", {"class": " ".join(["nb-notebook", *classes])})
        box.set("data-nb-base", notebook.uri)
        if not own_page:
            box.set("data-nb-demote", "")
        for cell in notebook.cells:
            if cell.kind == "markdown":
                embedder.markdown(box, cell.source)
            elif cell.kind == "code":
                part = etree.SubElement(box, "div", {"class": "nb-cell"})
                if own_page:
                    part.set("id", cell.name)
                if cell.code.strip():
                    embedder.code(part, cell, notebook.language)
                self._outputs(part, notebook, cell)

    def _outputs(self, part: etree.Element, notebook: Notebook, cell: Cell) -> None:
        """Show all that a cell of an embedded notebook put out."""
        embedder = self.embedder
        outputs = embedder.library.outputs.get(notebook.uri, {}).get(cell.name, [])
        pictures = [output for output in outputs if isinstance(output, Figure)]
        alt = embedder.library.alts.get((notebook.uri, cell.name), f"Output of cell {cell.name}")
        if pictures:
            part = self._figure(part, pictures, cell, [], None)
        for output in outputs:
            embedder.output(part, output, alt)


class EmbedInline(ImageInlineProcessor):
    """An embed inside a sentence: a value."""

    def __init__(self, md: Markdown, embedder: Embedder) -> None:
        super().__init__(r"\!\[", md)
        self.embedder = embedder

    def handleMatch(self, m: re.Match[str], data: str) -> Any:  # noqa: N802
        element, start, end = super().handleMatch(m, data)
        if element is None or not is_reference(element.get("src", "")):
            return None, None, None
        href = element.get("src", "")
        at = self.embedder.locate(href, alone=False)
        found = self.embedder.find(href, at)
        notebook, cell = found.notebook, found.cell

        def fail(problem: str, remedy: str) -> EmbedError:
            return EmbedError(problem, file=at.file, line=at.line, remedy=remedy)

        if cell is None:
            raise fail("a whole notebook inside a sentence", "Put it into a paragraph of its own.")
        outputs = self.embedder.library.outputs_of(found, at)
        where = f"It stands in {notebook.uri}:{cell.line}."
        if not outputs:
            raise fail(f"the cell '{cell.label}' has no output to embed", f"Print it. {where}")
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
        if not isinstance(output, Text) or output.kind in ("html", "stderr"):
            raise fail(
                f"the output of '{cell.label}' is no value that a sentence can hold",
                f"A figure or table goes into a paragraph of its own. {where}",
            )
        span = value_of(output, unquote=not found.keys)
        if "\n" in str(span.text) and "data-nb-inline" not in span.attrib:
            raise fail(
                f"the output of '{cell.label}' has several lines, a value has one",
                f"Embed it in a paragraph of its own. {where}",
            )
        return span, start, end


def value_of(output: Text, *, unquote: bool = False) -> etree.Element:
    """Return a value as an element for a sentence; `Finish` sets what is Markdown or TeX."""
    span = etree.Element("span", {"class": "nb-value"})
    if output.kind in ("markdown", "latex"):
        span.text = AtomicString(output.content.strip())
        span.set("data-nb-inline", "")
    else:
        span.text = AtomicString(unquoted(plain(output)) if unquote else plain(output))
    return span


def unquoted(text: str) -> str:
    """Return the text that a cell's last expression stands for, where it is a quoted string."""
    if text[:1] in ("'", '"'):
        try:
            value = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            return text
        return value if isinstance(value, str) else text
    return text


class CodeBlock(BlockProcessor):
    """Code of a module, by its qualified name: ``::: package.module.function``."""

    SYNTAX = re.compile(r"^::: +(?P<name>[A-Za-z_][\w.]*)[ \t]*(?:\{(?P<attributes>[^{}]*)\})?\s*$")

    def __init__(self, parser: Any, embedder: Embedder, roots: list[Path]) -> None:
        super().__init__(parser)
        self.embedder, self.roots = embedder, roots

    def test(self, parent: etree.Element, block: str) -> bool:
        return bool(self.SYNTAX.match(block.strip()))

    def run(self, parent: etree.Element, blocks: list[str]) -> None:
        match = self.SYNTAX.match(blocks.pop(0).strip())
        assert match is not None
        name, attributes = match["name"], match["attributes"] or ""
        at = self.embedder.locate(f"::: {name}")
        found = find_code(name, self.roots, at, docstring=".no-docstring" not in attributes)
        folded = ".folded" in attributes
        box = etree.SubElement(
            parent, "details" if folded else "div", {"class": "nb-code nb-code--module"}
        )
        if folded:
            etree.SubElement(box, "summary").text = AtomicString(name)
        self.embedder.fence(box, found.source, f'python title="{found.file}"')


class Finish(Treeprocessor):
    """Set what could not be set before inline patterns ran, and let no embed slip through."""

    def __init__(self, md: Markdown, embedder: Embedder) -> None:
        super().__init__(md)
        self.embedder = embedder

    def run(self, root: etree.Element) -> None:
        inline = self.md.treeprocessors["inline"]
        for span in list(root.iter("span")):
            if "data-nb-inline" in span.attrib:
                del span.attrib["data-nb-inline"]
                # It looks at the children of what it is given; the tail has been seen to already.
                span.text, tail, span.tail = str(span.text), span.tail, None
                holder = etree.Element("p")
                holder.append(span)
                inline.run(holder)
                span.tail = tail
        for box in root.iter("div"):
            if "data-nb-base" in box.attrib:
                self._rebase(box, box.attrib.pop("data-nb-base"))
            if "data-nb-demote" in box.attrib:
                del box.attrib["data-nb-demote"]
                for element in box.iter():
                    if re.fullmatch("h[1-5]", str(element.tag)):
                        element.tag = f"h{int(element.tag[1]) + 1}"
        for image in root.iter("img"):
            if is_reference(src := image.get("src", "")):
                at = self.embedder.locate(src)
                raise EmbedError(
                    f"the notebook '{src}' is embedded by reference",
                    file=at.file,
                    line=at.line,
                    remedy="Write the path in round brackets: ![alt](path#label).",
                )

    def _rebase(self, box: etree.Element, notebook: str) -> None:
        """Make links that are relative to a notebook relative to the page that embeds it."""
        page = self.embedder.page.uri
        if posixpath.dirname(page) == posixpath.dirname(notebook):
            return
        for element in box.iter():
            key = {"a": "href", "img": "src"}.get(str(element.tag))
            url = element.get(key, "") if key else ""
            if not key or not url or re.match(r"[a-z][a-z0-9+.-]*:|/|#|\x02", url):
                continue
            path, mark, fragment = url.partition("#")
            target = posixpath.join(posixpath.dirname(notebook), path)
            element.set(
                key, posixpath.relpath(target, posixpath.dirname(page) or ".") + mark + fragment
            )


def makeExtension(**options: Any) -> NotebookEmbedExtension:  # noqa: N802 - Markdown asks for it
    return NotebookEmbedExtension(**options)
