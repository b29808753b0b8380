"""What was made of the latest states of a file is kept, and nothing older."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import nbformat
import pytest

from notebook_embed.latest import latest
from notebook_embed.options import Options
from notebook_embed.prepare import prepare


def test_the_two_latest_states_of_each_file_are_kept() -> None:
    made: list[tuple[str, str]] = []

    @latest(lambda file, text: Path(file))
    def make(file: str, text: str) -> str:
        if not text:
            raise ValueError
        made.append((file, text))
        return f"{file} {text}"

    for file, text in ("a1", "b1", "a2", "a1", "b1", "a3"):
        assert make(file, text) == f"{file} {text}"
    assert made == [("a", "1"), ("b", "1"), ("a", "2"), ("a", "3")]
    with pytest.raises(ValueError):
        make("a", "")
    make("a", "1")
    assert len(made) == 4, "it was asked for after 2"
    make("a", "2")
    assert made[-1] == ("a", "2")


def test_another_thread_may_make_room_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does stands in the hash of a file that is about to go."""
    monkeypatch.setattr("notebook_embed.latest.FILES", 1)
    meanwhile = list[str]()

    class File(str):
        def __hash__(self) -> int:
            if self == "first" and meanwhile:
                make(File(meanwhile.pop()))
            return super().__hash__()

    @latest(lambda file: file)
    def make(file: str) -> str:
        return file.upper()

    assert make(File("first")) == "FIRST"
    meanwhile.append("of another thread")
    assert make(File("second")) == "SECOND"
    assert not meanwhile


def test_a_server_keeps_no_state_of_a_notebook_that_was_long_since_saved_over(
    tmp_path: Path,
) -> None:
    path = tmp_path / "docs/notebooks/a.ipynb"
    path.parent.mkdir(parents=True)
    (tmp_path / "docs/index.md").write_text("# x\n")

    def save(number: int) -> weakref.ref[object]:
        output = nbformat.v4.new_output("display_data", {"text/html": f"<p>{number}</p>"})
        cell = nbformat.v4.new_code_cell("#| label: w\n1", id="w", outputs=[output])
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        made = prepare(tmp_path, Options(execute="never"), keep_going=True)
        return weakref.ref(made.library.notebooks["notebooks/a.ipynb"])

    saved = [save(number) for number in range(5)]
    gc.collect()
    assert sum(one() is not None for one in saved) <= 2
