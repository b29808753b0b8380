"""An author saves a file and sees the page change, or an error that says where; then goes on."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from workbench.small_blog import PATIENCE, Project

POST = "docs/posts/circles.md"


class Served:
    """A blog under ``serve``: its pages by URL, and what the terminal shows."""

    def __init__(
        self, project: Project, port: int, log: Path, server: subprocess.Popen[bytes]
    ) -> None:
        self.project, self.port, self.log, self.server = project, port, log, server

    def page(self, name: str = "2026/01/02/circles.html") -> str:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/{name}", timeout=PATIENCE
        ) as answer:
            return answer.read().decode()

    def wait(self, what: Callable[[], bool], seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        # It ends at once where somebody else has taken its port meanwhile.
        while time.monotonic() < end and self.server.poll() is None:
            with contextlib.suppress(OSError):
                if what():
                    return
            time.sleep(0.1)
        how = f"in {seconds} s" if self.server.poll() is None else "before the server ended"
        pytest.fail(f"it did not happen {how}; the terminal shows:\n{self.terminal()}")

    def terminal(self) -> str:
        return self.log.read_text("utf-8")


@pytest.fixture
def served(project: Project, tmp_path: Path) -> Iterator[Served]:
    with serving(project, tmp_path) as blog:
        blog.wait(lambda: "The area is" in blog.page())
        yield blog


@contextlib.contextmanager
def serving(project: Project, tmp_path: Path) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (project.root / "mkdocs.yml").read_text("utf-8").replace(":8123/", f":{port}/")
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
    try:
        yield Served(project, port, log, server)
    finally:
        server.terminate()
        server.wait(PATIENCE)


def test_a_saved_word_shows_and_runs_nothing(served: Served) -> None:
    served.project.change(POST, "The area is", "Its area is")
    served.wait(lambda: "Its area is" in served.page())
    served.wait(lambda: "Its area is" in served.page("index.html"))  # the last of that build
    assert "done in" not in served.terminal()


def test_a_saved_module_runs_the_notebooks_that_import_it(served: Served) -> None:
    served.project.change("code/shapes/numbers.py", "3.0", "3.14")
    served.wait(lambda: '<span class="nb-value">28.3</span>' in served.page())
    assert "notebooks/areas.py  done in" in served.terminal()
    assert "notebooks/numbers.py  done in" not in served.terminal()
    # So does a declared input, in a folder that nobody else watches.
    served.project.change("data/measured.txt", "3", "4")
    served.wait(lambda: '<span class="nb-value">50.2</span>' in served.page())


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


MISTAKES = [
    (POST, "areas.py#area)", "areas.py#aera)", "Did you mean 'area'"),
    ("docs/notebooks/areas.py", "circle(measured)", "circle('<b>')", "TypeError"),
    (POST, "<!-- more -->", "[Gone](gone.md) <!-- more -->", "Doc file 'posts/circles.md'"),
    ("mkdocs.yml", "site_name: Trial", "site_nam: Trial", "site_name"),
]


def test_a_mistake_shows_in_the_browser_above_the_last_good_page(
    project: Project, tmp_path: Path, launch: Callable[..., Browser]
) -> None:
    project.change("mkdocs.yml", "site_name", "strict: true\nsite_name")
    page = launch().new_page()
    page.set_default_timeout(1000 * PATIENCE)
    told = page.get_by_role("alert")
    with serving(project, tmp_path) as blog:
        blog.wait(lambda: "The area is" in blog.page())
        page.goto(f"http://127.0.0.1:{blog.port}/2026/01/02/circles.html")
        for file, good, bad, message in MISTAKES:
            where = f"{file}:{project.line(file, good)}"
            project.change(file, good, bad)
            expect(told).to_contain_text(message, timeout=1000 * PATIENCE)
            if message == "TypeError":  # only what the notebook shows is missing
                expect(page.locator("pre", has_text="TypeError").nth(1)).to_be_visible()
                expect(page.locator("strong.nb-failed")).to_have_text("(Areas failed)")
                expect(page.get_by_text("The mean is 2.0")).to_be_visible()
            if message in ("TypeError", "Did you mean 'area'"):
                expect(told).to_contain_text(where)
            expect(page.get_by_role("heading", name="Circles")).to_be_visible()
            project.change(file, bad, good)
            expect(told).to_have_count(0, timeout=1000 * PATIENCE)
    page.close()


def test_a_server_that_starts_with_a_mistake_waits_for_it_to_be_mended(
    project: Project, tmp_path: Path
) -> None:
    project.change(POST, "areas.py#area)", "areas.py#aera)")
    with serving(project, tmp_path) as blog:
        blog.wait(lambda: "Did you mean" in blog.page("index.html"))
        project.change(POST, "areas.py#aera)", "areas.py#area)")
        blog.wait(lambda: "The area is" in blog.page())
        assert "Did you mean" not in blog.page("index.html")


CHANGES = {
    "a word": (POST, "The area is", "Its area is"),
    "an alt text": (POST, "![A dark bar]", "![A bar]"),
    "a module": ("code/shapes/numbers.py", "3.0", "3.14"),
    "a label": ("docs/notebooks/numbers.py", "label: mean", "label: average"),
    "a title": ("docs/notebooks/numbers.py", "# # Numbers", "# # Counts"),
    "an address": (POST, "date: 2026-01-02", "date: 2026-01-03"),
    "a setting": ("mkdocs.yml", "permalink: true", "permalink: false"),
}


def test_what_a_server_shows_after_many_saves_is_what_a_build_makes(
    project: Project, tmp_path: Path
) -> None:
    fresh = Project(tmp_path / "fresh")
    shutil.copytree(project.root, fresh.root)  # before a server writes in it
    with serving(project, tmp_path) as served:
        fresh.write("mkdocs.yml", (project.root / "mkdocs.yml").read_text("utf-8"))
        served.wait(lambda: "The area is" in served.page())
        for what, (file, old, new) in CHANGES.items():
            for blog in (project, fresh):
                blog.change(file, old, new)
                if what == "a label":
                    blog.change(POST, "numbers.py#mean", "numbers.py#average")
            shutil.rmtree(fresh.root / "site")
            fresh.build().succeeded()
            pages = sorted((fresh.root / "site").rglob("*.html"))
            for page in pages:
                name = page.relative_to(fresh.root / "site").as_posix()
                expected = page.read_text("utf-8")

                def same(name: str = name, expected: str = expected) -> bool:
                    return without_reload(served.page(name)) == expected

                served.wait(same)
            search = "search/search_index.json"
            assert served.page(search) == fresh.page(search), what


def without_reload(page: str) -> str:
    """Take out the script that MkDocs' server adds."""
    return re.sub(r"<script>\s*var livereload.*?</script>", "", page, flags=re.S)


def test_a_taken_address_is_told_before_anything_is_built(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "notebook_embed", "serve", "-a", f"127.0.0.1:{port}"],
            cwd=project.root,
            env=project.environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}/ cannot be served: " in done.stderr
    assert "dev_addr" in done.stderr
    assert "Traceback" not in done.stderr
    assert "done in" not in done.stderr, "no notebook ran"
