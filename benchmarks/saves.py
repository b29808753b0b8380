"""How long does an author wait? From a save to the browser, under a server, beside the peers.

``python benchmarks/saves.py [--rounds 5] [--only ROW ...] [--record]``

Sites of this blog:

``site``, ``short``   as it is; its longest post and its shortest one are edited
``embed``             four of its notebooks and a post that embeds them, as in builds.py
``jupyter``           the same four under plain ``mkdocs serve`` with mkdocs-jupyter

``few``, ``many``     ten and a thousand short posts, as in scale.py

The content of peers.py, a hundred paragraphs and four notebooks, each as its guide says:

``ours``       this generator
``ten``        the same with ``forks``, and a notebook of ten cells that is edited
``nbsync``     mkdocs-nbsync, which shows what the notebooks have stored
``sphinx``     myst-nb under sphinx-autobuild
``zensical``   Zensical: the paragraphs alone, for it has no notebooks

Each is served, and a page of it is open in Chromium. Then files are saved: a word of a post; the
last cell of a notebook, whose page is open, after another one was edited, and once more; a label
that does not exist, until the browser says so; and its correction. Seconds run from the save until
the page shows it; the median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

import builds
import peers
import scale
from recorded import machine, write_readme
from workbench.browser import find

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "benchmarks/saves.json"
STEPS = {
    "word": "word",
    "cell": "cell",
    "again": "cell, again",
    "mistake": "mistake shown",
    "mended": "mended",
}
PEER_PYTHON = str(peers.TOOLS / "venv/bin/python")
START = 600  # s until a server answers, its first build included


@dataclass(frozen=True)
class Site:
    """A site that is served, and which of its files are edited.

    `posts` are edited by row of the table, above `place` in their text. `other` is a notebook that
    is saved before `notebook` is; where `label` is set, it is misspelt in the first post. A page is
    at its file's path, unless `page` names another.
    """

    rows: dict[str, str]
    write: Callable[[Path], None]
    command: Callable[[int], list[str]]
    posts: tuple[str, ...]
    place: str
    notebook: str = ""
    other: str = ""
    label: str = ""
    page: str = ""

    def page_of(self, name: str) -> str:
        return self.page or Path(name).relative_to("docs").with_suffix(".html").as_posix()


def write_blog(folder: Path) -> None:
    listed = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
    files = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    for name in files.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


def write_ten(folder: Path) -> None:
    """Add a notebook of ten cells: imports, data, and eight that draw or print."""
    peers.write_forked(folder)
    source = (folder / "docs/notebooks/map-1.py").read_text("utf-8").split("# %%\n")
    cells = [
        "import torch\nimport matplotlib.pyplot as plt\nfrom maps import attention\n",
        "weights = torch.from_numpy(attention(64))\n",
        *(
            f"figure, axes = plt.subplots()\naxes.imshow(weights ** {power})\nplt.show()\n"
            if power % 2
            else f"print({power}, float((weights ** {power}).sum()))\n"
            for power in range(1, 9)
        ),
    ]
    text = "# %%\n".join([source[0], *cells])
    (folder / "docs/notebooks/ten.py").write_text(text, "utf-8")


def write_nbsync(folder: Path) -> None:
    names = peers.write_common(folder, "notebooks", renderer="png", show="figure")
    (folder / "docs").mkdir()
    for name in names:
        path = folder / f"notebooks/{name}.py"
        node = jupytext.read(path)
        for cell in node.cells:
            cell.source = cell.source.replace("#| label: ", "# #").replace('"png"', '"svg"')
        environment = os.environ | {"PYTHONPATH": str(folder / "code")}
        NotebookClient(node, kernel_name="python3").execute(env=environment)
        path.unlink()
        nbformat.write(node, path.with_suffix(".ipynb"))
    embeds = "\n\n".join(f"![A map](../notebooks/{name}.ipynb){{#heatmap}}" for name in names)
    post = f"# A post\n\nOne word.\n\n{embeds}\n\n{peers.paragraphs()}\n"
    (folder / "docs/post.md").write_text(post, "utf-8")
    write_plain_config(folder, "plugins: [mkdocs-nbsync, search]\n")


def write_zensical(folder: Path) -> None:
    (folder / "docs").mkdir(parents=True)
    post = f"# A post\n\nOne word.\n\n{peers.paragraphs()}\n"
    (folder / "docs/post.md").write_text(post, "utf-8")
    write_plain_config(folder)


def write_plain_config(folder: Path, more: str = "") -> None:
    (folder / "docs/index.md").write_text("# Home\n\n[The post](post.md)\n", "utf-8")
    (folder / "mkdocs.yml").write_text(
        "site_name: Peers\nuse_directory_urls: false\ntheme: {name: material, font: false}\n"
        + more,
        "utf-8",
    )


def mkdocs(port: int, *, python: str = sys.executable, module: str = "mkdocs") -> list[str]:
    return [python, "-m", module, "serve", "-a", f"127.0.0.1:{port}"]


def autobuild(port: int) -> list[str]:
    return [PEER_PYTHON, "-m", "sphinx_autobuild", "-q", "--port", str(port), "docs", "site"]


embedding = partial(mkdocs, module="notebook_embed")
BLOG: dict[str, Any] = {"notebook": "docs/notebooks/shapes-dataset.py", "place": "<!-- more -->"}
PEER: dict[str, Any] = {"place": "One word.", "posts": ("docs/post.md",)}
MAPS: dict[str, Any] = {"notebook": "docs/notebooks/map-1.py", "other": "docs/notebooks/map-2.py"}
SITES = (
    Site(
        {"site": "this site, its longest post", "short": "this site, its shortest post"},
        write_blog,
        embedding,
        ("docs/posts/vision-transformers.md", "docs/posts/what-beats-what.md"),
        other="docs/notebooks/authoring-examples.py",
        label="shapes-dataset.py#batch",
        **BLOG,
    ),
    Site(
        {"embed": "four of its notebooks, this generator"},
        partial(builds.prepare, "embed"),
        embedding,
        ("docs/posts/four.md",),
        other="docs/notebooks/copy-2.py",
        label="shapes-dataset.py#batch",
        **BLOG,
    ),
    Site(
        {"jupyter": "the same four, mkdocs-jupyter"},
        partial(builds.prepare, "jupyter"),
        mkdocs,
        ("docs/posts/four.md",),
        other="docs/notebooks/copy-2.py",
        **BLOG,
    ),
    *(
        Site(
            {row: f"{posts:,} short posts, this generator"},
            partial(scale.make_blog, posts=posts),
            embedding,
            ("docs/posts/post-0.md",),
            place="## Value",
            page="2026/01/01/post-0.html",
        )
        for row, posts in (("few", 10), ("many", 1000))
    ),
    Site(
        {"ours": "a plain site, this generator"},
        peers.write_ours,
        embedding,
        label="map-1.py#heatmap",
        **MAPS,
        **PEER,
    ),
    Site(
        {"ten": "the same with `forks`, a notebook of ten cells"},
        write_ten,
        embedding,
        notebook="docs/notebooks/ten.py",
        other="docs/notebooks/map-2.py",
        **PEER,
    ),
    Site(
        {"nbsync": "the same, mkdocs-nbsync"},
        write_nbsync,
        partial(mkdocs, python=PEER_PYTHON),
        **PEER,
    ),
    Site(
        {"sphinx": "the same, myst-nb and sphinx-autobuild"},
        peers.write_sphinx,
        autobuild,
        **MAPS,
        **PEER,
    ),
    Site(
        {"zensical": "its paragraphs alone, Zensical"},
        write_zensical,
        lambda port: [PEER_PYTHON, "-m", "zensical", "serve", "-a", f"127.0.0.1:{port}"],
        **PEER,
    ),
)


@dataclass
class Author:
    """Edits a site that is being served, and looks at it in a browser."""

    site: Site
    folder: Path
    address: str
    page: Page
    terminal: Path

    def round(self, number: int) -> dict[tuple[str, str], float]:
        """Save each kind of change once: seconds by row and step."""
        seconds: dict[tuple[str, str], float] = {}
        mark = f"Saved for the {number}th time."
        good = ""
        for row, name in reversed([*zip(self.site.rows, self.site.posts, strict=True)]):
            self.open(name)
            good = (self.folder / name).read_text("utf-8")
            good = good.replace(self.site.place, f"{mark}\n\n{self.site.place}", 1)
            seconds[row, "word"] = self.saved(name, good, mark)
        row, post = next(iter(self.site.rows)), self.site.posts[0]
        if self.site.label:
            bad = good.replace(self.site.label, f"{self.site.label}-gone", 1)
            words = f"no cell labelled '{self.site.label.partition('#')[2]}-gone'"
            seconds[row, "mistake"] = self.saved(post, bad, words)
            seconds[row, "mended"] = self.saved(post, good, words, gone=True)
        if self.site.notebook:
            self.open(self.site.other)
            self.added(self.site.other, f"saved {2000 + number}")
            self.open(self.site.notebook)
            seconds[row, "cell"] = self.added(self.site.notebook, f"saved {1000 + number}")
            seconds[row, "again"] = self.added(self.site.notebook, f"saved {3000 + number}")
        return seconds

    def open(self, name: str) -> None:
        self.page.goto(f"{self.address}{self.site.page_of(name)}")

    def added(self, notebook: str, words: str) -> float:
        """Print other words in a notebook's last cell."""
        text = (self.folder / notebook).read_text("utf-8").partition("\n# %%\n# Saved\n")[0]
        words_in_parts = words.replace(" ", "', '", 1)  # shown by the output, not by the code
        return self.saved(notebook, f"{text}\n# %%\n# Saved\nprint('{words_in_parts}')\n", words)

    def saved(self, name: str, text: str, shown: str, *, gone: bool = False) -> float:
        """Save a file, and return the seconds until the page shows some words, or no longer."""
        self.page.wait_for_load_state("load")
        time.sleep(1)  # nobody types faster
        (self.folder / name).write_text(text, "utf-8")
        started = time.perf_counter()
        try:
            self.page.wait_for_function(
                "([words, gone]) => document.body?.textContent.includes(words) !== gone",
                arg=[shown, gone],
                timeout=60_000,
            )
        except PlaywrightTimeoutError:
            log = self.terminal.read_text("utf-8")[-3000:]
            sys.exit(f"{self.folder}: {self.page.url} never showed {shown!r}; terminal:\n{log}")
        return time.perf_counter() - started


@contextmanager
def authoring(site: Site, folder: Path, browser: Browser) -> Iterator[Author]:
    """Write a site into `folder` and serve it while the block lasts."""
    folder.mkdir()
    site.write(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": str(folder / "code"),
        "JUPYTER_PATH": str(peers.TOOLS / "jupyter"),
        "MATPLOTLIBRC": str(folder / "assets/matplotlibrc"),
        "NO_MKDOCS_2_WARNING": "1",
    }
    if not (folder / "assets/matplotlibrc").exists():
        del environment["MATPLOTLIBRC"]
    terminal = folder.with_suffix(".log")
    with terminal.open("w") as log:
        server = subprocess.Popen(
            site.command(port),
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address, page = f"http://127.0.0.1:{port}/", browser.new_page()
    try:
        until = time.monotonic() + START
        while not answers(f"{address}{site.page_of(site.posts[0])}"):
            if server.poll() is not None or time.monotonic() > until:
                sys.exit(f"{folder}: no server\n{terminal.read_text('utf-8')[-3000:]}")
            time.sleep(0.2)
        yield Author(site, folder, address, page, terminal)
    finally:
        page.close()
        server.terminate()
        server.wait(60)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def measure(sites: tuple[Site, ...], rounds: int, work: Path) -> dict[str, Any]:
    peers.install()
    found: dict[str, dict[str, list[float]]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find(), args=["--no-sandbox", "--disable-gpu"]
        )
        for site in sites:
            with authoring(site, work / next(iter(site.rows)), browser) as author:
                for number in range(rounds):
                    for (row, step), taken in author.round(number).items():
                        found.setdefault(row, {}).setdefault(step, []).append(round(taken, 3))
                    print(".", end="", file=sys.stderr, flush=True)
        browser.close()
    print(file=sys.stderr)
    return {"seconds": found}


def table(record: dict[str, Any]) -> str:
    """Return a recorded run as the README shows it."""
    lines = [
        f"| seconds from a save to the browser, median | {' | '.join(STEPS.values())} |",
        "|---|" + "---|" * len(STEPS),
    ]
    names = {row: name for site in SITES for row, name in site.rows.items()}
    for row, times in record["seconds"].items():
        cells = [f"{statistics.median(times[s]):.1f}" if s in times else "–" for s in STEPS]
        lines.append(f"| {names[row]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], help="rows, by their names above")
    parser.add_argument("--record", action="store_true", help="keep it, and show it in README.md")
    options = parser.parse_args()
    sites = tuple(s for s in SITES if not options.only or set(options.only) & set(s.rows))
    with tempfile.TemporaryDirectory() as work:
        measured = measure(sites, options.rounds, Path(work))
    command = f"python benchmarks/saves.py --rounds {options.rounds}"
    record = {"command": f"{command} --record", "machine": machine()} | measured
    print(table(record))
    if options.record:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        write_readme("saves", table(record))


if __name__ == "__main__":
    main()
