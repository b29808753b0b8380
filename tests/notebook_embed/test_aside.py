"""Work in a fork gives back an answer, is ended whenever that is asked, and else is done here."""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from notebook_embed import aside
from notebook_embed.aside import Refused, here_only, in_fork, past_return

pytestmark = pytest.mark.skipif(not aside.ABLE, reason="libraries bear no forks here")
LONG = 600.0  # s, which nothing here takes


def fork(work: Callable[[], Any], ended: Callable[[], bool] = bool, seconds: float = LONG) -> Any:
    return in_fork(work, ended=ended, seconds=seconds)


def test_the_answer_comes_from_another_process_and_nothing_else_does() -> None:
    here = ["as it was"]

    def work() -> tuple[int, list[str]]:
        here.append("changed")
        return os.getpid(), here

    process, there = fork(work)
    assert process != os.getpid()
    assert (there, here) == (["as it was", "changed"], ["as it was"])
    assert not Path(f"/proc/{process}").exists(), "it is gone"


def test_an_answer_larger_than_a_pipe_arrives() -> None:
    assert len(fork(lambda: b"x" * 10_000_000)) == 10_000_000


def test_it_is_ended_at_once_when_that_is_asked(tmp_path: Path) -> None:
    mark = tmp_path / "process"

    def work() -> None:
        (tmp_path / "writing").write_text(str(os.getpid()))
        (tmp_path / "writing").rename(mark)
        time.sleep(LONG)

    assert fork(work, ended=mark.exists) is None
    assert not Path(f"/proc/{mark.read_text()}").exists()


def test_what_cannot_be_taken_back_is_finished(tmp_path: Path) -> None:
    begun, done = tmp_path / "begun", tmp_path / "done"

    def work() -> str:
        past_return()
        begun.touch()
        time.sleep(0.5)  # as long as somebody asks for its end
        done.touch()
        return "whole"

    assert fork(work, ended=begun.exists) == "whole"
    assert done.exists()


def fails() -> None:
    raise ValueError("a fault")


def test_what_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "GRACE_SECONDS", 0.2)
    begun = tmp_path / "begun"

    def work() -> None:
        past_return()
        begun.touch()
        time.sleep(LONG)

    assert fork(work, ended=begun.exists) is None


@pytest.mark.parametrize("work", [here_only, fails, functools.partial(os._exit, 0)])
def test_work_that_a_fork_cannot_do_is_refused(
    work: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Refused):
        fork(work)
    assert ("a fault" in capfd.readouterr().err) is (work is fails)


def test_a_fork_that_never_answers_is_given_up() -> None:
    with pytest.raises(Refused):
        fork(lambda: time.sleep(LONG), seconds=0.1)


def test_here_everything_may_be_done() -> None:
    here_only()
    past_return()


def test_a_thread_that_logs_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    log, over = logging.getLogger("mkdocs"), Event()

    def talk() -> None:
        while not over.is_set():
            log.warning("a request")

    def build() -> str:
        log.warning("built")
        return "done"

    talker = Thread(target=talk)
    talker.start()
    try:
        for _ in range(20):
            assert fork(build) == "done"
    finally:
        over.set()
        talker.join()
