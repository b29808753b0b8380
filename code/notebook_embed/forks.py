"""Kernels that begin with their imports done, since many notebooks import the same.

Half of a cold build would be the imports of each kernel. Instead a tree of processes makes them:
each imports, on top of what its parent has, what all notebooks below it import of other people's
packages, and kernels are forks of it. A notebook gets a process that has loaded nothing which the
notebook, or the project's modules that it uses, do not name. Linux only: elsewhere libraries do not
bear to be forked.

While a server runs, the process of the notebook that was edited last stays: a changed cell does not
wait for imports. Its cells run from the top all the same. What those above have done to files, or
in memory that only native code sees, cannot be taken back, so nothing less gives what a fresh run
gives.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Forks", "ahead", "forks_for", "let_go", "plan"]

ZYGOTE = Path(__file__).with_name("zygote.py")
ABLE = sys.platform == "linux" and hasattr(os, "pidfd_open")
# What every kernel has loaded anyway.
_LOADED = frozenset(["IPython", "ipykernel", *sys.stdlib_module_names])
# Seconds after which a process that does not answer is given up.
_PATIENCE = 120.0


class Forks:
    """The processes that kernels are forked from, as notebooks need them; closed, all end.

    `imports` are the names that each notebook imports. Anything that goes wrong here costs time and
    no more: then a kernel starts as it would without.
    """

    def __init__(self, imports: Iterable[frozenset[str]], environment: Mapping[str, str]) -> None:
        self._plan = plan(imports) if ABLE else {}
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._sockets: dict[frozenset[str], socket.socket | None] = {}
        self._process: subprocess.Popen[bytes] | None = None  # the first; all others are its own

    def start(
        self, imports: frozenset[str], argv: list[str], environment: dict[str, str], folder: str
    ) -> ForkedProcess | None:
        """Return the kernel that `argv` stands for, or None if it has to be started anew."""
        shared = {k: v for k, v in environment.items() if not k.startswith("JPY_")}
        packages = _packages(imports)
        if shared != self._environment or not _is_kernel(argv):
            return None
        with self._lock:
            tops = best(self._plan, packages)
            while tops is not None:
                control = self._zygote(tops)
                if control is not None:
                    own = dict(environment.items() - shared.items())
                    order = {"argv": argv[3:], "environment": own, "folder": folder}
                    with contextlib.suppress(OSError, ValueError):
                        answer, told = _ask(control, order)
                        answer.close()
                        return ForkedProcess(told["pid"], told["ahead"])
                    self._sockets[tops] = None
                tops = self._plan[tops][0]
        return None

    @property
    def whole(self) -> bool:
        """Whether none of the processes has failed."""
        with self._lock:
            running = self._process is None or self._process.poll() is None
            return running and None not in self._sockets.values()

    def close(self) -> None:
        with self._lock:
            for control in self._sockets.values():
                if control is not None:
                    control.close()
            self._sockets.clear()
            self._plan = {}
            if self._process is not None:
                self._process.kill()  # it may be in the middle of an import
                self._process.wait()

    def _zygote(self, tops: frozenset[str]) -> socket.socket | None:
        """Return the socket of the process for `tops`; None if it could not be, or has threads."""
        if tops in self._sockets:
            return self._sockets[tops]
        above, modules = self._plan[tops]
        self._sockets[tops] = None
        with contextlib.suppress(OSError, ValueError):
            if above is None:
                control, told = self._first()
            elif (parent := self._zygote(above)) is None:
                return None
            else:
                control, told = _ask(parent, {"modules": sorted(modules)})
            if told["threads"] == 1:  # a fork has one thread, and would wait for the others
                self._sockets[tops] = control
            else:
                control.close()
        return self._sockets[tops]

    def _first(self) -> tuple[socket.socket, dict[str, Any]]:
        self._process, control = _Ahead.take(self._environment) or _start(self._environment)
        return control, _heard(control)


def _start(environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the first process, which loads what every kernel does."""
    mine, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, str(ZYGOTE), str(theirs.fileno())],
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return process, mine


class _Ahead:
    """A first process that was started before anybody asked."""

    environment: Mapping[str, str] | None = None
    started: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    @classmethod
    def take(
        cls, environment: Mapping[str, str]
    ) -> tuple[subprocess.Popen[bytes], socket.socket] | None:
        if cls.environment != environment:
            return None
        started, cls.started = cls.started, None
        return started


@contextlib.contextmanager
def ahead(environment: Mapping[str, str]) -> Iterator[None]:
    """Start the first process while it is found out what runs, as on another core nothing does.

    If nothing in the block needs it, it ends with that.
    """
    if ABLE:
        with contextlib.suppress(OSError):
            _Ahead.started, _Ahead.environment = _start(environment), dict(environment)
    try:
        yield
    finally:
        if _Ahead.started is not None:
            process, control = _Ahead.started
            _Ahead.started = None
            control.close()
            process.kill()
            process.wait()


class _Kept:
    """The processes of the notebook that was edited last, while a server runs."""

    what: object = None
    forks: Forks | None = None


@contextlib.contextmanager
def forks_for(
    imports: Iterable[frozenset[str]], environment: Mapping[str, str], keep: object = None
) -> Iterator[Forks]:
    """Give the processes for notebooks that import these names.

    They end with the block. Where `keep` says what else one notebook depends on while it imports,
    those of this notebook stay for the next time, until another runs or that has changed.
    """
    listed = list(imports)
    if keep is None or len(listed) != 1:
        with contextlib.closing(Forks(listed, environment)) as forks:
            yield forks
        return
    what = (listed, dict(environment), keep)
    if _Kept.forks is None or _Kept.what != what or not _Kept.forks.whole:
        let_go()
        # As if there were another that imports the same: it will, on the next save.
        _Kept.what, _Kept.forks = what, Forks(listed * 2, environment)
    try:
        yield _Kept.forks
    except BaseException:
        let_go()
        raise


def let_go() -> None:
    """End the processes that stay."""
    if _Kept.forks is not None:
        _Kept.forks.close()
    _Kept.what = _Kept.forks = None


class ForkedProcess:
    """A process that is somebody else's child, with what `subprocess.Popen` offers.

    Several threads may ask for its end at once, so what tells of it is closed with this object.
    `ahead` are the first names of what was imported for it before it began.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, ahead: Iterable[str] = ()) -> None:
        self.pid, self.ahead = pid, frozenset(ahead)
        self.returncode: int | None = None
        try:
            self._watch = os.pidfd_open(pid)
        except ProcessLookupError:
            self.returncode = 1
        else:
            weakref.finalize(self, os.close, self._watch)

    def poll(self) -> int | None:
        self._look(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._look(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._watch, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds: float | None) -> None:
        """Wait so long for its end, for ever if that is None, and note it."""
        if self.returncode is None:
            end = select.poll()  # unlike `select.select`, for any number of open files
            end.register(self._watch, select.POLLIN)
            if end.poll(None if seconds is None else max(0.0, 1000 * seconds)):
                self.returncode = 1  # only its parent is told how


Plan = dict[frozenset[str], tuple[frozenset[str] | None, frozenset[str]]]


def plan(imports: Iterable[frozenset[str]]) -> Plan:
    """Say which processes serve notebooks that import these names.

    Maps the packages that a process has loaded to those of its parent, and to the modules that it
    imports itself. The first has none, and is there if anybody is served. Every process serves at
    least two notebooks, and has loaded only what each of them names.
    """
    all_names = list(imports)
    if len(all_names) < 2:
        return {}
    packages = [_packages(names) for names in all_names]
    served = {
        tops: [names for names, own in zip(all_names, packages, strict=True) if tops <= own]
        for tops in {frozenset(), *packages}
    }
    found: Plan = {}
    for tops in sorted(served, key=lambda tops: (len(tops), sorted(tops))):
        if len(served[tops]) < 2:
            continue
        above = best(found, tops)
        common = frozenset.intersection(*served[tops])
        own = frozenset(name for name in common if name.partition(".")[0] in tops)
        has = frozenset().union(*(found[one][1] for one in _lineage(found, above)))
        found[tops] = (above, own - has)
    return found


def best(known: Plan, packages: frozenset[str]) -> frozenset[str] | None:
    """Return the process that has loaded most of these packages, and no other."""
    fitting = [tops for tops in known if tops <= packages]
    return max(fitting, key=lambda tops: (len(tops), sorted(tops)), default=None)


def _lineage(known: Plan, tops: frozenset[str] | None) -> Iterable[frozenset[str]]:
    while tops is not None:
        yield tops
        tops = known[tops][0]


def _packages(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in names) - _LOADED


def _is_kernel(argv: list[str]) -> bool:
    """Tell whether this is the kernel of the Python that builds."""
    return argv[:1] == [sys.executable] and argv[1:3] == ["-m", "ipykernel_launcher"]


def _ask(control: socket.socket, order: dict[str, Any]) -> tuple[socket.socket, dict[str, Any]]:
    mine, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(control, [json.dumps(order).encode()], [theirs.fileno()])
    return mine, _heard(mine)


def _heard(answer: socket.socket) -> dict[str, Any]:
    answer.settimeout(_PATIENCE)
    told: dict[str, Any] = json.loads(answer.recv(1 << 20))
    answer.settimeout(None)
    return told
