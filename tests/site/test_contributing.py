"""CONTRIBUTING.md, followed to the letter: a model, a study, a figure and a post are added."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

from tests.support.published import ROOT, copy_project, environment

BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<kind>\w+)(?: title=\"(?P<path>[^\"]+)\")?\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    kind: str
    path: str | None
    body: str


def blocks(text: str) -> list[Block]:
    return [Block(m["kind"], m["path"], textwrap.dedent(m["body"])) for m in BLOCK.finditer(text)]


def change(before: str, diff: str) -> str:
    """Apply a block of lines that begin with a space, - or +; the others must stand once."""
    lines = diff.splitlines()
    old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    assert before.count(old) == 1, f"these lines do not stand there once:\n{old}"
    return before.replace(old, new)


def apply(project: Path, block: Block) -> None:
    path = project / (block.path or "")
    before = path.read_text("utf-8") if path.exists() else ""
    path.write_text(
        change(before, block.body) if block.kind == "diff" else before + block.body, "utf-8"
    )


def run(project: Path, line: str) -> str:
    """Run a command as written; the clone uses the environment that runs this test."""
    done = subprocess.run(
        shlex.split(line),
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def follow(project: Path) -> dict[str, str]:
    """Copy the project, follow all recipes, and return what each command printed."""
    copy_project(project, caches=False)
    # Other posts would run their notebooks anew, as they import the list of models.
    for page in [*project.glob("docs/posts/*.md"), *project.glob("docs/notebooks/*")]:
        page.unlink()
    for page in project.glob("docs/**/*.md"):
        if "notebooks/" in page.read_text("utf-8"):
            page.write_text("# Elsewhere\n", "utf-8")
    shutil.copy(ROOT / "Makefile", project)
    shutil.copytree(ROOT / "tests", project / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    # What `make` looks for is there: nothing is installed.
    (project / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if not part.name.startswith(".ready"):
            (project / ".venv" / part.name).symlink_to(part)
    for stamp in (".ready", ".ready-dev"):
        (project / ".venv" / stamp).touch()
    printed: dict[str, str] = {}
    for block in blocks((ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        if block.path is not None:
            apply(project, block)
        elif block.kind == "shell":
            for line in block.body.splitlines():
                printed[line] = run(project, line)
    return printed


def test_a_model_a_study_a_figure_and_a_post_are_added_as_the_recipes_say(tmp_path):
    # One test, as each recipe builds on the one before.
    project = tmp_path / "project"
    printed = follow(project)
    the_model_passes_the_tests_of_all_models(printed)
    the_study_lists_its_runs_and_does_them(project, printed)
    the_post_shows_the_figure_and_the_values(project)


def the_model_passes_the_tests_of_all_models(printed: dict[str, str]) -> None:
    told = printed[
        'make test ARGS="tests/shapes_of_attention/models/test_models.py -k pixelwise -n 0"'
    ]
    assert re.search(r"\b[3-9] passed", told)


def the_study_lists_its_runs_and_does_them(project: Path, printed: dict[str, str]) -> None:
    listed = printed['make train ARGS="pixelwise --list"']
    assert re.findall(r"^- +pixelwise +(\S+)", listed, re.MULTILINE) == [
        "pixelwise/seed-0",
        "pixelwise/seed-1",
    ]
    for seed in (0, 1):
        record = json.loads((project / f"assets/records/pixelwise-seed-{seed}.json").read_text())
        assert record["images"] == 64


def the_post_shows_the_figure_and_the_values(project: Path) -> None:
    page = (project / "site/posts/one-pixel-at-a-time.html").read_text("utf-8")
    assert 'alt="A bar for each run, as long as its error."' in page
    article = re.sub(r"<[^>]*>", "", page)
    assert re.search(r"The worst of\s+2\s+runs is\s+\d+\.\d+\s+levels off", article)


def test_every_recipe_says_which_files_it_touches():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for recipe in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        assert re.search(r"^Touches ", recipe, re.MULTILINE), recipe.splitlines()[0]
