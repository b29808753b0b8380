"""The three formats read alike, and every cell knows its line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notebook_embed.errors import EmbedError
from notebook_embed.notebook import is_notebook, read_notebook
from tests.support.fuzz import many

CELLS = [
    ("markdown", "# Title\n\nProse."),
    ("code", "#| label: one\nx = 1\ny = 2"),
    ("markdown", "x = 1"),
    ("code", '#| label: two\n#| fold: true\n#| inputs: [a.txt, b.txt]\n#| timeout: 5\n"é\\n"'),
    ("code", "x = 1"),
]
SUFFIX = {".py": "py:percent", ".md": "md:myst", ".ipynb": "ipynb"}


def write(path: Path, cells: list[tuple[str, str]]) -> Path:
    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    node = nbformat.v4.new_notebook(
        cells=[make[kind](source) for kind, source in cells],
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "P"}},
    )
    path.write_text(jupytext.writes(node, fmt=SUFFIX[path.suffix]), "utf-8")
    return path


@pytest.mark.parametrize("suffix", SUFFIX)
def test_formats_read_alike(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"nb{suffix}", CELLS)
    assert is_notebook(path)
    notebook = read_notebook(path, "nb/nb.py")
    assert notebook.title == "Title"
    assert list(notebook.labels) == ["one", "two"]
    one, two = notebook.labels.values()
    assert one.code == "x = 1\ny = 2"
    assert (two.folded, two.inputs, two.timeout) == (True, ["a.txt", "b.txt"], 5)
    assert [cell.name for cell in notebook.code_cells] == ["one", "two", "cell-5"]
    assert [cell["id"] for cell in notebook.node.cells][1] == "one"


@pytest.mark.parametrize("suffix", SUFFIX)
def test_a_cell_knows_the_line_it_starts_at(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"nb{suffix}", CELLS)
    notebook = read_notebook(path, "nb/nb.py")
    lines = path.read_text("utf-8").split("\n")
    assert "label: one" in lines[notebook.labels["one"].line - 1]
    if suffix != ".md":  # MyST writes options in its own way
        assert "label: two" in lines[notebook.labels["two"].line - 1]
    # "x = 1" stands in three cells: the last one is meant.
    last = max(number for number, line in enumerate(lines, 1) if "x = 1" in line)
    assert notebook.cells[4].line == last


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        (
            "nb.py",
            "# ---\n# title: df\n# ---\n\n# %% Show the df\ndf\n\n"
            '# %% tags=["hide-input"]\na\n\n# %% [markdown] title\n# title\n\n'
            '# %% [markdown] a\n"""a text"""\n\n# %% time\n# %time 1\n',
            [1, 6, 9, 12, 15, 18],
        ),
        (
            "nb.py",
            "# ---\n# jupyter:\n#   kernelspec: {name: python3}\n#   a: df\n# ---\n\n# %%\ndf\n",
            [8],
        ),
        ("nb.py", "# %%\n# %%time\nx = 1\n\n# %%\n# %%bash\n# ls\n", [2, 6]),
        (
            "nb.md",
            "---\nkernelspec:\n  name: python3\ntitle: Prose\n---\n\nProse about hide and data\n\n"
            "```{code-cell} python\n:tags: [hide-input]\n\nhide\n```\n\nThe data are loaded.\n\n"
            "```{code-cell} python\ndata\n```\n",
            [7, 12, 15, 18],
        ),
    ],
)
def test_a_cell_begins_below_its_mark_whatever_stands_there(
    tmp_path: Path, name: str, text: str, lines: list[int]
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert [cell.line for cell in read_notebook(tmp_path / name, name).cells] == lines


words = st.text("abcxyz =()1'\"\\é#", min_size=1, max_size=12).filter(lambda s: s.strip(" #\\"))
sources = st.lists(words.map(str.strip).filter(bool), min_size=1, max_size=4).map("\n".join)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=many(60),
    deadline=None,
)
@given(st.lists(sources.filter(lambda s: not s.startswith("#")), min_size=1, max_size=5))
def test_lines_hold_for_any_code(tmp_path: Path, codes: list[str]) -> None:
    path = write(tmp_path / "nb.py", [("code", code) for code in codes])
    notebook = read_notebook(path, "nb/nb.py")
    lines = path.read_text("utf-8").split("\n")
    at = [cell.line for cell in notebook.code_cells]
    assert at == sorted(at)
    for cell in notebook.code_cells:
        first = cell.source.split("\n")[0]
        assert first in lines[cell.line - 1]


@pytest.mark.parametrize(
    ("cell", "line", "problem"),
    [
        (
            "#| label: 1a\nx",
            1,
            "a label starts with a letter and has only letters, digits, - and _: 1a",
        ),
        (
            "#| label: no\nx",
            1,
            r"a label starts .*: no\n  Without quotes it means False: write 'no'",
        ),
        ("#| label: a b\nx", 1, r"a label starts .*: a b$"),
        ("#| label: 2026-01-02\nx", 1, r"a label starts .*: 2026-01-02$"),
        ("#| label: a\n#| timeout: soon\nx", 1, "'timeout' takes a number"),
        ("#| label: a\n#| timeout: true\nx", 1, "'timeout' takes a number"),
        ('#| label: a\n#| fold: "false"\nx', 1, "'fold' takes true or false"),
        ("#| label: a\n#| fold: banana\nx", 1, "'fold' takes true or false"),
        ("#| label: a\n#| fig-cap: true\nx", 1, "'fig-cap' takes a text"),
        ("#| label: a\n#| inputs: {a: 1}\nx", 1, "'inputs' takes a path"),
        ("#| just words\nx", 1, "malformed cell option"),
        ("#| label: a\nx\n\n# %%\n#| label: a\ny", 5, "duplicate label 'a', first used in line 2"),
    ],
)
def test_a_mistake_in_an_option_names_its_line(
    tmp_path: Path, cell: str, line: int, problem: str
) -> None:
    path = tmp_path / "nb.py"
    path.write_text(f"# %%\n{cell}\n")
    with pytest.raises(EmbedError, match=rf"nb.py:{line + 1}: {problem}"):
        read_notebook(path, "nb/nb.py")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "latin-1"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.py", "# é\n# %%\n1\n"),
        ("x.md", "---\nkernelspec: {name: python3}\n---\n\né\n"),
    ],
)
def test_another_encoding_is_named(tmp_path: Path, encoding: str, name: str, text: str) -> None:
    path, mark = tmp_path / name, b"\xfe\xff" if encoding == "utf-16-be" else b""
    path.write_bytes(mark + text.encode(encoding))
    assert is_notebook(path)
    with pytest.raises(EmbedError, match=rf"{name}:[15]: the notebook is not UTF-8.*\n  Save it"):
        read_notebook(path, name)


def test_a_plain_page_is_no_notebook(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("---\ntitle: x\n---\n\n# Page\n")
    assert not is_notebook(tmp_path / "page.md")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=many(150),
    deadline=None,
)
@given(st.binary(max_size=200), st.sampled_from([".py", ".ipynb", ".md"]))
def test_no_file_makes_it_fail_without_naming_the_file(
    tmp_path: Path, content: bytes, suffix: str
) -> None:
    path = tmp_path / f"nb{suffix}"
    path.write_bytes(content)
    try:
        read_notebook(path, "nb/nb.py")
    except EmbedError as error:
        assert f"nb{suffix}:" in str(error)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=many(60),
    deadline=None,
)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda c: (
            st.lists(c)
            | st.dictionaries(st.sampled_from(["cells", "metadata", "nbformat", "source", "x"]), c)
        ),
        max_leaves=8,
    )
)
def test_no_json_makes_it_fail_without_naming_the_file(tmp_path: Path, value: object) -> None:
    path = tmp_path / "nb.ipynb"
    path.write_text(json.dumps(value))
    with pytest.raises(EmbedError, match=r"nb\.ipynb:"):
        read_notebook(path, "nb/nb.ipynb")


@pytest.mark.parametrize("suffix", SUFFIX)
def test_a_label_is_never_another_cell_s_name(tmp_path: Path, suffix: str) -> None:
    sources = [
        "#| label: cell-2\n1",
        "2",
        "#| label: cell-2-unnamed\n3",
        "4",
        "#| label: cell-4\n5",
    ]
    path = write(tmp_path / f"nb{suffix}", [("code", source) for source in sources])
    notebook = read_notebook(path, "nb/nb.py")
    names = [cell.name for cell in notebook.cells]
    assert names == [
        "cell-2",
        "cell-2-unnamed-unnamed",
        "cell-2-unnamed",
        "cell-4-unnamed",
        "cell-4",
    ]
    assert [notebook.labels[name].code for name in ("cell-2", "cell-4")] == ["1", "5"]


@pytest.mark.parametrize("suffix", SUFFIX)
@pytest.mark.parametrize(
    ("source", "runs"),
    [
        ("#| label: v\n%%time\n7", "%%time\n7"),
        ("%%time\n#| label: v\n7", "%%time\n7"),
        ("#| fold: true\n#| label: v\n%%capture out\n1", "%%capture out\n1"),
        ("%%capture out\n%%time\n#| label: v\n#| fold: true\n7", "%%capture out\n%%time\n7"),
        ("#| label: v\n\n%%html\n<b>seven</b>", "%%html\n<b>seven</b>"),
        ("#| label: v\n%time x = 1", "#| label: v\n%time x = 1"),
    ],
)
def test_a_cell_s_magic_and_its_label_both_count(
    tmp_path: Path, suffix: str, source: str, runs: str
) -> None:
    path = write(tmp_path / f"nb{suffix}", [("markdown", "# T"), ("code", source)])
    notebook = read_notebook(path, "nb/nb.py")
    assert list(notebook.labels) == ["v"]
    assert notebook.node.cells[1].source == runs


@pytest.mark.parametrize("suffix", SUFFIX)
def test_a_byte_order_mark_is_no_part_of_a_notebook(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"nb{suffix}", CELLS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert is_notebook(path)
    notebook = read_notebook(path, "nb/nb.py")
    assert notebook.title == "Title"
    assert list(notebook.labels) == ["one", "two"]
    assert "\ufeff" not in nbformat.writes(notebook.node)


@pytest.mark.parametrize(("written", "seconds"), [("-1", -1), (".inf", float("inf")), ("0.5", 0.5)])
def test_a_cell_may_take_as_long_as_it_says(tmp_path: Path, written: str, seconds: float) -> None:
    path = tmp_path / "nb.py"
    path.write_text(f"# %%\n#| timeout: {written}\n1\n")
    assert read_notebook(path, "nb.py").cells[0].timeout == seconds


@pytest.mark.parametrize("written", ["0", "-2", ".nan", "-.inf", "long"])
def test_a_timeout_that_means_nothing_is_refused(tmp_path: Path, written: str) -> None:
    path = tmp_path / "nb.py"
    path.write_text(f"# %%\n#| timeout: {written}\n1\n")
    with pytest.raises(
        EmbedError, match=r"nb\.py:2: 'timeout' takes a number.* or -1 for no limit"
    ):
        read_notebook(path, "nb.py")


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("The **bold** `x<y` & [link](https://a.example) title", "The bold x<y & link title"),
        ("A *b* _c_ ~~d~~ snake_case 2*3*4 { #id .c }", "A b c d snake_case 2*3*4"),
        ("`a*b*c` \\*not\\* <b>x</b> R&amp;D ##", "a*b*c *not* x R&D"),
        ("![logo](l.png) [ref][r]", "logo ref"),
    ],
)
def test_a_title_is_what_readers_read_of_the_heading(
    tmp_path: Path, source: str, title: str
) -> None:
    before = "# ```\n# # no title\n# ```\n# <!--\n# # nor this\n# -->\n# ~~~~ md\n# # no\n# ~~~~\n"
    path = tmp_path / "x.py"
    path.write_text(f"# %% [markdown]\n{before}# # {source}\n\n# %%\nx = 1\n", "utf-8")
    assert read_notebook(path, "x.py").title == title


def as_json(*cells: dict, metadata: object = None, **keys: object) -> str:
    code = {"cell_type": "code", "id": "a b", "metadata": {}, "source": "#| label: a\n1"}
    filled = [code | {"outputs": [], "execution_count": None} | cell for cell in cells]
    whole = [{key: cell[key] for key in cell if cell[key] != "gone"} for cell in filled]
    made = {"cells": whole, "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 5} | keys
    return json.dumps({key: value for key, value in made.items() if value != "gone"}, indent=1)


@pytest.mark.parametrize(
    "text",
    [
        as_json({}, nbformat_minor=4),
        as_json({}, nbformat_minor="gone"),
        as_json({}, nbformat_minor=None),
        as_json({}, metadata={"kernelspec": None, "language_info": None}),
        as_json({}, metadata={"kernelspec": {"name": ""}, "language_info": {"version": "3"}}),
        as_json({}, metadata={"kernelspec": {"display_name": "P"}}),
        as_json({"metadata": {"tags": "hide-input"}, "new": 1}),
        as_json({}, {"cell_type": "markdown", "source": "# T"}),
        as_json({}, {"source": "gone", "outputs": "gone", "execution_count": "gone"}),
    ],
)
def test_what_jupyter_opens_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "nb.ipynb"
    path.write_text(text)
    notebook = read_notebook(path, "nb.ipynb")
    assert (notebook.kernel, notebook.language, list(notebook.labels)) == (
        "python3",
        "python",
        ["a"],
    )
    nbformat.validate(notebook.node)
    assert notebook.labels["a"].folded is ("hide-input" in text)


HEADERS = [
    "kernelspec: {name: %s}",
    "kernelspec:\n  name: %s",
    "jupytext:\n  formats: md\nkernelspec:\n\n  name: %s\n  language: python\ntitle: x",
    "kernelspec: {name: %s,\n  display_name: }",
    "kernelspec: {name: %s, display_name: Ä 😀}",
]


@pytest.mark.parametrize("header", [*HEADERS, "kernelspec:", "kernelspec: null"])
@pytest.mark.parametrize("name", ["python3", "ir"])
def test_a_kernel_s_name_is_enough(tmp_path: Path, header: str, name: str) -> None:
    header = header % name if "%s" in header else header
    path = tmp_path / "nb.md"
    text = f"---\n{header}\n---\n\n# T\n\n```{{code-cell}}\n#| label: a\n1\n```\n"
    path.write_text(text, "utf-8")
    notebook = read_notebook(path, "nb.md")
    assert notebook.kernel == ("python3" if name not in header else name)
    assert ("😀" in notebook.node.metadata.kernelspec.display_name) is ("😀" in header)
    assert text.split("\n")[notebook.labels["a"].line - 1] == "#| label: a"


@pytest.mark.parametrize(
    "header",
    [
        "kernelspec: {name: python3}",
        "kernelspec:\n  name: python3",
        "kernelspec:\n  language: python\n\n  name: python3",
    ],
)
def test_a_kernel_s_name_is_enough_in_a_script(tmp_path: Path, header: str) -> None:
    whole = "---\njupyter:\n  " + header.replace("\n", "\n  ") + "\n  x: 1\n---"
    lines = [f"# {line}".rstrip() for line in whole.split("\n")]
    path = tmp_path / "nb.py"
    path.write_text("\n".join(["#!/usr/bin/env python", *lines, "", "# %%", "1 +"]) + "\n")
    notebook = read_notebook(path, "nb.py")
    assert notebook.kernel == "python3"
    assert notebook.node.metadata.x == 1
    assert notebook.cells[-1].line == len(lines) + 4


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("x.ipynb", as_json({}, {"source": 3}), r"1: malformed notebook: cell 2\.source: 3"),
        ("x.ipynb", as_json({}, {"source": "bcd", "outputs": [{"output_type": "stream"}]}), r"15: malformed notebook: cell 2\.outputs\.0: .*\n  Mend that part of its JSON, or open"),
        ("x.ipynb", as_json({"cell_type": "heading"}), r"\d+: .*cell 1: a cell is code, markdown or raw"),
        ("x.ipynb", "{\n<<<<<<< HEAD\n}", r"2: malformed.*\n  Git has left marks of a merge"),
        ("x.ipynb", '{"cells": [],\n x}', r"2: malformed.*\n  Mend that part of its JSON"),
        ("x.ipynb", "", r"1: .*: it is empty\n  Save it anew from Jupyter"),
        ("x.ipynb", "null", r"1: .*: the notebook: null stands where names and values should"),
        ("x.ipynb", as_json({}).replace('"cells": [', '"cells": ["x",'), r".*: cell 1: \"x\" stands where"),
        ("x.ipynb", as_json({}, {"metadata": []}), r".*: cell 2\.metadata: \[\] stands where names"),
        ("x.ipynb", as_json({}, {"outputs": ["x"]}), r".*: cell 2\.outputs\.0: \"x\" stands where"),
        ("x.ipynb", as_json({"source": ["a", 1]}), r".*: cell 1\.source: 1 stands where a text"),
        ("x.ipynb", '{"nbformat": 4, "metadata": {"kernelspec": {"name": 5}}, "cells": []}', r".*: metadata\.kernelspec\.\w+: 5 is not"),
        ("x.ipynb", "version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", r".*: Git LFS keeps it elsewhere\n  .*git lfs pull"),
        ("x.ipynb", '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', r"1: .*it has no cell\n  Add one in Jupyter"),
        ("x.md", "---\nkernelspec: {name: x}\na: 1\ndate: 2020-99-99\n---\n", r"4: .*: the header: month must be in.*\n  Mend the YAML there"),
        ("x.md", "---\nkernelspec: {name: x}\na: [\n---\n", r"5: malformed.*\n  Mend the YAML there"),
        ("x.md", "---\nkernelspec: {name: x}\n---\n\n```{code-cell}\n:a: [\n1\n```\n", r"5: malformed.*\n  Mend the YAML there"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_named_with_its_place(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(EmbedError, match=rf"{re.escape(name)}:{problem}"):
        read_notebook(tmp_path / name, name)


@pytest.mark.parametrize("left_out", ["outputs", "metadata", "execution_count"])
@pytest.mark.parametrize("null", [True, False])
def test_what_a_notebook_in_json_leaves_out_is_empty(
    tmp_path: Path, left_out: str, null: bool
) -> None:
    node = json.loads(as_json({}))
    for part in (node, *node["cells"]):
        if left_out in part:
            part.pop(left_out)
        if null and (part is not node or left_out == "metadata"):
            part[left_out] = None
    (tmp_path / "x.ipynb").write_text(json.dumps(node))
    notebook = read_notebook(tmp_path / "x.ipynb", "x.ipynb")
    assert len(notebook.cells) == 1
    assert notebook.node.cells[0].outputs == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.md", "---\nkernelspec: python3\n---\n\n```{code-cell}\n1\n```\n"),
        ("x.py", "# ---\n# kernelspec: python3\n# ---\n\n# %%\n1\n"),
        ("x.ipynb", '{"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": "python3"}, "cells": [{"cell_type": "code", "source": "1"}]}'),
    ],
)  # fmt: skip
def test_a_kernel_may_be_named_alone(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    notebook = read_notebook(tmp_path / name, name)
    assert notebook.kernel == "python3"
    assert [cell.code for cell in notebook.code_cells] == ["1"]


NO_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
STRINGS = st.text("ab \U000f0000\ue000" + NO_ENDS, max_size=8)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=many(80),
    deadline=None,
)
@given(texts=st.lists(STRINGS, min_size=1, max_size=3), suffix=st.sampled_from([".py", ".md"]))
def test_what_ends_no_line_in_python_ends_none_in_a_notebook(
    tmp_path: Path, texts: list[str], suffix: str
) -> None:
    sources = [f'#| label: c{n}\nx = ("""{text}""",\n"{text}!")' for n, text in enumerate(texts)]
    prose = "One line" + NO_ENDS[-2] + "of words."
    if suffix == ".py":
        cells = [f"# %%\n{source}\n" for source in sources]
        whole = "\n".join([f"# %% [markdown]\n# {prose}\n\n# %%\n1\n", *cells])
    else:
        cells = [f"```{{code-cell}}\n{source}\n```\n" for source in sources]
        head = "---\nkernelspec: {name: python3}\n---\n"
        whole = "\n".join([head, f"{prose}\n", *cells])
    path = tmp_path / f"nb{suffix}"
    path.write_text(whole, "utf-8")
    notebook = read_notebook(path, path.name)
    assert notebook.cells[0].source == prose
    read = list(notebook.labels.values())
    assert [cell.source for cell in read] == sources
    for cell, text in zip(read, texts, strict=True):
        space: dict[str, object] = {}
        exec(compile(cell.code, "cell", "exec"), space)
        assert space["x"] == (text, f"{text}!")
        assert whole.split("\n")[cell.line - 1] == cell.source.split("\n")[0]


def test_a_form_feed_between_cells_is_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "nb.py"
    path.write_text("\f\n# %% [markdown]\n# text\n\f\n# %%\nx\n\n\f\n# %%\n\f\ny\n")
    notebook = read_notebook(path, "nb.py")
    assert [(cell.source, cell.line) for cell in notebook.cells] == [
        ("text", 3),
        ("x", 6),
        ("y", 11),
    ]


@pytest.mark.parametrize(
    ("written", "label"),
    [
        (":label: a\n:tags: [remove-input]\n", "a"),
        ("---\nlabel: a\ntags: [remove-input]\n---\n", "a"),
        (":label: a\n:tags: remove-input, margin\n#| label: b\n", "b"),
        (":label: fig:a\n:tags: [remove-input]\n", None),
        (":label: 3\n:tags: [remove-input]\n", None),
    ],
)
@pytest.mark.parametrize("suffix", SUFFIX)
def test_a_label_of_myst_is_one(
    tmp_path: Path, suffix: str, written: str, label: str | None
) -> None:
    myst = f"---\nkernelspec: {{name: python3, display_name: P}}\n---\n\n```{{code-cell}}\n{written}1\n```\n"
    listed = myst.replace(":tags: remove-input, margin", ":tags: [remove-input, margin]")
    node = jupytext.reads(listed, fmt="md:myst")
    text = myst if suffix == ".md" else jupytext.writes(node, fmt=SUFFIX[suffix])
    (tmp_path / f"x{suffix}").write_text(text)
    [cell] = read_notebook(tmp_path / f"x{suffix}", f"x{suffix}").cells
    assert (cell.label, cell.name, cell.code) == (label, label or "cell-1", "1")
    assert not cell.options.echo


def test_a_label_of_myst_is_never_another_cell_s(tmp_path: Path) -> None:
    cell = "```{code-cell}\n:label: a\n1\n```\n\n"
    (tmp_path / "x.md").write_text("---\nkernelspec: {name: python3}\n---\n\n" + cell + cell)
    with pytest.raises(EmbedError, match=r"x\.md:12: duplicate label 'a', first used in line"):
        read_notebook(tmp_path / "x.md", "x.md")


def test_a_label_begins_with_any_letter_and_the_file_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "nb.py"
    labels = ("ähnlich", "größe", "cell-2", "данные")
    path.write_text("".join(f"# %%\n#| label: {label}\n1\n\n" for label in labels), "utf-8")
    notebook = read_notebook(path, "nb/nb.py")
    assert tuple(notebook.labels) == labels
    nbformat.validate(notebook.node)
    ids = [cell["id"] for cell in notebook.node.cells]
    assert len(set(ids)) == len(ids)


JUPYTEXT = """---
title: Growth
jupyter:
  jupytext:
    text_representation:
      extension: .md
      format_name: markdown

  kernelspec:
    name: python3
---

# Head

```python
#| label: a
1 + 1
```

Text.

```python tags=["hide-input"]
2
```
"""


def test_markdown_of_jupytext_is_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "nb.md"
    path.write_text(JUPYTEXT)
    assert is_notebook(path)
    notebook = read_notebook(path, "nb/nb.md")
    assert [cell.code for cell in notebook.code_cells] == ["1 + 1", "2"]
    assert [cell.line for cell in notebook.code_cells] == [16, 23]
    assert notebook.code_cells[1].folded
    assert set(notebook.labels) == {"a"}
    assert notebook.kernel == "python3"
    assert notebook.title == "Growth"


@pytest.mark.parametrize(
    "header",
    [
        "jupyter: python3",
        "title: x",
        "jupyter:\n  other: 1",
        "a: 1\n---\njupyter:\n  kernelspec:\n",
    ],
)
def test_pages_in_markdown_are_no_notebooks(tmp_path: Path, header: str) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"---\n{header}\n---\n\n```python\n1\n```\n")
    assert not is_notebook(path)


@pytest.mark.parametrize(
    ("cells", "metadata", "title"),
    [
        ([("raw", "---\ntitle: Growth\nformat: html\n---"), ("code", "1")], {}, "Growth"),
        ([("raw", "---\ntitle: 2026\n---"), ("markdown", "# Head")], {}, "2026"),
        ([("raw", "---\ntitle:\n  a: b\n---"), ("markdown", "# Head")], {}, "Head"),
        ([("raw", "---\nformat: html\n---"), ("markdown", "# Head")], {}, "Head"),
        ([("markdown", "# Head")], {"title": "*Growth*  of\n`x`"}, "Growth of x"),
        ([("code", "1")], {}, "My nb"),
    ],
)
def test_a_title_in_the_metadata_is_the_title(
    tmp_path: Path, cells: list[tuple[str, str]], metadata: dict, title: str
) -> None:
    made = {
        "raw": nbformat.v4.new_raw_cell,
        "code": nbformat.v4.new_code_cell,
        "markdown": nbformat.v4.new_markdown_cell,
    }
    node = nbformat.v4.new_notebook(
        cells=[made[kind](source) for kind, source in cells], metadata=metadata
    )
    path = tmp_path / "my_nb.ipynb"
    path.write_text(nbformat.writes(node))
    assert read_notebook(path, "nb/my_nb.ipynb").title == title


LOW = [
    "\n#| label: v\n1",
    "# A comment.\n#| label: v\n1",
    "import os\n\n#| label: v\n1",
    "#| fold: true\n\n#| label: v\n1",
]


@pytest.mark.parametrize("source", LOW)
@pytest.mark.parametrize("name", ["nb.py", "nb.ipynb", "short.ipynb"])
def test_an_option_that_stands_too_low_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str, name: str
) -> None:
    path = tmp_path / name
    cells = [nbformat.v4.new_code_cell(text) for text in ("0", source)]
    text = f"# %%\n0\n\n# %%\n{source}\n"
    if name.endswith(".ipynb"):
        node = nbformat.v4.new_notebook(cells=cells)
        text = nbformat.writes(node) if name == "nb.ipynb" else json.dumps(node)
    path.write_text(text)
    assert not read_notebook(path, name).labels
    line = next(n for n, one in enumerate(text.split("\n"), 1) if "#| label: v" in one)
    assert f"{name}:{line}: the option '#| label: v' stands too low in its cell" in caplog.text


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n#| just a comment",
        'x = """\n#| label: v\n"""',
        "%%writefile x.py\n\n#| label: v",
        "1\n# | label: v",
    ],
)
def test_what_is_no_option_is_told_of_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    path = tmp_path / "nb.ipynb"
    path.write_text(
        nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]))
    )
    read_notebook(path, "nb.ipynb")
    assert "too low" not in caplog.text


@pytest.mark.parametrize("ascii_alone", [True, False])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("as_lines", [True, False])
def test_lines_of_cells_are_those_of_the_file_whatever_its_form(
    tmp_path: Path, ascii_alone: bool, indent: int | None, as_lines: bool
) -> None:
    sources = ['"""é"""\n1', "1", "\n1", "ü = 1\nü"]
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in sources])
    if as_lines:
        for cell in node.cells:
            cell.source = cell.source.splitlines(keepends=True)
    text = json.dumps(node, indent=indent, ensure_ascii=ascii_alone)
    path = tmp_path / "nb.ipynb"
    path.write_text(text, "utf-8")
    lines = text.split("\n")
    found = [cell.line for cell in read_notebook(path, "nb.ipynb").cells]
    assert found == sorted(found)
    assert max(found) <= len(lines)
    assert not indent or all("source" in "".join(lines[n - 2 - as_lines : n]) for n in found)
    assert len(set(found)) == (len(sources) if indent else 1)


@pytest.mark.parametrize("ascii_alone", [True, False])
def test_half_a_sign_in_a_file_is_written_as_python_writes_it(
    tmp_path: Path, ascii_alone: bool
) -> None:
    output = nbformat.v4.new_output("stream", text="é \ud800 😀\n")
    node = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("ü \ud800 😀"),
            nbformat.v4.new_code_cell('"é\udfff"\nx = 1', outputs=[output]),
            nbformat.v4.new_code_cell("x"),
        ],
        metadata={"authors": [{"\ud83d": "\ude00"}]},
    )
    text = json.dumps(node, indent=1, ensure_ascii=ascii_alone)
    text = re.sub("[\ud800-\udfff]", lambda half: json.dumps(half[0])[1:-1], text)
    path = tmp_path / "nb.ipynb"
    path.write_text(text, "utf-8")
    notebook = read_notebook(path, "nb.ipynb")
    first, second, third = notebook.cells
    assert first.source == r"ü \ud800 😀"
    assert second.source == '"é\\udfff"\nx = 1'
    assert notebook.node.cells[1].outputs[0].text == "é \\ud800 😀\n"
    assert notebook.node.metadata.authors == [{r"\ud83d": r"\ude00"}]
    nbformat.writes(notebook.node).encode()
    lines = [number for number, line in enumerate(text.split("\n"), 1) if '"source"' in line]
    assert [first.line, second.line, third.line] == lines
