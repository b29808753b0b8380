"""A kernel that is forked shows what one shows that is not, and leaves nothing to another."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_embed import forks
from notebook_embed.errors import EmbedError
from notebook_embed.execution import Job, Kernels, run_notebook
from notebook_embed.forks import Plan, best, plan
from notebook_embed.kernels import GIVEN, environment_of
from notebook_embed.notebook import read_notebook
from notebook_embed.order import INSTALLED
from notebook_embed.runner import Settings, execute_all

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")

# What a kernel finds, and what it draws.
FINDS = """\
# %%
import numpy as np
from email import policy
import os, random, signal, sys, threading
print(sys.argv[0], sys.path, os.getcwd(), sys.flags, sys.stdin, __name__)
print({k: v for k, v in os.environ.items() if not k.startswith("JPY_")})
print(threading.active_count(), len(os.listdir("/proc/self/task")), sorted(os.listdir(".")))
print(signal.getsignal(signal.SIGCHLD), signal.getsignal(signal.SIGINT), os.getsid(0) == os.getpid())
print(os.waitstatus_to_exitcode(os.system("exit 3")))
print(sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names))

# %%
import matplotlib.pyplot as plt
plt.plot(np.arange(3))
plt.show()
"""
# What a kernel leaves, in the hope that another finds it.
LEAVES = """\
# %%
import numpy as np
import os, random, sys, threading
np.random.seed(1), random.seed(1)
np.trace_left = sys.trace_left = True
os.environ["TRACE_LEFT"] = "yes"
os.chdir("/")
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
LOADED = """\
# %%
import sys
print("numpy" in sys.modules)
import numpy
print(numpy.random.random())
"""


@only_linux
def test_threads_that_wait_for_one_process_all_see_its_end() -> None:
    gc.collect()  # what earlier tests left open
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = forks.ForkedProcess(child.pid)
        with ThreadPoolExecutor(16) as threads:
            waits = [threads.submit(process.wait) for _ in range(8)]
            polls = [threads.submit(process.wait, 60) for _ in range(8)]
            assert process.poll() is None
            process.kill()
            assert [one.result() for one in waits + polls] == [1] * 16
        assert process.poll() == 1
        process.kill()  # is over
    del process, waits, polls
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_before


@only_linux
def test_a_process_that_goes_on_keeps_nobody_waiting() -> None:
    process = forks.ForkedProcess(os.getpid())
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    assert process.poll() is None


def run(folder: Path, sources: dict[str, str], **options: object) -> dict[str, str]:
    """Run notebooks one after the other; return the text that each has printed, and its pictures."""
    notebooks = {}
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
        notebooks[name] = read_notebook(folder / f"{name}.py", f"{name}.py")
    settings = Settings(
        root=folder.parent,
        cache=folder.parent / "cache",
        requirements=folder / "requirements.txt",
        environment=GIVEN,
        jobs=1,
        fresh=True,
        **{"forks": True, **options},  # type: ignore[arg-type]
    )
    done = execute_all(notebooks, settings)
    return {
        name: "".join(
            output.get("text", "") + str(output.get("data", {}).get("image/png", ""))
            for cell in executed.node.cells
            for output in cell.get("outputs", [])
        )
        for name, executed in done.items()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notebooks").mkdir()
    return tmp_path / "notebooks"


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file that the processes of this test alone run."""
    own = shutil.copy(forks.ZYGOTE, tmp_path / "own-zygote.py")
    monkeypatch.setattr(forks, "ZYGOTE", own)
    return str(own)


def running(mark: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue  # it has ended
    return found


@only_linux
def test_a_fork_shows_what_a_kernel_of_its_own_shows(folder: Path, marked: str) -> None:
    sources = {"leaves": LEAVES, "finds": FINDS, "loaded": LOADED}
    forked = run(folder, sources)
    own = run(folder, sources, forks=False)
    assert forked["finds"] == own["finds"]
    assert forked["loaded"].startswith("True") and own["loaded"].startswith("False")
    assert forked["loaded"] != run(folder, sources)["loaded"], "each draws numbers of its own"
    assert ended(marked)


def ended(mark: str) -> bool:
    deadline = time.monotonic() + 120
    while (left := running(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not left


@only_linux
def test_while_a_server_runs_imports_are_made_once_for_the_notebook_that_is_edited(
    folder: Path, marked: str
) -> None:
    (folder / "style.txt").write_text("plain")
    declared = "# %%\n#| inputs: notebooks/style.txt\nstyle = 'read'\n"
    finds = "".join(line for line in FINDS.splitlines(True) if "sys.modules" not in line)
    edited = finds + declared + LEAVES  # the next run finds what this one leaves, if anything
    try:
        shown = run(folder, {"edited": edited}, serving=True)
        first = set(running(marked))
        again = run(folder, {"edited": edited + "# More.\n"}, serving=True)
        stays = first & set(running(marked))
        assert stays
        (folder / "style.txt").write_text("bold")
        run(folder, {"edited": edited}, serving=True)
        assert not stays & set(running(marked)), "a package may have read what has changed"
    finally:
        forks.let_go()
    assert ended(marked)
    assert shown == again == run(folder, {"edited": edited}, forks=False)


@only_linux
def test_a_notebook_may_ask_for_a_kernel_of_its_own(folder: Path) -> None:
    asks = "# ---\n# kernel: fresh\n# ---\n\n" + LOADED
    shown = run(folder, {"a": LOADED, "b": LOADED, "c": asks})
    assert [shown[name].split("\n")[0] for name in "abc"] == ["True", "True", "False"]
    with pytest.raises(EmbedError, match="'kernel' takes fresh, not 'old'"):
        run(folder, {"a": asks.replace("fresh", "old")})


@only_linux
@pytest.mark.parametrize(
    "zygote",
    [
        "raise SystemExit(3)",
        "import os; os.kill(os.getpid(), 9)",
        "import socket, sys; socket.socket(fileno=int(sys.argv[1])).send(b'no JSON')",
        # It has a thread, which no fork would have.
        "import socket, sys; socket.socket(fileno=int(sys.argv[1])).send(b'{\"threads\": 2}')",
    ],
)
def test_where_nothing_can_be_forked_kernels_start_anew(
    zygote: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zygote.py").write_text(zygote)
    monkeypatch.setattr(forks, "ZYGOTE", tmp_path / "zygote.py")
    shown = run(folder, {"a": "# %%\nprint(1)\n", "b": "# %%\nprint(2)\n"})
    assert shown == {"a": "1\n", "b": "2\n"}


NAMES = st.frozensets(
    st.sampled_from(["numpy", "numpy.random", "torch", "torch.nn", "plotly", "PIL.Image", "os"])
)


def loaded(known: Plan, tops: frozenset[str] | None) -> set[str]:
    if tops is None:
        return set()
    above, own = known[tops]
    return loaded(known, above) | own


@given(st.lists(NAMES, max_size=8))
def test_a_process_has_loaded_only_what_each_of_its_notebooks_names(
    imports: list[frozenset[str]],
) -> None:
    known = plan(imports)
    assert bool(known) == (len(imports) >= 2)
    served = dict.fromkeys(known, 0)
    for names in imports:
        packages = frozenset(name.partition(".")[0] for name in names) - {"os"}
        tops = best(known, packages)
        for other in known:
            served[other] += other <= packages
        if tops is not None:
            assert loaded(known, tops) <= names
            shared = [one for one in imports if loaded(known, tops) <= one]
            assert len(shared) >= 2
    assert all(count >= 2 for count in served.values())
    for tops, (above, own) in known.items():
        assert above is None or (above < tops and above in known)
        assert not own & loaded(known, above)


@only_linux
def test_a_process_that_was_started_ahead_is_the_one_that_is_forked(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    sources = dict.fromkeys("ab", "# %%\nimport os\nprint(os.getppid())\n")
    with forks.ahead(environment_of(GIVEN)):
        started = forks._Ahead.started
        assert started is not None
        found = run(folder, sources)
    assert set(found.values()) == {f"{started[0].pid}\n"}
    assert started[0].returncode is not None


@only_linux
@pytest.mark.parametrize("fails", [False, True])
def test_a_process_that_nobody_needed_ends(fails: bool) -> None:
    with suppress(EmbedError), forks.ahead(environment_of(GIVEN)):
        assert forks._Ahead.started is not None
        process, _ = forks._Ahead.started
        assert process.poll() is None
        # One of another environment is none.
        other = forks.Forks([frozenset(["numpy"])] * 2, {**environment_of(GIVEN), "OTHER": "1"})
        assert forks._Ahead.take(other._environment) is None
        if fails:
            raise EmbedError("a page is wrong")
    assert process.returncode is not None
    assert forks._Ahead.take(environment_of(GIVEN)) is None


@only_linux
def test_only_what_a_notebook_has_loaded_is_noted_however_its_kernel_began(tmp_path: Path) -> None:
    (tmp_path / "with.py").write_text("# %%\nimport yaml\n")
    (tmp_path / "without.py").write_text("# %%\n1 + 1\n")
    yaml, nothing = frozenset(["yaml"]), frozenset[str]()
    forked = forks.Forks([yaml, yaml, nothing], environment_of(GIVEN))
    noted = {}
    with closing(forked):
        for kernels in (Kernels(), Kernels(forked)):
            for name, imports in (("with.py", yaml), ("without.py", nothing)):
                notebook = read_notebook(tmp_path / name, name)
                job = Job(notebook=notebook, folder=tmp_path, environment=GIVEN, imports=imports)
                ran = json.loads(run_notebook(job, kernels=kernels))
                noted[name, kernels.forks is None] = ran["metadata"][INSTALLED]
        assert forked.whole
        assert yaml in forked._sockets
    assert noted == {
        (name, own): ["yaml"] * (name == "with.py")
        for name in ("with.py", "without.py")
        for own in (True, False)
    }
