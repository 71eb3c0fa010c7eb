"""Columns whose cells are arrays; what is refused: see test_conform."""

from __future__ import annotations

import polars as pl
import pytest

from methodic.data.columns.arrays import as_arrays
from methodic.data.schemas.schema import Column
from methodic.errors import InputError

COLUMN = Column(name="c", kind="array", shape=(2, 2))


def cells(low: float, kind: type[pl.DataType]) -> pl.Series:
    return pl.Series("c", [[[low, 2], [3, 4]]], dtype=pl.Array(kind, (2, 2)), strict=False)


def test_finite_arrays_stay_as_they_are() -> None:
    for kind in (pl.Float32, pl.Float64, pl.UInt8):
        assert as_arrays(cells(1, kind), COLUMN, "f.csv").equals(cells(1, kind))


def test_others_are_refused() -> None:
    with pytest.raises(InputError, match="row 1"):
        as_arrays(cells(float("nan"), pl.Float64), COLUMN, "f.csv")
    hole = pl.Series("c", [[[1, None], [3, 4]]], dtype=pl.Array(pl.Int32, (2, 2)))
    with pytest.raises(InputError, match="row 1"):
        as_arrays(hole, COLUMN, "f.csv")
    with pytest.raises(InputError, match="another shape"):
        as_arrays(pl.Series("c", [[1.0]]), COLUMN, "f.csv")
