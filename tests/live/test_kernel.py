"""The committed kernel is what its source says, whoever compiles it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from blog_site.vendor import COMPILER, KERNEL, compile_kernel

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm brings the compiler")
def test_the_kernel_is_compiled_from_its_source(tmp_path: Path) -> None:
    install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", COMPILER]
    subprocess.run(install, cwd=tmp_path, check=True, capture_output=True, timeout=600)
    source, committed = (ROOT / path for path in KERNEL)
    compile_kernel(source, tmp_path / "kernel.wasm", modules=tmp_path / "node_modules")
    assert (tmp_path / "kernel.wasm").read_bytes() == committed.read_bytes()
