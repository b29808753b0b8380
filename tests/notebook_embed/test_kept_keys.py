"""A key that another process has made is taken where it is the one that this process would make."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_embed import environment, kept_keys, runner
from notebook_embed.cache import Key
from notebook_embed.kept_keys import KeptKeys
from notebook_embed.notebook import read_notebook
from notebook_embed.runner import Settings, around, kept_key, key_of

CELL = "# %%\n#| inputs: data.txt\nimport module\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(kept_keys, "TICK", 0)  # as if all files were old
    for name, text in {
        "nb/x.py": CELL,
        "nb/module.py": "import inner\n",
        "nb/inner.py": "a = 1\n",
        "data.txt": "1",
        "requirements.txt": "numpy==1.0\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Settings(
        root=tmp_path, cache=tmp_path / "cache", requirements=tmp_path / "requirements.txt"
    )


def key_in_another_process(settings: Settings) -> tuple[Key, bool]:
    """Return the notebook's key, and whether it was made anew."""
    notebook = read_notebook(settings.root / "nb/x.py", "nb/x.py")
    made = []

    def noted(*given: Any) -> Key:
        made.append(True)
        return key_of(*given)

    kept = KeptKeys(settings.root / "keys.json")
    runner._keys.clear()
    environment._lines.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "key_of", noted)
        key = kept_key(notebook, settings, around(settings, [notebook]), {}, kept)
    kept.save()
    return key, bool(made)


@pytest.mark.parametrize(
    "asked", [{"why": True}, {"fresh": True}, {"jobs": 1}, {"timeout": 5.0}, {"serving": True}]
)
def test_how_notebooks_run_changes_no_key(project: Settings, asked: dict[str, Any]) -> None:
    key_in_another_process(project)
    assert not key_in_another_process(replace(project, **asked))[1]


def test_what_nothing_has_touched_is_not_read_again(project: Settings) -> None:
    first, made = key_in_another_process(project)
    assert made
    second, made = key_in_another_process(project)
    assert not made
    assert (second.parts, second.stamps, second.imports) == (
        first.parts,
        first.stamps,
        first.imports,
    )


def edited(name: str) -> Callable[[Path], object]:
    """Change a file so that neither its size nor its time of change shows it."""

    def edit(root: Path) -> None:
        path = root / name
        before = path.stat()
        text = path.read_text()
        path.write_text(text[:-2] + "7\n" if text.endswith("\n") else "7")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return edit


@pytest.mark.parametrize(
    "change",
    [
        edited("nb/inner.py"),
        edited("data.txt"),
        edited("requirements.txt"),
        lambda root: (root / "nb/x.py").write_text(CELL + "b = 2\n"),
        lambda root: (root / "nb/inner.py").unlink(),
        lambda root: (root / "nb/numpy.py").write_text(""),
        lambda root: (root / "nb/module.py").write_text("import inner, json\n"),
    ],
)
def test_after_any_change_the_key_is_the_one_that_is_true(
    project: Settings, change: Callable[[Path], object]
) -> None:
    key_in_another_process(project)
    change(project.root)
    key, made = key_in_another_process(project)
    assert made
    notebook = read_notebook(project.root / "nb/x.py", "nb/x.py")
    assert key.parts == key_of(notebook, project).parts


def test_what_was_saved_while_the_key_was_made_has_a_key_of_its_own(project: Settings) -> None:
    path = project.root / "nb/x.py"
    read_before = read_notebook(path, "nb/x.py")
    path.write_text(CELL + "b = 2\n")
    kept = KeptKeys(project.root / "keys.json")
    runner._keys.clear()
    kept_key(read_before, project, around(project, [read_before]), {}, kept)
    kept.save()
    key, made = key_in_another_process(project)
    assert made
    assert key.parts == key_of(read_notebook(path, "nb/x.py"), project).parts


def test_other_settings_and_other_packages_make_it_anew(
    project: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_in_another_process(project)
    _, made = key_in_another_process(replace(project, environment={"TZ": "UTC"}))
    assert made
    key_in_another_process(project)
    monkeypatch.setattr(kept_keys, "installed", lambda: "another")
    _, made = key_in_another_process(project)
    assert made


def test_what_was_written_just_now_may_change_unseen(
    project: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_keys, "TICK", 10**15)
    for _ in range(2):
        _, made = key_in_another_process(project)
        assert made


@given(st.data())
def test_a_damaged_file_is_as_none(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("kept") / "keys.json"
    kept = KeptKeys(file)
    kept.note(Key("x", {"part": "of it"}), "state", [])
    kept.save()
    whole = file.read_bytes()
    assert KeptKeys(file).find("x", "state", []) == Key("x", {"part": "of it"})
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.binary(max_size=3).filter(lambda some: some != whole[at : at + 1]))
    for damaged in (whole[:at] + other + whole[at + 1 :], whole[:at], other):
        file.write_bytes(damaged)
        assert KeptKeys(file).find("x", "state", []) is None
