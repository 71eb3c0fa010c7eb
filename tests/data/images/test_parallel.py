"""Decoding many images: the same pixels whoever does it, and what is broken by its row."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pictures
import polars as pl
import pytest

from methodic.data.images import parallel
from methodic.data.images.decoding import RESIZED
from methodic.data.images.parallel import decode_all, decode_block

SHAPE = (3, 12, 10)
PIXELS = [pictures.pixels(i) for i in range(9)]
CELLS = [pictures.encoded(each) for each in PIXELS]
CELLS[4] = CELLS[4][:70]
CELLS[7] = pictures.encoded(pictures.pixels(7, 30, 30))
EXPECTED = np.stack(PIXELS)
EXPECTED[4] = 0
EXPECTED[7] = decode_block([CELLS[7]], SHAPE, "crop")[0][0]


@pytest.fixture(params=["here", "threads", "processes"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(parallel, "BLOCK", 2)
    monkeypatch.setattr(parallel, "processors", lambda: 1 if request.param == "here" else 2)
    monkeypatch.setattr(parallel, "MANY", 3)
    monkeypatch.setattr(parallel, "_SMALL", 2**14 if request.param == "processes" else 0)
    return str(request.param)


def test_every_way_gives_the_same(way: str) -> None:
    found = decode_all(pl.Series([*CELLS, None]), SHAPE, "crop")
    assert np.array_equal(found.pixels[:-1], EXPECTED), way
    assert sorted(found.broken) == [4, 9]
    assert found.broken[9] == "no image"
    assert found.remarks == {RESIZED: 1}


def test_workers_that_die_are_replaced_by_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying:
        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> Dying:
            return self

        def __exit__(self, *_: object) -> None: ...

        def submit(self, *_: object) -> Dying:
            return self

        def result(self) -> object:
            raise BrokenProcessPool

    monkeypatch.setattr(parallel, "ProcessPoolExecutor", Dying)
    monkeypatch.setattr(parallel, "MANY", 3)
    monkeypatch.setattr(parallel, "BLOCK", 2)
    monkeypatch.setattr(parallel, "processors", lambda: 2)
    assert np.array_equal(decode_all(pl.Series(CELLS), SHAPE, "crop").pixels, EXPECTED)
