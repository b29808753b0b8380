"""Entries are whole or absent, whatever happens to the file."""

from __future__ import annotations

import concurrent.futures
import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notebook_embed.cache import KEPT, Cache, Key
from notebook_embed.errors import EmbedError
from notebook_embed.files import write_whole
from notebook_embed.options import Options
from notebook_embed.order import LOADED, changed_files

KEY = Key("nb/x.py", {"code cells": "abc", "python": "3.11"})


def entry(cache: Cache) -> Path:
    (path,) = cache.folder.glob("*.executed")
    return path


def test_what_is_stored_comes_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.load(KEY) is None
    cache.store(KEY, "é\nresult")
    assert cache.load(KEY) == "é\nresult"
    assert cache.load(Key("nb/x.py", {"code cells": "abd"})) is None
    assert cache.load(Key("nb/y.py", KEY.parts)) is None


def test_who_waits_for_a_lock_can_be_told_to_stop(tmp_path: Path) -> None:
    first, second = Cache(tmp_path), Cache(tmp_path)
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return True

    def wait() -> None:
        with second.lock(KEY, cancelled):
            pytest.fail("two hold one lock")

    with concurrent.futures.ThreadPoolExecutor() as executor, first.lock(KEY):
        waiting = executor.submit(wait)
        assert isinstance(waiting.exception(), filelock.Timeout)
    assert asked


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_changed_byte_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    cache = Cache(tmp_path)
    cache.store(KEY, "result " * 20)
    raw = bytearray(entry(cache).read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    entry(cache).write_bytes(raw)
    assert cache.load(KEY) is None
    assert not list(tmp_path.glob("*.executed")), "the damaged entry is gone"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 120))
def test_any_cut_is_noticed(tmp_path: Path, size: int) -> None:
    cache = Cache(tmp_path)
    cache.store(KEY, "result " * 20)
    entry(cache).write_bytes(entry(cache).read_bytes()[:size])
    assert cache.load(KEY) is None


def test_another_thread_may_load_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: dict[object, tuple[tuple[int, ...], str]] = {}

    class Other:
        def __str__(self) -> str:
            loaded[Path("of another thread")] = (), ""
            return "other"

    loaded[Other()] = (), ""
    monkeypatch.setattr("notebook_embed.cache._loaded", loaded)
    cache = Cache(tmp_path)
    cache.store(KEY, "result")
    assert cache.load(KEY) == "result"
    assert len(loaded) == 3


def test_what_is_noted_is_told_though_another_thread_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Full(dict[bytes, object]):
        def __setitem__(self, key: bytes, value: object) -> None:
            """Another thread has made room for its own."""

    monkeypatch.setattr("notebook_embed.order._known", Full())
    executed = json.dumps({"metadata": {LOADED: {"a.py": None}}})
    assert changed_files(executed, Path()) == ["a.py"]


def test_old_entries_make_room(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for number in range(KEPT + 3):
        cache.store(Key("nb/x.py", {"code cells": str(number)}), "x")
    assert len(list(tmp_path.glob("*.executed"))) == KEPT
    assert cache.load(Key("nb/x.py", {"code cells": str(KEPT + 2)})) == "x"


def test_why_names_what_changed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.why(KEY) == ["never run before"]
    cache.store(KEY, "x")
    newer = Key("nb/x.py", {"code cells": "abc", "python": "3.12", "module m.py": "1"})
    assert cache.why(newer) == ["module m.py: new", "python: 3.11 -> 3.12"]


def test_one_at_a_time_works_on_a_key(tmp_path: Path) -> None:
    cache, order = Cache(tmp_path), []
    entered = threading.Event()

    def second() -> None:
        entered.wait()
        with cache.lock(KEY):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with cache.lock(KEY):
        entered.set()
        thread.join(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize("name", ["n" * 400, "deep/" * 60 + "x.py", "ü" * 150, "a[1]*?.py"])
def test_any_notebook_s_name_does_for_an_entry(tmp_path: Path, name: str) -> None:
    cache = Cache(tmp_path / "cache")
    key = Key(name, {"code cells": "abc"})
    cache.store(key, "{}")
    assert cache.load(key) == "{}"
    assert cache.why(Key(name, {"code cells": "abd"})) == ["code cells: abc -> abd"]
    assert cache.load(Key(name + "2", key.parts)) is None
    assert cache.why(Key(name + "2", key.parts)) == ["never run before"]


def test_another_process_may_clear_away_what_is_listed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.store(KEY, "kept")
    gone = tmp_path / f"nb--x.py.{'0' * 32}.executed"
    listed = cache._entries
    cache._entries = lambda key: [gone, *listed(key)]  # type: ignore[method-assign]
    assert cache.why(Key("nb/x.py", {"code cells": "abd", "python": "3.11"})) == [
        "code cells: abc -> abd"
    ]
    cache.store(KEY, "again")
    assert cache.load(KEY) == "again"


def test_an_entry_may_go_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)
    cache.store(KEY, "kept")
    read = cache._read

    def read_and_lose(path: Path) -> tuple[dict[str, str], str] | None:
        found = read(path)
        path.unlink()
        return found

    monkeypatch.setattr(cache, "_read", read_and_lose)
    assert cache.load(KEY) == "kept"


@pytest.mark.parametrize("step", [0, -1])
def test_what_was_just_stored_stays_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Entries get one time, as by a coarse clock, or ever earlier ones, as by one put back."""
    now = 10**18

    def write_at_that_time(path: Path, content: bytes) -> None:
        nonlocal now
        now += step
        write_whole(path, content)
        os.utime(path, ns=(now, now))

    monkeypatch.setattr("notebook_embed.cache.write_whole", write_at_that_time)
    cache = Cache(tmp_path)
    for number in range(3 * KEPT):
        key = Key("nb/x.py", {"code cells": str(number)})
        cache.store(key, "x")
        assert cache.knows(key, "code cells")
    assert len(list(tmp_path.glob("*.executed"))) == KEPT


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    for folder in (tmp_path / "kept", tmp_path / "kept" / "below"):
        cache = Cache(folder)
        with pytest.raises(EmbedError, match=r"kept.*: the cache cannot be read: Not a directory"):
            cache.load(KEY)
        with pytest.raises(EmbedError, match=r"(?s)kept.*: cannot be written: .*A file stands"):
            cache.store(KEY, "result")


def test_an_entry_that_may_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    cache.store(KEY, "result")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(EmbedError, match=r"the cache cannot be read: Permission denied"):
        cache.load(KEY)


def test_what_nobody_has_used_for_long_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    gone, there, new = (Key(uri, KEY.parts) for uri in ("nb/x.py", "nb/x.py.y.py", "nb/z.py"))
    for key in (gone, there, new):
        cache.store(key, "result")
        with cache.lock(key):
            pass
    others = [tmp_path / name for name in (".e.abcdefgh.half-written", ".gitignore")]
    for path in others:
        path.touch()
    held = Cache(tmp_path)
    with held.lock(there):
        for path in (*tmp_path.iterdir(), *(tmp_path / "locks").iterdir()):
            if path.is_file() and new.digest[:32] not in path.name:
                os.utime(path, (0, 0))
        cache.clear_away(["nb/x.py.y.py"])
        assert [one.stem for one in (tmp_path / "locks").glob("*.lock")].count(there.digest) == 1
    assert cache.load(gone) is None
    assert cache.load(there) == cache.load(new) == "result"
    assert not (tmp_path / f"locks/{gone.digest}.lock").exists()
    assert [path.exists() for path in others] == [False, True]


def test_what_others_keep_beside_it_stays_however_old(tmp_path: Path) -> None:
    plugin = pytest.importorskip("notebook_embed.mkdocs_plugin").NotebookEmbedPlugin()
    plugin.root, plugin.options = tmp_path, Options(cache="kept")
    plugin.prepared = SimpleNamespace(library=SimpleNamespace(notebooks={}))
    shells = plugin._shells.relative_to(tmp_path)
    ours = [
        "kept/.x.abcdefgh.half-written",
        f"kept/nb--x.py.{'0' * 32}.executed",
        f"kept/locks/{'0' * 64}.lock",
        ".cache/.keys.json.abcdefgh.half-written",
        ".cache/templates/.a.compiled.abcdefgh.half-written",
        str(shells / "notebooks/x.ipynb"),
    ]
    foreign = [
        *("kept/.env.template", "kept/.app.settings", "kept/plan.executed"),
        *("kept/locks/poetry.lock", "kept/locks/own.txt"),
        *(".cache/.x.template", ".cache/pages/photos/a.jpg", ".cache/pages/2020-pictures/a.jpg"),
    ]
    for name in (*ours, *foreign):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for path in tmp_path.rglob("*"):
        os.utime(path, (0, 0))
    plugin._clear_away()
    assert [name for name in ours if (tmp_path / name).exists()] == []
    assert [name for name in foreign if not (tmp_path / name).exists()] == []
