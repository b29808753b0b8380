"""Imports are followed wherever they lead inside the project, and no further."""

from __future__ import annotations

import json
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from notebook_embed.imports import Modules


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
    return {path.relative_to(root).as_posix() for path in Modules([root]).closure(code).local}


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
        "import importlib\nimportlib.import_module(name='pkg.a')",
        "import importlib\nimportlib.import_module('.a', 'pkg')",
        "import importlib\nimportlib.import_module('.a', package='pkg')",
        "import importlib\nimportlib.import_module('..a', 'pkg.sub')",
        "from importlib import import_module as load\nload('pkg.a')",
        "__import__('pkg.a')",
        "__import__('pkg', fromlist=['a'])",
        "__import__('pkg', None, None, ('a',))",
        "import runpy\nrunpy.run_module('pkg.a')",
        "exec('import pkg.a')",
        "%%time\nimport pkg.a",
        "%%timeit -n 1 -r 1\nfrom pkg import a",
        "%%timeit -n 1 import pkg.a\npass",
        "%%capture out --no-stderr\n%time import pkg.a",
        "%time import pkg.a",
        "%timeit -n 1 -r 1 from pkg import a",
        "x = %time __import__('pkg.a')",
        "if True:\n    %prun import pkg.a",
        "%load_ext pkg.a",
    ],
)
def test_every_way_of_importing_leads_to_the_same_files(root: Path, code: str) -> None:
    assert followed(code, root) == ALL


@pytest.mark.parametrize(
    "listed",
    [
        "__all__ = ['a']",
        "__all__ = ('b', 'a')",
        "__all__: list[str] = ['a']",
        "__all__ = []\n__all__ += ['a']",
        "__all__ = []\n__all__.extend(['a'])",
        "if True:\n    __all__ = ['a']",
    ],
)
def test_a_star_imports_the_modules_that_the_package_lists(root: Path, listed: str) -> None:
    (root / "pkg/__init__.py").write_text(listed + "\n")
    assert followed("from pkg import *", root) == ALL
    (root / "pkg/__init__.py").write_text("")
    assert followed("from pkg import *", root) == {"pkg/__init__.py"}


@pytest.mark.parametrize(
    "code",
    [
        "import importlib\nimportlib.import_module('.b', __package__)",
        "from importlib import import_module\nimport_module('.b', package=__package__)",
        "__import__('b', globals(), None, ['x'], 1)",
        "__import__('', globals(), level=1, fromlist=['b'])",
    ],
)
def test_a_module_imports_its_neighbour_by_a_function(root: Path, code: str) -> None:
    (root / "pkg/lonely.py").write_text(code + "\n")
    assert followed("import pkg.lonely", root) == ALL | {"pkg/lonely.py"}


def test_a_script_that_a_cell_runs_counts_with_what_it_imports(root: Path) -> None:
    (root / "a script.v1.py").write_text("")
    (root / "script.v1.py").write_text("import pkg.a\n")
    assert followed("%run script.v1.py 5 --fast", root) == ALL | {"script.v1.py"}


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("%run -i script.v1.py", "script.v1.py"),
        ("%run -n -t -N 5 script.v1.py -x", "script.v1.py"),
        ("%run single", "single.py"),
        ("%run ./single", "single.py"),
        ("%run {root}/single 5", "single.py"),
        ("%run 'a script.v1.py'", "a script.v1.py"),
        ('%run "a script.v1" 1', "a script.v1.py"),
        ("%run -m single -x", "single.py"),
        ("%run -i more.ipy", "more.ipy"),
        ("%run more.ipynb", "more.ipynb"),
        ("get_ipython().run_line_magic('run', '-i single')", "single.py"),
    ],
)
def test_a_script_is_found_as_ipython_finds_it(root: Path, line: str, file: str) -> None:
    for script in ("a script.v1.py", "script.v1.py"):
        (root / script).write_text("x = 1\n")
    (root / "more.ipy").write_text("%time 1\n")
    cell = {"cell_type": "code", "source": ["%time 1\n", "import json"]}
    (root / "more.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {"a": None}}))
    assert followed(line.replace("{root}", str(root)), root) == {file}


@pytest.mark.parametrize(
    "code",
    [
        "%%bash\nimport pkg.a from here",
        "%%html\n<b>import pkg.a</b>",
        "!import pkg.a",
        "name = 'pkg.a'\nimport importlib\nimportlib.import_module(name)",
        "import importlib\nimportlib.import_module()",
        "import importlib\nimportlib.import_module('....a', 'pkg')",
        "__import__('pkg.a'.upper())",
        "exec()",
        "%time",
        "%run",
        "%run -m",
        "%run -q single.py",
        "%run 'single.py",
        "%run nowhere",
        f"%run {'n' * 300}",
        f"%run {'n/' * 3000}x.py",
        f"import {'n' * 300}",
        f"import {'n' * 250}.{'n' * 300}",
        "x = 'import pkg.a'",
    ],
)
def test_what_imports_nothing_leads_nowhere(root: Path, code: str) -> None:
    assert followed(code, root) == set()


def test_others_modules_are_named_and_not_followed(root: Path) -> None:
    assert Modules([root]).closure("import pkg.a, os").foreign == {"numpy", "yaml", "os"}


def test_a_folder_without_init_is_a_package_too(root: Path) -> None:
    assert followed("import space.inner", root) == {"space/inner.py", "single.py"}


def test_a_changed_module_has_another_hash(root: Path) -> None:
    before = Modules([root]).closure("import single").local[root / "single.py"]
    (root / "single.py").write_text("import json, os\n")
    assert Modules([root]).closure("import single").local[root / "single.py"] != before


def test_a_module_that_is_no_python_is_named(root: Path) -> None:
    (root / "single.py").write_text("def\n")
    with pytest.raises(SyntaxError) as caught:
        Modules([root]).closure("import space.inner")
    assert caught.value.filename == str(root / "single.py")


@pytest.mark.parametrize("code", ["x = '\0'\n", "x = " + "-" * 50_000 + "1\n", "1+" * 5000 + "1"])
def test_what_python_gives_up_on_is_a_mistake_like_others(root: Path, code: str) -> None:
    with pytest.raises(SyntaxError) as caught:
        Modules([root]).closure(code)
    assert caught.value.filename == "<unknown>"
    (root / "single.py").write_text(code)
    with pytest.raises(SyntaxError) as caught:
        Modules([root]).closure("import space.inner")
    assert caught.value.filename == str(root / "single.py")
    assert caught.value.lineno == 1 or caught.value.lineno is None


@pytest.mark.parametrize("name", ["fast", "pkg/fast"])
def test_a_compiled_module_counts(root: Path, name: str) -> None:
    file = f"{name}{EXTENSION_SUFFIXES[0]}"
    (root / file).write_bytes(b"\x7fELF\0")
    (root / f"{name}.py").write_text("import single\n")  # what is compiled comes first
    assert file in followed(f"import {name.replace('/', '.')}", root)
    assert "single.py" not in followed(f"import {name.replace('/', '.')}", root)
