"""Work by all processors."""

from __future__ import annotations

import threading
import time

import pytest

from methodic.data.parallel import in_threads, processors


@pytest.mark.parametrize("threads", [1, 2, None])
def test_every_item_once(threads: int | None) -> None:
    done: list[int] = []
    in_threads(done.append, range(100), threads=threads)
    assert sorted(done) == list(range(100))


def test_several_at_a_time() -> None:
    both = threading.Barrier(2, timeout=20)  # each waits for the other
    in_threads(lambda _: both.wait(), range(2), threads=2)
    assert processors() >= 1


@pytest.mark.parametrize("threads", [1, 2])
def test_errors_arrive(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda i: 1 / i, [2, 1, 0], threads=threads)


def test_nothing_to_do() -> None:
    in_threads(print, [])


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_items(threads: int) -> None:
    def late(i: int) -> int:
        time.sleep(0.002 * (5 - i))
        return i * i

    assert in_threads(late, range(5), threads=threads) == [0, 1, 4, 9, 16]
