"""What is kept of a run is the result of what its key names; no kernel starts here."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from notebook_embed.cache import Cache
from notebook_embed.errors import EmbedError
from notebook_embed.execution import Job, Progress
from notebook_embed.folders import folders_below
from notebook_embed.kernels import GIVEN
from notebook_embed.notebook import Notebook, read_notebook
from notebook_embed.order import (
    LOADED,
    awaited,
    changed_files,
    matching,
    note_loaded_files,
    watched,
)
from notebook_embed.runner import Settings, _run, around, execute_all, kept_key, key_of

CELL = "# %%\n#| inputs: data.txt\nimport module\n"


def wait_for_a_later_time(than: Path) -> None:
    """Wait until what is written now has a later time than a file: clocks of files tick seldom."""
    clock = than.with_name("clock")
    clock.touch()
    while clock.stat().st_ctime_ns <= than.stat().st_ctime_ns:
        clock.touch()
    clock.unlink()


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    (tmp_path / "nb").mkdir()
    (tmp_path / "nb/x.py").write_text(CELL)
    (tmp_path / "nb/module.py").write_text("import inner\n")
    (tmp_path / "nb/inner.py").write_text("a = 1\n")
    (tmp_path / "data.txt").write_text("1")
    wait_for_a_later_time(than=tmp_path / "data.txt")
    return Settings(
        root=tmp_path, cache=tmp_path / "cache", requirements=tmp_path / "requirements.txt"
    )


def run(settings: Settings, during: Callable[[int], object]) -> tuple[int, str | None]:
    """Run the notebook, `during` being called in each run; return how many ran, and what is kept."""
    notebook: Notebook = read_notebook(settings.root / "nb/x.py", "nb/x.py")
    runs = 0

    def execute(job: Job, progress: Progress) -> str:
        nonlocal runs
        runs += 1
        during(runs)
        node = nbformat.from_dict(job.notebook.node)
        node.cells[0].outputs = [nbformat.v4.new_output("stream", text=f"run {runs}")]
        node.cells[0].execution_count = 1
        return nbformat.writes(node)

    cache = Cache(settings.cache)
    _run(execute, notebook, key_of(notebook, settings), cache, settings, lambda *_: None)
    return runs, cache.load(key_of(notebook, settings))


@pytest.mark.parametrize("file", ["nb/module.py", "nb/inner.py", "data.txt"])
@pytest.mark.parametrize("how", ["undone", "undone with its time", "replaced", "changed"])
def test_what_changed_during_a_run_is_not_kept(project: Settings, file: str, how: str) -> None:
    path = project.root / file

    def during(runs: int) -> None:
        if runs > 1:
            return
        before, text = path.stat(), path.read_text()
        if how == "replaced":
            path.with_suffix(".new").write_text(text)
            path.with_suffix(".new").replace(path)
            return
        path.write_text("b = 2\n")
        if how != "changed":
            path.write_text(text)
        if how == "undone with its time":
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    runs, kept = run(project, during)
    assert runs == 2
    assert kept is not None
    assert "run 2" in kept


def test_what_changes_in_every_run_is_not_kept_at_all(project: Settings) -> None:
    assert run(project, lambda runs: (project.root / "data.txt").write_text(f"{runs}")) == (2, None)


TOUCHED = {
    "an input": ("data.txt", "2"),
    "a module": ("nb/module.py", "import inner, other\n"),
    "a module of a module": ("nb/inner.py", "a = 2\n"),
    "a module that comes before another": ("nb/json.py", ""),
    "a package": ("nb/os_of_ours/__init__.py", ""),
    "a pin": ("requirements.txt", "nbformat==1\n"),
    "a further input": ("data-2.txt", "3"),
    "its own file": ("nb/x.py", CELL + "import json\n"),
}


def test_a_key_is_found_again_and_is_the_one_that_would_be_made(
    project: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "nb/x.py").write_text(
        "# %%\n#| inputs: data*.txt\nimport module, json, os_of_ours\n"
    )

    def key(settings: Settings = project) -> dict[str, str]:
        notebook = read_notebook(project.root / "nb/x.py", "nb/x.py")
        found = kept_key(notebook, settings, around(settings, [notebook]), {})
        assert found.parts == key_of(notebook, settings).parts
        return found.parts

    seen = [key()]
    for what, (name, text) in TOUCHED.items():
        path = project.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        assert key() not in seen, what
        seen.append(key())
    other = replace(project, environment={"A": "b"})
    assert key(other) not in seen
    key()
    monkeypatch.setattr("notebook_embed.runner.key_of", lambda *_: pytest.fail("nothing changed"))
    notebook = read_notebook(project.root / "nb/x.py", "nb/x.py")
    assert kept_key(notebook, project, around(project, [notebook]), {}).parts == seen[-1]
    os.utime(project.root / "data.txt")
    with pytest.raises(pytest.fail.Exception):  # its time says nothing, so its hash is asked for
        kept_key(notebook, project, around(project, [notebook]), {})


def test_what_is_only_read_runs_once(project: Settings) -> None:
    runs, kept = run(project, lambda runs: (project.root / "data.txt").read_text())
    assert runs == 1
    assert kept is not None


@pytest.mark.parametrize("name", ["a\0b", "a" * 5000, "nb", "gone/**"])
def test_an_input_that_is_no_file_names_who_declares_it(project: Settings, name: str) -> None:
    cell = f"# %%\n1\n\n# %%\n#| inputs: {json.dumps(name)}\n2\n"
    (project.root / "nb/y.py").write_text(cell)
    notebook = read_notebook(project.root / "nb/y.py", "nb/y.py")
    with pytest.raises(EmbedError, match=r"nb/y\.py:5 .*declared input .*cannot be read"):
        key_of(notebook, project)
    site = dataclasses.replace(project, inputs=[name])
    with pytest.raises(EmbedError, match=r"mkdocs\.yml: the declared input .*cannot be read"):
        key_of(read_notebook(project.root / "nb/x.py", "nb/x.py"), site)


@pytest.mark.parametrize("folder", ["plain", "with ü", 'with "quotes"', "with \\"])
def test_a_key_does_not_know_where_the_project_lies(tmp_path: Path, folder: str) -> None:
    keys = []
    for root in (tmp_path / folder, tmp_path / "other"):
        (root / "nb").mkdir(parents=True)
        (root / "nb/x.py").write_text("# %%\n1\n")
        settings = Settings(
            root=root,
            cache=root / "cache",
            requirements=root / "requirements.txt",
            environment={"DATA": f"{root}/data"},
        )
        keys.append(key_of(read_notebook(root / "nb/x.py", "nb/x.py"), settings).parts)
    assert keys[0] == keys[1]


def test_modules_outside_the_project_are_told_apart(tmp_path: Path) -> None:
    for name in ("docs/a/__init__.py", "docs/b/__init__.py", "docs/a/one.py", "docs/b/one.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "docs/x.py").write_text("# %%\nimport a.one, b.one\n")
    root = tmp_path / "conf"
    settings = Settings(root=root, cache=root / "cache", requirements=root / "requirements.txt")
    parts = key_of(read_notebook(tmp_path / "docs/x.py", "x.py"), settings).parts
    assert {name for name in parts if name.startswith("module")} == {
        f"module ../docs/{folder}/{name}.py" for folder in "ab" for name in ("__init__", "one")
    }


def test_a_file_that_is_gone_after_a_run_stops_the_build(project: Settings) -> None:
    with pytest.raises(EmbedError, match=r"nb/x\.py:2 .*declared input .*cannot be read"):
        run(project, lambda runs: (project.root / "data.txt").unlink())


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("data/**/*.txt", ["a.txt", "deep/b.txt", "deep/er/c.txt", "run[1].txt"]),
        ("data/**", ["a.txt", "deep/b.json", "deep/b.txt", "deep/er/c.txt", "run[1].txt"]),
        ("**/c.txt", ["deep/er/c.txt"]),
        ("data/**/er/**/*.txt", ["deep/er/c.txt"]),
        ("./data/**/b.*", ["deep/b.json", "deep/b.txt"]),
        ("data/*.txt", ["a.txt", "run[1].txt"]),
        ("data/run[1].txt", ["run[1].txt"]),
        ("data/none.txt", ["none.txt"]),
        ("data/" + "n" * 300, ["n" * 300]),
        ("data/**/none", ["**/none"]),
    ],
)
def test_a_pattern_means_all_files_that_match(
    tmp_path: Path, pattern: str, files: list[str]
) -> None:
    for name in ("a.txt", "run[1].txt", "deep/b.txt", "deep/b.json", "deep/er/c.txt"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text("")
    found = {path.relative_to(tmp_path / "data").as_posix() for path in matching(tmp_path, pattern)}
    assert found == set(files)


@pytest.mark.parametrize(
    "links", [{"l0": "..", "l1": "..", "l2": "."}, {"l0": "../b", "b": "../a"}]
)
def test_links_that_lead_up_have_an_end(tmp_path: Path, links: dict[str, str]) -> None:
    for name in ("a/x.txt", "a/b/y.txt", "b/z.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    for place, (name, target) in zip("abb", links.items(), strict=False):
        (tmp_path / place / f"to-{name}").symlink_to(target)
    names = {Path(here, file).name for here, files in folders_below(tmp_path) for file in files}
    assert names == {"x.txt", "y.txt", "z.txt"}
    found = {path.resolve() for path in matching(tmp_path, "**/*.txt")}
    assert found == {tmp_path / name for name in ("a/x.txt", "a/b/y.txt", "b/z.txt")}
    settings = Settings(
        root=tmp_path, cache=tmp_path / "c", requirements=tmp_path / "r", code=[tmp_path]
    )
    assert around(settings, [])


def test_a_link_to_another_folder_is_followed_under_each_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "a/deep").mkdir(parents=True)
    (tmp_path / "a/deep/x.txt").write_text("")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to("nowhere")
    found = {path.relative_to(tmp_path).as_posix() for path in matching(tmp_path, "**/*.txt")}
    assert found == {"a/deep/x.txt", "b/deep/x.txt"}
    assert sorted(name for here, _ in folders_below(tmp_path) for name in [Path(here).name]) == (
        sorted([tmp_path.name, "a", "deep", "b", "deep"])
    )


def test_a_server_watches_what_notebooks_declare(tmp_path: Path) -> None:
    for name in ("data/a.txt", "data/deep/b.txt", "top.txt", ".cache/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    names = ["data/deep/*.txt", "./data/a.txt", "top.*", "nowhere.txt", "none/*", "**/a.txt"]
    found = watched(tmp_path, names)
    assert found == {tmp_path / name for name in ("data/deep", "data/a.txt", "top.txt")}
    more = {tmp_path / name for name in ("nowhere.txt", "none", "top.*")}
    assert awaited(tmp_path, [*names, "**", "*/x.txt"]) == more


FINDS = {
    "a folder on sys.path": "import sys; sys.path.insert(0, '../lib')\nimport mylib",
    "another folder to work in": "import os, sys; os.chdir('..'); sys.path.append('lib')\nimport mylib",
    "a name that is put together": "import sys; sys.path.insert(0, '../lib')\n"
    "mylib = __import__('my' + 'lib')",
    "the kernel's environment": "import mylib",
}


@pytest.mark.parametrize("code", FINDS.values(), ids=FINDS)
def test_a_module_that_a_notebook_finds_by_itself_counts(tmp_path: Path, code: str) -> None:
    for folder in ("nb", "lib"):
        (tmp_path / folder).mkdir()
    (tmp_path / "nb/x.py").write_text(f"# %%\n{code}\nprint(mylib.inner.X, id(mylib))\n")
    (tmp_path / "lib/mylib.py").write_text("import inner\n")
    (tmp_path / "lib/inner.py").write_text("X = 1\n")
    settings = Settings(
        root=tmp_path,
        cache=tmp_path / "cache",
        requirements=tmp_path / "requirements.txt",
        environment={**GIVEN, "PYTHONPATH": str(tmp_path / "lib")}
        if code == "import mylib"
        else GIVEN,
    )

    def shown() -> tuple[str, set[str]]:
        notebook = read_notebook(tmp_path / "nb/x.py", "nb/x.py")
        done = execute_all({"nb/x.py": notebook}, settings)["nb/x.py"]
        return done.node.cells[0].outputs[0].text, {path.name for path in done.loaded}

    first = shown()
    assert first[0].startswith("1 ")
    assert first[1] == {"mylib.py", "inner.py"}, "a server watches them"
    assert shown() == first, "nothing runs again"
    (tmp_path / "lib/inner.py").write_text("X = 2222\n")
    assert shown()[0].startswith("2222 ")


MAY_RAISE = (
    "# %%\n#| error: true\n",
    '# %% tags=["raises-exception"]\n',
    "# ---\n# allow_errors: true\n# ---\n\n# %%\n",
)


@pytest.mark.parametrize("head", MAY_RAISE)
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ('print "hello"', "SyntaxError"),
        ("def f(:", "SyntaxError"),
        ("if 1:\nx = 1", "IndentationError"),
        ("x = 'é", "SyntaxError"),
        ("%time x = (", "SyntaxError"),
        ("import inner\nimport broken, inner", "SyntaxError"),
    ],
)
def test_a_cell_that_may_raise_may_be_no_python(
    project: Settings, head: str, code: str, error: str
) -> None:
    (project.root / "nb/broken.py").write_text("import gone\ndef g(:\n")
    path = project.root / "nb/y.py"
    path.write_text(f"{head}{code}\n\n# %%\nprint('after')\n")
    settings = replace(project, environment=GIVEN)

    def output() -> tuple[str, str]:
        done = execute_all({"y": read_notebook(path, "nb/y.py")}, settings)["y"]
        ran = (cell for cell in done.node.cells if cell.cell_type == "code")
        raised, printed = (cell.outputs[0] for cell in ran)
        assert printed.text == "after\n"
        return raised.output_type, raised.get("ename", "")

    assert output() == ("error", error)
    if "broken" in code:
        names = set(key_of(read_notebook(path, "nb/y.py"), settings).parts)
        assert {"module nb/inner.py", "module nb/broken.py"} <= names
        (project.root / "nb/broken.py").write_text("print('mended')\n")
        assert output() == ("stream", "")


def test_a_cell_that_may_not_raise_is_python(project: Settings) -> None:
    path = project.root / "nb/y.py"
    path.write_text('# %%\n#| error: true\nprint "a"\n\n# %%\nx = 1\nprint "b"\n')
    with pytest.raises(EmbedError, match=r"y\.py:7 \(cell cell-2\): SyntaxError"):
        execute_all({"y": read_notebook(path, "nb/y.py")}, project)


CHARTS = """\
# %%
from pathlib import Path
from IPython.display import display
if not Path("d.json").exists():
    Path("d.json").write_text('[{"a": 1}]')
chart = {"mark": "bar", "data": {"url": "d.json"}}
display({"application/vnd.vegalite.v5+json": chart, "text/plain": str(id(chart))}, raw=True)
"""


def test_a_file_whose_data_a_chart_shows_counts(tmp_path: Path) -> None:
    (tmp_path / "nb").mkdir()
    (tmp_path / "nb/x.py").write_text(CHARTS)
    settings = Settings(
        root=tmp_path,
        cache=tmp_path / "cache",
        requirements=tmp_path / "requirements.txt",
        environment=GIVEN,
    )

    def shown() -> tuple[str, list[Path]]:
        notebook = read_notebook(tmp_path / "nb/x.py", "nb/x.py")
        done = execute_all({"nb/x.py": notebook}, settings)["nb/x.py"]
        return done.node.cells[0].outputs[0].data["text/plain"], done.loaded

    first = shown()
    assert first[1] == [tmp_path / "nb/d.json"], "a server watches it"
    assert shown() == first, "nothing runs again"
    (tmp_path / "nb/d.json").unlink()
    shown()
    assert (tmp_path / "nb/d.json").exists(), "what the cell has written is there again"


def test_a_module_that_changed_while_it_was_loaded_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text("X = 1\n")
    touched = (tmp_path / "late.py").stat().st_mtime_ns
    for since, holds in ((touched, True), (touched - 1, False)):
        node = nbformat.v4.new_notebook(metadata={LOADED: [str(tmp_path / "late.py")]})
        note_loaded_files(node, tmp_path, (), since)
        assert (changed_files(nbformat.writes(node), tmp_path) == []) is holds
