"""Worker processes: one per core with one thread each for small networks.

A worker gets a task as a function of paths and plain values, and leaves its results in files; so it
makes no difference which worker did it. This module doesn't import torch, so that a starting worker
can set its threads first.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Pool:
    """A pool of worker processes; a context manager.

    Args:
        workers: how many processes; 0 runs every task in this process, at once.
        threads: for each worker.
    """

    def __init__(self, workers: int, threads: int) -> None:
        self.workers = workers
        self.threads = threads
        self._executor: Any = None

    def __enter__(self) -> Pool:
        if self.workers:
            from loky import ProcessPoolExecutor

            self._executor = ProcessPoolExecutor(
                max_workers=self.workers,
                initializer=_start,
                initargs=(self.threads,),
                env=_environment(self.threads),
            )
            for _ in range(self.workers):
                self._executor.submit(_warm_up)
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, kill_workers=kind is not None)

    def submit(self, task: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run ``task(*arguments)`` in some worker."""
        if self._executor is not None:
            submitted: Future[T] = self._executor.submit(task, *arguments)
            return submitted
        future: Future[T] = Future()
        try:
            future.set_result(task(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def _environment(threads: int) -> dict[str, str]:
    # Waiting threads that spin take the core that another worker needs.
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def _start(threads: int) -> None:
    # Ctrl-C goes to the whole group of processes; only the main one answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(threads)


def _warm_up() -> int:
    return os.getpid()
