"""A small blog with two notebooks, and what one does with it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

#: Seconds after which a build is given up: far from what any takes, even on a machine that does
#: much else.
PATIENCE = 900

COMMAND = (sys.executable, "-m", "notebook_embed")


class Run(Protocol):
    """Runs the generator's command in a folder, and waits for its end."""

    def __call__(
        self, arguments: list[str], folder: Path, environment: Mapping[str, str]
    ) -> Build: ...


MKDOCS = """
site_name: Trial
site_url: http://127.0.0.1:8123/
use_directory_urls: false
theme: {name: material, font: false}
plugins:
  - notebook-embed:
      inputs: [style.txt]
      kernel_environment: {PLOTLY_RENDERER: plotly_mimetype}
      dark: {"#21242b": "#e8e6e1"}
  - mkdocs-jupyter: {cache_dir: .cache/mkdocs-jupyter, include: ["*.ipynb"]}
  - blog: {blog_dir: .}
  - tags
  - search
markdown_extensions:
  - attr_list
  - footnotes
  - md_in_html
  - pymdownx.superfences
  - pymdownx.highlight
  - toc: {permalink: true}
"""

FILES = {
    "mkdocs.yml": MKDOCS,
    "requirements.txt": "numpy==2.4.6\nmatplotlib==3.11.2\nmkdocs==1.6.1\n",
    "style.txt": "plain\n",
    "data/measured.txt": "3\n",
    "docs/index.md": "# Trial\n",
    "code/shapes/__init__.py": "",
    "code/shapes/areas.py": "from shapes.numbers import PI\n\n\ndef circle(r):\n    return PI * r * r\n",
    "code/shapes/numbers.py": "PI = 3.0\n",
    "code/shapes/unused.py": "X = 1\n",
    # Imports a module that imports another, and reads a declared input.
    "docs/notebooks/areas.py": """\
# %% [markdown]
# # Areas
#
# How large a circle is.

# %%
#| label: area
#| inputs: data/measured.txt
from pathlib import Path
from shapes.areas import circle
measured = int((Path.cwd().parents[1] / "data/measured.txt").read_text())
print(f"{circle(measured):.1f}")

# %%
#| label: silent
x = 1

# %%
#| label: picture
from IPython.display import SVG
SVG('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="#21242b"/></svg>')
""",
    # Imports numpy and none of the project's modules.
    "docs/notebooks/numbers.py": """\
# %% [markdown]
# # Numbers

# %%
#| label: mean
import numpy as np
float(np.arange(5).mean())
""",
    "docs/posts/circles.md": """\
---
date: 2026-01-02
tags: [circles]
---
# Circles

The area is ![](../notebooks/areas.py#area).

![A dark bar](../notebooks/areas.py#picture "A *bar*.")

<!-- more -->

The mean is ![](../notebooks/numbers.py#mean).
""",
}


def run_generator(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> Build:
    """Run the generator in a process of its own."""
    run = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return Build(run.returncode, run.stdout + run.stderr)


@dataclass
class Project:
    """A blog on disk, and what one does with it."""

    root: Path
    #: How builds are run; tests have a quicker way.
    run: ClassVar[Run] = staticmethod(run_generator)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def change(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text("utf-8")
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new), "utf-8")

    def line(self, name: str, text: str) -> int:
        """Return the number of the first line of a file that has `text` in it."""
        lines = (self.root / name).read_text("utf-8").split("\n")
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def command(self, *options: str) -> list[str]:
        return [*COMMAND, "build", *options]

    def environment(self, **extra: str) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("NOTEBOOK_EMBED")}
        return inherited | {"SOURCE_DATE_EPOCH": "1767312000"} | extra

    def build(self, *options: str, **extra: str) -> Build:
        return self.run(["build", *options], self.root, self.environment(**extra))

    def page(self, name: str) -> str:
        return (self.root / "site" / name).read_text("utf-8")

    @property
    def post(self) -> str:
        return self.page("2026/01/02/circles.html")

    def tree(self, folder: str, suffix: str = "") -> dict[str, str]:
        """Map each file below `folder` to the hash of its content."""
        top = self.root / folder
        return {
            path.relative_to(top).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(top.rglob(f"*{suffix}"))
            if path.is_file()
        }

    def results(self) -> dict[str, str]:
        """Map the cache's entries to their hashes."""
        return self.tree(".notebook-cache", ".executed")


@dataclass
class Build:
    """How a build ended and what it printed."""

    code: int
    output: str

    @property
    def executed(self) -> set[str]:
        """The notebooks that ran to their end."""
        return {line.split()[2] for line in self.output.splitlines() if "  done in " in line}

    def succeeded(self) -> Build:
        assert self.code == 0, self.output
        return self

    def failed(self, *parts: str) -> Build:
        """Check that the build stopped and printed each of `parts`, and no Python of ours."""
        assert self.code != 0, "the build went through:\n" + self.output
        for part in parts:
            assert part in self.output, f"{part!r} is not in:\n{self.output}"
        assert "/notebook_embed/" not in self.output, self.output
        return self


def make_project(root: Path, files: dict[str, str] = FILES) -> Project:
    project = Project(root)
    for name, text in files.items():
        project.write(name, text)
    return project
