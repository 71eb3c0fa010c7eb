"""What a cell means: missing, a number, or a category's text.

The one place for these rules, so that a column reads alike from CSV, Parquet, pandas or polars, in
training and at prediction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?")
"""Texts that stand for a missing value; spaces around them don't count."""

_PEEK = 1000  # so many values are tried before a long text column is parsed as numbers


def tidy(series: pl.Series, *, text: bool = False) -> pl.Series:
    """The column with its meaning made plain.

    Texts lose the spaces around them, `MISSING` texts and NaN become null, texts that are all
    numbers become numbers (unless ``text``), decimals and 128-bit integers become floats. Other
    types (dates, nested) are returned as they are. Applying it twice changes nothing.
    """
    import polars as pl

    kind = series.dtype
    if isinstance(kind, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    if series.dtype == pl.String:
        frame = series.to_frame("cell").select(pl.col("cell").str.strip_chars())
        known = ~pl.col("cell").is_in(list(MISSING))
        cells = frame.select(pl.when(known).then(pl.col("cell"))).to_series().alias(series.name)
        found = None if text else numbers(cells)
        return cells if found is None else found
    if kind in (pl.Float32, pl.Float64):
        return series.fill_nan(None)
    if kind == pl.Float16:
        return series.cast(pl.Float32).fill_nan(None)
    if kind.is_decimal() or kind in (pl.Int128, pl.UInt128, pl.UInt64):
        return series.cast(pl.Float64)
    return series


def numbers(cells: pl.Series) -> pl.Series | None:
    """Texts as integers, or else as floats; None when any of them is not a number."""
    import polars as pl

    known = len(cells) - cells.null_count()
    if known == 0:
        return None
    peek = cells.drop_nulls().head(_PEEK) if known > _PEEK else None
    for kind in (pl.Int64, pl.Float64):
        if peek is not None and peek.cast(kind, strict=False).null_count():
            continue
        parsed = cells.cast(kind, strict=False)
        if parsed.null_count() == cells.null_count():
            return parsed if kind == pl.Int64 else parsed.fill_nan(None)
    return None


def texts(series: pl.Series) -> pl.Series:
    """Categories as text, spelt alike wherever they come from.

    Truth values are "True" and "False" whatever their case; whole numbers have no decimal point, so
    that 1 and 1.0 (an integer column that once held a missing value) are one category.
    """
    import polars as pl

    cell = pl.col("cell")
    frame = series.to_frame("cell")
    spelt: pl.Expr
    if series.dtype == pl.Boolean:
        spelt = pl.when(cell).then(pl.lit("True")).when(~cell).then(pl.lit("False"))
    elif series.dtype.is_float():
        whole = (cell == cell.floor()) & (cell.abs() < 2**53)
        as_integer = cell.cast(pl.Int64, strict=False).cast(pl.String)
        spelt = pl.when(whole).then(as_integer).otherwise(cell.cast(pl.String))
    elif series.dtype == pl.String:
        spelt = (
            pl.when(cell.is_in(["true", "TRUE"]))
            .then(pl.lit("True"))
            .when(cell.is_in(["false", "FALSE"]))
            .then(pl.lit("False"))
            .otherwise(cell)
        )
    else:
        spelt = cell.cast(pl.String)
    return frame.select(spelt.alias("cell")).to_series().alias(series.name)


def first(mask: pl.Series) -> int | None:
    """The first row for which ``mask`` holds, from 0; nulls don't hold."""
    at = mask.fill_null(False).arg_true()
    return int(at[0]) if len(at) else None


def row_name(index: int) -> str:
    """How messages name a row: counted from 1, the header not counted."""
    return f"row {index + 1:,} (the first row after the header is 1)"
