"""The blog itself, published and opened in a browser; and a small blog, of which each test gets a copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Launcher
from tests.support.once import once
from tests.support.pages import NOWHERE
from tests.support.published import Site, build_site
from tests.support.servers import Server, pages_of
from tests.support.warm import Warm
from workbench.small_blog import Project, make_project


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site of this repository."""
    project = once(tmp_path_factory, "published", build_site)
    log = (project / "build.log").read_text("utf-8")
    assert (project / "build.code").read_text("utf-8") == "0", f"the site does not build:\n{log}"
    return Site(project / "site")


@pytest.fixture(scope="session")
def server(published: Site) -> Iterator[Server]:
    with pages_of(published.folder) as running:
        yield running


@pytest.fixture
def nothing_is_missing(server: Server) -> Iterator[None]:
    """Ask the server too: a file that is asked for as the tab closes is missed by the tab."""
    start = len(server.log)
    yield
    missing = {path for status, path in server.log[start:] if status >= 400 and NOWHERE not in path}
    assert not missing, f"asked for and not there: {sorted(missing)}"


@pytest.fixture(scope="session")
def browser(server: Server, launch: Launcher) -> Browser:
    here = f"MAP shapes.localhost:80 127.0.0.1:{server.port}"
    return launch(f"--host-resolver-rules={here}, MAP * ~NOTFOUND")


@pytest.fixture(scope="session", autouse=True)
def quick_builds() -> Iterator[None]:
    """Spare the builds of small blogs their imports."""
    warm = Warm()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Project, "run", warm)
        yield
    warm.stop()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, quick_builds: None) -> Project:
    """The small blog after its first build. Not to be changed: `project` is a copy."""

    def build(folder: Path) -> None:
        build = make_project(folder).build().succeeded()
        assert build.executed == {"notebooks/areas.py", "notebooks/numbers.py"}

    return Project(once(tmp_path_factory, "small-blog", build))


@pytest.fixture
def project(built: Project, tmp_path: Path) -> Project:
    root = tmp_path / "blog"
    shutil.copytree(built.root, root)
    return Project(root)
