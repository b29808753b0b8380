"""Look references to notebooks up: ``../notebooks/x.py#label``, as written in a page."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

import nbformat

from notebook_embed.cell_options import Hidden, composed
from notebook_embed.errors import EmbedError, joined, nearest
from notebook_embed.folders import folders_below
from notebook_embed.image_syntax import FORMULAS, PLAIN, ImageSyntax
from notebook_embed.notebook import SUFFIXES, Cell, Notebook, is_notebook, read_notebook
from notebook_embed.outputs import Output, Values
from notebook_embed.remembered import Remembered

__all__ = [
    "Embed",
    "Found",
    "Library",
    "SourceLine",
    "files_below",
    "find_addresses",
    "find_embeds",
    "find_likely",
    "readable",
    "seems_reference",
]

# A label, the keys of an entry, a format: ``label.key.key:.2f``.
ADDRESS = re.compile(r"(?P<label>[^.:]*)(?P<keys>[^:]*)(?P<rest>.*)", re.S)
KEY = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class SourceLine:
    """A line of a page, for errors; `uri` is relative to ``docs/``."""

    file: Path
    uri: str
    line: int | None = None


@dataclass(frozen=True)
class Embed:
    """A reference to a notebook in a page."""

    href: str
    alt: str
    line: int


class Found(NamedTuple):
    """What a reference means: a notebook, a cell of it (None: all), an entry of its mapping.

    `spec` is the format that its value shall have, as Python writes it: ``.2f``.
    """

    notebook: Notebook
    cell: Cell | None
    keys: tuple[str, ...] = ()
    spec: str = ""


@dataclass
class Library:
    """The notebooks of a site: as written, and, once they have run, what their cells put out.

    `outputs` maps a notebook's URI to the outputs of each of its cells by the cell's name, `alts`
    a notebook and a cell to the alt text that a page gives it, `pages` a notebook to the URL of its
    own page, `attachments` a notebook and a Markdown cell to the files attached to it, by name, and
    `used` a page's URI to the notebooks that it embeds. `broken` maps notebooks that cannot be read
    to the reason, and `failed` those that could not run while their author looks on: pages say so
    in their place. `excluded` names those that the site leaves out, `without_page` those that run
    and have no page of their own there; `hidden` tells what it hides of one. `execute` says when
    those run that say nothing of it.
    """

    docs: Path
    notebooks: dict[str, Notebook] = field(default_factory=dict)
    outputs: dict[str, dict[str, list[Output]]] = field(default_factory=dict)
    alts: dict[tuple[str, str], str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    attachments: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    used: dict[str, list[str]] = field(default_factory=dict)
    broken: dict[str, EmbedError] = field(default_factory=dict)
    excluded: set[str] = field(default_factory=set)
    without_page: set[str] = field(default_factory=set)
    failed: dict[str, EmbedError] = field(default_factory=dict)
    is_excluded: Callable[[str], bool] = lambda uri: False
    hidden: Callable[[str], Hidden | None] = lambda uri: None
    remembered: Remembered | None = None
    execute: str = "always"
    _shown: list[str] = field(default_factory=list)
    _left: dict[str, bool] = field(default_factory=dict)
    _own_pages: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, docs: Path, folder: str) -> Library:
        """Read every notebook below ``docs/folder``.

        Raises
        ------
        EmbedError : some of them are malformed.
        """
        library = cls.look(docs, folder)
        if library.broken:
            raise joined(list(library.broken.values()))
        return library

    @classmethod
    def look(
        cls,
        docs: Path,
        folder: str,
        is_excluded: Callable[[str], bool] = lambda uri: False,
        remembered: Remembered | None = None,
        hidden: Callable[[str], Hidden | None] = lambda uri: None,
    ) -> Library:
        """Read every notebook below ``docs/folder``; `broken` holds what is wrong with some."""
        library = cls(docs, is_excluded=is_excluded, remembered=remembered, hidden=hidden)
        for path in sorted(files_below(docs, docs / folder)):
            uri = path.relative_to(docs).as_posix()
            try:
                library._take_in(uri)
            except EmbedError as error:
                library.broken[uri] = error
        return library

    def _take_in(self, uri: str) -> Notebook | None:
        """Read the notebook `uri` below ``docs/`` and make it one of the site's, if it is one."""
        path = self.docs / uri
        if _is_hidden(uri) or path.suffix not in SUFFIXES or not path.is_file():
            return None
        if self.is_excluded(uri):
            self.excluded.add(uri)
        elif is_notebook(path):
            notebook = read_notebook(path, uri, self.remembered, self.hidden(uri))
            page = page_of(uri)
            if (other := self._own_pages.setdefault(page, uri)) != uri:
                raise EmbedError(
                    f"two notebooks share the page {page}: {other} and {uri}",
                    file=path,
                    line=1,
                    remedy="Rename one of them.",
                )
            self.notebooks[uri] = notebook
        return self.notebooks.get(uri)

    def _beside(self, uri: str) -> list[str]:
        """Name what may be notebooks in the folder of `uri`, be they the site's or not."""
        folder = posixpath.dirname(uri)
        here = self.docs / folder
        if not here.is_dir() or not here.resolve().is_relative_to(self.docs.resolve()):
            return []
        names = (
            path.name
            for path in here.iterdir()
            if path.suffix in (".py", ".ipynb") and not _is_hidden(path.name) and path.is_file()
        )
        return [posixpath.join(folder, name) for name in names]

    def _why_not(self, uri: str) -> tuple[str, str] | None:
        """Return what keeps what has the name of a notebook from being one, and what to do."""
        path = self.docs / uri
        if path.suffix not in SUFFIXES or not _is_spelled(uri, self.docs):
            return None
        if path.is_dir():
            return "is a folder, no notebook", "Name a notebook in it, or rename the folder."
        if not path.exists():
            return "is a link that leads nowhere", "Mend the link, or put the notebook there."
        if _is_hidden(uri):
            return (
                "is passed over, as names that begin with '_' or '.' are",
                "Rename it, or the folder that is named so.",
            )
        return None

    def _is_module(self, uri: str) -> bool:
        path = self.docs / uri
        there = path.suffix == ".py" and _is_spelled(uri, self.docs) and path.is_file()
        return there and not is_notebook(path)

    def pass_over_broken(self) -> None:
        """Take notebooks that cannot be read for empty ones that failed, and go on."""
        for uri, error in self.broken.items():
            node = nbformat.v4.new_notebook()
            self.notebooks[uri] = Notebook(path=self.docs / uri, uri=uri, node=node, cells=())
            self.failed[uri] = error
        self.broken.clear()

    def find(self, href: str, at: SourceLine, *, take_in: bool = False) -> Found:
        """Return what `href` in a page means; whether an entry is there shows in the outputs.

        With `take_in` a notebook that the library did not read joins it, if it lies in ``docs/``.

        Raises
        ------
        EmbedError : the path leaves ``docs/``, or there is no such notebook or label; the address
            is a template.
        """
        if _TEMPLATE.search(href):
            raise EmbedError(
                f"the template in the address '{href}' is not filled in",
                file=at.file,
                line=at.line,
                remedy="mkdocs-macros fills it in, where it is among the plugins and renders this "
                "page. In a notebook's own Markdown nobody does.",
            )
        parts = urlsplit(href)
        path, address = unquote(parts.path), ADDRESS.fullmatch(unquote(parts.fragment))
        assert address is not None  # it matches any text
        label, keys, rest = address.groups()
        label = composed(label)
        uri = posixpath.normpath(posixpath.join(posixpath.dirname(at.uri), path))
        if self._leaves(uri) or posixpath.isabs(path):
            raise EmbedError(
                f"the path '{path}' leaves the docs folder",
                file=at.file,
                line=at.line,
                remedy="Notebooks are named relative to the page, below the docs folder.",
            )
        if uri not in self.notebooks:
            uri = _as_on_disk(uri, self.docs)
        if uri in self.broken:
            raise self.broken[uri]
        notebook = self.notebooks.get(uri)
        if notebook is None and take_in and _is_spelled(uri, self.docs):
            notebook = self._take_in(uri)
        if uri in self.excluded:
            raise EmbedError(
                f"the notebook '{path}' is excluded from the site",
                file=at.file,
                line=at.line,
                remedy="Take it out of exclude_docs in mkdocs.yml, or the embed out of the page.",
            )
        if notebook is None and (why := self._why_not(uri)):
            raise EmbedError(f"'{path}' {why[0]}", file=at.file, line=at.line, remedy=why[1])
        if notebook is None and self._is_module(uri):
            raise EmbedError(
                f"'{path}' is a module, no notebook",
                file=at.file,
                line=at.line,
                remedy="Start its cells with lines '# %%'.",
            )
        if notebook is None and (self.docs / uri).is_file() and _is_spelled(uri, self.docs):
            if not is_notebook(self.docs / uri):
                raise EmbedError(
                    f"'{path}' is no notebook",
                    file=at.file,
                    line=at.line,
                    remedy="One in Markdown names its kernel in its header: "
                    "kernelspec, and below it name: python3. Its cells are those of MyST, or, with "
                    "both below jupyter, those of jupytext.",
                )
            raise EmbedError(
                f"the notebook '{path}' has not run",
                file=at.file,
                line=at.line,
                remedy="Something added this embed after the pages were looked through. Put the "
                "notebook into the folder that the option 'notebooks' names: all there run.",
            )
        if notebook is None:
            written = {
                posixpath.relpath(known, posixpath.dirname(at.uri) or "."): known
                for known in (*self.notebooks, *self._beside(uri))
            }
            raise EmbedError(
                f"there is no notebook '{path}'",
                file=at.file,
                line=at.line,
                remedy=nearest(path, written),
            )
        if rest and not (label and rest[1:]):
            raise EmbedError(
                f"the address '{parts.fragment}' ends in '{rest}'",
                file=at.file,
                line=at.line,
                remedy="A format follows the colon: '#label:.2f'.",
            )
        if (not label and not keys) or not notebook.cells:  # one that cannot be read has none
            return Found(notebook, None)
        cell = notebook.labels.get(label)
        if cell is None:
            raise EmbedError(
                f"the notebook '{path}' has no cell labelled '{label}'",
                file=at.file,
                line=at.line,
                remedy=nearest(label, notebook.labels),
            )
        return Found(notebook, cell, tuple(keys.split(".")[1:]), rest[1:])

    def is_left_out(self, href: str, page: str) -> bool:
        """Tell whether an address in `page` means a notebook that is there and not the site's."""
        if _TEMPLATE.search(href):
            return False
        path = unquote(urlsplit(href).path)
        uri = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        if uri in {*self.notebooks, *self.broken, *self.excluded} or self._leaves(uri):
            return False
        there = _is_spelled(uri, self.docs) and (self.docs / uri).is_file()
        return there and is_notebook(self.docs / uri)

    def outputs_of(self, found: Found, at: SourceLine) -> list[Output]:
        """Return the outputs of a cell, or the entry of its mapping that a page asks for.

        Raises
        ------
        EmbedError : the cell has no output or shows no mapping, or there is no such entry in it, or
            the mapping has a key that no address can name.
        """
        notebook, cell, keys, _ = found
        assert cell is not None
        outputs = self.outputs.get(notebook.uri, {}).get(cell.name, [])
        where = f"It stands in {notebook.uri}:{cell.line}."

        def fail(problem: str, remedy: str) -> EmbedError:
            return EmbedError(problem, file=at.file, line=at.line, remedy=remedy)

        if not outputs:
            raise fail(
                f"the cell '{cell.name}' has no output to embed",
                f"{self._why_silent(notebook, cell)} {where}",
            )
        if not keys:
            return outputs
        below_label = ".".join(keys)
        name = f"{cell.name}.{below_label}"
        forms = (form for output in outputs for form in (output, *output.also))
        mappings = [form for form in forms if isinstance(form, Values)]
        if not mappings:
            raise fail(
                f"the cell '{cell.name}' shows no mapping, so there is no '{name}'",
                f"Let it end in one, such as {{'{keys[0]}': ...}}. {where}",
            )
        if why := mappings[-1].why:
            raise fail(
                f"the mapping '{cell.name}' {why}, so there is no '{name}'",
                f"Let the cell end in one with the entries that pages show. {where}",
            )
        _check_keys(mappings[-1], notebook, cell)
        below = mappings[-1].below(keys)
        if not below.entries:
            known = [".".join(own) for own, _ in mappings[-1].entries]
            raise fail(
                f"the mapping '{cell.name}' has no entry '{below_label}'",
                f"{nearest(below_label, known)} {where}",
            )
        own, text = below.entries[0]
        if own:
            return [below]
        if text is None:
            raise fail(f"'{name}' is a picture", f"Give it a cell of its own. {where}")
        return [text]

    def _why_silent(self, notebook: Notebook, cell: Cell) -> str:
        """Return why a cell has no output, and what to do."""
        if not cell.options.eval:
            return "It does not run: its options or tags say so, as in '#| eval: false'."
        if (notebook.execute or self.execute) == "never":
            return (
                "Its notebook never runs, as 'execute' says, and no output of it is stored. "
                "Let it run, or store the outputs in its file."
            )
        if not cell.options.stdout:
            return "What it prints is left out, as its tag says. Let it end in an expression."
        return "Let it end in an expression or print, or embed its code alone: { .source-only }."

    def _leaves(self, uri: str) -> bool:
        """Tell whether a path leads out of the docs folder, by name or by a link."""
        if uri not in self._left:
            path = self.docs / uri
            self._left[uri] = uri.startswith("../") or (
                path.exists() and not path.resolve().is_relative_to(self.docs.resolve())
            )
        return self._left[uri]

    @contextmanager
    def showing(self, notebook: Notebook, at: SourceLine) -> Iterator[None]:
        """Show a whole notebook in the block.

        Raises
        ------
        EmbedError : it is being shown already, and would be for ever.
        """
        if notebook.uri in self._shown:
            raise EmbedError(
                f"the notebook '{notebook.uri}' embeds itself",
                file=at.file,
                line=at.line,
                remedy="Embed a cell of it, by its label.",
            )
        self._shown.append(notebook.uri)
        try:
            yield
        finally:
            self._shown.remove(notebook.uri)

    def use(self, page: str, notebook: str) -> None:
        """Note that `page` embeds `notebook`."""
        known = self.used.setdefault(page, [])
        if notebook not in known:
            known.append(notebook)


def _check_keys(values: Values, notebook: Notebook, cell: Cell) -> None:
    """Refuse a mapping with keys that an address cannot tell apart, or not name at all."""
    inner = {keys[:end] for keys, _ in values.entries for end in range(1, len(keys))}
    seen: set[tuple[str, ...]] = set()
    for keys, _ in values.entries:
        odd = next((key for key in keys if not KEY.fullmatch(key)), None)
        if odd is None and keys not in seen | inner:
            seen.add(keys)
            continue
        key = keys[-1] if odd is None else odd
        lines = cell.source.split("\n")
        offset = next((n for n, line in enumerate(lines) if repr(key)[1:-1] in line), 0)
        fail = partial(EmbedError, file=notebook.path, line=cell.line + offset, cell=cell.name)
        if odd is None:
            raise fail(f"the key '{key}' stands for two entries", remedy="Rename one of them.")
        raise fail(
            f"the key '{key}' does not fit an address",
            remedy="Entries of this mapping are embedded, and a key in an address has only "
            "letters, digits, - and _.",
        )


def files_below(docs: Path, top: Path) -> Iterator[Path]:
    """List all files below `top`, through links to other folders in `docs` as well."""
    inside = docs.resolve()
    # A link that leads out shows nothing.
    walk = folders_below(top, lambda folder: Path(folder).resolve().is_relative_to(inside))
    for here, files in walk:
        yield from (Path(here, file) for file in files)


def _is_spelled(uri: str, docs: Path) -> bool:
    """Tell whether a file has this very name: some systems find it by other names, too."""
    here = docs
    for part in uri.split("/"):
        if not here.is_dir() or part not in os.listdir(here):  # noqa: PTH208 - names alone
            return False
        here /= part
    return True


def _as_on_disk(uri: str, docs: Path) -> str:
    """Return the name of a file as the disk has it: letters with accents have two forms."""
    here, found = docs, list[str]()
    for part in uri.split("/"):
        names = os.listdir(here) if here.is_dir() else []  # noqa: PTH208 - names alone
        same = [name for name in names if composed(name) == composed(part)]
        found.append(part if part in names or not same else same[0])
        here /= found[-1]
    return "/".join(found)


def _is_hidden(uri: str) -> bool:
    """Tell whether a name, or that of a folder above it, is one that MkDocs and Python hide."""
    return any(part.startswith((".", "_")) for part in PurePosixPath(uri).parts)


def page_of(uri: str) -> str:
    """Return the URI of a notebook's own page."""
    return PurePosixPath(uri).with_suffix(".html").as_posix()


_TEMPLATE = re.compile(r"\{[{%]")


def before_templates(href: str) -> str | None:
    """Return what of an address is known before its templates are filled in: the notebook, or None.

    Without templates it is the address itself.
    """
    path, _, fragment = href.partition("#")
    if _TEMPLATE.search(path):
        return None
    return path if _TEMPLATE.search(fragment) else href


def is_reference(href: str) -> bool:
    """Tell whether an image's source means a notebook."""
    parts = _on_this_site(href)
    return parts is not None and unquote(parts.path).endswith(SUFFIXES)


def _on_this_site(href: str) -> SplitResult | None:
    """Return the parts of an address, unless it leads elsewhere or is none."""
    try:
        parts = urlsplit(href)
    except ValueError:  # such as http://[your-host]/x.png, which names nothing
        return None
    return None if parts.scheme or parts.netloc else parts


# Names that notebooks and scripts have in other tools.
_OTHERS = re.compile(
    r"\.(?:py[wx]?|ipynb|md|markdown|myst(?:nb)?|[rq]?md|r|jl|m|sage|wl|sh|ps1|sql|[jt]sx?|c|cpp|cs|fsx?|go"
    r"|rs|java|kt|scala|clj|hs|ml|lua|rb|pl|do|sas)",
    re.I,
)


def seems_reference(href: str) -> bool:
    """Tell whether an image's source asks for a part of what looks like a notebook and is none."""
    parts = _on_this_site(href)
    if parts is None or not parts.fragment or is_reference(href):
        return False
    return bool(_OTHERS.fullmatch(posixpath.splitext(unquote(parts.path))[1]))


_SYNTAX = ImageSyntax(r"\!\[")
_IMAGE = re.compile(r"(?<!\\)(?:\\\\)*!\[")
_LINK = re.compile(r"\](?=\()")
_BLANK = re.compile(r"\n[ \t]*\n|\Z")
# An address in the definition of a link, or in HTML.
_ELSEWHERE = re.compile(
    r"""^\ {0,3}\[[^\]]+\]:\s*(?:<(?P<angled>[^>\n]+)>|(?P<plain>[^\s<]\S*))
    |\b(?:href|src)=(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'<>]+))""",
    re.M | re.X,
)
_COMMENT = re.compile(r"<!--.*?-->", re.S)
# What stands behind backticks that open a fence has none: else they are a code span.
_FENCE = re.compile(r"^[ \t>]*(`{3,}(?=[^`]*$)|~{3,})(.*)")
_SPAN = re.compile(r"(?<!\\)(?:\\\\)*(`+)(?!`).*?(?<!`)\1(?!`)")


def find_embeds(text: str) -> Iterator[Embed]:
    """Find the references to notebooks in a page's Markdown, with their lines.

    Fences, code spans, comments and what is escaped are passed over. That is a quick look: whether
    a reference is an embed is for Markdown's own parser to say.
    """
    if "![" not in text:
        return
    bare = readable(text)
    for begin, paragraph in _paragraphs(bare):
        # Whether formulas are known, Markdown's own parser knows.
        readings = [_SYNTAX.veiled(paragraph, aside) for aside in (PLAIN, FORMULAS)]
        for match in _IMAGE.finditer(paragraph):
            images = (_SYNTAX.read(veiled, match.end()) for veiled in readings)
            image = next((one for one in images if one and is_reference(one.href)), None)
            if image is not None:
                at = begin + paragraph.index(image.href, image.opens)
                yield Embed(image.href, image.alt, bare.count("\n", 0, at) + 1)


def find_likely(text: str) -> Iterator[Embed]:
    """Find all that may be a reference to a notebook, be it in code, in a comment or escaped."""
    for begin, paragraph in _paragraphs(text):
        if (first := paragraph.find("![")) < 0:
            continue
        for match in _LINK.finditer(paragraph, first):
            href = _address(paragraph, match.end())
            if href is not None and is_reference(href):
                yield Embed(href, "", text.count("\n", 0, begin + match.end()) + 1)


def find_addresses(text: str) -> Iterator[str]:
    """Find where links and images of a page's Markdown lead, as far as a quick look can tell."""
    bare = readable(text)
    for _, paragraph in _paragraphs(bare):
        for match in _LINK.finditer(paragraph):
            if href := _address(paragraph, match.end()):
                yield href
    for match in _ELSEWHERE.finditer(bare):
        yield next(found for found in match.groups() if found is not None)


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Give the parts of `text` between empty lines, each with where it begins."""
    begin = 0
    for blank in _BLANK.finditer(text):
        yield begin, text[begin : blank.start()]
        begin = blank.end()


def _address(text: str, at: int) -> str | None:
    """Return the address in the brackets that open at `at`, as Markdown reads it."""
    href, _, _, closed = _SYNTAX.getLink(text, at)
    return href if closed else None


def readable(text: str) -> str:
    """Blank out code and comments, which no reader gets as prose; every line keeps its number."""
    return _COMMENT.sub(
        lambda found: re.sub(r"\S", " ", found[0]), without_code(text, indented=False)
    )


def without_code(text: str, *, indented: bool = True) -> str:
    """Blank out fences, code spans and `indented` lines; every line keeps its number."""
    lines = text.split("\n")
    fences = {at: found for at, line in enumerate(lines) if (found := _FENCE.match(line))}
    passed_over, end = [], -1
    for at, line in enumerate(lines):
        if at > end and at in fences:
            end = _end_of_fence(fences, at)
        passed_over.append(at <= end or (indented and line.startswith(("    ", "\t"))))
    return "\n".join(
        "" if passed else _SPAN.sub(lambda m: " " * len(m.group()), line)
        for line, passed in zip(lines, passed_over, strict=True)
    )


def _end_of_fence(fences: dict[int, re.Match[str]], begin: int) -> int:
    """Return the line that closes the fence; the one before `begin` where none does."""
    marks = fences[begin][1]
    return next(
        (
            at
            for at, found in fences.items()
            if at > begin and found[1].startswith(marks) and not found[2].strip()
        ),
        begin - 1,
    )
