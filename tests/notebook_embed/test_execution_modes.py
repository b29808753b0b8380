"""When notebooks run, in which order, and what becomes of those that fail; no kernel starts here."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from notebook_embed import order, runner
from notebook_embed.errors import EmbedError
from notebook_embed.execution import Job, Progress
from notebook_embed.notebook import Notebook, read_notebook
from notebook_embed.progress import log
from notebook_embed.runner import Settings, execute_all


class Site:
    """Notebooks, and a kernel of the test's own: it does what `acts` holds and prints the run."""

    def __init__(self, root: Path) -> None:
        self.root, self.execute, self.fresh = root, "always", False
        self.acts: dict[str, Callable[[], object]] = {}
        self.ran: list[str] = []

    def write(self, name: str, code: str, *, stored: str = "", kernel: str = "python3") -> None:
        """Write a notebook of one cell, with an output of it in the file."""
        cell = nbformat.v4.new_code_cell(code, id="c")
        if stored:
            cell.outputs = [nbformat.v4.new_output("stream", text=stored)]
        spec = {"name": kernel, "display_name": kernel, "language": "x"}
        if kernel.startswith("python"):
            spec["language"] = "python"
        node = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": spec})
        (self.root / name).write_text(nbformat.writes(node))

    @property
    def notebooks(self) -> dict[str, Notebook]:
        return {p.name: read_notebook(p, p.name) for p in sorted(self.root.glob("*.ipynb"))}

    def run(self, job: Job, progress: Progress) -> str:
        uri = job.notebook.uri
        self.ran.append(uri)
        self.acts.get(uri, lambda: None)()
        node = copy.deepcopy(job.notebook.node)
        node.cells[0].outputs = [nbformat.v4.new_output("stream", text=f"{uri} ran")]
        return nbformat.writes(node)

    def build(self, failures: dict[str, EmbedError] | None = None) -> dict[str, str]:
        """Return what each notebook shows; `ran` names those that ran."""
        self.ran = []
        settings = Settings(
            root=self.root,
            cache=self.root / ".cache",
            requirements=self.root / "requirements.txt",
            execute=self.execute,
            fresh=self.fresh,
        )
        done = execute_all(self.notebooks, settings, failures)
        return {
            uri: "".join(out.text for out in one.node.cells[0].get("outputs", []))
            for uri, one in done.items()
        }


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path)

    @contextlib.contextmanager
    def executor(scheduler: str, jobs: int, forks: object) -> Iterator[object]:
        yield made.run, 1, lambda: None

    monkeypatch.setattr(runner, "executor_for", executor)
    return made


def test_always_runs_what_has_stored_outputs_too(site: Site) -> None:
    site.write("x.ipynb", "1", stored="old")
    assert site.build() == {"x.ipynb": "x.ipynb ran"}
    assert site.build() == {"x.ipynb": "x.ipynb ran"}
    assert site.ran == []


def test_auto_shows_stored_outputs_until_they_no_longer_fit(site: Site) -> None:
    site.execute = "auto"
    site.write("none.ipynb", "1")
    site.write("x.ipynb", "import module\n1", stored="stored")
    (site.root / "module.py").write_text("a = 1\n")
    shown = {"none.ipynb": "none.ipynb ran", "x.ipynb": "stored"}
    assert site.build() == shown
    assert site.ran == ["none.ipynb"]
    assert site.build() == shown
    assert site.ran == []
    # A module changes: the outputs in the file are those of the old one.
    (site.root / "module.py").write_text("a = 2\n")
    assert site.build()["x.ipynb"] == "x.ipynb ran"
    assert site.build()["x.ipynb"] == "x.ipynb ran"
    assert site.ran == []
    # The code changes and the outputs with it: the author has run it.
    site.write("x.ipynb", "import module\n2", stored="stored anew")
    assert site.build()["x.ipynb"] == "stored anew"
    # The code alone changes.
    site.write("x.ipynb", "import module\n3", stored="stored anew")
    assert site.build()["x.ipynb"] == "x.ipynb ran"
    site.fresh = True
    site.write("y.ipynb", "1", stored="stored")
    assert site.build()["y.ipynb"] == "y.ipynb ran"


def test_never_shows_what_there_is(site: Site) -> None:
    site.execute = "never"
    site.write("none.ipynb", "1")
    site.write("broken.ipynb", "1 +")
    site.write("x.ipynb", "1", stored="stored")
    assert site.build() == {"none.ipynb": "", "broken.ipynb": "", "x.ipynb": "stored"}
    assert site.ran == []


def test_a_notebook_has_the_last_word(site: Site) -> None:
    site.write("x.ipynb", "1", stored="stored")
    path = site.root / "x.ipynb"
    path.write_text(
        path.read_text().replace('"metadata": {\n', '"metadata": {"execute": "never",\n')
    )
    assert site.build() == {"x.ipynb": "stored"}


def test_without_its_kernel_a_notebook_shows_its_stored_outputs(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(log, "warning", lambda text, *values: told.append(text % values))
    site.write("r.ipynb", "plot(1)", stored="[1] 7", kernel="ir-of-nobody")
    assert site.build() == {"r.ipynb": "[1] 7"}
    assert site.ran == []
    assert "there is no kernel named 'ir-of-nobody' here" in told[0]


@pytest.mark.parametrize("mode", ["auto", "never"])
def test_a_stored_error_is_what_it_would_be_if_the_cell_had_run(site: Site, mode: str) -> None:
    site.execute = mode
    error = nbformat.v4.new_output(
        "error", ename="ValueError", evalue="no", traceback=["ValueError"]
    )
    for name, tags in (("x.ipynb", ["raises-exception"]), ("y.ipynb", [])):
        cell = nbformat.v4.new_code_cell("1", metadata={"tags": tags}, outputs=[error])
        (site.root / name).write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])))
    failures: dict[str, EmbedError] = {}
    with pytest.raises(AttributeError):  # an error has no text; x shows it
        site.build(failures)
    assert failures.keys() == {"y.ipynb"}
    assert "y.ipynb:" in failures["y.ipynb"].message
    assert "ValueError: no" in failures["y.ipynb"].message


def test_all_that_fail_are_named_and_what_went_well_is_kept(site: Site) -> None:
    def fail() -> None:
        raise EmbedError("ZeroDivisionError: division by zero", file="x.ipynb", line=3)

    for number in range(10):
        site.write(f"n{number}.ipynb", str(number))
    site.write("n8.ipynb", "no python")
    site.write("n9.ipynb", "#| inputs: nowhere.txt\n1")
    site.acts = {"n2.ipynb": fail, "n5.ipynb": fail}
    with pytest.raises(EmbedError, match="4 notebooks failed") as error:
        site.build()
    for name in ("n8.ipynb", "nowhere.txt"):
        assert name in error.value.message
    assert error.value.message.count("ZeroDivisionError") == 2
    assert len(site.ran) == 8
    failures: dict[str, EmbedError] = {}
    shown = site.build(failures)
    assert sorted(site.ran) == ["n2.ipynb", "n5.ipynb"]
    assert failures.keys() == {"n2.ipynb", "n5.ipynb", "n8.ipynb", "n9.ipynb"}
    assert shown["n3.ipynb"] == "n3.ipynb ran"


def numbers(site: Site) -> Callable[[], object]:
    return lambda: (site.root / "out.txt").write_text((site.root / "in.txt").read_text())


def test_a_file_that_a_notebook_says_later_it_writes_is_made_again(site: Site) -> None:
    written = site.root / "out.txt"
    site.acts = {"a.ipynb": lambda: written.write_text("1")}
    site.write("a.ipynb", "1")
    site.build()
    site.write("a.ipynb", "#| writes: out.txt\n1")
    site.build()
    assert site.ran == [], "it is there"
    written.unlink()
    site.build()
    assert (site.ran, written.exists()) == (["a.ipynb"], True)
    site.build()
    assert site.ran == []


def test_a_package_that_no_import_names_counts_by_its_version(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(job: Job, progress: Progress) -> str:
        node = nbformat.reads(Site.run(site, job, progress), as_version=4)
        node.metadata[order.INSTALLED] = ["pytest", "nbformat", "of_nobody"]
        return str(nbformat.writes(node))

    monkeypatch.setattr(site, "run", run)
    site.write("a.ipynb", "1")
    site.build()
    site.build()
    assert site.ran == []
    asked: set[str] = set()

    def upgraded(name: str) -> str:
        asked.add(name)
        return "0.0.1"

    monkeypatch.setattr(order, "version_of", upgraded)
    site.build()
    assert site.ran == ["a.ipynb"]
    assert asked == {"pytest"}, "its key names nbformat"


def test_stored_outputs_are_shown_though_what_was_written_is_not_there(site: Site) -> None:
    site.execute = "auto"
    site.write("a.ipynb", "#| writes: out.txt\n1", stored="stored")
    for _ in range(2):
        assert site.build() == {"a.ipynb": "stored"}
    assert site.ran == []


@pytest.mark.parametrize("pattern", ["out.txt", "./out.txt", "*.txt", "**/out.txt", "o?t.txt"])
def test_who_writes_a_file_runs_before_those_that_read_it(site: Site, pattern: str) -> None:
    (site.root / "in.txt").write_text("1")
    site.write("a.ipynb", f"#| inputs: '{pattern}'\n1")
    site.write("b.ipynb", "#| inputs: in.txt\n#| writes: out.txt\n1")
    if pattern == "*.txt":
        site.write("b.ipynb", "#| inputs: in.*\n#| writes: ./out.txt\n1")
    site.acts["b.ipynb"] = numbers(site)
    site.build()
    assert site.ran == ["b.ipynb", "a.ipynb"]
    site.build()
    assert site.ran == []
    (site.root / "in.txt").write_text("2")
    site.build()
    assert site.ran == ["b.ipynb", "a.ipynb"]
    # What it has written is gone, as in a fresh checkout with the cache of another day.
    (site.root / "out.txt").unlink()
    site.build()
    assert site.ran == ["b.ipynb"]
    site.acts.clear()
    (site.root / "out.txt").unlink()
    with pytest.raises(EmbedError, match=r"has not written '(\./)?out\.txt', as it says"):
        site.build()


def test_what_another_writes_unsaid_is_noticed_in_the_same_build(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(log, "warning", lambda text, *values: told.append(text % values))
    (site.root / "in.txt").write_text("1")
    (site.root / "out.txt").write_text("0")
    site.write("a.ipynb", "#| inputs: out.txt\n1")
    site.write("b.ipynb", "#| inputs: in.txt\n1")
    site.acts["b.ipynb"] = numbers(site)
    site.build()
    assert site.ran == ["a.ipynb", "b.ipynb", "a.ipynb"]
    assert "out.txt changed while other notebooks ran" in told[0]
    assert "#| writes:" in told[0]
    site.build()
    assert site.ran == []


def test_notebooks_that_wait_for_each_other_are_refused(site: Site) -> None:
    site.write("a.ipynb", "#| inputs: b.txt\n#| writes: a.txt\n1")
    site.write("b.ipynb", "#| inputs: a.txt\n#| writes: b.txt\n1")
    with pytest.raises(EmbedError, match=r"wait for each other: a\.ipynb and b\.ipynb"):
        site.build()
    site.write("b.ipynb", "#| writes: a.txt\n1")
    with pytest.raises(EmbedError, match=r"two notebooks write 'a\.txt': a\.ipynb and this one"):
        site.build()
    site.write("a.ipynb", "1")
    site.write("b.ipynb", "#| inputs: '*.txt'\n#| writes: a.txt\n1")
    with pytest.raises(EmbedError, match=r"declares as input what it writes itself"):
        site.build()


def test_prose_alone_builds_and_a_cell_that_does_not_run_runs_nothing(site: Site) -> None:
    prose = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Words")])
    (site.root / "prose.ipynb").write_text(nbformat.writes(prose))
    site.write("off.ipynb", "#| eval: false\nno python")
    assert site.build() == {"off.ipynb": "", "prose.ipynb": ""}
    assert site.ran == []


@pytest.mark.parametrize(("name", "kernel"), [("python", "python3"), ("bash", "bash")])
def test_the_kernel_python_is_the_one_that_builds(site: Site, name: str, kernel: str) -> None:
    site.write("x.ipynb", "1", kernel=name)
    assert site.notebooks["x.ipynb"].kernel == kernel


def test_a_printed_traceback_names_the_notebook(tmp_path: Path) -> None:
    from notebook_embed.places import with_lines, without_frames

    path = tmp_path / "x.py"
    path.write_text("# %% [markdown]\n# T\n\n# %%\nimport traceback\ntraceback.print_exc()\n")
    notebook = read_notebook(path, "x.py")
    text = (
        '  |   File "/tmp/env/lib/python3.11/site-packages/IPython/core/a.py", line 3823, in run\n'
        '  |   File "/tmp/ipykernel_3861/3785515424.py", line 2, in <module>\n'
        '  File "C:\\Temp\\ipykernel_7\\12.py", line 9, in f\n'
        '  File "/usr/lib/python3.12/ast.py", line 1, in parse\n'
        '  File "/home/me/data.py", line 1\n'
    )
    cell = notebook.cells[1]
    assert with_lines(without_frames(text, notebook, cell), cell) == (
        '  |   File "site-packages/IPython/core/a.py", line 3823, in run\n'
        '  |   File "x.py", line 6, in <module>\n'
        '  File "x.py", in f\n'
        '  File "lib/python3.12/ast.py", line 1, in parse\n'
        '  File "/home/me/data.py", line 1\n'
    )


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("ValueError: boom", "ValueError: boom"),
        ("KeyError: ", "KeyError"),
        ("Odd: it's 3: no more", "Odd: it's 3: no more"),
        ("package.errors.Stop: x", "package.errors.Stop: x"),
    ],
)
def test_what_an_object_raises_while_it_is_shown_is_told(
    tmp_path: Path, end: str, told: str
) -> None:
    import nbclient

    from notebook_embed.execution import _cell_raised

    path = tmp_path / "x.py"
    path.write_text("# %% [markdown]\n# T\n\n# %%\nclass A:\n    ...\nA()\n")
    notebook = read_notebook(path, "x.py")
    name = end.partition(":")[0]
    trace = f"\x1b[31m{name}\x1b[39m      Traceback (most recent call last)\nCell In[1], line 3\n\n{end}\nNoneType: None"
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# T"), nbformat.v4.new_code_cell("class A:\n    ...\nA()")])  # fmt: skip
    raised = nbformat.v4.new_output("error", ename="NoneType", evalue="None", traceback=[trace])
    node.cells[1].outputs = [raised]
    error = nbclient.exceptions.CellExecutionError(trace, "NoneType", "None")
    made = _cell_raised(notebook, 1, node, error)
    assert (made.problem, made.line) == (told, 7)


ERR, OUT, SHOWN = "stderr", "stdout", "shown"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([], []),
        ([(OUT, "a"), (OUT, "b\n")], [(OUT, "ab\n")]),
        ([(ERR, "e"), (OUT, "1 %\r2"), (ERR, "f"), (OUT, " %")], [(OUT, "2 %"), (ERR, "ef")]),
        (
            [(OUT, "a\n"), (SHOWN, ""), (OUT, "b\n"), (SHOWN, ""), (SHOWN, ""), (OUT, "c")],
            [(OUT, "a\n"), (SHOWN, ""), (OUT, "b\n"), (SHOWN, ""), (SHOWN, ""), (OUT, "c")],
        ),
        (
            [(SHOWN, ""), (ERR, "e"), (OUT, "a"), (SHOWN, ""), (ERR, "f")],
            [(SHOWN, ""), (OUT, "a"), (ERR, "e"), (SHOWN, ""), (ERR, "f")],
        ),
        # A bar that moves while figures are shown, and one that did not happen to.
        (
            [(ERR, "a\n\r0 %"), (SHOWN, ""), (ERR, "\r50 %"), (SHOWN, ""), (ERR, "\r100 %\n")],
            [(ERR, "a\n"), (SHOWN, ""), (SHOWN, ""), (ERR, "100 %\n")],
        ),
        (
            [(ERR, "a\n\r0 %"), (SHOWN, ""), (SHOWN, ""), (ERR, "\r100 %\n")],
            [(ERR, "a\n"), (SHOWN, ""), (SHOWN, ""), (ERR, "100 %\n")],
        ),
        ([(OUT, "a"), (SHOWN, ""), (OUT, "\r\nb")], [(OUT, "a"), (SHOWN, ""), (OUT, "\r\nb")]),
        (
            [(ERR, "1\n2"), (SHOWN, ""), (OUT, "x"), (ERR, "\x1b[A3\n"), (SHOWN, "")],
            [(ERR, "1\n2\x1b[A3\n"), (SHOWN, ""), (OUT, "x"), (SHOWN, "")],
        ),
    ],
)
def test_prints_stand_where_they_were_among_other_outputs(
    sent: list[tuple[str, str]], kept: list[tuple[str, str]]
) -> None:
    from notebook_embed.execution import in_order

    def output(name: str, text: str) -> nbformat.NotebookNode:
        if name == SHOWN:
            return nbformat.v4.new_output("display_data", {"text/plain": text})
        return nbformat.v4.new_output("stream", name=name, text=text)

    joined = in_order([output(name, text) for name, text in sent])
    assert [(one.get("name", SHOWN), one.get("text", "")) for one in joined] == kept


def test_a_traceback_does_not_tell_where_libraries_are() -> None:
    from notebook_embed.places import LIBRARIES

    for line in (
        "File /home/me/.venv/lib/python3.11/site-packages/a.py:1",
        "File C:\\me\\.venv\\Lib\\site-packages\\a.py:1",
    ):
        assert re.fullmatch(r"File site-packages[/\\]a\.py:1", LIBRARIES.sub("", line))
    assert LIBRARIES.sub("", "File /usr/lib/python3.12/ast.py:5") == "File lib/python3.12/ast.py:5"
    assert LIBRARIES.sub("", r"File C:\Python\Lib\ast.py:5") == r"File Lib\ast.py:5"
    assert LIBRARIES.sub("", "a library") == "a library"


def test_places_in_warnings_are_those_of_the_notebook(tmp_path: Path) -> None:
    from notebook_embed.places import with_lines, without_places

    path = tmp_path / "x.py"
    path.write_text("# %% [markdown]\n# T\n\n# %%\nimport warnings\nwarnings.warn('a')\n")
    notebook = read_notebook(path, "x.py")
    text = (
        "/tmp/ipykernel_15855/4283078557.py:2: UserWarning: a\n  warnings.warn('a')\n"
        "C:\\Users\\a\\ipykernel_7\\1.py:1: UserWarning: b\n"
        "/home/me/.venv/lib/python3.11/site-packages/tqdm/auto.py:21: TqdmWarning: c\n"
        "see /home/me/site-packages/x for more\n"
    )
    cell = notebook.cells[1]
    assert with_lines(without_places(text, notebook, cell), cell) == (
        "x.py:6: UserWarning: a\n  warnings.warn('a')\n"
        "x.py:5: UserWarning: b\n"
        "tqdm/auto.py:21: TqdmWarning: c\n"
        "see /home/me/site-packages/x for more\n"
    )
