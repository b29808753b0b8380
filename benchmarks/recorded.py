"""What recorded benchmarks share: where they ran, and their tables in the README."""

from __future__ import annotations

import os
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def machine() -> str:
    """Say on what a benchmark ran."""
    kind, cores = platform.machine(), os.cpu_count()
    return f"{kind}, {cores} cores, Python {platform.python_version()}"


def write_readme(name: str, table: str, readme: Path = ROOT / "README.md") -> None:
    """Put a table between the two comments that the README has for benchmarks/`name`.py."""
    start, end = f"<!-- {name}: made by benchmarks/{name}.py -->", f"<!-- /{name} -->"
    before, _, rest = readme.read_text("utf-8").partition(start)
    after = rest.partition(end)[2]
    readme.write_text(f"{before}{start}\n{table}\n{end}{after}", "utf-8")
