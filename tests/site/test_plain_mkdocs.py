"""A stranger's blog: `mkdocs build` and `mkdocs serve`, with and without the other plugins."""

from __future__ import annotations

import contextlib
import html
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from workbench.small_blog import PATIENCE, Build, Project

POST = "docs/posts/circles.md"
JUPYTER = '  - mkdocs-jupyter: {cache_dir: .cache/mkdocs-jupyter, include: ["*.ipynb"]}\n'
FOREIGN = """{"cells": [{"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {},
"outputs": [], "source": "raise SystemExit('nobody asked for it')"}], "metadata": {}, "nbformat": 4,
"nbformat_minor": 5}"""


def mkdocs(project: Project, *options: str) -> Build:
    return project.run(["-m", "mkdocs", "build", *options], project.root, project.environment())


def test_a_build_is_whole_or_leaves_the_last_site(project: Project) -> None:
    project.change(POST, "The area", "Our area")
    mkdocs(project).succeeded()
    assert "Our area is" in project.post
    left = project.tree("site")

    project.change(POST, "#area", "#aera")
    mkdocs(project).failed(f"Error: {POST}:7: ", "no cell labelled 'aera'", "Did you mean 'area'")
    assert project.tree("site") == left

    project.change(POST, "#aera", "#area")
    project.write("docs/more.md", "# More\n\n[Nowhere](gone.md)\n")
    mkdocs(project, "--strict").failed("gone.md", "Aborted with 1 warnings in strict mode")
    assert project.tree("site") == left
    assert not (project.root / ".cache/site.building").exists()

    elsewhere = project.root / "public"
    mkdocs(project, "--site-dir", str(elsewhere)).succeeded()
    assert (elsewhere / "more.html").is_file()
    assert project.tree("site") == left


@pytest.mark.parametrize("hides", ["no_input: true", "show_input: false"])
def test_what_mkdocs_jupyter_is_told_to_hide_is_hidden(project: Project, hides: str) -> None:
    removed = "remove_tag_config: {remove_cell_tags: [mine], remove_all_outputs_tags: [quiet]}"
    options = f"{hides}, {removed}, include_source: true"
    project.change("mkdocs.yml", 'include: ["*.ipynb"]', f'include: ["*.ipynb"], {options}')
    project.write(
        "docs/notebooks/hides.py",
        "# %%\n#| label: a\nprint('sh' + 'own')\n\n"
        "# %% tags=[\"mine\"]\nprint('no' + 'cell')\n\n"
        "# %% tags=[\"quiet\"]\nprint('no' + 'output')\n\n"
        "# %%\n#| echo: true\nprint('code is ' + 'asked for')\n",
    )
    built = mkdocs(project).succeeded()
    assert "unknown cell tag" not in built.output
    source = (project.root / "site/notebooks/hides.ipynb").read_text("utf-8")
    for text in (html.unescape(project.page("notebooks/hides.html")), source):
        assert "shown" in text
        assert "'sh'" not in text
        assert "nocell" not in text
        assert "nooutput" not in text
        assert "code is asked for" in text
        assert "'asked for'" in text or "asked for</span>" in text


def test_the_configuration_may_have_its_other_name(project: Project) -> None:
    (project.root / "mkdocs.yml").rename(project.root / "mkdocs.yaml")
    arguments = ["-m", "notebook_embed", "build"]
    project.run(arguments, project.root, project.environment()).succeeded()
    assert project.post
    project.change("mkdocs.yaml", JUPYTER, JUPYTER + "  - nowhere\n")
    project.run(arguments, project.root, project.environment()).failed("nowhere")


def test_notebooks_elsewhere_are_left_to_their_owner_unless_a_page_embeds_them(
    project: Project,
) -> None:
    project.write("docs/guide/foreign.ipynb", FOREIGN)
    project.write("docs/guide/tool.py", "raise SystemExit('a script, and nobody embeds it')\n")
    project.write("docs/guide/word.py", "# %%\n#| label: word\nprint('taken in')\n")
    project.write("docs/guide/index.md", "# Guide\n\nIt is ![](word.py#word).\n")
    project.write("docs/posts/beside.py", "# %%\n#| label: word\nprint('beside its post')\n")
    project.change(POST, "<!-- more -->", "It lies ![](beside.py#word).\n\n<!-- more -->")
    ran = mkdocs(project).succeeded().executed
    assert ran == {"guide/word.py", "posts/beside.py"}
    assert "beside its post" in project.post
    assert "beside its post" in project.page("posts/beside.html")
    assert "taken in" in project.page("guide/index.html")
    assert "taken in" in project.page("guide/word.html")
    # mkdocs-jupyter's own page, with its own template.
    assert "nobody asked for it" in project.page("guide/foreign.html")
    assert "jp-InputArea" in project.page("guide/foreign.html")
    assert "jp-InputArea" not in project.page("notebooks/areas.html")
    with_jupyter = {page: project.page(page) for page in ("notebooks/areas.html",)}

    project.change("mkdocs.yml", JUPYTER, "")
    mkdocs(project).succeeded()
    for page, text in with_jupyter.items():
        assert words(project.page(page)) == words(text)
    assert not (project.root / "site/guide/foreign.html").exists()


def words(page: str) -> list[str]:
    """Return what the article says; mkdocs-jupyter writes the same HTML with other spaces."""
    article = page[page.index("<article") : page.index("</article>")]
    return html.unescape(re.sub(r"<[^>]+>", " ", article)).split()


@pytest.mark.parametrize("theme", ["mkdocs", "readthedocs"])
def test_another_theme_and_no_other_plugin(project: Project, theme: str) -> None:
    for folder in ("code", "requirements.txt"):
        (project.root / folder).rename(project.root / f"not-{folder}")
    project.write(
        "mkdocs.yml",
        f"site_name: Trial\ntheme: {theme}\nplugins: [notebook-embed]\n",
    )
    (project.root / "docs/notebooks/areas.py").unlink()
    project.write(POST, "# Circles\n\nThe mean is ![](../notebooks/numbers.py#mean).\n")
    mkdocs(project, "--strict").succeeded()
    assert 'The mean is <span class="nb-value">2.0</span>' in project.page(
        "posts/circles/index.html"
    )
    page = project.page("notebooks/numbers/index.html")
    assert "<h1" in page
    assert "assets/notebook-embed/figures.css" in page


def test_titles_stand_in_pages_as_they_are_meant(project: Project) -> None:
    for folder in ("code", "requirements.txt"):
        (project.root / folder).rename(project.root / f"not-{folder}")
    (project.root / "docs/notebooks/areas.py").unlink()
    plugin = "{notebook-embed: {sanitise: true}}"
    project.write("mkdocs.yml", f"site_name: Trial\ntheme: mkdocs\nplugins: [{plugin}]\n")
    title = "`<img src=x onerror=y>` & `</title>`"
    project.write("docs/notebooks/odd.py", f"# %% [markdown]\n# # {title}\n")
    project.write(POST, "# R & D\n\n![](../notebooks/odd.py)\n")
    project.write("docs/more.md", "---\ntitle: Q & A\n---\n\n![](notebooks/odd.py)\n")
    mkdocs(project, "--strict").succeeded()
    page = project.page("notebooks/odd/index.html")
    assert "<img src=x" not in page
    assert "<title>img src=x onerror=y&gt; &amp; /title&gt; - Trial</title>" in page
    assert ">Q &amp; A</a>" in page
    assert ">R &amp; D</a>" in page
    assert "<img src=x" not in project.page("posts/circles/index.html")


@contextlib.contextmanager
def serving(project: Project) -> Iterator[tuple[Callable[..., str], Callable[[], str]]]:
    """Run `mkdocs serve`; give what waits for a page of a kind, and what tells the terminal."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    log = project.root / "serve.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", "mkdocs", "serve", "-a", address],
            cwd=project.root,
            env=project.environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):

        def wait(wanted: Callable[[str], bool]) -> str:
            end = time.monotonic() + PATIENCE
            text = ""
            while time.monotonic() < end and process.poll() is None:
                with contextlib.suppress(OSError):
                    url = f"http://{address}/2026/01/02/circles.html"
                    text = urllib.request.urlopen(url, timeout=PATIENCE).read().decode()
                    if wanted(text):
                        return text
                time.sleep(0.05)
            raise AssertionError(f"{log.read_text()}\n{text}")

        try:
            yield wait, log.read_text
        finally:
            os.kill(process.pid, signal.SIGINT)
            process.wait(timeout=PATIENCE)


def test_a_mistake_while_serving_shows_above_the_last_good_site(project: Project) -> None:
    with serving(project) as (wait, log):
        wait(lambda page: "The area is" in page)
        project.change(POST, "#area", "#aera")
        page = wait(lambda page: 'role="alert"' in page)
        assert "no cell labelled &#x27;aera&#x27;" in page
        assert "The area is" in page
        project.change(POST, "#aera", "#area")
        project.change(POST, "The area", "Our area")
        wait(lambda page: "Our area is" in page and 'role="alert"' not in page)
        assert f"Error: {POST}:7: " in log()
        assert "Traceback" not in log()
