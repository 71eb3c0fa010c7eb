"""Signals as requests: who is asked to end may save its work first."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from methodic.errors import Interrupted


@contextlib.contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Within, SIGTERM and Ctrl-C are requests: the yielded function says whether one came.

    The block then ends as soon as it can by raising `Interrupted`, and the signal has its usual
    effect. A second Ctrl-C has it at once. Outside of the main thread signals can't be had.
    """
    came: list[int] = []

    def note(number: int, frame: object) -> None:  # noqa: ARG001
        if number == signal.SIGINT and came:
            raise KeyboardInterrupt
        came.append(number)

    usual: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            handler = signal.getsignal(number)
            if handler is not signal.SIG_IGN and handler is not None:
                usual[number] = signal.signal(number, note)
    try:
        yield lambda: bool(came)
    except Interrupted:
        if not came:
            raise
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
    if came:  # whoever handles the signal let it pass
        raise Interrupted
