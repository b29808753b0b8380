"""Options and tags mean what they mean in the tools that authors come from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notebook_embed.cell_options import KNOWN, TAGS, OptionReader, split_options
from notebook_embed.errors import EmbedError
from notebook_embed.notebook import Notebook, read_notebook
from notebook_embed.outputs import render_outputs
from notebook_embed.progress import log
from notebook_embed.shown_cells import downloaded, visible_outputs
from tests.support.given_outputs import Docs

SECRET = "api_key = 'hunter2'"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(log, "warning", lambda text, *values: lines.append(text % values))
    return lines


def ipynb(path: Path, *cells: tuple[str, list[str]], **metadata: object) -> Notebook:
    node = nbformat.v4.new_notebook(metadata=metadata)
    for source, tags in cells:
        node.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(node), "utf-8")
    return read_notebook(path, "nb/x.ipynb")


def shown(docs: Docs, notebook: Notebook, outputs: list[list[dict]]) -> tuple[str, str]:
    """Return the notebook's own page and its download, with these outputs of its cells."""
    node = nbformat.from_dict(notebook.node)
    rendered = {}
    for cell, raw, made in zip(notebook.cells, node.cells, outputs, strict=True):
        raw.outputs = [nbformat.from_dict(output) for output in made]
        rendered[cell.name], _ = render_outputs(
            notebook, cell, visible_outputs(cell, raw.outputs), folder="f", dark={}
        )
    docs.library.notebooks[notebook.uri] = notebook
    docs.library.outputs[notebook.uri] = rendered
    return docs.convert("![](x.ipynb)", page=notebook.uri), downloaded(notebook, node)


def stream(text: str, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": text}


@pytest.mark.parametrize("spell", [str, lambda tag: tag.replace("-", "_")])
def test_what_is_removed_is_neither_in_the_page_nor_in_the_download(docs: Docs, spell) -> None:
    notebook = ipynb(
        docs.root / "nb/x.ipynb",
        (SECRET, [spell("remove-cell")]),
        (SECRET, [spell("remove-input")]),
        ("#| include: false\n" + SECRET, []),
        ("#| echo: false\n" + SECRET, ["keep"]),
        ("code_of_4", [spell("remove-output")]),
        ("#| output: false\ncode_of_5", []),
        ("code_of_6", [spell("remove-stderr")]),
        ("#| warning: false\ncode_of_7", [spell("remove-stdout")]),
    )
    outputs = [[stream(f"out {n}"), stream(f"err {n}", "stderr")] for n in range(8)]
    page, download = shown(docs, notebook, outputs)
    for text in (page, download):
        assert "hunter2" not in text
        for gone in ("out 0", "err 0", "out 2", "err 2", "out 4", "out 5"):
            assert gone not in text
    for stays in ("out 1", "err 1", "out 3", "code_of_4", "code_of_5", "out 6"):
        assert stays in page, stays
        assert stays in download, stays
    for gone in ("err 6", "out 7", "err 7"):
        assert gone not in page
        assert gone not in download


def test_what_is_hidden_can_be_opened(docs: Docs) -> None:
    notebook = ipynb(
        docs.root / "nb/x.ipynb",
        ("one", ["hide-input"]),
        ("two", ["hide-output"]),
        ("#| code-fold: true\n#| code-summary: How\nthree", []),
        ("#| code-fold: show\nfour", []),
        ("five", ["hide-cell"]),
    )
    page, _ = shown(docs, notebook, [[stream(f"out {n}")] for n in range(5)])
    assert page.count("<summary>Code</summary>") == 3
    assert page.count("<summary>Output</summary>") == 2
    assert "<summary>How</summary>" in page
    assert page.count('<details class="nb-code" open') == 1
    assert all(f"out {n}" in page for n in range(5))


def test_a_hidden_cell_s_output_is_embedded_by_its_label_and_its_code_is_not(docs: Docs) -> None:
    notebook = ipynb(docs.root / "nb/x.ipynb", (f"#| label: v\n{SECRET}", ["remove-cell"]))
    page, _ = shown(docs, notebook, [[stream("7")]])
    assert ">7<" not in page
    assert ">7<" in docs.convert("It is ![](../nb/x.ipynb#v).", page="posts/p.md")
    with pytest.raises(EmbedError, match=r"p\.md:1: the code of the cell 'v' is hidden"):
        docs.convert("![](../nb/x.ipynb#v){ .source }", page="posts/p.md")


def test_captions_and_alternatives_come_from_the_cell_where_the_page_has_none(docs: Docs) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"/>'
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": svg}}
    table = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<table/>"}}
    notebook = ipynb(
        docs.root / "nb/x.ipynb",
        ("#| label: p\n#| fig-cap: Of *this*\n#| fig-alt: A bar\n1", []),
        ("#| label: t\n#| tbl-cap: Of that\n1", []),
        ("#| label: m\n#| output: asis\n1", []),
    )
    page, _ = shown(docs, notebook, [[picture], [table], [stream("- *item*")]])
    post = docs.convert("![](../nb/x.ipynb#p)\n\n![](../nb/x.ipynb#t)", page="posts/p.md")
    for text in (page, post):
        assert "Of <em>this</em>" in text
        assert 'alt="A bar"' in text
        assert "Of that" in text
    assert "<li><em>item</em></li>" in page
    own = docs.convert('![Mine](../nb/x.ipynb#p "My own")', page="posts/p.md")
    assert "My own" in own
    assert 'alt="Mine"' in own
    assert "Of <em>this</em>" not in own


def test_a_notebook_says_something_of_all_its_cells(tmp_path: Path) -> None:
    text = "# ---\n# execute: {echo: false, warning: false, enabled: false}\n# allow_errors: true\n"
    (tmp_path / "x.py").write_text(f"{text}# ---\n\n# %%\n1\n\n# %%\n#| echo: true\n1\n")
    notebook = read_notebook(tmp_path / "x.py", "x.py")
    first, second = notebook.code_cells
    assert (first.options.echo, first.options.warning) == (False, False)
    assert (second.options.echo, second.options.warning) == (True, False)
    assert (notebook.execute, notebook.may_raise(first)) == ("never", True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.py", "# ---\n# jupyter:\n#   notebook_embed: {execute: auto}\n# ---\n# %%\n1\n"),
        ("x.py", "# ---\n# execute: auto\n# ---\n# %%\n1\n"),
        (
            "x.md",
            "---\nkernelspec: {name: python3, display_name: P}\nexecute: auto\n---\n```{code-cell}\n1\n```\n",
        ),
    ],
)
def test_a_notebook_says_when_it_runs(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_notebook(tmp_path / name, name).execute == "auto"
    (tmp_path / name).write_text(text.replace("auto", "sometimes"))
    with pytest.raises(EmbedError, match=r"'execute' takes always, auto, never, not 'sometimes'"):
        read_notebook(tmp_path / name, name)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("#| ehco: false", ["unknown cell option 'ehco'", "Did you mean 'echo'?"]),
        ("#| labl: a", ["unknown cell option 'labl'", "Did you mean 'label'"]),
        ("#| layout-ncol: 2", ["'layout-ncol' changes nothing here"]),
        ("#| tags: [remove-imput]", ["unknown cell tag 'remove-imput'", "'remove-input'"]),
    ],
)
def test_what_is_unknown_is_told_with_the_nearest(
    tmp_path: Path, told: list[str], cell: str, words: list[str]
) -> None:
    (tmp_path / "x.py").write_text(f"# %%\n{cell}\n1\n\n# %%\n{cell}\n2\n")
    read_notebook(tmp_path / "x.py", "x.py")
    (line,) = told
    assert "x.py:2: " in line
    assert all(word in line for word in words)


def test_tags_of_other_tools_are_passed_over(tmp_path: Path, told: list[str]) -> None:
    ipynb(tmp_path / "x.ipynb", ("1", ["parameters", "nbval-skip", "full_width", *TAGS]))
    assert not told


@pytest.mark.parametrize("language", ["#", "//", "--", ";;", "%"])
def test_options_are_comments_of_the_cell_s_language(tmp_path: Path, language: str) -> None:
    notebook = ipynb(
        tmp_path / "x.ipynb",
        (f"{language}| label: v\n{language}| echo: false\ncode", []),
        kernelspec={"name": "other", "language": "other", "display_name": "Other"},
    )
    (cell,) = notebook.cells
    assert (cell.label, cell.options.echo, cell.code) == ("v", False, "code")


VALUES = st.one_of(
    st.booleans(), st.none(), st.integers(), st.text(max_size=6), st.lists(st.text(max_size=3))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(st.sampled_from([*KNOWN, "code-line-numbers", "ehco", "x y"]), VALUES),
    st.lists(
        st.one_of(st.sampled_from(list(TAGS)), st.from_regex("[^,]{1,5}", fullmatch=True)),
        unique=True,
    ),
)
def test_any_option_and_tag_is_read_or_refused_with_file_and_line(
    tmp_path: Path, told: list[str], options: dict, tags: list[str]
) -> None:
    told.clear()
    lines = [f"#| {json.dumps(key)}: {json.dumps(value)}" for key, value in options.items()]
    try:
        notebook = ipynb(tmp_path / "x.ipynb", ("\n".join([*lines, "1"]), tags))
    except EmbedError as error:
        assert "x.ipynb:" in str(error)
        return
    (cell,) = notebook.cells
    assert cell.code == "1"
    for key in options.keys() - set(KNOWN):
        assert any(f"'{key}'" in line for line in told), key
    if "remove-cell" in tags or options.get("include") is False:
        assert not cell.options.include
    if "remove-input" in tags or options.get("echo") is False:
        assert not cell.options.echo


@pytest.mark.parametrize("mark", ["#", "//", "--", ";;", "%"])
def test_a_formatter_s_space_before_the_bar_changes_no_option(mark: str) -> None:
    written = "label: a\ninputs:\n  - x.json\n- y.json\nfig-cap: |\n  p(a|b)\n\n  more\necho: false"
    apart = "\n".join(f"{mark} | {line}".rstrip() for line in written.split("\n"))
    tight = "\n".join(f"{mark}| {line}".rstrip() for line in written.split("\n"))
    assert (
        split_options(f"{apart}\nx = 1") == split_options(f"{tight}\nx = 1") == (written, "x = 1")
    )
    assert split_options(f"%%time\n{mark} |echo: false\nx") == ("echo: false", "%%time\nx")
    assert split_options(f"{mark} |  echo: false\nx") == (" echo: false", "x")


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("# | a table |\n# |---------|\nx", 0),
        ("# | error: | high |\n# | eval: | low |\nx", 0),
        ("# | Note: this is slow.\nx", 0),
        ("# |\n# | echo: false\nx", 0),
        ("# | x | y\n# | echo: false\nx", 0),
        ("# | label:a\nx", 0),
        ("# | layout-ncol: 2\n# | echo: false\n# | a table |\nx", 2),
        ("#| label: a\n# | in words\nx", 1),
        ("#| label: a\n# | Note: in words\nx", 1),
        ("# echo: false\nx", 0),
    ],
)
def test_a_comment_with_a_bar_is_a_comment(source: str, options: int) -> None:
    lines = source.split("\n")
    written, code = split_options(source)
    assert written.count(":") == options
    assert code == "\n".join(lines[options:])


def test_what_black_has_formatted_stays_hidden(docs: Docs, told: list[str]) -> None:
    notebook = ipynb(
        docs.root / "nb/x.ipynb", (f"# | echo: false\n# | label: a\n{SECRET}", []), (SECRET, [])
    )
    cell, other = notebook.cells
    assert (cell.label, cell.options.echo, other.options.echo, told) == ("a", False, True, [])
    page, download = shown(docs, notebook, [[], []])
    assert page.count("hunter2") == download.count("hunter2") == 1


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("fold: [a", "while parsing a flow sequence: expected ',' or ']'"),
        ('fig-cap: "\\q"', "while scanning a double-quoted scalar: found unknown escape"),
        ("label: *x", "found undefined alias 'x'"),
        ("label: 2020-99-99", "month must be in 1..12"),
    ],
)
def test_the_reason_is_told_for_options_that_are_no_yaml(written: str, why: str) -> None:
    with pytest.raises(EmbedError, match=re.escape(f"malformed cell option: {why}")):
        OptionReader(Path("x.py"), {}).read(written, [], 1)
