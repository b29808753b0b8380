"""A small blog, built for real once: every test gets a copy of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from site_fixtures import browser, published, server  # noqa: F401 - fixtures
from small_blog import Project, make_project


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The blog after its first build. Not to be changed: `project` is a copy."""
    project = make_project(tmp_path_factory.mktemp("built"))
    build = project.build().succeeded()
    assert build.executed == {"notebooks/areas.py", "notebooks/numbers.py"}
    return project


@pytest.fixture
def project(built: Project, tmp_path: Path) -> Project:
    root = tmp_path / "blog"
    shutil.copytree(built.root, root)
    return Project(root)
