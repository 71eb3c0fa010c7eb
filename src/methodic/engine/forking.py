"""New processes as copies of one that has imported everything, where the system can do that.

A fresh interpreter needs seconds for its imports, of a core that the main process wants for its
own. So one process, the server, imports them once, while the main one reads its data; workers are
forked from it in some milliseconds, and have its pages in common. The server has one thread and
computes nothing, so no lock is held when it is copied. It ends with the process that began it.

Where processes can't be forked (Windows), the system's libraries don't bear it (macOS), or there is
no place for the server's socket, workers are fresh interpreters. Neither kind imports the program's
main module, so a script needs no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import functools
import socket
import sys
from multiprocessing.connection import arbitrary_address  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any


def begin() -> None:
    """Let the server begin with its imports: workers that are started later find them done."""
    if not fresh():
        from methodic.engine.forked import running

        running()


def context() -> Any:
    """What an executor makes its workers and queues with."""
    if not fresh():
        from methodic.engine.forked import Context

        return Context()
    from loky.backend import get_context

    return get_context("loky")


def fresh() -> bool:
    """Whether workers are fresh interpreters, which need seconds to begin."""
    return sys.platform != "linux" or not _reachable()


@functools.lru_cache(maxsize=1)
def _reachable() -> bool:
    """Whether a server could be spoken to: not where the path of the temporary folder is long."""
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            address = arbitrary_address("AF_UNIX")
            listener.bind(address)
            Path(address).unlink()
    except OSError:
        return False
    return True
