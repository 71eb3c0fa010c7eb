"""Work on a table's columns or blocks of rows, by all processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def in_threads(
    work: Callable[[Item], object], items: Iterable[Item], *, threads: int | None = None
) -> None:
    """Call ``work`` on every item, in any order, in threads where there are several.

    The work has to be of the kind that lets other threads run: NumPy on long arrays, polars,
    decoding. Items must not depend on each other.

    Args:
        work: what to do.
        items: on what.
        threads: at most so many; None: one for each processor that this process may use.

    Raises:
        Exception: the first that ``work`` raised.
    """
    listed = list(items)
    most = min(len(listed), threads or processors())
    if most < 2:
        for item in listed:
            work(item)
        return
    with ThreadPoolExecutor(most) as pool:
        for _ in pool.map(work, listed):
            pass


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
