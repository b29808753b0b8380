"""Imports are followed wherever they lead inside the project, and no further."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_embed.imports import import_closure


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "pkg/__init__.py": "",
        "pkg/a.py": "from . import b\nimport numpy as np\n",
        "pkg/b.py": "from .sub import c\nimport pkg.d\n",
        "pkg/c.py": "",
        "pkg/d.py": "import pkg.a  # round and round\n",
        "pkg/sub/__init__.py": "from ..c import x\n",
        "pkg/sub/c.py": "def f():\n    import yaml\n    from pkg.sub import late\n",
        "pkg/sub/late.py": "",
        "pkg/lonely.py": "",
        "single.py": "import json\n",
        "space/inner.py": "import single\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def followed(code: str, root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in import_closure(code, [root]).local}


ALL = {
    "pkg/__init__.py",
    "pkg/a.py",
    "pkg/b.py",
    "pkg/c.py",
    "pkg/d.py",
    "pkg/sub/__init__.py",
    "pkg/sub/c.py",
    "pkg/sub/late.py",
}


@pytest.mark.parametrize(
    "code",
    [
        "import pkg.a",
        "from pkg import a",
        "from pkg.a import anything",
        "def f():\n    from pkg import a as b",
        "import importlib\nimportlib.import_module('pkg.a')",
    ],
)
def test_every_way_of_importing_leads_to_the_same_files(root: Path, code: str) -> None:
    assert followed(code, root) == ALL


def test_others_modules_are_named_and_not_followed(root: Path) -> None:
    assert import_closure("import pkg.a, os", [root]).foreign == {"numpy", "yaml", "os"}


def test_a_folder_without_init_is_a_package_too(root: Path) -> None:
    assert followed("import space.inner", root) == {"space/inner.py", "single.py"}


def test_a_changed_module_has_another_hash(root: Path) -> None:
    before = import_closure("import single", [root]).local[root / "single.py"]
    (root / "single.py").write_text("import json, os\n")
    assert import_closure("import single", [root]).local[root / "single.py"] != before


def test_a_module_that_is_no_python_is_named(root: Path) -> None:
    (root / "single.py").write_text("def\n")
    with pytest.raises(SyntaxError) as caught:
        import_closure("import space.inner", [root])
    assert caught.value.filename == str(root / "single.py")
