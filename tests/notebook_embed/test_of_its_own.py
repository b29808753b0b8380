"""The package imports nothing of this blog, and names what it exports."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

import notebook_embed

PACKAGE = Path(notebook_embed.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__"))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_knows_nothing_of_a_site(name: str) -> None:
    tree = ast.parse((PACKAGE / f"{name}.py").read_text("utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert not imported & {"blog_site", "shapes_of_attention", "workbench", "torch"}


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_exports_is_there(name: str) -> None:
    pytest.importorskip("mkdocs")
    module = importlib.import_module(f"notebook_embed.{name}")
    missing = [known for known in getattr(module, "__all__", []) if not hasattr(module, known)]
    assert not missing


def test_styles_have_no_side_but_where_the_author_names_one() -> None:
    """Pages may be read from right to left."""
    styles = (PACKAGE / "static/figures.css").read_text("utf-8")
    named = re.sub(r'\[align="(left|right)"\] \{[^}]*\}', "", styles)
    assert named != styles
    assert not re.findall(r"\b(?:left|right)\b", re.sub(r"/\*.*?\*/", "", named, flags=re.S))
    # Of four sides the second is the right one, and the fourth the left one.
    four = re.findall(r"(?:padding|margin|border-width): (\S+) (\S+) (\S+) (\S+);", styles)
    assert all(right == left for _, right, _, left in four)
