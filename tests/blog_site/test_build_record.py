from __future__ import annotations

import os
import subprocess

import pytest

from blog_site.build_record import read_build_record

DATE = "2026-05-06T07:08:09+00:00"


@pytest.fixture(autouse=True)
def no_overrides(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.delenv("BUILD_COMMIT", raising=False)


@pytest.fixture
def repository(tmp_path, git_of_nobody):
    names = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
    names |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
    dates = {"GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE}
    (tmp_path / "a.txt").write_text("a")
    for arguments in (["init", "-q"], ["add", "a.txt"], ["commit", "-q", "-m", "a"]):
        subprocess.run(
            ["git", *arguments], cwd=tmp_path, check=True, env={**os.environ, **names, **dates}
        )
    return tmp_path


def test_commit_and_date_come_from_git(repository):
    record = read_build_record(repository)
    assert record.commit is not None and len(record.commit) == 9
    assert record.date == "2026-05-06"
    assert not record.dirty


def test_changes_are_admitted(repository):
    (repository / "a.txt").write_text("b")
    assert read_build_record(repository).dirty


def test_the_environment_comes_first(repository, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    monkeypatch.setenv("BUILD_COMMIT", "f" * 40)
    record = read_build_record(repository)
    assert (record.date, record.commit) == ("1970-01-01", "f" * 9)


def test_outside_a_repository_nothing_is_invented(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    record = read_build_record(tmp_path)
    assert record.commit is None
    assert record.date is None
    assert record.versions["mkdocs-material"]


def test_a_build_leaves_no_date_behind(blog, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    blog.build()
    assert "SOURCE_DATE_EPOCH" not in os.environ
