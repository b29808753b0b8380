from __future__ import annotations

from xml.etree import ElementTree

import markdown
from hypothesis import given, settings
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


@settings(deadline=None)
@given(st.lists(BLOCK, max_size=12))
def test_sections_hold_all_blocks_in_order_from_the_first_heading_on(blocks):
    text = "\n\n".join(blocks)
    flat: list[ElementTree.Element] = []
    sections = 0
    for block in convert(text):
        if block.get("class") != "part":
            assert not sections, "a block after a section stands in one"
            assert block.tag != "h2"
            flat.append(block)
            continue
        sections += 1
        assert block.tag == "section"
        assert [inner.tag == "h2" for inner in block] == [True] + [False] * (len(block) - 1)
        items = sum(len(inner) for inner in block if inner.tag == "ul")
        assert block.get("style") == f"--blocks: {len(block) + items / 2:g}"
        flat += list(block)
    as_text = [ElementTree.tostring(block).strip() for block in flat]
    assert as_text == [ElementTree.tostring(block).strip() for block in plain(text)]


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
