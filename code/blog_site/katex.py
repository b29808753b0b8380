r"""Mathematics set at build time: a Python-Markdown extension that renders TeX with KaTeX.

``pymdownx.arithmatex`` (``generic: true``) finds ``$...$`` and ``$$...$$``; this extension replaces
what it found by KaTeX's HTML for the eye and MathML for assistive technology. KaTeX runs in V8
inside Python, so readers download a style sheet and fonts but no script.
"""

from __future__ import annotations

import html
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.extensions.toc import slugify
from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE, AtomicString
from py_mini_racer import JSEvalException, MiniRacer

from blog_site.errors import SiteError
from notebook_embed.aside import here_only
from notebook_embed.source_lines import STAMP, SourceLines, source_lines, take

__all__ = ["KatexExtension", "makeExtension", "plain", "render"]

KATEX = Path(__file__).parent / "vendored" / "katex.min.js"
HEADINGS = frozenset(f"h{level}" for level in range(1, 7))


@cache
def _engine() -> tuple[MiniRacer, int]:
    """Return V8 with KaTeX loaded, and the process that it runs in; 0.2 s, for the first formula.

    It has threads, so a fork of that process cannot use it; but knows what was rendered before.
    """
    engine = MiniRacer()
    engine.eval(KATEX.read_text(encoding="utf-8"))
    return engine, os.getpid()


@cache
def render(tex: str, *, display: bool = False) -> str:
    """Return HTML with embedded MathML for the formula `tex`.

    Raises
    ------
    ValueError : KaTeX cannot parse the formula; the message is KaTeX's own.
    """
    options = {
        "displayMode": display,
        "output": "htmlAndMathml",
        "throwOnError": True,
        # A formula that KaTeX only half understands should stop the build, not reach a reader.
        "strict": "error",
        "trust": False,
    }
    engine, process = _engine()
    if process != os.getpid():
        here_only()
    try:
        return str(engine.call("katex.renderToString", tex, options))
    except JSEvalException as error:
        first_line = str(error).splitlines()[0]
        raise ValueError(re.sub(r"^.*?KaTeX parse error:\s*", "", first_line)) from None


class KatexTreeprocessor(Treeprocessor):
    """Replace every ``.arithmatex`` element of the tree by a rendered formula."""

    def __init__(self, md: Markdown, lines: SourceLines) -> None:
        super().__init__(md)
        self.lines = lines

    def run(self, root: Element) -> None:
        taken = {element.get("id") for element in root.iter() if element.get("id")}
        for heading in (e for e in root.iter() if e.tag in HEADINGS):
            self._name_heading(heading, taken)
        for element in root.iter():
            if "arithmatex" in element.get("class", "").split():
                self._set_formula(element)

    def _set_formula(self, element: Element) -> None:
        number, tex, display = _formula(element)
        try:
            markup = render(tex, display=display)
        except ValueError as error:
            at = self.lines.locate(number, tex.split("\n")[0])
            raise SiteError(
                f"cannot set the formula {json.dumps(tex, ensure_ascii=False)}: {error}",
                file=at.file if at else None,
                line=at.line if at else None,
            ) from None
        # The search plugin forgets an exclusion at the first closing tag of the same name, and
        # KaTeX nests spans; hence <bdi>, which a formula is: text with a direction of its own.
        element.tag = "div" if display else "bdi"
        element.set("class", "math math--display" if display else "math")
        element.set("data-search-exclude", "")
        element.text = AtomicString(self.md.htmlStash.store(markup))

    def _name_heading(self, heading: Element, taken: set[str | None]) -> None:
        """Give a heading with a formula a readable id and label, not KaTeX's inner text."""
        formulas = [e for e in heading.iter() if "arithmatex" in e.get("class", "").split()]
        if not formulas:
            return
        text = "".join(heading.itertext())
        for element in formulas:
            text = text.replace(element.text or "", plain(_formula(element)[1]))
        # Code in a heading is escaped by now, and a formula is not: i<j would be taken for a tag.
        label = text.replace("<", "&lt;").replace(">", "&gt;")
        heading.attrib.setdefault("data-toc-label", label)
        if "id" not in heading.attrib:
            base = slugify(self._without_stash(text), "-") or "formula"
            name, count = base, 1
            while name in taken:
                name, count = f"{base}_{count}", count + 1
            taken.add(name)
            heading.set("id", name)

    def _without_stash(self, text: str) -> str:
        """Return `text` with the words of what inlinehilite keeps, code, in place of its number."""
        kept = self.md.htmlStash.rawHtmlBlocks

        def words(found: re.Match[str]) -> str:
            return html.unescape(re.sub(r"<[^>]*>", "", str(kept[int(found[1])])))

        whole: str = HTML_PLACEHOLDER_RE.sub(words, text)
        return whole


def _formula(element: Element) -> tuple[int | None, str, bool]:
    """Return the stamp and the TeX of an ``.arithmatex`` element, and if it has its own line."""
    number, text = take((element.text or "").strip())
    display = text.startswith(r"\[")
    tex = text.removeprefix(r"\[" if display else r"\(").removesuffix(r"\]" if display else r"\)")
    # arithmatex escapes the blocks but not the inline formulas.
    return number, (html.unescape(tex) if display else tex).strip(), display


def plain(tex: str) -> str:
    r"""Return `tex` as words: ``\mathcal{O}(n^2)`` becomes ``O(n^2)``."""
    tex = re.sub(r"\\(?:mathcal|mathrm|mathbf|mathbb|text|operatorname)\{([^{}]*)\}", r"\1", tex)
    return re.sub(r"[{}\\$]", "", tex).strip()


class KatexExtension(Extension):
    """Register the formulas' processor: after inline parsing (20), before the contents list (5)."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the library's name)
        self.md = md
        md.registerExtension(self)
        lines = source_lines(md, formulas=True)
        md.treeprocessors.register(KatexTreeprocessor(md, lines), "katex", 6)

    def reset(self) -> None:
        """Let no formula end right before a digit, as pandoc has it: $5-$10 is a price.

        All extensions are there by now, in whatever order they are named.
        """
        if "arithmatex-inline" in self.md.inlinePatterns:
            inline: Any = self.md.inlinePatterns["arithmatex-inline"]
            digit = rf"(?:{STAMP})?\d"  # a dollar before a word has a stamp behind it
            open_ended = inline.pattern.replace(r"(?<!\s)(?:\$))", rf"(?<!\s)(?:\$)(?!{digit}))")
            inline.pattern, inline.compiled_re = open_ended, re.compile(open_ended, re.S)


def makeExtension(**options: Any) -> KatexExtension:  # noqa: N802 (the library's name)
    """Return the extension; Python-Markdown looks for this name."""
    return KatexExtension(**options)
