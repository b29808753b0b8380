from __future__ import annotations

from xml.etree import ElementTree

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st

EXTENSIONS = ["toc", "tables", "admonition", "fenced_code", "blog_site.parts"]
TABLE = "| a | b |\n|---|---|\n| 1 | 2 |"
BLOCK = st.sampled_from(
    [
        "# One",
        "## Two",
        "### Three",
        "Some *text*.",
        "- a\n- b",
        "> ## Quoted",
        "!!! note\n\n    x",
        TABLE,
    ]
)


def convert(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<body>{markdown.markdown(text, extensions=EXTENSIONS)}</body>")


def plain(text: str) -> ElementTree.Element:
    html = markdown.markdown(text, extensions=EXTENSIONS[:-1])
    return ElementTree.fromstring(f"<body>{html}</body>")


@given(st.lists(BLOCK, max_size=12))
def test_parts_hold_all_blocks_in_order_and_begin_where_they_may(blocks):
    text = "\n\n".join(blocks)
    found = convert(text)
    flat: list[ElementTree.Element] = []
    for block in found:
        if block.get("class") != "part":
            assert not flat or flat[-1] in list(found), "a block after a part stands in one"
            assert block.tag != "h2"
            flat.append(block)
            continue
        assert (block.tag == "section") == (block[0].tag == "h2")
        if block.tag == "div":
            assert block[0].tag in ("h3", "table")
            assert sum(before.tag == "h2" for before in flat) == 1, "only the first section is cut"
            assert flat[-1].tag in ("p", "ul")
        assert all(inner.tag != "h2" for inner in block[1:])
        assert block.get("style") == f"--blocks: {len(block)}"
        flat += list(block)
    as_text = [ElementTree.tostring(block).strip() for block in flat]
    assert as_text == [ElementTree.tostring(block).strip() for block in plain(text)]


@pytest.mark.parametrize(
    ("blocks", "parts"),
    [
        (["Text.", TABLE, "Text.", TABLE], [["h2", "p"], ["table", "p"], ["table"]]),
        (["- a\n- b", "### Three", TABLE], [["h2", "ul"], ["h3", "table"]]),
        (["### Three", "Text."], [["h2", "h3", "p"]]),
        (["~~~\ncode\n~~~", TABLE], [["h2", "pre", "table"]]),
        (["!!! aside\n\n    x", "Text.", TABLE], [["h2", "div", "p", "table"]]),
    ],
)
def test_the_first_section_is_cut_after_running_text_and_beside_no_floating_note(blocks, parts):
    found = convert("\n\n".join(["## Two", *blocks]))
    assert [[block.tag for block in part] for part in found] == parts


def test_a_notebook_on_its_own_page_has_parts_too_and_other_boxes_have_none():
    box = '<div class="{}" markdown>\n\n# One\n\n## Two\n\nText.\n\n## Three\n\n</div>'
    text = "\n\n".join(box.format(name) for name in ("nb-notebook wide", "other"))
    page = ElementTree.fromstring(
        f"<body>{markdown.markdown(text, extensions=[*EXTENSIONS, 'md_in_html'])}</body>"
    )
    notebook, other = page
    assert [block.tag for block in notebook] == ["h1", "section", "section"]
    assert [[block.tag for block in part] for part in notebook[1:]] == [["h2", "p"], ["h2"]]
    assert [block.tag for block in other] == ["h1", "h2", "p", "h2"]


def test_the_contents_list_still_finds_every_heading():
    parser = markdown.Markdown(extensions=EXTENSIONS)
    parser.convert("# One\n\n## Two\n\n### Three\n\n## Four")
    (top,) = parser.toc_tokens
    assert [(two["id"], len(two["children"])) for two in top["children"]] == [
        ("two", 1),
        ("four", 0),
    ]
