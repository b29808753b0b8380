"""Words that open where they stand: a Markdown extension.

The glossary is a page, a definition list in one file. Where a page of the blog first uses one of
its words in running text, the word becomes an abbreviation with its definition, as Material has
them, and a stop of the keyboard: focus, by key or by touch, opens it, without a script
(``site.css``). Later on the page the word is left alone. What a page defines by itself
(``*[word]: ...``) is not the glossary's, nor are the titles of what it cites below a heading
``References``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from blog_site.errors import SiteError

__all__ = ["GlossaryExtension", "makeExtension", "read_glossary"]

#: Where a word may open: running text. Elsewhere it would stand inside a link, a button, a heading.
_TEXT = frozenset(("p", "li", "dd"))
_CLOSED = frozenset(("a", "abbr", "button", "code", "details", "figcaption", "table"))

_TERM = re.compile(r"^(?![:#\s]).+$")
_DEFINITION = re.compile(r"^ {0,3}:[ \t]+(?P<text>.+)$")
_HEADING = re.compile(r"h([1-6])")
_CITED = "References"

_ATTRIBUTES = re.compile(r"\s*\{[^{}]*\}\s*$")  # of a word: an anchor, a class


def read_glossary(file: Path) -> dict[str, str]:
    """Return each word of a glossary with its definition as plain text.

    A word stands on a line of its own, before a line that begins with a colon; what goes on in the
    next lines belongs to it. Several words may share a definition, and a word have several.

    Raises
    ------
    SiteError : the file cannot be read, or a word is defined twice.
    """
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError(f"the glossary cannot be read: {error}", file=str(file)) from error
    found: dict[str, str] = {}
    terms: list[str] = []
    fresh = False  # whether the lines before are words that wait for their definition
    blank = False  # whether the line before is empty: what follows it goes on only if indented
    for number, line in enumerate(lines, 1):
        if not line.strip():
            blank = True
            continue
        if definition := _DEFINITION.match(line):
            for term in terms:
                if fresh and term in found:
                    raise SiteError(
                        f"{term!r} is defined twice; keep one", file=str(file), line=number
                    )
                before = "" if fresh else f"{found[term]} "
                found[term] = before + _plain(definition["text"])
            fresh = False
        elif terms and not fresh and (line.startswith(("    ", "\t")) or not blank):
            for term in terms:
                found[term] += " " + _plain(line.strip())
        elif _TERM.match(line):
            term = _plain(_ATTRIBUTES.sub("", line)).strip()
            terms, fresh = ([*terms, term] if fresh and not blank else [term]), True
        else:
            terms, fresh = [], False
        blank = False
    return {word: text for word, text in found.items() if word}


def _plain(text: str) -> str:
    """Take the marks of Markdown out: links keep their words, emphasis goes."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"[*`]", "", text))


def _forms(words: dict[str, str]) -> dict[str, str]:
    """Add the plural of each word, and both as they begin a sentence."""
    forms: dict[str, str] = {}
    for word, text in words.items():
        for form in (word, _plural(word)):
            forms.setdefault(form, text)
            forms.setdefault(form[0].upper() + form[1:], text)
    return {**forms, **words}


def _plural(word: str) -> str:
    """Make the regular plural: queries and keys, losses, logits."""
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return word + ("es" if re.search(r"(?:[sxz]|ch|sh)$", word) else "s")


class _FirstUse(Treeprocessor):
    """Marks a word where a page first uses it, in order of reading."""

    def __init__(self, md: Markdown, words: dict[str, str]) -> None:
        super().__init__(md)
        self.words = words
        forms = sorted(map(re.escape, words), key=len, reverse=True)
        self.any_word = re.compile(rf"(?<![\w-])(?:{'|'.join(forms)})(?![\w-])")
        self.seen: set[str] = set()

    def run(self, root: Element) -> None:
        self.seen.clear()
        if "abbr" in self.md.treeprocessors:  # what the page defines by itself comes first
            own: Any = self.md.treeprocessors["abbr"]
            self.seen.update(self.words[word] for word in own.abbrs if word in self.words)
        if self.words:
            self._mark_own(root)

    def _mark_own(self, root: Element) -> None:
        """Mark what the page says in its own words: all but the sections of what it cites."""
        cited = 0  # the level of the heading that such a section stands below
        for child in root:
            if heading := _HEADING.fullmatch(str(child.tag)):
                level = int(heading[1])
                if not cited or level <= cited:
                    cited = level if "".join(child.itertext()).strip() == _CITED else 0
            if not cited:
                self._mark(child, within=False)

    def _mark(self, element: Element, *, within: bool) -> None:
        if element.tag in _CLOSED:
            return
        within = within or element.tag in _TEXT
        place = self._split(element, element.text, None, 0) if within else 0
        while place < len(element):
            child = element[place]
            self._mark(child, within=within)
            place += 1
            if within:
                place = self._split(element, child.tail, child, place)

    def _split(self, parent: Element, text: str | None, before: Element | None, place: int) -> int:
        """Mark the words of one piece of text, behind `before`; return the place behind them."""
        if not text or isinstance(text, AtomicString):
            return place
        end = 0
        for found in self.any_word.finditer(text):
            meaning = self.words[found[0]]
            if meaning in self.seen:
                continue
            self.seen.add(meaning)
            word = Element("abbr", {"tabindex": "0", "title": meaning})
            word.text, word.tail = AtomicString(found[0]), text[found.end() :]
            if before is None:
                parent.text = text[end : found.start()]
            else:
                before.tail = text[end : found.start()]
            parent.insert(place, word)
            before, end, place = word, found.end(), place + 1
        return place


class GlossaryExtension(Extension):
    """Opens the words of the glossary in `file`; without one there is none."""

    def __init__(self, **kwargs: Any) -> None:
        self.config = {"file": ["", "The glossary's page."]}
        super().__init__(**kwargs)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  # Markdown's own name
        if file := self.getConfig("file"):
            words = _forms(read_glossary(Path(file)))
            # After inline marks are read, before abbreviations (7) are looked for.
            md.treeprocessors.register(_FirstUse(md, words), "glossary", 8)


def makeExtension(**kwargs: Any) -> GlossaryExtension:  # noqa: N802  # Markdown looks for this name
    return GlossaryExtension(**kwargs)
