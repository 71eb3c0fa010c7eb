"""Digests of a table's values."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from methodic.data import contents
from methodic.data.contents import digests, parts

FRAME = pl.DataFrame(
    {
        "a": [1, None, 3],
        "b": ["x", None, "yz"],
        "c": [date(2020, 1, 1), None, date(2020, 1, 3)],
        "d": [True, None, False],
    }
)


@pytest.mark.parametrize(
    "change",
    [
        pl.col("a").cast(pl.Float64),
        pl.col("a").cast(pl.UInt8),
        pl.col("b").cast(pl.Categorical),
        pl.col("b").fill_null("?"),
        pl.col("b") + " ",
    ],
)
def test_the_values_count_and_not_how_they_are_stored(change: pl.Expr) -> None:
    assert parts(FRAME.with_columns(change)) == parts(FRAME)


@pytest.mark.parametrize(
    "change",
    [
        pl.col("a").fill_null(0),
        pl.col("b").fill_null("null "[:2]),
        pl.col("b").replace("yz", "y"),
        pl.col("c").fill_null(date(1970, 1, 1)),
        pl.col("d").fill_null(value=False),
        pl.lit(datetime(2020, 1, 1)).alias("c"),
    ],
)
def test_each_value_counts(change: pl.Expr) -> None:
    assert parts(FRAME.with_columns(change)) != parts(FRAME)
    before, after = digests(FRAME), digests(FRAME.with_columns(change))
    assert sum(before[name] != after[name] for name in before) == 1


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = parts(FRAME)
    monkeypatch.setattr(contents, "_ROWS", 2)
    assert parts(FRAME) == whole
    assert set(digests(FRAME, "test: ")) == {"test: a", "test: b", "test: c", "test: d"}


def test_there_is_one_zero() -> None:
    assert parts(pl.DataFrame({"a": [0.0, 1.5]})) == parts(pl.DataFrame({"a": [-0.0, 1.5]}))


@pytest.mark.parametrize("shape", [(2,), (3, 4, 4)])
def test_each_number_of_an_array_counts(shape: tuple[int, ...]) -> None:
    values = np.zeros((3, *shape), dtype=np.uint8)
    kind = pl.Array(pl.UInt8, shape)
    whole = parts(pl.DataFrame({"a": pl.Series(values, dtype=kind)}))
    values[2].flat[-1] = 1
    changed = pl.Series("a", values, dtype=kind)
    assert parts(changed.to_frame()) != whole
    if len(shape) == 1:  # bytes of three dimensions are images, and floats are not
        floats = changed.cast(pl.Array(pl.Float32, shape))
        assert parts(floats.to_frame()) == parts(changed.to_frame())
