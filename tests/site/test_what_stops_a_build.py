"""Every mistake stops the build, says where and what to do, and loses nothing."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from workbench.small_blog import PATIENCE, Project, make_project

POST, AREAS = "docs/posts/circles.md", "docs/notebooks/areas.py"


@pytest.fixture
def unharmed(project: Project) -> Iterator[Project]:
    """A built blog whose site and cache must be the same when the test is over."""
    site, results = project.tree("site"), project.results()
    assert site
    assert results
    yield project
    assert project.tree("site") == site
    now = project.results()
    assert {name: now.get(name) for name in results} == results
    assert not list((project.root / ".notebook-cache").glob(".*")), "a half-written file is left"


def test_an_unknown_notebook(unharmed: Project) -> None:
    unharmed.change(POST, "numbers.py#mean", "number.py#mean")
    at = f"{POST}:{unharmed.line(POST, 'number.py')}: "
    unharmed.build().failed(
        at,
        "there is no notebook '../notebooks/number.py'",
        "Did you mean '../notebooks/numbers.py'",
    )


def test_an_unknown_label_names_the_nearest(unharmed: Project) -> None:
    unharmed.change(POST, "areas.py#area)", "areas.py#aera)")
    at = f"{POST}:{unharmed.line(POST, 'aera')}: "
    unharmed.build().failed(at, "no cell labelled 'aera'", "Did you mean 'area'")


def test_a_wrong_label_stops_the_build_before_anything_runs(unharmed: Project) -> None:
    unharmed.change(POST, "areas.py#area)", "areas.py#aera)")
    unharmed.change("docs/notebooks/numbers.py", "arange(5)", "arange(7)")
    build = unharmed.build().failed("no cell labelled 'aera'")
    assert "1/1" not in build.output


def test_a_duplicate_label(unharmed: Project) -> None:
    unharmed.change(AREAS, "label: silent", "label: area")
    line = [
        n
        for n, t in enumerate((unharmed.root / AREAS).read_text().split("\n"), 1)
        if t == "#| label: area"
    ]
    unharmed.build().failed(
        f"{AREAS}:{line[1]}: ", f"first used in line {line[0]}", "another label"
    )


def test_a_figure_without_alt_text(unharmed: Project) -> None:
    unharmed.change(POST, "![A dark bar]", "![]")
    at = f"{POST}:{unharmed.line(POST, '#picture')}: "
    unharmed.build().failed(at, "without alt text", "square brackets")


def test_a_cell_that_raises(unharmed: Project) -> None:
    unharmed.change(AREAS, "x = 1", "x = 1\ny = x / 0")
    at = f"{AREAS}:{unharmed.line(AREAS, 'x / 0')} (cell silent): ZeroDivisionError: division by zero"
    unharmed.build().failed(
        at, "Traceback (most recent call last)", "Nothing of this build is published"
    )


def test_a_cell_that_may_raise_shows_its_traceback(project: Project) -> None:
    project.change(
        AREAS,
        "# %%\n#| label: silent\nx = 1",
        '# %% tags=["raises-exception"]\n#| label: silent\nx = 1 / 0',
    )
    project.change(POST, "<!-- more -->", "![](../notebooks/areas.py#silent)\n\n<!-- more -->")
    project.build().succeeded()
    for page in (project.post, project.page("notebooks/areas.html")):
        assert "ZeroDivisionError" in page.partition("nb-output--error")[2]


def test_a_cell_that_is_no_python(unharmed: Project) -> None:
    unharmed.change(AREAS, "x = 1", "x = 1\nif x")
    unharmed.build().failed(f"{AREAS}:{unharmed.line(AREAS, 'if x')} (cell silent): SyntaxError")


def test_a_module_that_is_no_python(unharmed: Project) -> None:
    unharmed.write("code/shapes/numbers.py", "PI = 3.0\nPI PI\n")
    unharmed.build().failed("code/shapes/numbers.py:2: SyntaxError", f"{AREAS} imports it")


def test_a_kernel_that_dies(unharmed: Project) -> None:
    unharmed.change(AREAS, "x = 1", "import os\nos._exit(3)")
    at = f"{AREAS}:{unharmed.line(AREAS, 'label: silent')} (cell silent): the kernel died"
    unharmed.build().failed(at, "out of memory")


def test_a_kernel_that_is_killed_from_outside(unharmed: Project) -> None:
    unharmed.change(AREAS, "x = 1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    unharmed.build().failed("(cell silent): the kernel died")


def test_a_cell_that_never_ends(unharmed: Project) -> None:
    unharmed.change(
        AREAS, "#| label: silent\nx = 1", "#| label: silent\n#| timeout: 2\nwhile True: pass"
    )
    at = f"{AREAS}:{unharmed.line(AREAS, 'label: silent')} (cell silent): Timeout"
    unharmed.build().failed(at, "within 2 seconds", "#| timeout: SECONDS")


def test_a_path_that_leaves_docs(unharmed: Project) -> None:
    unharmed.write("secret.py", "# %%\n#| label: area\nprint(1)\n")
    unharmed.change(POST, "../notebooks/areas.py#area)", "../../secret.py#area)")
    at = f"{POST}:{unharmed.line(POST, 'secret')}: "
    unharmed.build().failed(at, "leaves the docs folder")


def test_a_link_that_leaves_docs(unharmed: Project) -> None:
    secret = unharmed.write("secret.py", "# %%\n#| label: area\nprint(1)\n")
    (unharmed.root / "docs/notebooks/inside.py").symlink_to(secret)
    unharmed.change(POST, "areas.py#area)", "inside.py#area)")
    unharmed.build().failed(f"{POST}:{unharmed.line(POST, 'inside')}: ", "leaves the docs folder")


def test_a_label_without_output(unharmed: Project) -> None:
    unharmed.change(POST, "areas.py#area)", "areas.py#silent)")
    at = f"{POST}:{unharmed.line(POST, '#silent')}: "
    unharmed.build().failed(
        at, "no output to embed", f"notebooks/areas.py:{unharmed.line(AREAS, 'label: silent')}"
    )


def test_an_unknown_output_type(unharmed: Project) -> None:
    unharmed.change(
        AREAS, "x = 1", 'from IPython.display import display\ndisplay({"x/y": "1"}, raw=True)'
    )
    at = f"{AREAS}:{unharmed.line(AREAS, 'label: silent')} (cell silent): unknown output type x/y"
    unharmed.build().failed(at, "text/plain")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("bad.ipynb", '{\n  "cells": [\n', 3),
        ("bad.ipynb", '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', 1),
        ("bad.py", "# %%\n#| label: a\n#| echo: maybe\nx = 1\n", 2),
        ("bad.py", "# %%\n#| label: [\nx = 1\n", 2),
        ("bad.md", "---\njupytext: {formats: [}\nkernelspec: {name: python3}\n---\n", 3),
    ],
)
def test_a_malformed_notebook(unharmed: Project, name: str, text: str, line: int) -> None:
    unharmed.write(f"docs/notebooks/{name}", text)
    unharmed.build().failed(f"docs/notebooks/{name}:{line}")


def test_a_missing_input(unharmed: Project) -> None:
    (unharmed.root / "data/measured.txt").unlink()
    at = f"{AREAS}:{unharmed.line(AREAS, 'label: area')} (cell area): "
    unharmed.build().failed(at, "data/measured.txt", "cannot be read")


def test_an_unknown_kernel(unharmed: Project) -> None:
    header = "# ---\n# jupyter:\n#   kernelspec: {name: nope, language: python, display_name: x}\n# ---\n\n"
    unharmed.write(AREAS, header + (unharmed.root / AREAS).read_text())
    unharmed.build().failed(f"{AREAS}:1: ", "no kernel named 'nope'", "python3")


def test_a_figure_inside_a_sentence(unharmed: Project) -> None:
    unharmed.change(POST, "areas.py#area)", "areas.py#picture)")
    unharmed.build().failed(f"{POST}:{unharmed.line(POST, 'The area')}: ", "a paragraph of its own")


def test_unknown_code_of_a_module(unharmed: Project) -> None:
    unharmed.change(POST, "The mean is", "::: shapes.areas.circel\n\nThe mean is")
    unharmed.build().failed(f"{POST}:{unharmed.line(POST, ':::')}: ", "Did you mean 'circle'")


def test_a_damaged_cache_entry_runs_again(project: Project) -> None:
    before = project.tree("site")
    entry = next((project.root / ".notebook-cache").glob("notebooks--areas*.executed"))
    raw = bytearray(entry.read_bytes())
    raw[len(raw) // 2] ^= 1
    entry.write_bytes(raw)
    build = project.build().succeeded()
    assert build.executed == {"notebooks/areas.py"}
    assert "is damaged" in build.output
    assert project.tree("site") == before


def test_a_truncated_cache_entry_runs_again(project: Project) -> None:
    entry = next((project.root / ".notebook-cache").glob("notebooks--areas*.executed"))
    entry.write_bytes(entry.read_bytes()[:40])
    assert project.build().succeeded().executed == {"notebooks/areas.py"}


def _build_with_files_of_at_most(project: Project, size: int) -> subprocess.CompletedProcess[str]:
    """Build while the system refuses to write files larger than `size` bytes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run(
        project.command(),
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )


def test_a_disk_that_refuses_to_keep_a_result(unharmed: Project) -> None:
    unharmed.change(AREAS, "x = 1", "print('y' * 100_000)")
    run = _build_with_files_of_at_most(unharmed, 50_000)
    assert run.returncode != 0
    assert "cannot be written: File too large" in run.stderr
    assert "last good site and the cache are as they were" in run.stderr


def test_a_disk_that_refuses_to_keep_the_site(unharmed: Project) -> None:
    run = _build_with_files_of_at_most(unharmed, 60_000)
    assert run.returncode != 0
    assert ".cache/site.building" in run.stderr
    assert "cannot be written: File too large" in run.stderr


def test_a_full_disk(built: Project, tmp_path: Path) -> None:
    """The real thing, where the system lets us mount one: a file system of 12 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting needs root; the two tests above cover refused writes without it")
    try:
        project = make_project(disk / "blog")
        project.build().succeeded()
        site, results = project.tree("site"), project.results()
        free = os.statvfs(disk)
        (disk / "filler").write_bytes(b"0" * (free.f_bavail * free.f_frsize - 300_000))
        build = project.build().failed("No space left on device", "Free some space")
        assert build.executed == set()
        assert project.tree("site") == site
        assert project.results() == results
        (disk / "filler").unlink()
        project.build().succeeded()
        assert project.tree("site") == site
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _start(project: Project) -> subprocess.Popen[str]:
    return subprocess.Popen(
        project.command(),
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as from a terminal
    )


def _wait_for(path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


# Runs until it is let go.
HELD = """\
from pathlib import Path
import textwrap
import time
Path("started").touch()
while not Path("go-on").exists():
    time.sleep(0.05)
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_build_that_is_stopped_ends_and_leaves_no_kernel(
    unharmed: Project, stop: signal.Signals
) -> None:
    unharmed.change(AREAS, "x = 1", HELD)
    unharmed.change("docs/notebooks/numbers.py", "arange(5)", "arange(7)")
    unharmed.change("mkdocs.yml", "inputs: [style.txt]", "inputs: [style.txt]\n      jobs: 1")
    build = _start(unharmed)
    _wait_for(unharmed.root / "docs/notebooks/started")
    kernels = psutil.Process(build.pid).children(recursive=True)
    assert kernels
    build.send_signal(stop)  # the cell would never end by itself
    output, _ = build.communicate(timeout=PATIENCE)
    assert build.returncode != 0
    assert "numbers.py  1/1" not in output
    assert "Traceback" not in output
    _, alive = psutil.wait_procs(kernels, timeout=PATIENCE)
    assert not alive


def test_two_builds_at_once(project: Project) -> None:
    project.change(AREAS, "x = 1", HELD)
    first = _start(project)
    try:
        _wait_for(project.root / "docs/notebooks/started")
        second = project.build().failed("another build of this site is running", str(first.pid))
        assert second.executed == set()
    finally:
        (project.root / "docs/notebooks/go-on").touch()
        output, _ = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, output
    assert '<span class="nb-value">27.0</span>' in project.post


def test_a_build_killed_half_way_then_built_again(project: Project, tmp_path: Path) -> None:
    project.change(AREAS, "x = 1", HELD)
    site, results = project.tree("site"), project.results()
    first = _start(project)
    _wait_for(project.root / "docs/notebooks/started")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert project.tree("site") == site
    assert project.results().items() >= results.items()
    (project.root / "docs/notebooks/started").unlink()
    (project.root / "docs/notebooks/go-on").touch()
    assert project.build().succeeded().executed == {"notebooks/areas.py"}

    undisturbed = make_project(tmp_path / "undisturbed")
    undisturbed.change(AREAS, "x = 1", HELD)
    undisturbed.write("docs/notebooks/go-on", "")
    undisturbed.build().succeeded()
    assert project.tree("site") == undisturbed.tree("site")


def test_a_build_killed_while_it_writes_pages(project: Project) -> None:
    site = project.tree("site")
    hook = "def on_post_page(output, page, config):\n" + textwrap.indent(HELD, "    ")
    project.write("held.py", hook)
    project.change("mkdocs.yml", "plugins:", "hooks: [held.py]\nplugins:")
    first = _start(project)
    _wait_for(project.root / "started")
    assert (project.root / ".cache/site.building/404.html").exists()
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert project.tree("site") == site
    (project.root / "go-on").touch()
    project.build().succeeded()
    assert project.tree("site") == site
