"""A kernel gets a declared list of variables: what else the author has set changes nothing."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient

from notebook_embed import execution
from notebook_embed.errors import EmbedError
from notebook_embed.execution import Job, run_notebook
from notebook_embed.kernels import GIVEN, environment_of, inherited
from notebook_embed.notebook import read_notebook
from notebook_embed.order import INSTALLED, LOADED
from notebook_embed.runner import Settings, key_of

# What an author may have set, and what it would change.
OWN = {
    "MPLBACKEND": "svg",
    "TZ": "Asia/Tokyo",
    "LC_ALL": "C",
    "LANG": "de_DE",
    "LANGUAGE": "de",
    "PYTHONPATH": "/elsewhere",
    "PYTHONSTARTUP": "/elsewhere.py",
    "PYTHONHASHSEED": "7",
    "PYTHONWARNINGS": "error",
    "MATPLOTLIBRC": "/elsewhere",
    "COLUMNS": "20",
    "NO_COLOR": "1",
    "SOURCE_DATE_EPOCH": "1767312000",
    "JAX_PLATFORMS": "tpu",
    "MY_FLAG": "on",
}
CELL = """\
# %%
import datetime, json, locale, os, sys, time
print(json.dumps({
    "hour": datetime.datetime.fromtimestamp(0).hour,
    "month": time.strftime("%B", time.gmtime(0)),
    "encoding": locale.getpreferredencoding(False).lower(),
    "path": sys.path,
    "variables": dict(os.environ),
    "executable": sys.executable,
}))
"""


def test_what_the_author_has_set_does_not_reach_a_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OWN.items():
        monkeypatch.setenv(name, value)
    # A kernel of the author's own that takes the name of the one that builds.
    spec = tmp_path / "kernels/python3/kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    (tmp_path / "x.py").write_text(CELL)
    job = Job(
        notebook=read_notebook(tmp_path / "x.py", "x.py"),
        folder=tmp_path,
        environment={**GIVEN, "SITE": "yes"},
    )
    seen = json.loads(json.loads(run_notebook(job))["cells"][0]["outputs"][0]["text"][0])
    assert (seen["hour"], seen["month"], seen["encoding"]) == (0, "January", "utf-8")
    assert "/elsewhere" not in seen["path"]
    variables = seen["variables"]
    for name, value in OWN.items():
        assert variables.get(name) != value, name
    assert variables["SITE"] == "yes"
    assert not {"COLUMNS", "MY_FLAG", "LANG", "JAX_PLATFORMS"} & variables.keys()


@given(st.dictionaries(st.from_regex(r"[A-Za-z_]{1,12}", fullmatch=True), st.text(max_size=4)))
def test_only_what_says_where_things_are_is_inherited(environment: dict[str, str]) -> None:
    places = {"PATH": "/bin", "https_proxy": "http://p", "SystemRoot": "C:"}
    kept = inherited({**environment, **places})
    assert places.items() <= kept.items()
    assert inherited(kept) == kept
    assert not any(name.upper().startswith(("PYTHON", "LC_", "MPL", "TZ")) for name in kept)


def test_the_site_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert environment_of({**GIVEN, "TZ": "Europe/Berlin", "HOME": "/nowhere"}).items() >= {
        ("TZ", "Europe/Berlin"),
        ("HOME", "/nowhere"),
    }


def test_a_variable_that_the_site_lets_through_counts_and_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %%\n1\n")
    notebook = read_notebook(tmp_path / "x.py", "x.py")

    def key(token: str) -> dict[str, str]:
        settings = Settings(
            root=tmp_path,
            cache=tmp_path,
            requirements=tmp_path / "requirements.txt",
            secret={"TOKEN": token},
        )
        return key_of(notebook, settings).parts

    assert "hunter2" not in str(key("hunter2"))
    assert key("hunter2") != key("hunter3")


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_kernel_that_dies_as_it_starts_is_started_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    """As where another program took one of its ports meanwhile."""
    path = tmp_path / "x.py"
    path.write_text("# %%\n#| label: a\nprint(6 * 7)\n", "utf-8")
    left = [None] * deaths

    class Client(NotebookClient):
        async def async_execute(self, *given: Any, **named: Any) -> Any:
            if left:
                left.pop()
                raise RuntimeError("Kernel died before replying to kernel_info")
            return await super().async_execute(*given, **named)

    monkeypatch.setattr(execution, "NotebookClient", Client)
    job = Job(notebook=read_notebook(path, "x.py"), folder=tmp_path)
    if deaths == 1:
        assert json.loads(run_notebook(job))["cells"][0]["outputs"][0]["text"] == ["42\n"]
        return
    with pytest.raises(EmbedError, match="the kernel 'python3' does not start"):
        run_notebook(job)


def test_a_notebook_runs_also_where_a_loop_does(tmp_path: Path) -> None:
    """As in a worker of Dask, or in a notebook."""
    path = tmp_path / "x.py"
    path.write_text("# %%\nprint(6 * 7)\n", "utf-8")

    async def inside() -> str:
        return run_notebook(Job(notebook=read_notebook(path, "x.py"), folder=tmp_path))

    with concurrent.futures.ThreadPoolExecutor(1) as apart:  # other tests leave a loop in this one
        executed = apart.submit(asyncio.run, inside()).result()
    assert json.loads(executed)["cells"][0]["outputs"][0]["text"] == ["42\n"]


def test_what_a_cell_prints_and_shows_is_in_order_each_time(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(
        "# %%\nimport sys\nfrom IPython.display import clear_output, display\n"
        "print('gone'); clear_output(wait=True)\nshown = display('first', display_id=True)\n"
        "for n in range(2):\n    print('out', n); print('err', n, file=sys.stderr); print('.')\n"
        "    display(n)\nshown.update('second')\nprint('end')\nn\n"
    )
    for _ in range(3):
        job = Job(notebook=read_notebook(path, "x.py"), folder=tmp_path)
        outputs = nbformat.reads(run_notebook(job), as_version=4).cells[0].outputs
        assert [out.get("text") or out.data["text/plain"] for out in outputs] == [
            "'second'",
            *("out 0\n.\n", "err 0\n", "0"),
            *("out 1\n.\n", "err 1\n", "1"),
            *("end\n", "1"),
        ]


def test_a_cell_has_the_time_that_it_is_told_to_have(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("# %%\n#| timeout: 0.4\nimport time\ntime.sleep(0.9)")
    job = Job(notebook=read_notebook(tmp_path / "x.py", "x.py"), folder=tmp_path, environment=GIVEN)
    with pytest.raises(EmbedError, match=r"did not end within 0\.4 seconds"):
        run_notebook(job)


def test_what_a_kernel_has_loaded_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("# %%\n__import__('ya' + 'ml')\n__import__('be' + 'side')\n")
    (tmp_path / "beside.py").write_text("")
    ran = run_notebook(Job(notebook=read_notebook(path, "x.py"), folder=tmp_path))
    noted = json.loads(ran)["metadata"]
    assert noted[LOADED] == [str(tmp_path / "beside.py")]
    assert noted[INSTALLED] == ["yaml"]
