from __future__ import annotations

import re

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blog_site.tables import make_cards, put_in_boxes

BOX = '<div class="md-typeset__scrollwrap" tabindex="0"><div class="md-typeset__table">'


def convert(text: str) -> str:
    return markdown.markdown(
        text, extensions=["tables", "fenced_code", "blog_site.tables", "md_in_html"]
    )


def test_a_table_of_markdown_and_one_of_html_stand_in_a_box():
    page = convert(
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n<table id='x > y'><tr><td>1</td></tr></table>"
    )
    assert page.count(f'{BOX}<table class="nb-table"') == 2
    assert page.count("</table></div></div>") == page.count("</table>") == 2
    assert f"""{BOX}<table class="nb-table" id='x > y'>""" in page


@pytest.mark.parametrize(
    "html",
    [
        '<table id="a" class="dataframe"><tr><td>1</td></tr></table>',
        "<table\nCLASS=dataframe><tr><td>1</td></tr></table>",
        "<!-- <table> -->",
        "<p>no table, <tablet>, <table-like></table-like> </p>",
        "</table>",
    ],
)
def test_what_has_a_class_or_is_no_table_is_left_alone(html):
    assert put_in_boxes(html) == html


def test_a_table_shown_as_code_is_left_alone():
    page = convert("```\n<table><tr></tr></table>\n```\n\n`<table>`")
    assert BOX not in page
    assert page.count("&lt;table&gt;") == 2


TABLES = st.recursive(
    st.sampled_from(["", "text", '<i title="</i>">x</i>', "<!-- <table> -->"]),
    lambda inner: st.builds(
        "<table{}><tr><td>{}</td></tr></table>{}".format,
        st.sampled_from(["", ' class="y"', " data-sortable", ' title="a > b"']),
        inner,
        inner,
    ),
)


@given(TABLES)
def test_boxes_close_where_their_table_ends_and_none_stands_in_another(page):
    boxed = put_in_boxes(page)
    plain = boxed.replace(f'{BOX}<table class="nb-table"', "<table").replace("</div></div>", "")
    assert plain == page
    tables = boxes = 0
    for tag in re.findall(r"<!--.*?-->|<table[^>]*>|</table>|<div|</div>", boxed):
        if tag in ("<div", "</div>"):
            assert tables == 0
            boxes += 1 if tag == "<div" else -1
        elif tag == "</table>":
            tables -= 1
        elif tag.startswith("<table"):
            if tables == 0:
                assert boxes == (0 if 'class="y"' in tag else 2)
            tables += 1
    assert tables == boxes == 0


def test_each_cell_of_a_table_of_many_columns_knows_the_title_of_its_column():
    page = convert("| a | b *c* | `d` & e | f |\n|---|---|---|---|\n| 1 | 2 | 3 | 4 |")
    found = re.findall(r'<td role="cell" data-label="([^"]*)">(\d)</td>', page)
    assert found == [("a", "1"), ("b c", "2"), ("d & e".replace("&", "&amp;"), "3"), ("f", "4")]
    assert page.count('role="columnheader"') == 4
    assert '<table role="table" data-cards class="nb-table">' in page


def test_a_formula_in_a_title_is_read_once():
    page = markdown.markdown(
        "| a | $O(n^2)$ | c | d |\n|---|---|---|---|\n| 1 | 2 | 3 | 4 |",
        extensions=["tables", "pymdownx.arithmatex", "blog_site.katex", "blog_site.tables"],
        extension_configs={"pymdownx.arithmatex": {"generic": True}},
    )
    assert '<td role="cell" data-label="O(n^2)">2</td>' in page


def test_what_has_become_cards_stays_as_it_is_whatever_the_order_of_its_attributes():
    page = convert("| a | b | c | d |\n|---|---|---|---|\n| 1 | 2 | 3 | 4 |")
    assert make_cards(page) == page
    turned = page.replace(' data-cards class="nb-table"', "")
    turned = turned.replace("<table", '<table class="nb-table" data-cards')
    assert turned != page
    assert make_cards(turned) == turned


PROSE = "what it is for, told in as many words as make several lines of a column"
LONG = "a_name_that_cannot_be_broken_anywhere"


@pytest.mark.parametrize(
    ("rows", "cards"),
    [
        ([[LONG, PROSE]], True),
        ([["kernel_environment", "requirements.txt", PROSE]], True),
        ([["short", PROSE], [LONG, "few words"]], True),
        ([["kernel_environment", PROSE]], False),  # there is room for both
        ([["a", "b", PROSE]], False),
        ([[LONG, LONG]], True),
        ([[LONG, "few"]], False),  # nothing to read
        ([[f"{LONG} {PROSE}"]], False),
    ],
)
def test_words_that_leave_no_room_on_a_phone_make_cards(rows, cards):
    lines = [["t"] * len(rows[0]), ["---"] * len(rows[0]), *rows]
    page = convert("".join(f"| {' | '.join(line)} |\n" for line in lines))
    assert page.count("<table") == 1
    assert ("data-cards" in page) is cards


@pytest.mark.parametrize(
    ("first", "labelled"),
    [("16", True), ("1,024", True), ("0.5", True), ("16 heads", False), ("full", False)],
)
def test_a_card_that_begins_with_a_number_says_what_it_counts(first, labelled):
    label = ' data-label="tokens"'
    page = convert(f"| tokens | b | c | d |\n|---|---|---|---|\n| {first} | 2 | 3 | 4 |")
    assert f'<td role="cell"{label * labelled}>{first}</td>' in page


@pytest.mark.parametrize(
    "html",
    [
        "<thead><tr><th>a</th><th>b</th><th>c</th></tr></thead><tr><td>1</td></tr>",
        "<thead><tr><th colspan=2>a</th><th>b</th><th>c</th><th>d</th></tr></thead>",
        "<thead><tr><th>a</th><th>b</th></tr><tr><th>c</th><th>d</th></tr></thead>",
        "<tr><td>1</td><td>2</td><td>3</td><td>4</td><td>5</td></tr>",
    ],
)
def test_few_columns_spans_and_several_rows_of_titles_make_no_cards(html):
    boxed = put_in_boxes(f"<table>{html}</table>")
    assert make_cards(boxed) == boxed
