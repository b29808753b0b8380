"""Values read as people write them, and have the format that a page asks for."""

from __future__ import annotations

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_embed.values import formatted, read_value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("np.float64(2.0)", "2.0"),
        ("np.float32(-1e-05)", "-1e-05"),
        ("np.int64(7)", "7"),
        ("np.float64(nan)", "nan"),
        ("np.True_", "True"),
        ("np.str_('a \"b\"')", 'a "b"'),
        ("tensor(0.3333)", "0.3333"),
        ("tensor(2.)", "2"),
        ("tensor(0.5, dtype=torch.float64)", "0.5"),
        ("array(3)", "3"),
        ("Decimal('1.10')", "1.10"),
        ("Fraction(1, 3)", "1/3"),
        ("datetime.date(2020, 1, 2)", "2020-01-02"),
        ("datetime.datetime(2020, 1, 2, 3, 4)", "2020-01-02 03:04:00"),
        ("datetime.timedelta(seconds=90)", "0:01:30"),
        ("Timestamp('2020-01-02 00:00:00')", "2020-01-02 00:00:00"),
        ("PosixPath('a/b')", "a/b"),
        ("'it''s'", "its"),
        ("7", "7"),
        ("1_000", "1_000"),
        ("None", "None"),
        ("[1, 2]", "[1, 2]"),
        ("array([1, 2])", "array([1, 2])"),
        ("tensor([0.1])", "tensor([0.1])"),
        ("<X object>", "<X object>"),
        ("f(x)", "f(x)"),
        ("datetime.date(2020, 13, 2)", "datetime.date(2020, 13, 2)"),
        ("Decimal('x')", "Decimal('x')"),
        ("'unclosed", "'unclosed"),
        ("__import__('os').getcwd()", "__import__('os').getcwd()"),
    ],
)
def test_a_value_reads_as_it_is_written(text: str, shown: str) -> None:
    assert read_value(text).text == shown


VALUES = st.one_of(
    st.floats(-1e9, 1e9).map(np.float64),
    st.integers(-(10**9), 10**9),
    st.floats(-1e9, 1e9),
    st.decimals(-1000, 1000, places=3),
    st.fractions(-10, 10, max_denominator=50),
)


@settings(deadline=None)
@given(VALUES, st.sampled_from([".2f", ",", ".1%", ".3e", "+.0f", "08.2f"]))
def test_a_format_is_python_s_own(value: object, spec: str) -> None:
    if isinstance(value, Fraction) and spec == ",":
        return  # newer Pythons format it, older do not
    try:
        expected = format(value, spec)
    except (ValueError, TypeError):
        with pytest.raises(ValueError):
            formatted(repr(value), spec, quoted=True)
        return
    assert formatted(repr(value), spec, quoted=True) == expected
    if not isinstance(value, Fraction | Decimal):
        assert formatted(str(value), spec, quoted=False) == expected


def test_dates_have_formats_too() -> None:
    day = datetime.date(2020, 1, 2)
    assert formatted(repr(day), "%d.%m.%Y", quoted=True) == "02.01.2020"
    assert formatted(str(day), "%Y", quoted=False) == "2020"


def test_digits_that_nobody_knows_are_not_made_up() -> None:
    assert formatted("tensor(0.3333)", ".1%", quoted=True) == "33.3%"
    for spec in (".5f", ".3%"):
        with pytest.raises(ValueError, match=r"only 0.3333 is known of it"):
            formatted("tensor(0.3333)", spec, quoted=True)


@pytest.mark.parametrize("text", ["'a'", "True", "[1]", "<X>", "None"])
def test_what_is_no_number_has_no_format(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        formatted(text, ".2f", quoted=True)
