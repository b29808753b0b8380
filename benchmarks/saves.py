"""How long does an author wait? From a save to the browser, under ``serve``, beside mkdocs-jupyter.

``python benchmarks/saves.py [--rounds 5] [--record]``

``site``     this site as it is, its longest post being edited
``embed``    this generator with four notebooks, as in builds.py
``jupyter``  the same four notebooks under plain ``mkdocs serve`` with mkdocs-jupyter

Each is served, and a page of it is open in Chromium. Then files are saved, rounds interleaved: a
word of a post; a cell of a notebook, whose page is open; a label that does not exist, until the
browser says so; and its correction. Seconds run from the save until the page shows it; the median
counts. How many notebooks ran for a changed cell is read off the terminal.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

import builds
from recorded import machine, write_readme
from workbench.browser import find

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "benchmarks/saves.json"
NOTEBOOK = "docs/notebooks/shapes-dataset.py"
NAMES = {
    "site": "this site, its longest post",
    "embed": "four notebooks, this generator",
    "jupyter": "four notebooks, mkdocs-jupyter",
}
STEPS = {"word": "word", "cell": "cell", "mistake": "mistake shown", "mended": "mended"}


@dataclass
class Author:
    """Edits a site that is being served, and looks at it in a browser."""

    kind: str
    folder: Path
    address: str
    page: Page
    terminal: Path

    @property
    def post(self) -> Path:
        name = "vision-transformers" if self.kind == "site" else "four"
        return self.folder / f"docs/posts/{name}.md"

    def round(self, number: int) -> dict[str, float]:
        self.page.goto(f"{self.address}posts/{self.post.stem}.html")
        good = self.post.read_text("utf-8")
        lead = good.index("<!-- more -->")
        good = f"{good[:lead]}Saved for the {number}th time.\n\n{good[lead:]}"
        seconds = {"word": self.saved(self.post, good, f"for the {number}th time")}
        if self.kind != "jupyter":
            bad = good.replace("shapes-dataset.py#batch", "shapes-dataset.py#bacth", 1)
            seconds["mistake"] = self.saved(self.post, bad, "no cell labelled 'bacth'")
            seconds["mended"] = self.saved(self.post, good, "no cell labelled", gone=True)
        self.page.goto(f"{self.address}notebooks/shapes-dataset.html")
        notebook = self.folder / NOTEBOOK
        text = notebook.read_text("utf-8") + f"\n# %%\nprint('saved', 1000 + {number})\n"
        seconds["cell"] = self.saved(notebook, text, f"saved {1000 + number}")
        return seconds

    def saved(self, path: Path, text: str, shown: str, *, gone: bool = False) -> float:
        """Save a file, and return the seconds until the page shows some words, or no longer."""
        self.page.wait_for_load_state("load")
        time.sleep(1)  # nobody types faster
        path.write_text(text, "utf-8")
        started = time.perf_counter()
        try:
            self.page.wait_for_function(
                "([words, gone]) => document.body?.textContent.includes(words) !== gone",
                arg=[shown, gone],
                timeout=60_000,
            )
        except PlaywrightTimeoutError:
            log = self.terminal.read_text("utf-8")[-3000:]
            sys.exit(f"{self.kind}: {self.page.url} never showed {shown!r}; the terminal:\n{log}")
        return time.perf_counter() - started


@contextmanager
def authoring(kind: str, folder: Path, browser: Browser) -> Iterator[Author]:
    """Write the site `kind` into `folder` and serve it while the block lasts."""
    if kind == "site":
        listed = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
        files = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
        for name in files.splitlines():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    else:
        builds.prepare(kind, folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "mkdocs.yml").open("a", encoding="utf-8") as config:
        config.write(f"\ndev_addr: 127.0.0.1:{port}\n")
    module = "mkdocs" if kind == "jupyter" else "notebook_embed"
    environment = os.environ | {
        "PYTHONPATH": str(folder / "code"),
        "MATPLOTLIBRC": str(folder / "assets/matplotlibrc"),
        "NO_MKDOCS_2_WARNING": "1",
    }
    terminal = folder.with_suffix(".log")
    with terminal.open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", module, "serve"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        while "Serving on" not in terminal.read_text("utf-8"):
            if server.poll() is not None:
                sys.exit(f"{kind}: the server ended\n{terminal.read_text('utf-8')[-3000:]}")
            time.sleep(0.2)
        yield Author(kind, folder, f"http://127.0.0.1:{port}/", browser.new_page(), terminal)
    finally:
        server.terminate()
        server.wait(60)


def measure(rounds: int, work: Path) -> dict[str, Any]:
    seconds: dict[str, dict[str, list[float]]] = {
        kind: {step: [] for step in STEPS} for kind in NAMES
    }
    ran = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find(), args=["--no-sandbox", "--disable-gpu"]
        )
        for kind in NAMES:
            with authoring(kind, work / kind, browser) as author:
                at_start = author.terminal.read_text("utf-8").count("  done in")
                for number in range(rounds):
                    for step, taken in author.round(number).items():
                        seconds[kind][step].append(round(taken, 3))
                    print(".", end="", file=sys.stderr, flush=True)
                found = len(re.findall("  done in", author.terminal.read_text("utf-8")))
                if kind != "jupyter":
                    ran[kind] = (found - at_start) / rounds
        browser.close()
    print(file=sys.stderr)
    return {"seconds": seconds, "notebooks_run_for_a_cell": ran}


def table(record: dict[str, Any]) -> str:
    """Return a recorded run as the README shows it."""
    lines = [
        f"| seconds from a save to the browser, median | {' | '.join(STEPS.values())} |",
        "|---|" + "---|" * len(STEPS),
    ]
    for kind, name in NAMES.items():
        times = record["seconds"][kind]
        cells = [f"{statistics.median(t):.1f}" if (t := times[step]) else "–" for step in STEPS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--record", action="store_true", help="keep it, and show it in README.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        measured = measure(options.rounds, Path(work))
    command = f"python benchmarks/saves.py --rounds {options.rounds}"
    record = {"command": f"{command} --record", "machine": machine()} | measured
    print(table(record))
    print("notebooks run for a changed cell:", record["notebooks_run_for_a_cell"])
    if options.record:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        write_readme("saves", table(record))


if __name__ == "__main__":
    main()
