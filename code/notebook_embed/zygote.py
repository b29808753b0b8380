"""A process that has made its imports and forks: into kernels, and into others of its kind.

It runs by itself, without the generator: what a kernel finds loaded must be what it would load. It
is told what to do in messages of JSON on a socket, each with another socket on which the answer
goes. When the first socket closes it ends, and the kernels that it has begotten end with it.
"""

import contextlib
import gc
import importlib.util
import json
import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# What a kernel imports in any case, much of it only once it starts.
KERNEL = [
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.extensions.storemagic",
    "IPython.core.oinspect",
    "pdb",
    "psutil",
    "sqlite3",
    "tornado.platform.asyncio",
]
SET = {
    # What a kernel sets before a notebook can import anything that reads it; it does so again.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    # The debugger would say in the terminal that it may miss what nobody has set.
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
UNSET = SET.keys() - os.environ.keys()
os.environ.update({name: SET[name] for name in UNSET})


def serve(control: socket.socket, modules: list[str], ahead: Iterable[str] = ()) -> None:
    """Import `modules`, say so, and do as one is told until nobody is there any more.

    `ahead` names what was imported for notebooks, not for kernels: whoever asks for one is told.
    """
    before = _first_names()
    for name in modules:
        # A name may be that of a function; and what cannot be imported says so in the cell.
        with contextlib.suppress(BaseException):
            _import(name)
    if modules is not KERNEL:
        ahead = {*ahead, *(_first_names() - before)}
    gc.collect()
    gc.freeze()  # kernels share this memory as long as nobody touches it
    control.send(json.dumps({"pid": os.getpid(), "threads": _threads()}).encode())
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 1)
        if not message:
            os._exit(0)
        answer = socket.socket(fileno=descriptors[0])
        order = json.loads(message)
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if "modules" in order:
                signal.signal(signal.SIGCHLD, signal.SIG_IGN)
                serve(answer, order["modules"], ahead)
            answer.send(json.dumps({"pid": os.getpid(), "ahead": sorted(ahead)}).encode())
            answer.close()
            _become_kernel(**order)
        answer.close()


def _import(name: str) -> None:
    """Do as ``from above import last`` does: an attribute comes before a module of that name."""
    above, _, last = name.rpartition(".")
    if not above or not hasattr(importlib.import_module(above), last):
        importlib.import_module(name)


def _first_names() -> set[str]:
    return {name.partition(".")[0] for name in list(sys.modules)}


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _become_kernel(argv: list[str], environment: dict[str, str], folder: str) -> None:
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()
    for name in UNSET:
        os.environ.pop(name, None)
    os.environ.update(environment)  # beside what the imports have set
    os.chdir(folder)
    launcher = importlib.util.find_spec("ipykernel_launcher")
    sys.argv = [str(launcher and launcher.origin), *argv]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()  # a new process has a seed of its own
    # It shall notice the end of the process that it was forked from.
    IPKernelApp.launch_instance(argv, parent_handle=os.getppid())
    sys.exit()


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for kernels: none stays a zombie
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    serve(socket.socket(fileno=int(sys.argv[1])), KERNEL)
