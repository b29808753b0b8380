"""Where notebooks run: in kernels on this machine, or on the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from notebook_embed.errors import EmbedError
from notebook_embed.execution import Job, Kernels, Progress, run_notebook
from notebook_embed.files import configuration
from notebook_embed.forks import Forks

__all__ = ["Run", "executor_for"]

Run = Callable[[Job, Progress], str]


@contextlib.contextmanager
def executor_for(
    scheduler: str, jobs: int, forks: Forks | None = None
) -> Iterator[tuple[Run, int, Callable[[], None]]]:
    """Give the functions that run a notebook and that stop all, and how many may run at a time.

    On this machine kernels start from `forks`.

    With the address of a Dask scheduler, they run on its workers, as many at a time as these have
    threads. A notebook whose worker dies is run again on another one. Workers need the project's
    folder under the same path, and the same packages.

    Raises
    ------
    EmbedError : the scheduler cannot be reached, Dask is not installed, or there is no worker.
    """
    if not scheduler:
        kernels = Kernels(forks)
        yield partial(run_notebook, kernels=kernels), jobs, kernels.stop
        return
    try:
        import distributed
    except ImportError as error:
        raise EmbedError(
            "the option 'scheduler' needs the package 'distributed'",
            file=configuration(Path()),
            remedy="Install it (pip install distributed), or leave the option out.",
        ) from error
    try:
        client = distributed.Client(scheduler)
    except (OSError, ValueError) as error:
        raise EmbedError(
            f"the Dask scheduler '{scheduler}' cannot be reached",
            file=configuration(Path()),
            remedy="Start it, mend the address, or leave the option 'scheduler' out.",
        ) from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise EmbedError(
                f"the Dask scheduler '{scheduler}' has no workers",
                file=configuration(Path()),
                remedy="Start some: dask worker ADDRESS.",
            )
        with client.get_executor(pure=False) as executor:

            def run(job: Job, progress: Progress) -> str:
                progress(0, len(job.notebook.code_cells), scheduler)
                executed: str = executor.submit(run_notebook, job).result()
                return executed

            yield run, threads, partial(client.close, timeout=0)
