"""Columns whose cells are arrays of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from methodic.data.columns.cells import first, row_name
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Column


def as_arrays(series: pl.Series, column: Column, where: str) -> pl.Series:
    """The column as it is, if its cells are finite numbers in the shape that training had.

    Raises:
        InputError: another shape; a cell that is missing or not finite, with its row.
    """
    import numpy as np
    import polars as pl

    _check_shape(series, column, where)
    bad = first(series.is_null())
    inner = _innermost(series.dtype)
    values = series.to_numpy() if bad is None and len(series) else None
    # Whole numbers are finite (a missing one makes floats of all), and a copy of them as floats
    # would be large.
    if values is not None and values.dtype.kind not in "biu":
        values = values.astype(np.float32 if inner == pl.Float32 else np.float64)
        wrong = np.flatnonzero(~np.isfinite(values.reshape(len(series), -1)).all(axis=1))
        bad = int(wrong[0]) if len(wrong) else None
    if bad is not None:
        raise InputError(
            f"{where}: column '{series.name}' has an array that isn't all finite numbers"
            f" in {row_name(bad)}",
            accepted="finite numbers in every array",
        )
    return series


def _check_shape(series: pl.Series, column: Column, where: str) -> None:
    import polars as pl

    shape = tuple(series.dtype.shape) if isinstance(series.dtype, pl.Array) else None
    if shape != column.shape:
        raise InputError(
            f"{where}: column '{series.name}' holds cells of another shape than in training",
            found=str(series.dtype),
            accepted=f"arrays of shape {column.shape}",
        )


def _innermost(kind: pl.DataType) -> pl.DataType:
    import polars as pl

    while isinstance(kind, pl.Array):
        kind = kind.inner  # type: ignore[assignment]
    return kind
