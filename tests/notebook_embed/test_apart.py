"""What stands before or after an embed is not taken into it, nor it into what stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown import Markdown

from notebook_embed.markdown_extension import NotebookEmbedExtension
from tests.support.given_outputs import EXTENSIONS, Docs, stream

MORE = ["pymdownx.tabbed", "pymdownx.details", "def_list"]
CELLS = "# %%\n#| label: a\nprint(7)\n\n# %%\n#| label: f\n#| fold: true\nhidden()\n"
EMBEDS = [
    "![](../nb/x.py#a){ .tabs }",
    "![](../nb/x.py#f){ .source-only }",
    "![](../nb/x.py#a)",
    "![](../nb/x.py#a){ .admonition }",
    "![](../nb/x.py)",
    "::: pack.fold {.folded}",
]
BEFORE = [
    "!!! note\n\n    in",
    "??? note\n\n    in",
    '=== "One"\n\n    in',
    "- in",
    "1. in",
    "a\n:   in",
]


@pytest.mark.parametrize("alternate", [True, False])
@pytest.mark.parametrize("embed", EMBEDS)
@pytest.mark.parametrize("before", ["First.", *BEFORE])
@pytest.mark.parametrize("after", ["    below", '=== "Two"\n\n    below', "- below", "1. below"])
def test_an_embed_is_for_itself(
    docs: Docs, tmp_path: Path, alternate: bool, embed: str, before: str, after: str
) -> None:
    docs.notebook(CELLS, {"a": [stream("OUT")], "f": [stream("OUT")]})
    docs.write("../code/pack/__init__.py", "def fold():\n    pass\n")
    ours = NotebookEmbedExtension(
        library=docs.library, page="posts/page.md", code=[str(tmp_path / "code")]
    )
    md = Markdown(
        extensions=[*EXTENSIONS, *MORE, ours],
        extension_configs={"pymdownx.tabbed": {"alternate_style": alternate}},
    )
    docs.write("posts/page.md", "")
    whole = md.convert(f"{before}\n\n{embed}\n\n{after}\n")
    parts = [md.reset().convert(f"{part}\n") for part in (before, embed, after)]
    assert bare(whole) == bare("\n".join(parts))
    assert "nb-apart" not in whole


def bare(html: str) -> str:
    """Return HTML without what is counted, and without spaces between tags."""
    return re.sub(r"\s+(?=<|$)", "", re.sub(r"_\d+(_\d+)?|\d+:\d|-\d+(?=\")", "", html))


def test_a_note_that_ends_in_an_embed_has_its_way_back(docs: Docs) -> None:
    docs.notebook(CELLS, {"a": [stream("OUT")], "f": []})
    html = docs.convert("Word[^1].\n\n[^1]: Text\n\n    ![](../nb/x.py#a)\n")
    assert html.count("footnote-backref") == 1
    assert html.index("OUT") < html.index("footnote-backref")


@pytest.mark.parametrize("prepend", [True, False])
@pytest.mark.parametrize("above", ["", "![](../nb/x.py#f)\n"])
@pytest.mark.parametrize("embed", [embed for embed in EMBEDS if embed.startswith("!")])
def test_a_caption_that_follows_an_embed_is_that_of_all_of_it(
    docs: Docs, embed: str, above: str, prepend: bool
) -> None:
    docs.notebook(CELLS, {"a": [stream("OUT")], "f": [stream("OUT")]})
    docs.write("posts/page.md", "")
    md = Markdown(
        extensions=[
            *EXTENSIONS,
            "pymdownx.blocks.caption",
            NotebookEmbedExtension(library=docs.library, page="posts/page.md"),
        ],
        extension_configs={"pymdownx.blocks.caption": {"prepend": prepend}},
    )
    html = md.convert(f"First.\n\n{above}{embed}\n\n/// caption\nCap\n///\n\nLast.\n")
    before, alone = (bare(md.reset().convert(part)) for part in (above, embed))
    caption = "<figcaption><p>Cap</p></figcaption>"
    within = caption + alone if prepend else alone + caption
    assert bare(html) == f"<p>First.</p>{before}<figure>{within}</figure><p>Last.</p>"
