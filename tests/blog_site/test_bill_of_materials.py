"""A site names what it was built from, in a document that other tools read."""

from __future__ import annotations

import dataclasses
import json
from importlib.metadata import version

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from blog_site.bill_of_materials import write_bill_of_materials
from blog_site.build_record import BuildRecord

RECORD = BuildRecord(
    commit="0123456789", dirty=False, timestamp=1767312000, date="2026-01-02", versions={}
)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "site.txt").write_text(
        "# Written by make lock.\nmkdocs==1.6.1 \\\n    --hash=sha256:00\nnowhere==1.0 \\\n    --hash=sha256:00\n"
    )
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "vendored.json").write_text(
        json.dumps(
            [
                {
                    "name": "@fonts/serif",
                    "version": "5.3.1",
                    "from": "https://www.npmjs.com/package/@fonts/serif/v/5.3.1",
                    "licence": "OFL-1.1",
                }
            ]
        )
    )
    (tmp_path / "site").mkdir()
    return tmp_path


def write(project, record=RECORD):
    write_bill_of_materials(
        project / "site", root=project, cache=project / "cache", name="Trial", record=record
    )
    return (project / "site" / "sbom.json").read_text("utf-8")


def test_packages_that_were_there_and_what_the_site_ships_are_listed(project):
    listed = json.loads(write(project))
    found = {part["purl"]: part["licenses"] for part in listed["components"]}
    assert found == {
        f"pkg:pypi/mkdocs@{version('mkdocs')}": [{"license": {"id": "BSD-2-Clause"}}],
        "pkg:npm/%40fonts/serif@5.3.1": [{"license": {"id": "OFL-1.1"}}],
    }
    assert listed["metadata"]["component"]["version"] == RECORD.commit
    assert listed["metadata"]["timestamp"] == "2026-01-02T00:00:00+00:00"


def test_the_document_is_valid_cyclonedx(project):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(write(project)) is None


def test_two_builds_of_one_commit_write_the_same_and_another_commit_another(project):
    first = write(project)
    assert write(project) == first
    other = dataclasses.replace(RECORD, commit="ffffffffff")
    assert write(project, other) != first


def test_a_changed_lock_is_noticed(project):
    write(project)
    path = project / "locks" / "site.txt"
    path.write_text(path.read_text() + "jinja2==3.1.6\n")
    assert "pkg:pypi/jinja2@" in write(project)


def test_a_project_without_locks_gets_none(tmp_path):
    write_bill_of_materials(
        tmp_path, root=tmp_path, cache=tmp_path / "cache", name="Trial", record=RECORD
    )
    assert not (tmp_path / "sbom.json").exists()
