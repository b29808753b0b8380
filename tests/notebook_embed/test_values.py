"""Values read as people write them, and have the format that a page asks for."""

from __future__ import annotations

import datetime
import math
import re
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

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
        (
            "datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)",
            "2020-01-02 00:00:00+00:00",
        ),
        ("datetime.datetime(2020, 1, 2, tzinfo=f())", "datetime.datetime(2020, 1, 2, tzinfo=f())"),
        (
            "datetime.time(1, tzinfo=zoneinfo.ZoneInfo(key='..'))",
            "datetime.time(1, tzinfo=zoneinfo.ZoneInfo(key='..'))",
        ),
        (
            "datetime.time(1, tzinfo=datetime.timezone())",
            "datetime.time(1, tzinfo=datetime.timezone())",
        ),
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
        ("ShortestPath(nodes=3, cost=1.5)", "ShortestPath(nodes=3, cost=1.5)"),
        ("Path()", "Path()"),
        ("PosixPath('a', root='b')", "PosixPath('a', root='b')"),
        ("Timestamp(seconds=3)", "Timestamp(seconds=3)"),
        ("Timestamp()", "Timestamp()"),
        ("Timestamp(3)", "Timestamp(3)"),
        ("Decimal(digits=3)", "Decimal(digits=3)"),
        ("Decimal()", "Decimal()"),
        ("Fraction(top=1, bottom=3)", "Fraction(top=1, bottom=3)"),
        ("datetime.date(*a)", "datetime.date(*a)"),
        ("np.float64()", "np.float64()"),
        ("tensor()", "tensor()"),
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


@pytest.mark.parametrize(
    "zone",
    [
        datetime.UTC,
        datetime.timezone(datetime.timedelta(days=-1, seconds=68400)),
        datetime.timezone(datetime.timedelta(hours=2), "CEST"),
        ZoneInfo("Europe/Berlin"),
    ],
)
def test_a_moment_in_a_zone_has_formats_too(zone: datetime.tzinfo) -> None:
    moment = datetime.datetime(2020, 1, 2, 3, 4, tzinfo=zone)
    assert formatted(repr(moment), "%d.%m.%Y %H:%M %z %Z", quoted=True) == moment.strftime(
        "%d.%m.%Y %H:%M %z %Z"
    )
    assert read_value(repr(moment)).text == str(moment)


@pytest.mark.parametrize(
    ("text", "spec", "shown"),
    [
        ("tensor(0.3333)", ".1%", "33.3%"),
        ("tensor(0.3333)", ".2%", "33.33%"),
        ("tensor(0.3333)", "g", "0.3333"),
        ("tensor(1.2346e+08)", ".4e", "1.2346e+08"),
        ("tensor(1.2346e+08)", "g", "1.2346e+08"),
        ("tensor(0.0012)", ".1e", "1.2e-03"),
        ("tensor(-3.)", "+.0f", "-3"),
        ("tensor(2.)", ",", "2.0"),
        ("tensor(12)", ".2f", "12.00"),
        ("tensor(nan)", ".2f", "nan"),
        ("tensor(-inf)", ".2f", "-inf"),
        ("array(1234.5)", "*>10,.1f", "***1,234.5"),
    ],
)
def test_digits_that_are_known_are_shown(text: str, spec: str, shown: str) -> None:
    assert formatted(text, spec, quoted=True) == shown


@pytest.mark.parametrize(
    ("known", "specs"),
    [
        ("0.3333", [".5f", ".3%", "f", "%", "e", ".4e", "#g", "0<9.2f"]),
        ("0.0012", [".2e", ".3%"]),
        ("1.2346e+08", [",.0f", ",", ".5e", ".9g", "_.1f", "012.0f"]),
        ("2", [".2f", ".0%"]),
    ],
)
def test_digits_that_nobody_knows_are_not_made_up(known: str, specs: list[str]) -> None:
    text = f"tensor({known if '.' in known else known + '.'})"
    for spec in specs:
        with pytest.raises(ValueError, match=rf"only {re.escape(known)} is known of it"):
            formatted(text, spec, quoted=True)


@given(
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(["{:.4f}", "{:.4e}"]),
    st.sampled_from(["", ","]),
    st.none() | st.integers(0, 12),
    st.sampled_from("eEfFgG%"),
)
def test_no_digit_is_shown_beyond_the_last_known(
    number: float, rounded: str, grouped: str, precision: int | None, kind: str
) -> None:
    text = rounded.format(number)
    spec = f"{grouped}{'' if precision is None else f'.{precision}'}{kind}"
    plain = format(float(text), spec)
    exponent = Decimal(plain.replace(",", "").rstrip("%")).as_tuple().exponent
    last = int(exponent) - 2 * (kind == "%")
    if last >= int(Decimal(text).as_tuple().exponent):
        assert formatted(f"tensor({text})", spec, quoted=True) == plain
    else:
        with pytest.raises(ValueError, match="is known of it"):
            formatted(f"tensor({text})", spec, quoted=True)


@pytest.mark.parametrize(
    ("text", "spec", "shown"),
    [
        (str(math.factorial(200)), ".2e", "7.89e+374"),
        (str(-math.factorial(200)), ".0e", "-8e+374"),
        (str(10**400), ".1f", f"1{'0' * 400}.0"),
        (str(10**400), ".0%", f"1{'0' * 402}%"),
        (str(10**400), "d", str(10**400)),
        ("Decimal('1e400')", ".1e", "1.0e+400"),
    ],
)
@pytest.mark.parametrize("quoted", [True, False])
def test_a_number_too_large_for_a_float_has_a_format(
    text: str, spec: str, shown: str, quoted: bool
) -> None:
    assert formatted(text if quoted else str(read_value(text).value), spec, quoted=quoted) == shown


@pytest.mark.parametrize("spec", ["99999999999999d", ".99999999999999f", "999999999999999999999"])
@pytest.mark.parametrize("text", ["1", "1.5", "Decimal('1.5')", "Fraction(1, 2)"])
def test_a_format_that_no_machine_has_room_for_is_an_error_of_the_address(
    text: str, spec: str
) -> None:
    with pytest.raises(ValueError, match=rf"'{re.escape(read_value(text).text)}': ."):
        formatted(text, spec, quoted=True)


@pytest.mark.parametrize("text", ["'a'", "True", "[1]", "<X>", "None"])
def test_what_is_no_number_has_no_format(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        formatted(text, ".2f", quoted=True)
