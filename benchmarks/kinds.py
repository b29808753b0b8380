"""Show the corpus of notebooks with this generator and with its peers: who shows what.

python benchmarks/kinds.py [--record]

Three sites of stock Material, each set up as its own guide says, have a page for each notebook of
``tests/notebook_embed/corpus.py``, with the outputs that are stored in it:

``ours``            the cell by its label, where it can be embedded, else the whole notebook
``mkdocs-jupyter``  the notebook as a page, ``execute: false``
``mkdocs-nbsync``   the cell by its name; it embeds no Markdown cells

Each page is opened in Chromium, which reaches no other host. What is in the page decides: every
kind has a question that says nothing of who made the page, such as "is there a picture that has
come?" (``kinds/questions.yml``). Formulas are set by one script in all three. The peers are
installed into an environment of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml
from playwright.sync_api import Browser, Page, Request, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from audit import serving  # noqa: E402
from recorded import machine, write_readme  # noqa: E402
from tests.notebook_embed.corpus import EXTENSIONS, NOTEBOOKS, write  # noqa: E402
from workbench.browser import find  # noqa: E402

HERE = ROOT / "benchmarks/kinds"
RECORD = ROOT / "benchmarks/kinds.json"
TOOLS = ROOT / ".cache/kinds"
README = ROOT / "code/notebook_embed/README.md"

NO, WORDS = "no", "its text alone"
#: What questions are put in: questions.js.
NAMES = "page, text, all, has, says, asks, pictures, picture, deep, within, looks"
#: Kinds without a question: they have nothing to show, or stand in another's row.
BESIDES = {"error-alternative", "nothing", "stderr", "vega-csv", "widget-icons"}


@dataclass(frozen=True)
class Row:
    """Notebooks that are one kind to readers; answers, each with what makes it true of a page."""

    about: str
    notebooks: tuple[str, ...]
    answers: dict[str, str]


def questions() -> dict[str, list[Row]]:
    """Read the table's sections and rows."""
    written = yaml.safe_load((HERE / "questions.yml").read_text("utf-8"))
    return {
        section: [
            Row(about, tuple(answers.pop("notebooks")), answers) for about, answers in rows.items()
        ]
        for section, rows in written.items()
    }


SCRIPTS = "extra_javascript: [katex.min.js, formulas.js]\n"
SITE = "site_name: Kinds\nuse_directory_urls: false\ntheme: {name: material, font: false}\n"
AFTER = "After *it*."


@dataclass(frozen=True)
class Peer:
    """A generator: its name and plugin, how its pages are written, how a site is built."""

    name: str
    plugin: str
    write: Callable[[Path, str], str]
    command: tuple[str, ...]


def ours(docs: Path, name: str) -> str:
    label = "#shown" if NOTEBOOKS[name].embeds else ""
    embed = f"![A sight](notebooks/{name}.ipynb{label})"
    (docs / f"{name}.md").write_text(f"# Kind\n\n{embed}\n\n{AFTER}\n")
    return f"{name}.html"


def jupyter(docs: Path, name: str) -> str:
    path = docs / f"notebooks/{name}.ipynb"
    node = nbformat.read(path, 4)
    node.cells.append(nbformat.v4.new_markdown_cell(AFTER, id="after"))
    nbformat.write(node, path)
    return f"notebooks/{name}.html"


def nbsync(docs: Path, name: str) -> str:
    path = docs / f"notebooks/{name}.ipynb"
    path.write_text(path.read_text("utf-8").replace("#| label: shown", "# #shown"), "utf-8")
    embed = f"![A sight](notebooks/{name}.ipynb){{#shown}}" if NOTEBOOKS[name].embeds else ""
    (docs / f"{name}.md").write_text(f"# Kind\n\n{embed}\n\n{AFTER}\n")
    return f"{name}.html"


def peers() -> list[Peer]:
    theirs = (str(TOOLS / "venv/bin/python"), "-m", "mkdocs", "build", "--quiet")
    embed = "notebook-embed: {execute: never, views: {spinner: notebooks/spinner.js}}"
    pages = "mkdocs-jupyter: {include: ['*.ipynb'], execute: false}"
    command = (sys.executable, "-m", "notebook_embed", "build")
    return [
        Peer("ours", embed, ours, command),
        Peer("mkdocs-jupyter", pages, jupyter, theirs),
        Peer("mkdocs-nbsync", "mkdocs-nbsync", nbsync, theirs),
    ]


def install() -> None:
    """Set up the peers' environment, once for each list of versions."""
    wanted, kept = HERE / "requirements.txt", TOOLS / "requirements.txt"
    if kept.exists() and kept.read_bytes() == wanted.read_bytes():
        return
    shutil.rmtree(TOOLS, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", TOOLS / "venv"], check=True)
    pip: list[str | Path] = [TOOLS / "venv/bin/python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", "-r", wanted], check=True)
    shutil.copy(wanted, kept)


def build(peer: Peer, root: Path) -> dict[str, str]:
    """Build a site of all notebooks; return the page of each."""
    write(root / "docs/notebooks")
    (root / "docs/index.md").write_text("# Kinds\n")
    for script in (ROOT / "code/blog_site/vendored/katex.min.js", HERE / "formulas.js"):
        shutil.copy(script, root / "docs")
    (root / "mkdocs.yml").write_text(f"{SITE}plugins:\n  - {peer.plugin}\n{EXTENSIONS}{SCRIPTS}")
    pages = {name: peer.write(root / "docs", name) for name in NOTEBOOKS}
    run = subprocess.run(
        peer.command,
        cwd=root,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    if run.returncode:
        sys.exit(f"{peer.name}: the build failed\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return pages


def answer(tab: Page, row: Row, name: str, asked: set[str]) -> str:
    """Return the first answer to a row's question that is true of the page in `tab`."""
    tab.evaluate((HERE / "questions.js").read_text("utf-8"))

    def holds(condition: str) -> bool:
        script = (
            f"(asked) => {{ const {{ {NAMES} }} = wordsOf(asked); return Boolean({condition}); }}"
        )
        return bool(tab.evaluate(script, sorted(asked)))

    best = next(iter(row.answers.values()))
    if not holds(best):
        tab.wait_for_load_state("networkidle")
    for given, condition in row.answers.items():
        if holds(condition):
            return given
    texts = [output.get("data", {}).get("text/plain") for output in NOTEBOOKS[name].outputs]
    read = tab.locator("article").inner_text()
    return WORDS if any(text and text in read for text in texts) else NO


def look(browser: Browser, origin: str, pages: dict[str, str]) -> dict[str, str]:
    """Open each page and answer its question: answers by notebook."""
    found: dict[str, str] = {}
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.add_init_script("window.alert = () => { window.alerted = true; }")
    asked: set[str] = set()

    def note(request: Request) -> None:
        if request.url.startswith("http") and not request.url.startswith(origin):
            asked.add(request.url)

    tab.on("request", note)
    for rows in questions().values():
        for row in rows:
            for name in row.notebooks:
                asked.clear()
                tab.goto(origin + pages[name])
                tab.mouse.move(100, 200)
                tab.mouse.move(110, 210)
                found[name] = answer(tab, row, name, asked)
    tab.close()
    return found


def measure(work: Path) -> dict[str, Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find(),
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        shown = {}
        for peer in peers():
            root = work / peer.name
            root.mkdir()
            pages = build(peer, root)
            with serving(root / "site") as origin:
                shown[peer.name] = look(browser, origin, pages)
            print(peer.name, file=sys.stderr, flush=True)
        browser.close()
    return {"shown": shown, "versions": (HERE / "requirements.txt").read_text().splitlines()}


def table(record: dict[str, Any]) -> str:
    """Return a recorded run as the README shows it."""
    shown = record["shown"]
    lines = [f"| | {' | '.join(shown)} |", "|---" * (len(shown) + 1) + "|"]
    for section, rows in questions().items():
        lines.append(f"| **{section}** |" + " |" * len(shown))
        for row in rows:
            cells = " | ".join(
                joined({name: of[name] for name in row.notebooks}) for of in shown.values()
            )
            lines.append(f"| {row.about} | {cells} |")
    return "\n".join(lines)


def joined(answers: dict[str, str]) -> str:
    """Return the answers of one row in a few words: one, or each with its notebooks."""
    by: dict[str, list[str]] = {}
    for name, given in answers.items():
        by.setdefault(given, []).append(name)
    if len(by) == 1:
        return next(iter(by))
    return "; ".join(f"{given}: {', '.join(names)}" for given, names in by.items())


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Show the corpus with this generator and its peers."
    )
    parser.add_argument("--record", action="store_true", help="keep it, and show it in the README")
    options = parser.parse_args()
    install()
    with tempfile.TemporaryDirectory() as work:
        record = {
            "command": "python benchmarks/kinds.py --record",
            "machine": machine(),
            **measure(Path(work)),
        }
    print(table(record))
    if options.record:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        write_readme("kinds", table(record), README)


if __name__ == "__main__":
    main()
