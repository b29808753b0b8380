"""The drawings of the architecture page say what the code says."""

from __future__ import annotations

import pytest

from blog_site.architecture import (
    Step,
    check_rooms,
    check_way,
    package_lines,
    package_uses,
    read_modules,
    rooms,
)


@pytest.fixture
def code(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / "code" / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def test_imports_are_found_wherever_they_stand(code):
    root = code(
        a__one="from a import two\nfrom b.three import thing\n",
        a__two="def later():\n    import b.three as x\n",
        b__three="import os\n",
        b____init__="",
    )
    modules = read_modules(root / "code")
    assert modules["a.one"].imports == {"a.two", "b.three"}
    assert modules["a.two"].imports == {"b.three"}
    assert modules["b.three"].imports == frozenset()
    assert package_uses(modules) == {"a": {"b"}, "b": set()}
    assert package_lines(modules) == {"a": 4, "b": 1}


def test_a_lock_of_an_editor_is_no_module(code):
    root = code(a__one="import os\n")
    (root / "code/a/.#one.py").symlink_to("author@host.123")
    assert set(read_modules(root / "code")) == {"a.one"}


def steps(*files):
    return [Step(title=file, file=file) for file in files]


def test_a_way_that_leads_on_is_accepted(code):
    root = code(a__one="", a__two="from a import one\n", a__three="import a.two\n")
    check_way(
        steps("code/a/one.py", "code/a/two.py", "code/a/three.py"),
        read_modules(root / "code"),
        root,
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("code/a/one.py", "code/a/one.py"), "two steps are one file: code/a/one.py"),
        (("code/a/one.py", "code/a/four.py"), "no such file: code/a/four.py"),
        (("code/a/one.py", "code/a/two.py"), "import each other in a circle"),
    ],
)
def test_a_way_that_is_no_way_is_refused(code, files, message):
    root = code(a__one="import a.two\n", a__two="import a.one\n")
    with pytest.raises(ValueError, match=message):
        check_way(steps(*files), read_modules(root / "code"), root)


def test_rooms_that_import_each_other_are_refused():
    check_rooms({"a": {"b"}, "b": set()})
    with pytest.raises(ValueError, match="import each other in a circle: "):
        check_rooms({"a": {"b"}, "b": {"a"}})


def test_the_table_of_rooms_names_lines_and_imports():
    table = rooms({"a": {"b"}, "b": set()}, {"a": 1234, "b": 5})
    assert '<th scope="row"><code>a</code></th><td>1,234</td><td><code>b</code></td>' in table
