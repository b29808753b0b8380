"""The weights of a live model are packed once, and a checkpoint that cannot be is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from blog_site.mkdocs_plugin import _packed
from shapes_of_attention import live_weights

FLAGSHIP = Path(__file__).parents[2] / "assets/checkpoints/flagship.safetensors"


def test_they_are_packed_once_and_are_those_of_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _packed(FLAGSHIP, tmp_path)
    assert first.read_bytes() == live_weights.packed(FLAGSHIP)
    monkeypatch.setattr(live_weights, "packed", lambda path: 1 / 0)
    assert _packed(FLAGSHIP, tmp_path) == first


@pytest.mark.parametrize("what", ["missing", "a folder", "empty"])
def test_what_cannot_be_packed_is_named_and_leaves_nothing(tmp_path: Path, what: str) -> None:
    path, cache = tmp_path / "some.safetensors", tmp_path / "cache"
    if what == "a folder":
        path.mkdir()
    elif what == "empty":
        path.write_bytes(b"")
    with pytest.raises(live_weights.WeightsError, match=r"some\.safetensors"):
        _packed(path, cache)
    assert not cache.exists()
