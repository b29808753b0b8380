"""Where files lie on the machine that builds is nothing that readers are told."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from notebook_embed.kernels import GIVEN
from notebook_embed.notebook import Notebook, read_notebook
from notebook_embed.outputs import VALUES
from notebook_embed.places import Places
from notebook_embed.runner import Settings, execute_all

ROOT = "/home/me/my blog é"


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("HOME", "/home/me")
    return Places(Path(ROOT), [Path(ROOT, "code"), Path(ROOT, "../lib")])


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (f"{ROOT}/code/m.py:3: UserWarning: a", "code/m.py:3: UserWarning: a"),
        ("File ~/my blog é/code/m.py:4, in f()", "File code/m.py:4, in f()"),
        (
            f"\x1b[36mFile \x1b[39m\x1b[32m{ROOT}/m.py:4\x1b[39m",
            "\x1b[36mFile \x1b[39m\x1b[32mm.py:4\x1b[39m",
        ),
        (f"PosixPath('{ROOT}')", "PosixPath('.')"),
        (f"below {ROOT}/ now", "below ./ now"),
        ("file:///home/me/my%20blog%20%C3%A9/x.html", "x.html"),
        (f"PATH=/bin:{ROOT}/code:/home/me/lib", "PATH=/bin:code:../lib"),
        ("/home/me/lib/own.py", "../lib/own.py"),
        (f"{ROOT}/.venv/lib/python3.11/site-packages/a.py", ".venv/lib/python3.11/site-packages/a.py"),
        *((other, other) for other in (f"{ROOT}-old/x", f"/mnt{ROOT}/x", f"{ROOT}.bak", f"https://a.example{ROOT}", "/home/me/x", "~")),
    ],
)  # fmt: skip
def test_paths_of_the_project_are_seen_from_its_folder(
    places: Places, told: str, shown: str
) -> None:
    assert places.within(told) == shown


@pytest.mark.parametrize("root", ["/", "/a/.."])
def test_a_project_at_the_top_of_all_folders_has_no_name(root: str) -> None:
    assert Places(Path(root)).within("/etc and / or /home") == "/etc and / or /home"


def test_another_machine_has_the_same_outputs(tmp_path: Path) -> None:
    def outputs(root: Path) -> str:
        for folder in ("nb", "code"):
            (root / folder).mkdir(parents=True)
        (root / "nb/x.py").write_text(
            "# %%\n#| error: true\nimport beside, mine\nprint(mine.__file__)\nmine.f(beside.g)\n"
            "\n# %%\nfrom pathlib import Path\nprint(Path.cwd())\nbeside\n"
            "\n# %%\n{'here': Path.cwd(), 'inner': {'there': Path.cwd()}}\n"
            "\n# %%\nimport traceback\ntry: beside.g()\nexcept OSError: traceback.print_exc()\n"
        )
        (root / "nb/beside.py").write_text("def g():\n    open(__file__ + '.not')\n")
        (root / "code/mine.py").write_text(
            "import warnings\ndef f(then):\n    warnings.warn('a')\n    then()\n"
        )
        settings = Settings(
            root=root,
            cache=root / "cache",
            code=[root / "code"],
            requirements=root / "requirements.txt",
            environment={**GIVEN, "PYTHONPATH": str(root / "code")},
        )
        notebook = read_notebook(root / "nb/x.py", "nb/x.py")
        node = execute_all({"nb/x.py": notebook}, settings)["nb/x.py"].node
        return json.dumps([cell.outputs for cell in node.cells])

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    one, other = outputs(tmp_path / "one"), outputs(tmp_path / "link/a blog")
    assert one == other
    assert str(tmp_path) not in one
    for place in ("code/mine.py", "nb/beside.py", "nb/beside.py.not"):
        assert place in one


def test_prose_above_a_cell_moves_the_lines_that_its_prints_name(tmp_path: Path) -> None:
    options, code = (
        "#| label: w\n",
        (
            "import traceback, warnings\nwarnings.warn('a')\n"
            "try: 1/0\nexcept ArithmeticError: traceback.print_exc()\n"
        ),
    )
    magic = "\n# %%\n#| label: m\n%%capture --no-stderr\nimport warnings\nwarnings.warn('b')\n"
    path = tmp_path / "x.py"

    def printed(text: str, *, runs: bool) -> list[str]:
        path.write_text(text)
        settings = Settings(
            root=tmp_path,
            cache=tmp_path / "cache",
            requirements=tmp_path / "requirements.txt",
            environment=dict(GIVEN),
            fresh=runs,
        )
        node = execute_all({"x.py": read_notebook(path, "x.py")}, settings)["x.py"].node
        return [cell.outputs[0].text for cell in node.cells if cell.cell_type == "code"]

    first = printed(f"# %%\n{options}{code}{magic}", runs=True)
    assert "x.py:4: UserWarning: a" in first[0]
    assert 'File "x.py", line 5, in' in first[0]
    moved = f"# %% [markdown]\n# One.\n#\n# Two.\n\n# %%\n{options}#| caption: C\n{code}{magic}"
    kept = printed(moved, runs=False)
    assert "x.py:10: UserWarning: a" in kept[0]
    assert 'File "x.py", line 11, in' in kept[0]
    assert kept == printed(moved, runs=True)


@pytest.mark.parametrize("values", [None, "x", {}, {"entries": "x"}, {"entries": [1, {"type": 1}]}])
def test_what_says_to_be_a_mapping_and_is_none_stays(places: Places, values: object) -> None:
    notebook = Notebook(path=Path("x.py"), uri="x.py", node=nbformat.v4.new_notebook(), cells=())
    output = nbformat.v4.new_output("display_data", {VALUES: values, "text/plain": f"{ROOT}/a"})
    places.leave_out(output, notebook, None)  # type: ignore[arg-type]
    assert output.data == {VALUES: values, "text/plain": "a"}
