"""Compiled templates are kept from build to build, and nothing else is ever run for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment

from notebook_embed.templates_kept import Compiled


def environment(folder: Path) -> Environment:
    templates = {"page.html": "{% for n in numbers %}{{ n }} and {% endfor %}done"}
    return Environment(
        loader=DictLoader(templates), bytecode_cache=Compiled(folder), autoescape=True
    )


def shown(folder: Path) -> str:
    return environment(folder).get_template("page.html").render(numbers=[1, 2])


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_damaged_is_compiled_again(place: float, bit: int, tmp_path: Path) -> None:
    assert shown(tmp_path) == "1 and 2 and done"
    (file,) = tmp_path.iterdir()
    whole = bytearray(file.read_bytes())
    damaged = whole.copy()
    damaged[int(place * len(whole))] ^= 1 << bit
    file.write_bytes(damaged)
    assert shown(tmp_path) == "1 and 2 and done"
    assert file.read_bytes() == whole
    file.write_bytes(damaged[: int(place * len(whole))])
    assert shown(tmp_path) == "1 and 2 and done"
    assert file.read_bytes() == whole


def test_what_is_whole_is_not_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(tmp_path) == "1 and 2 and done"
    monkeypatch.setattr(Environment, "_generate", lambda *arguments, **options: 1 / 0)
    assert shown(tmp_path) == "1 and 2 and done"
