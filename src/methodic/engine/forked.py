"""Processes that are forked from a server; not for every system, see `forking`.

They are `multiprocessing`'s, but for the server, which is one of our own with imports of our own,
and for the main module, which they leave alone.
"""

from __future__ import annotations

import functools
import io
import os
from multiprocessing import context, forkserver, popen_forkserver, spawn, util
from multiprocessing.reduction import dump
from typing import Any

_IMPORTED = "methodic.served"  # by the server alone: another process, so no floor above this


def running() -> forkserver.ForkServer:
    """The server of this process, begun if it isn't running."""
    server = _server(os.getpid())
    server.ensure_running()
    return server


@functools.lru_cache(maxsize=1)
def _server(process: int) -> forkserver.ForkServer:  # noqa: ARG001  a copy needs one of its own
    server = forkserver.ForkServer()
    server.set_forkserver_preload([_IMPORTED])
    return server


class Launched(popen_forkserver.Popen):
    """A process under way."""

    _fds: list[int]  # that it is to inherit

    def _launch(self, process: Any) -> None:
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


class Context(context.ForkServerContext):
    """Makes such processes, and queues and locks for them."""

    Process = Process
