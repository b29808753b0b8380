"""An author saves a file and sees the page change, or an error that says where; then goes on."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_blog import Project

POST = "docs/posts/circles.md"


class Served:
    """A blog under ``serve``: its pages by URL, and what the terminal shows."""

    def __init__(self, project: Project, port: int, log: Path) -> None:
        self.project, self.port, self.log = project, port, log

    def page(self, name: str = "2026/01/02/circles.html") -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=30) as answer:
            return answer.read().decode()

    def wait(self, what: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if what():
                    return
            time.sleep(0.1)
        pytest.fail(f"it did not happen in {seconds} s; the terminal shows:\n{self.terminal()}")

    def terminal(self) -> str:
        return self.log.read_text("utf-8")


@pytest.fixture
def served(project: Project, tmp_path: Path) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (project.root / "mkdocs.yml").read_text("utf-8")
    project.write("mkdocs.yml", text + f"dev_addr: 127.0.0.1:{port}\n")
    log = tmp_path / "terminal"
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "notebook_embed", "serve"],
            cwd=project.root,
            env=project.environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    blog = Served(project, port, log)
    try:
        blog.wait(lambda: "The area is" in blog.page())
        yield blog
    finally:
        server.terminate()
        server.wait(30)


def test_a_saved_word_shows_and_runs_nothing(served: Served) -> None:
    served.project.change(POST, "The area is", "Its area is")
    served.wait(lambda: "Its area is" in served.page())
    assert "done in" not in served.terminal()


def test_a_saved_module_runs_the_notebooks_that_import_it(served: Served) -> None:
    served.project.change("code/shapes/numbers.py", "3.0", "3.14")
    served.wait(lambda: '<span class="nb-value">28.3</span>' in served.page())
    assert "notebooks/areas.py  done in" in served.terminal()
    assert "notebooks/numbers.py  done in" not in served.terminal()


def test_a_mistake_is_told_and_the_next_save_recovers(served: Served) -> None:
    served.project.change(POST, "areas.py#area)", "areas.py#aera)")
    at = f"{POST}:{served.project.line(POST, 'aera')}: "
    served.wait(lambda: at in served.terminal())
    assert "Did you mean 'area'" in served.terminal()
    assert "Traceback" not in served.terminal()
    assert "The area is" in served.page(), "the last good page stays"
    served.project.change(POST, "areas.py#aera)", "areas.py#area)")
    served.project.change(POST, "The area is", "Again it is")
    served.wait(lambda: "Again it is" in served.page())
