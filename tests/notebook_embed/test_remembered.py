"""What pure functions have returned is taken again, and is what they would return."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown import Markdown
from material.plugins.search.plugin import SearchIndex
from mkdocs.structure.toc import get_toc
from pygments import highlight

from notebook_embed import kept_json
from notebook_embed.markdown_extension import NotebookEmbedExtension
from notebook_embed.notebook import read_notebook
from notebook_embed.remembered import Remembered, remembering_code, remembering_words
from tests.support.fuzz import many

EACH_TIME = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=many(20),
    deadline=None,
)
METAS: list[dict[str, Any]] = [
    {},
    {"tags": ["a", 1, None]},
    {"tags": "no list"},
    {"title": "Other"},
    {"search": {"boost": 2}},
    {"search": {"exclude": True}},
]
LANGUAGES = ["python", "py", "bash", "html", "console", "no such language", ""]
TEXT = st.text(st.sampled_from("a1 \"'#<&>`{}()=:\\\n\té"), max_size=40)


def next_build(file: Path) -> Remembered:
    """Return what another process finds that a build has kept."""
    remembered = Remembered(file)
    remembered.begin()
    return remembered


def convert(text: str, remembered: Remembered | None, options: dict[str, Any]) -> str:
    return Markdown(
        extensions=[
            "attr_list",
            "pymdownx.highlight",
            "pymdownx.inlinehilite",
            "pymdownx.superfences",
            NotebookEmbedExtension(remembered=remembered),
        ],
        extension_configs={"pymdownx.highlight": options},
    ).convert(text)


@st.composite
def fences(draw: st.DrawFn) -> str:
    language = draw(st.sampled_from(LANGUAGES[:-2]))
    more = draw(st.sampled_from(["", ' title="A <b>"', ' linenums="3"', ' hl_lines="1"']))
    code = draw(TEXT).replace("`", "")
    fence = f"```{{ .{language} #an-id }}" if draw(st.booleans()) else f"```{language}{more}"
    return f"{fence}\n{code}\n```\n\nA word `#!python {draw(st.sampled_from('xy'))} = 1`.\n"


@st.composite
def highlighting(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "line_spans": draw(st.sampled_from(["", "__span"])),
        "anchor_linenums": draw(st.booleans()),
        "line_anchors": draw(st.sampled_from(["", "line"])),
        "pygments_lang_class": draw(st.booleans()),
        "use_pygments": draw(st.booleans()),
        "auto_title": draw(st.booleans()),
        "linenums": draw(st.sampled_from([None, True])),
    }


@EACH_TIME
@given(pages=st.lists(st.lists(fences(), max_size=3), min_size=1, max_size=3), same=st.data())
def test_code_is_what_it_would_be_anew(
    tmp_path: Path, pages: list[list[str]], same: st.DataObject
) -> None:
    options = [same.draw(highlighting()) for _ in pages]
    for _ in range(2):  # the second build remembers the first
        remembered = next_build(tmp_path / "remembered.json")
        for page, given_options in zip(pages, options, strict=True):
            text = "\n".join(page)
            anew = convert(text, None, given_options)
            assert convert(text, remembered, given_options) == anew
        remembered.keep(on_disk=True)


def test_code_that_was_there_is_not_coloured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next_build(tmp_path / "remembered.json")
    page = convert("```python\nx = 1\n```", first, {})
    first.keep(on_disk=True)
    coloured = []

    def colour(code: str, *how: Any) -> str:
        coloured.append(code)
        return highlight(code, *how)

    monkeypatch.setattr("pymdownx.highlight.highlight", colour)
    second = next_build(tmp_path / "remembered.json")
    assert convert("Further down.\n\n```python\nx = 1\n```", second, {}).endswith(page)
    assert not coloured
    convert("```python\nx = 2\n```", second, {})
    assert coloured == ["x = 2"]


def test_a_highlighter_of_another_version_may_know_less(tmp_path: Path) -> None:
    class Older:
        def highlight(self, src: str, language: str, css_class: str = "") -> str:
            return f"{language} {css_class}: {src}"

    remembered = next_build(tmp_path / "remembered.json")
    highlighter = remembering_code(Older, remembered)()
    for _ in range(2):
        assert highlighter.highlight("x", "python", css_class="code") == "python code: x"


def indexed(pages: list[SimpleNamespace], remembered: Remembered | None) -> list[Any]:
    index = SearchIndex(lang=["en"], separator="", pipeline=[], fields={})
    if remembered is not None:
        vars(index)["add_entry_from_context"] = remembering_words(index, remembered)
    for page in pages:
        index.add_entry_from_context(page)
    return list(index.entries)


@st.composite
def searched(draw: st.DrawFn) -> SimpleNamespace:
    heads = draw(st.lists(st.sampled_from(["One", "Two", "*Three*"]), max_size=3))
    words = draw(st.text(st.sampled_from("ab <>&é"), max_size=8))
    text = f"# A page\n\n{words}\n\n" + "".join(f"## {head}\n\nOf {head}.\n\n" for head in heads)
    md = Markdown(extensions=["toc"])
    content = md.convert(text)
    meta = draw(st.sampled_from(METAS))
    toc = get_toc(md.toc_tokens)
    url = draw(st.sampled_from(["a.html", "b/"]))
    return SimpleNamespace(url=url, title="A page", meta=meta, toc=toc, content=content)


@EACH_TIME
@given(pages=st.lists(searched(), max_size=3))
def test_words_are_found_as_they_would_be_anew(
    tmp_path: Path, pages: list[SimpleNamespace]
) -> None:
    for _ in range(2):
        remembered = next_build(tmp_path / "remembered.json")
        assert indexed(pages, remembered) == indexed(pages, None)
        remembered.keep(on_disk=True)


@EACH_TIME
@given(cells=st.lists(TEXT, min_size=1, max_size=4))
def test_a_notebook_is_read_as_it_would_be_anew(tmp_path: Path, cells: list[str]) -> None:
    path = tmp_path / "x.py"
    path.write_text("".join(f"# %% [markdown]\n# A\n\n# %%\nx = {cell!r}\n" for cell in cells))
    anew = vars(read_notebook(path, "x.py"))
    for _ in range(2):
        remembered = next_build(tmp_path / "remembered.json")
        assert vars(read_notebook(path, "x.py", remembered)) == anew
        remembered.keep(on_disk=True)


def test_what_nothing_needs_any_more_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "remembered.json"
    for used in (["a", "b"], ["b"]):
        remembered = next_build(file)
        for name in used:
            remembered(lambda: 1, name)
        remembered.keep(on_disk=True)
    assert next_build(file)(lambda: 2, "b") == 1
    assert next_build(file)(lambda: 2, "a") == 2


@pytest.mark.parametrize("value", [(1, 2), {1: "a"}, {"a": {1}}, float("nan"), object()])
def test_what_json_would_change_is_made_each_time(tmp_path: Path, value: object) -> None:
    remembered = next_build(tmp_path / "remembered.json")
    assert remembered(lambda: value, "it") is value
    assert remembered(lambda: 1, "it") == 1


def test_what_is_given_back_can_be_changed(tmp_path: Path) -> None:
    remembered = next_build(tmp_path / "remembered.json")
    for _ in range(2):
        entries = remembered(lambda: [{"title": "A"}], "entries")
        assert entries == [{"title": "A"}]
        entries[0]["title"] = "changed"


@EACH_TIME
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_what_is_damaged_is_made_anew(tmp_path: Path, place: float, bit: int, cut: bool) -> None:
    file = tmp_path / "remembered.json"
    file.unlink(missing_ok=True)
    remembered = next_build(file)
    remembered(lambda: "good", "it")
    remembered.keep(on_disk=True)
    content = bytearray(file.read_bytes())
    at = int(place * len(content))
    if cut:
        del content[at:]
    content[at : at + 1] = bytes(byte ^ 1 << bit for byte in content[at : at + 1])
    file.write_bytes(content)
    assert next_build(file)(lambda: "anew", "it") == "anew"


def test_a_fresh_build_remembers_nothing_and_leaves_what_it_made(tmp_path: Path) -> None:
    file = tmp_path / "remembered.json"
    for value in ("old", "new"):
        fresh = Remembered(file, fresh=True)
        fresh.begin()
        assert fresh(partial(str, value), "it") == value
        fresh.keep(on_disk=True)
    assert next_build(file)(lambda: "other", "it") == "new"


def test_what_cannot_be_written_stops_no_build(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    remembered = next_build(tmp_path / "taken" / "remembered.json")
    assert remembered(lambda: 1, "it") == 1
    remembered.keep(on_disk=True)


@pytest.mark.parametrize("edited", ["hook.py", "package/__init__.py", "package/deep/unused.py"])
def test_all_is_forgotten_once_code_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str
) -> None:
    for name in ("hook.py", "package/__init__.py", "package/deep/unused.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a = 1\n")
    for name, file in (("a_hook", "hook.py"), ("a_package", "package/__init__.py")):
        module = ModuleType(name)
        module.__file__ = str(tmp_path / file)
        monkeypatch.setitem(sys.modules, name, module)
    before = kept_json.loaded()
    assert kept_json.loaded() == before
    (tmp_path / edited).write_text("a = 22\n")
    assert kept_json.loaded() != before


def test_a_site_that_remembers_is_the_site_of_a_first_build(tmp_path: Path) -> None:
    write_site(tmp_path)
    build(tmp_path)
    kept = (tmp_path / ".cache/remembered.json").read_bytes()
    assert b"x" in kept
    page = tmp_path / "docs/index.md"
    page.write_text(page.read_text().replace("A word", "## Another\n\nTwo words"))
    build(tmp_path)
    again = tree(tmp_path / "site")
    build(tmp_path, "--fresh")
    assert tree(tmp_path / "site") == again
    assert b"Another" in again["index.html"]
    assert b"Another" in again["search/search_index.json"]


def write_site(folder: Path) -> None:
    (folder / "docs/notebooks").mkdir(parents=True)
    (folder / "requirements.txt").write_text("")
    (folder / "mkdocs.yml").write_text(
        "site_name: Small\ntheme: {name: material, font: false}\nuse_directory_urls: false\n"
        "plugins: [notebook-embed, search]\nmarkdown_extensions: [pymdownx.superfences]\n"
    )
    (folder / "docs/index.md").write_text(
        "# Home\n\nA word.\n\n```python\nx = 1\n```\n\n![](notebooks/n.py#one){ .source }\n"
    )
    (folder / "docs/notebooks/n.py").write_text("# %%\n#| label: one\nprint(1 + 1)\n")


def build(folder: Path, *options: str) -> None:
    command = [sys.executable, "-m", "notebook_embed", "build", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def tree(site: Path) -> dict[str, bytes]:
    return {
        path.relative_to(site).as_posix(): path.read_bytes()
        for path in site.rglob("*")
        if path.is_file()
    }
