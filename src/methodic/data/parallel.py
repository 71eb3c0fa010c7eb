"""Work on a table's columns or blocks of rows, by all processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int | None = None
) -> list[Result]:
    """What ``work`` makes of each item, one after the other or in threads, in the items' order.

    The work has to be of the kind that lets other threads run: NumPy on long arrays, polars,
    decoding. Items must not depend on each other.

    Args:
        work: what to do.
        items: on what.
        threads: at most so many; None: one for each processor that this process may use.

    Raises:
        Exception: that of the first item for which ``work`` raised one.
    """
    listed = list(items)
    most = min(len(listed), threads or processors())
    if most < 2:
        return [work(item) for item in listed]
    with ThreadPoolExecutor(most) as pool:
        return list(pool.map(work, listed))


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
