"""What a cell says is not lost where one of its signs has no encoding."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat

from notebook_embed.execution import Job, run_notebook
from notebook_embed.notebook import read_notebook
from notebook_embed.signs_in_kernel import whole

CELLS = r"""# %%
import sys
print("\ud800x", "ok é")
print("\udc80y", file=sys.stderr)
"\udfff"
# %%
#| error: true
from IPython.display import Markdown, display
display(Markdown("*\ud800*"))
{"a\ud800": 1}
# %%
#| error: true
raise ValueError("no \ud83d")
"""


def test_half_a_sign_is_written_as_python_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(CELLS)
    notebook = read_notebook(path, "x.py")
    text = run_notebook(Job(notebook=notebook, folder=tmp_path))
    first, second, third = (cell["outputs"] for cell in nbformat.reads(text, 4).cells)
    told = {output.get("name", "result"): output for output in first}
    assert told["stdout"]["text"] == "\\ud800x ok é\n"
    assert told["stderr"]["text"] == "\\udc80y\n"
    assert told["result"]["data"]["text/plain"] == r"'\udfff'"
    assert second[0]["data"]["text/markdown"] == r"*\ud800*"
    assert "a\\\\ud800" in json.dumps(second[1])
    assert third[0]["evalue"] == r"no \ud83d"


def test_all_else_stays_as_it_is() -> None:
    message = {"a": ["é😀", 1, None, ("x",)], "b": b"\xff"}
    assert whole(message) == {"a": ["é😀", 1, None, ["x"]], "b": b"\xff"}
