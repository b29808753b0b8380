"""What a kernel starts with: which one it is, and what it is told of the machine that builds.

An author's own settings (a time zone, a locale, a backend for plots, a terminal's width) would
change results without a trace in the key of the cache. So a kernel gets a declared list: what is
set for all, what the site sets, what it lets through, and what says where things are.
"""

from __future__ import annotations

import asyncio
import math
import os
import queue
import re
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from notebook_embed.forks import Forks

__all__ = ["GIVEN", "environment_of", "inherited", "language_of", "manager_class", "spec_of"]

#: Set for every kernel; `kernel_environment` of the site comes on top.
GIVEN = {
    # One thread a kernel: as many kernels as cores run, and sums come out the same everywhere.
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    # matplotlib reads the author's own file of settings where none is named.
    "MATPLOTLIBRC": os.devnull,
    # It writes this date into its pictures, which is else that of the run.
    "SOURCE_DATE_EPOCH": "0",
}

# Where programs, libraries, caches, certificates and proxies are found, and who runs the build.
KEPT = frozenset(
    [
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TEMP", "TMP"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
        *("VIRTUAL_ENV", "CONDA_PREFIX"),
        *("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_DATA_DIRS"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *(
            "SYSTEMROOT",
            "SYSTEMDRIVE",
            "WINDIR",
            "COMSPEC",
            "PATHEXT",
            "USERPROFILE",
            "HOMEDRIVE",
            "HOMEPATH",
        ),
        *(
            "APPDATA",
            "LOCALAPPDATA",
            "PROGRAMDATA",
            "PROGRAMFILES",
            "NUMBER_OF_PROCESSORS",
            "PROCESSOR_ARCHITECTURE",
        ),
    ]
)


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a kernel keeps of the environment of the machine on which it starts."""
    return {name: value for name, value in environment.items() if name.upper() in KEPT}


def environment_of(given: Mapping[str, str]) -> dict[str, str]:
    """Return all that a kernel on this machine gets; `given` is what the site sets."""
    return {**inherited(os.environ), **given}


def manager_class(forks: Forks | None = None, imports: frozenset[str] = frozenset()) -> type[Any]:
    """Return the class of managers whose ``python3`` is the Python that builds.

    One of that name in the author's home may be another, with other packages than the key says. It
    starts from `forks` where these have a process for what the notebook imports.
    """
    import zmq.asyncio
    from jupyter_client.asynchronous import AsyncKernelClient
    from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning import LocalProvisioner
    from traitlets import Type, default

    class Client(AsyncKernelClient):
        @default("context")
        def _knocks_again_soon(self) -> zmq.asyncio.Context:
            # Channels are opened before the kernel listens; by default they try again a tenth of a
            # second later, as long as a fork takes to start.
            self._created_context = True
            context = zmq.asyncio.Context()
            context.setsockopt(zmq.RECONNECT_IVL, 10)  # ms
            return context

        async def wait_for_ready(self, timeout: float | None = None) -> None:
            """Wait as the library does, but not a fifth of a second for its outputs to be still.

            What comes late belongs to no cell, which its header tells.
            """
            until = time.monotonic() + (math.inf if timeout is None else timeout)
            while True:
                self.kernel_info()
                with suppress(queue.Empty):
                    reply = await self.shell_channel.get_msg(timeout=1)
                    if reply["msg_type"] == "kernel_info_reply":
                        await self.iopub_channel.get_msg(timeout=0.2)  # else it is not connected
                        self._handle_kernel_info_reply(reply)
                        return
                if not await self.is_alive():
                    raise RuntimeError("Kernel died before replying to kernel_info")
                if time.monotonic() > until:
                    raise RuntimeError(f"Kernel didn't respond in {timeout:.0f} seconds")

    class Manager(AsyncKernelManager):
        client_factory = Type(Client)

        @default("kernel_spec_manager")
        def _python_is_this_one(self) -> KernelSpecManager:
            native = self.kernel_name == NATIVE_KERNEL_NAME
            return KernelSpecManager(kernel_dirs=[]) if native else KernelSpecManager()

        async def _async_pre_start_kernel(self, **options: Any) -> Any:
            self.kernel_id = self.kernel_id or str(uuid.uuid4())
            if forks is not None and self.provisioner is None:
                self.provisioner = Provisioner(
                    kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
                )
            return await super()._async_pre_start_kernel(**options)

        async def _async_wait(self, pollinterval: float = 0.01) -> None:
            await super()._async_wait(pollinterval)

    class Provisioner(LocalProvisioner):
        async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
            assert forks is not None
            forked = await asyncio.to_thread(
                forks.start, imports, cmd, options["env"], str(options["cwd"])
            )
            if forked is None:
                return await super().launch_kernel(cmd, **options)
            self.process = forked  # type: ignore[assignment]
            self.pid = self.pgid = forked.pid
            self.cwd = options["cwd"]
            return self.connection_info

    return Manager


def spec_of(name: str) -> Any:
    """Return the specification of the kernel `name`, or None if it is not installed."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        return KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        return None


def language_of(name: str) -> str:
    """Return the language of a kernel: as it says itself if it is installed, else by its name."""
    if (spec := spec_of(name)) is not None and spec.language:
        return str(spec.language).lower()
    bare = re.sub(r"[-_.\d].*", "", name).lower()
    return {"ir": "r"}.get(bare, bare)
