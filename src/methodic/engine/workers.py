"""Worker processes: one per core with one thread each for small networks.

A worker gets a task as a function of paths and plain values, and leaves its results in files; so it
makes no difference which worker did it, nor how many began it. A worker that dies is replaced, and
what it did is done again. This module doesn't import torch, so that a starting worker can set its
threads first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import parent_process
from typing import Any, Generic, TypeVar

from methodic.engine import forking
from methodic.errors import InputError

T = TypeVar("T")

_COMPANY = "METHODIC_WORKERS"  # how many workers share this machine, in the environment of each
PATIENCE = 10.0  # seconds in which a worker that is asked to end must have saved its work
MOST_DEATHS = 3  # in a row, before any task is done


@dataclass(frozen=True, eq=False)
class _Job(Generic[T]):
    """A task that isn't done yet; it outlives the workers that try it."""

    task: Callable[..., T]
    arguments: tuple[Any, ...]
    name: str
    future: Future[T] = field(default_factory=Future)


class Pool:
    """A pool of worker processes; a context manager.

    Workers don't import the program's main module, so that a script needs no
    `if __name__ == "__main__"`; see `engine.forking`.

    Args:
        workers: how many processes; 0 runs every task in this process, at once.
        threads: of torch for each worker; without workers, of this process until the pool ends.
    """

    def __init__(self, workers: int, threads: int) -> None:
        self.workers = workers
        self.threads = threads
        self.deaths = 0
        """How often workers died and were replaced."""
        self._row = 0  # deaths since a task was done
        self._jobs: list[_Job[Any]] = []  # not done yet, oldest first
        self._executor: ProcessPoolExecutor | None = None
        self._mending: threading.Thread | None = None
        self._ending: Sequence[Any] = ()  # processes that were asked to end
        self._stopped = False
        self._error: InputError | None = None  # workers died too often
        self._lock = threading.RLock()  # futures call back from the executor's own thread
        self._here = contextlib.ExitStack()

    def __enter__(self) -> Pool:
        if self.workers:
            self._executor = self._started()
        else:
            self._here.enter_context(using(self.threads))
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        self._here.close()
        if kind is not None or self._mending is not None:
            self.stop()
        elif self._executor is not None:
            self._stopped = True
            self._executor.shutdown(wait=True, cancel_futures=True)

    def submit(self, task: Callable[..., T], *arguments: Any, name: str = "") -> Future[T]:
        """Run ``task(*arguments)`` in some worker; again in another one, should the first die.

        Args:
            task: a function that a worker can import.
            arguments: plain values.
            name: of the task, for an error about workers that die of it.

        Returns:
            a future. Its error is an `InputError` when workers died `MOST_DEATHS` times in a row.

        Raises:
            InputError: they have died so often before.
        """
        job = _Job(task, arguments, name)
        if self.workers:
            with self._lock:
                if self._error is not None:
                    raise self._error
                self._jobs.append(job)
                self._send(job)
            return job.future
        try:
            job.future.set_result(task(*arguments))
        except Exception as error:
            job.future.set_exception(error)
        return job.future

    def memory(self) -> int:
        """Bytes that the workers have in memory, each its own; of this process without workers."""
        import psutil

        executor = self._executor
        pids = list(executor._processes or {}) if executor is not None else []
        if not self.workers:
            pids = [os.getpid()]
        found = 0
        for pid in pids:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += private(psutil.Process(pid))
        return found

    def restart(self, workers: int, threads: int) -> None:
        """Other workers in place of these; no task may be under way.

        Args:
            workers, threads: as for a new pool, ``workers`` ≥ 1.
        """
        if self._mending is not None:
            self._mending.join()
        with self._lock:
            executor, self._executor = self._executor, None
            self.workers, self.threads = workers, threads
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)
        self._executor = self._started()

    def stop(self) -> None:
        """End all workers: each may finish its step and save it first, for `PATIENCE` seconds.

        Raises:
            KeyboardInterrupt: Ctrl-C while they do so; they are killed.
        """
        with self._lock:
            self._stopped = True
            executor, self._executor = self._executor, None
        try:
            if executor is not None:
                self._end(executor)
            if self._mending is not None:
                self._mending.join()
        except KeyboardInterrupt:
            for process in self._ending:
                _kill(process)
            raise

    def _started(self) -> ProcessPoolExecutor:
        forking.begin()
        parent = os.getpid() if forking.fresh() else None
        executor = ProcessPoolExecutor(
            self.workers,
            forking.context(),
            _start,
            (self.workers, self.threads, parent, dict(os.environ)),
        )
        # All begin at once: of one that begins later the executor may not notice the death.
        executor._safe_to_dynamically_spawn_children = False  # type: ignore[attr-defined]
        if parent is not None:  # fresh interpreters begin while the data are prepared
            executor.submit(os.getpid)
        return executor

    def _send(self, job: _Job[Any]) -> None:
        executor = self._executor
        if executor is None:
            return  # the pool is being mended, and sends all jobs when it is whole
        try:
            attempt = executor.submit(job.task, *job.arguments)
        except (BrokenProcessPool, OSError, EOFError):  # died, or couldn't begin
            self._mend(executor)
        else:
            attempt.add_done_callback(lambda future: self._settle(job, executor, future))

    def _settle(self, job: _Job[T], executor: ProcessPoolExecutor, attempt: Future[T]) -> None:
        if attempt.cancelled():
            return
        error = attempt.exception()
        if isinstance(error, BrokenProcessPool):
            self._mend(executor)
            return
        with self._lock:
            self._row = 0
            self._jobs.remove(job)
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(attempt.result())

    def _mend(self, broken: ProcessPoolExecutor) -> None:
        """Put a new executor in the place of one whose worker died; each is replaced once."""
        with self._lock:
            if self._stopped or self._executor is not broken:
                return
            self._executor = None
            self.deaths += 1
            self._row += 1
            self._mending = threading.Thread(target=self._replace, args=(broken,), daemon=True)
            self._mending.start()

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        # A queue may be in disorder, so the other workers end too; they save their work first.
        self._end(broken)
        with self._lock:
            if self._stopped:
                return
            if self._row < MOST_DEATHS:
                with contextlib.suppress(OSError):  # no memory for another process
                    self._executor = self._started()
                    for job in self._jobs:
                        self._send(job)
                    return
            lost, self._jobs = self._jobs, []
            # Tasks are handed out in order, so the oldest ones were under way.
            names = ", ".join(job.name for job in lost[: self.workers] if job.name)
            self._error = InputError(
                f"worker processes died {MOST_DEATHS} times in a row; perhaps memory ran out",
                found=f"they were doing {names}" if names else None,
                advice="Make memory free, then go on: methodic resume RUN. "
                "A new run with --workers 1 needs less of it.",
            )
        for job in lost:
            job.future.set_exception(self._error)

    def _end(self, executor: ProcessPoolExecutor) -> None:
        processes = list((executor._processes or {}).values())
        self._ending = processes
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        while any(map(_alive, processes)) and time.monotonic() < deadline:
            time.sleep(0.01)
        for process in filter(_alive, processes):
            _kill(process)
        executor.shutdown(wait=True, cancel_futures=True)


def company() -> int:
    """How many workers share the machine with this process, itself included."""
    return int(os.environ.get(_COMPANY, "1"))


def private(process: Any) -> int:
    """Bytes in memory of a `psutil.Process` that aren't shared with others; 0 when it is gone."""
    import psutil

    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0
    return max(0, int(memory.rss) - int(getattr(memory, "shared", 0)))


@contextlib.contextmanager
def using(threads: int) -> Iterator[None]:
    """Let torch take so many threads in this process: a member's bits may depend on them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _start(workers: int, threads: int, parent: int | None, environment: Mapping[str, str]) -> None:
    os.environ.clear()  # the server's may be older
    os.environ.update(environment)
    os.environ[_COMPANY] = str(workers)
    # Ctrl-C goes to the whole group of processes; only the main one answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    # Waiting threads that spin take the core that another worker needs.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    import torch

    torch.set_num_threads(threads)


def _follow(parent: int | None) -> None:
    """End this worker soon after the program, which may be killed and not be able to say so.

    Else it would go on and write into a run that is being resumed.

    Args:
        parent: the program's process; None where that of this one is a server.
    """
    program = parent_process()
    if parent is None and program is not None:
        program.join()
    else:
        while os.getppid() == parent:
            time.sleep(0.2)
    os._exit(1)


def _alive(process: Any) -> bool:
    """Whether a worker runs: what its end says isn't enough, since the server may have died."""
    import psutil

    try:
        status = psutil.Process(process.pid).status()
        return bool(process.is_alive()) or status != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill(process: Any) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
