"""The committed kernels are what their source says, whoever compiles it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from blog_site.vendor import COMPILER, KERNELS, compile_kernels

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm brings the compiler")
def test_the_kernels_are_compiled_from_their_source(tmp_path: Path) -> None:
    install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", COMPILER]
    subprocess.run(install, cwd=tmp_path, check=True, capture_output=True, timeout=600)
    compile_kernels(tmp_path, modules=tmp_path / "node_modules")
    for kernel in KERNELS:
        assert (tmp_path / kernel).read_bytes() == (ROOT / kernel).read_bytes()
