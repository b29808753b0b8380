"""The README's figures are those of the recorded run."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_readme_shows_the_recorded_run() -> None:
    builds = runpy.run_path(str(ROOT / "benchmarks/builds.py"))
    record = json.loads((ROOT / "benchmarks/builds.json").read_text("utf-8"))
    assert builds["table"](record) in (ROOT / "README.md").read_text("utf-8")
