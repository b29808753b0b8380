"""Text looks as a terminal leaves it."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from notebook_embed.terminal import last_of_lines, last_state, without_escapes

ESC = "\x1b["


def read(text: str) -> str:
    return html.unescape(re.sub("<[^>]+>", "", last_state(text)))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\nb", "a\nb"),
        ("a\r\nb\r\r\nc", "a\nb\nc"),
        ("  0%|   |\r 50%|█  |\r100%|███|", "100%|███|"),
        ("long line\rshort", "shortline"),
        (f"long line\r{ESC}Kshort", "short"),
        (f"long line\rshort{ESC}K", "short"),
        (f"abc{ESC}1K", ""),
        (f"abc{ESC}2K\rd", "d"),
        ("1\b2\b\b3", "3"),
        ("ab\b\bc", "cb"),
        (f"outer 0\ninner 0{ESC}A\router 1\ninner 1", "outer 1\ninner 1"),
        (f"a\nb{ESC}5Ac", "ac\nb"),
        (f"gone{ESC}2J{ESC}Hhere", "here"),
        (f"{ESC}?25lx{ESC}?25h", "x"),
        ("\x1b]8;;https://example.org\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\x", "x"),
        ("a\x00\x02wzxhzdk:0\x03b", "awzxhzdk:0b"),
        (f"{ESC}999999999Cx", " " * 10_000 + "x"),
        ("\x1b", ""),
        (f"{ESC}31mred\x1b(B{ESC}m, \x1b)0\x1b*A\x1b%Gplain", "red, plain"),
        ("\x1b#8\x1b F\x1b7\x1b=\x1bcx\x1b>\x1b8", "x"),
        ("\x1b]8;id=1;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;no end\nx", "\nx"),
        ("\x1b_Gf=100;aGVs\nbG8=\x1b\\a\x1bPq#0~~\x1b\\b\x1b^x\x1b\\c", "abc"),
        (f"{ESC}?2004h{ESC}>4;2m{ESC}!p{ESC}2 q{ESC}3~x{ESC}5@{ESC}?1049l", "x"),
        (f"{ESC}\nx\x1b\ny\x1bé", "\nx\nyé"),
    ],
)
def test_what_is_written_over_is_gone(text: str, left: str) -> None:
    assert read(text) == left


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{ESC}31mred{ESC}0m <b>", '<span class="ansi-red-fg">red</span> &lt;b&gt;'),
        (f"{ESC}1;34mx", '<span class="ansi-blue-intense-fg ansi-bold">x</span>'),
        (f"{ESC}30;43mx{ESC}49my", '<span class="ansi-black-fg ansi-yellow-bg">x</span><span class="ansi-black-fg">y</span>'),
        (f"{ESC}97;100mx", '<span class="ansi-white-intense-fg ansi-black-intense-bg">x</span>'),
        (f"{ESC}38;5;208mx", '<span style="color: rgb(255, 135, 0)">x</span>'),
        (f"{ESC}48;2;1;2;3mx", '<span style="background-color: rgb(1, 2, 3)">x</span>'),
        (f"{ESC}38;5;9mx", '<span class="ansi-red-intense-fg">x</span>'),
        (f"{ESC}7mx{ESC}27m", '<span class="ansi-default-inverse-fg ansi-default-inverse-bg">x</span>'),
        (f"{ESC}3;4mx{ESC}mz", '<span class="ansi-italic ansi-underline">x</span>z'),
        (f"{ESC}9mx{ESC}29my", '<span class="ansi-strike">x</span>y'),
        (f"{ESC}38mx", "x"),
        (f"{ESC}31mno\r{ESC}32myes", '<span class="ansi-green-fg">yes</span>'),
    ],
)  # fmt: skip
def test_colours_and_grounds_become_classes(text: str, shown: str) -> None:
    assert last_state(text) == shown


PIECES = st.sampled_from(
    ["\r", "\n", "\b", "\x1b[", "\x1b[3", "A", "m", "K", ";", "1", "<&", "\x1b]"]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=12).map("".join))
def test_any_text_is_html_that_holds_no_mark_of_its_own(text: str) -> None:
    shown = last_state(text)
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", shown)
    assert re.fullmatch(r"(?:[^<&]|<span[^<>]*>|</span>|&(?:lt|gt|amp);)*", shown, re.S)


@given(st.text(st.characters(exclude_categories=["Cc", "Cn", "Cs"]), max_size=40))
def test_text_without_controls_stays(text: str) -> None:
    assert read(text) == text
    assert read(f"x\r{text}") == (text or "x")


@given(st.text("ab\r\n", max_size=30))
def test_of_a_line_that_begins_anew_the_last_is_kept(text: str) -> None:
    assume("\r\r" not in text)
    assert last_of_lines(text) == re.sub(r".*\r(?=[^\n])", "", text)


def test_a_long_line_is_read_once() -> None:
    long = "x" * 1_000_000  # each sign looked at for each other one, this would take an hour
    assert last_of_lines(f"1 %\r{long}\r\n2 %\r3 %") == f"{long}\r\n3 %"


def test_a_traceback_in_a_log_has_no_escapes() -> None:
    assert without_escapes(f"{ESC}31mred\x1b(B{ESC}0m\n\x1b]8;;x\x1b\\link\r") == "red\nlink\r"
