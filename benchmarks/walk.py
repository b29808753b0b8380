"""Edit this site two hundred times while it is served, and see that no page is ever stale.

``python benchmarks/walk.py [--edits 200] [--every 1] [--saves 500] [--seed 0] [--record]``

Either part can be run without the other, with ``--saves 0`` or ``--edits 0``, and side by side.

A copy of this site is built as ``serve`` builds it, over and over in one process. Edits are drawn
by chance in all posts and pages: words, headings, embeds, code, front matter, files that come, go
and get another name, mistakes and what mends them; in one of five the next save interrupts the
build behind the page. After each, a process that has built nothing before builds the whole site as
a server that starts now would. Then

- a page that was shown first must be the one of the whole build, to the byte;
- the served site must be the fresh one, file for file, and tell the same mistake; where a mistake
  stops the build, all but the page shown first must be as it was;
- no kernel may be left, and of what they are forked from no more than stays by design.

Then a word is saved in a post, again and again; memory and the number of objects that Python keeps
are read every ten saves.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from recorded import machine, write_readme
from workbench.author import Author, authoring
from workbench.edits import Edits

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "benchmarks/walk.json"
#: Notebooks whose code is edited: they run within seconds.
RUN = ["attention-by-hand", "authoring-examples", "cache-calculator", "generator-options"]
#: What a process loads before it forks into fresh builds.
LOADED = ["workbench.author", "mkdocs_jupyter.plugin", "material.plugins.blog.plugin", "griffe"]
#: What stays for the notebook that was edited last: a first process, and the one with its imports.
ORIGINS = 2
WARM_UP = 100  # saves until memory is read for the first time

Tree = dict[str, str]
Fresh = Callable[[str, str], str]


@dataclass
class Walk:
    """What came of the edits, by kind; `faults` tells what was wrong, if anything."""

    edits: Counter[str] = field(default_factory=Counter)
    first: int = 0  # pages shown before the rest
    same: int = 0  # of these, what the whole build made again to the byte
    interrupted: int = 0
    mistakes: int = 0
    faults: list[str] = field(default_factory=list)


def copied_site(root: Path) -> None:
    """Copy this site to `root`, with what its builds keep."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
    files = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    for name in files.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("tests/", "benchmarks/")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    for kept in (".cache", ".notebook-cache"):
        if (ROOT / kept).is_dir():
            shutil.copytree(ROOT / kept, root / kept, ignore=shutil.ignore_patterns("peers"))


def fresh_build(root: str, folder: str) -> str:
    """Build as a server that starts now; return what it tells to be wrong."""
    with authoring(Path(root), Path(folder)) as author:
        return author.told


def tree(site: Path) -> Tree:
    return {
        path.relative_to(site).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(site.rglob("*"))
        if path.is_file()
    }


def differing(one: Tree, other: Tree) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def processes(mark: Path) -> tuple[list[int], list[int]]:
    """Find the kernels that run, and the processes that kernels are forked from.

    They have the folder `mark` for their temporary files. A forked kernel looks like what it was
    forked from, but leads a session of its own.
    """
    commands: dict[int, bytes] = {}
    above: dict[int, tuple[int, int]] = {}  # the process, and its session's
    for process in Path("/proc").glob("[0-9]*"):
        try:
            given = (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes()
            stat = (process / "stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended, or is not ours
        if f"TMPDIR={mark}".encode() in given:
            commands[int(process.name)] = command
            above[int(process.name)] = int(stat[1]), int(stat[3])
    kernels, origins = [], []
    for number, command in commands.items():
        parent, session = above[number]
        forked = session == number and b"zygote" in commands.get(parent, b"")
        if b"ipykernel" in command or forked:
            kernels.append(number)
        elif b"zygote" in command:
            origins.append(number)
    return kernels, origins


class Walker:
    """Goes on from edit to edit, and looks at what is served after each."""

    def __init__(
        self, author: Author, work: Path, chance: random.Random, fresh: Fresh, every: int
    ) -> None:
        self.author, self.work, self.chance = author, work, chance
        self.fresh, self.every = fresh, every
        self.edits = Edits(author.root, chance, [f"docs/notebooks/{name}.py" for name in RUN])
        self.walk = Walk()
        self.at_first = b""
        author.server.meanwhile = self._look_at_first

    def _look_at_first(self) -> None:
        site = self.author.builds.site
        self.at_first = (site / self.author.news[-1]).read_bytes()

    def step(self) -> None:
        author, walk = self.author, self.walk
        kind, changes = self.edits.draw()
        undo, before = self.edits.undoing(changes), tree(author.builds.site)
        walk.edits[kind] += 1
        author.write(changes)
        author.server._want_rebuild = self.chance.random() < 0.2
        news = author.look()
        if _pages(news) and news[-1] not in ("same", "other"):
            walk.interrupted += 1
        if author.server._want_rebuild:  # the next save comes; here it is a look at the same
            author.server._want_rebuild = False
            os.utime(author.root / "docs/index.md")
            news += author.look()
        self._compare(kind, sorted(changes), news, before)
        if author.told:
            walk.mistakes += 1
            if kind != "mended" or not self.edits.broken:
                self.edits.broken.append(undo)

    def _compare(self, kind: str, names: list[str], news: list[str], before: Tree) -> None:
        author, walk = self.author, self.walk

        def fault(what: str) -> None:
            walk.faults.append(f"edit {self.edits.number}, {kind} {names}: {what}")
            print(walk.faults[-1], flush=True)

        site = author.builds.site
        shown = _pages(news)
        walk.first += len(shown)
        if news and news[-1] in ("same", "other"):  # the latter also where no mistake is told now
            same = (site / shown[-1]).read_bytes() == self.at_first
            walk.same += same
            if not same:
                fault(f"{shown[-1]} was corrected")
        folder = self.work / "fresh"
        left, origins = processes(self.work)
        if left:
            fault(f"kernels are left: {left}")
        if len(origins) > ORIGINS:
            fault(f"processes that kernels are forked from are left: {origins}")
        if self.edits.number % self.every:
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        told = self.fresh(str(author.root), str(folder))
        now, anew = tree(site), tree(folder / "site")
        if len(anew) <= 1:  # nothing is published
            if odd := [name for name in differing(now, before) if name not in shown]:
                fault(f"a mistake has changed {odd}")
        elif odd := differing(now, anew):
            fault(f"stale: {odd}")
            self._keep(odd, folder)
        if told != author.told:
            fault(f"told {author.told!r} instead of {told!r}")

    def _keep(self, names: list[str], folder: Path) -> None:
        """Keep what differs, for whoever looks into it."""
        for name in names:
            for kind, top in (("served", self.author.builds.site), ("fresh", folder / "site")):
                if (top / name).is_file():
                    to = self.work / "odd" / str(self.edits.number) / kind / name
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(top / name, to)


def _pages(news: list[str]) -> list[str]:
    """Return the pages that were shown before the rest."""
    return [url for url in news if url not in ("whole", "aside", "same", "other")]


def saves(author: Author, count: int) -> list[dict[str, int]]:
    """Save a word `count` times, in turn in all posts; return what the process holds meanwhile."""
    author.server.meanwhile = lambda: None
    posts = sorted((author.root / "docs/posts").glob("*.md"))
    good = {post: post.read_text("utf-8") for post in posts}
    held = []
    for number in range(1, count + 1):
        post = posts[number % len(posts)]
        before, mark, rest = good[post].partition("<!-- more -->")
        post.write_text(f"{before}Saved for the {number}th time.\n\n{mark}{rest}", "utf-8")
        author.look()
        if number % 10 == 0 and number >= WARM_UP:
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
            megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
            objects = len(gc.get_objects())
            held.append({"saves": number, "mb": round(megabytes), "objects": objects})
            print(held[-1], flush=True)
    return held


def table(record: dict[str, Any]) -> str:
    """Return a recorded run as the README shows it."""
    rows = ["| while the site is served | |", "|---|---|"]
    if (walk := record.get("walk")) is not None:
        rows += [
            f"| edits of {len(walk['edits'])} kinds | {sum(walk['edits'].values())} |",
            f"| pages shown before the rest; interrupted by the next save; else the same after it "
            f"| {walk['first']}; {walk['interrupted']}; {walk['same']} |",
            f"| mistakes, told and mended | {walk['mistakes']} |",
            f"| stale pages, other faults | {len(walk['faults'])} |",
        ]
    if "saves" in record:
        held = record["saves"]["held"]
        rows.append(
            f"| memory after {held[0]['saves']} and after {held[-1]['saves']} saves "
            f"| {held[0]['mb']} and {held[-1]['mb']} MB |"
        )
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument(
        "--every", type=int, default=1, help="edits from one fresh build to the next"
    )
    parser.add_argument("--saves", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    chosen = parser.parse_args()
    os.environ |= {"SOURCE_DATE_EPOCH": "1767312000", "NO_MKDOCS_2_WARNING": "1"}
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        work = chosen.keep or Path(name)
        os.environ["TMPDIR"] = str(work)  # kernels have it, too
        root = work / "blog"
        copied_site(root)
        (work / "served").mkdir()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LOADED)
        with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:

            def fresh(root: str, folder: str) -> str:
                return pool.submit(fresh_build, root, folder).result()

            with authoring(root, work / "served") as author:
                if author.told:
                    sys.exit(f"the site does not build as it is: {author.told}")
                chance = random.Random(chosen.seed)
                walker = Walker(author, work, chance, fresh, chosen.every)
                for _ in range(chosen.edits):
                    walker.step()
                    minutes = (time.monotonic() - started) / 60
                    print(f"{walker.edits.number} edits, {minutes:.1f} minutes", flush=True)
                while walker.edits.broken:
                    author.write(walker.edits.broken.pop())
                author.look()
                held = saves(author, chosen.saves) if chosen.saves else []
    walk = vars(walker.walk)
    how = {
        "command": " ".join(["python", *sys.argv]),
        "machine": machine(),
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    result = {"walk": how | walk} if chosen.edits else {}
    if chosen.saves:
        result["saves"] = how | {"held": held}
    print(json.dumps(result, indent=1))
    if chosen.record:
        last = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
        record = last | result
        RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        write_readme("walk", table(record))
    return bool(walk["faults"])


if __name__ == "__main__":
    sys.exit(main())
