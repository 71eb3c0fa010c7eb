"""The pool: in this process, and in others."""

from __future__ import annotations

import os

import pytest
import torch

from methodic.durations import parse_budget
from methodic.engine.workers import Pool
from methodic.errors import InputError


def test_without_workers_a_task_runs_here_and_at_once() -> None:
    seen: list[int] = []
    with Pool(0, 1) as pool:
        future = pool.submit(seen.append, 3)
        assert seen == [3]
        assert future.done()
        assert pool.submit(os.getpid).result() == os.getpid()


def test_without_workers_an_error_waits_in_the_future() -> None:
    with Pool(0, 1) as pool:
        future = pool.submit(int, "x")
        with pytest.raises(ValueError, match="'x'"):
            future.result()


def test_without_workers_ctrl_c_gets_through() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with Pool(0, 1) as pool, pytest.raises(KeyboardInterrupt):
        pool.submit(stop)


def test_two_processes() -> None:
    """Tasks come from modules that a worker can import."""
    with Pool(2, 1) as pool:
        where = [pool.submit(os.getpid) for _ in range(4)]
        threads = pool.submit(torch.get_num_threads)
        names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")
        settings = [pool.submit(os.getenv, name) for name in names]
        broken = pool.submit(parse_budget, "soon")
        assert os.getpid() not in {future.result() for future in where}
        assert threads.result() == 1
        assert [future.result() for future in settings] == ["1", "PASSIVE"]
        with pytest.raises(InputError) as caught:
            broken.result()
    with pytest.raises(InputError) as here:
        parse_budget("soon")
    assert str(caught.value) == str(here.value)
    assert caught.value.accepted == here.value.accepted is not None
