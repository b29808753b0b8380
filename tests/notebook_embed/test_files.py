"""A file is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_embed.errors import EmbedError
from notebook_embed.files import HALF_WRITTEN, write_whole


def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    write_whole(target, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EmbedError, match=r"file: cannot be written: No space left on device"):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_write_leaves_is_known_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(descriptor: int) -> None:
        assert list(tmp_path.glob(HALF_WRITTEN)) == list(tmp_path.iterdir()) != []

    monkeypatch.setattr("os.fsync", killed)
    write_whole(tmp_path / ("ü" * 100), b"new")
    assert not list(tmp_path.glob(HALF_WRITTEN))
