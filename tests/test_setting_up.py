"""What `make site` and `make test` install is what the repository says, to the hash."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("installer", "site", "torch", "dev", "audit")


def pinned(path: Path) -> dict[str, str]:
    """Read the packages of a requirements file: name -> the version that it pins."""
    lines = [line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines()]
    requirements = [Requirement(line.rstrip("\\ ")) for line in lines if line and line[0] != "-"]
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in requirements}


def lock(name: str) -> dict[str, str]:
    return pinned(ROOT / "locks" / f"{name}.txt")


def test_every_pin_stands_in_the_lock_as_the_requirements_name_it():
    site = lock("site") | lock("torch")
    wanted = pinned(ROOT / "requirements.txt")
    assert {name: site.get(name) for name in wanted} == wanted, "say make lock"
    dev = lock("dev")
    wanted = pinned(ROOT / "requirements-dev.txt")
    assert {name: dev.get(name) for name in wanted} == wanted, "say make lock"


def test_what_the_site_needs_has_one_version_in_all_locks():
    site, dev = lock("site"), lock("dev")
    assert {name: dev.get(name) for name in site} == site, "say make lock"


def test_the_site_is_built_without_what_only_tests_and_training_need():
    assert not lock("site").keys() & pinned(ROOT / "requirements-dev.txt").keys()


def imported(folder: str) -> set[str]:
    """Name the distributions whose modules the code below a folder imports, wherever it does."""
    brought = packages_distributions()
    modules = {
        name.partition(".")[0]
        for path in (ROOT / "code" / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    own = {path.name for path in (ROOT / "code").iterdir()}
    others = modules - sys.stdlib_module_names - own
    return {canonicalize_name(name) for module in others for name in brought.get(module, [module])}


def declared_by_the_generator() -> set[str]:
    about = tomllib.loads((ROOT / "code/notebook_embed/pyproject.toml").read_text("utf-8"))
    extras = about["project"]["optional-dependencies"].values()
    listed = [*about["project"]["dependencies"], *(line for extra in extras for line in extra)]
    assert all(Requirement(line).specifier for line in listed), "a bound each"
    return {canonicalize_name(Requirement(line).name) for line in listed}


def test_the_generator_declares_what_it_imports():
    # It asks these where a site has them; numpy reads what plotly has made with it.
    neighbours = {"mkdocs-material", "mkdocs-jupyter", "numpy"}
    assert imported("notebook_embed") - declared_by_the_generator() == neighbours


def test_the_requirements_name_what_the_site_imports():
    site = pinned(ROOT / "requirements.txt").keys() | declared_by_the_generator()
    dev = site | pinned(ROOT / "requirements-dev.txt").keys()
    assert imported("blog_site") - site == set()
    assert imported("shapes_of_attention") | imported("workbench") <= dev


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_a_lock_has_hashes(name):
    text = (ROOT / "locks" / f"{name}.txt").read_text("utf-8")
    entries = re.findall(r"^([a-z0-9].*\n(?: .*\n)*)", text, re.MULTILINE)
    assert len(entries) == len(lock(name))
    assert [
        e.split("==")[0] for e in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", e)
    ] == []


def test_workflows_install_what_the_locks_name():
    """With its hash: uv checks those of constraints, too."""
    installed = [
        command
        for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
        for command in re.findall(r"run: *(.*\bpip install\b.*)", path.read_text("utf-8"))
    ]
    assert installed
    locked = re.compile(r"--require-hashes -r locks/\w+\.txt$|uv pip .* -c locks/\w+\.txt ")
    assert [command for command in installed if not locked.search(command)] == []


def test_workflows_name_every_action_by_its_commit():
    used = [
        match
        for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
        for match in re.findall(r"uses: *(\S+)", path.read_text("utf-8"))
    ]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w/.-]+@[0-9a-f]{40}", action)] == []
