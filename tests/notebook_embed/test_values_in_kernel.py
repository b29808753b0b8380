"""What a real kernel says of the mappings that a notebook shows, without importing anything."""

from __future__ import annotations

import json

import pytest

from notebook_embed.execution import Job, run_notebook
from notebook_embed.notebook import read_notebook
from notebook_embed.outputs import VALUES

CELLS = [
    # 0: every kind of value
    """
import dataclasses, datetime
import numpy as np
from IPython.display import HTML, Latex, Markdown, display
{
    "text": "3 %", "int": 3, "float": 0.1, "numpy": np.float64(0.25), "none": None,
    "date": datetime.date(2026, 1, 2), "markdown": Markdown("*x*"), "html": HTML("<b>x</b>"),
    "latex": Latex("$x$"), "list": [1, 2], "empty": {},
}""",
    # 1: nested, with keys that are no strings, and a dataclass
    """
@dataclasses.dataclass
class Score:
    mean: float = 0.5
    seen: int = 2
    note: str = dataclasses.field(default="", repr=False)

{8: {"seed": {0: "a"}}, "small": Score()}""",
    "Score()",
    # 3: what shows itself in its own way is left alone
    """
class Table(dict):
    def _repr_html_(self):
        return "<table></table>"

class Drawing(dict):
    def _repr_png_(self):
        return b"png"

Table(a=1)""",
    '{"inner": Table(a=1), "drawing": Drawing(a=1)}',
    # 5: what cannot be listed
    'loop = {"a": 1}; loop["loop"] = loop; loop',
    "dict.fromkeys(range(1001))",
    """
class Broken(dict):
    def items(self):
        raise ValueError("no")

Broken(a=1)""",
    "{}",
    "Score",
    # 10: a mapping that is shown on the way
    'display({"a": 1}); 2',
    # 11: nothing of ours is among the notebook's names
    "sorted(name for name in globals() if name in ('register', 'listed', 'leaves', 'Values'))",
    # 12: another package has a look for plain numbers and lists, as sympy.init_printing() has
    """
from decimal import Decimal
formatters = get_ipython().display_formatter.formatters
for kind in (int, float, str, tuple, list, set, dict, np.float32, Decimal):
    formatters["image/png"].for_type(kind, lambda value: b"png")
    formatters["text/latex"].for_type(kind, lambda value: "$x$")

class Symbol:
    def _repr_svg_(self):
        return None

    def _repr_latex_(self):
        return "$x$"

class Look(float):
    def _repr_html_(self):
        return "<b>1</b>"

formatters["image/png"].for_type(Symbol, lambda value: b"png")
class Drawn:
    pass

class Undrawn:
    def __str__(self):
        return "undrawn"

formatters["image/png"].for_type(Drawn, lambda value: b"png")
formatters["image/png"].for_type(Undrawn, lambda value: None)
{
    "float": 1.5, "int": 2, "bool": True, "text": "a", "list": [1, 2], "tuple": (1, 2), "empty": {},
    "numpy": np.float64(0.25), "small": np.float32(0.5), "date": datetime.date(2026, 1, 2),
    "decimal": Decimal("1.10"), "symbol": Symbol(), "look": Look(1),
    "drawn": Drawn(), "undrawn": Undrawn(),
}""",
]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict]]:
    path = tmp_path_factory.mktemp("values") / "x.py"
    path.write_text("".join(f"# %%\n{cell}\n\n" for cell in CELLS), "utf-8")
    ran = run_notebook(Job(notebook=read_notebook(path, "x.py"), folder=path.parent))
    cells = json.loads(ran)["cells"]
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    return [[output["data"] for output in cell["outputs"]] for cell in cells]


def entries(data: dict) -> dict[str, str | None]:
    return {
        ".".join(entry["keys"]): f"{entry['type'].removeprefix('text/')}: {entry['text']}"
        if "type" in entry
        else None
        for entry in data[VALUES]["entries"]
    }


def test_a_value_is_what_print_shows_or_what_it_shows_itself(outputs: list[list[dict]]) -> None:
    assert entries(outputs[0][0]) == {
        "text": "plain: 3 %",
        "int": "plain: 3",
        "float": "plain: 0.1",
        "numpy": "plain: 0.25",
        "none": "plain: None",
        "date": "plain: 2026-01-02",
        "markdown": "markdown: *x*",
        "html": "html: <b>x</b>",
        "latex": "latex: $x$",
        "list": "plain: [1, 2]",
        "empty": "plain: {}",
    }
    assert "'text': '3 %'" in "".join(outputs[0][0]["text/plain"]), "as Jupyter shows it"


def test_inner_mappings_and_dataclasses_are_walked(outputs: list[list[dict]]) -> None:
    assert entries(outputs[1][0]) == {
        "8.seed.0": "plain: a",
        "small.mean": "plain: 0.5",
        "small.seen": "plain: 2",
    }
    assert entries(outputs[2][0]) == {"mean": "plain: 0.5", "seen": "plain: 2"}


def test_a_mapping_with_a_look_of_its_own_keeps_it(outputs: list[list[dict]]) -> None:
    assert VALUES not in outputs[3][0]
    assert entries(outputs[4][0]) == {"inner": "html: <table></table>", "drawing": None}


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (5, "cannot be walked (RecursionError)"),
        (6, "has more than 1000 entries"),
        (7, "cannot be walked (ValueError)"),
        (8, "is empty"),
    ],
)
def test_what_cannot_be_listed_says_why(outputs: list[list[dict]], cell: int, why: str) -> None:
    assert outputs[cell][0][VALUES] == {"entries": [], "why": why}
    assert "text/plain" in outputs[cell][0]


def test_a_class_is_no_mapping(outputs: list[list[dict]]) -> None:
    assert list(outputs[9][0]) == ["text/plain"]


def test_a_mapping_shown_on_the_way_is_listed_too(outputs: list[list[dict]]) -> None:
    assert entries(outputs[10][0]) == {"a": "plain: 1"}
    assert list(outputs[10][1]) == ["text/plain"]


def test_plain_values_are_text_whoever_else_draws_them(outputs: list[list[dict]]) -> None:
    assert entries(outputs[12][0]) == {
        "float": "plain: 1.5",
        "int": "plain: 2",
        "bool": "plain: True",
        "text": "plain: a",
        "list": "plain: [1, 2]",
        "tuple": "plain: (1, 2)",
        "empty": "plain: {}",
        "numpy": "plain: 0.25",
        "small": "plain: 0.5",
        "date": "plain: 2026-01-02",
        "decimal": "plain: 1.10",
        "symbol": "latex: $x$",
        "look": "html: <b>1</b>",
        "drawn": None,
        "undrawn": "plain: undrawn",
    }


def test_the_notebook_s_names_are_its_own(outputs: list[list[dict]]) -> None:
    assert outputs[11][0]["text/plain"] == ["[]"]
