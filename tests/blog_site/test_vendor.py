"""What the site takes from a package is there, or the file and the package are named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from blog_site.errors import SiteError
from blog_site.vendor import Package, _copy

TAKEN = {"dist/a.js": Path("js/a.js"), "fonts/*.woff2": Path("fonts")}


PACKAGE = Package(
    name="@x/y",
    version="1.2.3",
    why="",
    licence="MIT",
    licence_file="LICENSE",
    licence_text=Path("y.txt"),
    files=TAKEN,
)


@pytest.fixture
def source(tmp_path):
    for name in ("dist/a.js", "fonts/b.woff2", "fonts/c.woff2", "LICENSE"):
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "package"


def test_what_is_taken_is_recorded_with_its_hash(source, tmp_path):
    record = _copy(PACKAGE, source, tmp_path / "root")
    assert record["sha256"] == {
        name: hashlib.sha256(f"{folder}/{Path(name).name}".encode()).hexdigest()
        for name, folder in {
            "js/a.js": "dist",
            "fonts/b.woff2": "fonts",
            "fonts/c.woff2": "fonts",
        }.items()
    }
    assert (tmp_path / "root/y.txt").read_text() == "LICENSE"


@pytest.mark.parametrize("gone", ["dist/a.js", "fonts/*.woff2", "LICENSE"])
def test_a_file_that_a_new_version_lacks_is_named(source, tmp_path, gone):
    for file in source.glob(gone):
        file.unlink()
    with pytest.raises(SiteError) as told:
        _copy(PACKAGE, source, tmp_path / "root")
    assert f"vendor.py: @x/y@1.2.3 has no file '{gone}'; " in str(told.value)
