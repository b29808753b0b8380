"""Errors tell the reason in one line, and a long traceback in few."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from notebook_embed.charts import picture
from notebook_embed.errors import EmbedError, reason, shown
from notebook_embed.execution import Job, run_notebook
from notebook_embed.notebook import read_notebook


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Conversion failed:\nError: no field\n    at x", "Conversion failed: Error: no field"),
        ("Conversion failed:", "Conversion failed:"),
        ("one\ntwo", "one"),
        ("", ""),
    ],
)
def test_what_a_first_line_announces_follows_it(said: str, told: str) -> None:
    assert reason(ValueError(said)) == told


def test_a_chart_that_cannot_be_drawn_says_why() -> None:
    pytest.importorskip("vl_convert")
    spec = {"data": {"values": [{"a": 1}]}, "transform": [{"calculate": "(", "as": "b"}]}
    encoding = {"x": {"field": "b", "type": "quantitative"}}
    with pytest.raises(ValueError, match=r"cannot be drawn: .*: Error: Unexpected end of input$"):
        picture({**spec, "mark": "bar", "encoding": encoding}, lite=True)


def test_a_link_is_shown_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project/docs").mkdir(parents=True)
    (tmp_path / "way").symlink_to("project")
    monkeypatch.chdir(tmp_path / "project")
    Path("docs/y.md").symlink_to("nowhere")
    for folder in (Path(), Path.cwd(), tmp_path / "way"):
        assert shown(folder / "docs/index.md") == "docs/index.md"
    for folder in (Path(), Path.cwd()):
        assert shown(folder / "docs/y.md") == "docs/y.md"
    Path("loop.md").symlink_to("loop.md")
    assert [shown("loop.md"), shown("a\0.md")] == ["loop.md", "a\0.md"]
    assert shown(tmp_path / "x.md") == (tmp_path / "x.md").as_posix()


def test_a_recursion_without_end_is_told_in_few_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    functions = "def f(n): return g(n)\n\ndef g(n):\n    return f(n)"
    path.write_text(f"# %%\n{functions}\n\nf(1)\n")
    with pytest.raises(EmbedError) as raised:
        run_notebook(Job(notebook=read_notebook(path, "x.py"), folder=tmp_path))
    message = raised.value.message
    assert message.count("\n") < 150
    assert re.search(r"x\.py:\d+ .*RecursionError: maximum recursion depth", message)
    assert message.rstrip().rpartition("\n")[2].startswith("RecursionError")
    assert "f(1)" in message
