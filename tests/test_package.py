"""The generator's wheel in an empty environment: a stranger follows the first page to the letter."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.browser import Launcher
from tests.support.once import once
from tests.support.servers import files_of
from workbench.small_blog import PATIENCE

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/notebook-embed/index.md"
POST = "blog/2026/01/02/six-doublings/index.html"
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
#: What a stranger has before, and pays for anyway.
THEIRS = "mkdocs-material"


@dataclass
class Stranger:
    """A blog on disk, the environment that built it, and what both cost."""

    folder: Path

    @property
    def python(self) -> Path:
        name = "Scripts/python.exe" if os.name == "nt" else "bin/python"
        return self.folder / "environment" / name

    @property
    def packages(self) -> set[str]:
        return set((self.folder / "packages.txt").read_text().split())

    def page(self, name: str) -> str:
        return (self.folder / "site" / name).read_text("utf-8")


def run(*command: str | Path, folder: Path) -> str:
    """Run a command without anything of this repository in its way."""
    plain = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=plain | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def blocks() -> dict[str, str]:
    """Return the files of the first page: what stands in a fence with a title."""
    found = re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', PAGE.read_text("utf-8"), re.M | re.S)
    return dict(found)


def make(folder: Path) -> None:
    folder.mkdir()
    isolated = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    source = ROOT / "code/notebook_embed"
    options = ["--quiet", "--wheel", *isolated, "--python", sys.executable]
    run(UV, "build", *options, "--out-dir", folder, source, folder=folder)
    (wheel,) = folder.glob("*.whl")
    start = time.monotonic()
    run(UV, "venv", "--quiet", "--python", sys.executable, "environment", folder=folder)
    stranger = Stranger(folder)
    run(UV, "pip", "install", "--python", stranger.python, wheel, THEIRS, folder=folder)
    listed = run(UV, "pip", "freeze", "--quiet", "--python", stranger.python, folder=folder)
    names = {re.split(r"[ =@]", line)[0] for line in listed.splitlines() if line}
    (folder / "packages.txt").write_text("\n".join(sorted(names)))
    for name, text in blocks().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    log = run(stranger.python, "-m", "mkdocs", "build", "--strict", folder=folder)
    assert "notebooks/growth.py  done" in log
    files = (path for path in (folder / "environment").rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files if path.suffix != ".pyc")
    (folder / "cost.txt").write_text(f"{time.monotonic() - start:.0f} {size / 1e6:.0f}")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    return Stranger(once(tmp_path_factory, "stranger", make))


def test_ten_lines_one_notebook_and_one_post_build(stranger: Stranger) -> None:
    assert len(blocks()["mkdocs.yml"].splitlines()) <= 10
    post = stranger.page(POST)
    assert 'The last bar is <span class="nb-value">64</span> high.' in post
    assert 'alt="Seven bars, each twice as high as the one before."' in post
    assert "all others <em>together</em>" in post
    assert "doubles what is there" in stranger.page("notebooks/growth/index.html")
    assert "figures.css" in post


def test_the_installation_is_small(stranger: Stranger) -> None:
    seconds, megabytes = (stranger.folder / "cost.txt").read_text().split()
    needed = run(UV, "pip", "tree", "--package", THEIRS, "--python", stranger.python, folder=ROOT)
    theirs = set(re.findall(r"([a-z0-9-]+) v\d", needed))
    ours = stranger.packages - theirs
    print(f"{seconds} s, {len(stranger.packages)} packages ({len(ours)} ours), {megabytes} MB")
    assert not stranger.packages & {"torch", "numpy", "matplotlib", "plotly", "nbconvert"}
    assert len(ours) < 60
    assert int(megabytes) < 200
    told = re.search(
        r"with both (\d+) and\s(\d+) MB .*?So (\d+)\s",
        (ROOT / "code/notebook_embed/README.md").read_text("utf-8"),
        re.S,
    )
    assert told is not None
    for said, is_so, apart in zip(
        map(int, told.groups()),
        (len(stranger.packages), int(megabytes), len(ours)),
        (5, 25, 5),  # packages that these need come and go
        strict=True,
    ):
        assert abs(said - is_so) <= apart, "the README says otherwise"


def test_the_wheel_brings_its_types_licences_and_nothing_of_this_site(stranger: Stranger) -> None:
    (package,) = (stranger.folder / "environment").rglob("notebook_embed/__init__.py")
    there = {path.name for path in package.parent.rglob("*") if path.is_file()}
    assert {"py.typed", "plotly-cartesian.LICENSE.txt", "figures.js", "notebook.html.j2"} <= there
    for path in package.parent.rglob("*"):
        if path.suffix in (".py", ".css", ".js", ".j2") and "plotly" not in path.name:
            text = path.read_text("utf-8")
            assert "shapes_of_attention" not in text, path
            assert "blog_site" not in text, path
            assert "Inter" not in re.findall(r'"(\w+)", (?:system-ui|sans-serif)', text), path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_figure_shows_in_stock_material(
    stranger: Stranger, launch: Launcher, scheme: str
) -> None:
    browser = launch("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    with files_of(stranger.folder / "site") as port:
        page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(f"http://127.0.0.1:{port}/{POST}", wait_until="load")
        picture = page.locator(".nb-figure__image")
        picture.scroll_into_view_if_needed()
        page.wait_for_function("document.querySelector('.nb-figure__image').naturalWidth > 0")
        assert picture.is_visible()
        seen = page.evaluate(
            """() => Object.fromEntries(["figcaption", ".nb-value"].map((name) =>
                 [name, getComputedStyle(document.querySelector(name)).color]))"""
        )
        body = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert page.evaluate("document.body.dataset.mdColorScheme") == (
            "slate" if scheme == "dark" else "default"
        )
        page.close()
    for name, colour in seen.items():
        assert contrast(colour, body) >= 4, (name, colour, body)


def contrast(front: str, back: str) -> float:
    """Return the contrast of two colours as browsers write them (WCAG 2, 1 ... 21)."""
    ground = [float(part) for part in re.findall(r"[\d.]+", back)][:3]
    parts = [float(part) for part in re.findall(r"[\d.]+", front)]
    alpha = parts[3] if len(parts) == 4 else 1.0
    mixed = [alpha * f + (1 - alpha) * g for f, g in zip(parts[:3], ground, strict=True)]
    light, dark = sorted((_luminance(mixed), _luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: list[float]) -> float:
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
