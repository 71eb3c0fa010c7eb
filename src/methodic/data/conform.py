"""Any later table (test rows, rows to predict) in the form that the schema asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from methodic.data.cells import first, row_name, texts, tidy
from methodic.data.schema import Column, Schema
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl


def conform(frame: pl.DataFrame, schema: Schema, where: str = "data") -> pl.DataFrame:
    """The schema's input columns, in its order and of its kinds; the target last if it is there.

    Columns may come in any order, others are ignored, numbers may be written as text, a category
    may be of any plain type. The target, if present, is returned untouched.

    Raises:
        InputError: a column is missing; a cell is not a number, or infinite, or an array of another
            shape: column, row and value are named.
    """
    lacking = [column.name for column in schema.columns if column.name not in frame.columns]
    if lacking:
        raise InputError(
            f"{where}: {'a column is' if len(lacking) == 1 else f'{len(lacking)} columns are'}"
            " missing that the training data have",
            found=f"without {_listed(lacking)}; there are {_listed(frame.columns)}",
            accepted=_listed([column.name for column in schema.columns]),
            advice="Add them; the order doesn't matter, and single cells may be empty.",
        )
    series = [_as_kind(frame[column.name], column, where) for column in schema.columns]
    if schema.target in frame.columns:
        series.append(frame[schema.target])
    import polars as pl

    return pl.DataFrame(series)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:20])
    return shown + (f", … ({len(names)} in all)" if len(names) > 20 else "")


def _as_kind(series: pl.Series, column: Column, where: str) -> pl.Series:
    if column.kind == "array":
        return _as_array(series, column, where)
    if column.kind == "numeric":
        return as_numbers(series, where)
    _refuse(series, where, "texts", dates=True)
    return texts(tidy(series, text=True))


def _refuse(series: pl.Series, where: str, accepted: str, *, dates: bool) -> None:
    """The error for a column whose type can't be read as wanted; without it nothing happens."""
    import polars as pl

    kind = series.dtype
    if kind.is_nested() or kind in (pl.Binary, pl.Object) or (not dates and kind.is_temporal()):
        raise InputError(
            f"{where}: column '{series.name}' has values of another type than in training",
            found=str(kind),
            accepted=accepted,
        )


def as_numbers(series: pl.Series, where: str = "data") -> pl.Series:
    """The column as finite numbers and nulls; otherwise an error with column, row and value."""
    import polars as pl

    _refuse(series, where, "numbers", dates=False)
    cells = tidy(series)
    if cells.dtype == pl.String:
        parsed = cells.cast(pl.Float64, strict=False)
        bad = first(cells.is_not_null() & parsed.is_null())
        if bad is not None:
            raise InputError(
                f"{where}: column '{series.name}' holds numbers, and {row_name(bad)} has none",
                found=f"'{cells[bad]}'",
                accepted="a number such as 3.5, or an empty cell where it is missing",
            )
        return parsed
    if not cells.dtype.is_numeric():
        return cells.cast(pl.Float64)
    bad = first(cells.is_infinite()) if cells.dtype.is_float() else None
    if bad is not None:
        raise InputError(
            f"{where}: column '{series.name}' is infinite in {row_name(bad)}",
            found=cells[bad],
            accepted="finite numbers, or an empty cell where it is missing",
            advice="Correct the value, or leave the column out with --drop.",
        )
    return cells


def _as_array(series: pl.Series, column: Column, where: str) -> pl.Series:
    import numpy as np
    import polars as pl

    shape = tuple(series.dtype.shape) if isinstance(series.dtype, pl.Array) else None
    if shape != column.shape:
        raise InputError(
            f"{where}: column '{series.name}' holds cells of another shape than in training",
            found=str(series.dtype),
            accepted=f"arrays of shape {column.shape}",
        )
    bad = first(series.is_null())
    if bad is None and len(series):
        values = series.to_numpy().astype(np.float64).reshape(len(series), -1)
        wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
        bad = int(wrong[0]) if len(wrong) else None
    if bad is not None:
        raise InputError(
            f"{where}: column '{series.name}' has an array that isn't all finite numbers"
            f" in {row_name(bad)}",
            accepted="finite numbers in every array",
        )
    return series


def conform_target(series: pl.Series, schema: Schema, where: str = "data") -> pl.Series:
    """The target as class names or finite numbers; missing values stay null.

    Raises:
        InputError: a value is not a number, or is not one of the training data's classes.
    """
    if schema.task == "regression":
        return as_numbers(series, where)
    _refuse(series, where, "texts", dates=True)
    # Classes that are numbers may be written 7, 7.0 or "07"; other names are compared as texts.
    names = texts(tidy(series, text=not are_numbers(schema.classes)))
    bad = first(names.is_not_null() & ~names.is_in(list(schema.classes)))
    if bad is not None:
        raise InputError(
            f"{where}: the target '{schema.target}' has a class that training doesn't know,"
            f" in {row_name(bad)}",
            found=f"'{names[bad]}'",
            accepted=_listed(schema.classes),
        )
    return names


def are_numbers(names: Sequence[str]) -> bool:
    """Whether all of these names are numbers."""
    import polars as pl

    return not pl.Series(names, dtype=pl.String).cast(pl.Float64, strict=False).null_count()


def class_codes(names: pl.Series, schema: Schema) -> pl.Series:
    """Class names as indices into ``schema.classes``: Int64, null where missing."""
    import polars as pl

    codes = names.cast(pl.Enum(list(schema.classes)), strict=False).to_physical()
    return codes.cast(pl.Int64)
