"""Worker processes: one per core with one thread each for small networks.

A worker gets a task as a function of paths and plain values, and leaves its results in files; so it
makes no difference which worker did it. This module doesn't import torch, so that a starting worker
can set its threads first.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Pool:
    """A pool of worker processes; a context manager.

    Workers are fresh interpreters that don't import the program's main module, so that a script
    needs no `if __name__ == "__main__"` and forked locks can't hang.

    Args:
        workers: how many processes; 0 runs every task in this process, at once.
        threads: for each worker.
    """

    def __init__(self, workers: int, threads: int) -> None:
        self.workers = workers
        self.threads = threads
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Pool:
        if self.workers:
            from loky.backend import get_context

            self._executor = ProcessPoolExecutor(
                self.workers, get_context("loky"), _start, (self.threads,)
            )
            for _ in range(self.workers):  # they start while the data are prepared
                self._executor.submit(os.getpid)
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        if self._executor is not None:
            if kind is not None:
                for process in list(self._executor._processes.values()):
                    process.terminate()
            self._executor.shutdown(wait=True, cancel_futures=True)

    def submit(self, task: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run ``task(*arguments)`` in some worker."""
        if self._executor is not None:
            return self._executor.submit(task, *arguments)
        future: Future[T] = Future()
        try:
            future.set_result(task(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def _start(threads: int) -> None:
    # Ctrl-C goes to the whole group of processes; only the main one answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    # Waiting threads that spin take the core that another worker needs.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    import torch

    torch.set_num_threads(threads)
