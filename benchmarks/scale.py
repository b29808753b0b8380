"""Does a build grow linearly with the blog? Time and memory at 250, 500 and 1,000 posts.

``python benchmarks/scale.py [--posts 250 500 1000] [--record]``

A generated blog: a notebook for every ten posts, three embeds in each post (a figure, a value,
code). Its notebooks run once; then warm builds are timed, and beside each one the same blog without
the embeds, its notebooks' pages still there. Seconds are of processor time, so that other work on
the machine does not count. The exponent is fitted to seconds against posts: 1 is linear. Memory is
the most that the building process held; from it comes the memory that each further post costs.
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
from pathlib import Path
from typing import Any

import numpy as np

from recorded import write_readme
from workbench.small_blog import MKDOCS, make_project

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "benchmarks/scale.json"
EMBED = re.compile(r"!\[[^\]]*\]\([^)]*\.py[^)]*\)(\{[^}]*\})?")
WORDS = "attention looks where the weights are and finds keys that match it".split()  # noqa: SIM905
NOTEBOOK = """\
# %% [markdown]
# # Notebook {number}

# %%
#| label: value
{number} * 7

# %%
#| label: figure
from IPython.display import SVG
bar = '<rect width="30" height="20" fill="#21242b"/>'
SVG(f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="20">{{bar}}</svg>')

# %%
#| label: code
total = sum(range({number}))
"""
POST = """\
---
title: Post {number}
date: 2026-01-{day:02d}
slug: post-{number}
---

{text}

<!-- more -->

## Value

It is ![](../notebooks/n{notebook}.py#value). {text}

## Figure

![A dark bar](../notebooks/n{notebook}.py#figure "A *bar*.")

{text}

## Code

![](../notebooks/n{notebook}.py#code){{ .source-only }}

{text}
"""


def make_blog(root: Path, posts: int) -> None:
    """Write a blog with `posts` posts."""
    chance = np.random.default_rng(0)
    project = make_project(root, {"mkdocs.yml": MKDOCS, "docs/index.md": "# Trial\n"})
    project.write("requirements.txt", "mkdocs==1.6.1\n")
    project.write("style.txt", "plain\n")
    project.write("code/shapes/__init__.py", "")
    notebooks = max(1, posts // 10)
    for number in range(notebooks):
        text = NOTEBOOK.format(number=number, wide=40 + number)
        project.write(f"docs/notebooks/n{number}.py", text)
    for number in range(posts):
        text = "\n\n".join(" ".join(chance.choice(WORDS, 90)) + "." for _ in range(2))
        post = POST.format(
            number=number, day=number % 28 + 1, notebook=number % notebooks, text=text
        )
        project.write(f"docs/posts/post-{number}.md", post)


def take_embeds_out(root: Path) -> None:
    for post in (root / "docs/posts").glob("*.md"):
        post.write_text(EMBED.sub("", post.read_text("utf-8")), "utf-8")


def build(root: Path) -> tuple[float, float]:
    """Build, and return the processor seconds that it took and the MB that it held at most."""
    code = (
        "import resource, runpy, sys; sys.argv = ['build', 'build'];"
        "\ntry: runpy.run_module('notebook_embed', run_name='__main__')"
        "\nfinally: r = resource.getrusage(resource.RUSAGE_SELF);"
        " print('USED', r.ru_utime + r.ru_stime, r.ru_maxrss)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1767312000", "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    used = re.search(r"USED (\S+) (\d+)", run.stdout)
    if run.returncode or not used:
        raise SystemExit(run.stdout[-2000:] + run.stderr[-4000:])
    return float(used.group(1)), int(used.group(2)) / 1024


def measure(posts: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        embeds, without = Path(folder) / "embeds", Path(folder) / "without"
        make_blog(embeds, posts)
        build(embeds)  # the notebooks run
        shutil.copytree(embeds, without)
        take_embeds_out(without)
        build(without)
        times: dict[str, list[tuple[float, float]]] = {"embeds": [], "without": []}
        for _ in range(rounds):
            for name, root in (("embeds", embeds), ("without", without)):
                times[name].append(build(root))
    median = {n: statistics.median(seconds for seconds, _ in t) for n, t in times.items()}
    return {
        "posts": posts,
        "notebooks": max(1, posts // 10),
        "embeds": 3 * posts,
        "seconds": round(median["embeds"], 2),
        "seconds_without": round(median["without"], 2),
        "ratio": round(median["embeds"] / median["without"], 3),
        "peak_mb": round(max(peak for _, peak in times["embeds"])),
    }


def table(record: dict[str, Any]) -> str:
    """Return a recorded run as the README shows it."""
    lines = [
        "| posts | notebooks | embeds | seconds | without the embeds | ratio | MB at most |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        lines.append(
            f"| {row['posts']:,} | {row['notebooks']} | {row['embeds']:,} | {row['seconds']:.1f} "
            f"| {row['seconds_without']:.1f} | {row['ratio']:.2f} | {row['peak_mb']} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            f"Seconds grow as the number of posts to the power of {record['exponent']:.2f}; a "
            f"further post costs {record['mb_per_post']:.2f} MB.",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    chosen = parser.parse_args()
    rows = []
    for posts in chosen.posts:
        rows.append(measure(posts, chosen.rounds))
        print(json.dumps(rows[-1]), flush=True)
    sizes = np.log([row["posts"] for row in rows])
    slope = np.polyfit(sizes, np.log([row["seconds"] for row in rows]), 1)[0]
    grown = (rows[-1]["peak_mb"] - rows[0]["peak_mb"]) / (rows[-1]["posts"] - rows[0]["posts"])
    result = {
        "command": " ".join(["python", *sys.argv]),
        "exponent": round(float(slope), 3),
        "mb_per_post": round(grown, 3),
        "rows": rows,
    }
    print(json.dumps({k: v for k, v in result.items() if k != "rows"}, indent=1))
    if chosen.record:
        RECORD.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        write_readme("scale", table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
