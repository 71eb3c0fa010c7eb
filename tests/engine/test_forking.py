"""Which kind of worker processes there are on this system."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from methodic.engine import forking
from methodic.engine.workers import Pool


def test_linux_forks() -> None:
    assert forking.fresh() == (sys.platform != "linux")


def test_fresh_interpreters_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on other systems."""
    monkeypatch.setattr(sys, "platform", "elsewhere")
    assert forking.fresh()
    forking.begin()  # nothing to do
    monkeypatch.undo()
    monkeypatch.setattr(forking, "fresh", lambda: True)
    assert type(forking.context()).__module__.startswith("loky")
    with Pool(2, 1) as pool:
        pids = {pool.submit(os.getpid).result() for _ in range(4)}
    assert os.getpid() not in pids
    with ProcessPoolExecutor(1, forking.context()) as plain:
        assert plain.submit(pow, 2, 3).result() == 8
