"""Kill builds at random moments and flip random bits, and see that nothing is ever lost.

``python benchmarks/faults.py [--kills 50] [--flips 500] [--seed 0] [--record]``

A small blog is built; then a cell and a word change, and the next build is killed (SIGKILL) at a
moment drawn evenly over its length. While it runs, every file of the published site is read over
and over: each must be there, whole, in its old or its new version. Then the blog is built again:
the result must equal that of a build that nobody disturbed, to the byte.

Flips: a random bit of a random cache entry, or of the flagship's checkpoint; reading must notice.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from notebook_embed.cache import Cache, Key
from notebook_embed.progress import log
from recorded import write_readme
from shapes_of_attention.training.checkpoint import CheckpointError, read_tensors
from workbench.small_blog import Project, make_project, run_generator

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "benchmarks/faults.json"
CHECKPOINT = ROOT / "assets/checkpoints/flagship.safetensors"


@dataclass
class Kill:
    """What came of one kill: at which share of a build, and the state that it left."""

    moment: float
    published: str  # "old", "new", or what was wrong
    torn: int  # readings of a published file that were neither its old nor its new version
    readings: int
    rebuilt: bool  # the next build equals an undisturbed one

    @property
    def harmless(self) -> bool:
        return self.published in ("old", "new") and not self.torn and self.rebuilt


class Killing:
    """A blog in two versions, and builds of the second that are killed on the way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before = make_project(folder / "before")
        self.before.build().succeeded()
        self.old = self.before.tree("site")
        after = make_project(folder / "after")
        _change(after)
        after.build().succeeded()
        self.new = after.tree("site")
        timed = self._copy("timed")
        started = time.perf_counter()
        run_generator(["build"], timed.root, timed.environment()).succeeded()
        self.seconds = time.perf_counter() - started
        assert timed.tree("site") == self.new != self.old

    def kill_at(self, moment: float) -> Kill:
        """Build the second version over the first, kill it, look, and build again."""
        project = self._copy("killed")
        with _reading(project, self.old, self.new) as seen:
            build = subprocess.Popen(
                project.command(),
                cwd=project.root,
                env=project.environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            time.sleep(moment * self.seconds)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(build.pid, signal.SIGKILL)
            build.wait()
        site = project.tree("site")
        published = {_key(self.old): "old", _key(self.new): "new"}.get(_key(site), "damaged")
        again = project.build()
        rebuilt = again.code == 0 and project.tree("site") == self.new
        return Kill(round(moment, 4), published, seen["torn"], seen["all"], rebuilt)

    def _copy(self, name: str) -> Project:
        root = self.folder / name
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.before.root, root)
        project = Project(root)
        _change(project)
        return project


def _change(project: Project) -> None:
    project.change("docs/notebooks/numbers.py", "arange(5)", "arange(7)")
    project.change("docs/posts/circles.md", "The mean is", "On average it is")


def _key(tree: dict[str, str]) -> str:
    return json.dumps(tree, sort_keys=True)


@contextlib.contextmanager
def _reading(
    project: Project, old: dict[str, str], new: dict[str, str]
) -> Iterator[dict[str, int]]:
    """Read what is published, again and again, while the block lasts."""
    seen, stop = {"all": 0, "torn": 0}, threading.Event()
    lasting = sorted(old.keys() & new.keys())

    def read() -> None:
        while True:  # once at least, however soon the block ends
            for name in lasting:
                try:
                    content = (project.root / "site" / name).read_bytes()
                    digest = hashlib.sha256(content).hexdigest()
                except OSError:
                    digest = "missing"
                seen["all"] += 1
                seen["torn"] += digest not in (old[name], new[name])
            if stop.wait(0.05):
                return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        stop.set()
        reader.join()


def flips_unnoticed_in_cache(count: int, chance: random.Random, folder: Path) -> int:
    """Flip a random bit of a cache entry `count` times; count those that reading did not notice."""
    level = log.level
    log.setLevel("ERROR")  # each finding would be reported
    try:
        return _unnoticed_in_cache(count, chance, folder)
    finally:
        log.setLevel(level)


def _unnoticed_in_cache(count: int, chance: random.Random, folder: Path) -> int:
    cache, key = Cache(folder / "cache"), Key("notebooks/a.py", {"code cells": "0" * 64})
    executed = json.dumps({"cells": [{"source": "x" * 400}] * 40})
    unnoticed = 0
    for _ in range(count):
        cache.store(key, executed)
        (entry,) = cache.folder.glob("*.executed")
        _flip(entry, chance)
        unnoticed += cache.load(key) is not None
    return unnoticed


def flips_unnoticed_in_checkpoint(count: int, chance: random.Random, folder: Path) -> int:
    """Flip a random bit of the flagship's checkpoint `count` times; count those not noticed."""
    copy, unnoticed = folder / "model.safetensors", 0
    for _ in range(count):
        shutil.copyfile(CHECKPOINT, copy)
        _flip(copy, chance)
        try:
            read_tensors(copy)
        except CheckpointError:
            continue
        unnoticed += 1
    return unnoticed


def _flip(path: Path, chance: random.Random) -> None:
    place, bit = chance.randrange(path.stat().st_size), chance.randrange(8)
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))


def table(record: dict[str, Any]) -> str:
    """Return a recorded run as the README shows it."""
    each, unnoticed = record["flips"]["each"], record["flips"]["unnoticed"]
    return "\n".join(
        [
            "| fault | tried | harmful |",
            "|---|---|---|",
            f"| build killed at a random moment | {record['kills']} "
            f"| {record['kills'] - record['harmless']} |",
            f"| published file read meanwhile | {record['readings']:,} | {record['torn']} |",
            f"| bit flipped in a cache entry | {each} | {unnoticed['cache']} |",
            f"| bit flipped in a checkpoint | {each} | {unnoticed['checkpoint']} |",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as name:
        killing = Killing(Path(name))
        print(f"a build of the changed blog takes {killing.seconds:.1f} s", flush=True)
        kills = []
        for number in range(chosen.kills):
            kills.append(killing.kill_at(chance.random()))
            print(f"{number + 1}/{chosen.kills}", kills[-1], flush=True)
        cache = flips_unnoticed_in_cache(chosen.flips, chance, Path(name))
        checkpoint = flips_unnoticed_in_checkpoint(chosen.flips, chance, Path(name))
    result = {
        "command": " ".join(["python", *sys.argv]),
        "seed": chosen.seed,
        "build_seconds": round(killing.seconds, 2),
        "kills": len(kills),
        "harmless": sum(kill.harmless for kill in kills),
        "readings": sum(kill.readings for kill in kills),
        "torn": sum(kill.torn for kill in kills),
        "flips": {"each": chosen.flips, "unnoticed": {"cache": cache, "checkpoint": checkpoint}},
        "each": [asdict(kill) for kill in kills],
    }
    print(json.dumps({k: v for k, v in result.items() if k != "each"}, indent=1))
    if chosen.record:
        RECORD.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        write_readme("faults", table(result))
    failed = result["harmless"] != len(kills) or cache or checkpoint
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
