"""What stops a build under a server is told without the way through the code that found it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("mkdocs")

from mkdocs.exceptions import Abort, ConfigurationError, PluginError

from notebook_embed.errors import EmbedError
from notebook_embed.serving import Builds, Trouble


@pytest.mark.parametrize("kind", [EmbedError, ConfigurationError, PluginError, Abort, ValueError])
def test_only_a_fault_in_code_has_a_traceback(
    kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    trouble = Trouble()
    with trouble.caught():
        raise kind("the file is wrong")
    assert "the file is wrong" in trouble.text
    told = capsys.readouterr().err
    assert "the file is wrong" in told
    assert ("Traceback" in told) is (kind is ValueError)


def test_what_mkdocs_gives_up_for_is_told_in_its_place(tmp_path: Path) -> None:
    trouble = Trouble()
    with trouble.caught():
        try:
            raise EmbedError("there is no cell 'x'", file=tmp_path / "post.md", line=3)
        except EmbedError:
            raise Abort("Aborted with a BuildError!")  # noqa: B904 - as MkDocs does
    told = Trouble()
    told.note(EmbedError("there is no cell 'x'", file=tmp_path / "post.md", line=3))
    assert (trouble.text, trouble.file) == (told.text, told.file)
    assert trouble.file == tmp_path / "post.md"


@pytest.mark.parametrize("name", ["mkdocs.yml", "mkdocs.yaml"])
def test_a_server_reads_the_configuration_by_either_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / name).write_text("site_name: By either name\n")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    builds = Builds(lambda *given, **options: None, tmp_path / "folder")
    assert builds.load().site_name == "By either name"
