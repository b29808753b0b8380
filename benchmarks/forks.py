"""Run all notebooks of this site in kernels that are forked, and in kernels that start anew.

``python benchmarks/forks.py [NAME ...]``

A copy of this site is made, and its notebooks (or those of these names) run twice, whatever any
cache holds: with ``forks: true`` and without. What they put out must be the same to the byte. Both
runs are timed, in seconds of the clock.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import nbformat
from mkdocs.config import load_config

from notebook_embed.library import Library
from notebook_embed.options import Options
from notebook_embed.prepare import kernel_settings
from notebook_embed.runner import execute_all
from walk import copied_site


def outputs(root: Path, names: list[str], *, forks: bool) -> dict[str, str]:
    """Run notebooks of the site in `root`; return each as JSON, with what it put out."""
    config = root / "mkdocs.yml"
    options = Options.read(
        dict(load_config(str(config)).plugins["notebook-embed"].config), str(config)
    )
    notebooks = {
        uri: notebook
        for uri, notebook in Library.read(root / "docs", options.notebooks).notebooks.items()
        if not names or Path(uri).stem in names
    }
    settings = replace(
        kernel_settings(root, options, fresh=True), cache=root / ".cache/forks", forks=forks
    )
    started = time.perf_counter()
    done = execute_all(notebooks, settings)
    seconds = time.perf_counter() - started
    print(f"{len(done)} notebooks, {'forked' if forks else 'anew'}: {seconds:.1f} s", flush=True)
    return {uri: str(nbformat.writes(executed.node)) for uri, executed in done.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="notebooks, without folder and ending; else all")
    chosen = parser.parse_args()
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "blog"
        copied_site(root)
        os.chdir(root)
        forked = outputs(root, chosen.names, forks=True)
        anew = outputs(root, chosen.names, forks=False)
        os.chdir("/")
    differing = sorted(uri for uri in forked if forked[uri] != anew[uri])
    print("different:", ", ".join(differing) or "none")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
