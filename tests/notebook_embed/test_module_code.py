"""A name leads to code of the project, or to an error that says where else it leads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from notebook_embed.errors import EmbedError
from notebook_embed.library import SourceLine
from notebook_embed.module_code import find_code

PACKAGE = {
    "__init__.py": "from os.path import join\nfrom numpy import *\nfrom pkg.mod import f\n"
    "from pkg.mod import again\nimport json\nfrom pkg.gone import h\n",
    "mod.py": "from pkg import again\nLIMIT = 3\n\n\ndef f():\n    return 1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pkg").mkdir()
    for name, text in PACKAGE.items():
        (tmp_path / "pkg" / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", ["pkg.f", "pkg.mod.f"])
def test_an_imported_name_leads_to_where_it_is_defined(root: Path, name: str) -> None:
    found = find_code(name, [root], SourceLine(Path("p.md"), "p.md", 1))
    assert "return 1" in found.source
    assert found.file == "pkg/mod.py"


def test_a_lock_of_an_editor_is_no_module(root: Path) -> None:
    (root / "pkg/.#mod.py").symlink_to("author@host.123")
    (root / "pkg/circle.py").symlink_to("circle.py")
    found = find_code("pkg.mod.f", [root], SourceLine(Path("p.md"), "p.md", 1))
    assert "return 1" in found.source


@pytest.mark.parametrize(
    "name", ["join", "join.x", "json", "json.dumps", "h", "again", "mod.again"]
)
def test_a_name_from_elsewhere_is_refused(root: Path, name: str) -> None:
    with pytest.raises(EmbedError, match=r"p\.md:4: 'pkg\..*' is imported from elsewhere: "):
        find_code(f"pkg.{name}", [root], SourceLine(Path("p.md"), "p.md", 4))


@pytest.mark.parametrize(
    ("name", "file"), [("pkg.f", "__init__.py"), ("pkg.mod", "mod.py"), ("pkg.late.f", "late.py")]
)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\ndef f(:\n", "2: SyntaxError: invalid syntax\n  p.md:4 shows code of it."),
        (b"\nx = '\xe9'\n", "2: the module is not UTF-8: "),
        (b"# coding: latin-1\nx = '\xe9'\n", "2: the module is not UTF-8: "),
        (b"\xff\xfe1\0", "1: the module is not UTF-8: "),
        (b"x = " + b"-" * 50_000 + b"1", "1: SyntaxError: "),
    ],
)
def test_a_module_that_cannot_be_read_is_named(
    root: Path, name: str, file: str, content: bytes, message: str
) -> None:
    (root / "pkg" / file).write_bytes(content)
    with pytest.raises(EmbedError) as caught:
        find_code(name, [root], SourceLine(Path("p.md"), "p.md", 4))
    assert f"pkg/{file}:{message}" in str(caught.value)


def test_a_mark_at_the_top_of_a_module_is_not_shown(root: Path) -> None:
    (root / "pkg/mod.py").write_bytes(b"\xef\xbb\xbfdef f():\r\n    return 1\r\n")
    for name in ("pkg.mod", "pkg.mod.f"):
        found = find_code(name, [root], SourceLine(Path("p.md"), "p.md", 1))
        assert found.source == "def f():\n    return 1"


def test_a_module_that_went_or_was_put_back_is_seen(root: Path) -> None:
    def shown() -> str:
        return find_code("pkg.mod.f", [root], SourceLine(Path("p.md"), "p.md", 1)).source

    module = root / "pkg/mod.py"
    before = module.stat()
    assert "return 1" in shown()
    # An older copy: the latest of all times of change stays what it was.
    (root / "pkg/late.py").write_text("")
    shown()
    module.write_text(module.read_text().replace("return 1", "return 20"))
    os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns - 10**9))
    assert "return 20" in shown()
    module.unlink()
    with pytest.raises(EmbedError, match="'pkg' has no 'mod'"):
        shown()
