"""Time builds of this site beside two others of the same content, in one run on one machine.

``python benchmarks/builds.py [--rounds 3] [--whole-rounds 1] [--record]``

The content: this site's theme and pages, its dataset notebook four times over, and a post that
embeds figures and values of all four.

``embed``     this project: notebooks run in parallel, outputs embedded, a page for each notebook
``jupyter``   plain mkdocs-jupyter with ``execute: true`` on the same notebooks; nothing is embedded
``pages``     the same site with the embeds taken out; mkdocs-jupyter shows the notebooks unexecuted
``bare``      the same site with embeds, notebooks and their plugins taken out

So is this site as it is, with all its posts and notebooks:

``whole``        as it is
``whole-anew``   with kernels that start anew, as they did before they could be forked
``whole-pages``  with the embeds taken out; mkdocs-jupyter shows the notebooks unexecuted

Each is built cold (no cache) and warm (nothing changed), the former also after a one-word edit of
the post. Rounds interleave the sites, so that a busy moment of the machine does not fall on one of
them; the median over rounds counts, and only ratios are worth comparing between machines.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from recorded import machine, write_readme

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "benchmarks/builds.json"
NOTEBOOKS = 4
SITES = ("embed", "jupyter", "pages", "bare")
STAGES = ("cold", "warm", "edit")
WHOLE = ("whole", "whole-anew", "whole-pages")
EMBED = re.compile(r"^ *!\[[^\n]*\]\([^\n]*\.py[^\n]*$|!\[\]\([^)]*\.py[^)]*\)|^::: .*$", re.M)
# A link to a notebook, or to a figure, be it of the same page or another.
LINK = re.compile(r"\[([^\]]*)\]\((?:[^)]*\.py[^)]*|\?[^)]*|[^)]*#[^)]*)\)")
POST = """\
---
title: Four notebooks
date: 2026-11-24
slug: four
description: One post, four notebooks.
---

Lead with a word.

<!-- more -->
"""


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml without asking the environment."""


_Loader.add_constructor("!ENV", lambda loader, node: "http://127.0.0.1:8000/")


def prepare(kind: str, folder: Path) -> None:
    """Write the site `kind` into `folder`."""
    config: dict[str, Any] = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), _Loader)
    plugins = {name: item for item in config["plugins"] for name in (_name(item),)}
    weights = plugins["blog-site"]["blog-site"]["live"].values()
    wanted = ("docs/", "code/", "assets/theme/", "assets/matplotlibrc", "require", *weights)
    if kind in WHOLE:
        wanted = ("docs/", "code/", "assets/", "require", "mkdocs.yml", "README.md", "Makefile")
    listed = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split():
        if name.startswith(wanted):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    if kind not in WHOLE:
        _write_four(folder)
    if kind == "whole-anew":
        plugins["notebook-embed"]["notebook-embed"]["forks"] = False
    if kind not in ("embed", "whole", "whole-anew"):
        del plugins["notebook-embed"]
        plugins["mkdocs-jupyter"] = {
            "mkdocs-jupyter": {"execute": kind == "jupyter", "include": ["*.py"], "cache": True}
        }
        for page in (folder / "docs").rglob("*.md"):
            _without_embeds(page)
        config["strict"] = False
    if kind == "bare":
        del plugins["mkdocs-jupyter"]
        shutil.rmtree(folder / "docs/notebooks")
    config["plugins"] = list(plugins.values())
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")


def _write_four(folder: Path) -> None:
    """Put four copies of one notebook into the place of all, and a post that embeds them."""
    notebooks = folder / "docs/notebooks"
    source = (notebooks / "shapes-dataset.py").read_text("utf-8")
    shutil.rmtree(notebooks)
    notebooks.mkdir()
    names = ["shapes-dataset", *(f"copy-{number}" for number in range(2, NOTEBOOKS + 1))]
    post = POST
    for number, name in enumerate(names):
        # A changed line each, so that no cache takes two of them for one.
        (notebooks / f"{name}.py").write_text(f"{source}\n# %%\ncopy = {number}\n", "utf-8")
        at = f"../notebooks/{name}.py"
        post += (
            f"\nNumber ![]({at}#shapes-per-image.mean).\n\n"
            f"![Images]({at}#batch)\n\n![]({at}#truth)\n"
        )
    # Only these four are embedded: other pages keep their text alone.
    for page in (folder / "docs").rglob("*.md"):
        _without_embeds(page)
    (folder / "docs/posts/four.md").write_text(post, "utf-8")


def _without_embeds(page: Path) -> None:
    text = page.read_text("utf-8")
    page.write_text(LINK.sub(r"\1", EMBED.sub("", text)), "utf-8")


def _name(item: str | dict[str, Any]) -> str:
    return item if isinstance(item, str) else next(iter(item))


def build(kind: str, folder: Path) -> float:
    """Build a site and return the seconds it took."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    if kind in ("embed", "whole", "whole-anew"):
        command = [sys.executable, "-m", "notebook_embed", "build"]
    environment = os.environ | {
        "PYTHONPATH": str(folder / "code"),
        "MATPLOTLIBRC": str(folder / "assets/matplotlibrc"),
        "NO_MKDOCS_2_WARNING": "1",
        "SOURCE_DATE_EPOCH": "1767312000",
    }
    start = time.perf_counter()
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if run.returncode:
        sys.exit(f"{kind}: the build failed\n{run.stdout}{run.stderr}")
    return seconds


def measure(rounds: int, work: Path) -> dict[str, dict[str, list[float]]]:
    times: dict[str, dict[str, list[float]]] = {
        kind: {"cold": [], "warm": [], "edit": []} for kind in SITES
    }
    for number in range(rounds):
        for kind in SITES:
            folder = work / f"{kind}-{number}"
            prepare(kind, folder)
            times[kind]["cold"].append(build(kind, folder))
        for kind in SITES:
            folder = work / f"{kind}-{number}"
            times[kind]["warm"].append(build(kind, folder))
            post = folder / "docs/posts/four.md"
            post.write_text(post.read_text("utf-8").replace("a word", "another word"), "utf-8")
            times[kind]["edit"].append(build(kind, folder))
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return times


def measure_whole(rounds: int, work: Path) -> dict[str, dict[str, list[float]]]:
    times: dict[str, dict[str, list[float]]] = {kind: {"cold": [], "warm": []} for kind in WHOLE}
    for number in range(rounds):
        for stage in ("cold", "warm"):
            for kind in WHOLE:
                folder = work / f"{kind}-{number}"
                if stage == "cold":
                    prepare(kind, folder)
                times[kind][stage].append(build(kind, folder))
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return times


Times = dict[str, dict[str, list[float]]]


def medians(times: Times) -> dict[str, dict[str, float]]:
    return {
        kind: {stage: statistics.median(values) for stage, values in stages.items()}
        for kind, stages in times.items()
    }


def ratios(times: Times) -> dict[str, float]:
    """Return the ratios of interest, which alone can be compared between machines, by name."""
    median = medians(times)
    pairs = [
        ("cold", "embed", "jupyter"),
        ("warm", "embed", "pages"),
        ("warm", "embed", "bare"),
        ("edit", "embed", "pages"),
        ("edit", "embed", "jupyter"),
        ("cold", "whole", "whole-anew"),
        ("warm", "whole", "whole-pages"),
    ]
    return {
        f"{stage}, {one} / {other}": median[one][stage] / median[other][stage]
        for stage, one, other in pairs
        if one in median
    }


def table(record: dict[str, Any]) -> str:
    """Return a recorded run as the README shows it."""
    names = {
        "embed": "this generator, outputs embedded",
        "jupyter": "plain mkdocs-jupyter, `execute: true`, nothing embedded",
        "pages": "this site with the embeds taken out, notebook pages unexecuted",
        "bare": "this site without embeds, notebooks and their plugins",
    }
    lines = ["| seconds, median | cold | warm | one word changed |", "|---|---|---|---|"]
    names |= {
        "whole": "this site as it is, all its notebooks",
        "whole-anew": "the same, kernels that start anew",
        "whole-pages": "the same with the embeds taken out, notebook pages unexecuted",
    }
    for kind, values in medians(record["seconds"]).items():
        cells = [f"{values[stage]:.1f}" if stage in values else "–" for stage in STAGES]
        lines.append(f"| {names[kind]} (`{kind}`) | {' | '.join(cells)} |")
    lines += ["", "| ratio | measured |", "|---|---|"]
    lines += [f"| {name} | {ratio:.2f} |" for name, ratio in ratios(record["seconds"]).items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole-rounds", type=int, default=1)
    parser.add_argument("--record", action="store_true", help="keep it, and show it in README.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        times = measure(options.rounds, Path(work))
        if options.whole_rounds:
            times |= measure_whole(options.whole_rounds, Path(work))
    print(f"{'seconds (median)':18}" + "".join(f"{stage:>9}" for stage in STAGES))
    for kind, values in medians(times).items():
        print(f"{kind:18}" + "".join(f"{value:9.2f}" for value in values.values()))
    print()
    for name, ratio in ratios(times).items():
        print(f"{name:48}{ratio:6.2f}")
    if options.record:
        record = {
            "command": f"python benchmarks/builds.py --rounds {options.rounds} "
            f"--whole-rounds {options.whole_rounds} --record",
            "machine": machine(),
            "seconds": times,
        }
        RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        write_readme("builds", table(record))


if __name__ == "__main__":
    main()
