"""Any installed kernel runs: one that reads a shell, and one that compiles TypeScript."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
import pytest

from notebook_embed.errors import EmbedError
from notebook_embed.execution import Job, run_notebook
from notebook_embed.kernels import GIVEN, language_of
from notebook_embed.notebook import read_notebook
from notebook_embed.runner import Settings, key_of

pytest.importorskip("bash_kernel")
DENO = str(Path(sys.executable).with_name("deno"))
COMMANDS = {
    "bash": [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"],
    "deno": [DENO, "jupyter", "--kernel", "--conn", "{connection_file}"],
}
LANGUAGES = {"bash": "bash", "deno": "typescript"}


if not Path(DENO).exists():
    pytest.skip("deno is not installed", allow_module_level=True)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the kernels in a folder of the test's own."""
    for name, command in COMMANDS.items():
        spec = {"argv": command, "display_name": name, "language": LANGUAGES[name]}
        path = tmp_path / "kernels" / name / "kernel.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))


def job(tmp_path: Path, kernel: str, *sources: str) -> Job:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    spec = {"kernelspec": {"name": kernel, "display_name": kernel}}
    path = tmp_path / "x.ipynb"
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=spec)))
    return Job(notebook=read_notebook(path, "x.ipynb"), folder=tmp_path, environment=GIVEN)


def test_a_shell_runs(tmp_path: Path) -> None:
    work = job(
        tmp_path,
        "bash",
        "#| label: sum\necho $((3 + 4)) $TZ",
        "#| label: bad\n#| error: true\nfalse",
    )
    assert work.notebook.language == "bash"
    first, second = json.loads(run_notebook(work))["cells"]
    assert "".join(first["outputs"][0]["text"]).strip() == "7 UTC"
    assert second["outputs"][-1]["output_type"] == "error"


def test_a_compiled_language_runs_and_its_mistakes_have_a_place(tmp_path: Path) -> None:
    code = "//| label: sum\nconst add = (a: number, b: number): number => a + b;\n"
    shown = []
    for milliseconds in (1_000, 5_000, 25_000):
        # On a busy machine Deno says that it is idle before all that it has printed is on its way.
        wait = f"\nawait new Promise((done) => setTimeout(done, {milliseconds}));"
        work = job(
            tmp_path,
            "deno",
            f"{code}console.log(add(3, 4));{wait}",
            f"console.log(add(1, 1));{wait}",
        )
        assert work.notebook.language == "typescript"
        assert list(work.notebook.labels) == ["sum"]
        shown = [
            "".join("".join(output.get("text", "")) for output in cell["outputs"]).strip()
            for cell in json.loads(run_notebook(work))["cells"]
        ]
        if shown == ["7", "2"]:
            break
    assert shown == ["7", "2"]


def test_a_new_command_of_the_kernel_counts(tmp_path: Path) -> None:
    notebook = job(tmp_path, "bash", "echo 1").notebook
    settings = Settings(root=tmp_path, cache=tmp_path, requirements=tmp_path / "requirements.txt")
    before = key_of(notebook, settings).parts
    assert "package bash-kernel" in before
    path = tmp_path / "kernels/bash/kernel.json"
    path.write_text(path.read_text().replace("-f", "--debug"))
    assert key_of(notebook, settings).parts != before


@pytest.mark.parametrize(
    ("name", "language"),
    [("bash", "bash"), ("deno", "typescript"), ("ir", "r"), ("julia-1.10", "julia"), ("", "")],
)
def test_a_kernel_s_language_is_known_or_guessed(name: str, language: str) -> None:
    assert language_of(name) == language


def test_a_kernel_that_is_not_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        EmbedError, match=r"x\.ipynb:1: there is no kernel named 'julia-1\.10'\n.*bash"
    ):
        run_notebook(job(tmp_path, "julia-1.10", "1"))
