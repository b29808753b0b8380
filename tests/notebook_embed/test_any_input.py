"""Whatever an author types, the answer is a result or an error with file and line.

Nothing is ever opened outside the docs folder because a page names it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from notebook_embed.errors import EmbedError
from notebook_embed.library import Library, SourceLine
from notebook_embed.markdown_extension import check_embeds
from notebook_embed.notebook import read_notebook
from notebook_embed.outputs import render_outputs
from notebook_embed.shown_cells import visible_outputs
from tests.support.fuzz import many
from tests.support.given_outputs import CELLS, OUTPUTS, Docs

FUZZ = settings(
    max_examples=many(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# What embeds are made of, whole and in pieces, beside text of any kind.
PIECES = st.sampled_from(
    [
        *("![", "](", ")", "[", "]", "(", "{ .source }", "{ .source-only }", "{", "}", '"t"', "'"),
        *(
            "../nb/x.py",
            "nb/x.py",
            "x.py",
            "#figure",
            "#value",
            "#nope",
            "#rates.small.mean",
            ".",
            ":.2f",
            "#",
            "%2e%2e/",
            "../",
        ),
        *("../../secret.py", "/etc/passwd.py", "../nb/link.py", "file:///etc/x.py", "<", ">"),
        *("::: ", "os.path", "package.area", "{ .folded }", "\n", "\n\n", "    ", "- ", "> ", "| "),
        *(
            "```\n",
            "`",
            "\\",
            "$$",
            "[^1]",
            "!!! note\n    ",
            "<!-- more -->",
            "\t",
            "\r\n",
            "\x02",
        ),
        *("![a](../nb/x.py#figure)", "![](../nb/x.py#value)", "![](../nb/x.py)", "&amp;", "*", "_"),
    ]
)
PAGES = st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=14).map("".join)


@contextmanager
def watching(root: Path) -> Iterator[list[str]]:
    """List the text files that are opened outside of `root` and of Python's own folders."""
    strays: list[str] = []
    own: tuple[str, ...] = (
        str(root.resolve()),
        sys.prefix,
        sys.base_prefix,
        str(Path(os.__file__).parent),
    )
    own += (str(Path(__file__).resolve().parents[2]), "/proc", "/sys", "/dev")
    active = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if active and event == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if not path.startswith(own):
                strays.append(path)

    sys.addaudithook(hook)  # such a hook stays for good: it is only put to sleep
    try:
        yield strays
    finally:
        active = False


def make_docs(root: Path) -> Docs:
    """Docs with a notebook, a secret beside them, and a link to it that looks like a notebook."""
    docs = Docs(root / "docs")
    docs.notebook(CELLS, OUTPUTS)
    (root / "secret.py").write_text("# %%\nSECRET = 1\n")
    (docs.root / "nb/link.py").symlink_to(root / "secret.py")
    return docs


@FUZZ
@given(text=PAGES)
def test_any_page_is_converted_or_refused_with_its_line(tmp_path_factory: Any, text: str) -> None:
    docs = shared(tmp_path_factory)
    code = docs.root.parent / "code"
    with watching(docs.root) as strays:
        try:
            html = docs.convert(text, code=[str(code)])
        except EmbedError as error:
            assert error.file is not None
            assert Path(error.file).name == "page.md", error
            lines = text.count("\n") + text.count("\r") + 1
            assert error.line is not None, error
            assert 1 <= error.line <= lines, error
        else:
            assert "SECRET" not in html.replace(text, "")
    assert [path for path in strays if not path.startswith(str(code))] == []


@FUZZ
@given(text=PAGES)
def test_any_page_passes_the_early_check_or_is_refused_with_its_line(
    tmp_path_factory: Any, text: str
) -> None:
    docs = shared(tmp_path_factory)
    page = docs.write("posts/checked.md", text)
    try:
        check_embeds(docs.library, page, "posts/checked.md")
    except EmbedError as error:
        assert error.file == page
        assert error.line is not None


OPTION_NAMES = st.sampled_from(
    [
        *("label", "fold", "inputs", "writes", "timeout", "tags", "echo", "output", "fig-cap"),
        *("code-fold", "lable", "? x", "<<", "&a *a"),
    ]
)
OPTION_VALUES = st.sampled_from(
    [
        "x",
        "1e400",
        "-1",
        "[a,b]",
        "[1]",
        "{a:b}",
        "!!python/object:os.system",
        "!!timestamp",
        "*a",
        "2001-99-99",
        "9" * 5000,
        ".inf",
        ".nan",
        "|",
        ">",
    ]
)
OPTION_LINES = st.one_of(
    st.text(max_size=30),
    st.builds("{}: {}".format, OPTION_NAMES, st.one_of(st.text(max_size=12), OPTION_VALUES)),
)


@FUZZ
@given(options=st.lists(OPTION_LINES, min_size=1, max_size=4))
def test_any_options_are_read_or_refused_with_their_line(
    tmp_path_factory: Any, options: list[str]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = "# %%\n" + "".join(f"#| {line}\n" for line in options) + "x = 1\n"
    refused_or_read(folder / "options.py", text.encode("utf-8", "surrogatepass"))


@FUZZ
@given(
    suffix=st.sampled_from([".py", ".ipynb", ".md"]),
    content=st.one_of(
        st.binary(max_size=60),
        st.text(max_size=60).map(str.encode),
        PAGES.map(str.encode),
        st.sampled_from(["utf-16", "utf-16-be", "latin-1", "utf-8-sig"]).map("# %%\né\n".encode),
    ),
)
def test_any_bytes_are_a_notebook_or_refused(
    tmp_path_factory: Any, suffix: str, content: bytes
) -> None:
    refused_or_read(tmp_path_factory.getbasetemp() / f"bytes{suffix}", content)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 9), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@FUZZ
@given(data=st.data())
def test_any_damage_to_a_notebook_is_read_or_refused(
    tmp_path_factory: Any, data: st.DataObject
) -> None:
    """One value of a sound .ipynb file, anywhere in it, is replaced by any other."""
    node = json.loads(
        nbformat.writes(
            nbformat.v4.new_notebook(
                cells=[
                    nbformat.v4.new_markdown_cell("# Title"),
                    nbformat.v4.new_code_cell("#| label: one\nx = 1"),
                ],
                metadata={
                    "kernelspec": {"name": "python3", "language": "python", "display_name": "P"}
                },
            )
        )
    )
    holder, key = data.draw(st.sampled_from(list(places(node))))
    holder[key] = data.draw(JSON)
    text = json.dumps(node, indent=1)
    refused_or_read(tmp_path_factory.getbasetemp() / "damaged.ipynb", text.encode())


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """List every value in a JSON document as its holder and key."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        yield node, key
        if isinstance(value, dict | list):
            yield from places(value)


def refused_or_read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        notebook = read_notebook(path, path.name)
    except EmbedError as error:
        assert error.file == path
        assert error.line is not None, error
        assert error.line >= 1
    else:
        assert notebook.cells
        assert isinstance(notebook.title, str)
        assert isinstance(notebook.kernel, str)
        for cell in notebook.cells:
            assert isinstance(cell.name, str)
            assert all(isinstance(name, str) for name in cell.inputs)


HIDING = {
    "remove-cell": {"prose", "code", "out"},
    "remove-input": {"code"},
    "remove_output": {"out"},
    "hide-input": set[str](),
    "raises-exception": set[str](),
    "parameters": set[str](),
    "remove-imput": set[str](),
}


@settings(FUZZ, max_examples=many(40))
@given(
    cells=st.lists(
        st.tuples(
            st.sampled_from(["markdown", "code"]),
            st.lists(st.sampled_from(list(HIDING)), max_size=2, unique=True),
            st.text(st.characters(exclude_categories=["C"]), max_size=6),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_a_notebook_holds_is_on_its_page_unless_a_tag_hides_it(
    tmp_path_factory: Any, cells: list[tuple[str, list[str], str]]
) -> None:
    docs = Docs(tmp_path_factory.getbasetemp() / "whole")
    node = nbformat.v4.new_notebook()
    for n, (kind, tags, text) in enumerate(cells):
        source = f"prose{n}x" if kind == "markdown" else f"code{n}x = {text!r}"
        new = getattr(nbformat.v4, f"new_{kind}_cell")
        node.cells.append(new(source, metadata={"tags": tags}))
    path = docs.write("nb/whole.ipynb", nbformat.writes(node))
    notebook = read_notebook(path, "nb/whole.ipynb")
    docs.library.notebooks[notebook.uri] = notebook
    for n, cell in enumerate(notebook.cells):
        out = [{"output_type": "stream", "name": "stdout", "text": f"out{n}x {cells[n][2]}"}]
        docs.library.outputs.setdefault(notebook.uri, {})[cell.name] = render_outputs(
            notebook, cell, visible_outputs(cell, out), folder="f", dark={}
        )[0]
    page = docs.convert("![](whole.ipynb)", page=notebook.uri)
    for n, (kind, tags, _) in enumerate(cells):
        hidden = set().union(*(HIDING[tag] for tag in tags))
        for part in ("prose",) if kind == "markdown" else ("code", "out"):
            assert (f"{part}{n}x" in page) is (part not in hidden), (part, tags)


AROUND = [
    *(
        "{}",
        "a {} b",
        "- {}",
        "- a\n- {}",
        "> {}",
        "1. {}",
        "# {}",
        "**{}**",
        "*a {}*",
        "[{}](p.md)",
    ),
    *(
        "| a | b |\n|---|---|\n| {} | c |",
        "Term\n:   {}",
        "a[^1]\n\n[^1]: {}",
        "!!! note\n\n    {}",
    ),
    *(
        "`a` {} `b`",
        "{} <!-- c -->",
        "\\*{}",
        "a<br>{}",
        "- a\n\n    {}",
        "{}{{ #x }}",
        "({})",
        "$5 {}",
    ),
]


@settings(FUZZ, max_examples=many(40))
@given(st.lists(st.sampled_from(AROUND), min_size=1, max_size=5))
def test_a_value_is_there_wherever_a_page_asks_for_it(
    tmp_path_factory: Any, around: list[str]
) -> None:
    docs = shared(tmp_path_factory)
    asked = "w ![](../nb/x.py#value) w"
    notes = sum("[^1]" in one for one in around)
    html = docs.convert("\n\n".join(one.format(asked) for one in around))
    # Of several footnotes of one name the last one counts, as in any page.
    assert html.count('class="nb-value"') == len(around) - max(0, notes - 1)


@settings(FUZZ, max_examples=many(40))
@given(
    name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=20)
)
def test_any_file_name_is_found_by_its_address(tmp_path_factory: Any, name: str) -> None:
    docs = Docs(tmp_path_factory.mktemp("names"))
    uri = f"nb/{name}.py"
    with suppress(OSError):
        docs.write(uri, "# %%\n#| label: v\n1\n")
    # Windows and macOS refuse some names, or take others in their place.
    assume(sys.platform == "linux" or name in _stems(docs.root / "nb"))
    library = Library.look(docs.root, "nb")
    page = SourceLine(docs.root / "posts/p.md", "posts/p.md", 1)
    if name.startswith((".", "_")) or not name:
        assert not library.notebooks
        return
    assert list(library.notebooks) == [uri]
    found = library.find(f"../nb/{quote(name)}.py#v", page)
    assert found.notebook.uri == uri
    assert found.cell is not None


def _stems(folder: Path) -> list[str]:
    return [path.name.removesuffix(".py") for path in folder.iterdir()]


_shared: list[Docs] = []


def shared(factory: Any) -> Docs:
    """One set of docs for all examples: they are only read."""
    if not _shared:
        _shared.append(make_docs(factory.mktemp("any")))
    return _shared[0]
