"""The blog uses the generator as any other blog can: by names exported and documented."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USERS = [*ROOT.glob("code/blog_site/**/*.py"), *ROOT.glob("docs/notebooks/*.py")]
USERS += ROOT.glob("code/shapes_of_attention/**/*.py")
DOCUMENTED = "\n".join(
    path.read_text("utf-8") for path in sorted((ROOT / "docs/notebook-embed").glob("*.md"))
)


def used() -> set[tuple[str, str]]:
    """Return what this blog imports of the generator: modules, and names in them."""
    found: set[tuple[str, str]] = set()
    for path in USERS:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "notebook_embed"
            ):
                found.update((node.module or "", alias.name) for alias in node.names)
            elif isinstance(node, ast.Import):
                found.update(
                    (alias.name, "")
                    for alias in node.names
                    if alias.name.startswith("notebook_embed")
                )
    return found


def exported(module: str) -> set[str]:
    path = ROOT / "code" / f"{module.replace('.', '/')}.py"
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def test_the_names_are_found() -> None:
    assert ("notebook_embed.files", "write_whole") in used()


@pytest.mark.parametrize(("module", "name"), sorted(used()))
def test_a_name_that_this_blog_uses_is_exported_and_documented(module: str, name: str) -> None:
    assert name in exported(module)
    assert f"`{module}.{name}`" in DOCUMENTED or f"`{name}`" in DOCUMENTED
