"""Processes that are forked from a server; not for every system, see `forking`.

They are `multiprocessing`'s, but for the server, which is one of our own with imports of our own,
and for the main module, which they leave alone.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing import context, forkserver, popen_forkserver, spawn, util
from multiprocessing.reduction import dump
from typing import Any

_IMPORTED = "methodic.served"  # by the server alone: another process, so no floor above this
_ONE_AT_A_TIME = threading.RLock()


def running() -> forkserver.ForkServer:
    """The server of this process, begun if it isn't running."""
    with _ONE_AT_A_TIME, _unchanged():
        server = _server(os.getpid())
        # It imports from where this process does, and from nowhere else: a file beside the data
        # that is called like a module is none.
        path = os.pathsep.join(each for each in sys.path if each)
        with _environment(PYTHONPATH=path, PYTHONSAFEPATH="1"):
            server.ensure_running()
        return server


@functools.lru_cache(maxsize=1)
def _server(process: int) -> forkserver.ForkServer:  # a copy of this process needs its own
    server = forkserver.ForkServer()
    server.set_forkserver_preload([_IMPORTED])
    atexit.register(_end, server, process)
    return server


def _end(server: Any, process: int) -> None:
    """With this process, and not when its imports are done."""
    if os.getpid() == process and server._forkserver_pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(server._forkserver_pid, signal.SIGKILL)


@contextlib.contextmanager
def _environment(**more: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _unchanged() -> Iterator[None]:
    """How the program starts processes of its own stays open: it may not have decided yet."""
    chosen: Any = context._default_context
    before = chosen._actual_context
    try:
        yield
    finally:
        chosen._actual_context = before


class Launched(popen_forkserver.Popen):
    """A process under way."""

    _fds: list[int]  # that it is to inherit

    def _launch(self, process: Any) -> None:
        with _unchanged():
            given = spawn.get_preparation_data(process.name)
        text = io.BytesIO()
        context.set_spawning_popen(self)
        try:
            dump({k: v for k, v in given.items() if not k.startswith("init_main")}, text)
            dump(process, text)
        finally:
            context.set_spawning_popen(None)
        self.sentinel, pipe = running().connect_to_new_process(self._fds)
        # As long as an end of the pipe is open here, the process knows that this one lives.
        self.finalizer = util.Finalize(self, _close, (os.dup(pipe), self.sentinel))
        with os.fdopen(pipe, "wb") as file:
            file.write(text.getbuffer())
        self.pid = forkserver.read_signed(self.sentinel)


def _close(*files: int) -> None:
    for each in files:
        os.close(each)


class Process(context.ForkServerProcess):
    """A process to be."""

    @staticmethod
    def _Popen(process_obj: Any) -> Launched:  # noqa: N802  its name in multiprocessing
        return Launched(process_obj)

    def run(self) -> None:
        """In the process itself: SIGTERM, which the server ignores, has its usual effect."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        super().run()


class Context(context.ForkServerContext):
    """Makes such processes, and queues and locks for them."""

    Process = Process
