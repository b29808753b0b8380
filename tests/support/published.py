"""The blog itself, built once as `make site` builds it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import BASE, ORIGIN

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("mkdocs.yml", "requirements.txt", "pyproject.toml")
CACHES = (".notebook-cache", ".cache/blog_site")
FOLDERS = ("docs", "code", "assets", "locks", *CACHES)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BUILT_ON = "2026-01-02"


@dataclass(frozen=True)
class Site:
    """A built site on disk."""

    folder: Path

    @property
    def pages(self) -> list[str]:
        """The HTML files, the one for missing pages among them."""
        return sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*.html"))

    @property
    def post(self) -> str:
        """The page with the most interactive figures."""
        posts = [page for page in self.pages if page.startswith("posts/")]
        return max(posts, key=lambda page: (self.text(page).count("data-plotly="), page))

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")


def copy_project(project: Path, *, caches: bool = True) -> None:
    """Copy what this repository is built from to `project`."""
    project.mkdir(parents=True)
    for name in SOURCES:
        shutil.copy(ROOT / name, project / name)
    for name in FOLDERS:
        if name in CACHES and not caches:
            continue
        # What ran before need not run again; a cache that changes meanwhile is no harm.
        with contextlib.suppress(shutil.Error, FileNotFoundError):
            unwanted = shutil.ignore_patterns("__pycache__", "*.lock", "*.tmp")
            shutil.copytree(ROOT / name, project / name, ignore=unwanted)


def environment(project: Path) -> dict[str, str]:
    """Give the environment in which `project` is built: always the same address, date and commit."""
    return {k: v for k, v in os.environ.items() if not k.startswith("NOTEBOOK_EMBED")} | {
        "PYTHONPATH": str(project / "code"),
        "SITE_URL": ORIGIN + BASE,
        "SOURCE_DATE_EPOCH": "1767312000",
        "BUILD_COMMIT": COMMIT,
    }


def build_site(project: Path, *, caches: bool = True) -> None:
    """Build a copy of this repository in `project`, as `make site` does."""
    copy_project(project, caches=caches)
    run = subprocess.run(
        [sys.executable, "-m", "notebook_embed", "build"],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=3600,  # it runs all notebooks where nothing is cached
    )
    (project / "build.log").write_text(run.stdout + run.stderr, "utf-8")
    (project / "build.code").write_text(str(run.returncode), "utf-8")
