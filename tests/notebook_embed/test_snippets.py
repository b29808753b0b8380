"""Snippets are put into pages and Markdown cells, never into code; mistakes in them are told."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from markdown import Markdown

from notebook_embed.cells import CellMarkdown
from notebook_embed.errors import EmbedError
from notebook_embed.markdown_extension import NotebookEmbedExtension
from tests.support.given_outputs import EXTENSIONS, Docs, display, stream

MORE = ["abbr", "pymdownx.critic", "pymdownx.snippets", "pymdownx.tabbed"]


@pytest.fixture
def site(docs: Docs) -> Docs:
    docs.write("parts/snip.md", "Put in.\n")
    docs.write("parts/outer.md", 'a\n\n--8<-- "nope.md"\n')
    docs.write("parts/latin.md", "").write_bytes("a\nGrüße\n".encode("latin-1"))
    (docs.root / "parts/sub").mkdir()
    return docs


def convert(site: Docs, text: str, **options: Any) -> str:
    config = {"pymdownx.snippets": {"base_path": [str(site.root / "parts")], **options}}

    def made(**ours: Any) -> Markdown:
        ours |= {"library": site.library, "cells": site.cells}
        extensions = [*EXTENSIONS, *MORE, NotebookEmbedExtension(**ours)]
        return Markdown(extensions=extensions, extension_configs=config)

    site.cells = CellMarkdown(made)
    site.write("posts/page.md", text)
    return made(page="posts/page.md").convert(text)


CODE = """\
# %%
#| label: a
x = '''
--8<-- "nope.md"
--8<-- "snip.md"
;--8<-- "snip.md"
--8<-- [start:part]
{++new++}
<!-- more -->
'''
"""


@pytest.mark.parametrize("look", ["#a){ .source-only }", "#a){ .tabs }", "#a){ .source }", ")"])
@pytest.mark.parametrize("checks", [True, False])
def test_code_that_looks_like_a_snippet_is_shown_as_it_is(
    site: Docs, look: str, checks: bool
) -> None:
    site.notebook(CODE, {"a": [stream("out")]})
    html = convert(site, f"![](../nb/x.py{look}", check_paths=checks, auto_append=["snip.md"])
    shown = unescape(re.sub("<[^>]+>", "", html)).replace("\xa0", " ")
    assert CODE.partition("a\n")[2].strip() in shown
    assert html.count("Put in.") - html.count("&quot;Put in.") == 1, "appended to the page alone"


def test_a_note_of_another_cell_may_name_what_is_appended(site: Docs) -> None:
    site.write("parts/inc.md", "*[ABC]: Letters\n\n[to]: https://e.example\n")
    note = "# %% [markdown]\n# [^n]: Of an ABC, see [there][to].\n"
    site.notebook(f"# %% [markdown]\n# Text[^n].\n\n{note}", {})
    html = convert(site, "![](../nb/x.py)", auto_append=["inc.md"])
    assert '<abbr title="Letters">ABC</abbr>, see <a href="https://e.example">there</a>' in html


def test_what_is_appended_to_pages_defines_for_cells_and_adds_nothing(site: Docs) -> None:
    definitions = "*[ABC]: Letters\n\n[^n]: Note\n\n[to]: https://e.example\n"
    site.write("parts/inc.md", f"Appended.\n\n{definitions}")
    text = "# %% [markdown]\n# An ABC, [a link][to].\n\n# %%\n#| label: a\nb\n"
    site.notebook(text, {"a": [display(text_markdown="ABC again[^n].")]})
    html = convert(site, "![](../nb/x.py)", auto_append=["inc.md"])
    assert html.count("Appended.") == 1
    assert html.count('<abbr title="Letters">ABC</abbr>') == 2
    assert '<a href="https://e.example">a link</a>' in html


@pytest.mark.parametrize("in_cell", [True, False])
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('--8<-- "nope.md"', r"PAGE:6: a snippet is missing: .*'nope\.md'"),
        ('--8<-- "snip.md:gone"', r"PAGE:6: a snippet is missing: .*'gone'"),
        ('--8<-- ":3"', r"PAGE:6: a snippet is missing"),
        ("-8<-\nnope.md\n-8<-", r"PAGE:7: a snippet is missing"),
        ('--8<-- "outer.md"', r"parts/outer\.md:3: a snippet is missing"),
        ('--8<-- "latin.md"', r"(?s)parts/latin\.md:2: a snippet is not UTF-8.*PAGE:6"),
        ('--8<-- "sub"', r"(?s)parts/sub: a snippet cannot be read.*PAGE:6"),
    ],
)
def test_a_snippet_that_cannot_be_put_in_is_told_where_it_is_named(
    site: Docs, line: str, told: str, in_cell: bool
) -> None:
    text, page = f"a\n\nb\n\n\n{line}\n\nc\n", r"posts/page\.md"
    if in_cell:
        cell = "".join(f"# {one}\n" for one in f"a\n\nb\n\n{line}\n\nc".split("\n"))
        site.notebook(f"# %% [markdown]\n{cell}", {})
        text, page = "![](../nb/x.py)", r"nb/x\.py"
    with pytest.raises(EmbedError, match=told.replace("PAGE", page)):
        convert(site, text, check_paths=True)
