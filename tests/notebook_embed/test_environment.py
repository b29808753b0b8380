"""Which pinned distributions a notebook depends on: requirements are read as pip reads them."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from notebook_embed.environment import concerned_distributions

NUMPY = version("numpy")


def found(tmp_path: Path, text: str, module: str = "numpy") -> dict[str, str]:
    (tmp_path / "requirements.txt").write_text(text, "utf-8")
    return concerned_distributions([module], tmp_path / "requirements.txt")


@pytest.mark.parametrize(
    ("written", "pin"),
    [
        ("numpy==1.0", "numpy==1.0"),
        ("NumPy == 1.0  # arrays", "NumPy == 1.0"),
        ("\ufeffnumpy>=1,<3\r\n", "numpy>=1,<3"),
        ("numpy[extra]~=1.0", "numpy[extra]~=1.0"),
        ("numpy===1.0+local.1", "numpy===1.0+local.1"),
        ("numpy", "numpy"),
        ("numpy==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb", "numpy==1.0"),
        (
            "numpy @ https://example.org/n.whl#sha256=aa",
            "numpy @ https://example.org/n.whl#sha256=aa",
        ),
        ("numpy==1.0; python_version >= '3'", "numpy==1.0; python_version >= '3'"),
        ("numpy==1.0; python_version < '3'", ""),
        (
            "numpy==1.0; python_version < '3'\nnumpy==2.0; python_version >= '3'",
            "numpy==2.0; python_version >= '3'",
        ),
        (
            "numpy==2.0; python_version >= '3'\nnumpy==1.0; python_version < '3'",
            "numpy==2.0; python_version >= '3'",
        ),
        ("numpy==1.0; extra == 'plots'", ""),
        ("# numpy==1.0", ""),
        ("--index-url https://example.org\n-e .\n./numpy-1.0.whl\n", ""),
        ("numpy-stubs==1.0", ""),
    ],
)
def test_a_pin_counts_where_it_holds(tmp_path: Path, written: str, pin: str) -> None:
    assert found(tmp_path, written)["numpy"] == f"{NUMPY} {pin}".strip()


@pytest.mark.parametrize(
    "option", ["-r ", "-r", "--requirement ", "--requirement=", "-c ", "--constraint "]
)
def test_a_file_that_requirements_include_counts(tmp_path: Path, option: str) -> None:
    (tmp_path / "more").mkdir()
    more = tmp_path / "more/more.txt"
    more.write_text("numpy==1.0\n-r ../requirements.txt\n", "utf-8")  # and back again
    text = f"einops==1.0\n{option}more/more.txt  # the rest\n"
    assert found(tmp_path, text)["numpy"] == f"{NUMPY} numpy==1.0"
    more.write_text("numpy==1.1\n", "utf-8")
    os.utime(more, ns=(1, 1))
    assert found(tmp_path, text)["numpy"] == f"{NUMPY} numpy==1.1"
    assert found(tmp_path, f"numpy==2.0\n{text}")["numpy"] == f"{NUMPY} numpy==2.0"


def test_what_a_distribution_needs_on_another_system_does_not_count(tmp_path: Path) -> None:
    needed = found(tmp_path, "", module="ipykernel")
    assert {"ipykernel", "ipython", "pygments"} <= needed.keys()
    assert ("colorama" in needed) == (sys.platform == "win32")  # IPython's, for Windows alone


def test_a_missing_requirements_file_pins_nothing(tmp_path: Path) -> None:
    assert concerned_distributions(["numpy"], tmp_path / "none.txt")["numpy"] == NUMPY
