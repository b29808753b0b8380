"""Work in a fork of this process, so that a server has its hands free and can end it at once.

A fork has all that this process has made, and gives back no more than a short answer. It has none
of its threads, so what needs them is refused there (`here_only`), and is done here instead.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import TypeVar

__all__ = ["Refused", "here_only", "in_fork", "past_return"]

T = TypeVar("T")
# Linux alone: elsewhere libraries do not bear to be forked.
ABLE = sys.platform == "linux"
#: Seconds between two looks at whether the fork shall end.
LOOK_SECONDS = 0.02
#: Seconds for what nobody may end, before it is ended all the same.
GRACE_SECONDS = 20.0


class Refused(BaseException):
    """It cannot be done in a fork. No mistake of anyone's, so nobody who catches those has it."""


class _Fork:
    inside = False


def in_fork(work: Callable[[], T], *, ended: Callable[[], bool], seconds: float) -> T | None:
    """Return what `work` returns in a fork of this process, or None where it was `ended` before.

    It gives way to everything else that this machine has to do.

    Raises
    ------
    Refused : there are no forks here, the work needs what a fork has not, it failed, or it has
        taken more than so many `seconds`. What it has left behind may be half done.
    """
    if not ABLE:
        raise Refused
    fork = multiprocessing.get_context("fork")
    receive, send = fork.Pipe(duplex=False)
    process = fork.Process(target=_answer, args=(work, send))
    with _nobody_logs(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are threads; see above
        process.start()
    send.close()
    was_ended = False
    try:
        until = time.monotonic() + seconds
        while not was_ended and not receive.poll(LOOK_SECONDS):
            if was_ended := ended():
                process.terminate()
                process.join(GRACE_SECONDS)
            elif time.monotonic() > until:
                raise Refused
        if not receive.poll():  # it was to end, and does not
            return None
        answer: T = receive.recv()  # there may be one all the same
        return answer
    except EOFError:
        if was_ended:
            return None
        raise Refused from None
    finally:
        process.terminate()
        process.join(GRACE_SECONDS)
        process.kill()
        process.join()
        receive.close()


def here_only() -> None:
    """Refuse to go on in a fork."""
    if _Fork.inside:
        raise Refused


def past_return() -> None:
    """Let nobody end this fork any more: what comes next is done whole."""
    if _Fork.inside:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _answer(work: Callable[[], T], send: Connection) -> None:
    _Fork.inside = True
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's to answer
    os.nice(10)
    try:
        send.send(work())
    except Refused:
        os._exit(1)


@contextmanager
def _nobody_logs() -> Iterator[None]:
    """Have no thread write to the terminal, whose lock would never be free in a fork."""
    with ExitStack() as held:
        for logger in (logging.root, logging.getLogger("mkdocs")):
            for handler in logger.handlers:
                handler.acquire()
                held.callback(handler.release)
        yield
